/* An exclusive switch. Control thread. Nothing here waits beyond switcher->hold.ends_ms. */
#include "switch/exclusive.h"

#include <inttypes.h>
#include <stdio.h>

#include "switch/flip.h"
#include "switch/quiet.h"
#include "switch/wire.h"

#define MARGIN_MS 250u   /* before the limit, at most a quarter of it: for the release to get to every worker */
#define LATER_MS 3000u   /* the workers end a hold by themselves so long behind the limit: only when nobody has told them by then */
#define FAREWELL_MS 500u /* for tunnels, at most a quarter of the limit */
#define CUT_EVERY_MS 500u
#define KILL_MS 1000u  /* from SIGKILL to giving up, where somebody waits for that */
#define GRACE_MS 2000u /* from SIGTERM to SIGKILL, at most a quarter of what the command has */

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

const char *exclusive_foresee(struct switcher *switcher, const char **code)
{
	const struct actuator *actuator = &switcher->actuator;
	const char *held = actuator->foresee_hold(actuator->arg), *left = held ? NULL : switcher->host.foresee_command(switcher->host.arg);
	*code = held ? "held" : "command_remains";
	return held ? held : left;
}

void exclusive_begin(struct switcher *switcher)
{
	const struct actuator *actuator = &switcher->actuator;
	struct deployment *deployment = switcher->current;
	uint64_t now = course_now_ms(switcher), limit_ms = deployment->exclusive.hold_max_ms;
	uint64_t margin_ms = within_quarter(MARGIN_MS, limit_ms);
	const char *code, *why = exclusive_foresee(switcher, &code);
	if (why) {
		course_finish(switcher, OUTCOME_REFUSED, code, 3, "%s", why);
		return;
	}
	switcher->hold.ends_ms = now + limit_ms - margin_ms;
	switcher->hold.lost_ms = now + limit_ms - margin_ms / 2;
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
	char busy[160];
	quiet_describe_busy(switcher, busy, sizeof(busy));
	course_finish(switcher, OUTCOME_FAILED, "exclusive_drain", 1, "%s after %" PRIu64 " ms of hold; %s is live as before, and nothing was run", busy,
		held_ms(switcher), color_name(switcher->current->from));
}

static void commit(struct switcher *switcher);

/* That it begins is written down first: whoever starts the daemon anew must know. */
static void prepare_command(struct switcher *switcher)
{
	course_enter(switcher, STEP_COMMAND);
	flip_record(switcher);
}

void exclusive_run_hold(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	uint64_t now = course_now_ms(switcher);
	bool quiet = quiet_is_reached(switcher);
	deployment->inflight = quiet_count_busy(switcher);
	if (now >= switcher->hold.ends_ms) {
		give_up_drain(switcher);
	} else if (!quiet) {
		cut_tunnels(switcher, now);
	} else {
		deployment->exclusive.drained_at = course_wall_ms(switcher);
		quiet_tell(switcher, held_ms(switcher));
		if (deployment->exclusive.run)
			prepare_command(switcher);
		else
			commit(switcher);
	}
}

/* ---- command ---- */

/* What it has is what is left of the hold; the last part of that is for ending it. */
static void begin_command(struct switcher *switcher, uint64_t now)
{
	struct deployment *deployment = switcher->current;
	switcher->hold.told = switcher->hold.killed = false;
	switcher->hold.stop_cause = NULL;
	switcher->hold.tell_ms = switcher->hold.ends_ms - within_quarter(GRACE_MS, switcher->hold.ends_ms - now);
	deployment->exclusive.run_at = course_wall_ms(switcher);
	course_emit(switcher, "command_started", json_pack("{s:o}", "program", wire_text(deployment->exclusive.program)), "%s: running %s", switcher->service,
		deployment->exclusive.program);
	switcher->host.choose_backends(switcher->host.arg, deployment->to);
	/* It is ended here, by ends_ms: its own limit is for a daemon that forgot it. */
	switcher->host.begin_command(switcher->host.arg, deployment, switcher->hold.limit_ms + LATER_MS - now);
}

static void begin_when_recorded(struct switcher *switcher, uint64_t now)
{
	char why[384] = "it was not on disk before the hold's end";
	struct deployment *deployment = switcher->current;
	bool forced = deployment->durable != 1; /* nothing is on disk, and that was accepted */
	enum keeper_state state = forced ? KEEPER_DURABLE : flip_read_record(switcher, why, sizeof(why));
	if (state == KEEPER_PENDING && now < switcher->hold.ends_ms)
		return;
	if (state == KEEPER_DURABLE && now < switcher->hold.ends_ms)
		begin_command(switcher, now);
	else
		course_finish(switcher, OUTCOME_FAILED, "exclusive_run", 1, "%.200s was not begun, as that could not be written down: %s; %s is live as before",
			deployment->exclusive.program, why, color_name(deployment->from));
}

static void note_end(struct switcher *switcher, const char *sentence)
{
	struct deployment_exclusive *exclusive = &switcher->current->exclusive;
	exclusive->ran_at = course_wall_ms(switcher);
	snprintf(exclusive->result, sizeof(exclusive->result), "%s", sentence);
}

static void fail_command(struct switcher *switcher, const char *cause, const char *sentence)
{
	note_end(switcher, sentence);
	if (switcher->hold.stop_cause) {
		deployment_warn(switcher->current, "%s", sentence);
		course_finish(switcher, OUTCOME_ABORTED, switcher->hold.stop_cause, 1, "%s", switcher->hold.stop_detail);
		return;
	}
	course_finish(switcher, OUTCOME_FAILED, cause, 1, "%.400s; %s is live as before", sentence, color_name(switcher->current->from));
}

static void tell_command(struct switcher *switcher, bool kill)
{
	switcher->hold.told = true;
	switcher->hold.killed = kill;
	switcher->host.tell_command(switcher->host.arg, kill);
}

/* It runs. Even SIGKILL may not end it, when it waits for a disk: clients wait no longer for that. */
static void press_command(struct switcher *switcher, uint64_t now)
{
	char sentence[sizeof(switcher->current->exclusive.result)];
	if (now >= switcher->hold.ends_ms && !switcher->hold.killed)
		tell_command(switcher, true);
	else if (now >= switcher->hold.tell_ms && !switcher->hold.told)
		tell_command(switcher, false);
	if (now < switcher->hold.lost_ms)
		return;
	snprintf(sentence, sizeof(sentence), "%.200s is still there though it was killed, after %" PRIu64 " ms of hold: it may yet do something",
		switcher->current->exclusive.program, held_ms(switcher));
	fail_command(switcher, "exclusive_time", sentence);
}

/* With whatever status: one that is told to end may well say that it did what it was told. */
static void end_told(struct switcher *switcher, const char *how)
{
	char sentence[sizeof(switcher->current->exclusive.result)];
	snprintf(sentence, sizeof(sentence), "%.350s; it was told to end%s, so what it does may be done in part", how,
		switcher->hold.stop_cause ? "" : " before the hold's limit");
	fail_command(switcher, "exclusive_time", sentence);
}

static void end_well(struct switcher *switcher, const char *sentence)
{
	note_end(switcher, sentence);
	course_emit(switcher, "command_ended", json_pack("{s:o}", "program", wire_text(switcher->current->exclusive.program)), "%s: %s", switcher->service,
		sentence);
	course_enter(switcher, STEP_CHECK);
	switcher->host.write_truth(switcher->host.arg); /* how it ended is known after a crash, too */
}

void exclusive_run_command(struct switcher *switcher)
{
	char sentence[sizeof(switcher->current->exclusive.result)] = "";
	uint64_t now = course_now_ms(switcher);
	if (!switcher->current->exclusive.run_at) {
		begin_when_recorded(switcher, now);
		return;
	}
	enum switcher_command state = switcher->host.run_command(switcher->host.arg, sentence, sizeof(sentence));
	if (state == SWITCHER_COMMAND_RUNS)
		press_command(switcher, now);
	else if (switcher->hold.told)
		end_told(switcher, sentence);
	else if (state == SWITCHER_COMMAND_FAILED)
		fail_command(switcher, "exclusive_run", sentence);
	else
		end_well(switcher, sentence);
}

static bool command_runs(const struct switcher *switcher)
{
	const struct deployment *deployment = switcher->current;
	return deployment->step == STEP_COMMAND && deployment->exclusive.run_at && !deployment->exclusive.ran_at;
}

/* The same time for ending it as at the limit, from now on. */
bool exclusive_stop_command(struct switcher *switcher, const char *cause, const char *detail)
{
	uint64_t now = course_now_ms(switcher);
	if (!command_runs(switcher))
		return false;
	if (switcher->hold.stop_cause)
		return true;
	switcher->hold.stop_cause = cause;
	snprintf(switcher->hold.stop_detail, sizeof(switcher->hold.stop_detail), "%s", detail);
	if (now < switcher->hold.ends_ms)
		switcher->hold.ends_ms = now + within_quarter(GRACE_MS, switcher->hold.ends_ms - now);
	if (switcher->hold.lost_ms > switcher->hold.ends_ms + KILL_MS)
		switcher->hold.lost_ms = switcher->hold.ends_ms + KILL_MS;
	if (!switcher->hold.told)
		tell_command(switcher, false);
	return true;
}

void exclusive_note_stop(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	if ((deployment->step == STEP_CHECK || deployment->step == STEP_COMMIT) && deployment->exclusive.ran_at)
		deployment_warn(deployment, "%.200s had ended well before that, so what it does is done, though %s stays live", deployment->exclusive.program,
			color_name(deployment->from));
}

/* ---- check ---- */

static bool is_dead(const struct switcher *switcher)
{
	struct switcher_probes probes;
	switcher->host.read_probes(switcher->host.arg, switcher->current->to, &probes);
	return probes.health == COLOR_HEALTH_UNHEALTHY;
}

/* A release that the command's doing has broken is no better than the old one. One that needs a moment for it has what is left of the limit. */
void exclusive_run_check(struct switcher *switcher)
{
	char why[384] = "";
	struct deployment *deployment = switcher->current;
	bool passed = deployment->force || switcher->host.run_check(switcher->host.arg, why, sizeof(why));
	if (passed && is_dead(switcher) && !deployment->force) {
		passed = false;
		snprintf(why, sizeof(why), "no backend of %s is up", color_name(deployment->to));
	}
	if (!passed && course_now_ms(switcher) < switcher->hold.ends_ms)
		return;
	if (!passed) {
		course_finish(switcher, OUTCOME_FAILED, "exclusive_health", 1, "%s was not well again behind the command: %s; %s is live as before",
			color_name(deployment->to), why, color_name(deployment->from));
		return;
	}
	switcher->host.stop_check(switcher->host.arg);
	deployment->exclusive.probed_at = deployment->force ? 0 : course_wall_ms(switcher);
	commit(switcher);
}

/* ---- commit ---- */

static void commit(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	if (is_dead(switcher) && !deployment->force) {
		course_finish(switcher, OUTCOME_FAILED, "exclusive_health", 1, "no backend of %s is up; %s is live as before", color_name(deployment->to),
			color_name(deployment->from));
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

/* The daemon ends in the middle of it, and goes on with nothing. */
static void end_command(struct switcher *switcher)
{
	char sentence[384];
	uint64_t now = course_now_ms(switcher), left = now < switcher->hold.ends_ms ? switcher->hold.ends_ms - now : 0;
	switcher->host.end_command(switcher->host.arg, within_quarter(GRACE_MS, left));
	snprintf(sentence, sizeof(sentence), "%.200s was ended in the middle of its work, after %" PRIu64 " ms of hold: what it does may be done in part",
		switcher->current->exclusive.program, held_ms(switcher));
	note_end(switcher, sentence);
	deployment_warn(switcher->current, "%s", sentence);
}

void exclusive_stop(struct switcher *switcher)
{
	if (command_runs(switcher))
		end_command(switcher);
	if (switcher->current->step == STEP_CHECK)
		switcher->host.stop_check(switcher->host.arg);
	let_go(switcher, switcher->current->from);
}

/* ---- after a restart ---- */

static const char *tell_orphan(struct switcher *switcher)
{
	const struct deployment *deployment = switcher->current;
	const char *program = deployment->exclusive.program;
	if (!switcher->host.had_orphans(switcher->host.arg, deployment))
		return NULL;
	course_emit(switcher, "command_killed", json_pack("{s:o}", "program", wire_text(program)),
		"%s: %.200s of an exclusive switch had outlived the daemon and was killed", switcher->service, program);
	deployment_warn(switcher->current, "%.200s had outlived the daemon and was killed when that was started anew", program);
	return "was killed in the middle of its work, so what it does may be done in part";
}

/* With --force it is begun though that could not be written down. */
static bool is_not_begun(const struct deployment *deployment, enum step step)
{
	return step < STEP_COMMAND && (!deployment->force || deployment->durable == 1);
}

static void finish_interrupted(struct switcher *switcher, const char *what)
{
	course_finish(switcher, OUTCOME_FAILED, "interrupted", 1, "the daemon ended in the middle of an exclusive switch: %s is live as before; %s",
		color_name(switcher->current->from), what);
}

void exclusive_end_interrupted(struct switcher *switcher, enum step step)
{
	char what[sizeof(switcher->current->detail)];
	const struct deployment *deployment = switcher->current;
	const char *program = deployment->exclusive.program, *how = tell_orphan(switcher);
	if (deployment->exclusive.ran_at)
		snprintf(what, sizeof(what), "%.300s, so look before switching again", deployment->exclusive.result);
	else if (how || step >= STEP_COMMAND)
		snprintf(what, sizeof(what), "%.200s was begun and %s; look before switching again", program,
			how ? how : "nobody saw how it ended, but it is gone");
	else if (is_not_begun(deployment, step))
		snprintf(what, sizeof(what), "%.200s was not begun", program);
	else
		snprintf(what, sizeof(what), "nobody knows whether %.200s was begun, as it might be without a record (--force); look before switching again",
			program);
	finish_interrupted(switcher, what);
}
