// Flow tests of one exchange after the other: the real proxy in process, scripted backends, raw clients.
// links: proxy
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/flow/stage.h"

static struct stage stage;
static char answer[4 * 1024 * 1024];

static int open_stage(void **state)
{
	(void)state;
	stage_open(&stage, 2, 1, 1);
	return 0;
}

static int open_wide_stage(void **state)
{
	(void)state;
	stage_open(&stage, 1, 3, 1);
	return 0;
}

static int close_stage(void **state)
{
	(void)state;
	stage_close(&stage);
	return 0;
}

static void ask(int fd, const char *path)
{
	char request[512];
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: shop.example\r\n\r\n", path);
	stage_send(fd, request);
}

static int get(int fd, const char *path)
{
	ask(fd, path);
	return stage_read_answer(fd, answer, sizeof(answer), false);
}

static const char *body(void)
{
	return strstr(answer, "\r\n\r\n") + 4;
}

static void wait_ms(unsigned ms)
{
	struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000l};
	nanosleep(&time, NULL);
}

/* Every answer in order on one kept-alive connection, over one backend connection. */
static void test_keep_alive(void **state)
{
	(void)state;
	int fd = stage_connect(&stage);
	for (int i = 0; i < 20; i++) {
		char path[32];
		snprintf(path, sizeof(path), "/n/%d", i);
		assert_int_equal(get(fd, path), 200);
		assert_non_null(strstr(answer, "X-Color: blue"));
		assert_memory_equal(body(), path, strlen(path));
	}
	assert_int_equal(atomic_load(&stage.backends[0].connections), 1);
	stage_close_client(fd);
}

static void test_pipelined_in_order(void **state)
{
	(void)state;
	int fd = stage_connect(&stage);
	stage_send(fd, "GET /slow HTTP/1.1\r\nHost: shop.example\r\n\r\nGET /two HTTP/1.1\r\nHost: shop.example\r\n\r\n"
		       "POST /three HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabcGET /four HTTP/1.1\r\nHost: shop.example\r\n\r\n");
	static const char *const expected[] = {"/slow 0 0", "/two 0 0", "/three 3 96354", "/four 0 0"};
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(stage_read_answer(fd, answer, sizeof(answer), false), 200);
		assert_string_equal(body(), expected[i]);
	}
	stage_close_client(fd);
}

/* A request cut at every byte, with a pause the loop sees, gets the same answer. */
static void test_split_everywhere(void **state)
{
	(void)state;
	static const char request[] = "POST /p HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
	int fd = stage_connect(&stage);
	for (size_t cut = 1; cut < sizeof(request) - 1; cut++) {
		stage_send_bytes(fd, request, cut);
		wait_ms(2);
		stage_send_bytes(fd, request + cut, sizeof(request) - 1 - cut);
		assert_int_equal(stage_read_answer(fd, answer, sizeof(answer), false), 200);
		assert_string_equal(body(), "/p 3 96354");
	}
	stage_close_client(fd);
}

struct shape {
	const char *path;
	const char *version;
	int status;
	const char *in_head, *not_in_head, *body;
};

static void test_answer_shapes(void **state)
{
	(void)state;
	static const struct shape shapes[] = {
		{"/chunked", "1.1", 200, "Transfer-Encoding: chunked", "Content-Length", "hello world"},
		{"/chunked", "1.0", 200, "Connection: close", "Transfer-Encoding", "hello world"},
		{"/until-close", "1.1", 200, "Transfer-Encoding: chunked", "Connection: close", "until close"},
		{"/until-close", "1.0", 200, "Connection: close", "Transfer-Encoding", "until close"},
		{"/204", "1.1", 204, "HTTP/1.1 204", "Content-Length", ""},
		{"/304", "1.1", 304, "Content-Length: 7", "Transfer-Encoding", ""},
		{"/hop", "1.1", 200, "Via: 1.1 teal", "X-Private", "ok"},
		{"/garbage", "1.1", 502, "Proxy-Status: teal; error=http_protocol_error", "X-Color", NULL},
		{"/drop", "1.1", 502, "Proxy-Status: teal; error=connection_terminated", "X-Color", NULL},
	};
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		char request[256];
		int fd = stage_connect(&stage);
		snprintf(request, sizeof(request), "GET %s HTTP/%s\r\nHost: shop.example\r\n\r\n", shapes[i].path, shapes[i].version);
		stage_send(fd, request);
		assert_int_equal(stage_read_answer(fd, answer, sizeof(answer), false), shapes[i].status);
		assert_non_null(strstr(answer, shapes[i].in_head));
		assert_null(strstr(answer, shapes[i].not_in_head));
		if (shapes[i].body)
			assert_string_equal(body(), shapes[i].body);
		if (strcmp(shapes[i].version, "1.1") == 0)
			assert_int_equal(get(fd, "/after"), 200);
		stage_close_client(fd);
	}
}

/* A truncated answer reaches the client as truncated. */
static void test_truncated(void **state)
{
	(void)state;
	static const char *const paths[] = {"/cut-length", "/cut-chunk"};
	for (size_t i = 0; i < 2; i++) {
		int fd = stage_connect(&stage);
		assert_int_equal(get(fd, paths[i]), 0);
		assert_non_null(strstr(answer, "HTTP/1.1 200 OK"));
		stage_close_client(fd);
	}
}

static void test_head_method(void **state)
{
	(void)state;
	int fd = stage_connect(&stage);
	for (int i = 0; i < 3; i++) {
		stage_send(fd, "HEAD /h HTTP/1.1\r\nHost: shop.example\r\n\r\n");
		assert_int_equal(stage_read_answer(fd, answer, sizeof(answer), true), 200);
		assert_non_null(strstr(answer, "Content-Length: 6"));
	}
	assert_int_equal(get(fd, "/after"), 200);
	stage_close_client(fd);
}

static void test_fields_to_backend(void **state)
{
	(void)state;
	int fd = stage_connect(&stage);
	stage_send(fd, "GET /head-back HTTP/1.1\r\nHost: shop.example\r\nConnection: X-Mine\r\nX-Mine: 1\r\nX-Forwarded-For: 9.9.9.9\r\nX-Kept: k\r\n\r\n");
	assert_int_equal(stage_read_answer(fd, answer, sizeof(answer), false), 200);
	assert_non_null(strstr(body(), "GET /head-back HTTP/1.1\r\n"));
	assert_non_null(strstr(body(), "\r\nHost: shop.example\r\n"));
	assert_non_null(strstr(body(), "\r\nX-Kept: k\r\n"));
	assert_non_null(strstr(body(), "\r\nX-Forwarded-For: 127.0.0.1\r\n"));
	assert_non_null(strstr(body(), "\r\nX-Forwarded-Proto: http\r\n"));
	assert_non_null(strstr(body(), "\r\nX-Forwarded-Host: shop.example\r\n"));
	assert_non_null(strstr(body(), "\r\nVia: 1.1 teal\r\n"));
	assert_non_null(strstr(body(), "\r\nX-Request-Id: "));
	assert_null(strstr(body(), "X-Mine"));
	assert_null(strstr(body(), "9.9.9.9"));
	stage_close_client(fd);
}

static void test_continue(void **state)
{
	(void)state;
	int fd = stage_connect(&stage);
	stage_send(fd, "POST /continue HTTP/1.1\r\nHost: shop.example\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	assert_int_equal(stage_read_answer(fd, answer, sizeof(answer), false), 100);
	stage_send(fd, "abc");
	assert_int_equal(stage_read_answer(fd, answer, sizeof(answer), false), 200);
	assert_string_equal(body(), "/continue 3 96354");
	assert_int_equal(get(fd, "/after"), 200);
	stage_close_client(fd);
}

static void test_early_answer(void **state)
{
	(void)state;
	int fd = stage_connect(&stage);
	stage_send(fd, "POST /early HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 1000000\r\n\r\nfirst");
	assert_int_equal(stage_read_answer(fd, answer, sizeof(answer), false), 413);
	assert_non_null(strstr(answer, "Connection: close"));
	assert_string_equal(body(), "big");
	stage_close_client(fd);
}

static void test_tunnel(void **state)
{
	(void)state;
	bool reset;
	int fd = stage_connect(&stage);
	stage_send(fd, "GET /tunnel HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly ");
	assert_int_equal(stage_read_answer(fd, answer, sizeof(answer), true), 101);
	assert_non_null(strstr(answer, "Upgrade: echo"));
	stage_flip(&stage, COLOR_GREEN); /* a tunnel stays with its color */
	stage_send(fd, "late ");
	wait_ms(20);
	assert_int_equal(totals_inflight(stage.totals, COLOR_BLUE), 1);
	shutdown(fd, SHUT_WR);
	stage_read_all(fd, answer, sizeof(answer), &reset);
	assert_string_equal(answer, "hello early late bye");
	assert_false(reset);
	stage_close_client(fd);
	assert_true(stage_wait_drained(&stage, COLOR_BLUE));
}

/* Bodies larger than every buffer, both ways, with a reader that starts late. */
static void test_large_bodies(void **state)
{
	(void)state;
	int fd = stage_connect(&stage);
	ask(fd, "/big/3000000");
	wait_ms(200);
	assert_int_equal(stage_read_answer(fd, answer, sizeof(answer), false), 200);
	const char *got = body();
	size_t length = strlen(got), same = 0;
	while (same < length && got[same] == (char)('a' + same % 23))
		same++;
	assert_int_equal(same, 3000000);
	char *upload = malloc(2000000);
	uint64_t sum = 0;
	for (size_t i = 0; i < 2000000; i++) {
		upload[i] = (char)('A' + i % 29);
		sum = sum * 31 + (unsigned char)upload[i];
	}
	stage_send(fd, "POST /up HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 2000000\r\n\r\n");
	stage_send_bytes(fd, upload, 2000000);
	assert_int_equal(stage_read_answer(fd, answer, sizeof(answer), false), 200);
	char expected[64];
	snprintf(expected, sizeof(expected), "/up 2000000 %llu", (unsigned long long)sum);
	assert_string_equal(body(), expected);
	free(upload);
	stage_close_client(fd);
}

/* The flip: what was asked before ends on the old color; what is asked after goes to the new one, on the same connection. */
static void test_flip(void **state)
{
	(void)state;
	int before = stage_connect(&stage), after = stage_connect(&stage);
	assert_int_equal(get(after, "/warm"), 200);
	ask(before, "/slow");
	wait_ms(50);
	stage_flip(&stage, COLOR_GREEN);
	assert_int_equal(totals_inflight(stage.totals, COLOR_BLUE), 1);
	assert_int_equal(get(after, "/now"), 200);
	assert_non_null(strstr(answer, "X-Color: green"));
	assert_int_equal(stage_read_answer(before, answer, sizeof(answer), false), 200);
	assert_non_null(strstr(answer, "X-Color: blue"));
	assert_true(stage_wait_drained(&stage, COLOR_BLUE));
	assert_int_equal(get(before, "/then"), 200);
	assert_non_null(strstr(answer, "X-Color: green"));
	stage_close_client(before);
	stage_close_client(after);
}

/* A backend that closes kept-alive connections: GETs are sent again on a fresh one, a POST is never seen twice. */
static void test_stale_connections(void **state)
{
	(void)state;
	atomic_store(&stage.backends[0].drop_after, 1);
	int fd = stage_connect(&stage);
	for (int i = 0; i < 50; i++)
		assert_int_equal(get(fd, "/stale"), 200);
	atomic_store(&stage.backends[0].posts, 0);
	unsigned good = 0;
	for (int i = 0; i < 50; i++) {
		stage_send(fd, "POST /stale HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 2\r\n\r\nab");
		int status = stage_read_answer(fd, answer, sizeof(answer), false);
		assert_true(status == 200 || status == 502);
		good += status == 200;
	}
	assert_int_equal(atomic_load(&stage.backends[0].posts), good);
	stage_close_client(fd);
}

/* Three backends, one of them gone: nobody notices, and a POST that was never sent goes to another one too. */
static void test_dead_backend(void **state)
{
	(void)state;
	stage_kill_backend(&stage, 1);
	int fd = stage_connect(&stage);
	for (int i = 0; i < 30; i++)
		assert_int_equal(get(fd, "/"), 200);
	for (int i = 0; i < 30; i++) {
		stage_send(fd, "POST /p HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 2\r\n\r\nab");
		assert_int_equal(stage_read_answer(fd, answer, sizeof(answer), false), 200);
	}
	struct proxy_counters counters;
	proxy_read_counters(stage.proxy, &counters);
	assert_true(counters.fails[FAIL_connect_refused] >= 1);
	assert_int_equal(counters.fails[FAIL_connect_refused], counters.replays[FAIL_connect_refused]);
	stage_close_client(fd);
}

/* A request that dies with its backend is asked again once elsewhere when it is safe, and answered 502 when it is not. */
static void test_dropped_requests(void **state)
{
	(void)state;
	int fd = stage_connect(&stage);
	assert_int_equal(get(fd, "/drop"), 502);
	unsigned asked = 0;
	for (int i = 0; i < 3; i++)
		asked += atomic_exchange(&stage.backends[i].requests, 0);
	assert_int_equal(asked, 2);
	stage_send(fd, "POST /drop HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 2\r\n\r\nab");
	assert_int_equal(stage_read_answer(fd, answer, sizeof(answer), false), 502);
	asked = 0;
	for (int i = 0; i < 3; i++)
		asked += atomic_load(&stage.backends[i].requests);
	assert_int_equal(asked, 1);
	stage_close_client(fd);
}

struct refusal {
	const char *request;
	int status;
	const char *in_answer;
};

static void test_own_answers(void **state)
{
	(void)state;
	static const struct refusal refusals[] = {
		{"GET / HTTP/1.1\r\nHost: other.example\r\n\r\n", 404, "error=destination_not_found"},
		{"GET / HTTP/1.1\r\nHost: other.example\r\nAccept: application/json\r\n\r\n", 404, "\"status\":404"},
		{"GET / HTTP/1.1\r\nHost: other.example\r\nAccept: text/html\r\n\r\n", 404, "<h1>404 Not Found</h1>"},
		{"GET https://shop.example/ HTTP/1.1\r\nHost: shop.example\r\n\r\n", 421, "http_request_error"},
		{"GET / HTTP/1.1\r\n\r\n", 400, "http_request_error"},
		{"GET / HTTP/1.1\r\nHost : shop.example\r\n\r\n", 400, "http_request_error"},
		{"GET / HTTP/3.0\r\nHost: shop.example\r\n\r\n", 505, "http_request_error"},
		{"CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example:443\r\n\r\n", 501, "http_request_error"},
		{"POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "ambiguous"},
		{"GET / HTTP/1.1\r\nHost: shop.example\r\nExpect: wonders\r\n\r\n", 417, "100-continue"},
	};
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		int fd = stage_connect(&stage);
		stage_send(fd, refusals[i].request);
		assert_int_equal(stage_read_answer(fd, answer, sizeof(answer), false), refusals[i].status);
		assert_non_null(strstr(answer, refusals[i].in_answer));
		assert_non_null(strstr(answer, "X-Request-Id: "));
		stage_close_client(fd);
	}
	assert_int_equal(atomic_load(&stage.backends[0].requests), 0);
}

static void test_clocks(void **state)
{
	(void)state;
	int slow_head = stage_connect(&stage), slow_body = stage_connect(&stage);
	stage_send(slow_head, "GET / HTTP/1.1\r\nHo");
	stage_send(slow_body, "POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 10\r\n\r\nabc");
	assert_int_equal(stage_read_answer(slow_head, answer, sizeof(answer), false), 408);
	assert_int_equal(stage_read_answer(slow_body, answer, sizeof(answer), false), 408);
	stage_close_client(slow_head);
	stage_close_client(slow_body);
}

/* A client that resets while its answer is awaited frees the backend's connection; one that half-closes still gets its answer. */
static void test_client_ends(void **state)
{
	(void)state;
	int gone = stage_connect(&stage), half = stage_connect(&stage);
	struct linger now = {1, 0};
	ask(gone, "/slow");
	ask(half, "/slow");
	shutdown(half, SHUT_WR);
	wait_ms(50);
	setsockopt(gone, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	stage_close_client(gone);
	assert_int_equal(stage_read_answer(half, answer, sizeof(answer), false), 200);
	stage_close_client(half);
	struct proxy_counters counters;
	proxy_read_counters(stage.proxy, &counters);
	assert_int_equal(counters.fails[FAIL_client_gone], 1);
	assert_true(stage_wait_drained(&stage, COLOR_BLUE));
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)
#define wide_flow_test(name) cmocka_unit_test_setup_teardown(name, open_wide_stage, close_stage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_keep_alive),
		flow_test(test_pipelined_in_order),
		flow_test(test_split_everywhere),
		flow_test(test_answer_shapes),
		flow_test(test_truncated),
		flow_test(test_head_method),
		flow_test(test_fields_to_backend),
		flow_test(test_continue),
		flow_test(test_early_answer),
		flow_test(test_tunnel),
		flow_test(test_large_bodies),
		flow_test(test_flip),
		flow_test(test_stale_connections),
		wide_flow_test(test_dead_backend),
		wide_flow_test(test_dropped_requests),
		flow_test(test_own_answers),
		flow_test(test_clocks),
		flow_test(test_client_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
