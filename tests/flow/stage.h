/* The stage of the flow tests: the real proxy in this process, scripted backends on threads, plain blocking sockets as clients.
 *
 * A backend answers by the request's path (see stage.c); every answer carries X-Color. The stage publishes tables as the control thread does. */
#ifndef TEAL_TESTS_FLOW_STAGE_H
#define TEAL_TESTS_FLOW_STAGE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/color.h"
#include "proxy/proxy.h"

struct event_base;

#define STAGE_BACKENDS 4

/* A small HTTP/1.1 server: a thread that accepts, a thread a connection. */
struct stage_backend {
	int fd;
	struct addr addr;
	char color[8];
	atomic_uint connections, requests, posts;
	atomic_int drop_after; /* after so many answers on a connection it closes without a word; 0: never */
	atomic_uint visits;    /* threads that serve a connection */
	pthread_t thread;
	struct backend *backend; /* teal's */
};

struct stage {
	struct event_base *loop;
	struct proxy *proxy;
	struct totals *totals;
	struct table_index *index;
	struct stage_backend backends[STAGE_BACKENDS];
	unsigned backend_count;
	struct table_globals globals;
	unsigned workers;
	uint64_t cut_before;              /* of both colors, requests and tunnels */
	struct table_closing closing;     /* of blue */
	enum proxyproto_version announce; /* to the backends */
	unsigned shield;                  /* of both colors: bits of enum table_shield */
	uint64_t warm;                    /* the order for connections in advance */
	bool down[COLOR_COUNT];           /* its backends failed their probes */
	/* What a test has the service be besides, or instead; NULL: nothing. */
	void (*dress)(struct table_service_spec *spec);
	struct addr at;
};

/* Starts `blue` and `green` backends and a proxy in front, with blue live. */
void stage_open(struct stage *stage, unsigned workers, unsigned blue, unsigned green);
/* The same with a listener of this kind; its address is not looked at. */
void stage_open_behind(struct stage *stage, unsigned workers, unsigned blue, unsigned green, struct proxy_listen listen);
void stage_close(struct stage *stage);
/* The backend listens no more. */
void stage_kill_backend(struct stage *stage, unsigned i);
/* Publishes this live color, and waits until every worker acknowledged. */
void stage_flip(struct stage *stage, enum color live);
/* Runs the control loop until the color has nothing in flight; false after two seconds. */
bool stage_wait_drained(struct stage *stage, enum color color);

/* A blocking client connection. */
int stage_connect(const struct stage *stage);
void stage_send(int fd, const char *text);
void stage_send_bytes(int fd, const char *bytes, size_t length);
/* Reads one answer to its end (by Content-Length or chunks or FIN; `head_only` for HEAD); NUL-terminated in `out`, the head as it came and the body without its coding.
 * Returns the status, 0 when the connection ended before an answer was complete. Bytes of a following answer are kept for the next call on the same fd. */
int stage_read_answer(int fd, char *out, size_t size, bool head_only);
/* Bytes until FIN (or reset: *reset). */
size_t stage_read_all(int fd, char *out, size_t size, bool *reset);
void stage_close_client(int fd);

#endif
