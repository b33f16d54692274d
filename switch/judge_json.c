/* The judge's evidence and state as JSON. Pure; decides nothing. */
#include "switch/judge.h"

#include <math.h>

#include "switch/wire.h"

static double share_of(uint64_t errors, uint64_t answers)
{
	return answers ? (double)errors / (double)answers : 0;
}

/* JSON has no infinity. */
static json_t *number_of(bool known, double value)
{
	return known && isfinite(value) ? json_real(value) : json_null();
}

/* ---- evidence ---- */

static json_t *errors_to_json(const struct judge *judge, const struct judge_input *input)
{
	const struct sequential *rate = &judge->rate;
	bool on = input->limits.error_rate > 0;
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "answers", wire_count(judge->answers), "errors",
		wire_count(judge->errors), "rate", number_of(judge->answers > 0, share_of(judge->errors, judge->answers)), "limit",
		number_of(on, input->limits.error_rate), "accepted_rate", number_of(on, rate->rates.h0), "bad_rate", number_of(on, rate->rates.h1), "burst",
		number_of(on, rate->rates.burst), "evidence", number_of(on, rate->sum), "threshold", number_of(on, on ? sequential_threshold(rate) : 0),
		"run_answers", wire_count(rate->run_answers), "run_errors", wire_count(rate->run_errors), "before_answers",
		wire_count(judge->before.counts.answers), "before_errors", wire_count(judge->before.counts.errors));
}

static json_t *probes_to_json(const struct judge *judge, const struct judge_input *input)
{
	(void)judge;
	return json_pack("{s:i, s:i, s:b}", "failed_rounds", (int)input->failed_rounds, "limit", (int)input->limits.unhealthy_probes, "probed", input->probed);
}

static json_t *latency_to_json(const struct judge *judge, const struct judge_input *input)
{
	const struct judge_window *last = &judge->windows.last;
	return json_pack("{s:o, s:I, s:o, s:i, s:i, s:I}", "p99_ms", number_of(last->number > 0, (double)last->p99_us / 1000), "limit_ms",
		(json_int_t)input->limits.latency_p99_ms, "before_p99_ms", number_of(judge->before.p99_us > 0, (double)judge->before.p99_us / 1000), "windows",
		(int)judge->windows.counted, "slow_windows", (int)judge->windows.slow, "window_answers", (json_int_t)last->answers);
}

static json_t *log_to_json(const struct judge *judge, const struct judge_input *input)
{
	json_t *sample = input->log.sample ? json_pack("{s:o, s:o}", "file", wire_text(input->log.file), "text", wire_text(input->log.sample)) : json_null();
	return json_pack("{s:b, s:I, s:i, s:I, s:I, s:o}", "followed", input->log.followed, "matches", (json_int_t)judge_log_matches(judge, input), "limit",
		(int)input->limits.log_matches, "within_ms", (json_int_t)input->limits.log_within_ms, "before_matches", (json_int_t)judge->before.log_matches,
		"sample", sample);
}

static json_t *prometheus_to_json(const struct judge *judge, const struct judge_input *input)
{
	bool known = input->prometheus.reading == JUDGE_READING_VALUE;
	return json_pack("{s:o, s:o, s:o}", "value", number_of(known, input->prometheus.value), input->limits.prometheus_below ? "below" : "above",
		number_of(true, input->limits.prometheus_bound), "before_value", number_of(judge->before.prometheus_known, judge->before.prometheus));
}

static json_t *criteria_to_json(const struct judge *judge, const struct judge_input *input, const struct judgement *judgement)
{
	static json_t *(*const numbers[])(const struct judge *, const struct judge_input *) = {
		[JUDGE_ERROR_RATE] = errors_to_json,
		[JUDGE_PROBES] = probes_to_json,
		[JUDGE_LATENCY_P99] = latency_to_json,
		[JUDGE_LOG] = log_to_json,
		[JUDGE_PROMETHEUS] = prometheus_to_json,
	};
	json_t *criteria = json_array();
	for (int i = 0; i < JUDGE_CRITERION_COUNT; i++) {
		const struct judge_result *result = &judgement->results[i];
		json_t *criterion = json_pack("{s:s, s:s, s:b, s:b, s:o}", "name", judge_criterion_name((enum judge_criterion)i), "state",
			judge_state_name(result->state), "dry_run", result->dry_run, "hold", result->hold, "text", wire_text(result->text));
		json_t *more = result->state == JUDGE_OFF ? NULL : numbers[i](judge, input);
		json_object_update(criterion, more);
		json_decref(more);
		json_array_append_new(criteria, criterion);
	}
	return criteria;
}

json_t *judge_to_json(const struct judge *judge, const struct judge_input *input, const struct judgement *judgement)
{
	const struct judge_limits *limits = &input->limits;
	json_t *evidence = json_object();
	json_object_set_new(evidence, "verdict", json_string(judge_verdict_name(judgement->verdict)));
	json_object_set_new(evidence, "cause", wire_text(judgement->cause));
	json_object_set_new(evidence, "text", wire_text(judgement->text));
	json_object_set_new(evidence, "hold", json_boolean(judgement->hold));
	json_object_set_new(evidence, "baked_ms", wire_count(input->baked_ms));
	json_object_set_new(evidence, "answers", input->unseen ? json_null() : wire_count(judge->answers));
	json_object_set_new(evidence, "errors", input->unseen ? json_null() : wire_count(judge->errors));
	json_object_set_new(evidence, "error_rate", number_of(judge->answers > 0, share_of(judge->errors, judge->answers)));
	json_object_set_new(evidence, "error_rate_limit", number_of(limits->error_rate > 0, limits->error_rate));
	json_object_set_new(evidence, "failed_probe_rounds", json_integer(input->failed_rounds));
	json_object_set_new(evidence, "unhealthy_probes_limit", limits->unhealthy_probes ? json_integer(limits->unhealthy_probes) : json_null());
	json_object_set_new(evidence, "other_failed_probe_rounds", json_integer(input->other_failed_rounds));
	json_object_set_new(evidence, "other_health", json_string(color_health_name(input->other_health)));
	json_object_set_new(evidence, "probed", json_boolean(input->probed));
	json_object_set_new(evidence, "criteria", criteria_to_json(judge, input, judgement));
	return evidence;
}

/* ---- state ---- */

static json_t *baseline_to_json(const struct judge_baseline *before)
{
	const struct sequential_before *counts = &before->counts;
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I}", "answers", (json_int_t)counts->answers, "errors", (json_int_t)counts->errors, "seconds",
		(json_int_t)counts->seconds, "squares", (json_int_t)counts->squares, "p99_us", (json_int_t)before->p99_us, "log_matches",
		(json_int_t)before->log_matches, "prometheus", number_of(before->prometheus_known, before->prometheus), "bake_ms", (json_int_t)before->bake_ms);
}

static bool read_baseline(const json_t *state, struct judge_baseline *before)
{
	const json_t *prometheus = json_object_get(state, "prometheus");
	*before = (struct judge_baseline){
		.counts = {wire_read_count(state, "answers"), wire_read_count(state, "errors"), wire_read_count(state, "seconds"),
			wire_read_count(state, "squares")},
		.p99_us = wire_read_count(state, "p99_us"),
		.log_matches = wire_read_count(state, "log_matches"),
		.prometheus_known = json_is_number(prometheus),
		.prometheus = json_number_value(prometheus),
		.bake_ms = wire_read_count(state, "bake_ms"),
	};
	return json_is_object(state) && before->counts.errors <= before->counts.answers;
}

json_t *judge_save(const struct judge *judge)
{
	const struct judge_window *last = &judge->windows.last;
	json_t *windows = json_pack("{s:I, s:I, s:I, s:i, s:i}", "number", (json_int_t)last->number, "answers", (json_int_t)last->answers, "p99_us",
		(json_int_t)last->p99_us, "slow", (int)judge->windows.slow, "counted", (int)judge->windows.counted);
	return json_pack("{s:o, s:I, s:I, s:f, s:o, s:o, s:I, s:b, s:b, s:I, s:I}", "before", baseline_to_json(&judge->before), "answers",
		(json_int_t)judge->answers, "errors", (json_int_t)judge->errors, "limit", judge->limit, "rate",
		judge->limit > 0 ? sequential_to_json(&judge->rate) : json_null(), "windows", windows, "ill_ms", (json_int_t)judge->ill_ms, "held", judge->held,
		"query_ill", judge->query_ill, "log_matches", (json_int_t)judge->lines.matches, "log_at_ms", (json_int_t)judge->lines.at_ms);
}

static void read_windows(const json_t *state, struct judge *judge)
{
	judge->windows.last = (struct judge_window){wire_read_count(state, "number"), wire_read_count(state, "answers"), wire_read_count(state, "p99_us")};
	judge->windows.slow = (unsigned)wire_read_count(state, "slow");
	judge->windows.counted = (unsigned)wire_read_count(state, "counted");
}

bool judge_restore(struct judge *judge, const json_t *state)
{
	struct judge read = {
		.answers = wire_read_count(state, "answers"),
		.errors = wire_read_count(state, "errors"),
		.limit = json_number_value(json_object_get(state, "limit")),
		.ill_ms = wire_read_count(state, "ill_ms"),
		.held = wire_read_flag(state, "held"),
		.query_ill = wire_read_flag(state, "query_ill"),
		.lines_before = {wire_read_count(state, "log_matches"), wire_read_count(state, "log_at_ms")},
	};
	read_windows(json_object_get(state, "windows"), &read);
	*judge = (struct judge){0};
	if (!read_baseline(json_object_get(state, "before"), &read.before) || read.errors > read.answers)
		return false;
	if (read.limit > 0 && !sequential_read(&read.rate, json_object_get(state, "rate")))
		return false;
	*judge = read;
	return true;
}
