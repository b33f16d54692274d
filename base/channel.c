/* c-ares on the control loop: it says which sockets it wants watched, libevent watches them. Control thread.
 * Knows no question and reads no answer. */
#include "base/channel.h"

#include <assert.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"

#define CLASS_IN 1

struct channel_socket {
	struct channel_socket *next;
	struct event *event;
	evutil_socket_t fd;
};

struct channel {
	struct event_base *loop;
	ares_channel ares;
	struct event *timer;
	struct channel_socket *sockets;
	unsigned inside; /* c-ares is on the stack, that often */
};

static void arm_timer(struct channel *channel)
{
	struct timeval in;
	if (ares_timeout(channel->ares, NULL, &in))
		evtimer_add(channel->timer, &in);
	else
		evtimer_del(channel->timer);
}

static void process(struct channel *channel, evutil_socket_t readable, evutil_socket_t writable)
{
	channel->inside++;
	ares_process_fd(channel->ares, readable, writable);
	channel->inside--;
	arm_timer(channel);
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

static void forget_socket(struct channel *channel, evutil_socket_t fd)
{
	struct channel_socket **link = &channel->sockets;
	while (*link && (*link)->fd != fd)
		link = &(*link)->next;
	struct channel_socket *found = *link;
	if (!found)
		return;
	*link = found->next;
	event_free(found->event);
	free(found);
}

static void on_ares_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct channel *channel = arg;
	forget_socket(channel, fd);
	if (!readable && !writable)
		return;
	struct channel_socket *socket = memory_new(sizeof(*socket));
	socket->fd = fd;
	socket->event = event_new(channel->loop, fd, (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0) | EV_PERSIST), on_socket, channel);
	if (!socket->event || event_add(socket->event, NULL) != 0)
		abort(); /* out of memory */
	socket->next = channel->sockets;
	channel->sockets = socket;
}

static bool open_ares(struct channel *channel, const struct channel_options *from, struct err *err)
{
	struct ares_options options = {
		.flags = from->flags,
		.timeout = from->try_timeout_ms,
		.tries = from->tries,
		.sock_state_cb = on_ares_socket,
		.sock_state_cb_data = channel,
	};
	int fault = ares_init_options(&channel->ares, &options, ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
	if (fault != ARES_SUCCESS)
		return err_set(err, "names can't be looked up: %s", ares_strerror(fault));
	if (!from->servers)
		return true;
	fault = ares_set_servers_ports_csv(channel->ares, from->servers);
	if (fault == ARES_SUCCESS)
		return true;
	ares_destroy(channel->ares);
	return err_set(err, "DNS servers \"%s\": %s", from->servers, ares_strerror(fault));
}

struct channel *channel_new(struct event_base *loop, const struct channel_options *options, struct err *err)
{
	int fault = ares_library_init(ARES_LIB_INIT_ALL);
	if (fault != ARES_SUCCESS) {
		err_set(err, "names can't be looked up: %s", ares_strerror(fault));
		return NULL;
	}
	struct channel *channel = memory_new(sizeof(*channel));
	channel->loop = loop;
	if (!open_ares(channel, options, err)) {
		free(channel);
		ares_library_cleanup();
		return NULL;
	}
	channel->timer = evtimer_new(loop, on_timer, channel);
	if (!channel->timer)
		abort(); /* out of memory */
	return channel;
}

void channel_free(struct channel *channel)
{
	if (!channel)
		return;
	assert(channel->inside == 0);
	ares_destroy(channel->ares); /* ends the questions under way and has every socket forgotten */
	event_free(channel->timer);
	free(channel);
	ares_library_cleanup();
}

void channel_query(struct channel *channel, const char *name, int type, ares_callback done, void *arg)
{
	channel->inside++;
	ares_query(channel->ares, name, CLASS_IN, type, done, arg);
	channel->inside--;
	arm_timer(channel);
}

void channel_find_addrs(struct channel *channel, const char *name, const struct ares_addrinfo_hints *hints, ares_addrinfo_callback done, void *arg)
{
	channel->inside++;
	ares_getaddrinfo(channel->ares, name, NULL, hints, done, arg);
	channel->inside--;
	arm_timer(channel);
}
