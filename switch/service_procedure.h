/* The procedure around a service's switches, and what it sees of its service. Control thread. */
#ifndef TEAL_SWITCH_SERVICE_PROCEDURE_H
#define TEAL_SWITCH_SERVICE_PROCEDURE_H

struct courier;
struct hook_tools;
struct procedure;
struct service;

/* `hooks` and `courier` outlive it; it goes with the service (service->procedure), and needs its switcher. */
struct procedure *service_procedure_new(struct service *service, struct hook_tools *hooks, struct courier *courier);

#endif
