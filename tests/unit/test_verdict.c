/* probe/verdict: rise and fall by a table of result sequences. */
// links: probe
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "probe/verdict.h"

struct verdict_case {
	const char *name;
	enum health start;
	unsigned rise, fall;
	/* one letter a result or what followed it */
	const char *results; /* o ok, x failed */
	const char *health;  /* u up, d down; capital: changed by this result */
	const char *streaks;
};

static const struct verdict_case cases[] = {
	{"the first result decides: up", HEALTH_UNKNOWN, 3, 3, "o", "U", "1"},
	{"the first result decides: down", HEALTH_UNKNOWN, 3, 3, "x", "D", "1"},
	{"rise counts from the second", HEALTH_UNKNOWN, 2, 2, "xooo", "DdUu", "1123"},
	{"fall counts from the second", HEALTH_UNKNOWN, 2, 2, "oxxx", "UuDd", "1123"},
	{"a failure between begins anew", HEALTH_DOWN, 3, 3, "ooxooo",
		"ddddd"
		"U",
		"121123"},
	{"a success between begins anew", HEALTH_UP, 3, 3, "xxoxxx",
		"uuuuu"
		"D",
		"121123"},
	{"rise and fall of one", HEALTH_UP, 1, 1, "xoxo", "DUDU", "1111"},
	{"zero counts as one", HEALTH_UP, 0, 0, "xo", "DU", "11"},
	{"a start as up falls like any other", HEALTH_UP, 2, 2, "xxoo", "uDdU", "1212"},
	{"a start as down rises like any other", HEALTH_DOWN, 2, 2, "oo", "dU", "12"},
	{"nothing changes", HEALTH_UP, 2, 2, "oooo", "uuuu", "1234"},
	{"different numbers", HEALTH_UNKNOWN, 1, 4, "oxxxxo", "UuuuDU", "112341"},
};

static void test_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct verdict_case *test = &cases[i];
		struct verdict verdict;
		print_message("%s\n", test->name);
		verdict_init(&verdict, test->start);
		assert_int_equal(verdict.health, test->start);
		for (size_t at = 0; at < strlen(test->results); at++) {
			bool changed = verdict_update(&verdict, test->results[at] == 'o', test->rise, test->fall);
			char health = verdict.health == HEALTH_UP ? 'u' : verdict.health == HEALTH_DOWN ? 'd' : '?';
			assert_int_equal(changed ? health - 'a' + 'A' : health, test->health[at]);
			assert_int_equal(verdict.streak, test->streaks[at] - '0');
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_verdicts)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
