/* One shot at each backend, and another where it missed. Control thread. */
#include "switch/service_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

#define AGAIN_MS 100u /* from a failure to the next try */

struct service_check_shot {
	struct service_check *check;
	char *name;
	struct probe *probe; /* under way, or NULL */
	uint64_t again_ms;   /* not before that, monotonic */
	bool passed;
	char detail[256]; /* why not; "" before the first result */
};

void service_check_choose(struct service_check *check, enum color color)
{
	const struct service_color *half = &check->service->colors[color];
	service_check_stop(check);
	check->color = color;
	check->shots = memory_array(half->count, sizeof(*check->shots));
	for (size_t i = 0; i < half->count; i++)
		if (half->members[i]->health == HEALTH_UP)
			check->shots[check->count++] = (struct service_check_shot){.check = check, .name = memory_text(half->members[i]->name)};
}

static void on_result(void *arg, const struct probe_result *result)
{
	struct service_check_shot *shot = arg;
	const struct service_owner *owner = shot->check->service->owner;
	probe_stop(shot->probe);
	shot->probe = NULL;
	shot->passed = result->ok;
	shot->again_ms = clock_mono_ms() + AGAIN_MS;
	snprintf(shot->detail, sizeof(shot->detail), "%s", result->detail);
	owner->on_news(owner->arg);
}

static const struct member *find_member(const struct service_check_shot *shot)
{
	const struct service_color *half = &shot->check->service->colors[shot->check->color];
	for (size_t i = 0; i < half->count; i++)
		if (strcmp(half->members[i]->name, shot->name) == 0)
			return half->members[i];
	return NULL;
}

static void shoot(struct service_check_shot *shot)
{
	const struct member *member = find_member(shot);
	if (!member || clock_mono_ms() < shot->again_ms)
		return;
	struct probe_target target = member_probe_target(member);
	target.start = HEALTH_UNKNOWN;
	shot->probe = probe_start(shot->check->service->owner->prober, &target, on_result, shot);
}

bool service_check_run(struct service_check *check, char *sentence, size_t size)
{
	const struct service_check_shot *missed = NULL;
	for (size_t i = 0; i < check->count; i++) {
		struct service_check_shot *shot = &check->shots[i];
		if (shot->passed)
			continue;
		missed = shot;
		if (!shot->probe)
			shoot(shot);
	}
	if (missed)
		snprintf(sentence, size, "%s did not pass a probe: %s", missed->name, missed->detail[0] ? missed->detail : "it has not answered");
	return !missed;
}

void service_check_stop(struct service_check *check)
{
	for (size_t i = 0; i < check->count; i++) {
		if (check->shots[i].probe)
			probe_stop(check->shots[i].probe);
		free(check->shots[i].name);
	}
	free(check->shots);
	check->shots = NULL;
	check->count = 0;
}
