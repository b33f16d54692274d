/* The chunked coding: every case whole, in two pieces at every byte, and byte by byte; scanned, stripped, and without trailers. */
// links: proxy
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/chunk.h"

struct chunk_case {
	const char *name;
	const char *bytes;
	size_t length;
	enum chunk_result result;
	const char *data;
	size_t behind; /* bytes that belong to the next message */
};

#define BYTES(literal) literal, sizeof(literal) - 1

static const struct chunk_case cases[] = {
	{"9112 7.1 one chunk", BYTES("5\r\nhello\r\n0\r\n\r\n"), CHUNK_DONE, "hello", 0},
	{"9112 7.1 no chunk", BYTES("0\r\n\r\n"), CHUNK_DONE, "", 0},
	{"9112 7.1 three chunks", BYTES("1\r\na\r\n2\r\nbc\r\nA\r\n0123456789\r\n0\r\n\r\n"), CHUNK_DONE, "abc0123456789", 0},
	{"9112 7.1 the next message behind", BYTES("1\r\na\r\n0\r\n\r\nGET /"), CHUNK_DONE, "a", 5},
	{"9112 7.1 hexadecimal in both cases", BYTES("a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n"), CHUNK_DONE, "01234567890123456789a", 0},
	{"9112 7.1 leading zeros", BYTES("0005\r\nhello\r\n000\r\n\r\n"), CHUNK_DONE, "hello", 0},
	{"9112 7.1 many leading zeros", BYTES("00000000000000000000000000000000000005\r\nhello\r\n0000000000000000000000\r\n\r\n"), CHUNK_DONE, "hello", 0},
	{"9112 7.1 fifteen digits", BYTES("000000000000001\r\na\r\n000000000000000\r\n\r\n"), CHUNK_DONE, "a", 0},
	{"9112 7.1 data that looks like a chunk", BYTES("7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"), CHUNK_DONE, "\r\n0\r\n\r\n", 0},
	{"not over: nothing", BYTES(""), CHUNK_MORE, "", 0},
	{"not over: in a size", BYTES("5"), CHUNK_MORE, "", 0},
	{"not over: in the data", BYTES("5\r\nhel"), CHUNK_MORE, "hel", 0},
	{"not over: before the last CRLF", BYTES("1\r\na\r\n0\r\n"), CHUNK_MORE, "a", 0},
	{"not over: in the last CRLF", BYTES("1\r\na\r\n0\r\n\r"), CHUNK_MORE, "a", 0},
	{"not over: a huge chunk", BYTES("7fffffffffffff0\r\na"), CHUNK_MORE, "a", 0},
	{"9112 7.1 2^60", BYTES("1000000000000000\r\na\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1 2^64", BYTES("10000000000000000\r\na\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1 no size", BYTES("\r\na\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1 no hexadecimal", BYTES("g\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1 0x", BYTES("0x5\r\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1 plus", BYTES("+5\r\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1 minus", BYTES("-5\r\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1 underscore", BYTES("1_0\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1 space before the size", BYTES(" 5\r\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1 space behind the size", BYTES("5 \r\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1 size ended by LF", BYTES("5\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1 size ended by CR", BYTES("5\rhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1 size ended by CR CR LF", BYTES("5\r\r\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1 NUL behind the size", BYTES("5\0\r\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1 data too long", BYTES("5\r\nhello!\r\n0\r\n\r\n"), CHUNK_BAD, "hello", 0},
	{"9112 7.1 data too short", BYTES("5\r\nhell\r\n0\r\n\r\n"), CHUNK_BAD, "hell\r", 0},
	{"9112 7.1 data ended by LF", BYTES("5\r\nhello\n0\r\n\r\n"), CHUNK_BAD, "hello", 0},
	{"9112 7.1 data ended by CR", BYTES("5\r\nhello\r0\r\n\r\n"), CHUNK_BAD, "hello", 0},
	{"9112 7.1 data without an end", BYTES("5\r\nhello0\r\n\r\n"), CHUNK_BAD, "hello", 0},
	{"9112 7.1 the end by LF", BYTES("0\r\n\n"), CHUNK_BAD, "", 0},
	{"9112 7.1 the end by CR", BYTES("0\r\n\rX"), CHUNK_BAD, "", 0},
	{"9112 7.1 the last size by LF", BYTES("0\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1.1 an extension", BYTES("5;a\r\nhello\r\n0;b\r\n\r\n"), CHUNK_DONE, "hello", 0},
	{"9112 7.1.1 an extension with a value", BYTES("5;a=b;c=d\r\nhello\r\n0\r\n\r\n"), CHUNK_DONE, "hello", 0},
	{"9112 7.1.1 bad white space", BYTES("5 ; \ta = b ;c ;d=e\r\nhello\r\n0\r\n\r\n"), CHUNK_DONE, "hello", 0},
	{"9112 7.1.1 a quoted value", BYTES("5;a=\"b c;=\\\"\\a:/\xc3\xa4\"\r\nhello\r\n0\r\n\r\n"), CHUNK_DONE, "hello", 0},
	{"9112 7.1.1 behind a quoted value", BYTES("5;a=\"b\";c=\"\" ;d\r\nhello\r\n0\r\n\r\n"), CHUNK_DONE, "hello", 0},
	{"9112 7.1.1 no name", BYTES("5;\r\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1.1 no name but a value", BYTES("5;=b\r\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1.1 no value", BYTES("5;a=\r\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1.1 two words", BYTES("5;a b\r\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1.1 two words as a value", BYTES("5;a=b c\r\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1.1 a separator in the name", BYTES("5;a/b\r\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1.1 obs-text in the name", BYTES("5;\xe4\r\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1.1 a comma", BYTES("5,a\r\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1.1 LF in an extension", BYTES("5;a\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1.1 LF in a quoted value", BYTES("5;a=\"\n\"\r\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1.1 CRLF in a quoted value", BYTES("5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1.1 an escaped CR", BYTES("5;a=\"\\\r\"\r\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1.1 an open quote", BYTES("5;a=\"b\r\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1.1 CR in an extension", BYTES("5;a\rb\r\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1.1 NUL in an extension", BYTES("5;a\0\r\nhello\r\n0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1.2 a trailer", BYTES("1\r\na\r\n0\r\nX: y\r\n\r\n"), CHUNK_DONE, "a", 0},
	{"9112 7.1.2 two trailers", BYTES("1\r\na\r\n0\r\nX-A:\r\nX-B: \"c;d=e\\:\xc3\xa4\t\r\n\r\nG"), CHUNK_DONE, "a", 1},
	{"9110 6.5.1 Content-Length has no place there", BYTES("1\r\na\r\n0\r\nContent-Length: 5\r\n\r\n"), CHUNK_BAD, "a", 0},
	{"9110 6.5.1 nor Transfer-Encoding", BYTES("0\r\ntransfer-encoding: chunked\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9110 6.5.1 nor Host", BYTES("0\r\nHOST:\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9110 6.5.1 nor TE", BYTES("0\r\nTe: trailers\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9110 6.5.1 nor X-Forwarded-Proto, behind another", BYTES("0\r\nX: y\r\nX-Forwarded-Proto: https\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9110 6.5.1 nor Client-Cert", BYTES("0\r\nClient-Cert: :MIIB:\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9110 6.5.1 nor Client-Cert-Chain", BYTES("0\r\nCLIENT-CERT-CHAIN: :MIIB:\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9110 6.5.1 nor what CGI takes for it", BYTES("0\r\nClient_Cert: :MIIB:\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9110 6.5.1 nor in part", BYTES("0\r\nX-Forwarded_For: 1.2.3.4\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9110 6.5.1 names that begin alike",
		BYTES("0\r\nHos: a\r\nHosts: b\r\nTransfer-Encodings: c\r\nT: d\r\nX-Forwarded: e\r\nClient-Cert-Chains: f\r\nClient: g\r\n\r\n"), CHUNK_DONE,
		"", 0},
	{"9110 6.5.1 a long name", BYTES("0\r\nTransfer-Encoding-Transfer-Encoding: c\r\n\r\n"), CHUNK_DONE, "", 0},
	{"9112 7.1.2 no colon", BYTES("0\r\nX\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 7.1.2 an empty name", BYTES("0\r\n: y\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 5.1 space before the colon", BYTES("0\r\nX : y\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 5.2 folding", BYTES("0\r\nX: y\r\n z\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 2.2 bare CR in a trailer", BYTES("0\r\nX: y\rz\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9112 2.2 bare LF in a trailer", BYTES("0\r\nX: y\nZ: z\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9110 5.5 NUL in a trailer", BYTES("0\r\nX: y\0\r\n\r\n"), CHUNK_BAD, "", 0},
	{"9110 5.1 obs-text in the name of a trailer", BYTES("0\r\n\xe4: y\r\n\r\n"), CHUNK_BAD, "", 0},
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

enum way { WAY_scan, WAY_strip, WAY_drop_trailers };

/* Feeds a copy of one piece, and appends what is kept. */
static enum chunk_result feed(enum way way, struct chunk *chunk, const char *bytes, size_t length, size_t *used, char *kept, size_t *kept_length)
{
	char *piece = malloc(length + 1);
	assert_non_null(piece);
	memcpy(piece, bytes, length);
	size_t kept_here = 0;
	enum chunk_result result;
	if (way == WAY_strip) {
		result = chunk_strip(chunk, piece, length, used, &kept_here);
	} else if (way == WAY_drop_trailers) {
		result = chunk_drop_trailers(chunk, piece, length, used, &kept_here);
	} else {
		result = chunk_scan(chunk, piece, length, used);
		kept_here = *used;
	}
	memcpy(kept + *kept_length, piece, kept_here);
	*kept_length += kept_here;
	free(piece);
	return result;
}

/* In pieces of at most `size` bytes, the first of `first`. */
static enum chunk_result feed_pieces(enum way way, const struct chunk_case *it, size_t first, size_t size, size_t *used, char *kept, size_t *kept_length)
{
	struct chunk chunk = {0};
	enum chunk_result result = CHUNK_MORE;
	size_t at = 0;
	*kept_length = 0;
	for (size_t next = first; at < it->length && result == CHUNK_MORE; next = size) {
		size_t length = next < it->length - at ? next : it->length - at, here;
		result = feed(way, &chunk, it->bytes + at, length, &here, kept, kept_length);
		if (result == CHUNK_MORE)
			assert_int_equal(here, length);
		at += here;
	}
	*used = at;
	return result;
}

static void check_way(const struct chunk_case *it, enum way way, size_t first, size_t size)
{
	char kept[8192];
	size_t kept_length, used;
	enum chunk_result result = feed_pieces(way, it, first, size, &used, kept, &kept_length);
	bool good = result == it->result && (result != CHUNK_DONE || used == it->length - it->behind);
	if (way == WAY_strip)
		good = good && kept_length == strlen(it->data) && memcmp(kept, it->data, kept_length) == 0;
	if (way == WAY_scan)
		good = good && kept_length == used && memcmp(kept, it->bytes, used) == 0;
	if (!good)
		fail_msg("%s: way %d, first %zu, size %zu: result %d, used %zu, kept %zu", it->name, (int)way, first, size, (int)result, used, kept_length);
}

static void bodies_end_where_they_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES; i++) {
		for (enum way way = WAY_scan; way <= WAY_drop_trailers; way++) {
			for (size_t first = 1; first <= cases[i].length; first++)
				check_way(&cases[i], way, first, cases[i].length);
			check_way(&cases[i], way, 1, 1);
			check_way(&cases[i], way, 3, 2);
		}
	}
}

static void trailers_are_left_out(void **state)
{
	(void)state;
	static const struct chunk_case with = {"", BYTES("1;a\r\na\r\n2\r\n\r\n\r\n0\r\nX: y\r\nZ:\r\n\r\nrest"), CHUNK_DONE, "", 4};
	static const char without[] = "1;a\r\na\r\n2\r\n\r\n\r\n0\r\n\r\n";
	for (size_t first = 1; first <= with.length; first++) {
		for (size_t size = 1; size <= with.length; size++) {
			char kept[256];
			size_t kept_length, used;
			assert_int_equal(feed_pieces(WAY_drop_trailers, &with, first, size, &used, kept, &kept_length), CHUNK_DONE);
			assert_int_equal(used, with.length - 4);
			assert_int_equal(kept_length, sizeof(without) - 1);
			assert_memory_equal(kept, without, kept_length);
		}
	}
}

/* `count` bytes of `filler` between `before` and `after`. */
static enum chunk_result scan_long(const char *before, char filler, size_t count, const char *after)
{
	static char text[16384];
	size_t length = strlen(before);
	memcpy(text, before, length);
	memset(text + length, filler, count);
	length += count;
	memcpy(text + length, after, strlen(after));
	length += strlen(after);
	struct chunk chunk = {0};
	size_t used;
	return chunk_scan(&chunk, text, length, &used);
}

static void lines_and_trailers_are_bounded(void **state)
{
	(void)state;
	assert_int_equal(scan_long("0;", 'a', 1020, "\r\n\r\n"), CHUNK_DONE);
	assert_int_equal(scan_long("0;", 'a', 1021, "\r\n\r\n"), CHUNK_BAD);
	assert_int_equal(scan_long("1;a\r\nx\r\n0;", 'a', 1020, "\r\n\r\n"), CHUNK_DONE);
	assert_int_equal(scan_long("0\r\nX:", 'a', 8192 - 6, "\r\n\r\n"), CHUNK_DONE);
	assert_int_equal(scan_long("0\r\nX:", 'a', 8192 - 5, "\r\n\r\n"), CHUNK_BAD);
	assert_int_equal(scan_long("0\r\nX:y\r\nX:", 'a', 8192 - 11, "\r\n\r\n"), CHUNK_DONE);
	assert_int_equal(scan_long("0\r\nX:y\r\nX:", 'a', 8192 - 10, "\r\n\r\n"), CHUNK_BAD);
}

static void answers_mind_framing_alone(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum chunk_result of_request, of_answer;
	} trailers[] = {
		{"0\r\nX-Request-Id: 7\r\n\r\n", CHUNK_BAD, CHUNK_DONE},
		{"0\r\nHost: a\r\nConnection: close\r\n\r\n", CHUNK_BAD, CHUNK_DONE},
		{"0\r\nContent-Length: 7\r\n\r\n", CHUNK_BAD, CHUNK_BAD},
		{"0\r\nTransfer-encoding: chunked\r\n\r\n", CHUNK_BAD, CHUNK_BAD},
	};
	for (size_t i = 0; i < sizeof(trailers) / sizeof(trailers[0]); i++) {
		size_t used, length = strlen(trailers[i].text);
		struct chunk request = {0}, answer = {.answer = true};
		assert_int_equal(chunk_scan(&request, trailers[i].text, length, &used), trailers[i].of_request);
		assert_int_equal(chunk_scan(&answer, trailers[i].text, length, &used), trailers[i].of_answer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_end_where_they_should),
		cmocka_unit_test(trailers_are_left_out),
		cmocka_unit_test(answers_mind_framing_alone),
		cmocka_unit_test(lines_and_trailers_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
