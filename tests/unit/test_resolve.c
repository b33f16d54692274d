/* base/resolve against a small DNS server of its own on the same loop, and against a hosts file. */
// links: base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/resolve.h"

/* More than anything takes here; reached only by a bug. */
#define PATIENCE_S 20
#define TRY_MS 20u

enum rcode { NOERROR = 0, SERVFAIL = 2, NXDOMAIN = 3, REFUSED = 5 };

/* What the server says of every name. */
struct zone {
	enum rcode rcode;
	bool silent;
	uint32_t ttl;
	const char *v4[3], *v6[3];
};

struct world {
	struct event_base *loop;
	struct resolver *resolver;
	struct event *server, *patience;
	int server_fd;
	struct zone zone;
	unsigned queries;
	/* what was called back */
	unsigned calls;
	char addrs[512], fault[512];
};

/* --- the server ---------------------------------------------------------------------------------------------------- */

static size_t put_record(unsigned char *out, const char *text, int family, uint32_t ttl)
{
	size_t size = family == AF_INET ? 4 : 16;
	/* a pointer to the name of the question, type, class, TTL, length */
	const unsigned char head[] = {0xc0, 12, 0, family == AF_INET ? 1 : 28, 0, 1, (unsigned char)(ttl >> 24), (unsigned char)(ttl >> 16),
		(unsigned char)(ttl >> 8), (unsigned char)ttl, 0, (unsigned char)size};
	memcpy(out, head, sizeof(head));
	inet_pton(family, text, out + sizeof(head));
	return sizeof(head) + size;
}

static size_t make_reply(const struct zone *zone, unsigned char *message, size_t question_end)
{
	unsigned type = (unsigned)message[question_end - 4] << 8 | message[question_end - 3];
	const char *const *texts = type == 1 ? zone->v4 : zone->v6;
	size_t length = question_end, count = 0;
	for (; zone->rcode == NOERROR && (type == 1 || type == 28) && count < 3 && texts[count]; count++)
		length += put_record(message + length, texts[count], type == 1 ? AF_INET : AF_INET6, zone->ttl);
	message[2] = 0x84; /* an answer, authoritative */
	message[3] = (unsigned char)(0x80 | zone->rcode);
	message[7] = (unsigned char)count;
	memset(message + 8, 0, 4); /* no other sections */
	return length;
}

static void on_query(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct world *world = arg;
	unsigned char message[1024];
	struct sockaddr_storage from;
	socklen_t from_length = sizeof(from);
	ssize_t length = recvfrom(fd, message, 512, 0, (struct sockaddr *)&from, &from_length);
	if (length < 17)
		return;
	world->queries++;
	if (world->zone.silent)
		return;
	size_t end = 12;
	while (message[end])
		end += message[end] + 1u;
	size_t reply = make_reply(&world->zone, message, end + 5);
	sendto(fd, message, reply, 0, (const struct sockaddr *)&from, from_length);
}

static void open_server(struct world *world)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(at);
	struct err err;
	char servers[64];
	world->server_fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(world->server_fd, (const struct sockaddr *)&at, length), 0);
	getsockname(world->server_fd, (struct sockaddr *)&at, &length);
	world->server = event_new(world->loop, world->server_fd, EV_READ | EV_PERSIST, on_query, world);
	event_add(world->server, NULL);
	snprintf(servers, sizeof(servers), "127.0.0.1:%u", ntohs(at.sin_port));
	assert_true(resolver_set_servers(world->resolver, servers, TRY_MS, &err));
}

/* --- the world ----------------------------------------------------------------------------------------------------- */

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	fail_msg("nothing happened for too long");
}

static int open_world(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	world->loop = event_base_new();
	world->resolver = resolver_new(world->loop, NULL);
	world->patience = evtimer_new(world->loop, on_patience, NULL);
	evtimer_add(world->patience, &(struct timeval){.tv_sec = PATIENCE_S});
	open_server(world);
	*state = world;
	return 0;
}

/* Nothing may be left on the loop once the resolver is gone. */
static int close_world(void **state)
{
	struct world *world = *state;
	resolver_free(world->resolver);
	event_free(world->server);
	event_free(world->patience);
	close(world->server_fd);
	int left = event_base_get_num_events(world->loop, EVENT_BASE_COUNT_ADDED);
	event_base_free(world->loop);
	free(world);
	return left;
}

static void on_changed(void *arg, const struct addr *addrs, size_t count, const char *fault)
{
	struct world *world = arg;
	world->calls++;
	world->addrs[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		char text[ADDR_TEXT_SIZE];
		addr_format(&addrs[i], text, sizeof(text));
		size_t used = strlen(world->addrs);
		snprintf(world->addrs + used, sizeof(world->addrs) - used, "%s%s", i ? " " : "", text);
	}
	snprintf(world->fault, sizeof(world->fault), "%s", fault ? fault : "");
}

static void wait_for_call(struct world *world)
{
	unsigned before = world->calls;
	while (world->calls == before)
		event_base_loop(world->loop, EVLOOP_ONCE);
	assert_int_equal(world->calls, before + 1);
}

static void wait_for_queries(struct world *world, unsigned more)
{
	unsigned wanted = world->queries + more;
	while (world->queries < wanted)
		event_base_loop(world->loop, EVLOOP_ONCE);
}

/* --- tests --------------------------------------------------------------------------------------------------------- */

struct look_up_case {
	const char *label;
	struct zone zone;
	const char *addrs, *fault;
};

static const struct look_up_case look_up_cases[] = {
	{"IPv4 alone", {.v4 = {"192.0.2.1"}}, "192.0.2.1:80", ""},
	{"IPv6 alone", {.v6 = {"2001:db8::1"}}, "[2001:db8::1]:80", ""},
	{"sorted, IPv4 first", {.v4 = {"192.0.2.9", "192.0.2.1"}, .v6 = {"2001:db8::2", "2001:db8::1"}},
		"192.0.2.1:80 192.0.2.9:80 [2001:db8::1]:80 [2001:db8::2]:80", ""},
	{"each once", {.v4 = {"192.0.2.1", "192.0.2.2", "192.0.2.1"}}, "192.0.2.1:80 192.0.2.2:80", ""},
	{"no such name", {.rcode = NXDOMAIN}, "", "the name shop.test does not exist"},
	{"no address", {.rcode = NOERROR}, "", "the name shop.test exists but has no address"},
	{"server failure", {.rcode = SERVFAIL}, "", "every DNS server failed, refused or was out of reach for the name shop.test"},
	{"refused", {.rcode = REFUSED}, "", "every DNS server failed, refused or was out of reach for the name shop.test"},
	{"no answer", {.silent = true}, "", "no DNS server answered for the name shop.test"},
};

static void test_look_up(void **state)
{
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(look_up_cases) / sizeof(look_up_cases[0]); i++) {
		const struct look_up_case *test = &look_up_cases[i];
		print_message("%s\n", test->label);
		world->zone = test->zone;
		unsigned before = world->calls;
		struct resolve_watch *watch = resolver_watch(world->resolver, "shop.test", 80, 1000, on_changed, world);
		assert_int_equal(world->calls, before);
		wait_for_call(world);
		assert_string_equal(world->addrs, test->addrs);
		assert_string_equal(world->fault, test->fault);
		resolve_unwatch(watch);
	}
}

/* Only another set is told; the order in which the server gives it is not one. */
static void test_changes(void **state)
{
	struct world *world = *state;
	world->zone = (struct zone){.v4 = {"192.0.2.1", "192.0.2.2"}};
	resolver_watch(world->resolver, "shop.test", 8080, 1, on_changed, world);
	wait_for_call(world);
	assert_string_equal(world->addrs, "192.0.2.1:8080 192.0.2.2:8080");
	world->zone = (struct zone){.v4 = {"192.0.2.2", "192.0.2.1"}};
	wait_for_queries(world, 6);
	assert_int_equal(world->calls, 1);
	world->zone = (struct zone){.v4 = {"192.0.2.3"}};
	wait_for_call(world);
	assert_string_equal(world->addrs, "192.0.2.3:8080");
}

/* The failure is told once, the addresses stay, and the first success after it is told although nothing changed. */
static void test_failure_and_recovery(void **state)
{
	struct world *world = *state;
	world->zone = (struct zone){.v4 = {"192.0.2.1"}};
	resolver_watch(world->resolver, "shop.test", 80, 1, on_changed, world);
	wait_for_call(world);
	world->zone = (struct zone){.rcode = NXDOMAIN};
	wait_for_call(world);
	assert_string_equal(world->fault, "the name shop.test does not exist");
	uint64_t failed_at = clock_mono_ms();
	wait_for_queries(world, 1); /* the second failure is not told */
	assert_true(clock_mono_ms() - failed_at >= 900);
	assert_int_equal(world->calls, 2);
	world->zone = (struct zone){.v4 = {"192.0.2.1"}};
	wait_for_call(world);
	assert_string_equal(world->addrs, "192.0.2.1:80");
	assert_string_equal(world->fault, "");
}

/* One answer without IPv4 addresses may be half an answer; the second is believed. */
static void test_vanished_family(void **state)
{
	struct world *world = *state;
	const struct zone both = {.v4 = {"192.0.2.1"}, .v6 = {"2001:db8::1"}}, half = {.v6 = {"2001:db8::1"}};
	world->zone = both;
	resolver_watch(world->resolver, "shop.test", 80, 1, on_changed, world);
	wait_for_call(world);
	world->zone = half;
	wait_for_queries(world, 2);
	world->zone = both;
	wait_for_queries(world, 4);
	assert_int_equal(world->calls, 1);
	world->zone = half;
	unsigned before = world->queries;
	wait_for_call(world);
	assert_string_equal(world->addrs, "[2001:db8::1]:80");
	assert_true(world->queries >= before + 4);
}

/* An answer that may be kept for a minute is not asked for again soon. */
static void test_ttl(void **state)
{
	struct world *world = *state;
	world->zone = (struct zone){.v4 = {"192.0.2.1"}, .v6 = {"2001:db8::1"}, .ttl = 1};
	resolver_watch(world->resolver, "shop.test", 80, 1, on_changed, world);
	wait_for_call(world);
	unsigned queries = world->queries;
	uint64_t begun = clock_mono_ms();
	assert_int_equal(queries, 2);
	wait_for_queries(world, 1);
	assert_true(clock_mono_ms() - begun >= 900);
}

static void test_hosts_file(void **state)
{
	struct world *world = *state;
	char path[] = "/tmp/test_resolve.XXXXXX";
	int fd = mkstemp(path);
	static const char hosts[] = "192.0.2.7 backend.internal backend\n2001:db8::7 backend.internal\n";
	assert_int_equal(write(fd, hosts, sizeof(hosts) - 1), sizeof(hosts) - 1);
	close(fd);
	setenv("CARES_HOSTS", path, 1);
	resolver_watch(world->resolver, "backend.internal", 80, 1000, on_changed, world);
	wait_for_call(world);
	assert_string_equal(world->addrs, "192.0.2.7:80 [2001:db8::7]:80");
	resolver_watch(world->resolver, "backend", 81, 1000, on_changed, world);
	wait_for_call(world);
	assert_string_equal(world->addrs, "192.0.2.7:81");
	assert_int_equal(world->queries, 0);
	unsetenv("CARES_HOSTS");
	unlink(path);
}

/* Neither a look-up under way nor one not begun calls back once its watch has ended. */
static void test_unwatch(void **state)
{
	struct world *world = *state;
	world->zone = (struct zone){.silent = true};
	resolve_unwatch(resolver_watch(world->resolver, "shop.test", 80, 1, on_changed, world));
	struct resolve_watch *watch = resolver_watch(world->resolver, "shop.test", 80, 1, on_changed, world);
	wait_for_queries(world, 1);
	resolve_unwatch(watch);
	world->zone = (struct zone){.v4 = {"192.0.2.1"}};
	resolver_watch(world->resolver, "other.test", 80, 1000, on_changed, world);
	wait_for_call(world);
	assert_int_equal(world->calls, 1);
	/* One under way and one not begun are left to resolver_free. */
	world->zone = (struct zone){.silent = true};
	resolver_watch(world->resolver, "shop.test", 80, 1, on_changed, world);
	wait_for_queries(world, 1);
	resolver_watch(world->resolver, "shop.test", 80, 1, on_changed, world);
}

struct suicide {
	struct world *world;
	struct resolve_watch *watch;
};

static void on_changed_unwatch(void *arg, const struct addr *addrs, size_t count, const char *fault)
{
	struct suicide *suicide = arg;
	resolve_unwatch(suicide->watch);
	on_changed(suicide->world, addrs, count, fault);
}

/* A watch may end in its own callback, after a success and after a failure. */
static void test_unwatch_in_callback(void **state)
{
	struct world *world = *state;
	struct suicide suicide = {.world = world};
	const struct zone zones[] = {{.v4 = {"192.0.2.1"}}, {.rcode = NXDOMAIN}};
	for (size_t i = 0; i < 2; i++) {
		world->zone = zones[i];
		suicide.watch = resolver_watch(world->resolver, "shop.test", 80, 1, on_changed_unwatch, &suicide);
		wait_for_call(world);
	}
}

static void test_bad_servers(void **state)
{
	struct world *world = *state;
	struct err err;
	assert_false(resolver_set_servers(world->resolver, "nonsense", TRY_MS, &err));
	assert_non_null(strstr(err.text, "DNS servers \"nonsense\": "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_look_up, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_changes, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_failure_and_recovery, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_vanished_family, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_ttl, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_hosts_file, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_unwatch, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_unwatch_in_callback, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_bad_servers, open_world, close_world),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
