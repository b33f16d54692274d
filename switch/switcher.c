/* One service's deployments: the verbs. Control thread; what happens between them is in switch/course. */
#include "switch/switcher.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "switch/back.h"
#include "switch/change.h"
#include "switch/course.h"
#include "switch/exclusive.h"
#include "switch/gating.h"
#include "switch/steps.h"
#include "switch/verify.h"
#include "switch/wire.h"

struct switcher *switcher_new(const char *service, const struct switcher_host *host, const struct actuator *actuator)
{
	struct switcher *switcher = memory_new(sizeof(*switcher));
	switcher->service = memory_text(service);
	switcher->host = *host;
	switcher->actuator = *actuator;
	return switcher;
}

void switcher_free(struct switcher *switcher)
{
	if (!switcher)
		return;
	deployment_free(switcher->verified);
	deployment_free(switcher->current);
	deployment_free(switcher->undo);
	free(switcher->service);
	free(switcher);
}

void switcher_set_policy(struct switcher *switcher, const struct switcher_policy *policy)
{
	switcher->policy = *policy;
}

const struct deployment *switcher_current(const struct switcher *switcher)
{
	return switcher->current;
}

const struct deployment *switcher_undo(const struct switcher *switcher)
{
	return switcher->undo;
}

uint64_t switcher_outcomes(const struct switcher *switcher, enum outcome outcome)
{
	return switcher->outcomes[outcome];
}

enum color switcher_truth_live(const struct switcher *switcher, enum color live)
{
	const struct deployment *deployment = switcher->current;
	if (!deployment || change_is_needed(switcher)) /* a change that is not made yet may come to nothing */
		return live;
	bool at_once = deployment->shift.count == 0 && !deployment->exclusive.wanted;
	bool flips_next = (deployment->step == STEP_RECORD && at_once) || deployment->step == STEP_COMMIT || deployment->step == STEP_COMPLETE;
	return flips_next ? deployment->to : live;
}

static bool refuse(struct switcher_refusal *refusal, const char *code, const struct deployment *deployment, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static bool refuse(struct switcher_refusal *refusal, const char *code, const struct deployment *deployment, const char *format, ...)
{
	va_list arguments;
	*refusal = (struct switcher_refusal){.code = code};
	va_start(arguments, format);
	vsnprintf(refusal->detail, sizeof(refusal->detail), format, arguments);
	va_end(arguments);
	if (deployment)
		snprintf(refusal->deployment, sizeof(refusal->deployment), "%s", deployment->id);
	return false;
}

static void copy_id(char id[32], const struct deployment *deployment)
{
	memcpy(id, deployment->id, sizeof(deployment->id));
}

/* ---- start ---- */

void switcher_check_gates(const struct switcher *switcher, const struct switcher_request *request, struct gate_result results[GATE_COUNT])
{
	struct deployment probe = {.to = request->to, .expects = request->expects, .expect_live = request->expect_live, .force = request->force};
	gating_read(switcher, &probe, results);
}

/* Looked at again when it comes to that; but hooks that take minutes are not run in vain. */
static bool may_be_done_so(struct switcher *switcher, const struct switcher_request *request, struct switcher_refusal *refusal)
{
	const struct actuator *actuator = &switcher->actuator;
	bool split = request->share_count > 1 && change_is_needed(switcher);
	const char *code = NULL, *why = request->exclusive ? exclusive_foresee(switcher, &code) : NULL;
	if (why)
		return refuse(refusal, change_is_needed(switcher) ? "not_in_path" : code, NULL, "%s", why);
	why = split ? actuator->foresee_split(actuator->arg) : NULL;
	return !why || refuse(refusal, "not_supported", NULL, "%s", why);
}

static bool may_begin(struct switcher *switcher, const struct switcher_request *request, struct switcher_refusal *refusal)
{
	struct gate_result results[GATE_COUNT];
	switcher_check_gates(switcher, request, results);
	for (unsigned i = 0; i < GATE_COUNT; i++)
		if (!results[i].passed && gates_code(&results[i]))
			return refuse(refusal, gates_code(&results[i]), switcher->current, "%s", results[i].detail);
	return may_be_done_so(switcher, request, refusal);
}

static struct deployment *make_deployment(struct switcher *switcher, const struct switcher_request *request)
{
	bool deployed;
	struct deployment *deployment = deployment_new(switcher->service, course_wall_ms(switcher));
	deployment->kind = request->kind;
	deployment->to = request->to;
	deployment->from = color_other(request->to);
	deployment->reason = memory_text(request->reason);
	deployment->key = memory_text(request->key);
	deployment->fingerprint = request->fingerprint;
	deployment->actor = request->actor;
	deployment->force = request->force;
	deployment->expects = request->expects;
	deployment->expect_live = request->expect_live;
	deployment->wait_ms = request->wait_ms;
	deployment->bake_ms = request->bake_ms;
	deployment->wants_confirm = request->wants_confirm;
	deployment->confirm_within_ms = request->confirm_within_ms;
	deployment->automatic = request->automatic;
	deployment->out_of_path = change_is_needed(switcher);
	if (request->exclusive)
		deployment_set_exclusive(deployment, request->hold_max_ms, request->run);
	else if (request->share_count > 1)
		deployment_set_shares(deployment, request->shares, request->share_count, request->pause_ms);
	release_copy(&deployment->from_release, switcher->host.read_release(switcher->host.arg, deployment->from, &deployed));
	return deployment;
}

static void give_release(struct switcher *switcher, struct deployment *deployment, const struct release *release)
{
	const struct release *before = switcher->host.read_release(switcher->host.arg, deployment->to, &deployment->to_before_deployed);
	bool changes = release && (deployment->kind == DEPLOYMENT_DEPLOY || !release_equal(release, before));
	release_copy(&deployment->to_release, changes ? release : before);
	if (!changes)
		return;
	deployment->changes_to = true;
	release_copy(&deployment->to_before, before);
	switcher->host.set_release(switcher->host.arg, deployment->to, &deployment->to_release, true);
}

bool switcher_start(struct switcher *switcher, const struct switcher_request *request, char id[32], struct switcher_refusal *refusal)
{
	if (!may_begin(switcher, request, refusal))
		return false;
	verify_stop(switcher, "another deployment began");
	struct deployment *deployment = make_deployment(switcher, request);
	switcher->current = deployment;
	give_release(switcher, deployment, request->release);
	copy_id(id, deployment);
	json_t *more = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "kind", deployment_kind_name(deployment->kind), "from", color_name(deployment->from), "to",
		color_name(deployment->to), "version", wire_text(deployment->to_release.version), "actor", wire_text(deployment->actor.name), "reason",
		wire_text(deployment->reason));
	gating_begin(switcher);
	switcher->host.write_deployment(switcher->host.arg, deployment);
	course_emit(switcher, "deployment_started", more, "%s: %s from %s to %s by %s%s%s", switcher->service, deployment_kind_name(deployment->kind),
		color_name(deployment->from), color_name(deployment->to), deployment->actor.name, deployment->reason ? ": " : "",
		deployment->reason ? deployment->reason : "");
	switcher->host.tell(switcher->host.arg, HERALD_STARTED, deployment);
	course_run(switcher);
	/* Whoever was told of a deployment finds it again, whatever happens to the daemon. What has passed the gates is being written already. */
	if (switcher->current && switcher->current->step < STEP_RECORD)
		switcher->host.write_truth(switcher->host.arg);
	return true;
}

/* ---- going back ---- */

static bool target_changed(const struct switcher *switcher, const struct deployment *deployment)
{
	bool deployed;
	return !release_equal(switcher->host.read_release(switcher->host.arg, deployment->from, &deployed), &deployment->from_release);
}

static enum readiness readiness_to_undo(const struct switcher *switcher, const struct deployment *deployment, char *reason, size_t size)
{
	struct readiness_input input = {.undoable = deployment != NULL};
	if (deployment) {
		input.target = deployment->from;
		input.before_flip = deployment_is_before_flip(deployment);
		input.changed = target_changed(switcher, deployment);
		course_read_readiness(switcher, deployment->from, &input);
	}
	return readiness_of(&input, reason, size);
}

enum readiness switcher_readiness(const struct switcher *switcher, char *reason, size_t size)
{
	return readiness_to_undo(switcher, switcher->current ? switcher->current : switcher->undo, reason, size);
}

bool switcher_foresee(const struct switcher *switcher, enum color live, char *text, size_t size)
{
	struct judge_baseline before = {0};
	switcher->host.read_before(switcher->host.arg, live, &before);
	return judge_foresee(&before, &switcher->policy.limits, live, text, size);
}

static bool go_back(
	struct switcher *switcher, const char *cause, const struct actor *actor, const char *reason, bool force, char id[32], struct switcher_refusal *refusal)
{
	char why[256];
	struct deployment *deployment = switcher->current ? switcher->current : switcher->undo;
	if (deployment_is_going_back(deployment))
		return refuse(
			refusal, "rolling_back", deployment, "deployment %s is on its way back to %s already", deployment->id, color_name(deployment->from));
	if (readiness_to_undo(switcher, deployment, why, sizeof(why)) == READINESS_GONE && !force)
		return refuse(refusal, "rollback_gone", deployment,
			"a rollback to %s would not help: %s; roll back all the same with: teal rollback %s --force", color_name(deployment->from), why,
			switcher->service);
	copy_id(id, deployment);
	if (deployment_is_before_flip(deployment) && !change_is_under_way(switcher)) {
		back_stop(switcher, cause, actor, reason, false);
		return true;
	}
	if (!switcher->current) {
		switcher->current = deployment;
		switcher->undo = NULL;
		switcher->receipt_closed = true;
		deployment->outcome = OUTCOME_RUNNING;
		deployment->ended_at = 0;
		deployment->cause[0] = deployment->detail[0] = '\0';
	}
	deployment->rollback.force = force;
	back_begin(switcher, cause, actor, reason);
	course_run(switcher);
	return true;
}

bool switcher_rollback(struct switcher *switcher, const struct actor *actor, const char *reason, bool force, char id[32], struct switcher_refusal *refusal)
{
	if (switcher->current || switcher->undo)
		return go_back(switcher, "rollback", actor, reason, force, id, refusal);
	return refuse(refusal, "nothing_to_roll_back", NULL, "service %s has no deployment to undo; to make the other color live: teal switch %s",
		switcher->service, switcher->service);
}

static bool needs_current(struct switcher *switcher, const char *verb, struct switcher_refusal *refusal)
{
	if (switcher->current)
		return true;
	refuse(refusal, "no_deployment", NULL, "service %s has no deployment under way, so there is nothing to %s", switcher->service, verb);
	return false;
}

bool switcher_abort(struct switcher *switcher, const struct actor *actor, const char *reason, char id[32], struct switcher_refusal *refusal)
{
	return needs_current(switcher, "abort", refusal) && go_back(switcher, "abort", actor, reason, false, id, refusal);
}

/* ---- going on ---- */

static bool needs_flip(struct switcher *switcher, const char *code, const char *verb, struct switcher_refusal *refusal)
{
	const struct deployment *deployment = switcher->current;
	if (!needs_current(switcher, verb, refusal))
		return false;
	if (deployment_is_going_back(deployment))
		return refuse(refusal, "rolling_back", deployment, "deployment %s is on its way back to %s", deployment->id, color_name(deployment->from));
	if (deployment->step < STEP_SPREAD)
		return refuse(refusal, code, deployment, "deployment %s has not switched yet, so there is nothing to %s", deployment->id, verb);
	return true;
}

static void note_confirmed(struct switcher *switcher, const char *event, const struct actor *actor)
{
	struct deployment *deployment = switcher->current;
	if (deployment->wants_confirm && !deployment->confirmed_at)
		deployment->confirmed_at = course_wall_ms(switcher);
	course_emit(switcher, event, json_pack("{s:o}", "actor", wire_text(actor->name)), "%s: %s by %s", switcher->service,
		strcmp(event, "confirmed") == 0 ? "confirmed" : "promotion asked for", actor->name);
	switcher->host.write_deployment(switcher->host.arg, deployment);
	switcher->host.write_truth(switcher->host.arg);
}

static void promote_step(struct switcher *switcher, const struct actor *actor)
{
	course_emit(switcher, "promote_asked", json_pack("{s:o}", "actor", wire_text(actor->name)), "%s: promotion asked for by %s: %s", switcher->service,
		actor->name, switcher->current->shift.pause_ms ? "the last step comes now" : "the next step comes now");
	steps_promote(switcher);
	course_run(switcher);
}

bool switcher_promote(struct switcher *switcher, const struct actor *actor, char id[32], struct switcher_refusal *refusal)
{
	if (!needs_current(switcher, "promote", refusal))
		return false;
	copy_id(id, switcher->current);
	if (switcher->current->step == STEP_SHIFT || switcher->current->step == STEP_COMPLETE) {
		promote_step(switcher, actor);
		return true;
	}
	if (!needs_flip(switcher, "not_switched", "promote", refusal))
		return false;
	switcher->current->promote_asked = true;
	note_confirmed(switcher, "promote_asked", actor);
	course_run(switcher);
	return true;
}

bool switcher_confirm(struct switcher *switcher, const struct actor *actor, char id[32], struct switcher_refusal *refusal)
{
	if (!needs_flip(switcher, "nothing_to_confirm", "confirm", refusal))
		return false;
	const struct deployment *deployment = switcher->current;
	if (!deployment->wants_confirm || deployment->confirmed_at)
		return refuse(refusal, "nothing_to_confirm", deployment, "deployment %s waits for no confirmation", deployment->id);
	copy_id(id, deployment);
	note_confirmed(switcher, "confirmed", actor);
	course_run(switcher);
	return true;
}
