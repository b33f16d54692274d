/* Time zones, by GLib's GTimeZone. Any thread. Knows nothing of calendars: local times are seconds. */
#include "base/zone.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define DAY_S 86400

struct zone {
	GTimeZone *zone;
};

/* GLib also takes what $TZ may hold: "UTC+2" would be two hours behind UTC there. */
static bool looks_like_rule(const char *name)
{
	const char *sign = strpbrk(name, "+-");
	return sign && g_ascii_isdigit(sign[1]) && !strchr(name, '/');
}

static bool looks_like_name(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+/";
	return g_ascii_isalpha(name[0]) && name[strspn(name, allowed)] == '\0' && !looks_like_rule(name);
}

struct zone *zone_open(const char *name, struct err *err)
{
	GTimeZone *found = looks_like_name(name) ? g_time_zone_new_identifier(name) : NULL;
	if (!found) {
		err_set(err, "the system knows no time zone \"%.64s\"; expected a name as in Europe/Berlin or UTC", name);
		return NULL;
	}
	struct zone *zone = memory_new(sizeof(*zone));
	zone->zone = found;
	return zone;
}

void zone_close(struct zone *zone)
{
	if (!zone)
		return;
	g_time_zone_unref(zone->zone);
	free(zone);
}

bool zone_check(const char *name, struct err *err)
{
	struct zone *zone = zone_open(name, err);
	zone_close(zone);
	return zone != NULL;
}

int32_t zone_offset(const struct zone *zone, int64_t at)
{
	gint interval = g_time_zone_find_interval(zone->zone, G_TIME_TYPE_UNIVERSAL, at);
	return g_time_zone_get_offset(zone->zone, interval);
}

int64_t zone_to_local(const struct zone *zone, int64_t at)
{
	return at + zone_offset(zone, at);
}

/* The first instant behind `before` that has the offset of `after`; the clocks are changed once between the two. */
static int64_t find_change(const struct zone *zone, int64_t before, int64_t after)
{
	int32_t later = zone_offset(zone, after);
	while (after - before > 1) {
		int64_t middle = before + (after - before) / 2;
		if (zone_offset(zone, middle) == later)
			after = middle;
		else
			before = middle;
	}
	return after;
}

/* Clocks are changed at most once in two days. What they show then is right by the offset before the change, by the one after it, by both, or by none. */
int64_t zone_from_local(const struct zone *zone, int64_t local, enum zone_which which)
{
	int32_t earlier = zone_offset(zone, local - DAY_S), later = zone_offset(zone, local + DAY_S);
	int64_t by_earlier = local - earlier, by_later = local - later;
	bool earlier_fits = zone_offset(zone, by_earlier) == earlier, later_fits = zone_offset(zone, by_later) == later;
	if (earlier_fits && later_fits)
		return which == ZONE_FIRST ? by_earlier : by_later;
	if (earlier_fits)
		return by_earlier;
	if (later_fits)
		return by_later;
	return find_change(zone, by_later, by_earlier);
}
