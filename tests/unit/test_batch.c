/* dns/batch: bodies byte by byte, what is refused, and what a batch makes of what is there. */
// links: dns
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dns/batch.h"

#define HEAD "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch>"
#define TAIL "</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
#define CHANGE(action, inside) "<Change><Action>" action "</Action><ResourceRecordSet>" inside "</ResourceRecordSet></Change>"
#define NAME_A "<Name>www.example.com.</Name><Type>A</Type>"
#define TTL_VALUE(ttl, value) "<TTL>" ttl "</TTL><ResourceRecords><ResourceRecord><Value>" value "</Value></ResourceRecord></ResourceRecords>"
#define WEIGHTED(color, weight) "<SetIdentifier>" color "</SetIdentifier><Weight>" weight "</Weight>"

static void make(struct record *record, uint32_t ttl, const char *value)
{
	record_init(record, "www.example.com.", "A", ttl);
	record_add_value(record, value);
}

static void make_weighted(struct record *record, const char *color, unsigned weight, uint32_t ttl, const char *value)
{
	make(record, ttl, value);
	record_set_weight(record, color, weight);
}

static void expect_body(const struct batch *batch, const char *body)
{
	size_t length;
	char *written = batch_write(batch, &length);
	assert_string_equal(written, body);
	assert_int_equal(length, strlen(body));
	free(written);
}

/* ---- bodies ---- */

static void writes_a_simple_change(void **state)
{
	struct record old, new;
	struct batch batch;
	(void)state;
	make(&old, 60, "192.0.2.1");
	make(&new, 10, "192.0.2.2");
	batch_init(&batch, "c");
	batch_replace(&batch, &old, &new);
	expect_body(&batch, HEAD "<Comment>c</Comment><Changes>" CHANGE("DELETE", NAME_A TTL_VALUE("60", "192.0.2.1"))
				    CHANGE("CREATE", NAME_A TTL_VALUE("10", "192.0.2.2")) TAIL);
	assert_int_equal(batch_cost(&batch), 2);
	assert_true(batch_check(&batch, NULL));
	batch_fini(&batch);
	record_fini(&old);
	record_fini(&new);
}

static void writes_both_sides_of_a_weighted_pair(void **state)
{
	struct record blue, green, blue_off, green_on;
	struct batch batch, back;
	(void)state;
	make_weighted(&blue, "blue", 100, 60, "192.0.2.1");
	make_weighted(&green, "green", 0, 60, "192.0.2.2");
	make_weighted(&blue_off, "blue", 0, 10, "192.0.2.1");
	make_weighted(&green_on, "green", 100, 10, "192.0.2.2");
	record_set_health_check(&green_on, "h1");
	batch_init(&batch, "");
	batch_replace(&batch, &blue, &blue_off);
	batch_replace(&batch, &green, &green_on);
	expect_body(&batch,
		HEAD "<Changes>" CHANGE("DELETE", NAME_A WEIGHTED("blue", "100") TTL_VALUE("60", "192.0.2.1")) CHANGE("DELETE",
			NAME_A WEIGHTED("green", "0") TTL_VALUE("60", "192.0.2.2")) CHANGE("CREATE", NAME_A WEIGHTED("blue", "0") TTL_VALUE("10", "192.0.2.1"))
			CHANGE("CREATE", NAME_A WEIGHTED("green", "100") TTL_VALUE("10", "192.0.2.2") "<HealthCheckId>h1</HealthCheckId>") TAIL);
	assert_int_equal(batch_cost(&batch), 4);
	assert_true(batch_check(&batch, NULL));
	batch_init_inverse(&back, &batch, "back");
	expect_body(&back, HEAD "<Comment>back</Comment><Changes>" CHANGE("DELETE", NAME_A WEIGHTED("blue", "0") TTL_VALUE("10", "192.0.2.1"))
				   CHANGE("DELETE", NAME_A WEIGHTED("green", "100") TTL_VALUE("10", "192.0.2.2") "<HealthCheckId>h1</HealthCheckId>")
					   CHANGE("CREATE", NAME_A WEIGHTED("blue", "100") TTL_VALUE("60", "192.0.2.1"))
						   CHANGE("CREATE", NAME_A WEIGHTED("green", "0") TTL_VALUE("60", "192.0.2.2")) TAIL);
	batch_fini(&batch);
	batch_fini(&back);
	record_fini(&blue);
	record_fini(&green);
	record_fini(&blue_off);
	record_fini(&green_on);
}

static void writes_aliases(void **state)
{
	struct record old, new;
	struct batch batch;
	(void)state;
	record_init_alias(&old, "www.example.com.", "A", "Z35", "dualstack.blue.elb.amazonaws.com.", true);
	record_init_alias(&new, "www.example.com.", "A", "Z35", "dualstack.green.elb.amazonaws.com", false);
	record_set_weight(&new, "g", 1);
	batch_init(&batch, "a<b>&\"c");
	batch_replace(&batch, &old, &new);
	expect_body(
		&batch, HEAD "<Comment>a&lt;b&gt;&amp;\"c</Comment><Changes>" CHANGE("DELETE",
				NAME_A "<AliasTarget><HostedZoneId>Z35</HostedZoneId><DNSName>dualstack.blue.elb.amazonaws.com.</DNSName>"
				       "<EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget>") CHANGE("CREATE",
				NAME_A WEIGHTED("g", "1") "<AliasTarget><HostedZoneId>Z35</HostedZoneId><DNSName>dualstack.green.elb.amazonaws.com</DNSName>"
							  "<EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>") TAIL);
	batch_fini(&batch);
	record_fini(&old);
	record_fini(&new);
}

/* What is there is deleted as it was spelt, not as we would spell it. */
static void deletes_to_the_letter(void **state)
{
	static const char there[] = "<ResourceRecordSet><Name>\\052.Example.com.</Name><Type>AAAA</Type><TTL>5</TTL><ResourceRecords><ResourceRecord>"
				    "<Value>2001:DB8:0::1</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>";
	struct record old;
	struct batch batch;
	(void)state;
	assert_true(record_parse(&old, there, sizeof(there) - 1));
	batch_init(&batch, "");
	batch_replace(&batch, &old, NULL);
	expect_body(&batch, HEAD "<Changes>" CHANGE("DELETE", "<Name>\\052.example.com.</Name><Type>AAAA</Type>" TTL_VALUE("5", "2001:DB8:0::1")) TAIL);
	assert_int_equal(batch_cost(&batch), 1);
	batch_fini(&batch);
	record_fini(&old);
}

static void cuts_the_comment(void **state)
{
	char comment[400];
	struct batch batch;
	(void)state;
	memset(comment, 'x', sizeof(comment));
	strcpy(comment + 255, "\xc3\xbcy");
	batch_init(&batch, comment);
	assert_int_equal(strlen(batch.comment), 255);
	batch_fini(&batch);
	strcpy(comment + 254, "\xc3\xbcy");
	batch_init(&batch, comment);
	assert_string_equal(batch.comment + 254, "\xc3\xbc");
	batch_fini(&batch);
}

/* ---- what can't be sent ---- */

static void refuses_ttls_that_differ(void **state)
{
	struct record blue, green, other;
	struct batch batch;
	struct err err = {""};
	(void)state;
	make_weighted(&blue, "blue", 1, 60, "192.0.2.1");
	make_weighted(&green, "green", 0, 61, "192.0.2.2");
	record_init(&other, "other.example.com.", "A", 99);
	record_add_value(&other, "192.0.2.3");
	record_set_weight(&other, "blue", 1);
	batch_init(&batch, "");
	batch_replace(&batch, NULL, &blue);
	batch_replace(&batch, &green, &other);
	assert_true(batch_check(&batch, &err));
	batch_replace(&batch, NULL, &green);
	assert_false(batch_check(&batch, &err));
	assert_string_equal(err.text, "the weighted A records \"blue\" and \"green\" of www.example.com. have different TTLs, which Route 53 does not take");
	batch_fini(&batch);
	record_fini(&blue);
	record_fini(&green);
	record_fini(&other);
}

static void refuses_what_a_record_refuses(void **state)
{
	struct record wrong;
	struct batch batch;
	struct err err = {""};
	(void)state;
	make(&wrong, 60, "lb.example.com");
	batch_init(&batch, "");
	batch_replace(&batch, &wrong, NULL); /* what is there may be deleted, whatever we think of it */
	assert_true(batch_check(&batch, &err));
	batch_replace(&batch, NULL, &wrong);
	assert_false(batch_check(&batch, &err));
	assert_non_null(strstr(err.text, "is no IPv4 address"));
	batch_fini(&batch);
	record_fini(&wrong);
}

static void refuses_what_is_beyond_the_limits(void **state)
{
	struct record many;
	struct batch batch;
	struct err err = {""};
	char value[32];
	(void)state;
	record_init(&many, "many.example.com.", "A", 1);
	for (unsigned i = 0; i < RECORD_VALUES_MAX; i++) {
		snprintf(value, sizeof(value), "192.0.2.%u", i);
		record_add_value(&many, value);
	}
	batch_init(&batch, "");
	for (unsigned i = 0; i < 5; i++)
		batch_replace(&batch, &many, &many);
	assert_true(batch_check(&batch, &err));
	batch_replace(&batch, NULL, &many);
	assert_false(batch_check(&batch, &err));
	assert_non_null(strstr(err.text, "the change holds 1100 values"));
	batch_fini(&batch);
	record_fini(&many);
}

/* ---- what is there ---- */

#define BLUE_ON (1u << 0)
#define BLUE_OFF (1u << 1)
#define GREEN_ON (1u << 2)
#define GREEN_OFF (1u << 3)
#define BLUE_BY_HAND (1u << 4)
#define BLUE_REGION (1u << 5)
#define STRANGER (1u << 6)
#define SORTS 7u

static void make_sort(struct record *record, unsigned sort)
{
	static const char region[] = "<ResourceRecordSet>" NAME_A "<SetIdentifier>blue</SetIdentifier><Weight>100</Weight><Region>eu-west-1</Region>" TTL_VALUE(
		"60", "192.0.2.1") "</ResourceRecordSet>";
	switch (1u << sort) {
	case BLUE_ON:
		make_weighted(record, "blue", 100, 60, "192.0.2.1");
		return;
	case BLUE_OFF:
		make_weighted(record, "blue", 0, 60, "192.0.2.1");
		return;
	case GREEN_ON:
		make_weighted(record, "green", 100, 60, "192.0.2.2");
		return;
	case GREEN_OFF:
		make_weighted(record, "green", 0, 60, "192.0.2.2");
		return;
	case BLUE_BY_HAND:
		make_weighted(record, "blue", 50, 60, "192.0.2.1");
		return;
	case BLUE_REGION:
		assert_true(record_parse(record, region, sizeof(region) - 1));
		return;
	default:
		make_weighted(record, "stranger", 1, 60, "192.0.2.3");
	}
}

static const struct {
	unsigned present;
	enum batch_state state;
} states[] = {
	{BLUE_ON | GREEN_OFF, BATCH_BEFORE},
	{BLUE_OFF | GREEN_ON, BATCH_AFTER},
	{BLUE_ON | GREEN_OFF | STRANGER, BATCH_BEFORE},
	{BLUE_OFF | GREEN_ON | STRANGER, BATCH_AFTER},
	{BLUE_ON | GREEN_ON, BATCH_DRIFTED},
	{BLUE_OFF | GREEN_OFF, BATCH_DRIFTED},
	{BLUE_BY_HAND | GREEN_OFF, BATCH_DRIFTED},
	{BLUE_REGION | GREEN_OFF, BATCH_DRIFTED},
	{BLUE_ON, BATCH_DRIFTED},
	{GREEN_ON, BATCH_DRIFTED},
	{STRANGER, BATCH_DRIFTED},
	{0, BATCH_DRIFTED},
};

static void tells_before_from_after(void **state)
{
	struct record sorts[SORTS];
	struct batch batch;
	(void)state;
	for (unsigned i = 0; i < SORTS; i++)
		make_sort(&sorts[i], i);
	batch_init(&batch, "");
	batch_replace(&batch, &sorts[0], &sorts[1]);
	batch_replace(&batch, &sorts[3], &sorts[2]);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct record present[SORTS];
		size_t count = 0;
		for (unsigned sort = 0; sort < SORTS; sort++)
			if (states[i].present & 1u << sort)
				present[count++] = sorts[sort];
		if (batch_compare(&batch, present, count) != states[i].state)
			fail_msg("present %x", states[i].present);
	}
	batch_fini(&batch);
	for (unsigned i = 0; i < SORTS; i++)
		record_fini(&sorts[i]);
}

static void tells_creation_deletion_and_nothing(void **state)
{
	struct record one;
	struct batch creation, deletion, nothing;
	(void)state;
	make(&one, 60, "192.0.2.1");
	batch_init(&creation, "");
	batch_init(&deletion, "");
	batch_init(&nothing, "");
	batch_replace(&creation, NULL, &one);
	batch_replace(&deletion, &one, NULL);
	batch_replace(&nothing, &one, &one);
	assert_int_equal(batch_compare(&creation, NULL, 0), BATCH_BEFORE);
	assert_int_equal(batch_compare(&creation, &one, 1), BATCH_AFTER);
	assert_int_equal(batch_compare(&deletion, NULL, 0), BATCH_AFTER);
	assert_int_equal(batch_compare(&deletion, &one, 1), BATCH_BEFORE);
	assert_int_equal(batch_compare(&nothing, &one, 1), BATCH_AFTER);
	assert_int_equal(batch_compare(&nothing, NULL, 0), BATCH_DRIFTED);
	batch_fini(&creation);
	batch_fini(&deletion);
	batch_fini(&nothing);
	record_fini(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_a_simple_change),
		cmocka_unit_test(writes_both_sides_of_a_weighted_pair),
		cmocka_unit_test(writes_aliases),
		cmocka_unit_test(deletes_to_the_letter),
		cmocka_unit_test(cuts_the_comment),
		cmocka_unit_test(refuses_ttls_that_differ),
		cmocka_unit_test(refuses_what_a_record_refuses),
		cmocka_unit_test(refuses_what_is_beyond_the_limits),
		cmocka_unit_test(tells_before_from_after),
		cmocka_unit_test(tells_creation_deletion_and_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
