/* Body bytes. Worker thread. */
#include "proxy/relay.h"

#include <stdio.h>
#include <string.h>

#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/held.h"
#include "proxy/upstream.h"
#include "proxy/wait.h"
#include "proxy/worker.h"

#define CRUMB_MOST 1023         /* less than what one packet brings from whoever has more to say */
#define GATHER_MOST (8u * 1024) /* well within what scratch has beyond the largest head */

/* ---- the request's body ---- */

/* The backend refuses the rest; its answer may be on the way, so only reading decides. */
static void read_refusal(struct conn *backend)
{
	backend->readable = true;
	conn_queue(backend);
}

/* To the backend when its connection stands, and into the held bytes while another attempt is possible. */
static enum fail pass_request(struct exchange *exchange, const char *bytes, size_t length)
{
	bool sending = exchange->step >= EXCHANGE_SENDING;
	if (!sending)
		return held_add(exchange, bytes, length) ? FAIL_none : FAIL_internal;
	if (exchange_may_replay(exchange))
		held_add(exchange, bytes, length);
	else
		exchange->held_whole = false;
	struct iovec part = {(char *)(uintptr_t)bytes, length};
	struct conn *backend = &exchange->upstream->conn;
	if (conn_send(backend, &part, 1, NULL) == CONN_BROKEN)
		read_refusal(backend);
	return FAIL_none;
}

/* The answer waits for room on the client's socket, or for the backend. */
static void arm_answer(struct exchange *exchange, bool kept)
{
	if (kept) {
		conn_disarm(&exchange->upstream->conn);
		wait_for_client(exchange);
	} else {
		conn_arm(&exchange->upstream->conn, DEADLINE_stall, exchange->table->globals.stall_ms);
	}
}

/* `bytes` of the request just came from the client. */
static void arm(struct exchange *exchange, size_t bytes)
{
	struct conn *backend = &exchange->upstream->conn;
	if (exchange->step == EXCHANGE_ANSWERING && !conn_has_backlog(&exchange->client->conn)) {
		arm_answer(exchange, false); /* a backend may wait for the request's end before it goes on with its answer */
		if (exchange->request.done || conn_has_backlog(backend))
			conn_disarm(&exchange->client->conn);
		else
			wait_for_body(exchange, bytes);
	}
	if (exchange->step != EXCHANGE_SENDING)
		return;
	if (conn_has_backlog(backend)) {
		conn_disarm(&exchange->client->conn);
		wait_for_backend(exchange);
	} else if (exchange->request.done) {
		conn_disarm(&exchange->client->conn);
		conn_arm(backend, DEADLINE_response, exchange->table->globals.response_ms);
	} else {
		conn_disarm(backend);
		wait_for_body(exchange, bytes);
	}
}

void relay_arm_request(struct exchange *exchange)
{
	arm(exchange, 0);
}

static void end_piece(struct exchange *exchange, size_t length)
{
	exchange->bytes_in += length;
	if (exchange->request.done && exchange->step > EXCHANGE_WAITING)
		exchange->sent_us = worker_now_us(exchange->worker);
}

size_t relay_request(struct exchange *exchange, char *bytes, size_t length)
{
	size_t used = 0, kept = 0;
	uint64_t limit = exchange->table->globals.body_bytes;
	if (!body_pass(&exchange->request, bytes, length, &used, &kept)) {
		exchange_fail(exchange, FAIL_request_body_malformed);
		return length;
	}
	end_piece(exchange, used);
	if (limit > 0 && exchange->bytes_in > limit) {
		exchange_fail(exchange, FAIL_request_body_too_large);
		return used;
	}
	if (used == 0)
		return 0;
	enum fail fail = pass_request(exchange, bytes, kept);
	if (fail != FAIL_none)
		exchange_fail(exchange, fail);
	else if (exchange->step >= EXCHANGE_SENDING)
		arm(exchange, used);
	return used;
}

/* Much is left of a body whose length is known, so that none of it need be looked at. */
static bool is_long(const struct body *body, const struct worker *worker)
{
	return body->kind == FRAMING_length && body->left >= worker->splice_least;
}

/* One piece of the request's body, past our memory. Returns what conn_splice does. */
static ssize_t splice_request(struct exchange *exchange)
{
	enum conn_send sent;
	struct conn *backend = &exchange->upstream->conn;
	bool holds = exchange->held_whole && exchange_may_replay(exchange);
	if (holds || !is_long(&exchange->request, exchange->worker))
		return CONN_UNFIT;
	ssize_t moved = conn_splice(&exchange->client->conn, backend, exchange->request.left, &sent);
	if (moved <= 0)
		return moved;
	exchange->held_whole = false;
	body_skip(&exchange->request, (size_t)moved);
	end_piece(exchange, (size_t)moved);
	if (sent == CONN_BROKEN)
		read_refusal(backend);
	arm(exchange, (size_t)moved);
	return moved;
}

void relay_read_request(struct exchange *exchange)
{
	struct client *client = exchange->client;
	struct worker *worker = exchange->worker;
	struct conn *conn = &client->conn;
	bool wanted = exchange->step == EXCHANGE_SENDING || exchange->step == EXCHANGE_ANSWERING;
	if (!wanted || !conn->readable || conn_has_backlog(&exchange->upstream->conn))
		return;
	ssize_t got = splice_request(exchange);
	bool copies = got == CONN_UNFIT;
	if (copies)
		got = conn_read(conn, worker->buffer, WORKER_READ_SIZE);
	if (got == CONN_AGAIN)
		return;
	if (got <= 0) {
		client->half_closed |= got == 0;
		exchange_fail(exchange, got == 0 ? FAIL_request_incomplete : FAIL_client_gone);
		return;
	}
	if (copies) {
		size_t used = relay_request(exchange, worker->buffer, (size_t)got);
		client_keep_rest(client, worker->buffer + used, (size_t)got - used);
	}
	bool more = client->exchange == exchange && !exchange->request.done;
	conn->patient = more && got <= CRUMB_MOST;
	if (more)
		conn_read_on(conn);
}

/* ---- the answer's body ---- */

/* Up to four parts: our head, the chunk's size line, the data, what ends the chunk or the body. */
struct parts {
	struct iovec list[4];
	int count;
	bool gathers; /* the first part is a head in the worker's scratch */
	char line[24];
};

/* A short part is copied behind the head, which has room for it in the worker's scratch: one plain send costs less than gathering. */
static void add_part(struct parts *parts, const void *bytes, size_t length)
{
	struct iovec *first = &parts->list[0];
	if (length == 0)
		return;
	if (parts->count == 1 && parts->gathers && length <= GATHER_MOST) {
		memcpy((char *)first->iov_base + first->iov_len, bytes, length);
		first->iov_len += length;
		return;
	}
	parts->list[parts->count++] = (struct iovec){(void *)(uintptr_t)bytes, length};
}

static void add_chunk(struct parts *parts, const char *bytes, size_t length)
{
	if (length == 0)
		return;
	int line = snprintf(parts->line, sizeof(parts->line), "%zx\r\n", length);
	add_part(parts, parts->line, (size_t)line);
	add_part(parts, bytes, length);
	add_part(parts, "\r\n", 2);
}

/* Cuts the body out of the bytes, in the form in which the client gets it. False: malformed. */
static bool form_body(struct exchange *exchange, char *bytes, size_t length, struct parts *parts)
{
	size_t used = 0, data = 0;
	if (exchange->form == EXCHANGE_STRIP_CHUNKS) {
		if (!body_take_data(&exchange->answer, bytes, length, &used, &data))
			return false;
	} else {
		if (!body_pass(&exchange->answer, bytes, length, &used, &data))
			return false;
	}
	if (exchange->form == EXCHANGE_WRAP_IN_CHUNKS)
		add_chunk(parts, bytes, data);
	else
		add_part(parts, bytes, data);
	exchange->bytes_out += data;
	if (used < length) /* bytes behind the answer that nobody asked for */
		exchange->upstream->reusable = false;
	return true;
}

/* A piece of the answer was sent. */
static void go_on(struct exchange *exchange, enum conn_send sent)
{
	if (sent == CONN_BROKEN) {
		exchange_fail(exchange, FAIL_client_gone);
	} else if (exchange->answer.done) {
		exchange_finish(exchange);
	} else {
		arm_answer(exchange, sent == CONN_KEPT);
		if (sent == CONN_SENT)
			conn_read_on(&exchange->upstream->conn);
	}
}

void relay_answer(struct exchange *exchange, const struct iovec *head, char *bytes, size_t length)
{
	struct parts parts = {.count = 0, .gathers = head != NULL};
	if (head)
		parts.list[parts.count++] = *head;
	bool fine = form_body(exchange, bytes, length, &parts);
	enum conn_send sent = CONN_SENT;
	if (parts.count > 0)
		sent = conn_send(&exchange->client->conn, parts.list, parts.count, NULL);
	if (!fine && sent != CONN_BROKEN)
		exchange_fail(exchange, FAIL_answer_body_malformed);
	else
		go_on(exchange, sent);
}

/* The backend's FIN: the end of a body delimited by it, else a truncation. */
static void on_answer_end(struct exchange *exchange)
{
	static const struct iovec last_chunk = {(void *)(uintptr_t) "0\r\n\r\n", 5};
	if (exchange->answer.kind != FRAMING_close) {
		exchange_fail(exchange, FAIL_answer_truncated);
		return;
	}
	exchange->answer.done = true;
	if (exchange->form == EXCHANGE_WRAP_IN_CHUNKS && conn_send(&exchange->client->conn, &last_chunk, 1, NULL) == CONN_BROKEN)
		exchange_fail(exchange, FAIL_client_gone);
	else
		exchange_finish(exchange);
}

/* One piece of the answer's body, past our memory. Returns what conn_splice does. */
static ssize_t splice_answer(struct exchange *exchange)
{
	enum conn_send sent;
	if (exchange->form != EXCHANGE_AS_IS || !is_long(&exchange->answer, exchange->worker))
		return CONN_UNFIT;
	ssize_t moved = conn_splice(&exchange->upstream->conn, &exchange->client->conn, exchange->answer.left, &sent);
	if (moved <= 0)
		return moved;
	body_skip(&exchange->answer, (size_t)moved);
	exchange->bytes_out += (size_t)moved;
	go_on(exchange, sent);
	return moved;
}

void relay_read_answer(struct exchange *exchange)
{
	struct worker *worker = exchange->worker;
	if (conn_has_backlog(&exchange->client->conn))
		return;
	ssize_t got = splice_answer(exchange);
	bool copies = got == CONN_UNFIT;
	if (copies)
		got = conn_read(&exchange->upstream->conn, worker->buffer, WORKER_READ_SIZE);
	if (got > 0 && copies)
		relay_answer(exchange, NULL, worker->buffer, (size_t)got);
	else if (got == 0)
		on_answer_end(exchange);
	else if (got == CONN_ERROR)
		exchange_fail(exchange, FAIL_answer_truncated);
}

void relay_on_client_room(struct exchange *exchange)
{
	if (!exchange->upstream)
		return;
	relay_arm_request(exchange);
	conn_read_on(&exchange->upstream->conn);
}
