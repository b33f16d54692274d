/* Writes docs/configuration.md from the table of keys. Any thread. */
#include "conf/conf.h"

#include <string.h>

#include "base/text.h"
#include "conf/keys.h"

static const char introduction[] =
	"# Configuration\n"
	"\n"
	"teal reads one file, `teal.yaml`. It is the first of these that there is: the one named with `-c FILE`, the one named by `$TEAL_CONFIG`, `./teal.yaml`, "
	"`/etc/teal/teal.yaml`.\n"
	"\n"
	"- `teal check` reads the file and prints every fault in it as `FILE:LINE:COL: message`, with a suggestion for a misspelt key. It looks at the files that are named in it for the token and for TLS, too, where it may, and warns of what will do but should not stay so. It needs no daemon.\n"
	"- `teal reload` (or SIGHUP) makes the daemon read the file again. A file with any fault changes nothing.\n"
	"- The file says what may be, the state directory says what is: the live color, and the backends and versions given by `teal deploy`.\n"
	"\n"
	"The file is YAML 1.2, so JSON will do as well; at most 4 MiB, one document, without anchors, aliases and tags. Unknown keys, repeated keys, values of a wrong type "
	"and values out of range are faults. Values are written like this:\n"
	"\n"
	"| kind | written as |\n"
	"|---|---|\n"
	"| duration | a number and its unit, `ms`, `s`, `m`, `h` or `d`: `500ms`, `1.5s`, `5m`, `1h30m`; or `0` |\n"
	"| size | bytes, or a number with `KiB`, `MiB`, `GiB` (powers of 1024) or `kB`, `MB`, `GB` (powers of 1000): `64KiB` |\n"
	"| share | percent, or a number from 0 to 1: `1%`, `0.5%`, `0.01` |\n"
	"| address | `HOST:PORT`, `[IPv6]:PORT` or `unix:/PATH`; in quotes where it begins with `[` or `*` |\n"
	"\n"
	"## Example\n"
	"\n"
	"The same file is `conf/example.yaml`.\n"
	"\n";

static const char example[] = "# teal.yaml: one shop with two releases, and an API beside it. Every key is in docs/configuration.md.\n"
			      "\n"
			      "admin:\n"
			      "  socket: /run/teal/admin.sock            # the command line talks to this\n"
			      "  listen: 127.0.0.1:9180                  # and monitoring to this\n"
			      "  token_file: /etc/teal/token             # without it, nothing can be changed over TCP\n"
			      "\n"
			      "state: /var/lib/teal                      # the live color and the history\n"
			      "workers: auto                             # one thread for each core\n"
			      "access_log: {path: /var/log/teal/access.log, format: json}\n"
			      "trusted_proxies: [10.0.0.0/8]             # whose X-Forwarded-For is believed\n"
			      "\n"
			      "listen:\n"
			      "  - address: \"*:80\"                       # every IPv4 and IPv6 address\n"
			      "  - address: 10.0.0.1:8080                # a load balancer that speaks the PROXY protocol\n"
			      "    proxy_protocol: on\n"
			      "    connections: 5000\n"
			      "\n"
			      "limits:\n"
			      "  header_bytes: 64KiB\n"
			      "  headers: 128\n"
			      "  body: 100MiB                            # 0 is no limit\n"
			      "  connections: 20000\n"
			      "  connections_per_client: 1000            # of one address\n"
			      "  rate: 100                               # bytes a second, the least that a client must send or take\n"
			      "\n"
			      "timeouts:\n"
			      "  header: 10s                             # for a whole request head\n"
			      "  idle: 60s                               # between two requests\n"
			      "  connect: 3s                             # to a backend\n"
			      "  response: 60s                           # to the first byte of the answer\n"
			      "  stall: 30s                              # between two pieces of a body\n"
			      "  total: 0                                # for a request and its whole answer; 0 is no limit\n"
			      "\n"
			      "services:\n"
			      "  shop:\n"
			      "    hosts: [shop.example.com, \"*.shop.example.com\"]\n"
			      "    live: blue                            # at the very first start; from then on the state directory knows\n"
			      "    blue:\n"
			      "      version: a1b2c3d\n"
			      "      backends: [\"10.0.0.1:8080\", \"10.0.0.2:8080\"]\n"
			      "    green:\n"
			      "      version: e4f5a6b\n"
			      "      backends: [\"10.0.0.3:8080\", \"10.0.0.4:8080\"]\n"
			      "    balance: least_connections\n"
			      "    replay: {methods: [PUT, DELETE]}      # the application may get these twice\n"
			      "    probe:\n"
			      "      path: /health                       # without a path: a TCP connect\n"
			      "      interval: 1s\n"
			      "      timeout: 500ms\n"
			      "      rise: 2\n"
			      "      fall: 2\n"
			      "      expect:\n"
			      "        status: 200-299\n"
			      "        body: ok\n"
			      "        header: {X-Version: \"{version}\"}   # the release answers that it should be\n"
			      "    gates:                                # what must hold before a switch\n"
			      "      healthy: 100%                       # of the backends\n"
			      "      hooks:\n"
			      "        - [/usr/local/bin/check-backup, --database, shop]\n"
			      "      freeze:\n"
			      "        - {from: Fri 16:00, to: Mon 08:00, zone: Europe/Berlin, reason: nobody would watch}\n"
			      "      smoke:\n"
			      "        - {path: /checkout, expect: {status: 200, body: Your cart}}\n"
			      "      approval: off                       # 30m: wait so long for teal approve\n"
			      "    steps: {shares: [5, 25, 100], pause: 1m}   # percent of the traffic, each with the rollback criteria\n"
			      "    sticky: {by: cookie}                  # a client stays on its color meanwhile\n"
			      "    preview: {cookie: teal_preview, listen: \"127.0.0.1:8081\"}\n"
			      "    rehearsal: {share: 10%, for: 2m, ignore: [/served_at]}   # teal rehearse: live requests, copied and compared\n"
			      "    hold: {max: 10s, requests: 1000}      # teal hold, and switches with --exclusive\n"
			      "    fallback: [/assets]                   # pages of one release find their files in the other\n"
			      "    bake: 5m                              # the time in which a bad release is sent back\n"
			      "    rollback:\n"
			      "      error_rate: 1%                      # 5xx and failures to answer\n"
			      "      unhealthy_probes: 3                 # in a row, of the whole color\n"
			      "      latency_p99: 500ms                  # of 99 answers in a hundred\n"
			      "      log:\n"
			      "        file: /var/log/shop/*.log         # an absolute path or a glob\n"
			      "        pattern: 'could not connect to (the )?database'\n"
			      "        matches: 5                        # so many lines\n"
			      "        within: 1m                        # in so short a time\n"
			      "      prometheus:\n"
			      "        url: http://127.0.0.1:9090\n"
			      "        query: sum(rate(payments_failed_total[1m]))\n"
			      "        above: 5                          # or below\n"
			      "      dry_run: [prometheus]               # reports, and does not act yet\n"
			      "      inconclusive: promote               # when there was too little traffic to tell\n"
			      "      verify: 30s                         # the old color is watched after a rollback\n"
			      "    shield: bake                          # reads that the new color failed are answered by the old one\n"
			      "    failover: off                         # on: outside of a bake, to the idle color when no backend is left\n"
			      "    drain: {requests: 60s, tunnels: 10m}\n"
			      "    hooks:                                # when it has happened\n"
			      "      switched: [[/usr/local/bin/purge-cache]]\n"
			      "      rolled_back: [{run: [/usr/local/bin/migrate, down], timeout: 10m}]\n"
			      "    notify:\n"
			      "      - {url: \"https://chat.example.com/hooks/shop\", format: slack}\n"
			      "\n"
			      "  api:\n"
			      "    hosts: [shop.example.com]\n"
			      "    paths: [/api]                         # the longest path wins, so the shop has the rest\n"
			      "    blue: {backends: [\"unix:/run/api/blue.sock\"]}\n"
			      "    green: {}                             # its backends come with teal deploy\n";

static const char tls_text[] =
	"TLS 1.2 and 1.3, with the ciphers and curves of Mozilla's intermediate profile. Certificates, redirects and challenges together look like this; the same file is "
	"`conf/example_tls.yaml`:\n"
	"\n"
	"```yaml\n"
	"# teal.yaml: a shop at https, with a certificate that certbot renews, in front of backends that speak TLS, too.\n"
	"\n"
	"acme: {webroot: /var/lib/teal/acme}         # certbot certonly --webroot --webroot-path /var/lib/teal/acme -d shop.example.com\n"
	"\n"
	"listen:\n"
	"  - address: \"*:80\"\n"
	"    redirect: https                         # but for what certbot has to show\n"
	"  - address: \"*:443\"\n"
	"    tls:\n"
	"      certificates:\n"
	"        - {certificate: /etc/letsencrypt/live/shop.example.com/fullchain.pem, key: /etc/letsencrypt/live/shop.example.com/privkey.pem}\n"
	"        - {certificate: others.pem, key: others.key}   # beside this file\n"
	"      hsts: 365d                            # once all is well\n"
	"  - address: \"*:8443\"                       # for those who show a certificate\n"
	"    tls:\n"
	"      certificates: [{certificate: others.pem, key: others.key}]\n"
	"      minimum: \"1.3\"\n"
	"      client_certificates: required\n"
	"      client_ca: partners.pem\n"
	"      forward_client_certificate: on        # the backends read who it is\n"
	"\n"
	"services:\n"
	"  shop:\n"
	"    hosts: [shop.example.com]\n"
	"    blue:\n"
	"      backends: [\"blue-1.example.net:8443\", \"blue-2.example.net:8443\"]\n"
	"      tls: {}                               # the system's authorities, and the names above\n"
	"    green:\n"
	"      backends: [\"10.0.0.3:8443\"]\n"
	"      tls: {ca: internal.pem, name: green.example.net}\n"
	"    probe: {path: /health}                  # at https, as all that goes to them\n"
	"```";

static const char route53_text[] =
	"Keys below `services.NAME`, for a service that is switched out of the path. Its backends are only probed and asked by smoke tests. Keys about traffic are refused, and `live` is for "
	"`policy: health_check` alone: else the record says which color is live. Without any other service there is no need for `listen`. The same file is `conf/example_route53.yaml`:\n"
	"\n"
	"```yaml\n"
	"# teal.yaml: two APIs that are switched by Route 53. teal has to reach their backends, and clients don't come through it.\n"
	"\n"
	"services:\n"
	"  api:\n"
	"    via: route53\n"
	"    route53:\n"
	"      zone: Z1D633PJN98FT9                  # of example.com\n"
	"      name: api.example.com\n"
	"      type: A\n"
	"      ttl: 10                               # seconds; others keep an answer so long\n"
	"      blue: [192.0.2.10]\n"
	"      green: [192.0.2.20]\n"
	"      profile: dns                          # of ~/.aws/config\n"
	"    blue: {backends: [\"192.0.2.10:443\"]}    # what is probed\n"
	"    green: {backends: [\"192.0.2.20:443\"]}\n"
	"    probe: {path: /health, scheme: https}   # asks for api.example.com\n"
	"    bake: 10m\n"
	"    rollback: {log: {file: /var/log/api/*.log, pattern: 'level=fatal'}}\n"
	"\n"
	"  search:\n"
	"    via: route53\n"
	"    route53:\n"
	"      zone: Z1D633PJN98FT9\n"
	"      name: search.example.com\n"
	"      type: A\n"
	"      policy: weighted\n"
	"      blue: {alias: search-blue-1.eu-central-1.elb.amazonaws.com, zone: Z215JYRZR1TBD5}\n"
	"      green: {alias: search-green-1.eu-central-1.elb.amazonaws.com, zone: Z215JYRZR1TBD5}\n"
	"    blue: {backends: [\"10.0.1.10:8080\"]}\n"
	"    green: {backends: [\"10.0.2.10:8080\"]}\n"
	"    steps: {shares: [10, 50, 100], pause: 10m}   # of the answers of DNS, not of the requests\n"
	"```";

struct section {
	const char *title;
	const char *prefix; /* the longest that fits a key decides */
	const char *base;   /* what is left out in front of the keys shown */
	const char *text;
};

static const struct section sections[] = {
	{"The daemon", "", "", "Keys at the top of the file, about the daemon as a whole."},
	{"Listeners", "listen", "", ""},
	{"TLS towards clients", "listen[].tls", "", tls_text},
	{"", "listen[].redirect", "", ""},
	{"", "acme", "", ""},
	{"Limits", "limits", "", ""},
	{"Timeouts", "timeouts", "", ""},
	{"Services", "services", "",
		"A request goes to the service whose host fits best, and among those of the same host to the one with the longest path. No two services may have the same host and path."},
	{"One service", "services.*.", "services.*.", "Keys below `services.NAME`."},
	{"TLS towards backends", "services.*.blue.tls", "services.*.", "Keys below `services.NAME`."},
	{"", "services.*.green.tls", "services.*.", ""},
	{"Probes", "services.*.probe", "services.*.",
		"Keys below `services.NAME`. Both colors are probed for as long as they are configured, so that the way back is known to be open. Redirects are not followed."},
	{"Gates", "services.*.gates", "services.*.",
		"Keys below `services.NAME`. They are checked before a switch; `teal plan` shows them. Of a hook there is either `run` or `url`. What a hook is told is in "
		"[operations.md](operations.md)."},
	{"Hooks and notifications", "services.*.hooks", "services.*.", "Keys below `services.NAME`. They are told of what has happened, and can't refuse it."},
	{"", "services.*.notify", "services.*.", ""},
	{"Steps", "services.*.steps", "services.*.", "Keys below `services.NAME`."},
	{"", "services.*.sticky", "services.*.", ""},
	{"Preview", "services.*.preview", "services.*.", "Keys below `services.NAME`. `teal preview` prints what leads to the idle color."},
	{"Rehearsal", "services.*.rehearsal", "services.*.", "Keys below `services.NAME`."},
	{"Hold", "services.*.hold", "services.*.", "Keys below `services.NAME`."},
	{"Rollback", "services.*.rollback", "services.*.",
		"Keys below `services.NAME`. They are armed from the flip until the end of the bake. Without the key `rollback`, three failed rounds of probes in a row send a color back, "
		"and nothing else does; with it, they still do unless `unhealthy_probes` says otherwise, and every other criterion is the operator's to choose. One that holds is enough, unless the old color was just as bad."},
	{"Shield", "services.*.shield", "services.*.", "Keys below `services.NAME`."},
	{"Drain", "services.*.drain", "services.*.", "Keys below `services.NAME`. They hold for the old color, from the flip on."},
	{"Route 53", "services.*.route53", "services.*.", route53_text},
};

static const struct section *section_of(const struct key *key)
{
	const struct section *best = NULL;
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++)
		if (strncmp(key->path, sections[i].prefix, strlen(sections[i].prefix)) == 0 && (!best || strlen(sections[i].prefix) > strlen(best->prefix)))
			best = &sections[i];
	return best;
}

static void write_words(struct text *out, const struct key *key, const char *between)
{
	for (size_t i = 0; key->words[i]; i++)
		text_addf(out, "%s`%s`", i ? between : "", key->words[i]);
}

static void write_range(struct text *out, const struct key *key)
{
	char least[TEXT_UNIT_SIZE], most[TEXT_UNIT_SIZE];
	void (*format)(uint64_t, char[TEXT_UNIT_SIZE]) = key->type == KEY_SIZE ? text_format_size : text_format_duration;
	format(key->least, least);
	format(key->most, most);
	if (key->words)
		text_addf(out, "`%s`, or ", key->words[0]);
	text_addf(out, "%s, %s to %s", key->type == KEY_SIZE ? "size" : "duration", least, most);
}

static void write_share(struct text *out, const struct key *key)
{
	char least[TEXT_UNIT_SIZE], most[TEXT_UNIT_SIZE];
	text_format_share((double)key->least / 10000, least);
	text_format_share(key->most ? (double)key->most / 10000 : 1, most);
	text_addf(out, "share, %s to %s", least, most);
}

static void write_count(struct text *out, const struct key *key)
{
	if (key->words)
		text_addf(out, "`%s`, or ", key->words[0]);
	text_addf(out, "%llu to %llu", (unsigned long long)key->least, (unsigned long long)key->most);
}

/* What a key of this type takes, where that needs no more than a word. */
static const char *type_text(enum key_type type)
{
	static const char *const texts[] = {
		[KEY_MAP] = "mapping",
		[KEY_MAP_ON] = "mapping",
		[KEY_MAP_OR_OFF] = "`off` or a mapping",
		[KEY_SERVICES] = "mapping of name to service",
		[KEY_FILE] = "path",
		[KEY_ABSOLUTE_FILE] = "absolute path",
		[KEY_BESIDE_FILE] = "path",
		[KEY_LOG_FILE] = "absolute path or glob",
		[KEY_PATTERN] = "regular expression",
		[KEY_URL] = "URL of a server",
		[KEY_POST_URL] = "URL",
		[KEY_ABOVE] = "number",
		[KEY_BELOW] = "number",
		[KEY_SOCKET] = "path",
		[KEY_ADDRESS] = "address",
		[KEY_ADMIN_ADDRESS] = "address",
		[KEY_PREVIEW_ADDRESS] = "address",
		[KEY_TARGET] = "path of a URL",
		[KEY_AUTHORITY] = "host, with or without port",
		[KEY_SERVER_NAME] = "name of a host",
		[KEY_TOKEN] = "name",
		[KEY_FIELD] = "name of a header field",
		[KEY_FREEZE] = "time of the week or date",
		[KEY_ZONE] = "time zone",
		[KEY_HOSTED_ZONE] = "id of a hosted zone",
		[KEY_RECORD] = "name of a record",
		[KEY_RECORD_TARGET] = "name",
		[KEY_REGION] = "name of a region",
		[KEY_ENDPOINT] = "URL of a server",
		[KEY_HEALTH_ADDRESS] = "address",
		[KEY_SERVERS] = "list of addresses of name servers",
		[KEY_VALUES] = "value, mapping, or list of values",
		[KEY_HOSTS] = "list of hosts",
		[KEY_PATHS] = "list of paths",
		[KEY_BACKENDS] = "list of addresses",
		[KEY_METHODS] = "list of methods",
		[KEY_BLOCKS] = "list of address blocks",
		[KEY_STATUSES] = "status, range or list",
		[KEY_COMMAND] = "list of a program and its arguments",
		[KEY_STEPS] = "list of percentages",
		[KEY_FIELDS] = "list of names of header fields",
		[KEY_POINTERS] = "list of JSON Pointers",
		[KEY_MAPS] = "list of mappings",
		[KEY_HOOKS] = "list of mappings, or of lists for `run`",
		[KEY_HEADERS] = "mapping of name to text",
		[KEY_SENT_HEADERS] = "mapping of name to text",
	};
	return texts[type];
}

static void write_type(struct text *out, const struct key *key)
{
	switch (key->type) {
	case KEY_WORD:
	case KEY_EITHER:
	case KEY_METHOD:
		write_words(out, key, " or ");
		break;
	case KEY_MAP_OR_ONE:
		text_addf(out, "a value of `%s`, or a mapping", key->bare);
		break;
	case KEY_WORDS:
		text_addf(out, "list of ");
		write_words(out, key, ", ");
		break;
	case KEY_COUNT:
	case KEY_SECONDS:
		write_count(out, key);
		break;
	case KEY_DURATION:
	case KEY_HSTS:
	case KEY_SIZE:
		write_range(out, key);
		break;
	case KEY_SHARE:
		write_share(out, key);
		break;
	case KEY_TEXT:
	case KEY_BODY:
		text_addf(out, "text of at most %llu bytes", (unsigned long long)key->most);
		break;
	default:
		text_addf(out, "%s", type_text(key->type));
		if (key->type >= KEY_HOSTS)
			text_addf(out, ", at most %llu", (unsigned long long)key->most);
		break;
	}
}

static void write_default(struct text *out, const struct key *key)
{
	if (key->missing && key->instead)
		text_addf(out, "required, or `%s`", key->instead);
	else if (key->missing)
		text_addf(out, "required");
	else if (key->shown)
		text_addf(out, "%s", key->shown);
	else if (key->type == KEY_WORDS && key->fallback)
		text_addf(out, "`[%s]`", key->fallback);
	else if (key->fallback && *key->fallback)
		text_addf(out, "`%s`", key->fallback);
	else if (key->type != KEY_MAP)
		text_addf(out, "none");
}

static void write_row(struct text *out, const struct section *section, const struct key *key)
{
	text_addf(out, "| `%s` | ", key->path + strlen(section->base));
	write_type(out, key);
	text_addf(out, " | ");
	write_default(out, key);
	text_addf(out, " | %s%s |\n", key->text, key->via == KEY_VIA_PROXY ? " Not with `via: route53`." : "");
}

static void write_section(struct text *out, const struct section *section)
{
	size_t count;
	const struct key *keys = key_table(&count);
	/* One without a title goes on with the table before it. */
	if (*section->title)
		text_addf(out, "\n## %s\n\n%s%s| key | takes | default | meaning |\n|---|---|---|---|\n", section->title, section->text,
			*section->text ? "\n\n" : "");
	for (size_t i = 0; i < count; i++)
		if (section_of(&keys[i]) == section)
			write_row(out, section, &keys[i]);
}

void conf_write_manual(struct text *out)
{
	text_addf(out, "%s```yaml\n%s```\n", introduction, example);
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++)
		write_section(out, &sections[i]);
}
