/* A switcher by changes in the world of switching.h, and what tests do with it. */
#ifndef TEAL_TESTS_UNIT_CHANGING_H
#define TEAL_TESTS_UNIT_CHANGING_H

#include "tests/unit/switching.h"

static const unsigned shares[] = {500, 2500, 10000};

static inline int begin_changes(void **state)
{
	begin(state);
	switcher_free(world.switcher);
	world.change.wanted = true;
	world.change.outcome = ACTUATOR_CHANGE_MADE;
	make_switcher();
	return 0;
}

static inline void start_steps(void)
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

static inline void start_forced(bool in_steps)
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

static inline void roll_back(bool force)
{
	char id[32];
	struct switcher_refusal refusal;
	if (!switcher_rollback(world.switcher, &ada, "for a test", force, id, &refusal))
		fail_msg("refused: %s", refusal.detail);
}

static inline void assert_not_rolled_back(const char *code)
{
	char id[32];
	struct switcher_refusal refusal;
	assert_false(switcher_rollback(world.switcher, &ada, NULL, false, id, &refusal));
	assert_string_equal(refusal.code, code);
}

static inline void assert_not_started(const char *why)
{
	char id[32];
	struct switcher_refusal refusal = {0};
	struct switcher_request request = request_of(COLOR_GREEN);
	assert_false(switcher_start(world.switcher, &request, id, &refusal));
	assert_non_null(strstr(refusal.detail, why));
}

static inline void answer_change(enum actuator_change outcome)
{
	world.change.outcome = outcome;
	pass(10);
}

static inline void leave_old(void)
{
	world.change.left = true;
	pass(10);
}

static inline void forget_story(void)
{
	world.story[0] = '\0';
}

static inline bool was_told(const char *what)
{
	return strstr(world.story, what) != NULL;
}

static inline bool is_warned_of(const char *what)
{
	size_t i;
	json_t *warning;
	json_array_foreach(json_object_get(world.document, "warnings"), i, warning) if (strstr(json_string_value(warning), what)) return true;
	return false;
}

/* Killed: what the truth had last is all there is. */
static inline void crash(void)
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
	json_decref(world.change.found);
	world.change.found = json_incref(deployment->change.intent);
	forget_story();
	switcher_resume(world.switcher, deployment);
}

static inline void assert_in_step(const char *record)
{
	assert_string_equal(phase(), "shifting");
	assert_int_equal(switcher_current(world.switcher)->step, STEP_SHIFT);
	assert_string_equal(world.change.record, record);
	assert_int_equal(world.live, COLOR_BLUE);
}

static inline void go_to_step(size_t at)
{
	start_steps();
	for (size_t i = 0; i < at; i++)
		pass(30000);
}

#define CHANGES(test) cmocka_unit_test_setup_teardown(test, begin_changes, end)

#endif
