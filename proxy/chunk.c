/* The chunked coding as a state machine over bytes; chunk data is skipped whole. Any thread. Does not keep or interpret extensions and trailers. */
#include "proxy/chunk.h"

#include <assert.h>
#include <string.h>

#include "proxy/octet.h"

#define LINE_MAX_BYTES 1024
#define TRAILERS_MAX_BYTES 8192

enum state {
	STATE_start, /* before the first digit of a size */
	STATE_size,
	STATE_gap,        /* white space that only another extension may follow */
	STATE_name_first, /* behind ';' */
	STATE_name,
	STATE_name_gap,
	STATE_value_first, /* behind '=' */
	STATE_value,
	STATE_quoted,
	STATE_escaped,
	STATE_unquoted, /* behind the closing quote */
	STATE_size_lf,
	STATE_data,
	STATE_data_cr,
	STATE_data_lf,
	STATE_trailer, /* at the start of a trailer line; the states from here on count as the trailer section */
	STATE_trailer_name,
	STATE_trailer_value,
	STATE_trailer_lf,
	STATE_end_lf,
	STATE_done,
	STATE_COUNT
};

enum kind {
	KIND_control,
	KIND_cr,
	KIND_lf,
	KIND_space,
	KIND_semicolon,
	KIND_equals,
	KIND_quote,
	KIND_backslash,
	KIND_colon,
	KIND_token,
	KIND_other,
	KIND_COUNT
};

/* The state that follows; 0: the byte is not allowed there. Sizes, data and line feeds are in take_byte. */
/* clang-format off */
static const uint8_t next_states[STATE_COUNT][KIND_COUNT] = {
	[STATE_size] = {[KIND_cr] = STATE_size_lf, [KIND_space] = STATE_gap, [KIND_semicolon] = STATE_name_first},
	[STATE_gap] = {[KIND_space] = STATE_gap, [KIND_semicolon] = STATE_name_first},
	[STATE_name_first] = {[KIND_space] = STATE_name_first, [KIND_token] = STATE_name},
	[STATE_name] = {[KIND_token] = STATE_name, [KIND_space] = STATE_name_gap, [KIND_equals] = STATE_value_first,
		[KIND_semicolon] = STATE_name_first, [KIND_cr] = STATE_size_lf},
	[STATE_name_gap] = {[KIND_space] = STATE_name_gap, [KIND_equals] = STATE_value_first, [KIND_semicolon] = STATE_name_first},
	[STATE_value_first] = {[KIND_space] = STATE_value_first, [KIND_token] = STATE_value, [KIND_quote] = STATE_quoted},
	[STATE_value] = {[KIND_token] = STATE_value, [KIND_space] = STATE_gap, [KIND_semicolon] = STATE_name_first, [KIND_cr] = STATE_size_lf},
	[STATE_quoted] = {[KIND_space] = STATE_quoted, [KIND_semicolon] = STATE_quoted, [KIND_equals] = STATE_quoted, [KIND_quote] = STATE_unquoted,
		[KIND_backslash] = STATE_escaped, [KIND_colon] = STATE_quoted, [KIND_token] = STATE_quoted, [KIND_other] = STATE_quoted},
	[STATE_escaped] = {[KIND_space] = STATE_quoted, [KIND_semicolon] = STATE_quoted, [KIND_equals] = STATE_quoted, [KIND_quote] = STATE_quoted,
		[KIND_backslash] = STATE_quoted, [KIND_colon] = STATE_quoted, [KIND_token] = STATE_quoted, [KIND_other] = STATE_quoted},
	[STATE_unquoted] = {[KIND_space] = STATE_gap, [KIND_semicolon] = STATE_name_first, [KIND_cr] = STATE_size_lf},
	[STATE_data_cr] = {[KIND_cr] = STATE_data_lf},
	[STATE_trailer] = {[KIND_cr] = STATE_end_lf, [KIND_token] = STATE_trailer_name},
	[STATE_trailer_name] = {[KIND_token] = STATE_trailer_name, [KIND_colon] = STATE_trailer_value},
	[STATE_trailer_value] = {[KIND_cr] = STATE_trailer_lf, [KIND_space] = STATE_trailer_value, [KIND_semicolon] = STATE_trailer_value,
		[KIND_equals] = STATE_trailer_value, [KIND_quote] = STATE_trailer_value, [KIND_backslash] = STATE_trailer_value,
		[KIND_colon] = STATE_trailer_value, [KIND_token] = STATE_trailer_value, [KIND_other] = STATE_trailer_value},
	[STATE_trailer_lf] = {[KIND_lf] = STATE_trailer},
	[STATE_end_lf] = {[KIND_lf] = STATE_done},
};
/* clang-format on */

static enum kind kind_of(char byte)
{
	switch (byte) {
	case '\r':
		return KIND_cr;
	case '\n':
		return KIND_lf;
	case ' ':
	case '\t':
		return KIND_space;
	case ';':
		return KIND_semicolon;
	case '=':
		return KIND_equals;
	case '"':
		return KIND_quote;
	case '\\':
		return KIND_backslash;
	case ':':
		return KIND_colon;
	default:
		if (octet_is(byte, OCTET_TOKEN))
			return KIND_token;
		return octet_is(byte, OCTET_VALUE) ? KIND_other : KIND_control;
	}
}

static bool take_digit(struct chunk *chunk, char byte)
{
	if (chunk->left >> 56) /* leading zeros may be as many as the line has room for */
		return false;
	unsigned digit = octet_is(byte, OCTET_DIGIT) ? (unsigned)(byte - '0') : (unsigned)(octet_lower(byte) - 'a') + 10;
	chunk->left = chunk->left * 16 + digit;
	chunk->state = STATE_size;
	return true;
}

/* In lower case, those that matter in answers first. At most 32, since chunk->misplaced has a bit for each. */
static const char misplaced_names[][18] = {"content-length", "transfer-encoding", "host", "connection", "keep-alive", "proxy-connection", "te", "trailer",
	"upgrade", "expect", "max-forwards", "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id", "client-cert",
	"client-cert-chain"};
#define MISPLACED_COUNT (sizeof(misplaced_names) / sizeof(misplaced_names[0]))

#define MISPLACED_IN_ANSWERS 0x3u
#define MISPLACED_IN_REQUESTS ((1u << MISPLACED_COUNT) - 1)

/* One more byte of a trailer's name, the colon included. False when the name is a refused one, if only with `_` for a `-`: see removal_is_alias. */
static bool follow_name(struct chunk *chunk, char byte)
{
	char wanted = byte == ':' ? '\0' : byte == '_' ? '-' : octet_lower(byte);
	for (unsigned i = 0; i < MISPLACED_COUNT; i++) {
		if (chunk->name_length >= sizeof(misplaced_names[i]) || misplaced_names[i][chunk->name_length] != wanted)
			chunk->misplaced &= ~(1u << i);
	}
	chunk->name_length++;
	return byte != ':' || chunk->misplaced == 0;
}

static void end_line(struct chunk *chunk, enum state state)
{
	chunk->state = (uint8_t)state;
	chunk->line = 0;
}

/* A byte that is not chunk data. False when it is not allowed here. */
static inline bool take_byte(struct chunk *chunk, char byte)
{
	if (++chunk->line > (chunk->state >= STATE_trailer ? TRAILERS_MAX_BYTES : LINE_MAX_BYTES))
		return false;
	if (chunk->state <= STATE_size && octet_is(byte, OCTET_HEX))
		return take_digit(chunk, byte);
	if (chunk->state == STATE_size_lf && byte == '\n') {
		end_line(chunk, chunk->left > 0 ? STATE_data : STATE_trailer);
		return true;
	}
	if (chunk->state == STATE_data_lf && byte == '\n') {
		end_line(chunk, STATE_start);
		return true;
	}
	enum state before = (enum state)chunk->state;
	chunk->state = next_states[before][kind_of(byte)];
	if (before == STATE_trailer && chunk->state == STATE_trailer_name) {
		chunk->misplaced = chunk->answer ? MISPLACED_IN_ANSWERS : MISPLACED_IN_REQUESTS;
		chunk->name_length = 0;
	} else if (before != STATE_trailer_name) {
		return chunk->state != 0;
	}
	return chunk->state != 0 && follow_name(chunk, byte);
}

/* As much of the present chunk's data as is there; its length. */
static size_t take_data(struct chunk *chunk, size_t there)
{
	size_t length = chunk->left < there ? (size_t)chunk->left : there;
	chunk->left -= length;
	if (chunk->left == 0)
		chunk->state = STATE_data_cr;
	return length;
}

enum chunk_result chunk_scan(struct chunk *chunk, const char *bytes, size_t length, size_t *used)
{
	assert(chunk->state < STATE_done);
	size_t at = 0;
	enum chunk_result result = CHUNK_MORE;
	while (at < length && result == CHUNK_MORE) {
		if (chunk->state == STATE_data)
			at += take_data(chunk, length - at);
		else if (!take_byte(chunk, bytes[at]))
			result = CHUNK_BAD;
		else if (at++, chunk->state == STATE_done)
			result = CHUNK_DONE;
	}
	*used = at;
	return result;
}

/* Which bytes stay at the front of the buffer. */
enum keep { KEEP_data, KEEP_all_but_trailers };

static bool keeps_byte(enum keep keep, enum state before, enum state after)
{
	if (keep == KEEP_data)
		return false;
	bool in_line = after == STATE_trailer_name || after == STATE_trailer_value || after == STATE_trailer_lf || before == STATE_trailer_lf;
	return !in_line;
}

static void keep_bytes(char *bytes, size_t *kept, size_t at, size_t length)
{
	if (*kept != at)
		memmove(bytes + *kept, bytes + at, length);
	*kept += length;
}

static enum chunk_result compact(struct chunk *chunk, enum keep keep, char *bytes, size_t length, size_t *used, size_t *kept)
{
	assert(chunk->state < STATE_done);
	size_t at = 0;
	enum chunk_result result = CHUNK_MORE;
	*kept = 0;
	while (at < length && result == CHUNK_MORE) {
		enum state before = (enum state)chunk->state;
		if (before == STATE_data) {
			size_t taken = take_data(chunk, length - at);
			keep_bytes(bytes, kept, at, taken);
			at += taken;
		} else if (!take_byte(chunk, bytes[at])) {
			result = CHUNK_BAD;
		} else {
			if (keeps_byte(keep, before, (enum state)chunk->state))
				keep_bytes(bytes, kept, at, 1);
			at++;
			if (chunk->state == STATE_done)
				result = CHUNK_DONE;
		}
	}
	*used = at;
	return result;
}

enum chunk_result chunk_drop_trailers(struct chunk *chunk, char *bytes, size_t length, size_t *used, size_t *kept)
{
	return compact(chunk, KEEP_all_but_trailers, bytes, length, used, kept);
}

enum chunk_result chunk_strip(struct chunk *chunk, char *bytes, size_t length, size_t *used, size_t *data)
{
	return compact(chunk, KEEP_data, bytes, length, used, data);
}
