/* The armed check of dns/steering: each row of it, held or not, and what ends it. */
// links: dns
#include "tests/unit/steering_world.h"

#define NEED_MS 120000u
#define WHOLE_MS 3600000u
#define CLOCK(fields, body) ((struct script_entry){ANSWER("200 OK", fields, body), SCRIPT_CLOSES})

static void say_well(struct world *world)
{
	say(world, API_ZONE, GOT_PRIVATE);
	say(world, API_LIST, LISTED_BLUE);
	say(world, API_CHANGE, ACCEPTED);
}

static void start_arm(struct world *world, bool force)
{
	world->inside = true;
	steering_arm(world->steering, COLOR_GREEN, force, NEED_MS, WHOLE_MS);
	world->inside = false;
}

static enum steering_state wait_for_arm(struct world *world, char sentence[2048])
{
	enum steering_state state;
	while ((state = steering_read_arm(world->steering, sentence, 2048)) == STEERING_PENDING)
		turn(world);
	return state;
}

/* `credentials clock -zone …`: those that did not pass with a minus. */
static void list_rows(const struct world *world, char *out, size_t size)
{
	json_t *rows = steering_arm_to_json(world->steering), *row;
	size_t i;
	out[0] = '\0';
	json_array_foreach(rows, i, row)
	{
		size_t length = strlen(out);
		snprintf(out + length, size - length, "%s%s%s", i > 0 ? " " : "", json_is_true(json_object_get(row, "passed")) ? "" : "-",
			json_string_value(json_object_get(row, "name")));
	}
	json_decref(rows);
}

static void read_detail(const struct world *world, const char *name, char *out, size_t size)
{
	json_t *rows = steering_arm_to_json(world->steering), *row;
	size_t i;
	snprintf(out, size, "no such row");
	json_array_foreach(rows, i, row)
	{
		if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0)
			snprintf(out, size, "%s", json_string_value(json_object_get(row, "detail")));
	}
	json_decref(rows);
}

static void expect_detail(const struct world *world, const char *name, const char *expected)
{
	char detail[2048];
	read_detail(world, name, detail, sizeof(detail));
	if (!strstr(detail, expected))
		fail_msg("%s: %s", name, detail);
}

static void expect_rows(const struct world *world, const char *expected)
{
	char rows[512];
	list_rows(world, rows, sizeof(rows));
	assert_string_equal(rows, expected);
}

#define ALL "credentials clock zone delegation record permission way_back ttl"

/* ---- what holds ---- */

static void holds(void **state)
{
	struct world *world = *state;
	char sentence[2048];
	say_well(world);
	begin(world);
	assert_int_equal(steering_read_arm(world->steering, sentence, sizeof(sentence)), STEERING_NONE);
	start_arm(world, false);
	expect_rows(world, "");
	assert_int_equal(wait_for_arm(world, sentence), STEERING_DONE);
	assert_string_equal(sentence, "");
	expect_rows(world, ALL);
	expect_detail(world, "credentials", "a test, without an end");
	expect_detail(world, "zone", "example.com (Z1, private)");
	expect_detail(world, "delegation", "left out, as the zone is private");
	expect_detail(world, "record", "shop.example.com A 60s 192.0.2.1");
	expect_detail(world, "permission", "a change that replaces the record by itself was accepted");
	expect_detail(world, "way_back", "it costs 2 changes");
	expect_detail(world, "ttl", "caches keep the old answer for up to 60 s");
	assert_true(world->credentials.needed_ms <= NEED_MS);
	const char *request = last_request(world, API_CHANGE), *come = strstr(request, "<Action>CREATE</Action>");
	assert_true(strstr(request, BLUE) < come && strstr(come, BLUE));
	assert_null(strstr(request, GREEN));
	assert_int_equal(view_of(world).live, STEERING_BLUE);
	assert_false(progress_of(world).known); /* that was no change of the record */
}

static void asks_the_servers_of_the_file(void **state)
{
	struct world *world = *state;
	char sentence[2048];
	add_server(world, "= A 60 " BLUE);
	say(world, API_ZONE, GOT_PUBLIC);
	say(world, API_LIST, LISTED(SIMPLE("300", BLUE)));
	say(world, API_CHANGE, ACCEPTED);
	world->credentials.expires_ms = UINT64_C(1900000000) * 1000;
	begin(world);
	start_arm(world, false);
	assert_int_equal(wait_for_arm(world, sentence), STEERING_DONE);
	expect_rows(world, ALL);
	expect_detail(world, "credentials", "a test, good until 2030-03-17T17:46:40.000Z");
	expect_detail(world, "delegation", "the file's `name_servers` give what the record says; whether the world is sent to them was not asked");
	expect_detail(world, "ttl", "caches keep the old answer for up to 300 s; with `teal dns prepare` that would be 60 s");
	steering_note_earlier(world->steering, clock_wall_ms() + 600000);
	start_arm(world, false);
	assert_int_equal(wait_for_arm(world, sentence), STEERING_DONE);
	expect_detail(world, "ttl", "a longer TTL than that of the record may be cached until ");
	assert_int_equal(world->answers[API_ZONE].asked, 2); /* each time anew */
}

static void tells_of_a_clock_that_is_wrong(void **state)
{
	struct world *world = *state;
	char sentence[2048];
	say_well(world);
	say_instead(world, API_ZONE,
		CLOCK("Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n",
			"<GetHostedZoneResponse" NS ">" ZONE("Z1", "example.com.", "true") "</GetHostedZoneResponse>"));
	begin(world);
	start_arm(world, false);
	assert_int_equal(wait_for_arm(world, sentence), STEERING_DONE);
	expect_detail(world, "clock", " ahead of that of Route 53");
}

/* Sessions of a role may be shorter than a switch; what is asked for is what the change and its way back take. */
static void warns_of_keys_that_end_early(void **state)
{
	struct world *world = *state;
	char sentence[2048];
	say_well(world);
	world->credentials.expires_ms = clock_wall_ms() + WHOLE_MS / 2;
	begin(world);
	start_arm(world, false);
	assert_int_equal(world->credentials.needed_ms, NEED_MS);
	assert_int_equal(wait_for_arm(world, sentence), STEERING_DONE);
	expect_rows(world, ALL);
	expect_detail(world, "credentials", ", which may be before the switch is over");
}

/* ---- the name servers of the file ---- */

struct given_case {
	const char *label;
	struct name_server_row rows[2];
	enum steering_state state;
	const char *detail;
};

#define SAYS(value) \
	{ \
		.answer = { "= A 60 " value } \
	}
#define SAYS_OTHERWISE "answers otherwise, though the hosted zone has the record: it is none of the zone's"

static const struct given_case given_cases[] = {
	{"both have it", {SAYS(BLUE), SAYS(BLUE)}, STEERING_DONE, "give what the record says"},
	{"one has another", {SAYS(BLUE), SAYS(STRANGE)}, STEERING_REFUSED, SAYS_OTHERWISE},
	{"one has what shall be", {SAYS(GREEN), SAYS(BLUE)}, STEERING_REFUSED, SAYS_OTHERWISE},
	{"one has none", {SAYS(BLUE), {.rcode = ns_r_nxdomain, .authority = {"example.com SOA 60 60"}}}, STEERING_REFUSED, "has no such record, though"},
	{"one is of another zone", {{.rcode = ns_r_refused}, SAYS(BLUE)}, STEERING_REFUSED, "it is none of the zone's"},
	{"one is a resolver", {{.manner = SAYS_LAMELY, .answer = {"= A 60 " BLUE}}, SAYS(BLUE)}, STEERING_REFUSED, "it is none of the zone's"},
	{"one is out of order", {SAYS(BLUE), {.rcode = ns_r_servfail}}, STEERING_DONE, "1 of the file's 2 `name_servers` give what the record says, but "},
	{"both are", {{.rcode = ns_r_servfail}, {.rcode = ns_r_servfail}}, STEERING_FAILED, "none of the file's `name_servers` says what it has: "},
};

static void compares_the_servers_of_the_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(given_cases) / sizeof(given_cases[0]); i++) {
		const struct given_case *row = &given_cases[i];
		struct world *world;
		void *own = NULL;
		char sentence[2048];
		open_world(&own);
		world = own;
		for (size_t k = 0; k < 2; k++) {
			add_server(world, NULL);
			world->servers[k].rows[0] = row->rows[k];
		}
		say_well(world);
		begin(world);
		start_arm(world, false);
		enum steering_state end = wait_for_arm(world, sentence);
		expect_detail(world, "delegation", row->detail);
		if (end != row->state)
			fail_msg("%s: %s", row->label, sentence);
		assert_int_equal(world->answers[API_CHANGE].asked, end == STEERING_DONE);
		assert_int_equal(close_world(&own), 0);
	}
}

static void awaits_the_servers_behind_a_change(void **state)
{
	struct world *world = *state;
	char sentence[4096];
	add_server(world, "= A 60 " BLUE);
	say_well(world);
	say(world, API_GET_CHANGE, NOT_SYNCED);
	begin(world);
	look_and_wait(world);
	assert_int_equal(change_to(world, COLOR_GREEN, sentence), STEERING_DONE);
	say_instead(world, API_LIST, LISTED_GREEN);
	steering_arm(world->steering, COLOR_BLUE, false, NEED_MS, WHOLE_MS);
	assert_int_equal(wait_for_arm(world, sentence), STEERING_DONE);
	expect_detail(world, "delegation", "answers otherwise: the change before this one is still on its way");
}

/* ---- the delegation ---- */

struct delegation_case {
	const char *label;
	struct name_server_row parent;
	enum steering_state state;
	const char *rows, *sentence;
};

static const struct delegation_case delegation_cases[] = {
	{"the same", {.manner = SAYS_LAMELY, .authority = {"= NS 60 ns-1.awsdns.test", "= NS 60 ns-2.awsdns.test"}}, STEERING_DONE, ALL, ""},
	{"another zone", {.manner = SAYS_LAMELY, .authority = {"= NS 60 ns-8.awsdns.test"}}, STEERING_REFUSED,
		"credentials clock zone -delegation record way_back ttl", "to other name servers than those of this hosted zone"},
	{"not delegated", {.rcode = ns_r_nxdomain, .authority = {"com SOA 60 60"}}, STEERING_REFUSED, "credentials clock zone -delegation record way_back ttl",
		"the parent knows no such zone"},
	{"nobody tells", {.rcode = ns_r_refused}, STEERING_FAILED, "credentials clock zone -delegation record way_back ttl",
		"with `name_servers` in the file those are asked instead"},
};

static void open_parent(struct world *world, const struct name_server_row *says, char system_text[ADDR_TEXT_SIZE])
{
	struct name_server *parent = &world->servers[0], *system = &world->servers[1];
	name_server_open_at(parent, world->loop, "127.0.0.79", 0);
	name_server_open(system, world->loop);
	world->server_count = 2;
	parent->rows[0] = *says;
	parent->rows[0].name = "example.com";
	parent->rows[0].type = ns_t_ns;
	system->rows[0] = (struct name_server_row){.name = "com", .type = ns_t_ns, .answer = {"= NS 60 ns1.nic.test"}};
	system->rows[1] = (struct name_server_row){.name = "ns1.nic.test", .type = ns_t_a, .answer = {"= A 60 127.0.0.79"}};
	system->rows[2] = (struct name_server_row){.type = ns_t_aaaa, .authority = {"test SOA 60 60"}};
	addr_format(&system->addr, system_text, ADDR_TEXT_SIZE);
	assert_true(resolver_set_servers(world->resolver, system_text, 10000, NULL));
	world->tools.resolver_servers = system_text;
	world->tools.name_server_port = parent->addr.port;
}

static void checks_the_delegation(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(delegation_cases) / sizeof(delegation_cases[0]); i++) {
		const struct delegation_case *row = &delegation_cases[i];
		struct world *world;
		void *own = NULL;
		char sentence[2048], system_text[ADDR_TEXT_SIZE];
		open_world(&own);
		world = own;
		open_parent(world, &row->parent, system_text);
		say_well(world);
		say_instead(world, API_ZONE, GOT_PUBLIC);
		begin(world);
		start_arm(world, false);
		if (wait_for_arm(world, sentence) != row->state || !strstr(sentence, row->sentence))
			fail_msg("%s: %s", row->label, sentence);
		expect_rows(world, row->rows);
		assert_int_equal(world->answers[API_CHANGE].asked, row->state == STEERING_DONE); /* nothing is sent to a zone that nobody sees */
		assert_int_equal(close_world(&own), 0);
	}
}

/* ---- what doesn't hold ---- */

#define UNREADABLE OK("<html/>")

struct arm_case {
	const char *label;
	struct script_entry zone, list, change;
	bool force;
	enum steering_state state;
	const char *rows, *sentence;
};

static void tells_what_does_not_hold(void **state)
{
	const struct arm_case cases[] = {
		{"the zone is denied", DENIED, LISTED_BLUE, ACCEPTED, false, STEERING_REFUSED, "credentials clock -zone", "Route 53 refused GetHostedZone"},
		{"the zone can't be told", ANSWERED(UNREADABLE), LISTED_BLUE, ACCEPTED, false, STEERING_FAILED, "credentials clock -zone",
			"GetHostedZone came to nothing"},
		{"the list is denied", GOT_PRIVATE, DENIED, ACCEPTED, false, STEERING_REFUSED, "credentials clock zone -record",
			"refused ListResourceRecordSets"},
		{"the record is strange", GOT_PRIVATE, LISTED_STRANGE, ACCEPTED, false, STEERING_REFUSED, "credentials clock zone delegation -record ttl",
			"the record names neither color"},
		{"the record is strange, by force", GOT_PRIVATE, LISTED_STRANGE, ACCEPTED, true, STEERING_DONE, ALL, ""},
		{"there already", GOT_PRIVATE, LISTED_GREEN, ACCEPTED, false, STEERING_REFUSED, "credentials clock zone delegation -record ttl",
			"the record names green already"},
		{"foreign, even by force", GOT_PRIVATE, LISTED(RECORD("<SetIdentifier>eu</SetIdentifier><Region>eu-west-1</Region><TTL>60</TTL>" VALUE(BLUE))),
			ACCEPTED, true, STEERING_REFUSED, "credentials clock zone delegation -record ttl", "what teal does not know: Region"},
		{"absent, by force", GOT_PRIVATE, LISTED(""), DENIED, true, STEERING_DONE, ALL, ""},
		{"changes are denied", GOT_PRIVATE, LISTED_BLUE, DENIED, false, STEERING_REFUSED,
			"credentials clock zone delegation record -permission way_back ttl", "AccessDenied (403): User: u is not authorized"},
		{"it can't be told whether changes are permitted", GOT_PRIVATE, LISTED_BLUE, ANSWERED(BROKEN), false, STEERING_FAILED,
			"credentials clock zone delegation record -permission way_back ttl", "whether changes are permitted could not be told"},
	};
	struct world *world = *state;
	char sentence[2048];
	begin(world);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		say_instead(world, API_ZONE, cases[i].zone);
		say_instead(world, API_LIST, cases[i].list);
		say_instead(world, API_CHANGE, cases[i].change);
		start_arm(world, cases[i].force);
		if (wait_for_arm(world, sentence) != cases[i].state || !strstr(sentence, cases[i].sentence))
			fail_msg("%s: %s", cases[i].label, sentence);
		expect_rows(world, cases[i].rows);
	}
}

static void needs_keys(void **state)
{
	struct world *world = *state;
	char sentence[2048];
	world->credentials.fault = "the keys of a test are good for 5 minutes only";
	begin(world);
	start_arm(world, false);
	assert_int_equal(wait_for_arm(world, sentence), STEERING_REFUSED);
	assert_string_equal(sentence, "the keys of a test are good for 5 minutes only");
	expect_rows(world, "-credentials");
	world->credentials.fault = "the file /home/k\xc3\xa4/\xe2\x80 can't be read"; /* a name, cut within a character */
	start_arm(world, false);
	assert_int_equal(wait_for_arm(world, sentence), STEERING_REFUSED);
	expect_rows(world, "-credentials");
	expect_detail(world, "credentials", "the file /home/k\xc3\xa4/?? can't be read");
}

/* What is not permitted to be told weighs less than what is known not to hold. */
static void tells_what_is_sure_first(void **state)
{
	struct world *world = *state;
	struct name_server_row refuses = {.rcode = ns_r_refused};
	char sentence[2048], system_text[ADDR_TEXT_SIZE];
	open_parent(world, &refuses, system_text);
	say(world, API_ZONE, GOT_PUBLIC);
	say(world, API_LIST, LISTED_STRANGE);
	begin(world);
	start_arm(world, false);
	assert_int_equal(wait_for_arm(world, sentence), STEERING_REFUSED);
	assert_non_null(strstr(sentence, "the record names neither color"));
	expect_rows(world, "credentials clock zone -delegation -record ttl");
}

/* ---- one after another ---- */

static void begins_anew(void **state)
{
	struct world *world = *state;
	char sentence[2048];
	say_well(world);
	say_instead(world, API_CHANGE, ANSWERED(HANG));
	begin(world);
	start_arm(world, false);
	while (world->answers[API_CHANGE].asked == 0)
		turn(world);
	say_instead(world, API_CHANGE, ACCEPTED);
	start_arm(world, false);
	expect_rows(world, "");
	assert_int_equal(wait_for_arm(world, sentence), STEERING_DONE);
	start_arm(world, false);
	while (!steering_is_looking(world->steering))
		turn(world);
	steering_set_conf(world->steering, &world->conf);
	expect_rows(world, "");
	assert_int_equal(wait_for_arm(world, sentence), STEERING_DONE);
}

static void gives_way_to_a_change(void **state)
{
	struct world *world = *state;
	char sentence[4096];
	say_well(world);
	begin(world);
	look_and_wait(world);
	json_t *intent = intend(world, COLOR_GREEN, false);
	start_arm(world, false);
	while (!steering_is_looking(world->steering))
		turn(world);
	start_change(world, intent, CHANGE_PATIENCE_MS);
	assert_int_equal(steering_read_arm(world->steering, sentence, sizeof(sentence)), STEERING_FAILED);
	assert_string_equal(sentence, "a change began meanwhile");
	start_arm(world, false);
	assert_int_equal(steering_read_arm(world->steering, sentence, sizeof(sentence)), STEERING_FAILED);
	assert_string_equal(sentence, "a change is under way");
	assert_int_equal(wait_for_change(world, sentence), STEERING_DONE);
	assert_true(steering_is_looking(world->steering)); /* which was under way for it, and begins anew */
	json_decref(intent);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(holds),
		TEST(asks_the_servers_of_the_file),
		TEST(warns_of_keys_that_end_early),
		cmocka_unit_test(compares_the_servers_of_the_file),
		TEST(awaits_the_servers_behind_a_change),
		TEST(tells_of_a_clock_that_is_wrong),
		cmocka_unit_test(checks_the_delegation),
		TEST(tells_what_does_not_hold),
		TEST(needs_keys),
		TEST(tells_what_is_sure_first),
		TEST(begins_anew),
		TEST(gives_way_to_a_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
