/* Values of teal.yaml that are kept as text: checked, then copied. Internal to conf/. Any thread. */
#ifndef TEAL_CONF_TEXTS_H
#define TEAL_CONF_TEXTS_H

#include <stdbool.h>

#include "base/err.h"
#include "conf/keys.h"

/* Like value_read, for the types that are kept as they are written. */
bool texts_read(const struct key *key, const char *text, void *object, struct err *err);

/* Puts a copy of `text` where the one before it was, which is freed. */
void texts_replace(char **slot, const char *text);

/* An absolute path of at most 4095 bytes. */
bool texts_check_absolute(const char *text, struct err *err);

#endif
