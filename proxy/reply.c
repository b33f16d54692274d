/* Answers of our own. Worker thread. */
#include "proxy/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/fields.h"
#include "proxy/frontdoor.h"
#include "proxy/preview.h"
#include "proxy/worker.h"

#define HSTS_LINE_SIZE (MANNER_HSTS_SIZE + 32u)

struct wish {
	const char *type; /* of the body */
	const char *format;
};

/* The body's arguments: status, reason, text, request id. */
static const struct wish wishes[] = {
	{"text/plain; charset=utf-8", "%1$u %2$s\n%3$s\nrequest id: %4$s\n"},
	{"text/html; charset=utf-8", "<!doctype html>\n<title>%1$u %2$s</title>\n<h1>%1$u %2$s</h1>\n<p>%3$s</p>\n<p><small>request id: %4$s</small></p>\n"},
	{"application/problem+json", "{\"type\":\"about:blank\",\"title\":\"%2$s\",\"status\":%1$u,\"detail\":\"%3$s\",\"request_id\":\"%4$s\"}\n"},
};

static const char *reason_of(unsigned status)
{
	switch (status) {
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 408:
		return "Request Timeout";
	case 413:
		return "Content Too Large";
	case 414:
		return "URI Too Long";
	case 417:
		return "Expectation Failed";
	case 421:
		return "Misdirected Request";
	case 431:
		return "Request Header Fields Too Large";
	case 500:
		return "Internal Server Error";
	case 501:
		return "Not Implemented";
	case 502:
		return "Bad Gateway";
	case 503:
		return "Service Unavailable";
	case 504:
		return "Gateway Timeout";
	default:
		return "HTTP Version Not Supported";
	}
}

static bool mentions(struct span accept, const char *type)
{
	return accept.length > 0 && memmem(accept.at, accept.length, type, strlen(type));
}

static const struct wish *read_wish(const struct head *head)
{
	struct span accept = head_value(head, FIELD_accept);
	if (mentions(accept, "text/html"))
		return &wishes[1];
	return mentions(accept, "json") ? &wishes[2] : &wishes[0];
}

/* The request's head as it was to be sent on, if it came that far: it has Accept and the request id. */
static const struct wish *read_request(struct exchange *exchange, char id[129])
{
	struct worker *worker = exchange->worker;
	struct head_limits limits = {exchange->held_head, HEAD_FIELDS_MAX};
	enum fail fail;
	if (exchange->held_head > 0 && head_parse_request(exchange->held, exchange->held_head, 0, &limits, &worker->head, &fail) == HEAD_DONE) {
		struct span known = head_value(&worker->head, FIELD_x_request_id);
		if (known.length > 0 && known.length <= 128) {
			memcpy(id, known.at, known.length);
			id[known.length] = '\0';
			return read_wish(&worker->head);
		}
	}
	worker_make_id(worker, id);
	id[WORKER_ID_LENGTH] = '\0';
	return &wishes[0];
}

static const char *connection_of(const struct exchange *exchange)
{
	if (exchange->close_client)
		return "Connection: close\r\n";
	return exchange->client_minor == 0 ? "Connection: keep-alive\r\n" : "";
}

/* Our answers keep the connection when the request was read to its end. */
static bool must_close(const struct exchange *exchange)
{
	return !exchange->client_keeps_open || !exchange->request.done || exchange->client->unread || exchange->worker->table->globals.draining;
}

/* A whole line, or nothing. */
static const char *hsts_of(const struct exchange *exchange, char line[HSTS_LINE_SIZE])
{
	struct span hsts = frontdoor_find_hsts(exchange);
	line[0] = '\0';
	if (hsts.length > 0)
		snprintf(line, HSTS_LINE_SIZE, "Strict-Transport-Security: %.*s\r\n", (int)hsts.length, hsts.at);
	return line;
}

static void send_whole(struct exchange *exchange, struct iovec *parts, int count, size_t body_length)
{
	exchange->answer_started = true;
	exchange->answer.done = true;
	exchange->bytes_out = body_length;
	if (conn_send(&exchange->client->conn, parts, count, NULL) == CONN_BROKEN)
		exchange->close_client = true;
	exchange_finish(exchange);
}

void reply_send(struct exchange *exchange, enum fail fail)
{
	struct worker *worker = exchange->worker;
	const struct fail_row *row = fail_row(fail);
	char id[129], body[1024], later[32] = "", hsts[HSTS_LINE_SIZE];
	const struct wish *wish = read_request(exchange, id);
	const char *reason = reason_of(row->status);
	bool bodiless = exchange->method == METHOD_head;
	exchange->status = row->status;
	exchange->close_client = must_close(exchange);
	if (fail == FAIL_hold_full)
		snprintf(later, sizeof(later), "Retry-After: %u\r\n", hold_read_retry_s(exchange));
	int body_length = snprintf(body, sizeof(body), wish->format, row->status, reason, row->text, id);
	int length = snprintf(worker->scratch, worker->scratch_size,
		"HTTP/1.1 %u %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nCache-Control: no-store\r\nProxy-Status: teal; error=%s; details=\"%s\"\r\n"
		"X-Request-Id: %s\r\n%s%s%s\r\n%s",
		row->status, reason, worker_date(worker).at, wish->type, body_length, row->proxy_status, row->text, id, later, hsts_of(exchange, hsts),
		connection_of(exchange), bodiless ? "" : body);
	struct iovec all = {worker->scratch, (size_t)length};
	send_whole(exchange, &all, 1, bodiless ? 0 : (size_t)body_length);
}

/* The request as it was received, without what the client would rather not see repeated (RFC 9110 section 9.3.8). Returns its length. */
static size_t write_trace(const struct head *head, char *out)
{
	static const uint32_t secrets = 1u << FIELD_cookie | 1u << FIELD_proxy_authorization;
	size_t length = (size_t)(head->fields_at - head->method_text.at);
	memcpy(out, head->method_text.at, length);
	for (unsigned i = 0; i < head->field_count; i++) {
		const struct head_field *field = &head->fields[i];
		if (secrets >> field->id & 1u || span_is((struct span){field->line, field->name_length}, "authorization"))
			continue;
		memcpy(out + length, field->line, field->line_length);
		length += field->line_length;
	}
	memcpy(out + length, "\r\n", 2);
	return length + 2;
}

void reply_as_recipient(struct exchange *exchange, const struct head *head)
{
	struct worker *worker = exchange->worker;
	bool trace = head->method == METHOD_trace;
	char start[512], hsts[HSTS_LINE_SIZE];
	struct iovec parts[2] = {{start, 0}, {worker->scratch, 0}};
	if (trace)
		parts[1].iov_len = write_trace(head, worker->scratch);
	exchange->status = 200;
	exchange->close_client = must_close(exchange);
	parts[0].iov_len = (size_t)snprintf(start, sizeof(start), "HTTP/1.1 200 OK\r\nDate: %s\r\n%sContent-Length: %zu\r\n%s%s\r\n", worker_date(worker).at,
		trace ? "Content-Type: message/http\r\n" : "Allow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS, TRACE\r\n", parts[1].iov_len,
		hsts_of(exchange, hsts), connection_of(exchange));
	send_whole(exchange, parts, trace ? 2 : 1, parts[1].iov_len);
}

void reply_to_link(struct exchange *exchange, const struct table_service *service, const struct preview_link *link, struct head *head)
{
	struct worker *worker = exchange->worker;
	char id[WORKER_ID_LENGTH], start[512], rest[1024], hsts[HSTS_LINE_SIZE];
	size_t target = preview_write_target(link, worker->scratch, worker->scratch_size);
	worker_make_id(worker, id);
	exchange->status = 302;
	exchange->close_client = must_close(exchange);
	int start_length = snprintf(start, sizeof(start), "HTTP/1.1 302 Found\r\nDate: %s\r\nLocation: ", worker_date(worker).at);
	int rest_length = snprintf(rest, sizeof(rest),
		"\r\nSet-Cookie: %.256s=%.*s; Max-Age=%" PRIu64
		"; Path=/; HttpOnly; SameSite=Lax%s\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nContent-Length: 0\r\nX-Request-Id: %.*s\r\n%s%s\r\n",
		service->preview_cookie.text, (int)link->token.length, link->token.at, link->left_s, exchange->client->conn.secure ? "; Secure" : "",
		(int)sizeof(id), id, hsts_of(exchange, hsts), connection_of(exchange));
	head->path = (struct span){worker->scratch, target};
	if (worker->access.ring)
		access_begin(exchange, head, (struct span){id, sizeof(id)});
	struct iovec parts[3] = {{start, (size_t)start_length}, {worker->scratch, target}, {rest, (size_t)rest_length}};
	send_whole(exchange, parts, 3, 0);
}

/* An answer to a request that is not rewritten for a backend: notes that for the log. Its id: the request's own, or the one that is made here. */
static struct span begin_answer(struct exchange *exchange, const struct head *head, unsigned status, char made[WORKER_ID_LENGTH])
{
	struct span id = {made, WORKER_ID_LENGTH};
	worker_make_id(exchange->worker, made);
	exchange->status = status;
	exchange->close_client = must_close(exchange);
	if (exchange->worker->access.ring)
		access_begin(exchange, head, id);
	return fields_has_request_id(head) ? head_value(head, FIELD_x_request_id) : id;
}

void reply_to_redirect(struct exchange *exchange, const struct head *head, struct span location)
{
	char made[WORKER_ID_LENGTH], start[256], rest[512];
	struct span id = begin_answer(exchange, head, 308, made);
	int start_length = snprintf(start, sizeof(start), "HTTP/1.1 308 Permanent Redirect\r\nDate: %s\r\nLocation: ", worker_date(exchange->worker).at);
	int rest_length = snprintf(rest, sizeof(rest), "\r\nContent-Length: 0\r\nX-Request-Id: %.*s\r\n%s\r\n", (int)id.length, id.at, connection_of(exchange));
	struct iovec parts[3] = {{start, (size_t)start_length}, {(char *)location.at, location.length}, {rest, (size_t)rest_length}};
	send_whole(exchange, parts, 3, 0);
}

void reply_to_challenge(struct exchange *exchange, const struct head *head, char *text, size_t length)
{
	char made[WORKER_ID_LENGTH], start[768];
	bool bodiless = exchange->method == METHOD_head;
	struct span id = begin_answer(exchange, head, 200, made);
	int start_length = snprintf(start, sizeof(start),
		"HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nCache-Control: no-store\r\nX-Content-Type-Options: "
		"nosniff\r\nX-Request-Id: %.*s\r\n%s\r\n",
		worker_date(exchange->worker).at, length, (int)id.length, id.at, connection_of(exchange));
	struct iovec parts[2] = {{start, (size_t)start_length}, {text, length}};
	send_whole(exchange, parts, bodiless ? 1 : 2, bodiless ? 0 : length);
}
