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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_difference_is_told_once),
		cmocka_unit_test(listeners_of_previews_are_read_at_the_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
