/* Listeners on their way from the file to the proxy: their manners (but for certificates, see test_tlsstore), and what a reload says of TLS, redirects and challenges of ACME. */
// links: switch
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "switch/differ.h"
#include "switch/listening.h"

#define PAIR "certificates: [{certificate: /a.pem, key: /a.key}]"
#define TLS(keys) "listen: [{address: ':443', tls: {" PAIR keys "}}, {address: ':80'}]"
#define CLEAR "listen: [{address: ':443'}, {address: ':80'}]"
#define ASKED ", client_certificates: optional, client_ca: /c"

static struct conf *parse(const char *listen, const char *blue)
{
	char text[1024];
	struct conf_faults faults = {0};
	snprintf(text, sizeof(text), "%s\nservices: {shop: {blue: %s, green: {}, probe: {path: /}}}\n", listen, blue);
	struct conf *conf = conf_parse(text, strlen(text), "teal.yaml", &faults);
	if (!conf)
		fail_msg("%s\n%s", text, faults.lines[0]);
	return conf;
}

/* ---- manners ---- */

static void a_file_without_any_has_no_manners(void **state)
{
	(void)state;
	static const char *const files[] = {CLEAR, TLS(""), TLS(", strict_sni: on, minimum: 1.3" ASKED), "listen: [{address: ':80', redirect: off}]"};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct conf *conf = parse(files[i], "{}");
		assert_null(listening_make_manners(conf, NULL));
		conf_free(conf);
	}
}

static void each_listener_has_its_own(void **state)
{
	(void)state;
	struct conf *conf = parse("listen: [{address: ':80', redirect: https}, {address: ':443', tls: {" PAIR ASKED
				  ", forward_client_certificate: on}}, {address: ':81', redirect: {to: https, port: 8443}}, {address: ':82'}, "
				  "{address: ':8443', tls: {" PAIR ", hsts: {max_age: 365d, subdomains: on}}}]",
		"{}");
	struct manners *manners = listening_make_manners(conf, NULL);
	assert_non_null(manners);
	assert_null(manners->webroot);
	assert_int_equal(manners->count, 5);
	assert_int_equal(manners->list[0].redirect_port, 443);
	assert_int_equal(manners->list[1].redirect_port, 0);
	assert_true(manners->list[1].forwards_certificate);
	assert_int_equal(manners->list[1].hsts_length, 0);
	assert_int_equal(manners->list[2].redirect_port, 8443);
	assert_int_equal(manners->list[3].redirect_port, 0);
	assert_false(manners->list[4].forwards_certificate);
	assert_string_equal(manners->list[4].hsts, "max-age=31536000; includeSubDomains");
	assert_int_equal(manners->list[4].hsts_length, strlen(manners->list[4].hsts));
	manners_release(manners);
	conf_free(conf);
}

static void challenges_alone_are_enough(void **state)
{
	(void)state;
	struct conf *conf = parse("acme: {webroot: /w}\n" CLEAR, "{}");
	struct manners *manners = listening_make_manners(conf, NULL);
	assert_string_equal(manners->webroot, "/w");
	manners_release(manners);
	conf_free(conf);
}

/* ---- reloads ---- */

#define LISTENER "listener :443 has another tls"

static const struct {
	const char *name, *a, *b, *sentence; /* NULL: none */
} listens[] = {
	{"nothing", CLEAR, CLEAR, NULL},
	{"TLS of the same", TLS(""), TLS(", minimum: 1.2, hsts: off, strict_sni: off"), NULL},
	{"TLS", CLEAR, TLS(""), "listener :443 speaks TLS from now on"},
	{"no TLS any more", TLS(""), CLEAR, "listener :443 is in clear from now on"},
	{"another file", TLS(""), "listen: [{address: ':443', tls: {certificates: [{certificate: /b.pem, key: /a.key}]}}, {address: ':80'}]", LISTENER},
	{"another key", TLS(""), "listen: [{address: ':443', tls: {certificates: [{certificate: /a.pem, key: /b.key}]}}, {address: ':80'}]", LISTENER},
	{"another pair", TLS(""),
		"listen: [{address: ':443', tls: {certificates: [{certificate: /a.pem, key: /a.key}, {certificate: /b.pem, key: /b.key}]}}, {address: ':80'}]",
		LISTENER},
	{"the version", TLS(""), TLS(", minimum: 1.3"), LISTENER},
	{"the clients", TLS(ASKED), TLS(", client_certificates: required, client_ca: /c"), LISTENER},
	{"their CA", TLS(ASKED), TLS(", client_certificates: optional, client_ca: /d"), LISTENER},
	{"their certificates, passed on", TLS(ASKED), TLS(ASKED ", forward_client_certificate: on"), LISTENER},
	{"the name", TLS(""), TLS(", strict_sni: on"), LISTENER},
	{"HSTS", TLS(""), TLS(", hsts: 0"), LISTENER},
	{"its age", TLS(", hsts: 1d"), TLS(", hsts: 2d"), LISTENER},
	{"its subdomains", TLS(", hsts: 365d"), TLS(", hsts: {max_age: 365d, subdomains: on}"), LISTENER},
	{"its lists", TLS(", hsts: {max_age: 365d, subdomains: on}"), TLS(", hsts: {max_age: 365d, subdomains: on, preload: on}"), LISTENER},
	{"a redirect", CLEAR, "listen: [{address: ':443'}, {address: ':80', redirect: {to: https, port: 8443}}]", "listener :80: another redirect"},
	{"its port", "listen: [{address: ':443'}, {address: ':80', redirect: {to: https, port: 8444}}]",
		"listen: [{address: ':443'}, {address: ':80', redirect: {to: https, port: 8443}}]", "listener :80: another redirect"},
	{"no redirect, as a mapping", CLEAR, "listen: [{address: ':443'}, {address: ':80', redirect: {to: off}}]", NULL},
	{"challenges", CLEAR, "acme: {webroot: /w}\n" CLEAR, "another webroot of acme"},
	{"another webroot", "acme: {webroot: /v}\n" CLEAR, "acme: {webroot: /w}\n" CLEAR, "another webroot of acme"},
};

static const struct {
	const char *name, *a, *b, *sentence;
} blues[] = {
	{"nothing", "{tls: {}}", "{tls: {verify: on}}", NULL},
	{"TLS behind", "{}", "{tls: {}}", "service shop: blue speaks TLS from now on"},
	{"no TLS behind any more", "{tls: {}}", "{}", "service shop: blue is in clear from now on"},
	{"what is verified", "{tls: {}}", "{tls: {verify: off}}", "service shop: blue has another tls"},
	{"the CA behind", "{tls: {ca: /a}}", "{tls: {ca: /b}}", "service shop: blue has another tls"},
	{"the name behind", "{tls: {name: a}}", "{tls: {name: b}}", "service shop: blue has another tls"},
	{"the same name behind", "{tls: {name: a}}", "{tls: {name: A}}", NULL},
	{"our certificate", "{tls: {}}", "{tls: {certificate: /a, key: /a}}", "service shop: blue has another tls"},
	{"our key", "{tls: {certificate: /a, key: /a}}", "{tls: {certificate: /a, key: /b}}", "service shop: blue has another tls"},
};

static void assert_told(const char *name, struct conf *a, struct conf *b, const char *sentence)
{
	json_t *fixed = json_array(), *sentences = json_array();
	differ_list_fixed(a, b, fixed);
	differ_list_changes(a, b, sentences);
	const char *found = json_string_value(json_array_get(sentences, 0));
	if (json_array_size(fixed) != 0 || json_array_size(sentences) != (sentence ? 1 : 0) || (sentence && strcmp(found, sentence) != 0))
		fail_msg("%s: %zu fixed, %zu sentences, the first: %s", name, json_array_size(fixed), json_array_size(sentences), found ? found : "none");
	json_decref(fixed);
	json_decref(sentences);
	conf_free(a);
	conf_free(b);
}

static void every_difference_is_told_once_and_needs_no_restart(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(listens) / sizeof(listens[0]); i++)
		assert_told(listens[i].name, parse(listens[i].a, "{}"), parse(listens[i].b, "{}"), listens[i].sentence);
	for (size_t i = 0; i < sizeof(blues) / sizeof(blues[0]); i++)
		assert_told(blues[i].name, parse(CLEAR, blues[i].a), parse(CLEAR, blues[i].b), blues[i].sentence);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_without_any_has_no_manners),
		cmocka_unit_test(each_listener_has_its_own),
		cmocka_unit_test(challenges_alone_are_enough),
		cmocka_unit_test(every_difference_is_told_once_and_needs_no_restart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
