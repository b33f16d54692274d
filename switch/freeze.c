/* Freezes. Pure but for freeze_new, which reads zones; control thread. */
#include "switch/freeze.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "base/zone.h"

#define DAY_S ((int64_t)86400)
#define WEEK_S (7 * DAY_S)

struct window {
	bool dated;
	int64_t from, to; /* local: seconds since Monday 00:00, `to` behind `from`; dated: since 1970 */
	char *name, *zone_name, *reason;
	struct zone *zone; /* NULL: not known */
};

struct freeze {
	struct window *windows;
	size_t count;
};

/* An instant's borders, in seconds since 1970. */
struct span {
	int64_t begins, ends;
};

/* ---- made once ---- */

/* What conf has checked. */
static int64_t read_date(const char *text)
{
	struct tm date = {0};
	strptime(text, "%Y-%m-%dT%H:%M", &date);
	return timegm(&date);
}

static char *name_week(const struct conf_freeze *window)
{
	static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
	char name[64];
	unsigned from = window->from, to = window->to;
	snprintf(name, sizeof(name), "%s %02u:%02u to %s %02u:%02u", days[from / 1440 % 7], from / 60 % 24, from % 60, days[to / 1440 % 7], to / 60 % 24,
		to % 60);
	return memory_text(name);
}

static char *name_dates(const struct conf_freeze *window)
{
	char name[128];
	snprintf(name, sizeof(name), "%s to %s", window->from_date, window->to_date);
	return memory_text(name);
}

static void take_window(struct window *window, const struct conf_freeze *conf)
{
	window->dated = conf->dated;
	window->name = conf->dated ? name_dates(conf) : name_week(conf);
	window->zone_name = memory_text(conf->zone);
	window->reason = memory_text(conf->reason);
	window->zone = zone_open(conf->zone, NULL);
	window->from = conf->dated ? read_date(conf->from_date) : (int64_t)conf->from * 60;
	window->to = conf->dated ? read_date(conf->to_date) : (int64_t)conf->to * 60;
	if (!conf->dated && window->to <= window->from)
		window->to += WEEK_S;
}

struct freeze *freeze_new(const struct conf_freeze *windows, size_t count)
{
	struct freeze *freeze = memory_new(sizeof(*freeze));
	freeze->count = count;
	freeze->windows = memory_array(count, sizeof(*freeze->windows));
	for (size_t i = 0; i < count; i++)
		take_window(&freeze->windows[i], &windows[i]);
	return freeze;
}

void freeze_free(struct freeze *freeze)
{
	if (!freeze)
		return;
	for (size_t i = 0; i < freeze->count; i++) {
		struct window *window = &freeze->windows[i];
		zone_close(window->zone);
		free(window->name);
		free(window->zone_name);
		free(window->reason);
	}
	free(freeze->windows);
	free(freeze);
}

/* ---- looked at ---- */

static struct span span_of(const struct window *window, int64_t local_base)
{
	return (struct span){
		.begins = zone_from_local(window->zone, local_base + window->from, ZONE_FIRST),
		.ends = zone_from_local(window->zone, local_base + window->to, ZONE_LAST),
	};
}

static bool is_inside(const struct span *span, int64_t at)
{
	return span->begins <= at && at < span->ends;
}

/* 1970-01-01 was a Thursday. */
static int64_t monday_of(int64_t local)
{
	int64_t day = local / DAY_S;
	return (day - (day + 3) % 7) * DAY_S;
}

/* A window that began last week may reach into this one; near midnight clocks that are changed may put an instant into the week beside. */
static bool find_week(const struct window *window, int64_t at, struct span *span)
{
	int64_t monday = monday_of(zone_to_local(window->zone, at));
	for (int week = 1; week >= -1; week--) {
		*span = span_of(window, monday + week * WEEK_S);
		if (is_inside(span, at))
			return true;
	}
	return false;
}

static bool find_span(const struct window *window, int64_t at, struct span *span)
{
	if (!window->dated)
		return find_week(window, at, span);
	*span = span_of(window, 0);
	return is_inside(span, at);
}

static void format_local(const struct window *window, int64_t at, char *out, size_t size)
{
	struct tm time;
	time_t local = (time_t)zone_to_local(window->zone, at);
	int minutes = zone_offset(window->zone, at) / 60;
	gmtime_r(&local, &time);
	size_t used = strftime(out, size, "%a %Y-%m-%d %H:%M ", &time);
	used += (size_t)snprintf(out + used, size - used, "%.64s", window->zone_name);
	if (minutes != 0)
		snprintf(out + used, size - used, " (UTC%c%02d:%02d)", minutes < 0 ? '-' : '+', abs(minutes) / 60, abs(minutes) % 60);
}

static void tell_inside(const struct window *window, int64_t ends, char *sentence, size_t size)
{
	char end[128];
	format_local(window, ends, end, sizeof(end));
	snprintf(sentence, size, "no switch begins until %s, by the freeze %s%s%.200s%s", end, window->name, window->reason ? " (\"" : "",
		window->reason ? window->reason : "", window->reason ? "\")" : "");
}

static void tell_unknown(const struct window *window, char *sentence, size_t size)
{
	snprintf(sentence, size,
		"whether the freeze %s holds can't be told: the system knows no time zone \"%.64s\"; install the package tzdata, then: teal reload",
		window->name, window->zone_name);
}

bool freeze_holds(const struct freeze *freeze, uint64_t wall_ms, char *sentence, size_t size, uint64_t *ends_ms)
{
	int64_t at = (int64_t)(wall_ms / 1000), last = 0;
	*ends_ms = 0;
	snprintf(sentence, size, "no freeze holds now");
	for (size_t i = 0; i < freeze->count; i++) {
		struct span span;
		const struct window *window = &freeze->windows[i];
		if (!window->zone) {
			tell_unknown(window, sentence, size);
			return true;
		}
		if (!find_span(window, at, &span) || span.ends <= last)
			continue;
		last = span.ends;
		tell_inside(window, last, sentence, size);
	}
	*ends_ms = (uint64_t)last * 1000;
	return last > 0;
}
