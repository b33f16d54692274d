/* Endpoints: from text, sockets and bytes; back to text; in address blocks. */
// links: proxy
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "proxy/endpoint.h"

struct text_case {
	const char *text;
	enum endpoint_family family; /* ENDPOINT_NONE: not an address */
	const char *shown;
};

static const struct text_case texts[] = {
	{"192.0.2.1", ENDPOINT_IPV4, "192.0.2.1"},
	{"0.0.0.0", ENDPOINT_IPV4, "0.0.0.0"},
	{"255.255.255.255", ENDPOINT_IPV4, "255.255.255.255"},
	{"2001:DB8::1", ENDPOINT_IPV6, "2001:db8::1"},
	{"::", ENDPOINT_IPV6, "::"},
	{"::ffff:192.0.2.1", ENDPOINT_IPV4, "192.0.2.1"},
	{"::ffff:c000:201", ENDPOINT_IPV4, "192.0.2.1"},
	{"1111:2222:3333:4444:5555:6666:255.255.255.255", ENDPOINT_IPV6, "1111:2222:3333:4444:5555:6666:ffff:ffff"},
	{"", ENDPOINT_NONE, ""},
	{"192.0.2", ENDPOINT_NONE, ""},
	{"192.0.2.1.1", ENDPOINT_NONE, ""},
	{"192.0.2.256", ENDPOINT_NONE, ""},
	{"192.0.2.01", ENDPOINT_NONE, ""},
	{"192.0.2.1:80", ENDPOINT_NONE, ""},
	{" 192.0.2.1", ENDPOINT_NONE, ""},
	{"192.0.2.1 ", ENDPOINT_NONE, ""},
	{"3221225985", ENDPOINT_NONE, ""},
	{"0x7f.1", ENDPOINT_NONE, ""},
	{"[2001:db8::1]", ENDPOINT_NONE, ""},
	{"2001:db8::1::", ENDPOINT_NONE, ""},
	{"2001:db8", ENDPOINT_NONE, ""},
	{"fe80::1%eth0", ENDPOINT_NONE, ""},
	{"2001:db8::12345", ENDPOINT_NONE, ""},
	{"localhost", ENDPOINT_NONE, ""},
	{"1111:2222:3333:4444:5555:6666:255.255.255.2555", ENDPOINT_NONE, ""},
};

static void text_is_read_and_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct endpoint endpoint = {.family = ENDPOINT_NONE};
		char shown[ENDPOINT_TEXT_SIZE];
		bool read = endpoint_parse_host(&endpoint, (struct span){texts[i].text, strlen(texts[i].text)});
		if (read != (texts[i].family != ENDPOINT_NONE) || endpoint.family != texts[i].family)
			fail_msg("'%s': read %d, family %u", texts[i].text, read, endpoint.family);
		assert_int_equal(endpoint.port, 0);
		if (!read)
			continue;
		assert_int_equal(endpoint_format_host(&endpoint, shown), strlen(texts[i].shown));
		assert_string_equal(shown, texts[i].shown);
	}
	struct endpoint endpoint;
	assert_false(endpoint_parse_host(&endpoint, (struct span){"1.2.3.4\0", 8}));
	assert_true(endpoint_parse_host(&endpoint, (struct span){"1.2.3.45", 7}));
	assert_int_equal(endpoint.bytes[3], 4);
}

struct socket_case {
	const char *text, *shown;
	enum endpoint_family family;
	uint16_t port;
};

static const struct socket_case sockets[] = {
	{"192.0.2.1:8080", "192.0.2.1", ENDPOINT_IPV4, 8080},
	{"[2001:db8::1]:65535", "2001:db8::1", ENDPOINT_IPV6, 65535},
	{"[::ffff:192.0.2.1]:1", "192.0.2.1", ENDPOINT_IPV4, 1},
	{"unix:/a", "unix:", ENDPOINT_NONE, 0},
	{"name.example:80", "unix:", ENDPOINT_NONE, 0},
};

static void sockets_have_endpoints(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sockets) / sizeof(*sockets); i++) {
		struct addr addr;
		struct err err;
		struct endpoint endpoint;
		char shown[ENDPOINT_TEXT_SIZE];
		assert_true(addr_parse(sockets[i].text, &addr, &err));
		endpoint_from_addr(&endpoint, &addr);
		assert_int_equal(endpoint.family, sockets[i].family);
		assert_int_equal(endpoint.port, sockets[i].port);
		endpoint_format_host(&endpoint, shown);
		assert_string_equal(shown, sockets[i].shown);
	}
}

struct block_case {
	const char *text;
	bool inside;
};

static const struct block_case blocks[] = {
	{"10.1.2.3", true}, {"11.0.0.0", false}, {"::ffff:10.0.0.1", true}, {"2001:db8::", true}, {"2001:db8:ffff::1", true}, {"2001:db9::", false},
	{"a00::", false},       /* the bytes of 10.0.0.0 */
	{"32.1.13.184", false}, /* the first bytes of 2001:db8:: */
};

static void blocks_hold_endpoints(void **state)
{
	(void)state;
	struct addr_block some[2];
	struct err err;
	const struct endpoint none = {.family = ENDPOINT_NONE};
	assert_true(addr_block_parse("10.0.0.0/8", &some[0], &err) && addr_block_parse("2001:db8::/32", &some[1], &err));
	for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++) {
		struct endpoint endpoint;
		assert_true(endpoint_parse_host(&endpoint, (struct span){blocks[i].text, strlen(blocks[i].text)}));
		if (endpoint_is_in(&endpoint, some, 2) != blocks[i].inside)
			fail_msg("%s", blocks[i].text);
		assert_false(endpoint_is_in(&endpoint, some, 0));
	}
	assert_true(addr_block_parse("0.0.0.0/0", &some[0], &err) && addr_block_parse("::/0", &some[1], &err));
	assert_false(endpoint_is_in(&none, some, 2));
}

struct number_case {
	const char *text;
	uint64_t number;
};

static const struct number_case numbers[] = {
	{"192.0.2.1", 0xffffffffc0000201u},
	{"::ffff:192.0.2.1", 0xffffffffc0000201u},
	{"0.0.0.0", 0xffffffff00000000u},
	{"2001:db8:1:2::9", 0x20010db800010002u},
	{"2001:db8:1:2:ffff::", 0x20010db800010002u},
	{"::1", 1},
};

static void clients_have_numbers(void **state)
{
	(void)state;
	struct endpoint endpoint = {.family = ENDPOINT_NONE};
	assert_int_equal(endpoint_number(&endpoint), 0);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		assert_true(endpoint_parse_host(&endpoint, (struct span){numbers[i].text, strlen(numbers[i].text)}));
		if (endpoint_number(&endpoint) != numbers[i].number)
			fail_msg("%s: %llx", numbers[i].text, (unsigned long long)endpoint_number(&endpoint));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_read_and_written),
		cmocka_unit_test(sockets_have_endpoints),
		cmocka_unit_test(blocks_hold_endpoints),
		cmocka_unit_test(clients_have_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
