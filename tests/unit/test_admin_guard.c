/* Who may ask for what over TCP. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "switch/admin_guard.h"

#define TOKEN "0123456789abcdef"
#define BEARER "Bearer 0123456789abcdef"

enum where { LOOPBACK, ANYWHERE, NO_TOKEN };

static const struct guard_case {
	const char *name;
	enum where where;
	struct guard_request request;
	unsigned status; /* 0: may pass */
} cases[] = {
	{"reading on loopback", LOOPBACK, {.hosts = 1, .host = "127.0.0.1:9180"}, 0},
	{"by name", LOOPBACK, {.hosts = 1, .host = "localhost:9180"}, 0},
	{"by IPv6", LOOPBACK, {.hosts = 1, .host = "[::1]:9180"}, 0},
	{"in capitals", LOOPBACK, {.hosts = 1, .host = "LOCALHOST:9180"}, 0},
	{"no Host", LOOPBACK, {.hosts = 0}, 400},
	{"two Hosts", LOOPBACK, {.hosts = 2, .host = "127.0.0.1:9180"}, 400},
	{"another name", LOOPBACK, {.hosts = 1, .host = "attacker.example:9180"}, 403},
	{"a name that looks like it", LOOPBACK, {.hosts = 1, .host = "localhost.attacker.example:9180"}, 403},
	{"another port", LOOPBACK, {.hosts = 1, .host = "127.0.0.1:80"}, 403},
	{"no port", LOOPBACK, {.hosts = 1, .host = "127.0.0.1"}, 403},
	{"an empty Host", LOOPBACK, {.hosts = 1, .host = ""}, 403},
	{"a socket as Host", LOOPBACK, {.hosts = 1, .host = "unix:/run/x"}, 403},
	{"our own page", LOOPBACK, {.hosts = 1, .host = "127.0.0.1:9180", .origin = "http://127.0.0.1:9180", .fetch_site = "same-origin"}, 0},
	{"a page from elsewhere", LOOPBACK, {.hosts = 1, .host = "127.0.0.1:9180", .origin = "http://attacker.example"}, 403},
	{"a page of our host, another port", LOOPBACK, {.hosts = 1, .host = "127.0.0.1:9180", .origin = "http://127.0.0.1:80"}, 403},
	{"a page without origin", LOOPBACK, {.hosts = 1, .host = "127.0.0.1:9180", .origin = "null"}, 403},
	{"a cross-site request", LOOPBACK, {.hosts = 1, .host = "127.0.0.1:9180", .fetch_site = "cross-site"}, 403},
	{"typed by hand", LOOPBACK, {.hosts = 1, .host = "127.0.0.1:9180", .fetch_site = "none"}, 0},
	{"a change without token", LOOPBACK, {.changes = true, .hosts = 1, .host = "127.0.0.1:9180", .content_type = "application/json"}, 401},
	{"a wrong token", LOOPBACK, {.changes = true, .hosts = 1, .host = "127.0.0.1:9180", .authorization = "Bearer x", .content_type = "application/json"},
		401},
	{"the beginning of the token", LOOPBACK,
		{.changes = true, .hosts = 1, .host = "127.0.0.1:9180", .authorization = "Bearer 0123456789abcde", .content_type = "application/json"}, 401},
	{"another scheme", LOOPBACK,
		{.changes = true, .hosts = 1, .host = "127.0.0.1:9180", .authorization = "Basic 0123456789abcdef", .content_type = "application/json"}, 401},
	{"the token", LOOPBACK, {.changes = true, .hosts = 1, .host = "127.0.0.1:9180", .authorization = BEARER, .content_type = "application/json"}, 0},
	{"with a charset", LOOPBACK,
		{.changes = true, .hosts = 1, .host = "127.0.0.1:9180", .authorization = BEARER, .content_type = "application/json; charset=utf-8"}, 0},
	{"a form", LOOPBACK,
		{.changes = true, .hosts = 1, .host = "127.0.0.1:9180", .authorization = BEARER, .content_type = "application/x-www-form-urlencoded"}, 415},
	{"no type", LOOPBACK, {.changes = true, .hosts = 1, .host = "127.0.0.1:9180", .authorization = BEARER}, 415},
	{"a longer type", LOOPBACK, {.changes = true, .hosts = 1, .host = "127.0.0.1:9180", .authorization = BEARER, .content_type = "application/jsonp"}, 415},
	{"no token is configured", NO_TOKEN,
		{.changes = true, .hosts = 1, .host = "127.0.0.1:9180", .authorization = "Bearer ", .content_type = "application/json"}, 403},
	{"reading from anywhere", ANYWHERE, {.hosts = 1, .host = "192.0.2.1:9180"}, 401},
	{"reading from anywhere with the token", ANYWHERE, {.hosts = 1, .host = "192.0.2.1:9180", .authorization = BEARER}, 0},
	{"healthz from anywhere", ANYWHERE, {.free = true, .hosts = 1, .host = "192.0.2.1:9180"}, 0},
};

static void test_cases(void **state)
{
	(void)state;
	struct addr loopback, anywhere;
	assert_true(addr_parse("127.0.0.1:9180", &loopback, NULL));
	assert_true(addr_parse("0.0.0.0:9180", &anywhere, NULL));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct guard_rules rules = {cases[i].where == ANYWHERE ? &anywhere : &loopback, cases[i].where == NO_TOKEN ? "" : TOKEN};
		const struct guard_refusal *refusal = admin_guard_check(&rules, &cases[i].request);
		unsigned status = refusal ? refusal->status : 0;
		if (status != cases[i].status)
			fail_msg("%s: %u, expected %u", cases[i].name, status, cases[i].status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
