/* Text as people write and read it: durations, sizes, shares; a bounded growing buffer; how far two words are apart. Any thread. */
#ifndef TEAL_BASE_TEXT_H
#define TEAL_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing text with a maximum, for the control side. `bytes` always ends in NUL and is never NULL after text_init. Past
 * the maximum nothing is added and `cut` is set. */
struct text {
	char *bytes;
	size_t length, capacity, limit;
	bool cut;
};
void text_init(struct text *text, size_t limit);
void text_fini(struct text *text);
/* Room for all that the limit allows: from then on the bytes don't move, and no copy of a secret is left behind. */
void text_reserve(struct text *text);
void text_add(struct text *text, const char *bytes, size_t length);
void text_addf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Hands the bytes to the caller, who frees them. */
char *text_take(struct text *text);

/* `500ms`, `1s`, `5m`, `1h`, `1d`, also `1.5s`; a bare `0` is 0. False when it is no duration or does not fit. */
bool text_parse_duration(const char *text, uint64_t *ms);
/* `64KiB`, `1MiB`, `2GiB`, `100` (bytes); also `KB`/`kB`, `MB`, `GB` as powers of 1000. */
bool text_parse_size(const char *text, uint64_t *bytes);
/* `1%`, `0.5%`, `100%`, or a number from 0 to 1; *share is from 0 to 1. */
bool text_parse_share(const char *text, double *share);
/* The same without an upper end: `150%`, `1.5`. */
bool text_parse_ratio(const char *text, double *ratio);
/* Decimal digits only. */
bool text_parse_unsigned(const char *text, uint64_t *value);

/* The shortest exact form: `500ms`, `1.5s`, `5m`, `1h30m`; `64KiB`; `1%`. Out includes the NUL. */
#define TEXT_UNIT_SIZE 32
void text_format_duration(uint64_t ms, char out[TEXT_UNIT_SIZE]);
void text_format_size(uint64_t bytes, char out[TEXT_UNIT_SIZE]);
void text_format_share(double share, char out[TEXT_UNIT_SIZE]);

/* Damerau-Levenshtein distance of two short words (at most 63 bytes are compared), for "did you mean". */
unsigned text_distance(const char *a, const char *b);
/* The word nearest to `text`, or NULL when none is near enough to suggest. `words` ends with NULL. */
const char *text_nearest(const char *text, const char *const *words);

/* The bytes of the valid UTF-8 sequence at `bytes`, of which `left` > 0 are there, or 0 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF). */
size_t text_measure_utf8(const unsigned char *bytes, size_t left);

/* Appends `length` bytes as the inside of a JSON string to out (no quotes, no NUL); escapes quote, backslash, controls and
 * every byte from 0x7f on that is not valid UTF-8 (as \ufffd). Returns the bytes written; stops before `size` is passed. */
size_t text_escape_json(const char *bytes, size_t length, char *out, size_t size);
/* The same for a log field between quotes: controls, quote, backslash and bytes from 0x7f on become \xNN. */
size_t text_escape_log(const char *bytes, size_t length, char *out, size_t size);

/* FNV-1a, 64 bits, of bytes, continued from `seed` (TEXT_HASH_SEED to begin). Spread, not secret. */
#define TEXT_HASH_SEED 0xcbf29ce484222325u
uint64_t text_hash(const void *bytes, size_t length, uint64_t seed);

#endif
