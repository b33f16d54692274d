/* Packed counts: what was put comes back, in how many bytes. */
// links: base
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <string.h>

#include "base/packed.h"

#define MOST 4u

struct pair {
	unsigned bucket;
	uint32_t count;
};

static const struct {
	const char *name;
	struct pair pairs[MOST]; /* up to a count of 0 */
	size_t length;
} cases[] = {
	{"nothing", {{0, 0}}, 0},
	{"the first bucket", {{0, 1}}, 1},
	{"neighbours", {{0, 1}, {1, 2}, {2, 63}, {3, 7}}, 4},
	{"one left out", {{1, 1}}, 2},
	{"one left out in between", {{0, 5}, {2, 5}}, 3},
	{"the most of one byte", {{0, 63}}, 1},
	{"the least of two", {{0, 64}}, 2},
	{"the most of two", {{0, 8191}}, 2},
	{"the least of three", {{0, 8192}}, 3},
	{"the greatest count", {{0, UINT32_MAX}, {1, UINT32_MAX}}, 10},
	{"127 left out", {{127, 1}}, 2},
	{"128 left out", {{128, 1}}, 3},
	{"far apart", {{0, 1}, {1727, UINT32_MAX}, {1728, 1}, {16383, UINT32_MAX}}, 1 + 7 + 1 + 7},
};

static void test_what_was_put_comes_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[PACKED_SIZE(MOST)];
		struct packed_writer writer;
		struct packed_reader reader;
		unsigned count = 0;
		packed_begin(&writer, bytes);
		for (; count < MOST && cases[i].pairs[count].count; count++)
			packed_put(&writer, cases[i].pairs[count].bucket, cases[i].pairs[count].count);
		if ((size_t)(writer.at - bytes) != cases[i].length)
			fail_msg("%s: %zu bytes", cases[i].name, (size_t)(writer.at - bytes));
		packed_open(&reader, bytes, cases[i].length);
		for (unsigned j = 0; j < count; j++) {
			if (reader.bucket != cases[i].pairs[j].bucket || reader.count != cases[i].pairs[j].count)
				fail_msg("%s: bucket %u, count %u", cases[i].name, reader.bucket, reader.count);
			packed_next(&reader);
		}
		assert_int_equal(reader.bucket, UINT_MAX);
	}
}

static void test_no_bytes_at_all(void **state)
{
	(void)state;
	struct packed_reader reader;
	packed_open(&reader, NULL, 0);
	assert_int_equal(reader.bucket, UINT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_put_comes_back),
		cmocka_unit_test(test_no_bytes_at_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
