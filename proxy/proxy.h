/* The data path as the control thread sees it: start workers, give them tables, read counters, stop.
 *
 * Everything here is called from the control thread. Workers never call back but through on_progress, which is woken by an eventfd. */
#ifndef TEAL_PROXY_PROXY_H
#define TEAL_PROXY_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proxy/fail.h"
#include "proxy/limit.h"
#include "proxy/secure_fault.h"
#include "proxy/table.h"

struct event_base;
struct logwriter;
struct proxy;

#define PROXY_LISTENS_MAX 255
#define PROXY_WORKER_DESCRIPTORS 72u /* what a worker has of its own at most: its loop, and pipes for long bodies */

enum proxy_access { PROXY_ACCESS_OFF, PROXY_ACCESS_JSON, PROXY_ACCESS_COMBINED };

struct proxy_listen {
	struct addr address;
	unsigned connections; /* that may be open on it at a time; 0: no limit of its own */
	bool proxy_protocol;  /* every connection begins with a PROXY protocol header */
	const char *preview;  /* the service to whose idle color everything goes that arrives here, whatever its Host is; NULL: routed. Copied */
};

struct proxy_options {
	unsigned workers;                   /* at least 1 */
	const struct proxy_listen *listens; /* may be none; at most PROXY_LISTENS_MAX */
	size_t listen_count;
	enum proxy_access access;
	struct logwriter *access_writer; /* NULL when off; must outlive the proxy */
	struct event_base *loop;         /* the control loop, for on_progress */
	void (*on_progress)(void *arg);  /* a worker acknowledged a generation or has opened what it was to open, or the last connection of a drain closed */
	void *arg;
};

/* Binds every listener (one SO_REUSEPORT socket a worker) and starts the threads with `first` (owned from here on). NULL and a sentence when an
 * address can't be bound; then nothing runs and `first` is freed. */
struct proxy *proxy_start(const struct proxy_options *options, struct table *first, struct err *err);

/* Publishes a table by one atomic store and wakes the workers; returns its generation (from 1 on, rising). Takes ownership. Cannot fail. */
uint64_t proxy_publish(struct proxy *proxy, struct table *table);
/* The newest generation that every worker has acknowledged: a request that is read from now on sees it or a newer one. */
uint64_t proxy_acknowledged(const struct proxy *proxy);
/* The newest generation for which every worker has opened what was ordered in advance (table_service.warm), as well as that can be done; tables without such an order are left out. */
uint64_t proxy_warmed(const struct proxy *proxy);
/* The newest published table; for deriving the next. Borrowed. */
const struct table *proxy_table(const struct proxy *proxy);
/* Frees tables and backends that no worker needs any more. Cheap; call it once a second and after acknowledgements. */
void proxy_collect(struct proxy *proxy);

/* Switches the access log's format and writer for exchanges that end from now on; the old writer may be closed once the generation published next is acknowledged. */
void proxy_set_access(struct proxy *proxy, enum proxy_access access, struct logwriter *writer);

/* Accepts what is queued, then closes the listeners. Answers carry `Connection: close`; idle connections are kept until their next answer, for 2 s at most.
 * Publishes nothing: the caller publishes a table with `draining` first. */
void proxy_drain(struct proxy *proxy);
/* Closes what is left, joins the threads and frees everything. */
void proxy_stop(struct proxy *proxy);

/* Handshakes of one side, ever. */
struct proxy_tls {
	uint64_t full, resumed;
	uint64_t faults[SECURE_FAULT_COUNT]; /* of those that failed */
};

struct proxy_counters {
	uint64_t accepted;            /* client connections, ever */
	uint64_t open;                /* now */
	uint64_t idle;                /* of these: between two requests */
	uint64_t tunnels;             /* now */
	uint64_t tunnels_closed;      /* by a drain, ever */
	uint64_t accept_paused;       /* times accepting paused because descriptors or a limit on connections ran out */
	uint64_t limits[LIMIT_COUNT]; /* hits */
	uint64_t unrouted;            /* requests that no service took */
	uint64_t fails[FAIL_COUNT];   /* by kind, final or replayed */
	uint64_t replays[FAIL_COUNT]; /* second attempts, by what went wrong first */
	struct proxy_tls clients_tls, backends_tls;
};
void proxy_read_counters(const struct proxy *proxy, struct proxy_counters *out);

/* The addresses really bound (port 0 resolved), in the order of the options. */
const struct addr *proxy_listens(const struct proxy *proxy, size_t *count);

#endif
