/* A switch by changes that may be refused and take time, against the world of switching.h: how every step ends, how one goes back from it, and how it goes on after a crash. */
// links: switch
#include "tests/unit/switching.h"

static const unsigned shares[] = {500, 2500, 10000};

static int begin_changes(void **state)
{
	begin(state);
	switcher_free(world.switcher);
	world.change.wanted = true;
	world.change.outcome = ACTUATOR_CHANGE_MADE;
	make_switcher();
	return 0;
}

static void start_steps(void)
{
	char id[32];
	struct switcher_refusal refusal = {0};
	struct switcher_request request = request_of(COLOR_GREEN);
	request.shares = shares;
	request.share_count = 3;
	request.pause_ms = 30000;
	if (!switcher_start(world.switcher, &request, id, &refusal))
		fail_msg("refused: %s", refusal.detail);
}

static void start_forced(bool in_steps)
{
	char id[32];
	struct switcher_refusal refusal = {0};
	struct switcher_request request = request_of(COLOR_GREEN);
	request.force = true;
	request.shares = shares;
	request.share_count = in_steps ? 3 : 0;
	request.pause_ms = 30000;
	if (!switcher_start(world.switcher, &request, id, &refusal))
		fail_msg("refused: %s", refusal.detail);
}

static void roll_back(bool force)
{
	char id[32];
	struct switcher_refusal refusal;
	if (!switcher_rollback(world.switcher, &ada, "for a test", force, id, &refusal))
		fail_msg("refused: %s", refusal.detail);
}

static void assert_not_rolled_back(const char *code)
{
	char id[32];
	struct switcher_refusal refusal;
	assert_false(switcher_rollback(world.switcher, &ada, NULL, false, id, &refusal));
	assert_string_equal(refusal.code, code);
}

static void answer_change(enum actuator_change outcome)
{
	world.change.outcome = outcome;
	pass(10);
}

static void leave_old(void)
{
	world.change.left = true;
	pass(10);
}

static void forget_story(void)
{
	world.story[0] = '\0';
}

static bool was_told(const char *what)
{
	return strstr(world.story, what) != NULL;
}

static bool is_warned_of(const char *what)
{
	size_t i;
	json_t *warning;
	json_array_foreach(json_object_get(world.document, "warnings"), i, warning) if (strstr(json_string_value(warning), what)) return true;
	return false;
}

/* Killed: what the truth had last is all there is. */
static void crash(void)
{
	struct deployment *deployment = deployment_read_truth(world.change.written);
	enum color live = world.change.written_live;
	assert_non_null(deployment);
	switcher_free(world.switcher);
	make_switcher();
	world.live = live;
	world.us += 2000000;
	world.ticket = 0;
	json_decref(world.change.sent);
	world.change.sent = NULL;
	forget_story();
	switcher_resume(world.switcher, deployment);
}

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

static void test_back_once_the_record_can_be_read(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	world.change.unable = world.change.later = true;
	roll_back(false);
	pass(1000);
	assert_string_equal(phase(), "rolling_back");
	world.change.unable = false;
	pass(1000);
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
	static const enum actuator_change outcomes[] = {ACTUATOR_CHANGE_REFUSED, ACTUATOR_CHANGE_DRIFTED, ACTUATOR_CHANGE_FAILED};
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

static void test_stopped_and_made(void **state)
{
	(void)state;
	world.change.outcome = ACTUATOR_CHANGE_PENDING;
	start(COLOR_GREEN);
	forget_story();
	roll_back(false);
	assert_string_equal(world.story, "stop_asked truth:blue");
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

/* ---- in steps ---- */

static void assert_in_step(const char *record)
{
	assert_string_equal(phase(), "shifting");
	assert_int_equal(switcher_current(world.switcher)->step, STEP_SHIFT);
	assert_string_equal(world.change.record, record);
	assert_int_equal(world.live, COLOR_BLUE);
}

static void go_to_step(size_t at)
{
	start_steps();
	for (size_t i = 0; i < at; i++)
		pass(30000);
}

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
	world.change.unable = world.change.later = true;
	pass(30000);
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

/* ---- after a crash ---- */

static void test_crashed_in_the_record(void **state)
{
	(void)state;
	world.truth = KEEPER_PENDING;
	start(COLOR_GREEN);
	world.truth = KEEPER_DURABLE;
	crash();
	assert_true(was_told("truth:blue resumed change:green"));
	assert_int_equal(world.live, COLOR_GREEN);
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
	restart();
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
		cmocka_unit_test_setup_teardown(test_one_that_goes_well, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_nothing_is_counted, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_how_a_change_is_not_made, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_patience_is_not_lost_early, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_what_can_not_be_intended, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_nothing_is_sent_that_is_not_on_disk, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_forced_without_a_disk, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_nothing_to_hold, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_nothing_to_split, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_the_drain_has_no_limit_but_its_own, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_what_hinders_is_told_once, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_safe_to_stop_when_it_is_left, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_moments_are_written_down, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_moments_behind_the_end, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_moments_of_another_one, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_back_at_once, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_back_waits_for_no_disk, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_back_as_soon_as_it_is_on_disk, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_back_is_tried_again, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_back_without_an_answer, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_back_that_can_not_be, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_back_from_a_record_of_neither, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_back_once_the_record_can_be_read, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_undone_after_the_end, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_stopped_before_it_is_recorded, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_stopped_and_not_made, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_stopped_and_made, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_stopped_forced_and_made, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_the_daemon_ends, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_the_judge_goes_back, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_nobody_confirms, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_a_way_back_that_is_cut_off, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_every_step, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_promoted_in_a_pause, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_a_step_that_is_not_made, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_a_step_that_drifted, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_a_step_that_can_not_be_intended, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_back_from_every_step, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_back_between_the_steps, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_the_judge_between_the_steps, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_a_step_waits_for_its_record, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_a_step_without_a_disk_goes_back, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_back_while_a_step_waits_for_its_record, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_a_forced_step_without_a_disk, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_crashed_in_the_record, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_crashed_in_the_change, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_crashed_when_it_was_stopped, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_crashed_in_the_drain, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_crashed_in_the_bake, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_crashed_on_the_way_back, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_crashed_before_the_way_back_was_known, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_crashed_behind_the_way_back, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_crashed_in_a_step, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_crashed_between_the_steps, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_crashed_before_the_first_step, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_crashed_behind_the_end, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_another_way_by_now, begin_changes, end),
		cmocka_unit_test_setup_teardown(test_a_change_without_an_intent_is_not_read, begin_changes, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
