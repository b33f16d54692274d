/* The way back: flip first, then write, then drain what was flipped away from. Control thread. A rollback waits for nothing: what can fail comes after the flip. */
#include "switch/back.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "switch/drain.h"
#include "switch/exclusive.h"
#include "switch/flip.h"
#include "switch/steps.h"
#include "switch/wire.h"

static void fill_rollback(struct switcher *switcher, const char *cause, const struct actor *actor, const char *reason)
{
	char why[256], warning[512];
	struct deployment *deployment = switcher->current;
	struct deployment_rollback *rollback = &deployment->rollback;
	if (switcher_readiness(switcher, why, sizeof(why)) != READINESS_READY) {
		snprintf(warning, sizeof(warning), "%s is not ready: %s", color_name(deployment->from), why);
		rollback->warning = memory_text(warning);
	}
	deployment->safe_to_stop_at = 0; /* the color that was drained is needed again */
	rollback->at = course_wall_ms(switcher);
	rollback->cause = cause;
	rollback->actor = *actor;
	rollback->reason = memory_text(reason);
	rollback->durable = -1;
	rollback->inflight = deployment->inflight = switcher->actuator.read_inflight(switcher->actuator.arg, deployment->to);
}

void back_begin(struct switcher *switcher, const char *cause, const struct actor *actor, const char *reason)
{
	const struct switcher_policy *policy = &switcher->policy;
	struct deployment *deployment = switcher->current;
	/* Who stays on a release that was found bad has no more time than its requests have. */
	uint64_t tunnels_ms = policy->drain_tunnels_ms < policy->drain_requests_ms ? policy->drain_tunnels_ms : policy->drain_requests_ms;
	fill_rollback(switcher, cause, actor, reason);
	steps_note_end(switcher);
	switcher->host.set_live(switcher->host.arg, deployment->from);
	switcher->flipped_us = switcher->host.read_mono_us(switcher->host.arg);
	switcher->ticket = switcher->actuator.apply(switcher->actuator.arg, deployment->from, 0);
	exclusive_stop(switcher);
	drain_begin(switcher, deployment->to, switcher->ticket, deployment->inflight, policy->drain_requests_ms, tunnels_ms);
	switcher->host.quarantine(switcher->host.arg, deployment);
	course_enter(switcher, STEP_BACK);
	flip_record(switcher);
	json_t *more = json_pack("{s:s, s:o, s:o, s:s, s:o}", "cause", cause, "actor", wire_text(actor->name), "reason", wire_text(reason), "live",
		color_name(deployment->from), "inflight", wire_count(deployment->inflight));
	course_emit(switcher, "rolling_back", more, "%s: back to %s (%s)%s%s", switcher->service, color_name(deployment->from), cause,
		reason && *reason ? ": " : "", reason ? reason : "");
	course_save(switcher);
}

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
		"%s: %s is live again on every worker, %" PRIu64 " us after the flip", switcher->service, color_name(deployment->from), took_us);
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
	const char *reason = rollback->reason ? rollback->reason : "";
	course_finish(switcher, OUTCOME_ROLLED_BACK, rollback->cause, 4, "%s is live again (%s by %s)%s%s", color_name(deployment->from), rollback->cause,
		rollback->actor.name, *reason ? ": " : "", reason);
}
