/* Accepting. Making sockets happens on the control thread, all else on the worker's. */
#include "proxy/listener.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/client.h"
#include "proxy/worker.h"

#define ACCEPTS_A_WAKE_UP 16
#define PAUSE_MS 100u
#define BACKLOG 4096

struct listener {
	struct event event;
	struct deadline deadline;
	struct worker *worker;
	int fd;
	unsigned limit, open; /* connections; limit 0: none */
	bool proxy_protocol;
	const char *preview; /* the proxy's */
};

static bool set_options(int fd, const struct addr *addr, struct err *err)
{
	int on = 1, off = 0;
	if (addr->kind == ADDR_UNIX)
		return true;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
		return err_set(err, "cannot set socket options: %s", strerror(errno));
	/* Accepted sockets inherit these two. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (addr->kind == ADDR_IPV6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, IN6_IS_ADDR_UNSPECIFIED(&addr->to.v6.sin6_addr) ? &off : &on, sizeof(on));
	return true;
}

/* A socket file that nobody listens on is left over from a process that was killed. */
static void remove_stale(const struct addr *addr)
{
	struct stat status;
	if (addr->kind != ADDR_UNIX || lstat(addr->to.un.sun_path, &status) != 0 || !S_ISSOCK(status.st_mode))
		return;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, &addr->to.any, addr->length) != 0 && errno == ECONNREFUSED)
		unlink(addr->to.un.sun_path);
	close(fd);
}

/* SO_REUSEPORT would let a second process of the same user share the port unseen, so the first socket of an address is tried without it. */
static bool is_taken(const struct addr *addr)
{
	if (addr->kind == ADDR_UNIX || addr->port == 0)
		return false;
	int fd = socket(addr->to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, off = 0;
	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (addr->kind == ADDR_IPV6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, IN6_IS_ADDR_UNSPECIFIED(&addr->to.v6.sin6_addr) ? &off : &on, sizeof(on));
	bool taken = bind(fd, &addr->to.any, addr->length) != 0 && errno == EADDRINUSE;
	close(fd);
	return taken;
}

int listener_bind(const struct addr *addr, struct addr *bound, struct err *err)
{
	char text[ADDR_TEXT_SIZE];
	addr_format(addr, text, sizeof(text));
	if (bound && is_taken(addr)) {
		err_set(err, "cannot listen on %s: the address is already in use; stop the program that has it, or choose another address in `listen`", text);
		return -1;
	}
	remove_stale(addr);
	int fd = socket(addr->to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		err_set(err, "cannot listen on %s: %s", text, strerror(errno));
		return -1;
	}
	if (!set_options(fd, addr, err)) {
		close(fd);
		return -1;
	}
	if (bind(fd, &addr->to.any, addr->length) != 0 || listen(fd, BACKLOG) != 0) {
		err_set(err, "cannot listen on %s: %s%s", text, strerror(errno),
			errno == EACCES ? "; ports below 1024 need the capability CAP_NET_BIND_SERVICE" : "");
		close(fd);
		return -1;
	}
	if (bound) {
		struct sockaddr_storage name;
		socklen_t length = sizeof(name);
		getsockname(fd, (struct sockaddr *)&name, &length);
		addr_from_socket((struct sockaddr *)&name, length, bound);
	}
	return fd;
}

/* Each worker may have its share of a limit. */
static uint64_t share_of(const struct table *table, unsigned limit)
{
	return (limit + table->workers - 1) / table->workers;
}

static void pause_accepting(struct listener *listener, enum limit limit)
{
	struct worker *worker = listener->worker;
	worker_count(&worker->counters.limits[limit], 1);
	worker_count(&worker->counters.accept_paused, 1);
	event_del(&listener->event);
	worker_arm(worker, &listener->deadline, DEADLINE_accept, PAUSE_MS);
}

void listener_on_deadline(struct deadline *deadline)
{
	struct listener *listener = (struct listener *)((char *)deadline - offsetof(struct listener, deadline));
	event_add(&listener->event, NULL);
}

/* One connection. False when nothing more is to be accepted now. */
static bool accept_one(struct listener *listener)
{
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);
	int fd = accept4(listener->fd, (struct sockaddr *)&from, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accepting(listener, LIMIT_descriptors);
		return errno == ECONNABORTED || errno == EINTR;
	}
	unsigned index = (unsigned)(listener - listener->worker->listeners);
	client_open(listener->worker, fd, index, listener->proxy_protocol, (struct sockaddr *)&from, length);
	return true;
}

const char *listener_preview(const struct worker *worker, unsigned index)
{
	return index < worker->listener_count ? worker->listeners[index].preview : NULL;
}

void listener_on_client_open(struct worker *worker, unsigned index)
{
	worker->listeners[index].open++;
}

void listener_on_client_close(struct worker *worker, unsigned index)
{
	if (index < worker->listener_count) /* they go before their last connections when the worker drains */
		worker->listeners[index].open--;
}

/* Pauses where a limit is reached. */
static bool is_full(struct listener *listener)
{
	struct worker *worker = listener->worker;
	const struct table *table = worker->table;
	bool full = atomic_load_explicit(&worker->counters.open, memory_order_relaxed) >= share_of(table, table->globals.connections);
	bool own_full = listener->limit > 0 && listener->open >= share_of(table, listener->limit);
	if (full || own_full)
		pause_accepting(listener, full ? LIMIT_connections : LIMIT_listener);
	return full || own_full;
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct listener *listener = arg;
	for (int i = 0; i < ACCEPTS_A_WAKE_UP; i++) {
		if (is_full(listener) || !accept_one(listener))
			return;
	}
}

bool listener_add(struct worker *worker, int fd, const struct proxy_listen *listen, struct err *err)
{
	struct listener *all = realloc(worker->listeners, (worker->listener_count + 1) * sizeof(*all));
	if (!all)
		return err_set(err, "out of memory for a listener");
	struct listener *listener = &all[worker->listener_count++];
	memset(listener, 0, sizeof(*listener));
	listener->fd = fd;
	listener->worker = worker;
	listener->limit = listen->connections;
	listener->proxy_protocol = listen->proxy_protocol;
	listener->preview = listen->preview;
	worker->listeners = all;
	return true;
}

bool listener_start_all(struct worker *worker, struct err *err)
{
	for (unsigned i = 0; i < worker->listener_count; i++) {
		struct listener *listener = &worker->listeners[i];
		event_assign(&listener->event, worker->base, listener->fd, EV_READ | EV_PERSIST, on_event, listener);
		if (event_add(&listener->event, NULL) != 0)
			return err_set(err, "cannot watch a listener of worker %u", worker->index);
	}
	return true;
}

void listener_close_all(struct worker *worker, bool accept_queued)
{
	for (unsigned i = 0; i < worker->listener_count; i++) {
		struct listener *listener = &worker->listeners[i];
		if (event_initialized(&listener->event)) {
			event_del(&listener->event);
			while (accept_queued && accept_one(listener)) {
			}
		}
		deadline_disarm(&listener->deadline);
		close(listener->fd);
	}
	free(worker->listeners);
	worker->listeners = NULL;
	worker->listener_count = 0;
}
