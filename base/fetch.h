/* HTTP requests to others by libcurl on the control loop: probes, hooks, queries. Never blocks, never follows a redirect. */
#ifndef TEAL_BASE_FETCH_H
#define TEAL_BASE_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct event_base;
struct fetch;     /* the multi handle on one loop */
struct fetch_job; /* one request under way */

enum fetch_outcome {
	FETCH_ANSWERED,    /* an HTTP answer came, whatever its status */
	FETCH_CONNECTED,   /* connect_only: the connection stands */
	FETCH_REFUSED,     /* connection refused */
	FETCH_UNREACHABLE, /* no route, host or network down, unix socket missing */
	FETCH_TIMED_OUT,   /* `detail` says in what */
	FETCH_CLOSED,      /* closed or reset before a whole answer */
	FETCH_TLS,         /* handshake or certificate */
	FETCH_TOO_LARGE,   /* body over the limit */
	FETCH_BROKEN,      /* not HTTP, or another fault; the detail says */
};

/* A PROXY protocol header in front of everything, TLS too. Version 1 names the connection's own addresses (`UNKNOWN` on a unix socket), version 2 is a LOCAL header. */
enum fetch_announce { FETCH_ANNOUNCE_NOTHING, FETCH_ANNOUNCE_V1, FETCH_ANNOUNCE_V2 };

struct fetch_request {
	const char *method;         /* NULL is GET */
	const char *url;            /* http:// or https://; host and port in it are for Host and SNI */
	const char *target;         /* the request's target as it is, whatever is in it; NULL: the URL's path and query */
	const struct addr *connect; /* where to connect instead of looking the host up; required unless the host is an address */
	const char *const *headers; /* `Name: value`, NULL-terminated; may be NULL */
	const char *body;
	size_t body_length;
	uint64_t timeout_ms; /* total */
	size_t body_limit;   /* bytes of the answer's body to keep; more is FETCH_TOO_LARGE unless body_cut */
	bool body_cut;       /* stop quietly at the limit */
	bool connect_only;   /* TCP (and unix) connect, nothing sent but what `announce` says */
	enum fetch_announce announce;
	bool insecure;   /* https without verification */
	bool secret;     /* our copies of the request's lines and of the answer's body are wiped at the end; libcurl's own buffers are libcurl's */
	bool keeps_open; /* the connection may be one of an earlier such request of this fetch, and is left to the next; not with `announce` */
};

struct fetch_header {
	char *name, *value;
};

struct fetch_answer {
	enum fetch_outcome outcome;
	int status;
	const char *body; /* NUL-terminated copy, valid during the callback */
	size_t body_length;
	const struct fetch_header *headers;
	size_t header_count;
	uint64_t connect_us, first_byte_us, total_us;
	char detail[256]; /* a sentence an operator can act on, without the URL; "" when answered */
};

typedef void fetch_done(void *arg, const struct fetch_answer *answer);

struct fetch *fetch_new(struct event_base *loop);
/* Cancels what is under way (no callbacks). Never from inside a `done`. NULL is allowed. */
void fetch_free(struct fetch *fetch);
/* Starts a request; everything in it is copied. `done` runs once, from the loop, never from inside this call. Keeps no
 * connection open between requests, but for `keeps_open`. */
struct fetch_job *fetch_start(struct fetch *fetch, const struct fetch_request *request, fetch_done *done, void *arg);
/* Ends it without a callback. Not from inside its own `done`, which is its end. */
void fetch_cancel(struct fetch_job *job);
/* A header's value by name (case-insensitive), or NULL. */
const char *fetch_answer_header(const struct fetch_answer *answer, const char *name);

#endif
