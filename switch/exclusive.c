/* An exclusive switch. Control thread. Nothing here waits beyond switcher->hold.ends_ms. */
#include "switch/exclusive.h"

#include <inttypes.h>
#include <stdio.h>

#include "switch/flip.h"
#include "switch/wire.h"

#define MARGIN_MS 250u   /* before the limit, at most a quarter of it: for the release to get to every worker */
#define LATER_MS 3000u   /* the workers end a hold by themselves so long behind the limit: only when nobody has told them by then */
#define FAREWELL_MS 500u /* for tunnels, at most a quarter of the limit */
#define CUT_EVERY_MS 500u

static uint64_t within_quarter(uint64_t ms, uint64_t limit_ms)
{
	return ms < limit_ms / 4 ? ms : limit_ms / 4;
}

static uint64_t held_ms(const struct switcher *switcher)
{
	return course_since_ms(switcher, switcher->current->exclusive.held_at);
}

/* ---- hold ---- */

/* They would not end: their clients come back when the hold is over. A preview may have one to the new color. */
static void close_tunnels(struct switcher *switcher)
{
	const struct actuator *actuator = &switcher->actuator;
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		actuator->close_tunnels(actuator->arg, (enum color)color, switcher->ticket, 0);
}

void exclusive_begin(struct switcher *switcher)
{
	const struct actuator *actuator = &switcher->actuator;
	struct deployment *deployment = switcher->current;
	uint64_t now = course_now_ms(switcher), limit_ms = deployment->exclusive.hold_max_ms;
	const char *why = actuator->foresee_hold(actuator->arg);
	if (why) {
		course_finish(switcher, OUTCOME_REFUSED, "held", 3, "%s", why);
		return;
	}
	switcher->hold.ends_ms = now + limit_ms - within_quarter(MARGIN_MS, limit_ms);
	switcher->hold.limit_ms = now + limit_ms;
	switcher->hold.cut_ms = now + within_quarter(FAREWELL_MS, limit_ms);
	deployment->exclusive.held_at = course_wall_ms(switcher);
	switcher->ticket = actuator->hold(actuator->arg, limit_ms + LATER_MS);
	close_tunnels(switcher);
	course_enter(switcher, STEP_HOLD);
	course_emit(switcher, "hold_begun", json_pack("{s:o}", "hold_max_s", wire_seconds(limit_ms)), "%s: new requests are held, for less than %g s",
		switcher->service, (double)limit_ms / 1000);
	course_save(switcher);
	switcher->host.write_truth(switcher->host.arg);
}

/* What is under way on both. What the shield or a rehearsal gave the new color is old, too. */
static uint64_t count_busy(const struct switcher *switcher)
{
	const struct actuator *actuator = &switcher->actuator;
	return actuator->read_busy(actuator->arg, COLOR_BLUE) + actuator->read_busy(actuator->arg, COLOR_GREEN);
}

static bool is_idle(const struct switcher *switcher, enum color color)
{
	return switcher->actuator.read_inflight(switcher->actuator.arg, color) == 0;
}

/* In this order: what a worker gave a color before it knew of the hold is counted by then; and what goes from one color to the other in the middle of the counting is found there, as a second attempt. */
static bool is_quiet(const struct switcher *switcher)
{
	bool in_force = switcher->actuator.in_force(switcher->actuator.arg, switcher->ticket);
	return in_force && is_idle(switcher, COLOR_BLUE) && is_idle(switcher, COLOR_GREEN) && count_busy(switcher) == 0;
}

/* Requests are let finish; a tunnel that does not go by itself is cut, and so is one that came of a request in the meantime. */
static void cut_tunnels(struct switcher *switcher, uint64_t now)
{
	if (now < switcher->hold.cut_ms)
		return;
	switcher->hold.cut_ms = now + CUT_EVERY_MS;
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		switcher->actuator.cut(switcher->actuator.arg, (enum color)color, switcher->ticket, false, true);
}

static void give_up_drain(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	const char *from = color_name(deployment->from);
	course_finish(switcher, OUTCOME_FAILED, "exclusive_drain", 1,
		"%" PRIu64 " requests were still under way after %" PRIu64 " ms of hold; %s is live as before, and nothing was run", deployment->inflight,
		held_ms(switcher), from);
}

static void commit(struct switcher *switcher);

static void run_command(struct switcher *switcher, uint64_t now)
{
	struct deployment *deployment = switcher->current;
	deployment->exclusive.run_at = course_wall_ms(switcher);
	course_enter(switcher, STEP_COMMAND);
	course_emit(switcher, "command_started", json_pack("{s:o}", "program", wire_text(deployment->exclusive.program)), "%s: running %s", switcher->service,
		deployment->exclusive.program);
	/* It is ended here, by ends_ms: its own limit is for a daemon that forgot it. */
	switcher->host.begin_command(switcher->host.arg, deployment, switcher->hold.limit_ms + LATER_MS - now);
}

void exclusive_run_hold(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	uint64_t now = course_now_ms(switcher);
	bool quiet = is_quiet(switcher);
	deployment->inflight = count_busy(switcher);
	if (now >= switcher->hold.ends_ms) {
		give_up_drain(switcher);
	} else if (!quiet) {
		cut_tunnels(switcher, now);
	} else {
		deployment->exclusive.drained_at = course_wall_ms(switcher);
		course_emit(switcher, "quiet", NULL, "%s: no request is under way any more, %" PRIu64 " ms after the hold began", switcher->service,
			held_ms(switcher));
		if (deployment->exclusive.run)
			run_command(switcher, now);
		else
			commit(switcher);
	}
}

/* ---- command ---- */

static void note_end(struct switcher *switcher, const char *sentence)
{
	struct deployment_exclusive *exclusive = &switcher->current->exclusive;
	exclusive->ran_at = course_wall_ms(switcher);
	snprintf(exclusive->result, sizeof(exclusive->result), "%s", sentence);
}

static void fail_command(struct switcher *switcher, const char *cause, const char *sentence)
{
	note_end(switcher, sentence);
	course_finish(switcher, OUTCOME_FAILED, cause, 1, "%.400s; %s is live as before", sentence, color_name(switcher->current->from));
}

static void cut_command(struct switcher *switcher, char *sentence, size_t size)
{
	snprintf(sentence, size, "%.200s was ended in the middle of its work, after %" PRIu64 " ms of hold: what it does may be done in part",
		switcher->current->exclusive.program, held_ms(switcher));
	switcher->host.cancel_command(switcher->host.arg);
}

void exclusive_run_command(struct switcher *switcher)
{
	char sentence[sizeof(switcher->current->exclusive.result)] = "";
	struct deployment *deployment = switcher->current;
	enum switcher_command state = switcher->host.run_command(switcher->host.arg, sentence, sizeof(sentence));
	bool late = course_now_ms(switcher) >= switcher->hold.ends_ms;
	if (state == SWITCHER_COMMAND_RUNS && !late)
		return;
	if (state == SWITCHER_COMMAND_RUNS) {
		cut_command(switcher, sentence, sizeof(sentence));
		fail_command(switcher, "exclusive_time", sentence);
	} else if (state == SWITCHER_COMMAND_FAILED) {
		fail_command(switcher, "exclusive_run", sentence);
	} else {
		note_end(switcher, sentence);
		course_emit(switcher, "command_ended", json_pack("{s:o}", "program", wire_text(deployment->exclusive.program)), "%s: %s", switcher->service,
			sentence);
		commit(switcher);
	}
}

/* ---- commit ---- */

/* A release that the command's doing has killed is no better than the old one. */
static void commit(struct switcher *switcher)
{
	struct switcher_probes probes;
	struct deployment *deployment = switcher->current;
	const char *from = color_name(deployment->from), *to = color_name(deployment->to);
	switcher->host.read_probes(switcher->host.arg, deployment->to, &probes);
	if (probes.health == COLOR_HEALTH_UNHEALTHY && !deployment->force) {
		course_finish(switcher, OUTCOME_FAILED, "exclusive_health", 1, "no backend of %s is up%s; %s is live as before", to,
			deployment->exclusive.run ? " after the command" : "", from);
		return;
	}
	course_enter(switcher, STEP_COMMIT);
	flip_record(switcher);
}

/* The daemon itself was kept from running. */
static void fail_late(struct switcher *switcher)
{
	const struct deployment *deployment = switcher->current;
	const char *from = color_name(deployment->from);
	course_finish(switcher, OUTCOME_FAILED, "exclusive_time", 1, "the hold's time was over before the flip%s; %s is live as before",
		deployment->exclusive.run ? ", though the command had ended well" : "", from);
}

/* The command has done its work: the flip is not refused for a disk, only told. */
void exclusive_run_commit(struct switcher *switcher)
{
	char why[384] = "it was not on disk before the hold's end";
	enum keeper_state state = flip_read_record(switcher, why, sizeof(why));
	if (state == KEEPER_PENDING && course_now_ms(switcher) < switcher->hold.ends_ms)
		return;
	if (course_now_ms(switcher) >= switcher->hold.limit_ms) {
		fail_late(switcher);
		return;
	}
	flip_note_record(switcher, state, why);
	flip_run(switcher);
}

/* ---- letting go ---- */

static void let_go(struct switcher *switcher, enum color color)
{
	struct deployment *deployment = switcher->current;
	if (!deployment->exclusive.held_at || deployment->exclusive.released_at)
		return;
	switcher->actuator.release(switcher->actuator.arg);
	deployment->exclusive.released_at = course_wall_ms(switcher);
	course_emit(switcher, "hold_ended", json_pack("{s:s, s:o}", "color", color_name(color), "held_ms", wire_count(held_ms(switcher))),
		"%s: what was held goes to %s, %" PRIu64 " ms after the hold began", switcher->service, color_name(color), held_ms(switcher));
}

void exclusive_release(struct switcher *switcher)
{
	let_go(switcher, switcher->current->to);
}

/* Somebody aborts it, and must learn that the command was under way. */
static void stop_command(struct switcher *switcher)
{
	char sentence[384];
	cut_command(switcher, sentence, sizeof(sentence));
	note_end(switcher, sentence);
	deployment_warn(switcher->current, "%s", sentence);
}

void exclusive_stop(struct switcher *switcher)
{
	if (switcher->current->step == STEP_COMMAND && !switcher->current->exclusive.ran_at)
		stop_command(switcher);
	let_go(switcher, switcher->current->from);
}
