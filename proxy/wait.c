/* Waiting for a peer in the middle of a body. Worker thread. */
#include "proxy/wait.h"

#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/upstream.h"
#include "proxy/worker.h"

#define LOOKS_A_STALL 4u /* at a full socket: progress tells of itself only when somebody looks */

static uint64_t look_ms(const struct exchange *exchange)
{
	return exchange->table->globals.stall_ms / LOOKS_A_STALL + 1;
}

/* ---- the client's body ---- */

void wait_for_body(struct exchange *exchange, unsigned long bytes)
{
	struct conn *conn = &exchange->client->conn;
	uint64_t now_ms = worker_now_ms(exchange->worker);
	if (bytes > 0 && conn->deadline.kind == DEADLINE_stall) {
		pace_move(&exchange->body_pace, bytes, now_ms);
		return;
	}
	pace_begin(&exchange->body_pace, now_ms);
	conn_arm(conn, DEADLINE_stall, exchange->table->globals.stall_ms);
}

/* ---- room on a socket ---- */

/* What the peer's machine has acknowledged since the last look. */
static void note_progress(struct wait_room *room, struct conn *conn, uint64_t now_ms)
{
	uint64_t acknowledged = conn_acknowledged(conn);
	if (acknowledged > room->acknowledged)
		pace_move(&room->pace, acknowledged - room->acknowledged, now_ms);
	room->acknowledged = acknowledged;
}

static void wait_for_room(struct exchange *exchange, struct wait_room *room, struct conn *conn)
{
	uint64_t now_ms = worker_now_ms(exchange->worker);
	if (!room->began) {
		pace_begin(&room->pace, now_ms);
		room->acknowledged = conn_acknowledged(conn);
		room->began = true;
	} else {
		if (room->ended_ms > 0) /* the time in between was no wait */
			room->pace.start_ms += now_ms - room->ended_ms;
		note_progress(room, conn, now_ms);
		room->pace.last_ms = now_ms; /* what was kept before has gone */
	}
	room->ended_ms = 0;
	conn_arm(conn, DEADLINE_room, look_ms(exchange));
}

static void end_wait(struct exchange *exchange, struct wait_room *room, struct conn *conn)
{
	if (conn->deadline.kind != DEADLINE_room)
		return;
	conn_disarm(conn);
	room->ended_ms = worker_now_ms(exchange->worker);
}

void wait_for_client(struct exchange *exchange)
{
	wait_for_room(exchange, &exchange->client_room, &exchange->client->conn);
}

void wait_end_for_client(struct exchange *exchange)
{
	end_wait(exchange, &exchange->client_room, &exchange->client->conn);
}

void wait_for_backend(struct exchange *exchange)
{
	wait_for_room(exchange, &exchange->backend_room, &exchange->upstream->conn);
}

/* ---- deadlines ---- */

static enum pace_verdict look(struct exchange *exchange, struct wait_room *room, struct conn *conn, uint64_t rate)
{
	uint64_t now_ms = worker_now_ms(exchange->worker), after_ms;
	note_progress(room, conn, now_ms);
	enum pace_verdict verdict = pace_check(&room->pace, now_ms, exchange->table->globals.stall_ms, rate, &after_ms);
	if (verdict == PACE_FINE)
		conn_arm(conn, DEADLINE_room, after_ms < look_ms(exchange) ? after_ms : look_ms(exchange));
	return verdict;
}

static void on_client_room(struct exchange *exchange)
{
	switch (look(exchange, &exchange->client_room, &exchange->client->conn, exchange->table->globals.rate)) {
	case PACE_FINE:
		break;
	case PACE_STALLED:
		exchange_fail(exchange, FAIL_client_stalled);
		break;
	case PACE_SLOW:
		exchange_fail(exchange, FAIL_client_slow);
		break;
	}
}

static void on_body(struct exchange *exchange)
{
	const struct table_globals *globals = &exchange->table->globals;
	uint64_t after_ms;
	switch (pace_check(&exchange->body_pace, worker_now_ms(exchange->worker), globals->stall_ms, globals->rate, &after_ms)) {
	case PACE_FINE:
		conn_arm(&exchange->client->conn, DEADLINE_stall, after_ms);
		break;
	case PACE_STALLED:
		exchange_fail(exchange, FAIL_request_body_timeout);
		break;
	case PACE_SLOW:
		exchange_fail(exchange, FAIL_request_body_slow);
		break;
	}
}

void wait_on_client_deadline(struct exchange *exchange, enum deadline_kind kind)
{
	if (kind == DEADLINE_room)
		on_client_room(exchange);
	else
		on_body(exchange);
}

/* A backend has no least rate: what it does with a request is the operator's business. */
void wait_on_backend_deadline(struct exchange *exchange)
{
	if (look(exchange, &exchange->backend_room, &exchange->upstream->conn, 0) != PACE_FINE)
		exchange_fail(exchange, FAIL_backend_stalled);
}
