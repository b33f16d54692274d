/* Which color a request gets while traffic is split: exact shares, clients who stay, colors that are dead. */
// links: proxy
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/sticky.h"

#define CLIENTS 20000
#define REQUESTS 100000

static struct totals *totals;
static struct backend *backend;

static int set_up(void **state)
{
	struct addr addr;
	struct err err;
	(void)state;
	assert_true(addr_parse("127.0.0.1:80", &addr, &err));
	totals = totals_new(1);
	backend = backend_new("b", &addr, 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	backend_release(backend);
	backend_collect();
	totals_release(totals);
	return 0;
}

/* Health of each color's only backend. */
static struct table_service *make_with(enum table_sticky sticky, unsigned blue_split, uint64_t seed, enum health blue, enum health green)
{
	struct table_member members[COLOR_COUNT] = {{backend, blue}, {backend, green}};
	struct table_service_spec spec = {.name = "shop", .blue_split = blue_split, .seed = seed, .sticky = sticky, .sticky_name = "pin", .totals = totals};
	for (unsigned color = 0; color < COLOR_COUNT; color++) {
		spec.colors[color].members = &members[color];
		spec.colors[color].count = 1;
	}
	return table_service_new(&spec);
}

static struct table_service *make(enum table_sticky sticky, unsigned blue_split, uint64_t seed)
{
	return make_with(sticky, blue_split, seed, HEALTH_UP, HEALTH_UP);
}

static struct sticky_choice ask(const struct table_service *service, const char *fields, uint64_t address, uint32_t *turn)
{
	char text[512];
	struct head head;
	struct head_limits limits = {sizeof(text), HEAD_FIELDS_MAX};
	enum fail fail;
	size_t length = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.0\r\n%s\r\n", fields);
	assert_int_equal(head_parse_request(text, length, 0, &limits, &head, &fail), HEAD_DONE);
	return sticky_choose(service, &head, address, turn);
}

/* A client: what it sends, and its color each time. */
struct client {
	char fields[64];
	uint64_t address;
	enum color color;
};

static struct client *make_clients(enum table_sticky sticky)
{
	struct client *clients = calloc(CLIENTS, sizeof(*clients));
	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i].address = sticky == TABLE_STICKY_ADDRESS ? 0x0a000000u + i : 0;
		if (sticky == TABLE_STICKY_HEADER)
			snprintf(clients[i].fields, sizeof(clients[i].fields), "PIN: user-%u\r\n", i);
	}
	return clients;
}

/* As a browser does: it sends what it was given. */
static void visit(const struct table_service *service, struct client *client, uint32_t *turn)
{
	struct sticky_choice choice = ask(service, client->fields, client->address, turn);
	client->color = choice.color;
	if (choice.pins)
		snprintf(client->fields, sizeof(client->fields), "Cookie: a=b; pin=%04u\r\n", choice.number);
}

/* ---- shares ---- */

static void check_share(unsigned blue, unsigned split)
{
	double off = (double)blue / REQUESTS - split / 10000.0;
	if (off < -0.005 || off > 0.005)
		fail_msg("%u of %u requests for a share of %u", blue, REQUESTS, split);
}

/* A hundred thousand requests of clients who come for the first time; of those whose share is counted it is exact. */
static void shares_are_as_asked(void **state)
{
	static const unsigned splits[] = {1, 500, 2500, 3333, 5000, 7500, 9500, 9999};
	static const enum table_sticky stickies[] = {TABLE_STICKY_NONE, TABLE_STICKY_COOKIE, TABLE_STICKY_HEADER, TABLE_STICKY_ADDRESS};
	(void)state;
	for (size_t s = 0; s < 4; s++) {
		for (size_t i = 0; i < sizeof(splits) / sizeof(splits[0]); i++) {
			struct table_service *service = make(stickies[s], splits[i], 0x1234567890abcdefu);
			uint32_t turn = 3;
			unsigned blue = 0;
			for (unsigned r = 0; r < REQUESTS; r++) {
				char fields[64];
				snprintf(fields, sizeof(fields), stickies[s] == TABLE_STICKY_HEADER ? "Pin: %u\r\n" : "X: %u\r\n", r);
				blue += ask(service, fields, stickies[s] == TABLE_STICKY_ADDRESS ? r + 1 : 0, &turn).color == COLOR_BLUE;
			}
			check_share(blue, splits[i]);
			if (s < 2)
				assert_int_equal(blue, splits[i] * (REQUESTS / 10000));
			table_service_release(service);
		}
	}
}

/* Clients without what they would be known by, too. */
static void who_is_not_known_is_counted(void **state)
{
	static const enum table_sticky stickies[] = {TABLE_STICKY_HEADER, TABLE_STICKY_ADDRESS};
	(void)state;
	for (size_t s = 0; s < 2; s++) {
		struct table_service *service = make(stickies[s], 2500, 1);
		uint32_t turn = 0;
		unsigned blue = 0;
		for (unsigned r = 0; r < 10000; r++)
			blue += ask(service, "Pin:\r\n", 0, &turn).color == COLOR_BLUE;
		assert_int_equal(blue, 2500);
		assert_int_equal(turn, 10000);
		table_service_release(service);
	}
}

/* ---- clients who stay ---- */

/* From step to step clients join green, and none leaves it; within a step nobody moves. Back again they are all blue. */
static void clients_join_the_color_that_grows(void **state)
{
	static const unsigned shares[] = {1, 500, 501, 2500, 5000, 9999, 10000};
	static const enum table_sticky stickies[] = {TABLE_STICKY_COOKIE, TABLE_STICKY_HEADER, TABLE_STICKY_ADDRESS};
	(void)state;
	for (size_t s = 0; s < 3; s++) {
		struct client *clients = make_clients(stickies[s]);
		uint32_t turn = 0;
		for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
			struct table_service *service = make(stickies[s], TABLE_SPLIT_WHOLE - shares[i], 77);
			unsigned green = 0;
			for (unsigned c = 0; c < CLIENTS; c++) {
				enum color before = clients[c].color;
				visit(service, &clients[c], &turn);
				assert_true(before == COLOR_BLUE || clients[c].color == COLOR_GREEN);
				enum color now = clients[c].color;
				visit(service, &clients[c], &turn);
				assert_int_equal(clients[c].color, now);
				green += now == COLOR_GREEN;
			}
			int off = (int)green - (int)(shares[i] * (uint64_t)CLIENTS / TABLE_SPLIT_WHOLE);
			assert_in_range(off + CLIENTS / 100, 0, CLIENTS / 50);
			assert_true(stickies[s] != TABLE_STICKY_COOKIE || off == 0);
			table_service_release(service);
		}
		struct table_service *back = make(stickies[s], TABLE_SPLIT_WHOLE, 77);
		for (unsigned c = 0; c < CLIENTS; c++) {
			visit(back, &clients[c], &turn);
			assert_int_equal(clients[c].color, COLOR_BLUE);
		}
		table_service_release(back);
		free(clients);
	}
}

/* The same when it is blue that grows. */
static void it_is_the_same_the_other_way_round(void **state)
{
	static const unsigned shares[] = {500, 2500, 5000, 10000};
	(void)state;
	struct client *clients = make_clients(TABLE_STICKY_COOKIE);
	uint32_t turn = 0;
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		struct table_service *service = make(TABLE_STICKY_COOKIE, shares[i], 77);
		unsigned blue = 0;
		for (unsigned c = 0; c < CLIENTS; c++) {
			enum color before = i > 0 ? clients[c].color : COLOR_GREEN;
			visit(service, &clients[c], &turn);
			assert_true(before == COLOR_GREEN || clients[c].color == COLOR_BLUE);
			blue += clients[c].color == COLOR_BLUE;
		}
		assert_int_equal(blue, shares[i] * (CLIENTS / TABLE_SPLIT_WHOLE));
		table_service_release(service);
	}
	free(clients);
}

/* Another deployment begins with other clients; the same one, after a restart, with the same. */
static void each_deployment_begins_with_others(void **state)
{
	static const enum table_sticky stickies[] = {TABLE_STICKY_COOKIE, TABLE_STICKY_HEADER, TABLE_STICKY_ADDRESS};
	(void)state;
	for (size_t s = 0; s < 3; s++) {
		struct client *clients = make_clients(stickies[s]);
		struct table_service *first = make(stickies[s], 9500, 1111), *again = make(stickies[s], 9500, 1111), *second = make(stickies[s], 9500, 2222222);
		uint32_t turn = 0;
		unsigned both = 0, green = 0;
		for (unsigned c = 0; c < CLIENTS; c++) {
			visit(first, &clients[c], &turn);
			enum color color = clients[c].color;
			visit(again, &clients[c], &turn);
			assert_int_equal(clients[c].color, color);
			visit(second, &clients[c], &turn);
			green += color == COLOR_GREEN;
			both += color == COLOR_GREEN && clients[c].color == COLOR_GREEN;
		}
		assert_true(green > CLIENTS / 25 && both < green / 5);
		table_service_release(first);
		table_service_release(again);
		table_service_release(second);
		free(clients);
	}
}

/* ---- the cookie ---- */

static void only_four_digits_are_a_number(void **state)
{
	static const struct {
		const char *fields;
		bool good;
	} cases[] = {{"Cookie: pin=0000\r\n", true}, {"Cookie: pin=9999\r\n", true}, {"Cookie: pin=\"1234\"\r\n", true}, {"Cookie: pin=x; pin=1234\r\n", true},
		{"Cookie: a=b\r\nCookie: pin=1234\r\n", true}, {"Cookie: pin=\r\n", false}, {"Cookie: pin=123\r\n", false}, {"Cookie: pin=12345\r\n", false},
		{"Cookie: pin=-123\r\n", false}, {"Cookie: pin=+123\r\n", false}, {"Cookie: pin=12a4\r\n", false}, {"Cookie: pin= 123\r\n", false},
		{"Cookie: pin=green\r\n", false}, {"Cookie: PIN=1234\r\n", false}, {"Pin: 1234\r\n", false}, {"", false}};
	(void)state;
	struct table_service *service = make(TABLE_STICKY_COOKIE, 5000, 77);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t turn = 5;
		struct sticky_choice choice = ask(service, cases[i].fields, 0, &turn);
		assert_int_equal(choice.pins, !cases[i].good);
		assert_int_equal(turn, cases[i].good ? 5 : 6);
	}
	table_service_release(service);
}

/* The number that is given out leads where its request went, whatever the seed. */
static void a_number_leads_where_its_request_went(void **state)
{
	static const uint64_t seeds[] = {0, 1, 9999, 10000, 123456789, UINT64_MAX};
	(void)state;
	for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
		struct table_service *service = make(TABLE_STICKY_COOKIE, 2500, seeds[i]);
		bool seen[TABLE_SPLIT_WHOLE] = {false};
		uint32_t turn = 0;
		for (unsigned r = 0; r < TABLE_SPLIT_WHOLE; r++) {
			char fields[STICKY_FIELD_SIZE + 16], value[STICKY_FIELD_SIZE];
			struct sticky_choice choice = ask(service, "", 0, &turn), again;
			assert_true(choice.pins && choice.number < TABLE_SPLIT_WHOLE && !seen[choice.number]);
			seen[choice.number] = true;
			size_t length = sticky_write_field(service, choice.number, value);
			assert_int_equal(length, strlen(value));
			assert_string_equal(value + 8, "; Path=/; HttpOnly; SameSite=Lax");
			snprintf(fields, sizeof(fields), "Cookie: %.8s\r\n", value);
			again = ask(service, fields, 0, &turn);
			assert_int_equal(again.color, choice.color);
			assert_false(again.pins);
		}
		table_service_release(service);
	}
}

/* ---- colors that are dead ---- */

static void a_color_without_a_backend_gets_nothing(void **state)
{
	static const enum table_sticky stickies[] = {TABLE_STICKY_NONE, TABLE_STICKY_COOKIE, TABLE_STICKY_HEADER, TABLE_STICKY_ADDRESS};
	static const enum health sick[] = {HEALTH_DOWN, HEALTH_UNKNOWN};
	(void)state;
	for (size_t s = 0; s < 4; s++) {
		for (size_t h = 0; h < 2; h++) {
			struct client *clients = make_clients(stickies[s]);
			struct table_service *healthy = make(stickies[s], 5000, 7), *dead = make_with(stickies[s], 5000, 7, HEALTH_UP, sick[h]);
			uint32_t turn = 0;
			unsigned green = 0;
			for (unsigned c = 0; c < CLIENTS; c++) {
				visit(dead, &clients[c], &turn);
				assert_int_equal(clients[c].color, COLOR_BLUE);
			}
			for (unsigned c = 0; c < CLIENTS; c++) {
				visit(healthy, &clients[c], &turn);
				enum color color = clients[c].color;
				char fields[sizeof(clients[c].fields)];
				memcpy(fields, clients[c].fields, sizeof(fields));
				visit(dead, &clients[c], &turn);
				assert_int_equal(clients[c].color, COLOR_BLUE);
				assert_string_equal(clients[c].fields, fields);
				if (stickies[s] == TABLE_STICKY_NONE)
					continue;
				visit(healthy, &clients[c], &turn);
				assert_int_equal(clients[c].color, color);
				green += color == COLOR_GREEN;
			}
			assert_true(stickies[s] == TABLE_STICKY_NONE || green > CLIENTS / 5); /* of those without a number half again would have been green's */
			table_service_release(healthy);
			table_service_release(dead);
			free(clients);
		}
	}
}

/* Who would have gone to the dead color gets no number: it would take them there for certain, once that is well, without a step. */
static void no_number_is_given_for_a_dead_color(void **state)
{
	(void)state;
	struct table_service *dead = make_with(TABLE_STICKY_COOKIE, 2500, 7, HEALTH_DOWN, HEALTH_UP);
	uint32_t turn = 0;
	unsigned pinned = 0;
	for (unsigned r = 0; r < TABLE_SPLIT_WHOLE; r++) {
		struct sticky_choice choice = ask(dead, "", 0, &turn);
		assert_int_equal(choice.color, COLOR_GREEN);
		pinned += choice.pins;
	}
	assert_int_equal(pinned, 7500);
	table_service_release(dead);
}

/* With both dead the split is as it is: each tries what it has. */
static void two_dead_colors_are_split(void **state)
{
	(void)state;
	struct table_service *dead = make_with(TABLE_STICKY_NONE, 2500, 7, HEALTH_DOWN, HEALTH_UNKNOWN);
	uint32_t turn = 0;
	unsigned blue = 0;
	for (unsigned r = 0; r < TABLE_SPLIT_WHOLE; r++)
		blue += ask(dead, "", 0, &turn).color == COLOR_BLUE;
	assert_int_equal(blue, 2500);
	table_service_release(dead);
}

/* Where all goes one way, nothing a request says changes that, and the counter stands. */
static void without_a_split_nothing_is_asked(void **state)
{
	(void)state;
	for (unsigned split = 0; split <= TABLE_SPLIT_WHOLE; split += TABLE_SPLIT_WHOLE) {
		struct table_service *service = make_with(TABLE_STICKY_COOKIE, split, 7, HEALTH_DOWN, HEALTH_DOWN);
		uint32_t turn = 9;
		assert_false(service->asks);
		for (unsigned i = 0; i < 2; i++) {
			struct sticky_choice choice = ask(service, i ? "Cookie: pin=0001\r\n" : "", 0, &turn);
			assert_int_equal(choice.color, split == 0 ? COLOR_GREEN : COLOR_BLUE);
			assert_false(choice.pins);
		}
		assert_int_equal(turn, 9);
		table_service_release(service);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_are_as_asked),
		cmocka_unit_test(who_is_not_known_is_counted),
		cmocka_unit_test(clients_join_the_color_that_grows),
		cmocka_unit_test(it_is_the_same_the_other_way_round),
		cmocka_unit_test(each_deployment_begins_with_others),
		cmocka_unit_test(only_four_digits_are_a_number),
		cmocka_unit_test(a_number_leads_where_its_request_went),
		cmocka_unit_test(a_color_without_a_backend_gets_nothing),
		cmocka_unit_test(no_number_is_given_for_a_dead_color),
		cmocka_unit_test(two_dead_colors_are_split),
		cmocka_unit_test(without_a_split_nothing_is_asked),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
