/* The switcher against a world that the test is: clock, journal, probes, traffic and the actuator. What is told, in which order, and how a deployment ends. */
// links: switch
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
	bool log_is_lost;
	uint64_t inflight[COLOR_COUNT], cut[COLOR_COUNT];
	uint64_t ticket; /* of the last flip */
	bool locked, quarantined, lifted, in_force, quiet;
	enum keeper_state truth;
	uint64_t truths;
	char story[2048]; /* what was done, in order */
	char outcome[32], cause[32];
	int exit_code;
	json_t *document; /* as last written */
	struct switcher *switcher;
} world;

static void note(const char *what, const char *more)
{
	size_t used = strlen(world.story);
	snprintf(world.story + used, sizeof(world.story) - used, "%s%s%s%s", used ? " " : "", what, more ? ":" : "", more ? more : "");
}

static uint64_t read_mono_us(void *arg)
{
	(void)arg;
	return world.us;
}

static uint64_t read_wall_ms(void *arg)
{
	(void)arg;
	return 1700000000000u + world.us / 1000;
}

static void read_gates(void *arg, enum color to, struct gates_input *input)
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

static void read_probes(void *arg, enum color color, struct switcher_probes *probes)
{
	(void)arg;
	unsigned down = world.backends[color] - world.up[color] - world.unknown[color];
	*probes = (struct switcher_probes){world.failed_rounds[color], true, color_health_of(world.up[color], down, world.unknown[color])};
}

static void forget_probes(void *arg)
{
	(void)arg;
	world.failed_rounds[COLOR_BLUE] = world.failed_rounds[COLOR_GREEN] = 0;
}

static void read_counts(void *arg, enum color color, struct switcher_counts *counts)
{
	(void)arg;
	*counts = world.counts[color];
}

static void read_before(void *arg, enum color color, struct judge_baseline *before)
{
	(void)arg;
	*before = world.before[color];
}

static void read_window(void *arg, enum color color, uint64_t since_us, struct judge_window *window)
{
	(void)arg;
	(void)color;
	(void)since_us;
	*window = world.window;
}

static void mark_senses(void *arg)
{
	(void)arg;
	world.armed++;
}

static void read_senses(void *arg, struct judge_input *input)
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

static void read_readiness(void *arg, enum color color, struct readiness_input *input)
{
	(void)arg;
	input->backends = world.backends[color];
	input->up = world.up[color];
	input->unknown = world.unknown[color];
}

static void set_release(void *arg, enum color color, const struct release *release, bool deployed)
{
	(void)arg;
	struct release copy;
	release_copy(&copy, release);
	release_fini(&world.release[color]);
	world.release[color] = copy;
	world.deployed[color] = deployed;
	note("release", release->version);
}

static void set_live(void *arg, enum color live)
{
	(void)arg;
	world.live = live;
}

static void quarantine(void *arg, const struct deployment *deployment)
{
	(void)arg;
	note("quarantine", deployment->to_release.version);
}

static void lift_quarantine(void *arg, enum color color)
{
	(void)arg;
	(void)color;
	world.lifted = true;
}

static uint64_t write_truth(void *arg)
{
	(void)arg;
	note("truth", color_name(switcher_truth_live(world.switcher, world.live)));
	return ++world.truths;
}

static enum keeper_state read_truth(void *arg, uint64_t ticket, char *sentence, size_t size)
{
	(void)arg;
	(void)ticket;
	snprintf(sentence, size, "no space left");
	return world.truth;
}

static void write_deployment(void *arg, const struct deployment *deployment)
{
	(void)arg;
	json_decref(world.document);
	world.document = deployment_to_json(deployment);
}

static void emit(void *arg, const struct deployment *deployment, const char *event, json_t *more, const char *text)
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

static uint64_t apply(void *arg, enum color live)
{
	(void)arg;
	note("apply", color_name(live));
	return world.ticket = 7;
}

static bool in_force(void *arg, uint64_t ticket)
{
	(void)arg;
	(void)ticket;
	return world.in_force;
}

static void close_tunnels(void *arg, enum color color, uint64_t ticket, uint64_t over_ms)
{
	(void)arg;
	char order[64];
	assert_true(ticket == world.ticket || ticket == 0); /* nothing is from before a restart */
	snprintf(order, sizeof(order), "%s:%u", color_name(color), (unsigned)over_ms);
	note("close_tunnels", order);
}

static void cut(void *arg, enum color color, uint64_t ticket, bool tunnels)
{
	(void)arg;
	assert_int_equal(ticket, world.ticket);
	note(tunnels ? "cut_all" : "cut_requests", color_name(color));
}

static void settle(void *arg)
{
	(void)arg;
	note("settle", NULL);
}

static uint64_t read_inflight(void *arg, enum color color)
{
	(void)arg;
	return world.inflight[color];
}

static uint64_t read_cut(void *arg, enum color color)
{
	(void)arg;
	return world.cut[color];
}

static bool is_quiet(void *arg, enum color color)
{
	(void)arg;
	(void)color;
	return world.quiet;
}

/* ---- the world ---- */

static const struct actor ada = {"ada", 1000};

static void set_color(enum color color, const char *version, const char *backend)
{
	world.release[color].version = memory_text(version);
	world.release[color].count = 1;
	world.release[color].backends = memory_array(1, sizeof(char *));
	world.release[color].backends[0] = memory_text(backend);
	world.backends[color] = world.up[color] = 1;
}

static void make_switcher(void)
{
	static const struct switcher_host host = {
		.read_mono_us = read_mono_us,
		.read_wall_ms = read_wall_ms,
		.read_gates = read_gates,
		.read_probes = read_probes,
		.forget_probes = forget_probes,
		.read_counts = read_counts,
		.read_before = read_before,
		.read_window = read_window,
		.mark_senses = mark_senses,
		.read_senses = read_senses,
		.read_release = read_release,
		.read_readiness = read_readiness,
		.set_release = set_release,
		.set_live = set_live,
		.quarantine = quarantine,
		.lift_quarantine = lift_quarantine,
		.write_truth = write_truth,
		.read_truth = read_truth,
		.write_deployment = write_deployment,
		.emit = emit,
	};
	static const struct actuator actuator = {
		.apply = apply,
		.in_force = in_force,
		.close_tunnels = close_tunnels,
		.cut = cut,
		.settle = settle,
		.read_inflight = read_inflight,
		.read_cut = read_cut,
		.is_quiet = is_quiet,
	};
	static const struct switcher_policy policy = {
		.drain_requests_ms = 5000, .drain_tunnels_ms = 8000, .limits = {.error_rate = 0.01, .unhealthy_probes = 3}};
	world.switcher = switcher_new("shop", &host, &actuator);
	switcher_set_policy(world.switcher, &policy);
}

static int begin(void **state)
{
	(void)state;
	world = (struct world){.us = 1000000, .live = COLOR_BLUE, .in_force = true, .quiet = true, .truth = KEEPER_DURABLE};
	set_color(COLOR_BLUE, "v1", "127.0.0.1:1");
	set_color(COLOR_GREEN, "v2", "127.0.0.1:2");
	make_switcher();
	return 0;
}

static int end(void **state)
{
	(void)state;
	switcher_free(world.switcher);
	release_fini(&world.release[COLOR_BLUE]);
	release_fini(&world.release[COLOR_GREEN]);
	json_decref(world.document);
	return 0;
}

static void pass(uint64_t ms)
{
	world.us += ms * 1000;
	switcher_run(world.switcher);
}

static struct switcher_request request_of(enum color to)
{
	return (struct switcher_request){.kind = DEPLOYMENT_SWITCH, .to = to, .actor = ada, .wait_ms = 60000, .bake_ms = 300000};
}

static void start(enum color to)
{
	char id[32];
	struct switcher_refusal refusal = {0};
	struct switcher_request request = request_of(to);
	if (!switcher_start(world.switcher, &request, id, &refusal))
		fail_msg("refused: %s", refusal.detail);
}

static void assert_refused(const struct switcher_request *request, const char *code)
{
	char id[32];
	struct switcher_refusal refusal;
	assert_false(switcher_start(world.switcher, request, id, &refusal));
	assert_string_equal(refusal.code, code);
}

static const char *phase(void)
{
	const struct deployment *current = switcher_current(world.switcher);
	return current ? deployment_phase(current) : "steady";
}

static void assert_ended(const char *outcome, const char *cause, int exit_code)
{
	assert_string_equal(phase(), "steady");
	assert_string_equal(world.outcome, outcome);
	assert_string_equal(world.cause, cause);
	assert_int_equal(world.exit_code, exit_code);
}

static void answer(enum color color, unsigned answers, unsigned errors)
{
	world.counts[color].ended += answers;
	world.counts[color].errors += errors;
}

/* ---- a switch ---- */

static void test_the_truth_comes_before_the_flip(void **state)
{
	(void)state;
	world.truth = KEEPER_PENDING;
	start(COLOR_GREEN);
	assert_string_equal(world.story, "deployment_started gates_passed truth:green");
	assert_int_equal(world.live, COLOR_BLUE);
	world.truth = KEEPER_DURABLE;
	world.in_force = false;
	pass(1);
	assert_int_equal(world.live, COLOR_GREEN);
	assert_string_equal(phase(), "shifting");
	assert_string_equal(world.story, "deployment_started gates_passed truth:green apply:green close_tunnels:blue:8000 flipped truth:green");
}

static void test_a_good_switch(void **state)
{
	(void)state;
	world.inflight[COLOR_BLUE] = 2;
	start(COLOR_GREEN);
	assert_string_equal(phase(), "draining");
	world.inflight[COLOR_BLUE] = 0;
	pass(20);
	assert_string_equal(phase(), "baking");
	answer(COLOR_GREEN, 500, 1);
	pass(299900);
	assert_string_equal(phase(), "baking");
	pass(200);
	assert_ended("promoted", "bake_over", 0);
	assert_string_equal(json_string_value(json_object_get(world.document, "verdict")), "good");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(world.document, "receipt"), "drained")), 2);
	assert_non_null(strstr(world.story, "safe_to_stop"));
	assert_non_null(switcher_undo(world.switcher));
}

static void test_too_little_traffic_is_said(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	pass(300100);
	assert_ended("promoted", "bake_over", 0);
	assert_string_equal(json_string_value(json_object_get(world.document, "verdict")), "inconclusive");
	assert_int_equal(json_array_size(json_object_get(world.document, "warnings")), 1);
}

static void test_a_log_that_is_not_followed_is_told_of(void **state)
{
	(void)state;
	static const struct switcher_policy policy = {
		.drain_requests_ms = 5000, .drain_tunnels_ms = 8000, .limits = {.log_matches = 5, .log_within_ms = 60000}};
	switcher_set_policy(world.switcher, &policy);
	world.log_is_lost = true;
	start(COLOR_GREEN);
	pass(2000);
	assert_null(strstr(world.story, "blind"));
	pass(300000);
	char *told = strstr(world.story, "blind");
	assert_non_null(told);
	assert_null(strstr(told + 1, "blind"));
	const json_t *warnings = json_object_get(world.document, "warnings");
	assert_int_equal(json_array_size(warnings), 2); /* and that the verdict is inconclusive */
	assert_string_equal(json_string_value(json_array_get(warnings, 0)), "log can't be judged: not all of the log is followed: it has not been opened yet");
}

static void test_inconclusive_goes_back_when_the_file_says_so(void **state)
{
	(void)state;
	static const struct switcher_policy policy = {.drain_requests_ms = 5000, .drain_tunnels_ms = 8000, .inconclusive = CONF_INCONCLUSIVE_ROLLBACK};
	switcher_set_policy(world.switcher, &policy);
	start(COLOR_GREEN);
	pass(300100);
	assert_ended("rolled_back", "inconclusive", 4);
	assert_int_equal(world.live, COLOR_BLUE);
}

static void test_inconclusive_stays_when_there_is_no_way_back(void **state)
{
	(void)state;
	static const struct switcher_policy policy = {.drain_requests_ms = 5000, .drain_tunnels_ms = 8000, .inconclusive = CONF_INCONCLUSIVE_ROLLBACK};
	switcher_set_policy(world.switcher, &policy);
	start(COLOR_GREEN);
	world.up[COLOR_BLUE] = 0;
	pass(300100);
	assert_ended("failed", "inconclusive", 1);
	assert_int_equal(world.live, COLOR_GREEN);
}

/* A probe fails between the bake's end and the last look, which comes a little later. */
static void test_the_last_look_acts(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	pass(299950);
	world.failed_rounds[COLOR_GREEN] = 3;
	pass(60);
	assert_string_equal(phase(), "baking");
	pass(200);
	assert_ended("rolled_back", "probes", 4);
	assert_int_equal(world.live, COLOR_BLUE);
}

static unsigned count_told(const char *event)
{
	unsigned told = 0;
	for (const char *at = strstr(world.story, event); at; at = strstr(at + 1, event))
		told++;
	return told;
}

static void test_no_way_back_is_told_once(void **state)
{
	(void)state;
	world.up[COLOR_BLUE] = 0;
	world.truth = KEEPER_PENDING;
	start(COLOR_GREEN);
	pass(10);
	assert_int_equal(count_told("readiness"), 1);
	world.truth = KEEPER_DURABLE;
	pass(10);
	pass(10);
	assert_int_equal(world.live, COLOR_GREEN);
	assert_int_equal(count_told("readiness"), 1);
	world.up[COLOR_BLUE] = 1;
	pass(10);
	assert_int_equal(count_told("readiness"), 2);
}

/* ---- gates ---- */

static void test_refused_before_anything_runs(void **state)
{
	(void)state;
	struct switcher_request request = request_of(COLOR_BLUE);
	assert_refused(&request, "already_live");
	request = request_of(COLOR_GREEN);
	request.expects = true;
	request.expect_live = COLOR_GREEN;
	assert_refused(&request, "live_is_other");
	request.expects = false;
	world.locked = true;
	assert_refused(&request, "locked");
	world.locked = false;
	assert_string_equal(world.story, "");
	start(COLOR_GREEN);
	request = request_of(COLOR_BLUE);
	assert_refused(&request, "deployment_running");
}

static void test_waits_for_health(void **state)
{
	(void)state;
	world.up[COLOR_GREEN] = 0;
	start(COLOR_GREEN);
	pass(59000);
	assert_string_equal(phase(), "gating");
	world.up[COLOR_GREEN] = 1;
	pass(20);
	assert_int_equal(world.live, COLOR_GREEN);
}

static void test_health_that_does_not_come(void **state)
{
	(void)state;
	world.up[COLOR_GREEN] = 0;
	start(COLOR_GREEN);
	pass(60000);
	assert_ended("refused", "healthy", 3);
	assert_int_equal(world.live, COLOR_BLUE);
	assert_null(strstr(world.story, "apply"));
}

static void test_a_lock_that_comes_while_it_waits(void **state)
{
	(void)state;
	world.up[COLOR_GREEN] = 0;
	start(COLOR_GREEN);
	world.locked = true;
	world.up[COLOR_GREEN] = 1;
	pass(20);
	assert_ended("refused", "not_locked", 3);
	assert_null(strstr(world.story, "settle"));
}

static void test_quarantined(void **state)
{
	(void)state;
	world.quarantined = true;
	start(COLOR_GREEN);
	assert_ended("refused", "not_quarantined", 3);
}

static void test_a_disk_that_hangs(void **state)
{
	(void)state;
	world.truth = KEEPER_PENDING;
	start(COLOR_GREEN);
	pass(1999);
	assert_string_equal(phase(), "gating");
	pass(1);
	assert_ended("refused", "durable", 3);
	assert_int_equal(world.live, COLOR_BLUE);
	/* what may still be written late is written over */
	assert_string_equal(world.story + strlen(world.story) - strlen("truth:blue"), "truth:blue");
}

static void test_a_disk_that_hangs_forced(void **state)
{
	(void)state;
	char id[32];
	struct switcher_refusal refusal;
	struct switcher_request request = request_of(COLOR_GREEN);
	request.force = true;
	world.truth = KEEPER_FAILED;
	assert_true(switcher_start(world.switcher, &request, id, &refusal));
	assert_int_equal(world.live, COLOR_GREEN);
	assert_int_equal(switcher_current(world.switcher)->durable, 0);
}

/* ---- going back ---- */

static void test_errors_go_back(void **state)
{
	(void)state;
	answer(COLOR_GREEN, 1000, 1000); /* of an earlier time */
	start(COLOR_GREEN);
	pass(300);
	assert_string_equal(phase(), "baking");
	answer(COLOR_GREEN, 50, 5);
	pass(300);
	assert_string_equal(phase(), "baking");
	answer(COLOR_GREEN, 50, 5);
	pass(300);
	assert_ended("rolled_back", "error_rate", 4);
	assert_int_equal(world.live, COLOR_BLUE);
	const char *flip = strstr(world.story, "apply:blue"), *kept = strstr(world.story, "truth:blue");
	assert_non_null(flip);
	assert_true(flip < kept); /* a rollback waits for no disk */
	assert_non_null(strstr(world.story, "quarantine:v2"));
	assert_null(switcher_undo(world.switcher));
}

static void test_probes_go_back(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	world.failed_rounds[COLOR_GREEN] = 2;
	pass(300);
	assert_string_equal(phase(), "baking");
	world.failed_rounds[COLOR_GREEN] = 3;
	pass(300);
	assert_ended("rolled_back", "probes", 4);
}

static void test_judged_while_it_drains(void **state)
{
	(void)state;
	world.inflight[COLOR_BLUE] = 1;
	start(COLOR_GREEN);
	answer(COLOR_GREEN, 50, 50);
	pass(300);
	answer(COLOR_GREEN, 50, 50);
	pass(300);
	assert_ended("rolled_back", "error_rate", 4);
}

static void test_common_cause_holds(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	world.failed_rounds[COLOR_GREEN] = world.failed_rounds[COLOR_BLUE] = 3;
	pass(300);
	assert_string_equal(phase(), "baking");
	assert_non_null(strstr(world.story, "held"));
	pass(300000);
	assert_ended("failed", "common_cause", 1);
	assert_int_equal(world.live, COLOR_GREEN);
	assert_non_null(switcher_undo(world.switcher));
}

static void test_goes_back_once_the_other_is_well_again(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	world.failed_rounds[COLOR_GREEN] = world.failed_rounds[COLOR_BLUE] = 3;
	pass(300);
	world.failed_rounds[COLOR_BLUE] = 0;
	pass(300);
	assert_ended("rolled_back", "probes", 4);
}

static void test_rollback_of_what_was_promoted_once(void **state)
{
	(void)state;
	char id[32];
	struct switcher_refusal refusal;
	start(COLOR_GREEN);
	pass(300100);
	assert_true(switcher_rollback(world.switcher, &ada, "no", false, id, &refusal));
	assert_ended("rolled_back", "rollback", 4);
	assert_int_equal(world.live, COLOR_BLUE);
	assert_false(switcher_rollback(world.switcher, &ada, "no", false, id, &refusal));
	assert_string_equal(refusal.code, "nothing_to_roll_back");
}

static void test_rollback_to_what_is_gone(void **state)
{
	(void)state;
	char id[32];
	struct switcher_refusal refusal;
	start(COLOR_GREEN);
	world.up[COLOR_BLUE] = 0;
	assert_false(switcher_rollback(world.switcher, &ada, NULL, false, id, &refusal));
	assert_string_equal(refusal.code, "rollback_gone");
	assert_true(switcher_rollback(world.switcher, &ada, NULL, true, id, &refusal));
	assert_ended("rolled_back", "rollback", 4);
	assert_non_null(json_string_value(json_object_get(json_object_get(world.document, "rollback"), "warning")));
}

static void test_rollback_to_what_was_changed(void **state)
{
	(void)state;
	char reason[256];
	start(COLOR_GREEN);
	pass(300100);
	assert_int_equal(switcher_readiness(world.switcher, reason, sizeof(reason)), READINESS_READY);
	release_set_version(&world.release[COLOR_BLUE], "v3");
	assert_int_equal(switcher_readiness(world.switcher, reason, sizeof(reason)), READINESS_GONE);
}

static void test_rollback_before_the_flip(void **state)
{
	(void)state;
	char id[32];
	struct switcher_refusal refusal;
	world.up[COLOR_GREEN] = 0;
	start(COLOR_GREEN);
	assert_true(switcher_rollback(world.switcher, &ada, NULL, false, id, &refusal));
	assert_ended("aborted", "rollback", 1);
	assert_null(strstr(world.story, "apply"));
}

static void test_a_rollback_on_a_full_disk(void **state)
{
	(void)state;
	char id[32];
	struct switcher_refusal refusal;
	start(COLOR_GREEN);
	world.truth = KEEPER_FAILED;
	assert_true(switcher_rollback(world.switcher, &ada, NULL, false, id, &refusal));
	assert_int_equal(world.live, COLOR_BLUE);
	assert_ended("rolled_back", "rollback", 4);
	assert_true(json_is_false(json_object_get(json_object_get(world.document, "rollback"), "durable")));
}

static void test_going_back_drains_the_new_color(void **state)
{
	(void)state;
	char id[32];
	struct switcher_refusal refusal;
	start(COLOR_GREEN);
	world.inflight[COLOR_GREEN] = 1;
	assert_true(switcher_abort(world.switcher, &ada, NULL, id, &refusal));
	assert_string_equal(phase(), "rolling_back");
	assert_false(switcher_abort(world.switcher, &ada, NULL, id, &refusal));
	assert_string_equal(refusal.code, "rolling_back");
	/* Tunnels get no more time than requests. */
	assert_non_null(strstr(world.story, "apply:blue close_tunnels:green:5000"));
	pass(5000);
	assert_non_null(strstr(world.story, "cut_requests:green"));
	pass(5000);
	assert_non_null(strstr(world.story, "cut_all:green"));
	assert_null(strstr(world.story, "settle"));
	world.inflight[COLOR_GREEN] = 0;
	pass(20);
	assert_ended("rolled_back", "abort", 4);
	assert_non_null(strstr(world.story, "settle"));
}

/* ---- drain ---- */

static void test_what_does_not_drain_is_cut(void **state)
{
	(void)state;
	world.inflight[COLOR_BLUE] = 5;
	world.cut[COLOR_BLUE] = 70; /* in earlier drains */
	start(COLOR_GREEN);
	assert_non_null(strstr(world.story, "apply:green close_tunnels:blue:8000"));
	world.inflight[COLOR_BLUE] = 4; /* one ended by itself */
	pass(4900);
	assert_null(strstr(world.story, "cut"));
	pass(200);
	assert_non_null(strstr(world.story, "cut_requests:blue"));
	world.inflight[COLOR_BLUE] = 2; /* tunnels */
	world.cut[COLOR_BLUE] += 2;
	pass(20);
	assert_string_equal(phase(), "draining");
	pass(2900);
	world.inflight[COLOR_BLUE] = 1; /* a tunnel was closed, one does not go */
	pass(4900);
	assert_null(strstr(world.story, "cut_all"));
	pass(100);
	assert_non_null(strstr(world.story, "cut_all:blue"));
	world.inflight[COLOR_BLUE] = 0;
	world.cut[COLOR_BLUE]++;
	pass(20);
	assert_string_equal(phase(), "baking");
	const struct deployment *current = switcher_current(world.switcher);
	assert_int_equal(current->receipt.inflight_at_switch, 5);
	assert_int_equal(current->receipt.drained, 2);
	assert_int_equal(current->receipt.cut, 3);
}

static void test_not_drained_before_every_worker_knows(void **state)
{
	(void)state;
	world.in_force = false;
	start(COLOR_GREEN);
	pass(100);
	assert_string_equal(phase(), "shifting");
	world.in_force = true;
	pass(1);
	assert_string_equal(phase(), "baking");
}

/* ---- going on ---- */

static void start_confirmed_within(uint64_t ms)
{
	char id[32];
	struct switcher_refusal refusal;
	struct switcher_request request = request_of(COLOR_GREEN);
	request.bake_ms = 1000;
	request.wants_confirm = true;
	request.confirm_within_ms = ms;
	assert_true(switcher_start(world.switcher, &request, id, &refusal));
}

static void test_confirmed(void **state)
{
	(void)state;
	char id[32];
	struct switcher_refusal refusal;
	start_confirmed_within(5000);
	pass(2000);
	assert_string_equal(phase(), "baking");
	assert_true(switcher_confirm(world.switcher, &ada, id, &refusal));
	assert_ended("promoted", "bake_over", 0);
}

static void test_not_confirmed(void **state)
{
	(void)state;
	start_confirmed_within(5000);
	pass(5000);
	assert_ended("rolled_back", "unconfirmed", 4);
}

static void test_not_confirmed_and_no_way_back(void **state)
{
	(void)state;
	start_confirmed_within(5000);
	world.up[COLOR_BLUE] = 0;
	pass(5000);
	pass(1000);
	assert_string_equal(phase(), "baking");
	assert_int_equal(count_told("held"), 1);
	world.up[COLOR_BLUE] = 1;
	pass(10);
	assert_ended("rolled_back", "unconfirmed", 4);
}

static void test_promote(void **state)
{
	(void)state;
	char id[32];
	struct switcher_refusal refusal;
	assert_false(switcher_promote(world.switcher, &ada, id, &refusal));
	assert_string_equal(refusal.code, "no_deployment");
	start(COLOR_GREEN);
	assert_false(switcher_confirm(world.switcher, &ada, id, &refusal));
	assert_string_equal(refusal.code, "nothing_to_confirm");
	assert_null(strstr(world.story, "settle"));
	assert_true(switcher_promote(world.switcher, &ada, id, &refusal));
	assert_ended("promoted", "promoted", 0);
	assert_non_null(strstr(world.story, "settle promoted")); /* before anyone may be told that blue can be stopped */
}

static void test_promote_before_the_flip(void **state)
{
	(void)state;
	char id[32];
	struct switcher_refusal refusal;
	world.up[COLOR_GREEN] = 0;
	start(COLOR_GREEN);
	assert_false(switcher_promote(world.switcher, &ada, id, &refusal));
	assert_string_equal(refusal.code, "not_switched");
}

/* ---- deploy ---- */

static void deploy(const char *version)
{
	char id[32], *backends[] = {"127.0.0.1:9"};
	struct switcher_refusal refusal;
	struct release release = {(char *)version, backends, 1};
	struct switcher_request request = request_of(COLOR_GREEN);
	request.kind = DEPLOYMENT_DEPLOY;
	request.release = &release;
	assert_true(switcher_start(world.switcher, &request, id, &refusal));
}

static void test_deploy(void **state)
{
	(void)state;
	deploy("v9");
	assert_true(world.lifted);
	assert_string_equal(world.release[COLOR_GREEN].version, "v9");
	pass(300100);
	assert_ended("promoted", "bake_over", 0);
	assert_string_equal(world.release[COLOR_GREEN].backends[0], "127.0.0.1:9");
}

static void test_deploy_that_does_not_get_healthy(void **state)
{
	(void)state;
	world.up[COLOR_GREEN] = 0;
	deploy("v9");
	pass(60000);
	assert_ended("refused", "healthy", 6);
	assert_string_equal(world.release[COLOR_GREEN].version, "v2");
	assert_string_equal(world.release[COLOR_GREEN].backends[0], "127.0.0.1:2");
	assert_false(world.deployed[COLOR_GREEN]);
}

static void test_the_daemon_stops(void **state)
{
	(void)state;
	world.up[COLOR_GREEN] = 0;
	deploy("v9");
	switcher_stop(world.switcher);
	assert_ended("aborted", "abort", 1);
	assert_string_equal(world.release[COLOR_GREEN].version, "v2");
}

/* ---- after a restart ---- */

/* The daemon ends and begins anew with what the truth said last. */
static void restart(void)
{
	json_t *document = deployment_to_truth(switcher_current(world.switcher));
	enum color live = switcher_truth_live(world.switcher, world.live);
	struct deployment *deployment = deployment_read_truth(document);
	json_decref(document);
	switcher_free(world.switcher);
	make_switcher();
	world.live = live;
	world.us += 2000000;
	world.counts[COLOR_GREEN] = (struct switcher_counts){0};
	assert_non_null(deployment);
	switcher_resume(world.switcher, deployment);
}

static void test_the_bake_goes_on(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	pass(100000);
	restart();
	assert_string_equal(phase(), "baking");
	pass(197900);
	assert_string_equal(phase(), "baking");
	pass(200);
	assert_ended("promoted", "bake_over", 0);
}

static uint64_t read_receipt(const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(json_object_get(world.document, "receipt"), name));
}

static void test_the_receipt_goes_on(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	world.counts[COLOR_GREEN].failed = world.counts[COLOR_GREEN].shielded = 3;
	pass(1000);
	restart();
	world.counts[COLOR_GREEN].failed = 2;
	pass(299000);
	assert_ended("promoted", "bake_over", 0);
	assert_int_equal(read_receipt("failed"), 5);
	assert_int_equal(read_receipt("shielded"), 3);
}

static void test_ended_between_the_truth_and_the_flip(void **state)
{
	(void)state;
	world.truth = KEEPER_PENDING;
	start(COLOR_GREEN);
	world.truth = KEEPER_DURABLE;
	restart();
	assert_int_equal(world.live, COLOR_GREEN);
	assert_string_equal(phase(), "baking");
	answer(COLOR_GREEN, 50, 50);
	pass(300);
	answer(COLOR_GREEN, 50, 50);
	pass(300);
	assert_ended("rolled_back", "error_rate", 4);
	assert_int_equal(world.live, COLOR_BLUE);
}

static void test_ended_while_it_waited(void **state)
{
	(void)state;
	world.up[COLOR_GREEN] = 0;
	deploy("v9");
	restart();
	assert_ended("failed", "interrupted", 1);
	assert_string_equal(world.release[COLOR_GREEN].version, "v2");
}

static void test_ended_on_the_way_back(void **state)
{
	(void)state;
	char id[32];
	struct switcher_refusal refusal;
	start(COLOR_GREEN);
	world.inflight[COLOR_GREEN] = 1;
	assert_true(switcher_abort(world.switcher, &ada, NULL, id, &refusal));
	world.inflight[COLOR_GREEN] = 0;
	restart();
	assert_ended("rolled_back", "abort", 4);
	assert_int_equal(world.live, COLOR_BLUE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_truth_comes_before_the_flip),
		TEST(test_a_good_switch),
		TEST(test_too_little_traffic_is_said),
		TEST(test_a_log_that_is_not_followed_is_told_of),
		TEST(test_inconclusive_goes_back_when_the_file_says_so),
		TEST(test_inconclusive_stays_when_there_is_no_way_back),
		TEST(test_the_last_look_acts),
		TEST(test_no_way_back_is_told_once),
		TEST(test_refused_before_anything_runs),
		TEST(test_waits_for_health),
		TEST(test_health_that_does_not_come),
		TEST(test_a_lock_that_comes_while_it_waits),
		TEST(test_quarantined),
		TEST(test_a_disk_that_hangs),
		TEST(test_a_disk_that_hangs_forced),
		TEST(test_errors_go_back),
		TEST(test_probes_go_back),
		TEST(test_judged_while_it_drains),
		TEST(test_common_cause_holds),
		TEST(test_goes_back_once_the_other_is_well_again),
		TEST(test_rollback_of_what_was_promoted_once),
		TEST(test_rollback_to_what_is_gone),
		TEST(test_rollback_to_what_was_changed),
		TEST(test_rollback_before_the_flip),
		TEST(test_a_rollback_on_a_full_disk),
		TEST(test_going_back_drains_the_new_color),
		TEST(test_what_does_not_drain_is_cut),
		TEST(test_not_drained_before_every_worker_knows),
		TEST(test_confirmed),
		TEST(test_not_confirmed),
		TEST(test_not_confirmed_and_no_way_back),
		TEST(test_promote),
		TEST(test_promote_before_the_flip),
		TEST(test_deploy),
		TEST(test_deploy_that_does_not_get_healthy),
		TEST(test_the_daemon_stops),
		TEST(test_the_bake_goes_on),
		TEST(test_the_receipt_goes_on),
		TEST(test_ended_between_the_truth_and_the_flip),
		TEST(test_ended_while_it_waited),
		TEST(test_ended_on_the_way_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
