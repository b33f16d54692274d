/* What a byte may be in HTTP (RFC 9110 section 5.6, RFC 3986): one table for all scanners. Pure; any thread. */
#ifndef TEAL_PROXY_OCTET_H
#define TEAL_PROXY_OCTET_H

#include <stdbool.h>
#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum octet {
	OCTET_TOKEN = 1,   /* tchar */
	OCTET_DIGIT = 2,   /* 0-9 */
	OCTET_HEX = 4,     /* 0-9 a-f A-F */
	OCTET_VALUE = 8,   /* inside a field line: visible, space, tab, obs-text */
	OCTET_TARGET = 16, /* inside a request target: visible ASCII but '#' */
	OCTET_HOST = 32,   /* in a registered name, percent-encoding apart: unreserved and sub-delims without the comma */
};

extern const uint8_t octet_classes[256];

static inline bool octet_is(char octet, enum octet class)
{
	return (octet_classes[(unsigned char)octet] & class) != 0;
}

/* What RFC 9110 section 5.6.3 calls white space. */
static inline bool octet_is_space(char octet)
{
	return octet == ' ' || octet == '\t';
}

static inline char octet_lower(char octet)
{
	return octet >= 'A' && octet <= 'Z' ? (char)(octet | 0x20) : octet;
}

/* The first byte that may not stand in a field line; its CR, as a rule. */
static inline const char *octet_skip_value(const char *at, const char *end)
{
#ifdef __SSE2__
	const __m128i last_control = _mm_set1_epi8(0x1f), tab = _mm_set1_epi8('\t'), del = _mm_set1_epi8(0x7f);
	for (; end - at >= 16; at += 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)at);
		__m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
		__m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), control), _mm_cmpeq_epi8(bytes, del));
		unsigned mask = (unsigned)_mm_movemask_epi8(bad);
		if (mask != 0)
			return at + __builtin_ctz(mask);
	}
#endif
	while (at < end && octet_is(*at, OCTET_VALUE))
		at++;
	return at;
}

/* The first byte that may not stand in a request target; its space, as a rule. */
static inline const char *octet_skip_target(const char *at, const char *end)
{
#ifdef __SSE2__
	const __m128i first = _mm_set1_epi8(0x21), last = _mm_set1_epi8(0x7e), hash = _mm_set1_epi8('#');
	for (; end - at >= 16; at += 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)at);
		__m128i clamped = _mm_min_epu8(_mm_max_epu8(bytes, first), last);
		__m128i good = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, hash), _mm_cmpeq_epi8(clamped, bytes));
		unsigned mask = (unsigned)_mm_movemask_epi8(good) ^ 0xffffu;
		if (mask != 0)
			return at + __builtin_ctz(mask);
	}
#endif
	while (at < end && octet_is(*at, OCTET_TARGET))
		at++;
	return at;
}

/* The first byte that may not stand in a token. Letters, digits and hyphens are nearly all there are, and go 16 at a time. */
static inline const char *octet_skip_token(const char *at, const char *end)
{
#ifdef __SSE2__
	const __m128i bit = _mm_set1_epi8(0x20), hyphen = _mm_set1_epi8('-');
	for (; end - at >= 16; at += 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)at);
		__m128i lower = _mm_or_si128(bytes, bit);
		__m128i letter = _mm_min_epu8(_mm_max_epu8(lower, _mm_set1_epi8('a')), _mm_set1_epi8('z'));
		__m128i digit = _mm_min_epu8(_mm_max_epu8(bytes, _mm_set1_epi8('0')), _mm_set1_epi8('9'));
		__m128i good = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(letter, lower), _mm_cmpeq_epi8(digit, bytes)), _mm_cmpeq_epi8(bytes, hyphen));
		unsigned mask = (unsigned)_mm_movemask_epi8(good) ^ 0xffffu;
		if (mask != 0) {
			at += __builtin_ctz(mask);
			break;
		}
	}
#endif
	while (at < end && octet_is(*at, OCTET_TOKEN))
		at++;
	return at;
}

#endif
