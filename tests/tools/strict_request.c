/* What the strict client sends: the id decides the method's body, its length and its coding. See strict.h. */
#include "tests/tools/strict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

const char *strict_request_method(enum strict_method method)
{
	static const char *const names[STRICT_METHODS] = {"GET", "HEAD", "POST"};
	return names[method];
}

static void add_out(struct strict_conn *conn, const char *bytes, size_t length)
{
	if (conn->out_length + length > conn->out_size) {
		conn->out_size = (conn->out_length + length) * 2;
		conn->out = realloc(conn->out, conn->out_size);
		if (!conn->out)
			abort();
	}
	memcpy(conn->out + conn->out_length, bytes, length);
	conn->out_length += length;
}

/* A body of a length and content that the id decides; every other one is sent in chunks. */
static uint64_t add_body(struct strict_conn *conn, const struct strict_sent *sent, const char *head)
{
	const struct strict_options *options = &conn->run->options;
	uint64_t dice = text_hash(&sent->id, sizeof(sent->id), TEXT_HASH_SEED);
	size_t length = (size_t)(dice % (options->body_max + 1));
	const char *body = conn->run->block + (dice >> 32) % 4096;
	char line[80];
	bool chunked = (dice >> 31) & 1;
	int size = chunked ? snprintf(line, sizeof(line), "Transfer-Encoding: chunked\r\n\r\n")
			   : snprintf(line, sizeof(line), "Content-Length: %zu\r\n\r\n", length);
	add_out(conn, head, strlen(head));
	add_out(conn, line, (size_t)size);
	for (size_t at = 0; at < length;) {
		size_t piece = chunked && length - at > 1000 ? 1000 : length - at;
		if (chunked)
			add_out(conn, line, (size_t)snprintf(line, sizeof(line), "%zx\r\n", piece));
		add_out(conn, body + at, piece);
		if (chunked)
			add_out(conn, "\r\n", 2);
		at += piece;
	}
	if (chunked)
		add_out(conn, "0\r\n\r\n", 5);
	return text_hash(body, length, TEXT_HASH_SEED);
}

void strict_request_add(struct strict_conn *conn)
{
	struct strict_run *run = conn->run;
	const struct strict_options *options = &run->options;
	struct strict_sent *sent = &conn->sent[(conn->first + conn->count) % STRICT_DEPTH];
	uint64_t number = run->next++;
	sent->method = options->methods[number % options->method_count];
	sent->id = (uint64_t)run->nonce << 40 | number;
	char head[1024];
	snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: %s\r\nX-Id: %016llx\r\n%s", strict_request_method(sent->method), options->path, options->host,
		(unsigned long long)sent->id, options->fresh ? "Connection: close\r\n" : "");
	sent->sent_us = clock_mono_us(); /* before the first byte is written, so that a rule about later requests never catches this one too early */
	if (sent->method == STRICT_POST) {
		sent->body_hash = add_body(conn, sent, head);
	} else {
		add_out(conn, head, strlen(head));
		add_out(conn, "\r\n", 2);
	}
	if (conn->count++ == 0)
		strict_answer_init(&conn->answer, sent->method == STRICT_HEAD);
	run->outstanding++;
	run->tallies[sent->method].sent++;
}
