/* What a service's switcher sees of its service and of the daemon. Control thread. */
#ifndef TEAL_SWITCH_SERVICE_HOST_H
#define TEAL_SWITCH_SERVICE_HOST_H

#include "switch/actuator_proxy.h"
#include "switch/archive.h"
#include "switch/keeper.h"
#include "switch/service.h"
#include "switch/tables.h"

struct courier;
struct hook_tools;
struct service_host;

struct service_host_tools {
	struct keeper *keeper;
	struct archive *archive;
	struct events *events;
	struct tables *tables;
	struct hook_tools *hooks;
	struct courier *courier;
};

/* Gives the service a switcher and its procedure. Freed with service_host_free after the service. `tools` are copied; what they point to must outlive it. */
struct service_host *service_host_new(struct service *service, const struct service_host_tools *tools);
void service_host_free(struct service_host *host);
/* After a restart, before anything is served: kills what is left of the command of this deployment's exclusive switch, waits a moment for its end, and remembers it. Whether there was anything. May take some seconds
 * where a process on this machine does not let itself be looked at. Not while another command runs. */
bool service_host_clear_command(struct service_host *host, const char *deployment);
/* The limits of the service's configuration as it is now. */
void service_host_set_policy(struct service *service);

#endif
