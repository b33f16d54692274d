/* base/errand: work on threads, its end on the loop, and what becomes of what nobody waits for any more. */
// links: base
#include <event2/event.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/errand.h"

#define MANY 40u

/* What the threads wait for, and what became of them. */
struct world {
	struct event_base *loop;
	struct errands *errands;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool open; /* the gate, under the mutex */
	atomic_uint worked, dropped;
	unsigned done;
	pthread_t main;
	bool right_threads;
};

struct load {
	struct world *world;
	bool waits, signals_blocked;
	unsigned result;
};

static void work(void *data)
{
	struct load *load = data;
	struct world *world = load->world;
	sigset_t blocked;
	pthread_mutex_lock(&world->mutex);
	while (load->waits && !world->open)
		pthread_cond_wait(&world->changed, &world->mutex);
	pthread_mutex_unlock(&world->mutex);
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	load->signals_blocked = sigismember(&blocked, SIGTERM) && !pthread_equal(pthread_self(), world->main);
	load->result = 42;
	world->worked++;
}

static void on_done(void *arg, void *data)
{
	struct world *world = arg;
	const struct load *load = data;
	assert_int_equal(load->result, 42);
	assert_true(load->signals_blocked);
	world->right_threads = world->right_threads && pthread_equal(pthread_self(), world->main);
	world->done++;
}

static void drop(void *data)
{
	struct world *world = ((struct load *)data)->world;
	free(data);
	pthread_mutex_lock(&world->mutex);
	world->dropped++;
	pthread_cond_broadcast(&world->changed);
	pthread_mutex_unlock(&world->mutex);
}

static const struct errand_kind kind = {work, on_done, drop};

static struct errand *start(struct world *world, bool waits)
{
	struct load *load = calloc(1, sizeof(*load));
	*load = (struct load){.world = world, .waits = waits};
	return errand_start(world->errands, &kind, load, world);
}

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	world->loop = event_base_new();
	world->errands = errands_new(world->loop);
	world->main = pthread_self();
	world->right_threads = true;
	pthread_mutex_init(&world->mutex, NULL);
	pthread_cond_init(&world->changed, NULL);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	event_base_free(world->loop);
	pthread_mutex_destroy(&world->mutex);
	pthread_cond_destroy(&world->changed);
	free(world);
	return 0;
}

static void open_gate(struct world *world)
{
	pthread_mutex_lock(&world->mutex);
	world->open = true;
	pthread_cond_broadcast(&world->changed);
	pthread_mutex_unlock(&world->mutex);
}

static void wait_for_drops(struct world *world, unsigned count)
{
	pthread_mutex_lock(&world->mutex);
	while (world->dropped < count)
		pthread_cond_wait(&world->changed, &world->mutex);
	pthread_mutex_unlock(&world->mutex);
}

static void test_many(void **state)
{
	struct world *world = *state;
	for (unsigned i = 0; i < MANY; i++)
		start(world, i % 2);
	assert_int_equal(world->done, 0);
	open_gate(world);
	while (world->done < MANY)
		event_base_loop(world->loop, EVLOOP_ONCE);
	assert_int_equal(world->worked, MANY);
	assert_int_equal(world->dropped, MANY);
	assert_true(world->right_threads);
	errands_free(world->errands);
}

/* One that hangs delays neither the others nor the end. */
static void test_hanging(void **state)
{
	struct world *world = *state;
	start(world, true);
	start(world, false);
	while (world->done < 1)
		event_base_loop(world->loop, EVLOOP_ONCE);
	assert_int_equal(world->dropped, 1);
	errands_free(world->errands);
	assert_int_equal(world->dropped, 1);
	open_gate(world);
	wait_for_drops(world, 2);
	assert_int_equal(world->done, 1);
}

static void test_settled(void **state)
{
	struct world *world = *state;
	start(world, true);
	start(world, false);
	while (world->worked < 1)
		sched_yield();
	errands_settle(world->errands, 1);
	assert_int_equal(world->done, 1);
	open_gate(world);
	errands_settle(world->errands, 60000);
	assert_int_equal(world->done, 2);
	errands_settle(world->errands, 60000);
	errands_free(world->errands);
}

static void test_abandoned_away(void **state)
{
	struct world *world = *state;
	errand_abandon(start(world, true));
	assert_int_equal(world->dropped, 0);
	open_gate(world);
	wait_for_drops(world, 1);
	event_base_loop(world->loop, EVLOOP_NONBLOCK);
	assert_int_equal(world->done, 0);
	errands_free(world->errands);
}

/* Whichever comes first, the work or its being abandoned: it is dropped once, and nobody is told. */
static void test_abandoned_any_time(void **state)
{
	struct world *world = *state;
	for (unsigned i = 0; i < MANY; i++) {
		struct errand *errand = start(world, false);
		while (i % 4 == 0 && world->worked <= i)
			sched_yield();
		errand_abandon(errand);
	}
	wait_for_drops(world, MANY);
	event_base_loop(world->loop, EVLOOP_NONBLOCK);
	assert_int_equal(world->done, 0);
	assert_int_equal(world->worked, MANY);
	errands_free(world->errands);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hanging, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_settled, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_abandoned_away, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_abandoned_any_time, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
