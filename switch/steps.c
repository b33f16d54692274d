/* A switch in steps. Control thread. */
#include "switch/steps.h"

#include <stdio.h>

#include "base/text.h"
#include "switch/change.h"
#include "switch/flip.h"
#include "switch/watch.h"
#include "switch/wire.h"

/* ---- one step ---- */

static void note_begin(struct switcher *switcher)
{
	struct deployment_shift *shift = &switcher->current->shift;
	json_t *row = json_pack("{s:o, s:o, s:n, s:n}", "share", deployment_share_to_json(shift->shares[shift->at]), "at", wire_time(course_wall_ms(switcher)),
		"ended_at", "verdict");
	json_array_append_new(shift->taken, row);
}

/* What is known of the new color when a step ends is known of all steps until then. */
void steps_note_end(struct switcher *switcher)
{
	const struct deployment *deployment = switcher->current;
	size_t count = json_array_size(deployment->shift.taken);
	json_t *row = count > 0 ? json_array_get(deployment->shift.taken, count - 1) : NULL;
	if (!row || !json_is_null(json_object_get(row, "ended_at")))
		return;
	json_object_set_new(row, "ended_at", wire_time(course_wall_ms(switcher)));
	json_object_set_new(row, "verdict", json_string(judge_verdict_name(deployment->verdict)));
	json_object_set_new(row, "answers", deployment_count(deployment, deployment->judge.answers));
	json_object_set_new(row, "errors", deployment_count(deployment, deployment->judge.errors));
}

static void begin_pause(struct switcher *switcher)
{
	struct deployment_shift *shift = &switcher->current->shift;
	bool timed = shift->pause_ms > 0;
	switcher->pause_ms = timed ? course_now_ms(switcher) + shift->pause_ms : UINT64_MAX;
	shift->pause_ends_at = timed ? course_wall_ms(switcher) + shift->pause_ms : 0;
	switcher->to_last = false;
}

static void tell_step(struct switcher *switcher)
{
	const struct deployment *deployment = switcher->current;
	const struct deployment_shift *shift = &deployment->shift;
	const char *to = color_name(deployment->to);
	char pause[TEXT_UNIT_SIZE], then[64] = " until it is promoted";
	text_format_duration(shift->pause_ms, pause);
	if (shift->at + 1 == shift->count)
		then[0] = '\0';
	else if (shift->pause_ms > 0)
		snprintf(then, sizeof(then), " for %s", pause);
	json_t *more = json_pack("{s:s, s:o, s:I, s:I, s:o}", "color", to, "share", deployment_share_to_json(shift->shares[shift->at]), "step",
		(json_int_t)shift->at + 1, "of", (json_int_t)shift->count, "pause_ends_at", wire_time(shift->pause_ends_at));
	course_emit(switcher, "step", more, "%s: step %zu of %zu: %s gets %g %%%s", switcher->service, shift->at + 1, shift->count, to,
		(double)shift->shares[shift->at] / 100, then);
}

static void take(struct switcher *switcher, size_t at)
{
	struct deployment *deployment = switcher->current;
	deployment->shift.at = at;
	begin_pause(switcher);
	switcher->ticket = switcher->actuator.apply(switcher->actuator.arg, deployment->from, deployment->shift.shares[at]);
	flip_end_warming(switcher);
	course_enter(switcher, STEP_SHIFT);
	note_begin(switcher);
	tell_step(switcher);
	course_save(switcher);
	switcher->host.write_truth(switcher->host.arg);
}

void steps_begin(struct switcher *switcher)
{
	flip_arm(switcher);
	take(switcher, 0);
}

/* ---- from one to the next ---- */

static void complete(struct switcher *switcher)
{
	struct deployment_shift *shift = &switcher->current->shift;
	shift->pause_ends_at = 0;
	course_enter(switcher, STEP_COMPLETE);
	flip_record(switcher);
	flip_warm(switcher);
}

static void take_last(struct switcher *switcher)
{
	struct deployment_shift *shift = &switcher->current->shift;
	shift->at = shift->count - 1;
	note_begin(switcher);
	tell_step(switcher);
	flip_run(switcher);
}

void steps_take_next(struct switcher *switcher)
{
	const struct deployment *deployment = switcher->current;
	size_t next = deployment->change.next;
	if (!deployment_has_flipped(deployment))
		flip_arm(switcher);
	else
		steps_note_end(switcher);
	if (next + 1 < deployment->shift.count)
		take(switcher, next);
	else
		take_last(switcher);
}

static bool is_over(const struct switcher *switcher)
{
	return switcher->to_last || course_now_ms(switcher) >= switcher->pause_ms;
}

/* Each share needs some more connections than the one before. Until they stand the present one goes on. */
static bool is_warm(struct switcher *switcher)
{
	if (!switcher->warm.asked)
		flip_warm(switcher);
	return flip_is_warm(switcher);
}

void steps_run(struct switcher *switcher)
{
	struct deployment_shift *shift = &switcher->current->shift;
	bool over = is_over(switcher);
	shift->in_force = shift->in_force || switcher->actuator.in_force(switcher->actuator.arg, switcher->ticket);
	if (over) /* no step is left without a look */
		switcher->judge_ms = 0;
	if (watch_run(switcher) || !over)
		return;
	size_t next = switcher->to_last ? shift->count - 1 : shift->at + 1;
	if (change_is_needed(switcher)) { /* until it is made the present share goes on */
		change_begin_step(switcher, next);
		return;
	}
	bool last = next + 1 == shift->count;
	if (!last && !is_warm(switcher))
		return;
	steps_note_end(switcher);
	if (last)
		complete(switcher);
	else
		take(switcher, next);
}

/* Gates may refuse to begin; what half of the users have seen is not undone for a disk. The flip goes on without it, and says so. */
void steps_run_complete(struct switcher *switcher)
{
	char why[384] = "";
	enum keeper_state state = flip_read_record(switcher, why, sizeof(why));
	if (watch_run(switcher) || state == KEEPER_PENDING || !flip_is_warm(switcher))
		return;
	flip_note_record(switcher, state, why);
	take_last(switcher);
}

void steps_promote(struct switcher *switcher)
{
	switcher->to_last = switcher->current->shift.pause_ms > 0;
	switcher->pause_ms = course_now_ms(switcher);
}

/* ---- after a restart ---- */

void steps_go_on(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	struct deployment_shift *shift = &deployment->shift;
	uint64_t ends_at = shift->pause_ends_at, wall = course_wall_ms(switcher);
	begin_pause(switcher);
	if (ends_at && ends_at < wall + shift->pause_ms) {
		switcher->pause_ms = course_now_ms(switcher) + (ends_at > wall ? ends_at - wall : 0);
		shift->pause_ends_at = ends_at;
	}
	switcher->ticket = switcher->actuator.apply(switcher->actuator.arg, deployment->from, shift->shares[shift->at]);
}
