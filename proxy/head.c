/* HTTP/1.x heads, read in one pass. Any thread. Does not judge framing, methods or expectations: framing.c and the callers do. */
#include "proxy/head.h"

#include <assert.h>
#include <string.h>

#include "proxy/octet.h"
#include "proxy/request.h"

#define EMPTY_LINES_MAX 4

/* Where the reading is. The steps below move `at` on HEAD_DONE, and leave `fail` alone unless they know better than `malformed`. */
struct reader {
	const char *start, *at, *end;
	enum fail fail;
	enum fail too_large; /* what passing a limit here is called */
	enum fail too_many;  /* and too many fields */
	bool spaced_names;   /* white space before the colon is removed, not refused */
};

struct known_field {
	char name[26]; /* lower case, not always NUL-terminated */
	uint8_t length;
	uint8_t id;
};

/* The slot of a name; the numbers make the slots of the known names differ. */
static inline unsigned known_slot(const char *name, size_t length)
{
	unsigned first = (unsigned char)name[0] | 0x20u, last = (unsigned char)name[length - 1] | 0x20u;
	return ((unsigned)length + first * 6 + last * 3) % 64;
}

/* clang-format off */
static const struct known_field known_fields[64] = {
	[0] = {"expect", 6, FIELD_expect},
	[7] = {"cookie", 6, FIELD_cookie},
	[8] = {"x-request-id", 12, FIELD_x_request_id},
	[9] = {"referer", 7, FIELD_referer},
	[11] = {"date", 4, FIELD_date},
	[16] = {"host", 4, FIELD_host},
	[21] = {"trailer", 7, FIELD_trailer},
	[24] = {"content-length", 14, FIELD_content_length},
	[25] = {"forwarded", 9, FIELD_forwarded},
	[33] = {"proxy-authenticate", 18, FIELD_proxy_authenticate},
	[36] = {"user-agent", 10, FIELD_user_agent},
	[38] = {"connection", 10, FIELD_connection},
	[40] = {"accept", 6, FIELD_accept},
	[41] = {"te", 2, FIELD_te},
	[42] = {"via", 3, FIELD_via},
	[45] = {"client-cert-chain", 17, FIELD_client_cert_chain},
	[46] = {"x-forwarded-proto", 17, FIELD_x_forwarded_proto},
	[51] = {"max-forwards", 12, FIELD_max_forwards},
	[52] = {"upgrade", 7, FIELD_upgrade},
	[53] = {"x-forwarded-for", 15, FIELD_x_forwarded_for},
	[54] = {"strict-transport-security", 25, FIELD_strict_transport_security},
	[57] = {"client-cert", 11, FIELD_client_cert},
	[58] = {"proxy-connection", 16, FIELD_proxy_connection},
	[59] = {"keep-alive", 10, FIELD_keep_alive},
	[60] = {"x-forwarded-host", 16, FIELD_x_forwarded_host},
	[61] = {"proxy-authorization", 19, FIELD_proxy_authorization},
	[62] = {"transfer-encoding", 17, FIELD_transfer_encoding},
};
/* clang-format on */

/* Bytes of a token against letters and hyphens, eight at a time; setting 0x20 lowers letters and changes no other byte of a token into one of these. */
static inline bool token_is(const char *token, const char *lower, size_t length)
{
	const uint64_t bit = 0x2020202020202020u;
	uint64_t a, b;
	size_t at = 0;
	for (; at + 8 <= length; at += 8) {
		memcpy(&a, token + at, 8);
		memcpy(&b, lower + at, 8);
		if ((a | bit) != b)
			return false;
	}
	for (; at < length; at++) {
		if ((token[at] | 0x20) != lower[at])
			return false;
	}
	return true;
}

/* The id of a name that is not empty. One that is as long as the only name it could be, and another, may be that with `_` for a `-`, since such a change moves no name to another slot: HEAD_ODD. */
static inline enum field_id find_id(const char *name, size_t length, uint32_t *present)
{
	const struct known_field *known = &known_fields[known_slot(name, length)];
	if (known->length != length)
		return FIELD_other;
	if (token_is(name, known->name, length))
		return (enum field_id)known->id;
	*present |= HEAD_ODD;
	return FIELD_other;
}

enum field_id head_field_id(const char *name, size_t length)
{
	uint32_t ignored = 0;
	return length > 0 ? find_id(name, length, &ignored) : FIELD_other;
}

static inline enum head_result read_line_end(struct reader *reader)
{
	const char *at = reader->at;
	if (at < reader->end && *at != '\r')
		return HEAD_BAD;
	if (reader->end - at < 2)
		return HEAD_MORE;
	if (at[1] != '\n')
		return HEAD_BAD;
	reader->at = at + 2;
	return HEAD_DONE;
}

static inline enum head_result read_name(struct reader *reader, struct head *head, struct head_field *field)
{
	const char *name = reader->at;
	const char *at = octet_skip_token(name, reader->end);
	size_t length = (size_t)(at - name);
	if (length > UINT16_MAX) {
		reader->fail = reader->too_large;
		return HEAD_BAD;
	}
	if (reader->spaced_names && length > 0 && at < reader->end && octet_is_space(*at)) {
		head->untidy = true;
		while (at < reader->end && octet_is_space(*at))
			at++;
	}
	if (at == reader->end)
		return HEAD_MORE;
	if (*at != ':' || length == 0)
		return HEAD_BAD;
	field->line = name;
	field->name_length = (uint16_t)length;
	field->id = (uint16_t)find_id(name, length, &head->present);
	reader->at = at + 1;
	return HEAD_DONE;
}

static inline enum head_result read_value(struct reader *reader, struct head_field *field)
{
	const char *value = reader->at;
	while (value < reader->end && octet_is_space(*value))
		value++;
	const char *end = octet_skip_value(value, reader->end);
	reader->at = end;
	enum head_result result = read_line_end(reader);
	if (result != HEAD_DONE)
		return result;
	while (end > value && octet_is_space(end[-1]))
		end--;
	field->value = value;
	field->value_length = (uint32_t)(end - value);
	field->line_length = (uint32_t)(reader->at - field->line);
	return HEAD_DONE;
}

/* Up to and with the empty line. */
static inline enum head_result read_fields(struct reader *reader, const struct head_limits *limits, struct head *head)
{
	while (reader->at == reader->end || *reader->at != '\r') {
		if (reader->at == reader->end)
			return HEAD_MORE;
		if (head->field_count == limits->fields) {
			reader->fail = reader->too_many;
			return HEAD_BAD;
		}
		struct head_field *field = &head->fields[head->field_count];
		enum head_result result = read_name(reader, head, field);
		if (result == HEAD_DONE)
			result = read_value(reader, field);
		if (result != HEAD_DONE)
			return result;
		head->field_count++;
		head->present |= FIELD_BIT(field->id);
		if (head->first[field->id] == 0)
			head->first[field->id] = head->field_count;
	}
	head->fields_length = (size_t)(reader->at - head->fields_at);
	return read_line_end(reader);
}

/* "HTTP/1.1"; the digits are checked by themselves, since another major version is another failure. */
static inline enum head_result read_version(struct reader *reader, struct head *head, enum fail other_major)
{
	const char *at = reader->at;
	size_t there = (size_t)(reader->end - at);
	if (memcmp(at, "HTTP/", there < 5 ? there : 5) != 0)
		return HEAD_BAD;
	if (there < 8)
		return HEAD_MORE;
	if (!octet_is(at[5], OCTET_DIGIT) || at[6] != '.' || !octet_is(at[7], OCTET_DIGIT))
		return HEAD_BAD;
	if (at[5] != '1') {
		reader->fail = other_major;
		return HEAD_BAD;
	}
	head->minor = at[7] == '0' ? 0 : 1;
	reader->at = at + 8;
	return HEAD_DONE;
}

static enum head_result read_empty_lines(struct reader *reader)
{
	for (unsigned lines = 0; reader->at < reader->end && *reader->at == '\r'; lines++) {
		if (lines == EMPTY_LINES_MAX)
			return HEAD_BAD;
		enum head_result result = read_line_end(reader);
		if (result != HEAD_DONE)
			return result;
	}
	return HEAD_DONE;
}

static inline enum head_result read_method(struct reader *reader, struct head *head)
{
	const char *text = reader->at;
	const char *at = octet_skip_token(text, reader->end);
	if (at == reader->end)
		return HEAD_MORE;
	if (*at != ' ' || at == text)
		return HEAD_BAD;
	head->method_text = (struct span){text, (size_t)(at - text)};
	head->method = request_method_of(text, head->method_text.length);
	reader->at = at + 1;
	return HEAD_DONE;
}

static inline enum head_result read_target(struct reader *reader, struct head *head)
{
	const char *text = reader->at;
	const char *at = octet_skip_target(text, reader->end);
	if (at == reader->end)
		return HEAD_MORE;
	if (*at != ' ' || at == text)
		return HEAD_BAD;
	head->target = (struct span){text, (size_t)(at - text)};
	reader->at = at + 1;
	return HEAD_DONE;
}

static enum head_result read_request_line(struct reader *reader, struct head *head)
{
	enum head_result result = read_empty_lines(reader);
	if (result == HEAD_DONE)
		result = read_method(reader, head);
	if (result == HEAD_DONE)
		result = read_target(reader, head);
	if (result == HEAD_DONE)
		result = read_version(reader, head, FAIL_request_version);
	return result == HEAD_DONE ? read_line_end(reader) : result;
}

/* Keeps the reason of a refusal. */
static bool accepts(struct reader *reader, enum fail fail)
{
	if (fail != FAIL_none)
		reader->fail = fail;
	return fail == FAIL_none;
}

static inline enum head_result read_request(struct reader *reader, const struct head_limits *limits, struct head *head)
{
	enum head_result result = read_request_line(reader, head);
	if (result != HEAD_DONE)
		return result;
	reader->too_large = FAIL_request_head_too_large;
	head->fields_at = reader->at;
	head->start_line_length = (size_t)(reader->at - reader->start);
	if (!accepts(reader, request_split_target(head)))
		return HEAD_BAD;
	result = read_fields(reader, limits, head);
	if (result != HEAD_DONE)
		return result;
	head->length = (size_t)(reader->at - reader->start);
	return accepts(reader, request_check_fields(head)) ? HEAD_DONE : HEAD_BAD;
}

/* Three digits, 100 to 599 (RFC 9110 section 15). */
static enum head_result read_status(struct reader *reader, struct head *head)
{
	const char *at = reader->at;
	if (reader->end - at < 4)
		return HEAD_MORE;
	if (at[0] != ' ' || at[1] < '1' || at[1] > '5' || !octet_is(at[2], OCTET_DIGIT) || !octet_is(at[3], OCTET_DIGIT))
		return HEAD_BAD;
	head->status = (unsigned)((at[1] - '0') * 100 + (at[2] - '0') * 10 + (at[3] - '0'));
	reader->at = at + 4;
	return HEAD_DONE;
}

/* The reason may be empty; the space before it is left out by enough servers to be tolerated. */
static enum head_result read_reason(struct reader *reader, struct head *head)
{
	if (reader->at < reader->end && *reader->at == ' ') {
		const char *text = reader->at + 1;
		reader->at = octet_skip_value(text, reader->end);
		head->reason = (struct span){text, (size_t)(reader->at - text)};
	}
	return read_line_end(reader);
}

static inline enum head_result read_answer(struct reader *reader, const struct head_limits *limits, struct head *head)
{
	enum head_result result = read_version(reader, head, FAIL_answer_malformed);
	if (result == HEAD_DONE)
		result = read_status(reader, head);
	if (result == HEAD_DONE)
		result = read_reason(reader, head);
	if (result != HEAD_DONE)
		return result;
	head->fields_at = reader->at;
	head->start_line_length = (size_t)(reader->at - reader->start);
	result = read_fields(reader, limits, head);
	head->length = (size_t)(reader->at - reader->start);
	return result;
}

/* Whether the new bytes can end the head or make it bad; else there is no need to read from the start again. */
static bool worth_reading(const char *bytes, size_t length, size_t scanned)
{
	const char *end = bytes + length;
	const char *at = bytes + scanned;
	if (scanned == 0)
		return true;
	if (at[-1] == '\r')
		at--;
	for (at = octet_skip_value(at, end); at < end; at = octet_skip_value(at + 2, end)) {
		if (*at != '\r')
			return true;
		if (at + 1 == end)
			return false;
		if (at[1] != '\n' || at == bytes || at[-1] == '\n')
			return true;
	}
	return false;
}

static struct reader begin(const char *bytes, size_t length, const struct head_limits *limits, struct head *head)
{
	assert(limits->fields <= HEAD_FIELDS_MAX);
	memset(head, 0, offsetof(struct head, fields));
	return (struct reader){.start = bytes, .at = bytes, .end = bytes + (length < limits->bytes ? length : limits->bytes)};
}

static enum head_result settle(const struct reader *reader, enum head_result result, bool full, enum fail *fail)
{
	if (result == HEAD_MORE && full) {
		*fail = reader->too_large;
		return HEAD_BAD;
	}
	if (result == HEAD_BAD)
		*fail = reader->fail;
	return result;
}

enum head_result head_parse_request(const char *bytes, size_t length, size_t scanned, const struct head_limits *limits, struct head *head, enum fail *fail)
{
	bool full = length >= limits->bytes;
	if (!full && !worth_reading(bytes, length, scanned))
		return HEAD_MORE;
	struct reader reader = begin(bytes, length, limits, head);
	reader.fail = FAIL_request_malformed;
	reader.too_large = FAIL_request_target_too_long;
	reader.too_many = FAIL_request_too_many_fields;
	return settle(&reader, read_request(&reader, limits, head), full, fail);
}

enum head_result head_parse_answer(const char *bytes, size_t length, size_t scanned, const struct head_limits *limits, struct head *head, enum fail *fail)
{
	bool full = length >= limits->bytes;
	if (!full && !worth_reading(bytes, length, scanned))
		return HEAD_MORE;
	struct reader reader = begin(bytes, length, limits, head);
	reader.fail = FAIL_answer_malformed;
	reader.too_large = reader.too_many = FAIL_answer_head_too_large;
	reader.spaced_names = true;
	return settle(&reader, read_answer(&reader, limits, head), full, fail);
}

struct span head_value_named(const struct head *head, const char *name, size_t length)
{
	enum field_id id = head_field_id(name, length);
	if (id != FIELD_other)
		return head_value(head, id);
	for (unsigned i = head->first[FIELD_other]; i > 0 && i <= head->field_count; i++) {
		const struct head_field *field = &head->fields[i - 1];
		if (span_same((struct span){field->line, field->name_length}, (struct span){name, length}))
			return (struct span){field->value, field->value_length};
	}
	return (struct span){NULL, 0};
}

bool head_has_token(const struct head *head, enum field_id id, const char *token)
{
	if (head->first[id] == 0)
		return false;
	for (unsigned i = head->first[id] - 1; i < head->field_count; i++) {
		if (head->fields[i].id != id)
			continue;
		struct span list = {head->fields[i].value, head->fields[i].value_length}, member;
		while (span_take_member(&list, &member)) {
			if (span_is(member, token))
				return true;
		}
	}
	return false;
}
