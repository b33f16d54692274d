/* One more element of a list, with a sentence when it does not fit or is there already. Pure. */
#ifndef TEAL_CONF_ITEM_H
#define TEAL_CONF_ITEM_H

#include <stdbool.h>

#include "base/err.h"
#include "conf/conf.h"
#include "conf/keys.h"

/* Adds to the list of the key's type in `object`, which is struct conf, conf_service or an element of a list of maps. False and a sentence that does not say where. */
bool item_add(const struct key *key, const char *text, void *object, struct err *err);

/* Empties the list, for one that is written takes the place of the default. */
void item_clear(const struct key *key, void *object);
/* Makes the list its default, which must fit. */
void item_set_default(const struct key *key, void *object);

/* Adds a header field to the map of the key in `object`. */
bool item_add_header(const struct key *key, const char *name, const char *value, void *object, struct err *err);

#endif
