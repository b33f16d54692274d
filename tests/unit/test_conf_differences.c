/* What a reload says of keys that send a release back, of the shield and of the failover. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_difference_is_told_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
