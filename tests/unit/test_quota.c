/* Connections counted by client address: limits, who counts as one, full windows, many threads at once. */
// links: proxy
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/quota.h"

static struct endpoint client(const char *text)
{
	struct endpoint endpoint = {.family = ENDPOINT_NONE};
	if (*text)
		assert_true(endpoint_parse_host(&endpoint, (struct span){text, strlen(text)}));
	return endpoint;
}

struct same_case {
	const char *name, *one, *other;
	enum quota_result second; /* with a limit of one connection */
};

static const struct same_case sames[] = {
	{"one IPv4 address", "192.0.2.1", "192.0.2.1", QUOTA_REFUSED},
	{"two IPv4 addresses", "192.0.2.1", "192.0.2.2", QUOTA_TAKEN},
	{"one IPv4 address in two forms", "192.0.2.1", "::ffff:192.0.2.1", QUOTA_REFUSED},
	{"one /64", "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", QUOTA_REFUSED},
	{"two /64s", "2001:db8:1:2::1", "2001:db8:1:3::1", QUOTA_TAKEN},
	{"an IPv6 address whose first bytes are those of an IPv4 one", "32.1.13.184", "2001:db8::", QUOTA_TAKEN},
	{"an IPv6 address whose eighth bytes are those of an IPv4 one", "192.0.2.1", "0:0:c000:201::", QUOTA_TAKEN},
	{"unix peers", "", "", QUOTA_UNCOUNTED},
};

static void a_client_is_told_by_its_address(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sames) / sizeof(*sames); i++) {
		struct quota *quota = quota_new(100);
		struct endpoint one = client(sames[i].one), other = client(sames[i].other);
		uint32_t slots[2];
		one.port = 1;
		other.port = 2;
		assert_int_equal(quota_take(quota, &one, 1, &slots[0]), one.family == ENDPOINT_NONE ? QUOTA_UNCOUNTED : QUOTA_TAKEN);
		if (quota_take(quota, &other, 1, &slots[1]) != sames[i].second)
			fail_msg("%s", sames[i].name);
		assert_int_equal(slots[1] != QUOTA_NO_SLOT, sames[i].second == QUOTA_TAKEN);
		quota_give(quota, slots[0]);
		quota_give(quota, slots[1]);
		quota_free(quota);
	}
}

static const unsigned limits[] = {1, 2, 7, QUOTA_LIMIT_MAX};

static void the_limit_is_exact(void **state)
{
	(void)state;
	struct endpoint one = client("192.0.2.1");
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		struct quota *quota = quota_new(1);
		uint32_t slot = QUOTA_NO_SLOT, refused;
		for (unsigned count = 0; count < limits[i]; count++) {
			uint32_t former = slot;
			assert_int_equal(quota_take(quota, &one, limits[i], &slot), QUOTA_TAKEN);
			assert_true(former == QUOTA_NO_SLOT || former == slot);
		}
		assert_int_equal(quota_take(quota, &one, limits[i], &refused), QUOTA_REFUSED);
		assert_int_equal(refused, QUOTA_NO_SLOT);
		quota_give(quota, slot);
		assert_int_equal(quota_take(quota, &one, limits[i], &slot), QUOTA_TAKEN);
		for (unsigned count = 0; count < limits[i]; count++)
			quota_give(quota, slot);
		quota_free(quota);
	}
}

static void a_limit_that_came_later_counts_what_was_counted(void **state)
{
	(void)state;
	struct quota *quota = quota_new(10);
	struct endpoint one = client("2001:db8::1");
	uint32_t slots[4];
	assert_int_equal(quota_take(quota, &one, 0, &slots[0]), QUOTA_UNCOUNTED);
	assert_int_equal(slots[0], QUOTA_NO_SLOT);
	assert_int_equal(quota_take(quota, &one, 2, &slots[1]), QUOTA_TAKEN);
	assert_int_equal(quota_take(quota, &one, 2, &slots[2]), QUOTA_TAKEN);
	assert_int_equal(quota_take(quota, &one, 1, &slots[3]), QUOTA_REFUSED);
	for (unsigned i = 0; i < 4; i++)
		quota_give(quota, slots[i]);
	assert_int_equal(quota_take(quota, &one, 1, &slots[0]), QUOTA_TAKEN);
	quota_give(quota, slots[0]);
	quota_free(quota);
}

#define SMALL 64u /* slots of the smallest table */

/* Twice as many clients as there are slots: those that find no room are let in, nobody loses a count, and all the room comes back. */
static void a_full_table_refuses_nobody(void **state)
{
	(void)state;
	struct quota *quota = quota_new(1);
	for (unsigned round = 0; round < 3; round++) {
		uint32_t slots[2 * SMALL];
		unsigned taken = 0;
		for (unsigned i = 0; i < 2 * SMALL; i++) {
			struct endpoint one;
			const uint8_t bytes[4] = {10, (uint8_t)round, 0, (uint8_t)i};
			endpoint_init(&one, ENDPOINT_IPV4, bytes, 0);
			enum quota_result result = quota_take(quota, &one, 1, &slots[i]);
			assert_int_not_equal(result, QUOTA_REFUSED);
			taken += result == QUOTA_TAKEN;
			uint32_t again;
			assert_int_equal(quota_take(quota, &one, 1, &again), result == QUOTA_TAKEN ? QUOTA_REFUSED : QUOTA_UNCOUNTED);
		}
		assert_true(taken <= SMALL);
		assert_true(taken > SMALL / 2);
		for (unsigned i = 0; i < 2 * SMALL; i++)
			quota_give(quota, slots[i]);
	}
	quota_free(quota);
}

/* With half of the table in use, nearly every client finds room. */
enum { MANY = 20000 };

/* Neighbours, in the upper half of IPv6 addresses; how many of them were not counted. */
static unsigned fill(struct quota *quota, uint32_t slots[MANY])
{
	unsigned uncounted = 0;
	for (unsigned i = 0; i < MANY; i++) {
		struct endpoint one;
		const uint8_t bytes[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, (uint8_t)(i >> 8), (uint8_t)i};
		endpoint_init(&one, ENDPOINT_IPV6, bytes, 0);
		enum quota_result result = quota_take(quota, &one, 1, &slots[i]);
		assert_int_not_equal(result, QUOTA_REFUSED);
		uncounted += result == QUOTA_UNCOUNTED;
	}
	return uncounted;
}

/* Whatever the key. */
static void there_is_room_for_as_many_as_there_may_be(void **state)
{
	(void)state;
	static uint32_t slots[MANY];
	for (unsigned key = 0; key < 50; key++) {
		struct quota *quota = quota_new(MANY);
		unsigned uncounted = fill(quota, slots);
		for (unsigned i = 0; i < MANY; i++)
			quota_give(quota, slots[i]);
		quota_free(quota);
		assert_in_range(uncounted, 0, MANY / 200);
	}
}

#define THREADS 4u
#define ROUNDS 20000u
#define LIMIT 2u

struct crowd {
	struct quota *quota;
	_Atomic uint32_t inside; /* of the one client whom all threads are */
	_Atomic uint32_t most;
	_Atomic uint32_t uncounted;
};

static void note_most(struct crowd *crowd, uint32_t inside)
{
	uint32_t most = atomic_load(&crowd->most);
	while (inside > most && !atomic_compare_exchange_weak(&crowd->most, &most, inside))
		;
}

static void *come_and_go(void *arg)
{
	struct crowd *crowd = arg;
	struct endpoint one = client("192.0.2.1");
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint32_t slot;
		enum quota_result result = quota_take(crowd->quota, &one, LIMIT, &slot);
		if (result == QUOTA_UNCOUNTED)
			atomic_fetch_add(&crowd->uncounted, 1);
		if (result != QUOTA_TAKEN)
			continue;
		note_most(crowd, atomic_fetch_add(&crowd->inside, 1) + 1);
		atomic_fetch_sub(&crowd->inside, 1);
		quota_give(crowd->quota, slot);
	}
	return NULL;
}

/* A slot that is held open all the time leaves no room for a second one, so that the limit is exact. */
static void the_limit_holds_between_threads(void **state)
{
	(void)state;
	struct crowd crowd = {.quota = quota_new(10)};
	struct endpoint one = client("192.0.2.1");
	uint32_t held, slot;
	pthread_t threads[THREADS];
	assert_int_equal(quota_take(crowd.quota, &one, LIMIT, &held), QUOTA_TAKEN);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &crowd), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&crowd.uncounted), 0);
	assert_int_equal(atomic_load(&crowd.most), LIMIT - 1);
	assert_int_equal(quota_take(crowd.quota, &one, LIMIT, &slot), QUOTA_TAKEN);
	assert_int_equal(slot, held);
	assert_int_equal(quota_take(crowd.quota, &one, LIMIT, &slot), QUOTA_REFUSED);
	quota_give(crowd.quota, held);
	quota_give(crowd.quota, held);
	quota_free(crowd.quota);
}

#define NEWCOMERS 4000u

struct start {
	struct quota *quota;
	pthread_barrier_t barrier;
	_Atomic uint32_t taken[NEWCOMERS];
};

static void *come_at_once(void *arg)
{
	struct start *start = arg;
	for (unsigned i = 0; i < NEWCOMERS; i++) {
		struct endpoint one;
		const uint8_t bytes[4] = {10, 1, (uint8_t)(i >> 8), (uint8_t)i};
		uint32_t slot;
		endpoint_init(&one, ENDPOINT_IPV4, bytes, 0);
		pthread_barrier_wait(&start->barrier);
		if (quota_take(start->quota, &one, 1, &slot) == QUOTA_TAKEN)
			atomic_fetch_add(&start->taken[i], 1);
		pthread_barrier_wait(&start->barrier);
		quota_give(start->quota, slot);
	}
	return NULL;
}

/* All threads meet an address that nobody has seen, again and again: one of them gets in. */
static void the_limit_holds_for_newcomers(void **state)
{
	(void)state;
	static struct start start;
	pthread_t threads[THREADS];
	start.quota = quota_new(10);
	assert_int_equal(pthread_barrier_init(&start.barrier, NULL, THREADS), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, come_at_once, &start), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < NEWCOMERS; i++)
		assert_int_equal(atomic_load(&start.taken[i]), 1);
	pthread_barrier_destroy(&start.barrier);
	quota_free(start.quota);
}

static void *pass_by(void *arg)
{
	struct crowd *crowd = arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct endpoint one;
		const uint8_t bytes[4] = {10, 0, 0, (uint8_t)(i % 200)};
		uint32_t slot;
		endpoint_init(&one, ENDPOINT_IPV4, bytes, 0);
		quota_take(crowd->quota, &one, THREADS, &slot);
		quota_give(crowd->quota, slot);
	}
	return NULL;
}

/* Slots change hands all the time; in the end every one of them is free. */
static void no_count_is_lost_between_threads(void **state)
{
	(void)state;
	struct crowd crowd = {.quota = quota_new(1)};
	pthread_t threads[THREADS];
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, pass_by, &crowd), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < 200; i++) {
		struct endpoint one;
		const uint8_t bytes[4] = {10, 0, 0, (uint8_t)i};
		uint32_t slot, again;
		endpoint_init(&one, ENDPOINT_IPV4, bytes, 0);
		assert_int_equal(quota_take(crowd.quota, &one, 1, &slot), QUOTA_TAKEN);
		assert_int_equal(quota_take(crowd.quota, &one, 1, &again), QUOTA_REFUSED);
		quota_give(crowd.quota, slot);
	}
	quota_free(crowd.quota);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_is_told_by_its_address),
		cmocka_unit_test(the_limit_is_exact),
		cmocka_unit_test(a_limit_that_came_later_counts_what_was_counted),
		cmocka_unit_test(a_full_table_refuses_nobody),
		cmocka_unit_test(there_is_room_for_as_many_as_there_may_be),
		cmocka_unit_test(the_limit_holds_between_threads),
		cmocka_unit_test(the_limit_holds_for_newcomers),
		cmocka_unit_test(no_count_is_lost_between_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
