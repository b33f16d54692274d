/* The manners of listeners: where a redirect leads to, what HSTS says, which host TLS named. */
// links: proxy
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "proxy/head.h"
#include "proxy/manners.h"

static void read_head(const char *name, const char *text, struct head *head)
{
	struct head_limits limits = {65536, HEAD_FIELDS_MAX};
	enum fail fail = FAIL_none;
	if (head_parse_request(text, strlen(text), 0, &limits, head, &fail) != HEAD_DONE)
		fail_msg("%s: %s", name, fail_row(fail)->name);
}

static const struct {
	const char *name, *request;
	unsigned port;
	const char *location; /* "": none */
} redirects[] = {
	{"a path", "GET /a HTTP/1.1\r\nHost: shop.example\r\n\r\n", 443, "https://shop.example/a"},
	{"a query", "GET /a/?b=c&d=%20?e HTTP/1.1\r\nHost: shop.example\r\n\r\n", 443, "https://shop.example/a/?b=c&d=%20?e"},
	{"its port is another's", "GET / HTTP/1.1\r\nHost: shop.example:80\r\n\r\n", 443, "https://shop.example/"},
	{"an empty port", "GET / HTTP/1.1\r\nHost: shop.example:\r\n\r\n", 443, "https://shop.example/"},
	{"a port of its own", "GET / HTTP/1.1\r\nHost: shop.example:8080\r\n\r\n", 8443, "https://shop.example:8443/"},
	{"the largest port", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 65535, "https://a:65535/"},
	{"the host as it was written", "GET / HTTP/1.1\r\nHost: Shop.Example.\r\n\r\n", 443, "https://Shop.Example./"},
	{"an address", "GET / HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n", 443, "https://192.0.2.1/"},
	{"an IPv6 address", "GET / HTTP/1.1\r\nHost: [2001:db8::1]\r\n\r\n", 443, "https://[2001:db8::1]/"},
	{"an IPv6 address with a port", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n", 8443, "https://[2001:db8::1]:8443/"},
	{"a path that looks like a host", "GET //evil.example/%2e%2e/ HTTP/1.1\r\nHost: a\r\n\r\n", 443, "https://a//evil.example/%2e%2e/"},
	{"an absolute form", "GET http://b.example:80/c?d HTTP/1.1\r\nHost: a\r\n\r\n", 443, "https://b.example/c?d"},
	{"an absolute form without a path", "GET http://b.example HTTP/1.1\r\nHost: a\r\n\r\n", 443, "https://b.example/"},
	{"an absolute form with a query alone", "GET http://b.example?c HTTP/1.1\r\nHost: a\r\n\r\n", 443, "https://b.example/?c"},
	{"the server itself", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 443, "https://a"},
	{"any method", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", 443, "https://a/a"},
	{"HTTP/1.0 with a host", "GET /a HTTP/1.0\r\nHost: a\r\n\r\n", 443, "https://a/a"},
	{"HTTP/1.0 without a host", "GET /a HTTP/1.0\r\n\r\n", 443, ""},
	{"HTTP/1.0 with an absolute form", "GET http://a/a HTTP/1.0\r\n\r\n", 443, "https://a/a"},
};

static void a_redirect_leads_to_the_same_at_https(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(redirects) / sizeof(redirects[0]); i++) {
		static struct head head;
		char out[256] = "";
		read_head(redirects[i].name, redirects[i].request, &head);
		size_t length = manner_write_location(&head, redirects[i].port, out, sizeof(out));
		if (length != strlen(redirects[i].location) || memcmp(out, redirects[i].location, length) != 0)
			fail_msg("%s: %.*s", redirects[i].name, (int)length, out);
	}
}

static void a_location_fits_or_is_none(void **state)
{
	(void)state;
	static const char wanted[] = "https://shop.example:8443/a?b";
	static struct head head;
	read_head("one that is cut", "GET /a?b HTTP/1.1\r\nHost: shop.example\r\n\r\n", &head);
	for (size_t size = 0; size < sizeof(wanted) + 3; size++) {
		char out[sizeof(wanted) + 3];
		size_t length = manner_write_location(&head, 8443, out, size);
		assert_int_equal(length, size < sizeof(wanted) ? 0 : sizeof(wanted) - 1);
		if (length > 0)
			assert_memory_equal(out, wanted, length);
	}
}

static void hsts_is_written(void **state)
{
	(void)state;
	static const struct {
		uint64_t max_age_s;
		bool subdomains, preload;
		const char *value;
	} cases[] = {
		{0, false, false, "max-age=0"},
		{31536000, false, false, "max-age=31536000"},
		{31536000, true, false, "max-age=31536000; includeSubDomains"},
		{315360000, true, true, "max-age=315360000; includeSubDomains; preload"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct manner manner = {0};
		manner_set_hsts(&manner, cases[i].max_age_s, cases[i].subdomains, cases[i].preload);
		assert_int_equal(manner.hsts_length, strlen(cases[i].value));
		assert_string_equal(manner.hsts, cases[i].value);
	}
}

static void a_host_is_the_one_that_was_named(void **state)
{
	(void)state;
	static const struct {
		const char *host, *name;
		bool same;
	} cases[] = {
		{"shop.example", "shop.example", true},
		{"SHOP.example:443", "shop.EXAMPLE", true},
		{"shop.example.", "shop.example", true},
		{"shop.example.:8443", "shop.example.", true},
		{"shop.example", "www.shop.example", false},
		{"www.shop.example", "shop.example", false},
		{"shop.exampl", "shop.example", false},
		{"[2001:db8::1]:443", "shop.example", false},
		{"[2001:db8::1]", "[2001:db8::1]", true},
		{"", "shop.example", false},
		{"shop.example", "", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (manner_is_named((struct span){cases[i].host, strlen(cases[i].host)}, cases[i].name) != cases[i].same)
			fail_msg("%s is %s", cases[i].host, cases[i].name);
	assert_false(manner_is_named((struct span){NULL, 0}, "a"));
}

static void listeners_have_their_manners(void **state)
{
	(void)state;
	const struct manner list[] = {{.redirect_port = 443}, {.forwards_certificate = true}};
	char webroot[] = "/w";
	struct manners *manners = manners_new(list, 2, webroot);
	webroot[1] = 'x';
	assert_string_equal(manners->webroot, "/w");
	assert_int_equal(manners_find(manners, 0)->redirect_port, 443);
	assert_true(manners_find(manners, 1)->forwards_certificate);
	assert_null(manners_find(manners, 2));
	assert_null(manners_find(NULL, 0));
	manners_hold(manners);
	manners_release(manners);
	assert_int_equal(manners_find(manners, 0)->redirect_port, 443);
	manners_release(manners);
	manners_release(NULL);
	struct manners *none = manners_new(NULL, 0, NULL);
	assert_null(none->webroot);
	assert_null(manners_find(none, 0));
	manners_release(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_redirect_leads_to_the_same_at_https),
		cmocka_unit_test(a_location_fits_or_is_none),
		cmocka_unit_test(hsts_is_written),
		cmocka_unit_test(a_host_is_the_one_that_was_named),
		cmocka_unit_test(listeners_have_their_manners),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
