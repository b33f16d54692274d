/* The name servers of the file beside the record as it was read: whether they are those of this hosted zone. Control thread.
 * For the armed check: each is asked until it has said something. Who is silent is no proof against the others; who answers otherwise is. */
#include <stdlib.h>

#include "dns/steering_parts.h"

#define LIMIT_MS 5000u

/* An alias's addresses change by themselves: that there are any is enough. */
static bool answers_alike(const struct steering *steering, const struct propagation_server *server)
{
	return server->agrees || (steering->arm.given_alias && server->answer == PROPAGATION_OTHER);
}

static bool is_mute(const struct propagation_server *server)
{
	bool foreign = server->fault == PROPAGATION_LAME || server->fault == PROPAGATION_REFUSED;
	return server->fault == PROPAGATION_FINE ? server->answered_ms == 0 : !foreign;
}

static const char *explain(const struct propagation_server *server)
{
	if (server->fault != PROPAGATION_FINE)
		return propagation_fault_text(server->fault);
	if (server->answered_ms == 0)
		return propagation_fault_text(PROPAGATION_SILENT);
	return server->answer == PROPAGATION_ABSENT ? "has no such record" : "answers otherwise";
}

/* ---- what follows ---- */

struct finding {
	const struct propagation_server *denying, *mute; /* the first of each */
	size_t alike;
};

static struct finding find(const struct steering *steering, const struct propagation_status *status)
{
	struct finding found = {0};
	for (size_t i = 0; i < status->count; i++) {
		const struct propagation_server *server = &status->servers[i];
		bool mute = is_mute(server), alike = !mute && server->fault == PROPAGATION_FINE && answers_alike(steering, server);
		found.alike += alike;
		if (mute && !found.mute)
			found.mute = server;
		else if (!mute && !alike && !found.denying)
			found.denying = server;
	}
	return found;
}

static void take_denial(struct steering *steering, const struct propagation_server *server)
{
	char *sentence = NULL;
	bool moving = steering->follow.on && !steering->follow.safe;
	if (moving)
		steering_say(&sentence, "%s of the file's `name_servers` %s: the change before this one is still on its way", server->name, explain(server));
	else
		steering_say(&sentence,
			"%s of the file's `name_servers` %s, though the hosted zone has the record: it is none of the zone's; correct `name_servers` or `zone`",
			server->name, explain(server));
	steering_arm_take_given(steering, moving, false, sentence);
	free(sentence);
}

static void conclude(struct steering *steering)
{
	const struct propagation_status status = *propagation_status(steering->arm.given);
	const struct finding found = find(steering, &status);
	char *sentence = NULL;
	steering_given_stop(&steering->arm);
	if (found.denying) {
		take_denial(steering, found.denying);
		return;
	}
	if (found.mute && found.alike == 0)
		steering_say(&sentence, "none of the file's `name_servers` says what it has: %s %s", found.mute->name, explain(found.mute));
	else if (found.mute)
		steering_say(&sentence, "%zu of the file's %zu `name_servers` give what the record says, but %s %s", found.alike, status.count,
			found.mute->name, explain(found.mute));
	else
		steering_say(&sentence, "the file's `name_servers` give what the record says; whether the world is sent to them was not asked");
	steering_arm_take_given(steering, found.alike > 0, found.alike == 0, sentence);
	free(sentence);
}

static void on_answers(void *arg, const struct propagation_status *status)
{
	for (size_t i = 0; i < status->count; i++)
		if (status->servers[i].fault == PROPAGATION_FINE && status->servers[i].answered_ms == 0)
			return;
	conclude(arg);
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	conclude(arg);
}

/* ---- from outside ---- */

void steering_given_ask(struct steering *steering)
{
	const struct steering_intent as_it_is = {
		.old = steering->records, .old_count = steering->record_count, .new = steering->records, .new_count = steering->record_count};
	const struct propagation_tools tools = {
		.loop = steering->tools.loop, .resolver = steering->tools.resolver, .pace_ms = (unsigned)steering_scale(steering, PROPAGATION_PACE_MS)};
	const struct timeval limit = {.tv_sec = LIMIT_MS / 1000};
	struct addr servers[PROPAGATION_SERVERS_MAX];
	struct propagation_what what;
	struct err err;
	size_t count = steering_servers_list(steering, &steering->zone, servers);
	if (steering->record_count == 0 || steering_live_find_foreign(steering->records, steering->record_count) ||
		!steering_servers_choose(&as_it_is, &what)) {
		steering_arm_take_given(steering, true, false, "left out: there is no single answer yet that the file's `name_servers` could be compared by");
		return;
	}
	steering->arm.given_alias = what.new.alias;
	steering->arm.given = propagation_start(&tools, &what, servers, count, on_answers, steering, &err);
	if (!steering->arm.given) {
		steering_arm_take_given(steering, false, false, err.text);
		return;
	}
	steering->arm.given_limit = steering_make_timer(steering, on_limit);
	evtimer_add(steering->arm.given_limit, &limit);
}

void steering_given_stop(struct steering_arming *arm)
{
	propagation_stop(arm->given);
	arm->given = NULL;
	if (arm->given_limit)
		event_free(arm->given_limit);
	arm->given_limit = NULL;
}
