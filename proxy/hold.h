/* New requests of a held service wait here, in the order in which they came, until a table or the clock lets them go. Worker thread.
 *
 * A service is held by its table (struct table_hold): the worker's share of requests and of memory bounds the queue, and `until_ms` ends it though nobody says so. A request that waits belongs to no
 * color and is in flight nowhere; it is moved on to each new table, and gets its color and its backend from the newest one when it is let go, as if it had come then. Beyond the share it is answered
 * 503 with Retry-After.
 *
 * When the hold is over (by a table, by the clock) those that wait are let go in their order: all at once while the proxy drains, else `release_per_s` of them and, besides, one for
 * each new one, which goes behind them. So the order is kept, and how long it takes depends on how many waited and not on how many come.
 *
 * What waits has no deadline of its own but the exchange's total one. Its body is not read on, and its client is looked at for a reset; one that has only half closed still wants its answer. Previews
 * are not held. */
#ifndef TEAL_PROXY_HOLD_H
#define TEAL_PROXY_HOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "proxy/deadline.h"
#include "proxy/table.h"

struct exchange;
struct hold_queue;
struct worker;

/* An exchange's place in a queue; zeroed: none. */
struct hold_place {
	struct hold_queue *queue;
	struct exchange *previous, *next;
};

/* Whether a new request of the service, a preview apart, has to wait, or is refused. Asked only where hold.until_ms of the service or the worker's `holds` is set. */
bool hold_concerns(struct worker *worker, const struct table_service *service);

/* Its head is held (exchange->held), the body as far as it came: it waits, or is answered 503 and has ended on return. */
void hold_enter(struct exchange *exchange);
/* It ends while it waits. */
void hold_leave(struct exchange *exchange);
/* An event on its client's connection: a reset ends the exchange. */
void hold_look_at_client(struct exchange *exchange);

/* Seconds until the hold that refuses it will be over, at least 1. */
unsigned hold_read_retry_s(const struct exchange *exchange);

/* A new table was taken: what waits is moved on to it, and let go where it says so. */
void hold_obey(struct worker *worker);
/* DEADLINE_hold of a queue. */
void hold_on_deadline(struct worker *worker, struct deadline *deadline);

#endif
