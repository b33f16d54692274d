/* Services that are switched by Route 53 in teal.yaml: values, defaults, faults, and which keys go with which `via`. */
// links: conf
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "conf/keys.h"
#include "tests/unit/conf_faults.h"

/* A service on lines 1 to 5, so that what is below it begins on line 6 and what is below `route53` on line 7. */
#define SERVICE "services:\n  api:\n    via: route53\n    blue: {}\n    green: {}\n"
#define RECORD SERVICE "    route53:\n"
#define NAME "      name: api.example.com\n"
#define A NAME "      type: A\n"
#define VALUES "      blue: 192.0.2.10\n      green: [192.0.2.20]\n"
#define GOOD RECORD A VALUES
/* With an alias: four lines. */
#define ALIAS A "      blue: {alias: Blue.elb.example., zone: Z1}\n      green: {alias: green.elb.example, zone: Z2, evaluate_target_health: on}\n"

struct good_case {
	const char *name, *yaml;
	const char *values; /* as write_record has them */
};

#define DEFAULTS "no zone, api.example.com A 60 simple;"
#define BOTH " blue 192.0.2.10; green 192.0.2.20;"

static const struct good_case goods[] = {
	{"the least there can be", GOOD, DEFAULTS BOTH},
	{"listeners that are none", "listen: []\n" GOOD, DEFAULTS BOTH},
	{"a zone", GOOD "      zone: Z1D633PJN98FT9\n", "Z1D633PJN98FT9, api.example.com A 60 simple;" BOTH},
	{"a name in capitals with a dot", RECORD "      name: API.Example.COM.\n      type: A\n" VALUES, DEFAULTS BOTH},
	{"a wildcard", RECORD "      name: '*.example.com'\n      type: A\n" VALUES, "no zone, *.example.com A 60 simple;" BOTH},
	{"a name with an underscore", RECORD "      name: _api.example.com\n      type: A\n" VALUES, "no zone, _api.example.com A 60 simple;" BOTH},
	{"several values", RECORD A "      blue: [192.0.2.10, 192.0.2.11]\n      green: [192.0.2.11, 192.0.2.12]\n",
		DEFAULTS " blue 192.0.2.10 192.0.2.11; green 192.0.2.11 192.0.2.12;"},
	{"AAAA", RECORD NAME "      type: AAAA\n      blue: 2001:DB8::10\n      green: ['::20', 2001:db8::10]\n",
		"no zone, api.example.com AAAA 60 simple; blue 2001:DB8::10; green ::20 2001:db8::10;"},
	{"CNAME", RECORD NAME "      type: CNAME\n      blue: Blue.example.com.\n      green: [green.example.com]\n",
		"no zone, api.example.com CNAME 60 simple; blue blue.example.com; green green.example.com;"},
	{"an alias", RECORD ALIAS, DEFAULTS " blue alias blue.elb.example in Z1; green alias green.elb.example in Z2 evaluated;"},
	{"no TTL at all", GOOD "      ttl: 0\n", "no zone, api.example.com A 0 simple;" BOTH},
	{"the longest TTL", GOOD "      ttl: 2147483647\n", "no zone, api.example.com A 2147483647 simple;" BOTH},
	{"simple", GOOD "      policy: simple\n", DEFAULTS BOTH},
	{"weighted", GOOD "      policy: weighted\n", "no zone, api.example.com A 60 weighted;" BOTH},
	{"weighted in steps", GOOD "      policy: weighted\n    steps: {shares: [0.39, 50, 99.61, 100], pause: manual}\n",
		"no zone, api.example.com A 60 weighted;" BOTH},
	{"weighted aliases", RECORD ALIAS "      policy: weighted\n",
		"no zone, api.example.com A 60 weighted; blue alias blue.elb.example in Z1; green alias green.elb.example in Z2 evaluated;"},
	{"health checks", GOOD "      policy: health_check\n      health_listen: '*:8053'\n",
		"no zone, api.example.com A 60 health_check;" BOTH " health *:8053 8053;"},
	{"health checks that begin with green", GOOD "      policy: health_check\n      health_listen: 127.0.0.1:8053\n    live: green\n",
		"no zone, api.example.com A 60 health_check;" BOTH " health 127.0.0.1:8053 8053;"},
	{"name servers",
		GOOD "      name_servers: [192.0.2.53, '192.0.2.53:54', '2001:db8::53', '[2001:db8::53]:54', '[2001:db8::54]', ns.example, 'ns.example:54']\n",
		DEFAULTS BOTH " server 192.0.2.53 is 192.0.2.53:53; server 192.0.2.53:54 is 192.0.2.53:54; server 2001:db8::53 is [2001:db8::53]:53;"
			      " server [2001:db8::53]:54 is [2001:db8::53]:54; server [2001:db8::54] is [2001:db8::54]:53; server ns.example is ns.example:53;"
			      " server ns.example:54 is ns.example:54;"},
	{"of AWS", GOOD "      profile: dns team\n      region: eu-central-1\n      endpoint: https://route53.example/prefix\n",
		DEFAULTS BOTH " profile dns team; region eu-central-1; endpoint https://route53.example/prefix;"},
	{"an endpoint on this machine", GOOD "      endpoint: http://127.0.0.1:4566\n", DEFAULTS BOTH " endpoint http://127.0.0.1:4566;"},
	{"an endpoint on this machine by IPv6", GOOD "      endpoint: http://[::1]:4566\n", DEFAULTS BOTH " endpoint http://[::1]:4566;"},
	{"an endpoint on this machine by name", GOOD "      endpoint: http://localhost:4566\n", DEFAULTS BOTH " endpoint http://localhost:4566;"},
};

static void write_color(struct text *out, const char *name, const struct conf_route53_color *color)
{
	text_addf(out, " %s", name);
	for (size_t i = 0; i < color->value_count; i++)
		text_addf(out, " %s", color->values[i]);
	if (color->alias)
		text_addf(out, " alias %s in %s%s", color->alias, color->alias_zone, color->evaluate_target_health ? " evaluated" : "");
	text_addf(out, ";");
}

static void write_record(struct text *out, const struct conf_route53 *record)
{
	static const char *const types[] = {"A", "AAAA", "CNAME"}, *const policies[] = {"simple", "weighted", "health_check"};
	text_addf(out, "%s, %s %s %u %s;", record->zone ? record->zone : "no zone", record->name, types[record->type], record->ttl_s, policies[record->policy]);
	write_color(out, "blue", &record->colors[COLOR_BLUE]);
	write_color(out, "green", &record->colors[COLOR_GREEN]);
	for (size_t i = 0; i < record->name_server_count; i++) {
		char place[ADDR_TEXT_SIZE];
		addr_format(&record->name_servers[i].address, place, sizeof(place));
		text_addf(out, " server %s is %s;", record->name_servers[i].text, place);
	}
	if (record->health_listen)
		text_addf(out, " health %s %u;", record->health_listen, record->health_listen_address.port);
	if (record->profile)
		text_addf(out, " profile %s;", record->profile);
	if (record->region)
		text_addf(out, " region %s;", record->region);
	if (record->endpoint)
		text_addf(out, " endpoint %s;", record->endpoint);
}

static struct conf *parse(const char *name, const char *yaml)
{
	struct conf_faults faults = {0};
	struct conf *conf = conf_parse(yaml, strlen(yaml), "a.yaml", &faults);
	if (!conf)
		fail_msg("%s: %s", name, faults.lines[0]);
	return conf;
}

static void every_value_arrives(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(goods) / sizeof(*goods); i++) {
		struct text found;
		struct conf *conf = parse(goods[i].name, goods[i].yaml);
		text_init(&found, SIZE_MAX);
		assert_int_equal(conf->services[0].via, CONF_VIA_ROUTE53);
		assert_int_equal(conf->listen_count, 0);
		write_record(&found, &conf->services[0].route53);
		if (strcmp(found.bytes, goods[i].values) != 0)
			fail_msg("%s:\nexpected %s\nfound    %s", goods[i].name, goods[i].values, found.bytes);
		text_fini(&found);
		conf_free(conf);
	}
}

#define SHORT(name, type) "{via: route53, blue: {}, green: {}, route53: {name: " name ", type: " type
#define ADDRESSES ", blue: 192.0.2.10, green: 192.0.2.20"

/* More than one service. */
static const struct {
	const char *name, *yaml;
} togethers[] = {
	{"both ways", "listen: [{address: ':80'}]\n" GOOD "  shop: {blue: {}, green: {}}\n"},
	{"two records", "services:\n  a: " SHORT("a.example", "A") ADDRESSES "}}\n  b: " SHORT("b.example", "A") ADDRESSES "}}\n"},
	{"two types of a name", "services:\n  a: " SHORT("a.example", "A") ADDRESSES "}}\n  b: " SHORT("a.example", "AAAA") ", blue: '::1', green: '::2'}}\n"},
	{"two zones of a name", "services:\n  a: " SHORT("a.example", "A") ADDRESSES ", zone: Z1}}\n  b: " SHORT("a.example", "A") ADDRESSES ", zone: Z2}}\n"},
	{"one address for health checks", "services:\n  a: " SHORT("a.example", "A") ADDRESSES ", policy: health_check, health_listen: '*:81'}}\n  b: " SHORT(
						  "b.example", "A") ADDRESSES ", policy: health_check, health_listen: '[::]:81'}}\n"},
};

static void services_stand_beside_each_other(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(togethers) / sizeof(*togethers); i++)
		conf_free(parse(togethers[i].name, togethers[i].yaml));
}

#define AT "services.api.route53"
#define EXPECTED_ZONE "expected the id of a hosted zone, such as Z1D633PJN98FT9, found "
#define EXPECTED_NAME "expected the whole name of a record, such as api.example.com or *.example.com, found "
#define EXPECTED_TARGET "expected the name of a target, such as blue-1.eu-central-1.elb.amazonaws.com, found "
#define EXPECTED_SERVER "expected a name server with or without a port, such as 192.0.2.53 or [2001:db8::53]:5353, found "
#define EXPECTED_TTL "expected seconds, a whole number from 0 to 2147483647, found "

static const struct fault_case faults[] = {
	/* what is missing */
	{"no record", SERVICE,
		"3:5: services.api.route53 is missing: name the record and what it says while either color is live, as in route53: {name: api.example.com, type: A, "
		"blue: [192.0.2.10], green: [192.0.2.20]}\n"},
	{"a misspelt record", SERVICE "    route_53: {}\n", "6:5: unknown key 'route_53' in services.api: did you mean 'route53'?\n"},
	{"a record without a value", SERVICE "    route53:\n", "6:5: " AT " has no value: write its keys below it, or {} for none\n"},
	{"a record as a list", SERVICE "    route53: []\n", "6:14: " AT ": expected a mapping, found an empty list\n"},
	{"an empty record", SERVICE "    route53: {}\n",
		"6:5: " AT ".name is missing: name the record, as in name: api.example.com\n"
		"6:5: " AT ".type is missing: write the type of the record, as in type: A\n"
		"6:5: " AT ".blue is missing: write what the record says while blue is live, as in blue: [192.0.2.10]\n"
		"6:5: " AT ".green is missing: write what the record says while green is live, as in green: [192.0.2.20]\n"},
	{"a misspelt key", GOOD "      nameservers: []\n", "11:7: unknown key 'nameservers' in " AT ": did you mean 'name_servers'?\n"},
	{"another key of a record", GOOD "      weight: 5\n", "11:7: unknown key 'weight' in " AT "\n"},
	{"a misspelt via", "listen: [{address: ':80'}]\nservices: {api: {via: route_53, blue: {}, green: {}, live: green, hosts: [a]}}\n",
		"2:23: services.api.via: expected proxy or route53, found 'route_53': did you mean route53?\n"},
	{"a misspelt via with its record",
		"services: {api: {via: dns, blue: {}, green: {}, route53: {name: a.example, type: A, blue: 192.0.2.10, green: 192.0.2.20}}}\n",
		"1:23: services.api.via: expected proxy or route53, found 'dns'\n"},
	/* zones and names */
	{"a zone with its prefix", GOOD "      zone: /hostedzone/Z123\n", "11:13: " AT ".zone: expected the id alone, found '/hostedzone/Z123': write Z123\n"},
	{"a zone by its name", GOOD "      zone: example.com\n",
		"11:13: " AT ".zone: expected the id of a hosted zone, such as Z1D633PJN98FT9, found the name 'example.com'\n"},
	{"a zone in lower case", GOOD "      zone: z123\n", "11:13: " AT ".zone: " EXPECTED_ZONE "'z123'\n"},
	{"no zone", GOOD "      zone: ''\n", "11:13: " AT ".zone: " EXPECTED_ZONE "''\n"},
	{"a zone that is too long", GOOD "      zone: Z12345678901234567890123456789012\n",
		"11:13: " AT ".zone: " EXPECTED_ZONE "'Z12345678901234567890123456789012'\n"},
	{"a path for a zone", GOOD "      zone: /hostedzone/\n", "11:13: " AT ".zone: " EXPECTED_ZONE "'/hostedzone/'\n"},
	{"a name of one label", RECORD "      name: api\n      type: A\n" VALUES, "7:13: " AT ".name: " EXPECTED_NAME "'api'\n"},
	{"an address for a name", RECORD "      name: 192.0.2.1\n      type: A\n" VALUES, "7:13: " AT ".name: " EXPECTED_NAME "'192.0.2.1'\n"},
	{"a wildcard elsewhere", RECORD "      name: a.*.example.com\n      type: A\n" VALUES, "7:13: " AT ".name: " EXPECTED_NAME "'a.*.example.com'\n"},
	{"a wildcard of everything", RECORD "      name: '*'\n      type: A\n" VALUES, "7:13: " AT ".name: " EXPECTED_NAME "'*'\n"},
	{"a name with two dots", RECORD "      name: a..example\n      type: A\n" VALUES, "7:13: " AT ".name: " EXPECTED_NAME "'a..example'\n"},
	{"a name with two dots at its end", RECORD "      name: a.example..\n      type: A\n" VALUES, "7:13: " AT ".name: " EXPECTED_NAME "'a.example..'\n"},
	{"a name with a space", RECORD "      name: a b.example\n      type: A\n" VALUES, "7:13: " AT ".name: " EXPECTED_NAME "'a b.example'\n"},
	{"a name with a port", RECORD "      name: a.example:80\n      type: A\n" VALUES, "7:13: " AT ".name: " EXPECTED_NAME "'a.example:80'\n"},
	{"a dot", RECORD "      name: .\n      type: A\n" VALUES, "7:13: " AT ".name: " EXPECTED_NAME "'.'\n"},
	{"no name", RECORD "      name: ''\n      type: A\n" VALUES, "7:13: " AT ".name: " EXPECTED_NAME "''\n"},
	/* type, TTL, policy */
	{"a type in lower case", RECORD NAME "      type: a\n" VALUES, "8:13: " AT ".type: expected A, AAAA or CNAME, found 'a': did you mean A?\n"},
	{"another type", RECORD NAME "      type: MX\n" VALUES, "8:13: " AT ".type: expected A, AAAA or CNAME, found 'MX'\n"},
	{"a TTL with a unit", GOOD "      ttl: 1m\n", "11:12: " AT ".ttl: " EXPECTED_TTL "'1m': write 60\n"},
	{"a TTL of parts of a second", GOOD "      ttl: 500ms\n", "11:12: " AT ".ttl: " EXPECTED_TTL "'500ms'\n"},
	{"a TTL that is too long", GOOD "      ttl: 2147483648\n", "11:12: " AT ".ttl: " EXPECTED_TTL "'2147483648'\n"},
	{"a negative TTL", GOOD "      ttl: -1\n", "11:12: " AT ".ttl: " EXPECTED_TTL "'-1'\n"},
	{"a TTL of an alias", RECORD ALIAS "      ttl: 60\n", "11:7: " AT ": an alias has the TTL of its target: leave ttl out\n"},
	{"another policy", GOOD "      policy: failover\n", "11:15: " AT ".policy: expected simple, weighted or health_check, found 'failover'\n"},
	{"a misspelt policy", GOOD "      policy: weigthed\n    steps: {shares: [5, 100]}\n    live: green\n",
		"11:15: " AT ".policy: expected simple, weighted or health_check, found 'weigthed': did you mean weighted?\n"},
	/* values */
	{"no values", RECORD A "      blue: []\n      green: ''\n",
		"9:13: " AT ".blue: expected at least one element, found an empty list\n"
		"10:14: " AT ".green: expected an IPv4 address such as 192.0.2.10, found ''\n"},
	{"no value", RECORD A "      blue: 192.0.2.10\n      green: ~\n", "10:7: " AT ".green has no value: write one, or leave the key out\n"},
	{"values that are none", RECORD A "      blue: [~, [192.0.2.10], {a: b}]\n      green: 192.0.2.20\n",
		"9:14: " AT ".blue: expected one value for each element, found nothing\n"
		"9:17: " AT ".blue: expected one value for each element, found a list\n"
		"9:31: " AT ".blue: expected one value for each element, found a mapping\n"},
	{"bad addresses", RECORD A "      blue: [192.0.2.256, '192.0.2.10:443', 192.0.2.10.]\n      green: ['2001:db8::1', lb.example, 'lb.example:443']\n",
		"9:14: " AT ".blue: expected an IPv4 address such as 192.0.2.10, found '192.0.2.256'\n"
		"9:27: " AT ".blue: expected an IPv4 address such as 192.0.2.10, found '192.0.2.10:443': a record has no port, write 192.0.2.10\n"
		"9:45: " AT ".blue: expected an IPv4 address such as 192.0.2.10, found '192.0.2.10.'\n"
		"10:15: " AT ".green: expected an IPv4 address such as 192.0.2.10, found '2001:db8::1': for an IPv6 address write type: AAAA\n"
		"10:30: " AT
		".green: expected an IPv4 address such as 192.0.2.10, found 'lb.example': for a name write type: CNAME, or for that of a load balancer {alias: NAME, zone: ID}\n"
		"10:42: " AT ".green: expected an IPv4 address such as 192.0.2.10, found 'lb.example:443': a record has no port, write lb.example\n"},
	{"bad IPv6 addresses", RECORD NAME "      type: AAAA\n      blue: ['[2001:db8::1]', '[2001:db8::1]:443']\n      green: 192.0.2.20\n",
		"9:14: " AT ".blue: expected an IPv6 address such as 2001:db8::10, found '[2001:db8::1]'\n"
		"9:31: " AT ".blue: expected an IPv6 address such as 2001:db8::10, found '[2001:db8::1]:443': a record has no port, write 2001:db8::1\n"
		"10:14: " AT ".green: expected an IPv6 address such as 2001:db8::10, found '192.0.2.20': for an IPv4 address write type: A\n"},
	{"bad names", RECORD NAME "      type: CNAME\n      blue: 192.0.2.10\n      green: '*.example.com'\n",
		"9:13: " AT ".blue: expected a name such as blue.example.com, found '192.0.2.10': for an IPv4 address write type: A\n"
		"10:14: " AT ".green: expected a name such as blue.example.com, found '*.example.com'\n"},
	{"more names than one", RECORD NAME "      type: CNAME\n      blue: [a.example, b.example]\n      green: c.example\n",
		"9:13: " AT ".blue: a CNAME has one name alone: keep one\n"},
	{"a value twice", RECORD A "      blue: [192.0.2.10, 192.0.2.11, 192.0.2.10]\n      green: 192.0.2.20\n",
		"9:38: " AT ".blue: '192.0.2.10' is listed twice: keep one\n"},
	{"an IPv6 address twice", RECORD NAME "      type: AAAA\n      blue: ['2001:db8::1', '2001:DB8:0::1']\n      green: '::2'\n",
		"9:29: " AT ".blue: '2001:DB8:0::1' is listed twice: keep one\n"},
	{"more values than one with weights", RECORD A "      blue: [192.0.2.10, 192.0.2.11]\n      green: 192.0.2.20\n      policy: weighted\n",
		"9:13: " AT ".blue: with policy: weighted each color has one value alone: keep one, or write an alias\n"},
	{"the same values", RECORD A "      blue: [192.0.2.10, 192.0.2.11]\n      green: [192.0.2.11, 192.0.2.10]\n",
		"10:7: " AT ": green says the same as blue, so that a switch would change nothing: give one of them another value\n"},
	{"the same address in another way", RECORD NAME "      type: AAAA\n      blue: '2001:db8::1'\n      green: '2001:db8:0:0::1'\n",
		"10:7: " AT ": green says the same as blue, so that a switch would change nothing: give one of them another value\n"},
	{"the same name in another way", RECORD NAME "      type: CNAME\n      blue: a.example\n      green: A.Example.\n",
		"10:7: " AT ": green says the same as blue, so that a switch would change nothing: give one of them another value\n"},
	{"a CNAME of itself", RECORD NAME "      type: CNAME\n      blue: API.example.com\n      green: b.example\n",
		"9:7: " AT ": this is the name of the record itself: write where it leads to\n"},
	/* aliases */
	{"an empty alias", RECORD A "      blue: {}\n      green: {alias: a.example, zone: Z1}\n",
		"9:7: " AT ".blue.alias is missing: name the target of the alias, as in alias: blue-1.eu-central-1.elb.amazonaws.com\n"
		"9:7: " AT ".blue.zone is missing: write the id of the hosted zone that the target of the alias is in, as in zone: Z215JYRZR1TBD5\n"},
	{"a bad alias",
		RECORD A "      blue: {alias: '*.example', zone: example.com, evaluate_target_health: true}\n      green: {alias: 192.0.2.1, zone: Z1}\n",
		"9:21: " AT ".blue.alias: " EXPECTED_TARGET "'*.example'\n"
		"9:40: " AT ".blue.zone: expected the id of a hosted zone, such as Z1D633PJN98FT9, found the name 'example.com'\n"
		"9:77: " AT ".blue.evaluate_target_health: expected off or on, found 'true': did you mean on?\n"
		"10:22: " AT ".green.alias: " EXPECTED_TARGET "'192.0.2.1'\n"},
	{"an alias as a CNAME", RECORD NAME "      type: CNAME\n      blue: {alias: a.example, zone: Z1}\n      green: b.example\n",
		"9:7: " AT ": an alias has the type of its target: write type: A or type: AAAA\n"
		"10:7: " AT ": blue and green must be alike: both with values, or both with an alias\n"},
	{"an alias and a value", RECORD A "      blue: 192.0.2.10\n      green: {alias: a.example, zone: Z1}\n",
		"10:7: " AT ": blue and green must be alike: both with values, or both with an alias\n"},
	{"the same alias", RECORD A "      blue: {alias: a.example, zone: Z1}\n      green: {alias: A.example., zone: Z1, evaluate_target_health: on}\n",
		"10:7: " AT ": green says the same as blue, so that a switch would change nothing: give one of them another value\n"},
	{"an alias to itself", RECORD A "      blue: {alias: a.example, zone: Z1}\n      green: {alias: Api.Example.Com, zone: Z1}\n",
		"10:7: " AT ": this is the name of the record itself: write where it leads to\n"},
	/* health checks */
	{"health checks that nobody answers", GOOD "      policy: health_check\n",
		"11:7: " AT ": policy: health_check needs health_listen, the address that Route 53's health checks ask, as in health_listen: '*:8053'\n"},
	{"an answer for nobody", GOOD "      health_listen: ':81'\n",
		"11:7: " AT ": health_listen answers health checks that decide nothing here: write policy: health_check, or leave it out\n"},
	{"an answer for nobody with weights", GOOD "      policy: weighted\n      health_listen: ':81'\n",
		"12:7: " AT ": health_listen answers health checks that decide nothing here: write policy: health_check, or leave it out\n"},
	{"health checks on a socket", GOOD "      policy: health_check\n      health_listen: unix:/r53\n",
		"12:22: " AT ".health_listen: expected an IP address with a port, found 'unix:/r53': no health check of Route 53 comes to a unix socket\n"},
	{"health checks with keys of AWS",
		GOOD "      policy: health_check\n      health_listen: ':81'\n      profile: dns\n      region: eu-west-1\n      endpoint: https://a.example\n",
		"13:7: " AT ": profile is for changes of records, and with policy: health_check none is made: leave it out\n"
		"14:7: " AT ": region is for changes of records, and with policy: health_check none is made: leave it out\n"
		"15:7: " AT ": endpoint is for changes of records, and with policy: health_check none is made: leave it out\n"},
	{"health checks on a listener",
		"listen: [{address: ':81'}]\nservices:\n  a: " SHORT("a.example", "A") ADDRESSES ", policy: health_check, health_listen: '0.0.0.0:81'}}\n",
		"3:152: services.a.route53.health_listen: 0.0.0.0:81 takes the address of a listener, :81: take another port\n"},
	{"health checks on the admin API",
		"admin: {listen: '127.0.0.1:81'}\nservices:\n  a: " SHORT("a.example", "A") ADDRESSES
		", policy: health_check, health_listen: '127.0.0.1:81'}}\n",
		"3:152: services.a.route53.health_listen: 127.0.0.1:81 takes the address of admin.listen, 127.0.0.1:81: take another port\n"},
	{"health checks on a preview",
		"listen: [{address: ':80'}]\nservices:\n  a: " SHORT("a.example", "A") ADDRESSES
		", policy: health_check, health_listen: '127.0.0.1:81'}}\n"
		"  b: {blue: {}, green: {}, preview: {listen: '127.0.0.1:81'}}\n",
		"3:152: services.a.route53.health_listen: 127.0.0.1:81 takes the address of the preview of service 'b', 127.0.0.1:81: take another port\n"},
	{"health checks on addresses in common",
		"services:\n  a: " SHORT("a.example", "A") ADDRESSES ", policy: health_check, health_listen: '127.0.0.1:81'}}\n"
								     "  b: " SHORT("b.example", "A") ADDRESSES
		", policy: health_check, health_listen: '*:81'}}\n",
		"3:152: services.b.route53.health_listen: *:81 and 127.0.0.1:81 of service 'a' have addresses in common: write the same for both, or take another port\n"},
	/* servers and AWS */
	{"bad name servers", GOOD "      name_servers: [192.0.2.256, 'unix:/dns', 'a:b:c', '192.0.2.53:0', '192.0.2.53:dns', '', ns.example]\n",
		"11:22: " AT ".name_servers: " EXPECTED_SERVER "'192.0.2.256'\n"
		"11:35: " AT ".name_servers: " EXPECTED_SERVER "'unix:/dns'\n"
		"11:48: " AT ".name_servers: " EXPECTED_SERVER "'a:b:c'\n"
		"11:57: " AT ".name_servers: " EXPECTED_SERVER "'192.0.2.53:0'\n"
		"11:73: " AT ".name_servers: " EXPECTED_SERVER "'192.0.2.53:dns'\n"
		"11:91: " AT ".name_servers: " EXPECTED_SERVER "''\n"},
	{"a name server twice", GOOD "      name_servers: [192.0.2.53, '192.0.2.53:53']\n",
		"11:34: " AT ".name_servers: '192.0.2.53:53' is listed twice: keep one\n"},
	{"too many name servers", GOOD "      name_servers: [a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a]\n",
		"11:21: " AT ".name_servers: expected at most 16 elements, found 17\n"},
	{"one name server", GOOD "      name_servers: 192.0.2.53\n", "11:21: " AT ".name_servers: expected a list, as in [A, B], found '192.0.2.53'\n"},
	{"no profile", GOOD "      profile: ''\n", "11:16: " AT ".profile: expected a text, found an empty one\n"},
	{"a bad region", GOOD "      region: Frankfurt\n", "11:15: " AT ".region: expected a region such as eu-central-1, found 'Frankfurt'\n"},
	{"a region with a dot", GOOD "      region: eu-central-1.example\n",
		"11:15: " AT ".region: expected a region such as eu-central-1, found 'eu-central-1.example'\n"},
	{"an endpoint without TLS", GOOD "      endpoint: http://route53.example\n",
		"11:17: " AT
		".endpoint: expected https://, as without TLS anybody on the way could read and change what is asked; http:// is for this machine alone\n"},
	{"an endpoint that is none", GOOD "      endpoint: route53.amazonaws.com\n",
		"11:17: " AT
		".endpoint: the URL does not begin with http:// or https://: expected one as in http://127.0.0.1:9090 or https://prometheus.example/prefix\n"},
	/* the rest of the service */
	{"a live color", GOOD "    live: green\n", "11:5: services.api.live: with via: route53 the record says which color is live: leave it out\n"},
	{"steps of a simple record", GOOD "    steps: {shares: [5, 100]}\n",
		"11:5: services.api.steps: only weights can be changed in steps: write policy: weighted, or leave steps out\n"},
	{"steps of health checks", GOOD "      policy: health_check\n      health_listen: ':81'\n    steps: {shares: [5, 100]}\n",
		"13:5: services.api.steps: only weights can be changed in steps: write policy: weighted, or leave steps out\n"},
	{"steps that no weight can say", GOOD "      policy: weighted\n    steps: {shares: [0.38, 5, 99.62, 100]}\n",
		"12:22: services.api.steps.shares: weights go from 0 to 255, so a share is from 0.39 to 99.61, or 100\n"
		"12:31: services.api.steps.shares: weights go from 0 to 255, so a share is from 0.39 to 99.61, or 100\n"},
	{"a dry run of what is not seen", GOOD "    rollback: {dry_run: [error_rate, latency_p99, log, unhealthy_probes]}\n",
		"11:26: services.api.rollback.dry_run: error_rate is about traffic that goes through teal, and with via: route53 none does: leave it out\n"
		"11:38: services.api.rollback.dry_run: latency_p99 is about traffic that goes through teal, and with via: route53 none does: leave it out\n"
		"11:51: services.api.rollback.dry_run: log is not configured, so a dry run of it would do nothing: set services.api.rollback.log, or leave it out here\n"},
	{"a latency with a short bake", GOOD "    bake: 1s\n    rollback: {latency_p99: 1s, inconclusive: rollback}\n",
		"12:16: services.api.rollback.latency_p99 is about traffic that goes through teal, and with via: route53 none does: leave it out\n"},
	/* other services */
	{"one record twice", "services:\n  a: " SHORT("a.example", "A") ADDRESSES "}}\n  b: " SHORT("A.Example.", "A") ADDRESSES ", zone: Z1}}\n",
		"3:58: services.b.route53.name: the record a.example is already switched by service 'a' on line 2\n"},
	{"a CNAME beside another",
		"services:\n  a: " SHORT("a.example", "CNAME") ", blue: b.example, green: c.example}}\n  b: " SHORT("a.example", "A") ADDRESSES "}}\n",
		"3:58: services.b.route53.name: the record a.example is already switched by service 'a' on line 2\n"},
	{"one record in one zone",
		"services:\n  a: " SHORT("a.example", "A") ADDRESSES ", zone: Z1}}\n  b: " SHORT("a.example", "A") ADDRESSES
		", zone: Z2}}\n  c: " SHORT("a.example", "A") ADDRESSES ", zone: Z1}}\n",
		"4:58: services.c.route53.name: the record a.example is already switched by service 'a' on line 2\n"},
	{"a proxied service without a listener", GOOD "  shop: {blue: {}, green: {}}\n",
		"1:1: listen is missing, so nothing can reach service 'shop': add listen: [{address: 0.0.0.0:80}]\n"},
};

static void every_fault_has_its_place_and_its_words(void **state)
{
	(void)state;
	check_fault_cases(faults, sizeof(faults) / sizeof(*faults));
}

/* A file cut off anywhere is refused or read, and never more. */
static void every_prefix_is_read_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		for (size_t length = 0; length < strlen(faults[i].yaml); length += 7)
			free(find_faults(faults[i].yaml, length));
}

/* Each key of a service as it is taken with `via: proxy`, and whether it is with `via: route53`. The table of keys must have no other at its first level. */
static const struct {
	const char *key; /* as faults name it */
	const char *yaml;
	bool proxied; /* with via: proxy alone */
} members[] = {
	{"hosts", "hosts: [a.example]", true},
	{"paths", "paths: [/]", true},
	{"balance", "balance: least_connections", true},
	{"replay", "replay: {}", true},
	{"probe", "probe: {path: /health, host: a, interval: 1s, expect: {status: 200}}", false},
	{"gates", "gates: {healthy: 50%, hooks: [[/a]], smoke: [{path: /}], approval: 1h, freeze: [{from: Fri 16:00, to: Mon 08:00, zone: UTC}]}", false},
	{"gates.rehearsal", "gates: {rehearsal: 1h}", true},
	{"bake", "bake: 5m", false},
	{"rollback", "rollback: {unhealthy_probes: 2, inconclusive: promote, verify: 1s, dry_run: [unhealthy_probes]}", false},
	{"rollback", "rollback: {log: {file: /a, pattern: a}, prometheus: {url: 'http://a', query: up, above: 1}, dry_run: [log, prometheus]}", false},
	{"rollback.error_rate", "rollback: {error_rate: 1%}", true},
	{"rollback.latency_p99", "rollback: {latency_p99: 1s}", true},
	{"shield", "shield: off", true},
	{"failover", "failover: off", true},
	{"drain", "drain: {requests: 60s}", true},
	{"sticky", "sticky: {by: header}", true},
	{"hold", "hold: {max: 10s}", true},
	{"preview", "preview: {}", true},
	{"rehearsal", "rehearsal: {share: 10%}", true},
	{"fallback", "fallback: []", true},
	{"hooks", "hooks: {switched: [[/a]], promoted: [], rolled_back: []}", false},
	{"notify", "notify: [{url: 'https://a.example'}]", false},
};

static void keys_of_traffic_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
		char yaml[1024], wanted[512] = "";
		unsigned column = 5;
		const char *dot = strchr(members[i].key, '.');
		if (dot)
			column += (unsigned)(dot - members[i].key) + (unsigned)strlen(": {");
		snprintf(yaml, sizeof(yaml), "%s    %s\n", GOOD, members[i].yaml);
		if (members[i].proxied)
			snprintf(wanted, sizeof(wanted),
				"11:%u: services.api.%s is about traffic that goes through teal, and with via: route53 none does: leave it out\n", column,
				members[i].key);
		char *found = find_faults(yaml, strlen(yaml));
		if (strcmp(found, wanted) != 0)
			fail_msg("%s:\nexpected\n%sfound\n%s", members[i].yaml, wanted, found);
		free(found);
	}
}

static bool is_member(const char *key)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
		if (strcmp(members[i].key, key) == 0)
			return true;
	return false;
}

static void no_key_is_undecided(void **state)
{
	static const char *const others[] = {"via", "live", "blue", "green", "steps", "route53"}; /* which have cases of their own */
	const char *names[KEY_CHILDREN_MAX + 1];
	(void)state;
	key_list_children("services.*", names);
	for (size_t i = 0; names[i]; i++) {
		bool known = is_member(names[i]);
		for (size_t other = 0; other < sizeof(others) / sizeof(*others); other++)
			known |= strcmp(others[other], names[i]) == 0;
		if (!known)
			fail_msg("services.*.%s: say whether it goes with via: route53", names[i]);
	}
}

static void a_record_needs_its_via(void **state)
{
	static const struct fault_case cases[] = {
		{"no via", SHOP "    route53: {name: a.example, type: A, blue: 192.0.2.10, green: 192.0.2.20}\n",
			"6:5: services.shop.route53 needs via: route53: write that as well, or leave this out\n"},
		{"via proxy", SHOP "    via: proxy\n    route53: {}\n",
			"7:5: services.shop.route53.name is missing: name the record, as in name: api.example.com\n"
			"7:5: services.shop.route53.type is missing: write the type of the record, as in type: A\n"
			"7:5: services.shop.route53.blue is missing: write what the record says while blue is live, as in blue: [192.0.2.10]\n"
			"7:5: services.shop.route53.green is missing: write what the record says while green is live, as in green: [192.0.2.20]\n"
			"7:5: services.shop.route53 needs via: route53: write that as well, or leave this out\n"},
	};
	(void)state;
	check_fault_cases(cases, sizeof(cases) / sizeof(*cases));
}

/* Addresses of health checks are few, services that share them may be many. */
static void health_listeners_are_bounded(void **state)
{
	struct text yaml;
	(void)state;
	text_init(&yaml, SIZE_MAX);
	text_addf(&yaml, "services:\n");
	for (unsigned i = 0; i < 200; i++)
		text_addf(&yaml, "  s%u: " SHORT("s%u.example", "A") ADDRESSES ", policy: health_check, health_listen: ':%u'}}\n", i, i, 8000 + i % 16);
	char *found = find_faults(yaml.bytes, yaml.length);
	assert_string_equal(found, "");
	free(found);
	text_addf(&yaml, "  t: " SHORT("t.example", "A") ADDRESSES ", policy: health_check, health_listen: ':7999'}}\n");
	found = find_faults(yaml.bytes, yaml.length);
	assert_string_equal(
		found, "202:152: services.t.route53.health_listen: a file may have 16 addresses for these, and this is one more: let services share one\n");
	free(found);
	text_fini(&yaml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_arrives),
		cmocka_unit_test(services_stand_beside_each_other),
		cmocka_unit_test(every_fault_has_its_place_and_its_words),
		cmocka_unit_test(every_prefix_is_read_or_refused),
		cmocka_unit_test(keys_of_traffic_are_refused),
		cmocka_unit_test(no_key_is_undecided),
		cmocka_unit_test(a_record_needs_its_via),
		cmocka_unit_test(health_listeners_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
