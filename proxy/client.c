/* Client connections speaking HTTP/1.1. Worker thread. */
#include "proxy/client.h"

#include <stdlib.h>

#include "proxy/exchange.h"
#include "proxy/relay.h"
#include "proxy/secure.h"
#include "proxy/tunnel.h"
#include "proxy/wait.h"
#include "proxy/worker.h"

#define LINGER_MS 2000u
#define LAST_IDLE_MS 2000u /* of a connection while its worker drains */

static void set_step(struct client *client, enum client_step step)
{
	struct worker_counters *counters = &client->conn.worker->counters;
	if (client->step == CLIENT_IDLE && step != CLIENT_IDLE)
		worker_count(&counters->idle, -1);
	if (client->step != CLIENT_IDLE && step == CLIENT_IDLE)
		worker_count(&counters->idle, 1);
	client->step = step;
}

/* ---- request heads ---- */

/* FIN, and read on until theirs, so that a reset does not destroy our last answer on its way (RFC 9112 section 9.6). */
static void linger(struct client *client)
{
	set_step(client, CLIENT_LINGERING);
	conn_shutdown(&client->conn);
	conn_arm(&client->conn, DEADLINE_linger, LINGER_MS);
	conn_queue(&client->conn);
}

static void read_to_end(struct client *client)
{
	struct worker *worker = client->conn.worker;
	ssize_t got = conn_read(&client->conn, worker->buffer, worker->buffer_size);
	if (got == 0 || got == CONN_ERROR)
		client_close(client, false);
	else if (got > 0)
		conn_read_on(&client->conn);
}

static void keep_head(struct client *client, const char *bytes, size_t length)
{
	struct conn *conn = &client->conn;
	if (length == 0)
		return;
	if (!conn_keep_input(conn, bytes, length)) {
		client_close(client, true);
		return;
	}
	if (client->step == CLIENT_IDLE) {
		set_step(client, CLIENT_HEAD);
		conn_arm(conn, DEADLINE_header, conn->worker->table->globals.header_ms);
	}
	conn->patient = true;
	conn_read_on(conn);
}

void client_keep_rest(struct client *client, const char *bytes, size_t length)
{
	if (length == 0 || !conn_is_open(&client->conn))
		return;
	bool kept = conn_keep_input(&client->conn, bytes, length);
	if (client->exchange)
		client->unread |= !kept; /* what was pipelined is lost: no further request can be read */
	else if (!kept)
		client_close(client, true);
	else
		conn_queue(&client->conn); /* the exchange ended before these bytes were put aside */
}

static void begin_exchange(struct client *client, char *bytes, size_t length)
{
	struct conn *conn = &client->conn;
	size_t head = conn->worker->head.length;
	set_step(client, CLIENT_EXCHANGE);
	conn_disarm(conn);
	conn->patient = false;
	size_t used = head + exchange_begin(client, bytes + head, length - head);
	client_keep_rest(client, bytes + used, length - used);
	if (client->exchange && client->half_closed && !client->exchange->request.done) /* the FIN was read with what was sent ahead */
		exchange_fail(client->exchange, FAIL_request_incomplete);
}

/* A head that can't be served, or will never be one. */
static void refuse_head(struct client *client, enum fail fail)
{
	conn_disarm(&client->conn);
	set_step(client, CLIENT_EXCHANGE);
	client->unread = true;
	exchange_begin_bad(client, fail);
}

static bool is_blank(const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] != '\r' && bytes[i] != '\n')
			return false;
	}
	return true;
}

/* The peer's FIN, after these bytes of a head: none of a request is still a good end, and so are empty lines, which some send behind a body. */
static void on_end(struct client *client, const char *bytes, size_t length)
{
	client->half_closed = true;
	if (!is_blank(bytes, length))
		refuse_head(client, FAIL_request_incomplete);
	else
		client_close(client, false);
}

/* Between requests nothing is lost by an end of TLS that was not said, as many clients make it. A handshake that failed is counted as such. */
static void on_reset(struct client *client, bool between)
{
	const struct conn *conn = &client->conn;
	if (!conn->secure || (secure_is_set_up(conn) && (!between || secure_fault(conn) != SECURE_cut)))
		worker_count(&client->conn.worker->counters.fails[FAIL_client_gone], 1);
	client_close(client, false);
}

static void take_head(struct client *client, char *bytes, size_t length, size_t scanned)
{
	struct worker *worker = client->conn.worker;
	enum fail fail = FAIL_request_malformed;
	switch (head_parse_request(bytes, length, scanned, &worker->head_limits, &worker->head, &fail)) {
	case HEAD_MORE:
		if (client->half_closed)
			on_end(client, bytes, length);
		else
			keep_head(client, bytes, length);
		break;
	case HEAD_DONE:
		begin_exchange(client, bytes, length);
		break;
	case HEAD_BAD:
		refuse_head(client, fail);
		break;
	}
}

/* `scanned` bytes were seen before and were no whole head. */
static void take_bytes(struct client *client, char *bytes, size_t length, size_t scanned)
{
	size_t used = 0;
	if (client->announced) {
		if (!client_take_announcement(client, bytes, length, &used))
			return;
		if (client->announced) {
			keep_head(client, bytes, length);
			return;
		}
		scanned = 0;
		set_step(client, CLIENT_IDLE);
	}
	if (length > used || client->half_closed)
		take_head(client, bytes + used, length - used, scanned);
	else
		conn_read_on(&client->conn);
}

static size_t first_read_size(size_t room)
{
	return room < WORKER_FIRST_READ_SIZE ? room : WORKER_FIRST_READ_SIZE;
}

static void read_head(struct client *client)
{
	struct conn *conn = &client->conn;
	struct worker *worker = conn->worker;
	size_t kept = conn_restore_input(conn, worker->buffer);
	bool fresh = kept > 0 && client->step == CLIENT_IDLE; /* pipelined: not looked at yet */
	ssize_t got = CONN_AGAIN;
	if (conn->readable && (!fresh || kept < WORKER_READ_SIZE))
		got = conn_read(conn, worker->buffer + kept, first_read_size(worker->buffer_size - kept));
	if (got > 0 || (fresh && got != CONN_ERROR)) {
		client->half_closed |= got == 0;
		take_bytes(client, worker->buffer, kept + (got > 0 ? (size_t)got : 0), fresh ? 0 : kept);
	} else if (got == CONN_AGAIN) {
		keep_head(client, worker->buffer, kept);
	} else if (got == CONN_ERROR) {
		on_reset(client, kept == 0);
	} else if (client->announced && kept > 0) {
		client_refuse_announcement(client);
	} else {
		on_end(client, worker->buffer, kept);
	}
}

/* ---- while an exchange is under way ---- */

/* Room for the answer: what was kept goes first, then the backend is read again. False when the exchange ended. */
static bool flush_answer(struct client *client)
{
	struct conn *conn = &client->conn;
	struct exchange *exchange = client->exchange;
	if (!conn_has_backlog(conn) || !conn->writable)
		return true;
	switch (conn_flush(conn)) {
	case CONN_BROKEN:
		exchange_fail(exchange, FAIL_client_gone);
		return false;
	case CONN_KEPT:
		wait_for_client(exchange);
		return true;
	case CONN_SENT:
		break;
	}
	wait_end_for_client(exchange);
	if (exchange->step == EXCHANGE_FLUSHING) {
		exchange_finish(exchange);
		return false;
	}
	relay_on_client_room(exchange);
	return true;
}

/* The request is complete: what arrives now is a pipelined request (left where it is), a FIN (half-close: the answer is still wanted) or a reset. */
static void look_for_reset(struct client *client)
{
	struct conn *conn = &client->conn;
	if (!conn->readable || client->half_closed)
		return;
	int seen = conn_peek(conn);
	if (seen == CONN_ERROR)
		exchange_fail(client->exchange, FAIL_client_gone);
	else if (seen == 0)
		client->half_closed = true;
	else if (seen == CONN_AGAIN)
		conn->readable = false;
}

static void serve_exchange(struct client *client)
{
	struct exchange *exchange = client->exchange;
	if (exchange->step == EXCHANGE_TUNNEL)
		tunnel_run(exchange);
	else if (!flush_answer(client))
		return;
	else if (exchange->step == EXCHANGE_WAITING)
		hold_look_at_client(exchange);
	else if (exchange->request.done)
		look_for_reset(client);
	else
		relay_read_request(exchange);
}

/* A drain's last moments have another list than the long ones: there each would be searched a place in front of all that are still to be hurried. Nor are they hits of a limit. */
static void arm_idle(struct client *client)
{
	struct worker *worker = client->conn.worker;
	uint64_t idle_ms = worker->table->globals.idle_ms;
	if (atomic_load_explicit(&worker->draining, memory_order_relaxed))
		conn_arm(&client->conn, DEADLINE_linger, idle_ms < LAST_IDLE_MS ? idle_ms : LAST_IDLE_MS);
	else
		conn_arm(&client->conn, DEADLINE_idle, idle_ms);
}

void client_on_exchange_end(struct client *client, bool keep_open, bool unread)
{
	struct conn *conn = &client->conn;
	conn_disarm(conn);
	if (keep_open && !unread && !client->unread) {
		set_step(client, CLIENT_IDLE);
		arm_idle(client);
		if (conn->readable || conn->input || client->half_closed)
			conn_queue(conn);
		return;
	}
	if (client->half_closed || (!unread && !client->unread && !conn->readable && !conn->input)) {
		client_close(client, false);
		return;
	}
	linger(client);
}

/* ---- events ---- */

static void on_ready(struct conn *conn)
{
	struct client *client = client_of(conn);
	switch (client->step) {
	case CLIENT_IDLE:
	case CLIENT_HEAD:
		if (conn->readable || conn->input)
			read_head(client);
		else if (client->half_closed)
			client_close(client, false);
		break;
	case CLIENT_EXCHANGE:
		serve_exchange(client);
		break;
	case CLIENT_LINGERING:
		if (conn->readable)
			read_to_end(client);
		break;
	}
}

static void on_deadline(struct conn *conn, enum deadline_kind kind)
{
	struct client *client = client_of(conn);
	if (client->exchange && client->exchange->step == EXCHANGE_TUNNEL) {
		tunnel_on_deadline(client->exchange, kind);
	} else if (kind == DEADLINE_stall || kind == DEADLINE_room) {
		wait_on_client_deadline(client->exchange, kind);
	} else if (kind == DEADLINE_header && client->step == CLIENT_HEAD && !client->announced) {
		refuse_head(client, FAIL_request_head_timeout);
	} else {
		if (kind != DEADLINE_linger)
			worker_count(&conn->worker->counters.limits[kind == DEADLINE_idle ? LIMIT_idle : LIMIT_header], 1);
		client_close(client, false);
	}
}

static void on_free(struct conn *conn)
{
	struct client *client = client_of(conn);
	if (client->certificate) /* so that others pay no call for it */
		free(client->certificate);
	free(client);
}

/* A new request must not be given to an idle backend connection whose end, or whose stray bytes, came in the same pass. */
const struct conn_handler client_handler = {true, on_ready, on_deadline, on_free};

/* ---- the worker's end ---- */

void client_hurry_all(struct worker *worker)
{
	for (struct client *client = worker->clients; client; client = client->next) {
		if (client->step == CLIENT_IDLE)
			arm_idle(client);
		else if (client->step == CLIENT_HEAD)
			conn_arm(&client->conn, DEADLINE_header, LAST_IDLE_MS);
	}
}

void client_close_all(struct worker *worker)
{
	while (worker->clients) {
		struct client *client = worker->clients;
		while (client->exchange) /* an answer that says so may not be taken by the socket: then once more */
			exchange_cut(client->exchange);
		if (conn_is_open(&client->conn))
			client_close(client, false);
	}
}
