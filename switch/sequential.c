/* The sequential test on a share of errors. Pure. Does not know what it is used for. */
#include "switch/sequential.h"

#include <assert.h>
#include <math.h>

#include "switch/wire.h"

#define HORIZON_MIN 10000.0
#define BAKES 2000.0           /* one false alarm in as many bakes, at the very most */
#define PROOF 5.3              /* ln 200 */
#define Z95 1.6448536269514722 /* one side, 5 % */
#define H0_MAX 0.98
#define H1_MAX 0.999

/* Wilson's score bounds. They need no iteration, are never outside 0 to 1 and hold their 95 % on average for any number of answers. Clopper and Pearson's hold them in every case, at the price of an inverse
 * incomplete beta function for each look; nothing here depends on that: few answers have wide bounds of either kind, and the rates chosen from them are cut off at half of the limit and at 0.1 %. */
void sequential_bounds(uint64_t answers, uint64_t errors, double burst, double *lower, double *upper)
{
	double n = (double)answers / burst, rate = answers ? (double)errors / (double)answers : 0;
	*lower = 0;
	*upper = 1;
	if (answers == 0)
		return;
	double square = Z95 * Z95, center = rate + square / (2 * n), scale = 1 + square / n;
	double half = Z95 * sqrt(rate * (1 - rate) / n + square / (4 * n * n));
	*lower = errors == 0 ? 0 : fmax(0, (center - half) / scale);
	*upper = errors == answers ? 1 : fmin(1, (center + half) / scale);
}

/* The variance of a second's errors in terms of their mean: 1 when each comes by itself, b when they come in bursts of b. Less than three standard deviations over 1 is chance. */
static double burst_of(const struct sequential_before *before)
{
	double seconds = (double)before->seconds, mean = seconds > 0 ? (double)before->errors / seconds : 0;
	if (before->errors < SEQUENTIAL_ERRORS_MIN || seconds < 2)
		return 1;
	double burst = ((double)before->squares / seconds - mean * mean) / mean;
	double chance = sqrt((2 + 1 / mean) / seconds);
	return burst < 1 + 3 * chance ? 1 : fmin(burst, SEQUENTIAL_BURST_MAX);
}

/* Twice as many errors; where that is more than there can be, half as many good answers. */
static double worse_than(double rate)
{
	return fmin(2 * rate, (1 + rate) / 2);
}

struct sequential_rates sequential_choose_rates(const struct sequential_before *before, double limit)
{
	struct sequential_rates rates = {.limit_holds = true, .burst = burst_of(before)};
	double lower, upper;
	sequential_bounds(before->answers, before->errors, rates.burst, &lower, &upper);
	if (before->answers < SEQUENTIAL_ANSWERS_MIN) {
		rates.h0 = fmax(SEQUENTIAL_RATE_MIN, limit / 10);
	} else if (before->errors >= SEQUENTIAL_ERRORS_MIN && lower > limit / 2) {
		rates.h0 = (double)before->errors / (double)before->answers;
		rates.limit_holds = false;
	} else {
		rates.h0 = fmax(SEQUENTIAL_RATE_MIN, fmin(upper, limit / 2));
	}
	rates.h0 = fmin(rates.h0, H0_MAX);
	rates.h1 = fmin(fmax(limit, worse_than(rates.h0)), H1_MAX);
	return rates;
}

/* What errors and good answers say for the rate `high` and against `low`: the logarithm of the ratio of their likelihoods. */
static double evidence_of(double good, double errors, double low, double high)
{
	return errors * log(high / low) + good * (log1p(-high) - log1p(-low));
}

double sequential_drift(struct sequential_rates rates, double rate)
{
	return evidence_of(1 - rate, rate, rates.h0, rates.h1) / rates.burst;
}

double sequential_information(struct sequential_rates rates, double rate)
{
	double of_errors = rate > 0 ? rate * log(rate / rates.h0) : 0;
	double of_good = rate < 1 ? (1 - rate) * (log1p(-rate) - log1p(-rates.h0)) : 0;
	return (of_errors + of_good) / rates.burst;
}

void sequential_begin(struct sequential *test, struct sequential_rates rates, uint64_t expected)
{
	assert(rates.h0 > 0 && rates.h0 < rates.h1 && rates.h1 < 1 && rates.burst >= 1);
	*test = (struct sequential){.rates = rates, .horizon = fmax(HORIZON_MIN, (double)expected)};
}

void sequential_restart(struct sequential *test)
{
	*test = (struct sequential){.rates = test->rates, .horizon = test->horizon};
}

/* From any one answer on, the sum exceeds T with a probability of at most exp(-T) while h0 holds (Ville's inequality, on a ratio of likelihoods). So over N answers to begin with it is N exp(-T): one in BAKES. */
double sequential_threshold(const struct sequential *test)
{
	return log(BAKES * test->horizon);
}

static void end_run(struct sequential *test)
{
	test->sum = 0;
	test->run_answers = test->run_errors = 0;
	test->run_batches = 0;
	test->over = false;
}

static double rate_of(uint64_t answers, uint64_t errors)
{
	return answers ? (double)errors / (double)answers : 0;
}

static bool run_is_enough(const struct sequential *test)
{
	return test->answers >= SEQUENTIAL_ANSWERS_MIN && test->run_errors >= SEQUENTIAL_ERRORS_MIN && test->run_batches >= SEQUENTIAL_BATCHES_MIN;
}

/* h0 is refuted here. That the share is over h1 must be seen, too: it may be worse than before and still well under the limit. So the run must have h1, and say by PROOF that half of it is not enough to explain it.
 * A run that does not is let go, as its many answers would hide what comes next. */
static void decide_run(struct sequential *test)
{
	const struct sequential_rates *rates = &test->rates;
	double threshold = sequential_threshold(test), low = fmax(rates->h0, rates->h1 / 2);
	if (test->sum < threshold)
		return;
	test->sum = threshold; /* what is over it would only take long to fall, once the color is well again */
	if (test->over || !run_is_enough(test))
		return;
	double proof = evidence_of((double)(test->run_answers - test->run_errors), (double)test->run_errors, low, rates->h1) / rates->burst;
	if (proof >= PROOF && rate_of(test->run_answers, test->run_errors) >= rates->h1)
		test->over = true;
	else if (proof >= PROOF || proof <= 0)
		end_run(test);
}

/* Half of a proof that the share is over h1 now. */
static bool is_suspect(const struct sequential *test)
{
	return test->over || (test->sum > sequential_threshold(test) / 2 && rate_of(test->run_answers, test->run_errors) >= test->rates.h1);
}

/* Well is what a color at h1 would look like in one of 20 cases at most. It takes more to lose the word than not to get it, so that a share near the limit does not change it with every look. */
static void decide_well(struct sequential *test)
{
	double lower, upper;
	bool below = test->well && rate_of(test->answers, test->errors) < test->rates.h1;
	if (!test->well) {
		sequential_bounds(test->answers, test->errors, test->rates.burst, &lower, &upper);
		below = test->answers >= SEQUENTIAL_ANSWERS_MIN && upper < test->rates.h1;
	}
	test->well = below && !is_suspect(test);
}

/* A batch is taken as one step: its gain as a whole is added, then the sum is cut off at 0. Whatever the order of the answers in it was, the sum of single answers at its end is at least this one, because a
 * cut inside of the batch only raises it; so no order raises the rate of false alarms. What the order could have told is lost for the one batch in which a color goes bad: at most one look. */
void sequential_add(struct sequential *test, uint64_t answers, uint64_t errors)
{
	assert(errors <= answers);
	if (answers == 0)
		return;
	test->answers += answers;
	test->errors += errors;
	while ((double)test->answers > test->horizon)
		test->horizon *= 2;
	test->sum += evidence_of((double)(answers - errors), (double)errors, test->rates.h0, test->rates.h1) / test->rates.burst;
	if (test->sum > 0) {
		test->run_answers += answers;
		test->run_errors += errors;
		test->run_batches += errors > 0;
		decide_run(test);
	} else {
		end_run(test);
	}
	decide_well(test);
}

json_t *sequential_to_json(const struct sequential *test)
{
	return json_pack("{s:f, s:f, s:f, s:b, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:b, s:b}", "h0", test->rates.h0, "h1", test->rates.h1, "burst",
		test->rates.burst, "limit_holds", test->rates.limit_holds, "horizon", test->horizon, "sum", test->sum, "answers", (json_int_t)test->answers,
		"errors", (json_int_t)test->errors, "run_answers", (json_int_t)test->run_answers, "run_errors", (json_int_t)test->run_errors, "run_batches",
		(json_int_t)test->run_batches, "over", test->over, "well", test->well);
}

static bool is_whole(const struct sequential *test)
{
	const struct sequential_rates *rates = &test->rates;
	return rates->h0 > 0 && rates->h0 < rates->h1 && rates->h1 < 1 && rates->burst >= 1 && rates->burst <= SEQUENTIAL_BURST_MAX &&
	       isfinite(test->horizon) && test->horizon >= HORIZON_MIN && isfinite(test->sum) && test->sum >= 0 && test->errors <= test->answers &&
	       test->run_errors <= test->run_answers && test->run_answers <= test->answers;
}

bool sequential_read(struct sequential *test, const json_t *state)
{
	struct sequential read = {
		.rates =
			{
				.h0 = json_number_value(json_object_get(state, "h0")),
				.h1 = json_number_value(json_object_get(state, "h1")),
				.burst = json_number_value(json_object_get(state, "burst")),
				.limit_holds = wire_read_flag(state, "limit_holds"),
			},
		.horizon = json_number_value(json_object_get(state, "horizon")),
		.sum = json_number_value(json_object_get(state, "sum")),
		.answers = wire_read_count(state, "answers"),
		.errors = wire_read_count(state, "errors"),
		.run_answers = wire_read_count(state, "run_answers"),
		.run_errors = wire_read_count(state, "run_errors"),
		.run_batches = (unsigned)wire_read_count(state, "run_batches"),
		.over = wire_read_flag(state, "over"),
		.well = wire_read_flag(state, "well"),
	};
	if (!is_whole(&read))
		return false;
	*test = read;
	return true;
}
