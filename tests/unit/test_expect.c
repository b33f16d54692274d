/* probe/expect: answers against expectations, by a table of sentences. */
// links: probe
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "probe/expect.h"

#define LONG_ID "0123456789012345678901234567890123456789abcdefghijklmnop"
#define LONG_ID_CUT "0123456789012345678901234567890123456789abcdefgh..."

struct expect_case {
	const char *name;
	/* expected */
	struct conf_status_range statuses[3];
	struct conf_header headers[2];
	char *body, *version;
	/* answered */
	int status;
	struct fetch_header answer_headers[2];
	const char *answer_body;
	/* said */
	bool ok;
	const char *detail;
};

static const struct expect_case cases[] = {
	{"a status in the range", {{200, 299}}, .status = 200, .ok = true, .detail = "200 OK in 3 ms"},
	{"the ends of a range belong to it", {{204, 206}}, .status = 206, .ok = true, .detail = "206 Partial Content in 3 ms"},
	{"a status without a phrase of its own", {{200, 299}}, .status = 299, .ok = true, .detail = "299 in 3 ms"},
	{"another status", {{200, 299}}, .status = 503, .detail = "status 503, expected 200-299"},
	{"one status", {{200, 200}}, .status = 204, .detail = "status 204, expected 200"},
	{"two", {{200, 200}, {204, 204}}, .status = 500, .detail = "status 500, expected 200 or 204"},
	{"three", {{200, 204}, {301, 301}, {401, 401}}, .status = 500, .detail = "status 500, expected 200-204, 301 or 401"},
	{"the last of three", {{200, 204}, {301, 301}, {401, 401}}, .status = 401, .ok = true, .detail = "401 Unauthorized in 3 ms"},
	{"a redirect", {{200, 299}}, .status = 302, .answer_headers = {{"location", "/login"}},
		.detail = "status 302 (to /login), expected 200-299; redirects are not followed"},
	{"a redirect to nowhere", {{200, 299}}, .status = 304, .detail = "status 304, expected 200-299"},
	{"a redirect that is expected", {{302, 302}}, .status = 302, .answer_headers = {{"Location", "/login"}}, .ok = true, .detail = "302 Found in 3 ms"},
	{"a place that is no redirect", {{200, 200}}, .status = 201, .answer_headers = {{"Location", "/1"}}, .detail = "status 201, expected 200"},
	{"control bytes are escaped", {{200, 299}}, .status = 302, .answer_headers = {{"Location", "/\x1b[31m"}},
		.detail = "status 302 (to /\\x1b[31m), expected 200-299; redirects are not followed"},
	{"the body contains it", {{200, 299}}, .body = "ok", .status = 200, .answer_body = "it is ok.", .ok = true, .detail = "200 OK in 3 ms"},
	{"the body does not contain it", {{200, 299}}, .body = "ok", .status = 200, .answer_body = "it is not", .detail = "body does not contain \"ok\""},
	{"no body", {{200, 299}}, .body = "ok", .status = 204, .detail = "body does not contain \"ok\""},
	{"case matters in the body", {{200, 299}}, .body = "ok", .status = 200, .answer_body = "OK", .detail = "body does not contain \"ok\""},
	{"a header", {{200, 299}}, {{"X-Version", "b2"}}, .status = 200, .answer_headers = {{"X-Version", "b2"}}, .ok = true, .detail = "200 OK in 3 ms"},
	{"its name in any case", {{200, 299}}, {{"X-Version", "b2"}}, .status = 200, .answer_headers = {{"A", "1"}, {"x-version", "b2"}}, .ok = true,
		.detail = "200 OK in 3 ms"},
	{"its value as it is", {{200, 299}}, {{"X-Version", "b2"}}, .status = 200, .answer_headers = {{"X-Version", "B2"}},
		.detail = "header X-Version is \"B2\", expected \"b2\""},
	{"a missing header", {{200, 299}}, {{"X-Version", "b2"}}, .status = 200, .detail = "header X-Version is missing, expected \"b2\""},
	{"the first of two faults", {{200, 299}}, {{"A", "1"}, {"B", "2"}}, .status = 200, .answer_headers = {{"A", "1"}, {"B", "3"}},
		.detail = "header B is \"3\", expected \"2\""},
	{"status before header before body", {{200, 299}}, {{"A", "1"}}, .body = "ok", .status = 500, .detail = "status 500, expected 200-299"},
	{"header before body", {{200, 299}}, {{"A", "1"}}, .body = "ok", .status = 200, .detail = "header A is missing, expected \"1\""},
	{"the version", {{200, 299}}, {{"X-Version", "{version}"}}, .version = "b2", .status = 200, .answer_headers = {{"X-Version", "b2"}}, .ok = true,
		.detail = "200 OK in 3 ms"},
	{"another version", {{200, 299}}, {{"X-Version", "{version}"}}, .version = "b2", .status = 200, .answer_headers = {{"X-Version", "a1"}},
		.detail = "header X-Version is \"a1\", expected \"b2\""},
	{"the version twice, in a text", {{200, 299}}, .body = "<{version}/{version}>", .version = "b2", .status = 200, .answer_body = "<b2/b2>", .ok = true,
		.detail = "200 OK in 3 ms"},
	{"a header of no version", {{200, 299}}, {{"X-Version", "{version}"}}, .version = "", .status = 200, .answer_headers = {{"X-Version", ""}},
		.detail = "header X-Version is to hold {version}, but this color has no version"},
	{"a body of no version", {{200, 299}}, .body = "v{version}", .status = 200, .answer_body = "v",
		.detail = "the body is to hold {version}, but this color has no version"},
	{"long values are cut", {{200, 299}}, {{"X-Version", LONG_ID}}, .status = 200, .answer_headers = {{"X-Version", "a" LONG_ID}},
		.detail = "header X-Version is \"a0123456789012345678901234567890123456789abcdefg...\", expected \"" LONG_ID_CUT "\""},
};

static size_t count_statuses(const struct expect_case *test)
{
	size_t count = 0;
	while (count < 3 && test->statuses[count].high)
		count++;
	return count;
}

static size_t count_headers(const struct expect_case *test)
{
	size_t count = 0;
	while (count < 2 && test->headers[count].name)
		count++;
	return count;
}

static void test_expectations(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct expect_case test = cases[i];
		struct conf_probe check = {.statuses = test.statuses,
			.status_count = count_statuses(&test),
			.headers = test.headers,
			.header_count = count_headers(&test),
			.body = test.body};
		struct fetch_answer answer = {.outcome = FETCH_ANSWERED, .status = test.status, .headers = test.answer_headers, .total_us = 2500};
		char detail[256];
		answer.body = test.answer_body ? test.answer_body : "";
		answer.body_length = strlen(answer.body);
		while (answer.header_count < 2 && test.answer_headers[answer.header_count].name)
			answer.header_count++;
		print_message("%s\n", test.name);
		struct expect *expect = expect_new(&check, test.version);
		assert_int_equal(expect_compare(expect, &answer, detail, sizeof(detail)), test.ok);
		assert_string_equal(detail, test.detail);
		expect_free(expect);
	}
}

static void test_cut_body(void **state)
{
	(void)state;
	struct conf_status_range status = {200, 299};
	struct conf_probe check = {.statuses = &status, .status_count = 1, .body = (char[]){"ok"}};
	char *body = calloc(1, EXPECT_BODY_LIMIT + 1), detail[256];
	struct fetch_answer answer = {.outcome = FETCH_ANSWERED, .status = 200, .body = body, .body_length = EXPECT_BODY_LIMIT};
	struct expect *expect = expect_new(&check, NULL);
	assert_false(expect_compare(expect, &answer, detail, sizeof(detail)));
	assert_string_equal(detail, "body does not contain \"ok\" in its first 64KiB");
	memcpy(body + EXPECT_BODY_LIMIT - 2, "ok", 2); /* behind NUL bytes, at the very end */
	assert_true(expect_compare(expect, &answer, detail, sizeof(detail)));
	expect_free(expect);
	free(body);
}

/* A small buffer cuts the sentence and nothing else. */
static void test_small_detail(void **state)
{
	(void)state;
	struct conf_status_range status = {200, 299};
	struct conf_probe check = {.statuses = &status, .status_count = 1};
	struct fetch_answer answer = {.outcome = FETCH_ANSWERED, .status = 503, .body = ""};
	struct expect *expect = expect_new(&check, NULL);
	char detail[8];
	assert_false(expect_compare(expect, &answer, detail, sizeof(detail)));
	assert_string_equal(detail, "status ");
	expect_free(expect);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_expectations), cmocka_unit_test(test_cut_body), cmocka_unit_test(test_small_detail)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
