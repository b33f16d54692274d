/* The way back: flip first, then write, then drain what was flipped away from. Control thread. A rollback waits for nothing: what can fail comes after the flip. Out of the path a change comes before it, which
 * waits for the disk for a moment only. */
#include "switch/back.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "switch/change.h"
#include "switch/drain.h"
#include "switch/exclusive.h"
#include "switch/flip.h"
#include "switch/steps.h"
#include "switch/wire.h"

void back_stop(struct switcher *switcher, const char *cause, const struct actor *actor, const char *reason, bool at_once)
{
	char text[512];
	snprintf(text, sizeof(text), "stopped by %s before anything was switched%s%s", actor->name, reason ? ": " : "", reason ? reason : "");
	if (!at_once && exclusive_stop_command(switcher, cause, text))
		return;
	exclusive_note_stop(switcher);
	course_finish(switcher, OUTCOME_ABORTED, cause, 1, "%s", text);
}

static void fill_rollback(struct switcher *switcher, const char *cause, const struct actor *actor, const char *reason)
{
	char why[256], warning[512];
	struct deployment *deployment = switcher->current;
	struct deployment_rollback *rollback = &deployment->rollback;
	bool force = rollback->force;
	deployment_forget_rollback(deployment); /* one that did not come about */
	rollback->force = force;
	if (switcher_readiness(switcher, why, sizeof(why)) != READINESS_READY) {
		snprintf(warning, sizeof(warning), "%s is not ready: %s", color_name(deployment->from), why);
		rollback->warning = memory_text(warning);
	}
	deployment->safe_to_stop_at = 0; /* the color that was drained is needed again */
	rollback->at = course_wall_ms(switcher);
	rollback->cause = cause;
	rollback->actor = *actor;
	rollback->reason = memory_text(reason);
	rollback->inflight = deployment->inflight = course_read_inflight(switcher, deployment->to);
}

/* ---- the flip back ---- */

/* What a change or a disk did not do says nothing of the release. */
static bool is_its_fault(const struct deployment *deployment)
{
	static const char *const others[] = {"change_refused", "change_failed", "drifted", "durable"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(deployment->rollback.cause, others[i]) == 0)
			return false;
	return true;
}

static void flip_back(struct switcher *switcher)
{
	const struct switcher_policy *policy = &switcher->policy;
	struct deployment *deployment = switcher->current;
	/* Who stays on a release that was found bad has no more time than its requests have. */
	uint64_t tunnels_ms = policy->drain_tunnels_ms < policy->drain_requests_ms ? policy->drain_tunnels_ms : policy->drain_requests_ms;
	const char *cause = deployment->rollback.cause, *reason = deployment->rollback.reason;
	switcher->host.set_live(switcher->host.arg, deployment->from);
	switcher->flipped_us = change_is_needed(switcher) ? switcher->change.sent_us : switcher->host.read_mono_us(switcher->host.arg);
	switcher->ticket = switcher->actuator.apply(switcher->actuator.arg, deployment->from, 0);
	exclusive_stop(switcher);
	drain_begin(switcher, deployment->to, switcher->ticket, deployment->inflight, policy->drain_requests_ms, tunnels_ms);
	if (deployment_has_flipped(deployment) && is_its_fault(deployment))
		switcher->host.quarantine(switcher->host.arg, deployment);
	course_enter(switcher, STEP_BACK);
	flip_record(switcher);
	json_t *more = json_pack("{s:s, s:o, s:o, s:s, s:o}", "cause", cause, "actor", wire_text(deployment->rollback.actor.name), "reason", wire_text(reason),
		"live", color_name(deployment->from), "inflight", deployment_count(deployment, deployment->inflight));
	course_emit(switcher, "rolling_back", more, "%s: back to %s (%s)%s%s", switcher->service, color_name(deployment->from), cause,
		reason && *reason ? ": " : "", reason ? reason : "");
	course_save(switcher);
}

/* ---- the change back ---- */

static void fail_return(struct switcher *switcher, const char *cause, const char *sentence)
{
	char text[sizeof(switcher->current->detail)];
	struct deployment *deployment = switcher->current;
	const struct deployment_rollback *rollback = &deployment->rollback;
	snprintf(text, sizeof(text),
		"%s was to be live again (%s by %s), and the change back can't be made: %.750s; to make it all the same: teal rollback %s --force",
		color_name(deployment->from), rollback->cause, rollback->actor.name, sentence, switcher->service);
	deployment_forget_rollback(deployment);
	course_finish(switcher, OUTCOME_FAILED, cause, 1, "%s", text);
}

static void try_again(struct switcher *switcher, uint64_t after_ms, const char *sentence)
{
	switcher->change.tries++;
	switcher->change.due_ms = course_now_ms(switcher) + after_ms;
	course_emit(switcher, "returning", json_pack("{s:o}", "detail", wire_text(sentence)),
		"%s: the change back to %s is not made yet, it is tried again: %s", switcher->service, color_name(switcher->current->from), sentence);
}

/* What it is made of is being read: that is looked at often, and told once. */
static void wait_to_intend(struct switcher *switcher, const char *sentence)
{
	if (switcher->change.tries == 0)
		try_again(switcher, COURSE_INTEND_MS, sentence);
	else
		switcher->change.due_ms = course_now_ms(switcher) + COURSE_INTEND_MS;
}

static void intend_return(struct switcher *switcher)
{
	enum actuator_unable unable;
	struct err err = {""};
	const struct deployment *deployment = switcher->current;
	if (change_intend(switcher, deployment->from, 0, deployment->rollback.force, &unable, &err)) {
		switcher->change.tries = 0;
		switcher->change.due_ms = course_now_ms(switcher) + COURSE_RETURN_MS;
		flip_record(switcher);
	} else if (unable == ACTUATOR_LATER) {
		wait_to_intend(switcher, err.text);
	} else if (unable == ACTUATOR_ALREADY) { /* by a way back that was cut short, or by somebody else */
		switcher->change.sent_us = switcher->host.read_mono_us(switcher->host.arg);
		flip_back(switcher);
	} else {
		fail_return(switcher, "drifted", err.text);
	}
}

static void begin_return(struct switcher *switcher)
{
	const struct deployment *deployment = switcher->current;
	const struct deployment_rollback *rollback = &deployment->rollback;
	const char *reason = rollback->reason ? rollback->reason : "";
	course_enter(switcher, STEP_RETURN);
	change_forget(switcher);
	switcher->change.tries = 0;
	course_emit(switcher, "returning",
		json_pack("{s:s, s:o, s:o}", "cause", rollback->cause, "actor", wire_text(rollback->actor.name), "reason", wire_text(rollback->reason)),
		"%s: the change back to %s is sent (%s by %s)%s%s", switcher->service, color_name(deployment->from), rollback->cause, rollback->actor.name,
		*reason ? ": " : "", reason);
	intend_return(switcher);
	if (!switcher->current)
		return;
	course_save(switcher);
	if (switcher->current->step == STEP_RETURN && !switcher->current->change.intent)
		switcher->host.write_truth(switcher->host.arg); /* that somebody wants to go back outlives the daemon */
}

/* The first time as soon as it is on disk; what is tried again has been waited for already. */
static void send_when_due(struct switcher *switcher)
{
	char why[384];
	bool due = course_now_ms(switcher) >= switcher->change.due_ms;
	bool written = switcher->change.tries == 0 && flip_read_record(switcher, why, sizeof(why)) == KEEPER_DURABLE;
	if (due || written)
		change_send(switcher);
}

/* Whoever wants to go back is not told no by a transport that is busy or silent. */
static void look_at_return(struct switcher *switcher)
{
	char sentence[COURSE_SENTENCE] = "";
	enum actuator_change outcome = change_read(switcher, sentence, sizeof(sentence));
	if (outcome == ACTUATOR_CHANGE_MADE) {
		flip_back(switcher);
	} else if (outcome == ACTUATOR_CHANGE_FAILED) {
		switcher->change.sent = false;
		try_again(switcher, COURSE_AGAIN_MS, sentence);
	} else if (outcome != ACTUATOR_CHANGE_PENDING) {
		fail_return(switcher, change_cause(outcome), sentence);
	}
}

void back_run_return(struct switcher *switcher)
{
	if (!switcher->current->change.intent && course_now_ms(switcher) >= switcher->change.due_ms)
		intend_return(switcher);
	if (!switcher->current || !switcher->current->change.intent)
		return;
	if (!switcher->change.sent)
		send_when_due(switcher);
	if (switcher->change.sent)
		look_at_return(switcher);
}

/* ---- how it begins ---- */

void back_start(struct switcher *switcher)
{
	steps_note_end(switcher);
	if (change_is_needed(switcher))
		begin_return(switcher);
	else
		flip_back(switcher);
}

/* A change of which nobody knows whether it was made can't be taken back; but it need not be made any more. */
static void wait_for_outcome(struct switcher *switcher)
{
	const struct deployment *deployment = switcher->current;
	const struct deployment_rollback *rollback = &deployment->rollback;
	course_emit(switcher, "stop_asked",
		json_pack("{s:s, s:o, s:o}", "cause", rollback->cause, "actor", wire_text(rollback->actor.name), "reason", wire_text(rollback->reason)),
		"%s: stopped by %s (%s): the change under way is waited for, and taken back if it was made", switcher->service, rollback->actor.name,
		rollback->cause);
	switcher->actuator.give_up(switcher->actuator.arg);
	course_save(switcher);
	switcher->host.write_truth(switcher->host.arg);
}

void back_begin(struct switcher *switcher, const char *cause, const struct actor *actor, const char *reason)
{
	fill_rollback(switcher, cause, actor, reason);
	if (change_is_under_way(switcher))
		wait_for_outcome(switcher);
	else
		back_start(switcher);
}

/* ---- until it is over ---- */

static void note_durable(struct switcher *switcher)
{
	char why[384];
	struct deployment_rollback *rollback = &switcher->current->rollback;
	if (rollback->durable == 1)
		return;
	enum keeper_state truth = switcher->host.read_truth(switcher->host.arg, switcher->truth_ticket, why, sizeof(why));
	if (truth == KEEPER_DURABLE) {
		if (rollback->durable == 0)
			course_emit(switcher, "durable", NULL, "%s: the rollback is durable now", switcher->service);
		rollback->durable = 1;
	} else if (rollback->durable < 0 && (truth == KEEPER_FAILED || course_now_ms(switcher) >= switcher->record_ms)) {
		rollback->durable = 0;
		course_emit(switcher, "not_durable", NULL, "%s: the rollback is in force, but not durable%s%s; it is tried again every second",
			switcher->service, truth == KEEPER_FAILED ? ": " : "", truth == KEEPER_FAILED ? why : "");
	}
}

static void note_back_in_force(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	struct deployment_rollback *rollback = &deployment->rollback;
	if (rollback->in_force || !switcher->actuator.in_force(switcher->actuator.arg, switcher->ticket))
		return;
	uint64_t took_us = switcher->host.read_mono_us(switcher->host.arg) - switcher->flipped_us;
	rollback->in_force = true;
	course_emit(switcher, "rollback_in_force", json_pack("{s:o}", "flip_us", wire_count(took_us)),
		deployment->out_of_path ? "%s: %s is live again, %" PRIu64 " us after the change back was sent"
					: "%s: %s is live again on every worker, %" PRIu64 " us after the flip",
		switcher->service, color_name(deployment->from), took_us);
}

void back_run(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	struct deployment_rollback *rollback = &deployment->rollback;
	note_durable(switcher);
	note_back_in_force(switcher);
	enum drain_state state = drain_run(switcher, rollback->in_force);
	rollback->cut = switcher->drain.cut;
	if (rollback->durable < 0 || state == DRAIN_MORE)
		return;
	if (course_end_drifted(switcher, deployment->from))
		return;
	const char *reason = rollback->reason ? rollback->reason : "";
	course_finish(switcher, OUTCOME_ROLLED_BACK, rollback->cause, 4, "%s is live again (%s by %s)%s%s", color_name(deployment->from), rollback->cause,
		rollback->actor.name, *reason ? ": " : "", reason);
}
