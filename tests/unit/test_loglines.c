/* Lines out of pieces, however they are cut; and counts within a window. */
// links: probe
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/logcount.h"
#include "probe/loglines.h"

/* The lines as one text, each between < and >. */
struct heard {
	char text[4 * LOGLINES_LENGTH_MAX];
	size_t length;
};

static void on_line(void *arg, const char *line, size_t length)
{
	struct heard *heard = arg;
	assert_true(length <= LOGLINES_LENGTH_MAX && heard->length + length + 2 <= sizeof(heard->text));
	heard->text[heard->length++] = '<';
	memcpy(heard->text + heard->length, line, length);
	heard->length += length;
	heard->text[heard->length++] = '>';
}

/* Fed in pieces of `step` bytes, each in memory of its own length, so that reading past it shows. */
static void cut(const char *bytes, size_t length, size_t step, bool midway, struct heard *heard)
{
	struct loglines *lines = malloc(sizeof(*lines));
	loglines_init(lines, midway);
	heard->length = 0;
	for (size_t at = 0; at < length; at += step) {
		size_t piece = length - at < step ? length - at : step;
		char *copy = malloc(piece);
		memcpy(copy, bytes + at, piece);
		loglines_feed(lines, copy, piece, on_line, heard);
		free(copy);
	}
	loglines_end(lines, on_line, heard);
	free(lines);
}

#define BYTES(text) text, sizeof(text) - 1

static void test_lines(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t length;
		bool midway;
		const char *lines;
		size_t lines_length;
	} cases[] = {
		{"nothing", BYTES(""), false, BYTES("")},
		{"two lines", BYTES("one\ntwo\n"), false, BYTES("<one><two>")},
		{"an empty line between", BYTES("one\n\ntwo\n"), false, BYTES("<one><><two>")},
		{"no newline at the end", BYTES("one\ntwo"), false, BYTES("<one><two>")},
		{"carriage returns", BYTES("one\r\ntw\ro\r\r\n\r\n"), false, BYTES("<one><tw\ro\r><>")},
		{"NULs in front", BYTES("\0\0\0one\n\0\0\n\0two"), false, BYTES("<one><><two>")},
		{"NULs within", BYTES("o\0ne\n"), false, BYTES("<o\0ne>")},
		{"no UTF-8", BYTES("\xff\xfe\n\xc3\n\xa4\n"), false, BYTES("<\xff\xfe><\xc3><\xa4>")},
		{"in the middle of a line", BYTES("rest\none\n"), true, BYTES("<one>")},
		{"in the middle, and no end", BYTES("rest"), true, BYTES("")},
		{"in the middle, NULs", BYTES("\0\0rest\n\0one"), true, BYTES("<one>")},
	};
	static struct heard heard;
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t step = 1; step <= 20; step++) {
			cut(cases[i].bytes, cases[i].length, step, cases[i].midway, &heard);
			if (heard.length != cases[i].lines_length || memcmp(heard.text, cases[i].lines, heard.length) != 0)
				fail_msg("%s, %zu bytes at a time: %.*s", cases[i].name, step, (int)heard.length, heard.text);
		}
	}
}

/* The first bytes are a line, the rest is none, and what follows is not touched. */
static void test_long_lines(void **state)
{
	static const size_t lengths[] = {LOGLINES_LENGTH_MAX - 1, LOGLINES_LENGTH_MAX, LOGLINES_LENGTH_MAX + 1, 5 * LOGLINES_LENGTH_MAX, 1000000};
	static const size_t steps[] = {1, 7, 4096, LOGLINES_LENGTH_MAX, 65536, 2000000};
	static struct heard heard;
	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]) * (sizeof(steps) / sizeof(steps[0])); i++) {
		size_t length = lengths[i % 5], step = steps[i / 5], counted = length < LOGLINES_LENGTH_MAX ? length : LOGLINES_LENGTH_MAX;
		char *bytes = malloc(length + 6);
		memset(bytes, 'x', length);
		bytes[length - 1] = 'y';
		memcpy(bytes + length, "\nnext\n", 6);
		cut(bytes, length + 6, step, false, &heard);
		assert_int_equal(heard.length, counted + 8);
		assert_memory_equal(heard.text + 1, bytes, counted);
		assert_memory_equal(heard.text + counted + 1, "><next>", 7);
		free(bytes);
	}
}

static void test_many_bytes_without_a_newline_hold_little(void **state)
{
	static struct heard heard;
	static char zeros[65536];
	struct loglines lines;
	(void)state;
	heard.length = 0;
	loglines_init(&lines, false);
	for (unsigned i = 0; i < 100; i++)
		loglines_feed(&lines, zeros, sizeof(zeros), on_line, &heard);
	assert_int_equal(lines.held, 0);
	loglines_feed(&lines, "a\n", 2, on_line, &heard);
	assert_int_equal(heard.length, 3);
	assert_memory_equal(heard.text, "<a>", 3);
}

/* Against a list of all events. */
static void test_count_within_a_window(void **state)
{
	static const uint64_t windows[] = {1, 10, 255, 1000, 60000, 3600000};
	static uint64_t times[3000];
	(void)state;
	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
		struct logcount count;
		uint64_t window = windows[i], now = i % 2 ? 123456789012 : 0, seed = 1;
		logcount_init(&count, window);
		for (size_t j = 0; j < 3000; j++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			now += (seed >> 33) % (window / 50 + 2) * (j % 100 == 99 ? 40 : 1);
			times[j] = now;
			logcount_add(&count, now, 1);
			uint64_t least = 0, most = 0;
			for (size_t k = 0; k <= j; k++) {
				least += now - times[k] <= window ? 1 : 0;
				most += now - times[k] <= window + window / 255 + 1 ? 1 : 0;
			}
			uint64_t sum = logcount_sum(&count, now);
			if (sum < least || sum > most)
				fail_msg("window %llu: %llu, not %llu to %llu", (unsigned long long)window, (unsigned long long)sum, (unsigned long long)least,
					(unsigned long long)most);
		}
		assert_int_equal(count.total, 3000);
		assert_int_equal(logcount_sum(&count, now + 2 * window + 2), 0);
	}
}

static void test_count_of_a_clock_that_stands(void **state)
{
	struct logcount count;
	(void)state;
	logcount_init(&count, 60000);
	assert_int_equal(logcount_sum(&count, 0), 0);
	assert_int_equal(logcount_sum(&count, 1u << 30), 0);
	for (unsigned i = 0; i < 1000; i++)
		logcount_add(&count, 5, 1000000);
	assert_int_equal(logcount_sum(&count, 5), 1000000000);
	assert_int_equal(logcount_sum(&count, 60005), 1000000000);
	assert_int_equal(logcount_sum(&count, 60400), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_many_bytes_without_a_newline_hold_little),
		cmocka_unit_test(test_count_within_a_window),
		cmocka_unit_test(test_count_of_a_clock_that_stands),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
