/* The buckets of durations: their error, quantiles, groups and cumulative counts. */
// links: base
#include "base/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct histogram histogram;
static struct histogram_counts counts;

static int clear(void **state)
{
	(void)state;
	memset(&histogram, 0, sizeof(histogram));
	memset(&counts, 0, sizeof(counts));
	return 0;
}

static void small_durations_are_exact(void **state)
{
	(void)state;
	for (uint64_t us = 0; us < 128; us++)
		assert_int_equal(histogram_bucket_us(histogram_bucket(us)), us);
}

static void buckets_are_off_by_one_percent_at_most(void **state)
{
	(void)state;
	for (uint64_t us = 1; us < UINT32_MAX; us = us * 101 / 100 + 1) {
		uint64_t middle = histogram_bucket_us(histogram_bucket(us));
		uint64_t off = middle > us ? middle - us : us - middle;
		assert_true(off * 100 <= us);
	}
}

static void buckets_are_in_order(void **state)
{
	(void)state;
	for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
		assert_int_equal(histogram_bucket(histogram_bucket_us(bucket)), bucket);
		if (bucket > 0)
			assert_true(histogram_bucket_us(bucket) > histogram_bucket_us(bucket - 1));
	}
}

static void what_is_too_long_is_in_the_last_bucket(void **state)
{
	(void)state;
	assert_int_equal(histogram_bucket(UINT32_MAX), HISTOGRAM_BUCKETS - 1);
	assert_int_equal(histogram_bucket(1ull << 32), HISTOGRAM_BUCKETS - 1);
	assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

struct quantile_case {
	double q;
	uint64_t us;
};

/* Of the values 1 to 100. */
static const struct quantile_case quantiles[] = {{0, 1}, {0.001, 1}, {0.01, 1}, {0.011, 2}, {0.5, 50}, {0.99, 99}, {0.991, 100}, {1, 100}};

static void quantiles_are_found(void **state)
{
	(void)state;
	assert_int_equal(histogram_quantile_us(&counts, 0.5), 0);
	for (uint64_t us = 1; us <= 100; us++)
		histogram_add(&histogram, us);
	histogram_read(&histogram, &counts);
	assert_int_equal(counts.total, 100);
	assert_int_equal(counts.sum_us, 5050);
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(*quantiles); i++)
		assert_int_equal(histogram_quantile_us(&counts, quantiles[i].q), quantiles[i].us);
}

static void counts_under_a_bound_include_it(void **state)
{
	(void)state;
	static const uint64_t values[] = {10, 1000, 1000, 5000, 1000000, 10000000000};
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		histogram_add(&histogram, values[i]);
	histogram_read(&histogram, &counts);
	assert_int_equal(histogram_count_under(&counts, 9), 0);
	assert_int_equal(histogram_count_under(&counts, 10), 1);
	assert_int_equal(histogram_count_under(&counts, 900), 1);
	assert_int_equal(histogram_count_under(&counts, 1000), 3);
	assert_int_equal(histogram_count_under(&counts, 5000), 4);
	assert_int_equal(histogram_count_under(&counts, 1000000), 5);
	assert_int_equal(histogram_count_under(&counts, UINT64_MAX), 6);
}

static void several_writers_are_summed(void **state)
{
	(void)state;
	static struct histogram other;
	memset(&other, 0, sizeof(other));
	histogram_add(&histogram, 10);
	histogram_add(&other, 10);
	histogram_add(&other, 70000);
	histogram_read(&histogram, &counts);
	histogram_read(&other, &counts);
	assert_int_equal(counts.total, 3);
	assert_int_equal(counts.sum_us, 70020);
	assert_int_equal(counts.counts[10], 2);
}

struct group_case {
	uint64_t us;
	unsigned group, place;
};

static const struct group_case groups[] = {
	{0, 0, 0}, {63, 0, 63}, {64, 1, 0}, {127, 1, 63}, {128, 2, 0}, {1000000, 14, 58}, {UINT64_MAX, HISTOGRAM_GROUPS - 1, 63}};

static void groups_are_read_one_by_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		clear(NULL);
		histogram_add(&histogram, groups[i].us);
		for (unsigned group = 0; group < HISTOGRAM_GROUPS; group++) {
			uint32_t into[HISTOGRAM_GROUP_BUCKETS] = {0};
			assert_int_equal(histogram_read_group(&histogram, group, into), group == groups[i].group);
			assert_int_equal(into[groups[i].place], group == groups[i].group);
		}
	}
}

static void groups_are_added_modulo_32_bits(void **state)
{
	(void)state;
	uint32_t into[HISTOGRAM_GROUP_BUCKETS] = {[7] = 5};
	atomic_store(&histogram.counts[7], UINT32_MAX - 1);
	assert_true(histogram_read_group(&histogram, 0, into));
	assert_int_equal(into[7], 3);
}

static void what_was_added_is_counted(void **state)
{
	(void)state;
	assert_int_equal(histogram_added(&histogram), 0);
	histogram_add(&histogram, 0);
	histogram_add(&histogram, UINT64_MAX);
	assert_int_equal(histogram_added(&histogram), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_durations_are_exact),
		cmocka_unit_test(buckets_are_off_by_one_percent_at_most),
		cmocka_unit_test(buckets_are_in_order),
		cmocka_unit_test(what_is_too_long_is_in_the_last_bucket),
		cmocka_unit_test_setup(quantiles_are_found, clear),
		cmocka_unit_test_setup(counts_under_a_bound_include_it, clear),
		cmocka_unit_test_setup(several_writers_are_summed, clear),
		cmocka_unit_test_setup(groups_are_read_one_by_one, clear),
		cmocka_unit_test_setup(groups_are_added_modulo_32_bits, clear),
		cmocka_unit_test_setup(what_was_added_is_counted, clear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
