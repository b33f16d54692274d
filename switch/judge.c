/* What is to be said of the new color during a bake. Pure; does not act on it. What the single criteria say is in judge_criteria. */
#include "switch/judge.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *judge_verdict_name(enum verdict verdict)
{
	static const char *const names[] = {"inconclusive", "good", "bad"};
	return names[verdict];
}

/* ---- taking ---- */

void judge_begin(struct judge *judge, const struct judge_baseline *before)
{
	*judge = (struct judge){.before = *before};
}

/* As many as came before the switch in the same time. */
static uint64_t expected_answers(const struct judge_baseline *before)
{
	const struct sequential_before *counts = &before->counts;
	return counts->seconds ? (uint64_t)((double)counts->answers * (double)before->bake_ms / 1000 / (double)counts->seconds) : 0;
}

static void begin_rate(struct judge *judge, double limit)
{
	judge->limit = limit;
	if (limit > 0)
		sequential_begin(&judge->rate, sequential_choose_rates(&judge->before.counts, limit), expected_answers(&judge->before));
}

void judge_compare(struct judge *judge, const struct judge_baseline *now)
{
	if (now->counts.answers >= SEQUENTIAL_ANSWERS_MIN)
		judge->before.counts = now->counts;
	if (now->p99_us > 0)
		judge->before.p99_us = now->p99_us;
	judge->run_other_answers = judge->run_other_errors = 0;
	begin_rate(judge, judge->limit);
}

static void take_answers(struct judge *judge, const struct judge_input *input)
{
	assert(input->answers >= judge->seen_answers && input->errors >= judge->seen_errors);
	uint64_t answers = input->answers - judge->seen_answers, errors = input->errors - judge->seen_errors;
	if (errors > answers) /* the counters of several workers are not read at one instant */
		errors = answers;
	judge->seen_answers += answers;
	judge->seen_errors += errors;
	judge->answers += answers;
	judge->errors += errors;
	if (judge->limit != input->limits.error_rate)
		begin_rate(judge, input->limits.error_rate);
	if (judge->limit > 0)
		sequential_add(&judge->rate, answers, errors);
}

/* What the other color did in the time of the run, which is what the new one may be held to when both have traffic. */
static void take_other_answers(struct judge *judge, const struct judge_input *input)
{
	uint64_t answers = input->other_answers - judge->seen_other_answers, errors = input->other_errors - judge->seen_other_errors;
	if (errors > answers)
		errors = answers;
	judge->seen_other_answers += answers;
	judge->seen_other_errors += errors;
	bool runs = input->concurrent && judge->rate.run_answers > 0;
	judge->run_other_answers = runs ? judge->run_other_answers + answers : 0;
	judge->run_other_errors = runs ? judge->run_other_errors + errors : 0;
}

/* A window with few answers says nothing: it does not count, nor end the row, unless the row would be of another time. */
static void take_window(struct judge *judge, const struct judge_input *input)
{
	const struct judge_window *window = &input->window;
	uint64_t limit_ms = input->limits.latency_p99_ms;
	if (limit_ms == 0 || window->number == judge->windows.last.number || window->answers < JUDGE_WINDOW_ANSWERS_MIN)
		return;
	/* A lower number is of another boot of the machine, within the same bake. */
	bool in_row = window->number > judge->windows.last.number && window->number - judge->windows.last.number <= JUDGE_WINDOWS;
	struct judge_baseline against = judge->before;
	if (input->concurrent && input->other_window.answers >= JUDGE_WINDOW_ANSWERS_MIN && input->other_window.p99_us > against.p99_us)
		against.p99_us = input->other_window.p99_us;
	bool slow = window->p99_us >= judge_slow_us(&against, limit_ms, window->answers);
	judge->windows.slow = !slow ? 0 : in_row ? judge->windows.slow + 1 : 1;
	judge->windows.counted++;
	judge->windows.last = *window;
}

static bool other_is_ill(const struct judge_input *input)
{
	return input->other_failed_rounds > 0 || input->other_health == COLOR_HEALTH_UNHEALTHY;
}

/* What was counted while both colors were ill speaks against neither; so it is forgotten once the other one is well, and a color that stays bad is sent back by what comes then. */
static void take_other(struct judge *judge, const struct judge_input *input)
{
	/* A wall clock that was set back makes the past no longer than it was. */
	if (other_is_ill(input) || judge->ill_ms > input->baked_ms + 1)
		judge->ill_ms = input->baked_ms + 1;
	bool settling = judge->ill_ms > 0 && input->baked_ms + 1 < judge->ill_ms + judge_settle_ms(&input->limits);
	if (settling) {
		judge->held |= judge->rate.over || judge->windows.slow >= JUDGE_WINDOWS;
		return;
	}
	if (judge->held)
		sequential_restart(&judge->rate);
	judge->held = false;
	/* A window that began while the other one was ill is of that time, too. */
	if (judge->ill_ms > 0 && input->baked_ms + 1 < judge->ill_ms + judge_settle_ms(&input->limits) + JUDGE_WINDOW_MS)
		judge->windows.slow = 0;
}

/* What a query counts over a minute tells of an illness for as long. */
static void take_query(struct judge *judge, const struct judge_input *input)
{
	if (other_is_ill(input))
		judge->query_ill = true;
	else if (input->prometheus.reading == JUDGE_READING_VALUE && !judge_is_beyond(&input->limits, input->prometheus.value))
		judge->query_ill = false;
}

uint64_t judge_log_matches(const struct judge *judge, const struct judge_input *input)
{
	bool counts = input->baked_ms < judge->lines_before.at_ms + input->limits.log_within_ms;
	return input->log.matches + (counts ? judge->lines_before.matches : 0);
}

void judge_take(struct judge *judge, const struct judge_input *input)
{
	take_answers(judge, input);
	take_other_answers(judge, input);
	take_window(judge, input);
	take_other(judge, input);
	take_query(judge, input);
	judge->lines = (struct judge_lines){judge_log_matches(judge, input), input->baked_ms};
}

/* ---- deciding ---- */

static void add(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void add(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text + used, size - used, format, arguments);
	va_end(arguments);
}

static bool acts(const struct judge_result *result, enum judge_state state)
{
	return result->state == state && !result->dry_run;
}

/* One that can be cured by a rollback comes before one that can't. */
static int find_cause(const struct judgement *judgement)
{
	int held = -1;
	for (int i = 0; i < JUDGE_CRITERION_COUNT; i++) {
		const struct judge_result *result = &judgement->results[i];
		if (acts(result, JUDGE_BAD) && !result->hold)
			return i;
		if (acts(result, JUDGE_BAD) && held < 0)
			held = i;
	}
	return held;
}

static void condemn(const struct judge_input *input, struct judgement *judgement, int cause)
{
	const struct judge_result *result = &judgement->results[cause];
	judgement->verdict = VERDICT_BAD;
	judgement->cause = judge_cause_name((enum judge_criterion)cause);
	judgement->hold = result->hold;
	add(judgement->text, sizeof(judgement->text), "%s", result->text);
	if (result->hold)
		add(judgement->text, sizeof(judgement->text), "; %s %s, so a rollback would not help", color_name(color_other(input->color)), result->why);
}

static bool probes_are_in_doubt(const struct judge_input *input, const struct judgement *judgement)
{
	return !judgement->results[JUDGE_PROBES].dry_run && (!input->probed || input->failed_rounds > 0);
}

/* A release that got no traffic where that would be seen, or is not known to be healthy, is not called good, whatever the file asks for. */
static bool is_inconclusive(const struct judge *judge, const struct judge_input *input, const struct judgement *judgement)
{
	bool inconclusive = (!input->unseen && judge->answers < JUDGE_ANSWERS_MIN) || probes_are_in_doubt(input, judgement);
	for (int i = 0; i < JUDGE_CRITERION_COUNT; i++)
		inconclusive |= acts(&judgement->results[i], JUDGE_INCONCLUSIVE);
	return inconclusive;
}

/* Nobody shall read of too many errors and of a good verdict without the reason. */
static void add_dry_runs(struct judgement *judgement)
{
	const char *before = "; bad in a dry run: ";
	for (int i = 0; i < JUDGE_CRITERION_COUNT; i++) {
		if (!judgement->results[i].dry_run || judgement->results[i].state != JUDGE_BAD)
			continue;
		add(judgement->text, sizeof(judgement->text), "%s%s", before, judge_criterion_name((enum judge_criterion)i));
		before = ", ";
	}
}

static void add_results(struct judgement *judgement, const bool wanted[JUDGE_CRITERION_COUNT])
{
	for (int i = 0; i < JUDGE_CRITERION_COUNT; i++)
		if (wanted[i])
			add(judgement->text, sizeof(judgement->text), "%s%s", judgement->text[0] ? "; " : "", judgement->results[i].text);
}

/* The numbers of the answers always, of the probes where there are none; of the rest what is armed; of an inconclusive verdict first what makes it so. */
static void describe(const struct judge_input *input, struct judgement *judgement)
{
	bool doubted[JUDGE_CRITERION_COUNT], others[JUDGE_CRITERION_COUNT];
	int always = input->unseen ? JUDGE_PROBES : JUDGE_ERROR_RATE;
	for (int i = 0; i < JUDGE_CRITERION_COUNT; i++) {
		const struct judge_result *result = &judgement->results[i];
		doubted[i] = acts(result, JUDGE_INCONCLUSIVE) || (i == JUDGE_PROBES && probes_are_in_doubt(input, judgement));
		others[i] = !doubted[i] && (i == always || (judgement->verdict == VERDICT_GOOD && acts(result, JUDGE_OK)));
	}
	add_results(judgement, doubted);
	add_results(judgement, others);
	add_dry_runs(judgement);
}

void judge_decide(const struct judge *judge, const struct judge_input *input, struct judgement *judgement)
{
	*judgement = (struct judgement){.verdict = VERDICT_GOOD};
	for (int i = 0; i < JUDGE_CRITERION_COUNT; i++)
		judge_weigh(judge, input, (enum judge_criterion)i, &judgement->results[i]);
	int cause = find_cause(judgement);
	if (cause >= 0) {
		condemn(input, judgement, cause);
		return;
	}
	if (is_inconclusive(judge, input, judgement))
		judgement->verdict = VERDICT_INCONCLUSIVE;
	describe(input, judgement);
}
