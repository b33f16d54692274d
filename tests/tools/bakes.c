/* Simulated bakes, judged by the real judge: how often a release that is no worse goes back, and how soon a bad one does. Prints JSON; see script/bakes. One thread, no clock, the same numbers for the same seed.
 *
 * usage: bakes [--short]     (--short: fewer bakes of each kind, for a test)
 * Exit 1 when a goal was missed: more than 1 in 1,000 good releases went back, or a bad one was found too late. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "base/memory.h"
#include "switch/judge.h"

#define LOOK_MS 200u
#define BAKE_MS 300000u
#define BEFORE_S 600u
#define LIMIT 0.01
#define SEED 20240229u

static unsigned good_bakes = 100000, other_bakes = 10000, bad_bakes = 10000;
static bool missed; /* a goal */

/* ---- chance: xoshiro256++ by Blackman and Vigna, begun with splitmix64 ---- */

static uint64_t random_state[4];

static void seed_random(uint64_t seed)
{
	for (unsigned i = 0; i < 4; i++) {
		seed += 0x9e3779b97f4a7c15u;
		uint64_t mixed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9u;
		mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
		random_state[i] = mixed ^ (mixed >> 31);
	}
}

static uint64_t rotate(uint64_t word, unsigned by)
{
	return (word << by) | (word >> (64 - by));
}

static uint64_t draw_word(void)
{
	uint64_t *s = random_state, result = rotate(s[0] + s[3], 23) + s[0], shifted = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= shifted;
	s[3] = rotate(s[3], 45);
	return result;
}

/* Above 0, at most 1. */
static double draw_share(void)
{
	return (double)((draw_word() >> 11) + 1) * 0x1.0p-53;
}

/* ---- a color's answers: errors come in bursts of `burst` one after the other (1: each by itself) ---- */

struct source {
	double rate; /* share of errors */
	unsigned burst;
	uint64_t gap, left; /* answers until the next burst; errors of this one still to come */
};

static void draw_gap(struct source *source)
{
	double begins = source->rate / source->burst, gap = begins > 0 ? log(draw_share()) / log1p(-begins) : 1e18;
	source->gap = gap < 1e18 ? (uint64_t)fabs(gap) : (uint64_t)1e18;
}

static void set_rate(struct source *source, double rate)
{
	if (rate == source->rate)
		return;
	source->rate = rate;
	draw_gap(source); /* what is memoryless may be drawn again at any time */
}

static struct source begin_source(double rate, unsigned burst)
{
	struct source source = {.rate = rate, .burst = burst};
	draw_gap(&source);
	return source;
}

static uint64_t draw_errors(struct source *source, uint64_t answers)
{
	uint64_t errors = 0;
	while (answers > 0) {
		uint64_t good = source->left ? 0 : source->gap < answers ? source->gap : answers;
		source->gap -= good;
		answers -= good;
		if (source->left == 0 && source->gap == 0 && answers > 0) {
			source->left = source->burst;
			draw_gap(source);
		}
		uint64_t bad = source->left < answers ? source->left : answers;
		source->left -= bad;
		answers -= bad;
		errors += bad;
	}
	return errors;
}

/* ---- a bake ---- */

struct kind {
	const char *name;
	double old, new, new_end; /* the share of errors before the switch, after it, and at the bake's end (0: as after it) */
	unsigned burst;
	bool unknown; /* the old color had no traffic */
	bool alone;   /* the new color's errors come each by itself */
};

struct outcome {
	bool back, held;
	uint64_t answers, errors, ms; /* when it went back */
};

static struct judge_baseline simulate_before(const struct kind *kind, unsigned per_second)
{
	struct source source = begin_source(kind->old, kind->burst);
	struct judge_baseline before = {.bake_ms = BAKE_MS};
	for (unsigned second = 0; second < BEFORE_S && !kind->unknown; second++) {
		uint64_t errors = draw_errors(&source, per_second);
		before.counts.answers += per_second;
		before.counts.errors += errors;
		before.counts.squares += errors * errors;
		before.counts.seconds++;
	}
	return before;
}

static double rate_now(const struct kind *kind, uint64_t ms)
{
	if (kind->new_end == 0)
		return kind->new;
	uint64_t steps = ms / 10000;
	return kind->new + (kind->new_end - kind->new) * 10000 * (double)steps / BAKE_MS;
}

static bool goes_back(const struct judge *judge, const struct judge_input *input, struct outcome *outcome)
{
	struct judgement judgement;
	if (!judge->rate.over)
		return false;
	judge_decide(judge, input, &judgement);
	outcome->held |= judgement.hold;
	return judgement.verdict == VERDICT_BAD && !judgement.hold;
}

static struct outcome simulate_bake(const struct kind *kind, unsigned per_second)
{
	struct judge judge;
	struct outcome outcome = {0};
	struct judge_baseline before = simulate_before(kind, per_second);
	struct source source = begin_source(kind->new, kind->alone ? 1 : kind->burst);
	struct judge_input input = {.color = COLOR_GREEN, .probed = true, .other_health = COLOR_HEALTH_HEALTHY, .limits.error_rate = LIMIT};
	uint64_t batch = (uint64_t)per_second * LOOK_MS / 1000;
	judge_begin(&judge, &before);
	while (input.baked_ms < BAKE_MS) {
		set_rate(&source, rate_now(kind, input.baked_ms));
		input.baked_ms += LOOK_MS;
		input.answers += batch;
		input.errors += draw_errors(&source, batch);
		judge_take(&judge, &input);
		if (goes_back(&judge, &input, &outcome)) {
			outcome.back = true;
			break;
		}
	}
	outcome.answers = input.answers;
	outcome.errors = input.errors;
	outcome.ms = input.baked_ms;
	return outcome;
}

/* ---- releases that are no worse ---- */

static const unsigned speeds[] = {20, 200, 2000};
#define SPEEDS 3u

static const struct kind good_kinds[] = {
	{"independent", 0, 0, 0, 1, false, false},
	{"independent", 0.001, 0.001, 0, 1, false, false},
	{"independent", 0.005, 0.005, 0, 1, false, false},
};

static const struct kind other_kinds[] = {
	{"independent", 0.003, 0.003, 0, 1, false, false},
	{"independent", 0.007, 0.007, 0, 1, false, false},
	{"independent", 0.01, 0.01, 0, 1, false, false},
	{"independent", 0.02, 0.02, 0, 1, false, false},
	{"independent", 0.2, 0.2, 0, 1, false, false},
	{"old unknown", 0.001, 0.001, 0, 1, true, false},
	{"old unknown", 0.005, 0.005, 0, 1, true, false},
	{"under the limit", 0.001, 0.003, 0, 1, false, false},
	{"under the limit", 0.001, 0.005, 0, 1, false, false},
	{"under the limit", 0.001, 0.008, 0, 1, false, false},
	{"bursts", 0.001, 0.001, 0, 2, false, false},
	{"bursts", 0.001, 0.001, 0, 5, false, false},
	{"bursts", 0.001, 0.001, 0, 10, false, false},
	{"bursts", 0.001, 0.001, 0, 20, false, false},
	{"bursts", 0.005, 0.005, 0, 5, false, false},
	{"bursts", 0.005, 0.005, 0, 20, false, false},
	{"common drift", 0.001, 0.001, 0.002, 1, false, false},
	{"common drift", 0.001, 0.001, 0.005, 1, false, false},
	{"common drift", 0.001, 0.001, 0.01, 1, false, false},
	{"common drift", 0.005, 0.005, 0.01, 1, false, false},
};

static json_t *simulate_good(const struct kind *kind, unsigned per_second, unsigned bakes, bool goal)
{
	unsigned back = 0, held = 0;
	for (unsigned i = 0; i < bakes; i++) {
		struct outcome outcome = simulate_bake(kind, per_second);
		back += outcome.back;
		held += outcome.held;
	}
	if (goal && back > bakes / 1000) {
		fprintf(stderr, "bakes: %u of %u releases no worse than the old one (%g) went back at %u/s\n", back, bakes, kind->old, per_second);
		missed = true;
	}
	return json_pack("{s:s, s:f, s:f, s:f, s:i, s:i, s:i, s:i, s:i}", "kind", kind->name, "old", kind->old, "new", kind->new, "new_end",
		kind->new_end > 0 ? kind->new_end : kind->new, "burst", (int)kind->burst, "per_second", (int)per_second, "bakes", (int)bakes, "back", (int)back,
		"held", (int)held);
}

static json_t *simulate_all_good(void)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < sizeof(good_kinds) / sizeof(good_kinds[0]); i++)
		for (size_t at = 0; at < SPEEDS; at++)
			json_array_append_new(rows, simulate_good(&good_kinds[i], speeds[at], good_bakes, true));
	for (size_t i = 0; i < sizeof(other_kinds) / sizeof(other_kinds[0]); i++)
		for (size_t at = 0; at < SPEEDS; at++)
			json_array_append_new(rows, simulate_good(&other_kinds[i], speeds[at], other_bakes, false));
	return rows;
}

/* ---- bad releases ---- */

static const struct old {
	double rate;
	unsigned burst;
} olds[] = {{0, 1}, {0.001, 1}, {0.005, 1}, {0.001, 5}};
static const struct bad {
	double rate;
	uint64_t within_ms; /* at 200/s, the old color at 0.1 %; 0: no goal */
} bads[] = {{1, 500}, {0.5, 0}, {0.1, 2000}, {0.05, 0}, {0.02, 20000}, {0.015, 0}};

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return (left > right) - (left < right);
}

static uint64_t quantile(uint64_t *values, unsigned count, double q)
{
	qsort(values, count, sizeof(*values), compare);
	return count ? values[(unsigned)((count - 1) * q)] : 0;
}

/* The least that any test needs on average which sends good releases back as rarely: threshold / Kullback-Leibler information (Lorden 1971). */
static double least_answers(double old, double bad, unsigned per_second)
{
	struct sequential test;
	uint64_t answers = (uint64_t)per_second * BEFORE_S;
	struct sequential_before before = {.answers = answers, .errors = (uint64_t)((double)answers * old)};
	struct sequential_rates rates = sequential_choose_rates(&before, LIMIT);
	sequential_begin(&test, rates, (uint64_t)per_second * BAKE_MS / 1000);
	return sequential_threshold(&test) / sequential_information(rates, bad);
}

static json_t *simulate_bad(const struct old *old, const struct bad *bad, unsigned per_second)
{
	struct kind kind = {"bad", old->rate, bad->rate, 0, old->burst, false, true};
	uint64_t *answers = memory_new(bad_bakes * sizeof(*answers)), *ms = memory_new(bad_bakes * sizeof(*ms)),
		 *errors = memory_new(bad_bakes * sizeof(*errors));
	unsigned found = 0;
	for (unsigned i = 0; i < bad_bakes; i++) {
		struct outcome outcome = simulate_bake(&kind, per_second);
		if (!outcome.back)
			continue;
		answers[found] = outcome.answers;
		errors[found] = outcome.errors;
		ms[found++] = outcome.ms;
	}
	if (bad->within_ms && per_second == 200 && old->rate <= 0.001 && old->burst == 1 &&
		(found < bad_bakes || quantile(ms, found, 0.95) >= bad->within_ms)) {
		fprintf(stderr, "bakes: %u of %u releases that fail %g went back, 95 %% within %" PRIu64 " ms\n", found, bad_bakes, bad->rate,
			quantile(ms, found, 0.95));
		missed = true;
	}
	json_t *row = json_pack("{s:f, s:i, s:f, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "old", old->rate, "old_burst", (int)old->burst, "new",
		bad->rate, "per_second", (int)per_second, "bakes", (int)bad_bakes, "back", (int)found, "answers_p50", (json_int_t)quantile(answers, found, 0.5),
		"answers_p95", (json_int_t)quantile(answers, found, 0.95), "errors_p50", (json_int_t)quantile(errors, found, 0.5), "errors_p95",
		(json_int_t)quantile(errors, found, 0.95), "ms_p50", (json_int_t)quantile(ms, found, 0.5), "ms_p95", (json_int_t)quantile(ms, found, 0.95),
		"least_answers", least_answers(old->rate, bad->rate, per_second));
	free(answers);
	free(ms);
	free(errors);
	return row;
}

static json_t *simulate_all_bad(void)
{
	json_t *rows = json_array();
	for (size_t old = 0; old < sizeof(olds) / sizeof(olds[0]); old++)
		for (size_t at = 0; at < SPEEDS; at++)
			for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
				json_array_append_new(rows, simulate_bad(&olds[old], &bads[i], speeds[at]));
	return rows;
}

/* ---- latencies: a release as slow as the old one, with the limit just where both are ---- */

static double exponential(double above)
{
	return -log(above);
}

static double heavy(double above)
{
	return 1 / sqrt(above); /* Pareto, exponent 2 */
}

/* The p99 of n answers, of which only the slowest need be drawn: the largest of n shares is one to the power of 1/n, the next that of n - 1 below it. */
static uint64_t draw_p99_us(double (*time)(double above), unsigned n)
{
	double share = 1;
	for (unsigned left = n, over = n / 100 + 1; over > 0; over--, left--)
		share *= pow(draw_share(), 1.0 / left);
	return (uint64_t)(1000 * time(1 - share));
}

static json_t *simulate_latency(const char *name, double (*time)(double above), unsigned answers)
{
	unsigned slow = 0;
	for (unsigned i = 0; i < other_bakes; i++) {
		struct judge judge;
		struct judge_baseline before = {.p99_us = draw_p99_us(time, 18 * answers)};
		struct judge_input input = {.limits.latency_p99_ms = 1 + before.p99_us / 2000};
		judge_begin(&judge, &before);
		for (uint64_t number = 1; number <= BAKE_MS / JUDGE_WINDOW_MS && judge.windows.slow < JUDGE_WINDOWS; number++) {
			input.window = (struct judge_window){number, answers, draw_p99_us(time, answers)};
			judge_take(&judge, &input);
		}
		slow += judge.windows.slow >= JUDGE_WINDOWS;
	}
	return json_pack("{s:s, s:i, s:i, s:i}", "tail", name, "window_answers", (int)answers, "bakes", (int)other_bakes, "back", (int)slow);
}

static json_t *simulate_latencies(void)
{
	static const unsigned sizes[] = {200, 500, 2000, 20000};
	json_t *rows = json_array();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		json_array_append_new(rows, simulate_latency("exponential", exponential, sizes[i]));
		json_array_append_new(rows, simulate_latency("heavy", heavy, sizes[i]));
	}
	return rows;
}

int main(int argc, char **argv)
{
	if (argc > 2 || (argc == 2 && strcmp(argv[1], "--short") != 0)) {
		fprintf(stderr, "usage: bakes [--short]\n");
		return 2;
	}
	if (argc == 2) {
		good_bakes = 1000;
		other_bakes = bad_bakes = 100;
	}
	seed_random(SEED);
	json_t *result = json_pack("{s:i, s:f, s:i, s:i, s:o, s:o, s:o}", "seed", (int)SEED, "limit", LIMIT, "look_ms", (int)LOOK_MS, "bake_ms", (int)BAKE_MS,
		"good", simulate_all_good(), "bad", simulate_all_bad(), "latency", simulate_latencies());
	json_dumpf(result, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(8));
	putchar('\n');
	json_decref(result);
	return missed ? 1 : 0;
}
