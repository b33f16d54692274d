/* A switch in steps, against the world of switching.h: what every step does, how it ends, and how it goes on after a restart. */
// links: switch
#include "tests/unit/switching.h"

static const unsigned shares[] = {500, 2500, 10000};

static void start_steps(uint64_t pause_ms)
{
	char id[32];
	struct switcher_refusal refusal = {0};
	struct switcher_request request = request_of(COLOR_GREEN);
	request.shares = shares;
	request.share_count = 3;
	request.pause_ms = pause_ms;
	if (!switcher_start(world.switcher, &request, id, &refusal))
		fail_msg("refused: %s", refusal.detail);
}

static void promote(void)
{
	char id[32];
	struct switcher_refusal refusal;
	assert_true(switcher_promote(world.switcher, &ada, id, &refusal));
}

static void assert_share(unsigned share)
{
	assert_string_equal(phase(), "shifting");
	assert_int_equal(world.live, COLOR_BLUE);
	assert_int_equal(world.share, share);
}

static const json_t *read_steps(const char *key)
{
	return json_object_get(json_object_get(world.document, "steps"), key);
}

/* In the row of the step in which it ended. */
static void assert_noted(size_t at, const char *verdict)
{
	const json_t *row = json_array_get(read_steps("taken"), at);
	assert_int_equal(json_array_size(read_steps("taken")), at + 1);
	assert_string_equal(json_string_value(json_object_get(row, "verdict")), verdict);
	assert_true(json_is_string(json_object_get(row, "ended_at")));
	assert_true(json_is_integer(json_object_get(row, "answers")));
}

/* ---- from step to step ---- */

static void test_every_step(void **state)
{
	(void)state;
	start_steps(30000);
	assert_string_equal(world.story, "deployment_started procedure gates_passed truth:blue warm apply:blue-500 step truth:blue");
	assert_share(500);
	pass(29900);
	assert_share(500);
	pass(100);
	assert_share(2500);
	pass(30000);
	assert_string_equal(phase(), "baking");
	assert_int_equal(world.live, COLOR_GREEN);
	assert_int_equal(world.share, 0);
	assert_non_null(strstr(world.story, "truth:green warm step apply:green close_tunnels:blue:8000 flipped truth:green switched drained"));
	pass(299900); /* the bake is from the last step on */
	assert_string_equal(phase(), "baking");
	pass(200);
	assert_ended("promoted", "bake_over", 0);
	assert_noted(2, "inconclusive");
	assert_string_equal(world.told, "started switched promoted");
}

static void test_the_record_comes_first(void **state)
{
	(void)state;
	world.truth = KEEPER_PENDING;
	start_steps(30000);
	assert_string_equal(phase(), "gating");
	pass(2000);
	assert_ended("refused", "durable", 3);
	assert_null(strstr(world.story, "apply"));
}

static void test_the_last_step_waits_for_its_record(void **state)
{
	(void)state;
	start_steps(30000);
	pass(30000);
	world.truth = KEEPER_PENDING;
	pass(30000);
	pass(1900);
	assert_share(2500);
	pass(100);
	assert_int_equal(world.live, COLOR_GREEN);
	assert_int_equal(switcher_current(world.switcher)->durable, 0);
	assert_non_null(strstr(world.story, "not_durable"));
}

static void test_in_force_with_the_first_step(void **state)
{
	(void)state;
	world.in_force = false;
	start_steps(30000);
	assert_false(switcher_current(world.switcher)->shift.in_force);
	world.in_force = true;
	pass(10);
	assert_true(switcher_current(world.switcher)->shift.in_force);
	assert_false(switcher_current(world.switcher)->in_force);
}

static void test_pauses_by_hand(void **state)
{
	(void)state;
	start_steps(0);
	pass(3600000);
	assert_share(500);
	promote();
	assert_share(2500);
	pass(3600000);
	assert_share(2500);
	promote();
	assert_string_equal(phase(), "baking");
	promote();
	assert_ended("promoted", "promoted", 0);
}

static void test_promoted_in_a_timed_pause(void **state)
{
	(void)state;
	start_steps(30000);
	pass(1000);
	promote();
	assert_string_equal(phase(), "baking");
	assert_int_equal(world.live, COLOR_GREEN);
	assert_int_equal(json_array_size(switcher_current(world.switcher)->shift.taken), 2);
}

static void test_nothing_to_confirm_before_the_last_step(void **state)
{
	(void)state;
	char id[32];
	struct switcher_refusal refusal;
	start_steps(30000);
	assert_false(switcher_confirm(world.switcher, &ada, id, &refusal));
	assert_string_equal(refusal.code, "nothing_to_confirm");
}

/* ---- going back ---- */

static void go_to_step(size_t at)
{
	for (size_t i = 0; i < at; i++)
		pass(30000);
}

static void assert_went_back(const char *cause)
{
	assert_ended("rolled_back", cause, 4);
	assert_int_equal(world.live, COLOR_BLUE);
	assert_int_equal(world.share, 0);
	assert_non_null(strstr(world.story, "quarantine:v2"));
	const char *last = strstr(world.story, "apply:blue close_tunnels:green:5000");
	assert_non_null(last);
	assert_null(strstr(last, "apply:green"));
	assert_non_null(strstr(world.told, "rolled_back"));
	assert_null(switcher_undo(world.switcher));
}

static void test_bad_in_any_step(void **state)
{
	for (size_t at = 0; at < 3; at++) {
		start_steps(30000);
		go_to_step(at);
		world.failed_rounds[COLOR_GREEN] = 3;
		pass(300);
		assert_went_back("probes");
		assert_noted(at, "bad");
		end(state);
		begin(state);
	}
}

static void test_errors_in_a_step(void **state)
{
	(void)state;
	start_steps(30000);
	for (int i = 0; i < 3; i++) {
		answer(COLOR_BLUE, 1000, 0);
		answer(COLOR_GREEN, 50, 10);
		pass(300);
	}
	assert_went_back("error_rate");
}

static void test_looked_at_before_it_is_left(void **state)
{
	(void)state;
	start_steps(30000);
	pass(29900);
	world.failed_rounds[COLOR_GREEN] = 3;
	pass(100);
	assert_went_back("probes");
	assert_null(strstr(world.story, "apply:blue-2500"));
}

static void err_on_both(void)
{
	answer(COLOR_BLUE, 1000, 100);
	answer(COLOR_GREEN, 100, 10);
	pass(300);
}

/* The same errors on both colors are not the new one's. */
static void test_errors_of_both(void **state)
{
	(void)state;
	start_steps(30000);
	for (int i = 0; i < 20; i++)
		err_on_both();
	assert_share(500);
	assert_int_equal(count_told("held"), 1);
	for (int i = 0; i < 20; i++) {
		answer(COLOR_BLUE, 1000, 0);
		answer(COLOR_GREEN, 100, 20);
		pass(300);
	}
	assert_went_back("error_rate");
}

/* What both had in the steps is the measure of the bake. */
static void test_errors_of_both_are_the_measure(void **state)
{
	(void)state;
	start_steps(30000);
	for (int i = 0; i < 20; i++)
		err_on_both();
	world.before[COLOR_BLUE] = (struct judge_baseline){.counts = {.answers = 20000, .errors = 2000}};
	promote();
	for (int i = 0; i < 20; i++) {
		answer(COLOR_GREEN, 1000, 100);
		pass(300);
	}
	assert_string_equal(phase(), "baking");
	for (int i = 0; i < 20; i++) {
		answer(COLOR_GREEN, 1000, 400);
		pass(300);
	}
	assert_went_back("error_rate");
}

static void abort_it(const char *outcome, int exit_code)
{
	char id[32];
	struct switcher_refusal refusal;
	assert_true(switcher_abort(world.switcher, &ada, "no", id, &refusal));
	assert_ended(outcome, "abort", exit_code);
	assert_int_equal(world.live, COLOR_BLUE);
	assert_int_equal(world.share, 0);
}

static void test_abort_before_the_first_step(void **state)
{
	(void)state;
	world.truth = KEEPER_PENDING;
	start_steps(30000);
	world.truth = KEEPER_DURABLE;
	abort_it("aborted", 1);
	assert_null(strstr(world.story, "apply"));
}

static void test_abort_in_any_step(void **state)
{
	for (size_t at = 0; at < 3; at++) {
		start_steps(30000);
		go_to_step(at);
		abort_it("rolled_back", 4);
		end(state);
		begin(state);
	}
}

static void test_abort_while_the_last_step_is_recorded(void **state)
{
	(void)state;
	start_steps(30000);
	pass(30000);
	world.truth = KEEPER_PENDING;
	pass(30000);
	world.truth = KEEPER_DURABLE;
	abort_it("rolled_back", 4);
	assert_null(strstr(world.story, "apply:green"));
	assert_string_equal(world.story + strlen(world.story) - strlen("truth:blue"), "truth:blue");
}

static void test_no_way_back_from_a_step(void **state)
{
	(void)state;
	char id[32];
	struct switcher_refusal refusal;
	start_steps(30000);
	world.up[COLOR_BLUE] = 0;
	assert_false(switcher_abort(world.switcher, &ada, NULL, id, &refusal));
	assert_string_equal(refusal.code, "rollback_gone");
	assert_share(500);
}

static void test_rollback_of_what_came_in_steps(void **state)
{
	(void)state;
	char id[32];
	struct switcher_refusal refusal;
	start_steps(1000);
	pass(1000);
	pass(1000);
	pass(300100);
	assert_true(switcher_rollback(world.switcher, &ada, "no", false, id, &refusal));
	assert_went_back("rollback");
}

/* ---- after a restart ---- */

static void test_a_step_goes_on(void **state)
{
	(void)state;
	start_steps(30000);
	pass(30000);
	pass(10000);
	restart(); /* takes 2 s */
	assert_share(2500);
	pass(17900);
	assert_share(2500);
	pass(200);
	assert_string_equal(phase(), "baking");
	assert_int_equal(world.live, COLOR_GREEN);
}

static void test_a_step_by_hand_goes_on(void **state)
{
	(void)state;
	start_steps(0);
	promote();
	restart();
	pass(3600000);
	assert_share(2500);
	world.failed_rounds[COLOR_GREEN] = 3;
	pass(300);
	assert_went_back("probes");
}

static void test_ended_before_the_first_step(void **state)
{
	(void)state;
	world.truth = KEEPER_PENDING;
	start_steps(30000);
	world.truth = KEEPER_DURABLE;
	restart();
	assert_share(500);
	pass(30000);
	assert_share(2500);
}

static void test_ended_while_the_last_step_was_recorded(void **state)
{
	(void)state;
	start_steps(30000);
	pass(30000);
	world.truth = KEEPER_PENDING;
	pass(30000);
	world.truth = KEEPER_DURABLE;
	restart();
	assert_int_equal(world.live, COLOR_GREEN);
	assert_string_equal(phase(), "baking");
	pass(299900);
	assert_string_equal(phase(), "baking");
	pass(200);
	assert_ended("promoted", "bake_over", 0);
}

static void test_ended_on_the_way_back(void **state)
{
	(void)state;
	char id[32];
	struct switcher_refusal refusal;
	start_steps(30000);
	world.inflight[COLOR_GREEN] = 1;
	assert_true(switcher_abort(world.switcher, &ada, NULL, id, &refusal));
	assert_string_equal(phase(), "rolling_back");
	world.inflight[COLOR_GREEN] = 0;
	restart();
	assert_ended("rolled_back", "abort", 4);
	assert_int_equal(world.live, COLOR_BLUE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_step),
		TEST(test_the_record_comes_first),
		TEST(test_the_last_step_waits_for_its_record),
		TEST(test_in_force_with_the_first_step),
		TEST(test_pauses_by_hand),
		TEST(test_promoted_in_a_timed_pause),
		TEST(test_nothing_to_confirm_before_the_last_step),
		TEST(test_bad_in_any_step),
		TEST(test_errors_in_a_step),
		TEST(test_looked_at_before_it_is_left),
		TEST(test_errors_of_both),
		TEST(test_errors_of_both_are_the_measure),
		TEST(test_abort_before_the_first_step),
		TEST(test_abort_in_any_step),
		TEST(test_abort_while_the_last_step_is_recorded),
		TEST(test_no_way_back_from_a_step),
		TEST(test_rollback_of_what_came_in_steps),
		TEST(test_a_step_goes_on),
		TEST(test_a_step_by_hand_goes_on),
		TEST(test_ended_before_the_first_step),
		TEST(test_ended_while_the_last_step_was_recorded),
		TEST(test_ended_on_the_way_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
