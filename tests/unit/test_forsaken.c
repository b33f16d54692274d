/* Copies that were given up: in which time, of which color. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "switch/forsaken.h"

static void test_sums(void **state)
{
	struct forsaken forsaken = {0};
	(void)state;
	assert_int_equal(forsaken_sum(&forsaken, COLOR_BLUE, 5000, 60), 0);
	forsaken_add(&forsaken, COLOR_BLUE, 5000, 2);
	forsaken_add(&forsaken, COLOR_GREEN, 5010, 7);
	forsaken_add(&forsaken, COLOR_BLUE, 5010, 3);
	forsaken_add(&forsaken, COLOR_BLUE, 5020, 0);
	assert_int_equal(forsaken_sum(&forsaken, COLOR_BLUE, 5010, 11), 5);
	assert_int_equal(forsaken_sum(&forsaken, COLOR_BLUE, 5010, 10), 3);
	assert_int_equal(forsaken_sum(&forsaken, COLOR_GREEN, 5010, 11), 7);
	assert_int_equal(forsaken_sum(&forsaken, COLOR_BLUE, 5011, 1), 0);
	assert_int_equal(forsaken_sum(&forsaken, COLOR_BLUE, 6000, 60), 0);
}

/* A second has the place of one of long ago. */
static void test_goes_round(void **state)
{
	struct forsaken forsaken = {0};
	(void)state;
	forsaken_add(&forsaken, COLOR_BLUE, 1000, 1);
	forsaken_add(&forsaken, COLOR_BLUE, 1000 + MEASURES_SECONDS - 1, 1);
	assert_int_equal(forsaken_sum(&forsaken, COLOR_BLUE, 1000 + MEASURES_SECONDS - 1, MEASURES_SECONDS), 2);
	forsaken_add(&forsaken, COLOR_BLUE, 1000 + MEASURES_SECONDS, 1);
	assert_int_equal(forsaken_sum(&forsaken, COLOR_BLUE, 1000 + MEASURES_SECONDS, MEASURES_SECONDS), 2);
	forsaken_add(&forsaken, COLOR_BLUE, 9000, 1);
	assert_int_equal(forsaken_sum(&forsaken, COLOR_BLUE, 9000, MEASURES_SECONDS), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_goes_round),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
