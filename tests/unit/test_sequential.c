/* The sequential test: which rates it chooses, its bounds against tables, what batches do to it, how it ends, and what numbers can't break. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "switch/sequential.h"

static void assert_near(const char *name, double value, double expected, double within)
{
	if (!(fabs(value - expected) <= within))
		fail_msg("%s: %.9g instead of %.9g", name, value, expected);
}

/* By the formula's closed forms and by hand: z = 1.6448536. */
static const struct bounds_case {
	const char *name;
	uint64_t answers, errors;
	double lower, upper;
} bounds_cases[] = {
	{"nothing", 0, 0, 0, 1},
	{"none of one", 1, 0, 0, 0.7301341},
	{"one of one", 1, 1, 0.2698659, 1},
	{"none of 300", 300, 0, 0, 0.0089379},
	{"all of 300", 300, 300, 0.9910621, 1},
	{"half of 100", 100, 50, 0.4188478, 0.5811522},
	{"one in a thousand of 10^9", 1000000000, 1000000, 0.000998357, 0.001001645},
	{"none of 10^9", 1000000000, 0, 0, 2.7055e-9},
};

static void test_bounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bounds_cases) / sizeof(bounds_cases[0]); i++) {
		const struct bounds_case *test = &bounds_cases[i];
		double lower, upper;
		sequential_bounds(test->answers, test->errors, 1, &lower, &upper);
		assert_near(test->name, lower, test->lower, 1e-6);
		assert_near(test->name, upper, test->upper, 1e-6);
	}
}

static const struct rates_case {
	const char *name;
	uint64_t answers, errors;
	double limit, h0, h1;
	bool holds;
} rates_cases[] = {
	{"nothing is known: a tenth of the limit", 0, 0, 0.05, 0.005, 0.05, true},
	{"nothing is known, at least 0.1 %", 0, 0, 0.005, 0.001, 0.005, true},
	{"one error of 19 is nothing known", 19, 1, 0.01, 0.001, 0.01, true},
	{"no error of many: 0.1 %", 100000, 0, 0.01, 0.001, 0.01, true},
	{"no error of few: its bound is wide, so half of the limit", 30, 0, 0.01, 0.005, 0.01, true},
	{"0.2 % of many: the upper bound", 1000000, 2000, 0.01, 0.002074861, 0.01, true},
	{"0.6 % of few may be less than half of the limit", 700, 4, 0.01, 0.005, 0.01, true},
	{"0.9 % of many is more: its own rate, and twice that", 100000, 900, 0.01, 0.009, 0.018, false},
	{"0.51 % of many: the limit is more than twice that, nearly", 10000000, 51000, 0.01, 0.0051, 0.0102, false},
	{"four errors of 20 are too few to say so", 20, 4, 0.01, 0.005, 0.01, true},
	{"a limit under 0.2 % is judged by 0.2 %", 1000000, 0, 0.0005, 0.001, 0.002, true},
	{"a limit of 100 %", 100000, 0, 1, 0.001, 0.999, true},
	{"80 % before: half as many good ones", 1000, 800, 0.01, 0.8, 0.9, false},
	{"all were errors", 1000, 1000, 0.01, 0.98, 0.99, false},
};

static void test_rates(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rates_cases) / sizeof(rates_cases[0]); i++) {
		const struct rates_case *test = &rates_cases[i];
		struct sequential_rates rates =
			sequential_choose_rates(&(struct sequential_before){.answers = test->answers, .errors = test->errors}, test->limit);
		assert_near(test->name, rates.h0, test->h0, 1e-6);
		assert_near(test->name, rates.h1, test->h1, 1e-6);
		if (rates.limit_holds != test->holds)
			fail_msg("%s: limit_holds %d", test->name, rates.limit_holds);
	}
}

static const struct burst_case {
	const char *name;
	struct sequential_before before;
	double burst;
} bursts[] = {
	{"nothing is known", {0}, 1},
	{"no seconds are known", {120000, 120, 0, 0}, 1},
	{"each by itself", {120000, 120, 600, 144}, 1},
	{"a little more than that is chance", {120000, 120, 600, 180}, 1},
	{"always five at once", {120000, 120, 600, 600}, 4.8},
	{"evenly, many in each second", {120000, 60000, 600, 6000000}, 1},
	{"an outage of a second", {120000, 200, 600, 40000}, SEQUENTIAL_BURST_MAX},
	{"four errors, all at once", {120000, 4, 600, 16}, 1},
};

static void test_bursts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bursts) / sizeof(bursts[0]); i++)
		assert_near(bursts[i].name, sequential_choose_rates(&bursts[i].before, 0.01).burst, bursts[i].burst, 1e-9);
}

static const struct sequential_rates usual = {0.001, 0.01, 1, true};

static struct sequential begin(uint64_t expected)
{
	struct sequential test;
	sequential_begin(&test, usual, expected);
	return test;
}

static void test_threshold_grows_with_the_answers(void **state)
{
	(void)state;
	struct sequential test = begin(100);
	assert_near("at least 10,000", sequential_threshold(&test), log(2000.0 * 10000), 1e-9);
	sequential_add(&test, 10000, 0);
	assert_near("not passed", sequential_threshold(&test), log(2000.0 * 10000), 1e-9);
	sequential_add(&test, 1, 0);
	assert_near("passed", sequential_threshold(&test), log(2000.0 * 20000), 1e-9);
	sequential_add(&test, 1000000000, 0);
	assert_near("far passed", sequential_threshold(&test), log(2000.0 * 10000 * 131072), 1e-9);
	test = begin(60000);
	assert_near("as expected", sequential_threshold(&test), log(2000.0 * 60000), 1e-9);
}

/* Batches of `answers` with `errors` each; 0: not within a million batches. */
static unsigned batches_until_over(struct sequential *test, uint64_t answers, uint64_t errors)
{
	for (unsigned i = 1; i <= 1000000; i++) {
		sequential_add(test, answers, errors);
		if (test->over)
			return i;
	}
	return 0;
}

static const struct over_case {
	const char *name;
	uint64_t answers, errors; /* of a batch */
	unsigned batches;
} over_cases[] = {
	{"all of 40: one batch is one incident", 40, 40, 2},
	{"all of 4: 20 answers first", 4, 4, 5},
	{"all of 2: 20 answers first", 2, 2, 10},
	{"10 %", 40, 4, 3},
	{"5 %", 40, 2, 5},
	{"at the limit", 100, 1, 28},
	{"between: not like before, not as bad as the limit", 1000, 7, 0},
	{"as before", 1000, 1, 0},
	{"none", 1000, 0, 0},
};

static void test_over(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(over_cases) / sizeof(over_cases[0]); i++) {
		struct sequential test = begin(0);
		unsigned batches = batches_until_over(&test, over_cases[i].answers, over_cases[i].errors);
		if (batches != over_cases[i].batches)
			fail_msg("%s: after %u batches", over_cases[i].name, batches);
	}
}

static void test_late_is_as_fast_as_early(void **state)
{
	(void)state;
	struct sequential test = begin(0);
	sequential_add(&test, 9000, 3);
	for (unsigned i = 0; i < 50; i++)
		sequential_add(&test, 20, 0);
	assert_int_equal(batches_until_over(&test, 40, 4), 3);
	assert_int_equal(test.run_answers, 120);
	assert_int_equal(test.run_errors, 12);
}

/* Whatever the order of answers in a batch is: singly, the sum at the batch's end is never lower. */
static void test_no_order_in_a_batch_raises_the_sum(void **state)
{
	(void)state;
	for (unsigned order = 0; order < 1u << 12; order++) {
		struct sequential batched = begin(1000000000000000), single = batched; /* a threshold that nothing reaches */
		for (unsigned batch = 0; batch < 3; batch++) {
			unsigned bits = (order >> (4 * batch)) & 15;
			for (unsigned bit = 0; bit < 4; bit++) {
				sequential_add(&single, 1, (bits >> bit) & 1);
				sequential_add(&single, 60, 0);
			}
			sequential_add(&batched, 4 + 4 * 60, (unsigned)__builtin_popcount(bits));
			if (batched.sum > single.sum + 1e-9)
				fail_msg("order %x: %g in batches, %g singly", order, batched.sum, single.sum);
		}
	}
}

/* A color that was known to fail five at a time is not judged by two such bursts, but still by what fails altogether. */
static void test_bursts_count_once(void **state)
{
	(void)state;
	struct sequential test;
	struct sequential_rates rates = usual;
	sequential_begin(&test, rates, 0);
	sequential_add(&test, 40, 5);
	sequential_add(&test, 40, 5);
	assert_true(test.over);
	rates.burst = 5;
	sequential_begin(&test, rates, 0);
	sequential_add(&test, 40, 5);
	sequential_add(&test, 40, 5);
	assert_false(test.over);
	assert_int_equal(batches_until_over(&test, 40, 40), 1);
}

static void test_worse_than_before_and_under_the_limit(void **state)
{
	(void)state;
	struct sequential test = begin(1000000);
	for (unsigned i = 0; i < 1000; i++)
		sequential_add(&test, 1000, i % 2 ? 4 : 5);
	assert_false(test.over);
	assert_true(test.well);
	assert_true(batches_until_over(&test, 40, 4) <= 8); /* and what was does not hide what comes */
}

static void test_one_stray_error(void **state)
{
	(void)state;
	struct sequential test = begin(0);
	sequential_add(&test, 1, 0);
	sequential_add(&test, 2, 1);
	assert_false(test.over);
	assert_false(test.well);
}

static void test_over_ends_soon_after_the_errors(void **state)
{
	(void)state;
	struct sequential test = begin(0);
	for (unsigned i = 0; i < 1000; i++)
		sequential_add(&test, 40, 40);
	assert_true(test.over);
	sequential_add(&test, 1000, 0);
	assert_true(test.over);
	sequential_add(&test, 2000, 0);
	assert_false(test.over);
	assert_int_equal(test.run_answers, 0);
}

static void test_well(void **state)
{
	(void)state;
	struct sequential test = begin(0);
	sequential_add(&test, 260, 0);
	assert_false(test.well);
	sequential_add(&test, 20, 0);
	assert_true(test.well);
	sequential_add(&test, 20, 2); /* 0.7 %: it could be the limit, but is not above it */
	assert_true(test.well);
	sequential_add(&test, 20, 2);
	assert_false(test.well);
	sequential_restart(&test);
	assert_int_equal(test.answers, 0);
}

static void test_theory(void **state)
{
	(void)state;
	assert_near("at h1 the test is the best there is", sequential_drift(usual, 0.01), sequential_information(usual, 0.01), 1e-12);
	assert_near("all errors", sequential_information(usual, 1), log(1000), 1e-12);
	assert_near("no errors", sequential_information(usual, 0), -log(0.999), 1e-12);
	assert_true(sequential_drift(usual, 0.1) < sequential_information(usual, 0.1));
	assert_true(sequential_drift(usual, 0.001) < 0);
}

static void test_billions(void **state)
{
	(void)state;
	struct sequential_rates odd[] = {{0.98, 0.99, 1, false}, {0.001, 0.999, 1, true}, {0.001, 0.002, 10, true}};
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct sequential test;
		sequential_begin(&test, odd[i], 1000000000);
		for (unsigned n = 0; n < 10; n++) {
			sequential_add(&test, 1000000000, 0);
			assert_true(test.sum == 0 && !test.over && test.well);
		}
		for (unsigned n = 0; n < 30; n++)
			sequential_add(&test, 1000000000, 1000000000);
		assert_true(test.over && isfinite(test.sum) && test.sum <= sequential_threshold(&test));
	}
}

static void test_state_survives(void **state)
{
	(void)state;
	struct sequential before = begin(60000), after = {0};
	sequential_add(&before, 812, 8);
	sequential_add(&before, 40, 1);
	json_t *kept = sequential_to_json(&before);
	assert_true(sequential_read(&after, kept));
	assert_memory_equal(&before.rates.h0, &after.rates.h0, sizeof(double));
	assert_memory_equal(&before.sum, &after.sum, sizeof(double));
	assert_int_equal(before.run_errors, after.run_errors);
	assert_int_equal(batches_until_over(&before, 40, 2), batches_until_over(&after, 40, 2));
	assert_int_equal(before.answers, after.answers);
	json_object_set_new(kept, "h0", json_real(0.5));
	assert_false(sequential_read(&after, kept));
	assert_false(sequential_read(&after, NULL));
	assert_int_equal(before.answers, after.answers);
	json_decref(kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_threshold_grows_with_the_answers),
		cmocka_unit_test(test_over),
		cmocka_unit_test(test_late_is_as_fast_as_early),
		cmocka_unit_test(test_no_order_in_a_batch_raises_the_sum),
		cmocka_unit_test(test_bursts_count_once),
		cmocka_unit_test(test_worse_than_before_and_under_the_limit),
		cmocka_unit_test(test_one_stray_error),
		cmocka_unit_test(test_over_ends_soon_after_the_errors),
		cmocka_unit_test(test_well),
		cmocka_unit_test(test_theory),
		cmocka_unit_test(test_billions),
		cmocka_unit_test(test_state_survives),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
