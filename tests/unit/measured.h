/* A color whose totals are counted by three workers, and its measures: the setup of the tests of switch/measures. Included after cmocka.h. */
#ifndef TEAL_TESTS_UNIT_MEASURED_H
#define TEAL_TESTS_UNIT_MEASURED_H

#include <stdlib.h>

#include "switch/measures.h"

#define WORKERS 3u

struct color_under_test {
	struct totals *totals;
	struct measures *measures;
	unsigned phase;
};

static inline int begin(void **state)
{
	struct color_under_test *test = malloc(sizeof(*test));
	*test = (struct color_under_test){.totals = totals_new(WORKERS), .measures = measures_new()};
	*state = test;
	return 0;
}

static inline int end(void **state)
{
	struct color_under_test *test = *state;
	measures_free(test->measures);
	totals_release(test->totals);
	free(test);
	return 0;
}

static inline struct totals_cell *cell_of(const struct color_under_test *test, unsigned worker)
{
	return totals_cell(totals_lane(test->totals, worker, COLOR_GREEN));
}

static inline void serve(const struct color_under_test *test, unsigned answers, unsigned errors, uint64_t us)
{
	for (unsigned i = 0; i < answers; i++) {
		struct totals_cell *cell = cell_of(test, i % WORKERS);
		totals_add(&cell->ended, 1);
		totals_add(&cell->errors, i < errors ? 1 : 0);
		histogram_add(&cell->duration, us);
	}
}

static inline void look(const struct color_under_test *test, uint64_t second)
{
	measures_add(test->measures, second, test->totals, COLOR_GREEN, test->phase);
}

static inline void assert_count(const struct color_under_test *test, uint64_t now, unsigned seconds, uint64_t ended, uint64_t errors)
{
	uint64_t got_ended, got_errors;
	measures_count(test->measures, now, seconds, &got_ended, &got_errors);
	assert_int_equal(got_ended, ended);
	assert_int_equal(got_errors, errors);
}

#endif
