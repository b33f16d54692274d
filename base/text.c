/* Text as people write and read it. Any thread. Knows nothing of keys or files; locale never matters. */
#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/memory.h"

#define WORD_LIMIT 63u

void text_init(struct text *text, size_t limit)
{
	*text = (struct text){.bytes = memory_new(64), .capacity = 64, .limit = limit};
}

void text_fini(struct text *text)
{
	free(text->bytes);
	*text = (struct text){0};
}

/* Room for `length` more bytes and a NUL. */
static void make_room(struct text *text, size_t length)
{
	size_t needed = text->length + length + 1;
	if (needed <= text->capacity)
		return;
	size_t doubled = text->capacity * 2;
	text->capacity = needed > doubled ? needed : doubled;
	text->bytes = memory_grow(text->bytes, text->capacity, 1);
}

void text_reserve(struct text *text)
{
	make_room(text, text->limit - text->length);
}

void text_add(struct text *text, const char *bytes, size_t length)
{
	size_t left = text->limit - text->length;
	if (length > left) {
		length = left;
		text->cut = true;
	}
	if (length == 0)
		return;
	make_room(text, length);
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
	text->bytes[text->length] = '\0';
}

void text_addf(struct text *text, const char *format, ...)
{
	va_list arguments;
	char *formatted;
	va_start(arguments, format);
	int length = vasprintf(&formatted, format, arguments);
	va_end(arguments);
	if (length < 0)
		abort();
	text_add(text, formatted, (size_t)length);
	free(formatted);
}

char *text_take(struct text *text)
{
	char *bytes = text->bytes;
	*text = (struct text){0};
	return bytes;
}

/* A decimal number `12` or `1.5` as digits and a power of ten, at most 18 digits. Returns its end, or NULL. */
static const char *read_decimal(const char *text, uint64_t *digits, uint64_t *scale)
{
	unsigned count = 0;
	bool fraction = false;
	*digits = 0;
	*scale = 1;
	for (; isdigit((unsigned char)*text) || (*text == '.' && !fraction && count > 0); text++) {
		if (*text == '.') {
			fraction = true;
			continue;
		}
		if (++count > 18)
			return NULL;
		*digits = *digits * 10 + (uint64_t)(*text - '0');
		if (fraction)
			*scale *= 10;
	}
	return count == 0 || text[-1] == '.' ? NULL : text;
}

struct unit {
	const char *name;
	uint64_t size;
};

static const struct unit durations[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
static const struct unit sizes[] = {
	{"KiB", 1ull << 10}, {"MiB", 1ull << 20}, {"GiB", 1ull << 30}, {"KB", 1000}, {"kB", 1000}, {"MB", 1000000}, {"GB", 1000000000}};

static const struct unit *find_unit(const struct unit *units, size_t count, const char *name, size_t length)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(units[i].name) == length && memcmp(units[i].name, name, length) == 0)
			return &units[i];
	return NULL;
}

/* digits / scale * size when that is a whole number that fits. */
static bool multiply_exactly(uint64_t digits, uint64_t scale, uint64_t size, uint64_t *result)
{
	uint64_t product;
	if (__builtin_mul_overflow(digits, size, &product) || product % scale != 0)
		return false;
	*result = product / scale;
	return true;
}

bool text_parse_duration(const char *text, uint64_t *ms)
{
	if (strcmp(text, "0") == 0) {
		*ms = 0;
		return true;
	}
	uint64_t sum = 0, smallest = UINT64_MAX;
	do {
		uint64_t digits, scale, part;
		const char *name = read_decimal(text, &digits, &scale);
		if (!name)
			return false;
		size_t length = strspn(name, "dhms");
		const struct unit *unit = find_unit(durations, sizeof(durations) / sizeof(*durations), name, length);
		if (!unit || unit->size >= smallest || !multiply_exactly(digits, scale, unit->size, &part) || __builtin_add_overflow(sum, part, &sum))
			return false;
		smallest = unit->size;
		text = name + length;
	} while (*text != '\0');
	*ms = sum;
	return true;
}

bool text_parse_size(const char *text, uint64_t *bytes)
{
	uint64_t digits, scale;
	const char *name = read_decimal(text, &digits, &scale);
	if (!name || scale != 1)
		return false;
	const struct unit *unit = find_unit(sizes, sizeof(sizes) / sizeof(*sizes), name, strlen(name));
	if (*name != '\0' && !unit)
		return false;
	return multiply_exactly(digits, 1, unit ? unit->size : 1, bytes);
}

bool text_parse_ratio(const char *text, double *ratio)
{
	uint64_t digits, scale;
	const char *end = read_decimal(text, &digits, &scale);
	if (!end || (*end != '\0' && strcmp(end, "%") != 0))
		return false;
	*ratio = (double)digits / (double)scale / (*end == '%' ? 100.0 : 1.0);
	return true;
}

bool text_parse_share(const char *text, double *share)
{
	double ratio;
	if (!text_parse_ratio(text, &ratio) || ratio > 1)
		return false;
	*share = ratio;
	return true;
}

bool text_parse_unsigned(const char *text, uint64_t *value)
{
	uint64_t sum = 0;
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (!isdigit((unsigned char)*text))
			return false;
		if (__builtin_mul_overflow(sum, 10u, &sum) || __builtin_add_overflow(sum, (uint64_t)(*text - '0'), &sum))
			return false;
	}
	*value = sum;
	return true;
}

static void trim_zeros(char *decimal)
{
	size_t length = strlen(decimal);
	while (length > 0 && decimal[length - 1] == '0')
		length--;
	if (length > 0 && decimal[length - 1] == '.')
		length--;
	decimal[length] = '\0';
}

static void format_seconds(uint64_t ms, char *out, size_t size)
{
	snprintf(out, size, "%u.%03u", (unsigned)(ms / 1000), (unsigned)(ms % 1000));
	trim_zeros(out);
	strcat(out, "s");
}

void text_format_duration(uint64_t ms, char out[TEXT_UNIT_SIZE])
{
	size_t used = 0;
	out[0] = '\0';
	for (size_t i = 0; i < 3; i++) {
		uint64_t whole = ms / durations[i].size;
		ms %= durations[i].size;
		if (whole > 0)
			used += (size_t)snprintf(out + used, TEXT_UNIT_SIZE - used, "%llu%s", (unsigned long long)whole, durations[i].name);
	}
	if (used == 0 && ms == 0)
		snprintf(out, TEXT_UNIT_SIZE, "0s");
	else if (ms > 0 && ms < 1000)
		snprintf(out + used, TEXT_UNIT_SIZE - used, "%ums", (unsigned)ms);
	else if (ms > 0)
		format_seconds(ms, out + used, TEXT_UNIT_SIZE - used);
}

void text_format_size(uint64_t bytes, char out[TEXT_UNIT_SIZE])
{
	size_t best = 3;
	for (size_t i = 3; i-- > 0;)
		if (bytes > 0 && bytes % sizes[i].size == 0) {
			best = i;
			break;
		}
	unsigned long long count = best < 3 ? bytes / sizes[best].size : bytes;
	snprintf(out, TEXT_UNIT_SIZE, "%llu%s", count, best < 3 ? sizes[best].name : "");
}

void text_format_share(double share, char out[TEXT_UNIT_SIZE])
{
	snprintf(out, TEXT_UNIT_SIZE, "%.4f", share * 100.0);
	trim_zeros(out);
	strcat(out, "%");
}

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned text_distance(const char *a, const char *b)
{
	size_t a_length = strnlen(a, WORD_LIMIT), b_length = strnlen(b, WORD_LIMIT);
	unsigned rows[3][WORD_LIMIT + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];
	for (size_t j = 0; j <= b_length; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= a_length; i++) {
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= b_length; j++) {
			unsigned cost = a[i - 1] == b[j - 1] ? 0 : 1;
			now[j] = smaller(smaller(last[j], now[j - 1]) + 1, last[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = smaller(now[j], before[j - 2] + 1);
		}
		unsigned *oldest = before;
		before = last;
		last = now;
		now = oldest;
	}
	return last[b_length];
}

const char *text_nearest(const char *text, const char *const *words)
{
	size_t length = strlen(text);
	unsigned limit = length < 4 ? 1 : length < 8 ? 2 : 3;
	const char *nearest = NULL;
	for (; *words; words++) {
		unsigned distance = strcasecmp(text, *words) == 0 ? 0 : text_distance(text, *words);
		/* A word of which nothing would be left is no suggestion. */
		if (distance <= limit && distance < length && distance < strlen(*words)) {
			nearest = *words;
			if (distance == 0)
				break;
			limit = distance - 1;
		}
	}
	return nearest;
}

size_t text_measure_utf8(const unsigned char *bytes, size_t left)
{
	unsigned char first = bytes[0];
	size_t length = first < 0x80 ? 1 : first >= 0xc2 && first <= 0xdf ? 2 : (first & 0xf0) == 0xe0 ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
	if (length == 0 || length > left)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
	if ((first == 0xe0 && bytes[1] < 0xa0) || (first == 0xed && bytes[1] > 0x9f))
		return 0;
	if ((first == 0xf0 && bytes[1] < 0x90) || (first == 0xf4 && bytes[1] > 0x8f))
		return 0;
	return length;
}

/* The JSON form of the character at `bytes` in piece; *used is how many bytes it is. Returns the length of the piece. */
static size_t json_piece(const unsigned char *bytes, size_t left, char piece[8], size_t *used)
{
	static const char names[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	size_t length = text_measure_utf8(bytes, left);
	*used = length ? length : 1;
	if (length == 0)
		return (size_t)snprintf(piece, 8, "\\ufffd");
	const char *name = bytes[0] ? strchr(names, bytes[0]) : NULL;
	if (name)
		return (size_t)snprintf(piece, 8, "\\%c", letters[name - names]);
	if (bytes[0] < 0x20)
		return (size_t)snprintf(piece, 8, "\\u%04x", bytes[0]);
	memcpy(piece, bytes, length);
	return length;
}

/* Copies the bytes up to the first that needs an escape in either form, and returns how many: most of what is ever logged. May write up to `size` bytes. */
static size_t copy_plain(const char *bytes, size_t length, char *out, size_t size)
{
	size_t most = length < size ? length : size, at = 0;
#ifdef __SSE2__
	const __m128i first = _mm_set1_epi8(0x20), last = _mm_set1_epi8(0x7e), quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
	for (; most - at >= 16; at += 16) {
		__m128i piece = _mm_loadu_si128((const __m128i *)(bytes + at));
		__m128i visible = _mm_cmpeq_epi8(_mm_min_epu8(_mm_max_epu8(piece, first), last), piece);
		__m128i special = _mm_or_si128(_mm_cmpeq_epi8(piece, quote), _mm_cmpeq_epi8(piece, backslash));
		_mm_storeu_si128((__m128i *)(out + at), piece);
		unsigned plain = (unsigned)_mm_movemask_epi8(_mm_andnot_si128(special, visible));
		if (plain != 0xffffu)
			return at + (size_t)__builtin_ctz(~plain);
	}
#endif
	for (; at < most; at++) {
		unsigned char byte = (unsigned char)bytes[at];
		if (byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\')
			break;
		out[at] = (char)byte;
	}
	return at;
}

size_t text_escape_json(const char *bytes, size_t length, char *out, size_t size)
{
	size_t at = 0, written = 0;
	while (at < length) {
		char piece[8];
		size_t plain = copy_plain(bytes + at, length - at, out + written, size - written);
		at += plain;
		written += plain;
		if (at == length)
			break;
		size_t used, piece_length = json_piece((const unsigned char *)bytes + at, length - at, piece, &used);
		if (piece_length > size - written)
			break;
		memcpy(out + written, piece, piece_length);
		written += piece_length;
		at += used;
	}
	return written;
}

size_t text_escape_log(const char *bytes, size_t length, char *out, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t at = 0, written = 0;
	for (;;) {
		size_t plain = copy_plain(bytes + at, length - at, out + written, size - written);
		at += plain;
		written += plain;
		if (at == length || size - written < 4)
			return written;
		unsigned char byte = (unsigned char)bytes[at++];
		out[written++] = '\\';
		out[written++] = 'x';
		out[written++] = digits[byte >> 4];
		out[written++] = digits[byte & 15];
	}
}

uint64_t text_hash(const void *bytes, size_t length, uint64_t seed)
{
	const unsigned char *at = bytes;
	for (size_t i = 0; i < length; i++)
		seed = (seed ^ at[i]) * 0x100000001b3u;
	return seed;
}
