/* The course of a deployment that was under way when the daemon ended. Control thread. What was written down is all that is known of it. */
#include "switch/change.h"
#include "switch/course.h"
#include "switch/drain.h"
#include "switch/exclusive.h"
#include "switch/flip.h"
#include "switch/steps.h"
#include "switch/wire.h"

/* The receipt has what was counted before: as if the counters had begun as much earlier (modulo 2^64). */
static void go_on_counting(struct switcher *switcher)
{
	const struct deployment_receipt *receipt = &switcher->current->receipt;
	struct switcher_counts *base = &switcher->base[switcher->current->to];
	base->failed -= receipt->failed;
	base->replayed -= receipt->replayed;
	base->shielded -= receipt->shielded;
}

/* The bake that goes on has as long as it had left, and no longer than it was meant to take. */
static uint64_t deadline_of(const struct switcher *switcher, uint64_t ends_at, uint64_t whole_ms)
{
	uint64_t wall = course_wall_ms(switcher), left = ends_at > wall ? ends_at - wall : 0;
	return course_now_ms(switcher) + (left < whole_ms ? left : whole_ms);
}

static void go_on_baking(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	uint64_t bake_ends_at = deployment->bake_ends_at, confirm_by = deployment->confirm_by;
	flip_arm_bake(switcher);
	if (deployment->shift.count > 0)
		deployment->shift.at = deployment->shift.count - 1;
	/* What was in flight ended with the daemon. */
	deployment->receipt.cut = deployment->receipt.inflight_at_switch - deployment->receipt.drained;
	if (bake_ends_at) {
		switcher->bake_ms = deadline_of(switcher, bake_ends_at, deployment->bake_ms);
		deployment->bake_ends_at = bake_ends_at;
	}
	if (confirm_by) {
		switcher->confirm_ms = deadline_of(switcher, confirm_by, deployment->confirm_within_ms);
		deployment->confirm_by = confirm_by;
	}
	if (!deployment->flipped_at)
		deployment->flipped_at = course_wall_ms(switcher);
	if (deployment->step < STEP_SPREAD)
		course_enter(switcher, STEP_SPREAD);
}

static void go_on_back(struct switcher *switcher)
{
	drain_begin(switcher, switcher->current->to, 0, 0, switcher->policy.drain_requests_ms, 0);
	flip_record(switcher);
}

static void go_on_forward(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	drain_begin(switcher, deployment->from, 0, 0, switcher->policy.drain_requests_ms, 0);
	flip_lift_quarantine(switcher);
	switcher->host.mark_senses(switcher->host.arg);
	if (deployment->exclusive.held_at && !deployment->exclusive.released_at)
		deployment->exclusive.released_at = course_wall_ms(switcher); /* nothing is held any more */
	if (deployment->step == STEP_SHIFT)
		steps_go_on(switcher);
	else
		go_on_baking(switcher);
	if (deployment->out_of_path)
		return;
	deployment_warn(
		deployment, "the daemon was started anew while the new color was watched: answers of the last two seconds before that may not be counted");
}

/* Nothing is switched, and what was done for it can't be taken up. */
static bool end_interrupted(struct switcher *switcher)
{
	const struct deployment *deployment = switcher->current;
	bool exclusive = deployment->exclusive.wanted && deployment->step < STEP_COMMIT;
	bool recorded = deployment->step >= STEP_RECORD;
	bool may_have_run = deployment->exclusive.program && (recorded || deployment->force);
	if (recorded && !exclusive)
		return false;
	enum step step = deployment->step;
	course_enter(switcher, STEP_GATE); /* nothing runs or is held any more */
	if (may_have_run)
		exclusive_end_interrupted(switcher, step);
	else
		course_finish(switcher, OUTCOME_FAILED, "interrupted", 1, "the daemon ended before anything was switched");
	return true;
}

/* A change is sent as soon as it is recorded, and that it was sent is not written before Route 53 has accepted it: whoever wants to go back now must not be told that nothing was switched. */
static void take_for_sent(struct switcher *switcher)
{
	flip_note_record(switcher, KEEPER_DURABLE, "");
	course_enter(switcher, STEP_CHANGE);
	course_save(switcher);
}

/* Its intent was in the truth, so it may have been sent. In RETURN there may be none yet. */
static void go_on_changing(struct switcher *switcher)
{
	switcher->change.tries = 0;
	switcher->change.due_ms = course_now_ms(switcher);
	if (switcher->current->change.intent)
		change_go_on(switcher, switcher->current);
	if (deployment_is_going_back(switcher->current) && switcher->current->step == STEP_CHANGE)
		switcher->actuator.give_up(switcher->actuator.arg);
}

static void go_on_watching(struct switcher *switcher)
{
	flip_read_base(switcher);
	go_on_counting(switcher);
	flip_arm_watch(switcher);
	switcher->seen_ms = course_now_ms(switcher) + switcher->policy.look_ms;
	switcher->ticket = 0;
	switcher->flipped_us = switcher->host.read_mono_us(switcher->host.arg);
}

/* Nothing more was done than to write it down: its first step comes next. */
static bool is_only_recorded(const struct switcher *switcher)
{
	const struct deployment *deployment = switcher->current;
	return deployment->step == STEP_RECORD && deployment->shift.count > 0;
}

bool course_go_on(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	if (end_interrupted(switcher))
		return false;
	if (deployment->step == STEP_RECORD && deployment->out_of_path)
		take_for_sent(switcher);
	if (is_only_recorded(switcher)) {
		flip_record(switcher);
		return true;
	}
	go_on_watching(switcher);
	if (deployment->out_of_path)
		go_on_changing(switcher);
	if (deployment->step == STEP_CHANGE || deployment->step == STEP_RETURN)
		return true;
	if (deployment->step == STEP_BACK)
		go_on_back(switcher);
	else
		go_on_forward(switcher);
	return true;
}
