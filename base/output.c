/* Head, ring and the way to clean text. Pure. Knows nothing of who speaks. */
#include "base/output.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void add_to_tail(struct output *output, const char *bytes, size_t length)
{
	if (length > OUTPUT_TAIL_SIZE) {
		size_t skipped = length - OUTPUT_TAIL_SIZE;
		output->total += skipped;
		bytes += skipped;
		length -= skipped;
	}
	while (length > 0) {
		size_t at = (size_t)((output->total - OUTPUT_HEAD_SIZE) % OUTPUT_TAIL_SIZE);
		size_t piece = smaller(length, OUTPUT_TAIL_SIZE - at);
		memcpy(output->tail + at, bytes, piece);
		output->total += piece;
		bytes += piece;
		length -= piece;
	}
}

void output_add(struct output *output, const char *bytes, size_t length)
{
	if (output->total < OUTPUT_HEAD_SIZE) {
		size_t piece = smaller(length, OUTPUT_HEAD_SIZE - (size_t)output->total);
		memcpy(output->head + output->total, bytes, piece);
		output->total += piece;
		bytes += piece;
		length -= piece;
	}
	add_to_tail(output, bytes, length);
}

/* ---- to clean text ---- */

/* What a terminal would take for an order, from ESC on: `ESC [ … final`, `ESC ] … BEL` or `… ESC \`, or two bytes. */
static size_t measure_escape(const char *bytes, size_t left)
{
	size_t at = 2;
	if (left < 2)
		return left;
	if (bytes[1] == '[') {
		while (at < left && (unsigned char)bytes[at] >= 0x20 && (unsigned char)bytes[at] < 0x40)
			at++;
		return smaller(at + 1, left);
	}
	if (bytes[1] != ']')
		return 2;
	while (at < left && bytes[at] != '\a' && bytes[at] != '\033' && bytes[at] != '\n')
		at++;
	if (at < left && bytes[at] == '\033')
		at++;
	return smaller(at + 1, left);
}

/* One character, or what is left out; returns the bytes it takes. */
static size_t add_one(struct text *out, const char *bytes, size_t left)
{
	unsigned char first = (unsigned char)bytes[0];
	bool line_ends = first == '\n' || (first == '\r' && !(left > 1 && bytes[1] == '\n'));
	if (first == '\033')
		return measure_escape(bytes, left);
	if (line_ends || first == '\t')
		text_add(out, line_ends ? "\n" : "\t", 1);
	if (first < 0x20 || first == 0x7f)
		return 1;
	size_t length = text_measure_utf8((const unsigned char *)bytes, left);
	bool is_control = length == 2 && first == 0xc2 && (unsigned char)bytes[1] < 0xa0; /* C1 */
	if (length == 0)
		text_add(out, "?", 1);
	else if (!is_control)
		text_add(out, bytes, length);
	return length == 0 ? 1 : length;
}

static void add_clean(struct text *out, const char *bytes, size_t length)
{
	for (size_t at = 0; at < length;)
		at += add_one(out, bytes + at, length - at);
}

/* A character that the cut went through is not told. */
static bool is_inside_character(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

static size_t cut_head(const char *bytes, size_t length)
{
	size_t end = length;
	for (unsigned i = 0; i < 3 && end > 0 && is_inside_character(bytes[end - 1]); i++)
		end--;
	bool begins = end > 0 && (unsigned char)bytes[end - 1] >= 0xc0;
	bool whole = begins && text_measure_utf8((const unsigned char *)bytes + end - 1, length - end + 1) > 0;
	return begins && !whole ? end - 1 : length;
}

static size_t cut_tail(const char *bytes, size_t length)
{
	size_t start = 0;
	while (start < 3 && start < length && is_inside_character(bytes[start]))
		start++;
	return start;
}

static void add_cut(const struct output *output, struct text *out)
{
	char straight[OUTPUT_TAIL_SIZE];
	size_t at = (size_t)((output->total - OUTPUT_HEAD_SIZE) % OUTPUT_TAIL_SIZE);
	memcpy(straight, output->tail + at, OUTPUT_TAIL_SIZE - at);
	memcpy(straight + OUTPUT_TAIL_SIZE - at, output->tail, at);
	size_t head = cut_head(output->head, OUTPUT_HEAD_SIZE), tail = cut_tail(straight, OUTPUT_TAIL_SIZE);
	uint64_t missing = output->total - head - (OUTPUT_TAIL_SIZE - tail);
	add_clean(out, output->head, head);
	text_addf(out, "\n[%" PRIu64 " bytes left out]\n", missing);
	add_clean(out, straight + tail, OUTPUT_TAIL_SIZE - tail);
}

char *output_to_text(const struct output *output)
{
	char whole[OUTPUT_HEAD_SIZE + OUTPUT_TAIL_SIZE];
	size_t length = (size_t)output->total;
	struct text out;
	text_init(&out, sizeof(whole) + 64);
	if (output->total > sizeof(whole)) {
		add_cut(output, &out);
		return text_take(&out);
	}
	memcpy(whole, output->head, smaller(length, OUTPUT_HEAD_SIZE));
	if (length > OUTPUT_HEAD_SIZE)
		memcpy(whole + OUTPUT_HEAD_SIZE, output->tail, length - OUTPUT_HEAD_SIZE);
	add_clean(&out, whole, length);
	return text_take(&out);
}

char *output_copy(const struct output *output)
{
	size_t length = output->total < OUTPUT_KEPT_SIZE ? (size_t)output->total : OUTPUT_KEPT_SIZE, head = smaller(length, OUTPUT_HEAD_SIZE);
	char *copy = memory_new(length + 1);
	memcpy(copy, output->head, head);
	memcpy(copy + head, output->tail, length - head);
	return copy;
}
