/* Connections in advance, against the world of switching.h: what waits for them, and for how long. */
// links: switch
#include "tests/unit/switching.h"

static const unsigned shares[] = {500, 2500, 10000};

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

static void roll_back(void)
{
	char id[32];
	struct switcher_refusal refusal;
	if (!switcher_rollback(world.switcher, &ada, NULL, false, id, &refusal))
		fail_msg("refused: %s", refusal.detail);
}

static int begin_cold(void **state)
{
	begin(state);
	world.cold = true;
	return 0;
}

/* ---- a switch ---- */

static void test_the_flip_comes_behind_them(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	pass(50);
	assert_string_equal(world.story, "deployment_started procedure gates_passed truth:green warm");
	assert_string_equal(phase(), "gating");
	world.cold = false;
	pass(5);
	assert_int_equal(world.live, COLOR_GREEN);
	assert_int_equal(count_told("warm"), 1);
}

static void test_the_flip_comes_without_them(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	pass(99);
	assert_int_equal(world.live, COLOR_BLUE);
	pass(1);
	assert_int_equal(world.live, COLOR_GREEN);
	assert_int_equal(json_array_size(json_object_get(world.document, "warnings")), 0);
}

/* The time for them is that of the record, too. */
static void test_beside_the_record(void **state)
{
	(void)state;
	world.truth = KEEPER_PENDING;
	start(COLOR_GREEN);
	pass(150);
	assert_int_equal(world.live, COLOR_BLUE);
	world.truth = KEEPER_DURABLE;
	pass(5);
	assert_int_equal(world.live, COLOR_GREEN);
}

static void test_the_record_is_waited_for(void **state)
{
	(void)state;
	world.truth = KEEPER_PENDING;
	start(COLOR_GREEN);
	world.cold = false;
	pass(150);
	assert_int_equal(world.live, COLOR_BLUE);
}

/* ---- nothing comes of them ---- */

static void test_a_record_that_fails(void **state)
{
	(void)state;
	world.truth = KEEPER_PENDING;
	start(COLOR_GREEN);
	world.truth = KEEPER_FAILED;
	pass(5);
	assert_ended("refused", "durable", 3);
	assert_non_null(strstr(world.story, "warm settle refused"));
}

static void test_an_abort(void **state)
{
	(void)state;
	start(COLOR_GREEN);
	roll_back();
	assert_ended("aborted", "rollback", 1);
	assert_non_null(strstr(world.story, "warm settle aborted"));
	world.story[0] = '\0';
	world.up[COLOR_GREEN] = 0; /* nothing is left for the next one to take back */
	start(COLOR_GREEN);
	pass(60000);
	assert_ended("refused", "healthy", 3);
	assert_null(strstr(world.story, "settle"));
}

/* ---- without them ---- */

static void test_none_when_nobody_asked(void **state)
{
	(void)state;
	char id[32];
	struct switcher_refusal refusal;
	struct switcher_request request = request_of(COLOR_GREEN);
	request.automatic = true;
	assert_true(switcher_start(world.switcher, &request, id, &refusal));
	assert_int_equal(world.live, COLOR_GREEN);
	assert_null(strstr(world.story, "warm"));
}

static void test_none_in_an_exclusive_switch(void **state)
{
	(void)state;
	char id[32];
	struct switcher_refusal refusal;
	struct switcher_request request = request_of(COLOR_GREEN);
	request.exclusive = true;
	request.hold_max_ms = 10000;
	assert_true(switcher_start(world.switcher, &request, id, &refusal));
	pass(5);
	assert_int_equal(world.live, COLOR_GREEN);
	assert_null(strstr(world.story, "warm"));
}

static void test_none_on_the_way_back(void **state)
{
	(void)state;
	world.cold = false;
	start(COLOR_GREEN);
	world.cold = true;
	world.story[0] = '\0';
	roll_back();
	assert_int_equal(world.live, COLOR_BLUE);
	assert_null(strstr(world.story, "warm"));
}

/* ---- in steps ---- */

/* A step stays as long as what comes behind it is not warm. */
static void expect_step(unsigned before, unsigned then)
{
	world.cold = true;
	world.story[0] = '\0';
	pass(30000);
	pass(50);
	assert_int_equal(world.share, before);
	assert_int_equal(count_told("warm"), 1);
	world.cold = false;
	pass(5);
	assert_int_equal(world.share, then);
}

static void test_before_each_step(void **state)
{
	(void)state;
	start_steps();
	pass(99);
	assert_null(strstr(world.story, "apply"));
	pass(1);
	assert_int_equal(world.share, 500);
	expect_step(500, 2500);
	assert_int_equal(world.live, COLOR_BLUE);
	expect_step(2500, 0);
	assert_int_equal(world.live, COLOR_GREEN);
}

static void test_a_step_that_is_promoted_meanwhile(void **state)
{
	(void)state;
	char id[32];
	struct switcher_refusal refusal;
	start_steps();
	pass(100);
	pass(30000);
	assert_true(switcher_promote(world.switcher, &ada, id, &refusal));
	pass(100);
	assert_int_equal(world.live, COLOR_GREEN);
}

/* What the judge finds is not put off. */
static void test_a_step_that_goes_bad_meanwhile(void **state)
{
	(void)state;
	start_steps();
	pass(100);
	pass(30000);
	world.failed_rounds[COLOR_GREEN] = 3;
	pass(5);
	assert_int_equal(world.share, 0);
	assert_non_null(strstr(world.story, "rolling_back"));
}

#define warming_test(name) cmocka_unit_test_setup_teardown(name, begin_cold, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		warming_test(test_the_flip_comes_behind_them),
		warming_test(test_the_flip_comes_without_them),
		warming_test(test_beside_the_record),
		warming_test(test_the_record_is_waited_for),
		warming_test(test_a_record_that_fails),
		warming_test(test_an_abort),
		warming_test(test_none_when_nobody_asked),
		warming_test(test_none_in_an_exclusive_switch),
		warming_test(test_none_on_the_way_back),
		warming_test(test_before_each_step),
		warming_test(test_a_step_that_is_promoted_meanwhile),
		warming_test(test_a_step_that_goes_bad_meanwhile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
