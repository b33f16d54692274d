/* One thread's world: its loop, listeners, table, buffers, deadlines, connections and counters. Private to proxy/.
 *
 * A turn is: one pass over the ready events, one pass over the ready list and a few of the patient ones, the newest table taken and acknowledged, a few of the connections opened that are wanted in advance, closed connections freed. Everything in here
 * belongs to the worker's thread, but for the fields marked atomic, which the control thread reads or writes. */
#ifndef TEAL_PROXY_WORKER_H
#define TEAL_PROXY_WORKER_H

#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "proxy/conn.h"
#include "proxy/deadline.h"
#include "proxy/fail.h"
#include "proxy/head.h"
#include "proxy/proxy.h"
#include "proxy/secure_fault.h"

struct backend_lane;
struct client;
struct exchange;
struct hold_queue;
struct listener;
struct logring;
struct pipe;
struct quota;
struct secure_bio;
struct upstream;

#define WORKER_READ_SIZE (64u * 1024)       /* bytes a connection reads at a time */
#define WORKER_FIRST_READ_SIZE (16u * 1024) /* a head, and the short body behind it; what comes behind that goes its way uncopied */
#define WORKER_SPLICE_LEAST (64u * 1024)    /* less is copied for less */
#define WORKER_BLOCK_SIZE 4096u             /* what most requests fit into while they are held */
#define WORKER_HEAD_SLACK 2048u             /* what our own fields may add to a head */

#define WORKER_ID_LENGTH 24u
#define WORKER_DATE_LENGTH 29u
#define WORKER_STAMP_LENGTH 24u
#define WORKER_COMBINED_LENGTH 26u

/* The access log as one worker sees it. */
struct worker_access {
	enum proxy_access format;
	struct logring *ring; /* NULL when off */
};

/* Connections that are to have a turn, in their order. */
struct worker_list {
	struct conn *first, *last;
};

/* Of handshakes of one side. */
struct worker_tls {
	_Atomic uint64_t full, resumed, faults[SECURE_FAULT_COUNT];
};

struct worker_counters {
	_Atomic uint64_t accepted, open, idle, tunnels, tunnels_closed, accept_paused, unrouted;
	_Atomic uint64_t fails[FAIL_COUNT], replays[FAIL_COUNT], limits[LIMIT_COUNT];
	struct worker_tls clients_tls, backends_tls;
};

struct worker {
	unsigned index;
	struct event_base *base;
	struct table *table; /* the one that new exchanges use */

	char *buffer; /* bytes read in this callback: at least WORKER_READ_SIZE and a whole head */
	size_t buffer_size;
	char *scratch; /* heads and answers being written */
	size_t scratch_size;
	size_t splice_least;            /* bytes left of a body from which on it is spliced */
	struct head head;               /* the head being parsed */
	struct head_limits head_limits; /* of the table, as far as the buffers go */

	uint64_t now_us; /* read at most once a turn */
	bool now_known;
	uint32_t handshakes[2]; /* of TLS, in this turn: their steps, towards backends and towards clients */
	struct deadlines deadlines;
	uint64_t timer_at_ms; /* when the timer descriptor fires; UINT64_MAX: not armed */

	struct worker_list ready, patient;
	struct conn *closed;
	struct exchange *spare_exchanges;
	void *spare_blocks;
	struct pipe *spare_pipes;
	struct secure_bio *secure; /* of its connections over TLS; NULL: there were none yet */
	unsigned spare_exchange_count, spare_block_count;
	unsigned pipe_count;     /* all, spare or not */
	uint64_t pipes_again_ms; /* no new one before */

	struct client *clients;     /* every open one */
	struct hold_queue *holds;   /* requests that wait for their services */
	struct backend_lane *lanes; /* those with connections */
	uint64_t closing_ms;        /* the millisecond in which so many idle connections were closed */
	uint32_t closings;
	struct {
		struct backend_lane *first, *last; /* that are to get connections in advance, by turns: see warm.h */
		struct upstream *early;            /* those of them that don't stand yet */
		unsigned early_count;
		uint64_t due; /* the generation to be told of when all is done; 0: none */
		bool more;    /* that can be opened in the next turn */
	} warm;
	struct listener *listeners;
	unsigned listener_count;
	struct worker_access access;
	struct worker_counters counters;
	char id[WORKER_ID_LENGTH];              /* of the next request */
	uint64_t wall_offset_us, wall_known_us; /* wall clock minus monotonic; when it was read */
	uint64_t date_s;                        /* the second that `date` tells */
	char date[WORKER_DATE_LENGTH + 1];
	uint64_t stamp_s, combined_s; /* the seconds that these tell */
	char stamp[WORKER_STAMP_LENGTH + 1], combined[WORKER_COMBINED_LENGTH + 1];

	struct quota *quota; /* the proxy's; of all workers */

	/* the border to the control thread */
	_Atomic(struct table *) *newest; /* proxy's published table */
	int progress_fd;                 /* woken after an acknowledgement */
	int wake_fd, timer_fd;
	struct event wake_event, timer_event;
	_Atomic uint64_t acknowledged, warmed;
	_Atomic(struct worker_access *) next_access; /* taken at the next turn; replaced by NULL */
	atomic_bool draining, stopping;
	pthread_t thread;
	bool running;
};

/* Control thread: prepares a zeroed worker whose descriptors are -1 (false and a sentence when a resource is missing), starts and joins its thread, gives everything back. */
bool worker_init(struct worker *worker, unsigned index, _Atomic(struct table *) *newest, int progress_fd, struct err *err);
bool worker_start(struct worker *worker, struct err *err);
void worker_join(struct worker *worker);
void worker_fini(struct worker *worker);
/* Worker's thread: one turn (see above), waiting for an event when asked and nothing is ready; at the end, everything that is open is closed. Between worker_init and
 * worker_fini a single-threaded program may call these instead of starting a thread. */
void worker_turn(struct worker *worker, bool wait);
void worker_close_all(struct worker *worker);
/* Any thread: ends the present wait for events. */
void worker_wake(struct worker *worker);

/* Monotonic time, read once a turn. */
uint64_t worker_now_us(struct worker *worker);
static inline uint64_t worker_now_ms(struct worker *worker)
{
	return worker_now_us(worker) / 1000u;
}

/* Wall clock, derived from worker_now_us; set right once a second. */
uint64_t worker_wall_us(struct worker *worker);
/* The same as an HTTP-date (RFC 9110 section 5.6.7), written once a second. Valid until the next call. */
struct span worker_date(struct worker *worker);
/* As RFC 3339 with milliseconds; and as the combined log format has it. The same. */
struct span worker_stamp(struct worker *worker);
struct span worker_combined_stamp(struct worker *worker);

/* The ready lists: on_ready is called in this turn's second pass, or in the next turn when asked from there. Of connections that are patient a few get their turn in each: when thousands of
 * them have a crumb at the same time, requests of others do not wait for all of these. */
void worker_queue(struct worker *worker, struct conn *conn);
/* on_free at the end of the turn. */
void worker_defer_free(struct worker *worker, struct conn *conn);
void worker_arm(struct worker *worker, struct deadline *deadline, enum deadline_kind kind, uint64_t after_ms);

/* Wakes the control thread: on_progress. */
void worker_report(struct worker *worker);
/* The last client is gone: the control thread wants to know while it drains. */
void worker_report_empty(struct worker *worker);

/* Blocks of WORKER_BLOCK_SIZE bytes for held requests; NULL when out of memory. */
char *worker_take_block(struct worker *worker);
void worker_give_block(struct worker *worker, char *block);

/* A single writer's addition to an atomic counter: no locked instruction. */
#define worker_count(counter, value) \
	atomic_store_explicit((counter), atomic_load_explicit((counter), memory_order_relaxed) + (uint64_t)(value), memory_order_relaxed)

/* Twelve hexadecimal digits that are the run's own, and as many that count up from 0: never the same twice in one run of the program. */
void worker_init_id(struct worker *worker);
void worker_make_id(struct worker *worker, char id[WORKER_ID_LENGTH]);

#endif
