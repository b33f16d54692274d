/* Answer heads. Worker thread. */
#include "proxy/answer.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/fields.h"
#include "proxy/frontdoor.h"
#include "proxy/pool.h"
#include "proxy/relay.h"
#include "proxy/secure.h"
#include "proxy/sticky.h"
#include "proxy/tunnel.h"
#include "proxy/upstream.h"
#include "proxy/worker.h"

#define LONG_ANSWER (256u * 1024)

static void write_head(struct exchange *exchange, const struct head *head, const struct fields_to_client *with, struct iovec *out)
{
	struct worker *worker = exchange->worker;
	out->iov_base = worker->scratch;
	out->iov_len = fields_write_answer(head, with, worker->scratch, worker->scratch_size);
}

static enum exchange_form form_of(const struct exchange *exchange)
{
	if (exchange->answer.kind == FRAMING_chunked && exchange->client_minor == 0)
		return EXCHANGE_STRIP_CHUNKS;
	if (exchange->answer.kind == FRAMING_close && exchange->client_minor > 0)
		return EXCHANGE_WRAP_IN_CHUNKS;
	return EXCHANGE_AS_IS;
}

/* How the body leaves us, as the client's framing. */
static enum framing_kind framing_out(const struct exchange *exchange)
{
	if (exchange->form == EXCHANGE_WRAP_IN_CHUNKS)
		return FRAMING_chunked;
	if (exchange->form == EXCHANGE_STRIP_CHUNKS)
		return FRAMING_close;
	return exchange->answer.kind;
}

static void learn_from(struct exchange *exchange, const struct head *head)
{
	struct upstream *upstream = exchange->upstream;
	struct span keep_alive = head_value(head, FIELD_keep_alive);
	if (!framing_keeps_open(head) || exchange->answer.kind == FRAMING_close)
		upstream->reusable = false;
	upstream->lane->answers_long = exchange->answer.kind == FRAMING_length && exchange->answer.left >= LONG_ANSWER;
	if (keep_alive.length > 8 && memcmp(keep_alive.at, "timeout=", 8) == 0)
		pool_learn_timeout(upstream->lane, strtoul(keep_alive.at + 8, NULL, 10));
}

static bool lists(const struct head *head, enum field_id id, struct span wanted)
{
	for (unsigned i = head->first[id]; i > 0 && i <= head->field_count; i++) {
		if (head->fields[i - 1].id != id)
			continue;
		struct span list = {head->fields[i - 1].value, head->fields[i - 1].value_length}, member;
		while (span_take_member(&list, &member)) {
			if (span_same(member, wanted))
				return true;
		}
	}
	return false;
}

/* Whether a 101 names its protocols, each of which the client asked for (RFC 9110 section 7.8). */
static bool may_switch(const struct exchange *exchange, const struct head *head)
{
	struct head asked;
	struct head_limits limits = {exchange->held_head, HEAD_FIELDS_MAX};
	enum fail fail;
	if (!exchange->upgrade || head->first[FIELD_upgrade] == 0)
		return false;
	if (head_parse_request(exchange->held, exchange->held_head, 0, &limits, &asked, &fail) != HEAD_DONE)
		return false;
	for (unsigned i = head->first[FIELD_upgrade] - 1; i < head->field_count; i++) {
		if (head->fields[i].id != FIELD_upgrade)
			continue;
		struct span list = {head->fields[i].value, head->fields[i].value_length}, member;
		while (span_take_member(&list, &member)) {
			if (!lists(&asked, FIELD_upgrade, member))
				return false;
		}
	}
	return true;
}

/* Whether this can be the answer to our request; reads how its body is framed. */
static enum fail check_head(struct exchange *exchange, const struct head *head)
{
	struct framing framing;
	enum fail fail = framing_of_answer(head, exchange->method, &framing);
	if (fail != FAIL_none)
		return fail;
	if (framing.kind == FRAMING_tunnel && !may_switch(exchange, head))
		return FAIL_answer_upgrade;
	if (framing.kind == FRAMING_tunnel && !exchange->request.done) /* it is the client that holds its body back */
		return FAIL_request_unfinished;
	body_begin(&exchange->answer, &framing);
	exchange->answer.chunk.answer = true;
	exchange->answer.drops_trailers = framing.kind == FRAMING_chunked && fields_names_others(head);
	return FAIL_none;
}

/* How the answer leaves us, and whether the client's connection lives on: not when the request is still coming, or when only a FIN can end the body. */
static struct fields_to_client decide(struct exchange *exchange)
{
	enum framing_kind out = framing_out(exchange);
	bool draining = exchange->worker->table->globals.draining;
	exchange->close_client = !exchange->client_keeps_open || !exchange->request.done || out == FRAMING_close || draining;
	return (struct fields_to_client){
		.client_minor = exchange->client_minor,
		.framing = out,
		.close = exchange->close_client && out != FRAMING_tunnel,
		.keep_alive = !exchange->close_client && exchange->client_minor == 0,
		.upgrade = out == FRAMING_tunnel,
		.hsts = frontdoor_find_hsts(exchange),
		.date = worker_date(exchange->worker),
	};
}

static void pass(struct exchange *exchange, const struct iovec *head, char *rest, size_t length)
{
	if (exchange->status >= 400 && exchange_withhold_answer(exchange, rest, length))
		return;
	exchange->step = EXCHANGE_ANSWERING;
	exchange->answer_started = true;
	conn_disarm(&exchange->client->conn);
	if (exchange->answer.kind != FRAMING_tunnel)
		relay_answer(exchange, head, rest, length);
	else if (conn_send(&exchange->client->conn, head, 1, NULL) == CONN_BROKEN)
		exchange_fail(exchange, FAIL_client_gone);
	else
		tunnel_open(exchange, rest, length);
}

static void begin(struct exchange *exchange, const struct head *head, char *rest, size_t length)
{
	enum fail fail = check_head(exchange, head);
	if (fail != FAIL_none) {
		exchange_fail(exchange, fail);
		return;
	}
	exchange->status = head->status;
	exchange->fail = FAIL_none;
	exchange->form = form_of(exchange);
	exchange->first_byte_us = worker_now_us(exchange->worker);
	learn_from(exchange, head);
	struct fields_to_client with = decide(exchange);
	char cookie[STICKY_FIELD_SIZE];
	struct iovec written;
	if (exchange->pins)
		with.cookie = (struct span){cookie, sticky_write_field(exchange->service, exchange->number, cookie)};
	write_head(exchange, head, &with, &written);
	if (written.iov_len == 0)
		exchange_fail(exchange, FAIL_answer_head_too_large);
	else
		pass(exchange, &written, rest, length);
}

/* 1xx other than 101: passed on at once, but not to HTTP/1.0. */
static bool pass_interim(struct exchange *exchange, const struct head *head)
{
	if (exchange->client_minor == 0)
		return true;
	struct fields_to_client with = {.client_minor = exchange->client_minor, .framing = FRAMING_none};
	struct iovec written;
	write_head(exchange, head, &with, &written);
	return written.iov_len == 0 || conn_send(&exchange->client->conn, &written, 1, NULL) != CONN_BROKEN;
}

/* Reads heads from the front of what is here until the final one. */
static void take_heads(struct exchange *exchange, size_t length, size_t scanned)
{
	struct worker *worker = exchange->worker;
	size_t at = 0;
	for (;;) {
		enum fail fail = FAIL_answer_malformed;
		enum head_result result = head_parse_answer(worker->buffer + at, length - at, scanned, &worker->head_limits, &worker->head, &fail);
		if (result == HEAD_BAD) {
			exchange_fail(exchange, fail);
			return;
		}
		if (result == HEAD_MORE) {
			if (!conn_keep_input(&exchange->upstream->conn, worker->buffer + at, length - at))
				exchange_fail(exchange, FAIL_internal);
			else
				conn_read_on(&exchange->upstream->conn);
			return;
		}
		scanned = 0;
		at += worker->head.length;
		if (worker->head.status >= 200 || worker->head.status == 101) {
			begin(exchange, &worker->head, worker->buffer + at, length - at);
			return;
		}
		if (!pass_interim(exchange, &worker->head)) {
			exchange_fail(exchange, FAIL_client_gone);
			return;
		}
	}
}

/* A backend whose last answer was long is likely to send another one, most of which need not pass through here. */
static size_t first_read_size(const struct backend_lane *lane, size_t room)
{
	return lane->answers_long && room > WORKER_FIRST_READ_SIZE ? WORKER_FIRST_READ_SIZE : room;
}

/* With TLS 1.3 a backend refuses our certificate, or that there is none, only behind the handshake. */
static enum fail fail_of_error(const struct conn *conn)
{
	return secure_fault(conn) == SECURE_alert ? FAIL_backend_alert : FAIL_backend_reset;
}

void answer_read_head(struct exchange *exchange)
{
	struct worker *worker = exchange->worker;
	struct conn *conn = &exchange->upstream->conn;
	if (conn_has_backlog(&exchange->client->conn)) /* interim answers that the client does not read */
		return;
	size_t kept = conn_restore_input(conn, worker->buffer);
	ssize_t got = conn_read(conn, worker->buffer + kept, first_read_size(exchange->upstream->lane, worker->buffer_size - kept));
	exchange->heard |= got > 0;
	if (got > 0)
		take_heads(exchange, kept + (size_t)got, kept);
	else if (got == CONN_AGAIN && !conn_keep_input(conn, worker->buffer, kept))
		exchange_fail(exchange, FAIL_internal);
	else if (got == CONN_ERROR)
		exchange_fail(exchange, fail_of_error(conn));
	else if (got == 0)
		exchange_fail(exchange, FAIL_backend_closed);
}
