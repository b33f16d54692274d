/* base/url: which URLs of servers are taken, how they come apart, and percent-encoding. */
// links: base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/url.h"

struct url_case {
	const char *text, *root, *addr;
	enum addr_kind kind;
};

static const struct url_case good_cases[] = {
	{"http://127.0.0.1:9090", "http://127.0.0.1:9090", "127.0.0.1:9090", ADDR_IPV4},
	{"http://127.0.0.1:9090/", "http://127.0.0.1:9090", "127.0.0.1:9090", ADDR_IPV4},
	{"http://127.0.0.1:9090/prometheus", "http://127.0.0.1:9090/prometheus", "127.0.0.1:9090", ADDR_IPV4},
	{"http://127.0.0.1:9090/a/b//", "http://127.0.0.1:9090/a/b", "127.0.0.1:9090", ADDR_IPV4},
	{"http://127.0.0.1:9090/a%20b/../c", "http://127.0.0.1:9090/a%20b/../c", "127.0.0.1:9090", ADDR_IPV4},
	{"http://127.0.0.1:9090/@x", "http://127.0.0.1:9090/@x", "127.0.0.1:9090", ADDR_IPV4},
	{"https://prometheus.example", "https://prometheus.example", "prometheus.example:443", ADDR_NAME},
	{"HTTP://Prometheus.Example:80/P", "http://Prometheus.Example:80/P", "prometheus.example:80", ADDR_NAME},
	{"http://localhost", "http://localhost", "localhost:80", ADDR_NAME},
	{"http://[::1]:9090/x/", "http://[::1]:9090/x", "[::1]:9090", ADDR_IPV6},
	{"http://127.0.0.1:", "http://127.0.0.1", "127.0.0.1:80", ADDR_IPV4},
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good_cases) / sizeof(good_cases[0]); i++) {
		const struct url_case *test = &good_cases[i];
		struct err err = {.text = ""};
		struct url url;
		char addr[ADDR_TEXT_SIZE];
		print_message("%s\n", test->text);
		if (!url_init(&url, test->text, &err))
			fail_msg("%s", err.text);
		assert_true(url_check(test->text, NULL));
		addr_format(&url.addr, addr, sizeof(addr));
		assert_string_equal(url.root, test->root);
		assert_string_equal(addr, test->addr);
		assert_int_equal(url.addr.kind, test->kind);
		url_fini(&url);
	}
}

static const struct {
	const char *text, *sentence;
} bad_cases[] = {
	{"", "does not begin with http:// or https://"},
	{"127.0.0.1:9090", "does not begin with http:// or https://"},
	{"prometheus", "does not begin with http:// or https://"},
	{"ftp://127.0.0.1", "does not begin with http:// or https://"},
	{"file:///etc/passwd", "does not begin with http:// or https://"},
	{"unix:/run/prometheus.sock", "does not begin with http:// or https://"},
	{"http://", "can't be read"},
	{"http://:9090", "can't be read"},
	{"http://127.0.0.1:0", "port 0"},
	{"http://127.0.0.1:65536", "can't be read"},
	{"http://127.0.0.1:x", "can't be read"},
	{"http://a b/", "can't be read"},
	{"http://a\n/", "can't be read"},
	{"http://[::1/", "can't be read"},
	{"http://[fe80::g]/", "can't be read"},
	{"http://-bad-/", "no name that can be looked up"},
	{"http://1.2.3.4.5/", "no address, no name"},
	{"http://me:secret@127.0.0.1/", "leave out what is before the @"},
	{"http://me@127.0.0.1/", "leave out what is before the @"},
	{"http://:@127.0.0.1/", "leave out what is before the @"},
	{"http://127.0.0.1/?", "has a query"},
	{"http://127.0.0.1/?a=b", "has a query"},
	{"http://127.0.0.1/#", "has a fragment"},
	{"http://127.0.0.1/#x", "has a fragment"},
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_cases) / sizeof(bad_cases[0]); i++) {
		struct err err = {.text = ""};
		bool usable = url_check(bad_cases[i].text, &err);
		print_message("%s: %s\n", bad_cases[i].text, err.text);
		assert_false(usable);
		assert_non_null(strstr(err.text, bad_cases[i].sentence));
		assert_null(strstr(err.text, "secret"));
	}
}

static void test_too_long(void **state)
{
	(void)state;
	char text[4000] = "http://127.0.0.1/";
	memset(text + strlen(text), 'a', 2048 - strlen(text));
	assert_true(url_check(text, NULL));
	strcat(text, "a");
	assert_false(url_check(text, NULL));
}

static void test_escape(void **state)
{
	(void)state;
	static const struct {
		const char *part, *escaped;
	} cases[] = {
		{"", ""},
		{"up", "up"},
		{"A-z_0.9~", "A-z_0.9~"},
		{"sum(rate(x{a=\"b\"}[1m])) > 5 + 1 & c", "sum%28rate%28x%7Ba%3D%22b%22%7D%5B1m%5D%29%29%20%3E%205%20%2B%201%20%26%20c"},
		{"100%\n#\xc3\xa4", "100%25%0A%23%C3%A4"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text out;
		text_init(&out, SIZE_MAX);
		text_add(&out, "x=", 2);
		url_add_escaped(&out, cases[i].part);
		assert_string_equal(out.bytes + 2, cases[i].escaped);
		text_fini(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_escape),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
