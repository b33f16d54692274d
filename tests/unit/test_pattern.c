/* Patterns: what is refused with which sentence, what a line matches, what a costly pattern may cost. */
// links: base
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/pattern.h"

static void test_refused(void **state)
{
	static const struct {
		const char *pattern, *sentence;
	} cases[] = {
		{"", "the pattern is empty"},
		{"(ab", "at byte 4, after \"(ab\": missing closing parenthesis"},
		{"ab[", "missing terminating ]"},
		{"*a", "at byte 1, after \"\": quantifier does not follow"},
		{"(*UTF)\xc3\xa4", "UTF is disabled"},
		{"(*UCP)a", "UCP is disabled"},
		{"error|", "matches every line"},
		{".*", "matches every line"},
		{"((((a{1,1000}){1,1000}){1,1000}){1,1000})", "too large"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {""};
		assert_false(pattern_check(cases[i].pattern, &err));
		if (!strstr(err.text, cases[i].sentence))
			fail_msg("%s: \"%s\"", cases[i].pattern, err.text);
		assert_null(pattern_new(cases[i].pattern, NULL));
	}
}

static void test_length_of_a_pattern(void **state)
{
	char text[PATTERN_LENGTH_MAX + 2];
	struct err err;
	(void)state;
	memset(text, 'a', sizeof(text));
	text[PATTERN_LENGTH_MAX] = '\0';
	assert_true(pattern_check(text, &err));
	text[PATTERN_LENGTH_MAX] = 'a';
	text[PATTERN_LENGTH_MAX + 1] = '\0';
	assert_false(pattern_check(text, &err));
	assert_non_null(strstr(err.text, "4097 bytes; at most 4096"));
}

#define LINE(text) text, sizeof(text) - 1

static void test_found(void **state)
{
	static const struct {
		const char *name, *pattern, *line;
		size_t length;
		enum pattern_result result;
		size_t at;
	} cases[] = {
		{"a word", "connect", LINE("can't connect to it"), PATTERN_FOUND, 6},
		{"none", "connect", LINE("all is well"), PATTERN_ABSENT, 0},
		{"captures", "(c)(o)(n)+(e)ct", LINE("connect"), PATTERN_FOUND, 0},
		{"the end of the line", "it$", LINE("that's it"), PATTERN_FOUND, 7},
		{"an empty line", "^$", LINE(""), PATTERN_FOUND, 0},
		{"behind a NUL", "bad", LINE("so\0bad"), PATTERN_FOUND, 3},
		{"over a byte that is no UTF-8", "from .* failed", LINE("from K\xf6ln failed"), PATTERN_FOUND, 0},
		{"over a cut sequence", "a.b",
			LINE("a\xe2"
			     "b"),
			PATTERN_FOUND, 0},
		{"UTF-8 as it stands", "unm\xc3\xb6glich", LINE("ist unm\xc3\xb6glich"), PATTERN_FOUND, 4},
		{"a character of two bytes", "^..$", LINE("\xc3\xb6"), PATTERN_FOUND, 0},
		{"a match that begins late", "ab\\Kx", LINE("abx"), PATTERN_FOUND, 2},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err;
		size_t at = 0;
		struct pattern *pattern = pattern_new(cases[i].pattern, &err);
		if (!pattern)
			fail_msg("%s: %s", cases[i].name, err.text);
		enum pattern_result result = pattern_find(pattern, cases[i].line, cases[i].length, &at);
		if (result != cases[i].result || at != cases[i].at)
			fail_msg("%s: %d at %zu", cases[i].name, (int)result, at);
		pattern_free(pattern);
	}
	pattern_free(NULL);
}

/* These take longer than anyone's life without a limit. */
static void test_costly_patterns_give_up(void **state)
{
	static const char *const cases[] = {"(a+)+[bc]", "^(([a-z])+.)+[A-Z]([a-z])+$", "(a|a)*[bc]", "(?:a?){40}a{40}[bc]", "(a(?1)?)+[bc]"};
	char line[8192];
	(void)state;
	memset(line, 'a', sizeof(line));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err;
		size_t at;
		struct pattern *pattern = pattern_new(cases[i], &err);
		assert_non_null(pattern);
		if (pattern_find(pattern, line, sizeof(line), &at) != PATTERN_GAVE_UP)
			fail_msg("%s did not give up", cases[i]);
		assert_true(i > 0 || pattern_find(pattern, line, 20, &at) == PATTERN_GAVE_UP);
		assert_int_equal(pattern_find(pattern, "aab aaab", 3, &at), i == 1 || i == 3 ? PATTERN_ABSENT : PATTERN_FOUND);
		pattern_free(pattern);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_length_of_a_pattern),
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_costly_patterns_give_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
