/* A switch by changes that may be refused and take time: how it goes on and ends, and how one goes back from it. */
// links: switch
#include "tests/unit/changing.h"

/* ---- forward ---- */

static void test_one_that_goes_well(void **state)
{
	(void)state;
	world.change.outcome = ACTUATOR_CHANGE_PENDING;
	start(COLOR_GREEN);
	assert_string_equal(world.story, "deployment_started procedure intend:green gates_passed truth:blue change:green changing hindered");
	assert_string_equal(phase(), "shifting");
	assert_int_equal(world.live, COLOR_BLUE);
	forget_story();
	pass(300);
	assert_string_equal(world.story, "");
	answer_change(ACTUATOR_CHANGE_MADE);
	assert_string_equal(world.story, "apply:green flipped truth:green switched draining");
	assert_string_equal(phase(), "draining");
	assert_int_equal(world.live, COLOR_GREEN);
	assert_string_equal(world.change.record, "green");
	assert_int_equal(switcher_current(world.switcher)->flip_us, 310000);
	leave_old();
	assert_string_equal(phase(), "baking");
	pass(300000);
	assert_ended("promoted", "bake_over", 0);
	assert_string_equal(world.told, "started switched promoted");
}

static void test_nothing_is_counted(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	leave_old();
	pass(300000);
	const json_t *receipt = json_object_get(world.document, "receipt");
	assert_int_equal(json_object_size(receipt), 6);
	assert_true(json_is_null(json_object_get(receipt, "drained")));
	assert_true(json_is_null(json_object_get(receipt, "inflight_at_switch")));
	assert_true(json_is_null(json_object_get(world.document, "inflight")));
	assert_string_equal(json_string_value(json_object_get(json_object_get(world.document, "change"), "change_id")), "C1");
}

static void test_how_a_change_is_not_made(void **state)
{
	static const struct {
		enum actuator_change change;
		uint64_t later_ms;
		const char *outcome, *cause;
		int exit_code;
	} cases[] = {
		{ACTUATOR_CHANGE_REFUSED, 0, "refused", "change_refused", 3},
		{ACTUATOR_CHANGE_DRIFTED, 0, "refused", "drifted", 3},
		{ACTUATOR_CHANGE_FAILED, 0, "failed", "change_failed", 1},
		{ACTUATOR_CHANGE_PENDING, 90000, "failed", "change_failed", 1},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world.change.outcome = cases[i].change;
		start(COLOR_GREEN);
		pass(cases[i].later_ms);
		assert_ended(cases[i].outcome, cases[i].cause, cases[i].exit_code);
		assert_false(was_told("apply"));
		assert_false(was_told("settle"));
		assert_int_equal(world.live, COLOR_BLUE);
		assert_not_rolled_back("nothing_to_roll_back");
		end(state);
		begin_changes(state);
	}
}

static void test_patience_is_not_lost_early(void **state)
{
	(void)state;
	world.change.outcome = ACTUATOR_CHANGE_PENDING;
	start(COLOR_GREEN);
	pass(89900);
	assert_string_equal(phase(), "shifting");
	assert_int_equal(count_told("hindered"), 1);
}

static void test_what_can_not_be_intended(void **state)
{
	(void)state;
	world.change.unable = true;
	start(COLOR_GREEN);
	assert_ended("refused", "change_refused", 3);
	assert_false(was_told("truth:blue change"));
	assert_false(was_told("gates_passed"));
}

static void test_nothing_is_sent_that_is_not_on_disk(void **state)
{
	(void)state;
	world.truth = KEEPER_PENDING;
	start(COLOR_GREEN);
	assert_string_equal(phase(), "gating");
	pass(2000);
	assert_ended("refused", "durable", 3);
	assert_false(was_told("change:"));
}

static void test_forced_without_a_disk(void **state)
{
	(void)state;
	world.truth = KEEPER_FAILED;
	start_forced(false);
	assert_true(was_told("intend_force:green"));
	assert_true(was_told("not_durable change:green"));
	assert_int_equal(world.live, COLOR_GREEN);
}

static void test_nothing_to_hold(void **state)
{
	(void)state;
	struct switcher_request request = request_of(COLOR_GREEN);
	request.exclusive = true;
	request.hold_max_ms = 1000;
	assert_refused(&request, "not_in_path");
}

static void test_nothing_to_split(void **state)
{
	(void)state;
	struct switcher_request request = request_of(COLOR_GREEN);
	request.shares = shares;
	request.share_count = 3;
	world.change.unable = true;
	assert_refused(&request, "not_supported");
}

/* ---- drained means left ---- */

static void test_the_drain_has_no_limit_but_its_own(void **state)
{
	(void)state;
	world.inflight[COLOR_BLUE] = 3; /* nobody asks */
	start(COLOR_GREEN);
	pass(CHANGES_PATIENCE_MS - 100);
	assert_string_equal(phase(), "draining");
	pass(100);
	assert_true(is_warned_of("blue may still be asked for"));
	assert_false(was_told("cut"));
	assert_ended("promoted", "bake_over", 0);
}

static void test_what_hinders_is_told_once(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	world.change.hindrance = "INSYNC was not seen for 5 minutes";
	pass(1000);
	pass(1000);
	assert_int_equal(count_told("hindered"), 1);
	assert_int_equal(count_told("draining"), 1);
	leave_old();
	assert_true(is_warned_of("INSYNC was not seen"));
}

static void test_safe_to_stop_when_it_is_left(void **state)
{
	(void)state;
	world.quiet = false;
	start(COLOR_GREEN);
	leave_old();
	pass(300000);
	assert_int_equal(switcher_undo(world.switcher)->safe_to_stop_at, 0);
	world.quiet = true;
	pass(10);
	assert_int_not_equal(switcher_undo(world.switcher)->safe_to_stop_at, 0);
}

static void test_moments_are_written_down(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	pass(10);
	uint64_t before = world.truths;
	world.change.insync = true;
	pass(10);
	assert_int_equal(world.truths, before + 1);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(world.change.written, "change"), "insync_at")), 1);
	pass(10);
	assert_int_equal(world.truths, before + 1);
}

static void test_moments_behind_the_end(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	pass(CHANGES_PATIENCE_MS);
	assert_string_equal(phase(), "steady");
	world.change.insync = true;
	pass(10);
	assert_int_equal(json_integer_value(json_object_get(switcher_undo(world.switcher)->change.intent, "insync_at")), 1);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(world.change.written, "change"), "insync_at")), 1);
}

/* What another deployment sent is not noted in the one before. */
static void test_moments_of_another_one(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	leave_old();
	pass(300000);
	world.change.outcome = ACTUATOR_CHANGE_REFUSED;
	start(COLOR_BLUE);
	assert_ended("refused", "change_refused", 3);
	world.change.insync = true;
	pass(10);
	assert_string_equal(json_string_value(json_object_get(switcher_undo(world.switcher)->change.intent, "split")), "green");
}

/* ---- back ---- */

static void test_back_at_once(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	leave_old();
	forget_story();
	world.change.left = false;
	roll_back(false);
	assert_string_equal(
		world.story, "returning intend:blue truth:green change:blue apply:blue quarantine:v2 truth:blue rolling_back rollback_in_force draining");
	assert_string_equal(phase(), "rolling_back");
	assert_int_equal(world.live, COLOR_BLUE);
	assert_string_equal(world.change.record, "blue");
	assert_not_rolled_back("rolling_back");
	assert_not_started("is being rolled back; wait for its end");
	leave_old();
	assert_ended("rolled_back", "rollback", 4);
	assert_null(switcher_undo(world.switcher));
}

static void test_back_waits_for_no_disk(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	world.truth = KEEPER_PENDING;
	forget_story();
	roll_back(false);
	assert_string_equal(world.story, "returning intend:blue truth:green");
	pass(40);
	assert_false(was_told("change"));
	pass(10);
	assert_true(was_told("change:blue apply:blue"));
}

static void test_back_as_soon_as_it_is_on_disk(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	world.truth = KEEPER_PENDING;
	roll_back(false);
	world.truth = KEEPER_DURABLE;
	pass(1);
	assert_int_equal(world.live, COLOR_BLUE);
}

static void test_back_is_tried_again(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	world.change.outcome = ACTUATOR_CHANGE_FAILED;
	forget_story();
	roll_back(false);
	for (int i = 0; i < 5; i++)
		pass(1000);
	assert_int_equal(count_told("change:blue"), 6);
	assert_string_equal(phase(), "rolling_back");
	assert_int_equal(world.live, COLOR_GREEN);
	world.change.outcome = ACTUATOR_CHANGE_MADE;
	pass(1000);
	assert_int_equal(world.live, COLOR_BLUE);
	leave_old();
	assert_ended("rolled_back", "rollback", 4);
}

/* Nobody knows: it is asked for again, not given up. */
static void test_back_without_an_answer(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	world.change.outcome = ACTUATOR_CHANGE_PENDING;
	roll_back(false);
	pass(90000);
	pass(1000);
	assert_int_equal(count_told("change:blue"), 2);
	assert_string_equal(phase(), "rolling_back");
}

static void test_back_that_can_not_be(void **state)
{
	static const struct {
		enum actuator_change outcome;
		const char *cause;
	} cases[] = {{ACTUATOR_CHANGE_DRIFTED, "drifted"}, {ACTUATOR_CHANGE_REFUSED, "change_refused"}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(COLOR_GREEN);
		world.change.outcome = cases[i].outcome;
		roll_back(false);
		assert_ended("failed", cases[i].cause, 1);
		assert_true(json_is_null(json_object_get(world.document, "rollback")));
		assert_int_equal(world.live, COLOR_GREEN);
		assert_false(was_told("quarantine"));
		/* It can still be undone. */
		world.change.outcome = ACTUATOR_CHANGE_MADE;
		world.change.left = true;
		roll_back(true);
		assert_true(was_told("intend_force:blue"));
		assert_ended("rolled_back", "rollback", 4);
		end(state);
		begin_changes(state);
	}
}

static void test_back_from_a_record_of_neither(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	world.change.unable = true;
	roll_back(false);
	assert_ended("failed", "drifted", 1);
	assert_non_null(switcher_undo(world.switcher));
}

/* The daemon was killed when its change back was sent and not written down yet; or somebody else went back. */
static void test_back_already(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	world.change.unable = world.change.already = true;
	forget_story();
	roll_back(false);
	assert_false(was_told("change:"));
	assert_string_equal(phase(), "rolling_back");
	assert_int_equal(world.live, COLOR_BLUE);
	leave_old();
	assert_ended("rolled_back", "rollback", 4);
}

static void test_back_once_the_record_can_be_read(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	world.change.unable = world.change.later = true;
	roll_back(false);
	for (int i = 0; i < 10; i++)
		pass(100);
	assert_string_equal(phase(), "rolling_back");
	assert_int_equal(count_told("returning"), 2);
	world.change.unable = false;
	pass(100);
	assert_int_equal(world.live, COLOR_BLUE);
}

static void test_undone_after_the_end(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	leave_old();
	pass(300000);
	roll_back(false);
	assert_ended("rolled_back", "rollback", 4);
	assert_string_equal(world.change.record, "blue");
}

/* ---- back from the middle of a change ---- */

static void test_stopped_before_it_is_recorded(void **state)
{
	(void)state;
	world.truth = KEEPER_PENDING;
	start(COLOR_GREEN);
	roll_back(false);
	assert_ended("aborted", "rollback", 1);
	assert_false(was_told("change:"));
}

static void test_stopped_and_not_made(void **state)
{
	static const enum actuator_change outcomes[] = {ACTUATOR_CHANGE_REFUSED, ACTUATOR_CHANGE_FAILED};
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		char id[32];
		struct switcher_refusal refusal;
		world.change.outcome = ACTUATOR_CHANGE_PENDING;
		start(COLOR_GREEN);
		assert_true(switcher_abort(world.switcher, &ada, "no", id, &refusal));
		assert_string_equal(phase(), "shifting");
		assert_not_rolled_back("rolling_back");
		answer_change(outcomes[i]);
		assert_ended("aborted", "abort", 1);
		assert_true(json_is_null(json_object_get(world.document, "rollback")));
		assert_non_null(strstr(json_string_value(json_object_get(world.document, "detail")), "stopped by ada before anything was switched: no"));
		end(state);
		begin_changes(state);
	}
}

/* It may have been made before somebody else came: nobody is told that nothing was switched. */
static void test_stopped_and_drifted(void **state)
{
	(void)state;
	world.change.outcome = ACTUATOR_CHANGE_PENDING;
	start(COLOR_GREEN);
	roll_back(false);
	answer_change(ACTUATOR_CHANGE_DRIFTED);
	assert_ended("failed", "drifted", 1);
	const char *detail = json_string_value(json_object_get(world.document, "detail"));
	assert_non_null(strstr(detail, "Route 53 said something; to make blue live again: teal switch shop blue --force"));
}

/* Then the change back finds out, and makes sure. */
static void test_stopped_and_not_known(void **state)
{
	(void)state;
	world.change.outcome = ACTUATOR_CHANGE_PENDING;
	start(COLOR_GREEN);
	roll_back(false);
	pass(89900);
	assert_string_equal(phase(), "shifting");
	pass(100);
	assert_string_equal(phase(), "rolling_back");
	assert_true(was_told("change:blue"));
	answer_change(ACTUATOR_CHANGE_MADE);
	leave_old();
	assert_ended("rolled_back", "rollback", 4);
	assert_false(was_told("quarantine")); /* it was never live, as far as is known */
	assert_int_equal(world.live, COLOR_BLUE);
}

static void test_stopped_and_made(void **state)
{
	(void)state;
	world.change.outcome = ACTUATOR_CHANGE_PENDING;
	start(COLOR_GREEN);
	forget_story();
	roll_back(false);
	assert_string_equal(world.story, "stop_asked give_up truth:blue");
	forget_story();
	answer_change(ACTUATOR_CHANGE_MADE);
	assert_string_equal(world.story,
		"apply:green flipped truth:green returning intend:blue truth:green change:blue apply:blue quarantine:v2 truth:blue rolling_back rollback_in_force "
		"draining");
	leave_old();
	assert_ended("rolled_back", "rollback", 4);
}

static void test_stopped_forced_and_made(void **state)
{
	(void)state;
	world.change.outcome = ACTUATOR_CHANGE_PENDING;
	start(COLOR_GREEN);
	roll_back(true);
	answer_change(ACTUATOR_CHANGE_MADE);
	assert_true(was_told("intend_force:blue"));
}

static void test_the_daemon_ends(void **state)
{
	(void)state;
	world.truth = KEEPER_PENDING;
	start(COLOR_GREEN);
	switcher_stop(world.switcher);
	assert_ended("aborted", "abort", 1);
	world.truth = KEEPER_DURABLE;
	world.change.outcome = ACTUATOR_CHANGE_PENDING;
	start(COLOR_GREEN);
	switcher_stop(world.switcher); /* it may have been made */
	assert_string_equal(phase(), "shifting");
}

/* ---- who goes back by itself ---- */

static void test_the_judge_goes_back(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	world.failed_rounds[COLOR_GREEN] = 3;
	world.up[COLOR_GREEN] = 0;
	world.change.left = true;
	pass(300);
	assert_ended("rolled_back", "probes", 4);
	assert_string_equal(world.change.record, "blue");
}

/* Nothing counts its answers: its probes have to do. */
static void test_watched_after_the_way_back(void **state)
{
	(void)state;
	const struct switcher_policy policy = {.limits = {.unhealthy_probes = 3}, .verify_ms = 5000};
	switcher_set_policy(world.switcher, &policy);
	start(COLOR_GREEN);
	world.change.left = true;
	roll_back(false);
	pass(5000);
	const json_t *verification = json_object_get(world.document, "verification");
	assert_string_equal(json_string_value(json_object_get(verification, "state")), "passed");
	assert_true(json_is_null(json_object_get(verification, "answers")));
	assert_null(strstr(json_string_value(json_object_get(verification, "text")), "answers"));
}

static void test_nobody_confirms(void **state)
{
	(void)state;
	char id[32];
	struct switcher_refusal refusal;
	struct switcher_request request = request_of(COLOR_GREEN);
	request.wants_confirm = true;
	request.confirm_within_ms = 60000;
	assert_true(switcher_start(world.switcher, &request, id, &refusal));
	pass(59900);
	assert_int_equal(world.live, COLOR_GREEN);
	world.change.left = true;
	pass(100);
	assert_ended("rolled_back", "unconfirmed", 4);
	assert_string_equal(world.change.record, "blue");
}

static void test_a_way_back_that_is_cut_off(void **state)
{
	(void)state;
	char why[256];
	start(COLOR_GREEN);
	assert_int_equal(switcher_readiness(world.switcher, why, sizeof(why)), READINESS_READY);
	world.change.fault = "Route 53 does not answer";
	assert_int_equal(switcher_readiness(world.switcher, why, sizeof(why)), READINESS_DEGRADED);
	assert_non_null(strstr(why, "Route 53 does not answer"));
	pass(10);
	assert_true(was_told("readiness"));
	roll_back(false); /* degraded is not gone */
	assert_int_equal(world.live, COLOR_BLUE);
}

/* Nothing is promoted that nobody is sent to. */
static void test_drifted_in_the_bake(void **state)
{
	(void)state;
	for (unsigned by_hand = 0; by_hand < 2; by_hand++) {
		char id[32];
		struct switcher_refusal refusal;
		start(COLOR_GREEN);
		leave_old();
		world.change.drift = "somebody else changed the record: it names blue";
		if (by_hand)
			assert_true(switcher_promote(world.switcher, &ada, id, &refusal));
		else
			pass(300000);
		assert_ended("failed", "drifted", 1);
		assert_non_null(strstr(json_string_value(json_object_get(world.document, "detail")), "it names blue"));
		assert_false(was_told("quarantine"));
		end(state);
		begin_changes(state);
	}
}

/* Nor has anybody gone back whom nobody is sent back to; and what was undone is not undone again. */
static void test_drifted_on_the_way_back(void **state)
{
	char id[32];
	struct switcher_refusal refusal;
	(void)state;
	start(COLOR_GREEN);
	leave_old();
	world.change.left = false;
	roll_back(false);
	world.change.drift = "somebody else changed the record: it names green";
	pass(1000);
	assert_string_equal(phase(), "rolling_back");
	pass(CHANGES_PATIENCE_MS);
	assert_ended("failed", "drifted", 1);
	assert_string_equal(json_string_value(json_object_get(world.document, "detail")),
		"the change back to blue was made, but since then somebody else changed the record: it names green");
	assert_false(switcher_rollback(world.switcher, &ada, NULL, false, id, &refusal));
	assert_string_equal(refusal.code, "nothing_to_roll_back");
}

/* `teal dns prepare` changes the record, too, and that is not the deployment's. */
static void test_a_change_that_is_nobodys(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	leave_old();
	pass(300000);
	assert_ended("promoted", "bake_over", 0);
	json_decref(world.change.sent);
	world.change.sent = json_pack("{s:s, s:i}", "split", "green", "created_at", 7);
	forget_story();
	pass(1000);
	assert_false(was_told("truth"));
	assert_null(json_object_get(switcher_undo(world.switcher)->change.intent, "created_at"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHANGES(test_one_that_goes_well),
		CHANGES(test_nothing_is_counted),
		CHANGES(test_how_a_change_is_not_made),
		CHANGES(test_patience_is_not_lost_early),
		CHANGES(test_what_can_not_be_intended),
		CHANGES(test_nothing_is_sent_that_is_not_on_disk),
		CHANGES(test_forced_without_a_disk),
		CHANGES(test_nothing_to_hold),
		CHANGES(test_nothing_to_split),
		CHANGES(test_the_drain_has_no_limit_but_its_own),
		CHANGES(test_what_hinders_is_told_once),
		CHANGES(test_safe_to_stop_when_it_is_left),
		CHANGES(test_moments_are_written_down),
		CHANGES(test_moments_behind_the_end),
		CHANGES(test_moments_of_another_one),
		CHANGES(test_back_at_once),
		CHANGES(test_back_waits_for_no_disk),
		CHANGES(test_back_as_soon_as_it_is_on_disk),
		CHANGES(test_back_is_tried_again),
		CHANGES(test_back_without_an_answer),
		CHANGES(test_back_that_can_not_be),
		CHANGES(test_back_from_a_record_of_neither),
		CHANGES(test_back_already),
		CHANGES(test_back_once_the_record_can_be_read),
		CHANGES(test_undone_after_the_end),
		CHANGES(test_stopped_before_it_is_recorded),
		CHANGES(test_stopped_and_not_made),
		CHANGES(test_stopped_and_drifted),
		CHANGES(test_stopped_and_not_known),
		CHANGES(test_stopped_and_made),
		CHANGES(test_stopped_forced_and_made),
		CHANGES(test_the_daemon_ends),
		CHANGES(test_the_judge_goes_back),
		CHANGES(test_watched_after_the_way_back),
		CHANGES(test_nobody_confirms),
		CHANGES(test_a_way_back_that_is_cut_off),
		CHANGES(test_drifted_in_the_bake),
		CHANGES(test_drifted_on_the_way_back),
		CHANGES(test_a_change_that_is_nobodys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
