/* Waiting for a peer in the middle of a body. Worker thread. */
#include "proxy/wait.h"

#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/upstream.h"
#include "proxy/worker.h"

#define LOOKS_A_STALL 4u /* at a full socket: progress tells of itself only when somebody looks */

static uint64_t look_ms(uint64_t stall_ms)
{
	return stall_ms / LOOKS_A_STALL + 1;
}

void wait_for_body(struct exchange *exchange, unsigned long bytes)
{
	struct conn *conn = &exchange->client->conn;
	uint64_t now_ms = worker_now_ms(exchange->worker);
	if (bytes > 0 && conn->deadline.kind == DEADLINE_stall) {
		pace_move(&exchange->pace, bytes, now_ms);
		return;
	}
	exchange->waits_for_room = false;
	pace_begin(&exchange->pace, now_ms);
	conn_arm(conn, DEADLINE_stall, exchange->table->globals.stall_ms);
}

static void wait_for_room(struct exchange *exchange, struct conn *conn)
{
	exchange->waits_for_room = true;
	exchange->unsent = conn_unsent(conn);
	pace_begin(&exchange->pace, worker_now_ms(exchange->worker));
	conn_arm(conn, DEADLINE_room, look_ms(exchange->table->globals.stall_ms));
}

void wait_for_client(struct exchange *exchange)
{
	wait_for_room(exchange, &exchange->client->conn);
}

void wait_for_backend(struct exchange *exchange)
{
	wait_for_room(exchange, &exchange->upstream->conn);
}

/* PACE_FINE: the deadline is armed again. */
static enum pace_verdict look(struct exchange *exchange, struct conn *conn, uint64_t rate)
{
	uint64_t now_ms = worker_now_ms(exchange->worker), stall_ms = exchange->table->globals.stall_ms, after_ms;
	if (exchange->waits_for_room) {
		uint64_t unsent = conn_unsent(conn);
		if (unsent < exchange->unsent)
			pace_move(&exchange->pace, exchange->unsent - unsent, now_ms);
		exchange->unsent = unsent;
	}
	enum pace_verdict verdict = pace_check(&exchange->pace, now_ms, stall_ms, rate, &after_ms);
	if (verdict == PACE_FINE) {
		if (exchange->waits_for_room)
			conn_arm(conn, DEADLINE_room, after_ms < look_ms(stall_ms) ? after_ms : look_ms(stall_ms));
		else
			conn_arm(conn, DEADLINE_stall, after_ms);
	}
	return verdict;
}

void wait_on_client_deadline(struct exchange *exchange)
{
	bool room = exchange->waits_for_room;
	switch (look(exchange, &exchange->client->conn, exchange->table->globals.rate)) {
	case PACE_FINE:
		break;
	case PACE_STALLED:
		exchange_fail(exchange, room ? FAIL_client_stalled : FAIL_request_body_timeout);
		break;
	case PACE_SLOW:
		exchange_fail(exchange, room ? FAIL_client_slow : FAIL_request_body_slow);
		break;
	}
}

/* A backend has no least rate: what it does with a request is the operator's business. */
void wait_on_backend_deadline(struct exchange *exchange)
{
	if (look(exchange, &exchange->upstream->conn, 0) != PACE_FINE)
		exchange_fail(exchange, FAIL_backend_stalled);
}
