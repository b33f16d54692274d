// Deadlines of one worker: order of expiry, moving, disarming.
// links: proxy
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/deadline.h"

static struct deadlines deadlines;

static int begin(void **state)
{
	(void)state;
	deadline_init(&deadlines);
	return 0;
}

static void test_nothing_armed(void **state)
{
	(void)state;
	enum deadline_kind kind;
	assert_true(deadline_next_ms(&deadlines) == UINT64_MAX);
	assert_null(deadline_take_expired(&deadlines, UINT64_MAX - 1, &kind));
}

/* Whatever the order of arming, expiry is in the order of time within a kind. */
static void test_order(void **state)
{
	(void)state;
	static const uint64_t times[] = {50, 10, 40, 10, 30, 60, 20};
	enum { COUNT = sizeof(times) / sizeof(times[0]) };
	struct deadline entries[COUNT];
	memset(entries, 0, sizeof(entries));
	for (size_t i = 0; i < COUNT; i++)
		deadline_arm(&deadlines, &entries[i], DEADLINE_idle, times[i]);
	uint64_t last = 0;
	for (size_t i = 0; i < COUNT; i++) {
		enum deadline_kind kind;
		assert_int_equal(deadline_next_ms(&deadlines) >= last, 1);
		struct deadline *taken = deadline_take_expired(&deadlines, 60, &kind);
		assert_non_null(taken);
		assert_int_equal(kind, DEADLINE_idle);
		assert_true(taken->at_ms >= last);
		last = taken->at_ms;
	}
	assert_true(deadline_next_ms(&deadlines) == UINT64_MAX);
}

static void test_only_what_is_due(void **state)
{
	(void)state;
	struct deadline soon = {0}, late = {0};
	enum deadline_kind kind;
	deadline_arm(&deadlines, &soon, DEADLINE_connect, 100);
	deadline_arm(&deadlines, &late, DEADLINE_header, 200);
	assert_int_equal(deadline_next_ms(&deadlines), 100);
	assert_null(deadline_take_expired(&deadlines, 99, &kind));
	assert_ptr_equal(deadline_take_expired(&deadlines, 100, &kind), &soon);
	assert_int_equal(kind, DEADLINE_connect);
	assert_null(deadline_take_expired(&deadlines, 199, &kind));
	assert_int_equal(soon.kind, DEADLINE_none);
}

/* Arming again moves, also to another kind; disarming twice does no harm. */
static void test_moving(void **state)
{
	(void)state;
	struct deadline entry = {0};
	enum deadline_kind kind;
	deadline_arm(&deadlines, &entry, DEADLINE_idle, 100);
	deadline_arm(&deadlines, &entry, DEADLINE_stall, 300);
	assert_int_equal(deadline_next_ms(&deadlines), 300);
	assert_null(deadline_take_expired(&deadlines, 299, &kind));
	deadline_disarm(&entry);
	deadline_disarm(&entry);
	assert_null(deadline_take_expired(&deadlines, 1000, &kind));
}

/* Armed one behind the other, between others of the kind and none of another. */
static void test_one_behind_the_other(void **state)
{
	(void)state;
	static const uint64_t others[] = {5, 15, 25, 25, 95}, times[] = {10, 10, 20, 25, 90, 100};
	enum { OTHERS = sizeof(others) / sizeof(others[0]), COUNT = sizeof(times) / sizeof(times[0]) };
	struct deadline first[OTHERS] = {0}, entries[COUNT] = {0}, stranger = {0};
	deadline_arm(&deadlines, &stranger, DEADLINE_stall, 50);
	for (size_t i = 0; i < OTHERS; i++)
		deadline_arm(&deadlines, &first[i], DEADLINE_idle, others[i]);
	deadline_arm(&deadlines, &entries[3], DEADLINE_idle, 1); /* is moved */
	deadline_arm(&deadlines, &entries[0], DEADLINE_idle, times[0]);
	for (size_t i = 1; i < COUNT; i++)
		deadline_arm_behind(&entries[i - 1], &entries[i], times[i]);
	uint64_t last = 0;
	enum deadline_kind kind;
	for (size_t i = 0; i < OTHERS + COUNT + 1; i++) {
		assert_true(deadline_next_ms(&deadlines) >= last);
		last = deadline_next_ms(&deadlines);
		struct deadline *taken = deadline_take_expired(&deadlines, last, &kind);
		assert_non_null(taken);
		assert_int_equal(kind, taken == &stranger ? DEADLINE_stall : DEADLINE_idle);
	}
	assert_true(deadline_next_ms(&deadlines) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nothing_armed, begin),
		cmocka_unit_test_setup(test_order, begin),
		cmocka_unit_test_setup(test_only_what_is_due, begin),
		cmocka_unit_test_setup(test_moving, begin),
		cmocka_unit_test_setup(test_one_behind_the_other, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
