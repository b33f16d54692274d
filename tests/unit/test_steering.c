/* dns/steering against a Route 53 that does what a script says: the record read, changes with each of their outcomes, and what is gone on with after a crash. */
// links: dns
#include "dns/steering_parts.h"
#include "tests/unit/steering_world.h"

/* ---- the record ---- */

static void reads_nothing_at_first(void **state)
{
	struct world *world = *state;
	begin(world);
	assert_int_equal(view_of(world).live, STEERING_UNREAD);
	assert_string_equal(view_of(world).sentence, "the record of shop.example.com was not read yet");
	assert_int_equal(view_of(world).read_ms, 0);
	assert_false(steering_is_looking(world->steering));
	assert_null(steering_intent(world->steering));
}

static void reads_the_record(void **state)
{
	struct world *world = *state;
	say(world, API_ZONE, GOT_PUBLIC);
	say(world, API_LIST, LISTED_GREEN);
	begin(world);
	world->inside = true;
	steering_look(world->steering);
	steering_look(world->steering); /* is the same one */
	world->inside = false;
	look_and_wait(world);
	assert_int_equal(view_of(world).live, STEERING_GREEN);
	assert_int_equal(view_of(world).share[COLOR_GREEN], 10000);
	assert_int_equal(view_of(world).ttl_s, 60);
	assert_true(view_of(world).read_ms > 0);
	assert_int_equal(world->answers[API_LIST].asked, 1);
	while (world->news == 0)
		turn(world);
	look_and_wait(world); /* what the zone is, is known */
	assert_int_equal(world->answers[API_ZONE].asked, 1);
	assert_int_equal(world->answers[API_LIST].asked, 2);
	assert_non_null(strstr(last_request(world, API_LIST), "/hostedzone/Z1/rrset?maxitems=100&name=shop.example.com.&type=A "));
}

struct look_case {
	const char *label;
	struct script_entry zone, list;
	const char *sentence;
};

static void tells_why_it_could_not_read(void **state)
{
	const struct look_case cases[] = {
		{"no such zone", ANSWERED(ERROR("404 Not Found", "", "NoSuchHostedZone", "No hosted zone found")), LISTED_BLUE, "NoSuchHostedZone (404)"},
		{"another zone", GOT_ZONE("example.net.", "false", NAME_SERVERS), LISTED_BLUE,
			"the hosted zone Z1 is that of example.net., which shop.example.com is not in"},
		{"the list is denied", GOT_PUBLIC, DENIED, "Route 53 refused ListResourceRecordSets: AccessDenied (403): User: u is not authorized"},
	};
	struct world *world = *state;
	begin(world);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		say_instead(world, API_ZONE, cases[i].zone);
		say_instead(world, API_LIST, cases[i].list);
		look_and_wait(world);
		assert_int_equal(view_of(world).live, STEERING_UNREAD);
		if (!strstr(view_of(world).sentence, cases[i].sentence))
			fail_msg("%s: %s", cases[i].label, view_of(world).sentence);
	}
	say_instead(world, API_LIST, LISTED_BLUE);
	look_and_wait(world);
	assert_int_equal(view_of(world).live, STEERING_BLUE);
	say_instead(world, API_LIST, DENIED); /* and what was read before is not what the record says */
	look_and_wait(world);
	assert_int_equal(view_of(world).live, STEERING_UNREAD);
	assert_int_equal(view_of(world).ttl_s, 60);
}

/* The longest name that a public zone has wins. */
static void finds_the_zone_by_the_name(void **state)
{
	struct world *world = *state;
	world->conf.zone = NULL;
	say(world, API_FIND, ANSWERED(ZONES(ZONE("Z9", "shop.example.com.", "true"), "<IsTruncated>false</IsTruncated>")));
	say(world, API_FIND, ANSWERED(ZONES(ZONE("Z1", "example.com.", "false") ZONE("Z8", "example.com.", "true"), "<IsTruncated>false</IsTruncated>")));
	say(world, API_ZONE, GOT_PUBLIC);
	say(world, API_LIST, LISTED_BLUE);
	begin(world);
	look_and_wait(world);
	assert_int_equal(view_of(world).live, STEERING_BLUE);
	assert_non_null(strstr(last_request(world, API_FIND), "?dnsname=example.com.&"));
	look_and_wait(world);
	assert_int_equal(world->answers[API_FIND].asked, 2);
	say_instead(world, API_LIST, ANSWERED(ERROR("404 Not Found", "", "NoSuchHostedZone", "gone")));
	look_and_wait(world);
	look_and_wait(world); /* found anew, as another may have its name by now */
	assert_int_equal(world->answers[API_FIND].asked, 4);
	say_instead(world, API_LIST, DENIED); /* nothing of the zone itself */
	look_and_wait(world);
	look_and_wait(world);
	assert_int_equal(world->answers[API_FIND].asked, 6);
}

static void names_the_zones_between_which_it_can_not_choose(void **state)
{
	static const struct {
		struct script_entry entry;
		const char *sentence;
	} cases[] = {
		{ZONES(ZONE("Z1", "shop.example.com.", "false") ZONE("Z2", "shop.example.com.", "false"), "<IsTruncated>false</IsTruncated>"),
			"several hosted zones could hold shop.example.com: Z1 (shop.example.com), Z2 (shop.example.com); name the one that is meant by `zone:`"},
		{ZONES("", "<IsTruncated>false</IsTruncated>"), "these credentials see no hosted zone that holds shop.example.com"},
		{ZONES(ZONE("Z2", "com.", "true"), "<IsTruncated>false</IsTruncated>"),
			"no public hosted zone holds shop.example.com, but these are there: Z2 (com, private); name the one that is meant by `zone:`"},
	};
	struct world *world = *state;
	world->conf.zone = NULL;
	begin(world);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		say_instead(world, API_FIND, cases[i].entry);
		look_and_wait(world);
		assert_string_equal(view_of(world).sentence, cases[i].sentence);
	}
}

static void takes_another_file(void **state)
{
	struct world *world = *state;
	struct conf_route53 other = world->conf, elsewhere = world->conf;
	char aaaa[] = "api.example.com";
	say(world, API_ZONE, GOT_PUBLIC);
	say(world, API_LIST, LISTED_BLUE);
	begin(world);
	look_and_wait(world);
	other.colors[COLOR_BLUE] = world->conf.colors[COLOR_GREEN];
	other.colors[COLOR_GREEN] = world->conf.colors[COLOR_BLUE];
	steering_set_conf(world->steering, &other); /* the same record means another color */
	assert_int_equal(view_of(world).live, STEERING_GREEN);
	steering_look(world->steering);
	elsewhere.name = aaaa;
	steering_set_conf(world->steering, &elsewhere);
	assert_int_equal(view_of(world).live, STEERING_UNREAD);
	assert_true(steering_is_looking(world->steering));
	while (steering_is_looking(world->steering))
		turn(world);
	assert_int_equal(view_of(world).live, STEERING_ABSENT); /* what is listed is of another name */
}

/* ---- changes ---- */

static void read_blue(struct world *world)
{
	say(world, API_ZONE, GOT_PRIVATE);
	say(world, API_LIST, LISTED_BLUE);
	begin(world);
	look_and_wait(world);
}

static void changes_the_record(void **state)
{
	struct world *world = *state;
	char sentence[4096];
	say(world, API_CHANGE, ACCEPTED);
	read_blue(world);
	json_t *intent = intend(world, COLOR_GREEN, false);
	assert_string_equal(json_string_value(json_object_get(intent, "from")), "blue");
	assert_string_equal(json_string_value(json_object_get(intent, "to")), "green");
	assert_string_equal(json_string_value(json_object_get(intent, "zone")), "Z1");
	assert_int_equal(json_integer_value(json_object_get(intent, "accepted_at")), 0);
	start_change(world, intent, CHANGE_PATIENCE_MS);
	json_decref(intent);
	assert_int_equal(steering_read_change(world->steering, sentence, sizeof(sentence)), STEERING_PENDING);
	assert_true(progress_of(world).known);
	assert_int_equal(progress_of(world).accepted_at, 0);
	assert_int_equal(wait_for_change(world, sentence), STEERING_DONE);
	assert_string_equal(sentence, "");
	assert_int_equal(view_of(world).live, STEERING_GREEN); /* at once, without a look */
	assert_int_equal(world->answers[API_LIST].asked, 1);
	const char *request = last_request(world, API_CHANGE);
	const char *gone = strstr(request, "<Action>DELETE</Action>"), *come = strstr(request, "<Action>CREATE</Action>");
	assert_true(gone && come && gone < come);
	assert_true(strstr(gone, BLUE) < come && strstr(come, GREEN));
	assert_non_null(strstr(request, "<Comment>teal: from blue to green</Comment>"));
	json_t *known = steering_intent(world->steering);
	assert_string_equal(json_string_value(json_object_get(known, "change_id")), "C123");
	assert_true(json_integer_value(json_object_get(known, "accepted_at")) > 0);
	json_decref(known);
	assert_string_equal(progress_of(world).change_id, "C123");
}

static void goes_back_without_a_look(void **state)
{
	struct world *world = *state;
	char sentence[4096];
	say(world, API_CHANGE, ACCEPTED);
	read_blue(world);
	assert_int_equal(change_to(world, COLOR_GREEN, sentence), STEERING_DONE);
	assert_int_equal(change_to(world, COLOR_BLUE, sentence), STEERING_DONE);
	assert_int_equal(view_of(world).live, STEERING_BLUE);
	const char *request = last_request(world, API_CHANGE), *come = strstr(request, "<Action>CREATE</Action>");
	assert_true(strstr(request, GREEN) < come && strstr(come, BLUE));
	assert_int_equal(world->answers[API_LIST].asked, 1);
}

/* Long enough for one request on a busy machine. */
#define SHORT_MS 2000u

struct outcome_case {
	const char *label;
	struct script_entry changes[3], lists[3];
	uint64_t patience_ms;
	enum steering_state state;
	const char *sentence;
	bool drifted;
	unsigned sent;
	enum steering_live live;
};

#define NOTHING \
	{ \
		NULL, SCRIPT_HANGS \
	}
#define LIST_GREEN PAGE(SIMPLE("60", GREEN), LAST)
#define LIST_BLUE PAGE(SIMPLE("60", BLUE), LAST)
#define LIST_STRANGE PAGE(SIMPLE("60", STRANGE), LAST)
#define DENY ERROR("403 Forbidden", "", "AccessDenied", "User: u is not authorized")
#define MISMATCH \
	{ \
		ANSWER("400 Bad Request", "", \
			"<InvalidChangeBatch" NS \
			"><Messages><Message>the values provided do not match the current values</Message></Messages></InvalidChangeBatch>"), \
			SCRIPT_CLOSES \
	}
#define BOTH_VERSIONS "somebody else changed the record: expected was shop.example.com A 60s 192.0.2.1, and there is shop.example.com A 60s 192.0.2.9"

/* What Route 53 answers to changes in turns, and what the record is when it is asked behind them. */
static const struct outcome_case outcome_cases[] = {
	{"busy, then accepted", {RATE, PRIOR, CHANGED}, {NOTHING}, 20000, STEERING_DONE, "", false, 3, STEERING_GREEN},
	{"denied", {DENY}, {NOTHING}, 20000, STEERING_REFUSED, "Route 53 refused ChangeResourceRecordSets: AccessDenied (403)", false, 1, STEERING_BLUE},
	{"busy for good", {RATE}, {NOTHING}, 300, STEERING_FAILED, "ChangeResourceRecordSets came to nothing", false, 0, STEERING_BLUE},
	{"drifted", {MISMATCH}, {LIST_STRANGE}, 20000, STEERING_REFUSED, BOTH_VERSIONS, true, 1, STEERING_NEITHER},
	{"gone", {MISMATCH}, {PAGE("", LAST)}, 20000, STEERING_REFUSED, ", and there is nothing", true, 1, STEERING_ABSENT},
	{"refused, though the record is as expected", {MISMATCH}, {LIST_BLUE}, 20000, STEERING_REFUSED, "the values provided do not match", false, 1,
		STEERING_BLUE},
	{"refused, and the record can't be read", {MISMATCH}, {DENY}, 20000, STEERING_REFUSED, "the values provided do not match", false, 1, STEERING_BLUE},
	{"refused, as somebody else made the same change", {MISMATCH}, {LIST_GREEN}, 20000, STEERING_REFUSED,
		"somebody else changed the record: expected was shop.example.com A 60s 192.0.2.1, and there is shop.example.com A 60s 192.0.2.2", true, 1,
		STEERING_GREEN},
	{"no answer, and made", {BROKEN}, {LIST_GREEN}, 20000, STEERING_DONE, "", false, 1, STEERING_GREEN},
	{"a reset, and made", {RESET}, {LIST_GREEN}, 20000, STEERING_DONE, "", false, 1, STEERING_GREEN},
	{"no answer, and not made, then accepted", {BROKEN, CHANGED}, {LIST_BLUE}, 20000, STEERING_DONE, "", false, 2, STEERING_GREEN},
	{"no answer, not made at first, made behind it", {BROKEN, MISMATCH}, {LIST_BLUE, LIST_GREEN}, 20000, STEERING_DONE, "", false, 2, STEERING_GREEN},
	{"no answer, and drifted", {BROKEN}, {LIST_STRANGE}, 20000, STEERING_REFUSED, BOTH_VERSIONS, true, 1, STEERING_NEITHER},
	{"no answer twice, then accepted", {BROKEN, BROKEN, CHANGED}, {LIST_BLUE}, 20000, STEERING_DONE, "", false, 3, STEERING_GREEN},
	{"no answer, then denied", {BROKEN, DENY}, {LIST_BLUE}, 20000, STEERING_REFUSED, "AccessDenied", false, 2, STEERING_BLUE},
	{"no answer, then denied, and the first was made all the same", {BROKEN, DENY}, {LIST_BLUE, LIST_GREEN}, 20000, STEERING_DONE, "", false, 2,
		STEERING_GREEN},
	{"no answer, then refused, and the record can't be read at first", {BROKEN, MISMATCH}, {LIST_BLUE, DENY, LIST_GREEN}, 20000, STEERING_DONE, "", false,
		2, STEERING_GREEN},
	{"no answer, ever", {BROKEN}, {LIST_BLUE}, SHORT_MS, STEERING_FAILED,
		"the record shows that the change was not made in time; what came of the last try: it is not known whether", false, 0, STEERING_BLUE},
	{"no answer, and the record can't be read at first", {BROKEN}, {DENY, DENY, LIST_GREEN}, 20000, STEERING_DONE, "", false, 1, STEERING_GREEN},
};

static void say_all(struct world *world, enum api api, const struct script_entry entries[3])
{
	world->answers[api].count = world->answers[api].at = 0;
	for (size_t i = 0; i < 3 && (entries[i].answer || entries[i].end != SCRIPT_ANSWERS); i++)
		say(world, api, entries[i]);
}

static void check_outcome(struct world *world, const struct outcome_case *row)
{
	char sentence[4096];
	say_all(world, API_CHANGE, row->changes);
	json_t *intent = intend(world, COLOR_GREEN, false);
	say_all(world, API_LIST, row->lists);
	start_change(world, intent, row->patience_ms);
	json_decref(intent);
	enum steering_state end = wait_for_change(world, sentence);
	bool fits = row->sentence[0] ? strstr(sentence, row->sentence) != NULL : sentence[0] == '\0';
	if (end != row->state || !fits || steering_has_drifted(world->steering) != row->drifted)
		fail_msg("%s: state %d: %s", row->label, end, sentence);
	if (row->sent && world->answers[API_CHANGE].asked != row->sent)
		fail_msg("%s: sent %u times", row->label, world->answers[API_CHANGE].asked);
	assert_int_equal(view_of(world).live, row->live);
	json_t *known = steering_intent(world->steering);
	assert_true((json_integer_value(json_object_get(known, "accepted_at")) > 0) == (row->state == STEERING_DONE));
	json_decref(known);
}

static void ends_in_one_of_its_outcomes(void **state)
{
	for (size_t i = 0; i < sizeof(outcome_cases) / sizeof(outcome_cases[0]); i++) {
		struct world *world;
		void *own = NULL;
		(void)state;
		open_world(&own);
		world = own;
		read_blue(world);
		check_outcome(world, &outcome_cases[i]);
		assert_int_equal(close_world(&own), 0);
	}
}

/* Sent, without an answer; the record can't be read, and the patience is over. */
static void lose_patience(struct world *world)
{
	uint64_t until_ms = clock_mono_ms() + SHORT_MS;
	say(world, API_CHANGE, ANSWERED(BROKEN));
	json_t *intent = intend(world, COLOR_GREEN, false);
	say_instead(world, API_LIST, DENIED);
	start_change(world, intent, SHORT_MS);
	json_decref(intent);
	while (clock_mono_ms() <= until_ms)
		turn(world);
	assert_int_equal(world->answers[API_CHANGE].asked, 1);
}

/* A change that may have been made is pending for as long as nobody can tell. */
static void never_takes_silence_for_a_no(void **state)
{
	struct world *world = *state;
	char sentence[4096];
	read_blue(world);
	lose_patience(world);
	assert_int_equal(steering_read_change(world->steering, sentence, sizeof(sentence)), STEERING_PENDING);
	assert_non_null(strstr(sentence, "it is not known whether the change was made, as the record can't be read: "));
	steering_look(world->steering); /* waits for it */
	assert_true(steering_is_looking(world->steering));
	say_instead(world, API_LIST, LISTED_GREEN);
	assert_int_equal(wait_for_change(world, sentence), STEERING_DONE);
	while (steering_is_looking(world->steering))
		turn(world);
	assert_int_equal(view_of(world).live, STEERING_GREEN);
}

static void fails_once_it_is_known_behind_its_patience(void **state)
{
	struct world *world = *state;
	char sentence[4096];
	read_blue(world);
	lose_patience(world);
	say_instead(world, API_LIST, LISTED_BLUE);
	assert_int_equal(wait_for_change(world, sentence), STEERING_FAILED);
	assert_non_null(strstr(sentence, "InternalFailure (500): oh"));
	assert_int_equal(world->answers[API_CHANGE].asked, 1);
	assert_int_equal(view_of(world).live, STEERING_BLUE);
}

static void hangs(struct world *world, json_t **intent)
{
	char sentence[4096];
	say(world, API_CHANGE, ANSWERED(HANG));
	*intent = intend(world, COLOR_GREEN, false);
	start_change(world, *intent, CHANGE_PATIENCE_MS);
	while (world->answers[API_CHANGE].asked == 0)
		turn(world);
	assert_int_equal(steering_read_change(world->steering, sentence, sizeof(sentence)), STEERING_PENDING);
}

/* The way back, when it is not known whether there is anything to go back from. */
static void goes_back_from_what_is_not_known(void **state)
{
	static const struct {
		struct script_entry list;
		unsigned sent;
	} cases[] = {{PAGE(SIMPLE("60", BLUE), LAST), 1}, {PAGE(SIMPLE("60", GREEN), LAST), 2}};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct world *world;
		void *own = NULL;
		char sentence[4096];
		json_t *there, *back;
		open_world(&own);
		world = own;
		read_blue(world);
		hangs(world, &there);
		say_instead(world, API_LIST, cases[i].list);
		say_instead(world, API_CHANGE, ACCEPTED);
		back = intend(world, COLOR_BLUE, false);
		start_change(world, back, CHANGE_PATIENCE_MS);
		assert_int_equal(wait_for_change(world, sentence), STEERING_DONE);
		assert_int_equal(world->answers[API_CHANGE].asked, cases[i].sent);
		assert_int_equal(view_of(world).live, STEERING_BLUE);
		json_decref(there);
		json_decref(back);
		assert_int_equal(close_world(&own), 0);
	}
}

/* The change that was cut off is made all the same, behind the first look. */
static void goes_back_from_what_is_made_late(void **state)
{
	struct world *world = *state;
	char sentence[4096];
	json_t *there, *back;
	world->tools.hurry = 1; /* so that the first look comes in time, however busy the machine is */
	read_blue(world);
	hangs(world, &there);
	say_instead(world, API_LIST, LISTED_BLUE);
	say(world, API_LIST, LISTED_GREEN);
	say_instead(world, API_CHANGE, ACCEPTED);
	back = intend(world, COLOR_BLUE, false);
	start_change(world, back, CHANGE_PATIENCE_MS);
	assert_int_equal(wait_for_change(world, sentence), STEERING_DONE);
	assert_int_equal(world->answers[API_CHANGE].asked, 2);
	json_decref(there);
	json_decref(back);
}

/* If it was made, caches may hold what was before it with the longer TTL. */
static void knows_what_a_change_of_unknown_outcome_left(void **state)
{
	struct world *world = *state;
	json_t *there;
	say(world, API_ZONE, GOT_PRIVATE);
	say(world, API_LIST, LISTED(SIMPLE("300", BLUE)));
	begin(world);
	look_and_wait(world);
	hangs(world, &there);
	json_t *back = intend(world, COLOR_BLUE, false);
	assert_int_equal(json_integer_value(json_object_get(back, "old_ttl_s")), 300);
	assert_string_equal(json_string_value(json_object_get(back, "from")), "green");
	json_decref(there);
	json_decref(back);
}

static void takes_what_is_there_by_force(void **state)
{
	struct world *world = *state;
	struct err err;
	char sentence[4096];
	say(world, API_ZONE, GOT_PRIVATE);
	say(world, API_CHANGE, ACCEPTED);
	say(world, API_LIST, LISTED(SHARED("x", "1", "192.0.2.7") SHARED("y", "2", "192.0.2.8")));
	begin(world);
	look_and_wait(world);
	assert_null(steering_intend(world->steering, COLOR_GREEN, 10000, false, &err));
	assert_string_equal(err.text, "the record is weighted, of 2 sets, while the file has the policy simple");
	json_t *intent = intend(world, COLOR_GREEN, true);
	assert_true(json_is_null(json_object_get(intent, "from")));
	start_change(world, intent, CHANGE_PATIENCE_MS);
	assert_int_equal(wait_for_change(world, sentence), STEERING_DONE);
	assert_int_equal(view_of(world).live, STEERING_GREEN);
	assert_non_null(strstr(last_request(world, API_CHANGE), "192.0.2.7"));
	assert_non_null(strstr(last_request(world, API_CHANGE), "192.0.2.8"));
	json_decref(intent);
}

static void creates_what_is_absent_by_force(void **state)
{
	struct world *world = *state;
	struct err err;
	char sentence[4096];
	say(world, API_ZONE, GOT_PRIVATE);
	say(world, API_CHANGE, ACCEPTED);
	say(world, API_LIST, LISTED(""));
	begin(world);
	look_and_wait(world);
	assert_null(steering_intend(world->steering, COLOR_GREEN, 10000, false, &err));
	assert_string_equal(err.text, "there is no A record of shop.example.com");
	json_t *intent = intend(world, COLOR_GREEN, true);
	start_change(world, intent, CHANGE_PATIENCE_MS);
	assert_int_equal(wait_for_change(world, sentence), STEERING_DONE);
	assert_null(strstr(last_request(world, API_CHANGE), "DELETE"));
	json_decref(intent);
}

struct refusal_case {
	const char *label;
	struct script_entry list;
	enum color to;
	unsigned share;
	bool force;
	const char *sentence;
};

static void refuses_what_can_not_be_changed(void **state)
{
	const struct refusal_case cases[] = {
		{"foreign", LISTED(RECORD("<SetIdentifier>eu</SetIdentifier><Region>eu-west-1</Region><TTL>60</TTL>" VALUE(BLUE))), COLOR_GREEN, 10000, true,
			"what teal does not know: Region"},
		{"already", LISTED_GREEN, COLOR_GREEN, 10000, false, "the record of shop.example.com says so already"},
		{"a part", LISTED_BLUE, COLOR_GREEN, 500, false, "a part of the answers can be given to a color only with `policy: weighted`"},
		{"strange", LISTED_STRANGE, COLOR_GREEN, 10000, false, "the record names neither color: "},
	};
	struct world *world = *state;
	struct err err;
	say(world, API_ZONE, GOT_PRIVATE);
	begin(world);
	assert_null(steering_intend(world->steering, COLOR_GREEN, 10000, true, &err));
	assert_string_equal(err.text, "what the record says is not known: the record of shop.example.com was not read yet");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		say_instead(world, API_LIST, cases[i].list);
		look_and_wait(world);
		json_t *intent = steering_intend(world->steering, cases[i].to, cases[i].share, cases[i].force, &err);
		if (intent || !strstr(err.text, cases[i].sentence))
			fail_msg("%s: %s", cases[i].label, err.text);
	}
}

static void splits_a_weighted_record(void **state)
{
	struct world *world = *state;
	struct err err;
	char sentence[4096];
	world->conf.policy = CONF_ROUTE53_WEIGHTED;
	say(world, API_ZONE, GOT_PRIVATE);
	say(world, API_CHANGE, ACCEPTED);
	say(world, API_LIST, LISTED(SHARED("blue", "100", BLUE) SHARED("green", "0", GREEN)));
	begin(world);
	look_and_wait(world);
	json_t *intent = steering_intend(world->steering, COLOR_GREEN, 500, false, &err);
	assert_non_null(intent);
	start_change(world, intent, CHANGE_PATIENCE_MS);
	json_decref(intent);
	assert_int_equal(wait_for_change(world, sentence), STEERING_DONE);
	assert_int_equal(view_of(world).live, STEERING_SPLIT);
	assert_int_equal(view_of(world).share[COLOR_GREEN], 500);
	const char *request = last_request(world, API_CHANGE);
	assert_non_null(strstr(request, "<Comment>teal: from blue to green, 5%</Comment>"));
	assert_non_null(strstr(request, "<SetIdentifier>blue</SetIdentifier><Weight>95</Weight>"));
	assert_non_null(strstr(request, "<SetIdentifier>green</SetIdentifier><Weight>5</Weight>"));
	assert_int_equal(change_to(world, COLOR_GREEN, sentence), STEERING_DONE);
	assert_int_equal(view_of(world).live, STEERING_GREEN);
	intent = steering_intend(world->steering, COLOR_GREEN, 0, false, &err); /* the same as all of it for blue */
	assert_string_equal(json_string_value(json_object_get(intent, "to")), "blue");
	json_decref(intent);
}

static void lowers_the_ttl(void **state)
{
	struct world *world = *state;
	struct err err;
	char sentence[4096];
	say(world, API_ZONE, GOT_PRIVATE);
	say(world, API_CHANGE, ACCEPTED);
	say(world, API_LIST, LISTED(SIMPLE("300", BLUE)));
	begin(world);
	look_and_wait(world);
	assert_int_equal(view_of(world).live, STEERING_BLUE);
	assert_int_equal(view_of(world).ttl_s, 300);
	assert_int_equal(steering_quick_from(world->steering), 0);
	json_t *intent = steering_intend_ttl(world->steering, &err);
	assert_non_null(intent);
	start_change(world, intent, CHANGE_PATIENCE_MS);
	assert_int_equal(wait_for_change(world, sentence), STEERING_DONE);
	json_decref(intent);
	assert_non_null(strstr(last_request(world, API_CHANGE), "<Comment>teal: TTL from 300 s to 60 s</Comment>"));
	assert_int_equal(view_of(world).live, STEERING_BLUE);
	assert_int_equal(view_of(world).ttl_s, 60);
	assert_in_range(steering_quick_from(world->steering), clock_wall_ms() + 300000, clock_wall_ms() + 361000);
	assert_null(steering_intend_ttl(world->steering, &err));
	assert_string_equal(err.text, "the record of shop.example.com says so already");
	/* A switch behind it waits for the longer TTL, of which it is not known yet when the last server gave it. */
	intent = intend(world, COLOR_GREEN, false);
	assert_int_equal(json_integer_value(json_object_get(intent, "old_ttl_s")), 300);
	json_decref(intent);
}

static void notes_what_others_left_in_caches(void **state)
{
	struct world *world = *state;
	uint64_t until = clock_wall_ms() + 100000;
	read_blue(world);
	steering_note_earlier(world->steering, until);
	steering_note_earlier(world->steering, until - 50000); /* is shorter than what is known */
	assert_int_equal(steering_quick_from(world->steering), until);
	json_t *intent = intend(world, COLOR_GREEN, false);
	assert_int_equal(json_integer_value(json_object_get(intent, "earlier_until")), until);
	json_decref(intent);
}

/* After a restart nothing but the intent tells of what is older than both. */
static void keeps_what_a_pending_change_knew_of_caches(void **state)
{
	struct world *world = *state;
	uint64_t until = clock_wall_ms() + 3600000;
	read_blue(world);
	json_t *intent = intend(world, COLOR_GREEN, false);
	json_object_set_new(intent, "earlier_until", json_integer((json_int_t)until));
	begin_again(world);
	say_instead(world, API_LIST, ANSWERED(HANG));
	start_change(world, intent, CHANGE_PATIENCE_MS);
	json_t *back = intend(world, COLOR_BLUE, false);
	assert_int_equal(json_integer_value(json_object_get(back, "earlier_until")), until);
	json_decref(back);
	json_decref(intent);
}

/* ---- after a crash ---- */

struct resume_case {
	const char *label;
	struct script_entry list;
	enum steering_state state;
	unsigned sent;
	enum steering_live live;
};

static void goes_on_with_what_was_written_down(void **state)
{
	static const struct resume_case cases[] = {
		{"not sent", LIST_BLUE, STEERING_DONE, 1, STEERING_GREEN},
		{"made", LIST_GREEN, STEERING_DONE, 0, STEERING_GREEN},
		{"somebody else's", LIST_STRANGE, STEERING_REFUSED, 0, STEERING_NEITHER},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *world;
		void *own = NULL;
		char sentence[4096];
		open_world(&own);
		world = own;
		read_blue(world);
		json_t *intent = intend(world, COLOR_GREEN, false);
		begin_again(world);
		say_instead(world, API_LIST, cases[i].list);
		say(world, API_CHANGE, ACCEPTED);
		unsigned listed = world->answers[API_LIST].asked;
		start_change(world, intent, CHANGE_PATIENCE_MS);
		if (wait_for_change(world, sentence) != cases[i].state || world->answers[API_CHANGE].asked != cases[i].sent)
			fail_msg("%s: %s", cases[i].label, sentence);
		assert_int_equal(world->answers[API_LIST].asked, listed + 1); /* and that came first */
		assert_int_equal(view_of(world).live, cases[i].live);
		json_decref(intent);
		assert_int_equal(close_world(&own), 0);
	}
}

static void goes_on_with_what_was_accepted(void **state)
{
	struct world *world = *state;
	char sentence[4096];
	say(world, API_CHANGE, ACCEPTED);
	read_blue(world);
	assert_int_equal(change_to(world, COLOR_GREEN, sentence), STEERING_DONE);
	json_t *known = steering_intent(world->steering);
	begin_again(world);
	start_change(world, known, CHANGE_PATIENCE_MS);
	assert_int_equal(steering_read_change(world->steering, sentence, sizeof(sentence)), STEERING_DONE);
	assert_int_equal(world->answers[API_CHANGE].asked, 1); /* never sent again */
	assert_int_equal(view_of(world).live, STEERING_GREEN);
	assert_string_equal(progress_of(world).change_id, "C123");
	json_t *again = steering_intent(world->steering);
	assert_true(json_equal(known, again));
	json_decref(again);
	json_decref(known);
	say_instead(world, API_LIST, LISTED_STRANGE); /* what is read wins over what was once accepted */
	look_and_wait(world);
	assert_int_equal(view_of(world).live, STEERING_NEITHER);
}

static void does_not_go_on_with_what_it_can_not_read(void **state)
{
	struct world *world = *state;
	char sentence[4096];
	read_blue(world);
	json_t *intent = json_pack("{s:i}", "version", 7);
	start_change(world, intent, CHANGE_PATIENCE_MS);
	assert_int_equal(wait_for_change(world, sentence), STEERING_REFUSED);
	assert_string_equal(sentence, "the change that was written down is of version 7, and this teal knows version 1");
	json_decref(intent);
}

/* What was sent before a crash may be made behind the first look, though there is no patience to send it again. */
static void looks_twice_before_it_fails(void **state)
{
	struct world *world = *state;
	char sentence[4096];
	world->tools.hurry = 1; /* so that the first look comes in time, however busy the machine is */
	read_blue(world);
	json_t *intent = intend(world, COLOR_GREEN, false);
	begin_again(world);
	say_instead(world, API_LIST, LISTED_BLUE);
	say(world, API_LIST, LISTED_GREEN);
	start_change(world, intent, 0);
	assert_int_equal(wait_for_change(world, sentence), STEERING_DONE);
	assert_int_equal(world->answers[API_CHANGE].asked, 0);
	json_decref(intent);
}

/* Behind a crash, and nobody wants it any more: what was made is known to be, and what was not made stays so. */
static void gives_up_without_sending(void **state)
{
	static const struct {
		struct script_entry list;
		enum steering_state state;
		enum steering_live live;
	} cases[] = {{LIST_BLUE, STEERING_FAILED, STEERING_BLUE}, {LIST_GREEN, STEERING_DONE, STEERING_GREEN}};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct world *world;
		void *own = NULL;
		char sentence[4096];
		open_world(&own);
		world = own;
		read_blue(world);
		json_t *intent = intend(world, COLOR_GREEN, false);
		begin_again(world);
		say_instead(world, API_LIST, cases[i].list);
		start_change(world, intent, CHANGE_PATIENCE_MS);
		steering_give_up(world->steering);
		assert_int_equal(wait_for_change(world, sentence), cases[i].state);
		assert_int_equal(world->answers[API_CHANGE].asked, 0);
		steering_look(world->steering);
		while (steering_is_looking(world->steering))
			turn(world);
		assert_int_equal(view_of(world).live, cases[i].live);
		json_decref(intent);
		assert_int_equal(close_world(&own), 0);
	}
}

/* Between two tries, in whatever pause it is. */
static void gives_up_between_two_tries(void **state)
{
	struct world *world = *state;
	char sentence[4096];
	read_blue(world);
	for (size_t i = 0; i < 2; i++)
		say(world, API_CHANGE, ANSWERED(BROKEN));
	json_t *intent = intend(world, COLOR_GREEN, false);
	say_instead(world, API_LIST, LISTED_BLUE);
	start_change(world, intent, CHANGE_PATIENCE_MS);
	while (world->steering->change.step != CHANGE_SEND_PAUSE)
		turn(world);
	say_instead(world, API_CHANGE, ACCEPTED);
	steering_give_up(world->steering);
	steering_give_up(world->steering);
	assert_int_equal(wait_for_change(world, sentence), STEERING_FAILED);
	assert_int_equal(world->answers[API_CHANGE].asked, 2);
	steering_give_up(world->steering); /* there is none any more */
	assert_int_equal(steering_read_change(world->steering, sentence, sizeof(sentence)), STEERING_FAILED);
	json_decref(intent);
}

/* The same intent twice: the second time it may have been made. */
static void reads_first_when_it_is_asked_again(void **state)
{
	struct world *world = *state;
	char sentence[4096];
	say(world, API_CHANGE, DENIED);
	read_blue(world);
	json_t *intent = intend(world, COLOR_GREEN, false);
	start_change(world, intent, CHANGE_PATIENCE_MS);
	assert_int_equal(wait_for_change(world, sentence), STEERING_REFUSED);
	unsigned listed = world->answers[API_LIST].asked;
	say_instead(world, API_CHANGE, ACCEPTED);
	start_change(world, intent, CHANGE_PATIENCE_MS);
	assert_int_equal(wait_for_change(world, sentence), STEERING_DONE);
	assert_int_equal(world->answers[API_LIST].asked, listed + 1);
	json_decref(intent);
}

/* ---- what people are shown ---- */

static void plans(void **state)
{
	struct world *world = *state;
	struct err err;
	read_blue(world);
	json_t *plan = steering_plan(world->steering, COLOR_GREEN, &err);
	json_t *expected = json_pack("{s:s, s:s, s:s, s:s, s:s, s:[s], s:s, s:[s, s], s:[s, s], s:i, s:i, s:i, s:o}", "zone", "Z1", "zone_name", "example.com",
		"name", NAME, "type", "A", "policy", "simple", "present", "shop.example.com A 60s 192.0.2.1", "to", "green", "changes",
		"DELETE shop.example.com A 60s 192.0.2.1", "CREATE shop.example.com A 60s 192.0.2.2", "back", "CREATE shop.example.com A 60s 192.0.2.1",
		"DELETE shop.example.com A 60s 192.0.2.2", "cost", 2, "back_cost", 2, "quick_after_s", 60, "request",
		json_incref(json_object_get(plan, "request")));
	assert_true(json_equal(plan, expected));
	assert_non_null(strstr(json_string_value(json_object_get(plan, "request")), "<Action>DELETE</Action>"));
	json_decref(expected);
	json_decref(plan);
	assert_null(steering_plan(world->steering, COLOR_BLUE, &err));
	assert_string_equal(err.text, "the record of shop.example.com says so already");
	assert_int_equal(world->answers[API_CHANGE].asked, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_nothing_at_first),
		TEST(reads_the_record),
		TEST(tells_why_it_could_not_read),
		TEST(finds_the_zone_by_the_name),
		TEST(names_the_zones_between_which_it_can_not_choose),
		TEST(takes_another_file),
		TEST(changes_the_record),
		TEST(goes_back_without_a_look),
		cmocka_unit_test(ends_in_one_of_its_outcomes),
		TEST(never_takes_silence_for_a_no),
		TEST(fails_once_it_is_known_behind_its_patience),
		cmocka_unit_test(goes_back_from_what_is_not_known),
		TEST(goes_back_from_what_is_made_late),
		TEST(knows_what_a_change_of_unknown_outcome_left),
		TEST(takes_what_is_there_by_force),
		TEST(creates_what_is_absent_by_force),
		TEST(refuses_what_can_not_be_changed),
		TEST(splits_a_weighted_record),
		TEST(lowers_the_ttl),
		TEST(notes_what_others_left_in_caches),
		TEST(keeps_what_a_pending_change_knew_of_caches),
		cmocka_unit_test(goes_on_with_what_was_written_down),
		TEST(goes_on_with_what_was_accepted),
		TEST(does_not_go_on_with_what_it_can_not_read),
		TEST(looks_twice_before_it_fails),
		TEST(gives_up_without_sending),
		TEST(gives_up_between_two_tries),
		TEST(reads_first_when_it_is_asked_again),
		TEST(plans),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
