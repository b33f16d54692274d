/* Addresses and address blocks, by tables. */
// links: base
#include "base/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <arpa/inet.h>
#include <string.h>
#include <cmocka.h>

#define LONG_LABEL "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LONG_PATH "/" LONG_LABEL LONG_LABEL

struct parse_case {
	const char *text;
	enum addr_kind kind;
	uint16_t port;
	const char *formatted, *host; /* formatted NULL: refused, and `host` is in the sentence */
};

static const struct parse_case connects[] = {
	{"192.0.2.1:80", ADDR_IPV4, 80, "192.0.2.1:80", "192.0.2.1"},
	{"0.0.0.0:65535", ADDR_IPV4, 65535, "0.0.0.0:65535", "0.0.0.0"},
	{"[2001:DB8::1]:8080", ADDR_IPV6, 8080, "[2001:db8::1]:8080", "2001:db8::1"},
	{"[::]:1", ADDR_IPV6, 1, "[::]:1", "::"},
	{"[::ffff:192.0.2.1]:1", ADDR_IPV6, 1, "[::ffff:192.0.2.1]:1", "192.0.2.1"},
	{"unix:/run/app.sock", ADDR_UNIX, 0, "unix:/run/app.sock", "unix:"},
	{"App.Example:9000", ADDR_NAME, 9000, "app.example:9000", "app.example"},
	{"localhost:3000", ADDR_NAME, 3000, "localhost:3000", "localhost"},
	{"my_app-1:3000", ADDR_NAME, 3000, "my_app-1:3000", "my_app-1"},
	{"app.example.:80", ADDR_NAME, 80, "app.example.:80", "app.example."},
	{LONG_LABEL ":80", ADDR_NAME, 80, LONG_LABEL ":80", LONG_LABEL},
	{"", 0, 0, NULL, "no port"},
	{"app", 0, 0, NULL, "no port"},
	{"[::1]", 0, 0, NULL, "no port"},
	{":80", 0, 0, NULL, "no host"},
	{"app:", 0, 0, NULL, "no valid port"},
	{"app:0", 0, 0, NULL, "port 0"},
	{"app:65536", 0, 0, NULL, "no valid port"},
	{"app:99999999999999999999", 0, 0, NULL, "no valid port"},
	{"app:http", 0, 0, NULL, "no valid port"},
	{"app:-1", 0, 0, NULL, "no valid port"},
	{"app: 80", 0, 0, NULL, "no valid port"},
	{"::1:80", 0, 0, NULL, "brackets"},
	{"[::1:80", 0, 0, NULL, "more than one colon"},
	{"::1]:80", 0, 0, NULL, "not an address"},
	{"[::1]x:80", 0, 0, NULL, "not an address"},
	{"[]:80", 0, 0, NULL, "no host"},
	{"[192.0.2.1]:80", 0, 0, NULL, "not an IPv6 address"},
	{"[fe80::1%eth0]:80", 0, 0, NULL, "not an IPv6 address"},
	{"192.0.2.256:80", 0, 0, NULL, "not an IPv4 address"},
	{"192.0.2:80", 0, 0, NULL, "not an IPv4 address"},
	{"1:80", 0, 0, NULL, "not an IPv4 address"},
	{"http://app:80", 0, 0, NULL, "is a URL"},
	{"https://10.0.0.1:8443", 0, 0, NULL, "is a URL"},
	{"https://[::1]:8443", 0, 0, NULL, "the key tls"},
	{"https://app", 0, 0, NULL, "is a URL"},
	{"app/x:80", 0, 0, NULL, "no host name"},
	{"a..b:80", 0, 0, NULL, "no host name"},
	{".a:80", 0, 0, NULL, "no host name"},
	{"-a:80", 0, 0, NULL, "no host name"},
	{"a-:80", 0, 0, NULL, "no host name"},
	{"a b:80", 0, 0, NULL, "no host name"},
	{LONG_LABEL "a:80", 0, 0, NULL, "no host name"},
	{LONG_LABEL "." LONG_LABEL "." LONG_LABEL "." LONG_LABEL ":80", 0, 0, NULL, "no host name"},
	{LONG_LABEL LONG_LABEL LONG_LABEL LONG_LABEL LONG_LABEL ":80", 0, 0, NULL, "too long"},
	{"unix:", 0, 0, NULL, "absolute path"},
	{"unix:run/app.sock", 0, 0, NULL, "absolute path"},
	{"unix:" LONG_PATH, 0, 0, NULL, "longer than"},
};

static const struct parse_case listens[] = {
	{"127.0.0.1:0", ADDR_IPV4, 0, "127.0.0.1:0", "127.0.0.1"},
	{":80", ADDR_IPV6, 80, "[::]:80", "::"},
	{"*:8080", ADDR_IPV6, 8080, "[::]:8080", "::"},
	{"*:0", ADDR_IPV6, 0, "[::]:0", "::"},
	{"[::1]:80", ADDR_IPV6, 80, "[::1]:80", "::1"},
	{"unix:/run/teal.sock", ADDR_UNIX, 0, "unix:/run/teal.sock", "unix:"},
	{"localhost:80", 0, 0, NULL, "is a name"},
	{"*", 0, 0, NULL, "no port"},
	{"*:", 0, 0, NULL, "no valid port"},
	{":x", 0, 0, NULL, "no valid port"},
	{"80", 0, 0, NULL, "no port"},
};

static void check_parse(const struct parse_case *wanted, bool (*parse)(const char *, struct addr *, struct err *))
{
	struct addr addr;
	struct err err = {""};
	char text[ADDR_TEXT_SIZE];
	bool ok = parse(wanted->text, &addr, &err);
	if (ok != (wanted->formatted != NULL))
		fail_msg("'%s': %s", wanted->text, ok ? "taken" : err.text);
	if (!ok) {
		if (!strstr(err.text, wanted->host))
			fail_msg("'%s': %s", wanted->text, err.text);
		return;
	}
	assert_int_equal(addr.kind, wanted->kind);
	assert_int_equal(addr.port, wanted->port);
	assert_int_equal(addr.length == 0, addr.kind == ADDR_NAME);
	addr_format(&addr, text, sizeof(text));
	assert_string_equal(text, wanted->formatted);
	addr_format_host(&addr, text, sizeof(text));
	assert_string_equal(text, wanted->host);
}

static void addresses_are_read_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(connects) / sizeof(*connects); i++)
		check_parse(&connects[i], addr_parse);
	for (size_t i = 0; i < sizeof(listens) / sizeof(*listens); i++)
		check_parse(&listens[i], addr_parse_listen);
}

static void socket_addresses_are_ready_for_use(void **state)
{
	(void)state;
	struct addr addr;
	assert_true(addr_parse("192.0.2.1:80", &addr, NULL));
	assert_int_equal(addr.to.v4.sin_port, htons(80));
	assert_int_equal(addr.length, sizeof(struct sockaddr_in));
	assert_true(addr_parse_listen("*:81", &addr, NULL));
	assert_int_equal(addr.to.v6.sin6_port, htons(81));
	assert_int_equal(addr.length, sizeof(struct sockaddr_in6));
	assert_true(addr_parse("unix:/a", &addr, NULL));
	assert_int_equal(addr.to.any.sa_family, AF_UNIX);
	assert_int_equal(addr.length, offsetof(struct sockaddr_un, sun_path) + 3);
}

static void sockets_give_their_addresses(void **state)
{
	(void)state;
	static const char *const texts[] = {"192.0.2.1:80", "[2001:db8::1]:8080", "unix:/run/app.sock"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct addr written, taken;
		char text[ADDR_TEXT_SIZE];
		assert_true(addr_parse(texts[i], &written, NULL));
		addr_from_socket(&written.to.any, written.length, &taken);
		assert_true(addr_equal(&written, &taken));
		addr_format(&taken, text, sizeof(text));
		assert_string_equal(text, texts[i]);
	}
}

static void a_peer_on_a_unix_socket_has_no_path(void **state)
{
	(void)state;
	struct sockaddr_un peer = {.sun_family = AF_UNIX};
	struct addr addr;
	char text[ADDR_TEXT_SIZE];
	addr_from_socket((struct sockaddr *)&peer, sizeof(sa_family_t), &addr);
	assert_int_equal(addr.kind, ADDR_UNIX);
	addr_format(&addr, text, sizeof(text));
	assert_string_equal(text, "unix:");
}

static void a_small_buffer_cuts_the_text(void **state)
{
	(void)state;
	struct addr addr;
	char text[8];
	assert_true(addr_parse("192.0.2.1:80", &addr, NULL));
	addr_format(&addr, text, sizeof(text));
	assert_string_equal(text, "192.0.2");
}

struct equal_case {
	const char *a, *b;
	bool equal;
};

static const struct equal_case equals[] = {
	{"192.0.2.1:80", "192.0.2.1:80", true},
	{"192.0.2.1:80", "192.0.2.1:81", false},
	{"192.0.2.1:80", "192.0.2.2:80", false},
	{"192.0.2.1:80", "[::ffff:192.0.2.1]:80", false},
	{"[2001:db8:0::1]:80", "[2001:db8::1]:80", true},
	{"[2001:db8::2]:80", "[2001:db8::1]:80", false},
	{"App.example:80", "app.EXAMPLE:80", true},
	{"app.example:80", "app.example.org:80", false},
	{"unix:/a", "unix:/a", true},
	{"unix:/a", "unix:/ab", false},
};

static void equal_addresses_are_equal(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(equals) / sizeof(*equals); i++) {
		struct addr a, b;
		assert_true(addr_parse(equals[i].a, &a, NULL) && addr_parse(equals[i].b, &b, NULL));
		if (addr_equal(&a, &b) != equals[i].equal || addr_equal(&b, &a) != equals[i].equal)
			fail_msg("%s and %s", equals[i].a, equals[i].b);
	}
}

struct block_case {
	const char *block, *address;
	enum { IN, OUT, REFUSED } wanted;
};

static const struct block_case blocks[] = {
	{"10.0.0.0/8", "10.255.0.1:1", IN},
	{"10.0.0.0/8", "11.0.0.1:1", OUT},
	{"10.0.0.0/9", "10.127.0.1:1", IN},
	{"10.0.0.0/9", "10.128.0.1:1", OUT},
	{"10.1.2.3", "10.1.2.3:1", IN},
	{"10.1.2.3", "10.1.2.2:1", OUT},
	{"10.1.2.2/31", "10.1.2.3:1", IN},
	{"0.0.0.0/0", "203.0.113.9:1", IN},
	{"0.0.0.0/0", "[2001:db8::1]:1", OUT},
	{"10.0.0.0/8", "[::ffff:10.1.2.3]:1", IN},
	{"10.0.0.0/8", "[::ffff:11.1.2.3]:1", OUT},
	{"10.0.0.0/8", "unix:/run/a", OUT},
	{"10.0.0.0/8", "name.example:1", OUT},
	{"2001:db8::/32", "[2001:db8:1::1]:1", IN},
	{"2001:db8::/32", "[2001:db9::1]:1", OUT},
	{"2001:db8::/33", "[2001:db8:8000::1]:1", OUT},
	{"::/0", "[2001:db9::1]:1", IN},
	{"::/0", "10.0.0.1:1", OUT},
	{"::1", "[::1]:1", IN},
	{"10.0.0.0/33", NULL, REFUSED},
	{"::/129", NULL, REFUSED},
	{"10.0.0.0/", NULL, REFUSED},
	{"10.0.0.0/x", NULL, REFUSED},
	{"10.0.0.0/-1", NULL, REFUSED},
	{"10.0.0.1/8", NULL, REFUSED},
	{"2001:db8::1/32", NULL, REFUSED},
	{"10.0.0", NULL, REFUSED},
	{"host.example", NULL, REFUSED},
	{"", NULL, REFUSED},
	{"/8", NULL, REFUSED},
	{LONG_LABEL "/8", NULL, REFUSED},
};

static void blocks_contain_their_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++) {
		struct addr_block block;
		struct addr addr;
		struct err err = {""};
		bool ok = addr_block_parse(blocks[i].block, &block, &err);
		if (ok != (blocks[i].wanted != REFUSED))
			fail_msg("'%s': %s", blocks[i].block, err.text);
		if (!ok)
			continue;
		assert_true(addr_parse(blocks[i].address, &addr, NULL));
		if (addr_block_contains(&block, &addr) != (blocks[i].wanted == IN))
			fail_msg("%s in %s", blocks[i].address, blocks[i].block);
	}
}

static void what_stays_on_this_machine(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		bool here;
	} addresses[] = {{"127.0.0.1:1", true}, {"127.9.9.9:1", true}, {"[::1]:1", true}, {"[::ffff:127.0.0.1]:1", true}, {"unix:/x", true},
		{"localhost:1", true}, {"0.0.0.0:1", false}, {"[::]:1", false}, {"192.0.2.1:1", false}, {"[::ffff:192.0.2.1]:1", false},
		{"localhost.example:1", false}};
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct addr address;
		assert_true(addr_parse(addresses[i].address, &address, NULL));
		if (addr_is_this_machine(&address) != addresses[i].here)
			fail_msg("%s", addresses[i].address);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_or_refused),
		cmocka_unit_test(socket_addresses_are_ready_for_use),
		cmocka_unit_test(sockets_give_their_addresses),
		cmocka_unit_test(a_peer_on_a_unix_socket_has_no_path),
		cmocka_unit_test(a_small_buffer_cuts_the_text),
		cmocka_unit_test(equal_addresses_are_equal),
		cmocka_unit_test(blocks_contain_their_addresses),
		cmocka_unit_test(what_stays_on_this_machine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
