/* Connections that are opened in advance, turn by turn. */
// links: proxy
#include "tests/unit/warm_scene.h"

/* ---- opened in advance ---- */

static void test_a_few_in_each_turn(void **state)
{
	(void)state;
	scene.members = GREENS;
	open_idle(scene.blue, 40);
	publish(1);
	unsigned turns = 0;
	for (unsigned before = 0; !is_warm(); before = green_connections()) {
		turn();
		assert_true(green_connections() <= before + 2);
		turns += green_connections() > before;
	}
	assert_true(turns >= 20);
	for (unsigned i = 0; i < GREENS; i++) {
		assert_int_equal(connections(scene.greens[i]), 14);
		assert_int_equal(lane_of(scene.greens[i])->idle_count, 14);
	}
	assert_false(scene.worker.warm.more);
	assert_int_equal(connections(scene.blue), 40);
}

/* What there is counts; the same order in another table opens no more, a newer one does. */
static void test_up_to_what_the_live_color_has(void **state)
{
	(void)state;
	open_idle(scene.blue, 10);
	open_idle(scene.greens[0], 7);
	publish(1);
	wait_until_warm();
	assert_int_equal(green_connections(), 10);
	open_idle(scene.blue, 5);
	publish(1);
	wait_until_warm();
	assert_int_equal(green_connections(), 10);
	publish(2);
	wait_until_warm();
	assert_int_equal(green_connections(), 15);
}

static void test_a_backend_that_comes_up_meanwhile(void **state)
{
	(void)state;
	open_idle(scene.blue, 10);
	publish(1);
	wait_until_warm();
	scene.members = 2;
	publish(1);
	wait_until_warm();
	assert_int_equal(connections(scene.greens[0]), 10);
	assert_int_equal(connections(scene.greens[1]), 5);
}

static void test_at_most(void **state)
{
	(void)state;
	open_idle(scene.blue, 1);
	atomic_fetch_add(&lane_of(scene.blue)->connections, 5000); /* as if they were busy */
	atomic_store(&lane_of(scene.greens[0])->connections, 1000);
	publish(1);
	wait_until_warm();
	assert_int_equal(lane_of(scene.greens[0])->idle_count, 24);
	atomic_fetch_sub(&lane_of(scene.blue)->connections, 5000);
	atomic_fetch_sub(&lane_of(scene.greens[0])->connections, 1000);
}

static void expect_none(void)
{
	publish(1);
	wait_until_warm();
	assert_int_equal(green_connections(), 0);
}

static void test_none_where_nothing_is_kept(void **state)
{
	(void)state;
	atomic_store(&lane_of(scene.blue)->connections, 10);
	expect_none();
	atomic_store(&lane_of(scene.blue)->connections, 0);
}

static void test_none_that_have_owners(void **state)
{
	(void)state;
	open_idle(scene.blue, 10);
	scene.announce = PROXYPROTO_V1;
	expect_none();
}

static void test_none_without_a_backend(void **state)
{
	(void)state;
	open_idle(scene.blue, 10);
	scene.members = 0;
	expect_none();
}

/* What requests have found out is not tried in advance. */
static void test_none_to_a_backend_that_is_left_alone(void **state)
{
	(void)state;
	open_idle(scene.blue, 10);
	upstream_skip_backend(&scene.worker, lane_of(scene.greens[0]));
	expect_none();
}

/* ---- in use ---- */

/* A server's threads may each wait for one of them, and the next waits for a thread. */
static void test_in_the_order_of_their_opening(void **state)
{
	(void)state;
	static char exchange;
	struct backend_lane *lane = lane_of(scene.greens[0]);
	open_idle(scene.blue, 5);
	publish(1);
	wait_until_warm();
	assert_int_equal(lane->idle_count, 5);
	struct upstream *opened[5] = {lane->idle_oldest};
	for (unsigned i = 1; i < 5; i++)
		opened[i] = opened[i - 1]->newer;
	upstream_close(opened[2]);
	for (unsigned i = 0; i < 8; i++) {
		static const unsigned order[8] = {0, 1, 3, 4, 4, 4, 4, 4};
		struct upstream *taken = pool_take(&scene.worker, scene.greens[0], NULL, (struct exchange *)&exchange, NULL, i % 2 == 0);
		assert_ptr_equal(taken, opened[order[i]]);
		taken->reusable = true;
		pool_give(taken);
	}
	assert_int_equal(lane->idle_count, 4);
	assert_null(lane->unasked);
}

static void test_those_that_nobody_wants(void **state)
{
	(void)state;
	open_idle(scene.blue, 40);
	open_idle(scene.greens[0], 3);
	lane_of(scene.blue)->idle_age_ms = lane_of(scene.greens[0])->idle_age_ms = 3600000;
	publish(1);
	wait_until_warm();
	for (uint64_t end_ms = patience(); green_connections() > 3 && clock_mono_ms() < end_ms;) {
		unsigned before = green_connections();
		worker_turn(&scene.worker, true);
		assert_true(green_connections() + 1 >= before);
	}
	assert_int_equal(green_connections(), 3);
	assert_int_equal(connections(scene.blue), 40);
	assert_true(lane_of(scene.greens[0])->idle_deadline.at_ms > clock_mono_ms() + PATIENCE_MS);
}

/* ---- that fail ---- */

static void test_refused(void **state)
{
	(void)state;
	scene.members = 2;
	open_idle(scene.blue, 20);
	close(scene.listeners[1]);
	scene.listeners[1] = -1;
	publish(1);
	wait_until_warm();
	turn();
	struct backend_lane *refusing = lane_of(scene.greens[0]);
	assert_int_equal(connections(scene.greens[0]), 0);
	assert_int_equal(refusing->skip_until_ms, 0);
	assert_int_equal(atomic_load(&refusing->failures), 0);
	assert_int_equal(refusing->warm.left, 0);
	assert_int_equal(connections(scene.greens[1]), 10);
}

/* The first of them has filled its queue. */
static void open_hanging(void)
{
	open_idle(scene.blue, 100);
	backend_release(scene.greens[0]);
	close(scene.listeners[1]);
	scene.listeners[1] = -1;
	scene.listener_count = 1;
	scene.greens[0] = make_backend(0);
	scene.listener_count = 1 + GREENS;
	publish(1);
	for (uint64_t end_ms = patience(); scene.worker.warm.early_count < 32 && clock_mono_ms() < end_ms;)
		turn();
	assert_int_equal(scene.worker.warm.early_count, 32);
	assert_true(lane_of(scene.greens[0])->idle_count < 5);
}

static void test_hanging(void **state)
{
	(void)state;
	open_hanging();
	for (unsigned i = 0; i < 20; i++)
		turn();
	assert_int_equal(scene.worker.warm.early_count, 32);
	assert_false(scene.worker.warm.more); /* it sleeps meanwhile */
	assert_false(is_warm());
	publish(0);
	turn();
	assert_null(scene.worker.warm.first);
	assert_int_equal(scene.worker.warm.early_count, 32); /* the end of the worker finds them */
}

static void test_hanging_has_an_end(void **state)
{
	(void)state;
	scene.connect_ms = 100;
	open_hanging();
	wait_until_warm();
	struct backend_lane *hanging = lane_of(scene.greens[0]);
	assert_int_equal(scene.worker.warm.early_count, 0);
	assert_int_equal(hanging->skip_until_ms, 0);
	assert_int_equal(atomic_load(&hanging->failures), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scene_test(test_a_few_in_each_turn),
		scene_test(test_up_to_what_the_live_color_has),
		scene_test(test_a_backend_that_comes_up_meanwhile),
		scene_test(test_at_most),
		scene_test(test_none_where_nothing_is_kept),
		scene_test(test_none_that_have_owners),
		scene_test(test_none_without_a_backend),
		scene_test(test_none_to_a_backend_that_is_left_alone),
		scene_test(test_in_the_order_of_their_opening),
		scene_test(test_those_that_nobody_wants),
		scene_test(test_refused),
		scene_test(test_hanging),
		scene_test(test_hanging_has_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
