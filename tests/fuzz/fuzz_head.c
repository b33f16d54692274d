/* Heads: any bytes, whole, in two pieces and byte by byte, must be read alike; what is read is rewritten, must then be one head, clean and whole, and say the same.
 *
 * Input: a byte of flags, a byte that says where to split, then the head. */
// links: proxy
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proxy/fields.h"
#include "proxy/removal.h"

#define BYTEWISE_MOST 400u /* longer heads do not come byte by byte */

enum flag { FLAG_answer = 1, FLAG_trusted = 2, FLAG_upgrade = 4, FLAG_expect = 8, FLAG_old_client = 16, FLAG_close = 32, FLAG_small = 64, FLAG_secure = 128 };

static const struct head_limits input_limits = {16384, 128}, small_limits = {64, 3}, output_limits = {65536, HEAD_FIELDS_MAX};

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static enum head_result parse(
	bool answer, const char *bytes, size_t length, size_t scanned, const struct head_limits *limits, struct head *head, enum fail *fail)
{
	return answer ? head_parse_answer(bytes, length, scanned, limits, head, fail) : head_parse_request(bytes, length, scanned, limits, head, fail);
}

/* A copy of just these bytes, so that a sanitizer sees a step too far. */
static char *copy(const char *bytes, size_t length)
{
	char *exact = malloc(length > 0 ? length : 1);
	demand(exact != NULL);
	if (length > 0)
		memcpy(exact, bytes, length);
	return exact;
}

/* The same bytes and the end of a head, after the bytes alone gave HEAD_MORE. */
static enum head_result parse_ended(bool answer, const char *bytes, size_t length, const struct head_limits *limits, struct head *head)
{
	enum fail fail;
	char *ended = malloc(length + 4);
	demand(ended != NULL);
	memcpy(ended, bytes, length);
	memcpy(ended + length, "\r\n\r\n", 4);
	enum head_result result = parse(answer, ended, length + 4, length, limits, head, &fail);
	free(ended);
	return result;
}

static void check_split(
	bool answer, const char *bytes, size_t length, size_t start, const struct head_limits *limits, enum head_result whole, const struct head *expected)
{
	static struct head head;
	enum fail fail = FAIL_none;
	char *first = copy(bytes, start);
	enum head_result result = parse(answer, first, start, 0, limits, &head, &fail);
	free(first);
	if (result == HEAD_MORE)
		result = parse(answer, bytes, length, start, limits, &head, &fail);
	if (result == HEAD_MORE && whole == HEAD_BAD) /* a fault in a line of an unfinished head may wait until the head ends */
		result = parse_ended(answer, bytes, length, limits, &head);
	demand(result == whole);
	if (whole == HEAD_DONE)
		demand(head.length == expected->length && head.field_count == expected->field_count);
}

/* Byte by byte; a head is over with its last byte, not later. */
static void check_bytewise(bool answer, const char *bytes, size_t length, const struct head_limits *limits, enum head_result whole, const struct head *expected)
{
	static struct head head;
	enum head_result result = HEAD_MORE;
	enum fail fail;
	size_t there = 0;
	while (result == HEAD_MORE && there < length) {
		char *first = copy(bytes, there + 1);
		result = parse(answer, first, there + 1, there, limits, &head, &fail);
		free(first);
		there++;
	}
	if (result == HEAD_MORE && whole == HEAD_BAD)
		result = parse_ended(answer, bytes, length, limits, &head);
	demand(result == whole);
	if (whole == HEAD_DONE)
		demand(there == expected->length && head.length == expected->length && head.field_count == expected->field_count);
}

/* ---- what was rewritten ---- */

static bool is_same(struct span a, struct span b)
{
	return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

static bool is_alike(struct span a, struct span b)
{
	return a.length == b.length && strncasecmp(a.at, b.at, a.length) == 0;
}

/* Whether the head's Connection names the field. */
static bool is_named(const struct head *head, struct span name)
{
	for (unsigned i = 0; i < head->field_count; i++) {
		struct span list = {head->fields[i].value, head->fields[i].value_length}, member;
		while (head->fields[i].id == FIELD_connection && span_take_member(&list, &member)) {
			if (is_alike(member, name))
				return true;
		}
	}
	return false;
}

/* The next field from *index on that is neither ours to change nor named by the sender's Connection; NULL when there is none. */
static const struct head_field *next_plain(const struct head *head, const struct head *sender, unsigned *index)
{
	while (*index < head->field_count) {
		const struct head_field *field = &head->fields[(*index)++];
		bool plain = field->id == FIELD_other || field->id == FIELD_cookie || field->id == FIELD_user_agent || field->id == FIELD_referer;
		if (sender->status == 0 && removal_is_alias(field))
			continue;
		if (plain && !is_named(sender, (struct span){field->line, field->name_length}))
			return field;
	}
	return NULL;
}

/* All others pass, in their order and as they are. */
static void check_passed(const struct head *received, const struct head *written)
{
	const struct head_field *one, *other;
	unsigned i = 0, o = 0;
	do {
		one = next_plain(received, received, &i);
		other = next_plain(written, received, &o);
		demand((one == NULL) == (other == NULL));
		if (!one)
			break;
		demand(is_same((struct span){one->line, one->name_length}, (struct span){other->line, other->name_length}));
		demand(is_same((struct span){one->value, one->value_length}, (struct span){other->value, other->value_length}));
	} while (one);
}

static void check_request(const struct head *received, const struct head *written)
{
	struct span path = written->path, host = received->authority.length > 0 ? received->authority : head_value(received, FIELD_host);
	if (received->path.at[0] == '?') {
		demand(path.at[0] == '/');
		path = (struct span){path.at + 1, path.length - 1};
	}
	demand(is_same(path, received->path) && is_same(written->method_text, received->method_text) && written->method == received->method);
	demand(written->authority.length == 0 && !written->https && written->minor == 1);
	demand(host.length == 0 || is_same(head_value(written, FIELD_host), host));
}

static void check_answer(const struct head *received, const struct head *written)
{
	demand(written->status == received->status && is_same(written->reason, received->reason) && written->minor == 1);
}

static unsigned count(const struct head *head, enum field_id id)
{
	unsigned fields = 0;
	for (unsigned i = 0; i < head->field_count; i++)
		fields += head->fields[i].id == id;
	return fields;
}

static void check_bytes(const char *bytes, size_t length, unsigned lines)
{
	unsigned ends = 0;
	for (size_t i = 0; i < length; i++) {
		demand(bytes[i] != '\0');
		demand(bytes[i] != '\n' || (i > 0 && bytes[i - 1] == '\r'));
		demand(bytes[i] != '\r' || (i + 1 < length && bytes[i + 1] == '\n'));
		ends += bytes[i] == '\n';
	}
	demand(ends == lines);
}

static void check_written(bool answer, bool secure, const struct head *received, char *written, size_t length)
{
	static struct head head;
	enum fail fail;
	demand(parse(answer, written, length, 0, &output_limits, &head, &fail) == HEAD_DONE);
	demand(head.length == length && !head.untidy);
	check_bytes(written, length, head.field_count + 2);
	unsigned codings = count(&head, FIELD_transfer_encoding), lengths = count(&head, FIELD_content_length);
	demand(codings <= 1 && (codings == 0 || lengths == 0));
	demand(count(&head, FIELD_connection) <= 1 && count(&head, FIELD_keep_alive) == 0 && count(&head, FIELD_proxy_connection) == 0);
	check_passed(received, &head);
	if (answer)
		check_answer(received, &head);
	else
		check_request(received, &head);
	demand(answer || (lengths <= 1 && count(&head, FIELD_x_forwarded_for) == 1 && count(&head, FIELD_x_request_id) == 1 && count(&head, FIELD_host) == 1));
	demand(answer || (count(&head, FIELD_client_cert) == (secure ? 1 : 0) && count(&head, FIELD_client_cert_chain) == 0));
	demand(!answer || !secure || count(&head, FIELD_strict_transport_security) == 1);
}

static void rewrite_request(const struct head *head, unsigned flags)
{
	static char out[65536];
	struct framing framing;
	struct fields_to_backend with = {
		.client = "192.0.2.7",
		.client_length = 9,
		.trusted = flags & FLAG_trusted,
		.tls = flags & FLAG_secure,
		.request_id = "id",
		.request_id_length = 2,
		.host = "b:80",
		.host_length = 4,
		.upgrade = flags & FLAG_upgrade,
		.expect = flags & FLAG_expect,
		.certificate = {":AQID:", flags & FLAG_secure ? 6 : 0},
	};
	if (head->method == METHOD_connect || fields_must_answer(head) || framing_of_request(head, &framing) != FAIL_none)
		return;
	framing_keeps_open(head);
	size_t length = fields_write_request(head, &with, out, sizeof(out));
	if (length > 0)
		check_written(false, flags & FLAG_secure, head, out, length);
	else
		demand(fields_names_others(head));
}

static void rewrite_answer(const struct head *head, unsigned flags)
{
	static char out[65536];
	struct framing framing;
	struct fields_to_client with = {.client_minor = flags & FLAG_old_client ? 0 : 1, .close = flags & FLAG_close, .upgrade = flags & FLAG_upgrade};
	if (framing_of_answer(head, flags & FLAG_expect ? METHOD_head : METHOD_get, &framing) != FAIL_none)
		return;
	framing_keeps_open(head);
	with.framing = framing.kind;
	with.hsts = (struct span){"max-age=9", flags & FLAG_secure ? 9 : 0};
	size_t length = fields_write_answer(head, &with, out, sizeof(out));
	if (length > 0)
		check_written(true, flags & FLAG_secure, head, out, length);
	else
		demand(fields_names_others(head));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	static struct head head;
	if (length < 2)
		return 0;
	unsigned flags = input[0];
	bool answer = flags & FLAG_answer;
	const struct head_limits *limits = flags & FLAG_small ? &small_limits : &input_limits;
	enum fail fail = FAIL_none;
	char *bytes = copy((const char *)input + 2, length - 2);
	enum head_result result = parse(answer, bytes, length - 2, 0, limits, &head, &fail);
	demand((result == HEAD_BAD) == (fail != FAIL_none));
	size_t start = input[1] * (length - 2) / 255;
	check_split(answer, bytes, length - 2, start, limits, result, &head);
	if (length - 2 <= BYTEWISE_MOST)
		check_bytewise(answer, bytes, length - 2, limits, result, &head);
	if (result == HEAD_DONE && answer)
		rewrite_answer(&head, flags);
	else if (result == HEAD_DONE)
		rewrite_request(&head, flags);
	free(bytes);
	return 0;
}
