/* dns/r53_name and dns/r53_pace by tables. */
// links: dns
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "dns/r53_name.h"
#include "dns/r53_pace.h"

#define L10 "abcdefghij"
#define L63 L10 L10 L10 L10 L10 L10 "abc"
#define L61 L10 L10 L10 L10 L10 L10 "a"

static const struct {
	const char *text, *full, *shown;
} full_cases[] = {
	{"example.com", "example.com.", "example.com"},
	{"example.com.", "example.com.", "example.com"},
	{"API.Example.COM", "api.example.com.", "api.example.com"},
	{"a_b-c.0-9.example", "a_b-c.0-9.example.", "a_b-c.0-9.example"},
	{"*.example.com", "\\052.example.com.", "*.example.com"},
	{"\\052.example.com.", "\\052.example.com.", "*.example.com"},
	{"a.*.example.com", "a.\\052.example.com.", "a.\\052.example.com"},
	{"*a.example.com", "\\052a.example.com.", "\\052a.example.com"},
	{"\\141\\101.example", "aa.example.", "aa.example"},
	{"a\\056b.example", "a\\056b.example.", "a\\056b.example"},
	{"a@b.example", "a\\100b.example.", "a\\100b.example"},
	{"a b/c.example", "a\\040b\\057c.example.", "a\\040b\\057c.example"},
	{"\\377.example", "\\377.example.", "\\377.example"},
	{"\xc3\xbc.example", "\\303\\274.example.", "\\303\\274.example"},
	{"\\000.example", "\\000.example.", "\\000.example"},
	{"a\\134.example", "a\\134.example.", "a\\134.example"},
	{".", ".", "."},
	{"com", "com.", "com"},
	{L63 ".com", L63 ".com.", L63 ".com"},
	{L63 "." L63 "." L63 "." L61, L63 "." L63 "." L63 "." L61 ".", L63 "." L63 "." L63 "." L61},
	{L63 "." L63 "." L63 "." L61 ".", L63 "." L63 "." L63 "." L61 ".", L63 "." L63 "." L63 "." L61},
};

static void makes_names_full(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(full_cases) / sizeof(full_cases[0]); i++) {
		char full[R53_NAME_SIZE], again[R53_NAME_SIZE], shown[R53_NAME_SIZE];
		struct err err = {""};
		if (!r53_name_make_full(full_cases[i].text, full, &err))
			fail_msg("%s: %s", full_cases[i].text, err.text);
		assert_string_equal(full, full_cases[i].full);
		assert_true(r53_name_make_full(full, again, NULL));
		assert_string_equal(again, full);
		r53_name_show(full, shown);
		assert_string_equal(shown, full_cases[i].shown);
	}
}

static const struct {
	const char *text, *sentence;
} fault_cases[] = {
	{"", "the name is empty"},
	{"a..b", "the name \"a..b\" has an empty label (two dots in a row, or one at its beginning)"},
	{".a", "the name \".a\" has an empty label (two dots in a row, or one at its beginning)"},
	{"..", "the name \"..\" has an empty label (two dots in a row, or one at its beginning)"},
	{"a.com..", "the name \"a.com..\" has an empty label (two dots in a row, or one at its beginning)"},
	{"a\\b", "the name \"a\\b\" has a backslash without three octal digits behind it, as in \\052"},
	{"a\\05", "the name \"a\\05\" has a backslash without three octal digits behind it, as in \\052"},
	{"a\\400", "the name \"a\\400\" has a backslash without three octal digits behind it, as in \\052"},
	{"a\\089", "the name \"a\\089\" has a backslash without three octal digits behind it, as in \\052"},
	{"\\", "the name \"\\\" has a backslash without three octal digits behind it, as in \\052"},
	{L63 "d.com", "the name \"" L63 "d.com\" has a label of more than 63 bytes"},
	{L63 "." L63 "." L63 "." L61 "b", "the name \"" L63 "." L63 "." L63 "." L61 "b\" is longer than 255 bytes"},
};

static void refuses_what_is_no_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(fault_cases) / sizeof(fault_cases[0]); i++) {
		char full[R53_NAME_SIZE];
		struct err err = {""};
		assert_false(r53_name_make_full(fault_cases[i].text, full, &err));
		assert_string_equal(err.text, fault_cases[i].sentence);
		assert_string_equal(full, "");
	}
}

/* The longest full form there is fits: 250 bytes in four labels, each escaped, and a last one. */
static void writes_the_longest_name(void **state)
{
	char text[1100] = "", full[R53_NAME_SIZE];
	static const unsigned labels[] = {63, 63, 63, 61};
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned k = 0; k < labels[i]; k++)
			strcat(text, "\\001");
		strcat(text, ".");
	}
	assert_true(r53_name_make_full(text, full, NULL));
	assert_string_equal(full, text);
	assert_true(strlen(full) < R53_NAME_SIZE);
}

static void compares(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {
		{"a.example", "A.EXAMPLE.", true},
		{"*.a.example", "\\052.a.example.", true},
		{"a.example", "b.example", false},
		{"a\\056example", "a.example", false},
		{"", "", false},
		{"a..b", "a..b", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(r53_name_equal(cases[i].a, cases[i].b), cases[i].equal);
}

static void finds_the_zone_of_a_name(void **state)
{
	static const struct {
		const char *name, *zone;
		bool within;
	} cases[] = {
		{"api.example.com.", "example.com.", true},
		{"example.com.", "example.com.", true},
		{"a.b.example.com.", "example.com.", true},
		{"badexample.com.", "example.com.", false},
		{"a\\056example.com.", "example.com.", false},
		{"com.", "example.com.", false},
		{"example.org.", "example.com.", false},
		{"example.com.", ".", true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(r53_name_is_within(cases[i].name, cases[i].zone), cases[i].within);
}

/* ---- pace ---- */

static void paces(void **state)
{
	static const struct {
		uint64_t now_ms;
		bool hurry;
		uint64_t at_ms;
	} steps[] = {
		{10000, false, 10000}, {10000, false, 10000}, {10000, false, 10000}, {10000, false, 10000}, {10000, false, 10000}, /* 5 at once */
		{10000, false, 10200}, {10000, false, 10400}, {10100, false, 10600},                                               /* then 5 a second */
		{10100, true, 10100},                                                                                              /* a change goes ahead */
		{10100, false, 11000},                                                                                             /* which is made up for */
		{12000, false, 12000}, {12000, false, 12000}, {12000, false, 12000}, {12000, false, 12000}, {12000, false, 12000}, {12000, false, 12200},
		{12000, true, 12000}, {12000, true, 12000}, {12000, true, 12000}, {12000, true, 12000}, {12000, true, 12200}, /* not without end */
	};
	struct r53_pace pace = {0};
	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		assert_int_equal(r53_pace_take(&pace, steps[i].now_ms, steps[i].hurry), steps[i].at_ms);
}

static void never_exceeds_its_rate(void **state)
{
	struct r53_pace pace = {0};
	uint64_t at[1000];
	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		at[i] = r53_pace_take(&pace, 5000 + i * 7u, false);
		if (i >= R53_PACE_BURST)
			assert_true(at[i] >= at[i - R53_PACE_BURST] + R53_PACE_INTERVAL_MS);
	}
	assert_in_range(at[999], 5000 + 995 * 200, 5000 + 999 * 200);
}

static void pauses_double(void **state)
{
	static const uint64_t most[] = {400, 800, 1600, 3200, 6400, 12800, 20000, 20000};
	(void)state;
	for (unsigned failed = 1; failed <= 8; failed++) {
		assert_int_equal(r53_pace_pause(400, failed, 0), most[failed - 1]);
		assert_int_equal(r53_pace_pause(400, failed, UINT32_MAX), most[failed - 1] / 2);
	}
	assert_int_equal(r53_pace_pause(400, UINT32_MAX, 0), R53_PACE_PAUSE_MAX_MS);
	assert_int_equal(r53_pace_pause(90000, 1, 0), R53_PACE_PAUSE_MAX_MS);
	assert_int_equal(r53_pace_pause(1, 1, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_names_full),
		cmocka_unit_test(refuses_what_is_no_name),
		cmocka_unit_test(writes_the_longest_name),
		cmocka_unit_test(compares),
		cmocka_unit_test(finds_the_zone_of_a_name),
		cmocka_unit_test(paces),
		cmocka_unit_test(never_exceeds_its_rate),
		cmocka_unit_test(pauses_double),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
