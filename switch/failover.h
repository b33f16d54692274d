/* Going to the idle color by itself when the live one is dead (services.*.failover). Control thread. Outside of deployments: during a bake the judge decides. */
#ifndef TEAL_SWITCH_FAILOVER_H
#define TEAL_SWITCH_FAILOVER_H

struct service;

/* Looks whether every backend of the live color has failed its probes, and switches when the idle color is ready for it. What is in the way is told once. */
void failover_look(struct service *service);

#endif
