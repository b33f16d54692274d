/* An exclusive switch, against the world of switching.h: what is held for how long, and to whom it is let go. */
// links: switch
#include "tests/unit/switching.h"

static char *const migrate[] = {(char *)"/bin/migrate", (char *)"up", NULL};

static bool ask(char *const *run, struct switcher_refusal *refusal)
{
	char id[32];
	struct switcher_request request = request_of(COLOR_GREEN);
	request.exclusive = true;
	request.hold_max_ms = 5000;
	request.run = run;
	return switcher_start(world.switcher, &request, id, refusal);
}

static void start_exclusive(void)
{
	struct switcher_refusal refusal = {0};
	if (!ask(migrate, &refusal))
		fail_msg("refused: %s", refusal.detail);
}

static void assert_failed(const char *cause)
{
	assert_ended("failed", cause, 1);
	assert_int_equal(world.live, COLOR_BLUE);
	assert_false(world.held);
	assert_null(strstr(world.story, "apply"));
	assert_null(strstr(world.story, "quarantine"));
	assert_non_null(strstr(world.story, "settle")); /* no order to tunnels is left */
	assert_string_equal(world.told, "started failed");
}

static bool says(const char *part)
{
	return strstr(json_string_value(json_object_get(world.document, "detail")), part) != NULL;
}

static bool warns(const char *part)
{
	const char *first = json_string_value(json_array_get(json_object_get(world.document, "warnings"), 0));
	return first && strstr(first, part);
}

/* ---- as it should be ---- */

static void test_one_after_the_other(void **state)
{
	(void)state;
	world.inflight[COLOR_BLUE] = 1;
	world.in_force = false;
	start_exclusive();
	assert_string_equal(
		world.story, "deployment_started procedure gates_passed truth:blue hold close_tunnels:blue:0 close_tunnels:green:0 hold_begun truth:blue");
	world.inflight[COLOR_BLUE] = 0; /* what a worker that does not know yet may still give it */
	pass(10);
	assert_null(strstr(world.story, "quiet"));
	world.in_force = true;
	pass(10);
	assert_non_null(strstr(world.story, "quiet command_started run:up"));
	assert_int_equal(world.command_ms, 7980);
	pass(1000);
	assert_int_equal(world.live, COLOR_BLUE);
	world.command = SWITCHER_COMMAND_DONE;
	world.in_force = false;
	pass(10);
	assert_non_null(strstr(world.story, "command_ended truth:green apply:green close_tunnels:blue:8000 flipped truth:green"));
	assert_true(world.held);
	assert_null(strstr(world.story, "release"));
	world.in_force = true;
	pass(10);
	assert_non_null(strstr(world.story, "switched release:green hold_ended drained"));
	pass(300100);
	assert_ended("promoted", "bake_over", 0);
	assert_string_equal(json_string_value(json_object_get(json_object_get(world.document, "exclusive"), "program")), "/bin/migrate");
	assert_string_equal(world.told, "started switched promoted");
}

static void test_without_a_command(void **state)
{
	(void)state;
	struct switcher_refusal refusal;
	assert_true(ask(NULL, &refusal));
	assert_string_equal(phase(), "baking");
	assert_null(strstr(world.story, "run"));
	assert_false(world.held);
	assert_non_null(strstr(world.story, "release:green"));
}

static void test_second_attempts_are_waited_for(void **state)
{
	(void)state;
	world.assist[COLOR_GREEN] = 1;
	start_exclusive();
	pass(1000);
	assert_null(strstr(world.story, "run"));
	world.assist[COLOR_GREEN] = 0;
	pass(10);
	assert_non_null(strstr(world.story, "run:up"));
}

/* What an older deployment left on the new color fails just when it is counted, and goes to the live one. */
static void test_a_second_attempt_in_the_middle(void **state)
{
	(void)state;
	world.inflight[COLOR_GREEN] = 1;
	world.crosses = true;
	start_exclusive();
	pass(10);
	assert_int_equal(world.assist[COLOR_BLUE], 1);
	assert_null(strstr(world.story, "run"));
	world.assist[COLOR_BLUE] = 0;
	pass(10);
	assert_non_null(strstr(world.story, "run:up"));
}

/* Through a tunnel, which ends when it is told to. */
static void test_a_preview_does_not_keep_it_waiting(void **state)
{
	(void)state;
	world.assist[COLOR_GREEN] = 1;
	start_exclusive();
	pass(500);
	assert_non_null(strstr(world.story, "cut_tunnels:green"));
	assert_null(strstr(world.story, "cut_requests"));
	world.assist[COLOR_GREEN] = 0;
	pass(10);
	assert_non_null(strstr(world.story, "run:up"));
}

/* The limit is not to be passed by a write. */
static void test_a_disk_that_hangs_behind_the_command(void **state)
{
	(void)state;
	start_exclusive();
	pass(4000);
	world.command = SWITCHER_COMMAND_DONE;
	world.truth = KEEPER_PENDING;
	pass(10);
	pass(700);
	assert_true(world.held);
	assert_int_equal(world.live, COLOR_BLUE);
	pass(40);
	assert_int_equal(world.live, COLOR_GREEN);
	assert_false(world.held);
	assert_int_equal(switcher_current(world.switcher)->durable, 0);
}

/* ---- as it should not ---- */

static void test_the_old_color_does_not_finish(void **state)
{
	(void)state;
	world.inflight[COLOR_BLUE] = 2;
	start_exclusive();
	pass(499);
	assert_null(strstr(world.story, "cut"));
	pass(1);
	assert_non_null(strstr(world.story, "cut_tunnels:blue"));
	world.inflight[COLOR_BLUE] = 1;
	pass(4200);
	assert_true(world.held);
	pass(50);
	assert_failed("exclusive_drain");
	assert_non_null(strstr(world.story, "release:blue"));
	assert_null(strstr(world.story, "run:"));
	assert_null(strstr(world.story, "cut_requests"));
	assert_true(says("1 requests were still under way after 4750 ms"));
}

static void test_the_command_fails(void **state)
{
	(void)state;
	start_exclusive();
	world.command = SWITCHER_COMMAND_FAILED;
	pass(10);
	assert_failed("exclusive_run");
	assert_non_null(strstr(world.story, "release:blue"));
	assert_null(strstr(world.story, "kill"));
	assert_true(says("blue is live as before"));
}

static void test_the_command_hangs(void **state)
{
	(void)state;
	start_exclusive();
	pass(4749);
	assert_true(world.held);
	pass(1);
	assert_failed("exclusive_time");
	assert_non_null(strstr(world.story, "kill release:blue"));
	assert_true(says("may be done in part"));
}

static void test_the_new_color_does_not_bear_it(void **state)
{
	(void)state;
	start_exclusive();
	world.up[COLOR_GREEN] = 0;
	world.command = SWITCHER_COMMAND_DONE;
	pass(10);
	assert_failed("exclusive_health");
}

static void test_the_daemon_was_kept_from_running(void **state)
{
	(void)state;
	start_exclusive();
	world.command = SWITCHER_COMMAND_DONE;
	world.truth = KEEPER_PENDING;
	pass(10);
	pass(6000);
	assert_failed("exclusive_time");
}

static void test_held_by_hand(void **state)
{
	(void)state;
	struct switcher_refusal refusal;
	world.held = true;
	assert_false(ask(migrate, &refusal));
	assert_string_equal(refusal.code, "held");
	assert_null(switcher_current(world.switcher));
	world.held = false;
	world.procedure = PROCEDURE_PENDING;
	assert_true(ask(migrate, &refusal));
	world.held = true; /* meanwhile */
	world.procedure = PROCEDURE_PASSED;
	pass(10);
	assert_ended("refused", "held", 3);
	assert_true(world.held);
}

static void test_bad_before_it_is_in_force(void **state)
{
	(void)state;
	start_exclusive();
	world.command = SWITCHER_COMMAND_DONE;
	world.in_force = false;
	pass(10);
	world.failed_rounds[COLOR_GREEN] = 3;
	pass(300);
	assert_non_null(strstr(world.story, "apply:blue release:blue"));
	world.in_force = true;
	pass(10);
	assert_ended("rolled_back", "probes", 4);
}

static void test_a_worker_that_hangs(void **state)
{
	(void)state;
	start_exclusive();
	world.command = SWITCHER_COMMAND_DONE;
	world.in_force = false;
	pass(10);
	pass(9900);
	assert_true(world.held);
	pass(100);
	assert_false(world.held);
	assert_non_null(strstr(world.story, "release:green"));
}

/* ---- aborted, in each wait ---- */

static void abort_it(void)
{
	char id[32];
	struct switcher_refusal refusal;
	assert_true(switcher_abort(world.switcher, &ada, NULL, id, &refusal));
	assert_ended("aborted", "abort", 1);
	assert_int_equal(world.live, COLOR_BLUE);
	assert_false(world.held);
	assert_non_null(strstr(world.story, "release:blue"));
	assert_null(strstr(world.story, "apply"));
	assert_string_equal(world.story + strlen(world.story) - strlen("truth:blue"), "truth:blue");
}

static void hang_in_commit(void)
{
	start_exclusive();
	world.command = SWITCHER_COMMAND_DONE;
	world.truth = KEEPER_PENDING;
	pass(10);
	world.truth = KEEPER_DURABLE;
}

static void test_abort_while_it_drains(void **state)
{
	(void)state;
	world.inflight[COLOR_BLUE] = 1;
	start_exclusive();
	abort_it();
}

static void test_abort_while_the_command_runs(void **state)
{
	(void)state;
	start_exclusive();
	abort_it();
	assert_non_null(strstr(world.story, "kill release:blue"));
	assert_true(warns("/bin/migrate was ended in the middle of its work"));
	const json_t *exclusive = json_object_get(world.document, "exclusive");
	assert_non_null(strstr(json_string_value(json_object_get(exclusive, "result")), "may be done in part"));
	assert_true(json_is_string(json_object_get(exclusive, "ran_at")));
}

static void test_abort_while_the_flip_is_recorded(void **state)
{
	(void)state;
	hang_in_commit();
	abort_it();
}

static void test_the_daemon_stops(void **state)
{
	(void)state;
	start_exclusive();
	switcher_stop(world.switcher);
	assert_ended("aborted", "abort", 1);
	assert_non_null(strstr(world.story, "kill release:blue"));
}

/* ---- after a restart ---- */

static void test_ended_while_the_command_ran(void **state)
{
	(void)state;
	start_exclusive();
	restart();
	assert_ended("failed", "interrupted", 1);
	assert_int_equal(world.live, COLOR_BLUE);
	assert_true(says("blue is live as before; /bin/migrate may have run in part or to its end"));
	assert_null(strstr(world.story, "apply"));
}

static void test_ended_while_it_was_recorded(void **state)
{
	(void)state;
	world.truth = KEEPER_PENDING;
	start_exclusive();
	restart();
	assert_ended("failed", "interrupted", 1);
	assert_int_equal(world.live, COLOR_BLUE);
}

static void test_ended_while_the_flip_was_recorded(void **state)
{
	(void)state;
	hang_in_commit();
	restart();
	assert_string_equal(phase(), "baking");
	assert_int_equal(world.live, COLOR_GREEN);
	assert_null(strstr(world.story, "release"));
	pass(300100);
	assert_ended("promoted", "bake_over", 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_after_the_other),
		TEST(test_without_a_command),
		TEST(test_second_attempts_are_waited_for),
		TEST(test_a_second_attempt_in_the_middle),
		TEST(test_a_preview_does_not_keep_it_waiting),
		TEST(test_a_disk_that_hangs_behind_the_command),
		TEST(test_the_old_color_does_not_finish),
		TEST(test_the_command_fails),
		TEST(test_the_command_hangs),
		TEST(test_the_new_color_does_not_bear_it),
		TEST(test_the_daemon_was_kept_from_running),
		TEST(test_held_by_hand),
		TEST(test_bad_before_it_is_in_force),
		TEST(test_a_worker_that_hangs),
		TEST(test_abort_while_it_drains),
		TEST(test_abort_while_the_command_runs),
		TEST(test_abort_while_the_flip_is_recorded),
		TEST(test_the_daemon_stops),
		TEST(test_ended_while_the_command_ran),
		TEST(test_ended_while_it_was_recorded),
		TEST(test_ended_while_the_flip_was_recorded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
