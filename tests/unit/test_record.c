/* dns/record by tables: what is read, refused, written, compared and shown. */
// links: dns
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dns/record.h"

#define SET(inside) "<ResourceRecordSet>" inside "</ResourceRecordSet>"
#define NAME_A "<Name>www.example.com.</Name><Type>A</Type>"
#define VALUE(value) "<ResourceRecord><Value>" value "</Value></ResourceRecord>"
#define VALUES(values) "<ResourceRecords>" values "</ResourceRecords>"
#define ONE "<TTL>60</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords>"
#define ALIAS "<AliasTarget><HostedZoneId>Z35</HostedZoneId><DNSName>lb.example.net.</DNSName><EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget>"
#define BLUE "<SetIdentifier>blue</SetIdentifier><Weight>0</Weight>"

/* ---- read, written, described ---- */

struct known_case {
	const char *xml;
	const char *written; /* NULL: the same */
	const char *described;
};

static const struct known_case known_cases[] = {
	{SET(NAME_A ONE), NULL, "www.example.com A 60s 192.0.2.1"},
	{SET(NAME_A "<TTL>0</TTL>" VALUES(VALUE("192.0.2.1") VALUE("192.0.2.2"))), NULL, "www.example.com A 0s 192.0.2.1 192.0.2.2"},
	{SET("<Name>v6.example.com.</Name><Type>AAAA</Type><TTL>2147483647</TTL>" VALUES(VALUE("2001:db8::1"))), NULL,
		"v6.example.com AAAA 2147483647s 2001:db8::1"},
	{SET("<Name>c.example.com.</Name><Type>CNAME</Type><TTL>5</TTL>" VALUES(VALUE("d.example.net"))), NULL, "c.example.com CNAME 5s d.example.net"},
	{SET(NAME_A BLUE ONE), NULL, "www.example.com A \"blue\" weight 0 60s 192.0.2.1"},
	{SET(NAME_A BLUE ONE "<HealthCheckId>0f-1</HealthCheckId>"), NULL, "www.example.com A \"blue\" weight 0 60s 192.0.2.1 health check 0f-1"},
	{SET(NAME_A ALIAS), NULL, "www.example.com A alias to lb.example.net. (Z35, evaluating its health)"},
	{SET(NAME_A BLUE ALIAS), NULL, "www.example.com A \"blue\" weight 0 alias to lb.example.net. (Z35, evaluating its health)"},
	{SET("<Name>\\052.Example.com</Name><Type>A</Type>" ONE), SET("<Name>\\052.example.com.</Name><Type>A</Type>" ONE), "*.example.com A 60s 192.0.2.1"},
	{SET(ONE "<Weight>255</Weight><Type>A</Type><SetIdentifier>a&lt;&amp;b</SetIdentifier><Name>www.example.com</Name>"),
		SET(NAME_A "<SetIdentifier>a&lt;&amp;b</SetIdentifier><Weight>255</Weight>" ONE), "www.example.com A \"a<&b\" weight 255 60s 192.0.2.1"},
	{SET("\n <Name>www.example.com.</Name>\n <Type>A</Type>\n <TTL>60</TTL>\n <ResourceRecords>\n <ResourceRecord><Value>192.0.2.1</Value></ResourceRecord>\n "
	     "</ResourceRecords>"),
		SET(NAME_A ONE), "www.example.com A 60s 192.0.2.1"},
};

static void parse(struct record *record, const char *xml)
{
	if (!record_parse(record, xml, strlen(xml)))
		fail_msg("not read: %s", xml);
}

static void reads_and_writes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(known_cases) / sizeof(known_cases[0]); i++) {
		struct record record, again;
		struct text written, described;
		text_init(&written, 10000);
		text_init(&described, 10000);
		parse(&record, known_cases[i].xml);
		assert_string_equal(record.foreign, "");
		record_write(&record, &written);
		assert_string_equal(written.bytes, known_cases[i].written ? known_cases[i].written : known_cases[i].xml);
		parse(&again, written.bytes);
		assert_true(record_equal(&record, &again));
		record_describe(&record, &described);
		assert_string_equal(described.bytes, known_cases[i].described);
		assert_true(record_check(&record, NULL));
		text_fini(&written);
		text_fini(&described);
		record_fini(&record);
		record_fini(&again);
	}
}

static const struct {
	const char *xml, *foreign;
} foreign_cases[] = {
	{SET(NAME_A "<SetIdentifier>x</SetIdentifier><Region>eu-west-1</Region>" ONE), "Region"},
	{SET(NAME_A "<SetIdentifier>x</SetIdentifier><GeoLocation><CountryCode>DE</CountryCode></GeoLocation>" ONE), "GeoLocation"},
	{SET(NAME_A "<SetIdentifier>x</SetIdentifier><Failover>PRIMARY</Failover>" ONE), "Failover"},
	{SET(NAME_A "<SetIdentifier>x</SetIdentifier><MultiValueAnswer>true</MultiValueAnswer>" ONE), "MultiValueAnswer"},
	{SET(NAME_A ONE "<TrafficPolicyInstanceId>t</TrafficPolicyInstanceId>"), "TrafficPolicyInstanceId"},
	{SET(NAME_A "<TrafficPolicyInstanceId>t</TrafficPolicyInstanceId>"), "TrafficPolicyInstanceId"},
	{SET(NAME_A "<SetIdentifier>x</SetIdentifier>" ONE "<CidrRoutingConfig><CollectionId>c</CollectionId></CidrRoutingConfig>"), "CidrRoutingConfig"},
	{SET(NAME_A "<SetIdentifier>x</SetIdentifier>" ONE "<GeoProximityLocation/>"), "GeoProximityLocation"},
	{SET(NAME_A ONE "<OfTomorrow/>"), "OfTomorrow"},
	{SET(NAME_A "<TTL>60</TTL>" VALUES("<Other/>" VALUE("192.0.2.1"))), "Other"},
	{SET(NAME_A
		 "<AliasTarget><HostedZoneId>Z35</HostedZoneId><DNSName>l.example.</DNSName><EvaluateTargetHealth>true</EvaluateTargetHealth><More/></AliasTarget>"),
		"More"},
	{SET("<Name>example.com.</Name><Type>TXT</Type><TTL>60</TTL>" VALUES(VALUE("\"v=1\""))), "Type TXT"},
	{SET("<Name>example.com.</Name><Type>NS</Type><TTL>60</TTL>" VALUES(VALUE("ns.example.") VALUE("ns2.example."))), "Type NS"},
};

static void notes_what_it_does_not_know(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(foreign_cases) / sizeof(foreign_cases[0]); i++) {
		struct record record;
		struct text described;
		text_init(&described, 10000);
		parse(&record, foreign_cases[i].xml);
		assert_string_equal(record.foreign, foreign_cases[i].foreign);
		assert_false(record_equal(&record, &record));
		assert_false(record_same_target(&record, &record));
		record_describe(&record, &described);
		assert_non_null(strstr(described.bytes, foreign_cases[i].foreign));
		assert_null(strstr(described.bytes, "weight")); /* it has none */
		text_fini(&described);
		record_fini(&record);
	}
}

static const char *const impossible[] = {
	"",
	"<ResourceRecordSet>",
	"<Other>" NAME_A ONE "</Other>",
	SET(""),
	SET("<Name>a.example.</Name>" ONE),
	SET("<Type>A</Type>" ONE),
	SET(NAME_A),
	SET(NAME_A "<TTL>60</TTL>"),
	SET(NAME_A VALUES(VALUE("192.0.2.1"))),
	SET(NAME_A "<TTL>60</TTL>" VALUES("")),
	SET(NAME_A "<TTL>60</TTL>" VALUES(VALUE(""))),
	SET(NAME_A "<TTL>60</TTL>" VALUES("<ResourceRecord/>")),
	SET(NAME_A "<TTL>60</TTL>" VALUES("<ResourceRecord><Value>1</Value><Value>2</Value></ResourceRecord>")),
	SET(NAME_A "<TTL>60</TTL>" VALUES("<ResourceRecord><Other>1</Other></ResourceRecord>")),
	SET(NAME_A "<TTL></TTL>" VALUES(VALUE("192.0.2.1"))),
	SET(NAME_A "<TTL>-1</TTL>" VALUES(VALUE("192.0.2.1"))),
	SET(NAME_A "<TTL>2147483648</TTL>" VALUES(VALUE("192.0.2.1"))),
	SET(NAME_A "<TTL>60 </TTL>" VALUES(VALUE("192.0.2.1"))),
	SET(NAME_A "<TTL>99999999999999999999</TTL>" VALUES(VALUE("192.0.2.1"))),
	SET(NAME_A ONE "<TTL>60</TTL>"),
	SET(NAME_A NAME_A ONE),
	SET(NAME_A ONE ALIAS),
	SET(NAME_A ALIAS ALIAS),
	SET(NAME_A "<TTL>60</TTL>" ALIAS),
	SET(NAME_A "<SetIdentifier>blue</SetIdentifier>" ONE),
	SET(NAME_A "<Weight>1</Weight>" ONE),
	SET(NAME_A "<SetIdentifier></SetIdentifier><Weight>1</Weight>" ONE),
	SET(NAME_A "<SetIdentifier>blue</SetIdentifier><Weight>256</Weight>" ONE),
	SET(NAME_A ONE "<HealthCheckId></HealthCheckId>"),
	SET("<Name></Name><Type>A</Type>" ONE),
	SET("<Name>a..b</Name><Type>A</Type>" ONE),
	SET("<Name>a.example.</Name><Type></Type>" ONE),
	SET("<Name>a.example.</Name><Type>a</Type>" ONE),
	SET("<Name>a.example.</Name><Type>ABCDEFGHIJKLMNOP</Type>" ONE),
	SET(NAME_A "<AliasTarget/>"),
	SET(NAME_A "<AliasTarget><HostedZoneId>Z</HostedZoneId><DNSName>a.example.</DNSName></AliasTarget>"),
	SET(NAME_A "<AliasTarget><HostedZoneId>Z</HostedZoneId><DNSName>a.example.</DNSName><EvaluateTargetHealth>yes</EvaluateTargetHealth></AliasTarget>"),
	SET(NAME_A "<AliasTarget><HostedZoneId>Z</HostedZoneId><HostedZoneId>Z</HostedZoneId><DNSName>a.</DNSName>"
		   "<EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget>"),
	SET(NAME_A "<AliasTarget><HostedZoneId>Z</HostedZoneId><DNSName>a.</DNSName><EvaluateTargetHealth>true</EvaluateTargetHealth>"
		   "<EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget>"),
	SET(NAME_A "<AliasTarget><HostedZoneId></HostedZoneId><DNSName>a.</DNSName><EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget>"),
	"<!DOCTYPE ResourceRecordSet>" SET(NAME_A ONE),
};

static void refuses_what_route53_would_not_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]); i++) {
		struct record record;
		if (record_parse(&record, impossible[i], strlen(impossible[i])))
			fail_msg("read: %s", impossible[i]);
		record_fini(&record);
	}
}

/* ---- compared ---- */

#define ODD_ALIAS "<AliasTarget><HostedZoneId>Z35</HostedZoneId><DNSName>a..b</DNSName><EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget>"

static const struct {
	const char *a, *b;
	bool same_place, same_target, equal;
} pairs[] = {
	{SET(NAME_A ODD_ALIAS), SET(NAME_A ODD_ALIAS), true, true, true},
	{SET(NAME_A ONE), SET("<Name>WWW.example.com</Name><Type>A</Type>" ONE), true, true, true},
	{SET(NAME_A "<TTL>60</TTL>" VALUES(VALUE("192.0.2.1") VALUE("192.0.2.2"))), SET(NAME_A "<TTL>60</TTL>" VALUES(VALUE("192.0.2.2") VALUE("192.0.2.1"))),
		true, true, true},
	{SET(NAME_A "<TTL>60</TTL>" VALUES(VALUE("192.0.2.1") VALUE("192.0.2.2"))), SET(NAME_A "<TTL>60</TTL>" VALUES(VALUE("192.0.2.1") VALUE("192.0.2.1"))),
		true, false, false},
	{SET(NAME_A ONE), SET(NAME_A "<TTL>60</TTL>" VALUES(VALUE("192.0.2.1") VALUE("192.0.2.2"))), true, false, false},
	{SET(NAME_A ONE), SET(NAME_A "<TTL>61</TTL>" VALUES(VALUE("192.0.2.1"))), true, true, false},
	{SET(NAME_A ONE), SET(NAME_A "<TTL>60</TTL>" VALUES(VALUE("192.0.2.9"))), true, false, false},
	{SET(NAME_A ONE), SET(NAME_A ONE "<HealthCheckId>h</HealthCheckId>"), true, true, false},
	{SET(NAME_A ONE), SET(NAME_A BLUE ONE), false, true, false},
	{SET(NAME_A BLUE ONE), SET(NAME_A "<SetIdentifier>blue</SetIdentifier><Weight>1</Weight>" ONE), true, true, false},
	{SET(NAME_A BLUE ONE), SET(NAME_A "<SetIdentifier>Blue</SetIdentifier><Weight>0</Weight>" ONE), false, true, false},
	{SET(NAME_A ONE), SET("<Name>b.example.com.</Name><Type>A</Type>" ONE), false, true, false},
	{SET(NAME_A ONE), SET(NAME_A ALIAS), true, false, false},
	{SET(NAME_A ALIAS), SET(NAME_A ALIAS), true, true, true},
	{SET(NAME_A ALIAS),
		SET(NAME_A
			"<AliasTarget><HostedZoneId>Z35</HostedZoneId><DNSName>LB.example.net</DNSName><EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget>"),
		true, true, true},
	{SET(NAME_A ALIAS),
		SET(NAME_A
			"<AliasTarget><HostedZoneId>Z35</HostedZoneId><DNSName>lb.example.net.</DNSName><EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>"),
		true, false, false},
	{SET(NAME_A ALIAS),
		SET(NAME_A
			"<AliasTarget><HostedZoneId>Z36</HostedZoneId><DNSName>lb.example.net.</DNSName><EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget>"),
		true, false, false},
	{SET("<Name>v.example.</Name><Type>AAAA</Type><TTL>1</TTL>" VALUES(VALUE("2001:db8::1"))),
		SET("<Name>v.example.</Name><Type>AAAA</Type><TTL>1</TTL>" VALUES(VALUE("2001:DB8:0:0:0:0:0:1"))), true, true, true},
	{SET("<Name>c.example.</Name><Type>CNAME</Type><TTL>1</TTL>" VALUES(VALUE("a.example"))),
		SET("<Name>c.example.</Name><Type>CNAME</Type><TTL>1</TTL>" VALUES(VALUE("A.example."))), true, true, true},
	{SET("<Name>c.example.</Name><Type>A</Type><TTL>1</TTL>" VALUES(VALUE("192.0.2.1"))),
		SET("<Name>c.example.</Name><Type>CNAME</Type><TTL>1</TTL>" VALUES(VALUE("192.0.2.1"))), false, false, false},
};

static void compares(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct record a, b, copy;
		parse(&a, pairs[i].a);
		parse(&b, pairs[i].b);
		record_copy(&copy, &a);
		assert_true(record_equal(&a, &copy));
		for (unsigned turn = 0; turn < 2; turn++) {
			const struct record *one = turn ? &b : &a, *other = turn ? &copy : &b;
			if (record_same_place(one, other) != pairs[i].same_place || record_same_target(one, other) != pairs[i].same_target ||
				record_equal(one, other) != pairs[i].equal)
				fail_msg("pair %zu, turn %u", i, turn);
		}
		record_fini(&a);
		record_fini(&b);
		record_fini(&copy);
	}
}

/* ---- made and checked ---- */

static const struct {
	const char *xml, *sentence;
} check_cases[] = {
	{SET(NAME_A "<TTL>1</TTL>" VALUES(VALUE("2001:db8::1"))),
		"the A record of www.example.com: \"2001:db8::1\" is no IPv4 address, which a record of type A needs"},
	{SET("<Name>w.example.</Name><Type>AAAA</Type><TTL>1</TTL>" VALUES(VALUE("192.0.2.1"))),
		"the AAAA record of w.example: \"192.0.2.1\" is no IPv6 address, which a record of type AAAA needs"},
	{SET("<Name>w.example.</Name><Type>CNAME</Type><TTL>1</TTL>" VALUES(VALUE("a..b"))),
		"the CNAME record of w.example: the name \"a..b\" has an empty label (two dots in a row, or one at its beginning)"},
	{SET("<Name>w.example.</Name><Type>CNAME</Type><TTL>1</TTL>" VALUES(VALUE("a") VALUE("b"))),
		"the CNAME record of w.example: a CNAME record holds one value, not 2"},
	{SET(NAME_A BLUE "<TTL>1</TTL>" VALUES(VALUE("192.0.2.1") VALUE("192.0.2.2"))),
		"the A record of www.example.com: a weighted record holds one value, not 2"},
};

static void checks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(check_cases) / sizeof(check_cases[0]); i++) {
		struct record record;
		struct err err = {""};
		parse(&record, check_cases[i].xml);
		assert_false(record_check(&record, &err));
		assert_string_equal(err.text, check_cases[i].sentence);
		record_fini(&record);
	}
}

static void expect_refusal(struct record *record, const char *part)
{
	struct err err = {""};
	assert_false(record_check(record, &err));
	if (!strstr(err.text, part))
		fail_msg("%s", err.text);
	record_fini(record);
}

static void checks_what_is_made(void **state)
{
	char value[32], identifier[130];
	struct record record;
	(void)state;
	record_init(&record, "a.example.", "A", 60);
	expect_refusal(&record, "it has no value");
	record_init(&record, "a.example.", "A", 60);
	for (unsigned i = 0; i < 101; i++) {
		snprintf(value, sizeof(value), "192.0.2.%u", i);
		record_add_value(&record, value);
	}
	expect_refusal(&record, "it has 101 values, and Route 53 takes 100");
	record_init(&record, "a.example.", "A", RECORD_TTL_MAX + 1);
	record_add_value(&record, "192.0.2.1");
	expect_refusal(&record, "its TTL of 2147483648 s");
	record_init(&record, "a.example.", "A", 60);
	record_add_value(&record, "192.0.2.1");
	record_set_weight(&record, "x", 256);
	expect_refusal(&record, "its weight of 256");
	memset(identifier, 'i', sizeof(identifier) - 1);
	identifier[sizeof(identifier) - 1] = '\0';
	record_init(&record, "a.example.", "A", 60);
	record_add_value(&record, "192.0.2.1");
	record_set_weight(&record, identifier, 1);
	expect_refusal(&record, "a set identifier has 1 to 128 characters, not 129");
	record_init_alias(&record, "a.example.", "A", "", "lb.example", true);
	expect_refusal(&record, "the hosted zone id of its target");
	record_init_alias(&record, "a.example.", "A", "Z1", "", true);
	expect_refusal(&record, "the name is empty");
	record_init_alias(&record, "a.example.", "A", "Z1", "lb.example", false);
	record_add_value(&record, "192.0.2.1");
	expect_refusal(&record, "an alias has no values of its own");
	record_init_alias(&record, "a.example.", "A", "Z1", "lb.example", false);
	record_set_health_check(&record, "");
	expect_refusal(&record, "the id of a health check");
}

/* Whoever writes a value does not write to the operator's terminal. */
static void shows_nothing_that_steers_a_terminal(void **state)
{
	struct record record;
	struct text out;
	char length[1000];
	(void)state;
	memset(length, 'v', sizeof(length) - 1);
	length[sizeof(length) - 1] = '\0';
	text_init(&out, 100000);
	record_init(&record, "a.example.", "A", 60);
	record_add_value(&record, "\x1b[2J\xc2\x9b\n");
	record_add_value(&record, length);
	record_describe(&record, &out);
	for (size_t i = 0; i < out.length; i++)
		assert_true((unsigned char)out.bytes[i] >= ' ' && out.bytes[i] != 0x7f);
	assert_null(strstr(out.bytes, "\xc2\x9b"));
	assert_true(out.length < 500);
	text_fini(&out);
	record_fini(&record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_writes),
		cmocka_unit_test(notes_what_it_does_not_know),
		cmocka_unit_test(refuses_what_route53_would_not_say),
		cmocka_unit_test(compares),
		cmocka_unit_test(checks),
		cmocka_unit_test(checks_what_is_made),
		cmocka_unit_test(shows_nothing_that_steers_a_terminal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
