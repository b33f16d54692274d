// Flow tests of what passes and what does not: kinds of backends' addresses, old clients, upgrades, trailers, hops, counters.
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
#include <sys/un.h>
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

static int close_stage(void **state)
{
	(void)state;
	stage_close(&stage);
	return 0;
}

#define GET "GET /a HTTP/1.1\r\nHost: shop.example\r\n\r\n"

static int read_answer(int fd)
{
	return stage_read_answer(fd, answer, sizeof(answer), false);
}

static const char *body(void)
{
	return strstr(answer, "\r\n\r\n") + 4;
}

static uint64_t count_of(enum fail fail)
{
	struct proxy_counters counters;
	proxy_read_counters(stage.proxy, &counters);
	return counters.fails[fail];
}

/* ---- other kinds of addresses ---- */

static void test_unix_backend(void **state)
{
	(void)state;
	char folder[] = "/tmp/teal-test-XXXXXX";
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	assert_non_null(mkdtemp(folder));
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/backend", folder);
	actor_play_at(&stage, actor_answer_ok, (struct sockaddr *)&at, sizeof(at));
	int fd = stage_connect(&stage);
	for (int i = 0; i < 20; i++) {
		stage_send(fd, GET);
		assert_int_equal(read_answer(fd), 200);
	}
	stage_close_client(fd);
	unlink(at.sun_path);
	rmdir(folder);
}

static void test_ipv6_backend(void **state)
{
	(void)state;
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	actor_play_at(&stage, actor_answer_ok, (struct sockaddr *)&at, sizeof(at));
	int fd = stage_connect(&stage);
	stage_send(fd, GET);
	assert_int_equal(read_answer(fd), 200);
	stage_close_client(fd);
}

/* ---- what must be said to old clients, and what must not be passed on ---- */

static void test_own_answer_to_http10(void **state)
{
	(void)state;
	actor_play(&stage, actor_answer_ok);
	int fd = stage_connect(&stage);
	stage_send(fd, "GET / HTTP/1.0\r\nHost: nobody.example\r\nConnection: keep-alive\r\n\r\n");
	assert_int_equal(read_answer(fd), 404);
	assert_non_null(strstr(answer, "Connection: keep-alive\r\n"));
	stage_send(fd, "GET / HTTP/1.0\r\nHost: shop.example\r\nConnection: keep-alive\r\n\r\n");
	assert_int_equal(read_answer(fd), 200);
	stage_close_client(fd);
}

/* ---- what is counted, and what must not pass ---- */

static void test_no_backend_is_counted(void **state)
{
	(void)state;
	int fd = stage_connect(&stage);
	stage_send(fd, GET);
	assert_int_equal(read_answer(fd), 503);
	assert_int_equal(count_of(FAIL_no_backend), 1);
	stage_close_client(fd);
}

static void say_whether_upgrade(int fd)
{
	while (actor_hear_head(fd))
		actor_say(fd, strcasestr(actor_head, "\r\nUpgrade:") || strcasestr(actor_head, "HTTP2-Settings")
				      ? "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"
				      : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
}

static void hear_chunks(int fd)
{
	static _Thread_local char chunks[4096];
	while (actor_hear_head(fd)) {
		size_t length = 0;
		memset(chunks, 0, sizeof(chunks));
		while (!strstr(chunks, "0\r\n") || length < 4 || memcmp(chunks + length - 4, "\r\n\r\n", 4) != 0) {
			ssize_t got = recv(fd, chunks + length, sizeof(chunks) - 1 - length, 0);
			if (got <= 0)
				return;
			length += (size_t)got;
		}
		bool passed = strstr(chunks, "X-Hop") != NULL;
		actor_say(fd, "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nTransfer-Encoding: chunked\r\n\r\n");
		actor_say(fd, passed ? "6\r\npassed\r\n0\r\nX-Hop: 1\r\n\r\n" : "4\r\nleft\r\n0\r\nX-Hop: 1\r\n\r\n");
	}
}

/* Fields that Connection names are as little passed on in trailers as in heads (RFC 9110 section 7.6.1). */
static void test_named_trailers(void **state)
{
	(void)state;
	actor_play(&stage, hear_chunks);
	bool reset;
	int fd = stage_connect(&stage);
	stage_send(fd,
		"POST /a HTTP/1.1\r\nHost: shop.example\r\nConnection: close, X-Hop\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Hop: 1\r\n\r\n");
	stage_read_all(fd, answer, sizeof(answer), &reset);
	assert_non_null(strstr(answer, "\r\n\r\n4\r\nleft\r\n0\r\n\r\n"));
	assert_null(strstr(answer, "X-Hop"));
	stage_close_client(fd);
}

/* RFC 9110 section 7.6.2. */
static void test_last_hop(void **state)
{
	(void)state;
	actor_play(&stage, actor_answer_ok);
	int fd = stage_connect(&stage);
	stage_send(
		fd, "OPTIONS /a HTTP/1.1\r\nHost: shop.example\r\nMax-Forwards: 0\r\n\r\nOPTIONS /a HTTP/1.1\r\nHost: shop.example\r\nMax-Forwards: 1\r\n\r\n");
	assert_int_equal(read_answer(fd), 200);
	assert_non_null(strstr(answer, "\r\nAllow: GET, "));
	assert_int_equal(read_answer(fd), 200);
	assert_null(strstr(answer, "\r\nAllow: GET, "));
	assert_int_equal(atomic_load(&actor_heard), 1);
	stage_send(fd, "TRACE /a HTTP/1.1\r\nHost: shop.example\r\nCookie: secret\r\nX-A: b\r\nauthorization: secret\r\nMax-Forwards: 0\r\n\r\n");
	assert_int_equal(read_answer(fd), 200);
	assert_non_null(strstr(answer, "\r\nContent-Type: message/http\r\n"));
	assert_string_equal(body(), "TRACE /a HTTP/1.1\r\nHost: shop.example\r\nX-A: b\r\nMax-Forwards: 0\r\n\r\n");
	assert_int_equal(atomic_load(&actor_heard), 1);
	stage_close_client(fd);
}

static void answer_with_date(int fd)
{
	while (actor_hear_head(fd))
		actor_say(fd, strstr(actor_head, "GET /dated") ? "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n"
							       : "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

/* RFC 9110 section 6.6.1. */
static void test_every_final_answer_has_one_date(void **state)
{
	(void)state;
	actor_play(&stage, answer_with_date);
	int fd = stage_connect(&stage);
	stage_send(fd, "GET /dated HTTP/1.1\r\nHost: shop.example\r\n\r\n");
	assert_int_equal(read_answer(fd), 200);
	assert_null(strstr(strstr(answer, "\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n") + 1, "\r\nDate: "));
	stage_send(fd, GET);
	assert_int_equal(read_answer(fd), 103);
	assert_null(strstr(answer, "\r\nDate: "));
	assert_int_equal(read_answer(fd), 200);
	const char *date = strstr(answer, "\r\nDate: ");
	assert_non_null(date);
	assert_int_equal(strcspn(date + 8, "\r"), 29);
	stage_close_client(fd);
}

static void test_h2c_stays_here(void **state)
{
	(void)state;
	actor_play(&stage, say_whether_upgrade);
	int fd = stage_connect(&stage);
	stage_send(fd, "GET /a HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n");
	assert_int_equal(read_answer(fd), 200);
	assert_string_equal(body(), "no");
	stage_send(fd, "GET /a HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
	assert_int_equal(read_answer(fd), 200);
	assert_string_equal(body(), "yes");
	stage_close_client(fd);
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_unix_backend),
		flow_test(test_ipv6_backend),
		flow_test(test_own_answer_to_http10),
		flow_test(test_no_backend_is_counted),
		flow_test(test_h2c_stays_here),
		flow_test(test_named_trailers),
		flow_test(test_last_hop),
		flow_test(test_every_final_answer_has_one_date),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
