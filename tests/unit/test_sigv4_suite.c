/* AWS's own test suite for Signature Version 4, where it lies beside the tree (../shared/sigv4-suite) or where $TEAL_SIGV4_SUITE says; skipped elsewhere.
 *
 * Its cases are files that are read as they are: v4/ with a context.json each, legacy/ with a .req each. Not asked: paths that are not normalised (S3), and a session token that is left
 * out of the signature, neither of which Route 53 or STS want; signed URLs, and asymmetric keys. */
// links: dns
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <glob.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "dns/sigv4.h"

#define FIELDS_MAX 8u
#define TIME_S 1440938160 /* 2015-08-30T12:36:00Z, which all of them have */

static const char *find_suite(void)
{
	const char *named = getenv("TEAL_SIGV4_SUITE");
	return named ? named : TEAL_TREE "/../shared/sigv4-suite";
}

/* A file beside `path`, or in its place where `name` begins with a dot: the same name with another ending. NUL-terminated, no line's end at its end. */
static char *read_beside(const char *path, const char *name)
{
	char wanted[1024];
	const char *cut = strrchr(path, *name == '.' ? '.' : '/') + (*name != '.');
	snprintf(wanted, sizeof(wanted), "%.*s%s", (int)(cut - path), path, name);
	FILE *file = fopen(wanted, "r");
	if (!file)
		fail_msg("%s can't be read", wanted);
	char *text = calloc(1, 65536);
	size_t length = fread(text, 1, 65535, file);
	fclose(file);
	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
		text[--length] = '\0';
	return text;
}

struct one {
	struct sigv4_request request;
	struct sigv4_credentials credentials;
	struct sigv4_field fields[FIELDS_MAX];
	char hash[SIGV4_HASH_SIZE];
};

/* Those that signing adds are not among the fields. */
static void take_field(struct one *one, char *line)
{
	char *value = strchr(line, ':');
	assert_non_null(value);
	*value++ = '\0';
	if (strcasecmp(line, "host") == 0)
		one->request.host = value;
	else if (strcasecmp(line, "x-amz-security-token") != 0 && strcasecmp(line, "x-amz-date") != 0) {
		assert_true(one->request.field_count < FIELDS_MAX);
		one->fields[one->request.field_count++] = (struct sigv4_field){line, value};
	}
}

/* The line that ends before *rest, with those that continue it; cut there. */
static char *cut_line(char **rest)
{
	char *line = *rest, *end = line + strcspn(line, "\n");
	while (end[0] == '\n' && (end[1] == ' ' || end[1] == '\t'))
		end += 1 + strcspn(end + 1, "\n");
	*rest = *end ? end + 1 : end;
	*end = '\0';
	return line;
}

/* Cuts the text into its parts, which stay in it. */
static void take_request(struct one *one, char *text)
{
	char *rest = text, *line = cut_line(&rest);
	char *target = strchr(line, ' '), *version = strrchr(line, ' ');
	assert_true(target && version > target);
	*target = *version = '\0';
	one->request.method = line;
	one->request.target = target + 1;
	while (*(line = cut_line(&rest)))
		take_field(one, line);
	one->request.body = rest;
	one->request.body_length = strlen(rest);
	one->request.fields = one->fields;
	assert_non_null(one->request.host);
}

static void sign_and_compare(const struct one *one, const char *canonical, const char *to_sign, const char *authorization)
{
	char date[SIGV4_DATE_SIZE], expected[2048];
	struct sigv4_lines lines;
	struct err err;
	assert_true(sigv4_write_date(TIME_S, date));
	char *our_canonical = sigv4_make_canonical(&one->request, one->credentials.token, date);
	assert_string_equal(our_canonical, canonical);
	char *our_to_sign = sigv4_make_string_to_sign(&one->request, date, our_canonical);
	assert_string_equal(our_to_sign, to_sign);
	assert_true(sigv4_sign(&one->request, &one->credentials, TIME_S, &lines, &err));
	char **last = lines.lines;
	while (last[1])
		last++;
	snprintf(expected, sizeof(expected), "Authorization: %s", authorization);
	assert_string_equal(*last, expected);
	sigv4_lines_fini(&lines);
	free(our_to_sign);
	sigv4_wipe(our_canonical);
}

/* The value of a field (`\nName:`) in a signed request, cut out of it; NULL when it has none. */
static const char *cut_field(char *signed_request, const char *name)
{
	char *found = strstr(signed_request, name);
	if (!found)
		return NULL;
	found += strlen(name);
	found[strcspn(found, "\r\n")] = '\0';
	return found + strspn(found, " ");
}

static const char *text_of(const json_t *from, const char *key)
{
	return json_string_value(json_object_get(from, key));
}

static void take_context(struct one *one, const json_t *context)
{
	const json_t *credentials = json_object_get(context, "credentials");
	assert_string_equal(text_of(context, "timestamp"), "2015-08-30T12:36:00Z");
	one->request.region = text_of(context, "region");
	one->request.service = text_of(context, "service");
	one->credentials =
		(struct sigv4_credentials){text_of(credentials, "access_key_id"), text_of(credentials, "secret_access_key"), text_of(credentials, "token")};
}

/* Whether the case is asked. */
static bool check_v4(const char *path)
{
	json_t *context = json_load_file(path, 0, NULL);
	assert_non_null(context);
	bool applies = json_is_true(json_object_get(context, "normalize")) && !json_is_true(json_object_get(context, "omit_session_token"));
	struct one one = {0};
	char *request = read_beside(path, "request.txt");
	take_request(&one, request);
	take_context(&one, context);
	if (json_is_true(json_object_get(context, "sign_body"))) {
		sigv4_hash(one.request.body, one.request.body_length, one.hash);
		one.fields[one.request.field_count++] = (struct sigv4_field){"x-amz-content-sha256", one.hash};
	}
	char *canonical = read_beside(path, "header-canonical-request.txt"), *to_sign = read_beside(path, "header-string-to-sign.txt");
	char *signed_request = read_beside(path, "header-signed-request.txt");
	if (applies)
		sign_and_compare(&one, canonical, to_sign, cut_field(signed_request, "\nAuthorization:"));
	free(signed_request);
	free(to_sign);
	free(canonical);
	free(request);
	json_decref(context);
	return applies;
}

static bool check_legacy(const char *path)
{
	if (strstr(path, "post-sts-header-after"))
		return false;
	char common[1024]; /* all of both sets are for the same service and by the same key */
	snprintf(common, sizeof(common), "%s/v4/get-vanilla/context.json", find_suite());
	json_t *context = json_load_file(common, 0, NULL);
	assert_non_null(context);
	struct one one = {0};
	char *request = read_beside(path, ".req"), *signed_request = read_beside(path, ".sreq");
	take_request(&one, request);
	take_context(&one, context);
	one.credentials.token = cut_field(signed_request, "\nX-Amz-Security-Token:"); /* not every .req has it */
	char *canonical = read_beside(path, ".creq"), *to_sign = read_beside(path, ".sts"), *authorization = read_beside(path, ".authz");
	sign_and_compare(&one, canonical, to_sign, authorization);
	free(authorization);
	free(to_sign);
	free(canonical);
	free(signed_request);
	free(request);
	json_decref(context);
	return true;
}

/* Every file of the patterns, of which there are `count` and `applying` are asked. */
static void check_all(const char *const patterns[2], bool (*check)(const char *path), size_t count, size_t applying)
{
	glob_t found = {0};
	for (size_t i = 0; i < 2 && patterns[i]; i++) {
		char pattern[1024];
		snprintf(pattern, sizeof(pattern), "%s/%s", find_suite(), patterns[i]);
		assert_int_equal(glob(pattern, i ? GLOB_APPEND : 0, NULL, &found), 0);
	}
	size_t asked = 0;
	for (size_t i = 0; i < found.gl_pathc; i++)
		asked += check(found.gl_pathv[i]);
	print_message("%zu of %zu cases asked\n", asked, found.gl_pathc);
	assert_int_equal(found.gl_pathc, count);
	assert_int_equal(asked, applying);
	globfree(&found);
}

static void skip_without_suite(void)
{
	if (access(find_suite(), R_OK) == 0)
		return;
	print_message("the suite is not at %s; $TEAL_SIGV4_SUITE may name another place\n", find_suite());
	skip();
}

static void the_cases_with_a_context(void **state)
{
	(void)state;
	skip_without_suite();
	check_all((const char *const[]){"v4/*/context.json", NULL}, check_v4, 38, 30);
}

static void the_older_cases(void **state)
{
	(void)state;
	skip_without_suite();
	check_all((const char *const[]){"legacy/*/*.req", "legacy/*/*/*.req"}, check_legacy, 34, 33);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cases_with_a_context),
		cmocka_unit_test(the_older_cases),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
