/* The switcher against a world that the test is (see switching.h). What is told, in which order, and how a deployment ends. */
// links: switch
#include "tests/unit/switching.h"

/* ---- a switch ---- */

static void test_the_truth_comes_before_the_flip(void **state)
{
	(void)state;
	world.truth = KEEPER_PENDING;
	start(COLOR_GREEN);
	assert_string_equal(world.story, "deployment_started procedure gates_passed truth:green warm");
	assert_int_equal(world.live, COLOR_BLUE);
	world.truth = KEEPER_DURABLE;
	world.in_force = false;
	pass(1);
	assert_int_equal(world.live, COLOR_GREEN);
	assert_string_equal(phase(), "shifting");
	assert_string_equal(world.story, "deployment_started procedure gates_passed truth:green warm apply:green close_tunnels:blue:8000 flipped truth:green");
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
	assert_false(world.lifted); /* of what it has again */
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

/* It was over while nobody looked at the new color, which is probed in a moment. */
static void test_the_bake_is_over_behind_a_restart(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	answer(COLOR_GREEN, 5000, 0);
	pass(299000);
	world.unprobed = true;
	restart();
	assert_string_equal(phase(), "baking");
	world.unprobed = false;
	pass(1000);
	assert_ended("promoted", "bake_over", 0);
	assert_string_equal(json_string_value(json_object_get(world.document, "verdict")), "good");
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
		TEST(test_the_bake_is_over_behind_a_restart),
		TEST(test_the_receipt_goes_on),
		TEST(test_ended_between_the_truth_and_the_flip),
		TEST(test_ended_while_it_waited),
		TEST(test_ended_on_the_way_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
