/* What sends a release back, the shield and the failover in teal.yaml: values, defaults and faults. */
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

#define LOG "file: /a, pattern: x"
#define PROMETHEUS "url: 'http://p:9090', query: up"
#define PROBES "probes 3;"
#define REST " verify 30000; shield 0 of 14; failover 0"

static const struct value_case values[] = {
	{"nothing", "", PROBES REST},
	{"a rollback of nothing", "    rollback: {}\n", PROBES REST},
	{"a rollback without probes keeps them", "    rollback: {error_rate: 1%}\n", "error_rate 0.01; " PROBES REST},
	{"no limit", "    rollback: {error_rate: 0, unhealthy_probes: 0, latency_p99: 0, verify: 0}\n", "probes 0; verify 0; shield 0 of 14; failover 0"},
	{"a p99", "    rollback: {latency_p99: 500ms}\n", PROBES " p99 500;" REST},
	{"the highest p99", "    rollback: {latency_p99: 1h}\n", PROBES " p99 3600000;" REST},
	{"a log", "    rollback: {log: {" LOG "}}\n", PROBES " log /a, x, 1 in 60000;" REST},
	{"a log with all its keys", "    rollback: {log: {file: /var/log/*/app-?.log, pattern: 'could not connect to (the )?\\w+', matches: 5, within: 10s}}\n",
		PROBES " log /var/log/*/app-?.log, could not connect to (the )?\\w+, 5 in 10000;" REST},
	{"the most matches", "    rollback: {log: {" LOG ", matches: 10000, within: 1d}}\n", PROBES " log /a, x, 10000 in 86400000;" REST},
	{"the shortest time for one", "    rollback: {log: {" LOG ", within: 100ms}}\n", PROBES " log /a, x, 1 in 100;" REST},
	{"a query", "    rollback: {prometheus: {" PROMETHEUS ", above: 5}}\n",
		PROBES " prometheus http://p:9090, up, above 5, every 5000, timeout 2000;" REST},
	{"a query with all its keys",
		"    rollback: {prometheus: {url: 'https://[::1]/prometheus/', query: 'rate(a{b=\"c\"}[1m]) / 2', below: -0.5, every: 100ms, timeout: 1ms}}\n",
		PROBES " prometheus https://[::1]/prometheus/, rate(a{b=\"c\"}[1m]) / 2, below -0.5, every 100, timeout 1;" REST},
	{"a bound with an exponent", "    rollback: {prometheus: {" PROMETHEUS ", below: +1.5E3}}\n",
		PROBES " prometheus http://p:9090, up, below 1500, every 5000, timeout 2000;" REST},
	{"a bound of nothing", "    rollback: {prometheus: {" PROMETHEUS ", above: 0}}\n",
		PROBES " prometheus http://p:9090, up, above 0, every 5000, timeout 2000;" REST},
	{"a query on several lines",
		"    rollback:\n      prometheus:\n        url: http://p\n        query: >-\n          a +\n          b\n        above: .25\n",
		PROBES " prometheus http://p, a + b, above 0.25, every 5000, timeout 2000;" REST},
	{"a dry run of one", "    rollback: {error_rate: 1%, dry_run: [error_rate]}\n", "error_rate 0.01; " PROBES " dry 1;" REST},
	{"a dry run of the probes that are the default", "    rollback: {dry_run: [unhealthy_probes]}\n", PROBES " dry 2;" REST},
	{"a dry run of everything",
		"    rollback: {dry_run: [prometheus, log, latency_p99, unhealthy_probes, error_rate], error_rate: 1%, latency_p99: 1s, log: {" LOG
		"}, prometheus: {" PROMETHEUS ", above: 5}}\n",
		"error_rate 0.01; " PROBES " p99 1000; log /a, x, 1 in 60000; prometheus http://p:9090, up, above 5, every 5000, timeout 2000; dry 31;" REST},
	{"a dry run of nothing", "    rollback: {dry_run: []}\n", PROBES REST},
	{"the old color watched", "    rollback: {verify: 1h}\n", PROBES " verify 3600000; shield 0 of 14; failover 0"},
	{"the shield off", "    shield: off\n", PROBES REST},
	{"the shield in one word", "    shield: bake\n", PROBES " verify 30000; shield 1 of 14; failover 0"},
	{"the shield always", "    shield: always\n", PROBES " verify 30000; shield 2 of 14; failover 0"},
	{"the shield as a mapping", "    shield: {when: bake}\n", PROBES " verify 30000; shield 1 of 14; failover 0"},
	{"the shield with 500", "    shield: {when: always, statuses: [504, 500, 503, 502]}\n", PROBES " verify 30000; shield 2 of 15; failover 0"},
	{"the shield of one status", "    shield: {statuses: [503], when: bake}\n", PROBES " verify 30000; shield 1 of 4; failover 0"},
	{"the shield where no answer came", "    shield: {when: bake, statuses: []}\n", PROBES " verify 30000; shield 1 of 0; failover 0"},
	{"the shield with statuses off for now", "    shield: {when: off, statuses: [500]}\n", PROBES " verify 30000; shield 0 of 1; failover 0"},
	{"the failover on", "    failover: on\n", PROBES " verify 30000; shield 0 of 14; failover 1"},
	{"the failover off", "    failover: off\n", PROBES REST},
};

static void write_rollback(struct text *out, const struct conf_rollback *rollback)
{
	const struct conf_log *log = &rollback->log;
	const struct conf_prometheus *prometheus = &rollback->prometheus;
	if (rollback->error_rate > 0)
		text_addf(out, "error_rate %g; ", rollback->error_rate);
	text_addf(out, "probes %u;", rollback->unhealthy_probes);
	if (rollback->latency_p99_ms)
		text_addf(out, " p99 %llu;", (unsigned long long)rollback->latency_p99_ms);
	if (log->file)
		text_addf(out, " log %s, %s, %u in %llu;", log->file, log->pattern, log->matches, (unsigned long long)log->within_ms);
	if (prometheus->url)
		text_addf(out, " prometheus %s, %s, %s %g, every %llu, timeout %llu;", prometheus->url, prometheus->query,
			prometheus->below ? "below" : "above", prometheus->bound, (unsigned long long)prometheus->every_ms,
			(unsigned long long)prometheus->timeout_ms);
	if (rollback->dry_run)
		text_addf(out, " dry %u;", rollback->dry_run);
	text_addf(out, " verify %llu;", (unsigned long long)rollback->verify_ms);
}

static void write_service(struct text *out, const struct conf_service *service)
{
	write_rollback(out, &service->rollback);
	text_addf(out, " shield %d of %u; failover %d", (int)service->shield.when, service->shield.statuses, service->failover);
}

static void every_value_arrives(void **state)
{
	(void)state;
	check_value_cases(values, sizeof(values) / sizeof(*values), write_service);
}

/* The words of the file are the bits of conf.h. */
static void every_word_has_its_bit(void **state)
{
	static const struct {
		const char *yaml;
		unsigned dry_run, statuses;
	} words[] = {
		{"    rollback: {error_rate: 1%, dry_run: [error_rate]}\n    shield: {when: bake, statuses: [500]}\n", CONF_CRITERION_ERROR_RATE,
			CONF_SHIELD_500},
		{"    rollback: {dry_run: [unhealthy_probes]}\n    shield: {when: bake, statuses: [502]}\n", CONF_CRITERION_UNHEALTHY_PROBES, CONF_SHIELD_502},
		{"    rollback: {latency_p99: 1s, dry_run: [latency_p99]}\n    shield: {when: bake, statuses: [503]}\n", CONF_CRITERION_LATENCY_P99,
			CONF_SHIELD_503},
		{"    rollback: {log: {" LOG "}, dry_run: [log]}\n    shield: {when: bake, statuses: [504]}\n", CONF_CRITERION_LOG, CONF_SHIELD_504},
		{"    rollback: {prometheus: {" PROMETHEUS ", above: 1}, dry_run: [prometheus]}\n    shield: {when: bake, statuses: []}\n",
			CONF_CRITERION_PROMETHEUS, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		struct conf_faults faults = {0};
		char yaml[1024];
		snprintf(yaml, sizeof(yaml), "%s%s", SHOP, words[i].yaml);
		struct conf *conf = conf_parse(yaml, strlen(yaml), "a.yaml", &faults);
		assert_non_null(conf);
		assert_int_equal(conf->services[0].rollback.dry_run, words[i].dry_run);
		assert_int_equal(conf->services[0].shield.statuses, words[i].statuses);
		assert_int_equal(conf->services[0].shield.when, CONF_SHIELD_BAKE);
		conf_free(conf);
	}
}

static const struct fault_case faults[] = {
	{"a p99 without a unit", SHOP "    rollback: {latency_p99: 500}\n",
		"6:29: services.shop.rollback.latency_p99: expected a duration with its unit, found '500': write 500s or 500ms\n"},
	{"a p99 that is too long", SHOP "    rollback: {latency_p99: 2h}\n",
		"6:29: services.shop.rollback.latency_p99: expected a duration from 0s to 1h, found '2h'\n"},
	{"a p99 that is none", SHOP "    rollback: {latency_p99: fast}\n",
		"6:29: services.shop.rollback.latency_p99: expected a duration such as 500ms, 1s, 5m or 1h, found 'fast'\n"},
	{"a log that is a word", SHOP "    rollback: {log: /var/log/a.log}\n",
		"6:21: services.shop.rollback.log: expected a mapping, found '/var/log/a.log'\n"},
	{"a log of nothing", SHOP "    rollback: {log: {}}\n",
		"6:16: services.shop.rollback.log.file is missing: name the log to follow, as in file: /var/log/shop/app.log\n"
		"6:16: services.shop.rollback.log.pattern is missing: write the regular expression that a bad line matches, as in pattern: 'could not connect'\n"},
	{"a log without a pattern", SHOP "    rollback: {log: {file: /a}}\n",
		"6:16: services.shop.rollback.log.pattern is missing: write the regular expression that a bad line matches, as in pattern: 'could not connect'\n"},
	{"a log without a file", SHOP "    rollback: {log: {pattern: x}}\n",
		"6:16: services.shop.rollback.log.file is missing: name the log to follow, as in file: /var/log/shop/app.log\n"},
	{"a log with a misspelt file", SHOP "    rollback: {log: {fiel: /a, pattern: x}}\n",
		"6:22: unknown key 'fiel' in services.shop.rollback.log: did you mean 'file'?\n"},
	{"a relative log", SHOP "    rollback: {log: {file: app.log, pattern: x}}\n",
		"6:28: services.shop.rollback.log.file: expected an absolute path, found 'app.log': write it from / on, as in /var/log/app.log\n"},
	{"a log that is a folder", SHOP "    rollback: {log: {file: /var/log/, pattern: x}}\n",
		"6:28: services.shop.rollback.log.file: expected the name of a file, found the folder '/var/log/': write /var/log/*.log for every log in it\n"},
	{"a log without a name", SHOP "    rollback: {log: {file: '', pattern: x}}\n",
		"6:28: services.shop.rollback.log.file: expected the name of a file, found ''\n"},
	{"a log with a name of two lines", SHOP "    rollback: {log: {file: \"/a\\nb\", pattern: x}}\n",
		"6:28: services.shop.rollback.log.file: expected the name of a file, found '/a?b'\n"},
	{"a pattern that does not compile", SHOP "    rollback: {log: {file: /a, pattern: 'a(b'}}\n",
		"6:41: services.shop.rollback.log.pattern: the pattern is faulty at byte 4, after \"a(b\": missing closing parenthesis\n"},
	{"a pattern of a repetition of nothing", SHOP "    rollback: {log: {file: /a, pattern: '*.error'}}\n",
		"6:41: services.shop.rollback.log.pattern: the pattern is faulty at byte 1, after \"\": quantifier does not follow a repeatable item\n"},
	{"an empty pattern", SHOP "    rollback: {log: {file: /a, pattern: ''}}\n",
		"6:41: services.shop.rollback.log.pattern: the pattern is empty, so every line would match\n"},
	{"a pattern that every line matches", SHOP "    rollback: {log: {file: /a, pattern: 'error|'}}\n",
		"6:41: services.shop.rollback.log.pattern: the pattern \"error|\" matches every line, even an empty one\n"},
	{"a pattern in double quotes with \\b", SHOP "    rollback: {log: {file: /a, pattern: \"\\berror\\b\"}}\n",
		"6:41: services.shop.rollback.log.pattern: expected a pattern without control characters, found '?error?': in double quotes YAML makes one of \\b or \\t itself, so use single quotes\n"},
	{"a pattern in double quotes with \\d", SHOP "    rollback: {log: {file: /a, pattern: \"\\d+ errors\"}}\n",
		"6:42: not valid YAML: a \\ in double quotes begins an escape such as \\n, and this is none: use single quotes\n"},
	{"a pattern of two lines", SHOP "    rollback: {log: {file: /a, pattern: \"a\\nb\"}}\n",
		"6:41: services.shop.rollback.log.pattern: expected a text without line breaks, found 'a?b': begin it with >- and YAML joins its lines\n"},
	{"no matches", SHOP "    rollback: {log: {file: /a, pattern: x, matches: 0}}\n",
		"6:53: services.shop.rollback.log.matches: expected a whole number from 1 to 10000, found '0'\n"},
	{"too many matches", SHOP "    rollback: {log: {file: /a, pattern: x, matches: 10001}}\n",
		"6:53: services.shop.rollback.log.matches: expected a whole number from 1 to 10000, found '10001'\n"},
	{"matches in quotes", SHOP "    rollback: {log: {file: /a, pattern: x, matches: '5'}}\n",
		"6:53: services.shop.rollback.log.matches: expected a number without quotes, found '5'\n"},
	{"no time for matches", SHOP "    rollback: {log: {file: /a, pattern: x, within: 0}}\n",
		"6:52: services.shop.rollback.log.within: expected a duration from 100ms to 1d, found '0'\n"},
	{"too long a time for matches", SHOP "    rollback: {log: {file: /a, pattern: x, within: 2d}}\n",
		"6:52: services.shop.rollback.log.within: expected a duration from 100ms to 1d, found '2d'\n"},
	{"a key of a log in the rollback", SHOP "    rollback: {pattern: x, within: 1m, latency: 1s}\n",
		"6:16: unknown key 'pattern' in services.shop.rollback: did you mean 'log.pattern'?\n"
		"6:28: unknown key 'within' in services.shop.rollback: did you mean 'log.within'?\n"
		"6:40: unknown key 'latency' in services.shop.rollback: did you mean 'latency_p99'?\n"},
	{"prometheus as a URL", SHOP "    rollback: {prometheus: 'http://127.0.0.1:9090'}\n",
		"6:28: services.shop.rollback.prometheus: expected a mapping, found 'http://127.0.0.1:9090'\n"},
	{"prometheus of nothing", SHOP "    rollback: {prometheus: {}}\n",
		"6:16: services.shop.rollback.prometheus.url is missing: name the server, as in url: http://127.0.0.1:9090\n"
		"6:16: services.shop.rollback.prometheus.query is missing: write the query, as in query: 'sum(rate(errors_total[1m]))'\n"
		"6:16: services.shop.rollback.prometheus.above is missing: say from which value on the release is bad, with above or with below, as in above: 5\n"},
	{"a query without a bound", SHOP "    rollback: {prometheus: {url: 'http://p:9090', query: up}}\n",
		"6:16: services.shop.rollback.prometheus.above is missing: say from which value on the release is bad, with above or with below, as in above: 5\n"},
	{"a query with both bounds", SHOP "    rollback: {prometheus: {url: 'http://p:9090', query: up, above: 1, below: 5}}\n",
		"6:72: services.shop.rollback.prometheus: below contradicts above on line 6: keep one\n"},
	{"a query with both bounds the other way round",
		SHOP "    rollback:\n"
		     "      prometheus:\n"
		     "        url: http://p\n"
		     "        query: up\n"
		     "        below: 1\n"
		     "        above: 5\n",
		"11:9: services.shop.rollback.prometheus: above contradicts below on line 10: keep one\n"},
	{"a query with a misspelt bound", SHOP "    rollback: {prometheus: {url: 'http://p:9090', query: up, abvoe: 1}}\n",
		"6:62: unknown key 'abvoe' in services.shop.rollback.prometheus: did you mean 'above'?\n"},
	{"a query with the other bound misspelt", SHOP "    rollback: {prometheus: {url: 'http://p:9090', query: up, belwo: 1}}\n",
		"6:62: unknown key 'belwo' in services.shop.rollback.prometheus: did you mean 'below'?\n"},
	{"a bound that is no number", SHOP "    rollback: {prometheus: {url: 'http://p:9090', query: up, above: high}}\n",
		"6:69: services.shop.rollback.prometheus.above: expected a number such as 5, 0.25 or -1e3, found 'high'\n"},
	{"a bound with a unit", SHOP "    rollback: {prometheus: {url: 'http://p:9090', query: up, above: 5%}}\n",
		"6:69: services.shop.rollback.prometheus.above: expected a number such as 5, 0.25 or -1e3, found '5%'\n"},
	{"a bound in quotes", SHOP "    rollback: {prometheus: {url: 'http://p:9090', query: up, below: '5'}}\n",
		"6:69: services.shop.rollback.prometheus.below: expected a number without quotes, found '5'\n"},
	{"a bound without end", SHOP "    rollback: {prometheus: {url: 'http://p:9090', query: up, above: .inf}}\n",
		"6:69: services.shop.rollback.prometheus.above: expected a number such as 5, 0.25 or -1e3, found '.inf'\n"},
	{"a bound beyond all numbers", SHOP "    rollback: {prometheus: {url: 'http://p:9090', query: up, above: 1e999}}\n",
		"6:69: services.shop.rollback.prometheus.above: expected a number such as 5, 0.25 or -1e3, found '1e999'\n"},
	{"a bound that is two", SHOP "    rollback: {prometheus: {url: 'http://p:9090', query: up, above: 1-2}}\n",
		"6:69: services.shop.rollback.prometheus.above: expected a number such as 5, 0.25 or -1e3, found '1-2'\n"},
	{"a bound that is a list", SHOP "    rollback: {prometheus: {url: 'http://p:9090', query: up, above: [5]}}\n",
		"6:69: services.shop.rollback.prometheus.above: expected one value, found a list\n"},
	{"a URL without http", SHOP "    rollback: {prometheus: {url: '127.0.0.1:9090', query: up, above: 5}}\n",
		"6:34: services.shop.rollback.prometheus.url: the URL does not begin with http:// or https://: expected one as in http://127.0.0.1:9090 or https://prometheus.example/prefix\n"},
	{"a URL of another kind", SHOP "    rollback: {prometheus: {url: 'ftp://p', query: up, above: 5}}\n",
		"6:34: services.shop.rollback.prometheus.url: the URL does not begin with http:// or https://: expected one as in http://127.0.0.1:9090 or https://prometheus.example/prefix\n"},
	{"a URL with a password", SHOP "    rollback: {prometheus: {url: 'http://admin:secret@p:9090', query: up, above: 5}}\n",
		"6:34: services.shop.rollback.prometheus.url: the URL holds a user name or a password, which is not supported: leave out what is before the @\n"},
	{"a URL with a query", SHOP "    rollback: {prometheus: {url: 'http://p:9090/api/v1/query?query=up', query: up, above: 5}}\n",
		"6:34: services.shop.rollback.prometheus.url: 'http://p:9090/api/v1/query?query=up' has a query: leave out the question mark and what follows\n"},
	{"an empty query", SHOP "    rollback: {prometheus: {url: 'http://p', query: '', above: 5}}\n",
		"6:53: services.shop.rollback.prometheus.query: expected a text, found an empty one\n"},
	{"a query of several lines",
		SHOP "    rollback:\n"
		     "      prometheus:\n"
		     "        url: http://p\n"
		     "        above: 1\n"
		     "        query: |\n"
		     "          a +\n"
		     "          b\n",
		"10:16: services.shop.rollback.prometheus.query: expected a text without line breaks, found 'a +?b?': begin it with >- and YAML joins its lines\n"},
	{"queries too often and too slow", SHOP "    rollback: {prometheus: {url: 'http://p:9090', query: up, above: 1, every: 0, timeout: 0}}\n",
		"6:79: services.shop.rollback.prometheus.every: expected a duration from 100ms to 1h, found '0'\n"
		"6:91: services.shop.rollback.prometheus.timeout: expected a duration from 1ms to 5m, found '0'\n"},
	{"queries too rare", SHOP "    rollback: {prometheus: {url: 'http://p:9090', query: up, above: 1, every: 2h, timeout: 6m}}\n",
		"6:79: services.shop.rollback.prometheus.every: expected a duration from 100ms to 1h, found '2h'\n"
		"6:92: services.shop.rollback.prometheus.timeout: expected a duration from 1ms to 5m, found '6m'\n"},
	{"an interval of a query", SHOP "    rollback: {prometheus: {url: 'http://p:9090', query: up, above: 1, interval: 5s}}\n",
		"6:72: unknown key 'interval' in services.shop.rollback.prometheus: did you mean 'services.shop.probe.interval'?\n"},
	{"a dry run of one word", SHOP "    rollback: {dry_run: error_rate}\n",
		"6:25: services.shop.rollback.dry_run: expected a list, as in [A, B], found 'error_rate'\n"},
	{"a dry run of everything", SHOP "    rollback: {dry_run: all}\n",
		"6:25: services.shop.rollback.dry_run: expected a list, as in [A, B], found 'all'\n"},
	{"a dry run of what nobody knows", SHOP "    rollback: {dry_run: [latency, error_rat, bake, 5]}\n",
		"6:26: services.shop.rollback.dry_run: expected error_rate, unhealthy_probes, latency_p99, log or prometheus, found 'latency': did you mean latency_p99?\n"
		"6:35: services.shop.rollback.dry_run: expected error_rate, unhealthy_probes, latency_p99, log or prometheus, found 'error_rat': did you mean error_rate?\n"
		"6:46: services.shop.rollback.dry_run: expected error_rate, unhealthy_probes, latency_p99, log or prometheus, found 'bake'\n"
		"6:52: services.shop.rollback.dry_run: expected error_rate, unhealthy_probes, latency_p99, log or prometheus, found '5'\n"},
	{"a dry run of what has no limit",
		SHOP "    rollback: {dry_run: [error_rate, unhealthy_probes, latency_p99, log, prometheus], unhealthy_probes: 0, latency_p99: 0}\n",
		"6:26: services.shop.rollback.dry_run: error_rate is not configured, so a dry run of it would do nothing: set services.shop.rollback.error_rate, or leave it out here\n"
		"6:38: services.shop.rollback.dry_run: unhealthy_probes is not configured, so a dry run of it would do nothing: set services.shop.rollback.unhealthy_probes, or leave it out here\n"
		"6:56: services.shop.rollback.dry_run: latency_p99 is not configured, so a dry run of it would do nothing: set services.shop.rollback.latency_p99, or leave it out here\n"
		"6:69: services.shop.rollback.dry_run: log is not configured, so a dry run of it would do nothing: set services.shop.rollback.log, or leave it out here\n"
		"6:74: services.shop.rollback.dry_run: prometheus is not configured, so a dry run of it would do nothing: set services.shop.rollback.prometheus, or leave it out here\n"},
	{"a dry run of what is faulty",
		SHOP "    rollback: {dry_run: [error_rate, latency_p99, log, prometheus], error_rate: 2, latency_p99: soon, log: x, prometheus: {}}\n",
		"6:81: services.shop.rollback.error_rate: expected a share such as 1% or 0.01, from 0% to 100%, found '2'\n"
		"6:97: services.shop.rollback.latency_p99: expected a duration such as 500ms, 1s, 5m or 1h, found 'soon'\n"
		"6:108: services.shop.rollback.log: expected a mapping, found 'x'\n"
		"6:111: services.shop.rollback.prometheus.url is missing: name the server, as in url: http://127.0.0.1:9090\n"
		"6:111: services.shop.rollback.prometheus.query is missing: write the query, as in query: 'sum(rate(errors_total[1m]))'\n"
		"6:111: services.shop.rollback.prometheus.above is missing: say from which value on the release is bad, with above or with below, as in above: 5\n"},
	{"latencies in a bake that is too short for them", SHOP "    bake: 19s\n    rollback: {latency_p99: 1s, inconclusive: rollback}\n",
		"7:29: services.shop.rollback.latency_p99: it is judged by windows of 10 s, for which a bake of less than 20s is too short, and what is inconclusive is rolled back here: set a longer bake, or inconclusive: promote\n"},
	{"a dry run of one twice", SHOP "    rollback: {dry_run: [unhealthy_probes, unhealthy_probes]}\n",
		"6:44: services.shop.rollback.dry_run: 'unhealthy_probes' is listed twice: keep one\n"},
	{"a dry run of a mapping", SHOP "    rollback: {dry_run: [{log: on}, ~]}\n",
		"6:26: services.shop.rollback.dry_run: expected one value for each element, found a mapping\n"
		"6:37: services.shop.rollback.dry_run: expected one value for each element, found nothing\n"},
	{"the old color watched for too long", SHOP "    rollback: {verify: 2h}\n",
		"6:24: services.shop.rollback.verify: expected a duration from 0s to 1h, found '2h'\n"},
	{"the old color watched", SHOP "    rollback: {verify: on}\n",
		"6:24: services.shop.rollback.verify: expected a duration such as 500ms, 1s, 5m or 1h, found 'on'\n"},
	{"a key of the probe in a query's place", SHOP "    rollback: {interval: 5s}\n",
		"6:16: unknown key 'interval' in services.shop.rollback: did you mean 'services.shop.probe.interval'?\n"},
	{"a query beside the rollback",
		SHOP "    prometheus: {url: a}\n"
		     "    log: {file: a}\n"
		     "    verify: 3s\n"
		     "    statuses: [500]\n",
		"6:5: unknown key 'prometheus' in services.shop: did you mean 'rollback.prometheus'?\n"
		"7:5: unknown key 'log' in services.shop: did you mean 'rollback.log'?\n"
		"8:5: unknown key 'verify' in services.shop: did you mean 'rollback.verify'?\n"
		"9:5: unknown key 'statuses' in services.shop: did you mean 'shield.statuses'?\n"},
	{"a mapping for a word",
		SHOP "    via: {shield: off}\n"
		     "    failover: on\n",
		"6:10: services.shop.via: expected one value, found a mapping\n"},
	{"a misspelt shield", SHOP "    shield: of\n", "6:13: services.shop.shield: expected off, bake or always, found 'of': did you mean off?\n"},
	{"the shield on", SHOP "    shield: on\n", "6:13: services.shop.shield: expected off, bake or always, found 'on'\n"},
	{"the shield false", SHOP "    shield: false\n", "6:13: services.shop.shield: expected off, bake or always, found 'false': did you mean off?\n"},
	{"the shield as a list", SHOP "    shield: [bake]\n", "6:13: services.shop.shield: expected a word or a mapping, found a list\n"},
	{"the shield without a value", SHOP "    shield:\n", "6:5: services.shop.shield has no value: write one, or leave the key out\n"},
	{"the shield of nothing", SHOP "    shield: {}\n", "6:5: services.shop.shield.when is missing: say when the shield is up, as in when: bake\n"},
	{"the shield without when", SHOP "    shield: {statuses: [500]}\n",
		"6:5: services.shop.shield.when is missing: say when the shield is up, as in when: bake\n"},
	{"the shield with a misspelt key", SHOP "    shield: {wehn: bake, status: [500]}\n",
		"6:14: unknown key 'wehn' in services.shop.shield: did you mean 'when'?\n"
		"6:26: unknown key 'status' in services.shop.shield: did you mean 'statuses'?\n"},
	{"the shield in the bakery", SHOP "    shield: {when: baking}\n", "6:20: services.shop.shield.when: expected off, bake or always, found 'baking'\n"},
	{"other statuses", SHOP "    shield: {when: bake, statuses: [500, 501, 404, 5xx, 502, 502]}\n",
		"6:42: services.shop.shield.statuses: expected 500, 502, 503 or 504, found '501'\n"
		"6:47: services.shop.shield.statuses: expected 500, 502, 503 or 504, found '404'\n"
		"6:52: services.shop.shield.statuses: expected 500, 502, 503 or 504, found '5xx'\n"
		"6:62: services.shop.shield.statuses: '502' is listed twice: keep one\n"},
	{"one status", SHOP "    shield: {when: bake, statuses: 500}\n", "6:36: services.shop.shield.statuses: expected a list, as in [A, B], found '500'\n"},
	{"a misspelt failover", SHOP "    failover: onn\n", "6:15: services.shop.failover: expected off or on, found 'onn': did you mean on?\n"},
	{"the failover by other words", SHOP "    failover: true\n", "6:15: services.shop.failover: expected off or on, found 'true': did you mean on?\n"},
	{"the failover by no", SHOP "    failover: No\n", "6:15: services.shop.failover: expected off or on, found 'No': did you mean off?\n"},
	{"the failover as a number", SHOP "    failover: 1\n", "6:15: services.shop.failover: expected off or on, found '1'\n"},
	{"the failover as a mapping", SHOP "    failover: {when: on}\n", "6:15: services.shop.failover: expected one value, found a mapping\n"},
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
		for (size_t length = 0; length < strlen(faults[i].yaml); length += 3)
			free(find_faults(faults[i].yaml, length));
}

struct guess_case {
	const char *text, *words[4], *meant;
};

static const struct guess_case guesses[] = {
	{"latency", {"log", "latency_p99"}, "latency_p99"},
	{"latency_p98", {"log", "latency_p99"}, "latency_p99"},
	{"latency", {"latency_p50", "latency_p99"}, NULL},
	{"late", {"log", "latency_p99"}, NULL},
	{"", {"log", "_"}, NULL},
	{"lgo", {"log_file", "log"}, "log"},
};

static void a_word_is_guessed_where_it_is_plain(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(guesses) / sizeof(*guesses); i++) {
		const char *found = key_guess(guesses[i].text, guesses[i].words), *meant = guesses[i].meant;
		if (!found != !meant || (found && strcmp(found, meant) != 0))
			fail_msg("%s: expected %s, found %s", guesses[i].text, meant ? meant : "none", found ? found : "none");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_arrives),
		cmocka_unit_test(every_word_has_its_bit),
		cmocka_unit_test(every_fault_has_its_place_and_its_words),
		cmocka_unit_test(every_prefix_is_read_or_refused),
		cmocka_unit_test(a_word_is_guessed_where_it_is_plain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
