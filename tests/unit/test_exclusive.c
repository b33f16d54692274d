/* An exclusive switch, against the world of switching.h: what is held for how long, and to whom it is let go. */
// links: switch
#include "tests/unit/switching.h"

#include "switch/problem.h"

static char *const migrate[] = {(char *)"/bin/migrate", (char *)"up", NULL};

static uint64_t hold_max_ms;

static bool ask(char *const *run, struct switcher_refusal *refusal)
{
	char id[32];
	struct switcher_request request = request_of(COLOR_GREEN);
	request.exclusive = true;
	request.hold_max_ms = hold_max_ms;
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
	assert_non_null(strstr(world.story, "quiet truth:blue command_started choose:green run:up"));
	assert_int_equal(world.command_ms, 7980);
	pass(1000);
	assert_int_equal(world.live, COLOR_BLUE);
	world.command = SWITCHER_COMMAND_DONE;
	world.in_force = false;
	pass(10);
	assert_non_null(strstr(world.story, "command_ended truth:blue stop_check truth:green apply:green close_tunnels:blue:8000 flipped truth:green"));
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

/* Whether a backend goes on with what nobody waits for can't be seen from here. */
static void test_given_up_is_not_over(void **state)
{
	(void)state;
	world.given_up[COLOR_BLUE] = 3;
	world.given_up[COLOR_GREEN] = 7; /* not the one that the command must not meet */
	start_exclusive();
	assert_string_equal(json_string_value(json_array_get(switcher_current(world.switcher)->warnings, 0)),
		"3 requests of blue were given up in the last 1m30s, by a timeout, by the client or in a rehearsal: blue may still be at work on them");
	assert_non_null(strstr(world.story, "run:up"));
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
	pass(3500);
	world.command = SWITCHER_COMMAND_DONE;
	world.truth = KEEPER_PENDING;
	pass(10);
	pass(1200);
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
	assert_true(says("1 request of blue was still under way after 4750 ms"));
}

static void test_neither_color_finishes(void **state)
{
	(void)state;
	world.inflight[COLOR_BLUE] = 2;
	world.assist[COLOR_GREEN] = 1;
	start_exclusive();
	pass(4750);
	assert_true(says("2 requests of blue and 1 of green were still under way after 4750 ms"));
}

static void test_a_worker_that_does_not_know_of_the_hold(void **state)
{
	(void)state;
	world.in_force = false;
	start_exclusive();
	pass(4750);
	assert_true(says("not every worker had said that it holds requests after 4750 ms"));
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
	pass(3562);
	assert_null(strstr(world.story, "term"));
	pass(1);
	assert_non_null(strstr(world.story, "term"));
	pass(1186);
	assert_null(strstr(world.story, "kill"));
	pass(1);
	assert_non_null(strstr(world.story, "term kill"));
	assert_null(strstr(world.story, "release"));
	pass(5);
	assert_true(world.held); /* it is not dead yet */
	world.command = SWITCHER_COMMAND_FAILED;
	pass(5);
	assert_failed("exclusive_time");
	assert_non_null(strstr(world.story, "term kill release:blue"));
	assert_int_equal(count_told("term"), 1);
	assert_true(says("may be done in part"));
}

/* The longest time for ending it is 2 s. */
static void test_a_long_limit(void **state)
{
	(void)state;
	struct switcher_refusal refusal;
	hold_max_ms = 60000;
	assert_true(ask(migrate, &refusal));
	pass(57749);
	assert_null(strstr(world.story, "term"));
	pass(1);
	assert_non_null(strstr(world.story, "term"));
	pass(1999);
	assert_null(strstr(world.story, "kill"));
	pass(1);
	assert_non_null(strstr(world.story, "kill"));
}

/* Its status says that it did what it was told, not what it was to do. */
static void test_ends_well_when_told(void **state)
{
	(void)state;
	start_exclusive();
	pass(3600);
	world.command = SWITCHER_COMMAND_DONE;
	pass(10);
	assert_failed("exclusive_time");
	assert_true(says("it was told to end before the hold's limit, so what it does may be done in part"));
	assert_null(strstr(world.story, "kill"));
}

static void test_it_can_not_be_killed(void **state)
{
	(void)state;
	start_exclusive();
	pass(4000);
	pass(870);
	assert_true(world.held);
	assert_int_equal(count_told("kill"), 1);
	pass(5);
	assert_failed("exclusive_time");
	assert_true(says("is still there though it was killed"));
}

static void test_the_last_one_is_still_there(void **state)
{
	(void)state;
	struct switcher_refusal refusal;
	world.orphan = true;
	assert_false(ask(migrate, &refusal));
	assert_string_equal(refusal.code, "command_remains");
	assert_int_not_equal(problem_status(refusal.code), 500);
	world.orphan = false;
	world.procedure = PROCEDURE_PENDING;
	assert_true(ask(migrate, &refusal));
	world.orphan = true; /* meanwhile */
	world.procedure = PROCEDURE_PASSED;
	pass(10);
	assert_ended("refused", "command_remains", 3);
	assert_null(strstr(world.story, "hold"));
}

/* Nothing begins that could not be told of after a crash. */
static void test_its_beginning_is_not_recorded(void **state)
{
	(void)state;
	world.inflight[COLOR_BLUE] = 1;
	start_exclusive();
	world.truth = KEEPER_PENDING;
	world.inflight[COLOR_BLUE] = 0;
	pass(10);
	pass(100);
	assert_null(strstr(world.story, "run:"));
	assert_true(world.held);
	world.truth = KEEPER_FAILED;
	pass(10);
	assert_failed("exclusive_run");
	assert_true(says("/bin/migrate was not begun, as that could not be written down: no space left"));
	assert_null(strstr(world.story, "run:"));
}

static void test_the_new_color_does_not_bear_it(void **state)
{
	(void)state;
	start_exclusive();
	world.up[COLOR_GREEN] = 0;
	world.command = SWITCHER_COMMAND_DONE;
	pass(10);
	pass(4700);
	assert_true(world.held); /* it may come back */
	pass(40);
	assert_failed("exclusive_health");
	assert_true(says("no backend of green is up; blue is live as before"));
}

/* Its health is what probes said before, the last one maybe in the middle of the command. */
static void test_the_command_breaks_the_new_color(void **state)
{
	(void)state;
	start_exclusive();
	assert_non_null(strstr(world.story, "choose:green run:up"));
	world.command = SWITCHER_COMMAND_DONE;
	world.broken = true;
	pass(10);
	pass(4730);
	assert_true(world.held);
	assert_int_equal(world.live, COLOR_BLUE);
	pass(10);
	assert_failed("exclusive_health");
	assert_true(says("green was not well again behind the command: 127.0.0.1:2 did not pass a probe: status 500"));
	assert_non_null(strstr(world.story, "stop_check release:blue"));
}

static void test_the_new_color_needs_a_moment(void **state)
{
	(void)state;
	start_exclusive();
	world.command = SWITCHER_COMMAND_DONE;
	world.broken = true;
	pass(10);
	pass(1000);
	assert_int_equal(world.live, COLOR_BLUE);
	world.broken = false;
	pass(10);
	assert_int_equal(world.live, COLOR_GREEN);
	assert_false(world.held);
}

static void test_abort_while_it_is_probed(void **state)
{
	(void)state;
	start_exclusive();
	world.command = SWITCHER_COMMAND_DONE;
	world.broken = true;
	pass(10);
	char id[32];
	struct switcher_refusal refusal;
	assert_true(switcher_abort(world.switcher, &ada, NULL, id, &refusal));
	assert_ended("aborted", "abort", 1);
	assert_non_null(strstr(world.story, "stop_check release:blue"));
	assert_null(strstr(world.story, "end:"));
	assert_true(warns("/bin/migrate had ended well before that, so what it does is done, though blue stays live"));
}

/* An older daemon knows no such step. */
static void test_ended_while_it_was_probed(void **state)
{
	(void)state;
	start_exclusive();
	world.command = SWITCHER_COMMAND_DONE;
	world.broken = true;
	pass(10);
	json_t *truth = deployment_to_truth(switcher_current(world.switcher));
	assert_string_equal(json_string_value(json_object_get(truth, "step")), "command");
	struct deployment *read = deployment_read_truth(truth);
	assert_int_equal(read->step, STEP_CHECK);
	deployment_free(read);
	restart_with(truth, COLOR_BLUE);
	assert_ended("failed", "interrupted", 1);
	assert_true(says("blue is live as before; /bin/migrate ended somehow, so look before switching again"));
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

static void assert_aborted(void)
{
	assert_ended("aborted", "abort", 1);
	assert_int_equal(world.live, COLOR_BLUE);
	assert_false(world.held);
	assert_non_null(strstr(world.story, "release:blue"));
	assert_null(strstr(world.story, "apply"));
	assert_string_equal(world.story + strlen(world.story) - strlen("truth:blue"), "truth:blue");
}

static void abort_it(void)
{
	char id[32];
	struct switcher_refusal refusal;
	assert_true(switcher_abort(world.switcher, &ada, NULL, id, &refusal));
	assert_aborted();
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
	char id[32];
	struct switcher_refusal refusal;
	start_exclusive();
	pass(750);
	assert_true(switcher_abort(world.switcher, &ada, "no", id, &refusal));
	assert_string_equal(phase(), "shifting");
	assert_true(world.held);
	pass(999);
	assert_true(switcher_rollback(world.switcher, &ada, NULL, false, id, &refusal)); /* changes nothing any more */
	assert_null(strstr(world.story, "kill"));
	pass(1);
	assert_non_null(strstr(world.story, "run:up term kill"));
	assert_true(world.held);
	world.command = SWITCHER_COMMAND_FAILED;
	pass(5);
	assert_aborted();
	assert_true(says("stopped by ada before anything was switched: no"));
	assert_non_null(strstr(world.story, "kill release:blue"));
	assert_true(warns("/bin/migrate ended somehow; it was told to end, so what it does may be done in part"));
	const json_t *exclusive = json_object_get(world.document, "exclusive");
	assert_non_null(strstr(json_string_value(json_object_get(exclusive, "result")), "may be done in part"));
	assert_true(json_is_string(json_object_get(exclusive, "ran_at")));
}

static void test_abort_while_the_flip_is_recorded(void **state)
{
	(void)state;
	hang_in_commit();
	abort_it();
	assert_true(warns("/bin/migrate had ended well before that"));
}

static void test_the_daemon_stops(void **state)
{
	(void)state;
	start_exclusive();
	pass(750);
	switcher_stop(world.switcher);
	assert_ended("aborted", "abort", 1);
	assert_non_null(strstr(world.story, "end:1000 release:blue"));
	assert_true(warns("/bin/migrate was ended in the middle of its work"));
}

/* ---- after a restart ---- */

static void test_ended_while_the_command_ran(void **state)
{
	(void)state;
	start_exclusive();
	restart();
	assert_ended("failed", "interrupted", 1);
	assert_int_equal(world.live, COLOR_BLUE);
	assert_true(says("blue is live as before; /bin/migrate was begun and nobody saw how it ended, but it is gone"));
	assert_null(strstr(world.story, "apply"));
	assert_null(strstr(world.story, "command_killed"));
}

static void test_outlived_the_daemon(void **state)
{
	(void)state;
	start_exclusive();
	world.orphan = true;
	restart();
	assert_ended("failed", "interrupted", 1);
	assert_non_null(strstr(world.story, "orphans_of command_killed"));
	assert_true(says("/bin/migrate was begun and was killed in the middle of its work"));
	assert_true(warns("/bin/migrate had outlived the daemon and was killed"));
}

static void test_ended_before_the_command(void **state)
{
	(void)state;
	world.inflight[COLOR_BLUE] = 1;
	start_exclusive();
	restart();
	assert_ended("failed", "interrupted", 1);
	assert_true(says("blue is live as before; /bin/migrate was not begun"));
}

/* With --force it is begun all the same when nothing can be written, so the truth is of long before. */
static void restart_with_an_old_truth(bool orphan)
{
	char id[32];
	struct switcher_refusal refusal = {0};
	struct switcher_request request = request_of(COLOR_GREEN);
	request.exclusive = request.force = true;
	request.hold_max_ms = hold_max_ms;
	request.run = migrate;
	world.procedure = PROCEDURE_PENDING;
	assert_true(switcher_start(world.switcher, &request, id, &refusal));
	json_t *truth = deployment_to_truth(switcher_current(world.switcher));
	world.procedure = PROCEDURE_PASSED;
	world.truth = KEEPER_FAILED;
	pass(10);
	pass(10);
	assert_non_null(strstr(world.story, "run:up"));
	world.orphan = orphan;
	restart_with(truth, COLOR_BLUE);
	assert_ended("failed", "interrupted", 1);
}

static void test_ended_without_a_record(void **state)
{
	(void)state;
	restart_with_an_old_truth(true);
	assert_non_null(strstr(world.story, "command_killed"));
	assert_true(says("/bin/migrate was begun and was killed in the middle of its work"));
}

static void test_ended_without_a_record_or_a_trace(void **state)
{
	(void)state;
	restart_with_an_old_truth(false);
	assert_true(says("blue is live as before; nobody knows whether /bin/migrate was begun"));
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

static int begin_world(void **state)
{
	hold_max_ms = 5000;
	return begin(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_world, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_after_the_other),
		TEST(test_without_a_command),
		TEST(test_given_up_is_not_over),
		TEST(test_second_attempts_are_waited_for),
		TEST(test_a_second_attempt_in_the_middle),
		TEST(test_a_preview_does_not_keep_it_waiting),
		TEST(test_a_disk_that_hangs_behind_the_command),
		TEST(test_the_old_color_does_not_finish),
		TEST(test_neither_color_finishes),
		TEST(test_a_worker_that_does_not_know_of_the_hold),
		TEST(test_the_command_fails),
		TEST(test_the_command_hangs),
		TEST(test_a_long_limit),
		TEST(test_ends_well_when_told),
		TEST(test_it_can_not_be_killed),
		TEST(test_the_last_one_is_still_there),
		TEST(test_its_beginning_is_not_recorded),
		TEST(test_the_new_color_does_not_bear_it),
		TEST(test_the_command_breaks_the_new_color),
		TEST(test_the_new_color_needs_a_moment),
		TEST(test_abort_while_it_is_probed),
		TEST(test_ended_while_it_was_probed),
		TEST(test_the_daemon_was_kept_from_running),
		TEST(test_held_by_hand),
		TEST(test_bad_before_it_is_in_force),
		TEST(test_a_worker_that_hangs),
		TEST(test_abort_while_it_drains),
		TEST(test_abort_while_the_command_runs),
		TEST(test_abort_while_the_flip_is_recorded),
		TEST(test_the_daemon_stops),
		TEST(test_ended_while_the_command_ran),
		TEST(test_outlived_the_daemon),
		TEST(test_ended_before_the_command),
		TEST(test_ended_without_a_record),
		TEST(test_ended_without_a_record_or_a_trace),
		TEST(test_ended_while_it_was_recorded),
		TEST(test_ended_while_the_flip_was_recorded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
