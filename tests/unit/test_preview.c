/* Who asks for the idle color, and links: pure, over tables. */
// links: proxy
#include <assert.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/preview.h"

#define NOW 1000u

static struct totals *totals;
static struct table_globals globals = {.preview_key = "0123456789abcdef0123456789abcde"};
static char good[TOKEN_SIZE], late[TOKEN_SIZE], of_live[TOKEN_SIZE], of_other[TOKEN_SIZE], forged[TOKEN_SIZE];

static void make_token(const char *service, enum color color, uint64_t expires_s, char out[TOKEN_SIZE])
{
	char subject[PREVIEW_SUBJECT_SIZE];
	preview_write_subject(service, color, subject);
	token_make(globals.preview_key, subject, expires_s, out);
}

static int set_up(void **state)
{
	static const uint8_t other_key[TOKEN_KEY_SIZE] = "somebody else's";
	char subject[PREVIEW_SUBJECT_SIZE];
	(void)state;
	totals = totals_new(1);
	make_token("shop", COLOR_GREEN, NOW + 60, good);
	make_token("shop", COLOR_GREEN, NOW, late);
	make_token("shop", COLOR_BLUE, NOW + 60, of_live);
	make_token("shops", COLOR_GREEN, NOW + 60, of_other);
	preview_write_subject("shop", COLOR_GREEN, subject);
	token_make(other_key, subject, NOW + 60, forged);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	totals_release(totals);
	return 0;
}

static struct table_service *make(const char *header, const char *cookie)
{
	struct table_service_spec spec = {
		.name = "shop", .live = COLOR_BLUE, .blue_split = TABLE_SPLIT_WHOLE, .preview_header = header, .preview_cookie = cookie, .totals = totals};
	return table_service_new(&spec);
}

static void parse(const char *text, struct head *head)
{
	static const struct head_limits limits = {65536, HEAD_FIELDS_MAX};
	enum fail fail;
	assert_int_equal(head_parse_request(text, strlen(text), 0, &limits, head, &fail), HEAD_DONE);
}

static bool asks(const struct table_service *service, const char *fields)
{
	char text[2048];
	struct head head;
	snprintf(text, sizeof(text), "GET / HTTP/1.0\r\n%s\r\n", fields);
	parse(text, &head);
	return preview_is_asked(service, &globals, &head, NOW);
}

static void a_field_asks(void **state)
{
	static const struct {
		const char *fields;
		bool asks;
	} cases[] = {{"X-Preview: 1\r\n", true}, {"x-PREVIEW:true\r\n", true}, {"X-Preview: True\r\n", true}, {"X-Preview: 0\r\n", false},
		{"X-Preview:\r\n", false}, {"X-Preview: 11\r\n", false}, {"X-Preview: yes\r\n", false}, {"X-Preview: 1, 1\r\n", false},
		{"X-Previe: 1\r\n", false}, {"", false}, {"Cookie: p=1\r\n", false}};
	(void)state;
	struct table_service *service = make("X-Preview", NULL), *by_cookie = make(NULL, "p");
	assert_true(service->asks);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(asks(service, cases[i].fields), cases[i].asks);
		assert_false(asks(by_cookie, cases[i].fields));
	}
	table_service_release(service);
	table_service_release(by_cookie);
}

static void a_cookie_asks(void **state)
{
	(void)state;
	const struct {
		const char *format, *token;
		bool asks;
	} cases[] = {{"Cookie: p=%s\r\n", good, true}, {"Cookie: a=b; p=\"%s\"; c=d\r\n", good, true}, {"Cookie: p=x\r\nCookie: p=%s\r\n", good, true},
		{"Cookie: p=a; p=b; p=c; p=%s\r\n", good, true}, {"Cookie: p=a; p=b; p=c; p=d; p=%s\r\n", good, false}, {"Cookie: P=%s\r\n", good, false},
		{"Cookie: q=%s\r\n", good, false}, {"P: %s\r\n", good, false}, {"Cookie: p=%sA\r\n", good, false}, {"Cookie: p=%s\r\n", late, false},
		{"Cookie: p=%s\r\n", of_live, false}, {"Cookie: p=%s\r\n", of_other, false}, {"Cookie: p=%s\r\n", forged, false},
		{"Cookie: p=%s\r\n", "1", false}, {"Cookie: p=%s\r\n", "", false}};
	struct table_service *service = make(NULL, "p");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char fields[512];
		snprintf(fields, sizeof(fields), cases[i].format, cases[i].token);
		if (asks(service, fields) != cases[i].asks)
			fail_msg("%s", fields);
	}
	table_service_release(service);
}

/* ---- links ---- */

struct link_case {
	const char *before, *after; /* of the token in the request's target */
	const char *target;         /* that it leads to; NULL: it is no link */
};

static const struct link_case links[] = {
	{"/?teal_preview=", "", "/"},
	{"/a/b?teal_preview=", "", "/a/b"},
	{"/a?x=1&teal_preview=", "", "/a?x=1"},
	{"/a?teal_preview=", "&x=1", "/a?x=1"},
	{"/a?x=1&teal_preview=", "&y=2&z", "/a?x=1&y=2&z"},
	{"/a?teal_preview=", "&", "/a?"},
	{"/a?&teal_preview=", "", "/a?"},
	{"http://shop?teal_preview=", "", "/"},
	{"http://shop?teal_preview=", "&b", "/?b"},
	{"http://shop?a&teal_preview=", "&b", "/?a&b"},
	{"http://shop/c?teal_preview=", "", "/c"},
	{"//evil.example/?teal_preview=", "", "/.//evil.example/"},
	{"/\\evil.example/?teal_preview=", "", "/./\\evil.example/"},
	{"///evil.example?teal_preview=", "&x", "/.///evil.example?x"},
	{"/a?teal_previe=", "", NULL},
	{"/a?xteal_preview=", "", NULL},
	{"/a?Teal_preview=", "", NULL},
	{"/a?teal_preview", "", NULL},
	{"/teal_preview=", "", NULL},
	{"/a?teal_preview=", "A", NULL},
	{"/a?teal_preview=", ";x", NULL},
	{"/a?teal_preview=x&teal_preview=", "", NULL},
};

static bool read_target(const struct table_service *service, const char *method, const struct link_case *wanted, const char *token, char *out, size_t size)
{
	char text[1024], cut[512];
	struct head head;
	struct preview_link link;
	snprintf(text, sizeof(text), "%s %s%s%s HTTP/1.0\r\n\r\n", method, wanted->before, token, wanted->after);
	parse(text, &head);
	if (!preview_read_link(service, &globals, &head, NOW, &link))
		return false;
	assert_int_equal(link.left_s, 60);
	assert_int_equal(link.token.length, strlen(token));
	assert_memory_equal(link.token.at, token, link.token.length);
	size_t length = preview_write_target(&link, out, size);
	assert_int_equal(length, strlen(out));
	for (size_t small = 0; small <= length; small++)
		assert_int_equal(preview_write_target(&link, cut, small), 0);
	return true;
}

static void links_lead_on(void **state)
{
	(void)state;
	struct table_service *service = make(NULL, "p");
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		static const char *const methods[] = {"GET", "HEAD"};
		for (unsigned m = 0; m < 2; m++) {
			char target[512] = "";
			bool is_link = read_target(service, methods[m], &links[i], good, target, sizeof(target));
			if (is_link != (links[i].target != NULL) || (is_link && strcmp(target, links[i].target) != 0))
				fail_msg("%s…%s: %s", links[i].before, links[i].after, target);
		}
	}
	table_service_release(service);
}

static void other_methods_and_tokens_are_no_links(void **state)
{
	static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "PROPFIND", "get"};
	(void)state;
	struct table_service *service = make(NULL, "p");
	char target[512];
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		assert_false(read_target(service, methods[i], &links[0], good, target, sizeof(target)));
	const char *const tokens[] = {late, of_live, of_other, forged, "", "x"};
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
		assert_false(read_target(service, "GET", &links[0], tokens[i], target, sizeof(target)));
	table_service_release(service);
}

/* Two names never make one subject. */
static void subjects_differ(void **state)
{
	(void)state;
	char one[PREVIEW_SUBJECT_SIZE], two[PREVIEW_SUBJECT_SIZE], name[600];
	preview_write_subject("a", COLOR_BLUE, one);
	preview_write_subject("a", COLOR_GREEN, two);
	assert_string_not_equal(one, two);
	preview_write_subject("b", COLOR_BLUE, two);
	assert_string_not_equal(one, two);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	preview_write_subject(name, COLOR_GREEN, one);
	static_assert(PREVIEW_SUBJECT_SIZE <= TOKEN_SUBJECT_MAX, "it fits into a token");
	assert_true(strlen(one) < PREVIEW_SUBJECT_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_field_asks),
		cmocka_unit_test(a_cookie_asks),
		cmocka_unit_test(links_lead_on),
		cmocka_unit_test(other_methods_and_tokens_are_no_links),
		cmocka_unit_test(subjects_differ),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
