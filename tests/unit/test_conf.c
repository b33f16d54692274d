/* What a good file becomes: values, defaults, flags, files found and read; the example and the manual. */
// links: conf
#include "conf/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/text.h"

#define LISTEN "listen: [{address: ':80'}]\n"
#define ROOT LISTEN "services: {shop: {blue: {}, green: {}}}\n"
#define SHOP LISTEN "services:\n  shop:\n    blue: {}\n    green: {}\n"

static struct conf *parse(const char *yaml)
{
	struct conf_faults faults = {0};
	struct conf *conf = conf_parse(yaml, strlen(yaml), "a.yaml", &faults);
	if (!conf)
		fail_msg("%s", faults.count ? faults.lines[0] : "no fault");
	assert_int_equal(faults.count, 0);
	return conf;
}

struct good_case {
	const char *name, *yaml;
};

static const struct good_case goods[] = {
	{"the least there can be", ROOT},
	{"JSON", "{\"listen\": [{\"address\": \":80\"}], \"services\": {\"shop\": {\"blue\": {\"backends\": [\"a:1\"]}, \"green\": {}}}}"},
	{"a byte order mark", "\xef\xbb\xbf" ROOT},
	{"lines that end in CRLF", "listen: [{address: ':80'}]\r\nservices: {shop: {blue: {}, green: {}}}\r\n"},
	{"a document between marks", "---\n" ROOT "...\n"},
	{"a directive", "%YAML 1.2\n---\n" ROOT},
	{"backends without quotes", LISTEN "services: {shop: {blue: {backends: [10.0.0.1:80, a:81]}, green: {}}}\n"},
	{"one backend in both colors", LISTEN "services: {shop: {blue: {backends: ['a:1']}, green: {backends: ['a:1']}}}\n"},
	{"a color of names and sockets", LISTEN "services: {shop: {blue: {backends: ['a:1', 'unix:/a', '[::1]:1', '127.0.0.1:1']}, green: {}}}\n"},
	{"via the proxy", SHOP "    via: proxy\n"},
	{"the log off", ROOT "access_log: off\n"},
	{"the format off", ROOT "access_log: {format: off}\n"},
	{"a token for everybody", ROOT "admin: {listen: '0.0.0.0:9180', token_file: /etc/teal/token}\n"},
	{"loopback without a token", ROOT "admin: {listen: '127.1.2.3:9180'}\n"},
	{"IPv6 loopback without a token", ROOT "admin: {listen: '[::1]:9180'}\n"},
	{"two listeners on any port", "listen: [{address: '127.0.0.1:0'}, {address: '127.0.0.1:0'}]\nservices: {shop: {blue: {}, green: {}}}\n"},
	{"one port of two addresses",
		"listen: [{address: '127.0.0.1:80'}, {address: '127.0.0.2:80'}, {address: '[::1]:80'}]\nservices: {shop: {blue: {}, green: {}}}\n"},
	{"one host, two paths", LISTEN "services:\n  a: {hosts: [h], paths: [/a], blue: {}, green: {}}\n  b: {hosts: [h], paths: [/b], blue: {}, green: {}}\n"},
	{"one path, two hosts", LISTEN "services:\n  a: {hosts: [g], paths: [/a], blue: {}, green: {}}\n  b: {hosts: [h], paths: [/a], blue: {}, green: {}}\n"},
	{"a host and its wildcard", LISTEN
		"services:\n  a: {hosts: [h.example], blue: {}, green: {}}\n  b: {hosts: ['*.example'], blue: {}, green: {}}\n  c: {blue: {}, green: {}}\n"},
	{"a name of every kind of character", LISTEN "services: {Shop-1.a_b: {blue: {}, green: {}}}\n"},
	{"no limit at all", SHOP "    rollback: {error_rate: 0, unhealthy_probes: 0}\n    bake: 0\n    drain: {requests: 0, tunnels: 0}\n"},
};

static void good_files_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(goods) / sizeof(*goods); i++) {
		struct conf_faults faults = {0};
		struct conf *conf = conf_parse(goods[i].yaml, strlen(goods[i].yaml), "a.yaml", &faults);
		if (!conf)
			fail_msg("%s: %s", goods[i].name, faults.lines[0]);
		conf_free(conf);
	}
}

static void defaults_are_those_of_the_contract(void **state)
{
	(void)state;
	struct conf *conf = parse(ROOT);
	char *socket = conf_default_socket(), *folder = conf_default_state();
	assert_string_equal(conf->file, "a.yaml");
	assert_string_equal(conf->admin.socket, socket);
	assert_string_equal(conf->state, folder);
	assert_null(conf->admin.listen);
	assert_null(conf->admin.token_file);
	assert_int_equal(conf->workers, 0);
	assert_null(conf->access_log.path);
	assert_int_equal(conf->access_log.format, CONF_ACCESS_OFF);
	assert_int_equal(conf->trusted_proxy_count, 0);
	assert_int_equal(conf->limits.header_bytes, 65536);
	assert_int_equal(conf->limits.headers, 128);
	assert_int_equal(conf->limits.body, 0);
	assert_int_equal(conf->limits.connections, 20000);
	assert_int_equal(conf->timeouts.header_ms, 10000);
	assert_int_equal(conf->timeouts.idle_ms, 60000);
	assert_int_equal(conf->timeouts.connect_ms, 3000);
	assert_int_equal(conf->timeouts.response_ms, 60000);
	assert_int_equal(conf->timeouts.stall_ms, 30000);
	assert_int_equal(conf->timeouts.total_ms, 0);
	assert_int_equal(conf->limits.connections_per_client, 0);
	assert_int_equal(conf->limits.rate, 100);
	assert_false(conf->listens[0].proxy_protocol);
	assert_int_equal(conf->listens[0].connections, 0);
	free(socket);
	free(folder);
	conf_free(conf);
}

static void check_service_defaults(const struct conf_service *service)
{
	assert_int_equal(service->live, COLOR_BLUE);
	assert_int_equal(service->host_count, 0);
	assert_int_equal(service->path_count, 0);
	assert_string_equal(service->colors[COLOR_BLUE].version, "");
	assert_string_equal(service->colors[COLOR_GREEN].version, "");
	assert_int_equal(service->balance, CONF_LEAST_CONNECTIONS);
	assert_int_equal(service->colors[COLOR_BLUE].proxy_protocol, CONF_PROXY_PROTOCOL_OFF);
	assert_int_equal(service->colors[COLOR_GREEN].proxy_protocol, CONF_PROXY_PROTOCOL_OFF);
	assert_false(service->probe.https);
	assert_null(service->probe.host);
	assert_int_equal(service->probe.interval_ms, 1000);
	assert_int_equal(service->probe.timeout_ms, 500);
	assert_int_equal(service->probe.rise, 2);
	assert_int_equal(service->probe.fall, 2);
	assert_int_equal(service->probe.status_count, 1);
	assert_int_equal(service->probe.statuses[0].low, 200);
	assert_int_equal(service->probe.statuses[0].high, 299);
	assert_null(service->probe.body);
	assert_int_equal(service->probe.header_count, 0);
	assert_true(service->gates.healthy == 1.0);
	assert_int_equal(service->bake_ms, 300000);
	assert_true(service->rollback.error_rate == 0.0);
	assert_int_equal(service->rollback.unhealthy_probes, 3);
	assert_int_equal(service->rollback.inconclusive, CONF_INCONCLUSIVE_PROMOTE);
	assert_int_equal(service->drain_requests_ms, 60000);
	assert_int_equal(service->drain_tunnels_ms, 600000);
	assert_int_equal(service->replay_method_count, 0);
}

static void defaults_of_a_service_are_those_of_the_contract(void **state)
{
	(void)state;
	struct conf *conf = parse(ROOT);
	const struct conf_service *service = conf_find_service(conf, "shop");
	assert_non_null(service);
	assert_null(conf_find_service(conf, "sho"));
	assert_string_equal(service->name, "shop");
	assert_int_equal(service->line, 2);
	assert_null(service->probe.path);
	assert_int_equal(service->colors[COLOR_BLUE].backend_count, 0);
	check_service_defaults(service);
	conf_free(conf);
}

static void every_value_of_the_root_arrives(void **state)
{
	(void)state;
	struct conf *conf =
		parse("admin: {socket: /a.sock, listen: '[::1]:9180', token_file: t}\nstate: s\nworkers: 3\naccess_log: {path: '-', format: combined}\n"
		      "trusted_proxies: [10.0.0.0/8, '::1']\nlisten: [{address: 127.0.0.1:8080}, {address: 'unix:/l', proxy_protocol: on, connections: 9}]\n"
		      "limits: {header_bytes: 8KiB, headers: 256, body: 1MB, connections: 7, connections_per_client: 65535, rate: 1KiB}\n"
		      "timeouts: {header: 1ms, idle: 2s, connect: 1m30s, response: 1h, stall: 1d, total: 5m}\nservices: {a: {blue: {}, green: {}}}\n");
	assert_string_equal(conf->admin.socket, "/a.sock");
	assert_string_equal(conf->admin.listen, "[::1]:9180");
	assert_int_equal(conf->admin.listen_address.port, 9180);
	assert_string_equal(conf->admin.token_file, "t");
	assert_string_equal(conf->state, "s");
	assert_int_equal(conf->workers, 3);
	assert_string_equal(conf->access_log.path, "-");
	assert_int_equal(conf->access_log.format, CONF_ACCESS_COMBINED);
	assert_int_equal(conf->trusted_proxy_count, 2);
	assert_int_equal(conf->trusted_proxies[0].bits, 8);
	assert_int_equal(conf->listen_count, 2);
	assert_string_equal(conf->listens[0].text, "127.0.0.1:8080");
	assert_int_equal(conf->listens[0].address.port, 8080);
	assert_int_equal(conf->listens[1].address.kind, ADDR_UNIX);
	assert_int_equal(conf->limits.header_bytes, 8192);
	assert_int_equal(conf->limits.headers, 256);
	assert_int_equal(conf->limits.body, 1000000);
	assert_int_equal(conf->limits.connections, 7);
	assert_int_equal(conf->timeouts.header_ms, 1);
	assert_int_equal(conf->timeouts.idle_ms, 2000);
	assert_int_equal(conf->timeouts.connect_ms, 90000);
	assert_int_equal(conf->timeouts.response_ms, 3600000);
	assert_int_equal(conf->timeouts.stall_ms, 86400000);
	assert_int_equal(conf->timeouts.total_ms, 300000);
	assert_int_equal(conf->limits.connections_per_client, 65535);
	assert_int_equal(conf->limits.rate, 1024);
	assert_false(conf->listens[0].proxy_protocol);
	assert_int_equal(conf->listens[0].connections, 0);
	assert_true(conf->listens[1].proxy_protocol);
	assert_int_equal(conf->listens[1].connections, 9);
	conf_free(conf);
}

static void every_value_of_a_service_arrives(void **state)
{
	(void)state;
	struct conf *conf =
		parse(LISTEN "services:\n  b:\n    hosts: [Shop.Example, '*.shop.example', '[::1]', 10.0.0.1]\n    paths: [/, /shop/, /a//]\n    live: green\n"
			     "    blue: {version: 1.10, backends: ['App:80', '10.0.0.1:80'], proxy_protocol: v1}\n"
			     "    green: {version: \"no\", proxy_protocol: v2}\n    balance: round_robin\n"
			     "    gates: {healthy: 50%}\n    bake: 1m30s\n    rollback: {error_rate: 0.5%, unhealthy_probes: 0, inconclusive: rollback}\n"
			     "    drain: {requests: 1s, tunnels: 2s}\n    replay: {methods: [post, DELETE]}\n  a: {hosts: [z], blue: {}, green: {}}\n");
	const struct conf_service *service = &conf->services[0];
	assert_int_equal(conf->service_count, 2);
	assert_string_equal(conf->services[1].name, "a");
	assert_string_equal(service->name, "b");
	assert_int_equal(service->host_count, 4);
	assert_string_equal(service->hosts[0], "shop.example");
	assert_string_equal(service->hosts[1], "*.shop.example");
	assert_int_equal(service->path_count, 3);
	assert_string_equal(service->paths[0], "/");
	assert_string_equal(service->paths[1], "/shop");
	assert_string_equal(service->paths[2], "/a");
	assert_int_equal(service->live, COLOR_GREEN);
	assert_string_equal(service->colors[COLOR_BLUE].version, "1.10");
	assert_int_equal(service->colors[COLOR_BLUE].backend_count, 2);
	assert_string_equal(service->colors[COLOR_BLUE].backends[0].text, "App:80");
	assert_int_equal(service->colors[COLOR_BLUE].backends[0].address.kind, ADDR_NAME);
	assert_string_equal(service->colors[COLOR_GREEN].version, "no");
	assert_int_equal(service->colors[COLOR_BLUE].proxy_protocol, CONF_PROXY_PROTOCOL_V1);
	assert_int_equal(service->colors[COLOR_GREEN].proxy_protocol, CONF_PROXY_PROTOCOL_V2);
	assert_int_equal(service->balance, CONF_ROUND_ROBIN);
	assert_string_equal(conf_balance_name(service->balance), "round_robin");
	assert_true(service->gates.healthy == 0.5);
	assert_int_equal(service->bake_ms, 90000);
	assert_true(service->rollback.error_rate == 0.005);
	assert_int_equal(service->rollback.unhealthy_probes, 0);
	assert_int_equal(service->rollback.inconclusive, CONF_INCONCLUSIVE_ROLLBACK);
	assert_int_equal(service->drain_requests_ms, 1000);
	assert_int_equal(service->drain_tunnels_ms, 2000);
	assert_int_equal(service->replay_method_count, 2);
	assert_string_equal(service->replay_methods[0], "POST");
	conf_free(conf);
}

static void every_balance_has_its_name(void **state)
{
	static const char *const names[] = {"least_connections", "round_robin", "client_address"};
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char yaml[256];
		snprintf(yaml, sizeof(yaml), "%s    balance: %s\n", SHOP, names[i]);
		struct conf *conf = parse(yaml);
		assert_int_equal(conf->services[0].balance, i);
		assert_string_equal(conf_balance_name(conf->services[0].balance), names[i]);
		conf_free(conf);
	}
}

static void every_value_of_a_probe_arrives(void **state)
{
	(void)state;
	struct conf *conf =
		parse(SHOP "    probe: {path: '/health?deep=1', scheme: https, host: 'shop.example:8443', interval: 250ms, timeout: 2s, rise: 1, fall: 5,\n"
			   "      expect: {status: [200, 300-302], body: 'ok {version}', header: {X-Version: '{version}', X-Mode: 1}}}\n");
	const struct conf_probe *probe = &conf->services[0].probe;
	assert_string_equal(probe->path, "/health?deep=1");
	assert_true(probe->https);
	assert_string_equal(probe->host, "shop.example:8443");
	assert_int_equal(probe->interval_ms, 250);
	assert_int_equal(probe->timeout_ms, 2000);
	assert_int_equal(probe->rise, 1);
	assert_int_equal(probe->fall, 5);
	assert_int_equal(probe->status_count, 2);
	assert_int_equal(probe->statuses[0].low, 200);
	assert_int_equal(probe->statuses[0].high, 200);
	assert_int_equal(probe->statuses[1].low, 300);
	assert_int_equal(probe->statuses[1].high, 302);
	assert_string_equal(probe->body, "ok {version}");
	assert_int_equal(probe->header_count, 2);
	assert_string_equal(probe->headers[0].name, "X-Version");
	assert_string_equal(probe->headers[0].value, "{version}");
	assert_string_equal(probe->headers[1].value, "1");
	conf_free(conf);
}

static void flags_make_one_service(void **state)
{
	(void)state;
	struct err err;
	struct conf_flags flags = {"127.0.0.1:8080,:81", "a:1,unix:/b", NULL, "/state", "/admin", "/health"};
	struct conf *conf = conf_from_flags(&flags, &err);
	assert_non_null(conf);
	assert_null(conf->file);
	assert_int_equal(conf->listen_count, 2);
	assert_string_equal(conf->listens[1].text, ":81");
	assert_string_equal(conf->state, "/state");
	assert_string_equal(conf->admin.socket, "/admin");
	assert_int_equal(conf->service_count, 1);
	assert_string_equal(conf->services[0].name, "default");
	assert_string_equal(conf->services[0].probe.path, "/health");
	assert_int_equal(conf->services[0].colors[COLOR_BLUE].backend_count, 2);
	assert_string_equal(conf->services[0].colors[COLOR_BLUE].backends[1].text, "unix:/b");
	assert_int_equal(conf->services[0].colors[COLOR_GREEN].backend_count, 0);
	check_service_defaults(&conf->services[0]);
	conf_free(conf);
}

static void assert_taken(char *text, const char *wanted)
{
	assert_string_equal(text, wanted);
	free(text);
}

static void the_places_depend_on_who_runs(void **state)
{
	(void)state;
	bool root = geteuid() == 0;
	if (root) {
		assert_taken(conf_default_socket(), "/run/teal/admin.sock");
		assert_taken(conf_default_state(), "/var/lib/teal");
		assert_int_equal(seteuid(65534), 0);
	}
	setenv("XDG_RUNTIME_DIR", "/r", 1);
	setenv("XDG_STATE_HOME", "/s", 1);
	setenv("HOME", "/h", 1);
	assert_taken(conf_default_socket(), "/r/teal/admin.sock");
	assert_taken(conf_default_state(), "/s/teal");
	setenv("XDG_STATE_HOME", "relative", 1);
	assert_taken(conf_default_state(), "/h/.local/state/teal");
	unsetenv("XDG_RUNTIME_DIR");
	unsetenv("XDG_STATE_HOME");
	assert_taken(conf_default_socket(), "/h/.local/state/teal/admin.sock");
	unsetenv("HOME");
	assert_taken(conf_default_state(), "/var/lib/teal");
	assert_true(!root || seteuid(0) == 0);
}

struct flags_case {
	struct conf_flags flags;
	const char *sentence;
};

static const struct flags_case wrong_flags[] = {
	{{0}, "--listen is missing: say where requests come in, as in --listen 127.0.0.1:8080"},
	{{.listen = "80"}, "--listen: '80' has no port: expected HOST:PORT, [IPv6]:PORT or unix:/PATH"},
	{{.listen = ":80", .blue = "a:1,,b:1"}, "--blue: '' has no port: expected HOST:PORT, [IPv6]:PORT or unix:/PATH"},
	{{.listen = ":80", .blue = "a:1,a:1"}, "--blue: 'a:1' is listed twice in this color: keep one"},
	{{.listen = ":80", .green = "a:http"}, "--green: 'a:http' has no valid port: expected a number from 1 to 65535 after the last colon"},
	{{.listen = ":80", .state = ""}, "--state: expected the name of a file, found ''"},
	{{.listen = ":80", .probe = "health"}, "--probe: expected a path that begins with / and has no spaces, such as /health, found 'health'"},
	{{.listen = ":80,*:80"}, "--listen: *:80 is listed twice: keep one"},
};

static void wrong_flags_are_explained(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong_flags) / sizeof(*wrong_flags); i++) {
		struct err err = {""};
		assert_null(conf_from_flags(&wrong_flags[i].flags, &err));
		assert_string_equal(err.text, wrong_flags[i].sentence);
	}
}

/* A folder of this test's own, left behind empty. */
static char folder[] = "/tmp/test_conf-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? chdir(folder) : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return chdir("/") == 0 ? rmdir(folder) : -1;
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void a_file_is_found_in_its_order(void **state)
{
	(void)state;
	unsetenv("TEAL_CONFIG");
	const char *none = conf_find_file(NULL);
	assert_true(!none || strcmp(none, "/etc/teal/teal.yaml") == 0);
	write_file("teal.yaml", ROOT);
	assert_string_equal(conf_find_file(NULL), "teal.yaml");
	setenv("TEAL_CONFIG", "named.yaml", 1);
	assert_string_equal(conf_find_file(NULL), "named.yaml");
	assert_string_equal(conf_find_file("given.yaml"), "given.yaml");
	setenv("TEAL_CONFIG", "", 1);
	assert_string_equal(conf_find_file(NULL), "teal.yaml");
	unsetenv("TEAL_CONFIG");
	unlink("teal.yaml");
}

static void a_file_is_loaded(void **state)
{
	(void)state;
	struct conf_faults faults = {0};
	write_file("teal.yaml", ROOT);
	struct conf *conf = conf_load("teal.yaml", &faults);
	assert_non_null(conf);
	assert_string_equal(conf->file, "teal.yaml");
	conf_free(conf);
	write_file("teal.yaml", ROOT "a: 1\n");
	assert_null(conf_load("teal.yaml", &faults));
	assert_int_equal(faults.count, 1);
	assert_string_equal(faults.lines[0], "teal.yaml:3:1: unknown key 'a'");
	conf_faults_fini(&faults);
	unlink("teal.yaml");
}

static void a_file_that_cant_be_read_is_a_fault(void **state)
{
	(void)state;
	struct conf_faults faults = {0};
	assert_null(conf_load("missing.yaml", &faults));
	assert_null(conf_load(".", &faults));
	assert_int_equal(faults.count, 2);
	assert_string_equal(faults.lines[0], "missing.yaml: the file can't be opened: No such file or directory");
	assert_string_equal(faults.lines[1], ".: the file can't be read: Is a directory");
	conf_faults_fini(&faults);
	assert_int_equal(faults.count, 0);
}

static void a_file_of_any_size_is_read_no_further_than_allowed(void **state)
{
	(void)state;
	struct conf_faults faults = {0};
	write_file("teal.yaml", ROOT);
	assert_int_equal(truncate("teal.yaml", 100 << 20), 0);
	assert_null(conf_load("teal.yaml", &faults));
	assert_string_equal(faults.lines[0], "teal.yaml: the file is larger than the 4 MiB that are read");
	conf_faults_fini(&faults);
	unlink("teal.yaml");
}

/* TEAL_TREE is the source tree, given by the build. */
static void tree_path(const char *name, char *out, size_t size)
{
	snprintf(out, size, "%s/%s", TEAL_TREE, name);
}

static char *read_tree(const char *name)
{
	char path[4096], piece[4096];
	struct text text;
	size_t got;
	tree_path(name, path, sizeof(path));
	text_init(&text, SIZE_MAX);
	FILE *file = fopen(path, "r");
	if (!file)
		return text_take(&text);
	while ((got = fread(piece, 1, sizeof(piece), file)) > 0)
		text_add(&text, piece, got);
	fclose(file);
	return text_take(&text);
}

static void assert_in_tree(const char *name, const char *wanted)
{
	char path[4096];
	tree_path(name, path, sizeof(path));
	if (getenv("TEAL_WRITE_DOCS"))
		write_file(path, wanted);
	char *found = read_tree(name);
	if (strcmp(found, wanted) != 0)
		fail_msg("%s is not what the table of keys says: run this test with TEAL_WRITE_DOCS=1", name);
	free(found);
}

/* In the order of the manual. */
static const struct {
	const char *file;
	size_t services;
	enum conf_via via; /* of the first one */
} examples[] = {
	{"conf/example.yaml", 2, CONF_VIA_PROXY},
	{"conf/example_tls.yaml", 1, CONF_VIA_PROXY},
	{"conf/example_route53.yaml", 2, CONF_VIA_ROUTE53},
};

static void the_manual_in_the_tree_is_up_to_date(void **state)
{
	(void)state;
	struct text manual;
	text_init(&manual, SIZE_MAX);
	conf_write_manual(&manual);
	assert_in_tree("docs/configuration.md", manual.bytes);
	char *begin = manual.bytes;
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		begin = strstr(begin, "```yaml\n") + strlen("```yaml\n");
		char *end = strstr(begin, "```\n");
		*end = '\0';
		assert_in_tree(examples[i].file, begin);
		begin = end + 1;
	}
	text_fini(&manual);
}

static void the_examples_are_good_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		char *yaml = read_tree(examples[i].file);
		struct conf *conf = parse(yaml);
		assert_int_equal(conf->service_count, examples[i].services);
		assert_true(conf->services[0].colors[COLOR_GREEN].backend_count > 0);
		assert_int_equal(conf->services[0].via, examples[i].via);
		conf_free(conf);
		free(yaml);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_files_are_read),
		cmocka_unit_test(defaults_are_those_of_the_contract),
		cmocka_unit_test(defaults_of_a_service_are_those_of_the_contract),
		cmocka_unit_test(every_value_of_the_root_arrives),
		cmocka_unit_test(every_value_of_a_service_arrives),
		cmocka_unit_test(every_balance_has_its_name),
		cmocka_unit_test(every_value_of_a_probe_arrives),
		cmocka_unit_test(the_places_depend_on_who_runs),
		cmocka_unit_test(flags_make_one_service),
		cmocka_unit_test(wrong_flags_are_explained),
		cmocka_unit_test(a_file_is_found_in_its_order),
		cmocka_unit_test(a_file_is_loaded),
		cmocka_unit_test(a_file_that_cant_be_read_is_a_fault),
		cmocka_unit_test(a_file_of_any_size_is_read_no_further_than_allowed),
		cmocka_unit_test(the_manual_in_the_tree_is_up_to_date),
		cmocka_unit_test(the_examples_are_good_files),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
