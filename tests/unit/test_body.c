// The end of a body, whatever its framing, in pieces of every size.
// links: proxy
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/body.h"

struct body_case {
	const char *name;
	struct framing framing;
	const char *bytes;
	size_t used; /* of the bytes */
	const char *data;
	bool done, bad;
};

static const struct body_case cases[] = {
	{"none takes nothing", {FRAMING_none, 0}, "next", 0, "", true, false},
	{"a length ends where it says", {FRAMING_length, 5}, "helloNEXT", 5, "hello", true, false},
	{"a length that is not over", {FRAMING_length, 9}, "hello", 5, "hello", false, false},
	{"until close is never over", {FRAMING_close, 0}, "hello", 5, "hello", false, false},
	{"chunks end with the trailer section", {FRAMING_chunked, 0}, "5\r\nhello\r\n0\r\n\r\nNEXT", 15, "hello", true, false},
	{"chunks with an extension and a trailer", {FRAMING_chunked, 0}, "5;a=b\r\nhello\r\n0\r\nT: 1\r\n\r\nNEXT", 25, "hello", true, false},
	{"chunks that are not over", {FRAMING_chunked, 0}, "5\r\nhel", 6, "hel", false, false},
	{"chunks that are none", {FRAMING_chunked, 0}, "xyz\r\n", 0, "", false, true},
};

/* Feeds the bytes in pieces, as the relay does; `strip` asks for the data alone. */
static void feed(const struct body_case *test, size_t piece, bool strip)
{
	struct body body;
	char copy[64], data[64] = "";
	size_t at = 0, length = strlen(test->bytes), kept = 0;
	bool fine = true;
	body_begin(&body, &test->framing);
	while (at < length && !body.done && fine) {
		size_t part = length - at < piece ? length - at : piece, used = 0, got = 0;
		memcpy(copy, test->bytes + at, part);
		fine = strip ? body_take_data(&body, copy, part, &used, &got) : body_take(&body, copy, part, &used);
		memcpy(data + kept, copy, got);
		kept += got;
		at += used;
		assert_true(!fine || body.done || used == part);
	}
	assert_int_equal(fine, !test->bad);
	if (test->bad)
		return;
	assert_int_equal(body.done, test->done);
	assert_int_equal(at, test->used);
	if (strip)
		assert_string_equal(data, test->data);
}

static void test_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t piece = 1; piece <= strlen(cases[i].bytes); piece++) {
			print_message("%s, pieces of %zu\n", cases[i].name, piece);
			feed(&cases[i], piece, false);
			feed(&cases[i], piece, true);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_pieces)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
