/* probe/promql_answer: answers of Prometheus to instant queries, and what is made of them. */
// links: probe
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/promql_answer.h"

#define NOW_MS UINT64_C(1700000300000) /* samples at 1700000000 are just not too old */

#define DATA(type, result) "{\"status\":\"success\",\"data\":{\"resultType\":\"" type "\",\"result\":" result "}}"
#define VECTOR(series) "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[" series "]}}"
#define SERIES(labels, value) "{\"metric\":{" labels "},\"value\":[1700000299.781,\"" value "\"]}"
#define OLD_SERIES "{\"metric\":{\"a\":\"old\"},\"value\":[1699999999.999,\"99\"]}"
#define ONE(value) "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{},\"value\":[1700000299.781,\"" value "\"]}]}}"
#define WARNED(warnings, series) "{\"status\":\"success\",\"warnings\":[" warnings "],\"data\":{\"resultType\":\"vector\",\"result\":[" series "]}}"
#define NO_ANSWER "this is no answer of Prometheus: "

struct answer_case {
	const char *name;
	int status;
	bool below;
	const char *body;
	enum promql_kind kind;
	double value;
	size_t samples;
	const char *detail;
};

static const struct answer_case cases[] = {
	/* values */
	{"one sample", 200, false, ONE("7.5"), PROMQL_VALUE, 7.5, 1, "7.5"},
	{"its labels", 200, false, VECTOR(SERIES("\"__name__\":\"up\",\"job\":\"shop\",\"instance\":\"a:80\"", "1")), PROMQL_VALUE, 1, 1,
		"1 of up{job=\"shop\", instance=\"a:80\"}"},
	{"a name alone", 200, false, VECTOR(SERIES("\"__name__\":\"up\"", "0")), PROMQL_VALUE, 0, 1, "0 of up"},
	{"labels alone", 200, true, VECTOR(SERIES("\"color\":\"green\"", "-0.25")), PROMQL_VALUE, -0.25, 1, "-0.25 of {color=\"green\"}"},
	{"odd labels", 200, false, VECTOR(SERIES("\"a\":\"\\u0000x\",\"b\":\"\\u001b[2J\",\"c\":\"\\u00e4\",\"d\":7", "1")), PROMQL_VALUE, 1, 1,
		"1 of {a=\"\", b=\"\\x1b[2J\", c=\"\\xc3\\xa4\"}"},
	{"the largest", 200, false, VECTOR(SERIES("\"a\":\"1\"", "2") "," SERIES("\"a\":\"2\"", "9") "," SERIES("\"a\":\"3\"", "5")), PROMQL_VALUE, 9, 3,
		"9, the largest of 3 samples, of {a=\"2\"}"},
	{"the smallest", 200, true, VECTOR(SERIES("\"a\":\"1\"", "2") "," SERIES("\"a\":\"2\"", "-9") "," SERIES("\"a\":\"3\"", "5")), PROMQL_VALUE, -9, 3,
		"-9, the smallest of 3 samples, of {a=\"2\"}"},
	{"negative ones", 200, false, VECTOR(SERIES("", "-2") "," SERIES("", "-9")), PROMQL_VALUE, -2, 2, "-2, the largest of 2 samples"},
	{"+Inf is the largest", 200, false, VECTOR(SERIES("", "1") "," SERIES("", "+Inf")), PROMQL_VALUE, (double)INFINITY, 2,
		"+Inf, the largest of 2 samples"},
	{"+Inf is not the smallest", 200, true, VECTOR(SERIES("", "+Inf") "," SERIES("", "1")), PROMQL_VALUE, 1, 2, "1, the smallest of 2 samples"},
	{"-Inf is the smallest", 200, true, VECTOR(SERIES("", "1") "," SERIES("", "-Inf")), PROMQL_VALUE, -(double)INFINITY, 2,
		"-Inf, the smallest of 2 samples"},
	{"NaN beside a number", 200, false, VECTOR(SERIES("", "NaN") "," SERIES("", "3") "," SERIES("", "NaN")), PROMQL_VALUE, 3, 3,
		"3, the largest of 3 samples, not counted 2 NaN"},
	{"an old one beside a new one", 200, false, VECTOR(SERIES("\"a\":\"new\"", "3") "," OLD_SERIES), PROMQL_VALUE, 3, 2,
		"3, the largest of 2 samples, not counted 1 older than 5 minutes by the clock of this machine, of {a=\"new\"}"},
	{"just not too old", 200, false, VECTOR("{\"metric\":{},\"value\":[1700000000,\"1\"]}"), PROMQL_VALUE, 1, 1, "1"},
	{"of the future", 200, false, VECTOR("{\"metric\":{},\"value\":[1800000000,\"1\"]}"), PROMQL_VALUE, 1, 1, "1"},
	{"a scalar", 200, false, DATA("scalar", "[1700000299.781,\"42\"]"), PROMQL_VALUE, 42, 1, "42"},
	{"an infinite scalar", 200, false, DATA("scalar", "[1700000299.781,\"+Inf\"]"), PROMQL_VALUE, (double)INFINITY, 1, "+Inf"},
	{"a huge number", 200, false, ONE("1e308"), PROMQL_VALUE, 1e308, 1, "1e+308"},
	{"a tiny number", 200, false, ONE("5e-324"), PROMQL_VALUE, 5e-324, 1, "4.940656458e-324"},
	{"many digits", 200, false, ONE("0.30000000000000004"), PROMQL_VALUE, 0.30000000000000004, 1, "0.3"},
	{"more of the format", 200, false,
		"{\"data\":{\"result\":[" SERIES("", "1") "],\"resultType\":\"vector\",\"stats\":{}},\"infos\":[\"x\"],\"status\":\"success\"}", PROMQL_VALUE,
		1, 1, "1"},
	/* warnings */
	{"a warning", 200, false, WARNED("\"no store api\"", SERIES("", "1")), PROMQL_VALUE, 1, 1, "1; warning: no store api"},
	{"warnings", 200, false, WARNED("\"one\",\"two\"", SERIES("", "1")), PROMQL_VALUE, 1, 1, "1; warning (the first of 2): one"},
	{"a warning instead of data", 200, false, WARNED("\"store \\n down\"", ""), PROMQL_NO_DATA, 0, 0,
		"the query found no series; warning: store \\x0a down"},
	{"a long warning", 200, false, WARNED("\"0123456789012345678901234567890123456789012345678901234567890123456789\"", ""), PROMQL_NO_DATA, 0, 0,
		"the query found no series; warning: 012345678901234567890123456789012345678901234567890123456789..."},
	{"warnings that are none", 200, false, WARNED("7", SERIES("", "1")), PROMQL_VALUE, 1, 1, "1"},
	/* no data */
	{"an empty vector", 200, false, VECTOR(""), PROMQL_NO_DATA, 0, 0, "the query found no series"},
	{"NaN", 200, false, ONE("NaN"), PROMQL_NO_DATA, 0, 1, "no usable value in 1 sample: 1 NaN"},
	{"a scalar that is NaN", 200, false, DATA("scalar", "[1700000299.781,\"NaN\"]"), PROMQL_NO_DATA, 0, 1, "no usable value in 1 sample: 1 NaN"},
	{"too old", 200, true, VECTOR(OLD_SERIES), PROMQL_NO_DATA, 0, 1, "no usable value in 1 sample: 1 older than 5 minutes by the clock of this machine"},
	{"NaN and too old", 200, true, VECTOR(OLD_SERIES "," SERIES("", "NaN")), PROMQL_NO_DATA, 0, 2,
		"no usable value in 2 samples: 1 NaN, 1 older than 5 minutes by the clock of this machine"},
	{"of 1970", 200, false, DATA("scalar", "[0,\"1\"]"), PROMQL_NO_DATA, 0, 1,
		"no usable value in 1 sample: 1 older than 5 minutes by the clock of this machine"},
	{"from before 1970", 200, false, DATA("scalar", "[-1e300,\"1\"]"), PROMQL_NO_DATA, 0, 1,
		"no usable value in 1 sample: 1 older than 5 minutes by the clock of this machine"},
	/* other kinds */
	{"a string", 200, false, DATA("string", "[1700000299.781,\"7\"]"), PROMQL_ERROR, 0, 0, "the query gives a string: use one that gives a number"},
	{"a matrix", 200, false, DATA("matrix", "[{\"metric\":{},\"values\":[[1700000299.781,\"7\"]]}]"), PROMQL_ERROR, 0, 0,
		"the query gives a range of values: use an instant query, as by rate() or max_over_time() around the range"},
	{"an empty matrix", 200, false, DATA("matrix", "[]"), PROMQL_ERROR, 0, 0,
		"the query gives a range of values: use an instant query, as by rate() or max_over_time() around the range"},
	{"histograms", 200, false, VECTOR("{\"metric\":{},\"histogram\":[1700000299.781,{\"count\":\"1\",\"sum\":\"1\"}]}"), PROMQL_ERROR, 0, 0,
		"the query gives histograms: make a number of them, as with histogram_quantile"},
	{"a histogram behind a number", 200, false, VECTOR(SERIES("", "1") ",{\"metric\":{},\"histogram\":[1700000299.781,{}]}"), PROMQL_ERROR, 0, 0,
		"the query gives histograms: make a number of them, as with histogram_quantile"},
	/* refusals */
	{"a syntax error", 400, false,
		"{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"invalid parameter \\\"query\\\": 1:5: parse error: unexpected end of input\"}",
		PROMQL_ERROR, 0, 0, "Prometheus says bad_data: invalid parameter \"query\": 1:5: parse error: unexpected end of input"},
	{"its timeout", 503, false, "{\"status\":\"error\",\"errorType\":\"timeout\",\"error\":\"query timed out in expression evaluation\"}", PROMQL_ERROR, 0,
		0, "Prometheus says timeout: query timed out in expression evaluation"},
	{"a refusal with data and a warning", 422, false,
		"{\"status\":\"error\",\"data\":{\"resultType\":\"vector\",\"result\":[]},\"errorType\":\"execution\",\"error\":\"too many samples\","
		"\"warnings\":[\"w\"]}",
		PROMQL_ERROR, 0, 0, "Prometheus says execution: too many samples; warning: w"},
	{"a refusal with status 200", 200, false, "{\"status\":\"error\",\"errorType\":\"internal\",\"error\":\"x\"}", PROMQL_ERROR, 0, 0,
		"Prometheus says internal: x"},
	{"a refusal without words", 500, false, "{\"status\":\"error\"}", PROMQL_ERROR, 0, 0, "Prometheus says error: no reason"},
	{"a refusal in numbers", 500, false, "{\"status\":\"error\",\"errorType\":1,\"error\":{}}", PROMQL_ERROR, 0, 0, "Prometheus says error: no reason"},
	/* others than Prometheus */
	{"not found", 404, false, "<html>404</html>", PROMQL_ERROR, 0, 0, NO_ANSWER "status 404, and no JSON in the body: check the url"},
	{"a redirect", 302, false, "", PROMQL_ERROR, 0, 0, NO_ANSWER "status 302, and no JSON in the body: check the url"},
	{"success with another status", 206, false, ONE("1"), PROMQL_ERROR, 0, 0, NO_ANSWER "status 206, and no error in the body: check the url"},
	{"another program's error", 500, false, "{\"message\":\"oops\"}", PROMQL_ERROR, 0, 0, NO_ANSWER "status 500, and no error in the body: check the url"},
	{"another program", 200, false, "{\"ok\":true}", PROMQL_ERROR, 0, 0, NO_ANSWER "its status is neither success nor error"},
	{"another status", 200, false, "{\"status\":\"maybe\"}", PROMQL_ERROR, 0, 0, NO_ANSWER "its status is neither success nor error"},
	{"a list", 200, false, "[1]", PROMQL_ERROR, 0, 0, NO_ANSWER "its status is neither success nor error"},
	{"no data", 200, false, "{\"status\":\"success\"}", PROMQL_ERROR, 0, 0, NO_ANSWER "its data has no known resultType"},
	{"null data", 200, false, "{\"status\":\"success\",\"data\":null}", PROMQL_ERROR, 0, 0, NO_ANSWER "its data has no known resultType"},
	{"another type", 200, false, DATA("streams", "[]"), PROMQL_ERROR, 0, 0, NO_ANSWER "its data has no known resultType"},
	{"a type that is a number", 200, false, "{\"status\":\"success\",\"data\":{\"resultType\":1,\"result\":[]}}", PROMQL_ERROR, 0, 0,
		NO_ANSWER "its data has no known resultType"},
	{"no result", 200, false, "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\"}}", PROMQL_ERROR, 0, 0, NO_ANSWER "its vector is no list"},
	{"null for an empty vector", 200, false, DATA("vector", "null"), PROMQL_ERROR, 0, 0, NO_ANSWER "its vector is no list"},
	{"a vector that is a map", 200, false, DATA("vector", "{}"), PROMQL_ERROR, 0, 0, NO_ANSWER "its vector is no list"},
	{"a sample without a value", 200, false, VECTOR("{\"metric\":{}}"), PROMQL_ERROR, 0, 0, NO_ANSWER "a sample is not a time and a number"},
	{"a sample that is none", 200, false, VECTOR("7"), PROMQL_ERROR, 0, 0, NO_ANSWER "a sample is not a time and a number"},
	{"a bad one behind a good one", 200, false, VECTOR(SERIES("", "1") ",null"), PROMQL_ERROR, 0, 0, NO_ANSWER "a sample is not a time and a number"},
	{"a number without quotes", 200, false, VECTOR("{\"metric\":{},\"value\":[1700000299,7]}"), PROMQL_ERROR, 0, 0,
		NO_ANSWER "a sample is not a time and a number"},
	{"a time in quotes", 200, false, VECTOR("{\"metric\":{},\"value\":[\"1700000299\",\"7\"]}"), PROMQL_ERROR, 0, 0,
		NO_ANSWER "a sample is not a time and a number"},
	{"three parts", 200, false, VECTOR("{\"metric\":{},\"value\":[1700000299,\"7\",\"8\"]}"), PROMQL_ERROR, 0, 0,
		NO_ANSWER "a sample is not a time and a number"},
	{"no metric", 200, false, VECTOR("{\"value\":[1700000299,\"7\"]}"), PROMQL_VALUE, 7, 1, "7"},
	{"a metric that is a list", 200, false, VECTOR("{\"metric\":[1],\"value\":[1700000299,\"7\"]}"), PROMQL_VALUE, 7, 1, "7"},
	{"an empty scalar", 200, false, DATA("scalar", "[]"), PROMQL_ERROR, 0, 0, NO_ANSWER "its scalar is not a time and a number"},
	/* JSON */
	{"nothing", 200, false, "", PROMQL_ERROR, 0, 0, NO_ANSWER "its body is not JSON: "},
	{"a page", 200, false, "<html>\x1b</html>", PROMQL_ERROR, 0, 0, NO_ANSWER "its body is not JSON: "},
	{"a key twice", 200, false, "{\"status\":\"error\",\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1700000299,\"1\"]}}",
		PROMQL_ERROR, 0, 0, NO_ANSWER "its body is not JSON: duplicate object key"},
	{"two answers", 200, false, ONE("1") ONE("1"), PROMQL_ERROR, 0, 0, NO_ANSWER "its body is not JSON: "},
	{"a time beyond 64 bits", 200, false, DATA("scalar", "[99999999999999999999999999,\"1\"]"), PROMQL_ERROR, 0, 0,
		NO_ANSWER "its body is not JSON: too big integer"},
	{"a time beyond a double", 200, false, DATA("scalar", "[1e999,\"1\"]"), PROMQL_ERROR, 0, 0, NO_ANSWER "its body is not JSON: real number overflow"},
	{"not UTF-8", 200, false, VECTOR(SERIES("\"a\":\"\xff\"", "1")), PROMQL_ERROR, 0, 0, NO_ANSWER "its body is not JSON: unable to decode byte 0xff"},
};

static void check_sentence(const struct promql_answer *answer)
{
	assert_true(strlen(answer->detail) > 0);
	for (const char *at = answer->detail; *at; at++)
		assert_true(*at >= ' ' && *at <= '~');
}

static struct promql_answer read_text(int status, const char *body, bool below)
{
	struct promql_answer answer;
	size_t length = strlen(body);
	/* Without the NUL, so that a sanitizer sees a step too far. */
	char *exact = malloc(length > 0 ? length : 1);
	memcpy(exact, body, length);
	promql_answer_read(status, exact, length, below, NOW_MS, &answer);
	free(exact);
	check_sentence(&answer);
	return answer;
}

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct answer_case *test = &cases[i];
		struct promql_answer answer = read_text(test->status, test->body, test->below);
		print_message("%s: %s\n", test->name, answer.detail);
		assert_int_equal(answer.kind, test->kind);
		assert_true(answer.value >= test->value && answer.value <= test->value);
		assert_int_equal(answer.samples, test->samples);
		/* Of jansson's own words the beginning is enough. */
		if (strncmp(test->detail, NO_ANSWER "its body", strlen(NO_ANSWER "its body")) == 0)
			assert_memory_equal(answer.detail, test->detail, strlen(test->detail));
		else
			assert_string_equal(answer.detail, test->detail);
	}
}

/* Spellings of numbers that Go does not use. */
static void test_no_numbers(void **state)
{
	(void)state;
	static const char *const texts[] = {"", " ", "1 ", " 1", "0x10", "1,5", "nan", "inf", "infinity", "INF", "-NaN", "nan(1)", "1e", "e5", "--1", "1-", ".",
		"1.2.3", "1e999", "-1e999", "1_000", "one"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char body[256];
		print_message("'%s'\n", texts[i]);
		snprintf(body, sizeof(body), DATA("scalar", "[1700000299,\"%s\"]"), texts[i]);
		struct promql_answer answer = read_text(200, body, false);
		assert_int_equal(answer.kind, PROMQL_ERROR);
	}
}

/* Cut anywhere, an answer is an error, never a smaller answer. */
static void test_truncated(void **state)
{
	(void)state;
	static const char whole[] = WARNED("\"w\"", SERIES("\"a\":\"\\u00e4\"", "1") "," SERIES("", "+Inf"));
	for (size_t length = 0; length < sizeof(whole) - 1; length++) {
		char part[sizeof(whole)];
		memcpy(part, whole, length);
		part[length] = '\0';
		assert_int_equal(read_text(200, part, false).kind, PROMQL_ERROR);
	}
	assert_int_equal(read_text(200, whole, false).kind, PROMQL_VALUE);
}

/* `count` times `text`, between `before` and `behind`. */
static struct promql_answer read_repeated(const char *before, const char *text, size_t count, const char *behind)
{
	size_t each = strlen(text), length = strlen(before);
	char *body = malloc(length + each * count + strlen(behind) + 1);
	memcpy(body, before, length);
	for (size_t i = 0; i < count; i++, length += each)
		memcpy(body + length, text, each);
	memcpy(body + length, behind, strlen(behind) + 1);
	struct promql_answer answer = read_text(200, body, false);
	free(body);
	return answer;
}

static void test_deep(void **state)
{
	(void)state;
	assert_int_equal(read_repeated("", "[", 1000000, "").kind, PROMQL_ERROR);
	assert_int_equal(read_repeated("", "{\"a\":", 200000, "").kind, PROMQL_ERROR);
	assert_int_equal(read_repeated("{\"status\":\"success\",\"data\":", "[", 100000, "").kind, PROMQL_ERROR);
}

static void test_many_samples(void **state)
{
	(void)state;
	struct promql_answer answer = read_repeated("{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[", SERIES("\"a\":\"b\"", "1") ",",
		10000, SERIES("\"a\":\"c\"", "2") "]}}");
	assert_int_equal(answer.kind, PROMQL_VALUE);
	assert_int_equal(answer.samples, 10001);
	assert_string_equal(answer.detail, "2, the largest of 10001 samples, of {a=\"c\"}");
}

/* What others wrote is cut, and what is ours stays. */
static void test_long_words(void **state)
{
	(void)state;
	struct promql_answer answer = read_repeated("{\"status\":\"error\",\"errorType\":\"bad_data\",\"warnings\":[\"old\"],\"error\":\"", "x", 3000, "\"}");
	assert_int_equal(answer.kind, PROMQL_ERROR);
	assert_non_null(strstr(answer.detail, "xxx...; warning: old"));
	answer = read_repeated("{\"status\":\"success\",\"warnings\":[\"old\"],\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"a\":\"",
		"\\u00e4", 3000, "\"},\"value\":[1700000299,\"1\"]}]}}");
	assert_int_equal(answer.kind, PROMQL_VALUE);
	assert_non_null(strstr(answer.detail, "...; warning: old"));
	answer = read_repeated("{\"status\":\"error\",\"errorType\":\"", "\\n", 3000, "\",\"error\":\"y\"}");
	assert_non_null(strstr(answer.detail, "...: y"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_no_numbers),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_many_samples),
		cmocka_unit_test(test_long_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
