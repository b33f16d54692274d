/* What keeps a service or a release from being switched to: locks and quarantine. Control thread; switch/gates says what follows. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "switch/service.h"
#include "switch/wire.h"

void service_lock(struct service *service, const char *actor, const char *reason)
{
	free(service->lock.reason);
	service->lock.set = true;
	service->lock.reason = memory_text(reason);
	service->lock.at = clock_wall_ms();
	snprintf(service->lock.actor, sizeof(service->lock.actor), "%s", actor);
}

void service_unlock(struct service *service)
{
	free(service->lock.reason);
	service->lock.reason = NULL;
	service->lock.set = false;
}

const struct service_quarantine *service_find_quarantine(const struct service *service, enum color color)
{
	const struct service_color *half = &service->colors[color];
	return half->quarantine.set && release_same(&half->quarantine.release, &half->now) ? &half->quarantine : NULL;
}

static void emit_quarantine(struct service *service, enum color color, const char *event, const char *text)
{
	const char *version = service->colors[color].now.version;
	json_t *more = json_pack("{s:s, s:o}", "color", color_name(color), "version", wire_text(version));
	events_emit(service->owner->events, service->name, NULL, event, more, text);
}

void service_quarantine(struct service *service, enum color color, const struct release *release, const char *deployment, const char *reason)
{
	struct service_color *half = &service->colors[color];
	char text[512];
	release_fini(&half->quarantine.release);
	free(half->quarantine.reason);
	half->quarantine = (struct service_quarantine){.set = true, .reason = memory_text(reason), .at = clock_wall_ms()};
	release_copy(&half->quarantine.release, release);
	snprintf(half->quarantine.deployment, sizeof(half->quarantine.deployment), "%s", deployment);
	for (size_t i = 0; i < half->count; i++)
		member_forget_life(half->members[i]);
	snprintf(text, sizeof(text), "%s: %s of %s was rolled back and is refused until it is another version, deployed again or restarted", service->name,
		*release->version ? release->version : "the release", color_name(color));
	emit_quarantine(service, color, "quarantined", text);
}

void service_lift_quarantine(struct service *service, enum color color)
{
	char text[256];
	bool in_force = service_find_quarantine(service, color) != NULL;
	service->colors[color].quarantine.set = false;
	if (!in_force)
		return;
	snprintf(text, sizeof(text), "%s: the release of %s may be switched to again", service->name, color_name(color));
	emit_quarantine(service, color, "quarantine_lifted", text);
	service->owner->on_truth(service->owner->arg);
}
