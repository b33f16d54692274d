/* Idle backend connections. Worker thread. */
#include "proxy/pool.h"

#include <assert.h>
#include <stddef.h>

#include "proxy/client.h"
#include "proxy/upstream.h"
#include "proxy/worker.h"

#define IDLE_LONGEST_MS 4000u
#define IDLE_SHORTEST_MS 20u
#define IDLE_UNREPEATABLE_MS 1000u
#define IDLE_CONNECTIONS_MAX 16384u /* more than are ever busy at once: fewer would mean a new connection for every request beyond them */

static uint32_t idle_limit_ms(const struct backend_lane *lane)
{
	return lane->idle_age_ms ? lane->idle_age_ms : IDLE_LONGEST_MS;
}

static void shorten_limit(struct backend_lane *lane, uint64_t ms)
{
	if (ms < IDLE_SHORTEST_MS)
		ms = IDLE_SHORTEST_MS;
	if (ms < idle_limit_ms(lane))
		lane->idle_age_ms = (uint32_t)ms;
}

static void lengthen_limit(struct backend_lane *lane)
{
	uint32_t limit_ms =
		idle_limit_ms(lane) + idle_limit_ms(lane) / 2; /* half of which, for what must not be repeated, is still less than what proved good */
	lane->idle_age_ms = limit_ms < IDLE_LONGEST_MS ? limit_ms : IDLE_LONGEST_MS;
}

void pool_learn_timeout(struct backend_lane *lane, uint64_t seconds)
{
	shorten_limit(lane, seconds > 1 ? (seconds - 1) * 1000u : 500u);
}

void pool_learn_stale(struct upstream *upstream)
{
	shorten_limit(upstream->lane, upstream->rested_ms / 2);
}

static bool keeps_none(const struct backend *backend)
{
	return atomic_load_explicit(&backend->retired, memory_order_acquire) || backend_pooling(backend) == BACKEND_COLD;
}

static void link_freshest(struct backend_lane *lane, struct upstream *upstream)
{
	upstream->newer = NULL;
	upstream->older = lane->idle;
	if (lane->idle)
		lane->idle->newer = upstream;
	else
		lane->idle_oldest = upstream;
	lane->idle = upstream;
	lane->idle_count++;
	if (!upstream->owner)
		return;
	upstream->next_owned = upstream->owner->owned;
	upstream->owner->owned = upstream;
}

/* Few: one for each backend that served the client lately. */
static void disown(struct upstream *upstream)
{
	struct upstream **link = &upstream->owner->owned;
	while (*link != upstream)
		link = &(*link)->next_owned;
	*link = upstream->next_owned;
	upstream->next_owned = NULL;
}

static void unlink_idle(struct backend_lane *lane, struct upstream *upstream)
{
	if (upstream->newer)
		upstream->newer->older = upstream->older;
	else
		lane->idle = upstream->older;
	if (upstream->older)
		upstream->older->newer = upstream->newer;
	else
		lane->idle_oldest = upstream->newer;
	upstream->newer = upstream->older = NULL;
	lane->idle_count--;
	if (upstream->owner)
		disown(upstream);
}

void pool_forget(struct upstream *upstream)
{
	if (!upstream->exchange)
		unlink_idle(upstream->lane, upstream);
}

/* The freshest one that may carry the owner's requests, or those of anybody: where connections have owners, it is only after a reload that others lie among them. */
static struct upstream *find_owned(const struct backend_lane *lane, const struct client *owner)
{
	struct upstream *upstream = owner ? owner->owned : lane->idle;
	while (upstream && (upstream->owner != owner || upstream->lane != lane))
		upstream = owner ? upstream->next_owned : upstream->older;
	return upstream;
}

struct upstream *pool_take(struct worker *worker, struct backend *backend, struct exchange *exchange, struct client *owner, bool repeatable)
{
	struct backend_lane *lane = &backend->lanes[worker->index];
	uint64_t now_ms = worker_now_ms(worker);
	struct upstream *upstream;
	while ((upstream = find_owned(lane, owner))) {
		uint64_t age_ms = now_ms - upstream->idle_since_ms, limit_ms = idle_limit_ms(lane);
		if (!repeatable && (age_ms >= IDLE_UNREPEATABLE_MS || age_ms > limit_ms / 2))
			return NULL;
		bool fit = (age_ms < limit_ms || upstream->warm) && !upstream->conn.readable;
		if (fit && (repeatable || conn_peek(&upstream->conn) == CONN_AGAIN)) {
			unlink_idle(lane, upstream);
			upstream->exchange = exchange;
			upstream->used = true;
			upstream->warm = false;
			upstream->rested_ms = age_ms;
			return upstream;
		}
		upstream_close(upstream);
	}
	return NULL;
}

/* Nothing to write, nothing to read, nothing kept. */
static bool is_quiet(struct conn *conn)
{
	if (conn->hangup || conn->input || conn_has_backlog(conn))
		return false;
	if (conn->readable)
		conn->readable = conn_peek(conn) != CONN_AGAIN;
	return !conn->readable;
}

void pool_give(struct upstream *upstream)
{
	struct backend_lane *lane = upstream->lane;
	struct conn *conn = &upstream->conn;
	if (!upstream->reusable || keeps_none(upstream->backend) || lane->idle_count >= IDLE_CONNECTIONS_MAX || !is_quiet(conn)) {
		upstream_close(upstream);
		return;
	}
	upstream->exchange = NULL;
	upstream->idle_since_ms = worker_now_ms(conn->worker);
	link_freshest(lane, upstream);
	conn_disarm(conn);
	if (lane->idle_deadline.kind == DEADLINE_none)
		worker_arm(conn->worker, &lane->idle_deadline, DEADLINE_pool, idle_limit_ms(lane));
}

/* They stay for as long as the backend keeps them: traffic may come back to it at once. */
static void keep_warm(struct backend_lane *lane, uint64_t now_ms, uint64_t limit_ms)
{
	for (struct upstream *upstream = lane->idle_oldest; upstream && now_ms - upstream->idle_since_ms >= limit_ms; upstream = upstream->newer)
		upstream->warm = true;
}

static void close_old(struct backend_lane *lane, uint64_t now_ms, uint64_t limit_ms)
{
	unsigned before = lane->idle_count;
	while (lane->idle_oldest && now_ms - lane->idle_oldest->idle_since_ms >= limit_ms)
		upstream_close(lane->idle_oldest);
	if (lane->idle_count < before)
		lengthen_limit(lane);
}

void pool_on_deadline(struct worker *worker, struct deadline *deadline)
{
	struct backend_lane *lane = (struct backend_lane *)((char *)deadline - offsetof(struct backend_lane, idle_deadline));
	uint64_t now_ms = worker_now_ms(worker), limit_ms = idle_limit_ms(lane), after_ms = limit_ms;
	if (backend_pooling(lane->backend) == BACKEND_WARM)
		keep_warm(lane, now_ms, limit_ms);
	else
		close_old(lane, now_ms, limit_ms);
	if (lane->idle_oldest && lane->idle_oldest->idle_since_ms + limit_ms > now_ms)
		after_ms = lane->idle_oldest->idle_since_ms + limit_ms - now_ms;
	if (lane->idle_oldest)
		worker_arm(worker, deadline, DEADLINE_pool, after_ms);
}

void pool_on_idle_event(struct upstream *upstream)
{
	struct conn *conn = &upstream->conn;
	if (!conn->readable)
		return;
	int seen = conn_peek(conn);
	if (seen == CONN_AGAIN) {
		conn->readable = false;
		return;
	}
	if (seen == 0)
		shorten_limit(upstream->lane, (worker_now_ms(conn->worker) - upstream->idle_since_ms) / 2);
	upstream_close(upstream);
}

void pool_list(struct worker *worker, struct backend_lane *lane)
{
	if (lane->listed)
		return;
	lane->listed = true;
	lane->previous = NULL;
	lane->next = worker->lanes;
	if (worker->lanes)
		worker->lanes->previous = lane;
	worker->lanes = lane;
}

void pool_unlist(struct worker *worker, struct backend_lane *lane)
{
	/* The last connection is being freed; it is still counted. */
	if (!lane->listed || atomic_load_explicit(&lane->connections, memory_order_relaxed) > 1)
		return;
	deadline_disarm(&lane->idle_deadline);
	lane->listed = false;
	if (lane->previous)
		lane->previous->next = lane->next;
	else
		worker->lanes = lane->next;
	if (lane->next)
		lane->next->previous = lane->previous;
}

static void close_idle(struct backend_lane *lane)
{
	while (lane->idle)
		upstream_close(lane->idle);
}

void pool_sweep(struct worker *worker)
{
	for (struct backend_lane *lane = worker->lanes; lane; lane = lane->next) {
		if (keeps_none(lane->backend))
			close_idle(lane);
	}
}

void pool_close_all(struct worker *worker)
{
	for (struct backend_lane *lane = worker->lanes; lane; lane = lane->next)
		close_idle(lane);
}

void pool_close_owned(struct client *client)
{
	while (client->owned)
		upstream_close(client->owned);
}
