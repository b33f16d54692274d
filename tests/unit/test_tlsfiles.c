/* The files of TLS as teal check looks at them: what keeps the daemon from starting, what is only warned of, and what is passed over. */
// links: switch
#include "tests/unit/certificates.h"

#include "base/text.h"
#include "switch/tlsfiles.h"

#define TLS(pairs) "listen: [{address: ':80'}, {address: ':443', tls: {certificates: [" pairs "]}}]"
#define SITE "{certificate: $/site.pem, key: $/site.key}"
#define SERVED TLS(SITE)
#define COLORS "services: {shop: {blue: {}, green: {}, probe: {path: /}}}"

static time_t now_s;

/* An authority of a middle one of the root; a server's certificate by it; one by itself; and files that are none. */
static int set_up(void **state)
{
	scratch_set_up(state);
	struct scratch *scratch = *state;
	struct issued root = certificates_issue(&(struct wish){.subject = "root", .authority = true}, NULL, 100);
	struct issued middle = certificates_issue(&(struct wish){.subject = "middle", .authority = true}, &root, 101);
	struct issued site = certificates_issue(&(struct wish){.subject = "site", .names = "DNS:shop.example"}, &middle, 1);
	struct issued soon = certificates_issue(
		&(struct wish){.subject = "soon", .names = "DNS:shop.example", .first_s = -80 * DAY_S, .last_s = 2 * DAY_S + 60}, &middle, 2);
	struct issued week = certificates_issue(
		&(struct wish){.subject = "week", .names = "DNS:shop.example", .usage = "serverAuth", .first_s = -DAY_S, .last_s = 5 * DAY_S + 60}, &middle, 3);
	certificates_append(scratch, "root.pem", &root);
	certificates_append(scratch, "site.pem", &site);
	certificates_append(scratch, "site.pem", &middle);
	certificates_write_key(scratch, "site.key", site.key);
	certificates_append(scratch, "soon.pem", &soon);
	certificates_append(scratch, "soon.pem", &middle);
	certificates_write_key(scratch, "soon.key", soon.key);
	certificates_append(scratch, "week.pem", &week);
	certificates_append(scratch, "week.pem", &middle);
	certificates_write_key(scratch, "week.key", week.key);
	scratch_rewrite(scratch, "empty.pem", "nothing\n");
	scratch_folder(scratch, "webroot");
	certificates_drop(&week);
	certificates_drop(&soon);
	certificates_drop(&site);
	certificates_drop(&middle);
	certificates_drop(&root);
	now_s = time(NULL);
	return 0;
}

/* Puts the folder in place of each `$`. */
static char *expand(const struct scratch *scratch, const char *text)
{
	struct text out;
	text_init(&out, SIZE_MAX);
	for (; *text; text++)
		text_addf(&out, *text == '$' ? "%s" : "%.1s", *text == '$' ? scratch->path : text);
	return text_take(&out);
}

static struct conf *read_conf(const struct scratch *scratch, const char *yaml)
{
	struct conf_faults faults = {0};
	char *text = expand(scratch, yaml);
	struct conf *conf = conf_parse(text, strlen(text), "teal.yaml", &faults);
	if (!conf)
		fail_msg("%s\n%s", text, faults.lines[0]);
	free(text);
	return conf;
}

static char *join(const struct conf_faults *lines)
{
	struct text out;
	text_init(&out, SIZE_MAX);
	for (size_t i = 0; i < lines->count; i++) {
		assert_memory_equal(lines->lines[i], "teal.yaml: ", 11);
		text_addf(&out, "%s\n", lines->lines[i] + 11);
	}
	return text_take(&out);
}

static void assert_lines(const char *name, const struct scratch *scratch, const struct conf_faults *lines, const char *wanted)
{
	char *found = join(lines), *expected = expand(scratch, wanted);
	if (strcmp(found, expected) != 0)
		fail_msg("%s:\nexpected\n%sfound\n%s", name, expected, found);
	free(found);
	free(expected);
}

static const struct {
	const char *name, *yaml, *faults, *cautions;
} cases[] = {
	{"nothing of TLS", "listen: [{address: ':80'}]\n" COLORS, "", ""},
	{"a good pair", SERVED "\n" COLORS, "", ""},
	{"a pair that is missing", TLS("{certificate: $/none.pem, key: $/none.key}") "\n" COLORS,
		"the certificate file $/none.pem can't be opened: No such file or directory\n", ""},
	{"a key that is missing", TLS("{certificate: $/site.pem, key: $/none.key}") "\n" COLORS,
		"the key file $/none.key can't be opened: No such file or directory\n", ""},
	{"each pair is told of once",
		"listen: [{address: ':80'}, {address: ':443', tls: {certificates: [{certificate: $/none.pem, key: $/a}]}}, "
		"{address: ':444', tls: {certificates: [{certificate: $/none.pem, key: $/a}, " SITE "]}}]\n" COLORS,
		"the certificate file $/none.pem can't be opened: No such file or directory\n", ""},
	{"also with another key",
		"listen: [{address: ':80'}, {address: ':443', tls: {certificates: [{certificate: $/none.pem, key: $/a}]}}, "
		"{address: ':444', tls: {certificates: [{certificate: $/none.pem, key: $/b}]}}]\n" COLORS,
		"the certificate file $/none.pem can't be opened: No such file or directory\n", ""},
	{"one that ends soon", TLS("{certificate: $/soon.pem, key: $/soon.key}") "\n" COLORS, "",
		"$/soon.pem: the certificate is good for less than 3 days: renew it\n"},
	{"one that is good for a week", TLS("{certificate: $/week.pem, key: $/week.key}") "\n" COLORS, "", ""},
	{"one for clients and backends",
		TLS("{certificate: $/week.pem, key: $/week.key}") "\nservices: {shop: {green: {tls: {ca: $/root.pem, certificate: $/week.pem, key: $/week.key}}, blue: {}}}",
		"", "$/week.pem: the certificate is not for clients (its key usage or extended key usage says what for): backends may refuse it\n"},
	{"faults of one for clients and backends are told of once",
		TLS("{certificate: $/none.pem, key: $/a}") "\nservices: {shop: {green: {tls: {ca: $/root.pem, certificate: $/none.pem, key: $/a}}, blue: {}}}",
		"the certificate file $/none.pem can't be opened: No such file or directory\n", ""},
	{"authorities of clients",
		"listen: [{address: ':443', tls: {certificates: [" SITE "], client_certificates: optional, client_ca: $/root.pem}}]\n" COLORS, "", ""},
	{"authorities of clients who are none",
		"listen: [{address: ':443', tls: {certificates: [" SITE "], client_certificates: optional, client_ca: $/none.pem}}]\n" COLORS,
		"the CA file $/none.pem can't be opened: No such file or directory\n", ""},
	{"several faults", TLS("{certificate: $/none.pem, key: $/a}") "\nservices: {shop: {blue: {tls: {ca: $/nobody.pem}}, green: {}}}",
		"the certificate file $/none.pem can't be opened: No such file or directory\nthe CA file $/nobody.pem can't be opened: No such file or "
		"directory\n",
		""},
	{"backends that are verified", "listen: [{address: ':80'}]\nservices: {shop: {blue: {tls: {ca: $/root.pem}}, green: {tls: {ca: $/root.pem}}}}", "", ""},
	{"backends that are not", "listen: [{address: ':80'}]\nservices: {shop: {blue: {tls: {verify: off}}, green: {}}}", "",
		"services.shop.blue.tls.verify is off: whoever can take a backend's address is believed to be it\n"},
	{"a certificate of ours",
		"listen: [{address: ':80'}]\nservices: {shop: {green: {tls: {ca: $/root.pem, certificate: $/site.pem, key: $/site.key}}, blue: {}}}", "", ""},
	{"a certificate of ours that is missing",
		"listen: [{address: ':80'}]\nservices: {shop: {green: {tls: {ca: $/root.pem, certificate: $/none.pem, key: $/site.key}}, blue: {}}}",
		"the certificate file $/none.pem can't be opened: No such file or directory\n", ""},
	{"a webroot", "acme: {webroot: $/webroot}\nlisten: [{address: ':80'}]\n" COLORS, "", ""},
	{"a webroot that is missing", "acme: {webroot: $/nowhere}\nlisten: [{address: ':80'}]\n" COLORS, "",
		"acme.webroot: $/nowhere is no folder: make it, or no challenge can be answered\n"},
	{"a webroot that is a file", "acme: {webroot: $/site.pem}\nlisten: [{address: ':80'}]\n" COLORS, "",
		"acme.webroot: $/site.pem is no folder: make it, or no challenge can be answered\n"},
};

static void files_are_looked_at(void **state)
{
	const struct scratch *scratch = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf_faults faults = {0}, cautions = {0};
		struct conf *conf = read_conf(scratch, cases[i].yaml);
		tlsfiles_check(conf, now_s, &faults, &cautions);
		assert_lines(cases[i].name, scratch, &faults, cases[i].faults);
		assert_lines(cases[i].name, scratch, &cautions, cases[i].cautions);
		conf_faults_fini(&faults);
		conf_faults_fini(&cautions);
		conf_free(conf);
	}
}

static void assert_fault(struct scratch *scratch, const char *yaml, const char *part)
{
	struct conf_faults faults = {0}, cautions = {0};
	struct conf *conf = read_conf(scratch, yaml);
	tlsfiles_check(conf, now_s, &faults, &cautions);
	assert_int_equal(faults.count, part ? 1 : 0);
	if (part && !strstr(faults.lines[0], part))
		fail_msg("no '%s' in: %s", part, faults.lines[0]);
	conf_faults_fini(&faults);
	conf_faults_fini(&cautions);
	conf_free(conf);
}

/* The sentences are those of proxy/certificate and proxy/authorities, which have tests of their own. */
static void what_is_in_them_is_judged(void **state)
{
	assert_fault(*state, TLS("{certificate: $/site.pem, key: $/soon.key}") "\n" COLORS, "is not the one of the certificate in");
	assert_fault(*state, TLS("{certificate: $/empty.pem, key: $/site.key}") "\n" COLORS, "holds no certificate");
	assert_fault(*state, "listen: [{address: ':80'}]\nservices: {shop: {blue: {tls: {ca: $/empty.pem}}, green: {}}}", "empty.pem");
}

static void an_expired_one_is_a_fault(void **state)
{
	now_s += 3 * DAY_S;
	assert_fault(*state, TLS("{certificate: $/soon.pem, key: $/soon.key}") "\n" COLORS, "the certificate expired");
}

static void a_key_that_others_may_read_is_a_fault(void **state)
{
	struct scratch *scratch = *state;
	assert_int_equal(chmod(scratch_name(scratch, "site.key"), 0644), 0);
	assert_fault(scratch, SERVED "\n" COLORS, "may be used by others than its owner");
	/* Root may look at it for a daemon of another user, who has it from root and a group; nobody else may keep his own so. */
	assert_int_equal(chmod(scratch_name(scratch, "site.key"), 0640), 0);
	assert_fault(scratch, SERVED "\n" COLORS, geteuid() == 0 ? NULL : "may be used by others than its owner");
}

/* Root, who reads everything, asks as somebody else. */
static void what_is_hidden_is_said_to_be(void **state)
{
	struct conf_faults faults = {0}, cautions = {0};
	struct scratch *scratch = *state;
	bool root = geteuid() == 0;
	struct conf *conf = read_conf(scratch, SERVED "\n" COLORS);
	assert_int_equal(chmod(scratch_name(scratch, "site.key"), 0), 0);
	assert_int_equal(chmod(scratch->path, 0755), 0);
	assert_int_equal(root ? seteuid(65534) : 0, 0);
	tlsfiles_check(conf, now_s, &faults, &cautions);
	assert_int_equal(root ? seteuid(0) : 0, 0);
	assert_lines("faults", scratch, &faults, "");
	assert_lines("cautions", scratch, &cautions, "$/site.key is not open to this user, and was not looked at: see that the daemon's user may read it\n");
	conf_faults_fini(&faults);
	conf_faults_fini(&cautions);
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files_are_looked_at, set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(what_is_in_them_is_judged, set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(an_expired_one_is_a_fault, set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(a_key_that_others_may_read_is_a_fault, set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(what_is_hidden_is_said_to_be, set_up, scratch_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
