/* What the single criteria say of the new color, in numbers and in a sentence each. Pure; the verdict is judge's. */
#include "switch/judge.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* A release that is no more than this slower than the one before is not sent back for it. */
#define SLOWER 1.25
#define SLOWER_CHANCE 10.0

const char *judge_state_name(enum judge_state state)
{
	static const char *const names[] = {"off", "ok", "bad", "inconclusive"};
	return names[state];
}

const char *judge_criterion_name(enum judge_criterion criterion)
{
	static const char *const names[] = {"error_rate", "unhealthy_probes", "latency_p99", "log", "prometheus"};
	return names[criterion];
}

const char *judge_cause_name(enum judge_criterion criterion)
{
	return criterion == JUDGE_PROBES ? "probes" : judge_criterion_name(criterion);
}

/* ---- words ---- */

#define SHARE_SIZE 32

/* `7.1 %`, `0.1 %`, `58 %`: as exact as anybody reads. */
static void format_share(double share, char out[SHARE_SIZE])
{
	double percent = 100 * share;
	if (percent >= 9.95)
		snprintf(out, SHARE_SIZE, percent > 99 && percent < 100 ? "%.1f %%" : "%.0f %%", percent);
	else
		snprintf(out, SHARE_SIZE, "%.2g %%", percent < 0.0001 ? 0 : percent);
}

/* As it is in the file. */
static void format_limit(double share, char out[SHARE_SIZE])
{
	char text[TEXT_UNIT_SIZE];
	text_format_share(share, text);
	snprintf(out, SHARE_SIZE, "%.*s %%", (int)strlen(text) - 1, text);
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static const char *other_name(const struct judge_input *input)
{
	return color_name(color_other(input->color));
}

static double share_of(uint64_t errors, uint64_t answers)
{
	return answers ? (double)errors / (double)answers : 0;
}

/* ---- what both colors share: a database, a network, an old fault ---- */

static bool was_ill(const struct judge *judge, const struct judge_input *input, uint64_t within_ms)
{
	return judge->ill_ms > 0 && input->baked_ms + 1 <= judge->ill_ms + within_ms;
}

static bool hold_for(struct judge_result *result, bool holds, const char *why)
{
	if (!holds || result->hold)
		return result->hold;
	result->hold = true;
	result->why = why;
	return true;
}

static void hold_if_ill(const struct judge *judge, const struct judge_input *input, uint64_t within_ms, struct judge_result *result)
{
	hold_for(result, input->other_gone, "can't take the traffic back");
	hold_for(result, was_ill(judge, input, within_ms), "fails its probes, too");
}

/* ---- error_rate ---- */

/* The least that the new color may have is no more than the most that the old one may have had. A few stray errors of the old color are no excuse. */
static bool had_as_many_errors(const struct judge *judge)
{
	double lower, upper, unused;
	const struct sequential_before *before = &judge->before.counts;
	double burst = judge->rate.rates.burst;
	sequential_bounds(judge->rate.run_answers, judge->rate.run_errors, burst, &lower, &unused);
	sequential_bounds(before->answers, before->errors, burst, &unused, &upper);
	return before->answers >= SEQUENTIAL_ANSWERS_MIN && before->errors >= SEQUENTIAL_ERRORS_MIN && lower <= upper;
}

#define ERRORS_AT_ONCE_MIN 3u

/* When both have traffic, what befalls both at once is seen in both; while it is not sure that it is more, the new color is not to blame. That is looked at again and again, so bounds for half as
 * many answers are wanted: with those for all, chance would pass them sooner or later. */
static bool has_as_many_errors(const struct judge *judge)
{
	double lower, upper, unused, burst = 2 * judge->rate.rates.burst;
	sequential_bounds(judge->rate.run_answers, judge->rate.run_errors, burst, &lower, &unused);
	sequential_bounds(judge->run_other_answers, judge->run_other_errors, burst, &unused, &upper);
	return judge->run_other_errors >= ERRORS_AT_ONCE_MIN && lower <= upper;
}

static void tell_before(const struct judge *judge, const struct judge_input *input, char *text, size_t size)
{
	char share[SHARE_SIZE];
	format_share(share_of(judge->before.counts.errors, judge->before.counts.answers), share);
	if (input->concurrent && judge->run_other_answers >= SEQUENTIAL_ANSWERS_MIN) {
		format_share(share_of(judge->run_other_errors, judge->run_other_answers), share);
		snprintf(text, size, "%s had %s at the same time", other_name(input), share);
	} else if (judge->before.counts.answers < SEQUENTIAL_ANSWERS_MIN)
		snprintf(text, size, "%s had too little traffic to compare with", other_name(input));
	else
		snprintf(text, size, "%s had %s", other_name(input), share);
}

static void tell_errors(
	const struct judge *judge, const struct judge_input *input, uint64_t answers, uint64_t errors, const char *which, struct judge_result *result)
{
	char share[SHARE_SIZE], limit[SHARE_SIZE], bad[SHARE_SIZE], before[96], raised[96] = "";
	format_share(share_of(errors, answers), share);
	format_limit(judge->limit, limit);
	format_share(judge->rate.rates.h1, bad);
	tell_before(judge, input, before, sizeof(before));
	if (judge->rate.rates.h1 > judge->limit * 1.0001)
		snprintf(raised, sizeof(raised), " (can't be held; judged by %s)", bad);
	snprintf(result->text, sizeof(result->text), "%" PRIu64 " of %s%" PRIu64 " answer%s were 5xx (%s), the limit is %s%s, %s", errors, which, answers,
		plural(answers), share, limit, raised, before);
}

static void tell_errors_without_limit(const struct judge *judge, struct judge_result *result)
{
	char share[SHARE_SIZE];
	format_share(share_of(judge->errors, judge->answers), share);
	snprintf(result->text, sizeof(result->text), "%" PRIu64 " of %" PRIu64 " answer%s were 5xx (%s), there is no limit", judge->errors, judge->answers,
		plural(judge->answers), share);
}

static void weigh_errors(const struct judge *judge, const struct judge_input *input, struct judge_result *result)
{
	const struct sequential *rate = &judge->rate;
	if (input->unseen) {
		snprintf(result->text, sizeof(result->text), "answers are not seen out of the path");
		return;
	}
	if (judge->limit <= 0) {
		tell_errors_without_limit(judge, result);
		return;
	}
	result->state = rate->over ? JUDGE_BAD : rate->well ? JUDGE_OK : JUDGE_INCONCLUSIVE;
	if (rate->over) {
		const char *which = rate->run_answers < judge->answers ? "the last " : "";
		tell_errors(judge, input, rate->run_answers, rate->run_errors, which, result);
		hold_if_ill(judge, input, judge_settle_ms(&input->limits) - 1, result);
		hold_for(result, has_as_many_errors(judge), "may have as many at the same time");
		hold_for(result, had_as_many_errors(judge), "may have had as many before the switch");
		return;
	}
	tell_errors(judge, input, judge->answers, judge->errors, "", result);
	if (result->state == JUDGE_INCONCLUSIVE) {
		size_t used = strlen(result->text);
		snprintf(result->text + used, sizeof(result->text) - used, "; %s",
			rate->answers < JUDGE_ANSWERS_MIN ? "too little traffic to judge" : "too few answers to tell it from the limit");
	}
}

/* ---- unhealthy_probes ---- */

static void weigh_probes(const struct judge *judge, const struct judge_input *input, struct judge_result *result)
{
	unsigned limit = input->limits.unhealthy_probes, failed = input->failed_rounds;
	const char *color = color_name(input->color);
	if (limit > 0)
		result->state = failed >= limit ? JUDGE_BAD : failed > 0 || !input->probed ? JUDGE_INCONCLUSIVE : JUDGE_OK;
	if (failed > 0)
		snprintf(result->text, sizeof(result->text), "%u round%s of probes in a row failed on every backend of %s, the limit is %u", failed,
			plural(failed), color, limit);
	else if (!input->probed)
		snprintf(result->text, sizeof(result->text), "not every backend of %s was probed since the switch", color);
	else
		snprintf(result->text, sizeof(result->text), "the probes of %s are well", color);
	if (result->state == JUDGE_BAD)
		hold_if_ill(judge, input, 0, result);
}

/* ---- latency_p99 ---- */

/* The p99 of n answers scatters by chance. Where latencies have a tail as heavy as a variance allows (Pareto's with exponent 2), its logarithm does so by 5 / sqrt(n); twice that is passed by three
 * windows in a row in fewer than one bake of 1,000. With many answers a quarter is left, as a color that just got its traffic may well be a little slower. */
uint64_t judge_slow_us(const struct judge_baseline *before, uint64_t limit_ms, uint64_t answers)
{
	double factor = fmax(SLOWER, exp(SLOWER_CHANCE / sqrt((double)answers)));
	double limit = (double)limit_ms * 1000 + 1, worse = (double)before->p99_us * factor;
	return (uint64_t)fmax(limit, worse);
}

static void tell_latency(const struct judge *judge, const struct judge_input *input, struct judge_result *result)
{
	char before[64];
	const struct judge_window *last = &judge->windows.last;
	if (judge->before.p99_us > 0)
		snprintf(
			before, sizeof(before), "%s had %.*f ms", other_name(input), judge->before.p99_us < 10000 ? 1 : 0, (double)judge->before.p99_us / 1000);
	else
		snprintf(before, sizeof(before), "%s had too little traffic to compare with", other_name(input));
	snprintf(result->text, sizeof(result->text), "the p99 of %" PRIu64 " answers in 10 s was %.0f ms, the limit is %" PRIu64 " ms, %s", last->answers,
		(double)last->p99_us / 1000, input->limits.latency_p99_ms, before);
}

/* Whole windows that surely fit behind the flip: a bake that is too short for three is content with fewer. */
static unsigned windows_wanted(const struct judge *judge)
{
	uint64_t whole = judge->before.bake_ms / JUDGE_WINDOW_MS;
	if (judge->before.bake_ms == 0 || whole > JUDGE_WINDOWS)
		return JUDGE_WINDOWS;
	return whole > 2 ? (unsigned)whole - 1 : 1;
}

static enum judge_state state_of_windows(const struct judge *judge, unsigned wanted)
{
	unsigned slow = judge->windows.slow;
	if (slow >= JUDGE_WINDOWS)
		return JUDGE_BAD;
	return judge->windows.counted >= wanted && (wanted < JUDGE_WINDOWS ? slow == 0 : slow + 1 < JUDGE_WINDOWS) ? JUDGE_OK : JUDGE_INCONCLUSIVE;
}

static void weigh_latency(const struct judge *judge, const struct judge_input *input, struct judge_result *result)
{
	unsigned slow = judge->windows.slow, counted = judge->windows.counted, wanted = windows_wanted(judge);
	if (input->limits.latency_p99_ms == 0) {
		snprintf(result->text, sizeof(result->text), "there is no limit on latencies");
		return;
	}
	result->state = state_of_windows(judge, wanted);
	if (counted > 0)
		tell_latency(judge, input, result);
	else
		snprintf(result->text, sizeof(result->text), "no 10 s had the %u answers that a p99 needs", JUDGE_WINDOW_ANSWERS_MIN);
	size_t used = strlen(result->text);
	if (slow > 0)
		snprintf(result->text + used, sizeof(result->text) - used, "; %u time%s in a row, %u are too many", slow, plural(slow), JUDGE_WINDOWS);
	else if (counted > 0 && counted < wanted)
		snprintf(result->text + used, sizeof(result->text) - used, "; %u window%s of %u", counted, plural(counted), wanted);
	if (result->state == JUDGE_BAD)
		hold_if_ill(judge, input, judge_settle_ms(&input->limits) - 1, result);
}

/* ---- log ---- */

static void weigh_log(const struct judge *judge, const struct judge_input *input, struct judge_result *result)
{
	char within[TEXT_UNIT_SIZE];
	const struct judge_limits *limits = &input->limits;
	uint64_t matches = judge_log_matches(judge, input);
	if (limits->log_matches == 0) {
		snprintf(result->text, sizeof(result->text), "no log is followed");
		return;
	}
	text_format_duration(limits->log_within_ms, within);
	if (matches >= limits->log_matches || input->log.followed)
		snprintf(result->text, sizeof(result->text),
			"%" PRIu64 " line%s of the log matched within %s, %u are too many, there were %" PRIu64 " before the switch", matches, plural(matches),
			within, limits->log_matches, judge->before.log_matches);
	else
		snprintf(result->text, sizeof(result->text), "not all of the log is followed: %s",
			input->log.fault ? input->log.fault : "it has not been opened yet");
	result->state = matches >= limits->log_matches ? JUDGE_BAD : input->log.followed ? JUDGE_OK : JUDGE_INCONCLUSIVE;
	if (result->state != JUDGE_BAD)
		return;
	/* What the other color shares may have made the lines for as long as they are counted. */
	hold_if_ill(judge, input, limits->log_within_ms, result);
	hold_for(result, judge->before.log_matches >= limits->log_matches, "had as many such lines before the switch");
}

/* ---- prometheus ---- */

bool judge_is_beyond(const struct judge_limits *limits, double value)
{
	return limits->prometheus_below ? value < limits->prometheus_bound : value > limits->prometheus_bound;
}

static void tell_prometheus(const struct judge *judge, const struct judge_input *input, struct judge_result *result)
{
	char before[64] = "";
	const struct judge_limits *limits = &input->limits;
	if (judge->before.prometheus_known)
		snprintf(before, sizeof(before), ", it was %.6g before the switch", judge->before.prometheus);
	snprintf(result->text, sizeof(result->text), "the query says %.6g, %s %.6g is bad%s", input->prometheus.value,
		limits->prometheus_below ? "below" : "above", limits->prometheus_bound, before);
}

static void weigh_prometheus(const struct judge *judge, const struct judge_input *input, struct judge_result *result)
{
	const char *fault = input->prometheus.fault;
	if (!input->limits.prometheus) {
		snprintf(result->text, sizeof(result->text), "there is no query");
		return;
	}
	result->state = JUDGE_INCONCLUSIVE;
	if (input->prometheus.reading == JUDGE_READING_FAILED)
		snprintf(result->text, sizeof(result->text), "the query failed: %s", fault ? fault : "no answer");
	else if (input->prometheus.reading == JUDGE_READING_NONE)
		snprintf(result->text, sizeof(result->text), "the query was not answered yet");
	else if (input->prometheus.reading == JUDGE_READING_NO_DATA || isnan(input->prometheus.value))
		snprintf(result->text, sizeof(result->text), "the query has no data");
	else {
		result->state = judge_is_beyond(&input->limits, input->prometheus.value) ? JUDGE_BAD : JUDGE_OK;
		tell_prometheus(judge, input, result);
	}
	if (result->state != JUDGE_BAD)
		return;
	hold_if_ill(judge, input, judge_settle_ms(&input->limits) - 1, result);
	hold_for(result, judge->query_ill, "was ill when the query began to say so");
	hold_for(result, judge->before.prometheus_known && judge_is_beyond(&input->limits, judge->before.prometheus), "was as bad before the switch");
}

/* ---- all ---- */

void judge_weigh(const struct judge *judge, const struct judge_input *input, enum judge_criterion criterion, struct judge_result *result)
{
	static void (*const weigh[])(const struct judge *, const struct judge_input *, struct judge_result *) = {
		[JUDGE_ERROR_RATE] = weigh_errors,
		[JUDGE_PROBES] = weigh_probes,
		[JUDGE_LATENCY_P99] = weigh_latency,
		[JUDGE_LOG] = weigh_log,
		[JUDGE_PROMETHEUS] = weigh_prometheus,
	};
	*result = (struct judge_result){.dry_run = (input->limits.dry_run & (1u << criterion)) != 0};
	weigh[criterion](judge, input, result);
}

static void foresee_errors(const struct sequential_before *before, double limit_rate, enum color live, char *text, size_t size)
{
	char had[SHARE_SIZE], limit[SHARE_SIZE], bad[SHARE_SIZE];
	if (limit_rate <= 0)
		return;
	struct sequential_rates rates = sequential_choose_rates(before, limit_rate);
	if (rates.limit_holds)
		return;
	format_share(share_of(before->errors, before->answers), had);
	format_limit(limit_rate, limit);
	format_share(rates.h1, bad);
	snprintf(text, size,
		"error_rate: the limit of %s can't be held to: %" PRIu64 " of the last %" PRIu64 " answers of %s were 5xx (%s); %s is bad from %s on", limit,
		before->errors, before->answers, color_name(live), had, color_name(color_other(live)), bad);
}

static void foresee_latency(const struct judge_baseline *before, uint64_t limit_ms, enum color live, char *text, size_t size)
{
	size_t used = strlen(text);
	if (limit_ms == 0 || (double)before->p99_us * SLOWER <= (double)limit_ms * 1000)
		return;
	snprintf(text + used, size - used, "%slatency_p99: the limit of %" PRIu64 " ms can't be held to: %s has %.0f ms; %s is bad from %.0f ms on",
		used ? "; " : "", limit_ms, color_name(live), (double)before->p99_us / 1000, color_name(color_other(live)),
		(double)before->p99_us * SLOWER / 1000);
}

bool judge_foresee(const struct judge_baseline *before, const struct judge_limits *limits, enum color live, char *text, size_t size)
{
	text[0] = '\0';
	foresee_errors(&before->counts, limits->error_rate, live, text, size);
	foresee_latency(before, limits->latency_p99_ms, live, text, size);
	return text[0] != '\0';
}
