/* What a reload says of keys that send a release back, of the shield, of the failover, and of all that is around a switch. */
// links: switch
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "switch/differ.h"

#define LIMITS "service shop: other gates, bake, rollback or drain"
#define HOOKS "service shop: other hooks or notifications"
#define PREVIEW "service shop: another preview"
#define STEPS "service shop: other steps or another sticky"
#define HOLD "service shop: another hold"
#define REHEARSAL "service shop: another rehearsal"
#define FALLBACK "service shop: other fallback paths"
#define SHIELD "service shop: another shield"
#define LOG "rollback: {log: {file: /a, pattern: x"
#define QUERY "rollback: {prometheus: {url: 'http://a', query: up, "

static const struct difference {
	const char *name, *a, *b;
	const char *sentence; /* the only one, or NULL for none */
} differences[] = {
	{"nothing", "", "", NULL},
	{"a default that is written", "",
		"rollback: {unhealthy_probes: 3, latency_p99: 0, dry_run: [], verify: 30s}, shield: {when: off, statuses: [502, 503, 504]}, failover: off",
		NULL},
	{"statuses in another order", "shield: {when: bake, statuses: [500, 502]}", "shield: {when: bake, statuses: [502, 500]}", NULL},
	{"one way to write a shield and another", "shield: bake", "shield: {when: bake}", NULL},
	{"a dry run in another order", "rollback: {error_rate: 1%, dry_run: [error_rate, unhealthy_probes]}",
		"rollback: {error_rate: 1%, dry_run: [unhealthy_probes, error_rate]}", NULL},
	{"the same log", LOG "}}", LOG ", matches: 1, within: 60s}}", NULL},
	{"the same query", QUERY "above: 5}}", QUERY "above: 5.0, every: 5000ms, timeout: 2s}}", NULL},
	{"the error rate", "", "rollback: {error_rate: 1%}", LIMITS},
	{"the probes", "", "rollback: {unhealthy_probes: 2}", LIMITS},
	{"the p99", "rollback: {latency_p99: 1s}", "rollback: {latency_p99: 2s}", LIMITS},
	{"a log", "", LOG "}}", LIMITS},
	{"no log any more", LOG "}}", "", LIMITS},
	{"another log", LOG "}}", "rollback: {log: {file: /b, pattern: x}}", LIMITS},
	{"another pattern", LOG "}}", "rollback: {log: {file: /a, pattern: y}}", LIMITS},
	{"more matches", LOG "}}", LOG ", matches: 2}}", LIMITS},
	{"less time for them", LOG "}}", LOG ", within: 5s}}", LIMITS},
	{"a query", "", QUERY "above: 5}}", LIMITS},
	{"no query any more", QUERY "above: 5}}", "", LIMITS},
	{"another server", QUERY "above: 5}}", "rollback: {prometheus: {url: 'http://b', query: up, above: 5}}", LIMITS},
	{"another query", QUERY "above: 5}}", "rollback: {prometheus: {url: 'http://a', query: down, above: 5}}", LIMITS},
	{"another bound", QUERY "above: 5}}", QUERY "above: 6}}", LIMITS},
	{"the other side of the bound", QUERY "above: 5}}", QUERY "below: 5}}", LIMITS},
	{"queries more often", QUERY "above: 5}}", QUERY "above: 5, every: 1s}}", LIMITS},
	{"another timeout of queries", QUERY "above: 5}}", QUERY "above: 5, timeout: 1s}}", LIMITS},
	{"a dry run", "rollback: {error_rate: 1%}", "rollback: {error_rate: 1%, dry_run: [error_rate]}", LIMITS},
	{"a dry run of another", "rollback: {error_rate: 1%, dry_run: [unhealthy_probes]}", "rollback: {error_rate: 1%, dry_run: [error_rate]}", LIMITS},
	{"the verdict without traffic", "", "rollback: {inconclusive: rollback}", LIMITS},
	{"the old color watched for longer", "", "rollback: {verify: 1m}", LIMITS},
	{"the shield", "", "shield: bake", SHIELD},
	{"the shield always", "shield: bake", "shield: always", SHIELD},
	{"the shield's statuses", "shield: bake", "shield: {when: bake, statuses: [500, 502, 503, 504]}", SHIELD},
	{"the failover on", "", "failover: on", "service shop: failover is on"},
	{"the failover off", "failover: on", "failover: off", "service shop: failover is off"},
	{"the same hook in short", "gates: {hooks: [[/a, b]]}", "gates: {hooks: [{run: [/a, b], timeout: 60s}]}", NULL},
	{"defaults around a switch that are written", "",
		"gates: {approval: off, rehearsal: off, hooks: [], smoke: [], freeze: []}, sticky: {by: none}, hold: {requests: 1000, bytes: 64MiB, max: 10s, release: 1000}, fallback: [], notify: [], hooks: {}, rehearsal: {share: 10%, for: 2m, concurrency: 8, bytes: 16MiB, fields: [], ignore: [], differences: 0%, slower: 50%}",
		NULL},
	{"a share of backends", "", "gates: {healthy: 50%}", LIMITS},
	{"an approval", "", "gates: {approval: 1h}", LIMITS},
	{"a rehearsal that is needed", "", "gates: {rehearsal: 1h}", LIMITS},
	{"a gate", "", "gates: {hooks: [{run: [/a, b], timeout: 60s}]}", LIMITS},
	{"another program", "gates: {hooks: [{run: [/a, b], timeout: 60s}]}", "gates: {hooks: [[/b, b]]}", LIMITS},
	{"another argument", "gates: {hooks: [{run: [/a, b], timeout: 60s}]}", "gates: {hooks: [[/a, c]]}", LIMITS},
	{"one argument more", "gates: {hooks: [{run: [/a, b], timeout: 60s}]}", "gates: {hooks: [[/a, b, c]]}", LIMITS},
	{"a gate by URL", "gates: {hooks: [{run: [/a, b], timeout: 60s}]}", "gates: {hooks: [{url: 'http://a'}]}", LIMITS},
	{"another URL", "gates: {hooks: [{url: 'http://a'}]}", "gates: {hooks: [{url: 'http://b'}]}", LIMITS},
	{"a key of a URL", "gates: {hooks: [{url: 'http://a'}]}", "gates: {hooks: [{url: 'http://a', secret_file: /k}]}", LIMITS},
	{"more time for a gate", "gates: {hooks: [{run: [/a, b], timeout: 60s}]}", "gates: {hooks: [{run: [/a, b], timeout: 61s}]}", LIMITS},
	{"two gates", "gates: {hooks: [{run: [/a, b], timeout: 60s}]}", "gates: {hooks: [[/a, b], [/c]]}", LIMITS},
	{"a freeze", "", "gates: {freeze: [{from: Fri 16:00, to: Mon 08:00, zone: UTC}]}", LIMITS},
	{"two freezes", "gates: {freeze: [{from: Fri 16:00, to: Mon 08:00, zone: UTC}]}",
		"gates: {freeze: [{from: Fri 16:00, to: Mon 08:00, zone: UTC}, {from: Fri 16:00, to: Mon 08:00, zone: UTC}]}", LIMITS},
	{"another beginning", "gates: {freeze: [{from: Fri 16:00, to: Mon 08:00, zone: UTC}]}",
		"gates: {freeze: [{from: Fri 16:01, to: Mon 08:00, zone: UTC}]}", LIMITS},
	{"another end", "gates: {freeze: [{from: Fri 16:00, to: Mon 08:00, zone: UTC}]}", "gates: {freeze: [{from: Fri 16:00, to: Mon 08:01, zone: UTC}]}",
		LIMITS},
	{"another zone", "gates: {freeze: [{from: Fri 16:00, to: Mon 08:00, zone: UTC}]}",
		"gates: {freeze: [{from: Fri 16:00, to: Mon 08:00, zone: Europe/Berlin}]}", LIMITS},
	{"another reason", "gates: {freeze: [{from: Fri 16:00, to: Mon 08:00, zone: UTC}]}",
		"gates: {freeze: [{from: Fri 16:00, to: Mon 08:00, reason: a, zone: UTC}]}", LIMITS},
	{"a date", "gates: {freeze: [{from: Fri 16:00, to: Mon 08:00, zone: UTC}]}",
		"gates: {freeze: [{from: 2026-12-23T18:00, to: 2026-12-24T18:00, zone: UTC}]}", LIMITS},
	{"another first date", "gates: {freeze: [{from: 2026-12-23T18:00, to: 2026-12-24T18:00, zone: UTC}]}",
		"gates: {freeze: [{from: 2026-12-23T18:01, to: 2026-12-24T18:00, zone: UTC}]}", LIMITS},
	{"another last date", "gates: {freeze: [{from: 2026-12-23T18:00, to: 2026-12-24T18:00, zone: UTC}]}",
		"gates: {freeze: [{from: 2026-12-23T18:00, to: 2026-12-24T18:01, zone: UTC}]}", LIMITS},
	{"a smoke test", "", "gates: {smoke: [{path: /a, method: POST, expect: {status: 200}}]}", LIMITS},
	{"two smoke tests", "gates: {smoke: [{path: /a, method: POST, expect: {status: 200}}]}",
		"gates: {smoke: [{path: /a, method: POST, expect: {status: 200}}, {path: /a, method: POST, expect: {status: 200}}]}", LIMITS},
	{"another path", "gates: {smoke: [{path: /a, method: POST, expect: {status: 200}}]}",
		"gates: {smoke: [{path: /b, method: POST, expect: {status: 200}}]}", LIMITS},
	{"another method", "gates: {smoke: [{path: /a, method: POST, expect: {status: 200}}]}",
		"gates: {smoke: [{path: /a, method: PUT, expect: {status: 200}}]}", LIMITS},
	{"another host", "gates: {smoke: [{path: /a, method: POST, expect: {status: 200}}]}",
		"gates: {smoke: [{path: /a, method: POST, expect: {status: 200}, host: a}]}", LIMITS},
	{"a body", "gates: {smoke: [{path: /a, method: POST, expect: {status: 200}}]}",
		"gates: {smoke: [{path: /a, method: POST, expect: {status: 200}, body: a}]}", LIMITS},
	{"a field", "gates: {smoke: [{path: /a, method: POST, expect: {status: 200}}]}",
		"gates: {smoke: [{path: /a, method: POST, expect: {status: 200}, headers: {A: b}}]}", LIMITS},
	{"more time for a smoke test", "gates: {smoke: [{path: /a, method: POST, expect: {status: 200}}]}",
		"gates: {smoke: [{path: /a, method: POST, expect: {status: 200}, timeout: 6s}]}", LIMITS},
	{"another status", "gates: {smoke: [{path: /a, method: POST, expect: {status: 200}}]}",
		"gates: {smoke: [{path: /a, method: POST, expect: {status: 201}}]}", LIMITS},
	{"two statuses", "gates: {smoke: [{path: /a, method: POST, expect: {status: 200}}]}",
		"gates: {smoke: [{path: /a, method: POST, expect: {status: [200, 201]}}]}", LIMITS},
	{"a range", "gates: {smoke: [{path: /a, method: POST, expect: {status: 200}}]}",
		"gates: {smoke: [{path: /a, method: POST, expect: {status: 200-201}}]}", LIMITS},
	{"a text that is expected", "gates: {smoke: [{path: /a, method: POST, expect: {status: 200}}]}",
		"gates: {smoke: [{path: /a, method: POST, expect: {status: 200, body: a}}]}", LIMITS},
	{"a field that is expected", "gates: {smoke: [{path: /a, method: POST, expect: {status: 200}}]}",
		"gates: {smoke: [{path: /a, method: POST, expect: {status: 200, header: {A: b}}}]}", LIMITS},
	{"another name of a field", "gates: {smoke: [{path: /a, method: POST, expect: {status: 200}, headers: {A: b}}]}",
		"gates: {smoke: [{path: /a, method: POST, expect: {status: 200}, headers: {B: b}}]}", LIMITS},
	{"another value of a field", "gates: {smoke: [{path: /a, method: POST, expect: {status: 200}, headers: {A: b}}]}",
		"gates: {smoke: [{path: /a, method: POST, expect: {status: 200}, headers: {A: c}}]}", LIMITS},
	{"a hook when switched", "", "hooks: {switched: [[/a]]}", HOOKS},
	{"another hook when switched", "hooks: {switched: [[/a]]}", "hooks: {switched: [[/b]]}", HOOKS},
	{"a hook when promoted", "", "hooks: {promoted: [[/a]]}", HOOKS},
	{"another hook when promoted", "hooks: {promoted: [[/a]]}", "hooks: {promoted: [[/b]]}", HOOKS},
	{"a hook when rolled_back", "", "hooks: {rolled_back: [[/a]]}", HOOKS},
	{"another hook when rolled_back", "hooks: {rolled_back: [[/a]]}", "hooks: {rolled_back: [[/b]]}", HOOKS},
	{"the same hook at another moment", "hooks: {switched: [[/a]]}", "hooks: {promoted: [[/a]]}", HOOKS},
	{"a notification", "", "notify: [{url: 'http://a'}]", HOOKS},
	{"another URL of one", "notify: [{url: 'http://a'}]", "notify: [{url: 'http://b'}]", HOOKS},
	{"two notifications", "notify: [{url: 'http://a'}]", "notify: [{url: 'http://a'}, {url: 'http://a'}]", HOOKS},
	{"another format", "notify: [{url: 'http://a'}]", "notify: [{url: 'http://a', format: slack}]", HOOKS},
	{"its key", "notify: [{url: 'http://a'}]", "notify: [{url: 'http://a', secret_file: /k}]", HOOKS},
	{"its time", "notify: [{url: 'http://a'}]", "notify: [{url: 'http://a', timeout: 1s}]", HOOKS},
	{"a preview", "", "preview: {header: A}", PREVIEW},
	{"another field of a preview", "preview: {header: A}", "preview: {header: B}", PREVIEW},
	{"a cookie of a preview", "preview: {header: A}", "preview: {header: A, cookie: b}", PREVIEW},
	{"another time of a preview", "preview: {cookie: b}", "preview: {cookie: b, expires: 2h}", PREVIEW},
	{"steps", "", "steps: {shares: [5, 100]}", STEPS},
	{"another step", "steps: {shares: [5, 100]}", "steps: {shares: [6, 100]}", STEPS},
	{"one step more", "steps: {shares: [5, 100]}", "steps: {shares: [5, 6, 100]}", STEPS},
	{"another pause", "steps: {shares: [5, 100]}", "steps: {shares: [5, 100], pause: manual}", STEPS},
	{"the same steps in percent", "steps: {shares: [5, 100]}", "steps: {shares: [5.00%, 100%], pause: 30s}", NULL},
	{"sticky by the address", "", "sticky: {by: address}", STEPS},
	{"another cookie to be sticky by", "sticky: {by: cookie}", "sticky: {by: cookie, name: a}", STEPS},
	{"the same cookie", "sticky: {by: cookie}", "sticky: {by: cookie, name: teal_pin}", NULL},
	{"the requests of a hold", "", "hold: {requests: 5}", HOLD},
	{"the bytes of a hold", "", "hold: {bytes: 1MiB}", HOLD},
	{"the time of a hold", "", "hold: {max: 5s}", HOLD},
	{"the pace of a hold", "", "hold: {release: 5}", HOLD},
	{"the share of a rehearsal", "", "rehearsal: {share: 1%}", REHEARSAL},
	{"the time of a rehearsal", "", "rehearsal: {for: 1m}", REHEARSAL},
	{"the concurrency of a rehearsal", "", "rehearsal: {concurrency: 1}", REHEARSAL},
	{"the bytes of a rehearsal", "", "rehearsal: {bytes: 1MiB}", REHEARSAL},
	{"the fields of a rehearsal", "", "rehearsal: {fields: [a]}", REHEARSAL},
	{"the places of a rehearsal", "", "rehearsal: {ignore: [/a]}", REHEARSAL},
	{"the differences of a rehearsal", "", "rehearsal: {differences: 1%}", REHEARSAL},
	{"the pace of a rehearsal", "", "rehearsal: {slower: 1%}", REHEARSAL},
	{"the same fields", "rehearsal: {fields: [A]}", "rehearsal: {fields: [a]}", NULL},
	{"a fallback", "", "fallback: [/a]", FALLBACK},
	{"another fallback", "fallback: [/a]", "fallback: [/b]", FALLBACK},
	{"the same fallback", "fallback: [/a]", "fallback: [/a/]", NULL},
};

static struct conf *read_conf(const char *keys)
{
	char text[1024];
	struct conf_faults faults = {0};
	snprintf(text, sizeof(text), "listen: [{address: ':80'}]\nservices: {shop: {blue: {}, green: {}%s%s}}\n", *keys ? ", " : "", keys);
	struct conf *conf = conf_parse(text, strlen(text), "teal.yaml", &faults);
	if (!conf)
		fail_msg("%s", faults.lines[0]);
	return conf;
}

static void check_difference(const struct difference *difference)
{
	struct conf *a = read_conf(difference->a), *b = read_conf(difference->b);
	json_t *fixed = json_array(), *sentences = json_array();
	differ_list_fixed(a, b, fixed);
	differ_list_changes(a, b, sentences);
	const char *found = json_string_value(json_array_get(sentences, 0));
	if (json_array_size(fixed) != 0 || json_array_size(sentences) != (difference->sentence ? 1 : 0))
		fail_msg("%s: %zu fixed, %zu sentences: %s", difference->name, json_array_size(fixed), json_array_size(sentences), found ? found : "");
	if (difference->sentence)
		assert_string_equal(found, difference->sentence);
	json_decref(fixed);
	json_decref(sentences);
	conf_free(a);
	conf_free(b);
}

static void every_difference_is_told_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(differences) / sizeof(*differences); i++)
		check_difference(&differences[i]);
}

/* A listener is made at the start and for a service: what is changed there is refused, and named. */
static const struct {
	const char *name, *a, *b;
	const char *keys; /* with blanks between */
} previews[] = {
	{"nothing", "a: {preview: {listen: ':81'}, ", "a: {preview: {listen: ':81'}, ", ""},
	{"a listener", "a: {", "a: {preview: {listen: ':81'}, ", "services.a.preview.listen"},
	{"no listener any more", "a: {preview: {listen: ':81'}, ", "a: {", "services.a.preview.listen"},
	{"another listener", "a: {preview: {listen: ':81'}, ", "a: {preview: {listen: ':82'}, ", "services.a.preview.listen"},
	{"another service", "a: {preview: {listen: ':81'}, ", "b: {preview: {listen: ':81'}, ", "services.a.preview.listen services.b.preview.listen"},
	{"a service without a listener", "a: {", "b: {", ""},
};

static struct conf *read_root(const char *service)
{
	char text[1024];
	struct conf_faults faults = {0};
	snprintf(text, sizeof(text), "listen: [{address: ':80'}]\nservices: {%sblue: {}, green: {}}}\n", service);
	struct conf *conf = conf_parse(text, strlen(text), "teal.yaml", &faults);
	if (!conf)
		fail_msg("%s", faults.lines[0]);
	return conf;
}

static void listeners_of_previews_are_read_at_the_start(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(previews) / sizeof(*previews); i++) {
		struct conf *a = read_root(previews[i].a), *b = read_root(previews[i].b);
		json_t *fixed = json_array();
		char keys[256] = "";
		size_t index;
		json_t *key;
		differ_list_fixed(a, b, fixed);
		json_array_foreach(fixed, index, key)
		{
			size_t used = strlen(keys);
			snprintf(keys + used, sizeof(keys) - used, "%s%s", index ? " " : "", json_string_value(key));
		}
		if (strcmp(keys, previews[i].keys) != 0)
			fail_msg("%s: %s", previews[i].name, keys);
		json_decref(fixed);
		conf_free(a);
		conf_free(b);
	}
}

/* Services that are switched by Route 53. */
#define RECORD "name: a.example, type: A, blue: 192.0.2.1, green: 192.0.2.2"
#define HEALTH RECORD ", policy: health_check, health_listen: ':81'"
#define ALIAS(blue, rest) "name: a.example, type: A, blue: {" blue "}, green: {alias: c.example, zone: Z1}" rest

static const struct {
	const char *name, *a, *b; /* below route53 */
	bool same;
	const char *fixed; /* NULL: none */
} records[] = {
	{"nothing", RECORD, RECORD, true, NULL},
	{"defaults that are written", RECORD, RECORD ", ttl: 60, policy: simple, name_servers: []", true, NULL},
	{"values as lists", RECORD, "name: A.example., type: A, blue: [192.0.2.1], green: [192.0.2.2]", true, NULL},
	{"a port that is written", RECORD ", name_servers: [192.0.2.53]", RECORD ", name_servers: ['192.0.2.53:53']", true, NULL},
	{"a zone", RECORD, RECORD ", zone: Z1", false, NULL},
	{"another zone", RECORD ", zone: Z1", RECORD ", zone: Z2", false, NULL},
	{"another name", RECORD, "name: b.example, type: A, blue: 192.0.2.1, green: 192.0.2.2", false, NULL},
	{"another type", "name: a.example, type: CNAME, blue: b.example, green: c.example", "name: a.example, type: A, blue: 192.0.2.1, green: 192.0.2.2",
		false, NULL},
	{"another TTL", RECORD, RECORD ", ttl: 10", false, NULL},
	{"another policy", RECORD, RECORD ", policy: weighted", false, NULL},
	{"a policy that makes another say what is live", RECORD, HEALTH, false, "services.a.route53.policy"},
	{"a policy that lets the record say it", HEALTH, RECORD ", policy: weighted", false, "services.a.route53.policy"},
	{"another value of blue", RECORD, "name: a.example, type: A, blue: 192.0.2.3, green: 192.0.2.2", false, NULL},
	{"another value of green", RECORD, "name: a.example, type: A, blue: 192.0.2.1, green: 192.0.2.3", false, NULL},
	{"one value more", RECORD, "name: a.example, type: A, blue: [192.0.2.1, 192.0.2.3], green: 192.0.2.2", false, NULL},
	{"an alias", RECORD, ALIAS("alias: b.example, zone: Z1", ""), false, NULL},
	{"another alias", ALIAS("alias: b.example, zone: Z1", ""), ALIAS("alias: d.example, zone: Z1", ""), false, NULL},
	{"an alias elsewhere", ALIAS("alias: b.example, zone: Z1", ""), ALIAS("alias: b.example, zone: Z2", ""), false, NULL},
	{"an alias whose health counts", ALIAS("alias: b.example, zone: Z1", ""), ALIAS("alias: b.example, zone: Z1, evaluate_target_health: on", ""), false,
		NULL},
	{"a name server", RECORD, RECORD ", name_servers: [192.0.2.53]", false, NULL},
	{"another name server", RECORD ", name_servers: [192.0.2.53]", RECORD ", name_servers: ['192.0.2.53:54']", false, NULL},
	{"another address for health checks", HEALTH, RECORD ", policy: health_check, health_listen: ':82'", false, NULL},
	{"a profile", RECORD, RECORD ", profile: dns", false, NULL},
	{"a region", RECORD, RECORD ", region: eu-central-1", false, NULL},
	{"an endpoint", RECORD, RECORD ", endpoint: https://a.example", false, NULL},
};

static struct conf *read_record(const char *record)
{
	char text[512];
	snprintf(text, sizeof(text), "a: {via: route53, route53: {%s}, ", record);
	return read_root(text);
}

static void check_fixed(const char *name, const struct conf *a, const struct conf *b, const char *wanted)
{
	json_t *fixed = json_array();
	differ_list_fixed(a, b, fixed);
	const char *found = json_string_value(json_array_get(fixed, 0));
	if (json_array_size(fixed) != (wanted ? 1 : 0) || (wanted && strcmp(found, wanted) != 0))
		fail_msg("%s: %zu keys are fixed: %s", name, json_array_size(fixed), found ? found : "");
	json_decref(fixed);
}

static void every_difference_of_a_record_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(records) / sizeof(*records); i++) {
		struct conf *a = read_record(records[i].a), *b = read_record(records[i].b);
		json_t *sentences = json_array();
		differ_list_changes(a, b, sentences);
		if (json_array_size(sentences) != (records[i].same ? 0 : 1))
			fail_msg("%s: %zu sentences", records[i].name, json_array_size(sentences));
		if (!records[i].same)
			assert_string_equal(json_string_value(json_array_get(sentences, 0)), "service a: another record, or other keys of route53");
		assert_true(differ_same_deployed(&a->services[0], &b->services[0]) == records[i].same);
		check_fixed(records[i].name, a, b, records[i].fixed);
		json_decref(sentences);
		conf_free(a);
		conf_free(b);
	}
}

static void a_service_stays_where_it_was_made(void **state)
{
	(void)state;
	struct conf *proxied = read_root("a: {"), *steered = read_record(RECORD), *health = read_record(HEALTH), *other = read_root("b: {");
	check_fixed("out of the path", proxied, steered, "services.a.via");
	check_fixed("into the path", health, proxied, "services.a.via");
	check_fixed("another service", other, steered, NULL);
	conf_free(proxied);
	conf_free(steered);
	conf_free(health);
	conf_free(other);
}

static void a_deployment_goes_by_both_colors(void **state)
{
	static const struct {
		const char *name, *keys;
		bool same;
	} cases[] = {
		{"nothing", "blue: {}, green: {backends: ['a:1']}", true},
		{"another backend", "blue: {}, green: {backends: ['b:1']}", false},
		{"a version of the other color", "blue: {version: a}, green: {backends: ['a:1']}", false},
		{"another bake", "blue: {}, green: {backends: ['a:1']}, bake: 1s", true},
		{"TLS towards backends", "blue: {}, green: {backends: ['a:1'], tls: {}}", false},
		{"a PROXY protocol header", "blue: {}, green: {backends: ['a:1'], proxy_protocol: v2}", false},
	};
	char text[512];
	struct conf_faults faults = {0};
	struct conf *confs[sizeof(cases) / sizeof(*cases)];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text), "listen: [{address: ':80'}]\nservices: {a: {%s}}\n", cases[i].keys);
		confs[i] = conf_parse(text, strlen(text), "teal.yaml", &faults);
		assert_non_null(confs[i]);
		if (differ_same_deployed(&confs[0]->services[0], &confs[i]->services[0]) != cases[i].same)
			fail_msg("%s", cases[i].name);
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		conf_free(confs[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_difference_is_told_once),
		cmocka_unit_test(listeners_of_previews_are_read_at_the_start),
		cmocka_unit_test(every_difference_of_a_record_is_told),
		cmocka_unit_test(a_service_stays_where_it_was_made),
		cmocka_unit_test(a_deployment_goes_by_both_colors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
