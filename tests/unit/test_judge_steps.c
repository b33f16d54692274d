/* The judge in a switch in steps: both colors have traffic, and what both suffer is not the new one's fault. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "switch/judge.h"

#define LOOK_MS 200u

static const struct judge_baseline quiet = {.counts = {120000, 12, 600, 12}, .bake_ms = 300000};

static struct judge_input begin(struct judge *judge, bool concurrent)
{
	judge_begin(judge, &quiet);
	return (struct judge_input){
		.color = COLOR_GREEN, .probed = true, .other_health = COLOR_HEALTH_HEALTHY, .concurrent = concurrent, .limits.error_rate = 0.01};
}

static void look(struct judge *judge, struct judge_input *input, uint64_t answers, uint64_t errors, uint64_t other_answers, uint64_t other_errors)
{
	input->baked_ms += LOOK_MS;
	input->answers += answers;
	input->errors += errors;
	input->other_answers += other_answers;
	input->other_errors += other_errors;
	judge_take(judge, input);
}

/* Of every look. */
static const struct rates_case {
	const char *name;
	uint64_t answers, errors, other_answers, other_errors;
	unsigned looks;
	bool concurrent;
	enum verdict verdict;
	bool hold;
} cases[] = {
	{"the new one alone", 100, 10, 1000, 0, 10, true, VERDICT_BAD, false},
	{"both", 100, 10, 1000, 100, 10, true, VERDICT_BAD, true},
	{"both, the new one has most of the traffic", 1000, 100, 100, 10, 10, true, VERDICT_BAD, true},
	{"both, for long", 100, 10, 1000, 100, 3000, true, VERDICT_BAD, true},
	{"both, the new one more", 100, 30, 1000, 100, 20, true, VERDICT_BAD, false},
	{"the old one a little", 100, 30, 1000, 1, 10, true, VERDICT_BAD, false},
	{"the old one has next to no answers", 1000, 100, 1, 0, 10, true, VERDICT_BAD, false},
	{"the old one has no traffic any more", 100, 10, 1000, 100, 10, false, VERDICT_BAD, false},
	{"errors are counted before their answers", 100, 10, 0, 100, 10, true, VERDICT_BAD, false},
	{"neither", 100, 0, 1000, 0, 10, true, VERDICT_GOOD, false},
};

static void test_rates(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct rates_case *test = &cases[i];
		struct judge judge;
		struct judgement judgement;
		struct judge_input input = begin(&judge, test->concurrent);
		for (unsigned at = 0; at < test->looks; at++)
			look(&judge, &input, test->answers, test->errors, test->other_answers, test->other_errors);
		judge_decide(&judge, &input, &judgement);
		if (judgement.verdict != test->verdict || judgement.hold != test->hold)
			fail_msg("%s: %s, hold %d: %s", test->name, judge_verdict_name(judgement.verdict), judgement.hold, judgement.text);
		if (judgement.hold && !strstr(judgement.text, "at the same time"))
			fail_msg("%s: %s", test->name, judgement.text);
	}
}

/* An hour ago the old color had errors. That is no excuse for those of now. */
static void test_other_times_are_no_excuse(void **state)
{
	(void)state;
	struct judge judge;
	struct judgement judgement;
	struct judge_input input = begin(&judge, true);
	for (int i = 0; i < 50; i++)
		look(&judge, &input, 100, 0, 1000, 100);
	for (int i = 0; i < 10; i++)
		look(&judge, &input, 100, 10, 1000, 0);
	judge_decide(&judge, &input, &judgement);
	assert_int_equal(judgement.verdict, VERDICT_BAD);
	assert_false(judgement.hold);
}

static void test_slow_with_the_other(void **state)
{
	(void)state;
	for (int shared = 0; shared < 2; shared++) {
		struct judge judge;
		struct judge_result result;
		struct judge_input input = begin(&judge, true);
		input.limits.latency_p99_ms = 500;
		for (uint64_t i = 1; i <= 3; i++) {
			input.window = (struct judge_window){i, 2000, 900000};
			input.other_window = (struct judge_window){i, 2000, shared ? 850000 : 100000};
			look(&judge, &input, 0, 0, 0, 0);
		}
		judge_weigh(&judge, &input, JUDGE_LATENCY_P99, &result);
		assert_int_equal(result.state, shared ? JUDGE_OK : JUDGE_BAD);
	}
}

/* The last step: what both had is what is usual from then on. */
static void test_compared_anew(void **state)
{
	(void)state;
	struct judge judge;
	struct judgement judgement;
	struct judge_input input = begin(&judge, true);
	for (int i = 0; i < 10; i++)
		look(&judge, &input, 100, 10, 1000, 100);
	judge_compare(&judge, &(struct judge_baseline){.counts = {50000, 5000, 600, 70000}});
	input.concurrent = false;
	for (int i = 0; i < 10; i++)
		look(&judge, &input, 1000, 100, 0, 0);
	judge_decide(&judge, &input, &judgement);
	assert_int_not_equal(judgement.verdict, VERDICT_BAD);
	assert_int_equal(judge.answers, 11000);
	for (int i = 0; i < 20; i++)
		look(&judge, &input, 1000, 500, 0, 0);
	judge_decide(&judge, &input, &judgement);
	assert_int_equal(judgement.verdict, VERDICT_BAD);
	assert_false(judgement.hold);
}

static void test_compared_with_nothing(void **state)
{
	(void)state;
	struct judge judge;
	begin(&judge, true);
	judge_compare(&judge, &(struct judge_baseline){.counts = {3, 3, 1, 9}});
	assert_int_equal(judge.before.counts.answers, quiet.counts.answers);
	assert_int_equal(judge.before.bake_ms, quiet.bake_ms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_other_times_are_no_excuse),
		cmocka_unit_test(test_slow_with_the_other),
		cmocka_unit_test(test_compared_anew),
		cmocka_unit_test(test_compared_with_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
