/* The table of all keys. Any thread; constant. Reads no file and gives no verdict on a value. */
#include "conf/keys.h"

#include <assert.h>
#include <string.h>

#include "base/pattern.h"
#include "base/text.h"
#include "conf/conf.h"

#define SECOND 1000u
#define MINUTE (60u * SECOND)
#define HOUR (60u * MINUTE)
#define DAY (24u * HOUR)
#define CONNECTIONS_MAX 10000000u

static const char *const color_words[] = {"blue", "green", NULL};
static const char *const format_words[] = {"off", "json", "combined", NULL};
static const char *const balance_words[] = {"least_connections", "round_robin", "client_address", NULL};
static const char *const switch_words[] = {"off", "on", NULL};
static const char *const preface_words[] = {"off", "v1", "v2", NULL};
static const char *const scheme_words[] = {"http", "https", NULL};
static const char *const inconclusive_words[] = {"promote", "rollback", NULL};
static const char *const worker_words[] = {"auto", NULL};
static const char *const via_words[] = {"proxy", "route53", NULL};
static const char *const shield_words[] = {"off", "bake", "always", NULL};
static const char *const status_words[] = {"500", "502", "503", "504", NULL};
static const char *const criterion_words[] = {"error_rate", "unhealthy_probes", "latency_p99", "log", "prometheus", NULL};

static const struct key keys[] = {
	{"admin", KEY_MAP, .text = "The admin API, which the command line uses."},
	{"admin.socket", KEY_SOCKET, offsetof(struct conf, admin.socket),
		.shown = "`/run/teal/admin.sock`; for others than root `$XDG_RUNTIME_DIR/teal/admin.sock`",
		.text = "The Unix socket of the admin API, made with mode 0660. Whoever may open it may do everything."},
	{"admin.listen", KEY_ADMIN_ADDRESS,
		.text = "An address on which the admin API listens as well. On a loopback address reading is free and every change "
			"wants the token; on any other address reading wants it too."},
	{"admin.token_file", KEY_FILE, offsetof(struct conf, admin.token_file),
		.text = "The file whose first line is the token of `admin.listen`. Without it no change is possible there. Required when `admin.listen` is not a loopback "
			"address."},
	{"state", KEY_FILE, offsetof(struct conf, state), .shown = "`/var/lib/teal`; for others than root `$XDG_STATE_HOME/teal`",
		.text = "The directory that remembers the live color, the deployment under way and the history. One daemon to a directory."},
	{"workers", KEY_COUNT, offsetof(struct conf, workers), "auto", .words = worker_words, .least = 1, .most = 256,
		.text = "How many threads carry traffic; `auto` is one for each core that the process may use."},
	{"access_log", KEY_MAP_OR_OFF, .shown = "`off`", .text = "A line for each request."},
	{"access_log.path", KEY_FILE, offsetof(struct conf, access_log.path), .text = "The file to append to; `-` is standard output. SIGUSR1 opens it anew."},
	{"access_log.format", KEY_WORD, offsetof(struct conf, access_log.format), "json", .words = format_words,
		.text = "How a line is written; `off` writes none."},
	{"trusted_proxies", KEY_BLOCKS, .most = 256,
		.text = "Address blocks of the proxies in front of teal. Only their `Forwarded`, `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host` are believed and kept."},

	{"listen", KEY_LISTENERS, .most = 64, .text = "Where requests come in. At least one listener is needed."},
	{"listen[].address", KEY_ADDRESS, .missing = "write where to listen, as in address: 0.0.0.0:80",
		.text = "`ADDRESS:PORT`, `[IPv6]:PORT`, `unix:/PATH`, or `*:PORT` for every IPv4 and IPv6 address."},
	{"listen[].proxy_protocol", KEY_EITHER, offsetof(struct conf_listen, proxy_protocol), "off", .words = switch_words,
		.text = "Whether every connection must begin with a PROXY protocol header, of version 1 or 2, which says who the client is. `on` only where nobody but "
			"such a proxy can connect: whoever can is believed."},
	{"listen[].connections", KEY_COUNT, offsetof(struct conf_listen, connections), "0", .most = CONNECTIONS_MAX,
		.text = "Client connections that may be open at a time on this listener, in equal shares for each worker, rounded up; `0` is no limit but `limits.connections`."},
	{"listen[].tls", KEY_LATER, .text = "TLS towards clients."},
	{"listen[].tls.certificates", KEY_LATER, .text = "The certificates, chosen by the name that the client asks for."},
	{"listen[].tls.certificates[].certificate", KEY_LATER, .text = "The file of a certificate and its chain."},
	{"listen[].tls.certificates[].key", KEY_LATER, .text = "The file of its private key."},

	{"limits", KEY_MAP, .text = "How much clients can make teal hold."},
	{"limits.header_bytes", KEY_SIZE, offsetof(struct conf, limits.header_bytes), "64KiB", .least = 1u << 10, .most = 1u << 20,
		.text = "The header section of a request or an answer, its first line included. A request with more is answered 431; an answer with more is a failure of the backend."},
	{"limits.headers", KEY_COUNT, offsetof(struct conf, limits.headers), "128", .least = 1, .most = 256,
		.text = "Fields in a header section. Beyond it as for `header_bytes`."},
	{"limits.body", KEY_SIZE, offsetof(struct conf, limits.body), "0", .most = 1ull << 40,
		.text = "The body of a request, as it is sent: chunk lines count. `0` is no limit. A request with more is answered 413."},
	{"limits.connections", KEY_COUNT, offsetof(struct conf, limits.connections), "20000", .least = 1, .most = CONNECTIONS_MAX,
		.text = "Client connections that may be open at a time, over all listeners, in equal shares for each worker, rounded up. More wait to be accepted."},
	{"limits.connections_per_client", KEY_COUNT, offsetof(struct conf, limits.connections_per_client), "0", .most = 65535,
		.text = "Connections that may be open at a time from one client address, an IPv6 client being its /64; `0` is no limit. Unix sockets do not count. Behind a "
			"proxy that does not speak the PROXY protocol all clients have the proxy's address."},
	{"limits.rate", KEY_SIZE, offsetof(struct conf, limits.rate), "100", .most = 1u << 30,
		.text = "The least that a client must send of a request's body, or take of an answer while the socket to it is full, in bytes a second, on average over "
			"`timeouts.stall`; `0` is no least rate."},

	{"timeouts", KEY_MAP, .text = "How long teal waits for others."},
	{"timeouts.header", KEY_DURATION, offsetof(struct conf, timeouts.header_ms), "10s", .least = 1, .most = HOUR,
		.text = "For a whole header section of a request, from its first byte on."},
	{"timeouts.idle", KEY_DURATION, offsetof(struct conf, timeouts.idle_ms), "60s", .least = 1, .most = DAY,
		.text = "For the next request on a client's connection."},
	{"timeouts.connect", KEY_DURATION, offsetof(struct conf, timeouts.connect_ms), "3s", .least = 1, .most = HOUR,
		.text = "For a connection to a backend, over all the backends that are tried for one request."},
	{"timeouts.response", KEY_DURATION, offsetof(struct conf, timeouts.response_ms), "60s", .least = 1, .most = DAY,
		.text = "For the first byte of a backend's answer, once the request is sent."},
	{"timeouts.stall", KEY_DURATION, offsetof(struct conf, timeouts.stall_ms), "30s", .least = 1, .most = DAY,
		.text = "For the next bytes of a body, in either direction."},
	{"timeouts.total", KEY_DURATION, offsetof(struct conf, timeouts.total_ms), "0", .most = DAY,
		.text = "For a request and its whole answer, from the request's header section read to the answer's last byte sent; tunnels are left out; `0` is no limit."},

	{"services", KEY_SERVICES, .missing = "name at least one service with its two colors",
		.text = "The services, by name. A name has letters, digits, `.`, `_` and `-`, at most 63 of them, and is neither `blue` nor `green`."},
	{"services.*", KEY_MAP, .text = "One service."},
	{"services.*.via", KEY_WORD, KEY_NOWHERE, "proxy", .words = via_words, .built_words = 1, .text = "How traffic is switched: in the path."},
	{"services.*.hosts", KEY_HOSTS, .most = 256, .shown = "every host",
		.text = "The hosts whose requests this service takes, without port. `*.example.com` stands for one or more labels in front; an exact host wins over it."},
	{"services.*.paths", KEY_PATHS, .most = 256, .shown = "every path",
		.text = "The path prefixes that this service takes. `/shop` takes `/shop` and `/shop/cart`, not `/shopping`; the longest prefix wins."},
	{"services.*.live", KEY_WORD, offsetof(struct conf_service, live), "blue", .words = color_words,
		.text = "The live color at the very first start. From then on the state directory knows."},
	{"services.*.blue", KEY_MAP, .missing = "a color that starts without backends is written as blue: {}", .text = "The blue release."},
	{"services.*.blue.version", KEY_TEXT, offsetof(struct conf_service, colors[COLOR_BLUE].version), "", .most = 128,
		.text = "The version it runs, as probes, the history and the quarantine name it."},
	{"services.*.blue.backends", KEY_BACKENDS, offsetof(struct conf_service, colors[COLOR_BLUE]), .most = 1000, .shown = "none",
		.text = "`HOST:PORT`, `[IPv6]:PORT` or `unix:/PATH` of each backend. Names are looked up again when they change."},
	{"services.*.blue.proxy_protocol", KEY_WORD, offsetof(struct conf_service, colors[COLOR_BLUE].proxy_protocol), "off", .words = preface_words,
		.text = "The version of the PROXY protocol header, with the client's address, that is sent at the start of each connection to a backend. Every connection "
			"then carries the requests of one client connection alone."},
	{"services.*.green", KEY_MAP, .missing = "a color that starts without backends is written as green: {}", .text = "The green release."},
	{"services.*.green.version", KEY_TEXT, offsetof(struct conf_service, colors[COLOR_GREEN].version), "", .most = 128, .text = "As for blue."},
	{"services.*.green.backends", KEY_BACKENDS, offsetof(struct conf_service, colors[COLOR_GREEN]), .most = 1000, .shown = "none", .text = "As for blue."},
	{"services.*.green.proxy_protocol", KEY_WORD, offsetof(struct conf_service, colors[COLOR_GREEN].proxy_protocol), "off", .words = preface_words,
		.text = "As for blue."},
	{"services.*.balance", KEY_WORD, offsetof(struct conf_service, balance), "least_connections", .words = balance_words,
		.text = "How a backend of the color is chosen. `client_address` sends a client to the same backend for as long as that is up; when a backend goes away, only "
			"its own clients move."},
	{"services.*.replay", KEY_MAP, .text = "Which requests may be sent a second time."},
	{"services.*.replay.methods", KEY_METHODS, .most = 8, .shown = "none",
		.text = "Methods that the application may safely get twice, besides GET, HEAD, OPTIONS and TRACE: of POST, PUT, PATCH and DELETE. A request that broke off before "
			"a byte of the answer came is then repeated once."},
	{"services.*.sticky", KEY_LATER, .text = "Keeps a client on one color while traffic is split."},
	{"services.*.sticky.by", KEY_LATER, .text = "What a client is known by."},
	{"services.*.sticky.name", KEY_LATER, .text = "The name of the cookie or header."},

	{"services.*.probe", KEY_MAP, .text = "The health check of every backend, of both colors, for as long as they are configured."},
	{"services.*.probe.path", KEY_PROBE_PATH, .most = 2048, .shown = "none: the probe is a TCP connect",
		.text = "The path (and query) that is requested with GET."},
	{"services.*.probe.scheme", KEY_EITHER, offsetof(struct conf_service, probe.https), "http", .words = scheme_words,
		.text = "`https` probes with TLS, without checking the certificate. Needs `path`."},
	{"services.*.probe.host", KEY_PROBE_HOST, offsetof(struct conf_service, probe.host),
		.shown = "the first of `hosts` without `*`, else the backend's address (`localhost` for a unix socket)",
		.text = "The Host field of the probe. Needs `path`."},
	{"services.*.probe.interval", KEY_DURATION, offsetof(struct conf_service, probe.interval_ms), "1s", .least = 10, .most = HOUR,
		.text = "From one probe of a backend to the next, with up to 10 % of jitter."},
	{"services.*.probe.timeout", KEY_DURATION, offsetof(struct conf_service, probe.timeout_ms), "500ms", .least = 1, .most = 5 * MINUTE,
		.text = "For a whole probe."},
	{"services.*.probe.rise", KEY_COUNT, offsetof(struct conf_service, probe.rise), "2", .least = 1, .most = 100,
		.text = "Good probes in a row until a backend that was down is up. The very first probe of a backend decides at once."},
	{"services.*.probe.fall", KEY_COUNT, offsetof(struct conf_service, probe.fall), "2", .least = 1, .most = 100,
		.text = "Failed probes in a row until a backend that was up is down."},
	{"services.*.probe.expect", KEY_MAP, .text = "What a good answer is. Needs `path`; all of it must hold."},
	{"services.*.probe.expect.status", KEY_STATUSES, .most = 32, .fallback = "200-299", .text = "A status, a range such as `200-299`, or a list of them."},
	{"services.*.probe.expect.body", KEY_TEXT, offsetof(struct conf_service, probe.body), .least = 1, .most = 4096, .shown = "any",
		.text = "A text that the body must contain. `{version}` stands for the color's version."},
	{"services.*.probe.expect.header", KEY_HEADERS, .most = 32, .shown = "any",
		.text = "Header fields that the answer must have, as `Name: value`. `{version}` stands for the color's version."},

	{"services.*.gates", KEY_MAP, .text = "What must hold before a switch."},
	{"services.*.gates.healthy", KEY_SHARE, offsetof(struct conf_service, gates.healthy), "100%",
		.text = "The share of the color's backends that must be up; `0%` switches the gate off."},
	{"services.*.gates.hooks", KEY_LATER, .text = "Commands that must succeed."},
	{"services.*.gates.hooks[].run", KEY_LATER, .text = "The command and its arguments."},
	{"services.*.gates.hooks[].timeout", KEY_LATER, .text = "How long it may take."},
	{"services.*.bake", KEY_DURATION, offsetof(struct conf_service, bake_ms), "5m", .most = 7 * DAY,
		.text = "The time after a switch in which the rollback criteria are armed."},
	{"services.*.rollback", KEY_MAP, .text = "What sends a new color back by itself during the bake."},
	{"services.*.rollback.error_rate", KEY_SHARE, offsetof(struct conf_service, rollback.error_rate), "0",
		.text = "The share of answers that may be a 5xx or a failure to answer; `0` is no limit."},
	{"services.*.rollback.unhealthy_probes", KEY_COUNT, offsetof(struct conf_service, rollback.unhealthy_probes), "3", .most = 1000,
		.text = "Rounds of probes in a row in which every backend of the color failed; `0` is no limit."},
	{"services.*.rollback.inconclusive", KEY_WORD, offsetof(struct conf_service, rollback.inconclusive), "promote", .words = inconclusive_words,
		.text = "What becomes of a color on which too little traffic came for a verdict when the bake ends."},
	{"services.*.rollback.latency_p99", KEY_DURATION, offsetof(struct conf_service, rollback.latency_p99_ms), "0", .most = HOUR,
		.text = "The time in which 99 % of the answers must have come; a color that took longer in three spans of 10 s in a row is sent back. `0` is no limit."},
	{"services.*.rollback.log", KEY_MAP, .shown = "none",
		.text = "Lines of an application's log that speak against a release. Only lines written after the flip count."},
	{"services.*.rollback.log.file", KEY_LOG_FILE, offsetof(struct conf_service, rollback.log.file), .most = 4095,
		.missing = "name the log to follow, as in file: /var/log/shop/app.log",
		.text = "The log, as an absolute path; `*`, `?` and `[…]` stand for several. At most 64 files are followed; they may be rotated, truncated and created later."},
	{"services.*.rollback.log.pattern", KEY_PATTERN, offsetof(struct conf_service, rollback.log.pattern), .most = PATTERN_LENGTH_MAX,
		.missing = "write the regular expression that a bad line matches, as in pattern: 'could not connect'",
		.text = "The regular expression (PCRE2) that a bad line matches, anywhere in it. In single quotes YAML leaves every `\\` as it is."},
	{"services.*.rollback.log.matches", KEY_COUNT, offsetof(struct conf_service, rollback.log.matches), "1", .least = 1, .most = 10000,
		.text = "How many such lines within `within` make a release bad."},
	{"services.*.rollback.log.within", KEY_DURATION, offsetof(struct conf_service, rollback.log.within_ms), "1m", .least = 100, .most = DAY,
		.text = "The time within which they are counted."},
	{"services.*.rollback.prometheus", KEY_MAP, .shown = "none", .text = "A query whose result speaks against a release. No data is neither good nor bad."},
	{"services.*.rollback.prometheus.url", KEY_URL, offsetof(struct conf_service, rollback.prometheus.url),
		.missing = "name the server, as in url: http://127.0.0.1:9090",
		.text = "The Prometheus server, with or without a path, in front of `/api/v1/query`."},
	{"services.*.rollback.prometheus.query", KEY_TEXT, offsetof(struct conf_service, rollback.prometheus.query), .least = 1, .most = 4096,
		.missing = "write the query, as in query: 'sum(rate(errors_total[1m]))'",
		.text = "The instant query (PromQL), on one line. Of several samples the worst counts."},
	{"services.*.rollback.prometheus.above", KEY_ABOVE, .missing = "say from which value on the release is bad, with above or with below, as in above: 5",
		.instead = "below", .text = "The release is bad when the result is above this number."},
	{"services.*.rollback.prometheus.below", KEY_BELOW, .instead = "above", .text = "The release is bad when the result is below this number."},
	{"services.*.rollback.prometheus.every", KEY_DURATION, offsetof(struct conf_service, rollback.prometheus.every_ms), "5s", .least = 100, .most = HOUR,
		.text = "From one query to the next."},
	{"services.*.rollback.prometheus.timeout", KEY_DURATION, offsetof(struct conf_service, rollback.prometheus.timeout_ms), "2s", .least = 1,
		.most = 5 * MINUTE, .text = "For a whole query."},
	{"services.*.rollback.dry_run", KEY_WORDS, offsetof(struct conf_service, rollback.dry_run), .words = criterion_words, .most = 32, .shown = "none",
		.text = "Criteria that report and do not act. Each must be configured."},
	{"services.*.rollback.verify", KEY_DURATION, offsetof(struct conf_service, rollback.verify_ms), "30s", .most = HOUR,
		.text = "How long the old color is watched after a rollback, to say whether it is well again; `0` is not at all."},
	{"services.*.shield", KEY_MAP_OR_WHEN, .shown = "`off`",
		.text = "Whether a GET, HEAD, OPTIONS or TRACE that a color failed is replayed, once, on the other color, before a byte of the answer went out. It still counts against "
			"the color that failed."},
	{"services.*.shield.when", KEY_WORD, offsetof(struct conf_service, shield.when), "off", .words = shield_words,
		.missing = "say when the shield is up, as in when: bake",
		.text = "`bake`: from the flip until the end of the bake; `always`: at any time. `shield: bake` is short for `shield: {when: bake}`."},
	{"services.*.shield.statuses", KEY_WORDS, offsetof(struct conf_service, shield.statuses), "502, 503, 504", .words = status_words, .most = 32,
		.text = "The answers that count as failed, besides no answer at all."},
	{"services.*.failover", KEY_EITHER, offsetof(struct conf_service, failover), "off", .words = switch_words,
		.text = "Whether, outside of a bake, the idle color becomes live when it is ready and every backend of the live one has failed its probes. When `off`, the backend that "
			"is the least bad is tried."},
	{"services.*.drain", KEY_MAP, .text = "How long the old color may finish what it began."},
	{"services.*.drain.requests", KEY_DURATION, offsetof(struct conf_service, drain_requests_ms), "60s", .most = DAY,
		.text = "For requests; those that are left are cut and counted."},
	{"services.*.drain.tunnels", KEY_DURATION, offsetof(struct conf_service, drain_tunnels_ms), "10m", .most = 7 * DAY,
		.text = "Over so long its tunnels, such as WebSockets, are closed one by one, spread evenly; `0` is all at once."},
	{"services.*.hold", KEY_LATER, .text = "How long and how many new requests may be queued while a service is held."},
	{"services.*.preview", KEY_LATER, .text = "A way to the idle color for those who ask for it."},
	{"services.*.preview.header", KEY_LATER, .text = "The header field that asks for it."},
	{"services.*.preview.listen", KEY_LATER, .text = "An address that always leads to it."},
	{"services.*.hooks", KEY_LATER, .text = "Commands that are run when something happened."},
	{"services.*.hooks.switched", KEY_LATER, .text = "After a switch."},
	{"services.*.hooks.rolled_back", KEY_LATER, .text = "After a rollback."},
	{"services.*.notify", KEY_LATER, .text = "Who is told of it over HTTP."},
	{"services.*.notify[].url", KEY_LATER, .text = "Where to."},
	{"services.*.route53", KEY_LATER, .text = "Switching by Route 53 records, out of the path."},
	{"services.*.route53.zone", KEY_LATER, .text = "The hosted zone."},
	{"services.*.route53.name", KEY_LATER, .text = "The name of the record."},
	{"services.*.route53.type", KEY_LATER, .text = "Its type."},
	{"services.*.route53.ttl", KEY_LATER, .text = "Its time to live."},
	{"services.*.route53.policy", KEY_LATER, .text = "Its routing policy."},
	{"services.*.route53.blue", KEY_LATER, .text = "Its values while blue is live."},
	{"services.*.route53.green", KEY_LATER, .text = "Its values while green is live."},
	{"services.*.route53.name_servers", KEY_LATER, .text = "Servers to ask instead of those of the zone."},
	{"services.*.route53.health_listen", KEY_LATER, .text = "Where Route 53's health checks are answered."},
};

const struct key *key_table(size_t *count)
{
	*count = sizeof(keys) / sizeof(*keys);
	return keys;
}

const struct key *key_find(const char *path)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (strcmp(keys[i].path, path) == 0)
			return &keys[i];
	return NULL;
}

const char *key_guess(const char *text, const char *const *words)
{
	size_t length = strlen(text);
	const char *nearest = text_nearest(text, words), *longer = NULL;
	for (size_t i = 0; !nearest && length > 0 && words[i]; i++) {
		if (strncmp(words[i], text, length) != 0 || words[i][length] != '_')
			continue;
		if (longer)
			return NULL;
		longer = words[i];
	}
	return nearest ? nearest : longer;
}

const char *key_child(const struct key *key, const char *parent)
{
	size_t length = strlen(parent);
	if (strncmp(key->path, parent, length) != 0)
		return NULL;
	const char *rest = key->path + length;
	if (length > 0) {
		if (*rest != '.')
			return NULL;
		rest++;
	}
	return strpbrk(rest, ".[") || *rest == '\0' ? NULL : rest;
}

void key_list_children(const char *parent, const char *names[KEY_CHILDREN_MAX + 1])
{
	size_t count = 0;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const char *name = key_child(&keys[i], parent);
		if (!name)
			continue;
		assert(count < KEY_CHILDREN_MAX);
		names[count++] = name;
	}
	names[count] = NULL;
}
