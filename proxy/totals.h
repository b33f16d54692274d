/* What the workers count, per service and color. Written by one worker each with relaxed stores; summed by the control thread.
 *
 * A lane (in flight, assist) is always there, on its own cache line; the large cell is allocated by the worker on the first request. Outlives
 * tables: references are held and released by the control thread alone. */
#ifndef TEAL_PROXY_TOTALS_H
#define TEAL_PROXY_TOTALS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/color.h"
#include "base/histogram.h"
#include "proxy/fail.h"

#define TOTALS_STATUS_LOW 100
#define TOTALS_STATUS_COUNT 500

/* What each exchange writes lies in one line of the cache, with the ends of the histograms' buckets around it: of the 18 KB an exchange touches five lines. */
struct totals_cell {
	_Alignas(64) struct histogram first_byte;    /* request head read to first byte of the answer */
	_Alignas(64) struct histogram duration;      /* request head read to answer complete; tunnels left out. Its end shares a line with: */
	_Atomic uint64_t ended;                      /* exchanges that ended, client aborts left out */
	_Atomic uint64_t errors;                     /* of these: 5xx answers and failures to answer, each once */
	_Atomic uint64_t bytes_in, bytes_out;        /* body bytes from and to clients */
	_Atomic uint64_t replayed;                   /* attempts repeated on another connection or backend */
	_Atomic uint64_t aborted;                    /* given up by the client */
	_Atomic uint64_t failed;                     /* of the errors: no answer of a backend's own reached the client whole, not even by the shield */
	_Atomic uint64_t codes[TOTALS_STATUS_COUNT]; /* by status as the client saw it, or would have seen it without the shield */
	_Atomic uint64_t shielded;                   /* of the errors: sent once more on the other color */
	_Atomic uint64_t shielded_errors;            /* of these: the other color did no better */
	_Atomic uint64_t fallbacks;                  /* 404s that were tried on the other color */
	_Atomic uint64_t previewed, preview_errors;  /* previews, which are in none of the others; those that failed or were answered with 5xx */
	_Atomic uint64_t kinds[FAIL_KIND_COUNT];     /* of the errors: failures to answer by kind, as if there were no shield; none and abort stay 0 */
	void *memory;                                /* to be freed */
};

struct totals_lane {
	_Alignas(64) _Atomic uint32_t inflight; /* exchanges first assigned to the color, until the other color takes them over, and tunnels */
	_Atomic uint32_t assist;                /* exchanges helped out for the other color, and previews */
	_Atomic uint64_t cut;                   /* of those in flight: ended by order in the middle of what they did */
	_Atomic(struct totals_cell *) cell;     /* NULL before the first request */
	uint32_t split_turn, balance_turn;      /* the worker's own: see table_take_point, table_choose_backend; workers start at offsets of their own */
};

/* Of one worker: requests that no color has yet, because the service is held. */
struct totals_queue {
	_Alignas(64) _Atomic uint32_t waiting; /* now */
	_Atomic uint64_t bytes;                /* that these take */
	_Atomic uint64_t held;                 /* ever began to wait */
	_Atomic uint64_t refused;              /* 503: too many waited already */
	_Atomic uint64_t left;                 /* of the held: ended while they waited: the client went, timeouts.total was over, or the worker ended */
};

struct totals {
	unsigned references; /* control thread */
	unsigned workers;
	struct totals_queue *queues; /* [worker] */
	struct totals_lane lanes[];  /* [worker * COLOR_COUNT + color] */
};

/* Never NULL (control thread). One reference is the caller's. */
struct totals *totals_new(unsigned workers);
void totals_hold(struct totals *totals);
/* At zero it is freed: no exchange may count on it then, as each one holds a table that holds it. */
void totals_release(struct totals *totals);

static inline struct totals_lane *totals_lane(struct totals *totals, unsigned worker, enum color color)
{
	return &totals->lanes[worker * COLOR_COUNT + color];
}

/* The worker's cell, made on first use; NULL when out of memory. Worker thread. */
struct totals_cell *totals_cell(struct totals_lane *lane);

/* A single writer's addition: no locked instruction. */
#define totals_add(counter, value) atomic_store_explicit((counter), atomic_load_explicit((counter), memory_order_relaxed) + (value), memory_order_relaxed)

/* Plain numbers, summed over the workers. */
struct totals_sum {
	uint64_t ended, errors, failed, aborted, replayed, shielded, shielded_errors, fallbacks, previewed, preview_errors, bytes_in, bytes_out;
	uint64_t codes[TOTALS_STATUS_COUNT], kinds[FAIL_KIND_COUNT]; /* the aborted are FAIL_KIND_abort's, too */
	struct histogram_counts duration, first_byte;
};
void totals_read(const struct totals *totals, enum color color, struct totals_sum *sum);

/* What is followed over time. These are cheap to look at: a few lines of the cache for each worker. */
enum totals_count {
	TOTALS_ENDED,
	TOTALS_ERRORS,
	TOTALS_KINDS, /* and from here on those of FAIL_KIND_abort and the following */
	TOTALS_COUNTS = TOTALS_KINDS + FAIL_KIND_COUNT - FAIL_KIND_abort,
};
enum totals_time {
	TOTALS_DURATION,
	TOTALS_FIRST_BYTE,
	TOTALS_TIMES,
};
/* `added` are those of the histograms: while one stays the same, its buckets hold nothing new; read afterwards, they have all of it. */
void totals_peek(const struct totals *totals, enum color color, uint64_t counts[TOTALS_COUNTS], uint64_t added[TOTALS_TIMES]);
/* Sets `into` to the counts of a group of buckets, modulo 2^32. False if no worker has any there. */
bool totals_read_group(const struct totals *totals, enum color color, enum totals_time time, unsigned group, uint32_t into[HISTOGRAM_GROUP_BUCKETS]);
/* The few that the drain and the status need often. Acquire loads. */
uint64_t totals_inflight(const struct totals *totals, enum color color);
uint64_t totals_assist(const struct totals *totals, enum color color);
/* The requests that wait or waited while the service was held, summed over the workers. */
struct totals_held {
	uint64_t waiting, bytes, held, refused, left;
};
void totals_read_held(const struct totals *totals, struct totals_held *held);
/* The first of these alone. An acquire load. Once every worker has acknowledged a table in which the service is not held, 0 means that all were released: none comes after them. */
uint64_t totals_waiting(const struct totals *totals);

/* Read after totals_inflight it knows of all that are not in flight any more. */
uint64_t totals_cut(const struct totals *totals, enum color color);

#endif
