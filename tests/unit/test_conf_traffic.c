/* Steps, sticky clients, previews, holds, rehearsals and fallbacks in teal.yaml: values, defaults and faults. */
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
	{"nothing", "", "preview 3600000; pause 30000; sticky 0; hold 1000, 67108864, 10000, 1000; rehearsal 0.1, 120000, 8, 16777216, 0, 0.5;"},
	{"maps of nothing", "    sticky: {}\n    hold: {}\n    rehearsal: {}\n    fallback: []\n",
		"preview 3600000; pause 30000; sticky 0; hold 1000, 67108864, 10000, 1000; rehearsal 0.1, 120000, 8, 16777216, 0, 0.5;"},
	{"a preview by a field", "    preview: {header: X-Teal-Preview}\n",
		"preview X-Teal-Preview 3600000; pause 30000; sticky 0; hold 1000, 67108864, 10000, 1000; rehearsal 0.1, 120000, 8, 16777216, 0, 0.5;"},
	{"a preview by every way", "    preview: {header: X-P, cookie: __Host-p, listen: '127.0.0.1:81', expires: 30d}\n",
		"preview X-P __Host-p 127.0.0.1:81 port 81 2592000000; pause 30000; sticky 0; hold 1000, 67108864, 10000, 1000; rehearsal 0.1, 120000, 8, 16777216, 0, 0.5;"},
	{"a preview on a socket", "    preview: {listen: 'unix:/run/p', cookie: p, expires: 1s}\n",
		"preview p unix:/run/p port 0 1000; pause 30000; sticky 0; hold 1000, 67108864, 10000, 1000; rehearsal 0.1, 120000, 8, 16777216, 0, 0.5;"},
	{"steps", "    steps: {shares: [5, 25, 100]}\n",
		"preview 3600000; 500 2500 10000 pause 30000; sticky 0; hold 1000, 67108864, 10000, 1000; rehearsal 0.1, 120000, 8, 16777216, 0, 0.5;"},
	{"steps of every form", "    steps: {shares: [0.01, 0.1%, 1.5, '2', 3%, 99.99%, 100%], pause: 1ms}\n",
		"preview 3600000; 1 10 150 200 300 9999 10000 pause 1; sticky 0; hold 1000, 67108864, 10000, 1000; rehearsal 0.1, 120000, 8, 16777216, 0, 0.5;"},
	{"a step of 100", "    steps: {shares: [100.00], pause: 7d}\n",
		"preview 3600000; 10000 pause 604800000; sticky 0; hold 1000, 67108864, 10000, 1000; rehearsal 0.1, 120000, 8, 16777216, 0, 0.5;"},
	{"steps by hand", "    steps: {shares: [50, 100], pause: manual}\n",
		"preview 3600000; 5000 10000 pause 0; sticky 0; hold 1000, 67108864, 10000, 1000; rehearsal 0.1, 120000, 8, 16777216, 0, 0.5;"},
	{"sticky by nothing", "    sticky: {by: none}\n",
		"preview 3600000; pause 30000; sticky 0; hold 1000, 67108864, 10000, 1000; rehearsal 0.1, 120000, 8, 16777216, 0, 0.5;"},
	{"sticky by a cookie", "    sticky: {by: cookie}\n",
		"preview 3600000; pause 30000; sticky 1 teal_pin; hold 1000, 67108864, 10000, 1000; rehearsal 0.1, 120000, 8, 16777216, 0, 0.5;"},
	{"sticky by a cookie of another name", "    sticky: {name: pin, by: cookie}\n    preview: {cookie: Pin}\n",
		"preview Pin 3600000; pause 30000; sticky 1 pin; hold 1000, 67108864, 10000, 1000; rehearsal 0.1, 120000, 8, 16777216, 0, 0.5;"},
	{"sticky by a field", "    sticky: {by: header, name: X-User}\n",
		"preview 3600000; pause 30000; sticky 2 X-User; hold 1000, 67108864, 10000, 1000; rehearsal 0.1, 120000, 8, 16777216, 0, 0.5;"},
	{"sticky by the address", "    sticky: {by: address}\n",
		"preview 3600000; pause 30000; sticky 3; hold 1000, 67108864, 10000, 1000; rehearsal 0.1, 120000, 8, 16777216, 0, 0.5;"},
	{"a hold", "    hold: {requests: 1, bytes: 64KiB, max: 60s, release: 1000000}\n",
		"preview 3600000; pause 30000; sticky 0; hold 1, 65536, 60000, 1000000; rehearsal 0.1, 120000, 8, 16777216, 0, 0.5;"},
	{"a rehearsal",
		"    rehearsal: {share: 0.01%, for: 1d, concurrency: 1000, bytes: 4GiB, fields: [ETag, X-Version], ignore: [/a/*/id, '/~0~1/', /, /0], differences: 0.5, slower: 1000%}\n",
		"preview 3600000; pause 30000; sticky 0; hold 1000, 67108864, 10000, 1000; rehearsal 0.0001, 86400000, 1000, 4294967296, 0.5, 10, field etag, field x-version, not /a/*/id, not /~0~1/, not /, not /0;"},
	{"a rehearsal that allows nothing", "    rehearsal: {share: 1, for: 1s, concurrency: 1, bytes: 64KiB, differences: 0, slower: 0}\n",
		"preview 3600000; pause 30000; sticky 0; hold 1000, 67108864, 10000, 1000; rehearsal 1, 1000, 1, 65536, 0, 0;"},
	{"a rehearsal that may be slow", "    rehearsal: {slower: 1.5}\n",
		"preview 3600000; pause 30000; sticky 0; hold 1000, 67108864, 10000, 1000; rehearsal 0.1, 120000, 8, 16777216, 0, 1.5;"},
	{"a fallback", "    fallback: [/assets/, /static, /]\n",
		"preview 3600000; pause 30000; sticky 0; hold 1000, 67108864, 10000, 1000; rehearsal 0.1, 120000, 8, 16777216, 0, 0.5; fallback /assets; fallback /static; fallback /;"},
};

static void write_preview(struct text *out, const struct conf_preview *preview)
{
	text_addf(out, "preview");
	if (preview->header)
		text_addf(out, " %s", preview->header);
	if (preview->cookie)
		text_addf(out, " %s", preview->cookie);
	if (preview->listen)
		text_addf(out, " %s port %u", preview->listen, preview->listen_address.port);
	text_addf(out, " %llu;", (unsigned long long)preview->expires_ms);
}

static void write_rehearsal(struct text *out, const struct conf_rehearsal *rehearsal)
{
	text_addf(out, " rehearsal %g, %llu, %u, %llu, %g, %g", rehearsal->share, (unsigned long long)rehearsal->for_ms, rehearsal->concurrency,
		(unsigned long long)rehearsal->bytes, rehearsal->differences, rehearsal->slower);
	for (size_t i = 0; i < rehearsal->field_count; i++)
		text_addf(out, ", field %s", rehearsal->fields[i]);
	for (size_t i = 0; i < rehearsal->ignore_count; i++)
		text_addf(out, ", not %s", rehearsal->ignore[i]);
	text_addf(out, ";");
}

static void write_service(struct text *out, const struct conf_service *service)
{
	const struct conf_hold *hold = &service->hold;
	bool named = service->sticky.by == CONF_STICKY_COOKIE || service->sticky.by == CONF_STICKY_HEADER;
	write_preview(out, &service->preview);
	for (size_t i = 0; i < service->steps.count; i++)
		text_addf(out, " %u", service->steps.shares[i]);
	text_addf(out, " pause %llu;", (unsigned long long)service->steps.pause_ms);
	text_addf(out, " sticky %d%s%s;", (int)service->sticky.by, named ? " " : "", named ? service->sticky.name : "");
	text_addf(out, " hold %u, %llu, %llu, %u;", hold->requests, (unsigned long long)hold->bytes, (unsigned long long)hold->max_ms, hold->release);
	write_rehearsal(out, &service->rehearsal);
	for (size_t i = 0; i < service->fallback_path_count; i++)
		text_addf(out, " fallback %s;", service->fallback_paths[i]);
}

static const struct fault_case faults[] = {
	{"a preview of nothing", SHOP "    preview: {}\n", "6:5: services.shop.preview: nothing leads to the idle color: set header, cookie or listen\n"},
	{"a preview as a word", SHOP "    preview: X-Preview\n", "6:14: services.shop.preview: expected a mapping, found 'X-Preview'\n"},
	{"a preview by a bad field", SHOP "    preview: {header: 'X Preview'}\n",
		"6:23: services.shop.preview.header: expected a name of at most 64 letters, digits, '-' and '_', found 'X Preview'\n"},
	{"a preview by a field of HTTP", SHOP "    preview: {header: Connection}\n",
		"6:23: services.shop.preview.header: Connection has a meaning of its own in HTTP: take another name, such as X-Teal-Preview\n"},
	{"a preview by the host", SHOP "    preview: {header: host}\n",
		"6:23: services.shop.preview.header: host has a meaning of its own in HTTP: take another name, such as X-Teal-Preview\n"},
	{"a preview by a field that is too long", SHOP "    preview: {header: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}\n",
		"6:23: services.shop.preview.header: expected a name of at most 64 letters, digits, '-' and '_', found 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'\n"},
	{"a preview by a bad cookie", SHOP "    preview: {cookie: 'a=b'}\n",
		"6:23: services.shop.preview.cookie: expected a name of at most 64 letters, digits, '-' and '_', found 'a=b'\n"},
	{"a preview by an empty cookie", SHOP "    preview: {cookie: ''}\n",
		"6:23: services.shop.preview.cookie: expected a name of at most 64 letters, digits, '-' and '_', found ''\n"},
	{"a preview at no address", SHOP "    preview: {listen: 127.0.0.1}\n",
		"6:23: services.shop.preview.listen: '127.0.0.1' has no port: expected HOST:PORT, [IPv6]:PORT or unix:/PATH\n"},
	{"a preview where requests come in", SHOP "    preview: {listen: ':80'}\n",
		"6:23: services.shop.preview.listen: :80 takes the address of a listener, :80: take another port\n"},
	{"a preview on an address of theirs", SHOP "    preview: {listen: '127.0.0.1:80'}\n",
		"6:23: services.shop.preview.listen: 127.0.0.1:80 takes the address of a listener, :80: take another port\n"},
	{"a preview that never expires", SHOP "    preview: {cookie: a, expires: 0}\n",
		"6:35: services.shop.preview.expires: expected a duration from 1s to 30d, found '0'\n"},
	{"a preview that lasts too long", SHOP "    preview: {cookie: a, expires: 31d}\n",
		"6:35: services.shop.preview.expires: expected a duration from 1s to 30d, found '31d'\n"},
	{"a time for what does not expire", SHOP "    preview: {header: X-Preview, expires: 1h}\n",
		"6:34: services.shop.preview: expires needs cookie, as only its token expires\n"},
	{"steps as a list", SHOP "    steps: [5, 100]\n", "6:12: services.shop.steps: expected a mapping, found a list\n"},
	{"steps of nothing", SHOP "    steps: {}\n",
		"6:5: services.shop.steps.shares is missing: list the new color's shares in percent, as in shares: [5, 25, 100]\n"},
	{"steps without shares", SHOP "    steps: {pause: 5s}\n",
		"6:5: services.shop.steps.shares is missing: list the new color's shares in percent, as in shares: [5, 25, 100]\n"},
	{"steps of one", SHOP "    steps: {shares: 100}\n", "6:21: services.shop.steps.shares: expected a list, as in [A, B], found '100'\n"},
	{"no steps", SHOP "    steps: {shares: []}\n", "6:21: services.shop.steps.shares: expected at least one element, found an empty list\n"},
	{"shares that are none", SHOP "    steps: {shares: [0, 0.001, 101, -1, a, 5.%, '%', '', 1e1, 00005, 100.01, .5, 5%%]}\n",
		"6:22: services.shop.steps.shares: expected a share in percent, with at most two decimals, above 0 and up to 100, such as 5 or 0.25, found '0'\n"
		"6:25: services.shop.steps.shares: expected a share in percent, with at most two decimals, above 0 and up to 100, such as 5 or 0.25, found '0.001'\n"
		"6:32: services.shop.steps.shares: expected a share in percent, with at most two decimals, above 0 and up to 100, such as 5 or 0.25, found '101'\n"
		"6:37: services.shop.steps.shares: expected a share in percent, with at most two decimals, above 0 and up to 100, such as 5 or 0.25, found '-1'\n"
		"6:41: services.shop.steps.shares: expected a share in percent, with at most two decimals, above 0 and up to 100, such as 5 or 0.25, found 'a'\n"
		"6:44: services.shop.steps.shares: expected a share in percent, with at most two decimals, above 0 and up to 100, such as 5 or 0.25, found '5.%'\n"
		"6:49: services.shop.steps.shares: expected a share in percent, with at most two decimals, above 0 and up to 100, such as 5 or 0.25, found '%'\n"
		"6:54: services.shop.steps.shares: expected a share in percent, with at most two decimals, above 0 and up to 100, such as 5 or 0.25, found ''\n"
		"6:58: services.shop.steps.shares: expected a share in percent, with at most two decimals, above 0 and up to 100, such as 5 or 0.25, found '1e1'\n"
		"6:63: services.shop.steps.shares: expected a share in percent, with at most two decimals, above 0 and up to 100, such as 5 or 0.25, found '00005'\n"
		"6:70: services.shop.steps.shares: expected a share in percent, with at most two decimals, above 0 and up to 100, such as 5 or 0.25, found '100.01'\n"
		"6:78: services.shop.steps.shares: expected a share in percent, with at most two decimals, above 0 and up to 100, such as 5 or 0.25, found '.5'\n"
		"6:82: services.shop.steps.shares: expected a share in percent, with at most two decimals, above 0 and up to 100, such as 5 or 0.25, found '5%%'\n"},
	{"shares that fall", SHOP "    steps: {shares: [25, 5, 25, 100]}\n",
		"6:26: services.shop.steps.shares: '5' is not more than the share before it: let the shares rise\n"
		"6:29: services.shop.steps.shares: '25' is not more than the share before it: let the shares rise\n"},
	{"shares that end too early", SHOP "    steps: {shares: [5, 25, 50]}\n",
		"6:29: services.shop.steps.shares: the last share must be 100, or the switch would have no end\n"},
	{"shares that go on", SHOP "    steps: {shares: [5, 100, 100]}\n",
		"6:30: services.shop.steps.shares: '100' is not more than the share before it: let the shares rise\n"},
	{"no pause", SHOP "    steps: {shares: [5, 100], pause: 0}\n",
		"6:38: services.shop.steps.pause: expected manual or a duration from 1ms to 7d, found '0'\n"},
	{"a pause of another kind", SHOP "    steps: {shares: [5, 100], pause: auto}\n",
		"6:38: services.shop.steps.pause: expected manual or a duration such as 500ms, 1s, 5m or 1h, found 'auto'\n"},
	{"a pause that is too long", SHOP "    steps: {shares: [5, 100], pause: 8d}\n",
		"6:38: services.shop.steps.pause: expected manual or a duration from 1ms to 7d, found '8d'\n"},
	{"a pause without a unit", SHOP "    steps: {shares: [5, 100], pause: 30}\n",
		"6:38: services.shop.steps.pause: expected manual or a duration with its unit, found '30': write 30s or 30ms\n"},
	{"a misspelt key of steps", SHOP "    steps: {share: [5, 100]}\n", "6:13: unknown key 'share' in services.shop.steps: did you mean 'shares'?\n"},
	{"sticky as a word", SHOP "    sticky: cookie\n", "6:13: services.shop.sticky: expected a mapping, found 'cookie'\n"},
	{"sticky by something else", SHOP "    sticky: {by: session}\n",
		"6:18: services.shop.sticky.by: expected none, cookie, header or address, found 'session'\n"},
	{"sticky by something else, with a name", SHOP "    sticky: {by: session, name: a}\n",
		"6:18: services.shop.sticky.by: expected none, cookie, header or address, found 'session'\n"},
	{"sticky by a header without a name", SHOP "    sticky: {by: header}\n",
		"6:14: services.shop.sticky: by: header needs the name of the header field, as in name: X-User\n"},
	{"sticky by the address with a name", SHOP "    sticky: {by: address, name: a}\n",
		"6:27: services.shop.sticky: name is that of a cookie or a header field: write by: cookie or by: header, or leave it out\n"},
	{"sticky by nothing with a name", SHOP "    sticky: {by: none, name: a}\n",
		"6:24: services.shop.sticky: name is that of a cookie or a header field: write by: cookie or by: header, or leave it out\n"},
	{"sticky with a name alone", SHOP "    sticky: {name: a}\n",
		"6:14: services.shop.sticky: name is that of a cookie or a header field: write by: cookie or by: header, or leave it out\n"},
	{"sticky by a bad name", SHOP "    sticky: {by: cookie, name: 'a;b'}\n",
		"6:32: services.shop.sticky.name: expected a name of at most 64 letters, digits, '-' and '_', found 'a;b'\n"},
	{"sticky by the preview's cookie",
		SHOP "    preview: {cookie: a}\n"
		     "    sticky: {by: cookie, name: a}\n",
		"7:26: services.shop.sticky: preview.cookie has the same name: give one of the two cookies another\n"},
	{"sticky by the preview's cookie without a word",
		SHOP "    preview: {cookie: teal_pin}\n"
		     "    sticky: {by: cookie}\n",
		"7:14: services.shop.sticky: preview.cookie has the same name: give one of the two cookies another\n"},
	{"a hold as a time", SHOP "    hold: 10s\n", "6:11: services.shop.hold: expected a mapping, found '10s'\n"},
	{"a hold of nothing", SHOP "    hold: {requests: 0, bytes: 0, max: 0, release: 0}\n",
		"6:22: services.shop.hold.requests: expected a whole number from 1 to 1000000, found '0'\n"
		"6:32: services.shop.hold.bytes: expected a size from 64KiB to 64GiB, found '0'\n"
		"6:40: services.shop.hold.max: expected a duration from 100ms to 10m, found '0'\n"
		"6:52: services.shop.hold.release: expected a whole number from 1 to 1000000, found '0'\n"},
	{"a hold of too much", SHOP "    hold: {requests: 1000001, bytes: 2TiB, max: 11m, release: 1000001}\n",
		"6:22: services.shop.hold.requests: expected a whole number from 1 to 1000000, found '1000001'\n"
		"6:38: services.shop.hold.bytes: expected a size such as 64KiB or 1MiB, found '2TiB'\n"
		"6:49: services.shop.hold.max: expected a duration from 100ms to 10m, found '11m'\n"
		"6:63: services.shop.hold.release: expected a whole number from 1 to 1000000, found '1000001'\n"},
	{"a misspelt key of a hold", SHOP "    hold: {maximum: 5s, request: 5}\n",
		"6:12: unknown key 'maximum' in services.shop.hold\n"
		"6:25: unknown key 'request' in services.shop.hold: did you mean 'requests'?\n"},
	{"a rehearsal of nothing", SHOP "    rehearsal: {share: 0, for: 0, concurrency: 0, bytes: 0}\n",
		"6:24: services.shop.rehearsal.share: expected a share such as 1% or 0.01, from 0.01% to 100%, found '0'\n"
		"6:32: services.shop.rehearsal.for: expected a duration from 1s to 1d, found '0'\n"
		"6:48: services.shop.rehearsal.concurrency: expected a whole number from 1 to 1000, found '0'\n"
		"6:58: services.shop.rehearsal.bytes: expected a size from 64KiB to 4GiB, found '0'\n"},
	{"a rehearsal of too much", SHOP "    rehearsal: {share: 101%, for: 2d, concurrency: 1001, bytes: 5GiB, differences: 101%, slower: 1001%}\n",
		"6:24: services.shop.rehearsal.share: expected a share such as 1% or 0.01, from 0.01% to 100%, found '101%'\n"
		"6:35: services.shop.rehearsal.for: expected a duration from 1s to 1d, found '2d'\n"
		"6:52: services.shop.rehearsal.concurrency: expected a whole number from 1 to 1000, found '1001'\n"
		"6:65: services.shop.rehearsal.bytes: expected a size from 64KiB to 4GiB, found '5GiB'\n"
		"6:84: services.shop.rehearsal.differences: expected a share such as 1% or 0.01, from 0% to 100%, found '101%'\n"
		"6:98: services.shop.rehearsal.slower: expected a share such as 1% or 0.01, from 0% to 1000%, found '1001%'\n"},
	{"a rehearsal of words", SHOP "    rehearsal: {share: much, for: long, fields: ETag, ignore: /a, differences: few, slower: -1%}\n",
		"6:24: services.shop.rehearsal.share: expected a share such as 1% or 0.01, from 0.01% to 100%, found 'much'\n"
		"6:35: services.shop.rehearsal.for: expected a duration such as 500ms, 1s, 5m or 1h, found 'long'\n"
		"6:49: services.shop.rehearsal.fields: expected a list, as in [A, B], found 'ETag'\n"
		"6:63: services.shop.rehearsal.ignore: expected a list, as in [A, B], found '/a'\n"
		"6:80: services.shop.rehearsal.differences: expected a share such as 1% or 0.01, from 0% to 100%, found 'few'\n"
		"6:93: services.shop.rehearsal.slower: expected a share such as 1% or 0.01, from 0% to 1000%, found '-1%'\n"},
	{"a rehearsal's fields", SHOP "    rehearsal: {fields: ['a b', ETag, etag, '']}\n",
		"6:26: services.shop.rehearsal.fields: 'a b' is no name of a header field\n"
		"6:39: services.shop.rehearsal.fields: 'etag' is listed twice: keep one\n"
		"6:45: services.shop.rehearsal.fields: '' is no name of a header field\n"},
	{"a rehearsal's places", SHOP "    rehearsal: {ignore: [items, '', /a~2b, /a~, \"/a\\tb\", /a, /a]}\n",
		"6:26: services.shop.rehearsal.ignore: expected a place in a JSON body, such as /items/0/id or /items/*/id, of at most 1024 bytes, found 'items'\n"
		"6:33: services.shop.rehearsal.ignore: expected a place in a JSON body, such as /items/0/id or /items/*/id, of at most 1024 bytes, found ''\n"
		"6:37: services.shop.rehearsal.ignore: expected a place in a JSON body, such as /items/0/id or /items/*/id, of at most 1024 bytes, found '/a~2b'\n"
		"6:44: services.shop.rehearsal.ignore: expected a place in a JSON body, such as /items/0/id or /items/*/id, of at most 1024 bytes, found '/a~'\n"
		"6:49: services.shop.rehearsal.ignore: expected a place in a JSON body, such as /items/0/id or /items/*/id, of at most 1024 bytes, found '/a?b'\n"
		"6:62: services.shop.rehearsal.ignore: '/a' is listed twice: keep one\n"},
	{"a fallback that is no path", SHOP "    fallback: [assets, '/a b', '/a?b', /assets/, /assets]\n",
		"6:16: services.shop.fallback: expected a path that begins with / and has no spaces, ? or #, such as /shop, found 'assets'\n"
		"6:24: services.shop.fallback: expected a path that begins with / and has no spaces, ? or #, such as /shop, found '/a b'\n"
		"6:32: services.shop.fallback: expected a path that begins with / and has no spaces, ? or #, such as /shop, found '/a?b'\n"
		"6:50: services.shop.fallback: '/assets' is listed twice: keep one\n"},
	{"a fallback as a word", SHOP "    fallback: /assets\n", "6:15: services.shop.fallback: expected a list, as in [A, B], found '/assets'\n"},
	{"two previews at one address",
		"listen: [{address: ':80'}]\n"
		"services:\n"
		"  a: {hosts: [a], blue: {}, green: {}, preview: {listen: '127.0.0.1:81'}}\n"
		"  b: {hosts: [b], blue: {}, green: {}, preview: {listen: '*:81'}}\n"
		"  c: {hosts: [c], blue: {}, green: {}, preview: {listen: '127.0.0.1:82'}}\n",
		"4:58: services.b.preview.listen: *:81 takes the address of the preview of service 'a', 127.0.0.1:81: take another port\n"},
	{"a preview at the address of admin.listen",
		"admin: {listen: '127.0.0.1:9180'}\n"
		"listen: [{address: '[::1]:80'}]\n"
		"services:\n"
		"  a: {hosts: [a], blue: {}, green: {}, preview: {listen: ':9180'}}\n"
		"  b: {hosts: [b], blue: {}, green: {}, preview: {listen: '[::1]:80'}}\n",
		"4:58: services.a.preview.listen: :9180 takes the address of admin.listen, 127.0.0.1:9180: take another port\n"
		"5:58: services.b.preview.listen: [::1]:80 takes the address of a listener, [::1]:80: take another port\n"},
	{"two previews on one socket",
		"listen: [{address: 'unix:/a'}]\n"
		"services:\n"
		"  a: {hosts: [a], blue: {}, green: {}, preview: {listen: 'unix:/a'}}\n"
		"  b: {hosts: [b], blue: {}, green: {}, preview: {listen: 'unix:/b'}}\n"
		"  c: {hosts: [c], blue: {}, green: {}, preview: {listen: 'unix:/b'}}\n",
		"3:58: services.a.preview.listen: unix:/a takes the address of a listener, unix:/a: take another port\n"
		"5:58: services.c.preview.listen: unix:/b takes the address of the preview of service 'b', unix:/b: take another port\n"},
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
	assert_one_fault(repeat("    fallback: [", "/a,", 257, "]"), "6:15: services.shop.fallback: expected at most 256 elements, found 257\n");
	assert_one_fault(repeat("    steps: {shares: [", "a,", 101, "]}"), "6:21: services.shop.steps.shares: expected at most 100 elements, found 101\n");
	assert_one_fault(repeat("    rehearsal: {fields: [", "a,", 65, "]}"), "6:25: services.shop.rehearsal.fields: expected at most 64 elements, found 65\n");
	assert_one_fault(
		repeat("    rehearsal: {ignore: [", "/a,", 257, "]}"), "6:25: services.shop.rehearsal.ignore: expected at most 256 elements, found 257\n");
	char *found = NULL, *yaml = repeat("    rehearsal: {ignore: [/", "a", 1024, "]}");
	found = find_faults(yaml, strlen(yaml));
	assert_non_null(strstr(found, "6:26: services.shop.rehearsal.ignore: expected a place in a JSON body"));
	free(found);
	free(yaml);
}

/* Each needs a socket for each worker. */
static void previews_at_addresses_are_bounded(void **state)
{
	(void)state;
	struct text yaml;
	text_init(&yaml, SIZE_MAX);
	text_addf(&yaml, "%sservices:\n", LISTEN);
	for (int i = 0; i < 130; i++)
		text_addf(&yaml, "  s%d: {hosts: [h%d], blue: {}, green: {}, preview: {listen: '127.0.0.1:%d'}}\n", i, i, 1000 + i);
	char *found = find_faults(yaml.bytes, yaml.length);
	assert_string_equal(found, "131:64: services.s128.preview.listen: a file may have 128 of these, and this is one more\n");
	free(found);
	text_fini(&yaml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_arrives),
		cmocka_unit_test(every_fault_has_its_place_and_its_words),
		cmocka_unit_test(every_prefix_is_read_or_refused),
		cmocka_unit_test(what_can_grow_is_bounded),
		cmocka_unit_test(previews_at_addresses_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
