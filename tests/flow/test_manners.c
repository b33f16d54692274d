// Flow tests of what a listener in clear does by itself: redirects to https, challenges of ACME; and of what it leaves alone.
// links: proxy
#include "tests/unit/scratch.h"

#include "proxy/manners.h"
#include "tests/flow/stage.h"

#define CHALLENGE "/.well-known/acme-challenge/"

static struct stage stage;
static char answer[65536];
static const char *webroot;

static int open_stage(void **state)
{
	stage_open(&stage, 1, 1, 1);
	scratch_set_up(state);
	struct scratch *scratch = *state;
	webroot = scratch->path;
	scratch_folder(scratch, ".well-known");
	scratch_folder(scratch, ".well-known/acme-challenge");
	scratch_rewrite(scratch, ".well-known/acme-challenge/token", "token.thumb");
	return 0;
}

static int close_stage(void **state)
{
	manners_release(stage.globals.manners);
	stage_close(&stage);
	return scratch_tear_down(state);
}

/* From now on the stage's listener has this manner. */
static void have(const struct manner *manner, const char *folder)
{
	manners_release(stage.globals.manners);
	stage.globals.manners = manner || folder ? manners_new(manner, manner ? 1 : 0, folder) : NULL;
	stage_flip(&stage, COLOR_BLUE);
}

static int read_answer(int fd)
{
	return stage_read_answer(fd, answer, sizeof(answer), false);
}

static unsigned count_requests(void)
{
	unsigned requests = 0;
	for (unsigned i = 0; i < stage.backend_count; i++)
		requests += atomic_load(&stage.backends[i].requests);
	return requests;
}

static void assert_says(const char *line)
{
	if (!strstr(answer, line))
		fail_msg("no %s in\n%s", line, answer);
}

static void assert_says_nothing_of(const char *text)
{
	if (strstr(answer, text))
		fail_msg("%s in\n%s", text, answer);
}

static void test_redirect(void **state)
{
	(void)state;
	have(&(struct manner){.redirect_port = 8443}, NULL);
	int fd = stage_connect(&stage);
	stage_send(fd, "GET /a?b=c HTTP/1.1\r\nHost: shop.example:8080\r\n\r\n");
	assert_int_equal(read_answer(fd), 308);
	assert_says("HTTP/1.1 308 Permanent Redirect\r\n");
	assert_says("\r\nLocation: https://shop.example:8443/a?b=c\r\n");
	assert_says("\r\nX-Request-Id: ");
	assert_says_nothing_of("Connection: close");
	stage_send(fd, "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: own-1\r\n\r\n");
	assert_int_equal(read_answer(fd), 308);
	assert_says("\r\nX-Request-Id: own-1\r\n");
	/* Several in one go, and of several methods. */
	stage_send(fd, "HEAD /1 HTTP/1.1\r\nHost: a\r\n\r\nDELETE /2 HTTP/1.1\r\nHost: b.\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n");
	assert_int_equal(stage_read_answer(fd, answer, sizeof(answer), true), 308);
	assert_says("\r\nLocation: https://a:8443/1\r\n");
	assert_int_equal(read_answer(fd), 308);
	assert_says("\r\nLocation: https://b.:8443/2\r\n");
	assert_int_equal(read_answer(fd), 308);
	assert_says("\r\nLocation: https://[::1]:8443\r\n");
	stage_close_client(fd);
	assert_int_equal(count_requests(), 0);
}

/* The body is not waited for: it will be sent again. */
static void test_redirect_of_a_body(void **state)
{
	(void)state;
	have(&(struct manner){.redirect_port = 443}, NULL);
	bool reset;
	int fd = stage_connect(&stage);
	stage_send(fd, "POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 100\r\n\r\nfirst");
	assert_int_equal(read_answer(fd), 308);
	assert_says("\r\nLocation: https://shop.example/a\r\n");
	assert_says("\r\nConnection: close\r\n");
	assert_int_equal(stage_read_all(fd, answer, sizeof(answer), &reset), 0);
	assert_false(reset);
	stage_close_client(fd);
	assert_int_equal(count_requests(), 0);
}

static void test_redirect_in_http_1_0(void **state)
{
	(void)state;
	have(&(struct manner){.redirect_port = 443}, NULL);
	int fd = stage_connect(&stage);
	stage_send(fd, "GET /a HTTP/1.0\r\nHost: shop.example\r\nConnection: keep-alive\r\n\r\n");
	assert_int_equal(read_answer(fd), 308);
	assert_says("\r\nLocation: https://shop.example/a\r\n");
	assert_says("\r\nConnection: keep-alive\r\n");
	stage_send(fd, "GET /a HTTP/1.0\r\n\r\n");
	assert_int_equal(read_answer(fd), 400);
	assert_says("the Host field is missing");
	stage_close_client(fd);
	assert_int_equal(count_requests(), 0);
}

static void test_faulty_requests_are_told_so(void **state)
{
	(void)state;
	static const struct {
		const char *request;
		int status;
	} cases[] = {
		{"GET /a HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
		{"GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
		{"GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 421},
		{"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501},
	};
	have(&(struct manner){.redirect_port = 443}, webroot);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = stage_connect(&stage);
		stage_send(fd, cases[i].request);
		assert_int_equal(read_answer(fd), cases[i].status);
		stage_close_client(fd);
	}
}

static void test_challenge(void **state)
{
	(void)state;
	static const struct manner manners[] = {{0}, {.redirect_port = 443}};
	for (size_t i = 0; i < sizeof(manners) / sizeof(manners[0]); i++) {
		have(&manners[i], webroot);
		int fd = stage_connect(&stage);
		stage_send(fd, "GET " CHALLENGE "token HTTP/1.1\r\nHost: shop.example\r\n\r\nHEAD " CHALLENGE "token HTTP/1.1\r\nHost: shop.example\r\n\r\n");
		assert_int_equal(read_answer(fd), 200);
		assert_says("\r\nContent-Type: text/plain\r\n");
		assert_says("\r\n\r\ntoken.thumb");
		assert_int_equal(stage_read_answer(fd, answer, sizeof(answer), true), 200);
		assert_says("\r\nContent-Length: 11\r\n");
		assert_says_nothing_of("token.thumb");
		stage_send(
			fd, "GET " CHALLENGE "other HTTP/1.1\r\nHost: shop.example\r\n\r\nGET " CHALLENGE "../../token HTTP/1.1\r\nHost: shop.example\r\n\r\n");
		assert_int_equal(read_answer(fd), 404);
		assert_says("there is no such challenge of ACME");
		assert_int_equal(read_answer(fd), 404);
		stage_close_client(fd);
	}
	assert_int_equal(count_requests(), 0);
}

/* A folder alone, for listeners without any manner. */
static void test_challenge_of_any_listener(void **state)
{
	(void)state;
	have(NULL, webroot);
	int fd = stage_connect(&stage);
	stage_send(fd, "GET " CHALLENGE "token HTTP/1.1\r\nHost: shop.example\r\n\r\n");
	assert_int_equal(read_answer(fd), 200);
	assert_says("token.thumb");
	stage_send(fd, "GET /a HTTP/1.1\r\nHost: shop.example\r\n\r\n");
	assert_int_equal(read_answer(fd), 200);
	assert_says("\r\nX-Color: blue\r\n");
	stage_close_client(fd);
}

static void test_everything_else_goes_its_way(void **state)
{
	(void)state;
	struct manner manner = {.forwards_certificate = true};
	manner_set_hsts(&manner, 31536000, true, true);
	have(&manner, webroot);
	int fd = stage_connect(&stage);
	stage_send(fd, "GET /a HTTP/1.1\r\nHost: shop.example\r\n\r\n");
	assert_int_equal(read_answer(fd), 200);
	assert_says("\r\nX-Color: blue\r\n");
	assert_says_nothing_of("Strict-Transport-Security");
	stage_send(fd, "OPTIONS * HTTP/1.1\r\nHost: shop.example\r\nMax-Forwards: 0\r\n\r\n");
	assert_int_equal(read_answer(fd), 200);
	assert_says_nothing_of("Strict-Transport-Security");
	stage_close_client(fd);
	assert_int_equal(count_requests(), 1);
}

/* What is next on the same connection goes by the newest table. */
static void test_a_reload_holds_at_once(void **state)
{
	(void)state;
	int fd = stage_connect(&stage);
	stage_send(fd, "GET /a HTTP/1.1\r\nHost: shop.example\r\n\r\n");
	assert_int_equal(read_answer(fd), 200);
	have(&(struct manner){.redirect_port = 443}, NULL);
	stage_send(fd, "GET /a HTTP/1.1\r\nHost: shop.example\r\n\r\n");
	assert_int_equal(read_answer(fd), 308);
	have(NULL, NULL);
	stage_send(fd, "GET /a HTTP/1.1\r\nHost: shop.example\r\n\r\n");
	assert_int_equal(read_answer(fd), 200);
	stage_close_client(fd);
	assert_int_equal(count_requests(), 2);
}

#define flow_test(function) cmocka_unit_test_setup_teardown(function, open_stage, close_stage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_redirect),
		flow_test(test_redirect_of_a_body),
		flow_test(test_redirect_in_http_1_0),
		flow_test(test_faulty_requests_are_told_so),
		flow_test(test_challenge),
		flow_test(test_challenge_of_any_listener),
		flow_test(test_everything_else_goes_its_way),
		flow_test(test_a_reload_holds_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
