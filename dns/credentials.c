/* What was found, who waits for it, and when it is looked for again. Control thread. The search itself is cred_search's. */
#include "dns/credentials.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "dns/cred_keys.h"
#include "dns/cred_search.h"
#include "dns/cred_settings.h"

#define AHEAD_MS ((uint64_t)15 * 60 * 1000) /* before the end new ones are asked for */
#define AGAIN_MS ((uint64_t)60 * 1000)      /* from one renewal that brought nothing better to the next */
#define TIMER_MS_MAX ((uint64_t)24 * 3600 * 1000)

struct credentials_wait {
	struct credentials *credentials;
	TAILQ_ENTRY(credentials_wait) entry;
	uint64_t need_for_ms;
	bool searched; /* a search ended since it waits */
	credentials_ready *on_ready;
	void *arg;
};

struct credentials {
	struct credentials_tools tools;
	struct credentials_settings settings;
	char *profile, *region, *endpoint;

	struct cred_keys *keys; /* NULL: none at hand */
	struct cred_place place;
	struct cred_keys *shown; /* was given to a callback that is on the stack, and is not at hand any more */
	char *refused;           /* the id of keys that are not to be given again */
	struct err err;          /* of the last search, when that found nothing */

	struct cred_search *search;
	struct event *due, *renewal;
	TAILQ_HEAD(, credentials_wait) waits;
	bool delivering;
};

static uint64_t now_ms(const struct credentials *credentials)
{
	return credentials->settings.wall_ms ? credentials->settings.wall_ms() : clock_wall_ms();
}

static void set_timer(struct event *timer, uint64_t in_ms)
{
	struct timeval in = {.tv_sec = (time_t)(in_ms / 1000), .tv_usec = (suseconds_t)(in_ms % 1000 * 1000)};
	evtimer_add(timer, &in);
}

/* Whose callback still looks at them, those are wiped behind it. */
static void drop_keys(struct credentials *credentials)
{
	if (credentials->delivering && !credentials->shown)
		credentials->shown = credentials->keys;
	else
		cred_keys_free(credentials->keys);
	credentials->keys = NULL;
}

static bool is_good(const struct credentials *credentials, uint64_t need_for_ms)
{
	const struct cred_keys *keys = credentials->keys;
	if (!keys)
		return false;
	uint64_t now = now_ms(credentials);
	return keys->expires_ms == 0 || (keys->expires_ms > now && keys->expires_ms - now > need_for_ms);
}

/* ---- giving ---- */

static void explain_short(const struct credentials *credentials, uint64_t need_for_ms, struct err *err)
{
	char need[TEXT_UNIT_SIZE], until[CLOCK_TEXT_SIZE];
	text_format_duration(need_for_ms, need);
	clock_format(credentials->keys->expires_ms, until);
	err_set(err, "the AWS credentials from %s end at %s, and %s more is needed: %s", credentials->keys->source, until, need,
		credentials->keys->expires_ms <= now_ms(credentials) ? "they have expired, and there are no newer ones"
								     : "let the role's sessions last longer, or wait for its next keys");
}

static void give(struct credentials *credentials, struct credentials_wait *wait)
{
	const struct cred_keys *keys = credentials->keys;
	struct credentials_keys given = {.endpoint = credentials->place.url, .region = credentials->place.region};
	if (keys) {
		given.id = keys->id;
		given.secret = keys->secret;
		given.token = keys->token;
		given.expires_ms = keys->expires_ms;
		given.source = keys->source;
	}
	struct err err = credentials->err;
	bool good = is_good(credentials, wait->need_for_ms);
	if (!good && keys && err.text[0] == '\0')
		explain_short(credentials, wait->need_for_ms, &err);
	TAILQ_REMOVE(&credentials->waits, wait, entry);
	credentials->delivering = true;
	wait->on_ready(wait->arg, good ? &given : NULL, good ? NULL : &err);
	credentials->delivering = false;
	cred_keys_free(credentials->shown);
	credentials->shown = NULL;
	free(wait);
}

static void on_found(void *arg, struct cred_keys *keys, struct cred_place *route53, const struct err *err);

static void begin_search(struct credentials *credentials)
{
	if (!credentials->search)
		credentials->search = cred_search_start(&credentials->tools, &credentials->settings, on_found, credentials);
}

/* Those that can be answered now. Callbacks may add and cancel, so each round begins anew. */
static void deliver(struct credentials *credentials)
{
	struct credentials_wait *wait = TAILQ_FIRST(&credentials->waits);
	while (wait) {
		/* Searched, with nothing to tell: another's callback has refused what was found. */
		bool told = wait->searched && (credentials->keys || credentials->err.text[0] != '\0');
		if (told || is_good(credentials, wait->need_for_ms)) {
			give(credentials, wait);
			wait = TAILQ_FIRST(&credentials->waits);
		} else
			wait = TAILQ_NEXT(wait, entry);
	}
	if (!TAILQ_EMPTY(&credentials->waits))
		begin_search(credentials);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	deliver(arg);
}

/* ---- finding ---- */

/* Ahead of the end; where it is near already, and what was found is no better, after a while. */
static void plan_renewal(struct credentials *credentials)
{
	uint64_t now = now_ms(credentials), in_ms = AGAIN_MS;
	evtimer_del(credentials->renewal);
	if (!credentials->keys || credentials->keys->expires_ms == 0)
		return;
	if (credentials->keys->expires_ms > now + AHEAD_MS)
		in_ms = credentials->keys->expires_ms - now - AHEAD_MS;
	set_timer(credentials->renewal, in_ms < TIMER_MS_MAX ? in_ms : TIMER_MS_MAX);
}

static void on_renewal(evutil_socket_t fd, short what, void *arg)
{
	struct credentials *credentials = arg;
	const struct cred_keys *keys = credentials->keys;
	(void)fd, (void)what;
	if (keys && keys->expires_ms > now_ms(credentials) + AHEAD_MS)
		plan_renewal(credentials); /* the clock was set back, or it was the longest timer */
	else
		begin_search(credentials);
}

static bool is_refused(const struct credentials *credentials, const struct cred_keys *keys)
{
	return credentials->refused && strcmp(credentials->refused, keys->id) == 0;
}

static void tell_found(const struct cred_keys *keys)
{
	char until[CLOCK_TEXT_SIZE] = "";
	if (keys->expires_ms > 0)
		clock_format(keys->expires_ms, until);
	log_info("AWS credentials: %s%s%s", keys->source, keys->expires_ms > 0 ? ", until " : "", until);
}

static void take(struct credentials *credentials, struct cred_keys *keys, struct cred_place *route53)
{
	cred_settings_drop(&credentials->place);
	credentials->place = *route53;
	credentials->err = (struct err){0};
	if (!credentials->keys || strcmp(credentials->keys->id, keys->id) != 0)
		tell_found(keys);
	drop_keys(credentials);
	credentials->keys = keys;
	plan_renewal(credentials);
}

static void take_nothing(struct credentials *credentials, const struct err *err)
{
	if (strcmp(credentials->err.text, err->text) != 0) /* said once, not every minute */
		log_warning("%s%s", err->text, credentials->keys ? "; those at hand are used while they last" : "");
	credentials->err = *err;
	plan_renewal(credentials);
}

static void on_found(void *arg, struct cred_keys *keys, struct cred_place *route53, const struct err *err)
{
	struct credentials *credentials = arg;
	struct credentials_wait *wait;
	struct err refused;
	credentials->search = NULL;
	if (keys && is_refused(credentials, keys)) {
		err_set(&refused, "AWS refused the credentials from %s as expired or unknown, and there are no others there yet", keys->source);
		cred_keys_free(keys);
		cred_settings_drop(route53);
		take_nothing(credentials, &refused);
	} else if (keys)
		take(credentials, keys, route53);
	else
		take_nothing(credentials, err);
	TAILQ_FOREACH(wait, &credentials->waits, entry)
	wait->searched = true;
	deliver(credentials);
}

/* ---- the outside ---- */

struct credentials *credentials_new(const struct credentials_tools *tools, const struct credentials_settings *settings)
{
	struct credentials *credentials = memory_new(sizeof(*credentials));
	*credentials = (struct credentials){.tools = *tools, .settings = *settings};
	credentials->settings.profile = credentials->profile = memory_text(settings->profile);
	credentials->settings.region = credentials->region = memory_text(settings->region);
	credentials->settings.endpoint = credentials->endpoint = memory_text(settings->endpoint);
	TAILQ_INIT(&credentials->waits);
	credentials->due = evtimer_new(tools->loop, on_due, credentials);
	credentials->renewal = evtimer_new(tools->loop, on_renewal, credentials);
	if (!credentials->due || !credentials->renewal)
		abort(); /* out of memory */
	return credentials;
}

void credentials_free(struct credentials *credentials)
{
	if (!credentials)
		return;
	assert(!credentials->delivering);
	if (credentials->search)
		cred_search_cancel(credentials->search);
	for (struct credentials_wait *wait; (wait = TAILQ_FIRST(&credentials->waits));)
		credentials_cancel(wait);
	event_free(credentials->due);
	event_free(credentials->renewal);
	cred_keys_free(credentials->keys);
	cred_settings_drop(&credentials->place);
	free(credentials->refused);
	free(credentials->profile);
	free(credentials->region);
	free(credentials->endpoint);
	free(credentials);
}

struct credentials_wait *credentials_get(struct credentials *credentials, uint64_t need_for_ms, credentials_ready *on_ready, void *arg)
{
	struct credentials_wait *wait = memory_new(sizeof(*wait));
	*wait = (struct credentials_wait){.credentials = credentials, .need_for_ms = need_for_ms, .on_ready = on_ready, .arg = arg};
	TAILQ_INSERT_TAIL(&credentials->waits, wait, entry);
	set_timer(credentials->due, 0);
	return wait;
}

void credentials_cancel(struct credentials_wait *wait)
{
	TAILQ_REMOVE(&wait->credentials->waits, wait, entry);
	free(wait);
}

void credentials_refuse(struct credentials *credentials, const char *id)
{
	if (!credentials->keys || strcmp(credentials->keys->id, id) != 0)
		return;
	char *refused = memory_text(id);
	free(credentials->refused);
	credentials->refused = refused;
	drop_keys(credentials);
	evtimer_del(credentials->renewal);
}
