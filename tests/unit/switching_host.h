/* What a switcher asks for in tests, from a world that the test is: clock, journal, probes, traffic and the actuator. What is done is noted in order. */
#ifndef TEAL_TESTS_UNIT_SWITCHING_HOST_H
#define TEAL_TESTS_UNIT_SWITCHING_HOST_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "switch/switcher.h"

static struct world {
	uint64_t us;
	enum color live;
	struct release release[COLOR_COUNT];
	bool deployed[COLOR_COUNT];
	unsigned backends[COLOR_COUNT], up[COLOR_COUNT], unknown[COLOR_COUNT], failed_rounds[COLOR_COUNT];
	struct switcher_counts counts[COLOR_COUNT];
	struct judge_baseline before[COLOR_COUNT];
	struct judge_window window;
	unsigned armed;
	uint64_t log_matches;
	bool log_is_lost, unprobed;
	uint64_t given_up[COLOR_COUNT];
	uint64_t inflight[COLOR_COUNT], assist[COLOR_COUNT], cut[COLOR_COUNT];
	bool crosses;   /* once a color's busy ones were read, the other one's request is sent there */
	unsigned share; /* of the color that is not live */
	bool held;
	bool cold; /* what is opened in advance doesn't stand yet */
	enum procedure_state procedure;
	unsigned procedure_change, procedure_reads; /* changes not told yet; how often its rows were read */
	bool gates_came;                            /* by a reload, after it had passed */
	struct procedure_refusal refusal;
	enum switcher_command command;
	uint64_t ticket; /* of the last flip */
	bool locked, quarantined, lifted, in_force, quiet;
	enum keeper_state truth;
	uint64_t truths;
	uint64_t command_ms;
	bool broken;      /* the new color, behind the command */
	bool orphan;      /* something of an earlier command is alive */
	char told[256];   /* by hooks and their like */
	char story[4096]; /* what was done, in order */
	char outcome[32], cause[32];
	int exit_code;
	json_t *document; /* as last written */
	struct switcher *switcher;
	struct {
		bool wanted; /* the service is switched by changes */
		bool unable, later, already, left, insync;
		bool once;                    /* what is sent behind that is made */
		enum actuator_change outcome; /* of whatever is sent */
		char record[32];              /* what was made last */
		const char *hindrance, *fault, *drift;
		json_t *written; /* the deployment in the truth as begun to be written last, running or to be undone; and the live color */
		enum color written_live;
		uint64_t written_us;
		json_t *found; /* the intent that was on disk behind a crash */
		json_t *sent;  /* the newest one, with what became of it */
	} change;
} world;

static inline void note(const char *what, const char *more)
{
	size_t used = strlen(world.story);
	snprintf(world.story + used, sizeof(world.story) - used, "%s%s%s%s", used ? " " : "", what, more ? ":" : "", more ? more : "");
}

static inline uint64_t read_mono_us(void *arg)
{
	(void)arg;
	return world.us;
}

static inline uint64_t read_wall_ms(void *arg)
{
	(void)arg;
	return 1700000000000u + world.us / 1000;
}

static inline void read_gates(void *arg, enum color to, struct gates_input *input)
{
	(void)arg;
	*input = (struct gates_input){
		.live = world.live,
		.locked = world.locked,
		.backends = world.backends[to],
		.up = world.up[to],
		.unknown = world.unknown[to],
		.healthy_share = 1,
		.quarantine = world.quarantined ? "an earlier one" : NULL,
		.durable_fault = world.truth == KEEPER_FAILED ? "no space left" : NULL,
	};
}

static inline void read_probes(void *arg, enum color color, struct switcher_probes *probes)
{
	(void)arg;
	unsigned down = world.backends[color] - world.up[color] - world.unknown[color];
	*probes = (struct switcher_probes){world.failed_rounds[color], !world.unprobed, color_health_of(world.up[color], down, world.unknown[color])};
}

static inline void forget_probes(void *arg)
{
	(void)arg;
	world.failed_rounds[COLOR_BLUE] = world.failed_rounds[COLOR_GREEN] = 0;
}

static inline void read_counts(void *arg, enum color color, struct switcher_counts *counts)
{
	(void)arg;
	*counts = world.counts[color];
}

static inline uint64_t count_given_up(void *arg, enum color color, uint64_t *within_ms)
{
	(void)arg;
	*within_ms = 90000;
	return world.given_up[color];
}

static inline void read_before(void *arg, enum color color, struct judge_baseline *before)
{
	(void)arg;
	*before = world.before[color];
}

static inline void read_window(void *arg, enum color color, uint64_t since_us, struct judge_window *window)
{
	(void)arg;
	(void)color;
	(void)since_us;
	*window = world.window;
}

static inline void mark_senses(void *arg)
{
	(void)arg;
	world.armed++;
}

static inline void read_senses(void *arg, struct judge_input *input)
{
	(void)arg;
	input->log.followed = world.armed > 0 && !world.log_is_lost;
	input->log.matches = world.log_matches;
}

static const struct release *read_release(void *arg, enum color color, bool *deployed)
{
	(void)arg;
	*deployed = world.deployed[color];
	return &world.release[color];
}

static inline void read_readiness(void *arg, enum color color, struct readiness_input *input)
{
	(void)arg;
	input->backends = world.backends[color];
	input->up = world.up[color];
	input->unknown = world.unknown[color];
}

static inline void set_release(void *arg, enum color color, const struct release *release, bool deployed)
{
	(void)arg;
	struct release copy;
	release_copy(&copy, release);
	release_fini(&world.release[color]);
	world.release[color] = copy;
	world.deployed[color] = deployed;
	note("release", release->version);
}

static inline void set_live(void *arg, enum color live)
{
	(void)arg;
	world.live = live;
}

static inline void quarantine(void *arg, const struct deployment *deployment)
{
	(void)arg;
	note("quarantine", deployment->to_release.version);
}

static inline void lift_quarantine(void *arg, enum color color)
{
	(void)arg;
	(void)color;
	world.lifted = true;
}

static inline void keep_truth(void)
{
	const struct deployment *deployment = switcher_current(world.switcher) ? switcher_current(world.switcher) : switcher_undo(world.switcher);
	json_decref(world.change.written);
	world.change.written = deployment ? deployment_to_truth(deployment) : NULL;
	world.change.written_live = switcher_truth_live(world.switcher, world.live);
	world.change.written_us = world.us;
}

static inline uint64_t write_truth(void *arg)
{
	(void)arg;
	note("truth", color_name(switcher_truth_live(world.switcher, world.live)));
	if (world.change.wanted)
		keep_truth();
	return ++world.truths;
}

static inline enum keeper_state read_truth(void *arg, uint64_t ticket, char *sentence, size_t size)
{
	(void)arg;
	(void)ticket;
	snprintf(sentence, size, "no space left");
	return world.truth;
}

static inline void write_deployment(void *arg, const struct deployment *deployment)
{
	(void)arg;
	json_decref(world.document);
	world.document = deployment_to_json(deployment);
}

static inline void emit(void *arg, const struct deployment *deployment, const char *event, json_t *more, const char *text)
{
	(void)arg;
	assert_int_not_equal(text[0], '\0');
	note(event, NULL);
	if (deployment->outcome != OUTCOME_RUNNING && strcmp(event, deployment_outcome_name(deployment->outcome)) == 0) {
		snprintf(world.outcome, sizeof(world.outcome), "%s", event);
		snprintf(world.cause, sizeof(world.cause), "%s", deployment->cause);
		world.exit_code = deployment->exit_code;
	}
	json_decref(more);
}

static inline uint64_t warm(void *arg)
{
	(void)arg;
	note("warm", NULL);
	return 5;
}

static inline bool is_warm(void *arg, uint64_t ticket)
{
	(void)arg;
	assert_int_equal(ticket, 5);
	return !world.cold;
}

static inline uint64_t apply(void *arg, enum color live, unsigned share)
{
	(void)arg;
	char split[32];
	snprintf(split, sizeof(split), share ? "%s-%u" : "%s", color_name(live), share);
	note("apply", split);
	world.share = share;
	return world.ticket = 7;
}

static inline bool in_force(void *arg, uint64_t ticket)
{
	(void)arg;
	(void)ticket;
	return world.in_force;
}

static inline void close_tunnels(void *arg, enum color color, uint64_t ticket, uint64_t over_ms)
{
	(void)arg;
	char order[64];
	assert_true(ticket == world.ticket || ticket == 0); /* nothing is from before a restart */
	snprintf(order, sizeof(order), "%s:%u", color_name(color), (unsigned)over_ms);
	note("close_tunnels", order);
}

static inline void cut(void *arg, enum color color, uint64_t ticket, bool requests, bool tunnels)
{
	(void)arg;
	assert_int_equal(ticket, world.ticket);
	note(!requests ? "cut_tunnels" : tunnels ? "cut_all" : "cut_requests", color_name(color));
}

static inline uint64_t hold(void *arg, uint64_t max_ms)
{
	(void)arg;
	assert_false(world.held);
	assert_true(max_ms > 0);
	world.held = true;
	note("hold", NULL);
	return ++world.ticket;
}

static inline void release(void *arg)
{
	(void)arg;
	assert_true(world.held);
	world.held = false;
	note("release", color_name(world.live));
}

static inline const char *foresee_hold(void *arg)
{
	(void)arg;
	return world.held ? "held by hand" : NULL;
}

static inline uint64_t read_busy(void *arg, enum color color)
{
	(void)arg;
	uint64_t busy = world.inflight[color] + world.assist[color];
	if (world.crosses) {
		world.crosses = false;
		world.assist[color]++;
		world.inflight[color_other(color)]--;
	}
	return busy;
}

static inline void settle(void *arg)
{
	(void)arg;
	note("settle", NULL);
}

static inline uint64_t read_inflight(void *arg, enum color color)
{
	(void)arg;
	return world.inflight[color];
}

static inline uint64_t read_cut(void *arg, enum color color)
{
	(void)arg;
	return world.cut[color];
}

static inline bool is_quiet(void *arg, enum color color)
{
	(void)arg;
	(void)color;
	return world.quiet;
}

static inline void begin_procedure(void *arg, const struct deployment *deployment)
{
	(void)arg;
	(void)deployment;
	world.procedure_change = 1;
	note("procedure", NULL);
}

static inline bool resume_procedure(void *arg, const struct deployment *deployment)
{
	(void)arg;
	assert_non_null(deployment);
	bool came = world.gates_came;
	if (came)
		note("resume", NULL);
	world.gates_came = false;
	return came;
}

static inline enum procedure_state run_procedure(void *arg, const struct procedure_refusal **refusal, bool *changed)
{
	(void)arg;
	*refusal = &world.refusal;
	*changed = world.procedure_change > 0 || world.procedure != PROCEDURE_PENDING;
	world.procedure_change = 0;
	return world.procedure;
}

static inline json_t *read_procedure(void *arg)
{
	(void)arg;
	world.procedure_reads++;
	return json_pack("[{s:s, s:b}]", "name", "hook", "passed", world.procedure == PROCEDURE_PASSED);
}

static inline void cancel_procedure(void *arg)
{
	(void)arg;
	note("cancel_procedure", NULL);
}

static inline void tell(void *arg, enum herald_moment moment, const struct deployment *deployment)
{
	static const char *const names[HERALD_MOMENT_COUNT] = {"started", "approval", "switched", "promoted", "rolled_back", "refused", "aborted", "failed"};
	(void)arg;
	(void)deployment;
	size_t used = strlen(world.told);
	snprintf(world.told + used, sizeof(world.told) - used, "%s%s", used ? " " : "", names[moment]);
}

static inline void begin_command(void *arg, const struct deployment *deployment, uint64_t limit_ms)
{
	(void)arg;
	assert_true(limit_ms > 0);
	world.command_ms = limit_ms;
	note("run", deployment->exclusive.run[1]);
}

static inline enum switcher_command run_command(void *arg, char *sentence, size_t size)
{
	(void)arg;
	snprintf(sentence, size, "/bin/migrate ended somehow");
	return world.command;
}

static inline const char *foresee_command(void *arg)
{
	(void)arg;
	return world.orphan ? "a process of the last one is still there" : NULL;
}

static inline void tell_command(void *arg, bool kill)
{
	(void)arg;
	note(kill ? "kill" : "term", NULL);
}

static inline void end_command(void *arg, uint64_t grace_ms)
{
	char grace[32];
	(void)arg;
	snprintf(grace, sizeof(grace), "%u", (unsigned)grace_ms);
	note("end", grace);
}

static inline void choose_backends(void *arg, enum color color)
{
	(void)arg;
	note("choose", color_name(color));
}

static inline bool run_check(void *arg, char *sentence, size_t size)
{
	(void)arg;
	snprintf(sentence, size, "127.0.0.1:2 did not pass a probe: status 500");
	return !world.broken;
}

static inline void stop_check(void *arg)
{
	(void)arg;
	note("stop_check", NULL);
}

static inline bool had_orphans(void *arg, const struct deployment *deployment)
{
	(void)arg;
	note("orphans_of", deployment->id[0] ? NULL : "nobody");
	return world.orphan;
}

#endif
