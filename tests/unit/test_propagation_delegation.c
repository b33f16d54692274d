/* dns/delegation against one small server that is the resolver of the system and, without recursion, the parent's name server. */
// links: dns
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/resolve.h"
#include "dns/delegation.h"
#include "tests/unit/name_server.h"

#define PATIENCE_S 60
#define LONG_MS 10000
#define ZONE "shop.test"

struct world {
	struct event_base *loop;
	struct event *patience;
	struct resolver *resolver;
	struct name_server system, parent;
	char system_text[ADDR_TEXT_SIZE];
	struct delegation *delegation;
	unsigned calls;
	enum delegation_result result;
	char sentence[1024];
	bool end_inside;
};

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	fail_msg("nothing happened for too long");
}

static int open_world(void **state)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	struct world *world = calloc(1, sizeof(*world));
	world->loop = event_base_new();
	world->patience = evtimer_new(world->loop, on_patience, NULL);
	evtimer_add(world->patience, &patience);
	name_server_open(&world->system, world->loop);
	name_server_open_at(&world->parent, world->loop, "127.0.0.77", 0);
	addr_format(&world->system.addr, world->system_text, sizeof(world->system_text));
	world->resolver = resolver_new(world->loop, NULL);
	assert_true(resolver_set_servers(world->resolver, world->system_text, LONG_MS, NULL));
	*state = world;
	return 0;
}

static int close_world(void **state)
{
	struct world *world = *state;
	delegation_free(world->delegation);
	resolver_free(world->resolver);
	event_free(world->patience);
	name_server_close(&world->system);
	name_server_close(&world->parent);
	int left = event_base_get_num_events(world->loop, EVENT_BASE_COUNT_ADDED);
	event_base_free(world->loop);
	free(world);
	return left;
}

static void on_checked(void *arg, enum delegation_result result, const char *sentence)
{
	struct world *world = arg;
	world->calls++;
	world->result = result;
	snprintf(world->sentence, sizeof(world->sentence), "%s", sentence);
	if (world->end_inside) {
		delegation_free(world->delegation);
		world->delegation = NULL;
	}
}

static void start(struct world *world, const char *zone, const char *const *servers, size_t count)
{
	const struct delegation_tools tools = {.loop = world->loop,
		.resolver = world->resolver,
		.resolver_servers = world->system_text,
		.port = world->parent.addr.port,
		.try_timeout_ms = LONG_MS};
	struct err err;
	delegation_free(world->delegation);
	world->calls = 0;
	world->delegation = delegation_check(&tools, zone, servers, count, on_checked, world, &err);
	assert_non_null(world->delegation);
}

static void check(struct world *world, const char *zone, const char *const *servers, size_t count)
{
	start(world, zone, servers, count);
	while (world->calls == 0)
		event_base_loop(world->loop, EVLOOP_ONCE);
	assert_int_equal(world->calls, 1);
}

static const char *const OURS[] = {"ns-1.awsdns.test.", "NS-2.awsdns.test"};

/* What the resolver says of the parent of ZONE and of its name servers. */
static void say_parent(struct world *world)
{
	world->system.rows[0] = (struct name_server_row){.name = "test", .type = ns_t_ns, .answer = {"= NS 60 ns1.nic.test"}};
	world->system.rows[1] = (struct name_server_row){.name = "ns1.nic.test", .type = ns_t_a, .answer = {"= A 60 127.0.0.77"}};
	world->system.rows[2] = (struct name_server_row){.type = ns_t_aaaa};
	world->system.rows[2].authority[0] = "test SOA 60 60";
}

struct result_case {
	const char *label;
	struct name_server_row parent;
	enum delegation_result result;
	const char *sentence;
};

static const struct result_case result_cases[] = {
	{"the same", {.manner = SAYS_LAMELY, .authority = {"= NS 60 ns-2.AWSDNS.test", "= NS 60 ns-1.awsdns.test"}}, DELEGATION_SAME,
		"shop.test: the parent sends everyone to the name servers of this hosted zone"},
	{"the parent's servers serve the zone too", {.authority = {NULL}, .answer = {"= NS 60 ns-2.awsdns.test", "= NS 60 ns-1.awsdns.test"}}, DELEGATION_SAME,
		"shop.test: the parent sends everyone to the name servers of this hosted zone"},
	{"one is missing", {.manner = SAYS_LAMELY, .authority = {"= NS 60 ns-2.awsdns.test"}}, DELEGATION_PARTLY,
		"(parent: ns-2.awsdns.test; zone: ns-1.awsdns.test, ns-2.awsdns.test)"},
	{"one too many", {.manner = SAYS_LAMELY, .authority = {"= NS 60 ns-2.awsdns.test", "= NS 60 ns-1.awsdns.test", "= NS 60 ns.other.test"}},
		DELEGATION_PARTLY, "(parent: ns-1.awsdns.test, ns-2.awsdns.test, ns.other.test; zone: "},
	{"another zone of this name", {.manner = SAYS_LAMELY, .authority = {"= NS 60 ns-8.awsdns.test", "= NS 60 ns-9.awsdns.test"}}, DELEGATION_OTHER,
		"to other name servers than those of this hosted zone: choose the zone that they serve, or change the delegation (parent: ns-8.awsdns.test, ns-9.awsdns.test; "
		"zone: ns-1.awsdns.test, ns-2.awsdns.test)"},
	{"not delegated", {.rcode = ns_r_nxdomain, .authority = {"test SOA 60 60"}}, DELEGATION_NONE, "the parent knows no such zone"},
	{"a name without a delegation", {.authority = {"test SOA 60 60"}}, DELEGATION_NONE, "nobody is sent to this hosted zone until it is delegated"},
	{"the parent refuses", {.rcode = ns_r_refused}, DELEGATION_UNKNOWN, "is not known, as no name server of its parent could be asked"},
	{"the parent is lame", {.manner = SAYS_LAMELY, .answer = {"= NS 60 ns-1.awsdns.test"}}, DELEGATION_UNKNOWN, "is not known, as no name server"},
	{"the parent refers elsewhere", {.manner = SAYS_LAMELY, .authority = {"test NS 60 ns-1.awsdns.test"}}, DELEGATION_UNKNOWN,
		"is not known, as no name server"},
};

static void test_results(void **state)
{
	struct world *world = *state;
	say_parent(world);
	for (size_t i = 0; i < sizeof(result_cases) / sizeof(result_cases[0]); i++) {
		const struct result_case *test = &result_cases[i];
		print_message("%s\n", test->label);
		world->parent.rows[0] = test->parent;
		check(world, ZONE, OURS, 2);
		assert_string_equal(delegation_word(world->result), delegation_word(test->result));
		assert_non_null(strstr(world->sentence, test->sentence));
	}
	assert_int_equal(world->parent.recursive_queries, 0);
	assert_int_equal(world->system.recursive_queries, world->system.queries);
}

/* A name between the zone and the zone above it is no zone itself. */
static void test_climb(void **state)
{
	struct world *world = *state;
	say_parent(world);
	world->system.rows[3] = (struct name_server_row){.name = "between.test", .type = ns_t_ns};
	world->system.rows[3].authority[0] = "test SOA 60 60";
	world->parent.rows[0] = (struct name_server_row){
		.name = "blue.between.test", .manner = SAYS_LAMELY, .authority = {"= NS 60 ns-2.awsdns.test", "= NS 60 ns-1.awsdns.test"}};
	check(world, "blue.between.test", OURS, 2);
	assert_int_equal(world->result, DELEGATION_SAME);
}

/* For a zone right below the root. */
static void test_root(void **state)
{
	struct world *world = *state;
	say_parent(world);
	world->system.rows[0] = (struct name_server_row){.name = ".", .type = ns_t_ns, .answer = {". NS 60 ns1.nic.test"}};
	world->parent.rows[0] = (struct name_server_row){.manner = SAYS_LAMELY, .authority = {"= NS 60 ns-2.awsdns.test", "= NS 60 ns-1.awsdns.test"}};
	check(world, "test.", OURS, 2);
	assert_int_equal(world->result, DELEGATION_SAME);
}

/* A name server without an address, one that is not there, and one that answers. */
static void test_next_server(void **state)
{
	struct world *world = *state;
	say_parent(world);
	world->system.rows[0] =
		(struct name_server_row){.name = "test", .type = ns_t_ns, .answer = {"= NS 60 a.nic.test", "= NS 60 b.nic.test", "= NS 60 ns1.nic.test"}};
	world->system.rows[3] = (struct name_server_row){.name = "a.nic.test", .rcode = ns_r_nxdomain};
	world->system.rows[4] = (struct name_server_row){.name = "b.nic.test", .type = ns_t_a, .answer = {"= A 60 127.0.0.76"}};
	world->parent.rows[0] = (struct name_server_row){.manner = SAYS_LAMELY, .authority = {"= NS 60 ns-2.awsdns.test", "= NS 60 ns-1.awsdns.test"}};
	check(world, ZONE, OURS, 2);
	assert_int_equal(world->result, DELEGATION_SAME);
	assert_int_equal(world->parent.queries, 1);
}

struct resolver_case {
	const char *label;
	struct name_server_row row;
	const char *sentence;
};

static const struct resolver_case resolver_cases[] = {
	{"fails", {.rcode = ns_r_servfail}, "is not known, as the resolver of this host did not tell who serves its parent"},
	{"refuses", {.rcode = ns_r_refused}, "is not known, as the resolver of this host did not tell who serves its parent"},
	{"knows no zone", {.rcode = ns_r_nxdomain}, "is not known, as the resolver of this host knows no zone above it"},
};

static void test_resolver(void **state)
{
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(resolver_cases) / sizeof(resolver_cases[0]); i++) {
		print_message("the resolver %s\n", resolver_cases[i].label);
		world->system.rows[0] = resolver_cases[i].row;
		check(world, ZONE, OURS, 2);
		assert_int_equal(world->result, DELEGATION_UNKNOWN);
		assert_non_null(strstr(world->sentence, resolver_cases[i].sentence));
	}
}

static void test_end_inside(void **state)
{
	struct world *world = *state;
	world->system.rows[0] = (struct name_server_row){.rcode = ns_r_servfail};
	world->end_inside = true;
	check(world, ZONE, OURS, 2);
	assert_null(world->delegation);
}

static void test_end_under_way(void **state)
{
	struct world *world = *state;
	world->system.rows[0] = (struct name_server_row){.manner = SAYS_NOTHING};
	start(world, ZONE, OURS, 2);
	while (world->system.queries == 0)
		event_base_loop(world->loop, EVLOOP_ONCE);
	delegation_free(world->delegation);
	world->delegation = NULL;
	assert_int_equal(world->calls, 0);
}

static void test_bad_start(void **state)
{
	struct world *world = *state;
	const struct delegation_tools tools = {.loop = world->loop, .resolver = world->resolver, .resolver_servers = world->system_text};
	const char *const bad[] = {"a..b"};
	struct err err;
	assert_null(delegation_check(&tools, "", OURS, 2, on_checked, world, &err));
	assert_string_equal(err.text, "the name is empty");
	assert_null(delegation_check(&tools, ".", OURS, 2, on_checked, world, &err));
	assert_string_equal(err.text, "the root has no parent to ask");
	assert_null(delegation_check(&tools, ZONE, OURS, 0, on_checked, world, &err));
	assert_string_equal(err.text, "a zone has 1 to 16 name servers, not 0");
	assert_null(delegation_check(&tools, ZONE, bad, 1, on_checked, world, &err));
	assert_non_null(strstr(err.text, "empty label"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_results, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_climb, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_root, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_next_server, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_resolver, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_end_inside, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_end_under_way, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_bad_start, open_world, close_world),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
