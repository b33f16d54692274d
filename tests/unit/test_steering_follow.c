/* What dns/steering makes of a change that was accepted: INSYNC, name servers, safe_at, changes behind changes, and all of that after a crash. */
// links: dns
#include "tests/unit/steering_world.h"

#define MARGIN_MS 2000u
#define OLD "= A 60 " BLUE
#define NEW "= A 60 " GREEN

static void begin_with(struct world *world, struct script_entry list)
{
	say(world, API_ZONE, GOT_PUBLIC);
	say(world, API_LIST, list);
	say(world, API_CHANGE, ACCEPTED);
	begin(world);
	look_and_wait(world);
}

static void change_and_wait(struct world *world, enum color to)
{
	char sentence[4096];
	if (change_to(world, to, sentence) != STEERING_DONE)
		fail_msg("%s", sentence);
}

static uint64_t moment(const json_t *intent, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(intent, key));
}

static void wait_for_safe_at(struct world *world)
{
	while (progress_of(world).safe_at == 0)
		turn(world);
}

/* The wall clock and the monotonic one are read one after another, maybe with a pause in between. */
static void expect_about(uint64_t is, uint64_t expected)
{
	assert_in_range(is, expected - 1000, expected + 1000);
}

/* ---- keys that end behind a change ---- */

static void tells_that_there_are_no_keys(void **state)
{
	struct world *world = *state;
	char first[512];
	add_server(world, OLD);
	say(world, API_GET_CHANGE, NOT_SYNCED);
	begin_with(world, LISTED_BLUE);
	change_and_wait(world, COLOR_GREEN);
	assert_string_equal(progress_of(world).sentence, "");
	world->credentials.fault = "the keys of a test have expired";
	while (progress_of(world).sentence[0] == '\0')
		turn(world);
	snprintf(first, sizeof(first), "%s", progress_of(world).sentence);
	assert_non_null(strstr(first, "the record can't be changed back: the keys of a test have expired"));
	world->credentials.fault = "others have, too";
	look_and_wait(world);
	assert_string_equal(progress_of(world).sentence, first); /* said once */
	world->credentials.fault = NULL;
	while (progress_of(world).sentence[0])
		turn(world);
	/* With INSYNC nobody asks how far it has got any more; the looks find out. */
	say_instead(world, API_GET_CHANGE, SYNCED);
	while (!progress_of(world).insync)
		turn(world);
	world->credentials.fault = "the keys of a test have expired";
	look_and_wait(world);
	assert_string_equal(progress_of(world).sentence, first);
}

/* ---- one change ---- */

static void waits_for_insync_and_all_servers(void **state)
{
	struct world *world = *state;
	add_server(world, OLD);
	add_server(world, OLD);
	say(world, API_GET_CHANGE, NOT_SYNCED);
	begin_with(world, LISTED_BLUE);
	assert_false(progress_of(world).known);
	change_and_wait(world, COLOR_GREEN);
	while (!progress_of(world).servers || progress_of(world).servers->old < 2)
		turn(world);
	serve(world, 0, NEW);
	while (progress_of(world).servers->agreeing < 1)
		turn(world);
	assert_false(progress_of(world).servers->agree);
	serve(world, 1, NEW);
	while (!progress_of(world).agreed_at)
		turn(world);
	assert_int_equal(progress_of(world).safe_at, 0); /* INSYNC is missing */
	assert_false(progress_of(world).insync);
	say_instead(world, API_GET_CHANGE, SYNCED);
	wait_for_safe_at(world);
	struct steering_progress progress = progress_of(world);
	assert_true(progress.insync && !progress.safe && progress.accepted_at);
	assert_string_equal(progress.sentence, "");
	expect_about(progress.safe_at, (progress.insync_at > progress.agreed_at ? progress.insync_at : progress.agreed_at) + 60000 + MARGIN_MS);
	json_t *known = steering_intent(world->steering);
	assert_int_equal(moment(known, "safe_at"), progress.safe_at);
	assert_int_equal(moment(known, "insync_at"), progress.insync_at);
	json_decref(known);
	unsigned asked = world->answers[API_GET_CHANGE].asked, queries = world->servers[0].queries;
	while (world->servers[0].queries < queries + 3)
		turn(world);
	assert_int_equal(world->answers[API_GET_CHANGE].asked, asked); /* INSYNC is not asked for twice */
}

static void is_safe_when_safe_at_is_past(void **state)
{
	struct world *world = *state;
	world->conf.ttl_s = 0;
	add_server(world, "= A 0 " GREEN);
	say(world, API_GET_CHANGE, SYNCED);
	begin_with(world, LISTED(SIMPLE("0", BLUE)));
	change_and_wait(world, COLOR_GREEN);
	wait_for_safe_at(world);
	assert_false(progress_of(world).safe);
	uint64_t safe_at = progress_of(world).safe_at;
	while (!progress_of(world).safe)
		turn(world);
	assert_true(clock_wall_ms() + 1000 >= safe_at);
	assert_non_null(progress_of(world).servers); /* as they were last */
	look_and_wait(world);                        /* what was on its way is there by then */
	unsigned queries = world->servers[0].queries;
	look_and_wait(world);
	assert_int_equal(world->servers[0].queries, queries); /* nobody is asked any more */
}

/* Servers of the zone are found by their names, where the file has none. */
static void asks_the_servers_of_the_zone(void **state)
{
	struct world *world = *state;
	struct name_server *zone = &world->servers[0], *system = &world->servers[1];
	char text[ADDR_TEXT_SIZE];
	name_server_open_at(zone, world->loop, "127.0.0.78", 0);
	name_server_open(system, world->loop);
	world->server_count = 2;
	zone->rows[0] = (struct name_server_row){.name = NAME, .type = ns_t_a, .answer = {NEW}};
	system->rows[0] = (struct name_server_row){.type = ns_t_a, .answer = {"= A 60 127.0.0.78"}};
	system->rows[1] = (struct name_server_row){.type = ns_t_aaaa, .authority = {"test SOA 60 60"}};
	addr_format(&system->addr, text, sizeof(text));
	assert_true(resolver_set_servers(world->resolver, text, 10000, NULL));
	world->tools.name_server_port = zone->addr.port;
	say(world, API_GET_CHANGE, SYNCED);
	begin_with(world, LISTED_BLUE);
	change_and_wait(world, COLOR_GREEN);
	wait_for_safe_at(world);
	assert_int_equal(progress_of(world).servers->count, 2);
	assert_non_null(strstr(progress_of(world).servers->servers[0].name, "ns-1.awsdns.test:"));
}

static void counts_insync_alone_in_a_private_zone(void **state)
{
	struct world *world = *state;
	say(world, API_ZONE, GOT_PRIVATE);
	say(world, API_GET_CHANGE, SYNCED);
	begin_with(world, LISTED_BLUE);
	change_and_wait(world, COLOR_GREEN);
	wait_for_safe_at(world);
	struct steering_progress progress = progress_of(world);
	assert_null(progress.servers);
	assert_int_equal(progress.agreed_at, progress.insync_at);
	expect_about(progress.safe_at, progress.insync_at + 60000 + MARGIN_MS);
}

static void says_when_insync_is_late(void **state)
{
	struct world *world = *state;
	world->tools.hurry = 1000; /* 5 minutes are 300 ms */
	add_server(world, NEW);
	say(world, API_GET_CHANGE, NOT_SYNCED);
	begin_with(world, LISTED_BLUE);
	change_and_wait(world, COLOR_GREEN);
	while (!progress_of(world).sentence[0])
		turn(world);
	assert_string_equal(progress_of(world).sentence, "Route 53 has not said in 5 minutes that the change is on all of its servers; it is asked on");
	say_instead(world, API_GET_CHANGE, SYNCED);
	wait_for_safe_at(world);
	assert_string_equal(progress_of(world).sentence, "");
}

static void says_when_it_may_not_ask(void **state)
{
	struct world *world = *state;
	add_server(world, NEW);
	say(world, API_GET_CHANGE, DENIED);
	begin_with(world, LISTED_BLUE);
	change_and_wait(world, COLOR_GREEN);
	while (!progress_of(world).sentence[0])
		turn(world);
	assert_non_null(strstr(progress_of(world).sentence, "how far the change has got can't be asked: Route 53 refused GetChange: AccessDenied"));
	say_instead(world, API_GET_CHANGE, NOT_SYNCED);
	while (progress_of(world).sentence[0])
		turn(world);
}

/* Its answer was lost, and with it the id. */
static void counts_a_minute_where_insync_can_not_be_asked(void **state)
{
	struct world *world = *state;
	add_server(world, NEW);
	begin_with(world, LISTED_BLUE);
	say_instead(world, API_CHANGE, ANSWERED(BROKEN));
	say_instead(world, API_LIST, LISTED_GREEN);
	change_and_wait(world, COLOR_GREEN);
	assert_string_equal(progress_of(world).change_id, "");
	assert_string_equal(progress_of(world).sentence,
		"the answer to the change was lost, and its id with it: instead of Route 53's INSYNC, a minute from then on counts");
	wait_for_safe_at(world);
	assert_false(progress_of(world).insync);
	assert_in_range(progress_of(world).insync_at, progress_of(world).accepted_at + 60000 / WORLD_HURRY - 200, UINT64_MAX);
	assert_int_equal(world->answers[API_GET_CHANGE].asked, 0);
}

static void sends_safe_at_back_when_a_server_goes_back(void **state)
{
	struct world *world = *state;
	add_server(world, NEW);
	say(world, API_GET_CHANGE, SYNCED);
	begin_with(world, LISTED_BLUE);
	change_and_wait(world, COLOR_GREEN);
	wait_for_safe_at(world);
	serve(world, 0, OLD);
	while (progress_of(world).safe_at)
		turn(world);
	assert_int_equal(progress_of(world).agreed_at, 0);
	serve(world, 0, NEW);
	wait_for_safe_at(world);
}

/* ---- weighted records ---- */

static void asks_often_enough_for_a_small_share(void **state)
{
	struct world *world = *state;
	world->conf.policy = CONF_ROUTE53_WEIGHTED;
	add_server(world, NEW);
	say(world, API_GET_CHANGE, SYNCED);
	begin_with(world, LISTED(SHARED("blue", "80", BLUE) SHARED("green", "20", GREEN)));
	assert_int_equal(view_of(world).live, STEERING_SPLIT);
	change_and_wait(world, COLOR_BLUE); /* green had a fifth: 31 answers without it are 99.9 % sure */
	while (!progress_of(world).servers || progress_of(world).servers->old < 1)
		turn(world);
	serve(world, 0, OLD);
	wait_for_safe_at(world);
	assert_in_range(progress_of(world).servers->servers[0].run, 31, 1000);
	assert_true(world->servers[0].queries >= 31);
}

/* Only the TTL changes, and only in the set that is answered can that be seen. */
static void follows_the_ttl_of_a_weighted_record(void **state)
{
	struct world *world = *state;
	struct err err;
	char sentence[4096];
	world->conf.policy = CONF_ROUTE53_WEIGHTED;
	world->conf.ttl_s = 30;
	add_server(world, "= A 60 " GREEN);
	say(world, API_GET_CHANGE, SYNCED);
	begin_with(world, LISTED(SHARED("blue", "0", BLUE) SHARED("green", "100", GREEN)));
	json_t *intent = steering_intend_ttl(world->steering, &err);
	assert_string_equal(json_string_value(json_object_get(intent, "to")), "green");
	start_change(world, intent, CHANGE_PATIENCE_MS);
	json_decref(intent);
	assert_int_equal(wait_for_change(world, sentence), STEERING_DONE);
	while (!progress_of(world).servers || progress_of(world).servers->old < 1)
		turn(world);
	serve(world, 0, "= A 30 " GREEN);
	wait_for_safe_at(world);
	assert_int_equal(view_of(world).live, STEERING_GREEN);
}

static void asks_nobody_while_both_are_answered(void **state)
{
	struct world *world = *state;
	struct err err;
	char sentence[4096];
	world->conf.policy = CONF_ROUTE53_WEIGHTED;
	add_server(world, OLD);
	say(world, API_GET_CHANGE, SYNCED);
	begin_with(world, LISTED(SHARED("blue", "100", BLUE) SHARED("green", "0", GREEN)));
	json_t *intent = steering_intend(world->steering, COLOR_GREEN, 2500, false, &err);
	start_change(world, intent, CHANGE_PATIENCE_MS);
	json_decref(intent);
	assert_int_equal(wait_for_change(world, sentence), STEERING_DONE);
	wait_for_safe_at(world);
	assert_null(progress_of(world).servers);
	assert_string_equal(progress_of(world).sentence, "");
	json_t *status = steering_status(world->steering);
	assert_non_null(strstr(json_string_value(json_object_get(json_object_get(status, "change"), "servers_sentence")), "both colors are answered"));
	json_decref(status);
}

/* ---- one change after another ---- */

/* Behind a TTL that was lowered, caches may still hold the longer one. */
static void waits_for_a_longer_ttl(void **state)
{
	struct world *world = *state;
	struct err err;
	char sentence[4096];
	say(world, API_ZONE, GOT_PRIVATE);
	say(world, API_GET_CHANGE, SYNCED);
	begin_with(world, LISTED(SIMPLE("300", BLUE)));
	json_t *intent = steering_intend_ttl(world->steering, &err);
	start_change(world, intent, CHANGE_PATIENCE_MS);
	json_decref(intent);
	assert_int_equal(wait_for_change(world, sentence), STEERING_DONE);
	wait_for_safe_at(world);
	uint64_t quick_from = steering_quick_from(world->steering);
	assert_int_equal(quick_from, progress_of(world).safe_at);
	expect_about(quick_from, progress_of(world).insync_at + 300000 + MARGIN_MS);
	change_and_wait(world, COLOR_GREEN);
	wait_for_safe_at(world);
	expect_about(progress_of(world).safe_at, quick_from);
	expect_about(steering_quick_from(world->steering), quick_from - MARGIN_MS);
	change_and_wait(world, COLOR_BLUE); /* back: the longer one was blue's, and any cache may hold either */
	wait_for_safe_at(world);
	expect_about(progress_of(world).safe_at, quick_from);
}

/* Back at once, when nobody knows yet how long the old record was served. */
static void goes_back_from_what_was_not_safe(void **state)
{
	struct world *world = *state;
	say(world, API_ZONE, GOT_PRIVATE);
	say(world, API_GET_CHANGE, NOT_SYNCED);
	begin_with(world, LISTED(SIMPLE("300", BLUE)));
	change_and_wait(world, COLOR_GREEN); /* with the file's TTL, of 60 s */
	json_t *back = intend(world, COLOR_BLUE, false);
	assert_int_equal(moment(back, "old_ttl_s"), 300);
	json_decref(back);
	change_and_wait(world, COLOR_BLUE);
	say_instead(world, API_GET_CHANGE, SYNCED);
	wait_for_safe_at(world);
	expect_about(progress_of(world).safe_at, progress_of(world).insync_at + 300000 + MARGIN_MS);
}

/* What another process left in caches, or one before a restart. */
static void waits_for_what_was_noted(void **state)
{
	struct world *world = *state;
	uint64_t until = clock_wall_ms() + 600000;
	add_server(world, NEW);
	say(world, API_GET_CHANGE, SYNCED);
	begin_with(world, LISTED_BLUE);
	steering_note_earlier(world->steering, until);
	change_and_wait(world, COLOR_GREEN);
	wait_for_safe_at(world);
	expect_about(progress_of(world).safe_at, until + MARGIN_MS);
}

/* What was known of the change before when the way back was written down is no longer true when it is made. */
static void learns_more_before_it_goes_back(void **state)
{
	struct world *world = *state;
	char sentence[4096];
	add_server(world, NEW);
	say(world, API_GET_CHANGE, SYNCED);
	begin_with(world, LISTED(SIMPLE("300", BLUE)));
	change_and_wait(world, COLOR_GREEN);
	wait_for_safe_at(world);
	json_t *back = intend(world, COLOR_BLUE, false);
	assert_int_equal(moment(back, "old_ttl_s"), 60);
	serve(world, 0, OLD);
	while (progress_of(world).safe_at)
		turn(world);
	start_change(world, back, CHANGE_PATIENCE_MS);
	json_decref(back);
	assert_int_equal(wait_for_change(world, sentence), STEERING_DONE);
	wait_for_safe_at(world);
	expect_about(progress_of(world).safe_at, progress_of(world).insync_at + 300000 + MARGIN_MS);
}

/* A refused change leaves the one that is followed alone. */
static void follows_on_behind_a_refusal(void **state)
{
	struct world *world = *state;
	char sentence[4096];
	add_server(world, NEW);
	say(world, API_GET_CHANGE, NOT_SYNCED);
	begin_with(world, LISTED_BLUE);
	change_and_wait(world, COLOR_GREEN);
	say_instead(world, API_CHANGE, DENIED);
	assert_int_equal(change_to(world, COLOR_BLUE, sentence), STEERING_REFUSED);
	assert_int_equal(view_of(world).live, STEERING_GREEN);
	say_instead(world, API_GET_CHANGE, SYNCED);
	wait_for_safe_at(world);
	assert_string_equal(progress_of(world).change_id, "C123");
}

/* ---- after a crash ---- */

static json_t *crash(struct world *world)
{
	json_t *known = steering_intent(world->steering);
	char *bytes = json_dumps(known, 0);
	json_t *read = json_loads(bytes, 0, NULL);
	begin_again(world);
	json_decref(known);
	free(bytes);
	return read;
}

static void resume(struct world *world)
{
	json_t *known = crash(world);
	start_change(world, known, CHANGE_PATIENCE_MS);
	json_decref(known);
}

static void goes_on_before_insync(void **state)
{
	struct world *world = *state;
	add_server(world, NEW);
	say(world, API_GET_CHANGE, NOT_SYNCED);
	begin_with(world, LISTED_BLUE);
	change_and_wait(world, COLOR_GREEN);
	resume(world);
	say_instead(world, API_GET_CHANGE, SYNCED);
	wait_for_safe_at(world);
	assert_true(progress_of(world).insync);
}

static void goes_on_behind_insync(void **state)
{
	struct world *world = *state;
	add_server(world, OLD);
	say(world, API_GET_CHANGE, SYNCED);
	begin_with(world, LISTED_BLUE);
	change_and_wait(world, COLOR_GREEN);
	while (!progress_of(world).insync)
		turn(world);
	uint64_t insync_at = progress_of(world).insync_at;
	unsigned asked = world->answers[API_GET_CHANGE].asked;
	resume(world);
	assert_int_equal(progress_of(world).insync_at, insync_at);
	serve(world, 0, NEW);
	wait_for_safe_at(world);
	assert_int_equal(world->answers[API_GET_CHANGE].asked, asked);
}

static void keeps_safe_at(void **state)
{
	struct world *world = *state;
	add_server(world, NEW);
	say(world, API_GET_CHANGE, SYNCED);
	begin_with(world, LISTED_BLUE);
	change_and_wait(world, COLOR_GREEN);
	wait_for_safe_at(world);
	uint64_t safe_at = progress_of(world).safe_at, agreed_at = progress_of(world).agreed_at;
	resume(world);
	assert_int_equal(progress_of(world).safe_at, safe_at);
	while (progress_of(world).servers->agreeing < 1)
		turn(world);
	assert_int_equal(progress_of(world).safe_at, safe_at);
	assert_int_equal(progress_of(world).agreed_at, agreed_at);
	serve(world, 0, OLD); /* unless a server shows that it was wrong */
	while (progress_of(world).safe_at)
		turn(world);
}

static void is_safe_at_once_behind_safe_at(void **state)
{
	struct world *world = *state;
	add_server(world, NEW);
	say(world, API_GET_CHANGE, SYNCED);
	begin_with(world, LISTED_BLUE);
	change_and_wait(world, COLOR_GREEN);
	wait_for_safe_at(world);
	json_t *known = crash(world);
	static const char *const moments[] = {"created_at", "submitted_at", "accepted_at", "insync_at", "agreed_at", "safe_at"};
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++)
		json_object_set_new(known, moments[i], json_integer((json_int_t)(moment(known, moments[i]) - 3600000)));
	unsigned queries = world->servers[0].queries;
	start_change(world, known, CHANGE_PATIENCE_MS);
	assert_true(progress_of(world).safe);
	look_and_wait(world);
	assert_int_equal(world->servers[0].queries, queries);
	assert_int_equal(steering_quick_from(world->steering), 0);
	json_decref(known);
}

/* What the zone is, is not known behind a restart, and at first not to be had. */
static void asks_for_the_zone_again(void **state)
{
	struct world *world = *state;
	say(world, API_GET_CHANGE, SYNCED);
	say(world, API_CHANGE, ACCEPTED);
	say(world, API_LIST, LISTED_BLUE);
	say(world, API_ZONE, GOT_PRIVATE);
	begin(world);
	look_and_wait(world);
	change_and_wait(world, COLOR_GREEN);
	say_instead(world, API_ZONE, DENIED);
	resume(world);
	while (!progress_of(world).sentence[0])
		turn(world);
	assert_non_null(strstr(progress_of(world).sentence, "which name servers the zone has can't be asked: "));
	assert_int_equal(progress_of(world).safe_at, 0);
	say_instead(world, API_ZONE, GOT_PRIVATE);
	wait_for_safe_at(world);
	assert_string_equal(progress_of(world).sentence, "");
}

/* ---- what people are shown ---- */

static const char *text_in(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void shows_a_change_under_way(void **state)
{
	struct world *world = *state;
	add_server(world, OLD);
	add_server(world, OLD);
	say(world, API_GET_CHANGE, NOT_SYNCED);
	begin_with(world, LISTED_BLUE);
	change_and_wait(world, COLOR_GREEN);
	serve(world, 1, NEW);
	while (!progress_of(world).servers || progress_of(world).servers->agreeing < 1 || progress_of(world).servers->old < 1)
		turn(world);
	json_t *status = steering_status(world->steering), *servers = json_object_get(status, "servers"), *change = json_object_get(status, "change");
	assert_string_equal(text_in(status, "live"), "green");
	assert_string_equal(text_in(status, "name"), NAME);
	assert_string_equal(text_in(change, "id"), "C123");
	assert_string_equal(text_in(change, "from"), "blue");
	assert_string_equal(text_in(change, "to"), "green");
	assert_true(json_is_null(json_object_get(change, "safe_at")));
	assert_int_equal(json_array_size(servers), 2);
	assert_string_equal(text_in(json_array_get(servers, 0), "answer"), "old");
	assert_string_equal(text_in(json_array_get(servers, 0), "color"), "blue");
	assert_string_equal(text_in(json_array_get(servers, 1), "color"), "green");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(servers, 1), "ttl_s")), 60);
	json_decref(status);
}

static json_t *show_until_answered(struct world *world, const char *answer)
{
	for (;;) {
		json_t *status = steering_status(world->steering);
		const char *shown = text_in(json_array_get(json_object_get(status, "servers"), 0), "answer");
		if (shown && strcmp(shown, answer) == 0)
			return status;
		json_decref(status);
		turn(world);
	}
}

/* A server that gives the old answer once more, behind safe_at, takes the word back for as long as it does. */
static void does_not_call_safe_what_is_still_answered(void **state)
{
	struct world *world = *state;
	world->conf.ttl_s = 0;
	add_server(world, "= A 0 " GREEN);
	say(world, API_GET_CHANGE, SYNCED);
	begin_with(world, LISTED(SIMPLE("0", BLUE)));
	change_and_wait(world, COLOR_GREEN);
	while (!progress_of(world).safe)
		turn(world);
	serve(world, 0, "= A 0 " BLUE);
	json_t *status = show_until_answered(world, "old"), *change = json_object_get(status, "change");
	assert_true(json_is_false(json_object_get(change, "safe")));
	assert_true(json_is_null(json_object_get(change, "safe_at")));
	assert_non_null(strstr(text_in(change, "servers_sentence"), " gives the answer from before the change again: keep both colors up"));
	json_decref(status);
	serve(world, 0, "= A 0 " GREEN);
	status = show_until_answered(world, "new");
	change = json_object_get(status, "change");
	assert_true(json_is_true(json_object_get(change, "safe")));
	assert_false(json_is_null(json_object_get(change, "safe_at")));
	assert_true(json_is_null(json_object_get(change, "servers_sentence")));
	json_decref(status);
}

static void shows_the_servers_without_a_change(void **state)
{
	struct world *world = *state;
	add_server(world, NEW);
	begin_with(world, LISTED_GREEN);
	json_t *status = steering_status(world->steering);
	assert_true(json_is_null(json_object_get(status, "change")));
	assert_true(json_is_null(json_object_get(json_array_get(json_object_get(status, "servers"), 0), "color")));
	json_decref(status);
	unsigned news = world->news;
	while (world->news == news || world->servers[0].queries == 0)
		turn(world);
	char color[8] = "";
	while (!color[0]) {
		turn(world);
		status = steering_status(world->steering);
		const char *shown = text_in(json_array_get(json_object_get(status, "servers"), 0), "color");
		snprintf(color, sizeof(color), "%s", shown ? shown : "");
		json_decref(status);
	}
	assert_string_equal(color, "green");
	steering_set_conf(world->steering, &world->conf); /* what the answers stand for may be another thing now */
	status = steering_status(world->steering);
	assert_true(json_is_null(json_object_get(json_array_get(json_object_get(status, "servers"), 0), "answer")));
	json_decref(status);
	for (unsigned queries = 0; queries != world->servers[0].queries;) { /* a minute without interest, 50 times as fast, and it ends */
		struct timeval pause = {.tv_sec = 2};
		queries = world->servers[0].queries;
		event_base_loopexit(world->loop, &pause);
		event_base_dispatch(world->loop);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tells_that_there_are_no_keys),
		TEST(waits_for_insync_and_all_servers),
		TEST(is_safe_when_safe_at_is_past),
		TEST(asks_the_servers_of_the_zone),
		TEST(counts_insync_alone_in_a_private_zone),
		TEST(says_when_insync_is_late),
		TEST(says_when_it_may_not_ask),
		TEST(counts_a_minute_where_insync_can_not_be_asked),
		TEST(sends_safe_at_back_when_a_server_goes_back),
		TEST(asks_often_enough_for_a_small_share),
		TEST(follows_the_ttl_of_a_weighted_record),
		TEST(asks_nobody_while_both_are_answered),
		TEST(waits_for_a_longer_ttl),
		TEST(goes_back_from_what_was_not_safe),
		TEST(waits_for_what_was_noted),
		TEST(learns_more_before_it_goes_back),
		TEST(follows_on_behind_a_refusal),
		TEST(goes_on_before_insync),
		TEST(goes_on_behind_insync),
		TEST(keeps_safe_at),
		TEST(is_safe_at_once_behind_safe_at),
		TEST(asks_for_the_zone_again),
		TEST(shows_a_change_under_way),
		TEST(does_not_call_safe_what_is_still_answered),
		TEST(shows_the_servers_without_a_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
