/* Which keys of a service go with its `via`. Control thread; internal to conf/. */
#ifndef TEAL_CONF_VIA_H
#define TEAL_CONF_VIA_H

#include "conf/fault.h"
#include "conf/node.h"

/* Adds a fault for every key of the service that has no meaning with its `via`, as the table of keys has it, and when `route53` is missing. Nothing where `via` is faulty itself. */
void via_check(const struct node *service, const struct conf_service *conf, struct fault_list *faults);

/* Whether `via` is missing or what it should be. */
bool via_is_known(const struct node *service);

#endif
