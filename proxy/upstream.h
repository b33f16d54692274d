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

struct upstream {
	struct conn conn; /* first */
	struct backend *backend;
	struct backend_lane *lane;
	struct exchange *exchange; /* NULL: idle in the pool */
	struct upstream *newer, *older;
	uint64_t idle_since_ms, rested_ms; /* when it was given back; how long it was idle before the present exchange */
	struct client *owner;              /* the one whose requests it may carry, and who outlives it; NULL: any */
	struct upstream *next_owned;       /* of the idle ones, the same owner's */
	bool warm;                         /* was kept beyond the usual age, for traffic that may come back */
	bool connecting;
	bool used;     /* has carried an exchange before the present one */
	bool reusable; /* the present exchange left it clean, so far */
};

/* Starts to connect for an exchange; it stands at once or tells by exchange_on_connected later. NULL and *fail when it can't even start. */
struct upstream *upstream_open(struct worker *worker, struct backend *backend, struct exchange *exchange, enum fail *fail);
/* Ends it, whatever it is doing; the exchange is not told. */
void upstream_close(struct upstream *upstream);

static inline struct upstream *upstream_of(struct conn *conn)
{
	return (struct upstream *)conn;
}

/* After a connect failure or timeout this worker leaves the backend alone for 1 s, doubling up to 10 s; a connection that stands ends that. */
void upstream_skip_backend(struct worker *worker, struct backend_lane *lane);

#endif
