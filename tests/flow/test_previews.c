// Previews: by field, by cookie, by link, by listener; what asks and what does not; kept apart from users' traffic. The real proxy in process.
// links: proxy
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/logwriter.h"
#include "proxy/preview.h"
#include "tests/flow/actor.h"

#define BLUE 0 /* of the stage's backends */
#define GREEN 1

static struct stage stage;
static char answer[64 * 1024];
static char good[TOKEN_SIZE], late[TOKEN_SIZE], of_live[TOKEN_SIZE], forged[TOKEN_SIZE];

static void dress(struct table_service_spec *spec)
{
	spec->preview_header = "X-Preview";
	spec->preview_cookie = "look";
}

static void make_token(const uint8_t *key, enum color color, uint64_t expires_s, char out[TOKEN_SIZE])
{
	char subject[PREVIEW_SUBJECT_SIZE];
	preview_write_subject("shop", color, subject);
	token_make(key, subject, expires_s, out);
}

static void make_tokens(void)
{
	static const uint8_t other_key[TOKEN_KEY_SIZE] = "somebody else's";
	uint64_t now_s = (uint64_t)time(NULL);
	memcpy(stage.globals.preview_key, "0123456789abcdef0123456789abcdef", TOKEN_KEY_SIZE);
	make_token(stage.globals.preview_key, COLOR_GREEN, now_s + 3600, good);
	make_token(stage.globals.preview_key, COLOR_GREEN, now_s - 2, late);
	make_token(stage.globals.preview_key, COLOR_BLUE, now_s + 3600, of_live);
	make_token(other_key, COLOR_GREEN, now_s + 3600, forged);
}

static int open_stage(void **state)
{
	(void)state;
	stage_open(&stage, 2, 1, 1);
	stage.dress = dress;
	stage.globals.response_ms = 5000;
	make_tokens();
	stage_flip(&stage, COLOR_BLUE);
	return 0;
}

static int close_stage(void **state)
{
	(void)state;
	stage_close(&stage);
	return 0;
}

static int ask(int fd, const char *request_line, const char *fields)
{
	char request[2048];
	snprintf(request, sizeof(request), "%s\r\nHost: shop.example\r\n%s\r\n", request_line, fields);
	stage_send(fd, request);
	return stage_read_answer(fd, answer, sizeof(answer), strncmp(request_line, "HEAD", 4) == 0);
}

/* One request, of a client of its own, that must be answered well; whether green did it. */
static bool get(const char *fields)
{
	int fd = stage_connect(&stage);
	assert_int_equal(ask(fd, "GET /n HTTP/1.1", fields), 200);
	assert_null(strstr(answer, "Set-Cookie"));
	stage_close_client(fd);
	return strstr(answer, "X-Color: green") != NULL;
}

static void read_totals(enum color color, struct totals_sum *sum)
{
	for (unsigned i = 0; i < 1000 && totals_inflight(stage.totals, color) + totals_assist(stage.totals, color) > 0; i++)
		actor_wait_ms(5);
	assert_int_equal(totals_inflight(stage.totals, color) + totals_assist(stage.totals, color), 0);
	totals_read(stage.totals, color, sum);
}

/* Nothing that a color is judged by. */
static void assert_counts_nothing(enum color color)
{
	struct totals_sum sum, none;
	memset(&none, 0, sizeof(none));
	read_totals(color, &sum);
	none.previewed = sum.previewed;
	none.preview_errors = sum.preview_errors;
	assert_memory_equal(&sum, &none, sizeof(sum));
	assert_int_equal(totals_cut(stage.totals, color), 0);
}

/* ---- who asks ---- */

static void test_field(void **state)
{
	(void)state;
	assert_true(get("X-Preview: 1\r\n"));
	assert_true(get("x-preview: TRUE\r\n"));
	assert_false(get(""));
	assert_false(get("X-Preview: 0\r\n"));
	assert_false(get("X-Preview: 2\r\n"));
	int fd = stage_connect(&stage);
	assert_int_equal(ask(fd, "GET /head-back HTTP/1.1", "X-Preview: 1\r\n"), 200);
	assert_non_null(strstr(strstr(answer, "\r\n\r\n") + 4, "X-Preview: 1\r\n"));
	assert_int_equal(ask(fd, "GET /n HTTP/1.1", ""), 200);
	assert_non_null(strstr(answer, "X-Color: blue")); /* the next request of the connection is its own */
	assert_int_equal(ask(fd, "HEAD /n HTTP/1.0", "X-Preview: 1\r\n"), 200);
	assert_non_null(strstr(answer, "X-Color: green"));
	stage_close_client(fd);
}

static bool get_with(const char *format, const char *token)
{
	char fields[512];
	snprintf(fields, sizeof(fields), format, token);
	return get(fields);
}

static void test_cookie(void **state)
{
	(void)state;
	assert_true(get_with("Cookie: look=%s\r\n", good));
	assert_true(get_with("Cookie: a=b; look=\"%s\"\r\n", good));
	assert_true(get_with("Cookie: a=b\r\nCookie: look=x; look=%s\r\n", good));
	assert_false(get_with("Cookie: look=%s\r\n", late));
	assert_false(get_with("Cookie: look=%s\r\n", forged));
	assert_false(get_with("Cookie: look=%s\r\n", of_live));
	assert_false(get_with("Cookie: look=%sx\r\n", good));
	assert_false(get_with("Cookie: look=%s\r\n", "1"));
	assert_false(get_with("Cookie: Look=%s\r\n", good));
}

/* After the switch the token's color is live, and no longer the idle one. */
static void test_cookie_after_the_switch(void **state)
{
	(void)state;
	stage_flip(&stage, COLOR_GREEN);
	assert_true(get_with("Cookie: look=%s\r\n", good));
	assert_false(get_with("Cookie: look=%s\r\n", of_live));
	assert_false(get("X-Preview: 1\r\n"));
	struct totals_sum sum;
	read_totals(COLOR_GREEN, &sum);
	assert_int_equal(sum.ended, 1);
	assert_int_equal(sum.previewed, 0);
	read_totals(COLOR_BLUE, &sum);
	assert_int_equal(sum.previewed, 2);
}

static void test_without_previews(void **state)
{
	(void)state;
	stage.dress = NULL;
	stage_flip(&stage, COLOR_BLUE);
	assert_false(get("X-Preview: 1\r\n"));
	assert_false(get_with("Cookie: look=%s\r\n", good));
	char line[256];
	int fd = stage_connect(&stage);
	snprintf(line, sizeof(line), "GET /n?teal_preview=%s HTTP/1.1", good);
	assert_int_equal(ask(fd, line, ""), 200);
	assert_non_null(strstr(answer, "X-Color: blue"));
	stage_close_client(fd);
}

/* ---- links ---- */

static int follow(int fd, const char *method, const char *before, const char *token, const char *after, const char *version)
{
	char line[512];
	snprintf(line, sizeof(line), "%s %s%s%s HTTP/%s", method, before, token, after, version);
	return ask(fd, line, "");
}

static void assert_link_answer(const char *location)
{
	char expected[256];
	snprintf(expected, sizeof(expected), "\r\nLocation: %s\r\n", location);
	assert_non_null(strstr(answer, expected));
	snprintf(expected, sizeof(expected), "\r\nSet-Cookie: look=%s; Max-Age=", good);
	const char *cookie = strstr(answer, expected);
	assert_non_null(cookie);
	unsigned long left = strtoul(cookie + strlen(expected), NULL, 10);
	assert_in_range(left, 3000, 3600);
	assert_non_null(strstr(cookie, "; Path=/; HttpOnly; SameSite=Lax\r\n"));
	assert_non_null(strstr(answer, "\r\nCache-Control: no-store\r\n"));
	assert_null(strstr(answer, "X-Color"));
}

static void test_links(void **state)
{
	(void)state;
	int fd = stage_connect(&stage);
	assert_int_equal(follow(fd, "GET", "/a?x=1&teal_preview=", good, "&y=2", "1.1"), 302);
	assert_link_answer("/a?x=1&y=2");
	assert_int_equal(follow(fd, "HEAD", "/?teal_preview=", good, "", "1.1"), 302);
	assert_link_answer("/");
	assert_int_equal(follow(fd, "GET", "//elsewhere.example/?teal_preview=", good, "", "1.1"), 302);
	assert_link_answer("/.//elsewhere.example/");
	assert_int_equal(ask(fd, "GET /n HTTP/1.1", ""), 200); /* the connection goes on */
	stage_close_client(fd);
	fd = stage_connect(&stage);
	assert_int_equal(follow(fd, "GET", "/?teal_preview=", good, "", "1.0"), 302);
	assert_link_answer("/");
	bool reset;
	assert_int_equal(stage_read_all(fd, answer, sizeof(answer), &reset), 0);
	assert_false(reset);
	stage_close_client(fd);
	assert_int_equal(atomic_load(&stage.backends[BLUE].requests), 1);
	assert_int_equal(atomic_load(&stage.backends[GREEN].requests), 0);
	assert_counts_nothing(COLOR_GREEN);
}

/* The body of a GET goes nowhere, and what comes behind it is not taken for a request. */
static void test_link_with_a_body(void **state)
{
	(void)state;
	int fd = stage_connect(&stage);
	char line[256];
	bool reset;
	snprintf(line, sizeof(line), "GET /?teal_preview=%s HTTP/1.1", good);
	assert_int_equal(ask(fd, line, "Content-Length: 45\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: shop.example\r\n"), 302);
	assert_link_answer("/");
	assert_int_equal(stage_read_all(fd, answer, sizeof(answer), &reset), 0);
	stage_close_client(fd);
	assert_int_equal(atomic_load(&stage.backends[BLUE].requests), 0);
}

static void test_no_links(void **state)
{
	(void)state;
	int fd = stage_connect(&stage);
	const char *const tokens[] = {late, forged, of_live, "", "x"};
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		assert_int_equal(follow(fd, "GET", "/n?teal_preview=", tokens[i], "", "1.1"), 200);
		assert_non_null(strstr(answer, "X-Color: blue"));
	}
	assert_int_equal(follow(fd, "OPTIONS", "/n?teal_preview=", good, "", "1.1"), 200);
	assert_non_null(strstr(answer, "X-Color: blue"));
	stage_close_client(fd);
}

/* ---- the listener ---- */

static int open_listener_stage(void **state)
{
	(void)state;
	stage_open_behind(&stage, 2, 1, 1, (struct proxy_listen){.preview = "shop"});
	stage.globals.response_ms = 5000;
	stage_flip(&stage, COLOR_BLUE);
	return 0;
}

/* Whatever the Host is, and whichever color is the idle one. */
static void test_listener(void **state)
{
	(void)state;
	static const char *const hosts[] = {"shop.example", "elsewhere.example", "127.0.0.1:8081"};
	for (unsigned flips = 0; flips < 2; flips++) {
		for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
			char request[256];
			int fd = stage_connect(&stage);
			snprintf(request, sizeof(request), "GET /head-back HTTP/1.1\r\nHost: %s\r\n\r\n", hosts[i]);
			stage_send(fd, request);
			assert_int_equal(stage_read_answer(fd, answer, sizeof(answer), false), 200);
			assert_non_null(strstr(answer, flips == 0 ? "X-Color: green" : "X-Color: blue"));
			snprintf(request, sizeof(request), "\r\nHost: %s\r\n", hosts[i]);
			assert_non_null(strstr(answer, request));
			stage_close_client(fd);
		}
		stage_flip(&stage, COLOR_GREEN);
	}
	assert_counts_nothing(COLOR_BLUE);
	assert_counts_nothing(COLOR_GREEN);
}

static int open_stray_stage(void **state)
{
	(void)state;
	stage_open_behind(&stage, 1, 1, 1, (struct proxy_listen){.preview = "gone"});
	return 0;
}

/* The service went with a reload. */
static void test_listener_of_nobody(void **state)
{
	(void)state;
	int fd = stage_connect(&stage);
	assert_int_equal(ask(fd, "GET /n HTTP/1.1", ""), 404);
	stage_close_client(fd);
}

/* ---- kept apart ---- */

/* Well answered, badly answered and not answered: none of it says anything of the color. */
static void test_counts(void **state)
{
	(void)state;
	struct totals_sum sum;
	static const char *const paths[] = {"/n", "/drop", "/garbage", "/cut-length", "/304"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char line[64];
		int fd = stage_connect(&stage);
		snprintf(line, sizeof(line), "GET %s HTTP/1.1", paths[i]);
		ask(fd, line, "X-Preview: 1\r\n");
		stage_close_client(fd);
	}
	assert_counts_nothing(COLOR_GREEN);
	assert_counts_nothing(COLOR_BLUE);
	read_totals(COLOR_GREEN, &sum);
	assert_int_equal(sum.previewed, 5);
	assert_int_equal(sum.preview_errors, 3);
}

static void wait_for_assist(enum color color)
{
	for (unsigned i = 0; i < 1000 && totals_assist(stage.totals, color) == 0; i++)
		actor_wait_ms(1);
	assert_int_equal(totals_assist(stage.totals, color), 1);
	assert_int_equal(totals_inflight(stage.totals, COLOR_BLUE) + totals_inflight(stage.totals, COLOR_GREEN), 0);
}

/* While it is on its way, it is no request of the color's either; nor is a tunnel. */
static void test_under_way(void **state)
{
	(void)state;
	int fd = stage_connect(&stage);
	assert_int_equal(ask(fd, "GET /tunnel HTTP/1.1", "X-Preview: 1\r\nConnection: upgrade\r\nUpgrade: echo\r\n"), 101);
	wait_for_assist(COLOR_GREEN);
	stage_send(fd, "ping");
	char bytes[32] = "";
	for (size_t got = 0; got < sizeof(bytes) - 1 && !strstr(bytes, "ping"); got++)
		assert_int_equal(recv(fd, bytes + got, 1, 0), 1);
	assert_non_null(strstr(bytes, "ping"));
	stage_close_client(fd);
	assert_counts_nothing(COLOR_GREEN);
}

/* Ended by order it is not one of the color's that were cut. */
static void test_cut(void **state)
{
	(void)state;
	int fd = stage_connect(&stage);
	stage_send(fd, "POST /n HTTP/1.1\r\nHost: shop.example\r\nX-Preview: 1\r\nContent-Length: 5\r\n\r\nab");
	wait_for_assist(COLOR_GREEN);
	stage.cut_before = UINT64_MAX;
	stage_flip(&stage, COLOR_BLUE);
	assert_int_equal(stage_read_answer(fd, answer, sizeof(answer), false), 503);
	stage_close_client(fd);
	assert_counts_nothing(COLOR_GREEN);
}

/* The shield is for users: who previews wants to see what is wrong. */
static void test_not_shielded(void **state)
{
	(void)state;
	stage.shield = TABLE_SHIELD_FAILURES | TABLE_SHIELD_502;
	stage_flip(&stage, COLOR_BLUE);
	int fd = stage_connect(&stage);
	assert_int_equal(ask(fd, "GET /drop HTTP/1.1", "X-Preview: 1\r\n"), 502);
	assert_int_equal(atomic_load(&stage.backends[BLUE].requests), 0);
	stage_close_client(fd);
	assert_counts_nothing(COLOR_BLUE);
}

/* A split is of users; a preview neither counts in it nor gets a number. */
static void dress_split(struct table_service_spec *spec)
{
	dress(spec);
	spec->blue_split = TABLE_SPLIT_WHOLE / 2;
	spec->sticky = TABLE_STICKY_COOKIE;
	spec->sticky_name = "pin";
}

static void test_during_a_split(void **state)
{
	(void)state;
	stage.dress = dress_split;
	stage_flip(&stage, COLOR_BLUE);
	for (unsigned i = 0; i < 8; i++)
		assert_true(get("X-Preview: 1\r\nCookie: pin=0001\r\n"));
	assert_counts_nothing(COLOR_BLUE);
	assert_counts_nothing(COLOR_GREEN);
}

/* ---- the idle color ---- */

static void dress_without_green(struct table_service_spec *spec)
{
	dress(spec);
	spec->colors[COLOR_GREEN].count = 0;
}

static void test_no_backend(void **state)
{
	(void)state;
	stage.dress = dress_without_green;
	stage_flip(&stage, COLOR_BLUE);
	int fd = stage_connect(&stage);
	assert_int_equal(ask(fd, "GET /n HTTP/1.1", "X-Preview: 1\r\n"), 503);
	assert_non_null(strstr(strstr(answer, "\r\n\r\n"), "this is a preview, and no backend of the idle color is available"));
	assert_int_equal(ask(fd, "GET /n HTTP/1.1", ""), 200);
	stage_close_client(fd);
	struct totals_sum sum;
	read_totals(COLOR_GREEN, &sum);
	assert_int_equal(sum.preview_errors, 1);
	assert_counts_nothing(COLOR_GREEN);
}

static void dress_exclusively(struct table_service_spec *spec)
{
	dress(spec);
	spec->refuses_previews = true;
}

/* No backend hears of it. */
static void test_refused(void **state)
{
	(void)state;
	stage.dress = dress_exclusively;
	stage_flip(&stage, COLOR_BLUE);
	int fd = stage_connect(&stage);
	assert_int_equal(ask(fd, "GET /n HTTP/1.1", "X-Preview: 1\r\n"), 503);
	assert_non_null(strstr(answer, "there are none until the switch under way has ended"));
	assert_int_equal(ask(fd, "GET /n HTTP/1.1", ""), 200);
	stage_close_client(fd);
	assert_int_equal(atomic_load(&stage.backends[GREEN].connections), 0);
	assert_counts_nothing(COLOR_GREEN);
}

/* No connection is kept to a color that is done with, and each preview gets one. */
static void test_cold_color(void **state)
{
	(void)state;
	backend_set_pooling(stage.backends[GREEN].backend, BACKEND_COLD);
	stage_flip(&stage, COLOR_BLUE);
	int fd = stage_connect(&stage);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(ask(fd, "GET /n HTTP/1.1", "X-Preview: 1\r\n"), 200);
		assert_non_null(strstr(answer, "X-Color: green"));
	}
	stage_close_client(fd);
	assert_counts_nothing(COLOR_GREEN);
	for (unsigned i = 0; i < 1000 && !backend_is_quiet(stage.backends[GREEN].backend); i++)
		actor_wait_ms(5);
	assert_true(backend_is_quiet(stage.backends[GREEN].backend));
	assert_int_equal(atomic_load(&stage.backends[GREEN].connections), 3);
}

/* A color that failed its probes is tried all the same: that may be why somebody looks. */
static void test_sick_color(void **state)
{
	(void)state;
	stage.down[COLOR_GREEN] = true;
	stage_flip(&stage, COLOR_BLUE);
	assert_true(get("X-Preview: 1\r\n"));
}

/* ---- the access log ---- */

static void read_file(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	size_t length = fread(text, 1, size - 1, file);
	text[length] = '\0';
	fclose(file);
}

/* Previews are marked; the token of a link is not in it. */
static void test_access_log(void **state)
{
	(void)state;
	char path[] = "/tmp/teal-test-XXXXXX", text[8192];
	struct err err;
	close(mkstemp(path));
	struct logwriter *writer = logwriter_open(path, &err);
	assert_non_null(writer);
	proxy_set_access(stage.proxy, PROXY_ACCESS_JSON, writer);
	stage_flip(&stage, COLOR_BLUE);
	int fd = stage_connect(&stage);
	assert_int_equal(follow(fd, "GET", "/a?b&teal_preview=", good, "&c", "1.1"), 302);
	assert_int_equal(ask(fd, "GET /n HTTP/1.1", "X-Preview: 1\r\n"), 200);
	assert_int_equal(ask(fd, "GET /n HTTP/1.1", ""), 200);
	stage_close_client(fd);
	struct totals_sum sum;
	read_totals(COLOR_BLUE, &sum);
	proxy_set_access(stage.proxy, PROXY_ACCESS_OFF, NULL);
	stage_flip(&stage, COLOR_BLUE);
	logwriter_close(writer);
	read_file(path, text, sizeof(text));
	unlink(path);
	char *rest = text;
	const char *link = strsep(&rest, "\n"), *preview = strsep(&rest, "\n"), *plain = strsep(&rest, "\n");
	assert_non_null(strstr(link, "\"target\":\"/a?b&c\""));
	assert_non_null(strstr(link, "\"status\":302"));
	assert_null(strstr(link, "\"color\""));
	assert_non_null(strstr(preview, "\"color\":\"green\",\"version\":\"v2\",\"preview\":true,\"backend\":\"green\"}"));
	assert_non_null(strstr(plain, "\"color\":\"blue\",\"version\":\"v1\",\"backend\":\"blue\"}"));
	assert_string_equal(rest, "");
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_field),
		flow_test(test_cookie),
		flow_test(test_cookie_after_the_switch),
		flow_test(test_without_previews),
		flow_test(test_links),
		flow_test(test_link_with_a_body),
		flow_test(test_no_links),
		cmocka_unit_test_setup_teardown(test_listener, open_listener_stage, close_stage),
		cmocka_unit_test_setup_teardown(test_listener_of_nobody, open_stray_stage, close_stage),
		flow_test(test_counts),
		flow_test(test_under_way),
		flow_test(test_cut),
		flow_test(test_not_shielded),
		flow_test(test_during_a_split),
		flow_test(test_no_backend),
		flow_test(test_refused),
		flow_test(test_cold_color),
		flow_test(test_sick_color),
		flow_test(test_access_log),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
