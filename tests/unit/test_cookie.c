/* Cookies of a request, as clients write them. */
// links: proxy
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/cookie.h"

struct cookie_case {
	const char *fields;
	const char *values; /* of the cookie `pin`, each followed by '|' */
};

static const struct cookie_case cases[] = {
	{"", ""},
	{"Accept: pin=1\r\n", ""},
	{"Cookie: pin=1\r\n", "1|"},
	{"cOOKIE:pin=1\r\n", "1|"},
	{"Cookie: a=b; pin=1; c=d\r\n", "1|"},
	{"Cookie: a=b;pin=1;c=d\r\n", "1|"},
	{"Cookie: \t a=b ; \t pin = 1 \t;c=d\r\n", "1|"},
	{"Cookie: pin=1;\r\n", "1|"},
	{"Cookie: ;;; pin=1 ;;\r\n", "1|"},
	{"Cookie: pin=\r\n", "|"},
	{"Cookie: pin\r\n", ""},
	{"Cookie: =1\r\n", ""},
	{"Cookie: pin=1=2\r\n", "1=2|"},
	{"Cookie: pin=\"1\"\r\n", "1|"},
	{"Cookie: pin=\"\"\r\n", "|"},
	{"Cookie: pin=\"\r\n", "\"|"},
	{"Cookie: pin=\"1\r\n", "\"1|"},
	{"Cookie: pin=1\"\r\n", "1\"|"},
	{"Cookie: Pin=1\r\n", ""},
	{"Cookie: pins=1; spin=2; pi=3; xpin=4\r\n", ""},
	{"Cookie: a=pin=1\r\n", ""},
	{"Cookie: pin=1; pin=2\r\n", "1|2|"},
	{"Cookie: pin=1\r\nHost: x\r\nCookie: a=b\r\nCookie: pin=2; pin=3\r\n", "1|2|3|"},
	{"Cookie:\r\nCookie: pin=1\r\n", "1|"},
	{"Cookie: a=b, pin=1\r\n", ""},
	{"Cookie: $Version=1; pin=\"x\"; $Path=/\r\n", "x|"},
};

static void read_all(const char *text, size_t length, char *out)
{
	struct head head;
	struct head_limits limits = {length + 1, HEAD_FIELDS_MAX};
	enum fail fail;
	struct cookie_walk walk;
	struct span value;
	assert_int_equal(head_parse_request(text, length, 0, &limits, &head, &fail), HEAD_DONE);
	cookie_begin(&walk, &head);
	while (cookie_next(&walk, "pin", 3, &value)) {
		memcpy(out, value.at, value.length);
		out += value.length;
		*out++ = '|';
	}
	*out = '\0';
}

/* In memory of exactly its length, for the sanitizers. */
static void cookies_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512], values[512];
		size_t length = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.0\r\n%s\r\n", cases[i].fields);
		char *copy = malloc(length);
		memcpy(copy, text, length);
		read_all(copy, length, values);
		if (strcmp(values, cases[i].values) != 0)
			fail_msg("%s: \"%s\" instead of \"%s\"", cases[i].fields, values, cases[i].values);
		free(copy);
	}
}

/* A name without an id, one with, and none. */
static void fields_are_found_by_name(void **state)
{
	(void)state;
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nX-User: u1\r\nx-USER: u2\r\nX-Use: no\r\nCookie: c\r\nX-Empty:\r\n\r\n";
	static const struct {
		const char *name, *value;
	} wanted[] = {
		{"x-user", "u1"}, {"X-USER", "u1"}, {"cookie", "c"}, {"HOST", "a"}, {"x-empty", ""}, {"x-us", ""}, {"x-users", ""}, {"accept", ""}, {"", ""}};
	struct head head;
	struct head_limits limits = {sizeof(text), HEAD_FIELDS_MAX};
	enum fail fail;
	assert_int_equal(head_parse_request(text, sizeof(text) - 1, 0, &limits, &head, &fail), HEAD_DONE);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct span value = head_value_named(&head, wanted[i].name, strlen(wanted[i].name));
		assert_int_equal(value.length, strlen(wanted[i].value));
		assert_true(value.length == 0 || memcmp(value.at, wanted[i].value, value.length) == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cookies_are_found),
		cmocka_unit_test(fields_are_found_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
