/* What the keys below `route53` say together. Control thread; internal to conf/. */
#ifndef TEAL_CONF_R53_CHECK_H
#define TEAL_CONF_R53_CHECK_H

#include "conf/fault.h"
#include "conf/node.h"

/* Adds a fault for everything that Route 53 could not take, or that contradicts itself, in the keys of one service with `via: route53`. */
void r53_check_service(const struct node *service, const struct conf_service *conf, struct fault_list *faults);

/* Adds a fault for each service whose record is another service's, too. `services` are in the order of conf->services. */
void r53_check_twins(const struct conf *conf, const struct node *const *services, struct fault_list *faults);

#endif
