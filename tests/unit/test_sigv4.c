/* Signatures of requests to AWS: the canonical form piece by piece, two whole requests as botocore signs them, what is refused, and the skew of clocks. */
// links: dns
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/sigv4.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DATE "20270115T080000Z"
#define DATE_S 1800000000

static const struct sigv4_credentials good = {"AKIAEXAMPLE", "a-secret/of+forty", NULL};
static const struct sigv4_request plain = {.method = "GET", .host = "h", .target = "/", .region = "us-east-1", .service = "route53"};

static void target_is(const char *target, const char *path, const char *query)
{
	char expected[512];
	struct sigv4_request request = plain;
	request.target = target;
	char *canonical = sigv4_make_canonical(&request, NULL, DATE);
	int length = snprintf(expected, sizeof(expected), "GET\n%s\n%s\nhost:h\n", path, query);
	assert_true(length < (int)sizeof(expected));
	canonical[length < (int)strlen(canonical) ? length : 0] = '\0';
	assert_string_equal(canonical, expected);
	free(canonical);
}

static void paths_are_normalised_and_encoded_once_more(void **state)
{
	(void)state;
	static const char *const paths[][2] = {
		{"/", "/"},
		{"/a/b", "/a/b"},
		{"/a/b/", "/a/b/"},
		{"//", "/"},
		{"//a///b//", "/a/b/"},
		{"/./a/.", "/a"},
		{"/a/./", "/a/"},
		{"/a/../b", "/b"},
		{"/a/b/..", "/a"},
		{"/a/..", "/"},
		{"/../../a/../..", "/"},
		{"/.../.x/x.", "/.../.x/x."},
		{"/a%2Fb", "/a%252Fb"},
		{"/%2e%2e/a", "/%252e%252e/a"},
		{"/a b*:@+$=", "/a%20b%2A%3A%40%2B%24%3D"},
		{"/-_.~", "/-_.~"},
		{"/\xe1\x88\xb4", "/%E1%88%B4"},
	};
	for (size_t i = 0; i < COUNT(paths); i++)
		target_is(paths[i][0], paths[i][1], "");
}

static void queries_are_encoded_anew_and_sorted(void **state)
{
	(void)state;
	static const char *const queries[][2] = {
		{"", ""},
		{"a", "a="},
		{"a=", "a="},
		{"=x", "=x"},
		{"name=b&type=A&maxitems=1", "maxitems=1&name=b&type=A"},
		{"a=2&a=1&a", "a=&a=1&a=2"},
		{"a-=1&a=2", "a=2&a-=1"},
		{"b=1&B=2&a=3", "B=2&a=3&b=1"},
		{"%62=1&a=2", "a=2&b=1"},
		{"\xe1\x88\xb4=1&z=2", "%E1%88%B4=1&z=2"},
		{"name=%5C052.example.com.", "name=%5C052.example.com."},
		{"name=%5c052.example.com.", "name=%5C052.example.com."},
		{"name=\\052.example.com.", "name=%5C052.example.com."},
		{"a=%2B", "a=%2B"},
		{"a=+", "a=%2B"},
		{"a=%20", "a=%20"},
		{"a=*:@/?", "a=%2A%3A%40%2F%3F"},
		{"a=b=c", "a=b%3Dc"},
		{"a=%3D%26", "a=%3D%26"},
		{"a=%41%7e%7E", "a=A~~"},
		{"a=%00", "a=%00"},
		{"a=%zz&b=%4", "a=%25zz&b=%254"},
		{"a=%", "a=%25"},
	};
	for (size_t i = 0; i < COUNT(queries); i++) {
		char target[64] = "/?";
		strcat(target, queries[i][0]);
		target_is(target, "/", queries[i][1]);
	}
}

#define FIELDS_MAX 4
struct field_case {
	struct sigv4_field fields[FIELDS_MAX];
	const char *token, *lines, *names;
};

static void check_fields(const struct field_case *one)
{
	char expected[512];
	struct sigv4_request request = plain;
	request.fields = one->fields;
	while (request.field_count < FIELDS_MAX && one->fields[request.field_count].name)
		request.field_count++;
	char *canonical = sigv4_make_canonical(&request, one->token, DATE);
	snprintf(expected, sizeof(expected), "GET\n/\n\n%s\n\n%s\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", one->lines, one->names);
	assert_string_equal(canonical, expected);
	free(canonical);
}

static void fields_are_trimmed_joined_and_sorted_by_name(void **state)
{
	(void)state;
	static const struct field_case cases[] = {
		{{{0}}, NULL, "host:h\nx-amz-date:" DATE, "host;x-amz-date"},
		{{{0}}, "", "host:h\nx-amz-date:" DATE, "host;x-amz-date"},
		{{{0}}, "t//+==", "host:h\nx-amz-date:" DATE "\nx-amz-security-token:t//+==", "host;x-amz-date;x-amz-security-token"},
		{{{"Zed", "Z"}, {"content-TYPE", "Text/XML"}}, NULL, "content-type:Text/XML\nhost:h\nx-amz-date:" DATE "\nzed:Z",
			"content-type;host;x-amz-date;zed"},
		{{{"A", "2"}, {"B", "x"}, {"a", "1"}, {"A", "2"}}, NULL, "a:2,1,2\nb:x\nhost:h\nx-amz-date:" DATE, "a;b;host;x-amz-date"},
		{{{"X-Amz-Date-Foo", "1"}, {"X-Amz-Dat", "2"}}, NULL, "host:h\nx-amz-dat:2\nx-amz-date:" DATE "\nx-amz-date-foo:1",
			"host;x-amz-dat;x-amz-date;x-amz-date-foo"},
		{{{"A", " \t a  b\t\tc \t"}}, NULL, "a:a b c\nhost:h\nx-amz-date:" DATE, "a;host;x-amz-date"},
		{{{"A", "\"a   b\""}}, NULL, "a:\"a b\"\nhost:h\nx-amz-date:" DATE, "a;host;x-amz-date"},
		{{{"A", "a\r\n   b"}}, NULL, "a:a b\nhost:h\nx-amz-date:" DATE, "a;host;x-amz-date"},
		{{{"A", ""}, {"a", " \t "}, {"A", " x"}}, NULL, "a:,,x\nhost:h\nx-amz-date:" DATE, "a;host;x-amz-date"},
		{{{"A", "\xc3\xa9 \xe6\x97\xa5"}}, NULL, "a:\xc3\xa9 \xe6\x97\xa5\nhost:h\nx-amz-date:" DATE, "a;host;x-amz-date"},
	};
	for (size_t i = 0; i < COUNT(cases); i++)
		check_fields(&cases[i]);
}

static void check_lines(const struct sigv4_request *request, const struct sigv4_credentials *credentials, const char *const *expected)
{
	struct sigv4_lines lines;
	struct err err;
	assert_true(sigv4_sign(request, credentials, DATE_S, &lines, &err));
	size_t i = 0;
	for (; expected[i]; i++) {
		assert_non_null(lines.lines[i]);
		assert_string_equal(lines.lines[i], expected[i]);
	}
	assert_null(lines.lines[i]);
	sigv4_lines_fini(&lines);
	assert_null(lines.lines);
}

static void a_change_is_signed_with_its_body(void **state)
{
	(void)state;
	static const struct sigv4_field type = {"Content-Type", "application/xml"};
	static const char body[] = "<ChangeResourceRecordSetsRequest/>";
	struct sigv4_request request = {.method = "POST",
		.host = "route53.amazonaws.com",
		.target = "/2013-04-01/hostedzone/Z123/rrset/",
		.fields = &type,
		.field_count = 1,
		.body = body,
		.body_length = sizeof(body) - 1,
		.region = "us-east-1",
		.service = "route53"};
	static const char *const expected[] = {"Host: route53.amazonaws.com", "Content-Type: application/xml", "X-Amz-Date: " DATE,
		"Authorization: AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20270115/us-east-1/route53/aws4_request, SignedHeaders=content-type;host;x-amz-date, "
		"Signature=536a036da1625b20fdfbcdb19fdea2ed74adb72e7b6237fa11268c7d0bd9c449",
		NULL};
	check_lines(&request, &good, expected);
}

static void a_list_is_signed_with_its_query_and_token(void **state)
{
	(void)state;
	struct sigv4_request request = {.method = "GET",
		.host = "127.0.0.1:4566",
		.target = "/2013-04-01/hostedzone/Z123/rrset?name=%5C052.example.com.&type=A&maxitems=100",
		.region = "us-east-1",
		.service = "route53"};
	struct sigv4_credentials credentials = good;
	credentials.token = "a-token//+==";
	static const char *const expected[] = {"Host: 127.0.0.1:4566", "X-Amz-Date: " DATE, "X-Amz-Security-Token: a-token//+==",
		"Authorization: AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20270115/us-east-1/route53/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token, "
		"Signature=c431356a97725b0681a0066f37ece7bafb5d1d00ce1b6e5d4208b3c270aa1969",
		NULL};
	check_lines(&request, &credentials, expected);
}

static void the_string_to_sign_names_what_it_is_for(void **state)
{
	(void)state;
	char *text = sigv4_make_string_to_sign(&plain, DATE, "");
	assert_string_equal(text, "AWS4-HMAC-SHA256\n" DATE "\n20270115/us-east-1/route53/aws4_request\n"
				  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	free(text);
}

/* The sentence says which of the three it is, and nothing of what is in it. */
static void credentials_that_can_not_be_sent_are_refused(void **state)
{
	(void)state;
	static const struct {
		struct sigv4_credentials credentials;
		const char *says;
	} cases[] = {
		{{NULL, "QQQQ", NULL}, "no access key id"},
		{{"", "QQQQ", NULL}, "no access key id"},
		{{"ID", NULL, NULL}, "no secret access key"},
		{{"ID", "", NULL}, "no secret access key"},
		{{"QQ QQ", "S", NULL}, "the access key id has"},
		{{"QQQQ\n", "S", NULL}, "the access key id has"},
		{{"QQ/QQ", "S", NULL}, "the access key id has"},
		{{"QQ,QQ", "S", NULL}, "the access key id has"},
		{{"QQ\xc3\xa9QQ", "S", NULL}, "the access key id has"},
		{{"ID", "QQQQ\r", NULL}, "the secret access key has"},
		{{"ID", " QQQQ", NULL}, "the secret access key has"},
		{{"ID", "S", "QQQQ\r\nX: y"}, "the session token has"},
		{{"ID", "S", "QQ QQ"}, "the session token has"},
		{{"ID", "S", "QQ\x7fQQ"}, "the session token has"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct sigv4_lines lines;
		struct err err = {""}, again = {""};
		assert_false(sigv4_sign(&plain, &cases[i].credentials, DATE_S, &lines, &err));
		assert_non_null(strstr(err.text, cases[i].says));
		assert_null(strstr(err.text, "QQ"));
		assert_false(sigv4_check_credentials(&cases[i].credentials, &again));
		assert_string_equal(err.text, again.text);
	}
	assert_true(sigv4_check_credentials(&good, NULL));
}

static void a_region_that_is_none_is_refused(void **state)
{
	(void)state;
	static const char *const regions[] = {"", "us east", "us-east-1\r\nX: y", "us/east", "us,east", "\xc3\xa9"};
	for (size_t i = 0; i < COUNT(regions); i++) {
		struct sigv4_request request = plain;
		struct sigv4_lines lines;
		struct err err = {""};
		request.region = regions[i];
		assert_false(sigv4_sign(&request, &good, DATE_S, &lines, &err));
		assert_non_null(strstr(err.text, "region"));
	}
}

static void dates_are_written_in_utc(void **state)
{
	(void)state;
	static const struct {
		int64_t time_s;
		const char *date;
	} cases[] = {{0, "19700101T000000Z"}, {951868799, "20000229T235959Z"}, {1440938160, "20150830T123600Z"}, {253402300799, "99991231T235959Z"}};
	char date[SIGV4_DATE_SIZE];
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_true(sigv4_write_date(cases[i].time_s, date));
		assert_string_equal(date, cases[i].date);
	}
	static const int64_t none[] = {-1, 253402300800, INT64_MAX, INT64_MIN};
	for (size_t i = 0; i < COUNT(none); i++) {
		struct sigv4_lines lines;
		struct err err = {""};
		assert_false(sigv4_write_date(none[i], date));
		assert_false(sigv4_sign(&plain, &good, none[i], &lines, &err));
		assert_non_null(strstr(err.text, "clock"));
	}
}

static void the_skew_is_what_the_server_says_less_what_we_say(void **state)
{
	(void)state;
	static const char *const dates[] = {"Sun, 30 Aug 2015 12:36:00 GMT", "Sunday, 30-Aug-15 12:36:00 GMT", "Sun Aug 30 12:36:00 2015"};
	static const int64_t skews[] = {0, 1, -1, 600, -600, 1440938160};
	for (size_t i = 0; i < COUNT(dates) * COUNT(skews); i++) {
		int64_t skew = skews[i % COUNT(skews)], found = 99;
		assert_true(sigv4_read_skew(dates[i / COUNT(skews)], 1440938160 - skew, &found));
		assert_int_equal(found, skew);
	}
	static const char *const none[] = {NULL, "", "soon", "Sun, 30 Foo 2015 12:36:00 GMT", "Sun, 30 Aug 1915 12:36:00 GMT", "12:36:00 GMT"};
	for (size_t i = 0; i < COUNT(none); i++) {
		int64_t found;
		assert_false(sigv4_read_skew(none[i], 1440938160, &found));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_normalised_and_encoded_once_more),
		cmocka_unit_test(queries_are_encoded_anew_and_sorted),
		cmocka_unit_test(fields_are_trimmed_joined_and_sorted_by_name),
		cmocka_unit_test(a_change_is_signed_with_its_body),
		cmocka_unit_test(a_list_is_signed_with_its_query_and_token),
		cmocka_unit_test(the_string_to_sign_names_what_it_is_for),
		cmocka_unit_test(credentials_that_can_not_be_sent_are_refused),
		cmocka_unit_test(a_region_that_is_none_is_refused),
		cmocka_unit_test(dates_are_written_in_utc),
		cmocka_unit_test(the_skew_is_what_the_server_says_less_what_we_say),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
