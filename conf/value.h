/* One written value to one typed value, with a sentence when it does not fit. Pure. */
#ifndef TEAL_CONF_VALUE_H
#define TEAL_CONF_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "conf/conf.h"
#include "conf/keys.h"

/* Reads `text` as the key says and stores it at the key's place in `object` (struct conf, conf_service or conf_listen). The sentence says what was expected and what
 * was found, not where. For the types of one scalar. */
bool value_read(const struct key *key, const char *text, void *object, struct err *err);

/* The position of `text` among the key's words, or -1 and a sentence. */
int value_find_word(const struct key *key, const char *text, struct err *err);

#endif
