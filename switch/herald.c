/* A deployment's moments, told. Control thread. */
#include "switch/herald.h"

#include <stdio.h>

#include "base/color.h"
#include "switch/events.h"
#include "switch/wire.h"

typedef void herald_text(const struct deployment *deployment, char *out, size_t size);

static const char *version_of(const struct release *release)
{
	return release->version ? release->version : "";
}

/* "green (e4f5a6b)" */
static const char *name_target(const struct deployment *deployment, char *out, size_t size)
{
	const char *version = version_of(&deployment->to_release);
	snprintf(out, size, *version ? "%s (%.64s)" : "%s", color_name(deployment->to), version);
	return out;
}

static void say_started(const struct deployment *deployment, char *out, size_t size)
{
	char target[96];
	const char *reason = deployment->reason ? deployment->reason : "";
	snprintf(out, size, "%s: %s from %s to %s by %s%s%s", deployment->service, deployment_kind_name(deployment->kind), color_name(deployment->from),
		name_target(deployment, target, sizeof(target)), deployment->actor.name, *reason ? ": " : "", reason);
}

static void say_approval(const struct deployment *deployment, char *out, size_t size)
{
	char target[96];
	snprintf(out, size, "%s: the switch to %s by %s waits for an approval: teal approve %s, or teal reject %s", deployment->service,
		name_target(deployment, target, sizeof(target)), deployment->actor.name, deployment->service, deployment->service);
}

static void say_switched(const struct deployment *deployment, char *out, size_t size)
{
	char target[96];
	snprintf(out, size, "%s: %s is live", deployment->service, name_target(deployment, target, sizeof(target)));
}

static void say_end(const struct deployment *deployment, char *out, size_t size)
{
	snprintf(out, size, "%s: %s: %s", deployment->service, deployment_outcome_name(deployment->outcome), deployment->detail);
}

static const struct {
	const char *event;
	herald_text *say;
	enum conf_moment hooks; /* CONF_BEFORE_SWITCH: none, as those may refuse */
} moments[HERALD_MOMENT_COUNT] = {
	[HERALD_STARTED] = {"started", say_started, CONF_BEFORE_SWITCH},
	[HERALD_APPROVAL] = {"approval_asked", say_approval, CONF_BEFORE_SWITCH},
	[HERALD_SWITCHED] = {"switched", say_switched, CONF_SWITCHED},
	[HERALD_PROMOTED] = {"promoted", say_end, CONF_PROMOTED},
	[HERALD_ROLLED_BACK] = {"rolled_back", say_end, CONF_ROLLED_BACK},
	[HERALD_REFUSED] = {"refused", say_end, CONF_BEFORE_SWITCH},
	[HERALD_ABORTED] = {"aborted", say_end, CONF_BEFORE_SWITCH},
	[HERALD_FAILED] = {"failed", say_end, CONF_BEFORE_SWITCH},
};

struct hook_facts herald_describe(const struct deployment *deployment, const char *event, const char *text, uint64_t wall_ms)
{
	return (struct hook_facts){
		.event = event,
		.service = deployment->service,
		.deployment = deployment->id,
		.from = deployment->from,
		.to = deployment->to,
		.from_version = version_of(&deployment->from_release),
		.to_version = version_of(&deployment->to_release),
		.actor = deployment->actor.name,
		.reason = deployment->reason,
		.outcome = deployment->outcome == OUTCOME_RUNNING ? NULL : deployment_outcome_name(deployment->outcome),
		.cause = deployment->cause,
		.text = text,
		.at_ms = wall_ms,
	};
}

void herald_tell(struct courier *courier, const struct conf_service *conf, enum herald_moment moment, const struct deployment *deployment, uint64_t wall_ms)
{
	char text[1024];
	moments[moment].say(deployment, text, sizeof(text));
	struct hook_facts facts = herald_describe(deployment, moments[moment].event, text, wall_ms);
	const struct conf_hooks *hooks = &conf->hooks[moments[moment].hooks];
	if (moments[moment].hooks != CONF_BEFORE_SWITCH && hooks->count > 0)
		courier_run_hooks(courier, hooks, &facts);
	if (conf->notify_count > 0)
		courier_notify(courier, conf->notify, conf->notify_count, &facts);
}

void herald_report(struct events *events, const struct courier_end *end)
{
	char text[1024], tries[32] = "";
	const struct hook_result *result = end->result;
	if (end->notified && result->passed)
		return;
	if (end->tries > 1)
		snprintf(tries, sizeof(tries), " (%u tries)", end->tries);
	snprintf(text, sizeof(text), "%s: %s of %s: %.512s%s", end->service, end->notified ? "message" : "hook", end->event, result->sentence, tries);
	json_t *more = json_pack("{s:s, s:o, s:b, s:i, s:o, s:o}", "moment", end->event, "hook", wire_text(result->name), "passed", result->passed, "tries",
		(int)end->tries, "ms", wire_count(result->ms), "output", wire_text(result->output));
	events_emit(events, end->service, end->deployment, end->notified ? "notify_failed" : result->passed ? "hook_ended" : "hook_failed", more, text);
}
