/* Who the client is behind trusted proxies: X-Forwarded-For and Forwarded, good, forged and faulty. */
// links: proxy
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/origin.h"
#include "tests/unit/split_parse.h"

/* The peer is 10.0.0.1 port 9; 10.0.0.0/8 and 2001:db8:ffff::/48 are trusted. */
#define PEER "10.0.0.1 9"
#define XFF "X-Forwarded-For: "
#define FWD "Forwarded: "

struct origin_case {
	const char *name, *fields, *client;
};

static const struct origin_case cases[] = {
	{"no field", "", PEER},
	{"an empty field", XFF "\r\n", PEER},
	{"a list of nothing", XFF ", ,,\r\n", PEER},
	{"one address", XFF "192.0.2.1\r\n", "192.0.2.1 0"},
	{"one IPv6 address", XFF "2001:DB8::1\r\n", "2001:db8::1 0"},
	{"the last one counts", XFF "192.0.2.1, 192.0.2.2\r\n", "192.0.2.2 0"},
	{"without spaces", XFF "192.0.2.1,192.0.2.2\r\n", "192.0.2.2 0"},
	{"empty members are none", XFF ",192.0.2.1,, ,\r\n", "192.0.2.1 0"},
	{"trusted ones are passed over", XFF "192.0.2.1, 10.0.0.3, 2001:db8:ffff::1, 10.0.0.2\r\n", "192.0.2.1 0"},
	{"what is in front of an untrusted one is a claim", XFF "10.0.0.9, 192.0.2.9, 192.0.2.1, 10.0.0.2\r\n", "192.0.2.1 0"},
	{"all of them trusted", XFF "10.0.0.3, 10.0.0.2\r\n", "10.0.0.3 0"},
	{"several lines are one list", XFF "192.0.2.1\r\nX: y\r\n" XFF "\r\nx-forwarded-for: 10.0.0.2\r\n", "192.0.2.1 0"},
	{"several lines, the last counts", XFF "192.0.2.1\r\n" XFF "192.0.2.2\r\n", "192.0.2.2 0"},
	{"IPv4 with a port", XFF "192.0.2.1:8080\r\n", "192.0.2.1 8080"},
	{"IPv6 with a port", XFF "[2001:db8::1]:65535\r\n", "2001:db8::1 65535"},
	{"IPv6 in brackets", XFF "[2001:db8::1]\r\n", "2001:db8::1 0"},
	{"IPv4 in IPv6", XFF "192.0.2.1, ::ffff:10.0.0.2\r\n", "192.0.2.1 0"},
	{"a trusted one with a port", XFF "192.0.2.1, 10.0.0.2:80\r\n", "192.0.2.1 0"},
	{"unknown ends it", XFF "192.0.2.1, unknown\r\n", PEER},
	{"a name ends it", XFF "192.0.2.1, proxy.example\r\n", PEER},
	{"a fault ends it at what was passed over", XFF "192.0.2.1, 192.0.2, 10.0.0.3, 10.0.0.2\r\n", "10.0.0.3 0"},
	{"a fault behind the client does not matter", XFF "unknown, 192.0.2.1, 10.0.0.2\r\n", "192.0.2.1 0"},
	{"a number that is too large", XFF "192.0.2.256\r\n", PEER},
	{"a zero in front", XFF "192.0.2.01\r\n", PEER},
	{"a port that is too large", XFF "192.0.2.1:65536\r\n", PEER},
	{"a port of nothing", XFF "192.0.2.1:\r\n", PEER},
	{"a port of letters", XFF "192.0.2.1:http\r\n", PEER},
	{"an open bracket", XFF "[2001:db8::1\r\n", PEER},
	{"a closing bracket alone", XFF "2001:db8::1]\r\n", PEER},
	{"something behind the bracket", XFF "[2001:db8::1]80\r\n", PEER},
	{"IPv4 in brackets", XFF "[192.0.2.1]\r\n", PEER},
	{"empty brackets", XFF "[]\r\n", PEER},
	{"two addresses without a comma", XFF "192.0.2.1 192.0.2.2\r\n", PEER},
	{"quotes are none of it", XFF "\"192.0.2.1\"\r\n", PEER},
	{"the peer at the end, as the backend gets it", XFF "192.0.2.1, 10.0.0.1\r\n", "192.0.2.1 0"},
	{"the peer alone is nobody", XFF "10.0.0.1\r\n", PEER},
	{"the peer alone, and Forwarded", XFF "10.0.0.1\r\n" FWD "for=192.0.2.2, for=10.0.0.1\r\n", "192.0.2.2 0"},
	{"the peer alone in both", XFF "10.0.0.1\r\n" FWD "for=10.0.0.1\r\n", PEER},
	{"the peer behind others that are trusted", XFF "10.0.0.1, 10.0.0.2, 10.0.0.1\r\n" FWD "for=192.0.2.2\r\n", "10.0.0.1 0"},
	{"a fault behind the peer", XFF "unknown, 10.0.0.1\r\n" FWD "for=192.0.2.2\r\n", PEER},
	{"X-Forwarded-For of nothing, and Forwarded", XFF "\r\n" FWD "for=192.0.2.2\r\n", "192.0.2.2 0"},
	{"X-Forwarded-For goes before Forwarded", FWD "for=192.0.2.2\r\n" XFF "192.0.2.1\r\n", "192.0.2.1 0"},
	{"as far as looked",
		XFF "192.0.2.1,10.0.1.1,10.0.1.2,10.0.1.3,10.0.1.4,10.0.1.5,10.0.1.6,10.0.1.7,10.0.1.8,10.0.1.9,10.0.1.10,10.0.1.11,10.0.1.12,"
		    "10.0.1.13,10.0.1.14,10.0.1.15\r\n",
		"192.0.2.1 0"},
	{"no further",
		XFF "192.0.2.1,10.0.1.1,10.0.1.2,10.0.1.3,10.0.1.4,10.0.1.5,10.0.1.6,10.0.1.7,10.0.1.8,10.0.1.9,10.0.1.10,10.0.1.11,10.0.1.12,"
		    "10.0.1.13,10.0.1.14,10.0.1.15,10.0.1.16\r\n",
		"10.0.1.1 0"},

	{"7239 4 an element", FWD "for=192.0.2.60;proto=http;by=203.0.113.43\r\n", "192.0.2.60 0"},
	{"7239 4 in any case", FWD "by=203.0.113.43;FOR=192.0.2.60\r\n", "192.0.2.60 0"},
	{"7239 4 the last element", FWD "for=192.0.2.43, for=198.51.100.17;by=203.0.113.60;proto=http;host=example.com\r\n", "198.51.100.17 0"},
	{"7239 4 several lines", FWD "for=192.0.2.43\r\n" FWD "for=10.0.0.2\r\n", "192.0.2.43 0"},
	{"7239 6 IPv6 with a port", FWD "For=\"[2001:db8:cafe::17]:4711\"\r\n", "2001:db8:cafe::17 4711"},
	{"7239 6 IPv6", FWD "for=\"[2001:db8::1]\", for=\"[2001:db8:ffff::1]\"\r\n", "2001:db8::1 0"},
	{"7239 6 IPv4 with a port", FWD "for=\"192.0.2.43:47011\"\r\n", "192.0.2.43 47011"},
	{"7239 6.3 a hidden port", FWD "for=\"192.0.2.43:_x.Y-1\"\r\n", "192.0.2.43 0"},
	{"7239 6.2 unknown ends it", FWD "for=192.0.2.1, for=unknown, for=10.0.0.2\r\n", "10.0.0.2 0"},
	{"7239 6.3 a hidden node ends it", FWD "for=192.0.2.1, for=_hidden, for=10.0.0.2\r\n", "10.0.0.2 0"},
	{"7239 6.3 in quotes too", FWD "for=\"_gazonk\"\r\n", PEER},
	{"a hidden port of nothing", FWD "for=\"192.0.2.43:_\"\r\n", PEER},
	{"a hidden port of strange letters", FWD "for=\"192.0.2.43:_a/b\"\r\n", PEER},
	{"space around a semicolon", FWD "for=192.0.2.1 ; proto=https\r\n", "192.0.2.1 0"},
	{"empty elements and pairs", FWD ", ;for=192.0.2.1;; , ,\r\n", "192.0.2.1 0"},
	{"an element without for", FWD "for=192.0.2.1, by=10.0.0.2\r\n", PEER},
	{"for twice", FWD "for=192.0.2.1;for=192.0.2.2\r\n", PEER},
	{"for twice, the first a fault", FWD "for=x;for=192.0.2.2\r\n", PEER},
	{"no value", FWD "for=\r\n", PEER},
	{"an empty value", FWD "for=\"\"\r\n", PEER},
	{"no equals sign", FWD "for\r\n", PEER},
	{"space behind the equals sign", FWD "for= 192.0.2.1\r\n", PEER},
	{"another parameter of a like name", FWD "x-for=192.0.2.1\r\n", PEER},
	{"IPv6 without quotes", FWD "for=[2001:db8::1]\r\n", PEER},
	{"IPv6 without brackets", FWD "for=\"2001:db8::1\"\r\n", PEER},
	{"a port without quotes", FWD "for=192.0.2.1:80\r\n", PEER},
	{"backslashes in quotes", FWD "for=\"\\1\\92.0.2\\.1\"\r\n", "192.0.2.1 0"},
	{"separators in quotes", FWD "host=\"a,for=192.0.2.9;\";for=192.0.2.1\r\n", "192.0.2.1 0"},
	{"a quote in quotes", FWD "host=\"a\\\",for=192.0.2.9\";for=192.0.2.1\r\n", "192.0.2.1 0"},
	{"a quote that stays open", FWD "for=192.0.2.1, host=\"a, for=192.0.2.9\r\n", PEER},
	{"a quote that stays open by a backslash", FWD "for=\"192.0.2.1\\\"\r\n", PEER},
	{"a backslash at the end", FWD "for=\"192.0.2.1\\\r\n", PEER},
	{"something behind the quotes", FWD "for=\"192.0.2.1\"x\r\n", PEER},
	{"quotes within", FWD "for=\"192.0\".2.\"1\"\r\n", PEER},
	{"a quote alone", FWD "for=\"\r\n", PEER},
	{"a value that is too long", FWD "for=\"192.0.2.1:00000000000000000000000000000000000000000000000000000000000000\"\r\n", PEER},
};

static struct endpoint make_endpoint(const char *host, uint16_t port)
{
	struct endpoint endpoint;
	assert_true(endpoint_parse_host(&endpoint, (struct span){host, strlen(host)}));
	endpoint.port = port;
	return endpoint;
}

/* From a copy of exactly the head's bytes, so that a sanitizer sees one step too far. */
static void find(const char *fields, const struct addr_block *trusted, size_t trusted_count, char client[64])
{
	char *bytes = malloc(strlen(fields) + 64), host[ENDPOINT_TEXT_SIZE];
	assert_non_null(bytes);
	size_t length = (size_t)sprintf(bytes, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
	char *exact = copy_exactly(bytes, length);
	struct endpoint peer = make_endpoint("10.0.0.1", 9), found;
	struct head head;
	enum fail fail = FAIL_none;
	assert_int_equal(head_parse_request(exact, length, 0, &roomy, &head, &fail), HEAD_DONE);
	origin_find(&peer, trusted, trusted_count, &head, &found);
	endpoint_format_host(&found, host);
	snprintf(client, 64, "%s %u", host, found.port);
	free(exact);
	free(bytes);
}

static void the_client_is_found(void **state)
{
	(void)state;
	struct addr_block trusted[2];
	struct err err;
	assert_true(addr_block_parse("10.0.0.0/8", &trusted[0], &err) && addr_block_parse("2001:db8:ffff::/48", &trusted[1], &err));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char client[64];
		find(cases[i].fields, trusted, 2, client);
		if (strcmp(client, cases[i].client) != 0)
			fail_msg("%s: %s instead of %s", cases[i].name, client, cases[i].client);
	}
}

/* Thousands of members cost a bounded number of looks. */
static void a_long_list_is_looked_at_from_its_end(void **state)
{
	enum { MEMBERS = 5000 };
	(void)state;
	struct addr_block trusted;
	struct err err;
	char *fields = malloc(64 + 10 * MEMBERS), client[64];
	assert_non_null(fields);
	assert_true(addr_block_parse("10.0.0.0/8", &trusted, &err));
	size_t length = (size_t)sprintf(fields, "X-Forwarded-For: ");
	for (unsigned i = 0; i < MEMBERS; i++)
		length += (size_t)sprintf(fields + length, "10.0.0.2, ");
	sprintf(fields + length, "10.0.0.3\r\n");
	find(fields, &trusted, 1, client);
	assert_string_equal(client, "10.0.0.2 0");
	find(fields, &trusted, 0, client);
	assert_string_equal(client, "10.0.0.3 0");
	free(fields);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_client_is_found),
		cmocka_unit_test(a_long_list_is_looked_at_from_its_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
