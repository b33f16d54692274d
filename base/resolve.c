/* c-ares on the control loop: it says which sockets it wants watched, libevent watches them. Control thread.
 * Keeps what is known when a look-up fails; does not choose among addresses. */
#include "base/resolve.h"

#include <ares.h>
#include <assert.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define TRY_TIMEOUT_MS 2000u
#define TRIES 2
#define PAUSE_MAX_MS 60000u
#define RETRY_MIN_MS 1000u
#define RETRY_MAX_MS 30000u
/* A name with more addresses than this is cut: nobody means it as a list of backends. */
#define ADDRS_MAX 64u

struct resolver_socket {
	struct resolver_socket *next;
	struct event *event;
	evutil_socket_t fd;
};

struct resolver {
	struct event_base *loop;
	ares_channel channel;
	struct event *timer;
	struct resolver_socket *sockets;
	struct resolve_watch *watches;
	unsigned pending; /* look-ups under way */
	bool inside;      /* c-ares is on the stack */
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

static void arm_timer(struct resolver *resolver)
{
	struct timeval in;
	if (ares_timeout(resolver->channel, NULL, &in))
		evtimer_add(resolver->timer, &in);
	else
		evtimer_del(resolver->timer);
}

static void process(struct resolver *resolver, evutil_socket_t readable, evutil_socket_t writable)
{
	resolver->inside = true;
	ares_process_fd(resolver->channel, readable, writable);
	resolver->inside = false;
	arm_timer(resolver);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	process(arg, what & EV_READ ? fd : ARES_SOCKET_BAD, what & EV_WRITE ? fd : ARES_SOCKET_BAD);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	process(arg, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void forget_socket(struct resolver *resolver, evutil_socket_t fd)
{
	struct resolver_socket **link = &resolver->sockets;
	while (*link && (*link)->fd != fd)
		link = &(*link)->next;
	struct resolver_socket *found = *link;
	if (!found)
		return;
	*link = found->next;
	event_free(found->event);
	free(found);
}

static void on_ares_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct resolver *resolver = arg;
	forget_socket(resolver, fd);
	if (!readable && !writable)
		return;
	struct resolver_socket *socket = memory_new(sizeof(*socket));
	socket->fd = fd;
	socket->event = event_new(resolver->loop, fd, (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0) | EV_PERSIST), on_socket, resolver);
	if (!socket->event || event_add(socket->event, NULL) != 0)
		abort(); /* out of memory */
	socket->next = resolver->sockets;
	resolver->sockets = socket;
}

static struct timespec when_changed(void)
{
	struct stat file;
	return stat(RESOLV_CONF, &file) == 0 ? file.st_mtim : (struct timespec){0};
}

static bool open_channel(struct resolver *resolver, struct err *err)
{
	struct ares_options options = {
		.timeout = (int)resolver->try_timeout_ms,
		.tries = TRIES,
		.sock_state_cb = on_ares_socket,
		.sock_state_cb_data = resolver,
	};
	resolver->conf_changed = when_changed();
	int fault = ares_init_options(&resolver->channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
	if (fault != ARES_SUCCESS)
		return err_set(err, "names can't be looked up: %s", ares_strerror(fault));
	if (!resolver->servers)
		return true;
	fault = ares_set_servers_ports_csv(resolver->channel, resolver->servers);
	if (fault == ARES_SUCCESS)
		return true;
	ares_destroy(resolver->channel);
	return err_set(err, "DNS servers \"%s\": %s", resolver->servers, ares_strerror(fault));
}

/* c-ares reads the system's servers only once, and a daemon outlives them. */
static void follow_system(struct resolver *resolver)
{
	struct timespec changed = when_changed();
	if (resolver->pending > 0 || (changed.tv_sec == resolver->conf_changed.tv_sec && changed.tv_nsec == resolver->conf_changed.tv_nsec))
		return;
	ares_channel old = resolver->channel;
	if (open_channel(resolver, NULL))
		ares_destroy(old);
	else
		resolver->channel = old;
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
	resolver->inside = true;
	ares_getaddrinfo(resolver->channel, watch->name, NULL, &hints, on_found, watch->lookup); /* may call back at once: `watch` may be gone */
	resolver->inside = false;
	arm_timer(resolver);
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
	int fault = ares_library_init(ARES_LIB_INIT_ALL);
	if (fault != ARES_SUCCESS) {
		err_set(err, "names can't be looked up: %s", ares_strerror(fault));
		return NULL;
	}
	struct resolver *resolver = memory_new(sizeof(*resolver));
	resolver->loop = loop;
	resolver->try_timeout_ms = TRY_TIMEOUT_MS;
	if (!open_channel(resolver, err)) {
		free(resolver);
		ares_library_cleanup();
		return NULL;
	}
	resolver->timer = evtimer_new(loop, on_timer, resolver);
	if (!resolver->timer)
		abort(); /* out of memory */
	return resolver;
}

bool resolver_set_servers(struct resolver *resolver, const char *servers, unsigned try_timeout_ms, struct err *err)
{
	assert(resolver->pending == 0);
	free(resolver->servers);
	resolver->servers = memory_text(servers);
	resolver->try_timeout_ms = try_timeout_ms;
	ares_channel old = resolver->channel;
	if (open_channel(resolver, err)) {
		ares_destroy(old);
		return true;
	}
	resolver->channel = old;
	return false;
}

void resolver_free(struct resolver *resolver)
{
	if (!resolver)
		return;
	assert(!resolver->inside);
	while (resolver->watches)
		resolve_unwatch(resolver->watches);
	ares_destroy(resolver->channel); /* ends the look-ups under way */
	event_free(resolver->timer);
	free(resolver->servers);
	free(resolver);
	ares_library_cleanup();
}
