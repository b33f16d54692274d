/* The length of a body, decided once from the head. Any thread. Does not read the body: chunk.c and the relay do. */
#include "proxy/framing.h"

#include "proxy/octet.h"

/* What the Transfer-Encoding fields of a message say together. */
enum coding {
	CODING_chunked,   /* this alone, once */
	CODING_unknown,   /* chunked last, others before it */
	CODING_ambiguous, /* the end of the body can't be told */
};

static enum coding read_codings(const struct head *head)
{
	unsigned members = 0, chunked = 0;
	bool last = false;
	for (unsigned i = head->first[FIELD_transfer_encoding] - 1; i < head->field_count; i++) {
		if (head->fields[i].id != FIELD_transfer_encoding)
			continue;
		struct span list = {head->fields[i].value, head->fields[i].value_length}, member;
		while (span_take_member(&list, &member)) {
			members++;
			last = span_is(member, "chunked");
			chunked += last;
		}
	}
	if (!last || chunked > 1 || head->minor == 0)
		return CODING_ambiguous;
	return members == 1 ? CODING_chunked : CODING_unknown;
}

/* Digits alone, below 2^63. */
static bool read_length(struct span text, uint64_t *length)
{
	uint64_t value = 0;
	if (text.length == 0)
		return false;
	for (size_t i = 0; i < text.length; i++) {
		if (!octet_is(text.at[i], OCTET_DIGIT))
			return false;
		uint64_t digit = (uint64_t)(text.at[i] - '0');
		if (value > (INT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*length = value;
	return true;
}

/* The members of one Content-Length field: numbers, none of them missing, all equal to *length once that is known. */
static bool merge_members(struct span list, uint64_t *length, bool *known)
{
	size_t missing = 1;
	for (size_t i = 0; i < list.length; i++)
		missing += list.at[i] == ',';
	struct span member;
	while (span_take_member(&list, &member)) {
		uint64_t value;
		if (!read_length(member, &value) || (*known && value != *length))
			return false;
		*length = value;
		*known = true;
		missing--;
	}
	return missing == 0;
}

/* The one value of all Content-Length fields (RFC 9110 section 8.6). */
static bool merge_lengths(const struct head *head, uint64_t *length)
{
	bool known = false;
	for (unsigned i = head->first[FIELD_content_length] - 1; i < head->field_count; i++) {
		const struct head_field *field = &head->fields[i];
		if (field->id == FIELD_content_length && !merge_members((struct span){field->value, field->value_length}, length, &known))
			return false;
	}
	return true;
}

static bool has(const struct head *head, enum field_id id)
{
	return head->first[id] != 0;
}

static void frame_length(struct framing *framing, uint64_t length)
{
	*framing = (struct framing){length > 0 ? FRAMING_length : FRAMING_none, length};
}

enum fail framing_of_request(const struct head *head, struct framing *framing)
{
	*framing = (struct framing){FRAMING_none, 0};
	if (has(head, FIELD_transfer_encoding)) {
		enum coding coding = read_codings(head);
		if (coding == CODING_ambiguous || has(head, FIELD_content_length))
			return FAIL_request_framing;
		framing->kind = FRAMING_chunked;
		return coding == CODING_chunked ? FAIL_none : FAIL_request_coding;
	}
	if (!has(head, FIELD_content_length))
		return FAIL_none;
	uint64_t length;
	for (unsigned i = head->first[FIELD_content_length]; i < head->field_count; i++) {
		if (head->fields[i].id == FIELD_content_length)
			return FAIL_request_framing; /* a repeated one is refused even where the values agree: whoever sent it may have read another */
	}
	if (!read_length(head_value(head, FIELD_content_length), &length))
		return FAIL_request_framing;
	frame_length(framing, length);
	return FAIL_none;
}

enum fail framing_of_answer(const struct head *head, enum method method, struct framing *framing)
{
	uint64_t length = 0;
	*framing = (struct framing){head->status == 101 ? FRAMING_tunnel : FRAMING_none, 0};
	if (head->status < 200 || head->status == 204)
		return FAIL_none;
	if (has(head, FIELD_content_length) && !merge_lengths(head, &length))
		return FAIL_answer_framing; /* also without a body: the field would be passed on (RFC 9110 section 8.6) */
	if (head->status == 304 || method == METHOD_head)
		return FAIL_none;
	if (has(head, FIELD_transfer_encoding)) {
		if (has(head, FIELD_content_length) || read_codings(head) != CODING_chunked)
			return FAIL_answer_framing;
		framing->kind = FRAMING_chunked;
	} else if (has(head, FIELD_content_length)) {
		frame_length(framing, length);
	} else {
		framing->kind = FRAMING_close;
	}
	return FAIL_none;
}

bool framing_keeps_open(const struct head *head)
{
	if (head_has_token(head, FIELD_connection, "close"))
		return false;
	return head->minor > 0 || head_has_token(head, FIELD_connection, "keep-alive");
}
