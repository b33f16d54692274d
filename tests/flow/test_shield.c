// The shield: what blue failed is answered by green, and counts against blue as if it were not. The real proxy in process.
// links: proxy
#include <errno.h>
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

#include "tests/flow/actor.h"
#include "tests/flow/shielded.h"

/* ---- every failure ---- */

/* How blue fails, and what that counts as, shielded or not. */
struct failure {
	const char *deed;
	unsigned status;  /* as a client sees it without the shield */
	bool failed;      /* teal had to answer */
	unsigned replays; /* on blue itself */
	unsigned covered; /* by one of these bits; 0: never */
	enum fail_kind kind;
};

static const struct failure failures[] = {
	{"close", 502, true, 1, TABLE_SHIELD_FAILURES, FAIL_KIND_reset},
	{"reset", 502, true, 1, TABLE_SHIELD_FAILURES, FAIL_KIND_reset},
	{"hang", 504, true, 0, TABLE_SHIELD_FAILURES, FAIL_KIND_timeout},
	{"garbage", 502, true, 0, TABLE_SHIELD_FAILURES, FAIL_KIND_malformed},
	{"framing", 502, true, 0, TABLE_SHIELD_FAILURES, FAIL_KIND_malformed},
	{"half", 502, true, 0, TABLE_SHIELD_FAILURES, FAIL_KIND_reset},
	{"half-reset", 502, true, 0, TABLE_SHIELD_FAILURES, FAIL_KIND_reset},
	{"half-hang", 504, true, 0, TABLE_SHIELD_FAILURES, FAIL_KIND_timeout},
	{"101", 502, true, 0, 0, FAIL_KIND_malformed},
	{"500", 500, false, 0, TABLE_SHIELD_500, FAIL_KIND_none},
	{"501", 501, false, 0, 0, FAIL_KIND_none},
	{"502", 502, false, 0, TABLE_SHIELD_502, FAIL_KIND_none},
	{"503", 503, false, 0, TABLE_SHIELD_503, FAIL_KIND_none},
	{"504", 504, false, 0, TABLE_SHIELD_504, FAIL_KIND_none},
	{"503-body", 503, false, 0, TABLE_SHIELD_503, FAIL_KIND_none},
	{"503-chunks", 503, false, 0, TABLE_SHIELD_503, FAIL_KIND_none},
	{"503-late", 503, false, 0, TABLE_SHIELD_503, FAIL_KIND_none},
	{"503-until-close", 503, false, 0, TABLE_SHIELD_503, FAIL_KIND_none},
	{"503-last", 503, false, 0, TABLE_SHIELD_503, FAIL_KIND_none},
};

struct method {
	const char *name;
	bool safe;
};

static const struct method methods[] = {
	{"GET", true}, {"HEAD", true}, {"OPTIONS", true}, {"TRACE", true}, {"POST", false}, {"PUT", false}, {"DELETE", false}, {"PROPFIND", false}};

static void try_failure(const struct failure *failure, const struct method *method)
{
	bool shielded = (shielded_stage.shield & failure->covered) && method->safe;
	bool teal_answers = failure->failed && !shielded;
	unsigned heard = shielded_heard_by_green();
	shielded_begin();
	int fd = stage_connect(&shielded_stage);
	unsigned status = (unsigned)shielded_ask(fd, method->name, "/n", failure->deed), expected = shielded ? 200 : failure->status;
	if (status != expected)
		fail_msg("%s %s: %u instead of %u", method->name, failure->deed, status, expected);
	assert_true(!strstr(shielded_answer, "X-Color: green") == !shielded);
	assert_true(!strstr(shielded_answer, "X-Color: blue") == (shielded || teal_answers));
	assert_true(!strstr(shielded_answer, "Proxy-Status: teal") == !teal_answers);
	stage_close_client(fd);
	shielded_settle();
	assert_int_equal(shielded_heard_by_green() - heard, shielded);
	assert_int_equal(shielded_gained(COLOR_BLUE, ended), 1);
	assert_int_equal(shielded_gained(COLOR_BLUE, errors), 1);
	assert_int_equal(shielded_gained(COLOR_BLUE, failed), teal_answers);
	assert_int_equal(shielded_gained(COLOR_BLUE, kinds[failure->kind]), failure->failed);
	assert_int_equal(shielded_gained(COLOR_BLUE, codes[failure->status - TOTALS_STATUS_LOW]), 1);
	assert_int_equal(shielded_gained(COLOR_BLUE, duration.total), 1);
	assert_int_equal(shielded_gained(COLOR_BLUE, first_byte.total), !failure->failed);
	assert_int_equal(shielded_gained(COLOR_BLUE, replayed), method->safe ? failure->replays : 0);
	assert_int_equal(shielded_gained(COLOR_BLUE, shielded), shielded);
	assert_int_equal(shielded_gained(COLOR_BLUE, shielded_errors), 0);
	shielded_assert_green_counts_nothing();
}

static void try_failures(unsigned shield)
{
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		bool hangs = strstr(failures[i].deed, "hang") != NULL;
		shielded_stage.globals.response_ms = hangs ? 800 : 5000;
		shielded_set(shield);
		for (size_t j = 0; j < (hangs ? 1 : sizeof(methods) / sizeof(methods[0])); j++)
			try_failure(&failures[i], &methods[j]);
	}
}

static void test_off(void **state)
{
	(void)state;
	try_failures(0);
}

static void test_usual(void **state)
{
	(void)state;
	try_failures(SHIELDED_USUAL);
}

static void test_all(void **state)
{
	(void)state;
	try_failures(SHIELDED_ALL);
}

/* What is no failure is nobody else's. */
static void test_good_answers(void **state)
{
	(void)state;
	shielded_begin();
	int fd = stage_connect(&shielded_stage);
	assert_int_equal(shielded_ask(fd, "GET", "/n", "fine"), 200);
	assert_non_null(strstr(shielded_answer, "X-Color: blue"));
	assert_int_equal(shielded_ask(fd, "GET", "/n", "404"), 404);
	assert_int_equal(shielded_ask(fd, "GET", "/n", "truncate"), 0);
	stage_close_client(fd);
	fd = stage_connect(&shielded_stage);
	assert_int_equal(shielded_ask(fd, "GET", "/n", "stall"), 0);
	stage_close_client(fd);
	shielded_settle();
	assert_int_equal(shielded_heard_by_green(), 0);
	assert_int_equal(shielded_gained(COLOR_BLUE, ended), 4);
	assert_int_equal(shielded_gained(COLOR_BLUE, shielded), 0);
	shielded_assert_green_counts_nothing();
}

/* ---- no connection to blue ---- */

/* Where this backend listened, nobody accepts: what connects there now waits for good. */
static int fill_queue(unsigned i, int fillers[4])
{
	struct addr at = shielded_stage.backends[i].addr;
	int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
	stage_kill_backend(&shielded_stage, i);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(listener, &at.to.any, at.length), 0);
	assert_int_equal(listen(listener, 0), 0);
	for (unsigned j = 0; j < 4; j++) {
		fillers[j] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		assert_true(connect(fillers[j], &at.to.any, at.length) == 0 || errno == EINPROGRESS);
	}
	return listener;
}

static void empty_queue(int listener, int fillers[4])
{
	for (unsigned i = 0; i < 4; i++)
		close(fillers[i]);
	close(listener);
}

static void try_without_connection(unsigned status)
{
	int fd = stage_connect(&shielded_stage);
	for (unsigned i = 0; i < 3; i++) { /* the second time blue is known for it */
		shielded_begin();
		assert_int_equal(shielded_ask(fd, "GET", "/n", "fine"), 200);
		assert_non_null(strstr(shielded_answer, "X-Color: green"));
		shielded_settle();
		assert_int_equal(shielded_gained(COLOR_BLUE, failed), 0); /* for clients */
		assert_int_equal(shielded_gained(COLOR_BLUE, kinds[FAIL_KIND_connect]) + shielded_gained(COLOR_BLUE, kinds[FAIL_KIND_unavailable]), 1);
		assert_int_equal(shielded_gained(COLOR_BLUE, codes[status - TOTALS_STATUS_LOW]), 1);
		assert_int_equal(shielded_gained(COLOR_BLUE, shielded), 1);
		shielded_assert_green_counts_nothing();
	}
	shielded_begin();
	assert_int_equal(shielded_ask(fd, "POST", "/n", "fine"), status);
	shielded_settle();
	assert_int_equal(shielded_gained(COLOR_BLUE, shielded), 0);
	stage_close_client(fd);
}

static void test_refused(void **state)
{
	(void)state;
	stage_kill_backend(&shielded_stage, SHIELDED_BLUE);
	try_without_connection(502);
}

static void test_connect_timeout(void **state)
{
	(void)state;
	int fillers[4];
	shielded_stage.globals.connect_ms = 150;
	shielded_set(SHIELDED_ALL);
	int listener = fill_queue(SHIELDED_BLUE, fillers);
	try_without_connection(504);
	empty_queue(listener, fillers);
}

/* Blue has used up its time to connect; green, whose first backend refuses, has its own, and as many attempts. */
static void test_connect_again(void **state)
{
	(void)state;
	int fillers[2][4], listeners[2];
	stage_open(&shielded_stage, 1, 0, 2);
	shielded_stage.shield = SHIELDED_ALL;
	shielded_stage.globals.connect_ms = 150;
	for (unsigned i = 0; i < 2; i++) {
		actor_play(&shielded_stage, shielded_play_blue);
		listeners[i] = fill_queue(2 + i, fillers[i]);
	}
	stage_kill_backend(&shielded_stage, 0);
	int fd = stage_connect(&shielded_stage);
	assert_int_equal(shielded_ask(fd, "GET", "/n", "fine"), 200);
	assert_non_null(strstr(shielded_answer, "X-Color: green"));
	assert_int_equal(atomic_load(&shielded_stage.backends[1].requests), 1);
	stage_close_client(fd);
	for (unsigned i = 0; i < 2; i++)
		empty_queue(listeners[i], fillers[i]);
}

/* Blue has no backends at all. */
static void test_no_backend(void **state)
{
	(void)state;
	stage_kill_backend(&shielded_stage, SHIELDED_BLUE);
	strcpy(shielded_stage.backends[SHIELDED_BLUE].color, "none");
	shielded_set(SHIELDED_ALL);
	try_without_connection(503);
}

/* ---- connections ---- */

/* What is left of blue's connection after its answer was put aside: kept when the answer was whole, else closed. */
static void test_connections(void **state)
{
	(void)state;
	static const struct {
		const char *deed;
		bool kept;
	} cases[] = {{"503", true}, {"503-body", true}, {"503-chunks", true}, {"503-soon", true}, {"503-part", false}, {"503-until-close", false},
		{"503-last", false}, {"503-more", false}};
	unsigned idle = 0;
	int fd = stage_connect(&shielded_stage);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned first = atomic_load(&shielded_stage.backends[SHIELDED_BLUE].connections);
		for (unsigned j = 0; j < 4; j++) {
			char path[32];
			snprintf(path, sizeof(path), "/%zu/%u", i, j);
			assert_int_equal(shielded_ask(fd, "GET", path, cases[i].deed), 200);
			assert_non_null(strstr(shielded_answer, path));
		}
		unsigned opened = atomic_load(&shielded_stage.backends[SHIELDED_BLUE].connections) - first;
		assert_int_equal(opened, (cases[i].kept ? 1 : 4) - idle);
		idle = cases[i].kept;
	}
	assert_int_equal(shielded_ask(fd, "GET", "/n", "close"), 200);
	assert_int_equal(atomic_load(&shielded_stage.backends[SHIELDED_GREEN].connections), 1);
	stage_close_client(fd);
}

/* On a connection's second request green closes it without a word, as servers do that have just let go of an idle one. */
static void play_stale_green(int fd)
{
	if (!shielded_is_green(fd)) {
		shielded_play_blue(fd);
		return;
	}
	if (actor_hear_head(fd))
		actor_say(fd, "HTTP/1.1 200 OK\r\nX-Color: green\r\nContent-Length: 0\r\n\r\n");
	actor_hear_head(fd);
}

static void test_stale_connection(void **state)
{
	(void)state;
	shielded_open_played(play_stale_green);
	shielded_begin();
	int fd = stage_connect(&shielded_stage);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(shielded_ask(fd, "GET", "/n", i % 2 ? "close" : "503"), 200);
		assert_non_null(strstr(shielded_answer, "X-Color: green"));
	}
	stage_close_client(fd);
	shielded_settle();
	assert_int_equal(shielded_gained(COLOR_BLUE, shielded), 6);
	assert_int_equal(shielded_gained(COLOR_BLUE, shielded_errors), 0);
	shielded_assert_green_counts_nothing();
}

/* ---- green is no better, or is not there ---- */

static void test_green_fails_too(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		int status;
		unsigned heard; /* once each, whatever happens */
	} cases[] = {{"/drop", 502, 1}, {"/garbage", 502, 1}, {"/cut-length", 0, 1}, {"/cut-chunk", 0, 1}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = stage_connect(&shielded_stage);
		unsigned heard = shielded_heard_by_green();
		shielded_begin();
		assert_int_equal(shielded_ask(fd, "GET", cases[i].path, "503"), cases[i].status);
		stage_close_client(fd);
		shielded_settle();
		assert_int_equal(shielded_heard_by_green() - heard, cases[i].heard);
		assert_int_equal(shielded_gained(COLOR_BLUE, codes[503 - TOTALS_STATUS_LOW]), 1);
		assert_int_equal(shielded_gained(COLOR_BLUE, ended), 1);
		assert_int_equal(shielded_gained(COLOR_BLUE, failed), 1); /* it was not green that was to answer */
		assert_int_equal(shielded_gained(COLOR_BLUE, shielded), 1);
		assert_int_equal(shielded_gained(COLOR_BLUE, shielded_errors), 1);
		shielded_assert_green_counts_nothing();
	}
}

/* Blue's own answer goes through when green can't take over: it is known to be gone. */
static void test_green_is_gone(void **state)
{
	(void)state;
	stage_kill_backend(&shielded_stage, SHIELDED_GREEN);
	shielded_begin();
	int fd = stage_connect(&shielded_stage);
	assert_int_equal(shielded_ask(fd, "GET", "/n", "503-body"), 502); /* who could have known */
	assert_int_equal(shielded_ask(fd, "GET", "/n", "503-body"), 503);
	assert_non_null(strstr(shielded_answer, "X-Color: blue"));
	assert_non_null(strstr(shielded_answer, "\r\n\r\nbody"));
	stage_close_client(fd);
	shielded_settle();
	assert_int_equal(shielded_gained(COLOR_BLUE, ended), 2);
	assert_int_equal(shielded_gained(COLOR_BLUE, errors), 2);
	assert_int_equal(shielded_gained(COLOR_BLUE, failed), 1);
	assert_int_equal(shielded_gained(COLOR_BLUE, shielded), 1);
	shielded_assert_green_counts_nothing();
}

static void test_no_green(void **state)
{
	(void)state;
	strcpy(shielded_stage.backends[SHIELDED_GREEN].color, "none");
	shielded_set(SHIELDED_ALL);
	int fd = stage_connect(&shielded_stage);
	assert_int_equal(shielded_ask(fd, "GET", "/n", "503-body"), 503);
	assert_non_null(strstr(shielded_answer, "\r\n\r\nbody"));
	assert_int_equal(shielded_ask(fd, "GET", "/n", "garbage"), 502);
	stage_close_client(fd);
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, shielded_open, shielded_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_off),
		flow_test(test_usual),
		flow_test(test_all),
		flow_test(test_good_answers),
		flow_test(test_refused),
		flow_test(test_connect_timeout),
		cmocka_unit_test_teardown(test_connect_again, shielded_close),
		flow_test(test_no_backend),
		flow_test(test_connections),
		cmocka_unit_test_teardown(test_stale_connection, shielded_close),
		flow_test(test_green_fails_too),
		flow_test(test_green_is_gone),
		flow_test(test_no_green),
	};
	return cmocka_run_group_tests_name("shield", tests, NULL, NULL);
}
