/* What the keys around a switch must say together: gates, hooks, preview, steps, sticky. Control thread; internal to conf/. */
#ifndef TEAL_CONF_ACCORD_H
#define TEAL_CONF_ACCORD_H

#include "conf/fault.h"
#include "conf/node.h"

/* Adds a fault for everything in which two keys of this service's map contradict or need each other. `conf` is what parse_tree made of the map. */
void accord_check(const struct node *service, const struct conf_service *conf, struct fault_list *faults);

#endif
