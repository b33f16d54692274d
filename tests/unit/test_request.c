/* The forms of a request target, Host, and Max-Forwards. */
// links: proxy
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "proxy/host.h"
#include "tests/unit/split_parse.h"

struct target_case {
	const char *name, *method, *target;
	enum fail fail;
	const char *path, *authority;
	bool https;
};

static const struct target_case targets[] = {
	{"9112 3.2.1 origin form", "GET", "/", FAIL_none, "/", "", false},
	{"9112 3.2.1 origin form with a query", "GET", "/a/b?c=/d?e", FAIL_none, "/a/b?c=/d?e", "", false},
	{"9112 3.2.1 origin form that begins with two slashes", "GET", "//b/c", FAIL_none, "//b/c", "", false},
	{"9112 3.2.1 every mark a URI may have", "GET", "/-._~:/[]@!$&'()*+,;=%41?/", FAIL_none, "/-._~:/[]@!$&'()*+,;=%41?/", "", false},
	{"9112 3.2.1 no slash", "GET", "a/b", FAIL_request_malformed, NULL, NULL, false},
	{"9112 3.2.1 a query alone", "GET", "?a", FAIL_request_malformed, NULL, NULL, false},
	{"9112 3.2.2 absolute form", "GET", "http://b/c?d", FAIL_none, "/c?d", "b", false},
	{"9112 3.2.2 absolute form with a port", "GET", "http://b:8080/", FAIL_none, "/", "b:8080", false},
	{"9112 3.2.2 absolute form with IPv6", "GET", "http://[::1]:80/x", FAIL_none, "/x", "[::1]:80", false},
	{"9110 4.2.3 the scheme in capitals", "GET", "HTTP://b/", FAIL_none, "/", "b", false},
	{"9110 7.4 https", "GET", "https://b/c", FAIL_none, "/c", "b", true},
	{"9112 3.2.1 absolute form without a path", "GET", "http://b", FAIL_none, "/", "b", false},
	{"9112 3.2.1 absolute form with a query and no path", "GET", "http://b?c/d", FAIL_none, "?c/d", "b", false},
	{"9112 3.2.4 OPTIONS without path and query is of the server", "OPTIONS", "http://b:81", FAIL_none, "*", "b:81", false},
	{"9112 3.2.4 OPTIONS with a path", "OPTIONS", "http://b/", FAIL_none, "/", "b", false},
	{"9112 3.2.4 OPTIONS with a query", "OPTIONS", "http://b?c", FAIL_none, "?c", "b", false},
	{"9110 4.2.1 no authority", "GET", "http:///a", FAIL_request_host, NULL, NULL, false},
	{"9110 4.2.1 an authority of a port alone", "GET", "http://:80/a", FAIL_request_host, NULL, NULL, false},
	{"9110 4.2.4 user information", "GET", "http://u@b/", FAIL_request_host, NULL, NULL, false},
	{"9110 4.2.4 user and password", "GET", "http://u:p@b/", FAIL_request_host, NULL, NULL, false},
	{"9112 3.2.2 an authority with a bad port", "GET", "http://b:x/", FAIL_request_host, NULL, NULL, false},
	{"9112 3.2.2 another scheme", "GET", "ftp://b/", FAIL_request_malformed, NULL, NULL, false},
	{"9112 3.2.2 a scheme without slashes", "GET", "http:b", FAIL_request_malformed, NULL, NULL, false},
	{"9112 3.2.2 half a scheme", "GET", "http:/", FAIL_request_malformed, NULL, NULL, false},
	{"9112 3.2.3 authority form", "CONNECT", "b:443", FAIL_none, "", "b:443", false},
	{"9112 3.2.3 authority form without a port", "CONNECT", "b", FAIL_request_malformed, NULL, NULL, false},
	{"9112 3.2.3 authority form with an empty port", "CONNECT", "b:", FAIL_request_malformed, NULL, NULL, false},
	{"9112 3.2.3 CONNECT with an origin form", "CONNECT", "/", FAIL_request_malformed, NULL, NULL, false},
	{"9112 3.2.3 CONNECT with an absolute form", "CONNECT", "http://b:80/", FAIL_request_malformed, NULL, NULL, false},
	{"9112 3.2.3 authority form of another method", "GET", "b:443", FAIL_request_malformed, NULL, NULL, false},
	{"9112 3.2.4 asterisk form", "OPTIONS", "*", FAIL_none, "*", "", false},
	{"9112 3.2.4 asterisk form of another method", "GET", "*", FAIL_request_malformed, NULL, NULL, false},
	{"9112 3.2.4 asterisk and more", "OPTIONS", "*a", FAIL_request_malformed, NULL, NULL, false},
	{"9112 3.2.4 slash and asterisk", "OPTIONS", "/*", FAIL_none, "/*", "", false},
};

static bool is_text(struct span span, const char *text)
{
	return span.length == strlen(text) && (span.length == 0 || memcmp(span.at, text, span.length) == 0);
}

static void targets_are_split_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		const struct target_case *it = &targets[i];
		char bytes[256];
		struct text text = {bytes, (size_t)snprintf(bytes, sizeof(bytes), "%s %s HTTP/1.1\r\nHost: a\r\n\r\n", it->method, it->target)};
		struct head head;
		enum fail fail;
		enum head_result result = parse_split(false, text, &roomy, &head, &fail);
		if (fail != it->fail || (result == HEAD_DONE) != (it->fail == FAIL_none))
			fail_msg("%s: result %d, %s", it->name, (int)result, fail_row(fail)->name);
		if (it->fail != FAIL_none)
			continue;
		if (!is_text(head.path, it->path) || !is_text(head.authority, it->authority) || head.https != it->https || !is_text(head.target, it->target))
			fail_msg("%s: path '%.*s', authority '%.*s'", it->name, (int)head.path.length, head.path.at, (int)head.authority.length,
				head.authority.at);
	}
}

struct host_case {
	const char *text;
	bool valid, valid_with_port;
};

static const struct host_case hosts[] = {
	{"a", true, false},
	{"example.com", true, false},
	{"example.com.", true, false},
	{"EXAMPLE.com:80", true, true},
	{"127.0.0.1", true, false},
	{"127.0.0.1:8080", true, true},
	{"a:", true, false},
	{"a:0", true, true},
	{"a:00080", true, true},
	{"a:65535", true, true},
	{"a:65536", false, false},
	{"a:99999999999999999999", false, false},
	{"a:-1", false, false},
	{"a:+1", false, false},
	{"a:8o", false, false},
	{"a:80:80", false, false},
	{"a: 80", false, false},
	{"a :80", false, false},
	{"", false, false},
	{":80", false, false},
	{"a b", false, false},
	{"a\tb", false, false},
	{"a/b", false, false},
	{"a/", false, false},
	{"a?b", false, false},
	{"a#b", false, false},
	{"a\\b", false, false},
	{"a@b", false, false},
	{"u:p@b:80", false, false},
	{"a,b", false, false},
	{"a, b", false, false},
	{"a_b", true, false},
	{"a!$&'()*+;=b", true, false},
	{"a%20b", true, false},
	{"a%2", false, false},
	{"a%", false, false},
	{"a%zz", false, false},
	{"a%4g:80", false, false},
	{"\xc3\xa4.example", false, false},
	{"<a>", false, false},
	{"a\"b", false, false},
	{"a|b", false, false},
	{"a^b", false, false},
	{"a`b", false, false},
	{"a{b}", false, false},
	{"http://a", false, false},
	{"[::1]", true, false},
	{"[::1]:80", true, true},
	{"[::1]:", true, false},
	{"[2001:db8::192.0.2.1]", true, false},
	{"[1:2:3:4:5:6:7:8]", true, false},
	{"[::1", false, false},
	{"::1", false, false},
	{"[]", false, false},
	{"[]:80", false, false},
	{"[::1]80", false, false},
	{"[::1]a", false, false},
	{"[::g]", false, false},
	{"[1:2:3]", false, false},
	{"[::1%eth0]", false, false},
	{"[::1%25eth0]", false, false},
	{"[v1.a]", false, false},
	{"[127.0.0.1]", false, false},
	{"[example]", false, false},
	{"a[::1]", false, false},
	{"a]", false, false},
	{"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]", false, false},
	{"[0000:0000:0000:0000:0000:0000:255.255.255.255]", true, false},
	{"[0000:0000:0000:0000:0000:0000:255.255.255.2555]", false, false},
};

static void hosts_are_valid_or_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		size_t length = strlen(hosts[i].text);
		char *text = copy_exactly(hosts[i].text, length);
		if (host_is_valid(text, length, false) != hosts[i].valid || host_is_valid(text, length, true) != hosts[i].valid_with_port)
			fail_msg("Host: %s", hosts[i].text);
		free(text);
	}
}

struct fields_case {
	const char *name;
	struct text text;
	enum fail fail;
};

static const struct fields_case cases[] = {
	{"9112 3.2 no Host", TEXT("GET / HTTP/1.1\r\n\r\n"), FAIL_request_host},
	{"9112 3.2 no Host, other fields", TEXT("GET / HTTP/1.1\r\nX-Host: a\r\nHosts: a\r\n\r\n"), FAIL_request_host},
	{"9112 3.2 no Host beside an absolute form", TEXT("GET http://a/ HTTP/1.1\r\n\r\n"), FAIL_request_host},
	{"9112 3.2 no Host in HTTP/1.0", TEXT("GET / HTTP/1.0\r\n\r\n"), FAIL_none},
	{"9112 3.2 no Host in HTTP/1.2", TEXT("GET / HTTP/1.2\r\n\r\n"), FAIL_request_host},
	{"9112 3.2 two Hosts", TEXT("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), FAIL_request_host},
	{"9112 3.2 the same Host twice", TEXT("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nhOST: a\r\n\r\n"), FAIL_request_host},
	{"9112 3.2 two Hosts in HTTP/1.0", TEXT("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), FAIL_request_host},
	{"9112 3.2 two Hosts beside an absolute form", TEXT("GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), FAIL_request_host},
	{"9112 3.2 an invalid Host", TEXT("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), FAIL_request_host},
	{"9112 3.2 an invalid Host in HTTP/1.0", TEXT("GET / HTTP/1.0\r\nHost: a b\r\n\r\n"), FAIL_request_host},
	{"9112 3.2.2 an invalid Host beside an absolute form", TEXT("GET http://a/ HTTP/1.1\r\nHost: a@b\r\n\r\n"), FAIL_request_host},
	{"9112 3.2.2 another Host beside an absolute form", TEXT("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n"), FAIL_none},
	{"9112 3.3 an empty Host", TEXT("GET / HTTP/1.1\r\nHost:\r\n\r\n"), FAIL_request_host},
	{"9112 3.3 a Host of white space", TEXT("GET / HTTP/1.1\r\nHost: \t\r\n\r\n"), FAIL_request_host},
	{"9112 3.2 an empty Host beside an absolute form", TEXT("GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n"), FAIL_none},
	{"9112 3.2.4 asterisk form and Host", TEXT("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), FAIL_none},
	{"9112 3.2.4 asterisk form and an empty Host", TEXT("OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n"), FAIL_request_host},
	{"9110 7.6.2 Max-Forwards of TRACE", TEXT("TRACE / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 10\r\n\r\n"), FAIL_none},
	{"9110 7.6.2 a negative one", TEXT("TRACE / HTTP/1.1\r\nHost: a\r\nMax-Forwards: -1\r\n\r\n"), FAIL_request_malformed},
	{"9110 7.6.2 an empty one", TEXT("OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards:\r\n\r\n"), FAIL_request_malformed},
	{"9110 7.6.2 two of them", TEXT("OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 1\r\nMax-Forwards: 1\r\n\r\n"), FAIL_request_malformed},
	{"9110 7.6.2 other methods ignore it", TEXT("GET / HTTP/1.1\r\nHost: a\r\nMax-Forwards: x\r\n\r\n"), FAIL_none},
};

static void fields_that_must_be_right_are_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct head head;
		enum fail fail;
		parse_split(false, cases[i].text, &roomy, &head, &fail);
		if (fail != cases[i].fail)
			fail_msg("%s: %s", cases[i].name, fail_row(fail)->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_are_split_or_refused),
		cmocka_unit_test(hosts_are_valid_or_not),
		cmocka_unit_test(fields_that_must_be_right_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
