/* Answers to instant queries, by jansson. Pure; control thread. Does not compare a value with a limit: that is the judge's. */
#include "probe/promql_answer.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Bytes of the parts of a sentence that others wrote, so that none pushes the others out. */
#define REFUSAL_LIMIT ((size_t)160)
#define LABELS_LIMIT ((size_t)110)
#define WARNING_LIMIT ((size_t)60)

/* An answer while it is read. */
struct reading {
	bool below;
	uint64_t now_wall_ms;
	enum promql_kind kind;
	struct text detail;
	size_t samples, not_numbers, old; /* the latter two are among the first */
	bool found;                       /* `worst` is there */
	double worst;
	const json_t *labels; /* of the worst, or NULL */
};

/* What others wrote may hold anything. */
static void add_foreign(struct text *out, const char *text)
{
	for (; *text != '\0' && !out->cut; text++) {
		if (*text >= ' ' && *text <= '~')
			text_add(out, text, 1);
		else
			text_addf(out, "\\x%02x", (unsigned)(unsigned char)*text);
	}
}

static void add_foreign_cut(struct text *out, const char *text, size_t limit)
{
	struct text part;
	text_init(&part, limit);
	add_foreign(&part, text);
	text_addf(out, "%s%s", part.bytes, part.cut ? "..." : "");
	text_fini(&part);
}

/* Returns the detail, for more to be said. */
static struct text *fail(struct reading *reading, const char *sentence)
{
	reading->kind = PROMQL_ERROR;
	text_add(&reading->detail, sentence, strlen(sentence));
	return &reading->detail;
}

static void refuse_form(struct reading *reading, const char *what)
{
	text_addf(fail(reading, "this is no answer of Prometheus: "), "%s", what);
}

/* ---- samples ---- */

/* As Go writes a number. */
static bool parse_value(const char *text, double *value)
{
	if (strcmp(text, "NaN") == 0)
		*value = (double)NAN;
	else if (strcmp(text, "+Inf") == 0 || strcmp(text, "Inf") == 0)
		*value = (double)INFINITY;
	else if (strcmp(text, "-Inf") == 0)
		*value = -(double)INFINITY;
	else {
		char *end;
		/* strtod takes more: hexadecimal, white space, other spellings. */
		if (text[0] == '\0' || text[strspn(text, "0123456789+-.eE")] != '\0')
			return false;
		*value = strtod(text, &end);
		return *end == '\0' && isfinite(*value);
	}
	return true;
}

static bool is_old(const struct reading *reading, double at_s)
{
	return at_s * 1000 + (double)PROMQL_AGE_MAX_MS < (double)reading->now_wall_ms;
}

/* `[ seconds, "value" ]`. False when it isn't that. */
static bool take_sample(struct reading *reading, const json_t *pair, const json_t *labels)
{
	const json_t *at = json_array_get(pair, 0), *text = json_array_get(pair, 1);
	double value;
	if (json_array_size(pair) != 2 || !json_is_number(at) || !json_is_string(text) || !parse_value(json_string_value(text), &value))
		return false;
	reading->samples++;
	if (is_old(reading, json_number_value(at))) {
		reading->old++;
	} else if (isnan(value)) {
		reading->not_numbers++;
	} else if (!reading->found || (reading->below ? value < reading->worst : value > reading->worst)) {
		reading->found = true;
		reading->worst = value;
		reading->labels = labels;
	}
	return true;
}

/* ---- sentences ---- */

static void add_series(struct text *out, const char *name, const json_t *labels)
{
	const char *key, *before = "{";
	const json_t *value;
	add_foreign(out, name ? name : "");
	json_object_foreach((json_t *)labels, key, value)
	{
		if (strcmp(key, "__name__") == 0 || !json_is_string(value))
			continue;
		text_addf(out, "%s", before);
		add_foreign(out, key);
		text_addf(out, "=\"");
		add_foreign(out, json_string_value(value));
		text_addf(out, "\"");
		before = ", ";
	}
	if (before[0] == ',')
		text_addf(out, "}");
}

/* As PromQL writes a series. */
static void add_labels(struct text *out, const json_t *labels)
{
	struct text series;
	text_init(&series, LABELS_LIMIT);
	add_series(&series, json_string_value(json_object_get(labels, "__name__")), labels);
	if (series.length > 0)
		text_addf(out, " of %s%s", series.bytes, series.cut ? "..." : "");
	text_fini(&series);
}

/* "1 NaN, 2 older than 5 minutes" */
static void add_useless(struct text *out, const struct reading *reading)
{
	if (reading->not_numbers > 0)
		text_addf(out, "%zu NaN", reading->not_numbers);
	if (reading->old > 0)
		text_addf(out, "%s%zu older than 5 minutes by the clock of this machine", reading->not_numbers > 0 ? ", " : "", reading->old);
}

static void explain_value(struct reading *reading)
{
	struct text *out = &reading->detail;
	if (isinf(reading->worst))
		text_addf(out, "%cInf", reading->worst > 0 ? '+' : '-');
	else
		text_addf(out, "%.10g", reading->worst);
	if (reading->samples > 1)
		text_addf(out, ", the %s of %zu samples,", reading->below ? "smallest" : "largest", reading->samples);
	if (reading->not_numbers + reading->old > 0) {
		text_addf(out, " not counted ");
		add_useless(out, reading);
		text_addf(out, ",");
	}
	add_labels(out, reading->labels);
	/* Without labels the sentence ends here. */
	if (out->bytes[out->length - 1] == ',')
		out->bytes[--out->length] = '\0';
}

static void conclude(struct reading *reading)
{
	struct text *out = &reading->detail;
	if (reading->found) {
		reading->kind = PROMQL_VALUE;
		explain_value(reading);
		return;
	}
	reading->kind = PROMQL_NO_DATA;
	if (reading->samples == 0) {
		text_addf(out, "the query found no series");
		return;
	}
	text_addf(out, "no usable value in %zu sample%s: ", reading->samples, reading->samples > 1 ? "s" : "");
	add_useless(out, reading);
}

/* ---- kinds of results ---- */

static void read_vector(struct reading *reading, const json_t *result)
{
	size_t index;
	const json_t *series;
	if (!json_is_array(result)) {
		refuse_form(reading, "its vector is no list");
		return;
	}
	json_array_foreach(result, index, series)
	{
		const json_t *pair = json_object_get(series, "value");
		if (!pair && json_object_get(series, "histogram")) {
			fail(reading, "the query gives histograms: make a number of them, as with histogram_quantile");
			return;
		}
		if (!take_sample(reading, pair, json_object_get(series, "metric"))) {
			refuse_form(reading, "a sample is not a time and a number");
			return;
		}
	}
	conclude(reading);
}

static void read_scalar(struct reading *reading, const json_t *result)
{
	if (take_sample(reading, result, NULL))
		conclude(reading);
	else
		refuse_form(reading, "its scalar is not a time and a number");
}

static void refuse_string(struct reading *reading, const json_t *result)
{
	(void)result;
	fail(reading, "the query gives a string: use one that gives a number");
}

static void refuse_matrix(struct reading *reading, const json_t *result)
{
	(void)result;
	fail(reading, "the query gives a range of values: use an instant query, as by rate() or max_over_time() around the range");
}

static void read_data(struct reading *reading, const json_t *data)
{
	static const struct {
		const char *name;
		void (*read)(struct reading *reading, const json_t *result);
	} types[] = {
		{"vector", read_vector},
		{"scalar", read_scalar},
		{"string", refuse_string},
		{"matrix", refuse_matrix},
	};
	const char *type = json_string_value(json_object_get(data, "resultType"));
	for (size_t i = 0; type && i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(type, types[i].name) != 0)
			continue;
		types[i].read(reading, json_object_get(data, "result"));
		return;
	}
	refuse_form(reading, "its data has no known resultType");
}

/* ---- the whole ---- */

static void add_warnings(struct reading *reading, const json_t *warnings)
{
	const char *first = json_string_value(json_array_get(warnings, 0));
	size_t count = json_array_size(warnings);
	if (!first)
		return;
	text_addf(&reading->detail, "; warning");
	if (count > 1)
		text_addf(&reading->detail, " (the first of %zu)", count);
	text_addf(&reading->detail, ": ");
	add_foreign_cut(&reading->detail, first, WARNING_LIMIT);
}

static void read_refusal(struct reading *reading, const json_t *root)
{
	const char *type = json_string_value(json_object_get(root, "errorType")), *why = json_string_value(json_object_get(root, "error"));
	struct text *out = fail(reading, "Prometheus says ");
	add_foreign_cut(out, type ? type : "error", REFUSAL_LIMIT / 4);
	text_addf(out, ": ");
	add_foreign_cut(out, why ? why : "no reason", REFUSAL_LIMIT);
}

static void read_root(struct reading *reading, int status, const json_t *root)
{
	const char *outcome = json_string_value(json_object_get(root, "status"));
	if (outcome && strcmp(outcome, "error") == 0)
		read_refusal(reading, root);
	else if (status != 200)
		text_addf(fail(reading, "this is no answer of Prometheus: "), "status %d, and no error in the body: check the url", status);
	else if (!outcome || strcmp(outcome, "success") != 0)
		refuse_form(reading, "its status is neither success nor error");
	else
		read_data(reading, json_object_get(root, "data"));
	add_warnings(reading, json_object_get(root, "warnings"));
}

static void read_body(struct reading *reading, int status, const char *body, size_t length)
{
	json_error_t error;
	json_t *root = json_loadb(body, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	if (root) {
		read_root(reading, status, root);
		json_decref(root);
	} else if (status != 200) {
		text_addf(fail(reading, "this is no answer of Prometheus: "), "status %d, and no JSON in the body: check the url", status);
	} else {
		fail(reading, "this is no answer of Prometheus: its body is not JSON: ");
		add_foreign(&reading->detail, error.text);
	}
}

void promql_answer_read(int status, const char *body, size_t length, bool below, uint64_t now_wall_ms, struct promql_answer *answer)
{
	struct reading reading = {.below = below, .now_wall_ms = now_wall_ms};
	text_init(&reading.detail, PROMQL_DETAIL_SIZE - sizeof("..."));
	read_body(&reading, status, body, length);
	*answer = (struct promql_answer){
		.kind = reading.kind,
		.value = reading.kind == PROMQL_VALUE ? reading.worst : 0,
		.samples = reading.kind == PROMQL_ERROR ? 0 : reading.samples,
	};
	snprintf(answer->detail, sizeof(answer->detail), "%s%s", reading.detail.bytes, reading.detail.cut ? "..." : "");
	text_fini(&reading.detail);
}
