/* A server for tests that reads whole requests, keeps them, and does with each what its script says: one entry a request, the last one again and again. */
#ifndef TEAL_TESTS_UNIT_SCRIPT_H
#define TEAL_TESTS_UNIT_SCRIPT_H

#include <stdlib.h>
#include <string.h>

#include "tests/unit/peer.h"

#define SCRIPT_REQUESTS 64u
#define SCRIPT_CONNECTIONS 64u

enum script_end {
	SCRIPT_ANSWERS, /* and keeps the connection */
	SCRIPT_RESETS,  /* once the whole request is read */
	SCRIPT_CLOSES,  /* once the answer, if there is one, is out */
	SCRIPT_HANGS,
};

struct script_entry {
	const char *answer; /* bytes; NULL: none */
	enum script_end end;
};

struct script {
	struct event_base *loop;
	struct evconnlistener *listener;
	struct bufferevent *open[SCRIPT_CONNECTIONS];
	struct addr addr;
	const struct script_entry *entries;
	size_t entry_count;
	const struct script_entry *(*choose)(void *arg, const char *request); /* instead of the entries in their order; NULL: these */
	void *arg;
	char *requests[SCRIPT_REQUESTS]; /* whole */
	size_t count;                    /* of requests */
	unsigned accepted;
};

static inline void script_drop(struct script *script, struct bufferevent *connection)
{
	for (size_t i = 0; i < SCRIPT_CONNECTIONS; i++)
		if (script->open[i] == connection)
			script->open[i] = NULL;
	bufferevent_free(connection);
}

static inline void script_reset(struct script *script, struct bufferevent *connection)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};
	setsockopt(bufferevent_getfd(connection), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	script_drop(script, connection);
}

static inline void script_on_written(struct bufferevent *connection, void *arg)
{
	script_drop(arg, connection);
}

static inline void script_do(struct script *script, struct bufferevent *connection)
{
	size_t index = script->count - 1;
	const struct script_entry *entry = script->choose ? script->choose(script->arg, script->requests[index])
							  : &script->entries[index < script->entry_count ? index : script->entry_count - 1];
	if (entry->end == SCRIPT_RESETS) {
		script_reset(script, connection);
		return;
	}
	if (entry->end == SCRIPT_CLOSES && !entry->answer) {
		script_drop(script, connection);
		return;
	}
	if (entry->end == SCRIPT_CLOSES)
		bufferevent_setcb(connection, NULL, script_on_written, NULL, script);
	if (entry->answer)
		bufferevent_write(connection, entry->answer, strlen(entry->answer));
}

/* The length of the whole request that is there, or 0. */
static inline size_t script_measure(struct evbuffer *input)
{
	size_t length = evbuffer_get_length(input);
	char *bytes = calloc(1, length + 1);
	evbuffer_copyout(input, bytes, length);
	const char *end = strstr(bytes, "\r\n\r\n"), *field = strcasestr(bytes, "\r\nContent-Length:");
	size_t whole = end ? (size_t)(end + 4 - bytes) + (field && field < end ? strtoul(field + 17, NULL, 10) : 0) : 0;
	free(bytes);
	return end && whole <= length ? whole : 0;
}

static inline void script_on_read(struct bufferevent *connection, void *arg)
{
	struct script *script = arg;
	struct evbuffer *input = bufferevent_get_input(connection);
	size_t whole = script_measure(input);
	if (whole == 0)
		return;
	assert(script->count < SCRIPT_REQUESTS);
	char *request = calloc(1, whole + 1);
	evbuffer_remove(input, request, whole);
	script->requests[script->count++] = request;
	script_do(script, connection);
}

static inline void script_on_event(struct bufferevent *connection, short what, void *arg)
{
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		script_drop(arg, connection);
}

static inline void script_on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int length, void *arg)
{
	(void)listener, (void)from, (void)length;
	struct script *script = arg;
	struct bufferevent *connection = bufferevent_socket_new(script->loop, fd, BEV_OPT_CLOSE_ON_FREE);
	assert(script->accepted < SCRIPT_CONNECTIONS);
	script->open[script->accepted++] = connection;
	bufferevent_setcb(connection, script_on_read, NULL, script_on_event, script);
	bufferevent_enable(connection, EV_READ | EV_WRITE);
}

/* On a free port of the loopback. */
static inline void script_open(struct script *script, struct event_base *loop, const struct script_entry *entries, size_t count)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_storage bound;
	socklen_t length = sizeof(bound);
	*script = (struct script){.loop = loop, .entries = entries, .entry_count = count};
	script->listener = evconnlistener_new_bind(
		loop, script_on_accept, script, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 16, (const struct sockaddr *)&at, (int)sizeof(at));
	assert(script->listener);
	getsockname(evconnlistener_get_fd(script->listener), (struct sockaddr *)&bound, &length);
	addr_from_socket((const struct sockaddr *)&bound, length, &script->addr);
}

static inline void script_close(struct script *script)
{
	for (size_t i = 0; i < SCRIPT_CONNECTIONS; i++)
		if (script->open[i])
			bufferevent_free(script->open[i]);
	for (size_t i = 0; i < script->count; i++)
		free(script->requests[i]);
	evconnlistener_free(script->listener);
}

#endif
