/* A sequential test: is the share of errors what it was before, or has it risen to a bad one? Pure; knows neither colors nor clocks. Control thread.
 *
 * The CUSUM form of Wald's sequential probability ratio test. Each answer adds the logarithm of how much likelier it is at the bad rate h1 than at the accepted one h0; the sum never
 * falls below 0, so that a color that goes bad late is found as fast as one that always was. Over the threshold the color is bad. Answers come in batches: so many, so many of them errors. */
#ifndef TEAL_SWITCH_SEQUENTIAL_H
#define TEAL_SWITCH_SEQUENTIAL_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

/* Fewer answers say nothing, fewer errors are held against nobody, and errors of one batch alone are one incident. */
#define SEQUENTIAL_ANSWERS_MIN 20u
#define SEQUENTIAL_ERRORS_MIN 5u
#define SEQUENTIAL_BATCHES_MIN 2u
/* A lower share of errors is not told apart from none. */
#define SEQUENTIAL_RATE_MIN 0.001
/* An old color that had an outage must not make the test blind. */
#define SEQUENTIAL_BURST_MAX 10.0

/* What came before, second by second. */
struct sequential_before {
	uint64_t answers, errors;
	uint64_t seconds, squares; /* in how many seconds they came; the sum of the squares of each second's errors. 0: not known */
};

/* What is accepted and what is bad, as shares of answers; h0 < h1. */
struct sequential_rates {
	double h0, h1;
	double burst;     /* how many errors came at once on average, 1 to SEQUENTIAL_BURST_MAX: so many are evidence for one */
	bool limit_holds; /* false: the old color was over half of the limit before, so that h1 is twice what it had */
};

struct sequential {
	struct sequential_rates rates;
	double horizon;           /* the answers that the threshold is made for */
	double sum;               /* 0 to the threshold */
	uint64_t answers, errors; /* all of them */
	uint64_t run_answers, run_errors;
	unsigned run_batches; /* that had errors; the run is what came since the sum was last 0 */
	bool over;            /* bad; stays until the sum is 0 again */
	bool well;            /* shown to be below h1; stays until that is in doubt */
};

/* From what the old color had (fewer than SEQUENTIAL_ANSWERS_MIN answers: nothing is known) and the limit, over 0 and at most 1. */
struct sequential_rates sequential_choose_rates(const struct sequential_before *before, double limit);
/* The bounds that the true share exceeds, or falls below, with 95 % each, when errors come in bursts of that many. Without answers 0 and 1. */
void sequential_bounds(uint64_t answers, uint64_t errors, double burst, double *lower, double *upper);

/* `expected`: answers during the whole bake, 0 when not known. */
void sequential_begin(struct sequential *test, struct sequential_rates rates, uint64_t expected);
/* Forgets the evidence, keeps rates and horizon. */
void sequential_restart(struct sequential *test);
/* errors <= answers. */
void sequential_add(struct sequential *test, uint64_t answers, uint64_t errors);
double sequential_threshold(const struct sequential *test);
/* What an answer adds on average when the true share of errors is `rate`, and the most that any test of h0 could gain (the Kullback-Leibler information). */
double sequential_drift(struct sequential_rates rates, double rate);
double sequential_information(struct sequential_rates rates, double rate);

/* A new reference. */
json_t *sequential_to_json(const struct sequential *test);
/* False, and nothing changed, when that is not a whole state. */
bool sequential_read(struct sequential *test, const json_t *state);

#endif
