/* Access log lines. Worker thread. */
#include "proxy/access.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/logwriter.h"
#include "base/text.h"
#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/origin.h"
#include "proxy/worker.h"

#define LINE_SIZE 8192u
#define FIELD_LONGEST 2048u
#define TAIL_SIZE 512u /* more than numbers, names of fields and the line's end need when all values are cut */

struct line {
	size_t length;
	char bytes[LINE_SIZE];
};

static void add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *line, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(line->bytes + line->length, LINE_SIZE - line->length, format, arguments);
	va_end(arguments);
	if (length > 0)
		line->length += (size_t)length < LINE_SIZE - line->length ? (size_t)length : LINE_SIZE - line->length - 1;
}

/* Room is left for what comes behind: each value is cut, and the last bytes are the line's end. */
static void add_escaped(struct line *line, struct span value, size_t escape(const char *, size_t, char *, size_t))
{
	size_t length = value.length < FIELD_LONGEST ? value.length : FIELD_LONGEST;
	if (value.length > 0 && line->length + TAIL_SIZE < LINE_SIZE)
		line->length += escape(value.at, length, line->bytes + line->length, LINE_SIZE - TAIL_SIZE - line->length);
}

/* What the request's line says: read from the held head, or dashes for a head that could not be read. */
static const struct head *read_request(struct exchange *exchange)
{
	struct worker *worker = exchange->worker;
	struct head_limits limits = {exchange->held_head, HEAD_FIELDS_MAX};
	enum fail fail;
	if (exchange->held_head == 0 || head_parse_request(exchange->held, exchange->held_head, 0, &limits, &worker->head, &fail) != HEAD_DONE)
		return NULL;
	return &worker->head;
}

static void add_json(struct line *line, const char *name, struct span value)
{
	add(line, ",\"%s\":\"", name);
	add_escaped(line, value, text_escape_json);
	add(line, "\"");
}

static struct span span_of(const char *text)
{
	return (struct span){text, strlen(text)};
}

/* Who asked: the peer, or whom trusted proxies name. */
static struct span read_client(const struct exchange *exchange, const struct head *head, char text[ENDPOINT_TEXT_SIZE])
{
	const struct client *client = exchange->client;
	const struct table_globals *globals = &exchange->table->globals;
	if (!client->trusted || !head)
		return (struct span){client->address, client->address_length};
	struct endpoint origin;
	origin_find(&client->peer, globals->trusted, globals->trusted_count, head, &origin);
	return (struct span){text, endpoint_format_host(&origin, text)};
}

static void write_json(struct exchange *exchange, const struct head *head, struct line *line)
{
	char time[CLOCK_TEXT_SIZE], client[ENDPOINT_TEXT_SIZE];
	uint64_t now_us = worker_now_us(exchange->worker);
	clock_format(worker_wall_us(exchange->worker) / 1000u, time);
	add(line, "{\"time\":\"%s\"", time);
	add_json(line, "client", read_client(exchange, head, client));
	if (exchange->client->trusted)
		add_json(line, "peer", (struct span){exchange->client->address, exchange->client->address_length});
	if (head) {
		add_json(line, "method", head->method_text);
		add_json(line, "host", head_value(head, FIELD_host));
		add_json(line, "target", head->target);
		add_json(line, "request_id", head_value(head, FIELD_x_request_id));
		add_json(line, "user_agent", head_value(head, FIELD_user_agent));
	}
	add(line, ",\"protocol\":\"HTTP/1.%u\",\"status\":%u,\"bytes_in\":%llu,\"bytes_out\":%llu,\"duration_ms\":%.3f", exchange->client_minor,
		exchange->status, (unsigned long long)exchange->bytes_in, (unsigned long long)exchange->bytes_out,
		(double)(now_us - exchange->start_us) / 1000.0);
	if (exchange->first_byte_us)
		add(line, ",\"first_byte_ms\":%.3f", (double)(exchange->first_byte_us - exchange->start_us) / 1000.0);
	if (exchange->service) {
		add_json(line, "service", span_of(exchange->service->name));
		add(line, ",\"color\":\"%s\"", color_name(exchange->color));
		add_json(line, "version", span_of(exchange->service->colors[exchange->color].version));
	}
	if (exchange->logged_backend)
		add_json(line, "backend", span_of(exchange->logged_backend->name));
	if (exchange->replays > 0)
		add(line, ",\"replays\":%u", exchange->replays);
	if (exchange->fail != FAIL_none)
		add(line, ",\"error\":\"%s\"", fail_row(exchange->fail)->name);
	add(line, "}\n");
}

static void add_quoted(struct line *line, struct span value)
{
	add(line, " \"");
	if (value.length > 0)
		add_escaped(line, value, text_escape_log);
	else
		add(line, "-");
	add(line, "\"");
}

/* The combined log format that Apache and nginx write. */
static void write_combined(struct exchange *exchange, const struct head *head, struct line *line)
{
	char when[40], client[ENDPOINT_TEXT_SIZE];
	time_t now = (time_t)(worker_wall_us(exchange->worker) / 1000000u);
	struct tm utc;
	gmtime_r(&now, &utc);
	strftime(when, sizeof(when), "%d/%b/%Y:%H:%M:%S +0000", &utc);
	add_escaped(line, read_client(exchange, head, client), text_escape_log);
	add(line, " - - [%s] \"", when);
	if (head) {
		add_escaped(line, head->method_text, text_escape_log);
		add(line, " ");
		add_escaped(line, head->target, text_escape_log);
		add(line, " HTTP/1.%u", exchange->client_minor);
	} else {
		add(line, "-");
	}
	add(line, "\" %u %llu", exchange->status, (unsigned long long)exchange->bytes_out);
	add_quoted(line, head ? head_value(head, FIELD_referer) : (struct span){NULL, 0});
	add_quoted(line, head ? head_value(head, FIELD_user_agent) : (struct span){NULL, 0});
	add(line, "\n");
}

void access_write(struct exchange *exchange)
{
	struct line line;
	line.length = 0;
	const struct head *head = read_request(exchange);
	if (exchange->worker->access.format == PROXY_ACCESS_JSON)
		write_json(exchange, head, &line);
	else
		write_combined(exchange, head, &line);
	logring_add(exchange->worker->access.ring, line.bytes, line.length);
}
