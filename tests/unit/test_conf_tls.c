/* TLS in front and behind, redirects and challenges of ACME in teal.yaml: values, defaults, paths and faults. */
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

#define PAIR "certificates: [{certificate: /a.pem, key: /a.key}]"
#define TLS(keys) "{address: ':443', tls: {" PAIR keys "}}"
#define TLS_AND_CLEAR(keys) "[" TLS(keys) ", {address: ':80'}]"
#define EMPTY "{shop: {blue: {}, green: {}}}"

/* ---- listeners ---- */

static const struct listen_case {
	const char *name, *listen, *values; /* `listen` is the list, `values` as write_listens has them */
} listens[] = {
	{"in clear", "[{address: ':80'}]", "clear;"},
	{"every default", "[" TLS("") "]", "/a.pem /a.key 1.2 clients 0;"},
	{"defaults that are written", "[" TLS(", minimum: 1.2, client_certificates: off, strict_sni: off, forward_client_certificate: off, hsts: off") "]",
		"/a.pem /a.key 1.2 clients 0;"},
	{"several pairs", "[{address: ':443', tls: {certificates: [{certificate: /a.pem, key: /a.pem}, {certificate: /b.pem, key: /a.pem}]}}]",
		"/a.pem /a.pem /b.pem /a.pem 1.2 clients 0;"},
	{"the newest alone", "[" TLS(", minimum: '1.3'") "]", "/a.pem /a.key 1.3 clients 0;"},
	{"the newest without quotes", "[" TLS(", minimum: 1.3") "]", "/a.pem /a.key 1.3 clients 0;"},
	{"clients that may show something", "[" TLS(", client_certificates: optional, client_ca: /c.pem") "]", "/a.pem /a.key 1.2 clients 1 /c.pem;"},
	{"clients that must, and the backend hears of it", "[" TLS(", client_certificates: required, client_ca: /c.pem, forward_client_certificate: on") "]",
		"/a.pem /a.key 1.2 clients 2 /c.pem forward;"},
	{"a strict name", "[" TLS(", strict_sni: on") "]", "/a.pem /a.key 1.2 clients 0 strict;"},
	{"a year of https", "[" TLS(", hsts: 365d") "]", "/a.pem /a.key 1.2 clients 0 hsts 31536000;"},
	{"a year of https as a mapping", "[" TLS(", hsts: {max_age: 365d}") "]", "/a.pem /a.key 1.2 clients 0 hsts 31536000;"},
	{"no more of it", "[" TLS(", hsts: 0") "]", "/a.pem /a.key 1.2 clients 0 hsts 0;"},
	{"no more of it below either", "[" TLS(", hsts: {max_age: 0s, subdomains: on}") "]", "/a.pem /a.key 1.2 clients 0 hsts 0 subdomains;"},
	{"nothing of it, as a mapping", "[" TLS(", hsts: {max_age: off, subdomains: off, preload: off}") "]", "/a.pem /a.key 1.2 clients 0;"},
	{"all of it", "[" TLS(", hsts: {max_age: 3650d, subdomains: on, preload: on}") "]", "/a.pem /a.key 1.2 clients 0 hsts 315360000 subdomains preload;"},
	{"the least of it for lists", "[" TLS(", hsts: {max_age: 31536000s, subdomains: on, preload: on}") "]",
		"/a.pem /a.key 1.2 clients 0 hsts 31536000 subdomains preload;"},
	{"an unix socket with TLS, and a PROXY protocol", "[{address: 'unix:/run/a', proxy_protocol: on, tls: {" PAIR "}}]", "/a.pem /a.key 1.2 clients 0;"},
	{"a redirect", "[{address: ':80', redirect: https}, " TLS("") "]", "clear 443; /a.pem /a.key 1.2 clients 0;"},
	{"a redirect as a mapping", "[{address: ':80', redirect: {to: https}}, " TLS("") "]", "clear 443; /a.pem /a.key 1.2 clients 0;"},
	{"a redirect to where nobody of this file is", "[{address: ':80', redirect: {to: https, port: 8443}}, {address: ':81'}]", "clear 8443; clear;"},
	{"a redirect to a port that is led elsewhere", "[{address: ':80', redirect: {to: https, port: 443}}, {address: ':81'}]", "clear 443; clear;"},
	{"a redirect to another listener", "[{address: ':80', redirect: {to: https, port: 8443}}, {address: ':8443', tls: {" PAIR "}}]",
		"clear 8443; /a.pem /a.key 1.2 clients 0;"},
	{"the same port with and without TLS", "[{address: '127.0.0.1:443', redirect: {to: https, port: 443}}, {address: '127.0.0.2:443', tls: {" PAIR "}}]",
		"clear 443; /a.pem /a.key 1.2 clients 0;"},
	{"a redirect of a unix socket", "[{address: 'unix:/run/a', redirect: https}, " TLS("") "]", "clear 443; /a.pem /a.key 1.2 clients 0;"},
	{"no redirect", "[{address: ':80', redirect: off}]", "clear;"},
	{"no redirect beside TLS", "[{address: ':443', redirect: {to: off}, tls: {" PAIR "}}]", "/a.pem /a.key 1.2 clients 0;"},
};

static void write_tls(struct text *out, const struct conf_tls *tls)
{
	for (size_t i = 0; i < tls->certificate_count; i++)
		text_addf(out, "%s %s ", tls->certificates[i].certificate, tls->certificates[i].key);
	text_addf(out, "%s clients %d", tls->minimum == CONF_TLS_1_3 ? "1.3" : "1.2", (int)tls->client_certificates);
	if (tls->client_ca)
		text_addf(out, " %s", tls->client_ca);
	text_addf(out, "%s%s", tls->forward_client_certificate ? " forward" : "", tls->strict_sni ? " strict" : "");
	if (tls->hsts.on)
		text_addf(out, " hsts %llu%s%s", (unsigned long long)tls->hsts.max_age_s, tls->hsts.subdomains ? " subdomains" : "",
			tls->hsts.preload ? " preload" : "");
}

static void write_listens(struct text *out, const struct conf *conf)
{
	for (size_t i = 0; i < conf->listen_count; i++) {
		const struct conf_listen *listen = &conf->listens[i];
		text_addf(out, "%s", i > 0 ? " " : "");
		if (listen->tls.certificate_count > 0)
			write_tls(out, &listen->tls);
		else
			text_addf(out, "clear");
		if (listen->redirect.to == CONF_REDIRECT_HTTPS)
			text_addf(out, " %u", listen->redirect.port);
		text_addf(out, ";");
	}
}

static struct conf *parse(const char *name, const char *file, const char *format, const char *part)
{
	struct conf_faults faults = {0};
	struct text yaml;
	text_init(&yaml, SIZE_MAX);
	text_addf(&yaml, format, part);
	struct conf *conf = conf_parse(yaml.bytes, yaml.length, file, &faults);
	text_fini(&yaml);
	if (!conf)
		fail_msg("%s: %s", name, faults.lines[0]);
	conf_faults_fini(&faults);
	return conf;
}

static void every_value_of_a_listener_arrives(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(listens) / sizeof(*listens); i++) {
		struct text found;
		text_init(&found, SIZE_MAX);
		struct conf *conf = parse(listens[i].name, "a.yaml", "listen: %s\nservices: " EMPTY "\n", listens[i].listen);
		write_listens(&found, conf);
		if (strcmp(found.bytes, listens[i].values) != 0)
			fail_msg("%s:\nexpected %s\nfound    %s", listens[i].name, listens[i].values, found.bytes);
		conf_free(conf);
		text_fini(&found);
	}
}

/* ---- colors ---- */

static const struct value_case colors[] = {
	{"in clear", "", "blue; green;"},
	{"a probe of https alone", "    probe: {path: /, scheme: https}\n", "blue; green;"},
};

static const struct color_case {
	const char *name, *blue, *values;
} blues[] = {
	{"every default", "{tls: {}}", "blue on verify; green;"},
	{"defaults that are written", "{tls: {verify: on}}", "blue on verify; green;"},
	{"whatever comes", "{backends: ['unix:/run/a'], tls: {verify: off}}", "blue on; green;"},
	{"whatever comes, asked for by name", "{tls: {verify: off, name: a}}", "blue on name a; green;"},
	{"all of it", "{backends: ['10.0.0.1:443', 'a.b:443'], tls: {ca: /ca.pem, name: Shop.Internal, certificate: /t.pem, key: /t.key}}",
		"blue on verify ca /ca.pem name shop.internal /t.pem /t.key; green;"},
	{"a socket with a name", "{backends: ['unix:/run/a'], tls: {name: shop.internal}}", "blue on verify name shop.internal; green;"},
	{"behind a PROXY protocol", "{proxy_protocol: v2, tls: {}}", "blue on verify; green;"},
};

static void write_colors(struct text *out, const struct conf_service *service)
{
	for (unsigned color = 0; color < COLOR_COUNT; color++) {
		const struct conf_backend_tls *tls = &service->colors[color].tls;
		text_addf(out, "%s%s", color > 0 ? " " : "", color_name((enum color)color));
		if (tls->on)
			text_addf(out, " on%s", tls->verify ? " verify" : "");
		if (tls->ca)
			text_addf(out, " ca %s", tls->ca);
		if (tls->name)
			text_addf(out, " name %s", tls->name);
		if (tls->certificate)
			text_addf(out, " %s %s", tls->certificate, tls->key);
		text_addf(out, ";");
	}
}

static void assert_colors(const char *name, const char *format, const char *part, const char *values)
{
	struct text found;
	text_init(&found, SIZE_MAX);
	struct conf *conf = parse(name, "a.yaml", format, part);
	write_colors(&found, &conf->services[0]);
	if (strcmp(found.bytes, values) != 0)
		fail_msg("%s:\nexpected %s\nfound    %s", name, values, found.bytes);
	conf_free(conf);
	text_fini(&found);
}

static void every_value_of_a_color_arrives(void **state)
{
	(void)state;
	check_value_cases(colors, sizeof(colors) / sizeof(*colors), write_colors);
	for (size_t i = 0; i < sizeof(blues) / sizeof(*blues); i++)
		assert_colors(blues[i].name, LISTEN "services: {shop: {blue: %s, green: {}}}\n", blues[i].blue, blues[i].values);
}

static void green_has_the_same_keys(void **state)
{
	(void)state;
	assert_colors("green", LISTEN "services: {shop: {blue: {}, green: %s}}\n",
		"{tls: {verify: on, ca: /ca.pem, name: a.b, certificate: /t.pem, key: /t.key}}", "blue; green on verify ca /ca.pem name a.b /t.pem /t.key;");
	assert_colors("green", LISTEN "services: {shop: {blue: {}, green: %s}}\n", "{tls: {verify: off}}", "blue; green on;");
}

#define RECORD "via: route53, route53: {name: a.example.com, type: A, blue: 192.0.2.1, green: 192.0.2.2}"

static void out_of_the_path_it_is_for_what_teal_asks_itself(void **state)
{
	(void)state;
	assert_colors("a probe", "services: {shop: {" RECORD ", blue: %s, green: {}, probe: {path: /}}}\n", "{tls: {}}", "blue on verify; green;");
	assert_colors("a handshake", "services: {shop: {" RECORD ", blue: %s, green: {}, probe: {interval: 1s}}}\n", "{tls: {}}", "blue on verify; green;");
	assert_colors("a smoke request", "services: {shop: {" RECORD ", blue: {}, green: %s, gates: {smoke: [{path: /}]}}}\n", "{tls: {verify: off}}",
		"blue; green on;");
}

/* ---- paths ---- */

#define RELATIVE \
	"acme: {webroot: w}\n" \
	"listen: [{address: ':80'}, {address: ':443', tls: {certificates: [{certificate: c.pem, key: ../k}], client_certificates: required, client_ca: d/ca}}]\n" \
	"services: {shop: {blue: {tls: {ca: ca, certificate: c, key: k}}, green: {tls: {ca: /ca}}}}\n"

static const struct path_case {
	const char *file, *paths;
} paths[] = {
	{"teal.yaml", "w c.pem ../k d/ca ca c k /ca"},
	{"/etc/teal/teal.yaml", "/etc/teal/w /etc/teal/c.pem /etc/teal/../k /etc/teal/d/ca /etc/teal/ca /etc/teal/c /etc/teal/k /ca"},
	{"conf/a.yaml", "conf/w conf/c.pem conf/../k conf/d/ca conf/ca conf/c conf/k /ca"},
	{"/a.yaml", "/w /c.pem /../k /d/ca /ca /c /k /ca"},
};

static void relative_paths_count_from_the_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		char found[512];
		struct conf *conf = parse(paths[i].file, paths[i].file, "%s", RELATIVE);
		const struct conf_tls *tls = &conf->listens[1].tls;
		const struct conf_color *of = conf->services[0].colors;
		snprintf(found, sizeof(found), "%s %s %s %s %s %s %s %s", conf->acme.webroot, tls->certificates[0].certificate, tls->certificates[0].key,
			tls->client_ca, of[COLOR_BLUE].tls.ca, of[COLOR_BLUE].tls.certificate, of[COLOR_BLUE].tls.key, of[COLOR_GREEN].tls.ca);
		assert_string_equal(found, paths[i].paths);
		conf_free(conf);
	}
}

static void nothing_of_it_is_left_for_a_process_of_one_service(void **state)
{
	(void)state;
	struct conf *conf = parse("alone", "a.yaml", "%s", RELATIVE);
	conf_make_alone(conf, "shop", "/run/a");
	assert_null(conf->acme.webroot);
	assert_int_equal(conf->listen_count, 0);
	assert_string_equal(conf->services[0].colors[COLOR_BLUE].tls.ca, "ca");
	conf_free(conf);
}

/* ---- faults ---- */

#define END "\nservices: " EMPTY "\n"
#define FRONT(keys) "listen: " TLS_AND_CLEAR(keys) END
#define BLUE(text) LISTEN "services: {shop: {green: {}, blue: " text "}}\n"

static const struct fault_case faults[] = {
	{"TLS that is on", "listen: [{address: ':443', tls: on}]" END, "1:33: listen.tls: expected a mapping, found 'on'\n"},
	{"TLS of nothing", "listen: [{address: ':443', tls: {}}]" END,
		"1:28: listen.tls.certificates is missing: name at least one certificate and its key, as in certificates: [{certificate: site.pem, key: site.key}]\n"},
	{"TLS without a value", "listen: [{address: ':443', tls: }]" END, "1:28: listen.tls has no value: write its keys below it, or {} for none\n"},
	{"no certificate", "listen: [{address: ':443', tls: {certificates: []}}]" END,
		"1:48: listen.tls.certificates: expected at least one element, found an empty list\n"},
	{"a certificate by itself", "listen: [{address: ':443', tls: {certificates: a.pem}}]" END,
		"1:48: listen.tls.certificates: expected a list, as in [{certificate: site.pem, key: site.key}], found 'a.pem'\n"},
	{"certificates by name", "listen: [{address: ':443', tls: {certificates: [a.pem]}}]" END,
		"1:49: listen.tls.certificates: expected a mapping for each element, as in {certificate: site.pem, key: site.key}, found 'a.pem'\n"},
	{"a certificate without its key", "listen: [{address: ':443', tls: {certificates: [{certificate: a.pem}]}}]" END,
		"1:49: listen.tls.certificates.key is missing: name the file of the private key, as in key: site.key\n"},
	{"a key without its certificate", "listen: [{address: ':443', tls: {certificates: [{key: a.key}]}}]" END,
		"1:49: listen.tls.certificates.certificate is missing: name the file of the certificate, as in certificate: site.pem\n"},
	{"a file without a name", "listen: [{address: ':443', tls: {certificates: [{certificate: '', key: a}]}}]" END,
		"1:63: listen.tls.certificates.certificate: expected the name of a file, found ''\n"},
	{"a pair twice", "listen: [{address: ':443', tls: {certificates: [{certificate: a, key: a}, {certificate: b, key: b}, {certificate: a, key: c}]}}]" END,
		"1:101: listen.tls.certificates: 'a' is listed twice: keep one\n"},
	{"certificates beside tls", "listen: [{address: ':443', certificates: [{certificate: a, key: a}]}]" END,
		"1:28: unknown key 'certificates' in listen: did you mean 'tls.certificates'?\n"},
	{"a certificate beside certificates", "listen: [{address: ':443', tls: {certificate: a, key: a}}]" END,
		"1:34: unknown key 'certificate' in listen.tls: did you mean 'certificates'?\n"
		"1:50: unknown key 'key' in listen.tls: did you mean 'certificates[].key'?\n"},
	{"a misspelt certificate", "listen: [{address: ':443', tls: {certificates: [{certifcate: a, key: a}]}}]" END,
		"1:50: unknown key 'certifcate' in listen.tls.certificates: did you mean 'certificate'?\n"},
	{"an old version", FRONT(", minimum: '1.1'"), "1:95: listen.tls.minimum: expected 1.2 or 1.3, found '1.1'\n"},
	{"a version with its name", FRONT(", minimum: TLSv1.2"), "1:95: listen.tls.minimum: expected 1.2 or 1.3, found 'TLSv1.2'\n"},
	{"a word of another server", FRONT(", minimum_version: 1.2"), "1:86: unknown key 'minimum_version' in listen.tls\n"},
	{"clients that are asked by nobody", FRONT(", client_certificates: required"),
		"1:86: listen.tls.client_ca is missing: name the file of the certificates of those who sign client certificates, as in client_ca: clients.pem\n"},
	{"clients that may show something, to nobody", FRONT(", client_certificates: optional"),
		"1:86: listen.tls.client_ca is missing: name the file of the certificates of those who sign client certificates, as in client_ca: clients.pem\n"},
	{"a CA for nobody", FRONT(", client_ca: /c.pem"),
		"1:86: listen.tls.client_ca: no client is asked for a certificate: write client_certificates: required (or optional), or leave this out\n"},
	{"a CA for nobody, who is named", FRONT(", client_ca: /c.pem, client_certificates: off"),
		"1:86: listen.tls.client_ca: no client is asked for a certificate: write client_certificates: required (or optional), or leave this out\n"},
	{"clients on", FRONT(", client_certificates: on, client_ca: /c.pem, forward_client_certificate: on"),
		"1:107: listen.tls.client_certificates: expected off, optional or required, found 'on'\n"},
	{"nothing to forward", FRONT(", forward_client_certificate: on"),
		"1:86: listen.tls.forward_client_certificate: no client is asked for a certificate: write client_certificates: required (or optional), or leave this "
		"out\n"},
	{"a strict name that is required", FRONT(", strict_sni: required"), "1:98: listen.tls.strict_sni: expected off or on, found 'required'\n"},
	{"HSTS on", FRONT(", hsts: on"), "1:92: listen.tls.hsts: expected off or a duration such as 500ms, 1s, 5m or 1h, found 'on'\n"},
	{"HSTS as it is sent", FRONT(", hsts: 31536000"),
		"1:92: listen.tls.hsts: expected off or a duration with its unit, found '31536000': write 31536000s or 31536000ms\n"},
	{"HSTS for a while", FRONT(", hsts: 1500ms"), "1:92: listen.tls.hsts: expected whole seconds, found '1500ms'\n"},
	{"HSTS for too long", FRONT(", hsts: {max_age: 3651d}"),
		"1:102: listen.tls.hsts.max_age: expected off or a duration from 0s to 3650d, found '3651d'\n"},
	{"HSTS of nothing", FRONT(", hsts: {}"), "1:86: listen.tls.hsts.max_age is missing: say how long browsers shall keep to it, as in max_age: 365d\n"},
	{"HSTS without an age", FRONT(", hsts: {subdomains: on, preload: on}"),
		"1:86: listen.tls.hsts.max_age is missing: say how long browsers shall keep to it, as in max_age: 365d\n"},
	{"HSTS off, for all that is below", FRONT(", hsts: {max_age: off, subdomains: on}"),
		"1:107: listen.tls.hsts.subdomains: with max_age: off nothing is said: write a max_age, or leave this out\n"},
	{"lists without what is below", FRONT(", hsts: {max_age: 365d, preload: on}"),
		"1:108: listen.tls.hsts.preload: browsers' lists take a host only with subdomains: on and a max_age of at least 365d: write these, or leave this "
		"out\n"},
	{"lists for too short a time", FRONT(", hsts: {max_age: 364d, preload: on, subdomains: on}"),
		"1:108: listen.tls.hsts.preload: browsers' lists take a host only with subdomains: on and a max_age of at least 365d: write these, or leave this "
		"out\n"},
	{"lists of nothing", FRONT(", hsts: {max_age: off, preload: on}"),
		"1:107: listen.tls.hsts.preload: browsers' lists take a host only with subdomains: on and a max_age of at least 365d: write these, or leave this "
		"out\n"},
	{"HSTS in clear", "listen: [{address: ':80', hsts: 1d}]" END, "1:27: unknown key 'hsts' in listen: did you mean 'tls.hsts'?\n"},

	{"a redirect to nobody", "listen: [{address: ':80', redirect: https}, {address: ':81'}]" END,
		"1:37: listen.redirect: no listener with tls has port 443, which is that of https: add one, or say which port leads to TLS for clients, as in redirect: "
		"{to: https, port: 8443}\n"},
	{"a redirect past the one with TLS", "listen: [{address: ':80', redirect: https}, {address: ':8443', tls: {" PAIR "}}]" END,
		"1:37: listen.redirect: no listener with tls has port 443, which is that of https: add one, or say which port leads to TLS for clients, as in redirect: "
		"{to: https, port: 8443}\n"},
	{"a redirect to itself", "listen: [{address: ':80', redirect: {to: https, port: 80}}, " TLS("") "]" END,
		"1:37: listen.redirect: port 80 is that of :80, which is in clear, so that clients would be sent round in circles: name a port where TLS is spoken\n"},
	{"a redirect to what is in clear", "listen: [{address: ':80', redirect: https}, {address: ':443'}]" END,
		"1:37: listen.redirect: port 443 is that of :443, which is in clear, so that clients would be sent round in circles: name a port where TLS is spoken\n"},
	{"a redirect of TLS", "listen: [{address: ':443', redirect: https, tls: {" PAIR "}}, {address: ':80'}]" END,
		"1:28: listen.redirect: this listener has tls, so that its clients are at https already: leave this out\n"},
	{"a redirect to a port without a word", "listen: [{address: ':80', redirect: {port: 8443}}]" END,
		"1:27: listen.redirect.to is missing: say where to, as in to: https\n"},
	{"a port for no redirect", "listen: [{address: ':80', redirect: {to: off, port: 8443}}]" END,
		"1:47: listen.redirect.port: with to: off nothing is redirected: write to: https, or leave this out\n"},
	{"a redirect that is on", "listen: [{address: ':80', redirect: on}]" END, "1:37: listen.redirect: expected off or https, found 'on'\n"},
	{"a redirect to a URL", "listen: [{address: ':80', redirect: 'https://a'}]" END, "1:37: listen.redirect: expected off or https, found 'https://a'\n"},
	{"a redirect to a port that is none", "listen: [{address: ':80', redirect: {to: https, port: 0}}]" END,
		"1:9: listen: every listener redirects, so nothing can reach service 'shop': add one that does not, such as one with tls\n"
		"1:55: listen.redirect.port: expected a whole number from 1 to 65535, found '0'\n"},
	{"redirects alone", "listen: [{address: ':80', redirect: {to: https, port: 443}}]" END,
		"1:9: listen: every listener redirects, so nothing can reach service 'shop': add one that does not, such as one with tls\n"},
	{"redirects as a list", "listen: [{address: ':80', redirect: [https]}]" END, "1:37: listen.redirect: expected a word or a mapping, found a list\n"},

	{"challenges of nobody", "acme: {}\n" ROOT,
		"1:1: acme.webroot is missing: name the folder that certbot is told with --webroot-path, as in webroot: /var/lib/teal/acme\n"},
	{"challenges that are on", "acme: on\n" ROOT, "1:7: acme: expected a mapping, found 'on'\n"},
	{"challenges in a folder without a name", "acme: {webroot: ''}\n" ROOT, "1:17: acme.webroot: expected the name of a file, found ''\n"},
	{"challenges without clear text", "acme: {webroot: /w}\nlisten: [" TLS("") "]" END,
		"1:1: acme: challenges come in clear, and no listener is: add one, as in {address: 0.0.0.0:80, redirect: https}\n"},
	{"challenges without a listener", "acme: {webroot: /w}\nservices: {shop: {" RECORD ", blue: {}, green: {}}}\n",
		"1:1: acme: challenges come in clear, and no listener is: add one, as in {address: 0.0.0.0:80, redirect: https}\n"},

	{"backends with TLS as a word", BLUE("{tls: on}"),
		"2:42: services.shop.blue.tls: expected a mapping, as in {} for every default (or leave the key out), found 'on'\n"},
	{"backends with TLS of nothing", BLUE("{tls: }"), "2:37: services.shop.blue.tls has no value: write its keys below it, or {} for none\n"},
	{"an unknown key of theirs", BLUE("{tls: {verfy: off}}"), "2:43: unknown key 'verfy' in services.shop.blue.tls: did you mean 'verify'?\n"},
	{"backends that are checked by hand", BLUE("{tls: {verify: none}}"), "2:51: services.shop.blue.tls.verify: expected off or on, found 'none'\n"},
	{"a CA beside no check", BLUE("{tls: {ca: /a, verify: off}}"),
		"2:43: services.shop.blue.tls.ca: with verify: off nothing that a backend shows is checked: leave one of the two out\n"},
	{"a certificate of ours without its key", BLUE("{tls: {certificate: /a}}"),
		"2:43: services.shop.blue.tls.certificate needs key: name the file of its private key, which may be the same\n"},
	{"a key of ours without its certificate", BLUE("{tls: {key: /a}}"),
		"2:43: services.shop.blue.tls.key needs certificate: name the file of the certificate, which may be the same\n"},
	{"an address as a name", BLUE("{tls: {name: 10.0.0.1}}"),
		"2:49: services.shop.blue.tls.name: expected a name such as shop.internal, found '10.0.0.1': an address is checked where a backend is written as one\n"},
	{"another address as a name", BLUE("{tls: {name: '[::1]'}}"),
		"2:49: services.shop.blue.tls.name: expected a name such as shop.internal, found '[::1]': an address is checked where a backend is written as one\n"},
	{"a name with a port", BLUE("{tls: {name: 'a:443'}}"),
		"2:49: services.shop.blue.tls.name: expected a name such as shop.internal, found 'a:443': an address is checked where a backend is written as one\n"},
	{"many names", BLUE("{tls: {name: '*.a'}}"), "2:49: services.shop.blue.tls.name: expected a name such as shop.internal, found '*.a'\n"},
	{"no name", BLUE("{tls: {name: ''}}"), "2:49: services.shop.blue.tls.name: expected a name such as shop.internal, found ''\n"},
	{"a socket without a name", BLUE("{backends: ['a:1', 'unix:/run/a', 'unix:/run/b'], tls: {}}"),
		"2:86: services.shop.blue.tls.name is missing: unix:/run/a has no name that its certificate could be checked for: write name: HOST, or verify: off\n"},
	{"a socket that is checked by a faulty word", BLUE("{backends: ['unix:/run/a'], tls: {verify: no}}"),
		"2:78: services.shop.blue.tls.verify: expected off or on, found 'no': did you mean off?\n"},
	{"a probe in clear", LISTEN "services: {shop: {blue: {}, green: {tls: {}}, probe: {path: /, scheme: http}}}\n",
		"2:72: services.shop.probe.scheme: the backends of green speak TLS, as services.shop.green.tls has it: leave this out\n"},
};

static void every_fault_has_its_place_and_its_words(void **state)
{
	(void)state;
	check_fault_cases(faults, sizeof(faults) / sizeof(*faults));
}

/* A list of so many pairs, each with a name of its own. */
static char *write_pairs(unsigned count)
{
	struct text yaml;
	text_init(&yaml, SIZE_MAX);
	text_addf(&yaml, "listen: [{address: ':443', tls: {certificates: [");
	for (unsigned i = 0; i < count; i++)
		text_addf(&yaml, "{certificate: c%u, key: k},", i);
	text_addf(&yaml, "]}}]" END);
	return text_take(&yaml);
}

static void there_are_256_certificates_at_most(void **state)
{
	(void)state;
	char *most = write_pairs(256), *more = write_pairs(257), *found = find_faults(most, strlen(most)), *refused = find_faults(more, strlen(more));
	assert_string_equal(found, "");
	assert_string_equal(refused, "1:48: listen.tls.certificates: expected at most 256 elements, found 257\n");
	free(most);
	free(more);
	free(found);
	free(refused);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_of_a_listener_arrives),
		cmocka_unit_test(every_value_of_a_color_arrives),
		cmocka_unit_test(green_has_the_same_keys),
		cmocka_unit_test(out_of_the_path_it_is_for_what_teal_asks_itself),
		cmocka_unit_test(relative_paths_count_from_the_file),
		cmocka_unit_test(nothing_of_it_is_left_for_a_process_of_one_service),
		cmocka_unit_test(every_fault_has_its_place_and_its_words),
		cmocka_unit_test(there_are_256_certificates_at_most),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
