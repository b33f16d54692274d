/* Services that would take the same requests. Control thread; internal to conf/. */
#ifndef TEAL_CONF_OVERLAP_H
#define TEAL_CONF_OVERLAP_H

#include "conf/fault.h"
#include "conf/node.h"

/* A fault at the later of two services that take the same host and path, once for each host. nodes[i] is what was written of conf->services[i]. */
void overlap_check(const struct conf *conf, const struct node *const *nodes, struct fault_list *faults);

#endif
