/* What the sources of AWS keys read, by tables: the files of profiles, what a profile plans, times, JSON, answers of STS, partitions, settings. */
// links: dns
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/secret.h"
#include "dns/cred_json.h"
#include "dns/cred_keys.h"
#include "dns/cred_plan.h"
#include "dns/cred_search.h"
#include "dns/cred_settings.h"
#include "dns/cred_sts.h"
#include "dns/partition.h"
#include "dns/profiles.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static char *make_secret(const char *text, size_t length)
{
	char *copy = secret_new(length + 1);
	memcpy(copy, text, length);
	return copy;
}

static bool read_file(struct profiles *profiles, enum profiles_file file, const char *text, struct err *err)
{
	return !text || profiles_read(profiles, file, make_secret(text, strlen(text)), strlen(text), err);
}

static struct profiles *read_files(const char *credentials, const char *config)
{
	struct err err = {0};
	struct profiles *profiles = profiles_new();
	if (!read_file(profiles, PROFILES_CREDENTIALS, credentials, &err) || !read_file(profiles, PROFILES_CONFIG, config, &err))
		fail_msg("%s", err.text);
	return profiles;
}

static void check_text(const char *found, const char *expected)
{
	if (!found || !expected)
		assert_ptr_equal(found, expected);
	else
		assert_string_equal(found, expected);
}

/* ---- the dialect ---- */

static void test_dialect(void **state)
{
	static const struct {
		const char *config, *profile, *key, *value;
	} cases[] = {
		{"[default]\nregion = eu-west-1\n", "default", "region", "eu-west-1"},
		{"[default]\r\nregion = eu-west-1\r\n", "default", "region", "eu-west-1"},
		{"[default]\nregion=eu-west-1", "default", "region", "eu-west-1"},
		{"[default]\nregion: eu-west-1", "default", "region", "eu-west-1"},
		{"[default]\n  Region\t=\teu-west-1  \n", "default", "region", "eu-west-1"},
		{"\xef\xbb\xbf[default]\nregion=a", "default", "region", "a"},
		{"# x\n; y\n\n[default]\n  # z\nregion = a\n", "default", "region", "a"},
		{"[default] # the usual one\nregion = a\n", "default", "region", "a"},
		{"[default]\nregion = a # not a comment\n", "default", "region", "a # not a comment"},
		{"[default]\nsecret = a=b:c=\n", "default", "secret", "a=b:c="},
		{"[profile dns]\nregion = a\n", "dns", "region", "a"},
		{"[profile \"two words\"]\nregion = a\n", "two words", "region", "a"},
		{"[profile 'dns']\nregion = a\n", "dns", "region", "a"},
		{"[ profile   dns ]\nregion = a\n", "dns", "region", "a"},
		{"[dns]\nregion = a\n", "dns", "region", NULL},
		{"[sso-session dns]\nregion = a\n", "dns", "region", NULL},
		{"[default]\nregion =\n", "default", "region", NULL},
		{"[default]\ns3 =\n  region = b\nregion = a\n", "default", "region", "a"},
		{"[default]\ns3 =\n\n  # why\n  region = b\n", "default", "region", NULL},
		{"[default]\nregion = a\n[profile dns]\nregion = b\n", "dns", "region", "b"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		print_message("%s\n", cases[i].config);
		struct profiles *profiles = read_files(NULL, cases[i].config);
		check_text(profiles_find(profiles, cases[i].profile, cases[i].key), cases[i].value);
		profiles_free(profiles);
	}
}

static void test_dialect_faults(void **state)
{
	static const struct {
		const char *config, *sentence;
	} cases[] = {
		{"region = a\n", "line 1 stands before the first section"},
		{"[default]\nSECRET\n", "line 2 is neither a section nor a key with its value nor a comment"},
		{"[default]\n= SECRET\n", "line 2 is neither"},
		{"[default\nregion = a", "line 1 begins with a bracket, and is no section"},
		{"[default] SECRET\n", "line 1 begins with a bracket, and is no section"},
		{"[default]\nregion = a\nRegion = b\n", "line 3 has a key that its section has already"},
		{"[default]\nregion = a\n\n[profile x]\n[default]\n", "line 5 begins a section that is there already"},
		{"[default]\nregion = a\n  SECRET\n", "line 3 is indented"},
		{"[default]\ns3 =\n  SECRET\n", "line 3 is neither"},
		{"[default]\ns3 =\n  a = b\n  a = SECRET\n", "line 4 has a key that its section has already"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = {0};
		struct profiles *profiles = profiles_new();
		assert_false(read_file(profiles, PROFILES_CONFIG, cases[i].config, &err));
		if (!strstr(err.text, cases[i].sentence) || strstr(err.text, "SECRET"))
			fail_msg("%s: %s", cases[i].config, err.text);
		profiles_free(profiles);
	}
}

static void test_no_text(void **state)
{
	struct err err;
	struct profiles *profiles = profiles_new();
	(void)state;
	assert_false(profiles_read(profiles, PROFILES_CONFIG, make_secret("[a]\0b=c", 7), 7, &err));
	assert_string_equal(err.text, "it is no text: there is a byte 0 in it");
	profiles_free(profiles);
}

/* More sections than anybody has, and each has to be looked for among those before it. */
static void test_many_sections(void **state)
{
	char *text = malloc(200000), *at = text;
	struct err err;
	struct profiles *profiles = profiles_new();
	(void)state;
	for (unsigned i = 0; i <= 10000; i++)
		at += sprintf(at, "[profile p%u]\n", i);
	assert_false(read_file(profiles, PROFILES_CONFIG, text, &err));
	assert_string_equal(err.text, "line 10001 is one section too many: there may be 10000");
	profiles_free(profiles);
	free(text);
}

/* The credentials file wins, and its sections have no word in front. */
static void test_two_files(void **state)
{
	struct profiles *profiles = read_files("[default]\nregion=b\n[profile dns]\nregion=c\n[dns]\na=d\n",
		"[default]\nregion=a\noutput=json\n[profile dns]\nregion=e\n[services local]\nroute_53 =\n  endpoint_url = http://127.0.0.1:1\nsts =\n"
		"  endpoint_url = http://127.0.0.1:2\n");
	(void)state;
	assert_string_equal(profiles_find(profiles, "default", "region"), "b");
	assert_string_equal(profiles_find(profiles, "default", "output"), "json");
	assert_string_equal(profiles_find(profiles, "dns", "region"), "e");
	assert_string_equal(profiles_find(profiles, "dns", "a"), "d");
	assert_string_equal(profiles_find_in(profiles, PROFILES_CONFIG, "default", "region"), "a");
	assert_null(profiles_find_in(profiles, PROFILES_CREDENTIALS, "default", "output"));
	assert_string_equal(profiles_find_service(profiles, "local", "route_53", "endpoint_url"), "http://127.0.0.1:1");
	assert_string_equal(profiles_find_service(profiles, "local", "sts", "endpoint_url"), "http://127.0.0.1:2");
	assert_null(profiles_find_service(profiles, "local", "s3", "endpoint_url"));
	assert_null(profiles_find_service(profiles, "other", "sts", "endpoint_url"));
	assert_true(profiles_has(profiles, "dns"));
	assert_false(profiles_has(profiles, "local"));
	profiles_free(profiles);
}

/* ---- what a profile plans ---- */

#define KEYS "aws_access_key_id=AKIA\naws_secret_access_key=s\n"

static void test_plans(void **state)
{
	static const struct {
		const char *credentials, *config;
		enum cred_base base;
		const char *base_profile, *roles; /* joined by blanks */
	} cases[] = {
		{NULL, NULL, CRED_BASE_NOTHING, "a", ""},
		{"[a]\n" KEYS, NULL, CRED_BASE_CREDENTIALS, "a", ""},
		{NULL, "[profile a]\n" KEYS, CRED_BASE_CONFIG, "a", ""},
		{"[a]\n" KEYS, "[profile a]\n" KEYS, CRED_BASE_CREDENTIALS, "a", ""},
		{"[a]\n" KEYS, "[profile a]\ncredential_process=p\n", CRED_BASE_CREDENTIALS, "a", ""},
		{NULL, "[profile a]\ncredential_process=p\n" KEYS, CRED_BASE_PROCESS, "a", ""},
		{NULL, "[profile a]\nrole_arn=r\nweb_identity_token_file=f\n", CRED_BASE_WEB, "a", ""},
		{NULL, "[profile a]\nsso_session=s\nsso_account_id=1\n", CRED_BASE_LOGIN, "a", ""},
		{NULL, "[profile a]\nsso_session=s\ncredential_process=p\n", CRED_BASE_PROCESS, "a", ""},
		{NULL, "[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\n" KEYS, CRED_BASE_CONFIG, "b", "a"},
		{"[b]\n" KEYS, "[profile a]\nrole_arn=r\nsource_profile=b\n", CRED_BASE_CREDENTIALS, "b", "a"},
		{NULL, "[profile a]\nrole_arn=r\nsource_profile=a\n" KEYS, CRED_BASE_CONFIG, "a", "a"},
		{"[c]\n" KEYS, "[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nrole_arn=r\nsource_profile=c\n", CRED_BASE_CREDENTIALS, "c", "b a"},
		{NULL, "[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nrole_arn=r\nsource_profile=c\n" KEYS, CRED_BASE_CONFIG, "b", "a"},
		{NULL, "[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nrole_arn=r\nweb_identity_token_file=f\n", CRED_BASE_WEB, "b", "a"},
		{NULL, "[profile a]\nrole_arn=r\ncredential_source=Environment\n", CRED_BASE_ENVIRONMENT, "a", "a"},
		{NULL, "[profile a]\nrole_arn=r\ncredential_source=EcsContainer\n", CRED_BASE_CONTAINER, "a", "a"},
		{NULL, "[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nrole_arn=r\ncredential_source=Ec2InstanceMetadata\n", CRED_BASE_MACHINE, "b",
			"b a"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct profiles *profiles = read_files(cases[i].credentials, cases[i].config);
		struct cred_plan plan;
		struct err err;
		char roles[64] = "";
		print_message("%s%s\n", cases[i].credentials ? cases[i].credentials : "", cases[i].config ? cases[i].config : "");
		if (!cred_plan_make(profiles, "a", &plan, &err))
			fail_msg("%s", err.text);
		assert_int_equal(plan.base, cases[i].base);
		assert_string_equal(plan.base_profile, cases[i].base_profile);
		for (size_t k = 0; k < plan.role_count; k++)
			snprintf(roles + strlen(roles), sizeof(roles) - strlen(roles), "%s%s", k ? " " : "", plan.roles[k]);
		assert_string_equal(roles, cases[i].roles);
		profiles_free(profiles);
	}
}

static void test_plan_faults(void **state)
{
	static const struct {
		const char *config, *sentence;
	} cases[] = {
		{"[profile a]\nrole_arn=r\n", "\"a\" has role_arn and neither source_profile and credential_source"},
		{"[profile a]\nrole_arn=r\nsource_profile=b\ncredential_source=Environment\n", "has role_arn and both"},
		{"[profile a]\nrole_arn=r\nsource_profile=b\n", "\"a\" has a source_profile, \"b\", that is in neither file"},
		{"[profile a]\nrole_arn=r\nsource_profile=a\n", "\"a\" has a source_profile, \"a\", that leads back to itself"},
		{"[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nrole_arn=r\nsource_profile=a\n",
			"\"b\" has a source_profile, \"a\", that leads back"},
		{"[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nregion=x\n", "\"b\" is the source of a role, and has no keys"},
		{"[profile a]\nrole_arn=r\ncredential_source=Magic\n", "unknown credential_source: expected Environment"},
		{"[profile a]\nrole_arn=r\nsource_profile=b\nmfa_serial=m\n", "\"a\" wants a second factor (mfa_serial)"},
		{"[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nrole_arn=r\nsource_profile=c\n[profile c]\nrole_arn=r\nsource_profile=d\n[profile d]\n"
		 "role_arn=r\nsource_profile=e\n[profile e]\nrole_arn=r\nsource_profile=f\n[profile f]\nrole_arn=r\nsource_profile=g\n[profile g]\nrole_arn=r\n"
		 "source_profile=h\n[profile h]\nrole_arn=r\nsource_profile=i\n[profile i]\nrole_arn=r\nsource_profile=a\n",
			"\"i\" is one role too many in a row: there may be 8"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct profiles *profiles = read_files(NULL, cases[i].config);
		struct cred_plan plan;
		struct err err = {0};
		assert_false(cred_plan_make(profiles, "a", &plan, &err));
		if (!strstr(err.text, cases[i].sentence))
			fail_msg("%s: %s", cases[i].config, err.text);
		profiles_free(profiles);
	}
}

/* ---- keys and times ---- */

static void test_times(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms; /* 0: none */
	} cases[] = {
		{"1970-01-02T00:00:00Z", 86400000},
		{"2026-01-31T12:00:00Z", 1769860800000},
		{"2026-01-31T12:00:00.999Z", 1769860800000},
		{"2026-01-31T13:00:00+01:00", 1769860800000},
		{"2026-01-31T10:30:00-0130", 1769860800000},
		{"2026-01-31 12:00:00z", 1769860800000},
		{"2026-01-31T12:00:00", 0},
		{"2026-01-31T12:00Z", 0},
		{"2026-13-01T12:00:00Z", 0},
		{"2026-01-31T24:00:00Z", 0},
		{"2026-01-31T12:00:00Zx", 0},
		{"1969-01-31T12:00:00Z", 0},
		{"1769860800", 0},
		{"", 0},
		{"2026-01-31T12:00:00+99:00", 0},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t ms = 0;
		print_message("%s\n", cases[i].text);
		assert_int_equal(cred_keys_read_time(cases[i].text, &ms), cases[i].ms > 0);
		assert_int_equal(ms, cases[i].ms);
	}
}

static char *make_long(size_t length)
{
	char *text = malloc(length + 1);
	memset(text, 'x', length);
	text[length] = '\0';
	return text;
}

static void test_keys(void **state)
{
	char *too_long = make_long(20000);
	const struct {
		struct cred_draft draft;
		const char *sentence; /* NULL: good */
	} cases[] = {
		{{"AKIA", "wJalr/bPx+R=", NULL, NULL}, NULL},
		{{"AKIA", "s", "t", "2026-01-31T12:00:00Z"}, NULL},
		{{"AKIA", "s", "", ""}, NULL},
		{{NULL, "SECRET", NULL, NULL}, "the access key id is missing"},
		{{"AKIA", "", NULL, NULL}, "the secret access key is missing"},
		{{"AKIA", "SECRET # mine", NULL, NULL}, "the secret access key holds white space"},
		{{"AKIA SECRET", "s", NULL, NULL}, "the access key id holds white space"},
		{{"AKIA", "s", "SECRET\r\nX-Evil: 1", NULL}, "the session token holds white space or bytes that are no ASCII"},
		{{"AKIA", "s", "SECRET\xc3\xa4", NULL}, "the session token holds white space or bytes that are no ASCII"},
		{{"AKIA", too_long, NULL, NULL}, "the secret access key is longer than 1024 bytes"},
		{{"AKIA", "s", too_long, NULL}, "the session token is longer than 16384 bytes"},
		{{"AKIA", "SECRET", NULL, "soon"}, "the time at which they expire can't be read"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = {0};
		struct cred_keys *keys = cred_keys_new(&cases[i].draft, &err);
		assert_int_equal(keys != NULL, cases[i].sentence == NULL);
		if (cases[i].sentence && (!strstr(err.text, cases[i].sentence) || strstr(err.text, "SECRET")))
			fail_msg("%zu: %s", i, err.text);
		if (keys) {
			assert_string_equal(keys->id, cases[i].draft.id);
			assert_string_equal(keys->secret, cases[i].draft.secret);
			check_text(keys->token, cases[i].draft.token && *cases[i].draft.token ? cases[i].draft.token : NULL);
		}
		cred_keys_free(keys);
	}
	free(too_long);
}

/* The pages of a secret are in no core dump. */
static void test_no_dump(void **state)
{
	struct err err;
	char line[512], flags[512] = "";
	unsigned long start, end;
	bool inside = false;
	struct cred_keys *keys = cred_keys_new(&(struct cred_draft){"AKIA", "s", "t", NULL}, &err);
	FILE *maps = fopen("/proc/self/smaps", "r");
	(void)state;
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = (uintptr_t)keys->secret >= start && (uintptr_t)keys->secret < end;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			strcpy(flags, line);
	}
	fclose(maps);
	assert_non_null(strstr(flags, " dd"));
	cred_keys_free(keys);
}

/* ---- JSON ---- */

static void test_json(void **state)
{
	static const struct {
		enum cred_json_form form;
		const char *body, *sentence; /* NULL: good */
	} cases[] = {
		{CRED_JSON_PROCESS, "{\"Version\":1,\"AccessKeyId\":\"AKIA\",\"SecretAccessKey\":\"s\"}", NULL},
		{CRED_JSON_PROCESS,
			"{\"Version\":1,\"AccessKeyId\":\"AKIA\",\"SecretAccessKey\":\"s\",\"SessionToken\":\"t\",\"Expiration\":\"2026-01-31T12:00:00Z\"}",
			NULL},
		{CRED_JSON_PROCESS, "{\"Version\":2,\"AccessKeyId\":\"AKIA\",\"SecretAccessKey\":\"SECRET\"}", "its Version is not 1"},
		{CRED_JSON_PROCESS, "{\"AccessKeyId\":\"AKIA\",\"SecretAccessKey\":\"SECRET\"}", "its Version is not 1"},
		{CRED_JSON_PROCESS, "{\"Version\":1,\"AccessKeyId\":\"AKIA\"}", "the secret access key is missing"},
		{CRED_JSON_PROCESS, "{\"Version\":1,\"AccessKeyId\":7,\"SecretAccessKey\":\"SECRET\"}", "the access key id is missing"},
		{CRED_JSON_PROCESS, "[\"SECRET\"]", "it is no JSON object"},
		{CRED_JSON_PROCESS, "\"SECRET\"", "it is no JSON object"},
		{CRED_JSON_PROCESS, "AKIA SECRET", "it is no JSON: line 1, column"},
		{CRED_JSON_PROCESS, "{\"SecretAccessKey\":\"SECRET\"", "it is no JSON: line 1, column"},
		{CRED_JSON_PROCESS, "{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"SECRET\",\"AccessKeyId\":\"B\"}", "it is no JSON: line 1"},
		{CRED_JSON_PROCESS, "{\"Version\":1,\"AccessKeyId\":\"A\\u0000SECRET\",\"SecretAccessKey\":\"s\"}", "it is no JSON"},
		{CRED_JSON_CONTAINER, "{\"AccessKeyId\":\"AKIA\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":\"2026-01-31T12:00:00Z\"}", NULL},
		{CRED_JSON_CONTAINER, "{\"AccessKeyId\":\"AKIA\",\"SecretAccessKey\":\"SECRET\",\"Token\":\"t\"}", "it does not say when they expire"},
		{CRED_JSON_MACHINE,
			"{\"Code\":\"Success\",\"AccessKeyId\":\"AKIA\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":\"2026-01-31T12:00:00Z\"}",
			NULL},
		{CRED_JSON_MACHINE, "{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"EC2 cannot\\nassume\"}",
			"it says AssumeRoleUnauthorizedAccess: EC2 cannot?assume"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = {0};
		struct cred_keys *keys = cred_json_read(cases[i].form, cases[i].body, strlen(cases[i].body), &err);
		if (cases[i].sentence ? !strstr(err.text, cases[i].sentence) || strstr(err.text, "SECRET") : !keys)
			fail_msg("%s: %s", cases[i].body, err.text);
		assert_int_equal(keys != NULL, cases[i].sentence == NULL);
		cred_keys_free(keys);
	}
}

/* ---- STS ---- */

#define STS_OPEN "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>"
#define STS_CLOSE "</AssumeRoleResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></AssumeRoleResponse>"
#define REFUSED_WITH_TOKEN \
	STS_ERROR "<Code>SignatureDoesNotMatch</Code><Message>It does not match. The Canonical String for this request should have been 'POST\n/\n\n" \
		  "x-amz-security-token:SECRET'</Message></Error></ErrorResponse>"
#define STS_ERROR "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>"

static void test_sts(void **state)
{
	static const struct {
		int status;
		const char *body, *code, *sentence; /* NULL: good */
	} cases[] = {
		{200,
			STS_OPEN
			"<Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2026-01-31T12:00:00Z"
			"</Expiration></Credentials>" STS_CLOSE,
			"", NULL},
		{200,
			STS_OPEN
			"<Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>SECRET</SecretAccessKey><SessionToken>t</SessionToken></Credentials>" STS_CLOSE,
			"", "can't be used: it has no Expiration"},
		{200, STS_OPEN STS_CLOSE, "", "there are no credentials in it"},
		{200, "", "", "the answer of STS can't be used: it "},
		{200, "<AssumeRoleResponse><SECRET", "", "the answer of STS can't be used: it "},
		{200, "<!DOCTYPE a [<!ENTITY b \"SECRET\">]><a>&b;</a>", "", "the answer of STS can't be used: it "},
		{403, STS_ERROR "<Code>AccessDenied</Code><Message>User: arn:x is not authorized</Message></Error></ErrorResponse>", "AccessDenied",
			"STS refused with status 403, AccessDenied: User: arn:x is not authorized"},
		{400, STS_ERROR "<Code>ExpiredTokenException</Code><Message>Token expired</Message></Error></ErrorResponse>", "ExpiredTokenException",
			"STS refused with status 400, ExpiredTokenException: Token expired"},
		{403, REFUSED_WITH_TOKEN, "SignatureDoesNotMatch", "STS refused with status 403, SignatureDoesNotMatch: It does not match. "},
		{502, "<html>", "", "STS refused with status 502: it gives no reason"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = {0};
		char code[CRED_STS_CODE_SIZE];
		struct cred_keys *keys = cred_sts_read("AssumeRole", cases[i].status, cases[i].body, strlen(cases[i].body), code, &err);
		assert_string_equal(code, cases[i].code);
		if (cases[i].sentence ? !strstr(err.text, cases[i].sentence) || strstr(err.text, "SECRET") : !keys)
			fail_msg("%s: %s", cases[i].body, err.text);
		assert_int_equal(keys != NULL, cases[i].sentence == NULL);
		cred_keys_free(keys);
	}
}

/* ---- partitions and settings ---- */

static void test_partitions(void **state)
{
	static const struct {
		const char *region, *name, *signing, *route53, *fips, *dual, *sts, *sts_fips, *sts_dual;
	} cases[] = {
		{NULL, "aws", "us-east-1", "route53.amazonaws.com", "route53-fips.amazonaws.com", "route53.global.api.aws", "sts.amazonaws.com",
			"sts-fips.us-east-1.amazonaws.com", "sts.amazonaws.com"},
		{"eu-west-1", "aws", "us-east-1", "route53.amazonaws.com", "route53-fips.amazonaws.com", "route53.global.api.aws",
			"sts.eu-west-1.amazonaws.com", "sts-fips.eu-west-1.amazonaws.com", "sts.eu-west-1.api.aws"},
		{"zz-new-9", "aws", "us-east-1", "route53.amazonaws.com", "route53-fips.amazonaws.com", "route53.global.api.aws", "sts.zz-new-9.amazonaws.com",
			"sts-fips.zz-new-9.amazonaws.com", "sts.zz-new-9.api.aws"},
		{"cn-north-1", "aws-cn", "cn-northwest-1", "route53.amazonaws.com.cn", NULL, "route53.global.api.amazonwebservices.com.cn",
			"sts.cn-north-1.amazonaws.com.cn", "sts.cn-north-1.amazonaws.com.cn", "sts.cn-north-1.api.amazonwebservices.com.cn"},
		{"us-gov-east-1", "aws-us-gov", "us-gov-west-1", "route53.us-gov.amazonaws.com", "route53.us-gov.amazonaws.com", "route53.us-gov.api.aws",
			"sts.us-gov-east-1.amazonaws.com", "sts.us-gov-east-1.amazonaws.com", "sts.us-gov-east-1.api.aws"},
		{"us-iso-west-1", "aws-iso", "us-iso-east-1", "route53.c2s.ic.gov", NULL, "route53.c2s.ic.gov", "sts.us-iso-west-1.c2s.ic.gov",
			"sts.us-iso-west-1.c2s.ic.gov", "sts.us-iso-west-1.c2s.ic.gov"},
		{"us-isob-east-1", "aws-iso-b", "us-isob-east-1", "route53.sc2s.sgov.gov", NULL, "route53.sc2s.sgov.gov", "sts.us-isob-east-1.sc2s.sgov.gov",
			"sts.us-isob-east-1.sc2s.sgov.gov", "sts.us-isob-east-1.sc2s.sgov.gov"},
		{"eu-isoe-west-1", "aws-iso-e", "eu-isoe-west-1", "route53.cloud.adc-e.uk", NULL, "route53.cloud.adc-e.uk", "sts.eu-isoe-west-1.cloud.adc-e.uk",
			"sts.eu-isoe-west-1.cloud.adc-e.uk", "sts.eu-isoe-west-1.cloud.adc-e.uk"},
		{"us-isof-south-1", "aws-iso-f", "us-isof-south-1", "route53.csp.hci.ic.gov", NULL, "route53.csp.hci.ic.gov",
			"sts.us-isof-south-1.csp.hci.ic.gov", "sts.us-isof-south-1.csp.hci.ic.gov", "sts.us-isof-south-1.csp.hci.ic.gov"},
		{"eusc-de-east-1", "aws-eusc", "eusc-de-east-1", "route53.amazonaws.eu", NULL, "route53.global.api.amazonwebservices.eu",
			"sts.eusc-de-east-1.amazonaws.eu", "sts.eusc-de-east-1.amazonaws.eu", "sts.eusc-de-east-1.api.amazonwebservices.eu"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct partition *partition = partition_find(cases[i].region);
		char sts[PARTITION_HOST_SIZE];
		const char *host;
		struct err err;
		assert_string_equal(partition->name, cases[i].name);
		assert_string_equal(partition->signing, cases[i].signing);
		assert_true(partition_find_host(partition, false, false, &host, &err));
		assert_string_equal(host, cases[i].route53);
		assert_true(partition_find_host(partition, false, true, &host, &err));
		assert_string_equal(host, cases[i].dual);
		assert_int_equal(partition_find_host(partition, true, false, &host, &err), cases[i].fips != NULL);
		if (cases[i].fips)
			assert_string_equal(host, cases[i].fips);
		partition_write_sts(cases[i].region, false, false, sts);
		assert_string_equal(sts, cases[i].sts);
		partition_write_sts(cases[i].region, true, false, sts);
		assert_string_equal(sts, cases[i].sts_fips);
		partition_write_sts(cases[i].region, false, true, sts);
		assert_string_equal(sts, cases[i].sts_dual);
	}
}

#define SERVICES "[default]\nservices=local\nendpoint_url=https://all.example\n[services local]\nroute_53=\n  endpoint_url=https://r53.example/x/\n"

static const struct settings_case {
	const char *environment[4], *config, *region, *endpoint; /* the latter two given */
	const char *route53, *signing, *sts, *sts_signing;       /* NULL in front: a fault, and route53 its sentence */
} settings_cases[] = {
	{{NULL}, NULL, NULL, NULL, "https://route53.amazonaws.com", "us-east-1", "https://sts.amazonaws.com", "us-east-1"},
	{{"AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=x"}, NULL, NULL, NULL, "https://route53.amazonaws.com", "us-east-1",
		"https://sts.eu-west-1.amazonaws.com", "eu-west-1"},
	{{"AWS_DEFAULT_REGION=cn-north-1"}, "[default]\nregion=eu-west-1\n", NULL, NULL, "https://route53.amazonaws.com.cn", "cn-northwest-1",
		"https://sts.cn-north-1.amazonaws.com.cn", "cn-north-1"},
	{{NULL}, "[default]\nregion=us-gov-west-1\n", NULL, NULL, "https://route53.us-gov.amazonaws.com", "us-gov-west-1",
		"https://sts.us-gov-west-1.amazonaws.com", "us-gov-west-1"},
	{{"AWS_REGION=x"}, NULL, "eu-west-3", NULL, "https://route53.amazonaws.com", "us-east-1", "https://sts.eu-west-3.amazonaws.com", "eu-west-3"},
	{{"AWS_ENDPOINT_URL_ROUTE_53=http://127.0.0.1:5353"}, NULL, NULL, NULL, "http://127.0.0.1:5353", "us-east-1", "https://sts.amazonaws.com", "us-east-1"},
	{{"AWS_ENDPOINT_URL=http://localhost:1/", "AWS_REGION=cn-north-1"}, NULL, NULL, NULL, "http://localhost:1", "cn-northwest-1", "http://localhost:1",
		"cn-north-1"},
	{{"AWS_ENDPOINT_URL=http://[::1]:1", "AWS_ENDPOINT_URL_ROUTE_53=https://r.example", "AWS_ENDPOINT_URL_STS=https://s.example"}, NULL, NULL, NULL,
		"https://r.example", "us-east-1", "https://s.example", "us-east-1"},
	{{NULL}, SERVICES, NULL, NULL, "https://r53.example/x", "us-east-1", "https://all.example", "us-east-1"},
	{{NULL}, "[default]\nservices=local\n[service local]\nroute_53=\n  endpoint_url=https://r53.example\n", NULL, NULL, "https://route53.amazonaws.com",
		"us-east-1", "https://sts.amazonaws.com", "us-east-1"},
	{{"AWS_ENDPOINT_URL=https://e.example"}, SERVICES, NULL, NULL, "https://e.example", "us-east-1", "https://e.example", "us-east-1"},
	{{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true", "AWS_ENDPOINT_URL=https://e.example"}, SERVICES, NULL, NULL, "https://route53.amazonaws.com", "us-east-1",
		"https://sts.amazonaws.com", "us-east-1"},
	{{NULL}, "[default]\nignore_configured_endpoint_urls=True\nendpoint_url=https://e.example\n", NULL, NULL, "https://route53.amazonaws.com", "us-east-1",
		"https://sts.amazonaws.com", "us-east-1"},
	{{"AWS_ENDPOINT_URL=https://e.example"}, NULL, NULL, "http://127.3.0.1:9", "http://127.3.0.1:9", "us-east-1", "https://e.example", "us-east-1"},
	{{"AWS_USE_FIPS_ENDPOINT=true", "AWS_REGION=us-east-2"}, NULL, NULL, NULL, "https://route53-fips.amazonaws.com", "us-east-1",
		"https://sts-fips.us-east-2.amazonaws.com", "us-east-2"},
	{{"AWS_USE_DUALSTACK_ENDPOINT=true", "AWS_REGION=us-east-2"}, NULL, NULL, NULL, "https://route53.global.api.aws", "us-east-1",
		"https://sts.us-east-2.api.aws", "us-east-2"},
	{{"AWS_ENDPOINT_URL=http://aws.example"}, NULL, NULL, NULL, "AWS_ENDPOINT_URL is a URL without TLS to another machine", NULL, NULL, NULL},
	{{"AWS_ENDPOINT_URL_ROUTE_53=ftp://x"}, NULL, NULL, NULL, "AWS_ENDPOINT_URL_ROUTE_53: the URL does not begin with", NULL, NULL, NULL},
	{{"AWS_REGION=evil.example/"}, NULL, NULL, NULL, "AWS_REGION: this is no name of a region", NULL, NULL, NULL},
	{{"AWS_REGION=eu-west-1\r\nX: y"}, NULL, NULL, NULL, "AWS_REGION: this is no name of a region", NULL, NULL, NULL},
	{{NULL}, "[default]\nregion=a b\n", NULL, NULL, "the region of the profile: this is no name of a region", NULL, NULL, NULL},
	{{"AWS_REGION=cn-north-1", "AWS_USE_FIPS_ENDPOINT=true"}, NULL, NULL, NULL, "no FIPS endpoint in the partition aws-cn", NULL, NULL, NULL},
};

static void test_settings(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(settings_cases); i++) {
		const struct settings_case *test = &settings_cases[i];
		struct profiles *profiles = read_files(NULL, test->config);
		struct credentials_settings given = {.environment = test->environment, .region = test->region, .endpoint = test->endpoint};
		struct cred_settings settings = {&given, profiles, "default"};
		struct cred_place place;
		struct err err = {0};
		print_message("%zu\n", i);
		bool found = cred_settings_find_route53(&settings, &place, &err);
		if (!test->signing) {
			assert_false(found);
			if (!strstr(err.text, test->route53))
				fail_msg("%s", err.text);
		} else {
			assert_true(found);
			assert_string_equal(place.url, test->route53);
			assert_string_equal(place.region, test->signing);
			cred_settings_drop(&place);
			assert_true(cred_settings_find_sts(&settings, &place, &err));
			assert_string_equal(place.url, test->sts);
			assert_string_equal(place.region, test->sts_signing);
			cred_settings_drop(&place);
		}
		profiles_free(profiles);
	}
}

/* ---- containers ---- */

static void test_container_urls(void **state)
{
	static const struct {
		const char *relative, *full, *url; /* NULL: none */
	} cases[] = {
		{"/v2/credentials/x", NULL, "http://169.254.170.2/v2/credentials/x"},
		{"/v2/credentials?id=x", "http://127.0.0.1/", "http://169.254.170.2/v2/credentials?id=x"},
		{NULL, "http://169.254.170.23/v1/credentials", "http://169.254.170.23/v1/credentials"},
		{NULL, "http://169.254.170.2/x", "http://169.254.170.2/x"},
		{NULL, "http://[fd00:ec2::23]/v1/credentials", "http://[fd00:ec2::23]/v1/credentials"},
		{NULL, "http://[fd00:ec2:0::0:23]/v1", "http://[fd00:ec2:0::0:23]/v1"},
		{NULL, "http://[::1]:80/", "http://[::1]:80/"},
		{NULL, "http://localhost/", "http://localhost/"},
		{NULL, "https://agent.example/x", "https://agent.example/x"},
		{NULL, "http://169.254.169.254/", NULL},
		{NULL, "http://[fd00:ec2::254]/", NULL},
		{NULL, "http://localhost.example/", NULL},
		{"@192.0.2.1/", NULL, NULL},
		{".example/", NULL, NULL},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err;
		char *url = cred_container_make_url(cases[i].relative, cases[i].full, &err);
		check_text(url, cases[i].url);
		free(url);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialect),
		cmocka_unit_test(test_dialect_faults),
		cmocka_unit_test(test_no_text),
		cmocka_unit_test(test_many_sections),
		cmocka_unit_test(test_two_files),
		cmocka_unit_test(test_plans),
		cmocka_unit_test(test_plan_faults),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_no_dump),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_sts),
		cmocka_unit_test(test_partitions),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_container_urls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
