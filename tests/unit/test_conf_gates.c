/* Gates, hooks and notifications in teal.yaml: values, defaults and faults. */
// links: conf
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/conf_faults.h"

static const struct value_case values[] = {
	{"nothing", "", "healthy 1;"},
	{"gates of nothing", "    gates: {hooks: [], freeze: [], smoke: []}\n", "healthy 1;"},
	{"hooks of nothing", "    hooks: {}\n", "healthy 1;"},
	{"a program", "    gates: {hooks: [{run: [/bin/a]}]}\n", "healthy 1; before_switch run /bin/a, 60000;"},
	{"a program as a list", "    gates: {hooks: [[/bin/a]]}\n", "healthy 1; before_switch run /bin/a, 60000;"},
	{"arguments of every kind", "    gates: {hooks: [[/bin/a, -b, \"c d\\n\", '', 5, on]]}\n",
		"healthy 1; before_switch run /bin/a|-b|c d\n||5|on, 60000;"},
	{"lists on lines of their own", "    gates:\n      hooks:\n        - [/bin/a, --all]\n        - run: [/bin/b]\n          timeout: 1d\n",
		"healthy 1; before_switch run /bin/a|--all, 60000; before_switch run /bin/b, 86400000;"},
	{"a URL", "    gates: {hooks: [{url: 'https://ci.example/hook?team=shop&x', secret_file: /etc/key, timeout: 1ms}]}\n",
		"healthy 1; before_switch ask https://ci.example/hook?team=shop&x, key /etc/key, 1;"},
	{"a hook for every moment", "    gates: {hooks: [[/a]]}\n    hooks: {switched: [[/b], [/c]], promoted: [[/d]], rolled_back: [{url: 'http://e'}]}\n",
		"healthy 1; before_switch run /a, 60000; switched run /b, 60000; switched run /c, 60000; promoted run /d, 60000; rolled_back ask http://e, 60000;"},
	{"notifications",
		"    notify: [{url: 'http://a'}, {url: 'https://b', format: slack, timeout: 1ms}, {url: 'https://c', format: json, secret_file: /k, timeout: 5m}]\n",
		"healthy 1; notify http://a, 0, 10000; notify https://b, 1, 1; notify https://c, 0, key /k, 300000;"},
	{"an approval", "    gates: {healthy: 50%, approval: 30m}\n", "healthy 0.5; approval 1800000;"},
	{"the longest approval", "    gates: {approval: 24h}\n", "healthy 1; approval 86400000;"},
	{"an approval switched off", "    gates: {approval: off, rehearsal: off}\n", "healthy 1;"},
	{"a rehearsal that has been passed", "    gates: {rehearsal: 1h}\n", "healthy 1; rehearsal 3600000;"},
	{"a freeze of every weekend", "    gates: {freeze: [{from: Fri 16:00, to: Mon 08:00, zone: Europe/Berlin, reason: nobody is there}]}\n",
		"healthy 1; freeze 6720 to 480 in Europe/Berlin: nobody is there;"},
	{"the first and the last minute", "    gates: {freeze: [{from: Mon 00:00, to: Sun 23:59, zone: UTC}]}\n", "healthy 1; freeze 0 to 10079 in UTC;"},
	{"days in other letters",
		"    gates: {freeze: [{from: TUE 01:02, to: wed 03:04, zone: America/Argentina/Buenos_Aires}, {from: Thu 00:00, to: Sat 00:00, zone: Etc/GMT+5}]}\n",
		"healthy 1; freeze 1502 to 3064 in America/Argentina/Buenos_Aires; freeze 4320 to 7200 in Etc/GMT+5;"},
	{"a freeze of dates", "    gates: {freeze: [{from: 2026-12-23T18:00, to: 2027-01-02T06:00, zone: Europe/Berlin}]}\n",
		"healthy 1; freeze 2026-12-23T18:00 to 2027-01-02T06:00 in Europe/Berlin;"},
	{"a freeze on a leap day", "    gates: {freeze: [{from: 2028-02-29T00:00, to: 2400-02-29T23:59, zone: UTC}]}\n",
		"healthy 1; freeze 2028-02-29T00:00 to 2400-02-29T23:59 in UTC;"},
	{"a smoke test", "    gates: {smoke: [{path: /}]}\n", "healthy 1; smoke GET / status 200-299, 5000;"},
	{"a smoke test with all its keys",
		"    gates: {smoke: [{method: POST, path: '/cart?x=1', host: 'shop.example:8080', headers: {Content-Type: text/plain, X-Empty: ''}, body: \"a\\nb\", timeout: 60s,\n      expect: {status: [201, 300-302], body: 'ok {version}', header: {X-Version: '{version}', X-Mode: 1}}}]}\n",
		"healthy 1; smoke POST /cart?x=1 host shop.example:8080 field Content-Type=text/plain field X-Empty= body a\nb status 201-201 300-302 has ok {version} with X-Version={version} with X-Mode=1, 60000;"},
	{"two smoke tests", "    gates: {smoke: [{path: /a, expect: {status: 204}}, {method: OPTIONS, path: /b, expect: {}}]}\n",
		"healthy 1; smoke GET /a status 204-204, 5000; smoke OPTIONS /b status 200-299, 5000;"},
};

static const char *const moments[CONF_MOMENT_COUNT] = {"before_switch", "switched", "promoted", "rolled_back"};

static void write_key(struct text *out, const char *secret_file)
{
	if (secret_file)
		text_addf(out, ", key %s", secret_file);
}

static void write_hook(struct text *out, const char *moment, const struct conf_hook *hook)
{
	text_addf(out, " %s %s %s", moment, hook->run ? "run" : "ask", hook->run ? hook->run[0] : hook->url);
	assert_true(!hook->run != !hook->url);
	for (size_t i = 1; hook->run && hook->run[i]; i++)
		text_addf(out, "|%s", hook->run[i]);
	write_key(out, hook->secret_file);
	text_addf(out, ", %llu;", (unsigned long long)hook->timeout_ms);
}

static void write_freeze(struct text *out, const struct conf_freeze *freeze)
{
	assert_true(freeze->dated == (freeze->from_date != NULL) && freeze->dated == (freeze->to_date != NULL));
	if (freeze->dated)
		text_addf(out, " freeze %s to %s", freeze->from_date, freeze->to_date);
	else
		text_addf(out, " freeze %u to %u", freeze->from, freeze->to);
	text_addf(out, " in %s%s%s;", freeze->zone, freeze->reason ? ": " : "", freeze->reason ? freeze->reason : "");
}

static void write_smoke(struct text *out, const struct conf_smoke *smoke)
{
	text_addf(out, " smoke %s %s", smoke->method, smoke->path);
	if (smoke->host)
		text_addf(out, " host %s", smoke->host);
	for (size_t i = 0; i < smoke->send_count; i++)
		text_addf(out, " field %s=%s", smoke->send[i].name, smoke->send[i].value);
	if (smoke->body)
		text_addf(out, " body %s", smoke->body);
	text_addf(out, " status");
	for (size_t i = 0; i < smoke->status_count; i++)
		text_addf(out, " %u-%u", smoke->statuses[i].low, smoke->statuses[i].high);
	if (smoke->expect_body)
		text_addf(out, " has %s", smoke->expect_body);
	for (size_t i = 0; i < smoke->expect_count; i++)
		text_addf(out, " with %s=%s", smoke->expect[i].name, smoke->expect[i].value);
	text_addf(out, ", %llu;", (unsigned long long)smoke->timeout_ms);
}

static void write_gates(struct text *out, const struct conf_gates *gates)
{
	text_addf(out, "healthy %g;", gates->healthy);
	if (gates->approval_ms)
		text_addf(out, " approval %llu;", (unsigned long long)gates->approval_ms);
	if (gates->rehearsal_ms)
		text_addf(out, " rehearsal %llu;", (unsigned long long)gates->rehearsal_ms);
	for (size_t i = 0; i < gates->freeze_count; i++)
		write_freeze(out, &gates->freezes[i]);
	for (size_t i = 0; i < gates->smoke_count; i++)
		write_smoke(out, &gates->smokes[i]);
}

static void write_service(struct text *out, const struct conf_service *service)
{
	write_gates(out, &service->gates);
	for (size_t moment = 0; moment < CONF_MOMENT_COUNT; moment++)
		for (size_t i = 0; i < service->hooks[moment].count; i++)
			write_hook(out, moments[moment], &service->hooks[moment].list[i]);
	for (size_t i = 0; i < service->notify_count; i++) {
		const struct conf_notify *notify = &service->notify[i];
		text_addf(out, " notify %s, %d", notify->url, (int)notify->format);
		write_key(out, notify->secret_file);
		text_addf(out, ", %llu;", (unsigned long long)notify->timeout_ms);
	}
}

static const struct fault_case faults[] = {
	{"hooks as a word", SHOP "    gates: {hooks: /bin/backup}\n",
		"6:20: services.shop.gates.hooks: expected a list, as in [{run: [/usr/local/bin/backup, --all]}], found '/bin/backup'\n"},
	{"hooks that are words", SHOP "    gates: {hooks: [/bin/backup, --all]}\n",
		"6:21: services.shop.gates.hooks: expected a mapping for each element, as in {run: [/usr/local/bin/backup, --all]}, found '/bin/backup'\n"
		"6:34: services.shop.gates.hooks: expected a mapping for each element, as in {run: [/usr/local/bin/backup, --all]}, found '--all'\n"},
	{"a hook of nothing", SHOP "    gates: {hooks: [{}]}\n",
		"6:21: services.shop.gates.hooks.run is missing: say what to do, with run or with url, as in run: [/usr/local/bin/backup, --all]\n"},
	{"a hook without anything to do", SHOP "    gates: {hooks: [{timeout: 5s}]}\n",
		"6:21: services.shop.gates.hooks.run is missing: say what to do, with run or with url, as in run: [/usr/local/bin/backup, --all]\n"},
	{"a hook with both", SHOP "    gates: {hooks: [{run: [/bin/a], url: 'http://a'}]}\n",
		"6:37: services.shop.gates.hooks: url contradicts run on line 6: keep one\n"},
	{"a hook with both the other way round", SHOP "    gates: {hooks: [{url: 'http://a', run: [/bin/a]}]}\n",
		"6:39: services.shop.gates.hooks: run contradicts url on line 6: keep one\n"},
	{"a hook with a misspelt key", SHOP "    gates: {hooks: [{rnu: [/bin/a]}]}\n",
		"6:22: unknown key 'rnu' in services.shop.gates.hooks: did you mean 'run'?\n"},
	{"a hook that is an empty list", SHOP "    gates: {hooks: [[]]}\n",
		"6:21: services.shop.gates.hooks: expected at least one element, found an empty list\n"},
	{"a hook that runs nothing", SHOP "    gates: {hooks: [{run: []}]}\n",
		"6:27: services.shop.gates.hooks.run: expected at least one element, found an empty list\n"},
	{"a hook as a shell would have it", SHOP "    gates: {hooks: [{run: /bin/backup --all}]}\n",
		"6:27: services.shop.gates.hooks.run: expected a list, as in [A, B], found '/bin/backup --all'\n"},
	{"a relative program", SHOP "    gates: {hooks: [[backup, --all], {run: [./backup]}]}\n",
		"6:22: services.shop.gates.hooks: expected an absolute path, from / on, found 'backup'\n"
		"6:45: services.shop.gates.hooks.run: expected an absolute path, from / on, found './backup'\n"},
	{"a program that is a folder", SHOP "    gates: {hooks: [[/usr/local/bin/]]}\n",
		"6:22: services.shop.gates.hooks: expected the name of a file, found the folder '/usr/local/bin/'\n"},
	{"an empty program", SHOP "    gates: {hooks: [['']]}\n", "6:22: services.shop.gates.hooks: expected an absolute path, from / on, found ''\n"},
	{"arguments that are none", SHOP "    gates: {hooks: [[/bin/a, ~, [b], {c: d}]]}\n",
		"6:30: services.shop.gates.hooks: expected one value for each element, found nothing\n"
		"6:33: services.shop.gates.hooks: expected one value for each element, found a list\n"
		"6:38: services.shop.gates.hooks: expected one value for each element, found a mapping\n"},
	{"a URL of another kind", SHOP "    gates: {hooks: [{url: 'ftp://ci.example'}]}\n",
		"6:27: services.shop.gates.hooks.url: the URL does not begin with http:// or https://\n"},
	{"a URL with a password", SHOP "    gates: {hooks: [{url: 'https://me:pass@ci.example/hook'}]}\n",
		"6:27: services.shop.gates.hooks.url: the URL holds a user name or a password, which is not supported: leave out what is before the @\n"},
	{"a URL with a fragment", SHOP "    gates: {hooks: [{url: 'https://ci.example/hook#secret'}]}\n",
		"6:27: services.shop.gates.hooks.url: the URL has a fragment: leave out the # and what follows\n"},
	{"a URL with port 0", SHOP "    gates: {hooks: [{url: 'https://ci.example:0/hook?key=secret'}]}\n",
		"6:27: services.shop.gates.hooks.url: the URL has no address, no name that can be looked up, or port 0: expected one as in https://hooks.example.com/path\n"},
	{"a secret that is no path", SHOP "    gates: {hooks: [{url: 'https://ci.example', secret_file: key}]}\n",
		"6:62: services.shop.gates.hooks.secret_file: expected an absolute path, from / on, found 'key'\n"},
	{"a secret for a program", SHOP "    gates: {hooks: [{run: [/bin/a], secret_file: /key}]}\n",
		"6:37: services.shop.gates.hooks: secret_file signs what is sent to a url, and a program that is run gets no signature: leave it out\n"},
	{"a secret for a program of the other hooks",
		SHOP
		"    hooks: {switched: [{run: [/bin/a], secret_file: /a}], promoted: [{run: [/bin/a], secret_file: /b}], rolled_back: [{run: [/bin/a], secret_file: /c}]}\n",
		"6:40: services.shop.hooks.switched: secret_file signs what is sent to a url, and a program that is run gets no signature: leave it out\n"
		"6:86: services.shop.hooks.promoted: secret_file signs what is sent to a url, and a program that is run gets no signature: leave it out\n"
		"6:135: services.shop.hooks.rolled_back: secret_file signs what is sent to a url, and a program that is run gets no signature: leave it out\n"},
	{"a hook without a time", SHOP "    gates: {hooks: [{run: [/bin/a], timeout: 0}]}\n",
		"6:46: services.shop.gates.hooks.timeout: expected a duration from 1ms to 1d, found '0'\n"},
	{"a hook that takes too long", SHOP "    gates: {hooks: [{run: [/bin/a], timeout: 2d}]}\n",
		"6:46: services.shop.gates.hooks.timeout: expected a duration from 1ms to 1d, found '2d'\n"},
	{"hooks before a switch in another place", SHOP "    hooks: {before_switch: [[/bin/a]]}\n",
		"6:13: unknown key 'before_switch' in services.shop.hooks\n"},
	{"misspelt moments", SHOP "    hooks: {swiched: [[/bin/a]], rolledback: [[/bin/a]]}\n",
		"6:13: unknown key 'swiched' in services.shop.hooks: did you mean 'switched'?\n"
		"6:34: unknown key 'rolledback' in services.shop.hooks: did you mean 'rolled_back'?\n"},
	{"hooks as a list", SHOP "    hooks: [[/bin/a]]\n", "6:12: services.shop.hooks: expected a mapping, found a list\n"},
	{"a key of a hook beside it", SHOP "    gates: {run: [/bin/a]}\n", "6:13: unknown key 'run' in services.shop.gates: did you mean 'hooks[].run'?\n"},
	{"notify as a URL", SHOP "    notify: https://a.example\n",
		"6:13: services.shop.notify: expected a list, as in [{url: https://chat.example/hook, format: slack}], found 'https://a.example'\n"},
	{"notify of words", SHOP "    notify: [https://a.example]\n",
		"6:14: services.shop.notify: expected a mapping for each element, as in {url: https://chat.example/hook, format: slack}, found 'https://a.example'\n"},
	{"notify nobody", SHOP "    notify: [{format: slack}]\n",
		"6:14: services.shop.notify.url is missing: say whom to tell, as in url: https://chat.example/hook\n"},
	{"notify in another way", SHOP "    notify: [{url: 'https://a.example', format: email, secret_file: '', timeout: 1h}]\n",
		"6:49: services.shop.notify.format: expected json or slack, found 'email'\n"
		"6:69: services.shop.notify.secret_file: expected an absolute path, from / on, found ''\n"
		"6:82: services.shop.notify.timeout: expected a duration from 1ms to 5m, found '1h'\n"},
	{"notify a program", SHOP "    notify: [{run: [/bin/a]}]\n",
		"6:14: services.shop.notify.url is missing: say whom to tell, as in url: https://chat.example/hook\n"
		"6:15: unknown key 'run' in services.shop.notify: did you mean 'services.shop.gates.hooks[].run'?\n"},
	{"an approval without a time", SHOP "    gates: {approval: on}\n",
		"6:23: services.shop.gates.approval: expected off or a duration such as 500ms, 1s, 5m or 1h, found 'on'\n"},
	{"an approval of no time", SHOP "    gates: {approval: 0}\n",
		"6:23: services.shop.gates.approval: expected off or a duration from 1s to 1d, found '0'\n"},
	{"an approval without a unit", SHOP "    gates: {approval: 30}\n",
		"6:23: services.shop.gates.approval: expected off or a duration with its unit, found '30': write 30s or 30ms\n"},
	{"an approval of too long a time", SHOP "    gates: {approval: 25h}\n",
		"6:23: services.shop.gates.approval: expected off or a duration from 1s to 1d, found '25h'\n"},
	{"an approval as a mapping", SHOP "    gates: {approval: {within: 1h}}\n", "6:23: services.shop.gates.approval: expected one value, found a mapping\n"},
	{"a rehearsal too long ago", SHOP "    gates: {rehearsal: 31d}\n",
		"6:24: services.shop.gates.rehearsal: expected off or a duration from 1s to 30d, found '31d'\n"},
	{"a rehearsal that is on", SHOP "    gates: {rehearsal: yes}\n",
		"6:24: services.shop.gates.rehearsal: expected off or a duration such as 500ms, 1s, 5m or 1h, found 'yes'\n"},
	{"a freeze as a word", SHOP "    gates: {freeze: weekend}\n",
		"6:21: services.shop.gates.freeze: expected a list, as in [{from: Fri 16:00, to: Mon 08:00, zone: Europe/Berlin}], found 'weekend'\n"},
	{"a freeze that is no list", SHOP "    gates: {freeze: {from: Fri 16:00, to: Mon 08:00, zone: UTC}}\n",
		"6:21: services.shop.gates.freeze: expected a list, as in [{from: Fri 16:00, to: Mon 08:00, zone: Europe/Berlin}], found a mapping\n"},
	{"a freeze of nothing", SHOP "    gates: {freeze: [{}]}\n",
		"6:22: services.shop.gates.freeze.from is missing: say when it begins, as in from: Fri 16:00\n"
		"6:22: services.shop.gates.freeze.to is missing: say when it ends, as in to: Mon 08:00\n"
		"6:22: services.shop.gates.freeze.zone is missing: name the time zone of from and to, as in zone: Europe/Berlin or zone: UTC\n"},
	{"a freeze without a zone", SHOP "    gates: {freeze: [{from: Fri 16:00, to: Mon 08:00}]}\n",
		"6:22: services.shop.gates.freeze.zone is missing: name the time zone of from and to, as in zone: Europe/Berlin or zone: UTC\n"},
	{"a freeze of a day", SHOP "    gates: {freeze: [{from: Fri, to: Friday 16:00, zone: UTC}]}\n",
		"6:29: services.shop.gates.freeze.from: expected a time of the week such as Fri 16:00 or a date such as 2026-12-23T18:00, found 'Fri'\n"
		"6:38: services.shop.gates.freeze.to: expected a time of the week such as Fri 16:00 or a date such as 2026-12-23T18:00, found 'Friday 16:00'\n"},
	{"a freeze of wrong times", SHOP "    gates: {freeze: [{from: Fri 24:00, to: Mon 8:00, zone: UTC}]}\n",
		"6:29: services.shop.gates.freeze.from: expected a time of the week such as Fri 16:00 or a date such as 2026-12-23T18:00, found 'Fri 24:00'\n"
		"6:44: services.shop.gates.freeze.to: expected a time of the week such as Fri 16:00 or a date such as 2026-12-23T18:00, found 'Mon 8:00'\n"},
	{"a freeze of more wrong times", SHOP "    gates: {freeze: [{from: Fri 16:60, to: 'Mon 08:00 ', zone: UTC}]}\n",
		"6:29: services.shop.gates.freeze.from: expected a time of the week such as Fri 16:00 or a date such as 2026-12-23T18:00, found 'Fri 16:60'\n"
		"6:44: services.shop.gates.freeze.to: expected a time of the week such as Fri 16:00 or a date such as 2026-12-23T18:00, found 'Mon 08:00 '\n"},
	{"a freeze of wrong dates", SHOP "    gates: {freeze: [{from: 2026-02-29T00:00, to: 2026-12-24 18:00, zone: UTC}]}\n",
		"6:29: services.shop.gates.freeze.from: expected a time of the week such as Fri 16:00 or a date such as 2026-12-23T18:00, found '2026-02-29T00:00'\n"
		"6:51: services.shop.gates.freeze.to: expected a time of the week such as Fri 16:00 or a date such as 2026-12-23T18:00, found '2026-12-24 18:00'\n"},
	{"a freeze of more wrong dates", SHOP "    gates: {freeze: [{from: 2026-13-01T00:00, to: 2026-00-01T00:00, zone: UTC}]}\n",
		"6:29: services.shop.gates.freeze.from: expected a time of the week such as Fri 16:00 or a date such as 2026-12-23T18:00, found '2026-13-01T00:00'\n"
		"6:51: services.shop.gates.freeze.to: expected a time of the week such as Fri 16:00 or a date such as 2026-12-23T18:00, found '2026-00-01T00:00'\n"},
	{"a freeze of dates that never were", SHOP "    gates: {freeze: [{from: 1969-12-31T00:00, to: 2026-04-31T00:00, zone: UTC}]}\n",
		"6:29: services.shop.gates.freeze.from: expected a time of the week such as Fri 16:00 or a date such as 2026-12-23T18:00, found '1969-12-31T00:00'\n"
		"6:51: services.shop.gates.freeze.to: expected a time of the week such as Fri 16:00 or a date such as 2026-12-23T18:00, found '2026-04-31T00:00'\n"},
	{"a freeze of a date and a day", SHOP "    gates: {freeze: [{from: 2026-12-23T18:00, to: Mon 08:00, zone: UTC}]}\n",
		"6:51: services.shop.gates.freeze: from and to must be alike: both a time of the week, or both a date\n"},
	{"a freeze of a day and a date", SHOP "    gates: {freeze: [{to: 2026-12-23T18:00, from: Mon 08:00, zone: UTC}]}\n",
		"6:27: services.shop.gates.freeze: from and to must be alike: both a time of the week, or both a date\n"},
	{"a freeze of no time", SHOP "    gates: {freeze: [{from: Mon 08:00, to: mon 08:00, zone: UTC}]}\n",
		"6:44: services.shop.gates.freeze: to is the same time as from, so that nothing would be frozen\n"},
	{"a freeze back in time", SHOP "    gates: {freeze: [{from: 2026-12-23T18:00, to: 2026-12-23T17:59, zone: UTC}]}\n",
		"6:51: services.shop.gates.freeze: to is no later date than from, so that nothing would be frozen\n"},
	{"a freeze of one moment", SHOP "    gates: {freeze: [{from: 2026-12-23T18:00, to: 2026-12-23T18:00, zone: UTC}]}\n",
		"6:51: services.shop.gates.freeze: to is no later date than from, so that nothing would be frozen\n"},
	{"zones that are none",
		SHOP
		"    gates: {freeze: [{from: Fri 16:00, to: Mon 08:00, zone: Europe/Atlantis}, {from: Fri 16:00, to: Mon 08:00, zone: ../../etc/passwd}, {from: Fri 16:00, to: Mon 08:00, zone: /usr/share/zoneinfo/UTC}]}\n",
		"6:61: services.shop.gates.freeze.zone: the system knows no time zone \"Europe/Atlantis\"; expected a name as in Europe/Berlin or UTC\n"
		"6:118: services.shop.gates.freeze.zone: the system knows no time zone \"../../etc/passwd\"; expected a name as in Europe/Berlin or UTC\n"
		"6:176: services.shop.gates.freeze.zone: the system knows no time zone \"/usr/share/zoneinfo/UTC\"; expected a name as in Europe/Berlin or UTC\n"},
	{"an offset for a zone", SHOP "    gates: {freeze: [{from: Fri 16:00, to: Mon 08:00, zone: UTC+2}]}\n",
		"6:61: services.shop.gates.freeze.zone: the system knows no time zone \"UTC+2\"; expected a name as in Europe/Berlin or UTC\n"},
	{"an empty reason", SHOP "    gates: {freeze: [{from: Fri 16:00, to: Mon 08:00, zone: UTC, reason: ''}]}\n",
		"6:74: services.shop.gates.freeze.reason: expected a text, found an empty one\n"},
	{"a reason of two lines", SHOP "    gates: {freeze: [{from: Fri 16:00, to: Mon 08:00, zone: UTC, reason: \"a\\nb\"}]}\n",
		"6:74: services.shop.gates.freeze.reason: expected a text without line breaks, found 'a?b': begin it with >- and YAML joins its lines\n"},
	{"a smoke test as a path", SHOP "    gates: {smoke: [/checkout]}\n",
		"6:21: services.shop.gates.smoke: expected a mapping for each element, as in {path: /checkout}, found '/checkout'\n"},
	{"a smoke test of nothing", SHOP "    gates: {smoke: [{}]}\n",
		"6:21: services.shop.gates.smoke.path is missing: write what to ask for, as in path: /checkout\n"},
	{"a smoke test that is all wrong", SHOP "    gates: {smoke: [{method: get, path: checkout, host: 'a b', body: [], timeout: 61s}]}\n",
		"6:30: services.shop.gates.smoke.method: expected GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS, found 'get': did you mean GET?\n"
		"6:41: services.shop.gates.smoke.path: expected a path that begins with / and has no spaces, such as /health, found 'checkout'\n"
		"6:57: services.shop.gates.smoke.host: expected a host such as shop.example.com, with or without a port, found 'a b'\n"
		"6:64: services.shop.gates.smoke: a GET or HEAD has no body: write method: POST, or leave it out\n"
		"6:70: services.shop.gates.smoke.body: expected one value, found an empty list\n"
		"6:83: services.shop.gates.smoke.timeout: expected a duration from 1ms to 1m, found '61s'\n"},
	{"a smoke test by another method", SHOP "    gates: {smoke: [{method: TRACE, path: /}]}\n",
		"6:30: services.shop.gates.smoke.method: expected GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS, found 'TRACE'\n"},
	{"a GET with a body", SHOP "    gates: {smoke: [{path: /, body: a}, {method: HEAD, path: /, body: b}]}\n",
		"6:31: services.shop.gates.smoke: a GET or HEAD has no body: write method: POST, or leave it out\n"
		"6:65: services.shop.gates.smoke: a GET or HEAD has no body: write method: POST, or leave it out\n"},
	{"a HEAD whose body is looked at", SHOP "    gates: {smoke: [{method: HEAD, path: /, expect: {body: ok}}]}\n",
		"6:54: services.shop.gates.smoke.expect: the answer to a HEAD has no body to look at: write method: GET, or leave it out\n"},
	{"a smoke test's fields", SHOP "    gates: {smoke: [{path: /, headers: {Host: a, content-length: 5, 'a b': c, X: \"a\\nb\", Y: [], Z: 1, z: 2}}]}\n",
		"6:41: services.shop.gates.smoke.headers: header field Host is for teal to set: write host instead\n"
		"6:50: services.shop.gates.smoke.headers: header field content-length is for teal to set: leave it out\n"
		"6:69: services.shop.gates.smoke.headers: 'a b' is no name of a header field\n"
		"6:79: services.shop.gates.smoke.headers: the value of header field X has a line break or a control character\n"
		"6:93: services.shop.gates.smoke.headers: expected a text for each header field, found an empty list\n"
		"6:103: services.shop.gates.smoke.headers: header field 'z' is listed twice: keep one\n"},
	{"a smoke test's fields as a list", SHOP "    gates: {smoke: [{path: /, headers: [X]}]}\n",
		"6:40: services.shop.gates.smoke.headers: expected a mapping of header fields to their values, found a list\n"},
	{"a smoke test's expectations", SHOP "    gates: {smoke: [{path: /, expect: {status: [], body: '', header: {X: 1, x: 2}}}]}\n",
		"6:48: services.shop.gates.smoke.expect.status: expected at least one element, found an empty list\n"
		"6:58: services.shop.gates.smoke.expect.body: expected a text, found an empty one\n"
		"6:77: services.shop.gates.smoke.expect.header: header field 'x' is listed twice: keep one\n"},
	{"a smoke test's status", SHOP "    gates: {smoke: [{path: /, expect: {status: 2xx, headers: {}}}]}\n",
		"6:48: services.shop.gates.smoke.expect.status: expected a status from 100 to 599 or a range such as 200-299, found '2xx'\n"
		"6:53: unknown key 'headers' in services.shop.gates.smoke.expect: did you mean 'header'?\n"},
	{"a smoke test's status in the wrong place", SHOP "    gates: {smoke: [{path: /, status: 200}]}\n",
		"6:31: unknown key 'status' in services.shop.gates.smoke: did you mean 'expect.status'?\n"},
	{"a smoke test's misspelt key", SHOP "    gates: {smoke: [{path: /, hedaers: {}}]}\n",
		"6:31: unknown key 'hedaers' in services.shop.gates.smoke: did you mean 'headers'?\n"},
	{"two gates that are faulty", SHOP "    gates: {smoke: [{pat: /}], freeze: [{form: Fri 16:00, to: Mon 08:00, zone: UTC}]}\n",
		"6:22: unknown key 'pat' in services.shop.gates.smoke: did you mean 'path'?\n"
		"6:42: unknown key 'form' in services.shop.gates.freeze: did you mean 'from'?\n"},
};

static void every_value_arrives(void **state)
{
	(void)state;
	check_value_cases(values, sizeof(values) / sizeof(*values), write_service);
}

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

static void assert_one_fault(char *yaml, const char *wanted)
{
	char *found = find_faults(yaml, strlen(yaml));
	assert_string_equal(found, wanted);
	free(found);
	free(yaml);
}

static char *repeat(const char *before, const char *text, size_t count, const char *after)
{
	struct text out;
	text_init(&out, SIZE_MAX);
	text_addf(&out, "%s%s", SHOP, before);
	for (size_t i = 0; i < count; i++)
		text_addf(&out, "%s", text);
	text_addf(&out, "%s\n", after);
	return text_take(&out);
}

static void what_can_grow_is_bounded(void **state)
{
	(void)state;
	assert_one_fault(repeat("    gates: {hooks: [", "[/a],", 33, "]}"), "6:20: services.shop.gates.hooks: expected at most 32 elements, found 33\n");
	assert_one_fault(repeat("    gates: {hooks: [[", "/a,", 257, "]]}"), "6:21: services.shop.gates.hooks: expected at most 256 elements, found 257\n");
	assert_one_fault(repeat("    gates: {hooks: [[/a, ", "a", 131072, "]]}"),
		"6:26: services.shop.gates.hooks: expected an argument of at most 131071 bytes, which is all that one may have, found 131072\n");
	assert_one_fault(
		repeat("    gates: {hooks: [[/", "a", 4095, "]]}"), "6:22: services.shop.gates.hooks: expected a path of at most 4095 bytes, found 4096\n");
	assert_one_fault(
		repeat("    gates: {hooks: [{url: 'http://a/", "a", 2040, "'}]}"), "6:27: services.shop.gates.hooks.url: the URL is longer than 2048 bytes\n");
	assert_one_fault(repeat("    gates: {smoke: [", "{path: /},", 65, "]}"), "6:20: services.shop.gates.smoke: expected at most 64 elements, found 65\n");
	assert_one_fault(repeat("    gates: {freeze: [", "a,", 65, "]}"), "6:21: services.shop.gates.freeze: expected at most 64 elements, found 65\n");
	assert_one_fault(repeat("    gates: {smoke: [{method: PUT, path: /, body: ", "a", 65537, "}]}"),
		"6:50: services.shop.gates.smoke.body: expected at most 65536 bytes, found 65537\n");
	assert_one_fault(repeat("    notify: [", "{url: 'http://a'},", 17, "]"), "6:13: services.shop.notify: expected at most 16 elements, found 17\n");
}

/* What a URL holds is not shown, as it may be a secret. */
static void no_fault_quotes_a_url(void **state)
{
	static const char *const urls[] = {"ftp://a/SECRET", "http://a/SECRET#b", "http://SECRET@a/", "http://a:0/SECRET", "http://a b/SECRET", "SECRET"};
	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		char yaml[512];
		snprintf(yaml, sizeof(yaml), SHOP "    gates: {hooks: [{url: '%s'}]}\n    notify: [{url: '%s'}]\n", urls[i], urls[i]);
		char *found = find_faults(yaml, strlen(yaml));
		assert_non_null(strstr(found, "6:27: services.shop.gates.hooks.url: the URL "));
		assert_non_null(strstr(found, "7:20: services.shop.notify.url: the URL "));
		assert_null(strstr(found, "SECRET"));
		free(found);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_arrives),
		cmocka_unit_test(every_fault_has_its_place_and_its_words),
		cmocka_unit_test(every_prefix_is_read_or_refused),
		cmocka_unit_test(what_can_grow_is_bounded),
		cmocka_unit_test(no_fault_quotes_a_url),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
