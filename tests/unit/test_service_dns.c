/* Which color of a service by Route 53 is live, as its record is read: at the start, after somebody else's change, while nobody can read it, and beside a deployment. The steering is the test's. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "dns/steering.h"
#include "switch/actuator_route53.h"
#include "switch/course.h"
#include "switch/dns_accounts.h"
#include "switch/events.h"
#include "switch/service_dns.h"
#include "switch/wire.h"

/* ---- what stands in for the record ---- */

static struct {
	struct steering_view view;
	struct steering_progress progress;
	struct steering_tools tools;
	bool looks;
	unsigned looked, made, freed, taken, given;
	uint64_t quick_from;
	json_t *intent; /* of the newest change */
	json_t *resent;
} record;

struct steering *steering_new(const struct steering_tools *tools, const struct conf_route53 *conf)
{
	assert_non_null(conf);
	record.tools = *tools;
	record.made++;
	return (struct steering *)&record;
}

void steering_free(struct steering *steering)
{
	record.freed += steering != NULL;
}

void steering_set_conf(struct steering *steering, const struct conf_route53 *conf)
{
	(void)steering;
	(void)conf;
}

void steering_look(struct steering *steering)
{
	(void)steering;
	record.looks = true;
	record.looked++;
}

bool steering_is_looking(const struct steering *steering)
{
	(void)steering;
	return record.looks;
}

void steering_read(const struct steering *steering, struct steering_view *view)
{
	(void)steering;
	*view = record.view;
}

void steering_arm(struct steering *steering, enum color to, bool force, uint64_t need_ms, uint64_t whole_ms)
{
	(void)steering;
	(void)to;
	(void)force;
	(void)need_ms;
	(void)whole_ms;
}

enum steering_state steering_read_arm(const struct steering *steering, char *sentence, size_t size)
{
	(void)steering;
	(void)sentence;
	(void)size;
	return STEERING_NONE;
}

json_t *steering_arm_to_json(const struct steering *steering)
{
	(void)steering;
	return json_array();
}

json_t *steering_intend(struct steering *steering, enum color to, unsigned share, bool force, struct err *err)
{
	(void)steering;
	(void)to;
	(void)share;
	(void)force;
	(void)err;
	return NULL;
}

json_t *steering_intend_ttl(struct steering *steering, struct err *err)
{
	(void)steering;
	(void)err;
	return NULL;
}

void steering_change(struct steering *steering, const json_t *intent, uint64_t patience_ms)
{
	(void)steering;
	(void)patience_ms;
	record.resent = json_deep_copy(intent);
}

void steering_give_up(struct steering *steering)
{
	(void)steering;
}

enum steering_state steering_read_change(const struct steering *steering, char *sentence, size_t size)
{
	(void)steering;
	(void)sentence;
	(void)size;
	return STEERING_NONE;
}

bool steering_has_drifted(const struct steering *steering)
{
	(void)steering;
	return false;
}

json_t *steering_intent(const struct steering *steering)
{
	(void)steering;
	return json_incref(record.intent);
}

void steering_read_progress(const struct steering *steering, struct steering_progress *progress)
{
	(void)steering;
	*progress = record.progress;
}

uint64_t steering_quick_from(const struct steering *steering)
{
	(void)steering;
	return record.quick_from;
}

void steering_note_earlier(struct steering *steering, uint64_t until_wall_ms)
{
	(void)steering;
	record.quick_from = until_wall_ms;
}

struct route53 *dns_accounts_take(struct dns_accounts *accounts, const struct conf_route53 *conf)
{
	(void)accounts;
	record.taken++;
	return (struct route53 *)(conf->profile ? (void *)conf->profile : (void *)&record);
}

void dns_accounts_give(struct dns_accounts *accounts, struct route53 *route53)
{
	(void)accounts;
	assert_non_null(route53);
	record.given++;
}

/* ---- the world around it ---- */

static char told[1024]; /* the events, each with its live color */
static unsigned truths, news;

static void on_event(void *arg, const json_t *event)
{
	const char *name = wire_read_text(event, "event"), *live = wire_read_text(event, "live");
	size_t used = strlen(told);
	(void)arg;
	snprintf(told + used, sizeof(told) - used, "%s%s:%s", used ? " " : "", name, live ? live : "null");
}

static void count(void *arg)
{
	(*(unsigned *)arg)++;
}

static void on_change(void *arg)
{
	(void)arg;
	fail_msg("nothing is to be published for a service out of the path");
}

static void on_truth(void *arg)
{
	(void)arg;
	count(&truths);
}

static void on_news(void *arg)
{
	(void)arg;
	count(&news);
}

static struct conf_service conf;
static struct service_owner owner;
static struct service service;
static struct switcher switcher;
static struct deployment deployment;

static void begin(const char *live, enum conf_route53_policy policy)
{
	json_t *truth = live ? json_pack("{s:s, s:{s:s}}", "live", live, "record", "quick_from", "2026-01-31T12:00:00.000Z") : NULL;
	memset(&record, 0, sizeof(record));
	record.view.sentence = "";
	record.progress.sentence = record.progress.change_id = "";
	told[0] = '\0';
	truths = news = 0;
	conf = (struct conf_service){
		.name = (char *)"api", .via = CONF_VIA_ROUTE53, .route53 = {.name = (char *)"api.example.test", .policy = policy, .ttl_s = 30}};
	owner = (struct service_owner){.events = events_new(NULL), .on_change = on_change, .on_truth = on_truth, .on_news = on_news};
	switcher = (struct switcher){0};
	service = (struct service){
		.name = (char *)"api", .conf = &conf, .owner = &owner, .switcher = &switcher, .live_known = policy == CONF_ROUTE53_HEALTH_CHECK};
	if (live)
		color_parse(live, &service.live);
	events_listen(owner.events, on_event, NULL);
	service_dns_start(&service, NULL, truth);
	json_decref(truth);
}

static void end(void)
{
	service_dns_stop(&service);
	assert_null(service.dns);
	assert_int_equal(record.made, record.freed);
	assert_int_equal(record.taken, record.given);
	events_free(owner.events);
	json_decref(record.intent);
	json_decref(record.resent);
}

static void set_step(enum step step)
{
	deployment.step = step;
	switcher.current = &deployment;
}

static void say(enum steering_live live, const char *sentence)
{
	record.looks = false;
	record.view.live = live;
	record.view.sentence = sentence;
	if (live != STEERING_UNREAD)
		record.view.read_ms = clock_mono_ms();
	record.tools.on_news(record.tools.arg);
}

/* ---- what the record says ---- */

struct saying {
	enum steering_live live;
	int step; /* of the deployment under way; -1: none */
};

static const struct reading_case {
	const char *name, *truth;
	struct saying says[4];
	size_t count;
	const char *live; /* at the end; NULL: not known */
	bool fault, drifted;
	const char *told;
} cases[] = {
	{"the first start", NULL, {{STEERING_GREEN, -1}}, 1, "green", false, false, ""},
	{"as before", "green", {{STEERING_GREEN, -1}}, 1, "green", false, false, ""},
	{"changed while nobody looked", "blue", {{STEERING_GREEN, -1}}, 1, "green", false, false, "record_changed:green"},
	{"changed later", "blue", {{STEERING_BLUE, -1}, {STEERING_GREEN, -1}}, 2, "green", false, false, "record_changed:green"},
	{"changed on the first day", NULL, {{STEERING_BLUE, -1}, {STEERING_GREEN, -1}}, 2, "green", false, false, "record_changed:green"},
	{"no answer", "blue", {{STEERING_UNREAD, -1}, {STEERING_UNREAD, -1}}, 2, NULL, true, false, "record_unread:null"},
	{"no answer any more", "blue", {{STEERING_BLUE, -1}, {STEERING_UNREAD, -1}}, 2, "blue", true, false, "record_unread:blue"},
	{"no answer for a while", "blue", {{STEERING_UNREAD, -1}, {STEERING_BLUE, -1}, {STEERING_UNREAD, -1}, {STEERING_BLUE, -1}}, 4, "blue", false, false,
		"record_unread:null record_unread:blue"},
	{"neither color", "blue", {{STEERING_NEITHER, -1}, {STEERING_NEITHER, -1}}, 2, NULL, true, true, "record_changed:null"},
	{"no such record", "blue", {{STEERING_BLUE, -1}, {STEERING_ABSENT, -1}}, 2, NULL, true, true, "record_changed:null"},
	{"put right by hand", "blue", {{STEERING_NEITHER, -1}, {STEERING_BLUE, -1}}, 2, "blue", false, false, "record_changed:null record_changed:blue"},
	{"split by hand", "blue", {{STEERING_BLUE, -1}, {STEERING_SPLIT, -1}}, 2, NULL, true, true, "record_changed:null"},
	{"split by us", "blue", {{STEERING_BLUE, -1}, {STEERING_SPLIT, STEP_SHIFT}}, 2, "blue", false, false, ""},
	{"split by us, seen after a restart", "blue", {{STEERING_SPLIT, STEP_SHIFT}}, 1, "blue", false, false, ""},
	{"changed while gates are waited for", "blue", {{STEERING_BLUE, STEP_GATE}, {STEERING_GREEN, STEP_GATE}}, 2, "green", false, false,
		"record_changed:green"},
	{"being changed by us", "blue", {{STEERING_BLUE, STEP_RECORD}, {STEERING_GREEN, STEP_CHANGE}}, 2, "blue", false, false, ""},
	{"changed in the bake", "green", {{STEERING_GREEN, STEP_BAKE}, {STEERING_BLUE, STEP_BAKE}}, 2, "green", false, false, ""},
	{"changed in the bake, seen behind it", "green", {{STEERING_GREEN, STEP_BAKE}, {STEERING_BLUE, STEP_BAKE}, {STEERING_BLUE, -1}}, 3, "blue", false,
		false, "record_changed:blue"},
};

static const char split_by_hand[] =
	"the record is split: blue has a share of 66.67 %, green of 33.33 %; with the color named, --force takes it as it is; so it is";

static void check(const struct reading_case *test)
{
	bool drifted;
	begin(test->truth, CONF_ROUTE53_SIMPLE);
	record.view.share[COLOR_BLUE] = 6667;
	record.view.share[COLOR_GREEN] = 3333;
	assert_null(service_live_name(&service));
	assert_non_null(service_dns_fault(&service, &drifted));
	for (size_t i = 0; i < test->count; i++) {
		if (test->says[i].step < 0)
			switcher.current = NULL;
		else
			set_step((enum step)test->says[i].step);
		say(test->says[i].live, test->says[i].live == STEERING_BLUE || test->says[i].live == STEERING_GREEN ? "" : "so it is");
	}
	const char *live = service_live_name(&service);
	if (!live != !test->live || (live && strcmp(live, test->live) != 0))
		fail_msg("%s: %s is live", test->name, live ? live : "nothing");
	const char *fault = service_dns_fault(&service, &drifted);
	const char *said = test->says[test->count - 1].live == STEERING_SPLIT ? split_by_hand : "so it is";
	if ((fault != NULL) != test->fault || drifted != test->drifted || (fault && strcmp(fault, said) != 0))
		fail_msg("%s: fault %s, drifted %d", test->name, fault ? fault : "none", drifted);
	if (strcmp(told, test->told) != 0)
		fail_msg("%s: told \"%s\"", test->name, told);
	assert_int_equal(news, test->count);
	end();
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(&cases[i]);
}

/* What could be undone before somebody else changed the record can't be now. */
static void test_undo(void **state)
{
	(void)state;
	begin("green", CONF_ROUTE53_SIMPLE);
	say(STEERING_GREEN, "");
	switcher.undo = deployment_new("api", 1700000000000u);
	say(STEERING_GREEN, "");
	assert_non_null(switcher.undo);
	say(STEERING_BLUE, "");
	assert_null(switcher.undo);
	assert_int_equal(truths, 1);
	end();
}

/* Both colors have a share of it, which needs no note of the record's. In a switch in steps that is as it should be. */
static void test_split(void **state)
{
	static const char split[] = "the record is split: blue has a share of 50 %, green of 50 %; with the color named, --force takes it as it is";
	bool drifted;
	(void)state;
	begin(NULL, CONF_ROUTE53_WEIGHTED);
	record.view.share[COLOR_BLUE] = record.view.share[COLOR_GREEN] = 5000;
	say(STEERING_SPLIT, "");
	assert_string_equal(service_dns_fault(&service, &drifted), split);
	assert_true(drifted);
	json_t *status = service_dns_to_json(&service);
	assert_string_equal(wire_read_text(status, "sentence"), split);
	json_decref(status);
	set_step(STEP_SHIFT);
	say(STEERING_SPLIT, "");
	assert_null(service_dns_fault(&service, &drifted));
	status = service_dns_to_json(&service);
	assert_null(wire_read_text(status, "sentence"));
	json_decref(status);
	end();
}

/* ---- when it is read ---- */

static void test_looks(void **state)
{
	(void)state;
	begin("blue", CONF_ROUTE53_SIMPLE);
	assert_int_equal(record.looked, 1);
	assert_true(service_dns_is_looking(&service));
	service_dns_look(&service); /* it is that one */
	assert_int_equal(record.looked, 1);
	say(STEERING_BLUE, "");
	assert_false(service_dns_is_looking(&service));
	service_dns_tick(&service);
	assert_int_equal(record.looked, 1);
	set_step(STEP_CHANGE);
	service_dns_look(&service);
	assert_int_equal(record.looked, 2);
	end();
}

static void test_truth(void **state)
{
	(void)state;
	begin("blue", CONF_ROUTE53_SIMPLE);
	json_t *truth = service_dns_to_truth(&service);
	assert_string_equal(wire_read_text(truth, "quick_from"), "2026-01-31T12:00:00.000Z");
	json_decref(truth);
	record.quick_from += 1000;
	say(STEERING_BLUE, "");
	assert_int_equal(truths, 1); /* caches hold the longer TTL after a restart, too */
	say(STEERING_BLUE, "");
	assert_int_equal(truths, 1);
	end();
}

/* Other keys: the newest change goes on being followed, and nothing is sent that was accepted. */
static void test_reload(void **state)
{
	(void)state;
	struct conf_service other;
	begin("blue", CONF_ROUTE53_SIMPLE);
	say(STEERING_BLUE, "");
	other = conf;
	service.conf = &other;
	service_dns_set_conf(&service);
	assert_int_equal(record.made, 1);
	record.intent = json_pack("{s:I}", "accepted_at", (json_int_t)1700000000000);
	other.route53.profile = (char *)"dns";
	service_dns_set_conf(&service);
	assert_int_equal(record.made, 2);
	assert_int_equal(record.freed, 1);
	assert_true(json_equal(record.resent, record.intent));
	assert_ptr_equal(service_dns_through(&service)->steering, service_dns_steering(&service));
	end();
}

/* ---- the status ---- */

static void test_status(void **state)
{
	(void)state;
	begin("blue", CONF_ROUTE53_SIMPLE);
	json_t *status = service_dns_to_json(&service);
	assert_string_equal(wire_read_text(status, "record"), "unread");
	assert_true(json_is_null(json_object_get(status, "ttl_s")));
	assert_true(json_is_null(json_object_get(status, "shares")));
	assert_true(json_is_null(json_object_get(status, "safe_at")));
	json_decref(status);
	record.view = (struct steering_view){.ttl_s = 60, .share = {2500, 7500}};
	record.progress = (struct steering_progress){.known = true, .safe_at = 1700000000000u, .change_id = "C1", .sentence = "INSYNC is late"};
	say(STEERING_SPLIT, "both have a share");
	status = service_dns_to_json(&service);
	assert_string_equal(wire_read_text(status, "name"), "api.example.test");
	assert_string_equal(wire_read_text(status, "record"), "split");
	assert_string_equal(wire_read_text(status, "sentence"),
		"the record is split: blue has a share of 25 %, green of 75 %; with the color named, --force takes it as it is; both have a share");
	assert_string_equal(wire_read_text(status, "hindrance"), "INSYNC is late");
	assert_string_equal(wire_read_text(status, "change_id"), "C1");
	assert_int_equal(json_integer_value(json_object_get(status, "ttl_s")), 60);
	assert_true(json_real_value(json_object_get(json_object_get(status, "shares"), "green")) == 75.0);
	assert_int_equal(wire_read_time(status, "safe_at"), 1700000000000u);
	assert_in_range(wire_read_time(status, "read_at"), clock_wall_ms() - 60000, clock_wall_ms());
	json_decref(status);
	end();
}

/* The end of the first look is told a turn of the loop behind it: a status between the two says nothing of a record that the live color does not go by yet. */
static void test_status_before_the_news(void **state)
{
	(void)state;
	begin(NULL, CONF_ROUTE53_SIMPLE);
	record.looks = false;
	record.view = (struct steering_view){.live = STEERING_GREEN, .read_ms = clock_mono_ms(), .sentence = "", .ttl_s = 60};
	json_t *status = service_dns_to_json(&service);
	assert_null(service_live_name(&service));
	assert_string_equal(wire_read_text(status, "record"), "unread");
	assert_true(json_is_null(json_object_get(status, "read_at")));
	json_decref(status);
	say(STEERING_GREEN, "");
	status = service_dns_to_json(&service);
	assert_string_equal(service_live_name(&service), "green");
	assert_string_equal(wire_read_text(status, "record"), "green");
	assert_true(wire_read_time(status, "read_at") > 0);
	json_decref(status);
	end();
}

/* What is not there has no TTL. */
static void test_status_of_nothing(void **state)
{
	(void)state;
	begin("blue", CONF_ROUTE53_SIMPLE);
	say(STEERING_ABSENT, "there is no such record");
	json_t *status = service_dns_to_json(&service);
	assert_string_equal(wire_read_text(status, "record"), "absent");
	assert_true(json_is_null(json_object_get(status, "ttl_s")));
	json_decref(status);
	end();
}

/* With health checks of our own nobody is asked. */
static void test_health_check(void **state)
{
	(void)state;
	bool drifted;
	begin("green", CONF_ROUTE53_HEALTH_CHECK);
	assert_int_equal(record.made, 0);
	assert_null(service_dns_steering(&service));
	assert_string_equal(service_live_name(&service), "green");
	assert_null(service_dns_fault(&service, &drifted));
	service_dns_look(&service);
	service_dns_tick(&service);
	assert_false(service_dns_is_looking(&service));
	service_dns_through(&service)->answer = json_pack("{s:I}", "safe_at", (json_int_t)1700000000000);
	json_t *status = service_dns_to_json(&service);
	assert_string_equal(wire_read_text(status, "silence"), "blue");
	assert_int_equal(wire_read_time(status, "safe_at"), 1700000000000u);
	assert_int_equal(json_integer_value(json_object_get(status, "answer")), 200);
	json_decref(status);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_undo),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_looks),
		cmocka_unit_test(test_truth),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_status_before_the_news),
		cmocka_unit_test(test_status_of_nothing),
		cmocka_unit_test(test_health_check),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
