/* Measures: counts per second and latencies; windows, wraps, workers that count meanwhile, memory. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <malloc.h>
#include <pthread.h>

#include "tests/unit/measured.h"

/* In microseconds, 0 for none. */
static void assert_latency(const struct color_under_test *test, uint64_t now, uint64_t p50_us, uint64_t p99_us)
{
	double p50_ms = 0, p99_ms = 0;
	bool any = measures_latency(test->measures, TOTALS_DURATION, now, &p50_ms, &p99_ms);
	assert_int_equal(any, p50_us > 0);
	assert_true(p50_ms == (double)p50_us / 1000.0 && p99_ms == (double)p99_us / 1000.0);
}

/* ---- windows ---- */

static void test_without_traffic(void **state)
{
	look(*state, 100);
	assert_count(*state, 100, 60, 0, 0);
	assert_latency(*state, 100, 0, 0);
}

/* Ten answers and an error in each of the seconds 1000 to 1999. */
static const struct {
	const char *name;
	uint64_t now;
	unsigned seconds;
	uint64_t ended, errors;
} windows[] = {
	{"a minute", 1999, 60, 600, 60},
	{"no time", 1999, 0, 0, 0},
	{"the last second", 1999, 1, 10, 1},
	{"a second later", 2000, 1, 0, 0},
	{"half of it is over", 2029, 60, 300, 30},
	{"one second is left of it", 2058, 60, 10, 1},
	{"none is", 2059, 60, 0, 0},
	{"all that is held", 1999, MEASURES_SECONDS, 9000, 900},
	{"cut in the middle of blocks", 1950, 700, 7000, 700},
	{"no more than that", 1999, 5000, 9000, 900},
	{"the last of it", 1999 + MEASURES_SECONDS - 1, MEASURES_SECONDS, 10, 1},
	{"over", 1999 + MEASURES_SECONDS, MEASURES_SECONDS, 0, 0},
	{"long over, in the same places", 1999 + 4 * MEASURES_SECONDS, MEASURES_SECONDS, 0, 0},
	{"a moment that has passed", 1989, 10, 100, 10},
};

static void test_windows(void **state)
{
	for (uint64_t second = 1000; second < 2000; second++) {
		serve(*state, 10, 1, 1000);
		look(*state, second);
	}
	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
		print_message("%s\n", windows[i].name);
		assert_count(*state, windows[i].now, windows[i].seconds, windows[i].ended, windows[i].errors);
	}
}

static void test_a_great_count_in_one_second(void **state)
{
	const uint64_t many = UINT32_MAX - 1u;
	totals_add(&cell_of(*state, 1)->ended, many);
	look(*state, 50);
	assert_count(*state, 50, 1, many, 0);
	totals_add(&cell_of(*state, 0)->ended, 1);
	totals_add(&cell_of(*state, 0)->errors, 1);
	look(*state, 50);
	look(*state, 51);
	assert_count(*state, 51, 2, many + 1, 1);
	assert_count(*state, 51, 1, 0, 0);
}

static void test_slices_age(void **state)
{
	serve(*state, 98, 0, 100);
	serve(*state, 2, 0, 10000);
	look(*state, 1000);
	assert_latency(*state, 1000, 100, histogram_bucket_us(histogram_bucket(10000)));
	serve(*state, 100, 0, 60); /* after the look, but of the same slice */
	assert_latency(*state, 1000, 60, 100);
	look(*state, 1010);
	assert_latency(*state, 1010, 60, 100);
	assert_latency(*state, 1059, 60, 100);
	assert_latency(*state, 1060, 0, 0);
	serve(*state, 1, 0, 7);
	assert_latency(*state, 1060, 7, 7);
	look(*state, 1061);
	assert_latency(*state, 1069, 7, 7);
	assert_latency(*state, 1070, 0, 0);
}

/* ---- what else is counted ---- */

static uint64_t sum_of_kind(const struct color_under_test *test, uint64_t now, unsigned seconds, enum fail_kind kind)
{
	return measures_sum(test->measures, now, seconds, TOTALS_KINDS + kind - FAIL_KIND_abort);
}

/* A failure each in the seconds 1000 to 1199, given up by its client from 1100 on. */
static void test_kinds(void **state)
{
	const struct color_under_test *test = *state;
	look(test, 999);
	for (uint64_t second = 1000; second < 1200; second++) {
		struct totals_cell *cell = cell_of(test, (unsigned)(second % WORKERS));
		totals_add(second < 1100 ? &cell->kinds[FAIL_KIND_reset] : &cell->aborted, 1);
		look(test, second);
	}
	assert_int_equal(sum_of_kind(test, 1199, 200, FAIL_KIND_reset), 100);
	assert_int_equal(sum_of_kind(test, 1199, 150, FAIL_KIND_reset), 50);
	assert_int_equal(sum_of_kind(test, 1199, 60, FAIL_KIND_reset), 0);
	assert_int_equal(sum_of_kind(test, 1199, 60, FAIL_KIND_abort), 60);
	assert_int_equal(sum_of_kind(test, 1199, MEASURES_SECONDS, FAIL_KIND_abort), 100);
	assert_int_equal(sum_of_kind(test, 1199, MEASURES_SECONDS, FAIL_KIND_cut), 0);
	assert_count(test, 1199, MEASURES_SECONDS, 0, 0);
}

static void test_first_byte_has_its_own_times(void **state)
{
	const struct color_under_test *test = *state;
	double p50_ms = 0, p99_ms = 0;
	serve(test, 1, 0, 60000);
	histogram_add(&cell_of(test, 0)->first_byte, 60);
	look(test, 1000);
	assert_true(measures_latency(test->measures, TOTALS_FIRST_BYTE, 1000, &p50_ms, &p99_ms));
	assert_true(p50_ms == 0.06 && p99_ms == 0.06);
	look(test, 1010);
	assert_true(measures_latency(test->measures, TOTALS_FIRST_BYTE, 1059, &p50_ms, &p99_ms));
	assert_false(measures_latency(test->measures, TOTALS_FIRST_BYTE, 1060, &p50_ms, &p99_ms));
}

/* ---- buckets wrap ---- */

static void preset(const struct color_under_test *test, uint64_t us, uint32_t count)
{
	struct totals_cell *cell = cell_of(test, 0);
	atomic_store(&cell->duration.counts[histogram_bucket(us)], count);
	totals_add(&cell->duration.added, count);
	totals_add(&cell->ended, count);
}

static const struct {
	const char *name;
	uint32_t before;
	unsigned gained;
} wraps[] = {
	{"past 0", UINT32_MAX - 1, 5},
	{"to 0", UINT32_MAX - 4, 5},
	{"no wrap", UINT32_MAX - 5, 5},
};

static void test_wraps(void **state)
{
	for (size_t i = 0; i < sizeof(wraps) / sizeof(wraps[0]); i++) {
		struct color_under_test *test = *state;
		print_message("%s\n", wraps[i].name);
		preset(test, 7, wraps[i].before);
		look(test, 100);
		look(test, 110);
		struct totals_cell *cell = cell_of(test, 0);
		for (unsigned j = 0; j < wraps[i].gained; j++) {
			histogram_add(&cell->duration, 7);
			totals_add(&cell->ended, 1);
		}
		serve(test, 5, 0, 70);
		assert_latency(test, 165, 7, 70); /* 5 of 10, of which none may be missing */
		look(test, 120);
		assert_latency(test, 165, 7, 70);
		serve(test, 1, 0, 70);
		assert_latency(test, 165, 70, 70);
		assert_count(test, 165, 100, (uint64_t)wraps[i].before + wraps[i].gained + 5, 0);
		end(state);
		begin(state);
	}
}

/* ---- workers ---- */

#define ROUNDS 20000u

static const uint64_t low_us = 20, middle_us = 40, high_us = 60;

/* Half are low, one in a hundred is high: p50 and p99 are at the edge, where one more or less tells. */
static void *count(void *arg)
{
	struct totals_cell *cell = totals_cell(arg);
	for (unsigned i = 0; i < ROUNDS; i++) {
		totals_add(&cell->ended, 1);
		histogram_add(&cell->duration, i % 2 ? low_us : i % 100 ? middle_us : high_us);
	}
	return NULL;
}

static void test_looking_while_workers_count(void **state)
{
	struct color_under_test *test = *state;
	pthread_t threads[WORKERS];
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count, totals_lane(test->totals, i, COLOR_GREEN)), 0);
	for (uint64_t second = 1000; second < 1055; second++) {
		double p50_ms, p99_ms;
		look(test, second);
		measures_latency(test->measures, TOTALS_DURATION, second, &p50_ms, &p99_ms);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	look(test, 1055);
	assert_count(test, 1055, 60, WORKERS * ROUNDS, 0);
	assert_latency(test, 1055, low_us, middle_us);
	look(test, 1060);
	assert_latency(test, 1055, low_us, middle_us);
}

/* ---- memory ---- */

#define COLORS 100u

static size_t allocated(void)
{
	return mallinfo2().uordblks;
}

/* Sanitizers' allocators count nothing, so that there this shows nothing. */
static void test_memory(void **state)
{
	struct color_under_test *test = *state;
	struct measures *measures[COLORS];
	cell_of(test, 0);
	for (unsigned i = 0; i < COLORS; i++)
		measures[i] = measures_new();
	size_t before = allocated(), during, counted = before > 0;
	for (uint64_t second = 100; second < 200; second++)
		for (unsigned i = 0; i < COLORS; i++)
			measures_add(measures[i], second, test->totals, COLOR_GREEN, i % MEASURES_SLICE_S);
	assert_int_equal(allocated(), before);
	for (uint64_t second = 1000; second < 3000; second++) {
		for (uint64_t us = 1; us < 30000; us = us * 13 / 10 + 1)
			serve(test, 1, 1, us);
		for (unsigned i = 0; i < COLORS; i++)
			measures_add(measures[i], second, test->totals, COLOR_GREEN, i % MEASURES_SLICE_S);
	}
	during = (allocated() - before) / COLORS;
	assert_true(during <= 12000 && during >= 4000 * counted);
	for (unsigned i = 0; i < COLORS; i++)
		measures_add(measures[i], 5000, test->totals, COLOR_GREEN, 0);
	assert_true((allocated() - before) / COLORS < 2000);
	for (unsigned i = 0; i < COLORS; i++)
		measures_free(measures[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_without_traffic),
		TEST(test_windows),
		TEST(test_a_great_count_in_one_second),
		TEST(test_slices_age),
		TEST(test_wraps),
		TEST(test_looking_while_workers_count),
		TEST(test_kinds),
		TEST(test_first_byte_has_its_own_times),
		TEST(test_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
