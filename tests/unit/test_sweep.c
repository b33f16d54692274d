/* Idle connections that are closed: many of them never in one turn. */
// links: proxy
#include "tests/unit/warm_scene.h"

/* In how many turns all of them are closed; in none more than `most`. */
static unsigned count_turns_to_close(struct backend *backend, unsigned most)
{
	unsigned turns = 0;
	uint64_t end_ms = patience();
	while (connections(backend) > 0 && clock_mono_ms() < end_ms) {
		unsigned before = connections(backend);
		worker_turn(&scene.worker, true);
		assert_true(connections(backend) + most >= before);
		turns += connections(backend) < before;
	}
	assert_int_equal(connections(backend), 0);
	return turns;
}

/* One after the other, whichever backend they are to. */
static void test_cold_ones_are_closed_one_by_one(void **state)
{
	(void)state;
	scene.members = 2;
	open_idle(scene.blue, 100);
	open_idle(scene.greens[0], 100);
	open_idle(scene.greens[1], 3);
	backend_set_pooling(scene.greens[0], BACKEND_COLD);
	backend_set_pooling(scene.greens[1], BACKEND_COLD);
	publish(0);
	count_turns_to_close(scene.greens[0], 1);
	count_turns_to_close(scene.greens[1], 1);
	assert_int_equal(connections(scene.blue), 100);
}

/* A reload took it away while traffic might have come back to it. */
static void test_retired_while_warm(void **state)
{
	(void)state;
	open_idle(scene.greens[0], 20);
	backend_set_pooling(scene.greens[0], BACKEND_WARM);
	atomic_store(&scene.greens[0]->retired, true);
	publish(0);
	count_turns_to_close(scene.greens[0], 1);
}

/* Traffic is on its way back: what is left stays. */
static void test_no_longer_cold(void **state)
{
	(void)state;
	open_idle(scene.greens[0], 100);
	backend_set_pooling(scene.greens[0], BACKEND_COLD);
	publish(0);
	while (connections(scene.greens[0]) > 50)
		worker_turn(&scene.worker, true);
	backend_set_pooling(scene.greens[0], BACKEND_WARM);
	for (uint64_t end_ms = clock_mono_ms() + 50; clock_mono_ms() < end_ms;)
		turn();
	assert_int_equal(connections(scene.greens[0]), 50);
}

static void test_old_ones_are_closed_in_many_turns(void **state)
{
	(void)state;
	open_idle(scene.greens[0], 200);
	lane_of(scene.greens[0])->idle_age_ms = 50;
	worker_arm(&scene.worker, &lane_of(scene.greens[0])->idle_deadline, DEADLINE_pool, 50);
	assert_true(count_turns_to_close(scene.greens[0], 8) >= 25);
}

/* Nor does a request that finds them all unfit wait until they are closed. */
static void test_a_request_closes_a_few(void **state)
{
	(void)state;
	static char settings, exchange;
	open_idle(scene.greens[0], 30);
	for (unsigned asked = 1; asked <= 3; asked++) {
		assert_null(pool_take(&scene.worker, scene.greens[0], (const struct tlsback *)&settings, (struct exchange *)&exchange, NULL, true));
		assert_int_equal(lane_of(scene.greens[0])->idle_count, 30 - 8 * asked);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scene_test(test_cold_ones_are_closed_one_by_one),
		scene_test(test_retired_while_warm),
		scene_test(test_no_longer_cold),
		scene_test(test_old_ones_are_closed_in_many_turns),
		scene_test(test_a_request_closes_a_few),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
