// A service that is held: what the table says of it, its end, and what a restart finds of it.
// links: switch
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>
#include <jansson.h>

#include "base/clock.h"
#include "switch/service_truth.h"
#include "switch/wire.h"

static struct {
	unsigned changes, news, truths;
} told;

static void on_change(void *arg)
{
	(void)arg;
	told.changes++;
}

static void on_news(void *arg)
{
	(void)arg;
	told.news++;
}

static void on_truth(void *arg)
{
	(void)arg;
	told.truths++;
}

static struct conf_service conf = {.name = (char *)"shop", .hold = {.requests = 10, .bytes = 1000, .max_ms = 30000, .release = 500}};
static struct service_owner owner = {.workers = 4, .on_change = on_change, .on_news = on_news, .on_truth = on_truth};
static struct service service;

static int open_service(void **state)
{
	(void)state;
	owner.loop = event_base_new();
	owner.events = events_new(NULL);
	service = (struct service){.name = conf.name, .conf = &conf, .owner = &owner, .totals = totals_new(4)};
	memset(&told, 0, sizeof(told));
	return 0;
}

static int close_service(void **state)
{
	(void)state;
	if (service.hold.end)
		event_free(service.hold.end);
	for (unsigned color = 0; color < COLOR_COUNT; color++) {
		release_fini(&service.colors[color].file);
		release_fini(&service.colors[color].now);
	}
	totals_release(service.totals);
	events_free(owner.events);
	event_base_free(owner.loop);
	return 0;
}

/* A worker's share is rounded up: of little, each may have some. */
static void test_shares(void **state)
{
	(void)state;
	struct table_hold hold = service_read_hold(&service);
	assert_int_equal(hold.until_ms, 0);
	assert_int_equal(hold.requests, 3);
	assert_int_equal(hold.bytes, 250);
	assert_int_equal(hold.release_per_s, 125);
}

static void test_begin_and_end(void **state)
{
	(void)state;
	uint64_t now_ms = clock_mono_ms();
	assert_false(service_is_held(&service));
	assert_true(service_is_released(&service));
	service_resume(&service);
	assert_int_equal(told.changes, 0);
	service_hold(&service, SERVICE_HELD_BY_OPERATOR, "ada", NULL, 60000);
	assert_true(service_is_held(&service));
	assert_false(service_is_released(&service));
	assert_string_equal(service.hold.actor, "ada");
	assert_int_equal(service.hold.ends_at - service.hold.at, 60000);
	assert_true(service_read_hold(&service).until_ms >= now_ms + 60000 + SERVICE_HOLD_GRACE_MS); /* the workers come last */
	service_resume(&service);
	assert_false(service_is_held(&service));
	assert_int_equal(service_read_hold(&service).until_ms, 0);
	assert_int_equal(told.changes, 2);
	atomic_store(&service.totals->queues[3].waiting, 1);
	assert_false(service_is_released(&service));
	atomic_store(&service.totals->queues[3].waiting, 0);
	assert_true(service_is_released(&service));
}

static void test_its_time_is_over(void **state)
{
	(void)state;
	service_hold(&service, SERVICE_HELD_BY_OPERATOR, "ada", NULL, 60000);
	service_hold(&service, SERVICE_HELD_BY_OPERATOR, "ada", NULL, 1); /* the last word counts */
	event_base_loop(owner.loop, EVLOOP_ONCE);
	assert_int_equal(service.hold.by, SERVICE_HELD_BY_NOBODY);
	assert_int_equal(service_read_hold(&service).until_ms, 0);
	assert_int_equal(told.changes, 3);
	assert_int_equal(told.news, 1);
	assert_int_equal(told.truths, 1);
	assert_false(event_pending(service.hold.end, EV_TIMEOUT, NULL));
}

/* Its time is over, and the loop has not come to say so. */
static void test_not_held_any_more(void **state)
{
	(void)state;
	service_hold(&service, SERVICE_HELD_BY_SWITCH, "teal", NULL, 0);
	assert_false(service_is_held(&service));
	assert_false(service_is_released(&service));
}

/* From the first table of an exclusive switch's hold on neither color is asked for what the other one was given, and nobody looks at the idle one. */
static void test_apart(void **state)
{
	(void)state;
	static struct conf_service helping;
	helping = conf;
	helping.shield.when = CONF_SHIELD_ALWAYS;
	service.conf = &helping;
	service_hold(&service, SERVICE_HELD_BY_OPERATOR, "ada", NULL, 60000);
	assert_true(service_read_shield(&service, service.live) != 0 && service_takes_previews(&service));
	assert_true(service_falls_back(&service, COLOR_BLUE) && service_falls_back(&service, COLOR_GREEN));
	service_hold(&service, SERVICE_HELD_BY_SWITCH, "teal", NULL, 60000);
	assert_int_equal(service_read_shield(&service, service.live), 0);
	assert_false(service_takes_previews(&service));
	assert_false(service_falls_back(&service, COLOR_BLUE) || service_falls_back(&service, COLOR_GREEN));
	service_resume(&service);
	assert_true(service_read_shield(&service, service.live) != 0 && service_falls_back(&service, service.live));
}

/* ---- the truth ---- */

static json_t *write_hold(const char *actor, int64_t began_ms, int64_t left_ms)
{
	uint64_t now = clock_wall_ms();
	return json_pack("{s:{s:s, s:o, s:o}}", "held", "actor", actor, "at", wire_time((uint64_t)((int64_t)now - began_ms)), "ends_at",
		wire_time((uint64_t)((int64_t)now + left_ms)));
}

static void test_a_restart(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int64_t began_ms, left_ms;
		uint64_t least_ms, most_ms; /* that are left; 0: none */
	} cases[] = {
		{"in the middle", 20000, 40000, 30000, 40000},
		{"over by now", 60000, -1, 0, 0},
		{"a clock that was set back", -100000, 110000, 0, 10000},
		{"ended before it began", -100000, 50000, 0, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *truth = write_hold("ada", cases[i].began_ms, cases[i].left_ms);
		uint64_t now_ms = clock_mono_ms();
		service_truth_read(&service, truth);
		uint64_t left_ms = service.hold.by == SERVICE_HELD_BY_NOBODY || service.hold.until_ms < now_ms ? 0 : service.hold.until_ms - now_ms;
		if (left_ms < cases[i].least_ms || left_ms > cases[i].most_ms + 1000)
			fail_msg("%s: %u ms are left", cases[i].name, (unsigned)left_ms);
		json_decref(truth);
		close_service(state);
		open_service(state);
	}
}

#define service_test(name) cmocka_unit_test_setup_teardown(name, open_service, close_service)

int main(void)
{
	const struct CMUnitTest tests[] = {
		service_test(test_shares),
		service_test(test_begin_and_end),
		service_test(test_its_time_is_over),
		service_test(test_not_held_any_more),
		service_test(test_apart),
		service_test(test_a_restart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
