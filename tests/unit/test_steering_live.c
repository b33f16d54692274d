/* dns/steering_live and dns/steering_intent: what sets say, which sets say it, and that what was written down is read as it was. */
// links: dns
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dns/steering_intent.h"
#include "dns/steering_live.h"
#include "dns/xml.h"

static char *blue_values[] = {"192.0.2.1"}, *green_values[] = {"192.0.2.2"};

static struct conf_route53 make_conf(enum conf_route53_policy policy)
{
	return (struct conf_route53){.name = "shop.example.com",
		.type = CONF_ROUTE53_A,
		.ttl_s = 60,
		.policy = policy,
		.colors = {{.values = blue_values, .value_count = 1}, {.values = green_values, .value_count = 1}}};
}

static struct conf_route53 make_alias_conf(void)
{
	struct conf_route53 conf = make_conf(CONF_ROUTE53_SIMPLE);
	conf.colors[COLOR_BLUE] = (struct conf_route53_color){.alias = "blue.elb.test", .alias_zone = "ZELB"};
	conf.colors[COLOR_GREEN] = (struct conf_route53_color){.alias = "green.elb.test", .alias_zone = "ZELB"};
	return conf;
}

#define SET(inside) "<ResourceRecordSet><Name>shop.example.com.</Name><Type>A</Type>" inside "</ResourceRecordSet>"
#define VALUE(value) "<ResourceRecords><ResourceRecord><Value>" value "</Value></ResourceRecord></ResourceRecords>"
#define SIMPLE(ttl, value) SET("<TTL>" ttl "</TTL>" VALUE(value))
#define SHARED(color, weight, value) SET("<SetIdentifier>" color "</SetIdentifier><Weight>" weight "</Weight><TTL>60</TTL>" VALUE(value))
#define ALIAS(zone, name, health) \
	SET("<AliasTarget><HostedZoneId>" zone "</HostedZoneId><DNSName>" name "</DNSName><EvaluateTargetHealth>" health \
	    "</EvaluateTargetHealth></AliasTarget>")

struct live_case {
	const char *label;
	enum conf_route53_policy policy;
	const char *sets[3];
	enum steering_live live;
	unsigned blue, green;
	const char *sentence;
};

static const struct live_case live_cases[] = {
	{"blue", CONF_ROUTE53_SIMPLE, {SIMPLE("60", "192.0.2.1")}, STEERING_BLUE, 10000, 0, ""},
	{"green", CONF_ROUTE53_SIMPLE, {SIMPLE("60", "192.0.2.2")}, STEERING_GREEN, 0, 10000, ""},
	{"another TTL", CONF_ROUTE53_SIMPLE, {SIMPLE("300", "192.0.2.1")}, STEERING_BLUE, 10000, 0, "the record has a TTL of 300 s, and the file says 60 s"},
	{"neither", CONF_ROUTE53_SIMPLE, {SIMPLE("60", "192.0.2.9")}, STEERING_NEITHER, 0, 0,
		"the record names neither color: shop.example.com A 60s 192.0.2.9"},
	{"absent", CONF_ROUTE53_SIMPLE, {NULL}, STEERING_ABSENT, 0, 0, "there is no A record of shop.example.com"},
	{"weighted, and simple in the file", CONF_ROUTE53_SIMPLE, {SHARED("blue", "1", "192.0.2.1"), SHARED("x", "1", "192.0.2.2")}, STEERING_NEITHER, 0, 0,
		"the record is weighted, of 2 sets, while the file has the policy simple"},
	{"foreign", CONF_ROUTE53_SIMPLE, {SET("<SetIdentifier>eu</SetIdentifier><Region>eu-west-1</Region><TTL>60</TTL>" VALUE("192.0.2.1"))}, STEERING_NEITHER,
		0, 0, "and what teal does not know: Region"},
	{"all blue", CONF_ROUTE53_WEIGHTED, {SHARED("blue", "100", "192.0.2.1"), SHARED("green", "0", "192.0.2.2")}, STEERING_BLUE, 10000, 0, ""},
	{"all green", CONF_ROUTE53_WEIGHTED, {SHARED("blue", "0", "192.0.2.1"), SHARED("green", "7", "192.0.2.2")}, STEERING_GREEN, 0, 10000, ""},
	{"split", CONF_ROUTE53_WEIGHTED, {SHARED("blue", "3", "192.0.2.1"), SHARED("green", "1", "192.0.2.2")}, STEERING_SPLIT, 7500, 2500, ""},
	{"both of weight 0", CONF_ROUTE53_WEIGHTED, {SHARED("blue", "0", "192.0.2.1"), SHARED("green", "0", "192.0.2.2")}, STEERING_SPLIT, 5000, 5000,
		"both sets have the weight 0, so that Route 53 gives both alike"},
	{"one alone", CONF_ROUTE53_WEIGHTED, {SHARED("blue", "100", "192.0.2.1")}, STEERING_BLUE, 10000, 0,
		"there is no set \"green\" yet; a switch creates it"},
	{"one alone, of weight 0", CONF_ROUTE53_WEIGHTED, {SHARED("green", "0", "192.0.2.2")}, STEERING_GREEN, 0, 10000,
		"there is no set \"blue\" yet; a switch creates it"},
	{"a third", CONF_ROUTE53_WEIGHTED, {SHARED("blue", "1", "192.0.2.1"), SHARED("green", "0", "192.0.2.2"), SHARED("red", "1", "192.0.2.3")},
		STEERING_NEITHER, 0, 0, "the record has a set besides \"blue\" and \"green\": shop.example.com A \"red\" weight 1 60s 192.0.2.3"},
	{"crossed", CONF_ROUTE53_WEIGHTED, {SHARED("blue", "1", "192.0.2.2"), SHARED("green", "0", "192.0.2.1")}, STEERING_NEITHER, 0, 0,
		"a set is called like a color and does not name it: "},
	{"simple, and weighted in the file", CONF_ROUTE53_WEIGHTED, {SIMPLE("60", "192.0.2.1")}, STEERING_NEITHER, 0, 0,
		"the record is not weighted, while the file has the policy weighted: "},
};

static size_t parse_sets(const char *const texts[3], struct record sets[3])
{
	size_t count = 0;
	for (; count < 3 && texts[count]; count++)
		assert_true(record_parse(&sets[count], texts[count], strlen(texts[count])));
	return count;
}

static void tells_what_sets_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(live_cases) / sizeof(live_cases[0]); i++) {
		const struct live_case *row = &live_cases[i];
		struct conf_route53 conf = make_conf(row->policy);
		struct steering_live_verdict verdict;
		struct record sets[3];
		size_t count = parse_sets(row->sets, sets);
		steering_live_judge(&conf, sets, count, &verdict);
		bool fits = row->sentence[0] ? strstr(verdict.sentence, row->sentence) != NULL : verdict.sentence[0] == 0;
		if (verdict.live != row->live || verdict.share[COLOR_BLUE] != row->blue || verdict.share[COLOR_GREEN] != row->green || !fits)
			fail_msg("%s: live %d, shares %u and %u: %s", row->label, verdict.live, verdict.share[COLOR_BLUE], verdict.share[COLOR_GREEN],
				verdict.sentence);
		for (size_t k = 0; k < count; k++)
			record_fini(&sets[k]);
	}
}

static void tells_what_aliases_say(void **state)
{
	(void)state;
	static const struct {
		const char *sets[3];
		enum steering_live live;
	} cases[] = {
		{{ALIAS("ZELB", "Blue.elb.test.", "false")}, STEERING_BLUE},
		{{ALIAS("ZELB", "green.elb.test.", "false")}, STEERING_GREEN},
		{{ALIAS("ZELB", "green.elb.test.", "true")}, STEERING_NEITHER},
		{{ALIAS("ZOTHER", "green.elb.test.", "false")}, STEERING_NEITHER},
		{{SIMPLE("60", "192.0.2.1")}, STEERING_NEITHER},
	};
	struct conf_route53 conf = make_alias_conf();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct steering_live_verdict verdict;
		struct record sets[3];
		parse_sets(cases[i].sets, sets);
		steering_live_judge(&conf, sets, 1, &verdict);
		assert_int_equal(verdict.live, cases[i].live);
		assert_int_equal(verdict.ttl_s, 60);
		record_fini(&sets[0]);
	}
}

/* ---- sets of a color ---- */

static void describe(const struct record *sets, size_t count, char *out, size_t size)
{
	struct text text;
	text_init(&text, size - 1);
	for (size_t i = 0; i < count; i++) {
		text_addf(&text, "%s", i > 0 ? "; " : "");
		record_describe(&sets[i], &text);
	}
	snprintf(out, size, "%s", text.bytes);
	text_fini(&text);
}

#define PAIR(blue, green) "shop.example.com A \"blue\" weight " blue " 60s 192.0.2.1; shop.example.com A \"green\" weight " green " 60s 192.0.2.2"

static void makes_the_sets_of_a_share(void **state)
{
	(void)state;
	static const struct {
		enum color to;
		unsigned share;
		const char *made;
	} cases[] = {
		{COLOR_GREEN, 10000, PAIR("0", "100")},
		{COLOR_BLUE, 10000, PAIR("100", "0")},
		{COLOR_GREEN, 500, PAIR("95", "5")},
		{COLOR_GREEN, 9900, PAIR("1", "99")},
		{COLOR_GREEN, 50, PAIR("199", "1")},
		{COLOR_GREEN, 3333, PAIR("2", "1")},
		{COLOR_BLUE, 1, PAIR("1", "255")}, /* as little as there is: no share is none */
		{COLOR_BLUE, 9999, PAIR("255", "1")},
	};
	struct conf_route53 conf = make_conf(CONF_ROUTE53_WEIGHTED);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char made[512];
		size_t count;
		struct record *sets = steering_live_make(&conf, cases[i].to, cases[i].share, NULL, 0, &count);
		describe(sets, count, made, sizeof(made));
		assert_string_equal(made, cases[i].made);
		record_free_all(sets, count);
	}
}

static void keeps_health_checks(void **state)
{
	(void)state;
	struct record present[2];
	char made[512];
	size_t count;
	struct conf_route53 conf = make_conf(CONF_ROUTE53_WEIGHTED);
	struct record *pair = steering_live_make(&conf, COLOR_BLUE, 10000, NULL, 0, &count);
	record_set_health_check(&pair[1], "hc-green");
	struct record *sets = steering_live_make(&conf, COLOR_GREEN, 10000, pair, 2, &count);
	describe(sets, count, made, sizeof(made));
	assert_string_equal(made, PAIR("0", "100") " health check hc-green");
	record_free_all(sets, count);
	record_free_all(pair, 2);
	conf = make_conf(CONF_ROUTE53_SIMPLE);
	record_init(&present[0], "shop.example.com.", "A", 300);
	record_set_health_check(&present[0], "hc");
	sets = steering_live_make(&conf, COLOR_GREEN, 10000, present, 1, &count);
	describe(sets, count, made, sizeof(made));
	assert_string_equal(made, "shop.example.com A 60s 192.0.2.2 health check hc");
	record_free_all(sets, count);
	record_fini(&present[0]);
}

static void makes_aliases(void **state)
{
	(void)state;
	char made[512];
	size_t count;
	struct conf_route53 conf = make_alias_conf();
	struct record *sets = steering_live_make(&conf, COLOR_GREEN, 10000, NULL, 0, &count);
	describe(sets, count, made, sizeof(made));
	assert_string_equal(made, "shop.example.com A alias to green.elb.test (ZELB)");
	assert_true(record_check(&sets[0], NULL));
	record_free_all(sets, count);
}

/* ---- intents ---- */

static struct steering_intent make_intent(void)
{
	struct conf_route53 conf = make_conf(CONF_ROUTE53_SIMPLE), weighted = make_conf(CONF_ROUTE53_WEIGHTED);
	struct steering_intent intent = {.zone_id = "Z1",
		.has_from = true,
		.from = COLOR_BLUE,
		.to = COLOR_GREEN,
		.share = 2500,
		.comment = "teal: from blue to green",
		.created_at = 1,
		.submitted_at = 2,
		.accepted_at = 3,
		.insync_at = 4,
		.agreed_at = 5,
		.safe_at = 6,
		.earlier_until = 7,
		.old_ttl_s = 300};
	intent.old = steering_live_make(&conf, COLOR_BLUE, 10000, NULL, 0, &intent.old_count);
	intent.new = steering_live_make(&weighted, COLOR_GREEN, 2500, NULL, 0, &intent.new_count);
	intent.change_id = strdup("C1");
	return intent;
}

static void reads_what_it_wrote(void **state)
{
	(void)state;
	struct err err;
	struct steering_intent intent = make_intent(), again;
	json_t *json = steering_intent_to_json(&intent);
	char *bytes = json_dumps(json, 0);
	json_t *parsed = json_loads(bytes, 0, NULL);
	assert_true(steering_intent_from_json(parsed, &again, &err));
	json_t *rewritten = steering_intent_to_json(&again);
	assert_true(json_equal(json, rewritten));
	assert_string_equal(again.change_id, "C1");
	assert_int_equal(again.earlier_until, 7);
	assert_true(record_equal(&again.new[1], &intent.new[1]));
	json_decref(rewritten);
	json_decref(parsed);
	free(bytes);
	json_decref(json);
	steering_intent_fini(&intent);
	steering_intent_fini(&again);
}

static void writes_deletions_and_creations(void **state)
{
	(void)state;
	struct batch batch;
	struct steering_intent intent = make_intent();
	steering_intent_make_batch(&intent, &batch);
	assert_int_equal(batch_cost(&batch), 3);
	assert_true(batch_check(&batch, NULL));
	assert_int_equal(batch_compare(&batch, intent.old, intent.old_count), BATCH_BEFORE);
	assert_int_equal(batch_compare(&batch, intent.new, intent.new_count), BATCH_AFTER);
	batch_fini(&batch);
	steering_intent_fini(&intent);
}

/* One thing at a time is not as it should be. */
static void reads_no_other(void **state)
{
	(void)state;
	static const struct {
		const char *key, *value;
	} cases[] = {
		{"version", "2"},
		{"version", "null"},
		{"zone", "\"\""},
		{"zone", "1"},
		{"zone", "\"ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ\""},
		{"to", "null"},
		{"to", "\"red\""},
		{"from", "\"red\""},
		{"share", "10001"},
		{"share", "-1"},
		{"old_ttl_s", "-1"},
		{"comment", "null"},
		{"change_id", "\"\""},
		{"old", "null"},
		{"old", "[1]"},
		{"old", "[\"\"]"},
		{"new", "[\"<ResourceRecordSet/>\"]"},
		{"new", "[\"<ResourceRecordSet><Name>a.</Name><Type>A</Type><TTL>1</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>\"]"},
		{"accepted_at", "-3"},
		{"accepted_at", "\"x\""},
		{"safe_at", "null"},
	};
	struct steering_intent intent = make_intent(), again;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err;
		json_t *json = steering_intent_to_json(&intent);
		json_object_set_new(json, cases[i].key, json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
		if (steering_intent_from_json(json, &again, &err))
			fail_msg("%s: %s was read", cases[i].key, cases[i].value);
		json_decref(json);
	}
	assert_false(steering_intent_from_json(NULL, &again, NULL));
	steering_intent_fini(&intent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_sets_say),
		cmocka_unit_test(tells_what_aliases_say),
		cmocka_unit_test(makes_the_sets_of_a_share),
		cmocka_unit_test(keeps_health_checks),
		cmocka_unit_test(makes_aliases),
		cmocka_unit_test(reads_what_it_wrote),
		cmocka_unit_test(writes_deletions_and_creations),
		cmocka_unit_test(reads_no_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
