/* The judge: when a color is bad, good, or nothing can be said; when going back would not help. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "switch/judge.h"

#define WELL .probed = true, .other_health = COLOR_HEALTH_HEALTHY

static const struct judge_case {
	const char *name;
	struct judge_input input;
	enum verdict verdict;
	const char *cause;
	bool hold;
} cases[] = {
	{"enough good answers", {WELL, .answers = 1000, .errors = 2, .error_rate_limit = 0.01}, VERDICT_GOOD, NULL, false},
	{"no traffic", {WELL, .error_rate_limit = 0.01}, VERDICT_INCONCLUSIVE, NULL, false},
	{"19 answers say nothing", {WELL, .answers = 19, .error_rate_limit = 0.01}, VERDICT_INCONCLUSIVE, NULL, false},
	{"20 answers do", {WELL, .answers = 20, .error_rate_limit = 0.01}, VERDICT_GOOD, NULL, false},
	{"19 answers, all errors", {WELL, .answers = 19, .errors = 19, .error_rate_limit = 0.01}, VERDICT_INCONCLUSIVE, NULL, false},
	{"20 answers, 4 errors", {WELL, .answers = 20, .errors = 4, .error_rate_limit = 0.01}, VERDICT_GOOD, NULL, false},
	{"20 answers, 5 errors", {WELL, .answers = 20, .errors = 5, .error_rate_limit = 0.01}, VERDICT_BAD, "error_rate", false},
	{"at the limit", {WELL, .answers = 1000, .errors = 10, .error_rate_limit = 0.01}, VERDICT_GOOD, NULL, false},
	{"over the limit", {WELL, .answers = 1000, .errors = 11, .error_rate_limit = 0.01}, VERDICT_BAD, "error_rate", false},
	{"no limit", {WELL, .answers = 1000, .errors = 1000}, VERDICT_GOOD, NULL, false},
	{"not probed since the flip", {.other_health = COLOR_HEALTH_HEALTHY, .answers = 1000}, VERDICT_INCONCLUSIVE, NULL, false},
	{"one failed round of three", {WELL, .answers = 1000, .failed_rounds = 1, .unhealthy_probes_limit = 3}, VERDICT_INCONCLUSIVE, NULL, false},
	{"three failed rounds of three", {WELL, .failed_rounds = 3, .unhealthy_probes_limit = 3}, VERDICT_BAD, "probes", false},
	{"no limit on probes", {WELL, .answers = 1000, .failed_rounds = 9}, VERDICT_INCONCLUSIVE, NULL, false},
	{"probes are named first", {WELL, .answers = 100, .errors = 100, .error_rate_limit = 0.01, .failed_rounds = 3, .unhealthy_probes_limit = 3},
		VERDICT_BAD, "probes", false},
	{"the other fails too", {WELL, .failed_rounds = 3, .unhealthy_probes_limit = 3, .other_failed_rounds = 1}, VERDICT_BAD, "probes", true},
	{"the other is unhealthy", {.probed = true, .answers = 100, .errors = 100, .error_rate_limit = 0.01, .other_health = COLOR_HEALTH_UNHEALTHY},
		VERDICT_BAD, "error_rate", true},
	{"the other was changed", {WELL, .answers = 100, .errors = 100, .error_rate_limit = 0.01, .other_gone = true}, VERDICT_BAD, "error_rate", true},
	{"one backend of the other is up", {.probed = true, .failed_rounds = 3, .unhealthy_probes_limit = 3, .other_health = COLOR_HEALTH_DEGRADED},
		VERDICT_BAD, "probes", false},
	{"the other alone is ill", {.probed = true, .answers = 100, .other_failed_rounds = 9, .other_health = COLOR_HEALTH_UNHEALTHY}, VERDICT_GOOD, NULL,
		false},
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct judgement judgement;
		judge_decide(&cases[i].input, &judgement);
		if (judgement.verdict != cases[i].verdict)
			fail_msg("%s: %s", cases[i].name, judge_verdict_name(judgement.verdict));
		if ((judgement.cause == NULL) != (cases[i].cause == NULL) || (judgement.cause && strcmp(judgement.cause, cases[i].cause) != 0))
			fail_msg("%s: cause %s", cases[i].name, judgement.cause ? judgement.cause : "none");
		if (judgement.hold != cases[i].hold)
			fail_msg("%s: hold %d", cases[i].name, judgement.hold);
		assert_int_not_equal(judgement.text[0], '\0');
	}
}

static void test_evidence(void **state)
{
	(void)state;
	struct judge_input input = {WELL, .answers = 1000, .errors = 20, .error_rate_limit = 0.01, .baked_ms = 5000};
	struct judgement judgement;
	judge_decide(&input, &judgement);
	json_t *evidence = judge_to_json(&input, &judgement);
	assert_string_equal(json_string_value(json_object_get(evidence, "verdict")), "bad");
	assert_string_equal(json_string_value(json_object_get(evidence, "cause")), "error_rate");
	assert_true(json_real_value(json_object_get(evidence, "error_rate")) == 0.02);
	assert_int_equal(json_integer_value(json_object_get(evidence, "baked_ms")), 5000);
	assert_true(json_is_null(json_object_get(evidence, "unhealthy_probes_limit")));
	json_decref(evidence);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_evidence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
