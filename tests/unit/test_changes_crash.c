/* A switch by changes, and a daemon that is killed at every step of it: what the truth had last is gone on with. */
// links: switch
#include "tests/unit/changing.h"

static void test_crashed_in_the_record(void **state)
{
	(void)state;
	world.truth = KEEPER_PENDING;
	start(COLOR_GREEN);
	world.truth = KEEPER_DURABLE;
	crash();
	assert_true(was_told("change:green resumed"));
	assert_int_equal(world.live, COLOR_GREEN);
}

/* That the change was sent is not in the truth before it is accepted: whoever goes back at once is not told that nothing was switched. */
static void test_gone_back_from_behind_the_record(void **state)
{
	for (unsigned in_steps = 0; in_steps < 2; in_steps++) {
		world.change.outcome = ACTUATOR_CHANGE_PENDING;
		if (in_steps)
			start_steps();
		else
			start(COLOR_GREEN);
		world.truth = KEEPER_PENDING;
		crash();
		roll_back(false);
		assert_non_null(switcher_current(world.switcher));
		world.truth = KEEPER_DURABLE;
		answer_change(ACTUATOR_CHANGE_MADE);
		leave_old();
		assert_string_equal(world.change.record, "blue");
		assert_ended("rolled_back", "rollback", 4);
		end(state);
		begin_changes(state);
	}
}

static void test_crashed_in_the_change(void **state)
{
	static const struct {
		enum actuator_change change;
		const char *outcome, *cause;
		int exit_code;
	} cases[] = {
		{ACTUATOR_CHANGE_MADE, "promoted", "bake_over", 0},
		{ACTUATOR_CHANGE_REFUSED, "refused", "change_refused", 3},
		{ACTUATOR_CHANGE_DRIFTED, "refused", "drifted", 3},
		{ACTUATOR_CHANGE_FAILED, "failed", "change_failed", 1},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world.change.outcome = ACTUATOR_CHANGE_PENDING;
		world.change.left = true;
		start(COLOR_GREEN);
		assert_false(deployment_is_shifting(world.change.written));
		crash();
		assert_true(was_told("change:green"));
		assert_int_equal(world.live, COLOR_BLUE);
		answer_change(cases[i].change);
		pass(300000);
		assert_ended(cases[i].outcome, cases[i].cause, cases[i].exit_code);
		end(state);
		begin_changes(state);
	}
}

static void test_crashed_when_it_was_stopped(void **state)
{
	(void)state;
	world.change.outcome = ACTUATOR_CHANGE_PENDING;
	start(COLOR_GREEN);
	roll_back(false);
	crash();
	assert_true(was_told("change:green give_up"));
	assert_not_rolled_back("rolling_back");
	answer_change(ACTUATOR_CHANGE_REFUSED);
	assert_ended("aborted", "rollback", 1);
}

static void test_crashed_in_the_drain(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	crash();
	assert_true(was_told("follow:green"));
	assert_false(was_told("change:"));
	assert_false(was_told("apply"));
	assert_string_equal(phase(), "draining");
	leave_old();
	assert_string_equal(phase(), "baking");
}

static void test_crashed_in_the_bake(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	leave_old();
	pass(200000);
	crash();
	assert_string_equal(phase(), "baking");
	assert_true(was_told("follow:green"));
	assert_false(was_told("change:"));
	pass(100000);
	assert_ended("promoted", "bake_over", 0);
}

/* The bake is over, but nobody has looked at the new color since the restart. */
static void test_judged_anew(void **state)
{
	for (unsigned seen = 0; seen < 2; seen++) {
		start(COLOR_GREEN);
		pass(299000);
		world.unprobed = true;
		crash();
		pass(1000);
		leave_old();
		assert_string_equal(phase(), "baking");
		world.unprobed = !seen;
		pass(2000);
		assert_ended("promoted", "bake_over", 0);
		assert_int_equal(is_warned_of("not every backend of green was probed"), !seen);
		end(state);
		begin_changes(state);
	}
}

static void test_crashed_on_the_way_back(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	world.change.outcome = ACTUATOR_CHANGE_PENDING;
	roll_back(false);
	crash();
	assert_true(was_told("change:blue"));
	assert_int_equal(world.live, COLOR_GREEN);
	answer_change(ACTUATOR_CHANGE_MADE);
	assert_int_equal(world.live, COLOR_BLUE);
	leave_old();
	assert_ended("rolled_back", "rollback", 4);
}

static void test_crashed_before_the_way_back_was_known(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	world.change.unable = world.change.later = true;
	roll_back(false);
	world.change.unable = false;
	crash();
	pass(1000);
	assert_int_equal(world.live, COLOR_BLUE);
	assert_string_equal(world.change.record, "blue");
}

static void test_crashed_behind_the_way_back(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	roll_back(false);
	crash();
	assert_true(was_told("follow:blue"));
	assert_false(was_told("change:"));
	assert_int_equal(world.live, COLOR_BLUE);
	leave_old();
	assert_ended("rolled_back", "rollback", 4);
}

static void test_crashed_in_a_step(void **state)
{
	(void)state;
	start_steps();
	pass(10000);
	crash();
	assert_true(was_told("follow:blue-500"));
	assert_false(was_told("change:"));
	assert_in_step("blue-500");
	pass(20000);
	assert_in_step("blue-2500");
}

static void test_crashed_between_the_steps(void **state)
{
	for (size_t at = 0; at < 2; at++) {
		go_to_step(at);
		world.change.outcome = ACTUATOR_CHANGE_PENDING;
		pass(30000);
		assert_true(deployment_is_shifting(world.change.written)); /* the share before that is in force */
		crash();
		assert_true(was_told(at == 0 ? "change:blue-2500" : "change:green"));
		answer_change(ACTUATOR_CHANGE_MADE);
		if (at == 0)
			assert_in_step("blue-2500");
		assert_int_equal(world.live, at == 0 ? COLOR_BLUE : COLOR_GREEN);
		end(state);
		begin_changes(state);
	}
}

static void test_crashed_before_the_first_step(void **state)
{
	(void)state;
	world.truth = KEEPER_PENDING;
	start_steps();
	world.truth = KEEPER_DURABLE;
	crash();
	assert_in_step("blue-500");
}

static void test_crashed_behind_the_end(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	leave_old();
	pass(300000);
	crash();
	assert_true(was_told("follow:green"));
	roll_back(false);
	assert_string_equal(world.change.record, "blue");
}

static void test_another_way_by_now(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	world.change.wanted = false;
	crash();
	assert_ended("failed", "interrupted", 1);
	assert_null(switcher_undo(world.switcher));
}

/* ---- the truth ---- */

static void test_a_change_without_an_intent_is_not_read(void **state)
{
	(void)state;
	world.change.outcome = ACTUATOR_CHANGE_PENDING;
	start(COLOR_GREEN);
	json_t *document = deployment_to_truth(switcher_current(world.switcher));
	json_object_set_new(document, "change", json_null());
	assert_null(deployment_read_truth(document));
	json_decref(document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHANGES(test_crashed_in_the_record),
		CHANGES(test_gone_back_from_behind_the_record),
		CHANGES(test_crashed_in_the_change),
		CHANGES(test_crashed_when_it_was_stopped),
		CHANGES(test_crashed_in_the_drain),
		CHANGES(test_crashed_in_the_bake),
		CHANGES(test_judged_anew),
		CHANGES(test_crashed_on_the_way_back),
		CHANGES(test_crashed_before_the_way_back_was_known),
		CHANGES(test_crashed_behind_the_way_back),
		CHANGES(test_crashed_in_a_step),
		CHANGES(test_crashed_between_the_steps),
		CHANGES(test_crashed_before_the_first_step),
		CHANGES(test_crashed_behind_the_end),
		CHANGES(test_another_way_by_now),
		CHANGES(test_a_change_without_an_intent_is_not_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
