/* Which keys of a map must be there, and which must not be there together. Control thread; internal to conf/. */
#ifndef TEAL_CONF_REQUIRED_H
#define TEAL_CONF_REQUIRED_H

#include <stdbool.h>

#include "conf/fault.h"
#include "conf/node.h"

/* Adds a fault for each required key that is missing, and for each pair of which there may be only one. `pattern` is the map's path in the table of keys, `shown` the same for sentences. */
void required_check(const char *pattern, const char *shown, const struct node *map, struct fault_list *faults);

/* Whether the key is there, or a misspelt form of it, which is a fault by itself. */
bool required_is_there(const char *pattern, const struct node *map, const char *name);

#endif
