/* One connection to a backend: connecting, carrying one exchange at a time, or idle in its pool. Worker thread. */
#ifndef TEAL_PROXY_UPSTREAM_H
#define TEAL_PROXY_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "proxy/backend.h"
#include "proxy/conn.h"
#include "proxy/fail.h"

struct client;
struct exchange;
struct tlsback;

/* Which list it is in, by `newer` and `older`. */
enum upstream_list {
	UPSTREAM_UNLISTED, /* an exchange has it */
	UPSTREAM_IDLE,     /* its lane's: see pool.h */
	UPSTREAM_EARLY,    /* the worker's, of those that are opened in advance and do not stand yet: see warm.h */
};

struct upstream {
	struct conn conn; /* first */
	struct backend *backend;
	struct backend_lane *lane;
	struct tlsback *tls;       /* under whose settings it is secure (held); NULL: it is in clear */
	struct exchange *exchange; /* that it connects for or serves; NULL: it is in a list */
	struct upstream *newer, *older;
	enum upstream_list list;
	uint64_t idle_since_ms, rested_ms; /* when it was given back; how long it was idle before the present exchange */
	struct client *owner;              /* the one whose requests it may carry, and who outlives it; NULL: any */
	struct upstream *next_owned;       /* of the idle ones, the same owner's */
	bool warm;                         /* was kept beyond the usual age, for traffic that may come back */
	bool unasked;                      /* was opened in advance, and has carried no request yet */
	bool connecting;                   /* or shaking hands */
	bool used;                         /* was idle in the pool before the present exchange: it may prove stale */
	bool reusable;                     /* the present exchange left it clean, so far */
};

/* Starts to connect for an exchange, over TLS where `tls` is not NULL; it stands at once or tells by exchange_on_connected later, or by exchange_fail. NULL and *fail when it can't even start.
 * Without an exchange it is opened in advance: it tells by warm_on_standing or warm_on_failed, and a backend that does not take it is not skipped for that. */
struct upstream *upstream_open(struct worker *worker, struct backend *backend, struct tlsback *tls, struct exchange *exchange, enum fail *fail);
/* Ends it, whatever it is doing; the exchange is not told. */
void upstream_close(struct upstream *upstream);

static inline struct upstream *upstream_of(struct conn *conn)
{
	return (struct upstream *)conn;
}

/* After a connect failure or timeout this worker leaves the backend alone for 1 s, doubling up to 10 s; a connection that stands ends that. */
void upstream_skip_backend(struct worker *worker, struct backend_lane *lane);

#endif
