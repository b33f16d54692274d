/* What keys must say together. Control thread; internal to conf/. */
#ifndef TEAL_CONF_CHECK_H
#define TEAL_CONF_CHECK_H

#include "base/err.h"
#include "conf/fault.h"
#include "conf/node.h"

/* Adds a fault for everything in which two keys of the tree contradict or need each other. `conf` is what parse_tree made of it, faulty values left out. */
void check_tree(const struct node *root, const struct conf *conf, struct fault_list *faults);

/* False and a sentence when the listener of this index collides with one before it or with admin.listen. */
bool check_listener(const struct conf *conf, size_t index, struct err *err);

#endif
