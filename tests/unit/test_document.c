/* Documents made fit for a terminal. */
// links: cli
#include "cli/document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void test_texts(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{"weekly release", "weekly release"},
		{"", ""},
		{"a\nb\r\n", "a\\nb\\r\\n"},
		{"\tx\x1b[31m", "\\tx\\x1b[31m"},
		{"gr\xc3\xbc\xc3\x9f \\n", "gr\xc3\xbc\xc3\x9f \\n"},
		{"\x7f", "\\x7f"},
		{"\xc2\x9b"
		 "31m\xc2\x80",
			"\\u009b31m\\u0080"},
		{"\xc2\xa0", "\xc2\xa0"},
		{"a\xe2\x80\xae"
		 "b\xe2\x80\xa8\xe2\x80\xa9",
			"a\\u202eb\\u2028\\u2029"},
		{"\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", "\\u200e\\u200f\\u061c"},
		{"\xe2\x81\xa6\xe2\x81\xa9\xef\xbb\xbf", "\\u2066\\u2069\\ufeff"},
		{"\xe2\x80\x8d\xe2\x80\x90\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa\xef\xbb\xbc",
			"\xe2\x80\x8d\xe2\x80\x90\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa\xef\xbb\xbc"},
		{"\xe2\x82\xac \xd8\x9b", "\xe2\x82\xac \xd8\x9b"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *text = json_string(cases[i].text);
		document_escape(text);
		assert_string_equal(json_string_value(text), cases[i].shown);
		json_decref(text);
	}
}

static void test_zero_byte(void **state)
{
	(void)state;
	json_t *text = json_stringn("a\0b", 3);
	document_escape(text);
	assert_string_equal(json_string_value(text), "a\\x00b");
	json_decref(text);
}

/* Wherever a text is; but for outputs, which are printed line by line. */
static void test_places(void **state)
{
	(void)state;
	json_t *document = json_pack("{s:s, s:[s, i, {s:s, s:s}], s:n}", "reason", "a\nb", "list", "c\nd", 7, "output", "e\nf", "detail", "g\nh", "none");
	json_t *expected = json_pack("{s:s, s:[s, i, {s:s, s:s}], s:n}", "reason", "a\\nb", "list", "c\\nd", 7, "output", "e\nf", "detail", "g\\nh", "none");
	document_escape(document);
	assert_true(json_equal(document, expected));
	json_decref(document);
	json_decref(expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_zero_byte),
		cmocka_unit_test(test_places),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
