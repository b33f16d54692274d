/* Going to the idle color when the live one is dead. Control thread. */
#include "switch/failover.h"

#include <stdio.h>
#include <string.h>

#include "switch/service.h"

/* A color that has not been up yet is not dead: it may be starting. */
static void note_up(struct service *service)
{
	struct service_health health;
	service_read_health(service, service->live, &health);
	service->was_up[service->live] |= health.up > 0;
}

/* Every backend was probed, and each failed as often as `fall` says: one that just starts is down after its first probe. */
static bool is_dead(const struct service *service, enum color color)
{
	struct service_health health;
	service_read_health(service, color, &health);
	return service->was_up[color] && health.health == COLOR_HEALTH_UNHEALTHY && health.failed_rounds >= service->conf->probe.fall;
}

static bool is_ready(const struct service *service, enum color color)
{
	struct service_health health;
	service_read_health(service, color, &health);
	return health.backends > 0 && health.up > 0 && (double)health.up >= service->conf->gates.healthy * (double)health.backends;
}

static void tell(struct service *service, const char *event, const char *text)
{
	if (strcmp(service->failover_said, text) == 0)
		return;
	snprintf(service->failover_said, sizeof(service->failover_said), "%s", text);
	events_emit(service->owner->events, service->name, NULL, event, NULL, text);
}

/* What forbids it, as a sentence; false when nothing does. */
static bool is_forbidden(const struct service *service, enum color to, char *text, size_t size)
{
	const struct service_quarantine *quarantine = service_find_quarantine(service, to);
	const struct deployment *waiting = switcher_current(service->switcher);
	const char *live = color_name(service->live);
	if (!is_ready(service, to))
		snprintf(text, size, "%s: every backend of %s has failed its probes, and %s is not ready to take over", service->name, live, color_name(to));
	else if (quarantine)
		snprintf(text, size,
			"%s: every backend of %s has failed its probes, but the release on %s was rolled back (deployment %s): switch with --force if that is better",
			service->name, live, color_name(to), quarantine->deployment);
	else if (service->lock.set)
		snprintf(text, size, "%s: every backend of %s has failed its probes, but a lock forbids to switch", service->name, live);
	else if (waiting && waiting->changes_to)
		snprintf(text, size,
			"%s: every backend of %s has failed its probes, but deployment %s, which has not passed its gates, gave %s its release: let it go on, or: teal abort %s",
			service->name, live, waiting->id, color_name(to), service->name);
	else
		return false;
	return true;
}

/* One that waits for its gates (for somebody's approval, it may be days) gives way: what it would switch to is what is gone to. */
static void end_waiting(struct service *service, const char *reason)
{
	char id[32];
	struct switcher_refusal refusal;
	static const struct actor daemon_itself = {"teal", -1};
	if (switcher_current(service->switcher))
		switcher_abort(service->switcher, &daemon_itself, reason, id, &refusal);
}

/* By force, as a disk that is full must not keep users on a dead release; what --force overrides besides was looked at. */
static void take_over(struct service *service, enum color to)
{
	char id[32], reason[128], text[1024];
	struct switcher_refusal refusal;
	struct switcher_request request = {
		.kind = DEPLOYMENT_SWITCH,
		.to = to,
		.reason = reason,
		.actor = {"teal", -1},
		.force = true,
		.automatic = true,
		.bake_ms = service->conf->bake_ms,
	};
	snprintf(reason, sizeof(reason), "failover: every backend of %s has failed its probes", color_name(service->live));
	end_waiting(service, reason);
	if (switcher_start(service->switcher, &request, id, &refusal)) {
		service->failover_said[0] = '\0';
		return;
	}
	snprintf(text, sizeof(text), "%s: every backend of %s has failed its probes, but: %s", service->name, color_name(service->live), refusal.detail);
	tell(service, "failover_refused", text);
}

void failover_look(struct service *service)
{
	char text[512];
	enum color to = color_other(service->live);
	const struct deployment *current = switcher_current(service->switcher);
	note_up(service);
	if (!service->conf->failover || (current && current->step > STEP_PROCEDURE))
		return;
	if (!is_dead(service, service->live))
		service->failover_said[0] = '\0';
	else if (is_forbidden(service, to, text, sizeof(text)))
		tell(service, "failover_refused", text);
	else
		take_over(service, to);
}
