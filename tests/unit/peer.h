/* A scripted server for tests, on the loop of the test: says fixed bytes to whoever connects, and keeps what it was told. */
#ifndef TEAL_TESTS_UNIT_PEER_H
#define TEAL_TESTS_UNIT_PEER_H

#include <arpa/inet.h>
#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"

enum peer_end { PEER_CLOSES, PEER_RESETS, PEER_STAYS };

struct peer {
	struct event_base *loop;
	struct evconnlistener *listener;
	struct bufferevent *open[64]; /* what is connected */
	struct addr addr;
	const char *answer; /* sent once the head of a request is there; NULL: nothing */
	size_t answer_length;
	bool impatient; /* answers without waiting for a request */
	enum peer_end end;
	unsigned accepted;
	char request[4096]; /* the last one, or what came of it */
	size_t request_length;
};

static inline void peer_drop(struct peer *peer, struct bufferevent *connection)
{
	for (size_t i = 0; i < sizeof(peer->open) / sizeof(peer->open[0]); i++)
		if (peer->open[i] == connection)
			peer->open[i] = NULL;
	bufferevent_free(connection);
}

static inline void peer_end_it(struct peer *peer, struct bufferevent *connection)
{
	if (peer->end == PEER_STAYS)
		return;
	if (peer->end == PEER_RESETS) {
		struct linger now = {.l_onoff = 1, .l_linger = 0};
		setsockopt(bufferevent_getfd(connection), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	}
	peer_drop(peer, connection);
}

static inline void peer_on_written(struct bufferevent *connection, void *arg)
{
	peer_end_it(arg, connection);
}

static inline void peer_answer(struct peer *peer, struct bufferevent *connection)
{
	if (!peer->answer) {
		peer_end_it(peer, connection);
		return;
	}
	bufferevent_setcb(connection, NULL, peer_on_written, NULL, peer);
	bufferevent_write(connection, peer->answer, peer->answer_length ? peer->answer_length : strlen(peer->answer));
}

static inline void peer_keep(struct peer *peer, struct evbuffer *input)
{
	int length = evbuffer_remove(input, peer->request, sizeof(peer->request) - 1);
	peer->request_length = length > 0 ? (size_t)length : 0;
	peer->request[peer->request_length] = '\0';
}

static inline void peer_on_read(struct bufferevent *connection, void *arg)
{
	struct peer *peer = arg;
	struct evbuffer *input = bufferevent_get_input(connection);
	unsigned char *first = evbuffer_pullup(input, 16);
	struct evbuffer_ptr start;
	/* A PROXY protocol header of version 2 begins with an empty line. */
	if (!first || evbuffer_ptr_set(input, &start, first[0] == '\r' ? 16 : 0, EVBUFFER_PTR_SET) != 0 ||
		evbuffer_search(input, "\r\n\r\n", 4, &start).pos < 0)
		return;
	peer_keep(peer, input);
	peer_answer(peer, connection);
}

static inline void peer_on_event(struct bufferevent *connection, short what, void *arg)
{
	struct evbuffer *input = bufferevent_get_input(connection);
	if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)))
		return;
	if (evbuffer_get_length(input) > 0)
		peer_keep(arg, input);
	peer_drop(arg, connection);
}

static inline void peer_on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int length, void *arg)
{
	(void)listener, (void)from, (void)length;
	struct peer *peer = arg;
	struct bufferevent *connection = bufferevent_socket_new(peer->loop, fd, BEV_OPT_CLOSE_ON_FREE);
	peer->open[peer->accepted++ % (sizeof(peer->open) / sizeof(peer->open[0]))] = connection;
	bufferevent_setcb(connection, peer_on_read, NULL, peer_on_event, peer);
	bufferevent_enable(connection, EV_READ | EV_WRITE);
	if (peer->impatient)
		peer_answer(peer, connection);
}

static inline void peer_listen(struct peer *peer, struct event_base *loop, const struct sockaddr *at, socklen_t length)
{
	struct sockaddr_storage bound;
	socklen_t bound_length = sizeof(bound);
	peer->loop = loop;
	peer->listener = evconnlistener_new_bind(loop, peer_on_accept, peer, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 16, at, (int)length);
	assert(peer->listener);
	getsockname(evconnlistener_get_fd(peer->listener), (struct sockaddr *)&bound, &bound_length);
	addr_from_socket((const struct sockaddr *)&bound, bound_length, &peer->addr);
}

/* On a free port of the loopback. */
static inline void peer_open(struct peer *peer, struct event_base *loop)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	peer_listen(peer, loop, (const struct sockaddr *)&at, sizeof(at));
}

static inline void peer_open_unix(struct peer *peer, struct event_base *loop, const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	peer_listen(peer, loop, (const struct sockaddr *)&at, sizeof(at));
}

static inline void peer_close(struct peer *peer)
{
	for (size_t i = 0; i < sizeof(peer->open) / sizeof(peer->open[0]); i++)
		if (peer->open[i])
			bufferevent_free(peer->open[i]);
	evconnlistener_free(peer->listener);
}

#endif
