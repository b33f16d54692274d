/* What becomes of a change that was accepted: GetChange until it says INSYNC, the zone's name servers until all give the new record alone, and safe_at. Control thread.
 * It never gives up, and hinders nobody: it only knows. One change is followed, the newest; what the ones before it left in caches goes on in `earlier_until`. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "dns/steering_parts.h"

#define POLL_FIRST_MS 2000u
#define POLL_MAX_MS 10000u
#define POLL_LIMIT_MS 10000u
#define LATE_MS (5u * 60000u)
/* What Route 53 says it mostly takes, where it can't be asked. */
#define SUBSTITUTE_MS 60000u

static void refresh(struct steering *steering);

/* ---- moments ---- */

/* Never 0, which is "not yet". */
static uint64_t to_mono(uint64_t wall_ms)
{
	uint64_t mono_ms = safe_at_from_wall(wall_ms, clock_wall_ms(), clock_mono_ms());
	return mono_ms > 0 ? mono_ms : 1;
}

static uint64_t to_wall(uint64_t mono_ms)
{
	return safe_at_to_wall(mono_ms, clock_wall_ms(), clock_mono_ms());
}

static uint64_t find_earlier_ms(const struct steering_following *follow)
{
	return follow->intent.earlier_until ? to_mono(follow->intent.earlier_until) : 0;
}

/* Where no server is asked, INSYNC alone tells. */
static uint64_t compute_alone(const struct steering_following *follow)
{
	const struct safe_at_version versions[] = {{follow->insync_ms, follow->intent.old_ttl_s}, {find_earlier_ms(follow), 0}};
	return follow->insync_ms ? safe_at_compute(versions, 2) : 0;
}

/* Until its target is known, an alias's answers are none that say something. */
static bool contradicts(const struct propagation_status *status)
{
	return status->targets_unknown == 0 && (status->old > 0 || status->other > 0);
}

static void find_safe_at(struct steering_following *follow)
{
	if (follow->propagation && contradicts(&follow->status))
		follow->resumed = false;
	if (follow->resumed)
		return;
	uint64_t safe_ms = follow->asks_nobody ? compute_alone(follow) : follow->has_status ? follow->status.safe_at_ms : 0;
	if (safe_ms == follow->safe_ms)
		return;
	follow->safe_ms = safe_ms;
	follow->intent.safe_at = safe_ms ? to_wall(safe_ms) : 0;
}

static void find_agreed_at(struct steering_following *follow)
{
	if (follow->resumed)
		return;
	if (follow->asks_nobody)
		follow->intent.agreed_at = follow->intent.insync_at;
	else if (!follow->has_status || !follow->status.agree)
		follow->intent.agreed_at = 0;
	else if (!follow->intent.agreed_at)
		follow->intent.agreed_at = to_wall(follow->status.agreed_ms);
}

static void become_safe(struct steering *steering)
{
	struct steering_following *follow = &steering->follow;
	follow->safe = true;
	propagation_stop(follow->propagation);
	follow->propagation = NULL;
	evtimer_del(follow->zone_due);
	if (follow->zone_call)
		route53_cancel(follow->zone_call);
	follow->zone_call = NULL;
	steering_hush(&follow->poll_sentence);
	steering_hush(&follow->server_sentence);
}

static void wait_for_safe(struct steering *steering)
{
	struct steering_following *follow = &steering->follow;
	uint64_t now_ms = clock_mono_ms(), in_ms = follow->safe_ms > now_ms ? follow->safe_ms - now_ms : 0;
	const struct timeval in = {.tv_sec = (time_t)(in_ms / 1000), .tv_usec = (suseconds_t)(in_ms % 1000 * 1000)};
	evtimer_add(follow->safe_due, &in);
}

static void on_safe_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	refresh(arg);
}

/* Everything that follows from what is known. */
static void refresh(struct steering *steering)
{
	struct steering_following *follow = &steering->follow;
	if (follow->safe)
		return;
	if (follow->propagation) /* what is told of it comes a turn later */
		follow->status = *propagation_status(follow->propagation);
	find_agreed_at(follow);
	find_safe_at(follow);
	if (follow->safe_ms && clock_mono_ms() >= follow->safe_ms)
		become_safe(steering);
	else if (follow->safe_ms)
		wait_for_safe(steering);
	else
		evtimer_del(follow->safe_due);
	steering_tell(steering);
}

/* ---- INSYNC ---- */

static void note_insync(struct steering *steering, uint64_t insync_ms)
{
	struct steering_following *follow = &steering->follow;
	follow->insync_ms = insync_ms;
	if (!follow->intent.insync_at)
		follow->intent.insync_at = to_wall(insync_ms);
	if (follow->intent.change_id)
		steering_hush(&follow->poll_sentence);
	if (follow->propagation)
		propagation_note_insync(follow->propagation, insync_ms);
	refresh(steering);
}

static void note_late(struct steering_following *follow, const char *answer)
{
	if (answer[0])
		steering_say(&follow->poll_sentence, "how far the change has got can't be asked: %s", answer);
	else
		steering_say(&follow->poll_sentence, "Route 53 has not said in 5 minutes that the change is on all of its servers; it is asked on");
}

static void poll_later(struct steering *steering)
{
	struct steering_following *follow = &steering->follow;
	steering_arm_timer(steering, follow->poll, follow->poll_pause_ms);
	follow->poll_pause_ms = follow->poll_pause_ms * 3 / 2 < POLL_MAX_MS ? follow->poll_pause_ms * 3 / 2 : POLL_MAX_MS;
}

static void on_polled(void *arg, const struct route53_result *result)
{
	struct steering *steering = arg;
	struct steering_following *follow = &steering->follow;
	bool late = clock_mono_ms() >= follow->accepted_ms + steering_scale(steering, LATE_MS), had = follow->poll_sentence;
	follow->call = NULL;
	steering_note_keys(steering, result);
	if (result->outcome == ROUTE53_DONE && result->change->in_sync) {
		note_insync(steering, clock_mono_ms());
		return;
	}
	if (late || result->outcome == ROUTE53_REFUSED)
		note_late(follow, result->sentence);
	else
		steering_hush(&follow->poll_sentence);
	if (had != !!follow->poll_sentence)
		steering_tell(steering);
	poll_later(steering);
}

static void on_poll(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct steering *steering = arg;
	struct steering_following *follow = &steering->follow;
	if (follow->intent.change_id)
		follow->call = route53_get_change(steering->tools.route53, follow->intent.change_id, POLL_LIMIT_MS, on_polled, steering);
	else
		note_insync(steering, clock_mono_ms());
}

static void begin_poll(struct steering *steering)
{
	struct steering_following *follow = &steering->follow;
	uint64_t now_ms = clock_mono_ms(), due_ms = follow->accepted_ms + steering_scale(steering, SUBSTITUTE_MS);
	follow->poll_pause_ms = POLL_FIRST_MS;
	if (follow->intent.insync_at) {
		follow->insync_ms = to_mono(follow->intent.insync_at);
	} else if (follow->intent.change_id) {
		poll_later(steering);
	} else {
		const uint64_t left_ms = due_ms > now_ms ? due_ms - now_ms : 0;
		const struct timeval in = {.tv_sec = (time_t)(left_ms / 1000), .tv_usec = (suseconds_t)(left_ms % 1000 * 1000)};
		steering_say(&follow->poll_sentence,
			"the answer to the change was lost, and its id with it: instead of Route 53's INSYNC, a minute from then on counts");
		evtimer_add(follow->poll, &in);
	}
}

/* ---- the servers ---- */

static void on_servers(void *arg, const struct propagation_status *status)
{
	(void)status;
	refresh(arg);
}

static void ask_nobody(struct steering *steering, const char *why)
{
	steering->follow.asks_nobody = true;
	steering_say(&steering->follow.server_sentence, "%s", why);
	refresh(steering);
}

static void ask_servers(struct steering *steering)
{
	struct steering_following *follow = &steering->follow;
	const struct propagation_tools tools = {
		.loop = steering->tools.loop, .resolver = steering->tools.resolver, .pace_ms = (unsigned)steering_scale(steering, PROPAGATION_PACE_MS)};
	struct addr servers[PROPAGATION_SERVERS_MAX];
	struct propagation_what what;
	struct err err;
	if (!steering_servers_choose(&follow->intent, &what)) {
		ask_nobody(steering, "both colors are answered, so that the name servers can't tell how far the change has got; INSYNC alone counts");
		return;
	}
	size_t count = steering_servers_list(steering, &follow->zone, servers);
	if (count == 0) {
		ask_nobody(steering, "no name server can be asked (the zone is private, and the file has no `name_servers`); INSYNC alone counts");
		return;
	}
	what.earlier_until_ms = find_earlier_ms(follow);
	follow->propagation = propagation_start(&tools, &what, servers, count, on_servers, steering, &err);
	if (!follow->propagation) {
		ask_nobody(steering, err.text);
		return;
	}
	if (follow->insync_ms)
		propagation_note_insync(follow->propagation, follow->insync_ms);
	follow->has_status = true;
	refresh(steering);
}

/* ---- the zone's name servers ---- */

static void on_zone(void *arg, const struct route53_result *result)
{
	struct steering *steering = arg;
	struct steering_following *follow = &steering->follow;
	follow->zone_call = NULL;
	steering_note_keys(steering, result);
	if (result->outcome == ROUTE53_DONE) {
		steering_zone_take(&follow->zone, &result->zones[0]);
		steering_hush(&follow->server_sentence);
		ask_servers(steering);
		return;
	}
	steering_say(&follow->server_sentence, "which name servers the zone has can't be asked: %s", result->sentence);
	steering_arm_timer(steering, follow->zone_due, follow->zone_pause_ms);
	follow->zone_pause_ms = follow->zone_pause_ms * 3 / 2 < POLL_MAX_MS ? follow->zone_pause_ms * 3 / 2 : POLL_MAX_MS;
	steering_tell(steering);
}

static void on_zone_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct steering *steering = arg;
	steering->follow.zone_call = route53_get_zone(steering->tools.route53, steering->follow.intent.zone_id, STEERING_ASK_MS, on_zone, steering);
}

static void copy_zone(struct steering_zone *to, const struct steering_zone *from)
{
	const struct steering_zone bare = *from;
	steering_zone_forget(to);
	*to = bare;
	to->name_servers = bare.name_server_count > 0 ? memory_array(bare.name_server_count, sizeof(*to->name_servers)) : NULL;
	for (size_t i = 0; i < bare.name_server_count; i++)
		to->name_servers[i] = memory_text(bare.name_servers[i]);
}

static void begin_servers(struct steering *steering)
{
	struct steering_following *follow = &steering->follow;
	if (steering->zone.known && strcmp(steering->zone.id, follow->intent.zone_id) == 0)
		copy_zone(&follow->zone, &steering->zone);
	if (follow->zone.known || steering->conf->name_server_count > 0)
		ask_servers(steering);
	else
		steering_arm_timer(steering, follow->zone_due, 0);
}

/* ---- one change after another ---- */

void steering_follow_tell_earlier(const struct steering *steering, uint64_t *until_wall_ms, uint32_t *ttl_s)
{
	const struct steering_following *follow = &steering->follow;
	uint64_t now = clock_wall_ms(), until = steering->earlier_until;
	*ttl_s = 0;
	if (follow->on && !follow->safe) {
		uint64_t own = follow->intent.safe_at ? follow->intent.safe_at - SAFE_AT_MARGIN_MS : follow->intent.earlier_until;
		until = own > until ? own : until;
		*ttl_s = follow->intent.safe_at ? 0 : follow->intent.old_ttl_s;
	}
	*until_wall_ms = until > now ? until : 0;
}

static void stop(struct steering_following *follow)
{
	if (follow->call)
		route53_cancel(follow->call);
	if (follow->zone_call)
		route53_cancel(follow->zone_call);
	propagation_stop(follow->propagation);
	if (follow->poll) {
		event_free(follow->poll);
		event_free(follow->zone_due);
		event_free(follow->safe_due);
	}
	steering_intent_fini(&follow->intent);
	steering_zone_forget(&follow->zone);
	steering_hush(&follow->poll_sentence);
	steering_hush(&follow->server_sentence);
	*follow = (struct steering_following){0};
}

void steering_follow_fini(struct steering *steering)
{
	stop(&steering->follow);
}

/* What the change before this left is known better now than when the intent was made. */
static void inherit(struct steering *steering, struct steering_intent *intent)
{
	uint64_t until;
	uint32_t ttl_s;
	steering_follow_tell_earlier(steering, &until, &ttl_s);
	if (steering->follow.on && steering->follow.intent.old_ttl_s > steering_live_ttl(steering->follow.intent.new, steering->follow.intent.new_count))
		steering_note_earlier(steering, until);
	if (until > intent->earlier_until)
		intent->earlier_until = until;
	if (ttl_s > intent->old_ttl_s)
		intent->old_ttl_s = ttl_s;
}

void steering_follow_begin(struct steering *steering, struct steering_intent *intent)
{
	struct steering_following *follow = &steering->follow;
	inherit(steering, intent);
	stop(follow);
	steering_watch_stop(steering);
	follow->on = true;
	follow->intent = *intent;
	*intent = (struct steering_intent){0};
	follow->poll = steering_make_timer(steering, on_poll);
	follow->zone_due = steering_make_timer(steering, on_zone_due);
	follow->safe_due = steering_make_timer(steering, on_safe_due);
	follow->zone_pause_ms = POLL_FIRST_MS;
	follow->accepted_ms = to_mono(follow->intent.accepted_at);
	follow->resumed = follow->intent.safe_at;
	follow->safe_ms = follow->resumed ? to_mono(follow->intent.safe_at) : 0;
	begin_poll(steering);
	begin_servers(steering);
	refresh(steering);
}

/* ---- what is told ---- */

static const char *find_hindrance(const struct steering *steering)
{
	const struct steering_following *follow = &steering->follow;
	if (steering->keyless)
		return steering->keyless;
	if (follow->poll_sentence)
		return follow->poll_sentence;
	return follow->server_sentence && !follow->asks_nobody ? follow->server_sentence : "";
}

void steering_read_progress(const struct steering *steering, struct steering_progress *progress)
{
	const struct steering_following *follow = &steering->follow;
	const struct steering_intent *intent = &follow->intent;
	*progress = (struct steering_progress){.change_id = "", .sentence = ""};
	progress->known = follow->on || steering_change_is_pending(steering);
	if (!follow->on || steering_change_is_pending(steering))
		return;
	progress->insync = intent->insync_at && intent->change_id;
	progress->accepted_at = intent->accepted_at;
	progress->insync_at = intent->insync_at;
	progress->agreed_at = intent->agreed_at;
	progress->safe_at = intent->safe_at;
	progress->safe = follow->safe;
	progress->change_id = intent->change_id ? intent->change_id : "";
	progress->sentence = find_hindrance(steering);
	progress->servers = follow->has_status ? &follow->status : NULL;
}
