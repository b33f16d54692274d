/* The data path's outside: workers, the published table, what is retired. Control thread. */
#include "proxy/proxy.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/logwriter.h"
#include "base/memory.h"
#include "proxy/listener.h"
#include "proxy/quota.h"
#include "proxy/worker.h"

#define ACCESS_RING_SIZE (1024u * 1024)

struct proxy {
	_Atomic(struct table *) newest;
	struct worker *workers;
	unsigned worker_count;
	struct table *tables; /* all that are not free yet, newest first */
	uint64_t generation;
	struct addr *listens;
	char **previews; /* of each of them: the name of its service, or NULL */
	size_t listen_count;
	struct quota *quota;
	int progress_fd;
	struct event *progress;
	void (*on_progress)(void *arg);
	void *arg;
};

static void on_progress(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct proxy *proxy = arg;
	uint64_t count;
	while (read((int)fd, &count, sizeof(count)) < 0 && errno == EINTR) {
	}
	proxy->on_progress(proxy->arg);
}

/* ---- start and stop ---- */

static void close_fds(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

/* One socket a worker for each address: their own where the port can be shared, else copies of one. */
static bool bind_address(struct proxy *proxy, const struct addr *wanted, struct addr *bound, int *fds, struct err *err)
{
	fds[0] = listener_bind(wanted, bound, err);
	if (fds[0] < 0)
		return false;
	for (unsigned i = 1; i < proxy->worker_count; i++) {
		fds[i] = wanted->kind == ADDR_UNIX ? dup(fds[0]) : listener_bind(bound, NULL, err);
		if (fds[i] < 0) {
			close_fds(fds, i);
			return false;
		}
	}
	return true;
}

static bool bind_all(struct proxy *proxy, const struct proxy_options *options, struct err *err)
{
	int *fds = memory_array(proxy->worker_count, sizeof(*fds));
	bool fine = true;
	proxy->listens = memory_array(options->listen_count, sizeof(*proxy->listens));
	proxy->previews = memory_array(options->listen_count, sizeof(*proxy->previews));
	for (size_t i = 0; fine && i < options->listen_count; i++) {
		struct proxy_listen listen = options->listens[i];
		fine = bind_address(proxy, &listen.address, &proxy->listens[i], fds, err);
		if (!fine)
			break;
		listen.preview = proxy->previews[i] = listen.preview ? memory_text(listen.preview) : NULL;
		proxy->listen_count++;
		for (unsigned w = 0; w < proxy->worker_count; w++) {
			if (fine && !listener_add(&proxy->workers[w], fds[w], &listen, err))
				fine = false;
		}
	}
	free(fds);
	return fine;
}

static void set_access(struct worker *worker, enum proxy_access access, struct logwriter *writer)
{
	struct worker_access *next = memory_new(sizeof(*next));
	next->format = access;
	if (access != PROXY_ACCESS_OFF && writer)
		next->ring = logwriter_add_ring(writer, ACCESS_RING_SIZE);
	free(atomic_exchange_explicit(&worker->next_access, next, memory_order_acq_rel));
}

static bool start_workers(struct proxy *proxy, const struct proxy_options *options, struct err *err)
{
	for (unsigned i = 0; i < proxy->worker_count; i++) {
		if (!worker_init(&proxy->workers[i], i, &proxy->newest, proxy->progress_fd, err))
			return false;
	}
	if (!bind_all(proxy, options, err))
		return false;
	for (unsigned i = 0; i < proxy->worker_count; i++) {
		if (!listener_start_all(&proxy->workers[i], err))
			return false;
	}
	proxy_set_access(proxy, options->access, options->access_writer);
	for (unsigned i = 0; i < proxy->worker_count; i++) {
		if (!worker_start(&proxy->workers[i], err))
			return false;
	}
	return true;
}

struct proxy *proxy_start(const struct proxy_options *options, struct table *first, struct err *err)
{
	assert(options->workers > 0 && options->listen_count <= PROXY_LISTENS_MAX);
	struct proxy *proxy = memory_new(sizeof(*proxy));
	proxy->worker_count = options->workers;
	if (posix_memalign((void **)&proxy->workers, 64, options->workers * sizeof(struct worker)) != 0)
		abort();
	memset(proxy->workers, 0, options->workers * sizeof(struct worker));
	proxy->quota = quota_new(first->globals.connections);
	for (unsigned i = 0; i < options->workers; i++) {
		proxy->workers[i].wake_fd = proxy->workers[i].timer_fd = -1;
		proxy->workers[i].quota = proxy->quota;
	}
	proxy->on_progress = options->on_progress;
	proxy->arg = options->arg;
	first->generation = proxy->generation = 1;
	proxy->tables = first;
	atomic_store(&proxy->newest, first);
	proxy->progress_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (proxy->progress_fd < 0) {
		err_set(err, "cannot set up the proxy: %s", strerror(errno));
		proxy_stop(proxy);
		return NULL;
	}
	proxy->progress = event_new(options->loop, proxy->progress_fd, EV_READ | EV_PERSIST, on_progress, proxy);
	event_add(proxy->progress, NULL);
	if (!start_workers(proxy, options, err)) {
		proxy_stop(proxy);
		return NULL;
	}
	return proxy;
}

void proxy_drain(struct proxy *proxy)
{
	for (unsigned i = 0; i < proxy->worker_count; i++) {
		atomic_store_explicit(&proxy->workers[i].draining, true, memory_order_release);
		worker_wake(&proxy->workers[i]);
	}
}

void proxy_stop(struct proxy *proxy)
{
	for (unsigned i = 0; i < proxy->worker_count; i++)
		worker_join(&proxy->workers[i]);
	for (unsigned i = 0; i < proxy->worker_count; i++)
		worker_fini(&proxy->workers[i]);
	while (proxy->tables) {
		struct table *table = proxy->tables;
		proxy->tables = table->next;
		table_free(table);
	}
	backend_collect();
	if (proxy->progress)
		event_free(proxy->progress);
	if (proxy->progress_fd >= 0)
		close(proxy->progress_fd);
	quota_free(proxy->quota);
	for (size_t i = 0; i < proxy->listen_count; i++)
		free(proxy->previews[i]);
	free(proxy->previews);
	free(proxy->listens);
	free(proxy->workers);
	free(proxy);
}

/* ---- tables ---- */

uint64_t proxy_publish(struct proxy *proxy, struct table *table)
{
	table->generation = ++proxy->generation;
	table->next = proxy->tables;
	proxy->tables = table;
	atomic_store_explicit(&proxy->newest, table, memory_order_release);
	for (unsigned i = 0; i < proxy->worker_count; i++)
		worker_wake(&proxy->workers[i]);
	return proxy->generation;
}

uint64_t proxy_acknowledged(const struct proxy *proxy)
{
	uint64_t oldest = UINT64_MAX;
	for (unsigned i = 0; i < proxy->worker_count; i++) {
		uint64_t seen = atomic_load_explicit(&proxy->workers[i].acknowledged, memory_order_acquire);
		if (seen < oldest)
			oldest = seen;
	}
	return oldest;
}

uint64_t proxy_warmed(const struct proxy *proxy)
{
	uint64_t oldest = UINT64_MAX;
	for (unsigned i = 0; i < proxy->worker_count; i++) {
		uint64_t warmed = atomic_load_explicit(&proxy->workers[i].warmed, memory_order_acquire);
		if (warmed < oldest)
			oldest = warmed;
	}
	return oldest;
}

const struct table *proxy_table(const struct proxy *proxy)
{
	return proxy->tables;
}

void proxy_collect(struct proxy *proxy)
{
	uint64_t acknowledged = proxy_acknowledged(proxy);
	struct table **link = &proxy->tables->next; /* the newest stays */
	while (*link) {
		struct table *table = *link;
		if (table->generation < acknowledged && table_is_quiet(table)) {
			*link = table->next;
			table_free(table);
		} else {
			link = &table->next;
		}
	}
	backend_collect();
}

/* ---- the rest ---- */

void proxy_set_access(struct proxy *proxy, enum proxy_access access, struct logwriter *writer)
{
	for (unsigned i = 0; i < proxy->worker_count; i++)
		set_access(&proxy->workers[i], access, writer);
}

static void add_tls(struct proxy_tls *sum, const struct worker_tls *counters)
{
	sum->full += atomic_load_explicit(&counters->full, memory_order_relaxed);
	sum->resumed += atomic_load_explicit(&counters->resumed, memory_order_relaxed);
	for (unsigned f = 0; f < SECURE_FAULT_COUNT; f++)
		sum->faults[f] += atomic_load_explicit(&counters->faults[f], memory_order_relaxed);
}

void proxy_read_counters(const struct proxy *proxy, struct proxy_counters *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < proxy->worker_count; i++) {
		const struct worker_counters *counters = &proxy->workers[i].counters;
		out->accepted += atomic_load_explicit(&counters->accepted, memory_order_relaxed);
		out->open += atomic_load_explicit(&counters->open, memory_order_relaxed);
		out->idle += atomic_load_explicit(&counters->idle, memory_order_relaxed);
		out->tunnels += atomic_load_explicit(&counters->tunnels, memory_order_relaxed);
		out->tunnels_closed += atomic_load_explicit(&counters->tunnels_closed, memory_order_relaxed);
		out->accept_paused += atomic_load_explicit(&counters->accept_paused, memory_order_relaxed);
		out->unrouted += atomic_load_explicit(&counters->unrouted, memory_order_relaxed);
		for (unsigned l = 0; l < LIMIT_COUNT; l++)
			out->limits[l] += atomic_load_explicit(&counters->limits[l], memory_order_relaxed);
		for (unsigned f = 0; f < FAIL_COUNT; f++) {
			out->fails[f] += atomic_load_explicit(&counters->fails[f], memory_order_relaxed);
			out->replays[f] += atomic_load_explicit(&counters->replays[f], memory_order_relaxed);
		}
		add_tls(&out->clients_tls, &counters->clients_tls);
		add_tls(&out->backends_tls, &counters->backends_tls);
	}
	for (unsigned l = 0; l < LIMIT_COUNT; l++)
		out->limits[l] += limit_count_fails((enum limit)l, out->fails);
}

const struct addr *proxy_listens(const struct proxy *proxy, size_t *count)
{
	*count = proxy->listen_count;
	return proxy->listens;
}
