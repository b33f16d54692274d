/* Access log lines. Worker thread. */
#include "proxy/access.h"

#include <stdlib.h>
#include <string.h>

#include "base/logwriter.h"
#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/fields.h"
#include "proxy/logline.h"
#include "proxy/origin.h"
#include "proxy/worker.h"

static struct span span_of(const char *text)
{
	return (struct span){text, strlen(text)};
}

/* ---- the note ---- */

static struct span peer_of(const struct exchange *exchange)
{
	return (struct span){exchange->client->address, exchange->client->address_length};
}

/* Who asked: the peer, or whom trusted proxies name. */
static struct span read_client(const struct exchange *exchange, const struct head *head, char text[ENDPOINT_TEXT_SIZE])
{
	const struct client *client = exchange->client;
	const struct table_globals *globals = &exchange->table->globals;
	if (!client->trusted)
		return peer_of(exchange);
	struct endpoint origin;
	origin_find(&client->peer, globals->trusted, globals->trusted_count, head, &origin);
	return (struct span){text, endpoint_format_host(&origin, text)};
}

static struct span host_of(const struct head *head)
{
	return head->authority.length > 0 ? head->authority : head_value(head, FIELD_host);
}

/* As it is sent on: without scheme and authority. */
static void add_target(struct logline *line, const struct head *head, void add(struct logline *, struct span))
{
	if (head->path.length > 0 && head->path.at[0] == '?')
		logline_add_text(line, "/");
	add(line, head->path);
}

static inline void add_json(struct logline *line, const char *name, struct span value)
{
	logline_add_text(line, name);
	logline_add_json(line, value);
}

static void note_json(const struct exchange *exchange, const struct head *head, struct span id, struct logline *line)
{
	char client[ENDPOINT_TEXT_SIZE];
	struct span own_id = head_value(head, FIELD_x_request_id);
	add_json(line, ",\"client\":\"", read_client(exchange, head, client));
	if (exchange->client->trusted)
		add_json(line, "\",\"peer\":\"", peer_of(exchange));
	add_json(line, "\",\"method\":\"", head->method_text);
	add_json(line, "\",\"host\":\"", host_of(head));
	logline_add_text(line, "\",\"target\":\"");
	add_target(line, head, logline_add_json);
	add_json(line, "\",\"request_id\":\"", fields_has_request_id(head) ? own_id : id);
	add_json(line, "\",\"user_agent\":\"", head_value(head, FIELD_user_agent));
	logline_add_text(line, exchange->client_minor == 0 ? "\",\"protocol\":\"HTTP/1.0\"" : "\",\"protocol\":\"HTTP/1.1\"");
}

static void add_quoted(struct logline *line, struct span value)
{
	logline_add_text(line, " \"");
	if (value.length > 0)
		logline_add_escaped(line, value);
	else
		logline_add_text(line, "-");
	logline_add_text(line, "\"");
}

static void note_combined(struct exchange *exchange, const struct head *head, struct logline *line)
{
	char client[ENDPOINT_TEXT_SIZE];
	logline_add_escaped(line, read_client(exchange, head, client));
	logline_add_text(line, " - - [");
	exchange->note.request_at = (uint32_t)line->length;
	logline_add_text(line, "] \"");
	logline_add_escaped(line, head->method_text);
	logline_add_text(line, " ");
	add_target(line, head, logline_add_escaped);
	logline_add_text(line, exchange->client_minor == 0 ? " HTTP/1.0\" " : " HTTP/1.1\" ");
	exchange->note.rest_at = (uint32_t)line->length;
	add_quoted(line, head_value(head, FIELD_referer));
	add_quoted(line, head_value(head, FIELD_user_agent));
}

static void keep_note(struct exchange *exchange, const struct logline *line)
{
	struct access_note *note = &exchange->note;
	note->bytes = line->length <= WORKER_BLOCK_SIZE ? worker_take_block(exchange->worker) : malloc(line->length);
	note->length = (uint32_t)line->length;
	if (note->bytes)
		memcpy(note->bytes, line->bytes, line->length);
}

static void give_note(struct exchange *exchange)
{
	struct access_note *note = &exchange->note;
	if (note->length <= WORKER_BLOCK_SIZE && note->bytes)
		worker_give_block(exchange->worker, note->bytes);
	else
		free(note->bytes);
	note->bytes = NULL;
}

void access_begin(struct exchange *exchange, const struct head *head, struct span id)
{
	struct logline line;
	line.length = 0;
	exchange->note.format = exchange->worker->access.format;
	if (exchange->note.format == PROXY_ACCESS_JSON)
		note_json(exchange, head, id, &line);
	else
		note_combined(exchange, head, &line);
	keep_note(exchange, &line);
}

/* ---- the line ---- */

static void add_outcome(struct exchange *exchange, struct logline *line)
{
	logline_add_text(line, ",\"status\":");
	logline_add_number(line, exchange->status);
	logline_add_text(line, ",\"bytes_in\":");
	logline_add_number(line, exchange->bytes_in);
	logline_add_text(line, ",\"bytes_out\":");
	logline_add_number(line, exchange->bytes_out);
	logline_add_text(line, ",\"duration_ms\":");
	logline_add_ms(line, worker_now_us(exchange->worker) - exchange->start_us + exchange->waited_us);
	if (exchange->first_byte_us) {
		logline_add_text(line, ",\"first_byte_ms\":");
		logline_add_ms(line, exchange->first_byte_us - exchange->start_us + exchange->waited_us);
	}
	if (exchange->waited_us > 0) {
		logline_add_text(line, ",\"held_ms\":");
		logline_add_ms(line, exchange->waited_us);
	}
}

static void add_route(const struct exchange *exchange, struct logline *line)
{
	if (exchange->service) {
		add_json(line, ",\"service\":\"", span_of(exchange->service->name));
		if (exchange->lane) {
			logline_add_text(line, exchange->color == COLOR_BLUE ? "\",\"color\":\"blue" : "\",\"color\":\"green");
			add_json(line, "\",\"version\":\"", span_of(exchange->service->colors[exchange->color].version));
		}
		logline_add_text(line, "\"");
		if (exchange->shielded)
			logline_add_text(line, exchange->color == COLOR_BLUE ? ",\"shielded\":true,\"shielded_from\":\"green\""
									     : ",\"shielded\":true,\"shielded_from\":\"blue\"");
		if (exchange->fallback)
			logline_add_text(line, exchange->color == COLOR_BLUE ? ",\"fallback\":true,\"fallback_from\":\"green\""
									     : ",\"fallback\":true,\"fallback_from\":\"blue\"");
		if (exchange->preview)
			logline_add_text(line, ",\"preview\":true");
	}
	if (exchange->logged_backend) {
		add_json(line, ",\"backend\":\"", span_of(exchange->logged_backend->name));
		logline_add_text(line, "\"");
	}
}

static void write_json(struct exchange *exchange, struct logline *line)
{
	const struct access_note *note = &exchange->note;
	struct span stamp = worker_stamp(exchange->worker);
	logline_add_text(line, "{\"time\":\"");
	logline_add(line, stamp.at, stamp.length);
	logline_add_text(line, "\"");
	if (note->bytes) {
		logline_add(line, note->bytes, note->length);
	} else {
		add_json(line, ",\"client\":\"", peer_of(exchange));
		logline_add_text(line, exchange->client_minor == 0 ? "\",\"protocol\":\"HTTP/1.0\"" : "\",\"protocol\":\"HTTP/1.1\"");
	}
	add_outcome(exchange, line);
	add_route(exchange, line);
	if (exchange->replays > 0) {
		logline_add_text(line, ",\"replays\":");
		logline_add_number(line, exchange->replays);
	}
	if (exchange->fail != FAIL_none) {
		add_json(line, ",\"error\":\"", span_of(fail_row(exchange->fail)->name));
		logline_add_text(line, "\"");
	}
	logline_add_text(line, "}\n");
}

/* The combined log format that Apache and nginx write; a request that could not be read is a dash. */
static void write_combined(struct exchange *exchange, struct logline *line)
{
	const struct access_note *note = &exchange->note;
	struct span stamp = worker_combined_stamp(exchange->worker);
	if (note->bytes) {
		logline_add(line, note->bytes, note->request_at);
	} else {
		logline_add_escaped(line, peer_of(exchange));
		logline_add_text(line, " - - [");
	}
	logline_add(line, stamp.at, stamp.length);
	if (note->bytes)
		logline_add(line, note->bytes + note->request_at, note->rest_at - note->request_at);
	else
		logline_add_text(line, "] \"-\" ");
	logline_add_number(line, exchange->status);
	logline_add_text(line, " ");
	logline_add_number(line, exchange->bytes_out);
	if (note->bytes)
		logline_add(line, note->bytes + note->rest_at, note->length - note->rest_at);
	else
		logline_add_text(line, " \"-\" \"-\"");
	logline_add_text(line, "\n");
}

void access_end(struct exchange *exchange)
{
	const struct worker_access *access = &exchange->worker->access;
	struct logline line;
	bool has_request = exchange->held_head > 0;
	line.length = 0;
	if (access->ring && (exchange->note.bytes || !has_request)) {
		enum proxy_access format = exchange->note.bytes ? exchange->note.format : access->format;
		if (format == PROXY_ACCESS_JSON)
			write_json(exchange, &line);
		else
			write_combined(exchange, &line);
		logring_add(access->ring, line.bytes, line.length);
	}
	give_note(exchange);
}
