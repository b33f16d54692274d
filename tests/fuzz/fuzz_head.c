/* Heads: any bytes, whole and in two pieces, must be read alike; what is read is rewritten, and must then be one head, clean and whole.
 *
 * Input: a byte of flags, a byte that says where to split, then the head. */
// links: proxy
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/fields.h"

enum flag { FLAG_answer = 1, FLAG_trusted = 2, FLAG_upgrade = 4, FLAG_expect = 8, FLAG_old_client = 16, FLAG_close = 32, FLAG_small = 64 };

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

static void check_written(bool answer, char *written, size_t length)
{
	static struct head head;
	enum fail fail;
	demand(parse(answer, written, length, 0, &output_limits, &head, &fail) == HEAD_DONE);
	demand(head.length == length && !head.untidy);
	check_bytes(written, length, head.field_count + 2);
	unsigned codings = count(&head, FIELD_transfer_encoding), lengths = count(&head, FIELD_content_length);
	demand(codings <= 1 && (codings == 0 || lengths == 0));
	demand(count(&head, FIELD_connection) <= 1 && count(&head, FIELD_keep_alive) == 0 && count(&head, FIELD_proxy_connection) == 0);
	demand(answer || (lengths <= 1 && count(&head, FIELD_x_forwarded_for) == 1 && count(&head, FIELD_x_request_id) == 1 && count(&head, FIELD_host) == 1));
}

static void rewrite_request(const struct head *head, unsigned flags)
{
	static char out[65536];
	struct framing framing;
	struct fields_to_backend with = {
		.client = "192.0.2.7",
		.client_length = 9,
		.trusted = flags & FLAG_trusted,
		.request_id = "id",
		.request_id_length = 2,
		.host = "b:80",
		.host_length = 4,
		.upgrade = flags & FLAG_upgrade,
		.expect = flags & FLAG_expect,
	};
	if (head->method == METHOD_connect || fields_must_answer(head) || framing_of_request(head, &framing) != FAIL_none)
		return;
	framing_keeps_open(head);
	size_t length = fields_write_request(head, &with, out, sizeof(out));
	if (length > 0)
		check_written(false, out, length);
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
	size_t length = fields_write_answer(head, &with, out, sizeof(out));
	if (length > 0)
		check_written(true, out, length);
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
	if (result == HEAD_DONE && answer)
		rewrite_answer(&head, flags);
	else if (result == HEAD_DONE)
		rewrite_request(&head, flags);
	free(bytes);
	return 0;
}
