/* HTTP requests to others by libcurl on the control loop: probes, hooks, queries. Never blocks, never follows a redirect. */
#ifndef TEAL_BASE_FETCH_H
#define TEAL_BASE_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct event_base;
struct ssl_ctx_st;
struct fetch;     /* the multi handle on one loop */
struct fetch_job; /* one request under way */

enum fetch_outcome {
	FETCH_ANSWERED,    /* an HTTP answer came, whatever its status */
	FETCH_CONNECTED,   /* connect_only: the connection stands, with TLS where it is https */
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

/* TLS with a peer as whoever asks has settled it: who is believed, which name is checked, what is shown of our own. The system's authorities are not even read then. */
struct fetch_trust {
	const char *name; /* who is asked for (SNI); NULL, or an address: nobody is. Lives as long as `arg` is held */
	bool verifies;    /* false: any certificate will do */
	bool (*apply)(void *arg,
		struct ssl_ctx_st *
			context); /* into the context of one connection, before its handshake; false: the request fails. libcurl may put another store into it behind this (SSL_CTX_set_cert_store), not another for verification (SSL_CTX_set1_verify_cert_store) */
	void (*explain)(void *arg, unsigned long error, long verify, char *text,
		size_t size); /* what went wrong in a handshake or later, by OpenSSL's packed error (0: `apply` failed) and the result of verifying (X509_V_…) */
	void (*hold)(void *arg); /* for as long as a request may need it */
	void (*release)(void *arg);
	void *arg;
};

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
	bool connect_only;   /* TCP (or unix) connect, of https with the handshake; nothing else is sent but what `announce` says */
	enum fetch_announce announce;
	bool insecure; /* https without verification */
	const struct fetch_trust
		*trust;  /* of https; the URL's host is for the Host field alone then. Needs `connect`, not with `insecure`; NULL: none. Copied, and held */
	bool secret;     /* our copies of the request's lines and of the answer's body are wiped at the end; libcurl's own buffers are libcurl's */
	bool keeps_open; /* the connection may be one of an earlier such request of this fetch, and is left to the next; not with `announce`. Requests with a trust that settles other things need another fetch: what it settled for a connection is compared by nobody */
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
/* A copy to keep, held until it is let go; of NULL one whose `apply` is NULL, which is none. */
struct fetch_trust fetch_hold_trust(const struct fetch_trust *trust);
void fetch_release_trust(const struct fetch_trust *trust);
/* A header's value by name (case-insensitive), or NULL. */
const char *fetch_answer_header(const struct fetch_answer *answer, const char *name);

#endif
