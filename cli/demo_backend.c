/* The demo's backends: libevent's evhttp in a forked child. Not part of the daemon. */
#include "cli/demo_backend.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "base/memory.h"

/* The child's own state: one process, one backend. */
static struct {
	const struct demo_backend *backend;
	struct event_base *loop;
	unsigned answers;
} shop;

/* A request that waits for its answer; gone when its connection is. */
struct waiting {
	struct evhttp_request *request;
	struct event *timer;
};

void demo_backend_detach(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	setpgid(0, 0);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
}

static void answer(struct evhttp_request *request)
{
	bool broken = shop.backend->breaks_after && shop.answers > shop.backend->breaks_after;
	const char *id = evhttp_find_header(evhttp_request_get_input_headers(request), "X-Id");
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	struct evbuffer *body = evbuffer_new();
	evhttp_add_header(headers, "X-Color", color_name(shop.backend->color));
	evhttp_add_header(headers, "X-Version", shop.backend->version);
	if (id)
		evhttp_add_header(headers, "X-Id", id);
	evbuffer_add_printf(body, "%s %s%s\n", color_name(shop.backend->color), shop.backend->version, broken ? ": broken" : "");
	evhttp_send_reply(request, broken ? 500 : 200, broken ? "Internal Server Error" : "OK", body);
	evbuffer_free(body);
}

static void forget(struct waiting *waiting)
{
	event_free(waiting->timer);
	free(waiting);
}

static void on_connection_closed(struct evhttp_connection *connection, void *arg)
{
	(void)connection;
	forget(arg);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct waiting *waiting = arg;
	struct evhttp_request *request = waiting->request;
	evhttp_connection_set_closecb(evhttp_request_get_connection(request), NULL, NULL);
	forget(waiting);
	answer(request);
}

static void on_request(struct evhttp_request *request, void *arg)
{
	(void)arg;
	if (strcmp(evhttp_request_get_uri(request), "/health") == 0) {
		answer(request);
		return;
	}
	shop.answers++;
	struct timeval delay = {.tv_usec = shop.answers % 40 == 0 ? 400000 : 4000};
	struct waiting *waiting = memory_new(sizeof(*waiting));
	waiting->request = request;
	waiting->timer = evtimer_new(shop.loop, on_due, waiting);
	evtimer_add(waiting->timer, &delay);
	evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_connection_closed, waiting);
}

static void run(const struct demo_backend *backend, int listener)
{
	shop.backend = backend;
	shop.loop = event_base_new();
	struct evhttp *server = shop.loop ? evhttp_new(shop.loop) : NULL;
	if (!server || evhttp_accept_socket(server, listener) != 0)
		_exit(1);
	evhttp_set_timeout(server, 3600);
	evhttp_set_gencb(server, on_request, NULL);
	event_base_dispatch(shop.loop);
	_exit(1);
}

/* A listening socket on a free loopback port, or -1. */
static int listen_somewhere(uint16_t *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener < 0)
		return -1;
	bool ok = bind(listener, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(listener, 128) == 0 &&
		  getsockname(listener, (struct sockaddr *)&at, &length) == 0;
	*port = ntohs(at.sin_port);
	if (!ok)
		close(listener);
	return ok ? listener : -1;
}

bool demo_backend_start(struct demo_backend *backend, struct err *err)
{
	int listener = listen_somewhere(&backend->port);
	if (listener < 0)
		return err_set(err, "no free port on 127.0.0.1 for a backend: %s", strerror(errno));
	pid_t parent = getpid();
	backend->pid = fork();
	if (backend->pid == 0) {
		demo_backend_detach(parent);
		run(backend, listener);
	}
	close(listener);
	if (backend->pid < 0)
		return err_set(err, "a backend's process can't be started: %s", strerror(errno));
	return true;
}
