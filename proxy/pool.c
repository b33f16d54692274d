/* Idle backend connections. Worker thread. */
#include "proxy/pool.h"

#include <assert.h>
#include <stddef.h>

#include "proxy/client.h"
#include "proxy/secure.h"
#include "proxy/upstream.h"
#include "proxy/warm.h"
#include "proxy/worker.h"

#define IDLE_LONGEST_MS 4000u
#define IDLE_SHORTEST_MS 20u
#define IDLE_UNREPEATABLE_MS 1000u
#define IDLE_UNASKED_MS 1000u /* the requests that they were opened for have come by then; and until then they may keep a server's threads from probes, too */
#define IDLE_CONNECTIONS_MAX 16384u /* more than are ever busy at once: fewer would mean a new connection for every request beyond them */
#define CLOSED_AT_ONCE 8u           /* for a request, or in the millisecond: each may take as long as a request, and over TLS as long as two */
#define CLOSED_EARLY 1u             /* in the millisecond, of those that are not old: the backend, too, has its work with each, and requests to do */

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
	upstream->list = UPSTREAM_IDLE;
	if (upstream->unasked && !lane->unasked)
		lane->unasked = upstream;
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

static struct upstream *next_unasked(const struct upstream *upstream)
{
	struct upstream *next = upstream->newer;
	while (next && !next->unasked)
		next = next->newer;
	return next;
}

static void unlink_idle(struct backend_lane *lane, struct upstream *upstream)
{
	if (lane->unasked == upstream)
		lane->unasked = next_unasked(upstream);
	if (upstream->newer)
		upstream->newer->older = upstream->older;
	else
		lane->idle = upstream->older;
	if (upstream->older)
		upstream->older->newer = upstream->newer;
	else
		lane->idle_oldest = upstream->newer;
	upstream->newer = upstream->older = NULL;
	upstream->list = UPSTREAM_UNLISTED;
	lane->idle_count--;
	if (upstream->owner)
		disown(upstream);
}

void pool_forget(struct upstream *upstream)
{
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

/* Whether it has rested so briefly that it is most likely there still. */
static bool is_fresh(const struct backend_lane *lane, const struct upstream *upstream, uint64_t now_ms, bool repeatable)
{
	uint64_t age_ms = now_ms - upstream->idle_since_ms, limit_ms = idle_limit_ms(lane);
	return repeatable ? age_ms < limit_ms || upstream->warm : age_ms < IDLE_UNREPEATABLE_MS && age_ms <= limit_ms / 2;
}

/* Those that were opened in advance go first, in their order: there are servers whose threads each wait for the first request of a connection, and others wait until a thread is free. */
static struct upstream *find(const struct backend_lane *lane, const struct client *owner, uint64_t now_ms, bool repeatable)
{
	if (lane->unasked && !owner && is_fresh(lane, lane->unasked, now_ms, repeatable))
		return lane->unasked;
	return find_owned(lane, owner);
}

struct upstream *pool_take(
	struct worker *worker, struct backend *backend, const struct tlsback *tls, struct exchange *exchange, struct client *owner, bool repeatable)
{
	struct backend_lane *lane = &backend->lanes[worker->index];
	uint64_t now_ms = worker_now_ms(worker);
	struct upstream *upstream;
	for (unsigned closed = 0; closed < CLOSED_AT_ONCE && (upstream = find(lane, owner, now_ms, repeatable)); closed++) {
		bool fresh = is_fresh(lane, upstream, now_ms, repeatable);
		if (!repeatable && !fresh)
			return NULL;
		bool fit = upstream->tls == tls && fresh && !upstream->conn.readable;
		if (fit && (repeatable || conn_peek(&upstream->conn) == CONN_AGAIN)) {
			unlink_idle(lane, upstream);
			upstream->exchange = exchange;
			upstream->used = true;
			upstream->warm = upstream->unasked = false;
			upstream->rested_ms = now_ms - upstream->idle_since_ms;
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
	if (lane->unasked == upstream)
		worker_arm(conn->worker, &lane->idle_deadline, DEADLINE_pool, IDLE_UNASKED_MS);
	else if (lane->idle_deadline.kind == DEADLINE_none)
		worker_arm(conn->worker, &lane->idle_deadline, DEADLINE_pool, idle_limit_ms(lane));
}

/* They stay for as long as the backend keeps them: traffic may come back to it at once. */
static void keep_warm(struct backend_lane *lane, uint64_t now_ms, uint64_t limit_ms)
{
	for (struct upstream *upstream = lane->idle_oldest; upstream && now_ms - upstream->idle_since_ms >= limit_ms; upstream = upstream->newer)
		upstream->warm = true;
}

static bool has_old(const struct backend_lane *lane, uint64_t now_ms, uint64_t limit_ms)
{
	return lane->idle_oldest && now_ms - lane->idle_oldest->idle_since_ms >= limit_ms;
}

/* Of all lanes together so many in a millisecond: those that were opened together are old together. */
static bool may_close(struct worker *worker, uint64_t now_ms, unsigned most)
{
	if (worker->closing_ms != now_ms) {
		worker->closing_ms = now_ms;
		worker->closings = 0;
	}
	return worker->closings++ < most;
}

static void close_old(struct worker *worker, struct backend_lane *lane, uint64_t now_ms, uint64_t limit_ms)
{
	unsigned before = lane->idle_count;
	while (has_old(lane, now_ms, limit_ms) && may_close(worker, now_ms, CLOSED_AT_ONCE))
		upstream_close(lane->idle_oldest);
	if (lane->idle_count < before && !has_old(lane, now_ms, limit_ms))
		lengthen_limit(lane);
}

static bool has_unasked(const struct backend_lane *lane, uint64_t now_ms)
{
	return lane->unasked && now_ms - lane->unasked->idle_since_ms >= IDLE_UNASKED_MS;
}

void pool_on_deadline(struct worker *worker, struct deadline *deadline)
{
	struct backend_lane *lane = (struct backend_lane *)((char *)deadline - offsetof(struct backend_lane, idle_deadline));
	uint64_t now_ms = worker_now_ms(worker), limit_ms = idle_limit_ms(lane);
	bool early = keeps_none(lane->backend), keeps = !early && backend_pooling(lane->backend) == BACKEND_WARM;
	if (keeps)
		keep_warm(lane, now_ms, limit_ms);
	else
		close_old(worker, lane, now_ms, limit_ms);
	if (early && lane->idle_oldest && may_close(worker, now_ms, CLOSED_EARLY))
		upstream_close(lane->idle_oldest);
	if (has_unasked(lane, now_ms) && may_close(worker, now_ms, CLOSED_EARLY))
		upstream_close(lane->unasked);
	if (!lane->idle_oldest)
		return;
	uint64_t end_ms = early ? now_ms : lane->idle_oldest->idle_since_ms + limit_ms;
	if (keeps && end_ms <= now_ms)
		end_ms = now_ms + limit_ms;
	if (lane->unasked && lane->unasked->idle_since_ms + IDLE_UNASKED_MS < end_ms)
		end_ms = lane->unasked->idle_since_ms + IDLE_UNASKED_MS;
	worker_arm(worker, deadline, DEADLINE_pool, end_ms > now_ms ? end_ms - now_ms : 1);
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
	if (seen == 0 || secure_fault(conn) == SECURE_cut) /* many end TLS without saying so */
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
		if (lane->idle && keeps_none(lane->backend))
			worker_arm(worker, &lane->idle_deadline, DEADLINE_pool, 1);
	}
}

void pool_close_all(struct worker *worker)
{
	warm_close_all(worker);
	for (struct backend_lane *lane = worker->lanes; lane; lane = lane->next)
		close_idle(lane);
}

void pool_close_owned(struct client *client)
{
	while (client->owned)
		upstream_close(client->owned);
}
