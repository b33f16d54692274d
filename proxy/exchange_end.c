/* The end of an exchange: finished, failed, replayed, sent to the other color, or cut. Worker thread. The only place that decides what follows from a failure. */
#include <assert.h>

#include "proxy/access.h"
#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/fallback.h"
#include "proxy/held.h"
#include "proxy/hold.h"
#include "proxy/pool.h"
#include "proxy/reply.h"
#include "proxy/shield.h"
#include "proxy/tunnel.h"
#include "proxy/upstream.h"
#include "proxy/wait.h"
#include "proxy/worker.h"

/* Lets the backend connection go: back to its pool when it is clean. */
static void drop_upstream(struct exchange *exchange, bool clean)
{
	struct upstream *upstream = exchange->upstream;
	if (exchange->backend)
		exchange_count_backend(exchange, (uint32_t)-1);
	exchange->backend = NULL;
	exchange->upstream = NULL;
	if (!upstream)
		return;
	if (clean)
		pool_give(upstream);
	else
		upstream_close(upstream);
}

static bool is_abort(enum fail fail)
{
	return fail_row(fail)->kind == FAIL_KIND_abort;
}

/* Whether it says something of the color: not that this process ran out of a resource. */
static bool is_failure(enum fail_kind kind)
{
	return kind > FAIL_KIND_abort;
}

static enum fail_kind kind_of(const struct exchange *exchange)
{
	return exchange->fail == FAIL_none ? FAIL_KIND_none : fail_row(exchange->fail)->kind;
}

/* Inline though it has two callers: one is on the way of every exchange. `withheld`: the client does not see it, and may still get an answer. */
static inline __attribute__((always_inline)) void count_end(struct exchange *exchange, bool withheld)
{
	enum fail_kind kind = kind_of(exchange);
	struct totals_cell *cell = exchange->lane ? totals_cell(exchange->lane) : NULL;
	if (!cell)
		return;
	totals_add(&cell->bytes_in, exchange->bytes_in);
	totals_add(&cell->bytes_out, exchange->bytes_out);
	totals_add(&cell->replayed, exchange->replays);
	if (kind == FAIL_KIND_abort) {
		totals_add(&cell->aborted, 1);
		return;
	}
	uint64_t now_us = worker_now_us(exchange->worker);
	bool failed = is_failure(kind);
	totals_add(&cell->ended, 1);
	if (failed || (exchange->status >= 500 && exchange->fail != FAIL_internal && exchange->fail != FAIL_hold_timeout))
		totals_add(&cell->errors, 1);
	if (failed) {
		totals_add(&cell->kinds[kind], 1);
		totals_add(&cell->failed, withheld ? 0 : 1);
	}
	if (exchange->status >= TOTALS_STATUS_LOW && exchange->status < TOTALS_STATUS_LOW + TOTALS_STATUS_COUNT)
		totals_add(&cell->codes[exchange->status - TOTALS_STATUS_LOW], 1);
	if (exchange->step != EXCHANGE_TUNNEL) /* how long people stay is no latency */
		histogram_add(&cell->duration, now_us - exchange->start_us);
	if (exchange->first_byte_us)
		histogram_add(&cell->first_byte, exchange->first_byte_us - exchange->start_us);
}

/* The answer counts neither for nor against the color that helped out; one that failed is told whether it did any good. */
static void count_assist(struct exchange *exchange)
{
	struct totals_cell *cell = totals_cell(exchange->lane);
	struct totals_cell *of_failed = totals_cell(totals_lane(exchange->totals, exchange->worker->index, color_other(exchange->color)));
	if (cell)
		totals_add(&cell->bytes_out, exchange->bytes_out);
	if (exchange->fallback)
		return;
	bool failed = is_failure(kind_of(exchange));
	if (of_failed && failed)
		totals_add(&of_failed->failed, 1);
	if (of_failed && (failed || exchange->status >= 500))
		totals_add(&of_failed->shielded_errors, 1);
}

/* Nothing that the color is judged by. */
static void count_preview(struct exchange *exchange)
{
	struct totals_cell *cell = totals_cell(exchange->lane);
	if (!cell)
		return;
	totals_add(&cell->previewed, 1);
	if (is_failure(kind_of(exchange)) || exchange->status >= 500)
		totals_add(&cell->preview_errors, 1);
}

static void count_down(struct exchange *exchange)
{
	if (exchange->counted)
		atomic_store_explicit(exchange->counted, atomic_load_explicit(exchange->counted, memory_order_relaxed) - 1, memory_order_release);
}

/* Everything is counted, logged and given back; the client goes on, or is closed when `keep_open` is false and nothing is to be read from it. */
static void end(struct exchange *exchange, bool keep_open, bool hang_up)
{
	struct client *client = exchange->client;
	bool unread = !exchange->request.done;
	deadline_disarm(&exchange->total);
	if (exchange->worker->access.ring || exchange->note.bytes)
		access_end(exchange);
	if (exchange_is_assist(exchange))
		count_assist(exchange);
	else if (exchange->preview)
		count_preview(exchange);
	else
		count_end(exchange, false);
	count_down(exchange);
	if (exchange->step == EXCHANGE_TUNNEL)
		worker_count(&exchange->worker->counters.tunnels, -1);
	table_release(exchange->table, exchange->worker->index);
	held_free(exchange);
	client->exchange = NULL;
	exchange_give(exchange);
	if (hang_up)
		client_close(client, true);
	else
		client_on_exchange_end(client, keep_open, unread);
}

void exchange_finish(struct exchange *exchange)
{
	bool keep_open = !exchange->close_client;
	drop_upstream(exchange, exchange->answer.done && exchange->request.done);
	if (conn_has_backlog(&exchange->client->conn)) {
		exchange->step = EXCHANGE_FLUSHING;
		wait_for_client(exchange);
		return;
	}
	end(exchange, keep_open, false);
}

void exchange_end_tunnel(struct exchange *exchange, bool reset)
{
	exchange->upstream->conn.lossy |= reset; /* what the client wanted to say did not get out whole: over TLS the backend is not told of an end */
	drop_upstream(exchange, false);
	end(exchange, false, reset);
}

/* Whether the whole time went by for the client's sake: it is waited for, or its body took more than half of it. That says nothing of the color. */
static bool took_its_time(const struct exchange *exchange)
{
	uint64_t half_us = exchange->table->globals.total_ms * 500u;
	bool backend_is_full = exchange->upstream && conn_has_backlog(&exchange->upstream->conn);
	if (conn_has_backlog(&exchange->client->conn))
		return true;
	if (!exchange->request.done)
		return !backend_is_full;
	return exchange->sent_us > 0 && exchange->sent_us - exchange->start_us > half_us;
}

/* Nor does it when its service was held for so long. */
static bool was_held(const struct exchange *exchange)
{
	return exchange->step == EXCHANGE_WAITING || exchange->waited_us > exchange->table->globals.total_ms * 500u;
}

void exchange_on_deadline(struct deadline *deadline)
{
	struct exchange *exchange = (struct exchange *)((char *)deadline - offsetof(struct exchange, total));
	if (was_held(exchange))
		exchange_fail(exchange, FAIL_hold_timeout);
	else
		exchange_fail(exchange, took_its_time(exchange) ? FAIL_client_timeout : FAIL_exchange_timeout);
}

void exchange_count_cut(struct exchange *exchange)
{
	if (exchange->lane && !exchange_is_assist(exchange) && !exchange->preview)
		totals_add(&exchange->lane->cut, 1);
}

void exchange_cut(struct exchange *exchange)
{
	if (exchange->step != EXCHANGE_FLUSHING) /* that has got all its answer, or was cut before */
		exchange_count_cut(exchange);
	if (exchange->step == EXCHANGE_TUNNEL)
		tunnel_cut(exchange);
	else
		exchange_fail(exchange, FAIL_cut);
}

/* What a failure says about the backend it happened on. */
static void blame_backend(struct exchange *exchange, enum fail fail)
{
	if (!exchange->backend || !is_failure(fail_row(fail)->kind))
		return;
	if (exchange->upstream && exchange->upstream->used && fail_row(fail)->replay != FAIL_REPLAY_NEVER)
		pool_learn_stale(exchange->upstream);
	totals_add(&exchange->backend->lanes[exchange->worker->index].failures, 1);
}

/* Decides whether there is another attempt, and prepares it. */
static bool prepare_replay(struct exchange *exchange, enum fail fail)
{
	enum fail_replay kind = fail_row(fail)->replay;
	bool reused = exchange->upstream && exchange->upstream->used;
	if (exchange->heard || exchange->answer_started || !exchange->held_whole || kind == FAIL_REPLAY_NEVER)
		return false;
	if (!exchange->sent_any && kind == FAIL_REPLAY_UNSENT) {
		if (reused) {
			exchange->tried_count--; /* the stale connection says nothing of the backend */
			exchange->fresh_only = true;
		} else if (exchange->tried_count == EXCHANGE_BACKENDS_MAX || worker_now_ms(exchange->worker) >= exchange->connect_by_ms) {
			return false;
		}
		return true;
	}
	if (!exchange_may_replay(exchange) || (exchange_is_assist(exchange) && !reused)) /* a stale connection is no attempt of the other color's */
		return false;
	exchange->retried = true;
	exchange->fresh_only = true;
	exchange->connect_by_ms = 0;
	return true;
}

static void attempt_again(struct exchange *exchange)
{
	exchange->backend_room = (struct wait_room){0}; /* of another socket */
	exchange->step = EXCHANGE_CHOOSING;
	conn_disarm(&exchange->client->conn); /* it is the backend that is waited for */
	exchange_attempt(exchange);
}

/* ---- the other color ---- */

/* The other color takes it, as one more that it assists. It is counted there first: whoever sees it in flight no longer finds it here. */
static void change_color(struct exchange *exchange)
{
	exchange->color = color_other(exchange->color);
	exchange->lane = totals_lane(exchange->totals, exchange->worker->index, exchange->color);
	_Atomic uint32_t *assist = &exchange->lane->assist;
	atomic_store_explicit(assist, atomic_load_explicit(assist, memory_order_relaxed) + 1, memory_order_relaxed);
	count_down(exchange);
	exchange->counted = assist;
}

/* Everything that is known of the attempts so far is of the color that had it, for which it counts as if the client had seen its end, but for the time that went by. */
static void ask_other_color(struct exchange *exchange, bool fallback)
{
	struct totals_cell *cell = totals_cell(exchange->lane);
	count_end(exchange, true);
	if (cell)
		totals_add(fallback ? &cell->fallbacks : &cell->shielded, 1);
	change_color(exchange);
	exchange->fallback = fallback;
	exchange->shielded = !fallback;
	exchange->tried_count = 0;
	exchange->retried = exchange->fresh_only = exchange->heard = false;
	exchange->connect_by_ms = exchange->first_byte_us = 0;
	exchange->status = 0;
	exchange->fail = FAIL_none;
	attempt_again(exchange);
}

/* The answer goes nowhere. What is still to come of it is not waited for: the connection is closed then. */
static void discard_answer(struct exchange *exchange, char *rest, size_t length)
{
	size_t used, kept;
	bool whole = body_pass(&exchange->answer, rest, length, &used, &kept) && exchange->answer.done && used == length;
	drop_upstream(exchange, whole);
}

bool exchange_withhold_answer(struct exchange *exchange, char *rest, size_t length)
{
	bool missing = exchange->status == 404, no_better = exchange->fallback && !missing;
	bool fallback = missing && fallback_covers(exchange);
	if (!no_better && !fallback && !shield_covers_answer(exchange, exchange->status))
		return false;
	discard_answer(exchange, rest, length);
	if (no_better)
		exchange_fail(exchange, FAIL_fallback_failed);
	else
		ask_other_color(exchange, fallback);
	return true;
}

/* ---- failures ---- */

/* As the client gets it: there is a length that it falls short of, or a last chunk that is missing. */
static bool framing_shows_cut(const struct exchange *exchange)
{
	if (exchange->form == EXCHANGE_AS_IS)
		return exchange->answer.kind != FRAMING_close;
	return exchange->form == EXCHANGE_WRAP_IN_CHUNKS;
}

/* The client can't be told by an answer any more: a close where the framing shows the truncation, else a reset. A reset also takes what the client has not read yet of earlier answers. */
static void hang_up(struct exchange *exchange)
{
	bool visible = framing_shows_cut(exchange) && !is_abort(exchange->fail);
	exchange->request.done = true;
	end(exchange, false, !visible);
}

/* The last word of an exchange that failed: an error answer where one is still possible. */
void exchange_give_up(struct exchange *exchange, enum fail fail)
{
	exchange->fail = fail;
	if (shield_covers_failure(exchange, fail)) {
		exchange->status = fail_row(fail)->status;
		ask_other_color(exchange, false);
		return;
	}
	if (!is_abort(fail) && !exchange->answer_started) {
		reply_send(exchange, exchange->fallback ? FAIL_fallback_failed : fail);
		return;
	}
	if (exchange->status == 0)
		exchange->status = fail_row(fail)->status;
	hang_up(exchange);
}

void exchange_fail(struct exchange *exchange, enum fail fail)
{
	struct worker *worker = exchange->worker;
	assert(exchange->step != EXCHANGE_ENDED);
	if (exchange->place.queue)
		hold_leave(exchange);
	bool again = exchange->service && prepare_replay(exchange, fail);
	worker_count(&worker->counters.fails[fail], 1);
	blame_backend(exchange, fail);
	drop_upstream(exchange, false);
	if (!again) {
		exchange_give_up(exchange, fail);
		return;
	}
	worker_count(&worker->counters.replays[fail], 1);
	exchange->replays++;
	exchange->fail = fail;
	attempt_again(exchange);
}
