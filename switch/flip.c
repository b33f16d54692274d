/* The flip. Control thread. What may fail comes before it: it is one store. */
#include "switch/flip.h"

#include <stdio.h>

#include "switch/change.h"
#include "switch/drain.h"
#include "switch/wire.h"

/* ---- its record ---- */

void flip_record(struct switcher *switcher)
{
	switcher->truth_ticket = switcher->host.write_truth(switcher->host.arg);
	switcher->record_ms = course_now_ms(switcher) + COURSE_RECORD_MS;
}

enum keeper_state flip_read_record(const struct switcher *switcher, char *why, size_t size)
{
	enum keeper_state state = switcher->host.read_truth(switcher->host.arg, switcher->truth_ticket, why, size);
	if (state != KEEPER_PENDING || course_now_ms(switcher) < switcher->record_ms)
		return state;
	snprintf(why, size, "it was not on disk within %u s", COURSE_RECORD_MS / 1000);
	return KEEPER_FAILED;
}

void flip_note_record(struct switcher *switcher, enum keeper_state state, const char *why)
{
	struct deployment *deployment = switcher->current;
	deployment->durable = state == KEEPER_DURABLE;
	if (deployment->durable)
		return;
	deployment_warn(deployment, "the switch is not durable: %s", why);
	course_emit(switcher, "not_durable", NULL, "%s: the switch to %s is not durable: %s", switcher->service, color_name(deployment->to), why);
}

/* ---- connections in advance ---- */

void flip_warm(struct switcher *switcher)
{
	const struct actuator *actuator = &switcher->actuator;
	if (!actuator->warm || switcher->current->automatic)
		return;
	switcher->warm.asked = true;
	switcher->warm.ticket = actuator->warm(actuator->arg);
	switcher->warm.limit_ms = course_now_ms(switcher) + COURSE_WARM_MS;
}

bool flip_is_warm(const struct switcher *switcher)
{
	const struct actuator *actuator = &switcher->actuator;
	return !switcher->warm.asked || course_now_ms(switcher) >= switcher->warm.limit_ms || actuator->is_warm(actuator->arg, switcher->warm.ticket);
}

void flip_end_warming(struct switcher *switcher)
{
	switcher->warm.asked = false;
}

/* ---- what is armed ---- */

void flip_read_base(struct switcher *switcher)
{
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		switcher->host.read_counts(switcher->host.arg, (enum color)color, &switcher->base[color]);
	switcher->host.forget_probes(switcher->host.arg);
}

void flip_arm_watch(struct switcher *switcher)
{
	uint64_t now = course_now_ms(switcher);
	switcher->judge_ms = now;
	switcher->keep_ms = now + 1000;
	switcher->bake_ms = switcher->confirm_ms = UINT64_MAX;
	switcher->judged_last = switcher->receipt_closed = switcher->unconfirmed_told = false;
	switcher->blind_told = 0;
	switcher->seen_ms = 0;
}

void flip_arm_bake(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	uint64_t now = course_now_ms(switcher), wall = course_wall_ms(switcher);
	switcher->spread_ms = now + COURSE_SPREAD_MS;
	switcher->bake_ms = now + deployment->bake_ms;
	switcher->confirm_ms = now + deployment->confirm_within_ms;
	deployment->bake_ends_at = wall + deployment->bake_ms;
	deployment->confirm_by = deployment->wants_confirm ? wall + deployment->confirm_within_ms : 0;
}

/* What the color that is left was like is the measure; it must be read before the flip. */
static void begin_judging(struct switcher *switcher)
{
	struct judge_baseline before = {0};
	struct deployment *deployment = switcher->current;
	size_t pauses = deployment->shift.count > 0 ? deployment->shift.count - 1 : 0;
	switcher->host.read_before(switcher->host.arg, deployment->from, &before);
	before.bake_ms = deployment->bake_ms + deployment->shift.pause_ms * pauses;
	judge_begin(&deployment->judge, &before);
	switcher->host.mark_senses(switcher->host.arg);
}

void flip_lift_quarantine(struct switcher *switcher)
{
	const struct deployment *deployment = switcher->current;
	if (deployment->kind == DEPLOYMENT_DEPLOY)
		switcher->host.lift_quarantine(switcher->host.arg, deployment->to);
}

void flip_arm(struct switcher *switcher)
{
	flip_lift_quarantine(switcher);
	begin_judging(switcher);
	flip_read_base(switcher);
	flip_arm_watch(switcher);
	switcher->current->flipped_at = course_wall_ms(switcher);
	switcher->flipped_us = switcher->host.read_mono_us(switcher->host.arg);
}

/* Behind its steps the old color has been beside the new one; from now on nothing is. */
static void arm(struct switcher *switcher)
{
	struct judge_baseline now = {0};
	struct deployment *deployment = switcher->current;
	if (!deployment_has_flipped(deployment)) {
		flip_arm(switcher);
		return;
	}
	switcher->host.read_before(switcher->host.arg, deployment->from, &now);
	judge_compare(&deployment->judge, &now);
}

/* ---- the store ---- */

void flip_run(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	arm(switcher);
	flip_arm_bake(switcher);
	deployment->receipt.inflight_at_switch = deployment->inflight = course_read_inflight(switcher, deployment->from);
	switcher->host.set_live(switcher->host.arg, deployment->to);
	switcher->flipped_us = change_is_needed(switcher) ? switcher->change.sent_us : switcher->host.read_mono_us(switcher->host.arg);
	switcher->ticket = switcher->actuator.apply(switcher->actuator.arg, deployment->to, 0);
	flip_end_warming(switcher);
	drain_begin(switcher, deployment->from, switcher->ticket, deployment->inflight, switcher->policy.drain_requests_ms, switcher->policy.drain_tunnels_ms);
	course_enter(switcher, STEP_SPREAD);
	course_emit(switcher, "flipped", json_pack("{s:s, s:b}", "live", color_name(deployment->to), "durable", deployment->durable == 1), "%s: %s is live",
		switcher->service, color_name(deployment->to));
	switcher->truth_ticket = switcher->host.write_truth(switcher->host.arg);
}
