/* Requests that wait while their service is held, and how they are let go. Worker thread. Chooses no color and no backend: that is exchange.c, once they go on. */
#include "proxy/hold.h"

#include <assert.h>
#include <stdlib.h>

#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/worker.h"

#define TICK_MS 4u    /* between two batches of those that are let go */
#define BEHIND_MS 50u /* a worker that was busy for longer than this makes up for so much of it */
#define NEWER_TABLE_MS 1u

/* The waiting requests of one service, in their order. There is none without a request. */
struct hold_queue {
	struct hold_queue *next; /* of the worker's */
	struct totals *totals;   /* of the service: what does not change with a table. A queue does not outlive the table that holds them */
	struct exchange *first, *last;
	unsigned waiting;
	uint64_t bytes;
	struct deadline deadline; /* the end of the hold, or the next batch */
	bool releasing;
	unsigned owed;   /* to go besides: as many as came since the last batch */
	uint64_t due_ns; /* while releasing: when the next one may go, monotonic */
};

/* ---- whether a service is held ---- */

static bool is_held(struct worker *worker, const struct table_service *service)
{
	return service->hold.until_ms > worker_now_ms(worker) && !worker->table->globals.draining;
}

static struct hold_queue *find_queue(const struct worker *worker, const struct totals *totals)
{
	struct hold_queue *queue = worker->holds;
	while (queue && queue->totals != totals)
		queue = queue->next;
	return queue;
}

bool hold_concerns(struct worker *worker, const struct table_service *service)
{
	return find_queue(worker, service->totals) || is_held(worker, service);
}

unsigned hold_read_retry_s(const struct exchange *exchange)
{
	uint64_t now_ms = worker_now_ms(exchange->worker), until_ms = exchange->service->hold.until_ms;
	return until_ms > now_ms ? (unsigned)((until_ms - now_ms + 999u) / 1000u) : 1;
}

/* ---- counting ---- */

static struct totals_queue *counters_of(const struct exchange *exchange)
{
	return &exchange->service->totals->queues[exchange->worker->index];
}

static void note_size(struct totals_queue *counters, const struct hold_queue *queue)
{
	atomic_store_explicit(&counters->bytes, queue->bytes, memory_order_relaxed);
	atomic_store_explicit(&counters->waiting, queue->waiting, memory_order_release);
}

/* ---- queues ---- */

static struct hold_queue *open_queue(struct worker *worker, struct totals *totals)
{
	struct hold_queue *queue = calloc(1, sizeof(*queue));
	if (!queue)
		return NULL;
	queue->totals = totals;
	queue->next = worker->holds;
	worker->holds = queue;
	return queue;
}

static void close_queue(struct worker *worker, struct hold_queue *queue)
{
	struct hold_queue **link = &worker->holds;
	assert(!queue->first && queue->waiting == 0);
	while (*link != queue)
		link = &(*link)->next;
	*link = queue->next;
	deadline_disarm(&queue->deadline);
	free(queue);
	worker_report(worker);
}

static void append(struct hold_queue *queue, struct exchange *exchange)
{
	exchange->place = (struct hold_place){queue, queue->last, NULL};
	if (queue->last)
		queue->last->place.next = exchange;
	else
		queue->first = exchange;
	queue->last = exchange;
	queue->waiting++;
	queue->bytes += exchange->held_size;
	note_size(counters_of(exchange), queue);
}

static void detach(struct exchange *exchange)
{
	struct hold_place place = exchange->place;
	struct hold_queue *queue = place.queue;
	if (place.previous)
		place.previous->place.next = place.next;
	else
		queue->first = place.next;
	if (place.next)
		place.next->place.previous = place.previous;
	else
		queue->last = place.previous;
	queue->waiting--;
	queue->bytes -= exchange->held_size;
	exchange->place = (struct hold_place){0};
	note_size(counters_of(exchange), queue);
}

static struct exchange *take_first(struct hold_queue *queue)
{
	struct exchange *exchange = queue->first;
	detach(exchange);
	return exchange;
}

/* ---- in ---- */

/* While those that wait are let go each new one lets another go, so that the queue grows no longer than it was. */
static bool has_room(const struct hold_queue *queue, const struct table_hold *hold, const struct exchange *exchange)
{
	unsigned staying = queue->waiting > queue->owed ? queue->waiting - queue->owed : 0;
	return staying < hold->requests && queue->bytes + exchange->held_size <= hold->bytes;
}

static void refuse(struct exchange *exchange)
{
	totals_add(&counters_of(exchange)->refused, 1);
	exchange_fail(exchange, FAIL_hold_full);
}

static uint64_t time_left(struct worker *worker, uint64_t until_ms)
{
	uint64_t now_ms = worker_now_ms(worker);
	return until_ms > now_ms ? until_ms - now_ms : 0;
}

void hold_enter(struct exchange *exchange)
{
	static const struct hold_queue empty;
	struct worker *worker = exchange->worker;
	const struct table_hold *hold = &exchange->service->hold;
	struct hold_queue *queue = find_queue(worker, exchange->service->totals);
	if (!has_room(queue ? queue : &empty, hold, exchange)) {
		refuse(exchange);
		return;
	}
	bool fresh = !queue;
	if (fresh)
		queue = open_queue(worker, exchange->service->totals);
	if (!queue) {
		exchange_fail(exchange, FAIL_internal);
		return;
	}
	append(queue, exchange);
	totals_add(&counters_of(exchange)->held, 1);
	if (fresh)
		worker_arm(worker, &queue->deadline, DEADLINE_hold, time_left(worker, hold->until_ms));
	else if (queue->releasing)
		queue->owed++;
}

/* ---- out, before its time ---- */

void hold_leave(struct exchange *exchange)
{
	struct hold_queue *queue = exchange->place.queue;
	detach(exchange);
	totals_add(&counters_of(exchange)->left, 1);
	if (!queue->first)
		close_queue(exchange->worker, queue);
}

void hold_look_at_client(struct exchange *exchange)
{
	struct client *client = exchange->client;
	/* What was sent ahead hides a reset from a look at the bytes. */
	if (conn_is_broken(&client->conn))
		exchange_fail(exchange, FAIL_client_gone);
}

/* ---- out ---- */

/* It has its color from here on. How long it waited is the hold's doing and no latency of that. */
static void let_go(struct exchange *exchange)
{
	uint64_t waited_us = worker_now_us(exchange->worker) - exchange->start_us;
	exchange->waited_us += waited_us; /* it may have waited for a service that is gone */
	exchange->start_us += waited_us;
	exchange_go_on(exchange);
}

static void let_go_all(struct worker *worker, struct hold_queue *queue)
{
	while (queue->first)
		let_go(take_first(queue));
	close_queue(worker, queue);
}

/* How many may go by now, besides those that are owed. */
static unsigned count_due(struct hold_queue *queue, uint64_t now_ns, unsigned per_s)
{
	uint64_t step_ns = 1000000000u / per_s, behind_ns = BEHIND_MS * 1000000ull;
	if (queue->due_ns + behind_ns < now_ns)
		queue->due_ns = now_ns - behind_ns;
	if (queue->due_ns > now_ns)
		return 0;
	uint64_t count = step_ns > 0 ? (now_ns - queue->due_ns) / step_ns + 1 : queue->waiting;
	queue->due_ns += count * step_ns;
	return count < queue->waiting ? (unsigned)count : queue->waiting;
}

static void begin_release(struct worker *worker, struct hold_queue *queue)
{
	queue->releasing = true;
	queue->owed = 0;
	queue->due_ns = worker_now_us(worker) * 1000u;
	worker_arm(worker, &queue->deadline, DEADLINE_hold, 0);
}

static void release_some(struct worker *worker, struct hold_queue *queue)
{
	unsigned per_s = queue->first->service->hold.release_per_s;
	unsigned count = per_s > 0 ? count_due(queue, worker_now_us(worker) * 1000u, per_s) + queue->owed : queue->waiting;
	queue->owed = 0;
	for (; count > 0 && queue->first; count--)
		let_go(take_first(queue));
	if (queue->first)
		worker_arm(worker, &queue->deadline, DEADLINE_hold, TICK_MS);
	else
		close_queue(worker, queue);
}

void hold_on_deadline(struct worker *worker, struct deadline *deadline)
{
	struct hold_queue *queue = (struct hold_queue *)((char *)deadline - offsetof(struct hold_queue, deadline));
	/* A table that is there already but not taken yet may have another color, or another end: it is taken at the end of this turn. */
	if (atomic_load_explicit(worker->newest, memory_order_acquire) != worker->table) {
		worker_arm(worker, deadline, DEADLINE_hold, NEWER_TABLE_MS);
		return;
	}
	if (queue->releasing)
		release_some(worker, queue);
	else
		begin_release(worker, queue);
}

/* ---- new tables ---- */

static struct table_service *find_service(const struct table *table, const struct totals *totals)
{
	for (size_t i = 0; i < table->service_count; i++)
		if (table->services[i]->totals == totals)
			return table->services[i];
	return NULL;
}

/* To the newest table, so that none is kept for those that wait. */
static void move(struct exchange *exchange, struct table_service *service)
{
	struct worker *worker = exchange->worker;
	table_hold(worker->table, worker->index);
	table_release(exchange->table, worker->index);
	exchange->table = worker->table;
	exchange->generation = worker->table->generation;
	exchange->service = service;
}

/* The service is gone. Each finds its way anew, as if it came now. */
static void dissolve(struct worker *worker, struct hold_queue *queue)
{
	while (queue->first) {
		struct exchange *exchange = take_first(queue);
		move(exchange, NULL);
		let_go(exchange);
	}
	close_queue(worker, queue);
}

static void obey(struct worker *worker, struct hold_queue *queue)
{
	struct table_service *service = find_service(worker->table, queue->totals);
	if (!service) {
		dissolve(worker, queue);
		return;
	}
	for (struct exchange *exchange = queue->first; exchange; exchange = exchange->place.next)
		move(exchange, service);
	if (worker->table->globals.draining) {
		let_go_all(worker, queue);
	} else if (is_held(worker, service)) {
		queue->releasing = false;
		queue->owed = 0;
		worker_arm(worker, &queue->deadline, DEADLINE_hold, time_left(worker, service->hold.until_ms));
	} else if (!queue->releasing) {
		begin_release(worker, queue);
	}
}

void hold_obey(struct worker *worker)
{
	for (struct hold_queue *queue = worker->holds, *next; queue; queue = next) {
		next = queue->next;
		obey(worker, queue);
	}
}
