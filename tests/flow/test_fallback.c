// The asset fallback: what one color answers with 404 is tried on the other, and is nothing to the numbers of that. The real proxy in process.
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
#include "tests/flow/lacking.h"

/* ---- answers ---- */

/* What the other color does about a 404, and what the client gets. */
static const struct {
	const char *deed;
	int status;
	bool own; /* the answer is teal's */
} seconds[] = {
	{"200", 200, false},
	{"206", 206, false},
	{"304", 304, false},
	{"302", 302, false},
	{"404", 404, false},
	{"chunks", 404, false},
	{"400", 404, true},
	{"403", 404, true},
	{"410", 404, true},
	{"500", 404, true},
	{"503", 404, true},
	{"close", 404, true},
	{"reset", 404, true},
	{"garbage", 404, true},
	{"hang", 404, true},
};

static void try_second(enum color live, size_t i)
{
	bool blue = live == COLOR_BLUE;
	enum color other = color_other(live);
	unsigned before[COLOR_COUNT] = {atomic_load(&lacking_heard[COLOR_BLUE]), atomic_load(&lacking_heard[COLOR_GREEN])};
	shielded_begin();
	int fd = stage_connect(&shielded_stage);
	int status = lacking_ask(fd, "GET /assets/a.js", blue ? "404" : seconds[i].deed, blue ? seconds[i].deed : "404", "");
	if (status != seconds[i].status)
		fail_msg("%s: %d instead of %d", seconds[i].deed, status, seconds[i].status);
	assert_int_equal(lacking_is_from(other), !seconds[i].own);
	assert_false(lacking_is_from(live));
	assert_int_equal(strstr(shielded_answer, "Proxy-Status: teal") != NULL, seconds[i].own);
	/* the connection goes on */
	assert_int_equal(lacking_ask(fd, "GET /assets/b.js", "200", "200", ""), 200);
	assert_true(lacking_is_from(live));
	stage_close_client(fd);
	shielded_settle();
	assert_int_equal(atomic_load(&lacking_heard[live]) - before[live], 2);
	unsigned others = atomic_load(&lacking_heard[other]) - before[other];
	assert_true(others == 1 || (others == 2 && seconds[i].own)); /* a connection that was used before and breaks is no attempt */
	assert_int_equal(shielded_gained(live, codes[200 - TOTALS_STATUS_LOW]), 1);
	assert_int_equal(shielded_gained(live, codes[404 - TOTALS_STATUS_LOW]), 1);
	assert_int_equal(shielded_gained(live, ended), 2);
	assert_int_equal(shielded_gained(live, errors), 0);
	assert_int_equal(shielded_gained(live, failed), 0);
	assert_int_equal(shielded_gained(live, fallbacks), 1);
	assert_int_equal(shielded_gained(other, ended), 0);
	assert_int_equal(shielded_gained(other, errors), 0);
	assert_int_equal(shielded_gained(other, duration.total), 0);
}

static void test_second_answers(void **state)
{
	(void)state;
	for (unsigned live = 0; live < COLOR_COUNT; live++) {
		for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
			shielded_stage.globals.response_ms = strcmp(seconds[i].deed, "hang") == 0 ? 500 : 5000;
			lacking_publish((enum color)live);
			try_second((enum color)live, i);
		}
	}
}

/* Once its head was passed on, an answer of the other color's that ends too soon shows as one. */
static void test_second_truncated(void **state)
{
	(void)state;
	shielded_begin();
	int fd = stage_connect(&shielded_stage);
	assert_int_equal(lacking_ask(fd, "GET /assets/a.js", "404", "part", ""), 0);
	stage_close_client(fd);
	lacking_assert_counted(COLOR_BLUE, 1, 1);
}

/* However the first color's 404 comes, nothing of it is seen. */
static void test_first_answers(void **state)
{
	(void)state;
	static const char *const deeds[] = {"404", "large", "chunks", "until-close"};
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		shielded_begin();
		int fd = stage_connect(&shielded_stage);
		for (unsigned times = 0; times < 2; times++) {
			assert_int_equal(lacking_ask(fd, "GET /assets/a.js", deeds[i], "200", ""), 200);
			assert_true(lacking_is_from(COLOR_GREEN));
		}
		assert_int_equal(lacking_ask(fd, "GET /assets/a.js", "200", "200", ""), 200);
		assert_true(lacking_is_from(COLOR_BLUE));
		stage_close_client(fd);
		shielded_settle();
		assert_int_equal(shielded_gained(COLOR_BLUE, fallbacks), 2);
	}
}

static void test_interim(void **state)
{
	(void)state;
	int fd = stage_connect(&shielded_stage);
	assert_int_equal(lacking_ask(fd, "GET /assets/a.js", "hints", "200", ""), 103);
	assert_int_equal(shielded_read(fd), 200);
	assert_true(lacking_is_from(COLOR_GREEN));
	stage_close_client(fd);
}

/* ---- requests ---- */

static const struct {
	const char *line, *more;
	const char *body;
	bool tried;
} requests[] = {
	{"GET /assets/a.js", "", NULL, true},
	{"GET /assets", "", NULL, true},
	{"GET /assets/", "", NULL, true},
	{"GET /assets?v=1", "", NULL, true},
	{"GET /assets/a.js?from=/other", "", NULL, true},
	{"GET http://shop.example/assets/a.js", "", NULL, true},
	{"GET /static/js/a.js", "", NULL, true},
	{"HEAD /assets/a.js", "", NULL, true},
	{"GET /assets/a.js", "Cookie: a=b\r\n", NULL, true},
	{"GET /assetsfoo", "", NULL, false},
	{"GET /Assets/a.js", "", NULL, false},
	{"GET /other?/assets/a.js", "", NULL, false},
	{"GET /static/css/a.css", "", NULL, false},
	{"GET /", "", NULL, false},
	{"GET /x/assets/a.js", "", NULL, false},
	{"POST /assets/a.js", "Content-Length: 4\r\n", "body", false},
	{"POST /assets/a.js", "Content-Length: 0\r\n", NULL, false},
	{"PUT /assets/a.js", "Content-Length: 4\r\n", "body", false},
	{"DELETE /assets/a.js", "", NULL, false},
	{"OPTIONS /assets/a.js", "", NULL, false},
	{"GET /assets/a.js", "Content-Length: 4\r\n", "body", false},
	{"GET /assets/a.js", "Expect: 100-continue\r\n", NULL, false},
	{"GET /assets/a.js", "Connection: upgrade\r\nUpgrade: websocket\r\n", NULL, false},
};

static void test_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		unsigned before = atomic_load(&lacking_heard[COLOR_GREEN]);
		bool head_only = strncmp(requests[i].line, "HEAD", 4) == 0, tried = requests[i].tried;
		shielded_begin();
		int fd = stage_connect(&shielded_stage);
		lacking_send(fd, requests[i].line, "404", "200", requests[i].more);
		if (requests[i].body)
			stage_send(fd, requests[i].body);
		int status = stage_read_answer(fd, shielded_answer, sizeof(shielded_answer), head_only);
		if (status != (tried ? 200 : 404))
			fail_msg("%s: %d", requests[i].line, status);
		assert_true(lacking_is_from(tried ? COLOR_GREEN : COLOR_BLUE));
		stage_close_client(fd);
		lacking_assert_counted(COLOR_BLUE, 1, tried);
		assert_int_equal(atomic_load(&lacking_heard[COLOR_GREEN]) - before, tried);
	}
}

/* What a request asks for besides goes along. */
static void test_conditional(void **state)
{
	(void)state;
	int fd = stage_connect(&shielded_stage);
	assert_int_equal(lacking_ask(fd, "GET /assets/a.js", "404", "304", "If-None-Match: \"a\"\r\n"), 304);
	assert_non_null(strstr(shielded_answer, "X-Asked: If-None-Match: \"a\"\r\n"));
	assert_int_equal(lacking_ask(fd, "GET /assets/a.js", "404", "206", "Range: bytes=0-3\r\n"), 206);
	assert_non_null(strstr(shielded_answer, "X-Asked: Range: bytes=0-3\r\n"));
	assert_int_equal(lacking_ask(fd, "HEAD /assets/a.js", "404", "503", ""), 404);
	assert_non_null(strstr(shielded_answer, "Proxy-Status: teal"));
	assert_int_equal(lacking_ask(fd, "GET /assets/a.js", "200", "404", ""), 200);
	assert_true(lacking_is_from(COLOR_BLUE));
	stage_close_client(fd);
}

static void test_pipelined(void **state)
{
	(void)state;
	int fd = stage_connect(&shielded_stage);
	for (unsigned i = 0; i < 4; i++)
		lacking_send(fd, "GET /assets/a.js", i % 2 ? "200" : "404", "200", "");
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(shielded_read(fd), 200);
		assert_true(lacking_is_from(i % 2 ? COLOR_BLUE : COLOR_GREEN));
	}
	stage_close_client(fd);
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, lacking_open, lacking_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_second_answers),
		flow_test(test_second_truncated),
		flow_test(test_first_answers),
		flow_test(test_interim),
		flow_test(test_requests),
		flow_test(test_conditional),
		flow_test(test_pipelined),
	};
	return cmocka_run_group_tests_name("fallback", tests, NULL, NULL);
}
