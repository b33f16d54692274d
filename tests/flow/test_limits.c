// Flow tests of limits and clocks: slow peers of every kind, too many connections, who the client is behind a proxy.
// links: proxy
#include <netinet/in.h>
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

static int open_announced(void **state)
{
	(void)state;
	stage_open_behind(&stage, 1, 0, 0, (struct proxy_listen){.proxy_protocol = true});
	return 0;
}

static int open_narrow(void **state)
{
	(void)state;
	stage_open_behind(&stage, 1, 0, 0, (struct proxy_listen){.connections = 3});
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

static struct proxy_counters read_counters(void)
{
	struct proxy_counters counters;
	proxy_read_counters(stage.proxy, &counters);
	return counters;
}

/* ---- slow clients ---- */

static void want_all(int fd)
{
	if (actor_hear_head(fd))
		actor_hear_all(fd);
}

/* A byte well within each stall is progress, and still too slow. */
static void test_trickled_body(void **state)
{
	(void)state;
	stage.globals.stall_ms = 600;
	stage.globals.rate = 1000;
	actor_play(&stage, want_all);
	int fd = stage_connect(&stage);
	stage_send(fd, POST_OF(1000));
	for (int i = 0; i < 12 && read_counters().limits[LIMIT_rate] == 0; i++) {
		stage_send(fd, "x");
		actor_wait_ms(100);
	}
	assert_int_equal(read_answer(fd), 408);
	assert_int_equal(read_counters().fails[FAIL_request_body_slow], 1);
	assert_int_equal(read_counters().limits[LIMIT_rate], 1);
	stage_close_client(fd);
}

/* Slow, but not slower than allowed: longer than a stall in all. */
static void test_steady_body(void **state)
{
	(void)state;
	stage.globals.stall_ms = 400;
	stage.globals.rate = 50;
	actor_play(&stage, want_all);
	int fd = stage_connect(&stage);
	stage_send(fd, POST_OF(1000));
	for (int i = 0; i < 20; i++) {
		stage_send(fd, "0123456789");
		actor_wait_ms(60);
	}
	assert_int_equal(read_counters().limits[LIMIT_rate] + read_counters().limits[LIMIT_stall], 0);
	assert_int_equal(read_counters().open, 1);
	stage_close_client(fd);
}

static void answer_half(int fd)
{
	if (actor_hear_head(fd))
		actor_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
	actor_hear_all(fd);
}

/* A backend that answers piece by piece as the request comes is not to blame for a client that sends no more. */
static void test_body_that_stops_behind_an_early_answer(void **state)
{
	(void)state;
	stage.globals.stall_ms = 300;
	actor_play(&stage, answer_half);
	int fd = stage_connect(&stage);
	stage_send(fd, POST_OF(10) "12345");
	assert_int_equal(read_answer(fd), 0);
	assert_int_equal(read_counters().fails[FAIL_request_body_timeout], 1);
	stage_close_client(fd);
	fd = stage_connect(&stage);
	stage_send(fd, POST_OF(5) "12345");
	assert_int_equal(read_answer(fd), 0);
	assert_int_equal(read_counters().fails[FAIL_backend_stalled], 1);
	stage_close_client(fd);
}

/* An answer that has begun is no leave to be slow. */
static void test_trickled_body_behind_an_early_answer(void **state)
{
	(void)state;
	stage.globals.stall_ms = 600;
	stage.globals.rate = 1000;
	actor_play(&stage, answer_half);
	int fd = stage_connect(&stage);
	stage_send(fd, POST_OF(1000));
	for (int i = 0; i < 30 && read_counters().limits[LIMIT_rate] == 0; i++) {
		send(fd, "x", 1, MSG_NOSIGNAL);
		actor_wait_ms(100);
	}
	assert_int_equal(read_counters().fails[FAIL_request_body_slow], 1);
	stage_close_client(fd);
}

#define LARGE (32ul << 20)

static void answer_large(int fd)
{
	static char piece[65536];
	if (!actor_hear_head(fd))
		return;
	char head[128];
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %lu\r\n\r\n", LARGE);
	actor_say(fd, head);
	for (size_t sent = 0; sent < LARGE; sent += sizeof(piece)) {
		if (send(fd, piece, sizeof(piece), MSG_NOSIGNAL) < 0)
			return;
	}
	actor_hear_all(fd);
}

static void wait_for_limit(enum limit limit)
{
	for (int i = 0; i < 100 && read_counters().limits[limit] == 0; i++)
		actor_wait_ms(50);
	assert_int_equal(read_counters().limits[limit], 1);
}

static void test_client_that_does_not_read(void **state)
{
	(void)state;
	stage.globals.stall_ms = 400;
	actor_play(&stage, answer_large);
	int fd = stage_connect(&stage);
	stage_send(fd, GET);
	wait_for_limit(LIMIT_stall);
	assert_int_equal(read_counters().fails[FAIL_client_stalled], 1);
	stage_close_client(fd);
}

/* Takes pieces so small that the proxy's socket tells of no room for several stalls; the peer's machine acknowledges them all the same. */
static void read_slowly(int fd, unsigned pieces, size_t size)
{
	static char piece[1 << 20];
	for (unsigned i = 0; i < pieces; i++) {
		ssize_t got = recv(fd, piece, size, 0);
		assert_true(got > 0);
		actor_wait_ms(50);
	}
}

static void test_client_that_reads_slowly(void **state)
{
	(void)state;
	stage.globals.stall_ms = 500;
	stage.globals.rate = 1000;
	actor_play(&stage, answer_large);
	int fd = stage_connect(&stage), small = 32768;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	stage_send(fd, GET);
	read_slowly(fd, 60, 16384);
	assert_int_equal(read_counters().fails[FAIL_client_stalled] + read_counters().fails[FAIL_client_slow], 0);
	assert_int_equal(read_counters().open, 1);
	stage_close_client(fd);
}

static void test_client_that_reads_too_slowly(void **state)
{
	(void)state;
	stage.globals.stall_ms = 400;
	stage.globals.rate = 64ul << 20;
	actor_play(&stage, answer_large);
	int fd = stage_connect(&stage), small = 32768;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	stage_send(fd, GET);
	for (int i = 0; i < 100 && read_counters().limits[LIMIT_rate] == 0; i++)
		if (recv(fd, answer, 16384, 0) > 0)
			actor_wait_ms(20);
	assert_int_equal(read_counters().fails[FAIL_client_slow], 1);
	stage_close_client(fd);
}

/* ---- the whole time ---- */

static void answer_late(int fd)
{
	if (actor_hear_head(fd))
		actor_wait_ms(2000);
}

static void test_total_before_the_answer(void **state)
{
	(void)state;
	stage.globals.response_ms = 10000;
	stage.globals.total_ms = 300;
	actor_play(&stage, answer_late);
	int fd = stage_connect(&stage);
	stage_send(fd, GET);
	assert_int_equal(read_answer(fd), 504);
	assert_int_equal(read_counters().limits[LIMIT_total], 1);
	stage_close_client(fd);
}

/* A client that uses most of the time for its body leaves too little to the backend: that is not the backend's fault. */
static void test_total_used_by_the_client(void **state)
{
	(void)state;
	stage.globals.response_ms = 10000;
	stage.globals.total_ms = 1000;
	actor_play(&stage, answer_late);
	int fd = stage_connect(&stage);
	stage_send(fd, POST_OF(2) "1");
	actor_wait_ms(700);
	stage_send(fd, "2");
	assert_int_equal(read_answer(fd), 408);
	assert_int_equal(read_counters().fails[FAIL_client_timeout], 1);
	assert_int_equal(read_counters().limits[LIMIT_total], 1);
	stage_close_client(fd);
}

static void answer_drop_by_drop(int fd)
{
	if (!actor_hear_head(fd))
		return;
	actor_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
	for (int i = 0; i < 40 && send(fd, "x", 1, MSG_NOSIGNAL) == 1; i++)
		actor_wait_ms(50);
}

/* Progress does not put it off, and what the client has got shows that it is not all. */
static void test_total_in_the_answer(void **state)
{
	(void)state;
	bool reset;
	stage.globals.total_ms = 500;
	actor_play(&stage, answer_drop_by_drop);
	int fd = stage_connect(&stage);
	stage_send(fd, GET);
	uint64_t before = actor_now_ms();
	size_t got = stage_read_all(fd, answer, sizeof(answer), &reset);
	assert_in_range(actor_now_ms() - before, 400, 1800);
	assert_in_range(got, 20, 999);
	assert_int_equal(read_counters().fails[FAIL_exchange_timeout], 1);
	stage_close_client(fd);
}

/* An exchange that ends in time leaves nothing behind that could end the next one. */
static void test_total_of_each(void **state)
{
	(void)state;
	stage.globals.total_ms = 400;
	actor_play(&stage, actor_answer_ok);
	int fd = stage_connect(&stage);
	for (int i = 0; i < 8; i++) {
		stage_send(fd, GET);
		assert_int_equal(read_answer(fd), 200);
		actor_wait_ms(100);
	}
	stage_close_client(fd);
}

/* ---- connections ---- */

static void test_connections_of_a_listener(void **state)
{
	(void)state;
	int fds[5];
	actor_play(&stage, actor_answer_ok);
	for (int i = 0; i < 5; i++) {
		fds[i] = stage_connect(&stage);
		stage_send(fds[i], GET);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(read_answer(fds[i]), 200);
	actor_wait_ms(200);
	assert_int_equal(read_counters().open, 3);
	assert_true(read_counters().limits[LIMIT_listener] > 0);
	assert_int_equal(read_counters().limits[LIMIT_connections], 0);
	for (int i = 0; i < 3; i++)
		stage_close_client(fds[i]);
	for (int i = 3; i < 5; i++) { /* they waited in the queue */
		assert_int_equal(read_answer(fds[i]), 200);
		stage_close_client(fds[i]);
	}
}

static void test_connections_of_a_client(void **state)
{
	(void)state;
	int fds[3];
	stage.globals.client_connections = 2;
	actor_play(&stage, actor_answer_ok);
	for (int i = 0; i < 3; i++) {
		fds[i] = stage_connect(&stage);
		stage_send(fds[i], GET);
		assert_int_equal(read_answer(fds[i]), i < 2 ? 200 : 503);
	}
	assert_non_null(strstr(answer, "\r\nProxy-Status: teal; error=connection_limit_reached\r\n"));
	assert_int_equal(read_counters().limits[LIMIT_connections_per_client], 1);
	stage_close_client(fds[2]);
	stage_close_client(fds[0]);
	for (int tries = 0; read_counters().open > 1 && tries < 100; tries++)
		actor_wait_ms(20);
	fds[0] = stage_connect(&stage);
	stage_send(fds[0], GET);
	assert_int_equal(read_answer(fds[0]), 200);
	stage_close_client(fds[0]);
	stage_close_client(fds[1]);
}

/* ---- the PROXY protocol ---- */

static void say_forwarded_for(int fd)
{
	while (actor_hear_head(fd)) {
		char text[256], *from = strstr(actor_head, "X-Forwarded-For: ");
		int length = from ? (int)strcspn(from + 17, "\r") : 0;
		snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%.*s", length, length, from ? from + 17 : "");
		actor_say(fd, text);
	}
}

static void test_announced_client(void **state)
{
	(void)state;
	static const char header[] = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n";
	actor_play(&stage, say_forwarded_for);
	for (size_t split = 0; split <= sizeof(header); split += 7) {
		int fd = stage_connect(&stage);
		char all[256];
		int length = snprintf(all, sizeof(all), "%s%s", header, GET);
		stage_send_bytes(fd, all, split);
		actor_wait_ms(split % 2 ? 15 : 0);
		stage_send_bytes(fd, all + split, (size_t)length - split);
		assert_int_equal(read_answer(fd), 200);
		assert_non_null(strstr(answer, "\r\n\r\n192.0.2.7"));
		stage_send(fd, GET); /* it is said once */
		assert_int_equal(read_answer(fd), 200);
		assert_non_null(strstr(answer, "\r\n\r\n192.0.2.7"));
		stage_close_client(fd);
	}
}

/* Each announced client has its own count, whoever the connections come from. */
static void test_announced_clients_are_counted(void **state)
{
	(void)state;
	int fds[4];
	stage.globals.client_connections = 1;
	actor_play(&stage, actor_answer_ok);
	for (int i = 0; i < 4; i++) {
		char all[256];
		snprintf(all, sizeof(all), "PROXY TCP6 2001:db8:0:%d::1 2001:db8::2 1 2\r\n%s", i / 2, GET);
		fds[i] = stage_connect(&stage);
		stage_send(fds[i], all);
		assert_int_equal(read_answer(fds[i]), i % 2 == 0 ? 200 : 503);
	}
	for (int i = 0; i < 4; i++)
		stage_close_client(fds[i]);
}

static void test_unannounced(void **state)
{
	(void)state;
	bool reset;
	static const char *const texts[] = {GET, "PROXY TCP4 nonsense\r\n" GET, "PROX"};
	actor_play(&stage, actor_answer_ok);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int fd = stage_connect(&stage);
		stage_send(fd, texts[i]);
		shutdown(fd, SHUT_WR);
		assert_int_equal(stage_read_all(fd, answer, sizeof(answer), &reset), 0);
		stage_close_client(fd);
	}
	assert_int_equal(read_counters().fails[FAIL_announcement_malformed], 3);
	assert_int_equal(atomic_load(&actor_heard), 0);
}

static void wait_for_visits(struct stage_backend *backend, unsigned visits)
{
	for (int i = 0; i < 150 && atomic_load(&backend->visits) > visits; i++)
		actor_wait_ms(20);
	assert_int_equal(atomic_load(&backend->visits), visits);
}

/* To backends that are told who the client is, each of many clients has a connection of its own: found again however many others were used since, and gone with the client. */
static void test_connections_that_belong_to_clients(void **state)
{
	(void)state;
	enum { COUNT = 90 };
	int fds[COUNT];
	stage.announce = PROXYPROTO_V1;
	struct stage_backend *backend = actor_play(&stage, say_forwarded_for);
	for (int i = 0; i < COUNT; i++)
		fds[i] = stage_connect(&stage);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < COUNT; i++) {
			stage_send(fds[i], GET);
			assert_int_equal(read_answer(fds[i]), 200);
		}
	}
	assert_int_equal(atomic_load(&backend->connections), COUNT);
	for (int i = 1; i < COUNT; i++)
		stage_close_client(fds[i]);
	wait_for_visits(backend, 1);
	stage_close_client(fds[0]);
	wait_for_visits(backend, 0);
}

/* ---- fields ---- */

static void switch_protocols(int fd)
{
	if (actor_hear_head(fd))
		actor_say(fd, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
	actor_hear_all(fd);
}

/* What is added to a head of as many fields as any configuration allows must not make it unreadable when its answer comes. */
static void test_as_many_fields_as_can_be(void **state)
{
	(void)state;
	stage.globals.headers = 256;
	actor_play(&stage, switch_protocols);
	int fd = stage_connect(&stage);
	stage_send(fd, "GET /a HTTP/1.1\r\nHost: shop.example\r\nConnection: upgrade\r\nUpgrade: echo\r\n");
	for (unsigned i = 3; i < 256; i++)
		stage_send(fd, "A: b\r\n");
	stage_send(fd, "\r\n");
	assert_int_equal(read_answer(fd), 101);
	assert_int_equal(read_counters().fails[FAIL_answer_upgrade], 0);
	stage_close_client(fd);
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_trickled_body),
		flow_test(test_steady_body),
		flow_test(test_trickled_body_behind_an_early_answer),
		flow_test(test_body_that_stops_behind_an_early_answer),
		flow_test(test_client_that_does_not_read),
		flow_test(test_client_that_reads_slowly),
		flow_test(test_client_that_reads_too_slowly),
		flow_test(test_total_before_the_answer),
		flow_test(test_total_used_by_the_client),
		flow_test(test_total_in_the_answer),
		flow_test(test_total_of_each),
		flow_test(test_connections_of_a_client),
		cmocka_unit_test_setup_teardown(test_connections_of_a_listener, open_narrow, close_stage),
		cmocka_unit_test_setup_teardown(test_announced_client, open_announced, close_stage),
		cmocka_unit_test_setup_teardown(test_announced_clients_are_counted, open_announced, close_stage),
		cmocka_unit_test_setup_teardown(test_unannounced, open_announced, close_stage),
		flow_test(test_connections_that_belong_to_clients),
		flow_test(test_as_many_fields_as_can_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
