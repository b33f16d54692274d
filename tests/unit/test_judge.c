/* The judge: what each criterion says, when a color is bad, good, or nothing can be said; when going back would not help; what survives a restart. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "switch/judge.h"

#define WELL .probed = true, .other_health = COLOR_HEALTH_HEALTHY, .color = COLOR_GREEN
#define RATE .limits.error_rate = 0.01
#define PROBES .limits.unhealthy_probes = 3

/* Of blue, before. */
#define QUIET \
	{ \
		.counts = {120000, 120, 600, 144}, .bake_ms = 300000 \
	}
#define UNKNOWN \
	{ \
		.bake_ms = 300000 \
	}
#define NOISY \
	{ \
		.counts = {120000, 1200, 600, 3600}, .bake_ms = 300000 \
	}

static void assert_verdict(const char *name, const struct judgement *judgement, enum verdict verdict, const char *cause, bool hold)
{
	if (judgement->verdict != verdict)
		fail_msg("%s: %s: %s", name, judge_verdict_name(judgement->verdict), judgement->text);
	if ((judgement->cause == NULL) != (cause == NULL) || (cause && strcmp(judgement->cause, cause) != 0))
		fail_msg("%s: cause %s", name, judgement->cause ? judgement->cause : "none");
	if (judgement->hold != hold)
		fail_msg("%s: hold %d: %s", name, judgement->hold, judgement->text);
	if (judgement->text[0] == '\0')
		fail_msg("%s: no text", name);
}

/* ---- one look, in two halves (errors of one look alone are one incident) ---- */

static void look(struct judge *judge, const struct judge_input *input, struct judgement *judgement)
{
	struct judge_input half = *input;
	half.answers = judge->seen_answers + (input->answers - judge->seen_answers) / 2;
	half.errors = judge->seen_errors + (input->errors - judge->seen_errors) / 2;
	judge_take(judge, &half);
	judge_take(judge, input);
	judge_decide(judge, input, judgement);
}

static const struct judge_case {
	const char *name;
	struct judge_baseline before;
	struct judge_input input;
	enum verdict verdict;
	const char *cause;
	bool hold;
} cases[] = {
	{"enough good answers", QUIET, {WELL, RATE, .answers = 1000, .errors = 1}, VERDICT_GOOD, NULL, false},
	{"no traffic", QUIET, {WELL, RATE}, VERDICT_INCONCLUSIVE, NULL, false},
	{"200 answers without errors may come at the limit, too", QUIET, {WELL, RATE, .answers = 200}, VERDICT_INCONCLUSIVE, NULL, false},
	{"300 may not", QUIET, {WELL, RATE, .answers = 300}, VERDICT_GOOD, NULL, false},
	{"one stray 500 among three requests", QUIET, {WELL, RATE, .answers = 3, .errors = 1}, VERDICT_INCONCLUSIVE, NULL, false},
	{"three of three", QUIET, {WELL, RATE, .answers = 3, .errors = 3}, VERDICT_INCONCLUSIVE, NULL, false},
	{"three of three, whatever the limit", QUIET, {WELL, .limits.error_rate = 1, .answers = 3, .errors = 3}, VERDICT_INCONCLUSIVE, NULL, false},
	{"19 answers, all errors", QUIET, {WELL, RATE, .answers = 19, .errors = 19}, VERDICT_INCONCLUSIVE, NULL, false},
	{"20 answers, all errors", QUIET, {WELL, RATE, .answers = 20, .errors = 20}, VERDICT_BAD, "error_rate", false},
	{"over the limit, not yet proven", QUIET, {WELL, RATE, .answers = 100, .errors = 4}, VERDICT_INCONCLUSIVE, NULL, false},
	{"over the limit", QUIET, {WELL, RATE, .answers = 812, .errors = 58}, VERDICT_BAD, "error_rate", false},
	{"nothing is known of before", UNKNOWN, {WELL, RATE, .answers = 812, .errors = 58}, VERDICT_BAD, "error_rate", false},
	{"as bad as before, and over the limit", NOISY, {WELL, RATE, .answers = 5000, .errors = 50}, VERDICT_GOOD, NULL, false},
	{"worse than before, which was over the limit", NOISY, {WELL, RATE, .answers = 5000, .errors = 150}, VERDICT_BAD, "error_rate", false},
	{"the old color may have had as many", {.counts = {1000, 8, 600, 8}}, {WELL, RATE, .answers = 4000, .errors = 60}, VERDICT_BAD, "error_rate", true},
	{"it can't have had as many", {.counts = {1000, 8, 600, 8}}, {WELL, RATE, .answers = 4000, .errors = 120}, VERDICT_BAD, "error_rate", false},
	{"no limit, but traffic", QUIET, {WELL, .answers = 20, .errors = 20}, VERDICT_GOOD, NULL, false},
	{"no limit, no traffic", QUIET, {WELL, .answers = 19}, VERDICT_INCONCLUSIVE, NULL, false},
	{"a dry run does not act", QUIET, {WELL, RATE, .limits.dry_run = CONF_CRITERION_ERROR_RATE, .answers = 812, .errors = 58}, VERDICT_GOOD, NULL, false},
	{"the other's probes fail", QUIET, {WELL, RATE, .answers = 812, .errors = 58, .other_failed_rounds = 1}, VERDICT_BAD, "error_rate", true},
	{"the other can't be gone back to", QUIET, {WELL, RATE, .answers = 812, .errors = 58, .other_gone = true}, VERDICT_BAD, "error_rate", true},
	{"the other alone is ill", QUIET, {WELL, RATE, .answers = 1000, .other_failed_rounds = 9}, VERDICT_GOOD, NULL, false},

	{"not probed since the flip", UNKNOWN, {.answers = 1000}, VERDICT_INCONCLUSIVE, NULL, false},
	{"one failed round of three", UNKNOWN, {WELL, PROBES, .answers = 1000, .failed_rounds = 1}, VERDICT_INCONCLUSIVE, NULL, false},
	{"three failed rounds of three", UNKNOWN, {WELL, PROBES, .failed_rounds = 3}, VERDICT_BAD, "probes", false},
	{"no limit on probes", UNKNOWN, {WELL, .answers = 1000, .failed_rounds = 9}, VERDICT_INCONCLUSIVE, NULL, false},
	{"probes, dry run", UNKNOWN, {WELL, PROBES, .limits.dry_run = CONF_CRITERION_UNHEALTHY_PROBES, .answers = 1000, .failed_rounds = 9}, VERDICT_GOOD, NULL,
		false},
	{"the other fails its probes, too", UNKNOWN, {WELL, PROBES, .failed_rounds = 3, .other_failed_rounds = 1}, VERDICT_BAD, "probes", true},
	{"the other is unhealthy", UNKNOWN, {.probed = true, PROBES, .failed_rounds = 3, .other_health = COLOR_HEALTH_UNHEALTHY}, VERDICT_BAD, "probes", true},
	{"one backend of the other is up", UNKNOWN, {.probed = true, PROBES, .failed_rounds = 3, .other_health = COLOR_HEALTH_DEGRADED}, VERDICT_BAD, "probes",
		false},
	{"the first that is bad is named", QUIET, {WELL, RATE, PROBES, .answers = 100, .errors = 100, .failed_rounds = 3}, VERDICT_BAD, "error_rate", false},
	{"what can be cured comes before what can't", {.counts = {1000, 8, 600, 8}}, {WELL, RATE, PROBES, .answers = 4000, .errors = 60, .failed_rounds = 3},
		VERDICT_BAD, "probes", false},

	{"out of the path no traffic is missed", UNKNOWN, {WELL, PROBES, .unseen = true}, VERDICT_GOOD, NULL, false},
	{"out of the path, no limit", UNKNOWN, {WELL, .unseen = true}, VERDICT_GOOD, NULL, false},
	{"out of the path, not probed since the flip", UNKNOWN, {PROBES, .unseen = true}, VERDICT_INCONCLUSIVE, NULL, false},
	{"out of the path, probes fail", UNKNOWN, {WELL, PROBES, .unseen = true, .failed_rounds = 3}, VERDICT_BAD, "probes", false},
	{"out of the path, the query failed", UNKNOWN,
		{WELL, .unseen = true, .limits = {.prometheus = true}, .prometheus = {JUDGE_READING_FAILED, 9, "refused"}}, VERDICT_INCONCLUSIVE, NULL, false},

	{"lines, fewer than too many", UNKNOWN,
		{WELL, .answers = 1000, .limits = {.log_matches = 5, .log_within_ms = 60000}, .log = {true, 4, NULL, NULL, NULL}}, VERDICT_GOOD, NULL, false},
	{"too many lines", UNKNOWN, {WELL, .answers = 1000, .limits = {.log_matches = 5, .log_within_ms = 60000}, .log = {true, 5, NULL, NULL, NULL}},
		VERDICT_BAD, "log", false},
	{"too many lines, then the file went", UNKNOWN, {WELL, .limits = {.log_matches = 5, .log_within_ms = 60000}, .log = {false, 5, "gone", NULL, NULL}},
		VERDICT_BAD, "log", false},
	{"too many lines before, too", {.log_matches = 5}, {WELL, .limits = {.log_matches = 5, .log_within_ms = 60000}, .log = {true, 5, NULL, NULL, NULL}},
		VERDICT_BAD, "log", true},
	{"the log can't be read", UNKNOWN,
		{WELL, .answers = 1000, .limits = {.log_matches = 5, .log_within_ms = 60000}, .log = {false, 0, "permission denied", NULL, NULL}},
		VERDICT_INCONCLUSIVE, NULL, false},
	{"the log, dry run", UNKNOWN, {WELL, .answers = 1000, .limits = {.log_matches = 5, .dry_run = CONF_CRITERION_LOG}, .log = {false, 9, NULL, NULL, NULL}},
		VERDICT_GOOD, NULL, false},

	{"the query is within", UNKNOWN,
		{WELL, .answers = 20, .limits = {.prometheus = true, .prometheus_bound = 5}, .prometheus = {JUDGE_READING_VALUE, 5, NULL}}, VERDICT_GOOD, NULL,
		false},
	{"the query is above", UNKNOWN,
		{WELL, .answers = 20, .limits = {.prometheus = true, .prometheus_bound = 5}, .prometheus = {JUDGE_READING_VALUE, 5.1, NULL}}, VERDICT_BAD,
		"prometheus", false},
	{"the query is infinite", UNKNOWN, {WELL, .limits = {.prometheus = true, .prometheus_bound = 5}, .prometheus = {JUDGE_READING_VALUE, INFINITY, NULL}},
		VERDICT_BAD, "prometheus", false},
	{"the query is below", UNKNOWN,
		{WELL, .limits = {.prometheus = true, .prometheus_below = true, .prometheus_bound = 5}, .prometheus = {JUDGE_READING_VALUE, 4, NULL}},
		VERDICT_BAD, "prometheus", false},
	{"it was above before, too", {.prometheus_known = true, .prometheus = 6},
		{WELL, .limits = {.prometheus = true, .prometheus_bound = 5}, .prometheus = {JUDGE_READING_VALUE, 7, NULL}}, VERDICT_BAD, "prometheus", true},
	{"the query has no number", UNKNOWN,
		{WELL, .answers = 20, .limits = {.prometheus = true, .prometheus_bound = 5}, .prometheus = {JUDGE_READING_VALUE, NAN, NULL}},
		VERDICT_INCONCLUSIVE, NULL, false},
	{"the query has no data", UNKNOWN, {WELL, .answers = 20, .limits = {.prometheus = true}, .prometheus = {JUDGE_READING_NO_DATA, 9, NULL}},
		VERDICT_INCONCLUSIVE, NULL, false},
	{"the query failed", UNKNOWN, {WELL, .answers = 20, .limits = {.prometheus = true}, .prometheus = {JUDGE_READING_FAILED, 9, "refused"}},
		VERDICT_INCONCLUSIVE, NULL, false},
	{"the query was not answered yet", UNKNOWN, {WELL, .answers = 20, .limits = {.prometheus = true}}, VERDICT_INCONCLUSIVE, NULL, false},
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct judge judge;
		struct judgement judgement;
		judge_begin(&judge, &cases[i].before);
		look(&judge, &cases[i].input, &judgement);
		assert_verdict(cases[i].name, &judgement, cases[i].verdict, cases[i].cause, cases[i].hold);
	}
}

/* ---- sentences ---- */

static const struct text_case {
	const char *name;
	struct judge_baseline before;
	struct judge_input input;
	const char *text;
} texts[] = {
	{"bad", QUIET, {WELL, RATE, .answers = 812, .errors = 58}, "58 of 812 answers were 5xx (7.1 %), the limit is 1 %, blue had 0.1 %"},
	{"good", QUIET, {WELL, RATE, PROBES, .answers = 24310, .errors = 2},
		"2 of 24310 answers were 5xx (0.0082 %), the limit is 1 %, blue had 0.1 %; the probes of green are well"},
	{"too little", UNKNOWN, {WELL, RATE, .answers = 1},
		"0 of 1 answer were 5xx (0 %), the limit is 1 %, blue had too little traffic to compare with; too little traffic to judge"},
	{"held", QUIET, {WELL, RATE, .answers = 40, .errors = 40, .other_failed_rounds = 2},
		"40 of 40 answers were 5xx (100 %), the limit is 1 %, blue had 0.1 %; blue fails its probes, too, so a rollback would not help"},
	{"raised", NOISY, {WELL, RATE, .answers = 100, .errors = 50},
		"50 of 100 answers were 5xx (50 %), the limit is 1 % (can't be held; judged by 2 %), blue had 1 %"},
	{"probes", UNKNOWN, {WELL, PROBES, .failed_rounds = 3}, "3 rounds of probes in a row failed on every backend of green, the limit is 3"},
	{"out of the path", UNKNOWN, {WELL, PROBES, .unseen = true}, "the probes of green are well"},
	{"log", UNKNOWN, {WELL, .limits = {.log_matches = 5, .log_within_ms = 60000}, .log = {true, 7, NULL, NULL, NULL}},
		"7 lines of the log matched within 1m, 5 are too many, there were 0 before the switch"},
	{"log and why not", UNKNOWN, {WELL, .limits = {.log_matches = 5, .log_within_ms = 60000}, .log = {false, 0, "no such file", NULL, NULL}},
		"not all of the log is followed: no such file; 0 of 0 answers were 5xx (0 %), there is no limit"},
	{"prometheus", {.prometheus_known = true, .prometheus = 0.5},
		{WELL, .limits = {.prometheus = true, .prometheus_bound = 5}, .prometheus = {JUDGE_READING_VALUE, 7.25, NULL}},
		"the query says 7.25, above 5 is bad, it was 0.5 before the switch"},
};

static void test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct judge judge;
		struct judgement judgement;
		judge_begin(&judge, &texts[i].before);
		look(&judge, &texts[i].input, &judgement);
		if (strcmp(judgement.text, texts[i].text) != 0)
			fail_msg("%s: %s", texts[i].name, judgement.text);
	}
}

static void test_a_late_fault_is_told_by_its_own_answers(void **state)
{
	(void)state;
	struct judge judge;
	struct judgement judgement;
	struct judge_input input = {WELL, RATE};
	judge_begin(&judge, &(struct judge_baseline)QUIET);
	for (unsigned i = 0; i < 100; i++) {
		input.answers += 400;
		judge_take(&judge, &input);
	}
	for (unsigned i = 0; i < 3; i++) {
		input.answers += 40;
		input.errors += 8;
		judge_take(&judge, &input);
	}
	judge_decide(&judge, &input, &judgement);
	assert_string_equal(judgement.text, "24 of the last 120 answers were 5xx (20 %), the limit is 1 %, blue had 0.1 %");
}

/* ---- latency ---- */

static const struct latency_case {
	const char *name;
	uint64_t before_us;
	struct judge_window windows[6];
	enum judge_state state;
	uint64_t bake_ms;
} latencies[] = {
	{"three over the limit", 0, {{1, 2000, 600000}, {2, 2000, 600000}, {3, 2000, 600000}}, JUDGE_BAD, 0},
	{"two", 0, {{1, 2000, 600000}, {2, 2000, 600000}}, JUDGE_INCONCLUSIVE, 0},
	{"a good one between", 0, {{1, 2000, 600000}, {2, 2000, 600000}, {3, 2000, 400000}, {4, 2000, 600000}}, JUDGE_OK, 0},
	{"at the limit", 0, {{1, 2000, 500000}, {2, 2000, 500000}, {3, 2000, 500000}}, JUDGE_OK, 0},
	{"the same window twice is one", 0, {{1, 2000, 600000}, {2, 2000, 600000}, {2, 2000, 600000}}, JUDGE_INCONCLUSIVE, 0},
	{"few answers don't count", 0, {{1, 199, 600000}, {2, 199, 600000}, {3, 199, 600000}}, JUDGE_INCONCLUSIVE, 0},
	{"few answers don't end the row", 0, {{1, 200, 600000}, {2, 199, 1}, {3, 200, 600000}, {4, 200, 600000}}, JUDGE_BAD, 0},
	{"a long gap ends it", 0, {{1, 200, 600000}, {2, 200, 600000}, {6, 200, 600000}}, JUDGE_OK, 0},
	{"the old color was as slow", 550000, {{1, 2000, 600000}, {2, 2000, 600000}, {3, 2000, 600000}}, JUDGE_OK, 0},
	{"clearly slower than the old color", 550000, {{1, 2000, 690000}, {2, 2000, 690000}, {3, 2000, 690000}}, JUDGE_BAD, 0},
	{"few answers say less of the old color", 550000, {{1, 200, 690000}, {2, 200, 690000}, {3, 200, 690000}}, JUDGE_OK, 0},
	{"twice as slow by few answers", 550000, {{1, 200, 1200000}, {2, 200, 1200000}, {3, 200, 1200000}}, JUDGE_BAD, 0},
	{"all well", 100000, {{1, 2000, 110000}, {2, 2000, 110000}, {3, 2000, 110000}}, JUDGE_OK, 0},
	{"no window yet", 0, {{0, 0, 0}}, JUDGE_INCONCLUSIVE, 0},
	{"two windows of a bake for three", 0, {{1, 2000, 400000}, {2, 2000, 400000}}, JUDGE_INCONCLUSIVE, 40000},
	{"two windows of a bake for two", 0, {{1, 2000, 400000}, {2, 2000, 400000}}, JUDGE_OK, 39999},
	{"one window of a bake for one", 0, {{1, 2000, 400000}}, JUDGE_OK, 29999},
	{"a slow window of a bake for one", 0, {{1, 2000, 600000}}, JUDGE_INCONCLUSIVE, 29999},
	{"none of a bake for none", 0, {{0, 0, 0}}, JUDGE_INCONCLUSIVE, 15000},
	{"three slow ones of a short bake", 0, {{1, 2000, 600000}, {2, 2000, 600000}, {3, 2000, 600000}}, JUDGE_BAD, 35000},
};

static void test_latency(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(latencies) / sizeof(latencies[0]); i++) {
		struct judge judge;
		struct judge_result result;
		struct judge_input input = {WELL, .limits.latency_p99_ms = 500};
		judge_begin(&judge, &(struct judge_baseline){.p99_us = latencies[i].before_us, .bake_ms = latencies[i].bake_ms});
		for (size_t at = 0; at < 6; at++) {
			if (at > 0 && latencies[i].windows[at].number == 0)
				break;
			input.window = latencies[i].windows[at];
			judge_take(&judge, &input);
		}
		judge_weigh(&judge, &input, JUDGE_LATENCY_P99, &result);
		if (result.state != latencies[i].state)
			fail_msg("%s: %s: %s", latencies[i].name, judge_state_name(result.state), result.text);
	}
}

/* ---- a common cause over time ---- */

static void run_for(struct judge *judge, struct judge_input *input, uint64_t ms, uint64_t answers, uint64_t errors)
{
	for (uint64_t until = input->baked_ms + ms; input->baked_ms < until;) {
		input->baked_ms += 200;
		input->answers += answers;
		input->errors += errors;
		judge_take(judge, input);
	}
}

static void assert_now(const char *name, struct judge *judge, const struct judge_input *input, enum verdict verdict, bool hold)
{
	struct judgement judgement;
	judge_decide(judge, input, &judgement);
	assert_verdict(name, &judgement, verdict, verdict == VERDICT_BAD ? "error_rate" : NULL, hold);
}

static void test_what_both_suffered_is_forgotten(void **state)
{
	(void)state;
	struct judge judge;
	struct judge_input input = {WELL, RATE};
	judge_begin(&judge, &(struct judge_baseline)QUIET);
	input.other_failed_rounds = 2;
	run_for(&judge, &input, 30000, 40, 40);
	assert_now("both are ill", &judge, &input, VERDICT_BAD, true);
	input.other_failed_rounds = 0;
	run_for(&judge, &input, 3000, 40, 20);
	assert_now("late answers", &judge, &input, VERDICT_BAD, true);
	run_for(&judge, &input, 6000, 40, 0);
	assert_now("both are well again", &judge, &input, VERDICT_GOOD, false);
	run_for(&judge, &input, 400, 40, 40);
	assert_now("ill alone", &judge, &input, VERDICT_BAD, false);
}

static void test_still_bad_when_the_other_is_well(void **state)
{
	(void)state;
	struct judge judge;
	struct judge_input input = {.probed = true, .color = COLOR_GREEN, RATE, .other_health = COLOR_HEALTH_UNHEALTHY};
	judge_begin(&judge, &(struct judge_baseline)QUIET);
	run_for(&judge, &input, 30000, 40, 40);
	assert_now("both are ill", &judge, &input, VERDICT_BAD, true);
	input.other_health = COLOR_HEALTH_HEALTHY;
	run_for(&judge, &input, 6000, 40, 40);
	assert_now("the other is well", &judge, &input, VERDICT_BAD, false);
}

static void test_slowness_that_both_suffered_is_forgotten(void **state)
{
	(void)state;
	struct judge judge;
	struct judge_result result;
	struct judge_input input = {WELL, .other_failed_rounds = 1, .limits.latency_p99_ms = 500};
	judge_begin(&judge, &(struct judge_baseline)UNKNOWN);
	for (uint64_t number = 1; number <= 4; number++) {
		input.window = (struct judge_window){number, 2000, 600000};
		run_for(&judge, &input, JUDGE_WINDOW_MS, 40, 0);
	}
	judge_weigh(&judge, &input, JUDGE_LATENCY_P99, &result);
	assert_true(result.state == JUDGE_BAD && result.hold);
	input.other_failed_rounds = 0;
	run_for(&judge, &input, 6000, 40, 0);
	judge_weigh(&judge, &input, JUDGE_LATENCY_P99, &result);
	assert_int_equal(result.state, JUDGE_OK);
}

/* Two windows are over while both are ill; the third began then, and ends when the other is well again. */
static void test_a_window_that_began_in_ill_times(void **state)
{
	(void)state;
	struct judge judge;
	struct judge_result result;
	struct judge_input input = {WELL, .other_failed_rounds = 1, .limits.latency_p99_ms = 500};
	judge_begin(&judge, &(struct judge_baseline)UNKNOWN);
	for (uint64_t number = 1; number <= 2; number++) {
		run_for(&judge, &input, JUDGE_WINDOW_MS, 40, 0);
		input.window = (struct judge_window){number, 2000, 600000};
	}
	run_for(&judge, &input, 2000, 40, 0);
	input.other_failed_rounds = 0;
	run_for(&judge, &input, 8000, 40, 0);
	input.window = (struct judge_window){3, 2000, 600000};
	run_for(&judge, &input, 1000, 40, 0);
	judge_weigh(&judge, &input, JUDGE_LATENCY_P99, &result);
	assert_int_equal(result.state, JUDGE_OK);
}

/* Their numbers come from a clock that begins anew with the machine. */
static void test_windows_of_another_boot(void **state)
{
	(void)state;
	static const uint64_t numbers[] = {7000, 3, 4, 5};
	struct judge judge;
	struct judge_result result;
	struct judge_input input = {WELL, .limits.latency_p99_ms = 500};
	judge_begin(&judge, &(struct judge_baseline)UNKNOWN);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		input.window = (struct judge_window){numbers[i], 2000, 600000};
		run_for(&judge, &input, JUDGE_WINDOW_MS, 40, 0);
		judge_weigh(&judge, &input, JUDGE_LATENCY_P99, &result);
		assert_int_equal(result.state == JUDGE_BAD, i == 3);
	}
}

/* The counters of several workers are not read at one instant. */
static void test_an_error_counted_before_its_answer(void **state)
{
	(void)state;
	struct judge judge;
	struct judge_input input = {WELL, RATE, .answers = 3, .errors = 4};
	judge_begin(&judge, &(struct judge_baseline)QUIET);
	judge_take(&judge, &input);
	assert_int_equal(judge.errors, 3);
	input.answers = 10;
	judge_take(&judge, &input);
	assert_int_equal(judge.answers, 10);
	assert_int_equal(judge.errors, 4);
}

static void test_the_clock_is_set_back(void **state)
{
	(void)state;
	struct judge judge;
	struct judge_input input = {WELL, RATE, .other_failed_rounds = 1, .baked_ms = 200000};
	judge_begin(&judge, &(struct judge_baseline)QUIET);
	run_for(&judge, &input, 1000, 40, 40);
	assert_now("both are ill", &judge, &input, VERDICT_BAD, true);
	input.other_failed_rounds = 0;
	input.baked_ms = 1000;
	run_for(&judge, &input, 6000, 40, 40);
	assert_now("the other has been well for 6 s", &judge, &input, VERDICT_BAD, false);
}

static void test_lines_of_a_common_cause(void **state)
{
	(void)state;
	struct judge judge;
	struct judgement judgement;
	struct judge_input input = {WELL, .other_failed_rounds = 1, .limits = {.log_matches = 5, .log_within_ms = 60000}, .log = {true, 9, NULL, NULL, NULL}};
	judge_begin(&judge, &(struct judge_baseline)UNKNOWN);
	run_for(&judge, &input, 1000, 40, 0);
	input.other_failed_rounds = 0;
	run_for(&judge, &input, 59000, 40, 0);
	judge_decide(&judge, &input, &judgement);
	assert_verdict("they may be of the time in which both were ill", &judgement, VERDICT_BAD, "log", true);
	run_for(&judge, &input, 2000, 40, 0);
	judge_decide(&judge, &input, &judgement);
	assert_verdict("they can't be", &judgement, VERDICT_BAD, "log", false);
}

/* ---- plan ---- */

static void test_foresee(void **state)
{
	(void)state;
	char text[320];
	static const struct judge_limits limits = {.error_rate = 0.01, .latency_p99_ms = 500};
	assert_false(judge_foresee(&(struct judge_baseline)QUIET, &limits, COLOR_BLUE, text, sizeof(text)));
	assert_string_equal(text, "");
	assert_true(judge_foresee(&(struct judge_baseline)NOISY, &limits, COLOR_BLUE, text, sizeof(text)));
	assert_string_equal(
		text, "error_rate: the limit of 1 % can't be held to: 1200 of the last 120000 answers of blue were 5xx (1 %); green is bad from 2 % on");
	assert_true(judge_foresee(&(struct judge_baseline){.p99_us = 800000}, &limits, COLOR_GREEN, text, sizeof(text)));
	assert_string_equal(text, "latency_p99: the limit of 500 ms can't be held to: green has 800 ms; blue is bad from 1000 ms on");
}

/* ---- JSON ---- */

static void test_evidence(void **state)
{
	(void)state;
	struct judge judge;
	struct judgement judgement;
	struct judge_input input = {WELL, RATE, .answers = 1000, .errors = 50, .baked_ms = 5000, .limits.dry_run = CONF_CRITERION_LOG, .limits.log_matches = 1};
	judge_begin(&judge, &(struct judge_baseline)QUIET);
	look(&judge, &input, &judgement);
	json_t *evidence = judge_to_json(&judge, &input, &judgement), *criteria = json_object_get(evidence, "criteria");
	assert_string_equal(json_string_value(json_object_get(evidence, "verdict")), "bad");
	assert_string_equal(json_string_value(json_object_get(evidence, "cause")), "error_rate");
	assert_true(json_real_value(json_object_get(evidence, "error_rate")) == 0.05);
	assert_int_equal(json_integer_value(json_object_get(evidence, "baked_ms")), 5000);
	assert_true(json_is_null(json_object_get(evidence, "unhealthy_probes_limit")));
	assert_int_equal(json_array_size(criteria), JUDGE_CRITERION_COUNT);
	const json_t *rate = json_array_get(criteria, JUDGE_ERROR_RATE), *log = json_array_get(criteria, JUDGE_LOG);
	assert_string_equal(json_string_value(json_object_get(rate, "name")), "error_rate");
	assert_string_equal(json_string_value(json_object_get(rate, "state")), "bad");
	assert_true(json_real_value(json_object_get(rate, "bad_rate")) == 0.01);
	assert_int_equal(json_integer_value(json_object_get(rate, "before_errors")), 120);
	assert_string_equal(json_string_value(json_object_get(log, "state")), "inconclusive");
	assert_true(json_is_true(json_object_get(log, "dry_run")));
	assert_string_equal(json_string_value(json_object_get(json_array_get(criteria, JUDGE_PROMETHEUS), "state")), "off");
	json_decref(evidence);
}

static void test_bits_are_those_of_the_file(void **state)
{
	(void)state;
	assert_int_equal(1u << JUDGE_ERROR_RATE, CONF_CRITERION_ERROR_RATE);
	assert_int_equal(1u << JUDGE_PROBES, CONF_CRITERION_UNHEALTHY_PROBES);
	assert_int_equal(1u << JUDGE_LATENCY_P99, CONF_CRITERION_LATENCY_P99);
	assert_int_equal(1u << JUDGE_LOG, CONF_CRITERION_LOG);
	assert_int_equal(1u << JUDGE_PROMETHEUS, CONF_CRITERION_PROMETHEUS);
}

/* Half of the evidence before a restart, half after it, is as good as all of it without one. */
static void test_a_restart_forgets_nothing(void **state)
{
	(void)state;
	struct judge through, restarted, after;
	struct judge_input input = {WELL, RATE, .limits.latency_p99_ms = 500, .window = {7, 400, 700000}}, again;
	struct judge_baseline before = {.counts = {1000, 9, 600, 81}, .p99_us = 300000, .log_matches = 3, .bake_ms = 5000};
	judge_begin(&through, &before);
	run_for(&through, &input, 1000, 40, 1);
	json_t *kept = judge_save(&through);
	char *text = json_dumps(kept, JSON_COMPACT);
	json_decref(kept);
	kept = json_loads(text, 0, NULL);
	free(text);
	assert_true(judge_restore(&restarted, kept));
	again = input;
	again.answers = again.errors = 0;
	run_for(&through, &input, 1000, 40, 3);
	run_for(&restarted, &again, 1000, 40, 3);
	assert_int_equal(through.answers, restarted.answers);
	restarted.seen_answers = through.seen_answers;
	restarted.seen_errors = through.seen_errors;
	json_t *one = judge_save(&through), *other = judge_save(&restarted);
	assert_true(json_equal(one, other));
	json_decref(one);
	json_decref(other);
	json_object_set_new(json_object_get(kept, "rate"), "sum", json_string("much"));
	json_object_set_new(json_object_get(kept, "rate"), "h1", json_real(0));
	assert_false(judge_restore(&after, kept));
	assert_int_equal(after.answers, 0);
	assert_false(judge_restore(&after, NULL));
	json_decref(kept);
}

static void test_a_restart_within_a_hold(void **state)
{
	(void)state;
	struct judge through, restarted, late;
	struct judge_input input = {WELL, RATE, .other_failed_rounds = 1};
	judge_begin(&through, &(struct judge_baseline)QUIET);
	run_for(&through, &input, 2000, 40, 40);
	json_t *kept = judge_save(&through);
	assert_true(judge_restore(&restarted, kept) && judge_restore(&late, kept));
	json_decref(kept);
	input.answers = input.errors = input.other_failed_rounds = 0;
	run_for(&restarted, &input, 3000, 40, 0);
	assert_now("held for 3 s more", &restarted, &input, VERDICT_BAD, true);
	run_for(&restarted, &input, 5000, 40, 0);
	assert_now("then forgotten", &restarted, &input, VERDICT_GOOD, false);
	input.answers = 0;
	input.baked_ms += 60000;
	judge_take(&late, &input);
	assert_now("a restart that took a minute", &late, &input, VERDICT_INCONCLUSIVE, false);
}

/* Three lines before a restart and two after it are five, for as long as the first three count. */
static void test_a_restart_forgets_no_lines(void **state)
{
	(void)state;
	struct judge first, second;
	struct judgement judgement;
	struct judge_input input = {WELL, .answers = 1000, .limits = {.log_matches = 5, .log_within_ms = 60000}, .log = {.followed = true, .matches = 3}};
	judge_begin(&first, &(struct judge_baseline)QUIET);
	input.baked_ms = 1000;
	judge_take(&first, &input);
	assert_now("three of five", &first, &input, VERDICT_GOOD, false);
	json_t *kept = judge_save(&first);
	assert_true(judge_restore(&second, kept));
	json_decref(kept);
	input.log.matches = 2;
	input.baked_ms = 30000;
	judge_take(&second, &input);
	judge_decide(&second, &input, &judgement);
	assert_verdict("and two more", &judgement, VERDICT_BAD, "log", false);
	input.baked_ms = 61000;
	judge_take(&second, &input);
	assert_now("the first three are too old", &second, &input, VERDICT_GOOD, false);
}

static void test_another_limit_begins_anew(void **state)
{
	(void)state;
	struct judge judge;
	struct judge_input input = {WELL, RATE};
	judge_begin(&judge, &(struct judge_baseline)QUIET);
	run_for(&judge, &input, 1000, 40, 4);
	assert_now("over 1 %", &judge, &input, VERDICT_BAD, false);
	input.limits.error_rate = 0.2;
	run_for(&judge, &input, 5000, 40, 4);
	assert_now("under 20 %", &judge, &input, VERDICT_GOOD, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_a_late_fault_is_told_by_its_own_answers),
		cmocka_unit_test(test_latency),
		cmocka_unit_test(test_what_both_suffered_is_forgotten),
		cmocka_unit_test(test_still_bad_when_the_other_is_well),
		cmocka_unit_test(test_slowness_that_both_suffered_is_forgotten),
		cmocka_unit_test(test_a_window_that_began_in_ill_times),
		cmocka_unit_test(test_windows_of_another_boot),
		cmocka_unit_test(test_an_error_counted_before_its_answer),
		cmocka_unit_test(test_the_clock_is_set_back),
		cmocka_unit_test(test_lines_of_a_common_cause),
		cmocka_unit_test(test_foresee),
		cmocka_unit_test(test_evidence),
		cmocka_unit_test(test_bits_are_those_of_the_file),
		cmocka_unit_test(test_a_restart_forgets_nothing),
		cmocka_unit_test(test_a_restart_within_a_hold),
		cmocka_unit_test(test_a_restart_forgets_no_lines),
		cmocka_unit_test(test_another_limit_begins_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
