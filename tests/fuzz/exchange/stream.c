/* A strict reader of HTTP/1.1 messages. Pure. */
#include "tests/fuzz/exchange/stream.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What the fields of a head say that matters here. */
struct fields {
	unsigned hosts, lengths, codings, connections;
	uint64_t length;
};

bool text_is(struct text text, const char *other)
{
	return text.length == strlen(other) && memcmp(text.at, other, text.length) == 0;
}

static bool is_named(struct text text, const char *name)
{
	return text.length == strlen(name) && strncasecmp(text.at, name, text.length) == 0;
}

static bool is_token(struct text text)
{
	for (size_t i = 0; i < text.length; i++) {
		unsigned char c = (unsigned char)text.at[i];
		if (c <= ' ' || c >= 127 || strchr("\"(),/:;<=>?@[\\]{}", c))
			return false;
	}
	return text.length > 0;
}

static bool is_visible(struct text text, bool spaces)
{
	for (size_t i = 0; i < text.length; i++) {
		unsigned char c = (unsigned char)text.at[i];
		bool space = c == ' ' || c == '\t';
		if (space ? !spaces : (c < ' ' || c == 127))
			return false;
	}
	return true;
}

static bool read_number(struct text text, uint64_t *number)
{
	*number = 0;
	for (size_t i = 0; i < text.length; i++) {
		uint64_t digit = (uint64_t)(text.at[i] - '0');
		if (text.at[i] < '0' || text.at[i] > '9' || *number > (UINT64_MAX - digit) / 10)
			return false;
		*number = *number * 10 + digit;
	}
	return text.length > 0;
}

/* The text before the separator, which is taken off as well. */
static bool cut(struct text *rest, const char *separator, struct text *part)
{
	size_t length = strlen(separator);
	const char *at = rest->length >= length ? memmem(rest->at, rest->length, separator, length) : NULL;
	if (!at)
		return false;
	*part = (struct text){rest->at, (size_t)(at - rest->at)};
	rest->length -= part->length + length;
	rest->at = at + length;
	return true;
}

static struct text trim(struct text text)
{
	while (text.length > 0 && (text.at[0] == ' ' || text.at[0] == '\t')) {
		text.at++;
		text.length--;
	}
	while (text.length > 0 && (text.at[text.length - 1] == ' ' || text.at[text.length - 1] == '\t'))
		text.length--;
	return text;
}

static bool read_field(struct text line, struct text *name, struct text *value)
{
	if (!cut(&line, ":", name) || !is_token(*name) || !is_visible(line, true))
		return false;
	*value = trim(line);
	return true;
}

static bool note_field(struct text name, struct text value, struct fields *fields, struct stream_message *message)
{
	fields->hosts += is_named(name, "host");
	fields->connections += is_named(name, "connection");
	if (is_named(name, "x-forwarded-for"))
		message->forwarded_for = value;
	message->has_via |= is_named(name, "via");
	if (is_named(name, "transfer-encoding")) {
		fields->codings++;
		return is_named(value, "chunked");
	}
	if (is_named(name, "content-length")) {
		fields->lengths++;
		return read_number(value, &fields->length);
	}
	return true;
}

static bool read_fields(struct text lines, struct fields *fields, struct stream_message *message)
{
	struct text line, name, value;
	while (cut(&lines, "\r\n", &line)) {
		if (!read_field(line, &name, &value) || !note_field(name, value, fields, message))
			return false;
	}
	return lines.length == 0 && fields->codings <= 1 && fields->lengths <= 1 && fields->connections <= 1 && fields->codings + fields->lengths <= 1;
}

/* The start line and the field lines; false when the head is not whole, with *fine when it may become so. */
static bool cut_head(const char *bytes, size_t length, struct text *start, struct text *lines, size_t *head, bool *fine)
{
	struct text rest = {bytes, length};
	*fine = true;
	if (!cut(&rest, "\r\n\r\n", lines))
		return false;
	*head = lines->length + 4;
	lines->length += 2;
	*fine = cut(lines, "\r\n", start);
	return *fine;
}

/* ---- bodies ---- */

static void keep(struct stream_message *message, const char *bytes, size_t length)
{
	if (length > 0)
		memcpy(message->data + message->data_length, bytes, length);
	message->data_length += length;
}

static bool read_size(struct text line, uint64_t *size)
{
	size_t at = 0, zeros = 0;
	*size = 0;
	while (zeros + 1 < line.length && line.at[zeros] == '0' && line.at[zeros + 1] == '0')
		zeros++;
	line.at += zeros;
	line.length -= zeros;
	while (at < line.length && at < 17) {
		const char *digits = "0123456789abcdef", *digit = memchr(digits, line.at[at] | 0x20, 16);
		if (line.at[at] >= '0' && line.at[at] <= '9')
			digit = digits + (line.at[at] - '0');
		else if (!digit || *digit < 'a')
			break;
		*size = *size * 16 + (uint64_t)(digit - digits);
		at++;
	}
	struct text extension = {line.at + at, line.length - at};
	if (at == 0 || at == 17 || !is_visible(extension, true))
		return false;
	return extension.length == 0 || trim(extension).at[0] == ';';
}

static bool read_trailers(struct text *rest, struct stream_message *message)
{
	struct text line, name, value;
	while (cut(rest, "\r\n", &line)) {
		if (line.length == 0) {
			message->whole = true;
			return true;
		}
		if (!read_field(line, &name, &value))
			return false;
	}
	return true;
}

static bool read_chunks(struct text *rest, struct stream_message *message)
{
	struct text line;
	uint64_t size;
	while (cut(rest, "\r\n", &line)) {
		if (!read_size(line, &size))
			return false;
		if (size == 0)
			return read_trailers(rest, message);
		size_t here = size < rest->length ? (size_t)size : rest->length;
		keep(message, rest->at, here);
		rest->at += here;
		rest->length -= here;
		if (rest->length < 2)
			return rest->length == 0 || rest->at[0] == '\r';
		if (memcmp(rest->at, "\r\n", 2) != 0)
			return false;
		rest->at += 2;
		rest->length -= 2;
	}
	return true;
}

static bool read_body(struct text rest, const struct fields *fields, bool ended, struct stream_message *message)
{
	size_t before = rest.length;
	bool fine = true;
	message->data = malloc(rest.length + 1);
	if (!message->data)
		abort();
	if (message->kind == STREAM_CHUNKED) {
		fine = read_chunks(&rest, message);
		message->length += message->whole ? before - rest.length : before;
		return fine;
	}
	size_t here = rest.length;
	if (message->kind == STREAM_LENGTH && here > fields->length)
		here = (size_t)fields->length;
	if (message->kind == STREAM_EMPTY || message->kind == STREAM_TUNNEL)
		here = 0;
	keep(message, rest.at, here);
	message->length += here;
	message->whole = message->kind == STREAM_UNTIL_END ? ended : message->kind != STREAM_LENGTH || here == fields->length;
	return true;
}

/* ---- messages ---- */

bool stream_read_request(const char *bytes, size_t length, struct stream_message *message)
{
	struct text start, lines, version;
	struct fields fields = {0};
	size_t head;
	bool fine;
	memset(message, 0, sizeof(*message));
	if (!cut_head(bytes, length, &start, &lines, &head, &fine))
		return fine;
	message->has_head = true;
	message->length = head;
	if (!cut(&start, " ", &message->method) || !cut(&start, " ", &message->target))
		return false;
	version = start;
	if (!is_token(message->method) || message->target.length == 0 || !is_visible(message->target, false) || !text_is(version, "HTTP/1.1"))
		return false;
	if (!read_fields(lines, &fields, message) || fields.hosts != 1)
		return false;
	message->kind = fields.codings > 0 ? STREAM_CHUNKED : fields.lengths > 0 ? STREAM_LENGTH : STREAM_EMPTY;
	return read_body((struct text){bytes + head, length - head}, &fields, false, message);
}

static enum stream_kind answer_kind(unsigned status, bool to_head, const struct fields *fields)
{
	if (status == 101)
		return STREAM_TUNNEL;
	if (status < 200 || status == 204 || status == 304 || to_head)
		return STREAM_EMPTY;
	return fields->codings > 0 ? STREAM_CHUNKED : fields->lengths > 0 ? STREAM_LENGTH : STREAM_UNTIL_END;
}

bool stream_read_answer(const char *bytes, size_t length, bool to_head, bool ended, struct stream_message *message)
{
	struct text start, lines, version, status;
	struct fields fields = {0};
	uint64_t number;
	size_t head;
	bool fine;
	memset(message, 0, sizeof(*message));
	if (!cut_head(bytes, length, &start, &lines, &head, &fine))
		return fine;
	message->has_head = true;
	message->length = head;
	if (!cut(&start, " ", &version) || !text_is(version, "HTTP/1.1") || !cut(&start, " ", &status) || !is_visible(start, true))
		return false;
	if (status.length != 3 || !read_number(status, &number) || number < 100 || number > 599 || !read_fields(lines, &fields, message))
		return false;
	message->status = (unsigned)number;
	if ((number < 200 || number == 204) && fields.codings + fields.lengths > 0)
		return false;
	message->kind = answer_kind(message->status, to_head, &fields);
	return read_body((struct text){bytes + head, length - head}, &fields, ended, message);
}
