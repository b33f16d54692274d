/* Measures: counts per second, latencies of the last minute, nothing held without traffic. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/memory.h"
#include "switch/measures.h"

static struct totals_sum sum; /* rising, as a color's totals are */

static void serve(unsigned answers, unsigned errors, uint64_t us)
{
	sum.ended += answers;
	sum.errors += errors;
	sum.duration.counts[histogram_bucket(us)] += answers;
	sum.duration.total += answers;
	sum.duration.sum_us += us * answers;
}

static int begin(void **state)
{
	sum = (struct totals_sum){0};
	*state = measures_new();
	return 0;
}

static int end(void **state)
{
	measures_free(*state);
	return 0;
}

static void assert_count(const struct measures *measures, uint64_t now, unsigned seconds, uint64_t ended, uint64_t errors)
{
	uint64_t got_ended, got_errors;
	measures_count(measures, now, seconds, &got_ended, &got_errors);
	assert_int_equal(got_ended, ended);
	assert_int_equal(got_errors, errors);
}

static void test_without_traffic(void **state)
{
	double p50, p99;
	measures_add(*state, 100, &sum);
	assert_count(*state, 100, 60, 0, 0);
	assert_false(measures_latency(*state, 100, &p50, &p99));
}

static void test_counts(void **state)
{
	for (uint64_t second = 1000; second < 1100; second++) {
		serve(10, 1, 1000);
		measures_add(*state, second, &sum);
	}
	assert_count(*state, 1099, 60, 600, 60);
	assert_count(*state, 1099, 10, 100, 10);
	assert_count(*state, 1099, MEASURES_SECONDS, 1000, 100);
	assert_count(*state, 1129, 60, 300, 30);
	assert_count(*state, 1159, 60, 0, 0);
}

static void test_the_ring_goes_round(void **state)
{
	for (uint64_t second = 1; second <= MEASURES_SECONDS + 50; second++) {
		serve(1, 0, 1000);
		measures_add(*state, second, &sum);
	}
	assert_count(*state, MEASURES_SECONDS + 50, MEASURES_SECONDS, MEASURES_SECONDS, 0);
	/* the same places in the ring, long after */
	assert_count(*state, 10 * MEASURES_SECONDS + 50, MEASURES_SECONDS, 0, 0);
}

static void test_latencies(void **state)
{
	double p50 = 0, p99 = 0;
	serve(98, 0, 1000);
	serve(2, 0, 50000);
	measures_add(*state, 1000, &sum);
	assert_true(measures_latency(*state, 1000, &p50, &p99));
	assert_true(p50 > 0.98 && p50 < 1.02);
	assert_true(p99 > 49 && p99 < 51);
	serve(100, 0, 3000);
	measures_add(*state, 1070, &sum);
	assert_true(measures_latency(*state, 1070, &p50, &p99));
	assert_true(p50 > 2.9 && p50 < 3.1);
	assert_true(p99 < 3.1);
	assert_false(measures_latency(*state, 1200, &p50, &p99));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_without_traffic),
		TEST(test_counts),
		TEST(test_the_ring_goes_round),
		TEST(test_latencies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
