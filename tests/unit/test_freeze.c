/* switch/freeze: instants inside and outside of weekly and dated windows, across the week's end and around the changes of the clocks; the sentences. */
// links: switch
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "switch/freeze.h"

enum { MON, TUE, WED, THU, FRI, SAT, SUN };
#define WEEK(day, hour, minute) ((day)*1440u + (hour)*60u + (minute))

/* UTC. */
static uint64_t ms_of(const char *text)
{
	struct tm time = {0};
	const char *end = strptime(text, "%Y-%m-%d %H:%M:%S", &time);
	assert_true(end && *end == '\0');
	return (uint64_t)timegm(&time) * 1000;
}

static char berlin[] = "Europe/Berlin", utc[] = "UTC", kolkata[] = "Asia/Kolkata", new_york[] = "America/New_York", nowhere[] = "Europe/Nowhere";
static char holidays[] = "holidays";

struct instant_case {
	const char *name;
	struct conf_freeze window;
	const char *at, *ends; /* UTC; NULL: not inside */
};

static const struct instant_case instant_cases[] = {
	/* a plain window within a week */
	{"a second before", {.from = WEEK(TUE, 9, 0), .to = WEEK(TUE, 17, 0), .zone = utc}, "2026-01-06 08:59:59", NULL},
	{"its first second", {.from = WEEK(TUE, 9, 0), .to = WEEK(TUE, 17, 0), .zone = utc}, "2026-01-06 09:00:00", "2026-01-06 17:00:00"},
	{"its last second", {.from = WEEK(TUE, 9, 0), .to = WEEK(TUE, 17, 0), .zone = utc}, "2026-01-06 16:59:59", "2026-01-06 17:00:00"},
	{"its end", {.from = WEEK(TUE, 9, 0), .to = WEEK(TUE, 17, 0), .zone = utc}, "2026-01-06 17:00:00", NULL},
	{"another day", {.from = WEEK(TUE, 9, 0), .to = WEEK(TUE, 17, 0), .zone = utc}, "2026-01-07 12:00:00", NULL},
	/* the hours of the zone, in winter and in summer */
	{"winter, inside", {.from = WEEK(TUE, 9, 0), .to = WEEK(TUE, 17, 0), .zone = berlin}, "2026-01-06 08:00:00", "2026-01-06 16:00:00"},
	{"winter, behind", {.from = WEEK(TUE, 9, 0), .to = WEEK(TUE, 17, 0), .zone = berlin}, "2026-01-06 16:00:00", NULL},
	{"summer, inside", {.from = WEEK(TUE, 9, 0), .to = WEEK(TUE, 17, 0), .zone = berlin}, "2026-07-07 07:00:00", "2026-07-07 15:00:00"},
	{"summer, before", {.from = WEEK(TUE, 9, 0), .to = WEEK(TUE, 17, 0), .zone = berlin}, "2026-07-07 06:59:59", NULL},
	/* it is Monday there while it is Sunday here, and the other way round */
	{"Monday in the east", {.from = WEEK(MON, 0, 0), .to = WEEK(MON, 1, 0), .zone = kolkata}, "2026-01-04 18:45:00", "2026-01-04 19:30:00"},
	{"Sunday in the west", {.from = WEEK(SUN, 23, 0), .to = WEEK(MON, 0, 0), .zone = new_york}, "2026-01-05 04:30:00", "2026-01-05 05:00:00"},
	/* over the week's end */
	{"before the weekend", {.from = WEEK(FRI, 18, 0), .to = WEEK(MON, 8, 0), .zone = berlin}, "2026-01-09 16:59:59", NULL},
	{"Friday", {.from = WEEK(FRI, 18, 0), .to = WEEK(MON, 8, 0), .zone = berlin}, "2026-01-09 17:00:00", "2026-01-12 07:00:00"},
	{"Sunday", {.from = WEEK(FRI, 18, 0), .to = WEEK(MON, 8, 0), .zone = berlin}, "2026-01-11 12:00:00", "2026-01-12 07:00:00"},
	{"Sunday's last second", {.from = WEEK(FRI, 18, 0), .to = WEEK(MON, 8, 0), .zone = berlin}, "2026-01-11 22:59:59", "2026-01-12 07:00:00"},
	{"Monday's first second", {.from = WEEK(FRI, 18, 0), .to = WEEK(MON, 8, 0), .zone = berlin}, "2026-01-11 23:00:00", "2026-01-12 07:00:00"},
	{"Monday morning", {.from = WEEK(FRI, 18, 0), .to = WEEK(MON, 8, 0), .zone = berlin}, "2026-01-12 06:59:59", "2026-01-12 07:00:00"},
	{"Monday, over", {.from = WEEK(FRI, 18, 0), .to = WEEK(MON, 8, 0), .zone = berlin}, "2026-01-12 07:00:00", NULL},
	{"to the last minute", {.from = WEEK(SAT, 0, 0), .to = WEEK(MON, 0, 0), .zone = utc}, "2026-01-11 23:59:59", "2026-01-12 00:00:00"},
	/* a weekend in which the clocks are changed is an hour shorter or longer */
	{"spring weekend", {.from = WEEK(FRI, 18, 0), .to = WEEK(MON, 8, 0), .zone = berlin}, "2026-03-27 17:00:00", "2026-03-30 06:00:00"},
	{"autumn weekend", {.from = WEEK(FRI, 18, 0), .to = WEEK(MON, 8, 0), .zone = berlin}, "2026-10-23 16:00:00", "2026-10-26 07:00:00"},
	/* borders that are skipped: at 01:00 UTC of 29 March it is 02:00, and 03:00 at once */
	{"begins in the gap: before", {.from = WEEK(SUN, 2, 30), .to = WEEK(SUN, 5, 0), .zone = berlin}, "2026-03-29 00:59:59", NULL},
	{"begins in the gap: at it", {.from = WEEK(SUN, 2, 30), .to = WEEK(SUN, 5, 0), .zone = berlin}, "2026-03-29 01:00:00", "2026-03-29 03:00:00"},
	{"ends in the gap: before", {.from = WEEK(SUN, 0, 0), .to = WEEK(SUN, 2, 30), .zone = berlin}, "2026-03-29 00:59:59", "2026-03-29 01:00:00"},
	{"ends in the gap: at it", {.from = WEEK(SUN, 0, 0), .to = WEEK(SUN, 2, 30), .zone = berlin}, "2026-03-29 01:00:00", NULL},
	{"all of it in the gap", {.from = WEEK(SUN, 2, 10), .to = WEEK(SUN, 2, 50), .zone = berlin}, "2026-03-29 01:00:00", NULL},
	/* borders that are shown twice: at 01:00 UTC of 25 October it is 03:00, and 02:00 at once */
	{"begins in the overlap: before", {.from = WEEK(SUN, 2, 30), .to = WEEK(SUN, 5, 0), .zone = berlin}, "2026-10-25 00:29:59", NULL},
	{"begins in the overlap: at the first", {.from = WEEK(SUN, 2, 30), .to = WEEK(SUN, 5, 0), .zone = berlin}, "2026-10-25 00:30:00",
		"2026-10-25 04:00:00"},
	{"begins in the overlap: stays", {.from = WEEK(SUN, 2, 30), .to = WEEK(SUN, 5, 0), .zone = berlin}, "2026-10-25 01:10:00", "2026-10-25 04:00:00"},
	{"ends in the overlap: at the first", {.from = WEEK(SUN, 0, 0), .to = WEEK(SUN, 2, 30), .zone = berlin}, "2026-10-25 00:30:00", "2026-10-25 01:30:00"},
	{"ends in the overlap: before the second", {.from = WEEK(SUN, 0, 0), .to = WEEK(SUN, 2, 30), .zone = berlin}, "2026-10-25 01:29:59",
		"2026-10-25 01:30:00"},
	{"ends in the overlap: at the second", {.from = WEEK(SUN, 0, 0), .to = WEEK(SUN, 2, 30), .zone = berlin}, "2026-10-25 01:30:00", NULL},
	{"all of it in the overlap", {.from = WEEK(SUN, 2, 10), .to = WEEK(SUN, 2, 50), .zone = berlin}, "2026-10-25 01:05:00", "2026-10-25 01:50:00"},
	/* dates */
	{"dates: before", {.dated = true, .from_date = "2026-12-23T18:00", .to_date = "2027-01-02T08:00", .zone = berlin}, "2026-12-23 16:59:59", NULL},
	{"dates: inside", {.dated = true, .from_date = "2026-12-23T18:00", .to_date = "2027-01-02T08:00", .zone = berlin}, "2026-12-31 23:59:59",
		"2027-01-02 07:00:00"},
	{"dates: over", {.dated = true, .from_date = "2026-12-23T18:00", .to_date = "2027-01-02T08:00", .zone = berlin}, "2027-01-02 07:00:00", NULL},
	{"dates: once only", {.dated = true, .from_date = "2026-12-23T18:00", .to_date = "2027-01-02T08:00", .zone = berlin}, "2027-12-25 12:00:00", NULL},
	{"dates: into summer", {.dated = true, .from_date = "2026-03-01T00:00", .to_date = "2026-04-01T00:00", .zone = berlin}, "2026-03-31 21:59:59",
		"2026-03-31 22:00:00"},
	{"dates: ends in the overlap", {.dated = true, .from_date = "2026-10-20T00:00", .to_date = "2026-10-25T02:30", .zone = berlin}, "2026-10-25 01:29:59",
		"2026-10-25 01:30:00"},
};

static void test_instants(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(instant_cases) / sizeof(instant_cases[0]); i++) {
		const struct instant_case *c = &instant_cases[i];
		char sentence[512];
		uint64_t ends_ms;
		struct freeze *freeze = freeze_new(&c->window, 1);
		bool holds = freeze_holds(freeze, ms_of(c->at) + 999, sentence, sizeof(sentence), &ends_ms);
		if (holds != (c->ends != NULL) || ends_ms != (c->ends ? ms_of(c->ends) : 0))
			fail_msg("%s: %s, ends at %llu", c->name, sentence, (unsigned long long)ends_ms / 1000);
		freeze_free(freeze);
	}
}

/* Every minute of the year: a weekly window holds exactly when the clocks of the zone say so, but for the hours in which these are changed. */
static void test_year(void **state)
{
	static const struct conf_freeze window = {.from = WEEK(THU, 21, 30), .to = WEEK(TUE, 4, 15), .zone = utc};
	char sentence[512];
	uint64_t ends_ms;
	(void)state;
	struct freeze *freeze = freeze_new(&window, 1);
	uint64_t monday_ms = ms_of("2026-01-05 00:00:00");
	for (unsigned minute = 0; minute < 53 * 7 * 1440; minute++) {
		unsigned of_week = minute % (7 * 1440);
		bool expected = of_week >= window.from || of_week < window.to;
		assert_int_equal(freeze_holds(freeze, monday_ms + minute * 60000ull, sentence, sizeof(sentence), &ends_ms), expected);
	}
	freeze_free(freeze);
}

static void expect_sentence(const struct conf_freeze *windows, size_t count, const char *at, bool holds, const char *expected)
{
	char sentence[512];
	uint64_t ends_ms;
	struct freeze *freeze = freeze_new(windows, count);
	assert_int_equal(freeze_holds(freeze, ms_of(at), sentence, sizeof(sentence), &ends_ms), holds);
	assert_string_equal(sentence, expected);
	freeze_free(freeze);
}

static void test_sentences(void **state)
{
	struct conf_freeze weekend = {.from = WEEK(FRI, 18, 0), .to = WEEK(MON, 8, 0), .zone = berlin};
	struct conf_freeze dated = {.dated = true, .from_date = "2026-12-23T18:00", .to_date = "2027-01-02T08:00", .zone = new_york, .reason = holidays};
	struct conf_freeze plain = {.from = WEEK(TUE, 9, 0), .to = WEEK(TUE, 17, 5), .zone = utc};
	struct conf_freeze lost = {.from = WEEK(TUE, 9, 0), .to = WEEK(TUE, 17, 0), .zone = nowhere};
	(void)state;
	expect_sentence(NULL, 0, "2026-01-07 12:00:00", false, "no freeze holds now");
	expect_sentence(&weekend, 1, "2026-01-07 12:00:00", false, "no freeze holds now");
	expect_sentence(&weekend, 1, "2026-01-10 12:00:00", true,
		"no switch begins until Mon 2026-01-12 08:00 Europe/Berlin (UTC+01:00), by the freeze Fri 18:00 to Mon 08:00");
	expect_sentence(&weekend, 1, "2026-03-28 12:00:00", true,
		"no switch begins until Mon 2026-03-30 08:00 Europe/Berlin (UTC+02:00), by the freeze Fri 18:00 to Mon 08:00");
	expect_sentence(&dated, 1, "2026-12-31 12:00:00", true,
		"no switch begins until Sat 2027-01-02 08:00 America/New_York (UTC-05:00), by the freeze 2026-12-23T18:00 to 2027-01-02T08:00 (\"holidays\")");
	expect_sentence(&plain, 1, "2026-01-06 12:00:00", true, "no switch begins until Tue 2026-01-06 17:05 UTC, by the freeze Tue 09:00 to Tue 17:05");
	expect_sentence(&lost, 1, "2026-01-07 12:00:00", true,
		"whether the freeze Tue 09:00 to Tue 17:00 holds can't be told: the system knows no time zone \"Europe/Nowhere\"; install the package tzdata, then: "
		"teal reload");
}

/* Of several that hold, the one that ends last is told, whatever their order. */
static void test_several(void **state)
{
	struct conf_freeze windows[] = {
		{.from = WEEK(TUE, 9, 0), .to = WEEK(TUE, 17, 0), .zone = utc},
		{.from = WEEK(TUE, 0, 0), .to = WEEK(WED, 0, 0), .zone = utc},
		{.from = WEEK(TUE, 11, 0), .to = WEEK(TUE, 13, 0), .zone = utc},
	};
	(void)state;
	expect_sentence(windows, 3, "2026-01-06 12:00:00", true, "no switch begins until Wed 2026-01-07 00:00 UTC, by the freeze Tue 00:00 to Wed 00:00");
	expect_sentence(windows, 3, "2026-01-07 00:00:00", false, "no freeze holds now");
	freeze_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_instants),
		cmocka_unit_test(test_year),
		cmocka_unit_test(test_sentences),
		cmocka_unit_test(test_several),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
