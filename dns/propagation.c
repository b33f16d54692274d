/* Servers asked in turns, their answers kept, safe_at worked out from them. Control thread.
 * What an answer is, dns/version judges; the formula is dns/safe_at's. Nothing here acts on what it finds. */
#include "dns/propagation.h"

#include <assert.h>
#include <event2/event.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/resolve.h"
#include "dns/question.h"
#include "dns/r53_name.h"
#include "dns/safe_at.h"
#include "dns/version.h"

/* A name server with more addresses is asked at these. */
#define ADDRS_MAX 8u
/* Between samples of a weighted record, and when there is nothing new to expect: pace / 10, and pace * 6. */
#define HURRY 10u
#define LEISURE 6u
#define ADDR_MIN_MS 1000u

struct server {
	struct propagation *owner;
	struct propagation_server *status;
	struct resolve_watch *watch; /* NULL: given as an address */
	struct addr addrs[ADDRS_MAX], asked;
	size_t count, at;
	struct question *question; /* at `asked`; NULL before the first */
	struct event *due;
};

/* The addresses of an alias's target, followed. */
struct target {
	struct propagation *owner;
	struct resolve_watch *watch; /* NULL: no alias */
	struct version version;
};

struct propagation {
	struct event_base *loop;
	unsigned pace_ms, samples;
	bool slackens;
	int try_timeout_ms;
	char name[R53_NAME_SIZE];
	enum rrset_type type;
	struct target old, new;
	uint64_t earlier_until_ms;
	struct safe_at_version strange; /* of all answers that were not new, the one that lasts longest */
	uint64_t wall_ms, mono_ms;      /* the same moment, at the start */
	struct server servers[PROPAGATION_SERVERS_MAX];
	struct propagation_status status;
	struct event *tell;
	propagation_changed *changed;
	void *arg;
};

/* --- what is told ---------------------------------------------------------------------------------------------------- */

static void arm(struct event *timer, uint64_t ms)
{
	const struct timeval in = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
	evtimer_add(timer, &in);
}

static void on_tell(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct propagation *propagation = arg;
	propagation->changed(propagation->arg, &propagation->status);
}

static void count_servers(struct propagation_status *status)
{
	status->agreeing = status->old = status->other = status->faulty = 0;
	for (size_t i = 0; i < status->count; i++) {
		const struct propagation_server *server = &status->servers[i];
		status->agreeing += server->agrees;
		status->old += server->answer == PROPAGATION_OLD;
		status->other += server->answer == PROPAGATION_OTHER || server->answer == PROPAGATION_ABSENT;
		status->faulty += server->fault != PROPAGATION_FINE;
	}
}

/* Until a server is seen to give the new answer, it may have given the old one. */
static uint64_t find_safe_at(const struct propagation *propagation)
{
	const struct propagation_status *status = &propagation->status;
	struct safe_at_version versions[PROPAGATION_SERVERS_MAX + 3];
	size_t count = 0;
	for (size_t i = 0; i < status->count; i++)
		versions[count++] = (struct safe_at_version){status->servers[i].new_since_ms, status->old_ttl_s};
	versions[count++] = (struct safe_at_version){status->insync_ms, status->old_ttl_s};
	versions[count++] = (struct safe_at_version){propagation->earlier_until_ms, 0};
	versions[count++] = propagation->strange;
	return safe_at_compute(versions, count);
}

/* Everything in the status that follows from the servers. */
static void refresh(struct propagation *propagation)
{
	struct propagation_status *status = &propagation->status;
	count_servers(status);
	bool agree = status->agreeing == status->count;
	if (agree != status->agree)
		status->agreed_ms = agree ? clock_mono_ms() : 0;
	status->agree = agree;
	status->safe_at_ms = agree && status->insync_ms ? find_safe_at(propagation) : 0;
	status->safe_at_wall_ms = status->safe_at_ms ? safe_at_to_wall(status->safe_at_ms, propagation->wall_ms, propagation->mono_ms) : 0;
}

static bool same_news(const struct propagation_server *a, const struct propagation_server *b)
{
	return a->answer == b->answer && a->fault == b->fault && a->ttl_s == b->ttl_s && a->agrees == b->agrees;
}

/* After a server's part of the status changed from `before`. */
static void take_change(struct server *server, const struct propagation_server *before)
{
	struct propagation *propagation = server->owner;
	uint64_t safe_at_ms = propagation->status.safe_at_ms;
	refresh(propagation);
	if (!same_news(before, server->status) || safe_at_ms != propagation->status.safe_at_ms)
		arm(propagation->tell, 0);
}

/* --- answers --------------------------------------------------------------------------------------------------------- */

static enum propagation_fault find_fault(const struct rrset *reply)
{
	switch (reply->kind) {
	case RRSET_RECORDS:
	case RRSET_ALIAS:
	case RRSET_NO_RECORDS:
	case RRSET_NO_NAME:
		return reply->authoritative ? PROPAGATION_FINE : PROPAGATION_LAME;
	case RRSET_REFERRAL:
		return PROPAGATION_LAME;
	case RRSET_REFUSED:
		return PROPAGATION_REFUSED;
	case RRSET_FAILED:
		return PROPAGATION_FAILED;
	case RRSET_SILENT:
		return PROPAGATION_SILENT;
	case RRSET_UNREACHABLE:
		return PROPAGATION_UNREACHABLE;
	case RRSET_GARBLED:
		break;
	}
	return PROPAGATION_GARBLED;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static void take_new(struct propagation *propagation, struct propagation_server *status)
{
	if (status->run < propagation->samples) /* the old answer may be one that had its turn in between */
		status->new_since_ms = status->answered_ms;
	if (status->run < UINT_MAX)
		status->run++;
	propagation->status.new_ttl_s = larger(propagation->status.new_ttl_s, status->ttl_s);
}

static void take_strange(struct propagation *propagation, struct propagation_server *status)
{
	const struct safe_at_version seen = {status->answered_ms, status->ttl_s};
	status->run = 0;
	status->new_since_ms = 0;
	propagation->status.old_ttl_s = larger(propagation->status.old_ttl_s, status->ttl_s);
	if (safe_at_compute(&seen, 1) > safe_at_compute(&propagation->strange, 1))
		propagation->strange = seen;
}

static void take_answer(struct server *server, const struct rrset *reply)
{
	struct propagation *propagation = server->owner;
	struct propagation_server *status = server->status;
	status->answer = version_judge(&propagation->old.version, &propagation->new.version, reply);
	status->ttl_s = reply->ttl_s;
	status->answered_ms = clock_mono_ms();
	if (status->answer == PROPAGATION_NEW || status->answer == PROPAGATION_EITHER)
		take_new(propagation, status);
	else
		take_strange(propagation, status);
	status->agrees = status->run >= propagation->samples;
}

static uint64_t choose_pause(const struct server *server)
{
	const struct propagation *propagation = server->owner;
	const struct propagation_server *status = server->status;
	uint64_t pace_ms = propagation->pace_ms;
	if (status->fault != PROPAGATION_FINE)
		return pace_ms * (status->faults < LEISURE ? status->faults : LEISURE);
	if (status->run > 0 && !status->agrees)
		return pace_ms / HURRY;
	return propagation->slackens && propagation->status.agree ? pace_ms * LEISURE : pace_ms;
}

static void on_answered(void *arg, const struct rrset *reply)
{
	struct server *server = arg;
	struct propagation_server before = *server->status;
	enum propagation_fault fault = find_fault(reply);
	server->status->fault = fault;
	if (fault == PROPAGATION_FINE) {
		server->status->faults = 0;
		take_answer(server, reply);
	} else if (server->status->faults < UINT_MAX)
		server->status->faults++;
	if ((fault == PROPAGATION_SILENT || fault == PROPAGATION_UNREACHABLE) && server->count > 0)
		server->at = (server->at + 1) % server->count; /* IPv6 beside IPv4 */
	take_change(server, &before);
	arm(server->due, choose_pause(server));
}

/* --- asking ---------------------------------------------------------------------------------------------------------- */

/* The channel to the address whose turn it is. */
static bool open_question(struct server *server)
{
	const struct addr *addr = &server->addrs[server->at];
	if (server->question && addr_equal(&server->asked, addr))
		return true;
	question_free(server->question);
	server->asked = *addr;
	addr_format(addr, server->status->address, sizeof(server->status->address));
	server->question = question_new_at(server->owner->loop, addr, server->owner->try_timeout_ms, NULL);
	return server->question;
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct server *server = arg;
	const struct rrset nothing = {.kind = RRSET_UNREACHABLE};
	if (open_question(server))
		question_ask(server->question, server->owner->name, server->owner->type, on_answered, server);
	else
		on_answered(server, &nothing);
}

static void on_server_addrs(void *arg, const struct addr *addrs, size_t count, const char *fault)
{
	(void)fault;
	struct server *server = arg;
	struct propagation_server before = *server->status;
	if (count == 0) {
		if (server->count == 0)
			server->status->fault = PROPAGATION_UNRESOLVED;
		take_change(server, &before);
		return;
	}
	bool first = server->count == 0;
	server->count = count < ADDRS_MAX ? count : ADDRS_MAX;
	server->at = 0;
	memcpy(server->addrs, addrs, server->count * sizeof(*addrs));
	if (first)
		arm(server->due, 0);
}

static void on_target_addrs(void *arg, const struct addr *addrs, size_t count, const char *fault)
{
	(void)fault; /* those known before stay valid */
	struct target *target = arg;
	bool known = target->version.count > 0;
	for (size_t i = 0; i < count; i++)
		version_add_address(&target->version, &addrs[i]);
	if (known || target->version.count == 0)
		return;
	target->owner->status.targets_unknown--;
	arm(target->owner->tell, 0);
}

/* --- start and stop -------------------------------------------------------------------------------------------------- */

static struct event *make_timer(struct event_base *loop, event_callback_fn due, void *arg)
{
	struct event *timer = evtimer_new(loop, due, arg);
	if (!timer)
		abort(); /* out of memory */
	return timer;
}

static void start_server(struct propagation *propagation, const struct addr *from, struct resolver *resolver)
{
	struct server *server = &propagation->servers[propagation->status.count];
	server->owner = propagation;
	server->status = &propagation->status.servers[propagation->status.count++];
	server->due = make_timer(propagation->loop, on_due, server);
	addr_format(from, server->status->name, sizeof(server->status->name));
	if (from->kind == ADDR_NAME) {
		server->watch = resolver_watch(resolver, from->to.name, from->port, ADDR_MIN_MS, on_server_addrs, server);
		return;
	}
	server->addrs[server->count++] = *from;
	arm(server->due, 0);
}

static void start_target(struct propagation *propagation, struct target *target, struct resolver *resolver)
{
	if (!target->version.alias)
		return;
	target->owner = propagation;
	propagation->status.targets_unknown++;
	target->watch = resolver_watch(resolver, target->version.target, 0, ADDR_MIN_MS, on_target_addrs, target);
}

static bool read_what(struct propagation *propagation, const struct propagation_what *what, struct err *err)
{
	propagation->type = what->type;
	propagation->samples = what->samples ? what->samples : 1;
	propagation->earlier_until_ms = what->earlier_until_ms;
	propagation->status.old_ttl_s = what->old.ttl_s;
	if (!r53_name_make_full(what->name, propagation->name, err) || !version_init(&propagation->old.version, &what->old, what->type, err))
		return false;
	return version_init(&propagation->new.version, &what->new, what->type, err);
}

static bool check_servers(const struct addr *servers, size_t count, struct err *err)
{
	if (count == 0 || count > PROPAGATION_SERVERS_MAX)
		return err_set(err, "a zone has 1 to %u name servers to ask, not %zu", PROPAGATION_SERVERS_MAX, count);
	for (size_t i = 0; i < count; i++)
		if (servers[i].kind == ADDR_UNIX)
			return err_set(err, "a name server is an address or a name, not a unix socket (%s)", servers[i].to.un.sun_path);
	return true;
}

struct propagation *propagation_start(const struct propagation_tools *tools, const struct propagation_what *what, const struct addr *servers, size_t count,
	propagation_changed *changed, void *arg, struct err *err)
{
	if (!check_servers(servers, count, err))
		return NULL;
	struct propagation *propagation = memory_new(sizeof(*propagation));
	propagation->loop = tools->loop;
	propagation->pace_ms = tools->pace_ms ? tools->pace_ms : PROPAGATION_PACE_MS;
	propagation->slackens = tools->slackens;
	propagation->try_timeout_ms = tools->try_timeout_ms;
	propagation->changed = changed;
	propagation->arg = arg;
	propagation->mono_ms = clock_mono_ms();
	propagation->wall_ms = clock_wall_ms();
	if (!read_what(propagation, what, err)) {
		propagation_stop(propagation);
		return NULL;
	}
	propagation->tell = make_timer(tools->loop, on_tell, propagation);
	start_target(propagation, &propagation->old, tools->resolver);
	start_target(propagation, &propagation->new, tools->resolver);
	for (size_t i = 0; i < count; i++)
		start_server(propagation, &servers[i], tools->resolver);
	return propagation;
}

void propagation_note_insync(struct propagation *propagation, uint64_t insync_ms)
{
	if (propagation->status.insync_ms)
		return;
	propagation->status.insync_ms = insync_ms;
	refresh(propagation);
	arm(propagation->tell, 0);
}

const struct propagation_status *propagation_status(const struct propagation *propagation)
{
	return &propagation->status;
}

static void stop_server(struct server *server)
{
	if (server->watch)
		resolve_unwatch(server->watch);
	question_free(server->question);
	event_free(server->due);
}

static void stop_target(struct target *target)
{
	if (target->watch)
		resolve_unwatch(target->watch);
	version_fini(&target->version);
}

void propagation_stop(struct propagation *propagation)
{
	if (!propagation)
		return;
	for (size_t i = 0; i < propagation->status.count; i++)
		stop_server(&propagation->servers[i]);
	stop_target(&propagation->old);
	stop_target(&propagation->new);
	if (propagation->tell)
		event_free(propagation->tell);
	free(propagation);
}
