/* The course of one deployment: the table of its steps, and those from the flip on. Control thread. What comes before that is in gating, exclusive and steps, the flip in flip, the way back in back.
 * course_enter is the only writer of ->step. Every wait has a deadline, armed where the wait begins. */
#include "switch/course.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "switch/back.h"
#include "switch/change.h"
#include "switch/drain.h"
#include "switch/exclusive.h"
#include "switch/flip.h"
#include "switch/gating.h"
#include "switch/steps.h"
#include "switch/verify.h"
#include "switch/watch.h"
#include "switch/wire.h"

void course_enter(struct switcher *switcher, enum step step)
{
	switcher->current->step = step;
}

void course_emit(struct switcher *switcher, const char *event, json_t *more, const char *format, ...)
{
	char text[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	switcher->host.emit(switcher->host.arg, switcher->current, event, more, text);
}

void course_save(struct switcher *switcher)
{
	switcher->host.write_deployment(switcher->host.arg, switcher->current);
}

void course_read_readiness(const struct switcher *switcher, enum color color, struct readiness_input *input)
{
	switcher->host.read_readiness(switcher->host.arg, color, input);
	if (change_is_needed(switcher))
		input->fault = switcher->actuator.foresee_change(switcher->actuator.arg);
}

/* ---- spread ---- */

static void note_force(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	if (deployment->in_force || !switcher->actuator.in_force(switcher->actuator.arg, switcher->ticket))
		return;
	deployment->in_force = true;
	deployment->flip_us = switcher->host.read_mono_us(switcher->host.arg) - switcher->flipped_us;
	deployment->switched_at = course_wall_ms(switcher);
	course_emit(switcher, "switched",
		json_pack("{s:o, s:o}", "flip_us", wire_count(deployment->flip_us), "inflight", deployment_count(deployment, deployment->inflight)),
		deployment->out_of_path ? "%s: %s is live, %" PRIu64 " us after the change was sent"
					: "%s: %s is live on every worker, %" PRIu64 " us after the flip",
		switcher->service, color_name(deployment->to), deployment->flip_us);
	exclusive_release(switcher);
	switcher->host.tell(switcher->host.arg, HERALD_SWITCHED, deployment);
}

static void step_spread(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	note_force(switcher);
	if (deployment->in_force) {
		course_enter(switcher, STEP_DRAIN);
		course_save(switcher);
	} else if (!watch_run(switcher) && course_now_ms(switcher) >= switcher->spread_ms) {
		deployment_warn(deployment, "not every worker has acknowledged the flip within %u s", COURSE_SPREAD_MS / 1000);
		course_enter(switcher, STEP_DRAIN);
		exclusive_release(switcher); /* a worker that hangs gives nobody anything */
	}
}

/* ---- drain ---- */

static void warn_of_drain(struct deployment *deployment)
{
	const char *from = color_name(deployment->from);
	if (deployment->out_of_path)
		deployment_warn(deployment, "%s may still be asked for: keep it up until teal dns status says that it is safe", from);
	else
		deployment_warn(deployment, "%" PRIu64 " requests on %s did not end when they were told to", deployment->inflight, from);
}

static void end_drain(struct switcher *switcher, enum drain_state state)
{
	struct deployment *deployment = switcher->current;
	const char *what = state == DRAIN_GIVEN_UP && deployment->out_of_path ? "is not waited for any longer" : "is drained";
	deployment->drained_at = course_wall_ms(switcher);
	watch_count(switcher);
	course_enter(switcher, STEP_BAKE);
	if (state == DRAIN_GIVEN_UP)
		warn_of_drain(deployment);
	course_emit(switcher, "drained", json_pack("{s:o}", "receipt", deployment_receipt_to_json(deployment)), "%s: %s %s", switcher->service,
		color_name(deployment->from), what);
	course_save(switcher);
	switcher->host.write_truth(switcher->host.arg);
}

static void step_drain(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	note_force(switcher);
	if (watch_run(switcher))
		return;
	enum drain_state state = drain_run(switcher, deployment->in_force);
	if (switcher->drain.first > 0 || switcher->drain.cut > 0) {
		deployment->receipt.drained = drain_ended(switcher);
		deployment->receipt.cut = switcher->drain.cut;
	}
	if (state != DRAIN_MORE)
		end_drain(switcher, state);
}

/* ---- bake ---- */

bool course_end_drifted(struct switcher *switcher, enum color live)
{
	const char *drift = change_is_needed(switcher) ? switcher->actuator.read_drift(switcher->actuator.arg, live) : NULL;
	if (drift)
		course_finish(switcher, OUTCOME_FAILED, "drifted", 1, "the change %s %s was made, but since then %.850s",
			live == switcher->current->to ? "to" : "back to", color_name(live), drift);
	return drift != NULL;
}

static void promote(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	if (course_end_drifted(switcher, deployment->to)) /* nothing is promoted that nobody is sent to */
		return;
	const char *to = color_name(deployment->to);
	uint64_t live_ms = course_since_ms(switcher, deployment->switched_at ? deployment->switched_at : deployment->flipped_at);
	const char *text = wire_read_text(deployment->evidence, "text");
	if (deployment->verdict == VERDICT_INCONCLUSIVE)
		deployment_warn(deployment, "the verdict on %s is inconclusive: %s", to, text);
	course_finish(switcher, OUTCOME_PROMOTED, deployment->promote_asked ? "promoted" : "bake_over", 0,
		"%s has been live for %" PRIu64 " s; the verdict is %s: %s", to, live_ms / 1000, judge_verdict_name(deployment->verdict), text);
}

/* Nobody is helped by going from a release that is in doubt to one that is gone. */
static void go_back_or_stay(struct switcher *switcher)
{
	static const struct actor judge_itself = {"teal", -1};
	char why[256];
	struct deployment *deployment = switcher->current;
	const char *text = wire_read_text(deployment->evidence, "text");
	if (switcher_readiness(switcher, why, sizeof(why)) == READINESS_GONE)
		course_finish(switcher, OUTCOME_FAILED, "inconclusive", 1, "the verdict on %s is inconclusive, and it was not rolled back, as %s: %s",
			color_name(deployment->to), why, text);
	else
		back_begin(switcher, "inconclusive", &judge_itself, text);
}

static void decide(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	if (!switcher->judged_last)
		watch_judge(switcher);
	if (deployment->promote_asked)
		promote(switcher);
	else if (deployment->verdict == VERDICT_BAD)
		course_finish(switcher, OUTCOME_FAILED, "common_cause", 1, "%s is bad, and %s is no better, so nothing was rolled back: %s",
			color_name(deployment->to), color_name(deployment->from), wire_read_text(deployment->evidence, "text"));
	else if (deployment->verdict == VERDICT_INCONCLUSIVE && switcher->policy.inconclusive == CONF_INCONCLUSIVE_ROLLBACK)
		go_back_or_stay(switcher);
	else
		promote(switcher);
}

static void step_bake(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	note_force(switcher);
	if (watch_run(switcher))
		return;
	deployment->inflight = course_read_inflight(switcher, deployment->from);
	bool over = deployment->promote_asked || switcher->judged_last; /* a look that finds it bad sends it back, the last one too */
	bool confirmed = !deployment->wants_confirm || deployment->confirmed_at || deployment->promote_asked;
	if (over && confirmed)
		decide(switcher);
}

/* ---- end ---- */

static void restore_release(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	if (deployment->changes_to && !deployment_has_flipped(deployment))
		switcher->host.set_release(switcher->host.arg, deployment->to, &deployment->to_before, deployment->to_before_deployed);
}

/* What can still be undone is kept; a rollback uses that up, whatever was promoted before it. */
static void put_away(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	bool failed = deployment->outcome == OUTCOME_FAILED;
	bool undone = deployment->outcome == OUTCOME_ROLLED_BACK || (failed && deployment->rollback.in_force);
	bool undoable = deployment->outcome == OUTCOME_PROMOTED || (failed && deployment_has_flipped(deployment) && !undone);
	switcher->current = NULL;
	if (undoable || undone) {
		deployment_free(switcher->undo);
		switcher->undo = undoable ? deployment : NULL;
	}
	bool watched = deployment->outcome == OUTCOME_ROLLED_BACK && verify_begin(switcher, deployment);
	if (watched)
		switcher->host.write_deployment(switcher->host.arg, deployment);
	else if (!undoable)
		deployment_free(deployment);
}

/* What still runs or waits for a step that is left in its middle. */
static void leave(struct switcher *switcher)
{
	enum step step = switcher->current->step;
	if (switcher->procedure_runs)
		gating_cancel(switcher);
	if (step >= STEP_HOLD && step <= STEP_COMMIT)
		exclusive_stop(switcher);
}

static void tell_end(struct switcher *switcher)
{
	static const enum herald_moment moments[OUTCOME_COUNT] = {
		[OUTCOME_PROMOTED] = HERALD_PROMOTED,
		[OUTCOME_ROLLED_BACK] = HERALD_ROLLED_BACK,
		[OUTCOME_REFUSED] = HERALD_REFUSED,
		[OUTCOME_ABORTED] = HERALD_ABORTED,
		[OUTCOME_FAILED] = HERALD_FAILED,
	};
	switcher->host.tell(switcher->host.arg, moments[switcher->current->outcome], switcher->current);
}

void course_finish(struct switcher *switcher, enum outcome outcome, const char *cause, int exit_code, const char *format, ...)
{
	struct deployment *deployment = switcher->current;
	const char *name = deployment_outcome_name(outcome);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(deployment->detail, sizeof(deployment->detail), format, arguments);
	va_end(arguments);
	leave(switcher);
	steps_note_end(switcher);
	snprintf(deployment->cause, sizeof(deployment->cause), "%s", cause);
	deployment->outcome = outcome;
	deployment->exit_code = exit_code;
	deployment->ended_at = course_wall_ms(switcher);
	if (deployment_has_flipped(deployment))
		watch_count(switcher);
	bool ordered = deployment_has_flipped(deployment) || deployment->exclusive.held_at || switcher->warm.asked;
	if (ordered && switcher->actuator.settle)
		switcher->actuator.settle(switcher->actuator.arg);
	flip_end_warming(switcher);
	course_enter(switcher, STEP_END);
	restore_release(switcher);
	switcher->outcomes[outcome]++;
	course_save(switcher);
	json_t *more = json_pack("{s:s, s:s, s:i, s:o, s:o}", "outcome", name, "cause", cause, "exit", exit_code, "verdict",
		deployment->evidence ? json_string(judge_verdict_name(deployment->verdict)) : json_null(), "receipt", deployment_receipt_to_json(deployment));
	course_emit(switcher, name, more, "%s: %s: %s", switcher->service, name, deployment->detail);
	tell_end(switcher);
	put_away(switcher);
	switcher->host.write_truth(switcher->host.arg);
}

/* ---- the driver ---- */

void course_run(struct switcher *switcher)
{
	static void (*const steps[])(struct switcher *) = {
		[STEP_GATE] = gating_run_gate,
		[STEP_PROCEDURE] = gating_run_procedure,
		[STEP_RECORD] = gating_run_record,
		[STEP_HOLD] = exclusive_run_hold,
		[STEP_COMMAND] = exclusive_run_command,
		[STEP_CHECK] = exclusive_run_check,
		[STEP_COMMIT] = exclusive_run_commit,
		[STEP_CHANGE] = change_run,
		[STEP_SHIFT] = steps_run,
		[STEP_COMPLETE] = steps_run_complete,
		[STEP_SPREAD] = step_spread,
		[STEP_DRAIN] = step_drain,
		[STEP_BAKE] = step_bake,
		[STEP_RETURN] = back_run_return,
		[STEP_BACK] = back_run,
	};
	enum step before;
	do {
		if (!switcher->current)
			return;
		before = switcher->current->step;
		steps[before](switcher);
	} while (switcher->current && switcher->current->step != before);
}
