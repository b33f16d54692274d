/* The steering as a whole: its beginning and end, what it says of the record, and the small things that its parts share. Control thread.
 * Asking is in steering_look.c, the armed check in steering_arm.c, changes in steering_change.c, what becomes of them in steering_follow.c. */
#include "dns/steering.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "dns/steering_parts.h"

#define SENTENCE_MAX ((size_t)16 * 1024)
#define MINUTE_MS 60000u

/* ---- shared by the parts ---- */

static void on_tell(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct steering *steering = arg;
	if (steering->tools.on_news)
		steering->tools.on_news(steering->tools.arg);
}

void steering_tell(struct steering *steering)
{
	const struct timeval now = {0};
	if (!evtimer_pending(steering->news, NULL))
		evtimer_add(steering->news, &now);
}

/* At most SENTENCE_MAX bytes, and no part of a character at the end. */
static void cut(char *sentence)
{
	size_t length = SENTENCE_MAX;
	if (strlen(sentence) <= length)
		return;
	while (length > 0 && ((unsigned char)sentence[length] & 0xc0) == 0x80)
		length--;
	sentence[length] = '\0';
}

/* JSON takes no bytes that are no characters, and sentences of others may have been cut within one. */
static void clean(char *sentence)
{
	size_t left = strlen(sentence);
	for (unsigned char *at = (unsigned char *)sentence; left > 0;) {
		size_t one = text_measure_utf8(at, left), step = one > 0 ? one : 1;
		if (one == 0)
			*at = '?';
		at += step;
		left -= step;
	}
}

void steering_say_args(char **slot, const char *format, va_list args)
{
	char *old = *slot, *new = NULL;
	if (vasprintf(&new, format, args) < 0)
		abort(); /* out of memory */
	cut(new);
	clean(new);
	*slot = new;
	free(old);
}

void steering_say(char **slot, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	steering_say_args(slot, format, args);
	va_end(args);
}

void steering_hush(char **slot)
{
	free(*slot);
	*slot = NULL;
}

/* The first sentence stays: the next ones differ in how long keys would have to last. */
void steering_note_keys(struct steering *steering, const struct route53_result *result)
{
	bool news = result->keyless ? !steering->keyless : result->requests > 0 && steering->keyless;
	if (!news)
		return;
	if (result->keyless)
		steering_say(&steering->keyless,
			"there are no AWS credentials any more: until there are others, Route 53 can't be asked, and the record can't be changed back: %s",
			result->keyless);
	else
		steering_hush(&steering->keyless);
	steering_tell(steering);
}

struct event *steering_make_timer(struct steering *steering, event_callback_fn due)
{
	struct event *timer = evtimer_new(steering->tools.loop, due, steering);
	if (!timer)
		abort(); /* out of memory */
	return timer;
}

uint64_t steering_scale(const struct steering *steering, uint64_t ms)
{
	return steering->tools.hurry > 1 ? ms / steering->tools.hurry : ms;
}

void steering_arm_timer(const struct steering *steering, struct event *timer, uint64_t ms)
{
	uint64_t in_ms = steering_scale(steering, ms);
	const struct timeval in = {.tv_sec = (time_t)(in_ms / 1000), .tv_usec = (suseconds_t)(in_ms % 1000 * 1000)};
	evtimer_add(timer, &in);
}

struct record *steering_copy_records(const struct record *records, size_t count)
{
	struct record *copy = count > 0 ? memory_array(count, sizeof(*copy)) : NULL;
	for (size_t i = 0; i < count; i++)
		record_copy(&copy[i], &records[i]);
	return copy;
}

void steering_take_records(struct steering *steering, const struct record *records, size_t count)
{
	struct record *copy = steering_copy_records(records, count);
	record_free_all(steering->records, steering->record_count);
	steering->records = copy;
	steering->record_count = count;
	steering->has_records = true;
	steering->read_ms = clock_mono_ms();
	steering->read_at = clock_wall_ms();
	steering->unread = false;
	steering_live_judge(steering->conf, steering->records, steering->record_count, &steering->verdict);
	steering_tell(steering);
}

void steering_describe(const struct record *sets, size_t count, struct text *out)
{
	if (count == 0)
		text_addf(out, "nothing");
	for (size_t i = 0; i < count; i++) {
		text_addf(out, "%s", i > 0 ? "; " : "");
		record_describe(&sets[i], out);
	}
}

void steering_zone_forget(struct steering_zone *zone)
{
	for (size_t i = 0; i < zone->name_server_count; i++)
		free(zone->name_servers[i]);
	free(zone->name_servers);
	*zone = (struct steering_zone){0};
}

void steering_zone_take(struct steering_zone *zone, const struct r53_zone *from)
{
	steering_zone_forget(zone);
	snprintf(zone->id, sizeof(zone->id), "%s", from->id);
	snprintf(zone->name, sizeof(zone->name), "%s", from->name);
	zone->is_private = from->is_private;
	zone->known = true;
	zone->name_server_count = from->name_server_count;
	zone->name_servers = from->name_server_count > 0 ? memory_array(from->name_server_count, sizeof(*zone->name_servers)) : NULL;
	for (size_t i = 0; i < from->name_server_count; i++)
		zone->name_servers[i] = memory_text(from->name_servers[i]);
}

/* ---- beginning and end ---- */

static void take_conf(struct steering *steering, const struct conf_route53 *conf)
{
	assert(conf->policy != CONF_ROUTE53_HEALTH_CHECK);
	steering->conf = conf;
	r53_name_make_full(conf->name, steering->full, NULL); /* the file was checked */
	steering_zone_forget(&steering->zone);
	if (conf->zone)
		snprintf(steering->zone.id, sizeof(steering->zone.id), "%s", r53_answer_strip_id(conf->zone));
}

struct steering *steering_new(const struct steering_tools *tools, const struct conf_route53 *conf)
{
	struct steering *steering = memory_new(sizeof(*steering));
	steering->tools = *tools;
	steering->news = steering_make_timer(steering, on_tell);
	steering_say(&steering->why, "the record of %s was not read yet", conf->name);
	take_conf(steering, conf);
	return steering;
}

void steering_free(struct steering *steering)
{
	if (!steering)
		return;
	steering_look_drop(steering);
	steering_arm_fini(steering);
	steering_change_fini(steering);
	steering_follow_fini(steering);
	steering_watch_stop(steering);
	steering_zone_forget(&steering->zone);
	record_free_all(steering->records, steering->record_count);
	free(steering->why);
	free(steering->keyless);
	event_free(steering->news);
	free(steering);
}

/* What was read is of another record, when name or type are others. */
static void judge_anew(struct steering *steering)
{
	bool same = steering->has_records && (steering->record_count == 0 || (strcmp(steering->records->name, steering->full) == 0 &&
										     strcmp(steering->records->type, steering_live_type(steering->conf)) == 0));
	if (same) {
		steering_live_judge(steering->conf, steering->records, steering->record_count, &steering->verdict);
		return;
	}
	steering->has_records = false;
	steering->read_ms = 0;
	steering_say(&steering->why, "the record of %s was not read yet", steering->conf->name);
}

void steering_set_conf(struct steering *steering, const struct conf_route53 *conf)
{
	bool looked = steering_look_drop(steering), armed = steering->arm.step != ARM_IDLE;
	take_conf(steering, conf);
	steering_watch_stop(steering);
	judge_anew(steering);
	if (armed)
		steering_arm(steering, steering->arm.to, steering->arm.force, steering->arm.need_ms, steering->arm.whole_ms);
	else if (looked)
		steering_look(steering);
	steering_tell(steering);
}

/* ---- what the record says ---- */

void steering_read(const struct steering *steering, struct steering_view *view)
{
	const struct steering_live_verdict *verdict = &steering->verdict;
	*view = (struct steering_view){.read_ms = steering->read_ms, .sentence = steering->why};
	if (!steering->has_records)
		return;
	view->ttl_s = verdict->ttl_s;
	if (steering->unread)
		return;
	view->live = verdict->live;
	view->sentence = verdict->sentence;
	memcpy(view->share, verdict->share, sizeof(view->share));
}

/* ---- how long caches may hold something older ---- */

void steering_note_earlier(struct steering *steering, uint64_t until_wall_ms)
{
	if (until_wall_ms > steering->earlier_until)
		steering->earlier_until = until_wall_ms;
}

/* The soonest that the newest change can be over, where that is not known yet: a minute at a time, so that it does not move all the while. */
static uint64_t guess_safe_at(const struct steering_intent *intent, uint64_t now)
{
	uint64_t passed_ms = now > intent->accepted_at ? now - intent->accepted_at : 0;
	return intent->accepted_at + (passed_ms / MINUTE_MS + 1) * MINUTE_MS + (uint64_t)intent->old_ttl_s * 1000;
}

uint64_t steering_quick_from(const struct steering *steering)
{
	const struct steering_following *follow = &steering->follow;
	const struct steering_intent *intent = &follow->intent;
	uint64_t now = clock_wall_ms(), from = steering->earlier_until;
	if (follow->on && !follow->safe && intent->old_ttl_s > steering_live_ttl(intent->new, intent->new_count)) {
		uint64_t safe_at = intent->safe_at ? intent->safe_at : guess_safe_at(intent, now);
		from = safe_at > from ? safe_at : from;
	}
	return from > now ? from : 0;
}
