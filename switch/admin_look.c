/* Verbs that depend on what a record says have it read first. Control thread. */
#include "switch/admin_look.h"

#include "switch/admin_waits.h"
#include "switch/prepare.h"
#include "switch/rounds.h"
#include "switch/service_dns.h"

#define LOOK_MS 8000u /* whoever asks waits 10 s for an answer */
#define BRIEFLY_MS 1000u

static bool is_read(const struct ask *ask)
{
	const struct service *service = control_find_service(ask->control, ask->service);
	return !service || !service_dns_is_looking(service);
}

/* Who has hung up meanwhile has not been told of anything, so nothing is begun. */
static void go_on(struct ask *ask)
{
	if (!ask->http)
		ask_drop(ask);
	else if (is_read(ask))
		ask->then(ask);
	else
		ask_refuse(ask, "live_unknown", NULL, "Route 53 has not said within %u s which color of service %s is live; try again", LOOK_MS / 1000,
			ask->service);
}

static void look(struct ask *ask, struct service *service, uint64_t limit_ms, void (*answer)(struct ask *ask))
{
	service_dns_look(service);
	rounds_wake(ask->control);
	admin_waits_add(ask->control->admin, ask, limit_ms, is_read, answer);
}

/* While a change is under way nobody looks: Route 53 is asked one thing at a time, and who changes it knows what the record says. */
static bool has_to_look(const struct service *service)
{
	return service && service_dns_steering(service) && !switcher_current(service->switcher) && !prepare_is_changing(service->prepare);
}

void admin_look_first(struct ask *ask, void (*then)(struct ask *ask))
{
	struct service *service = control_find_service(ask->control, ask->service);
	if (!has_to_look(service)) {
		then(ask);
		return;
	}
	ask->then = then;
	look(ask, service, LOOK_MS, go_on);
}

void admin_look_briefly(struct ask *ask, void (*then)(struct ask *ask))
{
	struct service *service = control_find_service(ask->control, ask->service);
	if (!has_to_look(service))
		then(ask);
	else
		look(ask, service, BRIEFLY_MS, then);
}
