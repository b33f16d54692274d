// Flow tests of a held service: who waits, who is refused, who goes while they wait, and what does not count against anybody.
// links: proxy
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "tests/flow/holding.h"

static struct stage stage;

static int open_stage(void **state)
{
	(void)state;
	holding_open(&stage, 1, 1, 1);
	return 0;
}

static int open_empty(void **state)
{
	(void)state;
	holding_open(&stage, 1, 0, 0);
	return 0;
}

static int close_stage(void **state)
{
	(void)state;
	stage_close(&stage);
	return 0;
}

static struct proxy_counters read_counters(void)
{
	struct proxy_counters counters;
	proxy_read_counters(stage.proxy, &counters);
	return counters;
}

static unsigned retry_after(void)
{
	const char *field = strstr(holding_answer, "\r\nRetry-After: ");
	return field ? (unsigned)strtoul(field + 15, NULL, 10) : 0;
}

/* Of both colors: nothing that waited, was refused or left counts there. */
static void assert_nothing_counted(void)
{
	static struct totals_sum sum;
	for (unsigned color = 0; color < COLOR_COUNT; color++) {
		totals_read(stage.totals, (enum color)color, &sum);
		assert_int_equal(sum.ended, 0);
		assert_int_equal(sum.aborted, 0);
		assert_int_equal(totals_inflight(stage.totals, (enum color)color), 0);
	}
}

static void test_waits_and_goes_on(void **state)
{
	(void)state;
	holding_begin(&stage, HOLDING_LONG_MS);
	int fd = holding_ask(&stage, HOLDING_GET("/a"));
	holding_wait_for(&stage, 1);
	assert_nothing_counted();
	holding_assert_silence(fd);
	assert_int_equal(atomic_load(&stage.backends[0].requests), 0);
	assert_true(holding_read(&stage).bytes > 0);
	holding_end(&stage, COLOR_BLUE);
	holding_assert_answer(fd, COLOR_BLUE);
	stage_send(fd, HOLDING_GET("/b")); /* the connection is as good as any */
	holding_assert_answer(fd, COLOR_BLUE);
	struct totals_held held = holding_read(&stage);
	assert_int_equal(held.waiting, 0);
	assert_int_equal(held.bytes, 0);
	assert_int_equal(held.held, 1);
	assert_int_equal(held.left, 0);
	stage_close_client(fd);
}

/* The flip and the release are one table: nobody sees the old color any more. */
static void test_sees_the_flip(void **state)
{
	(void)state;
	enum { CLIENTS = 20 };
	int fds[CLIENTS];
	holding_begin(&stage, HOLDING_LONG_MS);
	for (int i = 0; i < CLIENTS; i++)
		fds[i] = holding_ask(&stage, HOLDING_GET("/a"));
	holding_wait_for(&stage, CLIENTS);
	stage_flip(&stage, COLOR_BLUE); /* another table in between keeps them */
	assert_int_equal(totals_waiting(stage.totals), CLIENTS);
	holding_end(&stage, COLOR_GREEN);
	for (int i = 0; i < CLIENTS; i++) {
		holding_assert_answer(fds[i], COLOR_GREEN);
		stage_close_client(fds[i]);
	}
	assert_int_equal(atomic_load(&stage.backends[0].requests), 0);
	assert_true(stage_wait_drained(&stage, COLOR_GREEN));
}

/* Nothing keeps the tables of before. */
static void test_keeps_no_table(void **state)
{
	(void)state;
	holding_begin(&stage, HOLDING_LONG_MS);
	int fd = holding_ask(&stage, HOLDING_GET("/a"));
	holding_wait_for(&stage, 1);
	for (int i = 0; i < 5; i++)
		stage_flip(&stage, COLOR_BLUE);
	assert_null(proxy_table(stage.proxy)->next);
	holding_end(&stage, COLOR_BLUE);
	holding_assert_answer(fd, COLOR_BLUE);
	stage_close_client(fd);
}

static void test_too_many(void **state)
{
	(void)state;
	holding.requests = 2;
	holding_begin(&stage, HOLDING_LONG_MS);
	int first = holding_ask(&stage, HOLDING_GET("/a")), second = holding_ask(&stage, HOLDING_GET("/b"));
	holding_wait_for(&stage, 2);
	int third = holding_ask(&stage, HOLDING_GET("/c"));
	assert_int_equal(holding_read_answer(third), 503);
	assert_in_range(retry_after(), 1, HOLDING_LONG_MS / 1000);
	assert_non_null(strstr(holding_answer, "Proxy-Status: teal; error=destination_unavailable"));
	assert_int_equal(holding_read(&stage).refused, 1);
	assert_int_equal(read_counters().fails[FAIL_hold_full], 1);
	assert_int_equal(read_counters().limits[LIMIT_hold], 1);
	assert_nothing_counted();
	holding_reset(first);
	holding_wait_for(&stage, 1);
	stage_send(third, HOLDING_GET("/c")); /* there is room again, and its connection was kept */
	holding_wait_for(&stage, 2);
	holding_end(&stage, COLOR_BLUE);
	holding_assert_answer(second, COLOR_BLUE);
	holding_assert_answer(third, COLOR_BLUE);
	stage_close_client(second);
	stage_close_client(third);
}

static void test_too_large(void **state)
{
	(void)state;
	static const char head[] = "POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 8000\r\n\r\n";
	static char request[sizeof(head) - 1 + 8000];
	memset(request, 'x', sizeof(request));
	memcpy(request, head, sizeof(head) - 1);
	holding.bytes = 12000;
	holding_begin(&stage, HOLDING_LONG_MS);
	int small = holding_ask(&stage, HOLDING_GET("/a"));
	holding_wait_for(&stage, 1);
	int large = stage_connect(&stage);
	stage_send_bytes(large, request, sizeof(request));
	assert_int_equal(holding_read_answer(large), 503);
	assert_in_range(retry_after(), 1, HOLDING_LONG_MS / 1000);
	assert_int_equal(holding_read(&stage).refused, 1);
	holding_end(&stage, COLOR_BLUE);
	holding_assert_answer(small, COLOR_BLUE);
	stage_send_bytes(large, request, sizeof(request));
	holding_assert_answer(large, COLOR_BLUE);
	stage_close_client(small);
	stage_close_client(large);
}

/* ---- clients who go ---- */

static void assert_left(uint64_t left)
{
	struct totals_held held = holding_read(&stage);
	assert_int_equal(held.left, left);
	assert_int_equal(held.bytes, 0);
	assert_int_equal(read_counters().fails[FAIL_client_gone], left);
	assert_int_equal(atomic_load(&stage.backends[0].requests), 0);
	assert_nothing_counted();
}

static void test_a_reset(void **state)
{
	(void)state;
	holding_begin(&stage, HOLDING_LONG_MS);
	int plain = holding_ask(&stage, HOLDING_GET("/a")), ahead = holding_ask(&stage, HOLDING_GET("/a") HOLDING_GET("/b"));
	int half_said = holding_ask(&stage, "POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 100000\r\n\r\nand");
	holding_wait_for(&stage, 3);
	stage_send(ahead, HOLDING_GET("/c")); /* this stays in the socket */
	holding_reset(plain);
	holding_wait_for(&stage, 2);
	holding_reset(half_said);
	holding_wait_for(&stage, 1);
	holding_reset(ahead);
	holding_wait_for(&stage, 0);
	assert_left(3);
}

static void test_a_half_close(void **state)
{
	(void)state;
	holding_begin(&stage, HOLDING_LONG_MS);
	int fd = holding_ask(&stage, HOLDING_GET("/a")),
	    posting = holding_ask(&stage, "POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 6\r\n\r\nhal");
	holding_wait_for(&stage, 2);
	stage_send(posting, "ves");
	shutdown(fd, SHUT_WR);
	shutdown(posting, SHUT_WR);
	holding_assert_silence(fd);
	assert_int_equal(totals_waiting(stage.totals), 2);
	holding_end(&stage, COLOR_BLUE);
	holding_assert_answer(fd, COLOR_BLUE);
	holding_assert_answer(posting, COLOR_BLUE);
	assert_non_null(strstr(holding_answer, "/a 6 "));
	stage_close_client(fd);
	stage_close_client(posting);
}

/* ---- time ---- */

/* The control thread says nothing: the workers end it by themselves. */
static void test_ends_by_itself(void **state)
{
	(void)state;
	uint64_t begin = actor_now_ms();
	holding_begin(&stage, 1500);
	int fd = holding_ask(&stage, HOLDING_GET("/a"));
	holding_wait_for(&stage, 1);
	holding_assert_answer(fd, COLOR_BLUE);
	assert_true(actor_now_ms() - begin >= 1500);
	assert_int_equal(holding_read(&stage).held, 1);
	stage_send(fd, HOLDING_GET("/b")); /* the table still says so, but its time is over */
	holding_assert_answer(fd, COLOR_BLUE);
	assert_int_equal(holding_read(&stage).held, 1);
	stage_close_client(fd);
}

/* Who waits is not idle, and its head is complete. */
static void test_no_other_deadline(void **state)
{
	(void)state;
	stage.globals.header_ms = stage.globals.idle_ms = stage.globals.stall_ms = 300;
	holding_begin(&stage, HOLDING_LONG_MS);
	int fd = holding_ask(&stage, HOLDING_GET("/a"));
	int posting = holding_ask(&stage, "POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 6\r\n\r\nhal");
	holding_wait_for(&stage, 2);
	actor_wait_ms(1000);
	assert_int_equal(totals_waiting(stage.totals), 2);
	stage.globals.header_ms = stage.globals.idle_ms = stage.globals.stall_ms = 5000;
	holding_end(&stage, COLOR_BLUE);
	stage_send(posting, "ves");
	holding_assert_answer(fd, COLOR_BLUE);
	holding_assert_answer(posting, COLOR_BLUE);
	stage_close_client(fd);
	stage_close_client(posting);
}

static void test_the_total_deadline(void **state)
{
	(void)state;
	stage.globals.total_ms = 100;
	holding_begin(&stage, HOLDING_LONG_MS);
	int fd = holding_ask(&stage, HOLDING_GET("/a"));
	assert_int_equal(holding_read_answer(fd), 504);
	assert_int_equal(read_counters().fails[FAIL_hold_timeout], 1);
	assert_int_equal(holding_read(&stage).left, 1);
	holding_wait_for(&stage, 0);
	assert_nothing_counted();
	stage_close_client(fd);
}

/* A hold that took most of the time is not the color's fault. */
static void test_the_total_deadline_later(void **state)
{
	(void)state;
	static struct totals_sum sum;
	stage.globals.total_ms = 1000;
	holding_begin(&stage, HOLDING_LONG_MS);
	int fd = holding_ask(&stage, "POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 6\r\n\r\nhal");
	holding_wait_for(&stage, 1);
	actor_wait_ms(600);
	holding_end(&stage, COLOR_BLUE);
	assert_int_equal(holding_read_answer(fd), 504);
	totals_read(stage.totals, COLOR_BLUE, &sum);
	assert_int_equal(sum.errors, 0);
	assert_int_equal(read_counters().fails[FAIL_hold_timeout], 1);
	stage_close_client(fd);
}

static void hear_and_hang(int fd)
{
	actor_hear_all(fd);
}

/* A color that lets the rest of the time go by has failed, however short the hold was; and it is not the client who was slow. */
static void test_the_color_hangs(void **state)
{
	(void)state;
	static struct totals_sum sum;
	stage.globals.total_ms = 1500;
	actor_play(&stage, hear_and_hang);
	holding_begin(&stage, HOLDING_LONG_MS);
	int fd = holding_ask(&stage, HOLDING_GET("/a"));
	holding_wait_for(&stage, 1);
	actor_wait_ms(100);
	holding_end(&stage, COLOR_BLUE);
	assert_int_equal(holding_read_answer(fd), 504);
	assert_int_equal(read_counters().fails[FAIL_exchange_timeout], 1);
	assert_true(stage_wait_drained(&stage, COLOR_BLUE));
	totals_read(stage.totals, COLOR_BLUE, &sum);
	assert_int_equal(sum.errors, 1);
	stage_close_client(fd);
}

/* How long it waited is no latency of the color: the clock of that begins with the release. */
static void test_is_no_latency(void **state)
{
	(void)state;
	static struct totals_sum sum;
	holding_begin(&stage, HOLDING_LONG_MS);
	int fd = holding_ask(&stage, HOLDING_GET("/a"));
	holding_wait_for(&stage, 1);
	actor_wait_ms(300);
	uint64_t released = actor_now_ms();
	holding_end(&stage, COLOR_BLUE);
	holding_assert_answer(fd, COLOR_BLUE);
	assert_true(stage_wait_drained(&stage, COLOR_BLUE));
	totals_read(stage.totals, COLOR_BLUE, &sum);
	assert_int_equal(sum.duration.total, 1);
	assert_true(sum.duration.sum_us <= (actor_now_ms() - released + 2) * 1000);
	assert_true(sum.first_byte.sum_us <= sum.duration.sum_us);
	stage_close_client(fd);
}

/* ---- the end ---- */

static void test_a_drain_lets_all_go(void **state)
{
	(void)state;
	holding.release_per_s = 1;
	holding_begin(&stage, HOLDING_LONG_MS);
	int fds[5];
	for (int i = 0; i < 5; i++)
		fds[i] = holding_ask(&stage, HOLDING_GET("/a"));
	holding_wait_for(&stage, 5);
	stage.globals.draining = true;
	stage_flip(&stage, COLOR_BLUE);
	assert_int_equal(totals_waiting(stage.totals), 0);
	for (int i = 0; i < 5; i++) {
		holding_assert_answer(fds[i], COLOR_BLUE);
		assert_non_null(strstr(holding_answer, "Connection: close"));
		stage_close_client(fds[i]);
	}
}

static void test_the_end_of_the_workers(void **state)
{
	open_stage(state);
	holding_begin(&stage, HOLDING_LONG_MS);
	int fd = holding_ask(&stage, HOLDING_GET("/a"));
	holding_wait_for(&stage, 1);
	close_stage(state);
	assert_int_equal(holding_read_answer(fd), 503);
	stage_close_client(fd);
}

/* A reload takes the service away: what waited for it is asked for anew. */
static void test_the_service_is_gone(void **state)
{
	(void)state;
	holding_begin(&stage, HOLDING_LONG_MS);
	int fd = holding_ask(&stage, HOLDING_GET("/a"));
	holding_wait_for(&stage, 1);
	holding_take_away(&stage);
	assert_int_equal(holding_read_answer(fd), 404);
	assert_int_equal(totals_waiting(stage.totals), 0);
	holding_end(&stage, COLOR_BLUE);
	stage_send(fd, HOLDING_GET("/a"));
	holding_assert_answer(fd, COLOR_BLUE);
	stage_close_client(fd);
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_waits_and_goes_on),
		flow_test(test_sees_the_flip),
		flow_test(test_keeps_no_table),
		flow_test(test_too_many),
		flow_test(test_too_large),
		flow_test(test_a_reset),
		flow_test(test_a_half_close),
		flow_test(test_ends_by_itself),
		flow_test(test_no_other_deadline),
		flow_test(test_the_total_deadline),
		flow_test(test_the_total_deadline_later),
		cmocka_unit_test_setup_teardown(test_the_color_hangs, open_empty, close_stage),
		flow_test(test_is_no_latency),
		flow_test(test_a_drain_lets_all_go),
		cmocka_unit_test(test_the_end_of_the_workers),
		flow_test(test_the_service_is_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
