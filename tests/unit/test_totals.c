/* Totals: cells made on first use, sums over workers and colors, counting while it is read. */
// links: proxy
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "proxy/totals.h"

#define WORKERS 3u

static void test_nothing_counted(void **state)
{
	(void)state;
	static struct totals_sum sum, zero;
	struct totals *totals = totals_new(WORKERS);
	memset(&sum, 1, sizeof(sum));
	totals_read(totals, COLOR_GREEN, &sum);
	assert_memory_equal(&sum, &zero, sizeof(sum));
	assert_int_equal(totals_inflight(totals, COLOR_BLUE), 0);
	assert_null(atomic_load(&totals->lanes[0].cell));
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal((uintptr_t)totals_lane(totals, i, COLOR_BLUE) % 64, 0);
	assert_int_not_equal(totals_lane(totals, 0, COLOR_BLUE)->balance_turn, totals_lane(totals, 1, COLOR_BLUE)->balance_turn);
	totals_release(totals);
}

static void test_sums(void **state)
{
	(void)state;
	static struct totals_sum sum;
	uint64_t sum_of_kinds[FAIL_KIND_COUNT];
	struct totals *totals = totals_new(WORKERS);
	for (unsigned i = 0; i < WORKERS; i++) {
		struct totals_lane *lane = totals_lane(totals, i, COLOR_GREEN);
		struct totals_cell *cell = totals_cell(lane);
		assert_ptr_equal(totals_cell(lane), cell);
		totals_add(&lane->inflight, i + 1);
		totals_add(&lane->assist, 2 * i);
		totals_add(&cell->ended, 10);
		totals_add(&cell->errors, i);
		totals_add(&cell->failed, 1);
		totals_add(&cell->aborted, 2);
		totals_add(&cell->replayed, 3);
		totals_add(&cell->shielded, 7);
		totals_add(&cell->shielded_errors, i);
		totals_add(&cell->bytes_in, 1ull << 40);
		totals_add(&cell->bytes_out, 5);
		totals_add(&cell->kinds[FAIL_KIND_reset], i);
		totals_add(&cell->kinds[FAIL_KIND_cut], 4);
		totals_add(&cell->codes[200 - TOTALS_STATUS_LOW], 9);
		totals_add(&cell->codes[599 - TOTALS_STATUS_LOW], 1);
		histogram_add(&cell->duration, 1000);
		histogram_add(&cell->first_byte, 500 * i);
	}
	totals_read(totals, COLOR_GREEN, &sum);
	const uint64_t seen[] = {sum.ended, sum.errors, sum.failed, sum.aborted, sum.replayed, sum.shielded, sum.shielded_errors, sum.bytes_in, sum.bytes_out,
		sum.codes[100], sum.codes[499], sum.duration.total, sum.duration.sum_us, sum.first_byte.total, totals_inflight(totals, COLOR_GREEN),
		totals_assist(totals, COLOR_GREEN), sum.kinds[FAIL_KIND_abort], sum.kinds[FAIL_KIND_reset], sum.kinds[FAIL_KIND_cut],
		sum.kinds[FAIL_KIND_connect]};
	const uint64_t expected[] = {30, 3, 3, 6, 9, 21, 3, 3ull << 40, 15, 27, 3, 3, 3000, 3, 6, 6, 6, 3, 12, 0};
	for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++)
		assert_int_equal(seen[i], expected[i]);
	memcpy(sum_of_kinds, sum.kinds, sizeof(sum_of_kinds));
	totals_read(totals, COLOR_BLUE, &sum);
	assert_int_equal(sum.ended, 0);
	assert_int_equal(totals_inflight(totals, COLOR_BLUE), 0);
	uint64_t counts[TOTALS_COUNTS], added[TOTALS_TIMES];
	totals_peek(totals, COLOR_GREEN, counts, added);
	assert_true(counts[TOTALS_ENDED] == 30 && counts[TOTALS_ERRORS] == 3 && added[TOTALS_DURATION] == 3 && added[TOTALS_FIRST_BYTE] == 3);
	for (unsigned kind = FAIL_KIND_abort; kind < FAIL_KIND_COUNT; kind++)
		assert_int_equal(counts[TOTALS_KINDS + kind - FAIL_KIND_abort], sum_of_kinds[kind]);
	totals_peek(totals, COLOR_BLUE, counts, added);
	assert_true(counts[TOTALS_ENDED] == 0 && counts[TOTALS_ERRORS] == 0 && added[TOTALS_DURATION] == 0);
	for (unsigned i = 0; i < WORKERS; i++) {
		atomic_store(&totals_lane(totals, i, COLOR_GREEN)->inflight, 0);
		atomic_store(&totals_lane(totals, i, COLOR_GREEN)->assist, 0);
	}
	totals_hold(totals);
	totals_release(totals);
	totals_release(totals);
}

static void test_groups(void **state)
{
	(void)state;
	uint32_t into[HISTOGRAM_GROUP_BUCKETS];
	struct totals *totals = totals_new(WORKERS);
	for (unsigned i = 1; i < WORKERS; i++) { /* the first has served nothing */
		struct totals_cell *cell = totals_cell(totals_lane(totals, i, COLOR_GREEN));
		histogram_add(&cell->duration, 70);
		histogram_add(&cell->duration, 70 + i);
		histogram_add(&cell->first_byte, 5);
	}
	memset(into, 1, sizeof(into));
	assert_true(totals_read_group(totals, COLOR_GREEN, TOTALS_DURATION, 1, into));
	for (unsigned i = 0; i < HISTOGRAM_GROUP_BUCKETS; i++)
		assert_int_equal(into[i], i == 6 ? 2 : i == 7 || i == 8 ? 1 : 0);
	assert_false(totals_read_group(totals, COLOR_GREEN, TOTALS_DURATION, 0, into));
	assert_false(totals_read_group(totals, COLOR_BLUE, TOTALS_DURATION, 1, into));
	assert_int_equal(into[6], 0);
	totals_release(totals);
}

static void test_lines_of_the_cache(void **state)
{
	(void)state;
	struct totals *totals = totals_new(1);
	struct totals_cell *cell = totals_cell(totals_lane(totals, 0, COLOR_BLUE));
	const _Atomic uint64_t *const together[] = {
		&cell->duration.added, &cell->duration.sum_us, &cell->ended, &cell->errors, &cell->bytes_in, &cell->bytes_out, &cell->replayed, &cell->aborted};
	for (size_t i = 0; i < sizeof(together) / sizeof(together[0]); i++)
		assert_int_equal((uintptr_t)together[i] / 64, (uintptr_t)together[0] / 64);
	totals_release(totals);
}

#define ROUNDS 20000u

static void *count(void *arg)
{
	struct totals_lane *lane = arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct totals_cell *cell = totals_cell(lane);
		totals_add(&lane->inflight, 1);
		totals_add(&cell->ended, 1);
		histogram_add(&cell->duration, i);
		atomic_store_explicit(&lane->inflight, atomic_load_explicit(&lane->inflight, memory_order_relaxed) - 1, memory_order_release);
	}
	return NULL;
}

static void test_reading_while_workers_count(void **state)
{
	(void)state;
	static struct totals_sum sum;
	struct totals *totals = totals_new(WORKERS);
	pthread_t threads[WORKERS];
	uint64_t before = 0;
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count, totals_lane(totals, i, COLOR_BLUE)), 0);
	for (unsigned i = 0; i < 200; i++) {
		totals_read(totals, COLOR_BLUE, &sum);
		assert_true(sum.ended >= before && totals_inflight(totals, COLOR_BLUE) <= WORKERS);
		before = sum.ended;
	}
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	totals_read(totals, COLOR_BLUE, &sum);
	assert_int_equal(sum.ended, WORKERS * ROUNDS);
	assert_int_equal(sum.duration.total, WORKERS * ROUNDS);
	assert_int_equal(totals_inflight(totals, COLOR_BLUE), 0);
	totals_release(totals);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_counted),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_lines_of_the_cache),
		cmocka_unit_test(test_reading_while_workers_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
