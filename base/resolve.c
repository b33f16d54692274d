/* Names to addresses: when to look up again, and what to believe. Control thread; base/channel carries the questions.
 * Keeps what is known when a look-up fails; does not choose among addresses. */
#include "base/resolve.h"

#include <assert.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/channel.h"
#include "base/memory.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define TRY_TIMEOUT_MS 2000u
#define TRIES 2
#define PAUSE_MAX_MS 60000u
#define RETRY_MIN_MS 1000u
#define RETRY_MAX_MS 30000u
/* A name with more addresses than this is cut: nobody means it as a list of backends. */
#define ADDRS_MAX 64u

struct resolver {
	struct event_base *loop;
	struct channel *channel;
	struct resolve_watch *watches;
	unsigned pending; /* look-ups under way */
	char *servers;    /* instead of those of the system, or NULL */
	unsigned try_timeout_ms;
	struct timespec conf_changed; /* of the file that c-ares read */
};

/* One look-up. It outlives its watch, because c-ares can't forget a single one. */
struct lookup {
	struct resolver *resolver;
	struct resolve_watch *watch; /* NULL: nobody waits any more */
};

struct resolve_watch {
	struct resolver *resolver;
	struct resolve_watch *next, **link;
	char *name;
	uint16_t port;
	uint64_t min_ms;
	resolve_changed *changed;
	void *arg;

	struct event *due;
	struct lookup *lookup; /* NULL: none under way */
	unsigned failures;     /* since the last success */
	bool doubted;          /* the last answer lacked a family that was known */
	struct addr *addrs;
	size_t count;
};

/* --- the channel ---------------------------------------------------------------------------------------------------- */

static struct timespec when_changed(void)
{
	struct stat file;
	return stat(RESOLV_CONF, &file) == 0 ? file.st_mtim : (struct timespec){0};
}

static struct channel *open_channel(struct resolver *resolver, struct err *err)
{
	const struct channel_options options = {.servers = resolver->servers, .try_timeout_ms = (int)resolver->try_timeout_ms, .tries = TRIES};
	resolver->conf_changed = when_changed();
	return channel_new(resolver->loop, &options, err);
}

/* Keeps the old channel when there is no new one. No look-up may be under way. */
static bool renew_channel(struct resolver *resolver, struct err *err)
{
	struct channel *new = open_channel(resolver, err);
	if (!new)
		return false;
	channel_free(resolver->channel);
	resolver->channel = new;
	return true;
}

/* c-ares reads the system's servers only once, and a daemon outlives them. */
static void follow_system(struct resolver *resolver)
{
	struct timespec changed = when_changed();
	if (resolver->pending > 0 || (changed.tv_sec == resolver->conf_changed.tv_sec && changed.tv_nsec == resolver->conf_changed.tv_nsec))
		return;
	renew_channel(resolver, NULL);
}

/* --- results --------------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const struct addr *one = a, *other = b;
	if (one->kind != other->kind)
		return one->kind == ADDR_IPV4 ? -1 : 1;
	if (one->kind == ADDR_IPV4)
		return memcmp(&one->to.v4.sin_addr, &other->to.v4.sin_addr, sizeof(one->to.v4.sin_addr));
	return memcmp(&one->to.v6.sin6_addr, &other->to.v6.sin6_addr, sizeof(one->to.v6.sin6_addr));
}

/* Sorted, each once. Returns how many; *ttl_s is the shortest. */
static size_t read_addrs(const struct ares_addrinfo *info, uint16_t port, struct addr addrs[ADDRS_MAX], uint64_t *ttl_s)
{
	size_t count = 0, unique = 0;
	*ttl_s = PAUSE_MAX_MS / 1000;
	for (const struct ares_addrinfo_node *node = info->nodes; node && count < ADDRS_MAX; node = node->ai_next) {
		addr_from_socket(node->ai_addr, node->ai_addrlen, &addrs[count]);
		addrs[count].port = port;
		if (addrs[count].kind == ADDR_IPV4)
			addrs[count].to.v4.sin_port = htons(port);
		else
			addrs[count].to.v6.sin6_port = htons(port);
		count++;
		uint64_t ttl = node->ai_ttl > 0 ? (uint64_t)node->ai_ttl : 0;
		*ttl_s = ttl < *ttl_s ? ttl : *ttl_s;
	}
	qsort(addrs, count, sizeof(*addrs), compare);
	for (size_t i = 0; i < count; i++)
		if (unique == 0 || !addr_equal(&addrs[unique - 1], &addrs[i]))
			addrs[unique++] = addrs[i];
	return unique;
}

static bool same_addrs(const struct resolve_watch *watch, const struct addr *addrs, size_t count)
{
	if (watch->count != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!addr_equal(&watch->addrs[i], &addrs[i]))
			return false;
	return true;
}

static bool has_kind(const struct addr *addrs, size_t count, enum addr_kind kind)
{
	for (size_t i = 0; i < count; i++)
		if (addrs[i].kind == kind)
			return true;
	return false;
}

/* Of the two questions, A and AAAA, c-ares does not tell when just one failed. */
static bool lacks_family(const struct resolve_watch *watch, const struct addr *addrs, size_t count)
{
	for (enum addr_kind kind = ADDR_IPV4; kind <= ADDR_IPV6; kind++)
		if (has_kind(watch->addrs, watch->count, kind) && !has_kind(addrs, count, kind))
			return true;
	return false;
}

static void wait_for_next(struct resolve_watch *watch, uint64_t ms)
{
	struct timeval in = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
	evtimer_add(watch->due, &in);
}

/* The last thing done to a watch in a turn, as is take_fault: `changed` may end it. */
static void take_addrs(struct resolve_watch *watch, const struct ares_addrinfo *info)
{
	struct addr addrs[ADDRS_MAX];
	uint64_t ttl_s;
	size_t count = read_addrs(info, watch->port, addrs, &ttl_s);
	watch->doubted = !watch->doubted && lacks_family(watch, addrs, count);
	if (watch->doubted) {
		wait_for_next(watch, RETRY_MIN_MS);
		return;
	}
	uint64_t pause_ms = ttl_s * 1000;
	wait_for_next(watch, pause_ms > watch->min_ms ? pause_ms : watch->min_ms);
	bool recovered = watch->failures > 0;
	watch->failures = 0;
	if (!recovered && same_addrs(watch, addrs, count))
		return;
	watch->addrs = memory_grow(watch->addrs, count, sizeof(*addrs));
	memcpy(watch->addrs, addrs, count * sizeof(*addrs));
	watch->count = count;
	watch->changed(watch->arg, addrs, count, NULL);
}

static void explain(const char *name, int fault, char *out, size_t size)
{
	switch (fault) {
	case ARES_ENOTFOUND:
		snprintf(out, size, "the name %s does not exist", name);
		return;
	case ARES_ENODATA:
		snprintf(out, size, "the name %s exists but has no address", name);
		return;
	case ARES_ETIMEOUT:
		snprintf(out, size, "no DNS server answered for the name %s", name);
		return;
	case ARES_ECONNREFUSED: /* c-ares says so of SERVFAIL and REFUSED too, once every server was asked */
		snprintf(out, size, "every DNS server failed, refused or was out of reach for the name %s", name);
		return;
	default:
		snprintf(out, size, "the name %s can't be looked up: %s", name, ares_strerror(fault));
	}
}

static void take_fault(struct resolve_watch *watch, int fault)
{
	uint64_t pause_ms = RETRY_MIN_MS;
	for (unsigned i = 0; i < watch->failures && pause_ms < RETRY_MAX_MS; i++)
		pause_ms *= 2;
	wait_for_next(watch, pause_ms < RETRY_MAX_MS ? pause_ms : RETRY_MAX_MS);
	if (watch->failures++ > 0)
		return;
	char sentence[512];
	explain(watch->name, fault, sentence, sizeof(sentence));
	watch->changed(watch->arg, NULL, 0, sentence);
}

static void on_found(void *arg, int fault, int timeouts, struct ares_addrinfo *info)
{
	(void)timeouts;
	struct lookup *lookup = arg;
	struct resolve_watch *watch = lookup->watch;
	lookup->resolver->pending--;
	free(lookup);
	if (watch) {
		watch->lookup = NULL;
		if (fault == ARES_SUCCESS && info && info->nodes)
			take_addrs(watch, info);
		else
			take_fault(watch, fault == ARES_SUCCESS ? ARES_ENODATA : fault);
	}
	if (info)
		ares_freeaddrinfo(info);
}

/* --- watches ----------------------------------------------------------------------------------------------------------- */

static void on_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct resolve_watch *watch = arg;
	struct resolver *resolver = watch->resolver;
	const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = ARES_AI_ENVHOSTS | ARES_AI_NOSORT};
	follow_system(resolver);
	watch->lookup = memory_new(sizeof(*watch->lookup));
	*watch->lookup = (struct lookup){.resolver = resolver, .watch = watch};
	resolver->pending++;
	channel_find_addrs(resolver->channel, watch->name, &hints, on_found, watch->lookup); /* may call back at once: `watch` may be gone */
}

struct resolve_watch *resolver_watch(struct resolver *resolver, const char *name, uint16_t port, uint64_t min_ms, resolve_changed *changed, void *arg)
{
	struct resolve_watch *watch = memory_new(sizeof(*watch));
	watch->resolver = resolver;
	watch->name = memory_text(name);
	watch->port = port;
	watch->min_ms = min_ms;
	watch->changed = changed;
	watch->arg = arg;
	watch->due = evtimer_new(resolver->loop, on_due, watch);
	if (!watch->due)
		abort(); /* out of memory */
	watch->next = resolver->watches;
	watch->link = &resolver->watches;
	if (watch->next)
		watch->next->link = &watch->next;
	resolver->watches = watch;
	wait_for_next(watch, 0);
	return watch;
}

void resolve_unwatch(struct resolve_watch *watch)
{
	*watch->link = watch->next;
	if (watch->next)
		watch->next->link = watch->link;
	if (watch->lookup)
		watch->lookup->watch = NULL;
	event_free(watch->due);
	free(watch->addrs);
	free(watch->name);
	free(watch);
}

struct resolver *resolver_new(struct event_base *loop, struct err *err)
{
	struct resolver *resolver = memory_new(sizeof(*resolver));
	resolver->loop = loop;
	resolver->try_timeout_ms = TRY_TIMEOUT_MS;
	resolver->channel = open_channel(resolver, err);
	if (resolver->channel)
		return resolver;
	free(resolver);
	return NULL;
}

bool resolver_set_servers(struct resolver *resolver, const char *servers, unsigned try_timeout_ms, struct err *err)
{
	assert(resolver->pending == 0);
	free(resolver->servers);
	resolver->servers = memory_text(servers);
	resolver->try_timeout_ms = try_timeout_ms;
	return renew_channel(resolver, err);
}

void resolver_free(struct resolver *resolver)
{
	if (!resolver)
		return;
	while (resolver->watches)
		resolve_unwatch(resolver->watches);
	channel_free(resolver->channel); /* ends the look-ups under way */
	free(resolver->servers);
	free(resolver);
}
