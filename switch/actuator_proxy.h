/* The actuator of a service in the path: a flip is one published table. Control thread. */
#ifndef TEAL_SWITCH_ACTUATOR_PROXY_H
#define TEAL_SWITCH_ACTUATOR_PROXY_H

#include "switch/actuator.h"
#include "switch/service.h"
#include "switch/tables.h"

struct actuator_proxy {
	struct service *service;
	struct tables *tables;
	uint64_t settled; /* the generation of the last end of a deployment */
};

/* `through` must outlive the actuator. Tickets are generations. */
struct actuator actuator_proxy_make(struct actuator_proxy *through);

#endif
