/* What is to be said of the new color during a bake. Pure: numbers in, a verdict with its evidence out. */
#ifndef TEAL_SWITCH_JUDGE_H
#define TEAL_SWITCH_JUDGE_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

#include "base/color.h"

/* Fewer answers say nothing, and fewer errors are not held against anyone. */
#define JUDGE_ANSWERS_MIN 20u
#define JUDGE_ERRORS_MIN 5u

enum verdict { VERDICT_INCONCLUSIVE, VERDICT_GOOD, VERDICT_BAD };

struct judge_input {
	enum color color; /* the new one */
	uint64_t baked_ms;
	/* of the new color, since the flip */
	uint64_t answers, errors;
	unsigned failed_rounds; /* consecutive probe rounds in which every backend failed */
	bool probed;            /* every backend was probed since the flip */
	/* of the other color */
	unsigned other_failed_rounds; /* as above */
	enum color_health other_health;
	bool other_gone; /* a rollback to it would not succeed */
	/* limits; 0 is none */
	double error_rate_limit;
	unsigned unhealthy_probes_limit;
};

struct judgement {
	enum verdict verdict;
	const char *cause; /* "probes" or "error_rate" when bad, else NULL; static */
	bool hold;         /* bad, and the other color is no better: going back would not help */
	char text[512];    /* a sentence with the numbers */
};

const char *judge_verdict_name(enum verdict verdict);
void judge_decide(const struct judge_input *input, struct judgement *judgement);
/* The evidence as the API shows it. A new reference. */
json_t *judge_to_json(const struct judge_input *input, const struct judgement *judgement);

#endif
