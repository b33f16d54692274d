/* Framing: whatever the fields say, a body has one length or the message is refused; and what we write has the same length for who reads it.
 *
 * Input: a byte of flags, then field lines, without the empty line. */
// links: proxy
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/fields.h"

enum flag { FLAG_answer = 1, FLAG_old = 2, FLAG_head = 4, FLAG_status = 8 | 16 };

#define SIZE 8192

static const struct head_limits limits = {SIZE, 64}, output_limits = {SIZE * 2, HEAD_FIELDS_MAX};

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static bool has(const struct head *head, enum field_id id)
{
	return head->first[id] != 0;
}

/* What must hold of any framing that was accepted. */
static void check(const struct head *head, const struct framing *framing)
{
	bool coding = has(head, FIELD_transfer_encoding), length = has(head, FIELD_content_length);
	demand((framing->kind == FRAMING_length) == (framing->length > 0));
	demand(framing->kind != FRAMING_chunked || (coding && !length && head->minor == 1 && head_has_token(head, FIELD_transfer_encoding, "chunked")));
	demand(framing->kind != FRAMING_close || (!coding && !length));
	struct span list = head_value(head, FIELD_content_length), member;
	if (framing->kind == FRAMING_length)
		demand(!coding && span_take_member(&list, &member) && strtoull(member.at, NULL, 10) == framing->length);
}

static void check_request(const struct head *head)
{
	static char out[SIZE * 2];
	static struct head again;
	struct framing framing, framing_again;
	struct fields_to_backend with = {.client = "::1", .client_length = 3, .request_id = "id", .request_id_length = 2};
	enum fail fail;
	if (framing_of_request(head, &framing) != FAIL_none)
		return;
	check(head, &framing);
	demand(framing.kind <= FRAMING_chunked);
	size_t length = fields_write_request(head, &with, out, sizeof(out));
	if (length == 0)
		return;
	demand(head_parse_request(out, length, 0, &output_limits, &again, &fail) == HEAD_DONE);
	demand(framing_of_request(&again, &framing_again) == FAIL_none);
	demand(framing.kind == framing_again.kind && framing.length == framing_again.length);
}

static void check_answer(const struct head *head, enum method method)
{
	static char out[SIZE * 2];
	static struct head again;
	struct framing framing, framing_again;
	enum fail fail;
	if (framing_of_answer(head, method, &framing) != FAIL_none)
		return;
	check(head, &framing);
	struct fields_to_client with = {.client_minor = 1, .framing = framing.kind};
	size_t length = fields_write_answer(head, &with, out, sizeof(out));
	if (length == 0)
		return;
	demand(head_parse_answer(out, length, 0, &output_limits, &again, &fail) == HEAD_DONE);
	demand(framing_of_answer(&again, method, &framing_again) == FAIL_none);
	demand(framing.kind == framing_again.kind && framing.length == framing_again.length);
}

static const char *start_line(unsigned flags)
{
	static const char *const statuses[] = {"200", "204", "304", "101"};
	static char line[64];
	char minor = flags & FLAG_old ? '0' : '1';
	if (flags & FLAG_answer)
		snprintf(line, sizeof(line), "HTTP/1.%c %s OK\r\n", minor, statuses[(flags & FLAG_status) / 8]);
	else
		snprintf(line, sizeof(line), "POST / HTTP/1.%c\r\nHost: a\r\n", minor);
	return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
	static char bytes[SIZE];
	static struct head head;
	if (length < 1 || length > SIZE - 100)
		return 0;
	unsigned flags = input[0];
	size_t at = (size_t)snprintf(bytes, sizeof(bytes), "%s", start_line(flags));
	memcpy(bytes + at, input + 1, length - 1);
	at += length - 1;
	memcpy(bytes + at, "\r\n\r\n", 4);
	enum fail fail;
	if (flags & FLAG_answer && head_parse_answer(bytes, at + 4, 0, &limits, &head, &fail) == HEAD_DONE)
		check_answer(&head, flags & FLAG_head ? METHOD_head : METHOD_get);
	if (!(flags & FLAG_answer) && head_parse_request(bytes, at + 4, 0, &limits, &head, &fail) == HEAD_DONE)
		check_request(&head);
	return 0;
}
