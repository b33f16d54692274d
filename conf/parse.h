/* From the tree to struct conf, key by key of the table. Control thread; internal to conf/. */
#ifndef TEAL_CONF_PARSE_H
#define TEAL_CONF_PARSE_H

#include "conf/fault.h"
#include "conf/node.h"

/* Stores every value of the tree in `conf`, which holds the defaults of the root, and adds a fault for each that does not fit. One element of conf->services and
 * conf->listens for each map of the lists in the tree, in their order, even where something in it is wrong (its texts may then be NULL). */
void parse_tree(const struct node *root, struct conf *conf, struct fault_list *faults);

/* Stores the defaults of all keys right below `prefix` ("" or "services.*") and of the maps in it. */
void parse_defaults(const char *prefix, void *object);

#endif
