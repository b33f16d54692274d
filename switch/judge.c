/* What is to be said of the new color during a bake. Pure; does not act on it. */
#include "switch/judge.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "switch/wire.h"

const char *judge_verdict_name(enum verdict verdict)
{
	static const char *const names[] = {"inconclusive", "good", "bad"};
	return names[verdict];
}

static double error_rate(const struct judge_input *input)
{
	return input->answers == 0 ? 0.0 : (double)input->errors / (double)input->answers;
}

static bool probes_are_bad(const struct judge_input *input)
{
	return input->unhealthy_probes_limit > 0 && input->failed_rounds >= input->unhealthy_probes_limit;
}

static bool errors_are_bad(const struct judge_input *input)
{
	if (input->error_rate_limit <= 0 || input->answers < JUDGE_ANSWERS_MIN || input->errors < JUDGE_ERRORS_MIN)
		return false;
	return error_rate(input) > input->error_rate_limit;
}

/* A cause that both colors share (a database, a network) is not cured by a rollback. */
static bool other_is_no_better(const struct judge_input *input)
{
	return input->other_gone || input->other_failed_rounds > 0 || input->other_health == COLOR_HEALTH_UNHEALTHY;
}

static void describe(const struct judge_input *input, struct judgement *judgement)
{
	char limit[TEXT_UNIT_SIZE], against[TEXT_UNIT_SIZE + 24] = "";
	text_format_share(input->error_rate_limit, limit);
	if (input->error_rate_limit > 0)
		snprintf(against, sizeof(against), "; the limit is %s", limit);
	snprintf(judgement->text, sizeof(judgement->text), "%" PRIu64 " answer%s, %" PRIu64 " error%s (%.2f%%%s), %u failed probe round%s in a row%s%s",
		input->answers, input->answers == 1 ? "" : "s", input->errors, input->errors == 1 ? "" : "s", 100.0 * error_rate(input), against,
		input->failed_rounds, input->failed_rounds == 1 ? "" : "s", input->answers < JUDGE_ANSWERS_MIN ? "; too little traffic to judge" : "",
		judgement->hold ? "; the other color is no better, so a rollback would not help" : "");
}

void judge_decide(const struct judge_input *input, struct judgement *judgement)
{
	*judgement = (struct judgement){.verdict = VERDICT_GOOD};
	if (probes_are_bad(input))
		judgement->cause = "probes";
	else if (errors_are_bad(input))
		judgement->cause = "error_rate";
	if (judgement->cause) {
		judgement->verdict = VERDICT_BAD;
		judgement->hold = other_is_no_better(input);
	} else if (input->answers < JUDGE_ANSWERS_MIN || !input->probed || input->failed_rounds > 0) {
		judgement->verdict = VERDICT_INCONCLUSIVE;
	}
	describe(input, judgement);
}

json_t *judge_to_json(const struct judge_input *input, const struct judgement *judgement)
{
	json_t *evidence = json_object();
	json_object_set_new(evidence, "verdict", json_string(judge_verdict_name(judgement->verdict)));
	json_object_set_new(evidence, "cause", wire_text(judgement->cause));
	json_object_set_new(evidence, "text", wire_text(judgement->text));
	json_object_set_new(evidence, "hold", json_boolean(judgement->hold));
	json_object_set_new(evidence, "baked_ms", wire_count(input->baked_ms));
	json_object_set_new(evidence, "answers", wire_count(input->answers));
	json_object_set_new(evidence, "errors", wire_count(input->errors));
	json_object_set_new(evidence, "error_rate", input->answers ? json_real(error_rate(input)) : json_null());
	json_object_set_new(evidence, "error_rate_limit", input->error_rate_limit > 0 ? json_real(input->error_rate_limit) : json_null());
	json_object_set_new(evidence, "failed_probe_rounds", json_integer(input->failed_rounds));
	json_object_set_new(evidence, "unhealthy_probes_limit", input->unhealthy_probes_limit ? json_integer(input->unhealthy_probes_limit) : json_null());
	json_object_set_new(evidence, "other_failed_probe_rounds", json_integer(input->other_failed_rounds));
	json_object_set_new(evidence, "other_health", json_string(color_health_name(input->other_health)));
	json_object_set_new(evidence, "probed", json_boolean(input->probed));
	return evidence;
}
