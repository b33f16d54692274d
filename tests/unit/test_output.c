/* base/output by a table: what is kept, and what is made of bytes that are no text. */
// links: base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/output.h"

#define WHOLE (OUTPUT_HEAD_SIZE + OUTPUT_TAIL_SIZE)

static const struct {
	const char *name, *given, *text;
} cases[] = {
	{"nothing", "", ""},
	{"lines", "one\ntwo\n", "one\ntwo\n"},
	{"tabs", "a\tb", "a\tb"},
	{"lines of another system", "one\r\ntwo\r\n", "one\ntwo\n"},
	{"progress", "10%\r20%\r", "10%\n20%\n"},
	{"UTF-8", "gr\xc3\xbcn \xe2\x82\xac \xf0\x9f\x98\x80", "gr\xc3\xbcn \xe2\x82\xac \xf0\x9f\x98\x80"},
	{"Latin-1", "gr\xfcn", "gr?n"},
	{"overlong", "\xc0\xaf", "??"},
	{"a surrogate", "\xed\xa0\x80", "???"},
	{"control bytes",
		"a\x01\x02\x07\x08\x7f"
		"b",
		"ab"},
	{"C1",
		"a\xc2\x9b"
		"b",
		"ab"},
	{"colors", "\033[1;31mred\033[0m", "red"},
	{"a title", "\033]0;title\007x\033]0;title\033\\y", "xy"},
	{"a title without an end", "\033]0;title\nx", "x"},
	{"two bytes", "a\033cb", "ab"},
	{"cut in a sequence", "a\033[1;3", "a"},
	{"cut after ESC", "a\033", "a"},
};

static void test_clean(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct output output = {0};
		output_add(&output, cases[i].given, strlen(cases[i].given));
		char *text = output_to_text(&output);
		if (strcmp(text, cases[i].text) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", cases[i].name, text, cases[i].text);
		free(text);
	}
}

static char letter(size_t at)
{
	return (char)('a' + at % 23);
}

static void add_letters(struct output *output, size_t length, size_t piece)
{
	char *all = malloc(length + 1);
	for (size_t i = 0; i < length; i++)
		all[i] = letter(i);
	for (size_t at = 0; at < length; at += piece)
		output_add(output, all + at, at + piece < length ? piece : length - at);
	free(all);
}

static void check_letters(const char *text, size_t from, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (text[i] != letter(from + i))
			fail_msg("byte %zu is '%c', not '%c'", from + i, text[i], letter(from + i));
}

/* However it comes in pieces: all of it as long as it fits, else the first and the last 8 KiB. */
static void test_ends(void **state)
{
	static const size_t lengths[] = {1, 8191, 8192, 8193, WHOLE - 1, WHOLE, WHOLE + 1, WHOLE + 5000, 3 * WHOLE, 10000000};
	static const size_t pieces[] = {100, 4096, 8192, 10000, 65536};
	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		for (size_t j = 0; j < sizeof(pieces) / sizeof(pieces[0]); j++) {
			struct output output = {0};
			char note[64] = "";
			size_t length = lengths[i], head = length < WHOLE + 1 ? length : OUTPUT_HEAD_SIZE, tail = head == length ? 0 : OUTPUT_TAIL_SIZE;
			add_letters(&output, length, pieces[j]);
			char *text = output_to_text(&output);
			if (tail > 0)
				snprintf(note, sizeof(note), "\n[%zu bytes left out]\n", length - WHOLE);
			assert_int_equal(strlen(text), head + strlen(note) + tail);
			check_letters(text, 0, head);
			assert_memory_equal(text + head, note, strlen(note));
			check_letters(text + head + strlen(note), length - tail, tail);
			free(text);
		}
}

/* A character that a cut goes through is left out as a whole, on both sides, and counted. */
static void test_cut_character(void **state)
{
	static const char euro[] = "\xe2\x82\xac";
	(void)state;
	for (unsigned shift = 0; shift < 3; shift++) {
		struct output output = {0};
		size_t kept = 0;
		output_add(&output, "xxx", shift);
		for (unsigned i = 0; i < 20000; i++)
			output_add(&output, euro, 3);
		char *text = output_to_text(&output);
		assert_null(strchr(text, '?'));
		unsigned long missing = strtoul(strstr(text, "\n[") + 2, NULL, 10);
		for (const char *byte = text; *byte; byte++)
			kept += (unsigned char)*byte >= 0x80;
		assert_int_equal(kept + missing + shift, shift + 60000);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_cut_character),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
