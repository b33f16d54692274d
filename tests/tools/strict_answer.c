/* Answers, read strictly enough to see what a proxy broke. A reader of its own: the code under test does not judge itself. Pure; see strict.h. */
#include "tests/tools/strict.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

/* Lengths that a head names, before it is clear what follows it. */
struct framing_seen {
	bool length, chunked;
	uint64_t bytes;
};

void strict_answer_init(struct strict_answer *answer, bool no_body)
{
	memset(answer, 0, offsetof(struct strict_answer, head));
	memset(&answer->head_length, 0, sizeof(*answer) - offsetof(struct strict_answer, head_length));
	answer->no_body = no_body;
	answer->body_hash = TEXT_HASH_SEED;
}

static bool copy_value(char *to, size_t size, const char *value)
{
	return (size_t)snprintf(to, size, "%s", value) < size;
}

static bool read_length(const char *value, struct framing_seen *framing)
{
	if (framing->length)
		return false;
	framing->length = true;
	return text_parse_unsigned(value, &framing->bytes);
}

static bool read_field(struct strict_answer *answer, const char *name, const char *value, struct framing_seen *framing)
{
	if (strcasecmp(name, "content-length") == 0)
		return read_length(value, framing);
	if (strcasecmp(name, "transfer-encoding") == 0) {
		framing->chunked = strcasecmp(value, "chunked") == 0;
		return framing->chunked;
	}
	if (strcasecmp(name, "connection") == 0)
		answer->closes = answer->closes || strcasecmp(value, "close") == 0;
	if (strcasecmp(name, "x-id") == 0) {
		answer->id_count++;
		return copy_value(answer->id, sizeof(answer->id), value);
	}
	if (strcasecmp(name, "x-color") == 0)
		return copy_value(answer->color, sizeof(answer->color), value);
	if (strcasecmp(name, "x-version") == 0)
		return copy_value(answer->version, sizeof(answer->version), value);
	if (strcasecmp(name, "x-request-hash") == 0)
		return copy_value(answer->request_hash, sizeof(answer->request_hash), value);
	if (strcasecmp(name, "x-answer-hash") == 0)
		return copy_value(answer->answer_hash, sizeof(answer->answer_hash), value);
	return true;
}

/* One `Name: value` line without its CRLF, NUL-terminated, cut in place. */
static bool read_field_line(struct strict_answer *answer, char *line, struct framing_seen *framing)
{
	char *colon = strchr(line, ':');
	if (!colon || colon == line || isspace((unsigned char)colon[-1]))
		return false;
	*colon = '\0';
	char *value = colon + 1 + strspn(colon + 1, " \t");
	return read_field(answer, line, value, framing);
}

static bool read_status_line(struct strict_answer *answer, const char *line)
{
	if (strncmp(line, "HTTP/1.", 7) != 0 || !isdigit((unsigned char)line[7]) || line[8] != ' ')
		return false;
	if (line[7] == '0')
		answer->closes = true;
	char *end;
	answer->status = (unsigned)strtoul(line + 9, &end, 10);
	return end == line + 12 && answer->status >= 100 && answer->status <= 599 && (*end == ' ' || *end == '\0');
}

/* The whole head is there, NUL-terminated behind its last CRLF: cuts it into lines. */
static bool read_head(struct strict_answer *answer, struct framing_seen *framing)
{
	bool first = true;
	for (char *line = answer->head; *line != '\r';) {
		char *end = strstr(line, "\r\n");
		if (!end)
			return false;
		*end = '\0';
		if (first ? !read_status_line(answer, line) : !read_field_line(answer, line, framing))
			return false;
		first = false;
		line = end + 2;
	}
	return !(framing->length && framing->chunked);
}

/* What follows the head. */
static enum strict_answer_result begin_body(struct strict_answer *answer, const struct framing_seen *framing)
{
	if (answer->status < 200) {
		strict_answer_init(answer, answer->no_body);
		return STRICT_ANSWER_MORE;
	}
	answer->head_length = 0;
	if (answer->no_body || answer->status == 204 || answer->status == 304)
		return STRICT_ANSWER_DONE;
	answer->left = framing->bytes;
	answer->step = framing->chunked ? STRICT_ANSWER_CHUNK_LINE : framing->length ? STRICT_ANSWER_LENGTH : STRICT_ANSWER_CLOSE;
	return framing->length && framing->bytes == 0 ? STRICT_ANSWER_DONE : STRICT_ANSWER_MORE;
}

/* Gathers bytes up to and with `ending` in answer->head. */
static enum strict_answer_result gather(struct strict_answer *answer, const char *ending, const char *bytes, size_t length, size_t *used)
{
	size_t ending_length = strlen(ending);
	for (*used = 0; *used < length;) {
		if (answer->head_length + 2 > STRICT_HEAD_SIZE)
			return STRICT_ANSWER_BAD;
		answer->head[answer->head_length++] = bytes[(*used)++];
		if (answer->head_length >= ending_length && memcmp(answer->head + answer->head_length - ending_length, ending, ending_length) == 0) {
			answer->head[answer->head_length] = '\0';
			return STRICT_ANSWER_DONE;
		}
	}
	return STRICT_ANSWER_MORE;
}

static void take_body(struct strict_answer *answer, const char *bytes, size_t length)
{
	answer->body_hash = text_hash(bytes, length, answer->body_hash);
	answer->body_length += length;
	answer->left -= answer->step == STRICT_ANSWER_CLOSE ? 0 : length;
}

static enum strict_answer_result read_chunk_line(struct strict_answer *answer)
{
	char *end;
	if (!isxdigit((unsigned char)answer->head[0]))
		return STRICT_ANSWER_BAD;
	answer->left = strtoull(answer->head, &end, 16);
	if (*end != '\r' && *end != ';')
		return STRICT_ANSWER_BAD;
	answer->head_length = 0;
	answer->step = answer->left > 0 ? STRICT_ANSWER_CHUNK_DATA : STRICT_ANSWER_TRAILER;
	return STRICT_ANSWER_MORE;
}

/* A line of the head, of a chunk or of the trailer section is complete. */
static enum strict_answer_result read_gathered(struct strict_answer *answer)
{
	struct framing_seen framing = {0};
	switch (answer->step) {
	case STRICT_ANSWER_HEAD:
		return read_head(answer, &framing) ? begin_body(answer, &framing) : STRICT_ANSWER_BAD;
	case STRICT_ANSWER_CHUNK_LINE:
		return read_chunk_line(answer);
	case STRICT_ANSWER_CHUNK_END:
		answer->step = STRICT_ANSWER_CHUNK_LINE;
		break;
	default:
		if (answer->head_length == 2)
			return STRICT_ANSWER_DONE;
	}
	bool blank = answer->head_length == 2;
	answer->head_length = 0;
	return answer->step == STRICT_ANSWER_CHUNK_LINE && !blank ? STRICT_ANSWER_BAD : STRICT_ANSWER_MORE;
}

static bool in_body(const struct strict_answer *answer)
{
	return answer->step == STRICT_ANSWER_LENGTH || answer->step == STRICT_ANSWER_CHUNK_DATA || answer->step == STRICT_ANSWER_CLOSE;
}

static enum strict_answer_result read_body(struct strict_answer *answer, const char *bytes, size_t length, size_t *used)
{
	*used = answer->step == STRICT_ANSWER_CLOSE || length < answer->left ? length : (size_t)answer->left;
	take_body(answer, bytes, *used);
	if (answer->step == STRICT_ANSWER_CLOSE || answer->left > 0)
		return STRICT_ANSWER_MORE;
	if (answer->step == STRICT_ANSWER_LENGTH)
		return STRICT_ANSWER_DONE;
	answer->step = STRICT_ANSWER_CHUNK_END;
	return STRICT_ANSWER_MORE;
}

enum strict_answer_result strict_answer_read(struct strict_answer *answer, const char *bytes, size_t length, size_t *used)
{
	*used = 0;
	while (*used < length) {
		size_t step_used = 0;
		enum strict_answer_result result;
		if (in_body(answer)) {
			result = read_body(answer, bytes + *used, length - *used, &step_used);
		} else {
			result = gather(answer, answer->step == STRICT_ANSWER_HEAD ? "\r\n\r\n" : "\r\n", bytes + *used, length - *used, &step_used);
			if (result == STRICT_ANSWER_DONE)
				result = read_gathered(answer);
		}
		*used += step_used;
		if (result != STRICT_ANSWER_MORE)
			return result;
	}
	return STRICT_ANSWER_MORE;
}

bool strict_answer_may_end(const struct strict_answer *answer)
{
	return answer->step == STRICT_ANSWER_CLOSE;
}
