/* One backend's identity, its pools and its counters: stable, outliving every table that names it.
 *
 * Made, held and released by the control thread. Each worker touches only its own lane. */
#ifndef TEAL_PROXY_BACKEND_H
#define TEAL_PROXY_BACKEND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "proxy/deadline.h"

struct ssl_session_st;
struct table_color;
struct upstream;

struct backend_lane {
	/* read by the control thread */
	_Alignas(64) _Atomic uint32_t inflight; /* exchanges on it */
	_Atomic uint32_t connections;           /* open, idle ones included */
	_Atomic uint64_t requests, failures;
	/* the worker's own */
	struct upstream *idle; /* freshest first */
	struct upstream *idle_oldest;
	struct upstream *unasked; /* of the idle ones that were opened in advance and have carried no request yet, the first */
	uint32_t idle_count;
	uint32_t skip_ms;       /* length of the last skip after a connect failure, 0: none */
	uint64_t skip_until_ms; /* monotonic */
	uint64_t tried_ms;      /* when it was last tried */
	uint32_t
		idle_age_ms; /* how long an idle connection may be kept: at most 4000, less where the backend announces or shows a shorter life; 0: nothing learned */
	struct ssl_session_st *session;       /* of TLS, the newest: see tlsback_open; NULL: none */
	struct deadline idle_deadline;        /* of the oldest idle connection, or earlier */
	struct backend_lane *next, *previous; /* the worker's list of lanes with connections */
	struct {
		uint64_t order;                  /* the one that `left` is of */
		const struct table_color *color; /* of the worker's table, while it waits for its turn */
		struct backend_lane *next;       /* in the worker's queue */
		uint32_t left;                   /* connections that are still to be opened in advance: see warm.h */
	} warm;
	bool listed;
	bool answers_long; /* the last answer was */
	struct backend *backend;
};

/* What becomes of idle connections. A backend that is no member of a live color and will not be needed back soon is cold. */
enum backend_pooling {
	BACKEND_POOLED, /* kept until they are too old to be relied on */
	BACKEND_WARM,   /* kept whatever their age: traffic may come back at once; only the backend's FIN closes them */
	BACKEND_COLD,   /* closed, and none is kept */
};

struct backend {
	unsigned references; /* control thread */
	unsigned workers;
	_Atomic uint8_t pooling;      /* enum backend_pooling; written by the control thread, with a new table to tell of it; read by workers */
	char *name;                   /* as configured */
	char *host;                   /* of that, without port and brackets: what TLS calls it where its color has no name; "" of a unix socket */
	struct addr addr;             /* resolved; never ADDR_NAME */
	atomic_bool retired;          /* no newer table names it: close its idle connections, keep none */
	struct backend *next_retired; /* backend.c's list */
	struct backend_lane lanes[];
};

/* Control thread. The name and the address are copied; one reference is the caller's. */
struct backend *backend_new(const char *name, const struct addr *addr, unsigned workers);
/* What it is called of itself: the host of the configured name; "" of a unix socket. malloc'd. */
char *backend_cut_host(const char *name, const struct addr *addr);
void backend_hold(struct backend *backend);
/* At zero it is retired: workers keep no connection of it, and backend_collect frees it. */
void backend_release(struct backend *backend);
/* Frees the retired backends that are quiet. Called by proxy_collect, and once more after the workers have ended. Control thread. */
void backend_collect(void);
/* Control thread; takes effect on idle connections when a worker takes its next table. */
void backend_set_pooling(struct backend *backend, enum backend_pooling pooling);
static inline enum backend_pooling backend_pooling(const struct backend *backend)
{
	return (enum backend_pooling)atomic_load_explicit(&backend->pooling, memory_order_relaxed);
}
/* True when no lane has a connection or an exchange. A worker counts both down by a release store that is the last thing it does to the lane. Control thread, acquire loads. */
bool backend_is_quiet(const struct backend *backend);

/* Sums over the lanes. Any thread. */
uint64_t backend_inflight(const struct backend *backend);

#endif
