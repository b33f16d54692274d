/* The actuator of Route 53 over a real dns/steering, whose Route 53 is the server of steering_world.h, and over nothing where health checks do it. */
// links: switch
#include "tests/unit/steering_world.h"

#include "switch/actuator_route53.h"

static struct rig {
	struct world *world;
	struct conf_service conf;
	struct service service;
	struct actuator_route53 through;
	struct actuator actuator;
} rig;

static void make_rig(struct world *world, enum conf_route53_policy policy)
{
	static char name[] = "shop";
	world->conf.policy = policy;
	say(world, API_ZONE, GOT_PUBLIC);
	rig = (struct rig){.world = world, .conf = {.name = name, .via = CONF_VIA_ROUTE53, .route53 = world->conf}};
	rig.service = (struct service){.name = name, .conf = &rig.conf, .live = COLOR_BLUE};
	rig.through.service = &rig.service;
	if (policy != CONF_ROUTE53_HEALTH_CHECK) {
		begin(world);
		rig.through.steering = world->steering;
	}
	rig.actuator = actuator_route53_make(&rig.through);
}

static json_t *try_intent(enum color live, unsigned share, enum actuator_unable *unable)
{
	struct err err = {""};
	json_t *intent = rig.actuator.intend(rig.actuator.arg, live, share, false, unable, &err);
	assert_true(intent || err.text[0]);
	return intent; // cppcheck-suppress returnDanglingLifetime
}

static json_t *make_intent(enum color live, unsigned share)
{
	enum actuator_unable unable;
	json_t *intent = try_intent(live, share, &unable);
	assert_non_null(intent);
	return intent;
}

static enum actuator_change send_and_wait(json_t *intent, char *sentence, size_t size)
{
	enum actuator_change outcome = ACTUATOR_CHANGE_PENDING;
	rig.actuator.change(rig.actuator.arg, intent);
	json_decref(intent);
	for (outcome = rig.actuator.read_change(rig.actuator.arg, sentence, size); outcome == ACTUATOR_CHANGE_PENDING;
		outcome = rig.actuator.read_change(rig.actuator.arg, sentence, size))
		turn(rig.world);
	return outcome;
}

static bool is_left(char *sentence, size_t size)
{
	snprintf(sentence, size, "%s", "");
	return rig.actuator.is_left(rig.actuator.arg, sentence, size);
}

static bool has_moment(const char *key)
{
	json_t *intent = rig.actuator.read_intent(rig.actuator.arg);
	bool has = json_integer_value(json_object_get(intent, key)) > 0;
	json_decref(intent);
	return has;
}

/* ---- a record ---- */

static void test_made(void **state)
{
	char sentence[512];
	struct world *world = *state;
	say(world, API_LIST, LISTED_BLUE);
	say(world, API_CHANGE, ACCEPTED);
	say(world, API_GET_CHANGE, NOT_SYNCED);
	make_rig(world, CONF_ROUTE53_SIMPLE);
	look_and_wait(world);
	assert_null(rig.actuator.foresee_change(rig.actuator.arg));
	assert_int_equal(send_and_wait(make_intent(COLOR_GREEN, 0), sentence, sizeof(sentence)), ACTUATOR_CHANGE_MADE);
	assert_true(has_moment("accepted_at"));
	assert_false(has_moment("insync_at"));
	assert_false(is_left(sentence, sizeof(sentence)));
	assert_int_not_equal(sentence[0], '\0');
	assert_false(rig.actuator.is_quiet(rig.actuator.arg, COLOR_BLUE));
	assert_null(rig.actuator.read_hindrance(rig.actuator.arg));
	assert_null(rig.actuator.read_drift(rig.actuator.arg, COLOR_GREEN));
	assert_string_equal(rig.actuator.read_drift(rig.actuator.arg, COLOR_BLUE), "somebody else changed the record: it names green");
	assert_int_equal(rig.actuator.read_patience(rig.actuator.arg), 15 * 60000 + 60000);
}

static void test_unmade(void **state)
{
	char sentence[512];
	struct world *world = *state;
	say(world, API_LIST, LISTED_BLUE);
	say(world, API_CHANGE, DENIED);
	make_rig(world, CONF_ROUTE53_SIMPLE);
	look_and_wait(world);
	assert_int_equal(send_and_wait(make_intent(COLOR_GREEN, 0), sentence, sizeof(sentence)), ACTUATOR_CHANGE_REFUSED);
	assert_non_null(strstr(sentence, "not authorized"));
	say_instead(world, API_CHANGE, NO_MATCH);
	say_instead(world, API_LIST, LISTED_STRANGE);
	assert_int_equal(send_and_wait(make_intent(COLOR_GREEN, 0), sentence, sizeof(sentence)), ACTUATOR_CHANGE_DRIFTED);
	assert_non_null(strstr(sentence, STRANGE));
}

static void test_not_read_yet(void **state)
{
	enum actuator_unable unable = ACTUATOR_NEVER;
	struct world *world = *state;
	say(world, API_LIST, LISTED_BLUE);
	make_rig(world, CONF_ROUTE53_SIMPLE);
	assert_non_null(rig.actuator.foresee_change(rig.actuator.arg));
	assert_null(try_intent(COLOR_GREEN, 0, &unable));
	assert_int_equal(unable, ACTUATOR_LATER);
	while (steering_is_looking(world->steering)) /* it is read by then */
		turn(world);
	json_decref(make_intent(COLOR_GREEN, 0));
}

static void test_of_neither(void **state)
{
	enum actuator_unable unable = ACTUATOR_LATER;
	struct err err;
	struct world *world = *state;
	say(world, API_LIST, LISTED_STRANGE);
	make_rig(world, CONF_ROUTE53_SIMPLE);
	look_and_wait(world);
	assert_null(try_intent(COLOR_GREEN, 0, &unable));
	assert_int_equal(unable, ACTUATOR_NEVER);
	assert_non_null(strstr(rig.actuator.read_drift(rig.actuator.arg, COLOR_GREEN), rig.world->conf.name));
	json_t *forced = rig.actuator.intend(rig.actuator.arg, COLOR_GREEN, 0, true, &unable, &err);
	assert_non_null(forced);
	json_decref(forced);
}

static void test_named_already(void **state)
{
	enum actuator_unable unable = ACTUATOR_NEVER;
	struct world *world = *state;
	say(world, API_LIST, LISTED_BLUE);
	make_rig(world, CONF_ROUTE53_SIMPLE);
	look_and_wait(world);
	assert_null(try_intent(COLOR_BLUE, 0, &unable));
	assert_int_equal(unable, ACTUATOR_ALREADY);
}

static void test_split(void **state)
{
	struct world *world = *state;
	say(world, API_LIST, LISTED(SHARED("blue", "255", BLUE) SHARED("green", "0", GREEN)));
	make_rig(world, CONF_ROUTE53_WEIGHTED);
	look_and_wait(world);
	assert_null(rig.actuator.foresee_split(rig.actuator.arg));
	json_t *intent = make_intent(COLOR_BLUE, 2000);
	assert_string_equal(json_string_value(json_object_get(intent, "to")), "blue");
	assert_int_equal(json_integer_value(json_object_get(intent, "share")), 8000);
	json_decref(intent);
}

static void test_what_can_not_be(void **state)
{
	struct world *world = *state;
	make_rig(world, CONF_ROUTE53_SIMPLE);
	assert_string_equal(rig.actuator.foresee_hold(rig.actuator.arg), "service shop is switched by Route 53: there are no requests to hold");
	assert_string_equal(rig.actuator.foresee_split(rig.actuator.arg),
		"service shop is switched by Route 53, and its policy is not weighted: it can't be switched in steps");
	assert_null(rig.actuator.read_inflight);
}

static void test_applied(void **state)
{
	struct world *world = *state;
	make_rig(world, CONF_ROUTE53_SIMPLE);
	uint64_t ticket = rig.actuator.apply(rig.actuator.arg, COLOR_GREEN, 0);
	assert_int_equal(rig.service.live, COLOR_GREEN);
	assert_true(rig.service.live_known);
	assert_int_equal(rig.service.idle_share, 0);
	assert_true(rig.actuator.in_force(rig.actuator.arg, ticket));
}

/* ---- the armed check ---- */

static void test_not_armed(void **state)
{
	char sentence[512] = "";
	struct world *world = *state;
	struct deployment *deployment = deployment_new("shop", 1);
	deployment->to = COLOR_GREEN;
	say(world, API_LIST, DENIED);
	make_rig(world, CONF_ROUTE53_SIMPLE);
	say_instead(world, API_ZONE, DENIED);
	actuator_route53_arm(&rig.through, deployment);
	enum procedure_armed armed = actuator_route53_read_armed(&rig.through, sentence, sizeof(sentence));
	assert_int_equal(armed, PROCEDURE_ARMED_PENDING);
	while ((armed = actuator_route53_read_armed(&rig.through, sentence, sizeof(sentence))) == PROCEDURE_ARMED_PENDING)
		turn(world);
	assert_int_equal(armed, PROCEDURE_ARMED_NO);
	assert_int_not_equal(sentence[0], '\0');
	json_t *rows = actuator_route53_list_armed(&rig.through);
	assert_true(json_array_size(rows) > 0);
	json_decref(rows);
	deployment_free(deployment);
}

/* ---- health checks ---- */

static void test_an_answer_of_our_own(void **state)
{
	char sentence[512];
	struct world *world = *state;
	make_rig(world, CONF_ROUTE53_HEALTH_CHECK);
	assert_null(rig.actuator.read_drift(rig.actuator.arg, COLOR_GREEN));
	assert_null(rig.actuator.foresee_change(rig.actuator.arg));
	assert_null(rig.actuator.read_hindrance(rig.actuator.arg));
	assert_null(rig.actuator.read_intent(rig.actuator.arg));
	assert_int_equal(send_and_wait(make_intent(COLOR_GREEN, 0), sentence, sizeof(sentence)), ACTUATOR_CHANGE_MADE);
	json_t *intent = rig.actuator.read_intent(rig.actuator.arg);
	json_int_t accepted_at = json_integer_value(json_object_get(intent, "accepted_at")), safe_at = json_integer_value(json_object_get(intent, "safe_at"));
	assert_int_equal(safe_at - accepted_at, 90000 + 60000);
	assert_false(is_left(sentence, sizeof(sentence)));
	assert_non_null(strstr(sentence, "health checks and caches may take until 20"));
	/* After a restart its moments are the old ones. */
	json_object_set_new(intent, "safe_at", json_integer(1700000000000));
	assert_int_equal(send_and_wait(json_incref(intent), sentence, sizeof(sentence)), ACTUATOR_CHANGE_MADE);
	assert_true(is_left(sentence, sizeof(sentence)));
	json_decref(intent);
	actuator_route53_fini(&rig.through);
}

static void test_an_alias_is_cached_for_a_minute(void **state)
{
	static char alias[] = "lb.example.com";
	struct world *world = *state;
	world->conf.ttl_s = 10;
	make_rig(world, CONF_ROUTE53_HEALTH_CHECK);
	assert_null(rig.actuator.read_drift(rig.actuator.arg, COLOR_GREEN));
	assert_int_equal(rig.actuator.read_patience(rig.actuator.arg), 15 * 60000 + 10000);
	rig.conf.route53.colors[COLOR_GREEN].alias = alias;
	assert_int_equal(rig.actuator.read_patience(rig.actuator.arg), 15 * 60000 + 60000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_made, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_unmade, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_not_read_yet, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_of_neither, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_named_already, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_split, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_what_can_not_be, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_applied, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_not_armed, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_an_answer_of_our_own, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_an_alias_is_cached_for_a_minute, open_world, close_world),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
