/* Connections that are opened in advance. Worker thread. Decides nothing about when: the table says so. */
#include "proxy/warm.h"

#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/pool.h"
#include "proxy/upstream.h"
#include "proxy/worker.h"

#define OPENED_A_TURN 2u   /* together as long as a few requests take */
#define UNDER_WAY_MOST 32u /* a backend that is not quick to accept has room for them: its queue is for 128 or more, mostly */
#define WANTED_MOST 1024u  /* about as many as can be opened while somebody waits for it */

/* ---- how many ---- */

/* Of the live color. Their clients come back by and by, and never to an idle connection's profit. */
static unsigned count_tunnels(const struct worker *worker, const struct table_service *service)
{
	unsigned count = 0;
	if (atomic_load_explicit(&worker->counters.tunnels, memory_order_relaxed) == 0)
		return 0;
	for (const struct client *client = worker->clients; client; client = client->next) {
		const struct exchange *exchange = client->exchange;
		count += exchange && exchange->step == EXCHANGE_TUNNEL && exchange->totals == service->totals && exchange->color == service->live;
	}
	return count;
}

/* Whether it was given one back lately: else connections serve one request each, and what waits in advance would only be in the way of others, above all where a backend's every thread waits for one connection. */
static bool keeps_connections(const struct backend_lane *lane)
{
	return lane->idle_deadline.kind != DEADLINE_none;
}

static unsigned count_wanted(const struct worker *worker, const struct table_service *service)
{
	const struct table_color *live = &service->colors[service->live];
	unsigned connections = 0, tunnels = count_tunnels(worker, service);
	for (unsigned i = 0; i < live->count; i++) {
		const struct backend_lane *lane = &live->members[i].backend->lanes[worker->index];
		if (keeps_connections(lane))
			connections += atomic_load_explicit(&lane->connections, memory_order_relaxed);
	}
	unsigned wanted = connections > tunnels ? connections - tunnels : 0;
	return wanted < WANTED_MOST ? wanted : WANTED_MOST;
}

/* ---- the queue of lanes ---- */

static void push(struct worker *worker, struct backend_lane *lane)
{
	lane->warm.next = NULL;
	if (worker->warm.last)
		worker->warm.last->warm.next = lane;
	else
		worker->warm.first = lane;
	worker->warm.last = lane;
}

static struct backend_lane *pop(struct worker *worker)
{
	struct backend_lane *lane = worker->warm.first;
	worker->warm.first = lane->warm.next;
	if (!worker->warm.first)
		worker->warm.last = NULL;
	return lane;
}

static void empty(struct worker *worker)
{
	worker->warm.first = worker->warm.last = NULL;
}

/* ---- the order ---- */

static bool may_open(const struct worker *worker)
{
	return worker->warm.first && worker->warm.early_count < UNDER_WAY_MOST;
}

static void tell_if_done(struct worker *worker)
{
	if (worker->warm.due == 0 || worker->warm.first || worker->warm.early_count > 0)
		return;
	atomic_store_explicit(&worker->warmed, worker->warm.due, memory_order_release);
	worker->warm.due = 0;
	worker_report(worker);
}

static void go_on(struct worker *worker)
{
	worker->warm.more |= may_open(worker);
	tell_if_done(worker);
}

/* What it has left of an order a lane keeps over tables, so that what failed is not tried again. */
static void plan(struct backend_lane *lane, uint64_t order, unsigned share)
{
	unsigned has = atomic_load_explicit(&lane->connections, memory_order_relaxed);
	if (lane->warm.order == order)
		return;
	lane->warm.order = order;
	lane->warm.left = share > has ? share - has : 0;
}

static void enter(struct worker *worker, const struct table_service *service)
{
	const struct table_color *color = &service->colors[color_other(service->live)];
	unsigned wanted = color->announce == PROXYPROTO_NONE ? count_wanted(worker, service) : 0;
	uint64_t now_ms = worker_now_ms(worker);
	for (unsigned i = 0; i < color->up; i++) {
		struct backend_lane *lane = &color->ready[i]->lanes[worker->index];
		plan(lane, service->warm, (wanted + color->up - 1) / color->up); /* rounded up, as the next request may go to any of them */
		lane->warm.color = color;
		if (lane->warm.left > 0 && lane->skip_until_ms <= now_ms)
			push(worker, lane);
	}
}

void warm_obey(struct worker *worker)
{
	const struct table *table = worker->table;
	empty(worker);
	worker->warm.due = 0;
	for (size_t i = 0; i < table->service_count; i++) {
		if (table->services[i]->warm == 0)
			continue;
		enter(worker, table->services[i]);
		worker->warm.due = table->generation;
	}
	go_on(worker);
}

/* ---- opening ---- */

static void await(struct upstream *upstream)
{
	struct worker *worker = upstream->conn.worker;
	upstream->list = UPSTREAM_EARLY;
	upstream->newer = NULL;
	upstream->older = worker->warm.early;
	if (worker->warm.early)
		worker->warm.early->newer = upstream;
	worker->warm.early = upstream;
	worker->warm.early_count++;
	conn_arm(&upstream->conn, DEADLINE_connect, worker->table->globals.connect_ms);
}

void warm_forget(struct upstream *upstream)
{
	struct worker *worker = upstream->conn.worker;
	if (upstream->newer)
		upstream->newer->older = upstream->older;
	else
		worker->warm.early = upstream->older;
	if (upstream->older)
		upstream->older->newer = upstream->newer;
	upstream->newer = upstream->older = NULL;
	upstream->list = UPSTREAM_UNLISTED;
	worker->warm.early_count--;
}

static void open_next(struct worker *worker)
{
	enum fail fail;
	struct backend_lane *lane = pop(worker);
	if (lane->warm.left == 0) /* one of them has failed */
		return;
	struct upstream *upstream = upstream_open(worker, lane->backend, lane->warm.color->tls, NULL, &fail);
	if (!upstream) {
		lane->warm.left = 0;
		if (fail == FAIL_internal) /* what we lack requests need more */
			empty(worker);
		return;
	}
	if (--lane->warm.left > 0)
		push(worker, lane);
	if (upstream->connecting)
		await(upstream);
	else
		warm_on_standing(upstream);
}

void warm_run(struct worker *worker)
{
	for (unsigned opened = 0; opened < OPENED_A_TURN && may_open(worker); opened++)
		open_next(worker);
	tell_if_done(worker);
	worker->warm.more = may_open(worker);
	if (worker->warm.more)
		worker_wake(worker);
}

void warm_on_standing(struct upstream *upstream)
{
	struct worker *worker = upstream->conn.worker;
	if (upstream->list == UPSTREAM_EARLY)
		warm_forget(upstream);
	upstream->reusable = upstream->unasked = true;
	pool_give(upstream);
	go_on(worker);
}

void warm_on_failed(struct upstream *upstream)
{
	struct worker *worker = upstream->conn.worker;
	upstream->lane->warm.left = 0;
	upstream_close(upstream);
	go_on(worker);
}

void warm_close_all(struct worker *worker)
{
	empty(worker);
	while (worker->warm.early)
		upstream_close(worker->warm.early);
}
