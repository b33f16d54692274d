// Split traffic: shares, clients who stay on a color, colors that are dead. The real proxy in process.
// links: proxy
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/flow/actor.h"

#define BLUE 0 /* of the stage's backends */
#define GREEN 1
#define CLIENTS 40
#define PIN "\r\nSet-Cookie: pin="

static struct stage stage;
static char answer[64 * 1024];
static unsigned green_share; /* of TABLE_SPLIT_WHOLE */
static enum table_sticky sticky;
static const char *sticky_name;

static void dress(struct table_service_spec *spec)
{
	spec->blue_split = TABLE_SPLIT_WHOLE - green_share;
	spec->sticky = sticky;
	spec->sticky_name = sticky_name;
	spec->seed = 4711;
}

static int open_stage(void **state)
{
	(void)state;
	stage_open(&stage, 1, 1, 1);
	stage.dress = dress;
	stage.globals.response_ms = 5000;
	return 0;
}

static int close_stage(void **state)
{
	(void)state;
	stage_close(&stage);
	return 0;
}

static void split(enum table_sticky by, const char *name, unsigned share)
{
	sticky = by;
	sticky_name = name;
	green_share = share;
	stage_flip(&stage, COLOR_BLUE);
}

static int ask(int fd, const char *method, const char *path, const char *version, const char *fields)
{
	char request[1024];
	snprintf(request, sizeof(request), "%s %s HTTP/1.%s\r\nHost: shop.example\r\n%s\r\n", method, path, version, fields);
	stage_send(fd, request);
	return stage_read_answer(fd, answer, sizeof(answer), strcmp(method, "HEAD") == 0);
}

static bool is_green(void)
{
	return strstr(answer, "X-Color: green") != NULL;
}

/* One request that must be answered well; whether green did it. */
static bool get(int fd, const char *fields)
{
	assert_int_equal(ask(fd, "GET", "/n", "1", fields), 200);
	assert_true(is_green() || strstr(answer, "X-Color: blue"));
	return is_green();
}

/* ---- shares ---- */

static void test_shares(void **state)
{
	static const unsigned shares[] = {500, 2500, 5000, 10000, 0};
	(void)state;
	int fd = stage_connect(&stage);
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		int green = 0, expected = (int)shares[i] / 50;
		split(TABLE_STICKY_NONE, NULL, shares[i]);
		for (unsigned r = 0; r < 200; r++)
			green += get(fd, "");
		assert_in_range(green, expected > 2 ? expected - 2 : 0, expected + 2);
		assert_null(strstr(answer, "Set-Cookie"));
	}
	stage_close_client(fd);
}

/* ---- by cookie ---- */

/* A browser's Cookie line, from the last answer. */
static bool take_cookie(char *fields, size_t size)
{
	const char *given = strstr(answer, PIN);
	if (!given)
		return false;
	assert_memory_equal(given + strlen(PIN) + 4, "; Path=/; HttpOnly; SameSite=Lax\r\n", 34);
	snprintf(fields, size, "Cookie: other=1; pin=%.4s\r\n", given + strlen(PIN));
	return true;
}

static void test_cookies(void **state)
{
	static const unsigned shares[] = {500, 2500, 5000, 9500};
	(void)state;
	char cookies[CLIENTS][64] = {""};
	bool green[CLIENTS] = {false};
	int fd = stage_connect(&stage);
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		unsigned count = 0;
		split(TABLE_STICKY_COOKIE, "pin", shares[i]);
		for (unsigned c = 0; c < CLIENTS; c++) {
			bool now = get(fd, cookies[c]);
			assert_int_equal(take_cookie(cookies[c], sizeof(cookies[c])), i == 0);
			assert_true(now || !green[c]);
			green[c] = now;
			assert_int_equal(get(fd, cookies[c]), now);
			assert_false(take_cookie(cookies[c], sizeof(cookies[c])));
			count += now;
		}
		unsigned expected = shares[i] * CLIENTS / TABLE_SPLIT_WHOLE;
		assert_in_range(count + 1, expected, expected + 2);
	}
	split(TABLE_STICKY_COOKIE, "pin", 0);
	for (unsigned c = 0; c < CLIENTS; c++) {
		assert_false(get(fd, cookies[c]));
		assert_null(strstr(answer, "Set-Cookie"));
	}
	stage_close_client(fd);
}

/* A cookie that is no good is none. */
static void test_faulty_cookies(void **state)
{
	static const char *const faulty[] = {
		"Cookie: pin=green\r\n", "Cookie: pin=10000\r\n", "Cookie: pin=-001\r\n", "Cookie: pin=\r\n", "Cookie: Pin=0001\r\n", "Cookie: pin\r\n"};
	(void)state;
	char cookie[64];
	int fd = stage_connect(&stage);
	split(TABLE_STICKY_COOKIE, "pin", 5000);
	for (size_t i = 0; i < sizeof(faulty) / sizeof(faulty[0]); i++) {
		bool green = get(fd, faulty[i]);
		assert_true(take_cookie(cookie, sizeof(cookie)));
		assert_int_equal(get(fd, cookie), green);
	}
	bool green = get(fd, "Cookie: pin=\"0001\"\r\n");
	assert_false(take_cookie(cookie, sizeof(cookie)));
	assert_int_equal(get(fd, "Cookie: a=b; c\r\nCookie: pin=0001; pin=9999\r\n"), green);
	stage_close_client(fd);
}

/* It is added to answers of every form, to final ones alone, and the backend gets the client's. */
static void test_forms(void **state)
{
	static const struct {
		const char *method, *path, *version, *body;
		int status;
	} forms[] = {
		{"GET", "/n", "1", "/n 0 0", 200},
		{"GET", "/n", "0", "/n 0 0", 200},
		{"HEAD", "/n", "1", "", 200},
		{"HEAD", "/n", "0", "", 200},
		{"POST", "/n", "1", "/n 0 0", 200},
		{"GET", "/chunked", "1", "hello world", 200},
		{"GET", "/chunked", "0", "hello world", 200},
		{"GET", "/until-close", "1", "until close", 200},
		{"GET", "/until-close", "0", "until close", 200},
		{"GET", "/204", "1", "", 204},
		{"GET", "/304", "1", "", 304},
		{"GET", "/hop", "1", "ok", 200},
	};
	(void)state;
	char cookie[64];
	split(TABLE_STICKY_COOKIE, "pin", 5000);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const char *length = strcmp(forms[i].method, "POST") == 0 ? "Content-Length: 0\r\n" : "";
		int fd = stage_connect(&stage);
		assert_int_equal(ask(fd, forms[i].method, forms[i].path, forms[i].version, length), forms[i].status);
		if (!take_cookie(cookie, sizeof(cookie)))
			fail_msg("%s %s HTTP/1.%s: %s", forms[i].method, forms[i].path, forms[i].version, answer);
		assert_null(strstr(strstr(answer, PIN) + 1, PIN));
		assert_string_equal(strstr(answer, "\r\n\r\n") + 4, forms[i].body);
		stage_close_client(fd);
	}
	int fd = stage_connect(&stage);
	get(fd, "Cookie: pin=0001\r\n");
	assert_int_equal(ask(fd, "GET", "/head-back", "1", "Cookie: a=b; pin=0001\r\n"), 200);
	assert_non_null(strstr(strstr(answer, "\r\n\r\n") + 4, "Cookie: a=b; pin=0001\r\n"));
	stage_close_client(fd);
}

static void test_interim_and_switching(void **state)
{
	(void)state;
	char cookie[64];
	split(TABLE_STICKY_COOKIE, "pin", 5000);
	int fd = stage_connect(&stage);
	assert_int_equal(ask(fd, "POST", "/continue", "1", "Expect: 100-continue\r\nContent-Length: 0\r\n"), 100);
	assert_false(take_cookie(cookie, sizeof(cookie)));
	assert_int_equal(stage_read_answer(fd, answer, sizeof(answer), false), 200);
	assert_true(take_cookie(cookie, sizeof(cookie)));
	assert_int_equal(ask(fd, "GET", "/tunnel", "1", "Connection: upgrade\r\nUpgrade: echo\r\n"), 101);
	assert_true(take_cookie(cookie, sizeof(cookie)));
	stage_close_client(fd);
}

/* What teal answers itself has none: it says nothing of a color. */
static void test_own_answers(void **state)
{
	(void)state;
	split(TABLE_STICKY_COOKIE, "pin", 5000);
	for (unsigned i = 0; i < 4; i++) {
		int fd = stage_connect(&stage);
		assert_int_equal(ask(fd, "GET", "/drop", "1", ""), 502);
		assert_non_null(strstr(answer, "Proxy-Status: teal"));
		assert_null(strstr(answer, "Set-Cookie"));
		stage_close_client(fd);
	}
}

/* ---- by field and by address ---- */

/* Who has this field stays; as the share grows nobody leaves green. */
static void check_stays(const char *format)
{
	static const unsigned shares[] = {500, 5000, 9500};
	bool green[CLIENTS] = {false};
	unsigned count = 0;
	int fd = stage_connect(&stage);
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		split(sticky, sticky_name, shares[i]);
		count = 0;
		for (unsigned c = 0; c < CLIENTS; c++) {
			char fields[128];
			snprintf(fields, sizeof(fields), format, c);
			bool now = get(fd, fields);
			assert_true(now || !green[c]);
			for (unsigned again = 0; again < 3; again++)
				assert_int_equal(get(fd, fields), now);
			assert_null(strstr(answer, "Set-Cookie"));
			green[c] = now;
			count += now;
		}
		assert_true(i != 1 || (count > CLIENTS / 5 && count < CLIENTS * 4 / 5));
	}
	assert_true(count > CLIENTS * 4 / 5);
	stage_close_client(fd);
}

static void test_field(void **state)
{
	(void)state;
	sticky = TABLE_STICKY_HEADER;
	sticky_name = "X-User";
	check_stays("x-user: person-%u\r\n");
}

static void test_trusted_address(void **state)
{
	static struct addr_block trusted;
	struct err err;
	(void)state;
	assert_true(addr_block_parse("127.0.0.0/8", &trusted, &err));
	stage.globals.trusted = &trusted;
	stage.globals.trusted_count = 1;
	sticky = TABLE_STICKY_ADDRESS;
	sticky_name = NULL;
	stage_flip(&stage, COLOR_BLUE);
	check_stays("X-Forwarded-For: 192.0.2.%u\r\n");
}

/* A peer who is not trusted can't choose by what it says. */
static void test_own_address(void **state)
{
	(void)state;
	split(TABLE_STICKY_ADDRESS, NULL, 5000);
	int fd = stage_connect(&stage), other = stage_connect(&stage);
	bool green = get(fd, "");
	for (unsigned i = 0; i < 20; i++) {
		char fields[64];
		snprintf(fields, sizeof(fields), "X-Forwarded-For: 192.0.2.%u\r\n", i);
		assert_int_equal(get(i % 2 ? fd : other, fields), green);
	}
	stage_close_client(fd);
	stage_close_client(other);
}

/* ---- dead colors ---- */

/* A cookie whose client is green's. */
static void find_green(int fd, char *cookie, size_t size)
{
	while (!get(fd, "")) {
	}
	assert_true(take_cookie(cookie, size));
}

static void test_dead_color(void **state)
{
	(void)state;
	char cookie[64];
	int fd = stage_connect(&stage);
	split(TABLE_STICKY_COOKIE, "pin", 5000);
	find_green(fd, cookie, sizeof(cookie));
	stage.down[COLOR_GREEN] = true;
	split(TABLE_STICKY_COOKIE, "pin", 5000);
	unsigned pinned = 0, heard = atomic_load(&stage.backends[GREEN].requests);
	for (unsigned i = 0; i < 20; i++) {
		char given[64];
		assert_false(get(fd, cookie));
		assert_null(strstr(answer, "Set-Cookie"));
		assert_false(get(fd, ""));
		pinned += take_cookie(given, sizeof(given));
	}
	assert_in_range(pinned, 9, 11);
	assert_int_equal(atomic_load(&stage.backends[GREEN].requests), heard);
	stage.down[COLOR_GREEN] = false;
	split(TABLE_STICKY_COOKIE, "pin", 5000);
	assert_true(get(fd, cookie));
	stage.down[COLOR_BLUE] = true;
	split(TABLE_STICKY_NONE, NULL, 100);
	for (unsigned i = 0; i < 20; i++)
		assert_true(get(fd, ""));
	stage_close_client(fd);
}

/* Requests are counted where they went. */
static void test_counts(void **state)
{
	(void)state;
	struct totals_sum sum;
	split(TABLE_STICKY_NONE, NULL, 2500);
	int fd = stage_connect(&stage);
	unsigned green = 0;
	for (unsigned i = 0; i < 40; i++)
		green += get(fd, "");
	stage_close_client(fd);
	assert_true(stage_wait_drained(&stage, COLOR_BLUE) && stage_wait_drained(&stage, COLOR_GREEN));
	totals_read(stage.totals, COLOR_GREEN, &sum);
	assert_int_equal(sum.ended, green);
	totals_read(stage.totals, COLOR_BLUE, &sum);
	assert_int_equal(sum.ended, 40 - green);
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_shares),
		flow_test(test_cookies),
		flow_test(test_faulty_cookies),
		flow_test(test_forms),
		flow_test(test_interim_and_switching),
		flow_test(test_own_answers),
		flow_test(test_field),
		flow_test(test_trusted_address),
		flow_test(test_own_address),
		flow_test(test_dead_color),
		flow_test(test_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
