/* The route table: which service, which color, which backend; and when tables, services and backends end. */
// links: proxy
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "proxy/table.h"

/* ---- hosts and paths ---- */

static const struct table_index_entry entries[] = {
	{(const char *const[]){"shop.example"}, 1, NULL, 0},                                                     /* 0 */
	{(const char *const[]){"shop.example"}, 1, (const char *const[]){"/cart", "/api/v1", "/api"}, 3},        /* 1 */
	{(const char *const[]){"*.shop.example", "deep.a.shop.example"}, 2, NULL, 0},                            /* 2 */
	{(const char *const[]){"*.a.shop.example"}, 1, (const char *const[]){"/"}, 1},                           /* 3 */
	{NULL, 0, (const char *const[]){"/status"}, 1},                                                          /* 4 */
	{NULL, 0, NULL, 0},                                                                                      /* 5 */
	{NULL, 0, NULL, 0},                                                                                      /* 6: never */
	{(const char *const[]){"only.example"}, 1, (const char *const[]){"/shop", "/shop.old", "/shop/x/y"}, 3}, /* 7 */
	{(const char *const[]){"only.example", "10.0.0.1"}, 2, (const char *const[]){"/shop", "/late"}, 2},      /* 8 */
	{(const char *const[]){"::1", "[2001:db8::1]"}, 2, NULL, 0},                                             /* 9 */
	{(const char *const[]){"dot.example."}, 1, NULL, 0},                                                     /* 10 */
};

static const struct {
	const char *name, *host, *path;
	int position;
} lookups[] = {
	{"exact host", "shop.example", "/", 0},
	{"exact host in capitals", "Shop.EXAMPLE", "/", 0},
	{"exact host with a port", "shop.example:8080", "/", 0},
	{"exact host with an empty port", "shop.example:", "/", 0},
	{"exact host with the root's dot", "shop.example.", "/", 0},
	{"exact host with the root's dot and a port", "shop.example.:80", "/", 0},
	{"rule with the root's dot", "dot.example", "/", 10},
	{"path of a host", "shop.example", "/cart", 1},
	{"path with a slash", "shop.example", "/cart/", 1},
	{"below a path", "shop.example", "/cart/item/1", 1},
	{"no segment border", "shop.example", "/carton", 0},
	{"before a query", "shop.example", "/cart?x=/y", 1},
	{"a query that looks like a path", "shop.example", "/?/cart", 0},
	{"before a fragment", "shop.example", "/cart#top", 1},
	{"the longest prefix", "shop.example", "/api/v1/items", 1},
	{"between two prefixes", "shop.example", "/api/v2", 1},
	{"cut within a segment", "shop.example", "/api/v10", 1},
	{"a path in other letters", "shop.example", "/Cart", 0},
	{"an asterisk", "shop.example", "*", 0},
	{"an empty path", "shop.example", "", 0},
	{"one label below a wildcard", "www.shop.example", "/cart", 2},
	{"two labels below a wildcard", "b.c.shop.example", "/", 2},
	{"the wildcard's own name is not below it", "shop.example", "/x", 0},
	{"the longest wildcard", "b.a.shop.example", "/", 3},
	{"the wildcard above", "a.shop.example", "/", 2},
	{"an exact host before a wildcard", "deep.a.shop.example", "/", 2},
	{"a name that ends alike", "wwwshop.example", "/", 5},
	{"a name that begins with a dot", ".shop.example", "/", 5},
	{"any host", "unknown.example", "/", 5},
	{"any host with a path", "unknown.example", "/status/1", 4},
	{"no host", "", "/status", 4},
	{"a dot", ".", "/", 5},
	{"the first entry wins", "only.example", "/shop", 7},
	{"a border before a dot", "only.example", "/shop.old/1", 7},
	{"nothing like it", "only.example", "/shopping", -1},
	{"no fall back to a worse host", "only.example", "/status", -1},
	{"a host in a second entry", "only.example", "/late/x", 8},
	{"below the deepest", "only.example", "/shop/x/y/z", 7},
	{"between the deepest and its parent", "only.example", "/shop/x/yy", 7},
	{"an IPv4 address", "10.0.0.1:80", "/late", 8},
	{"an IPv6 address", "[::1]", "/", 9},
	{"an IPv6 address with a port", "[::1]:8080", "/", 9},
	{"an IPv6 rule in brackets", "[2001:DB8::1]:1", "/", 9},
	{"another IPv6 address", "[::2]:8080", "/", 5},
};

static void test_find(void **state)
{
	(void)state;
	struct table_index *index = table_index_new(entries, sizeof(entries) / sizeof(entries[0]));
	for (size_t i = 0; i < sizeof(lookups) / sizeof(lookups[0]); i++) {
		int position = table_index_find(index, lookups[i].host, strlen(lookups[i].host), lookups[i].path, strlen(lookups[i].path));
		if (position != lookups[i].position)
			fail_msg("%s: %d instead of %d", lookups[i].name, position, lookups[i].position);
	}
	char host[400];
	memset(host, 'a', sizeof(host));
	assert_int_equal(table_index_find(index, host, sizeof(host), "/", 1), 5);
	assert_int_equal(table_index_find(index, NULL, 0, NULL, 0), 5);
	table_index_release(index);
}

static void test_hosts(void **state)
{
	(void)state;
	static const char *const exact[] = {"shop.example"}, *const wide[] = {"*.shop.example"}, *const path[] = {"/a"};
	const struct table_index_entry of_some[] = {{exact, 1, path, 1}, {wide, 1, NULL, 0}}, of_all[] = {{NULL, 0, path, 1}};
	static const struct {
		const char *host;
		bool known;
	} hosts[] = {
		{"shop.example", true},
		{"SHOP.example.:8443", true},
		{"a.b.shop.example", true},
		{"other.example", false},
		{"shop.example.evil", false},
		{"[::1]:80", false},
		{"", false},
	};
	struct table_index *some = table_index_new(of_some, 2), *all = table_index_new(of_all, 1);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		if (table_index_has_host(some, hosts[i].host, strlen(hosts[i].host)) != hosts[i].known)
			fail_msg("%s", hosts[i].host);
		assert_true(table_index_has_host(all, hosts[i].host, strlen(hosts[i].host)));
	}
	table_index_release(some);
	table_index_release(all);
}

static void test_find_among_none(void **state)
{
	(void)state;
	struct table_index *index = table_index_new(NULL, 0);
	assert_int_equal(table_index_find(index, "shop.example", 12, "/", 1), -1);
	table_index_hold(index);
	table_index_release(index);
	table_index_release(index);
}

/* Every path against the obvious way to find the longest prefix. */
static void test_paths_against_a_plain_search(void **state)
{
	static const char *const paths[] = {"/", "/a", "/a/a", "/a/b", "/a/b/a", "/a-b", "/a.b", "/a!", "/ab", "/b/a/a", "/a0", "/b"};
	static const char letters[] = "/ab-.!0";
	(void)state;
	size_t count = sizeof(paths) / sizeof(paths[0]);
	struct table_index_entry each[sizeof(paths) / sizeof(paths[0])];
	for (size_t i = 0; i < count; i++)
		each[i] = (struct table_index_entry){NULL, 0, &paths[i], 1};
	struct table_index *index = table_index_new(each, count);
	for (unsigned number = 0; number < 7 * 7 * 7 * 7 * 7; number++) {
		char path[7] = "/";
		size_t length = 1, longest = 0;
		for (unsigned rest = number; rest > 0; rest /= 7)
			path[length++] = letters[rest % 7];
		for (size_t i = 1; i < count; i++) {
			size_t size = strlen(paths[i]);
			if (size <= length && memcmp(paths[i], path, size) == 0 && (size == length || path[size] == '/') &&
				(longest == 0 || size > strlen(paths[longest])))
				longest = i;
		}
		assert_int_equal(table_index_find(index, "x", 1, path, length), longest);
	}
	table_index_release(index);
}

static void test_find_among_thousands(void **state)
{
	enum { COUNT = 2000 };
	static char names[COUNT][32];
	static const char *pointers[COUNT];
	static struct table_index_entry many[COUNT];
	(void)state;
	for (int i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof(names[i]), "%ss%d.example", i % 2 ? "*." : "", i);
		pointers[i] = names[i];
		many[i] = (struct table_index_entry){&pointers[i], 1, NULL, 0};
	}
	struct table_index *index = table_index_new(many, COUNT);
	for (int i = 0; i < COUNT; i++) {
		char host[32];
		int length = snprintf(host, sizeof(host), "%ss%d.example:443", i % 2 ? "www." : "", i);
		assert_int_equal(table_index_find(index, host, (size_t)length, "/x", 2), i);
	}
	table_index_release(index);
}

/* ---- services to choose in ---- */

#define BACKENDS_MAX 200

struct world {
	struct totals *totals;
	struct backend *backends[BACKENDS_MAX];
	struct table_member members[BACKENDS_MAX];
	unsigned count;
};

static struct backend *make_backend(const char *name)
{
	struct addr addr;
	struct err err;
	assert_true(addr_parse("127.0.0.1:80", &addr, &err));
	return backend_new(name, &addr, 2);
}

/* One letter a backend: u up, d down, ? unknown. */
static void make_world(struct world *world, const char *healths)
{
	world->count = (unsigned)strlen(healths);
	world->totals = totals_new(2);
	for (unsigned i = 0; i < world->count; i++) {
		char name[16];
		snprintf(name, sizeof(name), "b%u", i);
		world->backends[i] = make_backend(name);
		world->members[i] = (struct table_member){world->backends[i], healths[i] == 'u' ? HEALTH_UP : healths[i] == 'd' ? HEALTH_DOWN : HEALTH_UNKNOWN};
	}
}

static void end_world(struct world *world)
{
	for (unsigned i = 0; i < world->count; i++)
		backend_release(world->backends[i]);
	totals_release(world->totals);
	backend_collect();
}

static struct table_service *make_service(const struct world *world, enum table_balance balance, unsigned blue_split, uint64_t seed)
{
	struct table_service_spec spec = {.name = "shop", .blue_split = blue_split, .seed = seed, .balance = balance, .totals = world->totals};
	spec.colors[COLOR_BLUE].members = world->members;
	spec.colors[COLOR_BLUE].count = world->count;
	return table_service_new(&spec);
}

static int position_of(const struct world *world, const struct backend *backend)
{
	for (unsigned i = 0; i < world->count; i++) {
		if (world->backends[i] == backend)
			return (int)i;
	}
	return -1;
}

/* ---- the color ---- */

static void test_exact_splits(void **state)
{
	static const unsigned splits[] = {0, 1, 2, 100, 500, 2500, 3333, 5000, 9900, 9999, 10000};
	static const uint32_t starts[] = {0, 1, 7777, 4294959999u, 4294960000u - 3, UINT32_MAX};
	(void)state;
	struct world world;
	make_world(&world, "");
	for (size_t i = 0; i < sizeof(splits) / sizeof(splits[0]); i++) {
		for (size_t j = 0; j < sizeof(starts) / sizeof(starts[0]); j++) {
			struct table_service *service = make_service(&world, TABLE_LEAST_CONNECTIONS, splits[i], 0);
			uint32_t turn = starts[j];
			unsigned blue = 0;
			for (unsigned k = 0; k < 10000; k++)
				blue += table_color_at(service, table_take_point(&turn)) == COLOR_BLUE ? 1 : 0;
			assert_int_equal(blue, splits[i]);
			table_service_release(service);
		}
	}
	end_world(&world);
}

/* Short runs are near the share too: within two of it over any 100 requests. */
static void test_even_splits(void **state)
{
	static const unsigned splits[] = {500, 1000, 2500, 5000, 7500, 9500};
	(void)state;
	struct world world;
	make_world(&world, "");
	for (size_t i = 0; i < sizeof(splits) / sizeof(splits[0]); i++) {
		struct table_service *service = make_service(&world, TABLE_LEAST_CONNECTIONS, splits[i], 0);
		for (uint32_t start = 0; start < 10000; start += 37) {
			uint32_t turn = start;
			int blue = 0, expected = (int)splits[i] / 100;
			for (unsigned k = 0; k < 100; k++)
				blue += table_color_at(service, table_take_point(&turn)) == COLOR_BLUE ? 1 : 0;
			assert_in_range(blue, expected - 2, expected + 2);
		}
		table_service_release(service);
	}
	end_world(&world);
}

static unsigned count_blue(const struct table_service *service, enum color colors[], unsigned keys)
{
	unsigned blue = 0;
	for (unsigned i = 0; i < keys; i++) {
		char key[32];
		int length = snprintf(key, sizeof(key), "user-%u", i);
		uint32_t point = table_point_of_key(service, key, (size_t)length);
		assert_int_equal(table_point_of_key(service, key, (size_t)length), point);
		colors[i] = table_color_at(service, point);
		blue += colors[i] == COLOR_BLUE ? 1 : 0;
	}
	return blue;
}

static void test_keys_stick_as_the_split_grows(void **state)
{
	enum { KEYS = 20000 };
	static enum color before[KEYS], after[KEYS];
	static const unsigned splits[] = {10000, 9999, 9500, 7500, 5000, 1000, 1, 0};
	(void)state;
	struct world world;
	make_world(&world, "");
	for (unsigned i = 0; i < KEYS; i++)
		before[i] = COLOR_BLUE;
	for (size_t i = 0; i < sizeof(splits) / sizeof(splits[0]); i++) {
		struct table_service *service = make_service(&world, TABLE_LEAST_CONNECTIONS, splits[i], 42);
		int blue = (int)count_blue(service, after, KEYS), expected = (int)(splits[i] * (uint64_t)KEYS / 10000);
		assert_in_range(blue + 300, expected, expected + 600);
		assert_true(splits[i] > 0 || blue == 0);
		for (unsigned j = 0; j < KEYS; j++)
			assert_true(before[j] == COLOR_BLUE || after[j] == COLOR_GREEN);
		memcpy(before, after, sizeof(before));
		table_service_release(service);
	}
	end_world(&world);
}

static void test_keys_of_another_deployment(void **state)
{
	enum { KEYS = 20000 };
	static enum color one[KEYS], two[KEYS];
	(void)state;
	struct world world;
	make_world(&world, "");
	struct table_service *first = make_service(&world, TABLE_LEAST_CONNECTIONS, 5000, 1), *second = make_service(&world, TABLE_LEAST_CONNECTIONS, 5000, 2);
	unsigned same = 0;
	count_blue(first, one, KEYS);
	count_blue(second, two, KEYS);
	for (unsigned i = 0; i < KEYS; i++)
		same += one[i] == two[i] ? 1 : 0;
	assert_in_range(same, KEYS / 2 - 500, KEYS / 2 + 500);
	table_service_release(first);
	table_service_release(second);
	end_world(&world);
}

/* ---- the backend ---- */

#define NOW_MS 100000u

struct lane_at {
	unsigned inflight;
	uint64_t skip_until_ms, tried_ms;
};

static void set_lanes(struct world *world, const struct lane_at *lanes)
{
	for (unsigned i = 0; i < world->count; i++) {
		struct backend_lane *lane = &world->backends[i]->lanes[1];
		atomic_store(&lane->inflight, lanes[i].inflight);
		lane->skip_until_ms = lanes[i].skip_until_ms;
		lane->tried_ms = lanes[i].tried_ms;
	}
}

static const struct {
	const char *name, *healths;
	enum table_balance balance;
	struct lane_at lanes[4];
	const char *tried;   /* positions */
	const char *choices; /* of calls in a row; '-': none */
} choices[] = {
	{"the least loaded", "uuu", TABLE_LEAST_CONNECTIONS, {{3, 0, 0}, {1, 0, 0}, {2, 0, 0}}, "", "1111"},
	{"ties go round", "uuu", TABLE_LEAST_CONNECTIONS, {{0}}, "", "012012"},
	{"ties of the least go round", "uuuu", TABLE_LEAST_CONNECTIONS, {{1, 0, 0}, {5, 0, 0}, {1, 0, 0}, {1, 0, 0}}, "", "023023"},
	{"round robin whatever the load", "uuu", TABLE_ROUND_ROBIN, {{9, 0, 0}, {0, 0, 0}, {4, 0, 0}}, "", "012012"},
	{"round robin over those that are up", "udu?", TABLE_ROUND_ROBIN, {{0}}, "", "0202"},
	{"round robin, one skipped, stays even", "uuu", TABLE_ROUND_ROBIN, {{0}, {0, NOW_MS + 1, 0}, {0}}, "", "0202"},
	{"a down one gets nothing, however idle", "ud", TABLE_LEAST_CONNECTIONS, {{9, 0, 0}, {0}}, "", "000"},
	{"a skip that is over", "uu", TABLE_LEAST_CONNECTIONS, {{5, 0, 0}, {0, NOW_MS, 0}}, "", "11"},
	{"a skip under way", "uu", TABLE_LEAST_CONNECTIONS, {{5, 0, 0}, {0, NOW_MS + 1, 0}}, "", "00"},
	{"all skipped: the one that ends first", "uuu", TABLE_LEAST_CONNECTIONS, {{0, NOW_MS + 9, 0}, {7, NOW_MS + 2, 0}, {0, NOW_MS + 5, 0}}, "", "11"},
	{"skipped before unknown", "u?", TABLE_ROUND_ROBIN, {{0, NOW_MS + 9, 0}, {0}}, "", "00"},
	{"tried ones are left out", "uuu", TABLE_LEAST_CONNECTIONS, {{0}, {5, 0, 0}, {6, 0, 0}}, "0", "11"},
	{"tried, then the skipped one", "uu", TABLE_LEAST_CONNECTIONS, {{0}, {0, NOW_MS + 9, 0}}, "0", "1"},
	{"tried, then unknown", "u?d", TABLE_LEAST_CONNECTIONS, {{0}}, "0", "11"},
	{"tried, then down", "u?d", TABLE_LEAST_CONNECTIONS, {{0}}, "01", "22"},
	{"all tried", "u?d", TABLE_LEAST_CONNECTIONS, {{0}}, "012", "--"},
	{"unknown before down", "d?", TABLE_ROUND_ROBIN, {{0}}, "", "11"},
	{"unknown ones go round", "???", TABLE_LEAST_CONNECTIONS, {{0}}, "", "012012"},
	{"the down one that was tried longest ago", "ddd", TABLE_LEAST_CONNECTIONS, {{0, 0, 30}, {0, 0, 10}, {0, 0, 20}}, "", "11"},
	{"the next after it", "ddd", TABLE_LEAST_CONNECTIONS, {{0, 0, 30}, {0, 0, 10}, {0, 0, 20}}, "1", "22"},
	{"no backend", "", TABLE_LEAST_CONNECTIONS, {{0}}, "", "--"},
};

static void test_choices(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		struct world world;
		struct backend *tried[4];
		unsigned tried_count = 0;
		char seen[16] = "";
		uint32_t turn = 0;
		make_world(&world, choices[i].healths);
		set_lanes(&world, choices[i].lanes);
		for (const char *at = choices[i].tried; *at; at++)
			tried[tried_count++] = world.backends[*at - '0'];
		struct table_service *service = make_service(&world, choices[i].balance, 10000, 0);
		for (size_t j = 0; j < strlen(choices[i].choices); j++) {
			int position = position_of(&world, table_choose_backend(service, COLOR_BLUE, 1, &turn, 0, NOW_MS, tried, tried_count));
			seen[j] = position < 0 ? '-' : (char)('0' + position);
		}
		if (strcmp(seen, choices[i].choices) != 0)
			fail_msg("%s: %s instead of %s", choices[i].name, seen, choices[i].choices);
		assert_null(table_choose_backend(service, COLOR_GREEN, 1, &turn, 0, NOW_MS, NULL, 0));
		set_lanes(&world, (struct lane_at[4]){{0}});
		table_service_release(service);
		end_world(&world);
	}
}

static void test_fit_backends(void **state)
{
	static const struct {
		const char *name, *healths;
		struct lane_at lanes[2];
		bool any;
	} cases[] = {
		{"none", "", {{0}}, false},
		{"up", "u", {{0}}, true},
		{"up and busy", "u", {{99, 0, 0}}, true},
		{"down", "d", {{0}}, false},
		{"not known yet", "?", {{0}}, false},
		{"one of two", "du", {{0}}, true},
		{"up and skipped", "u", {{0, NOW_MS + 1, 0}}, false},
		{"the skip is over", "u", {{0, NOW_MS, 0}}, true},
		{"one of two skipped", "uu", {{0, NOW_MS + 1, 0}, {0}}, true},
		{"the other is down", "ud", {{0, NOW_MS + 1, 0}, {0}}, false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world world;
		make_world(&world, cases[i].healths);
		set_lanes(&world, cases[i].lanes);
		struct table_service *service = make_service(&world, TABLE_LEAST_CONNECTIONS, 10000, 0);
		if (table_has_fit_backend(service, COLOR_BLUE, 1, NOW_MS) != cases[i].any)
			fail_msg("%s", cases[i].name);
		assert_false(table_has_fit_backend(service, COLOR_GREEN, 1, NOW_MS));
		set_lanes(&world, (struct lane_at[4]){{0}});
		table_service_release(service);
		end_world(&world);
	}
}

/* Requests that last: with few backends no two differ by more than one, with many the load stays near even. */
static void test_load_is_even(void **state)
{
	static const struct {
		const char *name;
		unsigned backends;
		enum table_balance balance;
		unsigned spread;
	} cases[] = {
		{"16, all looked at", 16, TABLE_LEAST_CONNECTIONS, 1},
		{"17, some looked at", 17, TABLE_LEAST_CONNECTIONS, 1},
		{"200, some looked at", 200, TABLE_LEAST_CONNECTIONS, 1},
		{"200, in turn", 200, TABLE_ROUND_ROBIN, 1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world world;
		char healths[BACKENDS_MAX + 1];
		memset(healths, 'u', cases[i].backends);
		healths[cases[i].backends] = '\0';
		make_world(&world, healths);
		struct table_service *service = make_service(&world, cases[i].balance, 10000, 0);
		uint32_t turn = 5;
		unsigned least = UINT32_MAX, most = 0;
		for (unsigned j = 0; j < 10 * cases[i].backends; j++) {
			struct backend *backend = table_choose_backend(service, COLOR_BLUE, 0, &turn, 0, NOW_MS, NULL, 0);
			atomic_fetch_add(&backend->lanes[0].inflight, 1);
		}
		for (unsigned j = 0; j < world.count; j++) {
			unsigned load = atomic_load(&world.backends[j]->lanes[0].inflight);
			least = load < least ? load : least;
			most = load > most ? load : most;
			assert_int_equal(backend_inflight(world.backends[j]), load);
			atomic_store(&world.backends[j]->lanes[0].inflight, 0);
		}
		if (most - least > cases[i].spread)
			fail_msg("%s: from %u to %u", cases[i].name, least, most);
		table_service_release(service);
		end_world(&world);
	}
}

/* One backend that hangs keeps its requests and gets no more of them while others are free. */
static void test_many_leave_the_busy_one_alone(void **state)
{
	(void)state;
	struct world world;
	char healths[101];
	memset(healths, 'u', 100);
	healths[100] = '\0';
	make_world(&world, healths);
	struct table_service *service = make_service(&world, TABLE_LEAST_CONNECTIONS, 10000, 0);
	atomic_store(&world.backends[50]->lanes[0].inflight, 20);
	uint32_t turn = 0;
	for (unsigned i = 0; i < 1000; i++)
		assert_int_not_equal(position_of(&world, table_choose_backend(service, COLOR_BLUE, 0, &turn, 0, NOW_MS, NULL, 0)), 50);
	atomic_store(&world.backends[50]->lanes[0].inflight, 0);
	table_service_release(service);
	end_world(&world);
}

#define CLIENTS 20000u

/* The position of the backend of each client, as of keys that differ in a few bits. */
static void choose_for_all(struct world *world, const struct table_service *service, unsigned worker, int *positions)
{
	uint32_t turn = worker;
	for (unsigned i = 0; i < CLIENTS; i++)
		positions[i] = position_of(world, table_choose_backend(service, COLOR_BLUE, worker, &turn, 0xffffffff0a000000u + i, NOW_MS, NULL, 0));
}

static void test_clients_stay_and_spread(void **state)
{
	(void)state;
	struct world world;
	static int first[CLIENTS], other[CLIENTS];
	unsigned counts[10] = {0};
	make_world(&world, "uuuuuuuuuu");
	struct table_service *service = make_service(&world, TABLE_CLIENT_ADDRESS, 10000, 0);
	choose_for_all(&world, service, 0, first);
	for (unsigned i = 0; i < 10; i++)
		atomic_store(&world.backends[i]->lanes[1].inflight, i);
	choose_for_all(&world, service, 1, other);
	assert_memory_equal(first, other, sizeof(first));
	for (unsigned i = 0; i < CLIENTS; i++)
		counts[first[i]]++;
	for (unsigned i = 0; i < 10; i++) {
		if (counts[i] < CLIENTS / 10 * 9 / 10 || counts[i] > CLIENTS / 10 * 11 / 10)
			fail_msg("backend %u has %u of %u clients", i, counts[i], CLIENTS);
	}
	for (unsigned i = 0; i < 10; i++)
		atomic_store(&world.backends[i]->lanes[1].inflight, 0);
	table_service_release(service);
	end_world(&world);
}

static const struct {
	const char *name;
	const char *healths; /* of five, of which `gone` gets nothing */
	bool skipped, tried;
	int gone;
} movings[] = {
	{"one that is down", "uuudu", false, false, 3},
	{"one that is unknown", "?uuuu", false, false, 0},
	{"one that is skipped", "uuuuu", true, false, 2},
	{"one that was tried", "uuuuu", false, true, 1},
};

static void test_only_its_own_clients_move(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(movings) / sizeof(movings[0]); i++) {
		struct world all, less;
		uint32_t turn = 0;
		unsigned moved = 0;
		make_world(&all, "uuuuu");
		make_world(&less, movings[i].healths);
		struct table_service *before = make_service(&all, TABLE_CLIENT_ADDRESS, 10000, 0), *after = make_service(&less, TABLE_CLIENT_ADDRESS, 10000, 0);
		struct backend *gone = less.backends[movings[i].gone];
		gone->lanes[0].skip_until_ms = movings[i].skipped ? NOW_MS + 1 : 0;
		for (uint64_t key = 1; key <= 1000; key++) {
			int was = position_of(&all, table_choose_backend(before, COLOR_BLUE, 0, &turn, key << 32, NOW_MS, NULL, 0));
			int is = position_of(&less, table_choose_backend(after, COLOR_BLUE, 0, &turn, key << 32, NOW_MS, &gone, movings[i].tried));
			if (is == movings[i].gone || (was != is && was != movings[i].gone))
				fail_msg("%s: from %d to %d", movings[i].name, was, is);
			moved += was != is;
		}
		assert_in_range(moved, 100, 300);
		table_service_release(before);
		table_service_release(after);
		end_world(&all);
		end_world(&less);
	}
}

/* As with any balance: the skipped one, then those that are not up. */
static void test_a_client_is_never_left_alone(void **state)
{
	(void)state;
	struct world world;
	uint32_t turn = 0;
	make_world(&world, "u?d");
	struct table_service *service = make_service(&world, TABLE_CLIENT_ADDRESS, 10000, 0);
	world.backends[0]->lanes[0].skip_until_ms = NOW_MS + 1;
	for (unsigned tried = 0; tried < 4; tried++) {
		struct backend *backend = table_choose_backend(service, COLOR_BLUE, 0, &turn, 7, NOW_MS, world.backends, tried);
		assert_int_equal(position_of(&world, backend), tried < 3 ? (int)tried : -1);
	}
	table_service_release(service);
	end_world(&world);
}

static void test_without_a_key_the_least_loaded(void **state)
{
	(void)state;
	struct world world;
	uint32_t turn = 0;
	make_world(&world, "uuu");
	struct table_service *service = make_service(&world, TABLE_CLIENT_ADDRESS, 10000, 0);
	set_lanes(&world, (struct lane_at[4]){{3, 0, 0}, {1, 0, 0}, {2, 0, 0}});
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(position_of(&world, table_choose_backend(service, COLOR_BLUE, 1, &turn, 0, NOW_MS, NULL, 0)), 1);
	set_lanes(&world, (struct lane_at[4]){{0}});
	table_service_release(service);
	end_world(&world);
}

/* ---- tables, and who outlives whom ---- */

static void test_table_holds_what_it_names(void **state)
{
	(void)state;
	struct world world;
	make_world(&world, "uu");
	struct addr_block blocks[2] = {{.kind = ADDR_IPV4, .bits = 8}, {.kind = ADDR_IPV6, .bits = 32}};
	struct table_globals globals = {.headers = 128, .trusted = blocks, .trusted_count = 2};
	const char *host = "shop.example";
	struct table_index *index = table_index_new(&(struct table_index_entry){&host, 1, NULL, 0}, 1);
	struct table_service *service = make_service(&world, TABLE_ROUND_ROBIN, 10000, 0);
	struct table *first = table_new(&globals, index, &service, 1, 2), *second = table_new(&first->globals, first->index, first->services, 1, 2);
	table_index_release(index);
	table_service_release(service);
	end_world(&world);
	blocks[0].bits = 0;
	assert_int_equal(first->globals.trusted[0].bits, 8);
	assert_int_equal((uintptr_t)first->slots % 64, 0);
	assert_ptr_equal(table_find_service(first, "SHOP.example:80", 15, "/", 1), service);
	assert_null(table_find_service(first, "other", 5, "/", 1));
	assert_false(first->has_orders);
	assert_true(table_is_quiet(first));
	table_hold(first, 1);
	assert_false(table_is_quiet(first));
	table_release(first, 1);
	table_free(first);
	assert_false(atomic_load(&world.backends[0]->retired));
	atomic_store(&world.backends[0]->lanes[1].connections, 1);
	struct backend *busy = world.backends[0];
	table_free(second);
	backend_collect();
	assert_true(atomic_load(&busy->retired));
	assert_false(backend_is_quiet(busy));
	atomic_store(&busy->lanes[1].connections, 0);
	backend_collect();
}

static void test_table_knows_its_cuts(void **state)
{
	(void)state;
	struct totals *totals = totals_new(1);
	struct table_service_spec spec = {.name = "shop", .blue_split = 10000, .totals = totals};
	spec.colors[COLOR_GREEN].cut_tunnels_before = 7;
	struct table_service *service = table_service_new(&spec);
	struct table_index *index = table_index_new(&(struct table_index_entry){NULL, 0, NULL, 0}, 1);
	struct table *table = table_new(&(struct table_globals){.headers = 1}, index, &service, 1, 1);
	assert_true(table->has_orders);
	assert_int_equal(service->colors[COLOR_GREEN].cut_tunnels_before, 7);
	assert_string_equal(service->colors[COLOR_GREEN].version, "");
	table_free(table);
	table_service_release(service);
	table_index_release(index);
	totals_release(totals);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_find_among_none),
		cmocka_unit_test(test_paths_against_a_plain_search),
		cmocka_unit_test(test_find_among_thousands),
		cmocka_unit_test(test_exact_splits),
		cmocka_unit_test(test_even_splits),
		cmocka_unit_test(test_keys_stick_as_the_split_grows),
		cmocka_unit_test(test_keys_of_another_deployment),
		cmocka_unit_test(test_choices),
		cmocka_unit_test(test_fit_backends),
		cmocka_unit_test(test_load_is_even),
		cmocka_unit_test(test_many_leave_the_busy_one_alone),
		cmocka_unit_test(test_clients_stay_and_spread),
		cmocka_unit_test(test_only_its_own_clients_move),
		cmocka_unit_test(test_a_client_is_never_left_alone),
		cmocka_unit_test(test_without_a_key_the_least_loaded),
		cmocka_unit_test(test_table_holds_what_it_names),
		cmocka_unit_test(test_table_knows_its_cuts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
