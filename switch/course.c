/* The course of one deployment. Control thread. Each step is a function, in order; course_enter is the only writer of ->step. Every wait has a deadline,
 * armed where the wait begins. What may fail comes before the flip: the flip itself is one store. */
#include "switch/course.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "switch/back.h"
#include "switch/drain.h"
#include "switch/verify.h"
#include "switch/watch.h"
#include "switch/wire.h"

#define SPREAD_MS 10000u

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

static uint64_t inflight_of(const struct switcher *switcher, enum color color)
{
	return switcher->actuator.read_inflight(switcher->actuator.arg, color);
}

/* ---- gate ---- */

void course_read_gates(const struct switcher *switcher, const struct deployment *deployment, struct gate_result results[GATE_COUNT])
{
	struct gates_input input = {0};
	switcher->host.read_gates(switcher->host.arg, deployment->to, &input);
	input.service = switcher->service;
	input.to = deployment->to;
	input.expects = deployment->expects;
	input.expect_live = deployment->expect_live;
	input.force = deployment->force;
	if (switcher->current && switcher->current != deployment)
		input.running = switcher->current->id;
	gates_check(&input, results);
}

void course_begin(struct switcher *switcher)
{
	switcher->wait_ms = course_now_ms(switcher) + switcher->current->wait_ms;
	switcher->waiting = false;
	course_enter(switcher, STEP_GATE);
}

/* The color that is left may be sick already: then there is no going back to it, which is better known before. */
static void note_way_back(struct switcher *switcher)
{
	char reason[256];
	struct deployment *deployment = switcher->current;
	struct readiness_input input = {.undoable = true, .target = deployment->from};
	switcher->host.read_readiness(switcher->host.arg, deployment->from, &input);
	enum readiness readiness = readiness_of(&input, reason, sizeof(reason));
	if (readiness == READINESS_READY)
		return;
	deployment_warn(deployment, "the way back to %s is %s: %s", color_name(deployment->from), readiness_name(readiness), reason);
	course_emit(switcher, "readiness", json_pack("{s:s}", "readiness", readiness_name(readiness)), "%s: the way back to %s is %s: %s", switcher->service,
		color_name(deployment->from), readiness_name(readiness), reason);
	switcher->readiness = readiness;
	switcher->readiness_told = true;
}

static void record(struct switcher *switcher)
{
	note_way_back(switcher);
	course_emit(switcher, "gates_passed", NULL, "%s: every gate for %s is passed", switcher->service, color_name(switcher->current->to));
	course_enter(switcher, STEP_RECORD);
	switcher->truth_ticket = switcher->host.write_truth(switcher->host.arg);
	switcher->record_ms = course_now_ms(switcher) + COURSE_RECORD_MS;
	course_save(switcher);
}

static void tell_waiting(struct switcher *switcher, const struct gate_result *gate)
{
	if (switcher->waiting)
		return;
	switcher->waiting = true;
	course_emit(switcher, "waiting", json_pack("{s:s, s:o}", "gate", gates_name(gate->gate), "wait_s", wire_seconds(switcher->current->wait_ms)),
		"%s: waiting: %s", switcher->service, gate->detail);
}

static void refuse(struct switcher *switcher, const struct gate_result *gate)
{
	bool timed_out = gate->waits && switcher->current->kind == DEPLOYMENT_DEPLOY;
	course_finish(switcher, OUTCOME_REFUSED, gates_name(gate->gate), timed_out ? 6 : 3, "%s", gate->detail);
}

static void step_gate(struct switcher *switcher)
{
	struct gate_result results[GATE_COUNT];
	struct deployment *deployment = switcher->current;
	course_read_gates(switcher, deployment, results);
	json_decref(deployment->gates);
	deployment->gates = gates_to_json(results);
	const struct gate_result *gate = gates_find_refusal(results);
	if (!gate)
		record(switcher);
	else if (gate->waits && course_now_ms(switcher) < switcher->wait_ms)
		tell_waiting(switcher, gate);
	else
		refuse(switcher, gate);
}

/* ---- record ---- */

static void arm(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	uint64_t now = course_now_ms(switcher), wall = course_wall_ms(switcher);
	switcher->spread_ms = now + SPREAD_MS;
	switcher->bake_ms = now + deployment->bake_ms;
	switcher->confirm_ms = now + deployment->confirm_within_ms;
	switcher->judge_ms = now;
	switcher->keep_ms = now + 1000;
	switcher->judged_last = switcher->receipt_closed = switcher->unconfirmed_told = false;
	switcher->blind_told = 0;
	deployment->bake_ends_at = wall + deployment->bake_ms;
	deployment->confirm_by = deployment->wants_confirm ? wall + deployment->confirm_within_ms : 0;
}

static void read_base(struct switcher *switcher)
{
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		switcher->host.read_counts(switcher->host.arg, (enum color)color, &switcher->base[color]);
	switcher->host.forget_probes(switcher->host.arg);
}

/* What the color that is left was like is the measure; it must be read before the flip. */
static void begin_judging(struct switcher *switcher)
{
	struct judge_baseline before = {0};
	struct deployment *deployment = switcher->current;
	switcher->host.read_before(switcher->host.arg, deployment->from, &before);
	before.bake_ms = deployment->bake_ms;
	judge_begin(&deployment->judge, &before);
	switcher->host.mark_senses(switcher->host.arg);
}

static void flip(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	begin_judging(switcher);
	read_base(switcher);
	deployment->receipt.inflight_at_switch = deployment->inflight = inflight_of(switcher, deployment->from);
	deployment->flipped_at = course_wall_ms(switcher);
	arm(switcher);
	switcher->host.set_live(switcher->host.arg, deployment->to);
	switcher->flipped_us = switcher->host.read_mono_us(switcher->host.arg);
	switcher->ticket = switcher->actuator.apply(switcher->actuator.arg, deployment->to);
	drain_begin(switcher, deployment->from, switcher->ticket, deployment->inflight, switcher->policy.drain_requests_ms, switcher->policy.drain_tunnels_ms);
	course_enter(switcher, STEP_SPREAD);
	course_emit(switcher, "flipped", json_pack("{s:s, s:b}", "live", color_name(deployment->to), "durable", deployment->durable == 1), "%s: %s is live",
		switcher->service, color_name(deployment->to));
	switcher->truth_ticket = switcher->host.write_truth(switcher->host.arg);
}

/* The write that did not come in time may still come: the truth is written again with the color that stays live. */
static void refuse_record(struct switcher *switcher, const char *why)
{
	course_finish(switcher, OUTCOME_REFUSED, "durable", 3, "the switch can't be written to the state directory: %s; or switch with --force", why);
}

static void step_record(struct switcher *switcher)
{
	char why[384] = "";
	struct deployment *deployment = switcher->current;
	enum keeper_state truth = switcher->host.read_truth(switcher->host.arg, switcher->truth_ticket, why, sizeof(why));
	if (truth == KEEPER_PENDING && course_now_ms(switcher) < switcher->record_ms)
		return;
	if (truth == KEEPER_PENDING)
		snprintf(why, sizeof(why), "it was not on disk within %u s", COURSE_RECORD_MS / 1000);
	deployment->durable = truth == KEEPER_DURABLE;
	if (truth != KEEPER_DURABLE && !deployment->force) {
		refuse_record(switcher, why);
		return;
	}
	if (truth != KEEPER_DURABLE) {
		deployment_warn(deployment, "the switch is not durable: %s", why);
		course_emit(switcher, "not_durable", NULL, "%s: the switch to %s is not durable: %s", switcher->service, color_name(deployment->to), why);
	}
	flip(switcher);
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
	course_emit(switcher, "switched", json_pack("{s:o, s:o}", "flip_us", wire_count(deployment->flip_us), "inflight", wire_count(deployment->inflight)),
		"%s: %s is live on every worker, %" PRIu64 " us after the flip", switcher->service, color_name(deployment->to), deployment->flip_us);
}

static void step_spread(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	note_force(switcher);
	if (deployment->in_force) {
		course_enter(switcher, STEP_DRAIN);
		course_save(switcher);
	} else if (!watch_run(switcher) && course_now_ms(switcher) >= switcher->spread_ms) {
		deployment_warn(deployment, "not every worker has acknowledged the flip within %u s", SPREAD_MS / 1000);
		course_enter(switcher, STEP_DRAIN);
	}
}

/* ---- drain ---- */

static void end_drain(struct switcher *switcher, enum drain_state state)
{
	struct deployment *deployment = switcher->current;
	deployment->drained_at = course_wall_ms(switcher);
	watch_count(switcher);
	course_enter(switcher, STEP_BAKE);
	if (state == DRAIN_GIVEN_UP)
		deployment_warn(
			deployment, "%" PRIu64 " requests on %s did not end when they were told to", deployment->inflight, color_name(deployment->from));
	course_emit(switcher, "drained", json_pack("{s:o}", "receipt", deployment_receipt_to_json(deployment)), "%s: %s is drained", switcher->service,
		color_name(deployment->from));
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

static void promote(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	const char *to = color_name(deployment->to);
	uint64_t baked_ms = course_since_ms(switcher, deployment->flipped_at);
	const char *text = wire_read_text(deployment->evidence, "text");
	if (deployment->verdict == VERDICT_INCONCLUSIVE)
		deployment_warn(deployment, "the verdict on %s is inconclusive: %s", to, text);
	course_finish(switcher, OUTCOME_PROMOTED, deployment->promote_asked ? "promoted" : "bake_over", 0,
		"%s has been live for %" PRIu64 " s; the verdict is %s: %s", to, baked_ms / 1000, judge_verdict_name(deployment->verdict), text);
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
	deployment->inflight = inflight_of(switcher, deployment->from);
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
	bool undoable = deployment->outcome == OUTCOME_PROMOTED || (deployment->outcome == OUTCOME_FAILED && deployment_has_flipped(deployment));
	switcher->current = NULL;
	if (undoable || deployment->outcome == OUTCOME_ROLLED_BACK) {
		deployment_free(switcher->undo);
		switcher->undo = undoable ? deployment : NULL;
	}
	bool watched = deployment->outcome == OUTCOME_ROLLED_BACK && verify_begin(switcher, deployment);
	if (watched)
		switcher->host.write_deployment(switcher->host.arg, deployment);
	else if (!undoable)
		deployment_free(deployment);
}

void course_finish(struct switcher *switcher, enum outcome outcome, const char *cause, int exit_code, const char *format, ...)
{
	struct deployment *deployment = switcher->current;
	const char *name = deployment_outcome_name(outcome);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(deployment->detail, sizeof(deployment->detail), format, arguments);
	va_end(arguments);
	snprintf(deployment->cause, sizeof(deployment->cause), "%s", cause);
	deployment->outcome = outcome;
	deployment->exit_code = exit_code;
	deployment->ended_at = course_wall_ms(switcher);
	if (deployment_has_flipped(deployment)) {
		watch_count(switcher);
		switcher->actuator.settle(switcher->actuator.arg);
	}
	course_enter(switcher, STEP_END);
	restore_release(switcher);
	switcher->outcomes[outcome]++;
	course_save(switcher);
	json_t *more = json_pack("{s:s, s:s, s:i, s:o, s:o}", "outcome", name, "cause", cause, "exit", exit_code, "verdict",
		deployment->evidence ? json_string(judge_verdict_name(deployment->verdict)) : json_null(), "receipt", deployment_receipt_to_json(deployment));
	course_emit(switcher, name, more, "%s: %s: %s", switcher->service, name, deployment->detail);
	put_away(switcher);
	switcher->host.write_truth(switcher->host.arg);
}

/* ---- after a restart ---- */

/* The receipt has what was counted before: as if the counters had begun as much earlier (modulo 2^64). */
static void go_on_counting(struct switcher *switcher)
{
	const struct deployment_receipt *receipt = &switcher->current->receipt;
	struct switcher_counts *base = &switcher->base[switcher->current->to];
	base->failed -= receipt->failed;
	base->replayed -= receipt->replayed;
	base->shielded -= receipt->shielded;
}

void course_go_on(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	uint64_t wall = course_wall_ms(switcher), bake_ends_at = deployment->bake_ends_at, confirm_by = deployment->confirm_by;
	read_base(switcher);
	go_on_counting(switcher);
	switcher->ticket = 0;
	switcher->flipped_us = switcher->host.read_mono_us(switcher->host.arg);
	arm(switcher);
	drain_begin(switcher, deployment->step == STEP_BACK ? deployment->to : deployment->from, 0, 0, switcher->policy.drain_requests_ms, 0);
	if (deployment->step < STEP_BACK)
		switcher->host.mark_senses(switcher->host.arg);
	if (deployment->step == STEP_BACK) {
		switcher->record_ms = course_now_ms(switcher) + COURSE_RECORD_MS;
		switcher->truth_ticket = switcher->host.write_truth(switcher->host.arg);
		return;
	}
	/* What was in flight ended with the daemon. */
	deployment->receipt.cut = deployment->receipt.inflight_at_switch - deployment->receipt.drained;
	if (bake_ends_at) {
		uint64_t left = bake_ends_at > wall ? bake_ends_at - wall : 0;
		switcher->bake_ms = course_now_ms(switcher) + (left < deployment->bake_ms ? left : deployment->bake_ms);
		deployment->bake_ends_at = bake_ends_at;
	}
	if (confirm_by) {
		uint64_t left = confirm_by > wall ? confirm_by - wall : 0;
		switcher->confirm_ms = course_now_ms(switcher) + (left < deployment->confirm_within_ms ? left : deployment->confirm_within_ms);
		deployment->confirm_by = confirm_by;
	}
	if (!deployment->flipped_at)
		deployment->flipped_at = wall;
	if (deployment->step < STEP_SPREAD)
		course_enter(switcher, STEP_SPREAD);
	deployment_warn(deployment, "the daemon was started anew during the bake: answers of the last two seconds before that may not be counted");
}

/* ---- the driver ---- */

void course_run(struct switcher *switcher)
{
	static void (*const steps[])(struct switcher *) = {step_gate, step_record, step_spread, step_drain, step_bake, back_run};
	enum step before;
	do {
		if (!switcher->current)
			return;
		before = switcher->current->step;
		steps[before](switcher);
	} while (switcher->current && switcher->current->step != before);
}
