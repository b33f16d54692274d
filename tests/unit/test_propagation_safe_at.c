/* dns/safe_at: the formula, by tables. */
// links: dns
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>

#include "dns/safe_at.h"

struct formula_case {
	const char *label;
	size_t count;
	struct safe_at_version versions[4];
	uint64_t safe_at_ms;
};

static const struct formula_case formula_cases[] = {
	{"nothing to wait for", 0, {{0}}, 0},
	{"one version", 1, {{1000000, 60}}, 1062000},
	{"TTL 0: the margin alone", 1, {{1000000, 0}}, 1002000},
	{"the last to serve it decides", 3, {{1000000, 60}, {1005000, 60}, {1003000, 60}}, 1067000},
	{"a lowered TTL: the old one, served until shortly before, still counts", 2, {{700000, 3600}, {1000000, 60}}, 4302000},
	{"a lowered TTL that was waited out", 2, {{700000, 300}, {1000000, 60}}, 1062000},
	{"a moment that is already past", 1, {{5, 1}}, 3005},
	{"the largest TTL that DNS has", 1, {{1000000, 4294967295u}}, 4294967295000u + 1002000u},
};

static void test_formula(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(formula_cases) / sizeof(formula_cases[0]); i++) {
		const struct formula_case *test = &formula_cases[i];
		print_message("%s\n", test->label);
		assert_int_equal(safe_at_compute(test->versions, test->count), test->safe_at_ms);
	}
}

static void test_negative_ttl(void **state)
{
	(void)state;
	assert_int_equal(safe_at_negative_ttl(900, 86400), 900);
	assert_int_equal(safe_at_negative_ttl(900, 60), 60);
	assert_int_equal(safe_at_negative_ttl(0, 60), 0);
}

struct clock_case {
	uint64_t wall_ms, now_wall_ms, now_mono_ms, mono_ms;
};

/* The last one is before the machine's start. */
static const struct clock_case clock_cases[] = {
	{1700000000000, 1700000000000, 5000, 5000},
	{1700000001500, 1700000000000, 5000, 6500},
	{1699999996000, 1700000000000, 5000, 1000},
	{1699999990000, 1700000000000, 5000, 0},
};

static void test_clocks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(clock_cases) / sizeof(clock_cases[0]); i++) {
		const struct clock_case *test = &clock_cases[i];
		assert_int_equal(safe_at_from_wall(test->wall_ms, test->now_wall_ms, test->now_mono_ms), test->mono_ms);
		if (test->mono_ms > 0)
			assert_int_equal(safe_at_to_wall(test->mono_ms, test->now_wall_ms, test->now_mono_ms), test->wall_ms);
	}
}

struct confidence_case {
	double share;
	unsigned samples;
	double confidence;
};

static const struct confidence_case confidence_cases[] = {{1, 1, 1}, {0.5, 1, 0.5}, {0.5, 10, 0.9990234375}, {0.1, 44, 0.990302}, {0, 50, 0}, {0.3, 0, 0}};

static void test_confidence(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(confidence_cases) / sizeof(confidence_cases[0]); i++) {
		const struct confidence_case *test = &confidence_cases[i];
		assert_true(fabs(safe_at_confidence(test->share, test->samples) - test->confidence) < 1e-6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formula),
		cmocka_unit_test(test_negative_ttl),
		cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_confidence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
