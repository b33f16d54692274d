/* Parses a head whole and in every split, and demands that all agree: for the tests of the HTTP/1.1 modules.
 *
 * Each parse gets a copy of exactly the bytes it may read, so that a sanitizer sees one step too far. */
#ifndef TEAL_TESTS_UNIT_SPLIT_PARSE_H
#define TEAL_TESTS_UNIT_SPLIT_PARSE_H

#include <stdlib.h>
#include <string.h>

#include "proxy/head.h"

struct text {
	const char *at;
	size_t length;
};

#define TEXT(literal) \
	{ \
		literal, sizeof(literal) - 1 \
	}

static const struct head_limits roomy = {65536, HEAD_FIELDS_MAX};

static inline enum head_result parse_as(
	bool answer, const char *bytes, size_t length, size_t scanned, const struct head_limits *limits, struct head *head, enum fail *fail)
{
	return answer ? head_parse_answer(bytes, length, scanned, limits, head, fail) : head_parse_request(bytes, length, scanned, limits, head, fail);
}

static inline char *copy_exactly(const char *bytes, size_t length)
{
	char *copy = malloc(length > 0 ? length : 1);
	assert_non_null(copy);
	if (length > 0)
		memcpy(copy, bytes, length);
	return copy;
}

/* `start` bytes first, the rest behind them. */
static inline void parse_in_two(
	bool answer, struct text text, size_t start, const struct head_limits *limits, enum head_result whole, enum fail whole_fail, size_t head_length)
{
	struct head head;
	enum fail fail = FAIL_none;
	head.length = 0;
	char *first = copy_exactly(text.at, start);
	enum head_result result = parse_as(answer, first, start, 0, limits, &head, &fail);
	free(first);
	if (result == HEAD_MORE) {
		assert_true(whole != HEAD_DONE || start < head_length);
		char *all = copy_exactly(text.at, text.length);
		result = parse_as(answer, all, text.length, start, limits, &head, &fail);
		free(all);
	}
	assert_int_equal(result, whole);
	if (whole == HEAD_BAD)
		assert_int_equal(fail, whole_fail);
	if (whole == HEAD_DONE)
		assert_int_equal(head.length, head_length);
}

/* One byte more each time. */
static inline void parse_bytewise(
	bool answer, struct text text, const struct head_limits *limits, enum head_result whole, enum fail whole_fail, size_t head_length)
{
	struct head head = {.length = 0};
	enum fail fail = FAIL_none;
	head.length = 0;
	enum head_result result = HEAD_MORE;
	size_t there = 0, scanned = 0;
	while (result == HEAD_MORE && there < text.length) {
		there++;
		char *bytes = copy_exactly(text.at, there);
		result = parse_as(answer, bytes, there, scanned, limits, &head, &fail);
		free(bytes);
		scanned = there;
	}
	assert_int_equal(result, whole);
	if (whole == HEAD_BAD)
		assert_int_equal(fail, whole_fail);
	if (whole == HEAD_DONE) {
		assert_int_equal(head.length, head_length);
		assert_int_equal(there, head_length);
	}
}

/* The result for the whole text, after all splits agreed with it. The head points into `text`. */
static inline enum head_result parse_split(bool answer, struct text text, const struct head_limits *limits, struct head *head, enum fail *fail)
{
	*fail = FAIL_none;
	enum head_result whole = parse_as(answer, text.at, text.length, 0, limits, head, fail);
	for (size_t start = 0; start <= text.length; start++)
		parse_in_two(answer, text, start, limits, whole, *fail, head->length);
	parse_bytewise(answer, text, limits, whole, *fail, head->length);
	return whole;
}

#endif
