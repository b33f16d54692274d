/* Access log lines. Worker thread. */
#include "proxy/access.h"

#include <string.h>

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

/* What does not fit is cut: room for the line's end is always left (add_escaped). */
static void add(struct line *line, const char *bytes, size_t length)
{
	size_t room = LINE_SIZE - line->length;
	memcpy(line->bytes + line->length, bytes, length < room ? length : room);
	line->length += length < room ? length : room;
}

static inline void add_text(struct line *line, const char *text)
{
	add(line, text, strlen(text));
}

static void add_number(struct line *line, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);
	do
		digits[--at] = (char)('0' + value % 10);
	while (value /= 10);
	add(line, digits + at, sizeof(digits) - at);
}

/* Milliseconds with three decimals. */
static void add_ms(struct line *line, uint64_t us)
{
	unsigned rest = (unsigned)(us % 1000u);
	const char decimals[4] = {'.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10), (char)('0' + rest % 10)};
	add_number(line, us / 1000u);
	add(line, decimals, sizeof(decimals));
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

static void add_name(struct line *line, const char *name)
{
	add_text(line, ",\"");
	add_text(line, name);
	add_text(line, "\":");
}

static void add_json(struct line *line, const char *name, struct span value)
{
	add_name(line, name);
	add_text(line, "\"");
	add_escaped(line, value, text_escape_json);
	add_text(line, "\"");
}

static void add_json_number(struct line *line, const char *name, uint64_t value)
{
	add_name(line, name);
	add_number(line, value);
}

static void add_json_ms(struct line *line, const char *name, uint64_t us)
{
	add_name(line, name);
	add_ms(line, us);
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

static void write_request(const struct head *head, struct line *line)
{
	add_json(line, "method", head->method_text);
	add_json(line, "host", head_value(head, FIELD_host));
	add_json(line, "target", head->target);
	add_json(line, "request_id", head_value(head, FIELD_x_request_id));
	add_json(line, "user_agent", head_value(head, FIELD_user_agent));
}

static void write_outcome(struct exchange *exchange, struct line *line)
{
	uint64_t now_us = worker_now_us(exchange->worker);
	add_text(line, exchange->client_minor == 0 ? ",\"protocol\":\"HTTP/1.0\"" : ",\"protocol\":\"HTTP/1.1\"");
	add_json_number(line, "status", exchange->status);
	add_json_number(line, "bytes_in", exchange->bytes_in);
	add_json_number(line, "bytes_out", exchange->bytes_out);
	add_json_ms(line, "duration_ms", now_us - exchange->start_us);
	if (exchange->first_byte_us)
		add_json_ms(line, "first_byte_ms", exchange->first_byte_us - exchange->start_us);
}

static void write_json(struct exchange *exchange, const struct head *head, struct line *line)
{
	char client[ENDPOINT_TEXT_SIZE];
	struct span stamp = worker_stamp(exchange->worker);
	add_text(line, "{\"time\":\"");
	add(line, stamp.at, stamp.length);
	add_text(line, "\"");
	add_json(line, "client", read_client(exchange, head, client));
	if (exchange->client->trusted)
		add_json(line, "peer", (struct span){exchange->client->address, exchange->client->address_length});
	if (head)
		write_request(head, line);
	write_outcome(exchange, line);
	if (exchange->service) {
		add_json(line, "service", span_of(exchange->service->name));
		add_json(line, "color", span_of(color_name(exchange->color)));
		add_json(line, "version", span_of(exchange->service->colors[exchange->color].version));
	}
	if (exchange->logged_backend)
		add_json(line, "backend", span_of(exchange->logged_backend->name));
	if (exchange->replays > 0)
		add_json_number(line, "replays", exchange->replays);
	if (exchange->fail != FAIL_none)
		add_json(line, "error", span_of(fail_row(exchange->fail)->name));
	add_text(line, "}\n");
}

static void add_quoted(struct line *line, struct span value)
{
	add_text(line, " \"");
	if (value.length > 0)
		add_escaped(line, value, text_escape_log);
	else
		add_text(line, "-");
	add_text(line, "\"");
}

/* The combined log format that Apache and nginx write. */
static void write_combined(struct exchange *exchange, const struct head *head, struct line *line)
{
	char client[ENDPOINT_TEXT_SIZE];
	struct span stamp = worker_combined_stamp(exchange->worker);
	add_escaped(line, read_client(exchange, head, client), text_escape_log);
	add_text(line, " - - [");
	add(line, stamp.at, stamp.length);
	add_text(line, "] \"");
	if (head) {
		add_escaped(line, head->method_text, text_escape_log);
		add_text(line, " ");
		add_escaped(line, head->target, text_escape_log);
		add_text(line, exchange->client_minor == 0 ? " HTTP/1.0" : " HTTP/1.1");
	} else {
		add_text(line, "-");
	}
	add_text(line, "\" ");
	add_number(line, exchange->status);
	add_text(line, " ");
	add_number(line, exchange->bytes_out);
	add_quoted(line, head ? head_value(head, FIELD_referer) : (struct span){NULL, 0});
	add_quoted(line, head ? head_value(head, FIELD_user_agent) : (struct span){NULL, 0});
	add_text(line, "\n");
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
