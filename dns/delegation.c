/* Three questions, one after another: who serves the parent, where is that, and where does it send for the zone. Control thread.
 * Decides nothing about a switch. */
#include "dns/delegation.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/resolve.h"
#include "base/text.h"
#include "dns/question.h"
#include "dns/r53_name.h"

#define NAME_SERVERS_MAX 16u
/* Of the parent; each may take two tries' time. */
#define PARENT_SERVERS_MAX 3u
/* From the zone towards the root. */
#define CLIMB_MAX 8u
#define PATIENCE_S 45
#define DNS_PORT 53
#define ADDR_MIN_MS 1000u

struct delegation {
	struct delegation_tools tools;
	delegation_checked *checked;
	void *arg;
	char zone[R53_NAME_SIZE], parent[R53_NAME_SIZE];
	char *expected[NAME_SERVERS_MAX]; /* sorted, each once, in full */
	size_t expected_count;
	char *parents[PARENT_SERVERS_MAX]; /* name servers of the parent */
	size_t parent_count, at;
	unsigned climbed;

	struct question *resolver; /* recursive */
	struct question *server;   /* the parent's */
	struct resolve_watch *watch;
	struct addr addrs[2]; /* still to be asked of the present server: an IPv4 and an IPv6 one */
	size_t addr_count;
	void (*next)(struct delegation *); /* what the turn is about: c-ares is off the stack then */
	struct event *turn, *patience;
	enum delegation_result result;
	char sentence[1024];
};

static void take_turn(struct delegation *delegation, void (*next)(struct delegation *))
{
	const struct timeval now = {0};
	delegation->next = next;
	evtimer_add(delegation->turn, &now);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct delegation *delegation = arg;
	delegation->next(delegation);
}

/* --- the end --------------------------------------------------------------------------------------------------------- */

static void tell(struct delegation *delegation)
{
	delegation->checked(delegation->arg, delegation->result, delegation->sentence);
}

static void end(struct delegation *delegation, enum delegation_result result)
{
	evtimer_del(delegation->patience);
	delegation->result = result;
	take_turn(delegation, tell);
}

static void add_names(struct text *text, char *const *names, size_t count)
{
	char shown[R53_NAME_SIZE];
	for (size_t i = 0; i < count; i++) {
		r53_name_show(names[i], shown);
		text_addf(text, "%s%s", i ? ", " : "", shown);
	}
}

static const char *explain(enum delegation_result result)
{
	switch (result) {
	case DELEGATION_SAME:
		return "the parent sends everyone to the name servers of this hosted zone";
	case DELEGATION_PARTLY:
		return "the parent and this hosted zone agree on some name servers only: make them the same at the registrar or in the parent zone";
	case DELEGATION_OTHER:
		return "the parent sends everyone to other name servers than those of this hosted zone: choose the zone that they serve, or change the delegation";
	case DELEGATION_NONE:
		return "the parent knows no such zone: nobody is sent to this hosted zone until it is delegated";
	case DELEGATION_UNKNOWN:
		break;
	}
	return "whether anyone is sent to this hosted zone is not known";
}

static void finish(struct delegation *delegation, enum delegation_result result, char *const *given, size_t count)
{
	struct text text;
	char zone[R53_NAME_SIZE];
	text_init(&text, sizeof(delegation->sentence) - 1);
	r53_name_show(delegation->zone, zone);
	text_addf(&text, "%s: %s", zone, explain(result));
	if (result == DELEGATION_PARTLY || result == DELEGATION_OTHER) {
		text_addf(&text, " (parent: ");
		add_names(&text, given, count);
		text_addf(&text, "; zone: ");
		add_names(&text, delegation->expected, delegation->expected_count);
		text_addf(&text, ")");
	}
	snprintf(delegation->sentence, sizeof(delegation->sentence), "%s", text.bytes);
	text_fini(&text);
	end(delegation, result);
}

static void give_up(struct delegation *delegation, const char *why)
{
	char zone[R53_NAME_SIZE];
	r53_name_show(delegation->zone, zone);
	snprintf(delegation->sentence, sizeof(delegation->sentence), "%.300s: %s, as %s", zone, explain(DELEGATION_UNKNOWN), why);
	end(delegation, DELEGATION_UNKNOWN);
}

/* --- the parent's answer --------------------------------------------------------------------------------------------- */

static enum delegation_result compare(const struct delegation *delegation, const struct rrset *reply)
{
	size_t common = 0;
	for (size_t i = 0; i < reply->count; i++)
		common += rrset_has_value(delegation->expected, delegation->expected_count, reply->values[i]);
	if (common == 0)
		return DELEGATION_OTHER;
	return common == delegation->expected_count && common == reply->count ? DELEGATION_SAME : DELEGATION_PARTLY;
}

static void ask_server(struct delegation *delegation);
static void ask_next_server(struct delegation *delegation);

static void on_delegated(void *arg, const struct rrset *reply)
{
	struct delegation *delegation = arg;
	bool names = reply->count > 0 && (reply->kind == RRSET_REFERRAL || (reply->kind == RRSET_RECORDS && reply->authoritative));
	if (names)
		finish(delegation, compare(delegation, reply), reply->values, reply->count);
	else if ((reply->kind == RRSET_NO_NAME || reply->kind == RRSET_NO_RECORDS) && reply->authoritative)
		finish(delegation, DELEGATION_NONE, NULL, 0);
	else
		take_turn(delegation, ask_server);
}

static void ask_server(struct delegation *delegation)
{
	if (delegation->addr_count == 0) {
		ask_next_server(delegation);
		return;
	}
	question_free(delegation->server);
	delegation->server = question_new_at(delegation->tools.loop, &delegation->addrs[--delegation->addr_count], delegation->tools.try_timeout_ms, NULL);
	if (delegation->server)
		question_ask(delegation->server, delegation->zone, RRSET_NS, on_delegated, delegation);
	else
		take_turn(delegation, ask_server);
}

static void stop_watch(struct delegation *delegation)
{
	if (delegation->watch)
		resolve_unwatch(delegation->watch);
	delegation->watch = NULL;
}

static void on_server_addrs(void *arg, const struct addr *addrs, size_t count, const char *fault)
{
	(void)fault;
	struct delegation *delegation = arg;
	/* IPv4 comes first in `addrs` and is the last put here, so the first asked. */
	delegation->addr_count = 0;
	if (count > 0 && addrs[count - 1].kind != addrs[0].kind)
		delegation->addrs[delegation->addr_count++] = addrs[count - 1];
	if (count > 0)
		delegation->addrs[delegation->addr_count++] = addrs[0];
	stop_watch(delegation); /* `addrs` are gone */
	take_turn(delegation, ask_server);
}

static void ask_next_server(struct delegation *delegation)
{
	char name[R53_NAME_SIZE];
	if (delegation->at == delegation->parent_count) {
		give_up(delegation, "no name server of its parent could be asked");
		return;
	}
	r53_name_show(delegation->parents[delegation->at++], name);
	delegation->watch = resolver_watch(delegation->tools.resolver, name, delegation->tools.port, ADDR_MIN_MS, on_server_addrs, delegation);
}

/* --- the way to the parent ------------------------------------------------------------------------------------------- */

static void ask_parent(struct delegation *delegation);

/* One label up; the root has no parent. */
static bool climb(struct delegation *delegation)
{
	const char *dot = strchr(delegation->parent, '.');
	if (strcmp(delegation->parent, ".") == 0 || delegation->climbed++ == CLIMB_MAX)
		return false;
	const char *up = dot[1] ? dot + 1 : ".";
	memmove(delegation->parent, up, strlen(up) + 1);
	return true;
}

static void on_parent(void *arg, const struct rrset *reply)
{
	struct delegation *delegation = arg;
	if (reply->kind == RRSET_RECORDS) {
		delegation->parent_count = reply->count < PARENT_SERVERS_MAX ? reply->count : PARENT_SERVERS_MAX;
		for (size_t i = 0; i < delegation->parent_count; i++)
			delegation->parents[i] = memory_text(reply->values[i]);
		take_turn(delegation, ask_next_server);
	} else if (reply->kind != RRSET_NO_RECORDS && reply->kind != RRSET_NO_NAME && reply->kind != RRSET_ALIAS)
		give_up(delegation, "the resolver of this host did not tell who serves its parent");
	else if (climb(delegation))
		take_turn(delegation, ask_parent);
	else
		give_up(delegation, "the resolver of this host knows no zone above it");
}

static void ask_parent(struct delegation *delegation)
{
	question_ask(delegation->resolver, delegation->parent, RRSET_NS, on_parent, delegation);
}

static void end_questions(struct delegation *delegation)
{
	stop_watch(delegation);
	question_free(delegation->server);
	question_free(delegation->resolver);
	delegation->server = delegation->resolver = NULL;
}

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct delegation *delegation = arg;
	end_questions(delegation);
	give_up(delegation, "asking took too long");
}

/* --- begin ----------------------------------------------------------------------------------------------------------- */

static bool read_zone(struct delegation *delegation, const char *zone, const char *const *name_servers, size_t count, struct err *err)
{
	if (!r53_name_make_full(zone, delegation->zone, err))
		return false;
	memcpy(delegation->parent, delegation->zone, sizeof(delegation->parent));
	if (!climb(delegation))
		return err_set(err, "the root has no parent to ask");
	if (count == 0 || count > NAME_SERVERS_MAX)
		return err_set(err, "a zone has 1 to %u name servers, not %zu", NAME_SERVERS_MAX, count);
	for (size_t i = 0; i < count; i++) {
		char full[R53_NAME_SIZE];
		if (!r53_name_make_full(name_servers[i], full, err))
			return false;
		delegation->expected[delegation->expected_count++] = memory_text(full);
	}
	delegation->expected_count = rrset_sort_values(delegation->expected, delegation->expected_count);
	return true;
}

static void start(struct delegation *delegation)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	delegation->turn = evtimer_new(delegation->tools.loop, on_turn, delegation);
	delegation->patience = evtimer_new(delegation->tools.loop, on_patience, delegation);
	if (!delegation->turn || !delegation->patience)
		abort(); /* out of memory */
	evtimer_add(delegation->patience, &patience);
	take_turn(delegation, ask_parent);
}

struct delegation *delegation_check(const struct delegation_tools *tools, const char *zone, const char *const *name_servers, size_t count,
	delegation_checked *checked, void *arg, struct err *err)
{
	const struct question_options options = {.servers = tools->resolver_servers, .try_timeout_ms = tools->try_timeout_ms, .recurse = true};
	struct delegation *delegation = memory_new(sizeof(*delegation));
	delegation->tools = *tools;
	delegation->tools.port = tools->port ? tools->port : DNS_PORT;
	delegation->checked = checked;
	delegation->arg = arg;
	if (read_zone(delegation, zone, name_servers, count, err))
		delegation->resolver = question_new(tools->loop, &options, err);
	if (!delegation->resolver) {
		delegation_free(delegation);
		return NULL;
	}
	start(delegation);
	return delegation;
}

void delegation_free(struct delegation *delegation)
{
	if (!delegation)
		return;
	end_questions(delegation);
	for (size_t i = 0; i < delegation->expected_count; i++)
		free(delegation->expected[i]);
	for (size_t i = 0; i < delegation->parent_count; i++)
		free(delegation->parents[i]);
	if (delegation->turn)
		event_free(delegation->turn);
	if (delegation->patience)
		event_free(delegation->patience);
	free(delegation);
}

const char *delegation_word(enum delegation_result result)
{
	static const char *const WORDS[] = {
		[DELEGATION_SAME] = "same",
		[DELEGATION_PARTLY] = "partly",
		[DELEGATION_OTHER] = "other",
		[DELEGATION_NONE] = "none",
		[DELEGATION_UNKNOWN] = "unknown",
	};
	return WORDS[result];
}
