/* Answers of our own. Worker thread. */
#include "proxy/reply.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/worker.h"

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

static void format_date(struct worker *worker, char out[40])
{
	time_t now = (time_t)(worker_wall_us(worker) / 1000000u);
	struct tm utc;
	gmtime_r(&now, &utc);
	strftime(out, 40, "%a, %d %b %Y %H:%M:%S GMT", &utc);
}

static const char *connection_of(const struct exchange *exchange)
{
	if (exchange->close_client)
		return "Connection: close\r\n";
	return exchange->client_minor == 0 ? "Connection: keep-alive\r\n" : "";
}

void reply_send(struct exchange *exchange, enum fail fail)
{
	struct worker *worker = exchange->worker;
	const struct fail_row *row = fail_row(fail);
	char id[129], date[40], body[1024];
	const struct wish *wish = read_request(exchange, id);
	const char *reason = reason_of(row->status);
	format_date(worker, date);
	exchange->status = row->status;
	exchange->close_client = !exchange->client_keeps_open || !exchange->request.done || exchange->client->unread || worker->table->globals.draining;
	int body_length = snprintf(body, sizeof(body), wish->format, row->status, reason, row->text, id);
	int length = snprintf(worker->scratch, worker->scratch_size,
		"HTTP/1.1 %u %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nCache-Control: no-store\r\nProxy-Status: teal; error=%s; details=\"%s\"\r\n"
		"X-Request-Id: %s\r\n%s\r\n%s",
		row->status, reason, date, wish->type, body_length, row->proxy_status, row->text, id, connection_of(exchange),
		exchange->method == METHOD_head ? "" : body);
	exchange->answer_started = true;
	exchange->answer.done = true;
	exchange->bytes_out = exchange->method == METHOD_head ? 0 : (uint64_t)body_length;
	struct iovec all = {worker->scratch, (size_t)length};
	if (conn_send(&exchange->client->conn, &all, 1, NULL) == CONN_BROKEN)
		exchange->close_client = true;
	exchange_finish(exchange);
}
