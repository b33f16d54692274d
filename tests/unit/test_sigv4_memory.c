/* After signing, the secret key is in memory where its owner holds it and nowhere else, and so is the session token once the lines are wiped: the process looks through all that it
 * may write to. */
// links: dns
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dns/sigv4.h"

#define LENGTH 40u
#define BEFORE 16u /* bytes of it that are not looked at */
#define LOOKED_FOR 16u
#define PIECE 65536u
#define LARGEST ((uintptr_t)1 << 30) /* of a region that is looked through: larger ones are the sanitizers' own */

/* Hidden from the search that is for them: each byte is one more than what is looked for. The last of the three is what the key becomes for one day, region and service. */
static const char hidden_secret[] = "uif.tfdsfu.ljoh.pg.b.ufbqpu.jo.b.tupsn.z";
static const char hidden_token[] = "b.uplfo.uibu.jt.opu.up.cf.gpvoe.bgufs.ju";
static const char hidden_day_key[] =
	"\xd2\x45\x7d\x1c\xe0\xb2\x2e\xa0\x84\x07\xff\xd4\xf8\x7a\xf1\x11\x4f\x5d\x4f\x76\xcf\xa9\xff\x19\x1e\x7a\xef\x13\xb0\xcc\xda\xe4";
static char secret[LENGTH + 1], token[LENGTH + 1];
static char piece[PIECE + LOOKED_FOR - 1];

static void reveal(const char *hidden, char out[LENGTH + 1])
{
	for (size_t i = 0; i < LENGTH; i++)
		out[i] = (char)(hidden[i] - 1);
}

/* By its middle: free() writes over the beginning of what it takes. */
static bool is_at(const char *at, const char *hidden)
{
	size_t i = 0;
	while (i < LOOKED_FOR && at[i] == (char)(hidden[i + BEFORE] - 1))
		i++;
	return i == LOOKED_FOR;
}

static size_t count_in_piece(uintptr_t from, size_t length, const char *hidden)
{
	size_t count = 0;
	for (size_t i = 0; i + LOOKED_FOR <= length; i++) {
		bool is_search = from + i + LOOKED_FOR > (uintptr_t)piece && from + i < (uintptr_t)(piece + sizeof(piece));
		count += !is_search && is_at(piece + i, hidden);
	}
	return count;
}

/* Pieces overlap by one byte less than the length, so that none is missed and none is counted twice. */
static size_t count_in_region(int memory, uintptr_t begin, uintptr_t end, const char *hidden)
{
	size_t count = 0;
	for (uintptr_t at = begin; at < end; at += PIECE) {
		size_t wanted = end - at < sizeof(piece) ? end - at : sizeof(piece);
		ssize_t got = pread(memory, piece, wanted, (off_t)at);
		if (got > 0)
			count += count_in_piece(at, (size_t)got, hidden);
	}
	memset(piece, 0, sizeof(piece));
	return count;
}

static size_t count_everywhere(const char *hidden)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	assert_true(maps && memory >= 0);
	size_t count = 0;
	char line[1024], may[5];
	uintptr_t begin, end;
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %4s", &begin, &end, may) == 3 && strncmp(may, "rw", 2) == 0 && end - begin <= LARGEST)
			count += count_in_region(memory, begin, end, hidden);
	}
	fclose(maps);
	close(memory);
	return count;
}

/* A copy on the heap is found, as long as it is there and, without a wipe, where it was. */
static void the_search_finds_a_copy(void **state)
{
	(void)state;
	assert_int_equal(count_everywhere(hidden_secret), 1);
	char *copy = strdup(secret);
	assert_int_equal(count_everywhere(hidden_secret), 2);
	sigv4_wipe(copy);
	assert_int_equal(count_everywhere(hidden_secret), 1);
}

static void nothing_stays_behind(void **state)
{
	(void)state;
	struct sigv4_request request = {
		.method = "GET", .host = "h", .target = "/a?b=c", .body = "body", .body_length = 4, .region = "us-east-1", .service = "route53"};
	struct sigv4_credentials credentials = {"AKIAEXAMPLE", secret, token};
	struct sigv4_lines lines;
	struct err err;
	assert_true(sigv4_sign(&request, &credentials, 1800000000, &lines, &err));
	assert_int_equal(count_everywhere(hidden_secret), 1);
	assert_int_equal(count_everywhere(hidden_token), 2);
	assert_int_equal(count_everywhere(hidden_day_key), 0);
	sigv4_lines_fini(&lines);
	assert_int_equal(count_everywhere(hidden_secret), 1);
	assert_int_equal(count_everywhere(hidden_token), 1);
}

int main(void)
{
	reveal(hidden_secret, secret);
	reveal(hidden_token, token);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_search_finds_a_copy),
		cmocka_unit_test(nothing_stays_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
