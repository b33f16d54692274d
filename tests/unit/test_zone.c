/* base/zone: what the clocks of a zone show, and when, around the two changes of a year. */
// links: base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/zone.h"

/* `2026-03-29 02:30` as seconds since 1970, as if it were UTC. */
static int64_t seconds_of(const char *text)
{
	struct tm time = {0};
	const char *end = strptime(text, "%Y-%m-%d %H:%M", &time);
	assert_true(end && *end == '\0');
	return timegm(&time);
}

static struct zone *must_open(const char *name)
{
	struct err err = {""};
	struct zone *zone = zone_open(name, &err);
	if (!zone)
		fail_msg("%s: %s", name, err.text);
	return zone;
}

struct local_case {
	const char *zone, *local;
	const char *first, *last; /* UTC */
};

static const struct local_case local_cases[] = {
	{"Europe/Berlin", "2026-01-15 12:00", "2026-01-15 11:00", "2026-01-15 11:00"},
	{"Europe/Berlin", "2026-07-15 12:00", "2026-07-15 10:00", "2026-07-15 10:00"},
	/* the gap: from 02:00 to 03:00 on 29 March */
	{"Europe/Berlin", "2026-03-29 01:59", "2026-03-29 00:59", "2026-03-29 00:59"},
	{"Europe/Berlin", "2026-03-29 02:00", "2026-03-29 01:00", "2026-03-29 01:00"},
	{"Europe/Berlin", "2026-03-29 02:30", "2026-03-29 01:00", "2026-03-29 01:00"},
	{"Europe/Berlin", "2026-03-29 02:59", "2026-03-29 01:00", "2026-03-29 01:00"},
	{"Europe/Berlin", "2026-03-29 03:00", "2026-03-29 01:00", "2026-03-29 01:00"},
	{"Europe/Berlin", "2026-03-29 03:01", "2026-03-29 01:01", "2026-03-29 01:01"},
	/* the overlap: from 03:00 back to 02:00 on 25 October */
	{"Europe/Berlin", "2026-10-25 01:59", "2026-10-24 23:59", "2026-10-24 23:59"},
	{"Europe/Berlin", "2026-10-25 02:00", "2026-10-25 00:00", "2026-10-25 01:00"},
	{"Europe/Berlin", "2026-10-25 02:30", "2026-10-25 00:30", "2026-10-25 01:30"},
	{"Europe/Berlin", "2026-10-25 02:59", "2026-10-25 00:59", "2026-10-25 01:59"},
	{"Europe/Berlin", "2026-10-25 03:00", "2026-10-25 02:00", "2026-10-25 02:00"},
	/* behind the last change that the zone's table lists */
	{"Europe/Berlin", "2055-07-01 12:00", "2055-07-01 10:00", "2055-07-01 10:00"},
	{"America/New_York", "2026-11-01 01:30", "2026-11-01 05:30", "2026-11-01 06:30"},
	{"America/New_York", "2026-03-08 02:30", "2026-03-08 07:00", "2026-03-08 07:00"},
	/* half an hour only */
	{"Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-04 14:45", "2026-04-04 15:15"},
	{"Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03 15:30", "2026-10-03 15:30"},
	/* a whole day was left out */
	{"Pacific/Apia", "2011-12-30 12:00", "2011-12-30 10:00", "2011-12-30 10:00"},
	{"Asia/Kolkata", "2026-06-01 05:30", "2026-06-01 00:00", "2026-06-01 00:00"},
	{"UTC", "2026-03-29 02:30", "2026-03-29 02:30", "2026-03-29 02:30"},
};

static void test_from_local(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(local_cases) / sizeof(local_cases[0]); i++) {
		const struct local_case *c = &local_cases[i];
		struct zone *zone = must_open(c->zone);
		int64_t first = zone_from_local(zone, seconds_of(c->local), ZONE_FIRST), last = zone_from_local(zone, seconds_of(c->local), ZONE_LAST);
		if (first != seconds_of(c->first) || last != seconds_of(c->last))
			fail_msg("%s in %s: %+lld and %+lld s from what was expected", c->local, c->zone, (long long)(first - seconds_of(c->first)),
				(long long)(last - seconds_of(c->last)));
		zone_close(zone);
	}
}

/* Every minute of two days around each change: what is shown at an instant leads back to it, by the first or the last. */
static void test_there_and_back(void **state)
{
	static const char *const days[] = {"2026-03-28 00:00", "2026-10-24 00:00"};
	(void)state;
	struct zone *zone = must_open("Europe/Berlin");
	for (size_t day = 0; day < 2; day++)
		for (int minute = 0; minute < 2 * 24 * 60; minute++) {
			int64_t at = seconds_of(days[day]) + minute * 60, local = zone_to_local(zone, at);
			int64_t first = zone_from_local(zone, local, ZONE_FIRST), last = zone_from_local(zone, local, ZONE_LAST);
			assert_true(first == at || last == at);
			assert_true(first <= last);
			assert_int_equal(zone_to_local(zone, first), local);
			assert_int_equal(zone_to_local(zone, last), local);
		}
	zone_close(zone);
}

static void test_offset(void **state)
{
	(void)state;
	struct zone *zone = must_open("Europe/Berlin");
	assert_int_equal(zone_offset(zone, seconds_of("2026-03-29 00:59")), 3600);
	assert_int_equal(zone_offset(zone, seconds_of("2026-03-29 01:00")), 7200);
	assert_int_equal(zone_to_local(zone, seconds_of("2026-10-25 00:59")), seconds_of("2026-10-25 02:59"));
	assert_int_equal(zone_to_local(zone, seconds_of("2026-10-25 01:00")), seconds_of("2026-10-25 02:00"));
	zone_close(zone);
	zone_close(NULL);
}

static void test_names(void **state)
{
	static const char *const known[] = {"UTC", "Etc/UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "NZ-CHAT"};
	static const char *const unknown[] = {"", "Berlin", "Europe/Berlni", "Europe", "+02:00", "UTC+2", "CET-1CEST", "M3.5.0", "../../etc/passwd",
		"/etc/passwd", "Europe/../Europe/Berlin", "Europe/Berlin ", "tzdata.zi"};
	struct err err;
	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_true(zone_check(known[i], &err));
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		char wanted[96];
		err.text[0] = '\0';
		if (zone_check(unknown[i], &err))
			fail_msg("%s is a zone", unknown[i]);
		snprintf(wanted, sizeof(wanted), "no time zone \"%s\"", unknown[i]);
		assert_non_null(strstr(err.text, wanted));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_local),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_offset),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
