/* A switch in steps, each of which is a change that may be refused: how every step ends, and how one goes back from each and from between them. */
// links: switch
#include "tests/unit/changing.h"

static void test_every_step(void **state)
{
	(void)state;
	start_steps();
	assert_string_equal(
		world.story, "deployment_started procedure intend:blue-500 gates_passed truth:blue change:blue-500 changing apply:blue-500 step truth:blue");
	assert_in_step("blue-500");
	forget_story();
	pass(30000);
	assert_true(was_told("intend:blue-2500 truth:blue change:blue-2500 changing apply:blue-2500 step truth:blue"));
	assert_in_step("blue-2500");
	forget_story();
	pass(30000);
	assert_true(was_told("intend:green truth:blue change:green changing step apply:green flipped truth:green switched draining"));
	leave_old();
	pass(300000);
	assert_ended("promoted", "bake_over", 0);
	assert_int_equal(json_array_size(json_object_get(json_object_get(world.document, "steps"), "taken")), 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(json_is_string(json_object_get(json_array_get(json_object_get(json_object_get(world.document, "steps"), "taken"), i), "ended_at")));
}

static void test_promoted_in_a_pause(void **state)
{
	(void)state;
	char id[32];
	struct switcher_refusal refusal;
	start_steps();
	world.change.outcome = ACTUATOR_CHANGE_PENDING;
	assert_true(switcher_promote(world.switcher, &ada, id, &refusal));
	assert_true(was_told("change:green"));
	assert_false(switcher_promote(world.switcher, &ada, id, &refusal)); /* it is coming */
	assert_string_equal(refusal.code, "not_switched");
	answer_change(ACTUATOR_CHANGE_MADE);
	assert_int_equal(world.live, COLOR_GREEN);
}

/* In the middle nothing is as it was: what can't go on goes back. */
static void test_a_step_that_is_not_made(void **state)
{
	static const struct {
		enum actuator_change outcome;
		const char *cause;
	} cases[] = {{ACTUATOR_CHANGE_REFUSED, "change_refused"}, {ACTUATOR_CHANGE_FAILED, "change_failed"}};
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		go_to_step(i % 2);
		world.change.outcome = ACTUATOR_CHANGE_PENDING;
		pass(30000);
		assert_int_equal(switcher_current(world.switcher)->step, STEP_CHANGE);
		world.change.once = world.change.left = true;
		answer_change(cases[i / 2].outcome);
		assert_ended("rolled_back", cases[i / 2].cause, 4);
		assert_string_equal(world.change.record, "blue");
		assert_false(was_told("quarantine")); /* it is not the release's fault */
		end(state);
		begin_changes(state);
	}
}

/* Nor is it teal's to change what somebody else made of the record, unless it is forced to. */
static void test_a_step_that_drifted(void **state)
{
	for (int stopped = 0; stopped < 2; stopped++) {
		start_steps();
		world.change.outcome = ACTUATOR_CHANGE_PENDING;
		pass(30000);
		if (stopped)
			roll_back(false);
		world.change.once = true;
		answer_change(ACTUATOR_CHANGE_DRIFTED);
		assert_ended("failed", "drifted", 1);
		assert_false(was_told("intend:blue truth"));
		assert_true(json_is_null(json_object_get(world.document, "rollback")));
		assert_int_equal(world.live, COLOR_BLUE);
		world.change.left = true;
		roll_back(true);
		assert_true(was_told("intend_force:blue"));
		assert_ended("rolled_back", "rollback", 4);
		end(state);
		begin_changes(state);
	}
}

static void test_a_step_that_can_not_be_intended(void **state)
{
	(void)state;
	start_steps();
	world.change.unable = true;
	pass(30000);
	assert_ended("failed", "drifted", 1); /* the way back can't be, either */
}

/* Behind a restart the record may not be read yet: that is no reason to go back. */
static void test_a_step_that_is_intended_later(void **state)
{
	static const bool by_hand[] = {false, true};
	for (size_t i = 0; i < sizeof(by_hand) / sizeof(by_hand[0]); i++) {
		char id[32];
		struct switcher_refusal refusal;
		start_steps();
		world.change.unable = world.change.later = true;
		if (by_hand[i])
			assert_true(switcher_promote(world.switcher, &ada, id, &refusal));
		else
			pass(30000);
		for (unsigned turns = 0; turns < 80; turns++)
			pass(1000);
		assert_in_step("blue-500");
		assert_int_equal(count_told("hindered"), 1);
		crash();
		assert_true(was_told("follow:blue-500"));
		if (by_hand[i])
			assert_true(switcher_promote(world.switcher, &ada, id, &refusal));
		world.change.unable = false;
		pass(1000);
		if (by_hand[i])
			assert_int_equal(world.live, COLOR_GREEN);
		else
			assert_in_step("blue-2500");
		end(state);
		begin_changes(state);
	}
}

static void test_a_step_that_is_not_intended_in_time(void **state)
{
	(void)state;
	start_steps();
	world.change.unable = world.change.later = true;
	for (unsigned turns = 0; turns < 122; turns++)
		pass(1000);
	assert_string_equal(phase(), "rolling_back");
	world.change.unable = false;
	world.change.left = true;
	pass(1000);
	assert_ended("rolled_back", "change_refused", 4);
}

static void test_back_from_every_step(void **state)
{
	for (size_t at = 0; at < 3; at++) {
		go_to_step(at);
		world.change.left = true;
		roll_back(false);
		assert_ended("rolled_back", "rollback", 4);
		assert_string_equal(world.change.record, "blue");
		assert_int_equal(world.live, COLOR_BLUE);
		end(state);
		begin_changes(state);
	}
}

static void test_back_between_the_steps(void **state)
{
	static const enum actuator_change outcomes[] = {ACTUATOR_CHANGE_MADE, ACTUATOR_CHANGE_REFUSED, ACTUATOR_CHANGE_FAILED};
	for (size_t i = 0; i < 6; i++) {
		go_to_step(i / 3);
		world.change.outcome = ACTUATOR_CHANGE_PENDING;
		pass(30000);
		roll_back(false);
		assert_int_equal(switcher_current(world.switcher)->step, STEP_CHANGE);
		world.change.once = world.change.left = true;
		answer_change(outcomes[i % 3]);
		assert_ended("rolled_back", "rollback", 4);
		assert_string_equal(world.change.record, "blue");
		end(state);
		begin_changes(state);
	}
}

static void test_the_judge_between_the_steps(void **state)
{
	(void)state;
	start_steps();
	world.change.outcome = ACTUATOR_CHANGE_PENDING;
	pass(30000);
	world.failed_rounds[COLOR_GREEN] = 3;
	world.up[COLOR_GREEN] = 0;
	pass(300);
	pass(300);
	assert_int_equal(count_told("stop_asked"), 1);
	answer_change(ACTUATOR_CHANGE_MADE);
	leave_old();
	assert_ended("rolled_back", "probes", 4);
}

static void test_a_step_waits_for_its_record(void **state)
{
	(void)state;
	start_steps();
	world.truth = KEEPER_PENDING;
	pass(30000);
	pass(10000);
	assert_false(was_told("change:blue-2500"));
	assert_int_equal(switcher_current(world.switcher)->step, STEP_CHANGE);
	world.truth = KEEPER_DURABLE;
	pass(10);
	assert_in_step("blue-2500");
}

static void test_a_step_without_a_disk_goes_back(void **state)
{
	(void)state;
	start_steps();
	world.truth = KEEPER_FAILED;
	pass(30000);
	pass(89900);
	assert_false(was_told("change:blue-2500"));
	world.change.left = true;
	pass(100);
	pass(50);
	assert_ended("rolled_back", "durable", 4);
	assert_string_equal(world.change.record, "blue");
}

static void test_back_while_a_step_waits_for_its_record(void **state)
{
	(void)state;
	start_steps();
	world.truth = KEEPER_PENDING;
	pass(30000);
	world.truth = KEEPER_DURABLE;
	world.change.left = true;
	roll_back(false);
	assert_ended("rolled_back", "rollback", 4);
	assert_false(was_told("change:blue-2500"));
}

static void test_a_forced_step_without_a_disk(void **state)
{
	(void)state;
	world.truth = KEEPER_FAILED;
	start_forced(true);
	pass(30000);
	assert_in_step("blue-2500");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHANGES(test_every_step),
		CHANGES(test_promoted_in_a_pause),
		CHANGES(test_a_step_that_is_not_made),
		CHANGES(test_a_step_that_drifted),
		CHANGES(test_a_step_that_can_not_be_intended),
		CHANGES(test_a_step_that_is_intended_later),
		CHANGES(test_a_step_that_is_not_intended_in_time),
		CHANGES(test_back_from_every_step),
		CHANGES(test_back_between_the_steps),
		CHANGES(test_the_judge_between_the_steps),
		CHANGES(test_a_step_waits_for_its_record),
		CHANGES(test_a_step_without_a_disk_goes_back),
		CHANGES(test_back_while_a_step_waits_for_its_record),
		CHANGES(test_a_forced_step_without_a_disk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
