/* Which key is meant by one that is not known. Pure; internal to conf/. */
#ifndef TEAL_CONF_NEAREST_H
#define TEAL_CONF_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

/* Writes the key to suggest for `name` in the map `pattern` of the table, which sentences call `shown`: a key of that map, one further below it, or one of another
 * map with all of its path. False when none comes near. */
bool nearest_key(const char *pattern, const char *shown, const char *name, char *out, size_t size);

#endif
