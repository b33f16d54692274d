/* The PROXY protocol: every header byte by byte, what is refused and when, and what is written read again. */
// links: proxy
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/proxyproto.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define IPV4 "\xc0\x00\x02\x01\xc6\x33\x64\x02\x1f\x90\x00\x50" /* 192.0.2.1:8080 to 198.51.100.2:80 */
#define IPV6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\xff\xff\x00\x01"
#define TEXT(literal) literal, sizeof(literal) - 1

struct good_case {
	const char *name, *bytes;
	size_t length;
	const char *source, *destination; /* as shown by show(); "" when there is none */
};

static const struct good_case goods[] = {
	{"v1, IPv4", TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 8080 80\r\n"), "192.0.2.1 8080", "198.51.100.2 80"},
	{"v1, IPv6", TEXT("PROXY TCP6 2001:DB8::1 2001:db8:0:0:0:0:0:2 65535 0\r\n"), "2001:db8::1 65535", "2001:db8::2 0"},
	{"v1, IPv4 in IPv6", TEXT("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:c633:6402 1 2\r\n"), "192.0.2.1 1", "198.51.100.2 2"},
	{"v1, the longest of IPv4", TEXT("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255 65535", "255.255.255.255 65535"},
	{"v1, the longest of IPv6", TEXT("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535"},
	{"v1, unknown", TEXT("PROXY UNKNOWN\r\n"), "", ""},
	{"v1, unknown and nothing behind its space", TEXT("PROXY UNKNOWN \r\n"), "", ""},
	{"v1, unknown with anything", TEXT("PROXY UNKNOWN 192.0.2.1 \0\x01\xff zebra\r\n"), "", ""},
	{"v1, unknown and the longest line",
		TEXT("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"), "", ""},
	{"v2, IPv4", TEXT(SIGNATURE "\x21\x11\0\x0c" IPV4), "192.0.2.1 8080", "198.51.100.2 80"},
	{"v2, IPv6", TEXT(SIGNATURE "\x21\x21\0\x24" IPV6), "2001:db8::1 65535", "2001:db8::2 1"},
	{"v2, IPv4 in IPv6", TEXT(SIGNATURE "\x21\x21\0\x24\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x02\0\x01\0\x02"),
		"192.0.2.1 1", "198.51.100.2 2"},
	{"v2, local", TEXT(SIGNATURE "\x20\0\0\0"), "", ""},
	{"v2, local with addresses", TEXT(SIGNATURE "\x20\x11\0\x0c" IPV4), "", ""},
	{"v2, local of an unknown family",
		TEXT(SIGNATURE "\x20\xff\0\x03"
			       "abc"),
		"", ""},
	{"v2, unspecified", TEXT(SIGNATURE "\x21\0\0\0"), "", ""},
	{"v2, unspecified with something",
		TEXT(SIGNATURE "\x21\0\0\x02"
			       "ab"),
		"", ""},
	{"v2, IPv4 of no protocol", TEXT(SIGNATURE "\x21\x10\0\x0c" IPV4), "", ""},
	{"v2, a stream of no family", TEXT(SIGNATURE "\x21\x01\0\x0c" IPV4), "", ""},
	{"v2, datagrams", TEXT(SIGNATURE "\x21\x12\0\x0c" IPV4), "", ""},
	{"v2, additions that say nothing to us", TEXT(SIGNATURE "\x21\x11\0\x16" IPV4 "\x04\0\0\x02\0\x04host"), "192.0.2.1 8080", "198.51.100.2 80"},
	{"v2, as haproxy writes it with a checksum", TEXT(SIGNATURE "\x21\x11\0\x16\x7f\0\0\x01\x7f\0\0\x01\x8d\x9e\xbd\xf3\x03\0\x04\xb9\x90;\x02\x05\0\0"),
		"127.0.0.1 36254", "127.0.0.1 48627"},
	{"v2, as haproxy writes it with a checksum and more",
		TEXT(SIGNATURE
			"\x21\x21\0\x33\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x80\0\xa5\x43\x03\0\x04\xea\xb0\xe9\x38\x20\0\x05\0\0\0\0\0"),
		"::1 32768", "::1 42307"},
};

static const char *show(const struct endpoint *endpoint, char out[64])
{
	char host[ENDPOINT_TEXT_SIZE];
	endpoint_format_host(endpoint, host);
	snprintf(out, 64, "%s %u", host, endpoint->port);
	return endpoint->family == ENDPOINT_NONE ? "" : out;
}

/* From a copy of exactly that many bytes, so that a sanitizer sees one step too far. */
static enum proxyproto_result read_exactly(const char *bytes, size_t length, struct proxyproto *header)
{
	char *copy = malloc(length > 0 ? length : 1);
	assert_non_null(copy);
	if (length > 0)
		memcpy(copy, bytes, length);
	enum proxyproto_result result = proxyproto_read(copy, length, header);
	free(copy);
	return result;
}

static void check_good(const char *name, const char *bytes, size_t length, const char *source, const char *destination)
{
	char one[64], other[64], followed[256];
	struct proxyproto header = {.length = 1};
	assert_true(length + 5 <= sizeof(followed));
	memcpy(followed, bytes, length);
	memcpy(followed + length, "GET /", 5);
	for (size_t there = 0; there < length; there++) {
		if (read_exactly(bytes, there, &header) != PROXYPROTO_MORE || header.length != 1)
			fail_msg("%s: with %zu bytes", name, there);
	}
	for (size_t there = length; there <= length + 5; there++) {
		if (read_exactly(followed, there, &header) != PROXYPROTO_DONE)
			fail_msg("%s: with %zu bytes", name, there);
		assert_int_equal(header.length, length);
		assert_string_equal(show(&header.source, one), source);
		assert_string_equal(show(&header.destination, other), destination);
	}
}

static void good_headers_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(goods) / sizeof(*goods); i++)
		check_good(goods[i].name, goods[i].bytes, goods[i].length, goods[i].source, goods[i].destination);
}

struct bad_case {
	const char *name, *bytes;
	size_t length; /* the last byte is the one that makes it bad */
};

static const struct bad_case bads[] = {
	{"a request", TEXT("G")},
	{"a request that begins as we do", TEXT("PO")},
	{"another version 1", TEXT("PROXZ")},
	{"small letters", TEXT("p")},
	{"a tab", TEXT("PROXY\t")},
	{"TLS", TEXT("\x16")},
	{"HTTP/2", TEXT("PRI")},
	{"an empty line and a request", TEXT("\r\nG")},
	{"a line feed", TEXT("\n")},
	{"a NUL", TEXT("\0")},
	{"an unknown protocol", TEXT("PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n")},
	{"UDP", TEXT("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n")},
	{"no protocol", TEXT("PROXY \r\n")},
	{"unknown with a tail", TEXT("PROXY UNKNOWNS\r\n")},
	{"unknown in small letters", TEXT("PROXY unknown\r\n")},
	{"a line feed alone", TEXT("PROXY UNKNOWN\n")},
	{"a carriage return alone", TEXT("PROXY UNKNOWN\rG")},
	{"two carriage returns", TEXT("PROXY UNKNOWN\r\r")},
	{"a carriage return in what is ignored", TEXT("PROXY UNKNOWN \r ")},
	{"nothing behind the protocol", TEXT("PROXY TCP4\r\n")},
	{"one address", TEXT("PROXY TCP4 192.0.2.1\r\n")},
	{"no ports", TEXT("PROXY TCP4 192.0.2.1 192.0.2.2\r\n")},
	{"one port", TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n")},
	{"one port and a space", TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 1 \r\n")},
	{"three ports", TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n")},
	{"a space at the end", TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n")},
	{"two spaces in front", TEXT("PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n")},
	{"two spaces between", TEXT("PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n")},
	{"a tab between", TEXT("PROXY TCP4 192.0.2.1\t192.0.2.2 1 2\r\n")},
	{"a port with a zero in front", TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n")},
	{"a second port with a zero in front", TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 1 00\r\n")},
	{"a port that is too large", TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n")},
	{"a port of six digits", TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 1 100000\r\n")},
	{"a port with a sign", TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n")},
	{"a port that is a name", TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 1 http\r\n")},
	{"an IPv6 address as IPv4", TEXT("PROXY TCP4 ::1 192.0.2.2 1 2\r\n")},
	{"an IPv4 address as IPv6", TEXT("PROXY TCP6 ::1 192.0.2.2 1 2\r\n")},
	{"an address with a zero in front", TEXT("PROXY TCP4 192.0.02.1 192.0.2.2 1 2\r\n")},
	{"an address that is none", TEXT("PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n")},
	{"an address with a scope", TEXT("PROXY TCP6 fe80::1%lo ::1 1 2\r\n")},
	{"an address in brackets", TEXT("PROXY TCP6 [::1] ::1 1 2\r\n")},
	{"an address with a NUL", TEXT("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n")},
	{"a line without its end", TEXT("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 655355")},
	{"version 1 in a binary header", TEXT(SIGNATURE "\x11")},
	{"version 3", TEXT(SIGNATURE "\x31")},
	{"an unknown command", TEXT(SIGNATURE "\x22")},
	{"an unknown family", TEXT(SIGNATURE "\x21\x41")},
	{"an unknown transport", TEXT(SIGNATURE "\x21\x13")},
	{"too long", TEXT(SIGNATURE "\x20\0\x0f\xf1")},
	{"as long as can be said", TEXT(SIGNATURE "\x21\x11\xff\xff")},
	{"IPv4 addresses that are cut off", TEXT(SIGNATURE "\x21\x11\0\x0b\xc0\0\x02\x01\xc6\x33\x64\x02\x1f\x90\0")},
	{"IPv6 addresses that are IPv4 ones", TEXT(SIGNATURE "\x21\x21\0\x0c" IPV4)},
	{"no addresses at all", TEXT(SIGNATURE "\x21\x11\0\0")},
	{"unix paths that are cut off", TEXT(SIGNATURE "\x21\x31\0\x04path")},
	{"an addition that is cut off", TEXT(SIGNATURE "\x21\x11\0\x0e" IPV4 "\x04\0")},
	{"an addition that goes beyond the end", TEXT(SIGNATURE "\x21\x11\0\x10" IPV4 "\x04\0\x02"
								"a")},
	{"a checksum that is wrong", TEXT(SIGNATURE "\x21\x11\0\x16\x7f\0\0\x01\x7f\0\0\x01\x8d\x9e\xbd\xf3\x03\0\x04\xb9\x90;\x03\x05\0\0")},
	{"a checksum of another header", TEXT(SIGNATURE "\x21\x11\0\x16\x7f\0\0\x02\x7f\0\0\x01\x8d\x9e\xbd\xf3\x03\0\x04\xb9\x90;\x02\x05\0\0")},
	{"a short checksum", TEXT(SIGNATURE "\x21\x11\0\x12" IPV4 "\x03\0\x03\0\0\0")},
	{"two checksums", TEXT(SIGNATURE "\x21\x11\0\x1a" IPV4 "\x03\0\x04\0\0\0\0\x03\0\x04\0\0\0\0")},
};

static void bad_headers_are_bad_as_soon_as_they_are(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bads) / sizeof(*bads); i++) {
		char followed[256];
		struct proxyproto header = {.length = 1};
		for (size_t there = 0; there < bads[i].length; there++) {
			if (read_exactly(bads[i].bytes, there, &header) != PROXYPROTO_MORE)
				fail_msg("%s: with %zu bytes already", bads[i].name, there);
		}
		memcpy(followed, bads[i].bytes, bads[i].length);
		memcpy(followed + bads[i].length, "1\r\n", 3);
		for (size_t there = bads[i].length; there <= bads[i].length + 3; there++) {
			if (read_exactly(followed, there, &header) != PROXYPROTO_BAD)
				fail_msg("%s: not with %zu bytes", bads[i].name, there);
		}
		assert_int_equal(header.length, 1);
	}
}

static void unix_paths_are_left_alone(void **state)
{
	(void)state;
	char bytes[16 + 216] = SIGNATURE "\x21\x31\0\xd8/path";
	check_good("unix paths", bytes, sizeof(bytes), "", "");
}

static void the_longest_header_is_read(void **state)
{
	(void)state;
	char *bytes = calloc(1, PROXYPROTO_READ_MAX);
	struct proxyproto header;
	assert_non_null(bytes);
	memcpy(bytes, SIGNATURE "\x21\x11\x0f\xf0" IPV4 "\xe0\x0f\xe1", 31);
	assert_int_equal(proxyproto_read(bytes, PROXYPROTO_READ_MAX - 1, &header), PROXYPROTO_MORE);
	assert_int_equal(proxyproto_read(bytes, PROXYPROTO_READ_MAX, &header), PROXYPROTO_DONE);
	assert_int_equal(header.length, PROXYPROTO_READ_MAX);
	assert_int_equal(header.source.port, 8080);
	free(bytes);
}

struct written_case {
	const char *name, *source, *destination; /* hosts; "" for none */
	const char *v1, *v2;
	size_t v1_length, v2_length;
};

static const struct written_case writtens[] = {
	{"IPv4", "192.0.2.1", "198.51.100.2", "PROXY TCP4 192.0.2.1 198.51.100.2 8080 80\r\n", SIGNATURE "\x21\x11\0\x0c" IPV4, 43, 28},
	{"IPv6", "2001:db8::1", "2001:db8::2", "PROXY TCP6 2001:db8::1 2001:db8::2 8080 80\r\n",
		SIGNATURE "\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x1f\x90\0\x50", 44, 52},
	{"IPv4 to IPv6", "192.0.2.1", "2001:db8::2", "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 8080 80\r\n",
		SIGNATURE "\x21\x21\0\x24\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x1f\x90\0\x50", 49, 52},
	{"IPv6 to IPv4", "2001:db8::1", "192.0.2.1", "PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 8080 80\r\n",
		SIGNATURE "\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01\x1f\x90\0\x50", 49, 52},
	{"IPv4 to nowhere known", "192.0.2.1", "", "PROXY TCP4 192.0.2.1 0.0.0.0 8080 0\r\n", SIGNATURE "\x21\x11\0\x0c\xc0\0\x02\x01\0\0\0\0\x1f\x90\0\0", 37,
		28},
	{"IPv6 to nowhere known", "2001:db8::1", "", "PROXY TCP6 2001:db8::1 :: 8080 0\r\n",
		SIGNATURE "\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x1f\x90\0\0", 34, 52},
	{"a unix peer", "", "192.0.2.1", "PROXY UNKNOWN\r\n", SIGNATURE "\x20\0\0\0", 15, 16},
	{"nothing known", "", "", "PROXY UNKNOWN\r\n", SIGNATURE "\x20\0\0\0", 15, 16},
};

static struct endpoint make_endpoint(const char *host, uint16_t port)
{
	struct endpoint endpoint = {.family = ENDPOINT_NONE};
	if (*host) {
		assert_true(endpoint_parse_host(&endpoint, (struct span){host, strlen(host)}));
		endpoint.port = port;
	}
	return endpoint;
}

static void check_written(const struct written_case *given, enum proxyproto_version version, const char *bytes, size_t length)
{
	struct endpoint source = make_endpoint(given->source, 8080), destination = make_endpoint(given->destination, 80);
	char *out = malloc(PROXYPROTO_WRITE_SIZE);
	struct proxyproto header;
	assert_non_null(out);
	if (proxyproto_write(version, &source, &destination, out) != length || memcmp(out, bytes, length) != 0)
		fail_msg("%s in version %d", given->name, version);
	assert_int_equal(read_exactly(out, length, &header), PROXYPROTO_DONE);
	assert_memory_equal(&header.source, &source, sizeof(source));
	free(out);
}

static void what_is_written_is_what_was_meant(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(writtens) / sizeof(*writtens); i++) {
		check_written(&writtens[i], PROXYPROTO_V1, writtens[i].v1, writtens[i].v1_length);
		check_written(&writtens[i], PROXYPROTO_V2, writtens[i].v2, writtens[i].v2_length);
	}
}

static void the_longest_line_fits(void **state)
{
	(void)state;
	struct endpoint most;
	uint8_t bytes[16];
	char out[PROXYPROTO_WRITE_SIZE];
	memset(bytes, 0xff, sizeof(bytes));
	endpoint_init(&most, ENDPOINT_IPV6, bytes, 65535);
	assert_int_equal(proxyproto_write(PROXYPROTO_V1, &most, &most, out), 104);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_headers_are_read),
		cmocka_unit_test(bad_headers_are_bad_as_soon_as_they_are),
		cmocka_unit_test(unix_paths_are_left_alone),
		cmocka_unit_test(the_longest_header_is_read),
		cmocka_unit_test(what_is_written_is_what_was_meant),
		cmocka_unit_test(the_longest_line_fits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
