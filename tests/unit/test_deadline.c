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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nothing_armed, begin),
		cmocka_unit_test_setup(test_order, begin),
		cmocka_unit_test_setup(test_only_what_is_due, begin),
		cmocka_unit_test_setup(test_moving, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
