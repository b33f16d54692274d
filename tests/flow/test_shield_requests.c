// The shield and what a request may be: bodies, pipelines, interim answers, clients that leave, time, newer tables, the access log. The real proxy in process.
// links: proxy
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/logwriter.h"
#include "tests/flow/actor.h"
#include "tests/flow/shielded.h"

static atomic_bool green_heard;

/* ---- what else a request may be ---- */

/* Asks in its own words; the rest is sent when the head is likely to be under way. */
struct words {
	const char *name;
	const char *request, *rest;
	int status;
	bool shielded;
};

static void test_requests(void **state)
{
	(void)state;
	static const struct words cases[] = {
		{"HTTP/1.0", "GET /n HTTP/1.0\r\nHost: shop.example\r\nX-Do: 503\r\n\r\n", NULL, 200, true},
		{"an absolute form", "GET http://shop.example/n HTTP/1.1\r\nHost: shop.example\r\nX-Do: 503\r\n\r\n", NULL, 200, true},
		{"a body", "GET /n HTTP/1.1\r\nHost: shop.example\r\nX-Do: 503\r\nContent-Length: 4\r\n\r\nbody", NULL, 200, true},
		{"a body in two pieces", "GET /n HTTP/1.1\r\nHost: shop.example\r\nX-Do: 503\r\nContent-Length: 4\r\n\r\nbo", "dy", 200, true},
		{"chunks in two pieces", "GET /n HTTP/1.1\r\nHost: shop.example\r\nX-Do: 503\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n",
			"2\r\ndy\r\n0\r\n\r\n", 200, true},
		{"a body that is not whole yet", "GET /n HTTP/1.1\r\nHost: shop.example\r\nX-Do: 503\r\nX-Early: y\r\nContent-Length: 4\r\n\r\nbo", NULL, 503,
			false},
		{"Expect", "GET /n HTTP/1.1\r\nHost: shop.example\r\nX-Do: 503\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody", NULL, 503, false},
		{"Upgrade", "GET /n HTTP/1.1\r\nHost: shop.example\r\nX-Do: 503\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n", NULL, 503, false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned heard = shielded_heard_by_green();
		int fd = stage_connect(&shielded_stage);
		shielded_begin();
		stage_send(fd, cases[i].request);
		if (cases[i].rest) {
			actor_wait_ms(30);
			stage_send(fd, cases[i].rest);
		}
		int status = shielded_read(fd);
		if (status != cases[i].status)
			fail_msg("%s: %d", cases[i].name, status);
		stage_close_client(fd);
		shielded_settle();
		assert_int_equal(shielded_heard_by_green() - heard, cases[i].shielded);
		assert_int_equal(shielded_gained(COLOR_BLUE, shielded), cases[i].shielded);
		assert_int_equal(shielded_gained(COLOR_BLUE, errors), 1);
		shielded_assert_green_counts_nothing();
	}
}

/* Of a body as much is held as for any other second attempt. */
static void test_long_bodies(void **state)
{
	(void)state;
	static const struct {
		size_t length;
		int status;
	} cases[] = {{60 * 1024, 200}, {200 * 1024, 503}};
	for (size_t i = 0; i < 2; i++) {
		char head[256], *body = malloc(cases[i].length);
		unsigned long long sum = 0;
		char wanted[64];
		for (size_t at = 0; at < cases[i].length; at++) {
			body[at] = (char)('a' + at % 7);
			sum = sum * 31 + (unsigned char)body[at];
		}
		snprintf(head, sizeof(head), "GET /n HTTP/1.1\r\nHost: shop.example\r\nX-Do: 503\r\nContent-Length: %zu\r\n\r\n", cases[i].length);
		snprintf(wanted, sizeof(wanted), "\r\n\r\n/n %zu %llu", cases[i].length, sum);
		shielded_begin();
		int fd = stage_connect(&shielded_stage);
		stage_send(fd, head);
		stage_send_bytes(fd, body, cases[i].length);
		assert_int_equal(shielded_read(fd), cases[i].status);
		assert_true(!strstr(shielded_answer, wanted) == (cases[i].status == 503));
		stage_close_client(fd);
		free(body);
		shielded_settle();
		assert_int_equal(shielded_gained(COLOR_BLUE, bytes_in), cases[i].length);
		assert_int_equal(shielded_gained(COLOR_GREEN, bytes_in), 0);
	}
}

static void test_pipelined(void **state)
{
	(void)state;
	static const char *const colors[] = {"X-Color: green", "X-Color: blue", "X-Color: green", "X-Color: green", "X-Color: blue"};
	int fd = stage_connect(&shielded_stage);
	stage_send(fd, "GET /1 HTTP/1.1\r\nHost: shop.example\r\nX-Do: 503-late\r\n\r\nGET /2 HTTP/1.1\r\nHost: shop.example\r\n\r\n"
		       "GET /3 HTTP/1.1\r\nHost: shop.example\r\nX-Do: close\r\n\r\nGET /4 HTTP/1.1\r\nHost: shop.example\r\nX-Do: 502\r\n\r\n"
		       "POST /5 HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabc");
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(shielded_read(fd), 200);
		assert_non_null(strstr(shielded_answer, colors[i]));
	}
	stage_close_client(fd);
}

/* Interim answers went by: they promise nothing of the final one. */
static void test_interim(void **state)
{
	(void)state;
	static const char *const interim[] = {"103-503", "103-close"};
	for (size_t i = 0; i < 2; i++) {
		int fd = stage_connect(&shielded_stage);
		assert_int_equal(shielded_ask(fd, "GET", "/n", interim[i]), 103);
		assert_int_equal(shielded_read(fd), 200);
		assert_non_null(strstr(shielded_answer, "X-Color: green"));
		stage_close_client(fd);
	}
}

/* ---- time ---- */

/* Green keeps its client waiting. */
static void play_slow_green(int fd)
{
	if (!shielded_is_green(fd)) {
		shielded_play_blue(fd);
		return;
	}
	if (!actor_hear_head(fd))
		return;
	atomic_store(&green_heard, true);
	actor_hear_all(fd);
}

/* Opens the stage; on return green has heard the request, and says nothing. */
static int ask_slow_green(void)
{
	shielded_open_played(play_slow_green);
	shielded_begin();
	atomic_store(&green_heard, false);
	int fd = stage_connect(&shielded_stage);
	stage_send(fd, "GET /n HTTP/1.1\r\nHost: shop.example\r\nX-Do: 503\r\n\r\n");
	while (!atomic_load(&green_heard))
		actor_wait_ms(1);
	assert_int_equal(totals_assist(shielded_stage.totals, COLOR_GREEN), 1);
	assert_int_equal(totals_inflight(shielded_stage.totals, COLOR_GREEN), 0);
	assert_int_equal(totals_inflight(shielded_stage.totals, COLOR_BLUE), 0);
	return fd;
}

static void test_client_leaves(void **state)
{
	(void)state;
	struct linger now = {1, 0};
	int fd = ask_slow_green();
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	stage_close_client(fd);
	shielded_settle();
	assert_int_equal(shielded_gained(COLOR_BLUE, ended), 1);
	assert_int_equal(shielded_gained(COLOR_BLUE, errors), 1);
	assert_int_equal(shielded_gained(COLOR_BLUE, aborted), 0);
	assert_int_equal(shielded_gained(COLOR_BLUE, shielded), 1);
	assert_int_equal(shielded_gained(COLOR_BLUE, shielded_errors), 0);
	struct proxy_counters counters;
	proxy_read_counters(shielded_stage.proxy, &counters);
	assert_int_equal(counters.fails[FAIL_client_gone], 1);
	shielded_assert_green_counts_nothing();
}

/* Ended by order: it is none of those that green had. */
static void test_cut(void **state)
{
	(void)state;
	int fd = ask_slow_green();
	shielded_stage.cut_before = UINT64_MAX;
	stage_flip(&shielded_stage, COLOR_BLUE);
	assert_int_equal(shielded_read(fd), 503);
	stage_close_client(fd);
	shielded_settle();
	assert_int_equal(totals_cut(shielded_stage.totals, COLOR_GREEN), 0);
	assert_int_equal(totals_cut(shielded_stage.totals, COLOR_BLUE), 0);
	assert_int_equal(shielded_gained(COLOR_BLUE, ended), 1);
	assert_int_equal(shielded_gained(COLOR_BLUE, shielded_errors), 1);
	shielded_assert_green_counts_nothing();
}

/* timeouts.total is of the whole exchange, whoever has it. */
static void test_total_time(void **state)
{
	(void)state;
	shielded_stage.globals.response_ms = 900;
	shielded_stage.globals.total_ms = 1000;
	shielded_set(SHIELDED_ALL);
	shielded_begin();
	int fd = stage_connect(&shielded_stage);
	assert_int_equal(shielded_ask(fd, "GET", "/slow", "hang"), 504);
	assert_non_null(strstr(shielded_answer, "longer than allowed"));
	stage_close_client(fd);
	shielded_settle();
	assert_int_equal(shielded_gained(COLOR_BLUE, ended), 1);
	assert_int_equal(shielded_gained(COLOR_BLUE, shielded), 1);
	assert_int_equal(shielded_gained(COLOR_BLUE, shielded_errors), 1);
	shielded_assert_green_counts_nothing();
}

/* When it is over there is none left for the other color. */
static void test_no_time_left(void **state)
{
	(void)state;
	shielded_stage.globals.total_ms = 200;
	shielded_set(SHIELDED_ALL);
	shielded_begin();
	int fd = stage_connect(&shielded_stage);
	assert_int_equal(shielded_ask(fd, "GET", "/n", "hang"), 504);
	assert_non_null(strstr(shielded_answer, "longer than allowed"));
	stage_close_client(fd);
	shielded_settle();
	assert_int_equal(shielded_heard_by_green(), 0);
	assert_int_equal(shielded_gained(COLOR_BLUE, failed), 1);
	assert_int_equal(shielded_gained(COLOR_BLUE, shielded), 0);
}

/* What was read before the newest table was published is shielded by its own, as long as green is wanted. */
static void test_newer_table(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		unsigned shield;
		enum color live;
		int status;
	} cases[] = {{"the bake goes on", SHIELDED_ALL, COLOR_BLUE, 200}, {"the bake is over", 0, COLOR_BLUE, 503}, {"back to green", 0, COLOR_GREEN, 200}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		atomic_store(&shielded_told, false);
		shielded_set(SHIELDED_ALL);
		int fd = stage_connect(&shielded_stage);
		unsigned heard = atomic_load(&actor_heard);
		stage_send(fd, "GET /n HTTP/1.1\r\nHost: shop.example\r\nX-Do: 503-told\r\n\r\n");
		while (atomic_load(&actor_heard) == heard)
			actor_wait_ms(1);
		shielded_stage.shield = cases[i].shield;
		stage_flip(&shielded_stage, cases[i].live);
		atomic_store(&shielded_told, true);
		int status = shielded_read(fd);
		if (status != cases[i].status)
			fail_msg("%s: %d", cases[i].name, status);
		stage_close_client(fd);
	}
}

/* ---- the access log ---- */

static void read_file(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
}

static void test_access_log(void **state)
{
	(void)state;
	char path[] = "/tmp/teal-test-XXXXXX", text[8192];
	struct err err;
	close(mkstemp(path));
	struct logwriter *writer = logwriter_open(path, &err);
	assert_non_null(writer);
	proxy_set_access(shielded_stage.proxy, PROXY_ACCESS_JSON, writer);
	shielded_set(SHIELDED_ALL);
	int fd = stage_connect(&shielded_stage);
	assert_int_equal(shielded_ask(fd, "GET", "/n", "close"), 200);
	assert_int_equal(shielded_ask(fd, "GET", "/n", "fine"), 200);
	assert_int_equal(shielded_ask(fd, "GET", "/drop", "503"), 502);
	stage_close_client(fd);
	shielded_begin();
	shielded_settle();
	proxy_set_access(shielded_stage.proxy, PROXY_ACCESS_OFF, NULL);
	stage_flip(&shielded_stage, COLOR_BLUE);
	logwriter_close(writer);
	read_file(path, text, sizeof(text));
	unlink(path);
	char *rest = text;
	const char *good = strsep(&rest, "\n"), *plain = strsep(&rest, "\n"), *bad = strsep(&rest, "\n");
	assert_non_null(strstr(good, "\"status\":200"));
	assert_non_null(strstr(good, "\"first_byte_ms\""));
	assert_non_null(
		strstr(good, "\"color\":\"green\",\"version\":\"v2\",\"shielded\":true,\"shielded_from\":\"blue\",\"backend\":\"green\",\"replays\":1}"));
	assert_null(strstr(good, "\"error\""));
	assert_non_null(strstr(plain, "\"color\":\"blue\",\"version\":\"v1\",\"backend\":\"actor\"}"));
	assert_non_null(strstr(bad, "\"status\":502"));
	assert_non_null(strstr(bad, "\"shielded_from\":\"blue\",\"backend\":\"green\",\"replays\":1,\"error\":\"backend_closed\"}"));
	assert_null(strstr(bad, "\"first_byte_ms\""));
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, shielded_open, shielded_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_requests),
		flow_test(test_long_bodies),
		flow_test(test_pipelined),
		flow_test(test_interim),
		cmocka_unit_test_teardown(test_client_leaves, shielded_close),
		cmocka_unit_test_teardown(test_cut, shielded_close),
		flow_test(test_total_time),
		flow_test(test_no_time_left),
		flow_test(test_newer_table),
		flow_test(test_access_log),
	};
	return cmocka_run_group_tests_name("shield_requests", tests, NULL, NULL);
}
