/* Durations, sizes, shares, the growing text, distances and escapes, by tables. */
// links: base
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define REFUSED UINT64_MAX

struct number_case {
	const char *text;
	uint64_t value;        /* REFUSED */
	const char *formatted; /* NULL: as written */
};

static const struct number_case durations[] = {
	{"500ms", 500, NULL},
	{"0", 0, "0s"},
	{"0s", 0, NULL},
	{"1s", 1000, NULL},
	{"1.5s", 1500, NULL},
	{"1.501s", 1501, NULL},
	{"1500ms", 1500, "1.5s"},
	{"5m", 300000, NULL},
	{"90s", 90000, "1m30s"},
	{"1h", 3600000, NULL},
	{"1h30m", 5400000, NULL},
	{"1.5h", 5400000, "1h30m"},
	{"1d", 86400000, NULL},
	{"36h", 129600000, "1d12h"},
	{"1m500ms", 60500, NULL},
	{"1m1.5s", 61500, NULL},
	{"0.001s", 1, "1ms"},
	{"", REFUSED, NULL},
	{"5", REFUSED, NULL},
	{"00", REFUSED, NULL},
	{"s", REFUSED, NULL},
	{"-1s", REFUSED, NULL},
	{"+1s", REFUSED, NULL},
	{" 1s", REFUSED, NULL},
	{"1 s", REFUSED, NULL},
	{"1s ", REFUSED, NULL},
	{"1.s", REFUSED, NULL},
	{".5s", REFUSED, NULL},
	{"1..5s", REFUSED, NULL},
	{"1.5.5s", REFUSED, NULL},
	{"0.5ms", REFUSED, NULL},
	{"1.0001s", REFUSED, NULL},
	{"1S", REFUSED, NULL},
	{"1us", REFUSED, NULL},
	{"1min", REFUSED, NULL},
	{"1s1s", REFUSED, NULL},
	{"1s5m", REFUSED, NULL},
	{"1e3s", REFUSED, NULL},
	{"999999999999999999d", REFUSED, NULL},
	{"9999999999999999999s", REFUSED, NULL},
	{"213503982334d15h", REFUSED, NULL},
};

static const struct number_case sizes[] = {
	{"0", 0, NULL},
	{"100", 100, NULL},
	{"1024", 1024, "1KiB"},
	{"64KiB", 65536, NULL},
	{"1MiB", 1048576, NULL},
	{"1024KiB", 1048576, "1MiB"},
	{"2GiB", 2147483648u, NULL},
	{"1KB", 1000, "1000"},
	{"1kB", 1000, "1000"},
	{"3MB", 3000000, "3000000"},
	{"1GB", 1000000000, "1000000000"},
	{"", REFUSED, NULL},
	{"KiB", REFUSED, NULL},
	{"1K", REFUSED, NULL},
	{"1kib", REFUSED, NULL},
	{"1.5MiB", REFUSED, NULL},
	{"-1", REFUSED, NULL},
	{"1 KiB", REFUSED, NULL},
	{"99999999999GiB", REFUSED, NULL},
	{"18446744073709551616", REFUSED, NULL},
};

static void check_numbers(
	const struct number_case *cases, size_t count, bool (*parse)(const char *, uint64_t *), void (*format)(uint64_t, char[TEXT_UNIT_SIZE]))
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = REFUSED;
		char text[TEXT_UNIT_SIZE];
		bool ok = parse(cases[i].text, &value);
		if (ok != (cases[i].value != REFUSED) || value != cases[i].value)
			fail_msg("'%s' is %llu", cases[i].text, (unsigned long long)value);
		if (!ok)
			continue;
		format(value, text);
		assert_string_equal(text, cases[i].formatted ? cases[i].formatted : cases[i].text);
	}
}

static void durations_are_read_and_written(void **state)
{
	(void)state;
	check_numbers(durations, sizeof(durations) / sizeof(*durations), text_parse_duration, text_format_duration);
}

static void every_duration_is_read_back(void **state)
{
	(void)state;
	for (uint64_t ms = 0; ms < 400000000; ms = ms * 21 / 20 + 1) {
		char text[TEXT_UNIT_SIZE];
		uint64_t again = REFUSED;
		text_format_duration(ms, text);
		assert_true(text_parse_duration(text, &again));
		assert_int_equal(again, ms);
	}
	char longest[TEXT_UNIT_SIZE];
	text_format_duration(UINT64_MAX, longest);
	assert_string_equal(longest, "213503982334d14h25m51.615s");
}

static void sizes_are_read_and_written(void **state)
{
	(void)state;
	check_numbers(sizes, sizeof(sizes) / sizeof(*sizes), text_parse_size, text_format_size);
}

struct share_case {
	const char *text;
	double share; /* negative: refused */
	const char *formatted;
};

static const struct share_case shares[] = {
	{"1%", 0.01, "1%"},
	{"0.5%", 0.005, "0.5%"},
	{"100%", 1, "100%"},
	{"0%", 0, "0%"},
	{"0", 0, "0%"},
	{"1", 1, "100%"},
	{"1.0", 1, "100%"},
	{"0.05", 0.05, "5%"},
	{"0.29", 0.29, "29%"},
	{"33.3333%", 0.333333, "33.3333%"},
	{"99.99%", 0.9999, "99.99%"},
	{"0.0001%", 0.000001, "0.0001%"},
	{"101%", -1, NULL},
	{"2", -1, NULL},
	{"1.01", -1, NULL},
	{"", -1, NULL},
	{"%", -1, NULL},
	{"-1%", -1, NULL},
	{"1 %", -1, NULL},
	{"1%%", -1, NULL},
	{"0x1", -1, NULL},
	{"nan", -1, NULL},
	{"1e-2", -1, NULL},
	{"0,5", -1, NULL},
	{"1.%", -1, NULL},
};

static void shares_are_read_and_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
		double share = -1;
		char text[TEXT_UNIT_SIZE];
		bool ok = text_parse_share(shares[i].text, &share);
		if (ok != (shares[i].share >= 0) || share < shares[i].share - 1e-12 || share > shares[i].share + 1e-12)
			fail_msg("'%s' is %g", shares[i].text, share);
		if (!ok)
			continue;
		text_format_share(share, text);
		assert_string_equal(text, shares[i].formatted);
	}
}

static const struct ratio_case {
	const char *text;
	double ratio; /* below 0: refused */
} ratios[] = {
	{"150%", 1.5},
	{"1.5", 1.5},
	{"1000%", 10},
	{"0", 0},
	{"0.01%", 0.0001},
	{"-1%", -1},
	{"", -1},
	{"1.5x", -1},
};

static void ratios_have_no_upper_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ratios) / sizeof(*ratios); i++) {
		double ratio = -1;
		bool ok = text_parse_ratio(ratios[i].text, &ratio);
		if (ok != (ratios[i].ratio >= 0) || ratio < ratios[i].ratio - 1e-12 || ratio > ratios[i].ratio + 1e-12)
			fail_msg("'%s' is %g", ratios[i].text, ratio);
	}
}

static const struct number_case numbers[] = {
	{"0", 0, NULL},
	{"007", 7, NULL},
	{"18446744073709551614", UINT64_MAX - 1, NULL},
	{"18446744073709551616", REFUSED, NULL},
	{"99999999999999999999", REFUSED, NULL},
	{"", REFUSED, NULL},
	{"-1", REFUSED, NULL},
	{"+1", REFUSED, NULL},
	{"1.0", REFUSED, NULL},
	{" 1", REFUSED, NULL},
	{"0x10", REFUSED, NULL},
};

static void numbers_are_digits_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		uint64_t value = REFUSED;
		bool ok = text_parse_unsigned(numbers[i].text, &value);
		if (ok != (numbers[i].value != REFUSED) || value != numbers[i].value)
			fail_msg("'%s' is %llu", numbers[i].text, (unsigned long long)value);
	}
}

static void a_text_grows_up_to_its_limit(void **state)
{
	(void)state;
	struct text text;
	text_init(&text, 1000);
	assert_string_equal(text.bytes, "");
	for (int i = 0; i < 99; i++)
		text_addf(&text, "%010d", i);
	assert_int_equal(text.length, 990);
	assert_false(text.cut);
	text_add(&text, "0123456789", 10);
	assert_false(text.cut);
	text_add(&text, "x", 1);
	assert_true(text.cut);
	assert_int_equal(text.length, 1000);
	assert_int_equal(strlen(text.bytes), 1000);
	assert_string_equal(text.bytes + 980, "00000000980123456789");
	text_fini(&text);
}

static void what_does_not_fit_is_cut(void **state)
{
	(void)state;
	struct text text;
	text_init(&text, 5);
	text_addf(&text, "%s", "abcdefgh");
	assert_string_equal(text.bytes, "abcde");
	assert_true(text.cut);
	text_fini(&text);
}

static void a_taken_text_is_the_callers(void **state)
{
	(void)state;
	struct text text;
	text_init(&text, SIZE_MAX);
	text_add(&text, "a\0b", 3);
	char *bytes = text_take(&text);
	assert_memory_equal(bytes, "a\0b", 4);
	free(bytes);
	text_fini(&text);
}

struct distance_case {
	const char *a, *b;
	unsigned distance;
};

static const struct distance_case distances[] = {
	{"", "", 0},
	{"", "abc", 3},
	{"abc", "", 3},
	{"blue", "blue", 0},
	{"bleu", "blue", 1},
	{"intervall", "interval", 1},
	{"timout", "timeout", 1},
	{"kitten", "sitting", 3},
	{"ab", "ba", 1},
	{"ca", "abc", 3},
};

static void distances_are_counted(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(distances) / sizeof(*distances); i++) {
		assert_int_equal(text_distance(distances[i].a, distances[i].b), distances[i].distance);
		assert_int_equal(text_distance(distances[i].b, distances[i].a), distances[i].distance);
	}
	char a[300], b[300];
	memset(a, 'a', sizeof(a));
	memset(b, 'b', sizeof(b));
	a[299] = b[299] = '\0';
	assert_int_equal(text_distance(a, b), 63);
}

struct nearest_case {
	const char *text, *nearest;
};

static const struct nearest_case nearest[] = {
	{"intervall", "interval"},
	{"INTERVAL", "interval"},
	{"timout", "timeout"},
	{"tiemout", "timeout"},
	{"raise", "rise"},
	{"ries", "rise"},
	{"fal", "fall"},
	{"x", NULL},
	{"", NULL},
	{"fallback", NULL},
	{"completely_other", NULL},
};

static void the_nearest_word_is_suggested(void **state)
{
	(void)state;
	static const char *const words[] = {"interval", "timeout", "rise", "fall", "a", NULL};
	for (size_t i = 0; i < sizeof(nearest) / sizeof(*nearest); i++) {
		const char *found = text_nearest(nearest[i].text, words);
		if (!found != !nearest[i].nearest || (found && strcmp(found, nearest[i].nearest) != 0))
			fail_msg("'%s': %s", nearest[i].text, found ? found : "none");
	}
}

struct escape_case {
	const char *bytes, *json, *log;
};

static const struct escape_case escapes[] = {
	{"plain", "plain", "plain"},
	{"", "", ""},
	{"a\"b\\c", "a\\\"b\\\\c", "a\\x22b\\x5cc"},
	{"\b\f\n\r\t", "\\b\\f\\n\\r\\t", "\\x08\\x0c\\x0a\\x0d\\x09"},
	{"\x01\x1f", "\\u0001\\u001f", "\\x01\\x1f"},
	{"\xc3\xa9", "\xc3\xa9", "\\xc3\\xa9"},
	{"\xe2\x82\xac", "\xe2\x82\xac", "\\xe2\\x82\\xac"},
	{"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\\xf0\\x9f\\x98\\x80"},
	{"\x7f", "\x7f", "\\x7f"},
	{"\x80", "\\ufffd", "\\x80"},
	{"\xff", "\\ufffd", "\\xff"},
	{"\xc3", "\\ufffd", "\\xc3"},
	{"\xc3(", "\\ufffd(", "\\xc3("},
	{"\xc0\x80", "\\ufffd\\ufffd", "\\xc0\\x80"},
	{"\xe0\x80\x80", "\\ufffd\\ufffd\\ufffd", "\\xe0\\x80\\x80"},
	{"\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd", "\\xed\\xa0\\x80"},
	{"\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd", "\\xf4\\x90\\x80\\x80"},
	{"\xf0\x80\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd", "\\xf0\\x80\\x80\\x80"},
	{"\xf5\x80\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd", "\\xf5\\x80\\x80\\x80"},
	{"\xe2\x82", "\\ufffd\\ufffd", "\\xe2\\x82"},
};

typedef size_t escape(const char *bytes, size_t length, char *out, size_t size);

/* Also into every smaller buffer: nothing behind it is touched, and no escape is begun that does not fit. */
static void check_escape(escape *function, const char *bytes, const char *wanted)
{
	char out[128];
	size_t whole = strlen(wanted);
	for (size_t size = 0; size <= whole + 1; size++) {
		memset(out, '#', sizeof(out));
		size_t written = function(bytes, strlen(bytes), out, size);
		assert_true(written <= size);
		assert_memory_equal(out, wanted, written);
		assert_int_equal(out[written], '#');
		if (size >= whole)
			assert_int_equal(written, whole);
	}
}

static void escapes_are_safe(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(escapes) / sizeof(*escapes); i++) {
		check_escape(text_escape_json, escapes[i].bytes, escapes[i].json);
		check_escape(text_escape_log, escapes[i].bytes, escapes[i].log);
	}
	char out[16];
	assert_int_equal(text_escape_json("\0", 1, out, sizeof(out)), 6);
	assert_memory_equal(out, "\\u0000", 6);
}

static void hashes_go_on_from_a_seed(void **state)
{
	(void)state;
	assert_true(text_hash("", 0, TEXT_HASH_SEED) == 0xcbf29ce484222325u);
	assert_true(text_hash("a", 1, TEXT_HASH_SEED) == 0xaf63dc4c8601ec8cu);
	assert_true(text_hash("foobar", 6, TEXT_HASH_SEED) == 0x85944171f73967e8u);
	assert_true(text_hash("bar", 3, text_hash("foo", 3, TEXT_HASH_SEED)) == 0x85944171f73967e8u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_read_and_written),
		cmocka_unit_test(every_duration_is_read_back),
		cmocka_unit_test(sizes_are_read_and_written),
		cmocka_unit_test(shares_are_read_and_written),
		cmocka_unit_test(ratios_have_no_upper_end),
		cmocka_unit_test(numbers_are_digits_alone),
		cmocka_unit_test(a_text_grows_up_to_its_limit),
		cmocka_unit_test(what_does_not_fit_is_cut),
		cmocka_unit_test(a_taken_text_is_the_callers),
		cmocka_unit_test(distances_are_counted),
		cmocka_unit_test(the_nearest_word_is_suggested),
		cmocka_unit_test(escapes_are_safe),
		cmocka_unit_test(hashes_go_on_from_a_seed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
