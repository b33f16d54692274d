/* Copies of requests on their way from a worker to the control thread. */
// links: proxy
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <pthread.h>
#include <stdatomic.h>
#include <cmocka.h>

#include "proxy/mirror.h"

static void add(struct mirror *mirror, unsigned worker, const char *text)
{
	mirror_add_head(mirror, worker, text, strlen(text));
}

static void expect_taken(struct mirror *mirror, const char *wanted)
{
	char head[MIRROR_HEAD_SIZE + 1];
	size_t length = mirror_take(mirror, head);
	head[length] = '\0';
	assert_string_equal(head, wanted);
}

static struct mirror_counts read_counts(const struct mirror *mirror)
{
	struct mirror_counts counts;
	mirror_read(mirror, &counts);
	return counts;
}

/* Whatever the share, every run of MIRROR_WHOLE requests has exactly so many of its copies; and they are spread. */
static void test_shares(void **state)
{
	static const unsigned shares[] = {1, 7, 1000, 3333, 5000, 9999, 10000};
	char head[MIRROR_HEAD_SIZE];
	(void)state;
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		struct mirror *mirror = mirror_new(1, shares[i], COLOR_BLUE);
		unsigned longest = 0, since = 0, taken = 0;
		for (unsigned request = 0; request < 3 * MIRROR_WHOLE; request++) {
			add(mirror, 0, "x");
			bool copied = mirror_take(mirror, head) > 0;
			taken += copied;
			since = copied ? 0 : since + 1;
			longest = since > longest ? since : longest;
		}
		assert_int_equal(taken, 3 * shares[i]);
		assert_true(longest <= MIRROR_WHOLE / shares[i]);
		assert_int_equal(read_counts(mirror).sampled, taken);
		mirror_release(mirror);
	}
}

static void test_full(void **state)
{
	char text[16];
	(void)state;
	struct mirror *mirror = mirror_new(1, MIRROR_WHOLE, COLOR_BLUE);
	for (unsigned i = 0; i < MIRROR_PLACES + 5; i++) {
		snprintf(text, sizeof(text), "%u", i);
		add(mirror, 0, text);
	}
	assert_int_equal(read_counts(mirror).sampled, MIRROR_PLACES + 5);
	assert_int_equal(read_counts(mirror).full, 5);
	for (unsigned i = 0; i < MIRROR_PLACES; i++) {
		snprintf(text, sizeof(text), "%u", i);
		expect_taken(mirror, text);
	}
	expect_taken(mirror, "");
	add(mirror, 0, "again");
	expect_taken(mirror, "again");
	mirror_release(mirror);
}

static void test_lengths(void **state)
{
	static char head[MIRROR_HEAD_SIZE + 1], taken[MIRROR_HEAD_SIZE];
	(void)state;
	memset(head, 'h', sizeof(head));
	struct mirror *mirror = mirror_new(1, MIRROR_WHOLE, COLOR_BLUE);
	mirror_add_head(mirror, 0, head, MIRROR_HEAD_SIZE + 1);
	assert_int_equal(mirror_take(mirror, taken), 0);
	assert_int_equal(read_counts(mirror).large, 1);
	mirror_add_head(mirror, 0, head, MIRROR_HEAD_SIZE);
	assert_int_equal(mirror_take(mirror, taken), MIRROR_HEAD_SIZE);
	assert_memory_equal(taken, head, MIRROR_HEAD_SIZE);
	mirror_release(mirror);
}

/* Workers are asked in turn, so that a busy one does not keep the others out. */
static void test_turns(void **state)
{
	(void)state;
	struct mirror *mirror = mirror_new(3, MIRROR_WHOLE, COLOR_BLUE);
	for (unsigned i = 0; i < 4; i++)
		add(mirror, 0, "a");
	add(mirror, 2, "c");
	expect_taken(mirror, "a");
	expect_taken(mirror, "c");
	expect_taken(mirror, "a");
	expect_taken(mirror, "a");
	expect_taken(mirror, "a");
	expect_taken(mirror, "");
	mirror_hold(mirror);
	mirror_release(mirror);
	mirror_release(mirror);
}

/* ---- a worker's thread and the control thread at once ---- */

#define HEADS 20000u

struct producer {
	struct mirror *mirror;
	unsigned worker;
	atomic_bool done;
};

/* A head's bytes are all the same, and tell its length. */
static void *produce(void *arg)
{
	static _Thread_local char head[MIRROR_HEAD_SIZE];
	struct producer *producer = arg;
	for (unsigned i = 0; i < HEADS; i++) {
		size_t length = 1 + i % 200;
		memset(head, (int)length, length);
		mirror_add_head(producer->mirror, producer->worker, head, length);
	}
	atomic_store(&producer->done, true);
	return NULL;
}

static void test_threads(void **state)
{
	static char head[MIRROR_HEAD_SIZE];
	(void)state;
	struct mirror *mirror = mirror_new(2, MIRROR_WHOLE, COLOR_BLUE);
	struct producer producers[2] = {{.mirror = mirror}, {.mirror = mirror, .worker = 1}};
	pthread_t threads[2];
	uint64_t taken = 0;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
	for (;;) {
		bool done = atomic_load(&producers[0].done) && atomic_load(&producers[1].done);
		size_t length = mirror_take(mirror, head);
		if (length == 0 && done)
			break;
		for (size_t i = 0; i < length; i++)
			assert_int_equal((unsigned char)head[i], length);
		taken += length > 0;
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	struct mirror_counts counts = read_counts(mirror);
	assert_int_equal(counts.sampled, 2 * HEADS);
	assert_int_equal(counts.full + taken, 2 * HEADS);
	mirror_release(mirror);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
