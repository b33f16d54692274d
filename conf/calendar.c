/* Times of the week and dates. Any thread. Knows no time zone, and never asks what time it is. */
#include "conf/calendar.h"

#include <ctype.h>
#include <strings.h>

/* Whether the text is as the pattern has it, in which 0 stands for any digit. */
static bool is_like(const char *text, const char *pattern)
{
	for (; *pattern != '\0'; text++, pattern++)
		if (*pattern == '0' ? !isdigit((unsigned char)*text) : *text != *pattern)
			return false;
	return *text == '\0';
}

static unsigned read_digits(const char *text, unsigned count)
{
	unsigned value = 0;
	for (unsigned i = 0; i < count; i++)
		value = value * 10 + (unsigned)(text[i] - '0');
	return value;
}

/* HH:MM, its digits looked at before. */
static bool read_clock(const char *text, unsigned *minute)
{
	unsigned hours = read_digits(text, 2), minutes = read_digits(text + 3, 2);
	*minute = hours * 60 + minutes;
	return hours < 24 && minutes < 60;
}

bool calendar_parse_week(const char *text, unsigned *minute)
{
	static const char days[][4] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
	unsigned clock;
	for (unsigned day = 0; day < sizeof(days) / sizeof(*days); day++) {
		if (strncasecmp(text, days[day], 3) != 0)
			continue;
		if (!is_like(text + 3, " 00:00") || !read_clock(text + 4, &clock))
			return false;
		*minute = day * 24 * 60 + clock;
		return true;
	}
	return false;
}

static unsigned count_days(unsigned year, unsigned month)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

bool calendar_is_date(const char *text)
{
	unsigned clock;
	if (!is_like(text, "0000-00-00T00:00") || !read_clock(text + 11, &clock))
		return false;
	unsigned year = read_digits(text, 4), month = read_digits(text + 5, 2), day = read_digits(text + 8, 2);
	return year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= count_days(year, month);
}
