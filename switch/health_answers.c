/* Route 53's health checks are answered. Control thread. evhttp reads and writes; here is for how long a connection may stay, and the one thing that is answered. */
#include "switch/health_answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "base/clock.h"
#include "base/memory.h"
#include "switch/admin_crowd.h"
#include "switch/admin_socket.h"

#define HEAD_BYTES 4096
#define BODY_BYTES 1024
#define IDLE_S 5
#define PREFIX "/r53/"

/* A connection, for as long as evhttp uses its buffer: it tells nobody when one ends, but takes its callbacks off. */
struct visitor {
	TAILQ_ENTRY(visitor) link;
	struct bufferevent *connection; /* with a reference of ours */
	uint64_t came_ms;
};

struct health_door {
	LIST_ENTRY(health_door) link;
	struct health_answers *answers;
	struct addr listen, bound;
	struct evhttp *http;
	struct evconnlistener *listener; /* owned by http */
};

struct health_answers {
	struct event_base *loop;
	health_answers_read *read;
	void *arg;
	LIST_HEAD(, health_door) doors;
	TAILQ_HEAD(, visitor) visitors; /* the oldest first */
	unsigned visitor_count;
};

/* ---- connections ---- */

static bool is_gone(const struct visitor *visitor)
{
	bufferevent_data_cb read = NULL, write = NULL;
	bufferevent_event_cb event = NULL;
	bufferevent_getcb(visitor->connection, &read, &write, &event, NULL);
	return !read && !write && !event;
}

static void forget(struct health_answers *answers, struct visitor *visitor)
{
	TAILQ_REMOVE(&answers->visitors, visitor, link);
	answers->visitor_count--;
	bufferevent_decref(visitor->connection);
	free(visitor);
}

/* evhttp then closes it, as it does when it sees this for itself. */
static void send_away(const struct visitor *visitor)
{
	if (!is_gone(visitor))
		bufferevent_trigger_event(visitor->connection, BEV_EVENT_READING | BEV_EVENT_EOF, 0);
}

static void forget_gone(struct health_answers *answers)
{
	struct visitor *visitor, *next;
	for (visitor = TAILQ_FIRST(&answers->visitors); visitor; visitor = next) {
		next = TAILQ_NEXT(visitor, link);
		if (is_gone(visitor))
			forget(answers, visitor);
	}
}

static struct bufferevent *on_connection(struct event_base *loop, void *arg)
{
	struct health_answers *answers = ((struct health_door *)arg)->answers;
	struct bufferevent *connection = admin_crowd_make_connection(loop, HEAD_BYTES + BODY_BYTES);
	if (!connection)
		return NULL;
	forget_gone(answers);
	if (answers->visitor_count >= HEALTH_ANSWERS_CONNECTIONS) /* whoever has waited longest is the least likely to be a health check */
		send_away(TAILQ_FIRST(&answers->visitors));
	struct visitor *visitor = memory_new(sizeof(*visitor));
	visitor->connection = connection;
	visitor->came_ms = clock_mono_ms();
	bufferevent_incref(connection);
	TAILQ_INSERT_TAIL(&answers->visitors, visitor, link);
	answers->visitor_count++;
	return connection;
}

/* Descriptors ran out: the door is shut until the next tick instead of spinning. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	(void)arg; /* evhttp's */
	evconnlistener_disable(listener);
}

void health_answers_tick(struct health_answers *answers)
{
	struct health_door *door;
	struct visitor *visitor;
	uint64_t now = clock_mono_ms();
	TAILQ_FOREACH(visitor, &answers->visitors, link)
	if (now - visitor->came_ms >= HEALTH_ANSWERS_MS)
		send_away(visitor);
	forget_gone(answers);
	LIST_FOREACH(door, &answers->doors, link)
	evconnlistener_enable(door->listener);
}

/* ---- answering ---- */

/* evhttp would send the body of a HEAD, too. */
static void answer(struct evhttp_request *http, int status, const char *reason, const char *text)
{
	char length[24];
	struct evkeyvalq *headers = evhttp_request_get_output_headers(http);
	struct evbuffer *body = evhttp_request_get_command(http) == EVHTTP_REQ_HEAD ? NULL : evbuffer_new();
	snprintf(length, sizeof(length), "%zu", strlen(text));
	evhttp_add_header(headers, "Content-Type", "text/plain; charset=utf-8");
	evhttp_add_header(headers, "Content-Length", length);
	evhttp_add_header(headers, "Cache-Control", "no-store");
	evhttp_add_header(headers, "Connection", "close");
	if (body)
		evbuffer_add(body, text, strlen(text));
	evhttp_send_reply(http, status, reason, body);
	if (body)
		evbuffer_free(body);
}

static enum health_answer find_answer(const struct health_door *door, const struct evhttp_request *http)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(http);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	if (!path || strncmp(path, PREFIX, strlen(PREFIX)) != 0)
		return HEALTH_ANSWER_NONE;
	return door->answers->read(door->answers->arg, path + strlen(PREFIX), &door->listen);
}

static void on_request(struct evhttp_request *http, void *arg)
{
	enum evhttp_cmd_type method = evhttp_request_get_command(http);
	if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
		evhttp_add_header(evhttp_request_get_output_headers(http), "Allow", "GET, HEAD");
		answer(http, 405, "Method Not Allowed", "this takes GET and HEAD\n");
		return;
	}
	switch (find_answer(arg, http)) {
	case HEALTH_ANSWER_GREEN:
		answer(http, 200, "OK", "green\n");
		break;
	case HEALTH_ANSWER_BLUE:
		answer(http, 503, "Service Unavailable", "blue\n");
		break;
	case HEALTH_ANSWER_NONE:
		answer(http, 404, "Not Found", "there is nothing here\n");
		break;
	}
}

/* ---- doors ---- */

static void set_up(struct health_door *door)
{
	evhttp_bind_listener(door->http, door->listener);
	evconnlistener_set_error_cb(door->listener, on_accept_error);
	evhttp_set_bevcb(door->http, on_connection, door);
	evhttp_set_gencb(door->http, on_request, door);
	evhttp_set_allowed_methods(
		door->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
	evhttp_set_max_body_size(door->http, BODY_BYTES);
	evhttp_set_max_headers_size(door->http, HEAD_BYTES);
	evhttp_set_timeout(door->http, IDLE_S);
}

static void close_door(struct health_door *door)
{
	LIST_REMOVE(door, link);
	if (door->http)
		evhttp_free(door->http);
	free(door);
}

static bool open_door(struct health_answers *answers, const struct addr *listen, struct err *err)
{
	struct addr bound;
	int fd = admin_socket_listen(listen, &bound, err);
	if (fd < 0)
		return false;
	struct health_door *door = memory_new(sizeof(*door));
	LIST_INSERT_HEAD(&answers->doors, door, link);
	door->answers = answers;
	door->listen = *listen;
	door->bound = bound;
	door->http = evhttp_new(answers->loop);
	door->listener = evconnlistener_new(answers->loop, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (door->http && door->listener) {
		set_up(door);
		return true;
	}
	close(fd);
	close_door(door);
	return err_set(err, "out of memory");
}

static bool has_door(const struct health_answers *answers, const struct addr *listen)
{
	const struct health_door *door;
	LIST_FOREACH(door, &answers->doors, link)
	if (addr_equal(&door->listen, listen))
		return true;
	return false;
}

static const struct addr *wanted_by(const struct conf_service *service)
{
	bool wanted = service->via == CONF_VIA_ROUTE53 && service->route53.policy == CONF_ROUTE53_HEALTH_CHECK;
	return wanted ? &service->route53.health_listen_address : NULL;
}

/* The newest doors come first in the list. */
static void close_newest(struct health_answers *answers, size_t count)
{
	for (; count > 0; count--)
		close_door(LIST_FIRST(&answers->doors));
}

bool health_answers_open(struct health_answers *answers, const struct conf *conf, struct err *err)
{
	size_t opened = 0;
	for (size_t i = 0; i < conf->service_count; i++) {
		const struct addr *listen = wanted_by(&conf->services[i]);
		if (!listen || has_door(answers, listen))
			continue;
		if (open_door(answers, listen, err)) {
			opened++;
			continue;
		}
		close_newest(answers, opened);
		return err_prefix(err, "services.%s.route53.health_listen", conf->services[i].name);
	}
	return true;
}

static bool is_wanted(const struct conf *conf, const struct addr *listen)
{
	for (size_t i = 0; i < conf->service_count; i++) {
		const struct addr *wanted = wanted_by(&conf->services[i]);
		if (wanted && addr_equal(wanted, listen))
			return true;
	}
	return false;
}

void health_answers_keep(struct health_answers *answers, const struct conf *conf)
{
	struct health_door *door, *next;
	for (door = LIST_FIRST(&answers->doors); door; door = next) {
		next = LIST_NEXT(door, link);
		if (!is_wanted(conf, &door->listen))
			close_door(door);
	}
	forget_gone(answers);
}

/* ---- making it ---- */

struct health_answers *health_answers_new(struct event_base *loop, health_answers_read *read, void *arg)
{
	struct health_answers *answers = memory_new(sizeof(*answers));
	answers->loop = loop;
	answers->read = read;
	answers->arg = arg;
	LIST_INIT(&answers->doors);
	TAILQ_INIT(&answers->visitors);
	return answers;
}

void health_answers_free(struct health_answers *answers)
{
	struct health_door *door;
	if (!answers)
		return;
	while ((door = LIST_FIRST(&answers->doors)))
		close_door(door);
	while (!TAILQ_EMPTY(&answers->visitors))
		forget(answers, TAILQ_FIRST(&answers->visitors));
	free(answers);
}

/* ---- looking at it ---- */

size_t health_answers_count(const struct health_answers *answers)
{
	size_t count = 0;
	const struct health_door *door;
	LIST_FOREACH(door, &answers->doors, link)
	count++;
	return count;
}

const struct addr *health_answers_bound(const struct health_answers *answers, size_t i)
{
	const struct health_door *door = LIST_FIRST(&answers->doors);
	while (i-- > 0)
		door = LIST_NEXT(door, link);
	return &door->bound;
}
