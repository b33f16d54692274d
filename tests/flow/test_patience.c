// Flow tests of patience: readers that stop, many requests at once, connections that idle, draining, and requests that must not be sent twice.
// links: proxy
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/flow/actor.h"

static struct stage stage;
static char answer[65536];

static int open_stage(void **state)
{
	(void)state;
	stage_open(&stage, 1, 0, 0);
	return 0;
}

static int open_two_workers(void **state)
{
	(void)state;
	stage_open(&stage, 2, 0, 0);
	return 0;
}

static int close_stage(void **state)
{
	(void)state;
	stage_close(&stage);
	return 0;
}

#define GET "GET /a HTTP/1.1\r\nHost: shop.example\r\n\r\n"
#define POST_OF(length) "POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: " #length "\r\n\r\n"

static int read_answer(int fd)
{
	return stage_read_answer(fd, answer, sizeof(answer), false);
}

/* ---- readers that stop ---- */

#define FLOOD_BYTES (24ul * 1024 * 1024)

static atomic_ulong flooded;

static void flood_interims(int fd)
{
	static const char start[] = "HTTP/1.1 103 Early Hints\r\nLink: ";
	char hints[4096];
	if (!actor_hear_head(fd))
		return;
	memset(hints, 'l', sizeof(hints));
	memcpy(hints, start, sizeof(start) - 1);
	memcpy(hints + sizeof(hints) - 4, "\r\n\r\n", 4);
	while (atomic_load(&flooded) < FLOOD_BYTES) {
		ssize_t sent = send(fd, hints, sizeof(hints), MSG_NOSIGNAL);
		if (sent != (ssize_t)sizeof(hints))
			return;
		atomic_fetch_add(&flooded, sizeof(hints));
	}
	actor_hear_all(fd);
}

/* Waits until the backend can send no more, and returns how much it could. */
static unsigned long wait_for_flood(void)
{
	unsigned long before;
	do {
		before = atomic_load(&flooded);
		actor_wait_ms(1000);
	} while (atomic_load(&flooded) > before);
	return before;
}

/* Interim answers that the client does not read are no more kept than a body would be: what the sockets take, and no more. */
static void test_interims_unread(void **state)
{
	(void)state;
	stage.globals.response_ms = stage.globals.stall_ms = 30000;
	atomic_store(&flooded, 0);
	actor_play(&stage, flood_interims);
	int fd = stage_connect(&stage);
	stage_send(fd, GET);
	assert_in_range(wait_for_flood(), 4096, FLOOD_BYTES - 4096);
	stage_close_client(fd);
}

/* When they are read at last, the client's own deadline is still there: its body never comes. */
static void test_interims_read_late(void **state)
{
	(void)state;
	int status = 103;
	atomic_store(&flooded, 0);
	actor_play(&stage, flood_interims);
	int fd = stage_connect(&stage);
	stage_send(fd, POST_OF(10));
	actor_wait_ms(300);
	while (status == 103)
		status = read_answer(fd);
	assert_int_equal(status, 408);
	stage_close_client(fd);
}

/* The proxy stops while a client does not read. */
static void test_stop_while_unread(void **state)
{
	(void)state;
	atomic_store(&flooded, 0);
	actor_play(&stage, flood_interims);
	int fd = stage_connect(&stage);
	stage_send(fd, GET);
	actor_wait_ms(400);
	stage_close(&stage);
	stage_open(&stage, 1, 0, 0);
	stage_close_client(fd);
}

static void test_thousand_pipelined(void **state)
{
	(void)state;
	enum { COUNT = 1000 };
	struct stage_backend *backend = actor_play(&stage, actor_answer_ok);
	int fd = stage_connect(&stage);
	char *all = malloc(COUNT * sizeof(GET));
	for (size_t i = 0; i < COUNT; i++)
		memcpy(all + i * (sizeof(GET) - 1), GET, sizeof(GET) - 1);
	stage_send_bytes(fd, all, COUNT * (sizeof(GET) - 1));
	free(all);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(read_answer(fd), 200);
	assert_int_equal(atomic_load(&actor_heard), COUNT);
	assert_int_equal(atomic_load(&backend->connections), 1);
	stage_close_client(fd);
}

/* An answer of our own is given at once, while the requests behind it are not put aside yet. */
static void test_pipelined_behind_own_answer(void **state)
{
	(void)state;
	actor_play(&stage, actor_answer_ok);
	int fd = stage_connect(&stage);
	stage_send(fd, "GET / HTTP/1.1\r\nHost: nobody.example\r\n\r\n"
		       "GET / HTTP/1.1\r\nHost: nobody.example\r\n\r\n"
		       "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n");
	assert_int_equal(read_answer(fd), 404);
	assert_int_equal(read_answer(fd), 404);
	assert_int_equal(read_answer(fd), 200);
	stage_close_client(fd);
}

/* The FIN comes with the last of them. */
static void test_pipelined_with_end(void **state)
{
	(void)state;
	actor_play(&stage, actor_answer_ok);
	int fd = stage_connect(&stage);
	stage_send(fd, GET "GET / HTTP/1.1\r\nHost: nobody.example\r\n\r\n" GET);
	shutdown(fd, SHUT_WR);
	assert_int_equal(read_answer(fd), 200);
	assert_int_equal(read_answer(fd), 404);
	assert_int_equal(read_answer(fd), 200);
	assert_int_equal(read_answer(fd), 0);
	stage_close_client(fd);
}

static void test_short_connections(void **state)
{
	(void)state;
	actor_play(&stage, actor_answer_ok);
	for (int i = 0; i < 300; i++) {
		int fd = stage_connect(&stage);
		stage_send(fd, i % 3 ? GET : "GET /a HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n");
		assert_int_equal(read_answer(fd), 200);
		stage_close_client(fd);
	}
	assert_true(stage_wait_drained(&stage, COLOR_BLUE));
}

/* ---- requests that may have been processed ---- */

static void answer_once_then_close(int fd)
{
	if (!actor_hear_head(fd))
		return;
	actor_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	actor_hear_head(fd);
}

static void test_post_is_sent_once(void **state)
{
	(void)state;
	actor_play(&stage, answer_once_then_close);
	int fd = stage_connect(&stage);
	for (unsigned i = 1; i <= 20; i++) {
		stage_send(fd, POST_OF(0));
		int status = read_answer(fd);
		assert_true(status == 200 || status == 502);
		assert_int_equal(atomic_load(&actor_posts), i);
	}
	stage_close_client(fd);
}

/* ---- idle connections ---- */

static atomic_bool hasty;

static void close_when_hasty(int fd)
{
	while (actor_hear_head(fd)) {
		bool leaves = atomic_load(&hasty);
		actor_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
		if (leaves) {
			actor_wait_ms(20);
			return;
		}
	}
}

static void get_and_wait(int fd, unsigned ms)
{
	stage_send(fd, GET);
	assert_int_equal(read_answer(fd), 200);
	actor_wait_ms(ms);
}

/* A backend that closes idle connections early makes the pool let go earlier; when it stays (it was restarted, say), they are kept longer again. */
static void test_idle_age_recovers(void **state)
{
	(void)state;
	struct stage_backend *backend = actor_play(&stage, close_when_hasty);
	int fd = stage_connect(&stage);
	atomic_store(&hasty, true);
	get_and_wait(fd, 100);
	atomic_store(&hasty, false);
	get_and_wait(fd, 200);
	get_and_wait(fd, 0);
	assert_int_equal(atomic_load(&backend->connections), 3);
	for (unsigned i = 0; i < 9; i++)
		get_and_wait(fd, 350);
	get_and_wait(fd, 150);
	unsigned connections = atomic_load(&backend->connections);
	get_and_wait(fd, 0);
	assert_int_equal(atomic_load(&backend->connections), connections);
	stage_close_client(fd);
}

/* ---- draining ---- */

/* Clients that keep a connection and say nothing do not hold up the end; those that say something get their answer. */
static void test_drain_with_idle_clients(void **state)
{
	(void)state;
	actor_play(&stage, actor_answer_ok);
	int silent = stage_connect(&stage), idle = stage_connect(&stage), late = stage_connect(&stage);
	stage_send(idle, GET);
	assert_int_equal(read_answer(idle), 200);
	stage_send(late, GET);
	assert_int_equal(read_answer(late), 200);
	stage.globals.draining = true;
	stage_flip(&stage, COLOR_BLUE);
	proxy_drain(stage.proxy);
	actor_wait_ms(200);
	stage_send(late, GET);
	assert_int_equal(read_answer(late), 200);
	assert_non_null(strstr(answer, "Connection: close"));
	uint64_t before = actor_now_ms();
	assert_int_equal(read_answer(idle), 0);
	assert_int_equal(read_answer(silent), 0);
	assert_in_range(actor_now_ms() - before, 0, 3000);
	struct proxy_counters counters;
	proxy_read_counters(stage.proxy, &counters);
	assert_int_equal(counters.limits[LIMIT_idle] + counters.limits[LIMIT_header], 0);
	stage_close_client(silent);
	stage_close_client(idle);
	stage_close_client(late);
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)
#define two_workers_test(name) \
	{ \
#name " (two workers)", name, open_two_workers, close_stage, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_interims_unread),
		flow_test(test_interims_read_late),
		flow_test(test_stop_while_unread),
		flow_test(test_thousand_pipelined),
		flow_test(test_pipelined_behind_own_answer),
		flow_test(test_pipelined_with_end),
		flow_test(test_short_connections),
		two_workers_test(test_short_connections),
		flow_test(test_post_is_sent_once),
		two_workers_test(test_post_is_sent_once),
		flow_test(test_idle_age_recovers),
		flow_test(test_drain_with_idle_clients),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
