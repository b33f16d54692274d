/* Two answers compared, and what many pairs say together. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "switch/compare.h"
#include "switch/comparison.h"
#include "switch/copier.h"

#define FIELDS 3 /* Content-Type, then those of make_rules */

static void make_rules(struct compare_rules *rules)
{
	char *fields[] = {"x-version", "set-cookie", "Content-Type"};
	char *ignore[] = {"/id", "/items/*/at", "/items/1/odd", "/meta"};
	compare_rules_init(rules, fields, 3, ignore, 4);
	assert_int_equal(rules->field_count, FIELDS);
}

struct side {
	unsigned status;
	const char *values[FIELDS];
	const char *body;
	bool cut;
};

static struct compare_answer answer_of(const struct side *side)
{
	return (struct compare_answer){
		.status = side->status,
		.fault = side->status == 0 ? "timed out" : NULL,
		.values = side->values,
		.body = side->body,
		.body_length = side->body ? strlen(side->body) : 0,
		.body_cut = side->cut,
	};
}

#define PLAIN \
	{ \
		"text/plain" \
	}
#define JSON \
	{ \
		"application/json" \
	}

/* `found`: what differs, as `kind where live other` lines. */
static const struct pair {
	const char *name;
	struct side live, other;
	const char *found;
} pairs[] = {
	{"the same", {200, PLAIN, "a", false}, {200, PLAIN, "a", false}, ""},
	{"no bodies", {204, {NULL}, NULL, false}, {204, {NULL}, NULL, false}, ""},
	{"a status, and nothing besides", {200, PLAIN, "a", false}, {500, JSON, "b", false}, "status [] 200|500\n"},
	{"no answer", {200, PLAIN, "a", false}, {0, {NULL}, NULL, false}, "no_answer [timed out] 200|none: timed out\n"},
	{"a field", {200, {"text/plain", "7"}, "a", false}, {200, {"text/plain", "8"}, "a", false}, "field [x-version] 7|8\n"},
	{"a field that is missing", {200, {"text/plain", "7"}, "a", false}, {200, {"text/plain"}, "a", false}, "field [x-version] 7|nothing\n"},
	{"a type", {200, PLAIN, "a", false}, {200, {"text/html"}, "a", false}, "field [content-type] text/plain|text/html\n"},
	{"a cookie is not shown", {200, {"text/plain", NULL, "s=1"}, "a", false}, {200, {"text/plain", NULL, "s=2"}, "a", false},
		"field [set-cookie] a cookie|a cookie\n"},
	{"bytes", {200, PLAIN, "a", false}, {200, PLAIN, "bc", false}, "body [] 1 bytes, hash af63dc4c8601ec8c|2 bytes, hash 08a63507b54dd372\n"},
	{"one is longer", {200, PLAIN, "abc", false}, {200, PLAIN, "ab", false}, "body [] 3 bytes, hash e71fa2190541574b|2 bytes, hash 089c4407b545986a\n"},
	{"one is longer, as far as is known", {200, PLAIN, "abc", false}, {200, PLAIN, "ab", true}, ""},
	{"cut, and others", {200, PLAIN, "ab", true}, {200, PLAIN, "ac", true},
		"body [] the first 2 bytes, hash 089c4407b545986a|the first 2 bytes, hash 089c4507b5459a1d\n"},
	{"a cut one is longer than a whole one", {200, PLAIN, "abc", true}, {200, PLAIN, "ab", false},
		"body [] the first 3 bytes, hash e71fa2190541574b|2 bytes, hash 089c4407b545986a\n"},
	{"JSON in another order", {200, JSON, "{\"a\": 1, \"b\": [2]}", false}, {200, JSON, "{\"b\":[2],\"a\":1}", false}, ""},
	{"a value", {200, JSON, "{\"price\": 1}", false}, {200, JSON, "{\"price\": 2}", false}, "json [/price] 1|2\n"},
	{"a kind of number", {200, JSON, "{\"price\": 1}", false}, {200, JSON, "{\"price\": 1.0}", false}, "json [/price] 1|1.0\n"},
	{"a name that is missing and one that came", {200, JSON, "{\"a\": \"x\"}", false}, {200, JSON, "{\"b\": null}", false},
		"json [/a] \"x\"|nothing\njson [/b] nothing|null\n"},
	{"one place of many items", {200, JSON, "{\"items\": [{\"n\": 1}, {\"n\": 2}]}", false}, {200, JSON, "{\"items\": [{\"n\": 3}, {\"n\": 4}]}", false},
		"json [/items/*/n] 1|3\n"},
	{"lengths", {200, JSON, "[1, 2]", false}, {200, JSON, "[1]", false}, "json [/] a list of 2|a list of 1\n"},
	{"kinds", {200, JSON, "{\"a\": {}}", false}, {200, JSON, "{\"a\": []}", false}, "json [/a] an object|a list of 0\n"},
	{"the whole", {200, JSON, "{}", false}, {200, JSON, "[]", false}, "json [/] an object|a list of 0\n"},
	{"names with / and ~", {200, JSON, "{\"a/b\": {\"~\": 1}}", false}, {200, JSON, "{\"a/b\": {\"~\": 2}}", false}, "json [/a~1b/~0] 1|2\n"},
	{"ignored", {200, JSON, "{\"id\": 1, \"items\": [{\"at\": 1}], \"meta\": {\"x\": 1}}", false},
		{200, JSON, "{\"id\": 2, \"items\": [{\"at\": 2}], \"meta\": {\"x\": 2, \"y\": 3}}", false}, ""},
	{"ignored at one index", {200, JSON, "{\"items\": [{\"odd\": 1}, {\"odd\": 1}]}", false},
		{200, JSON, "{\"items\": [{\"odd\": 2}, {\"odd\": 2}]}", false}, "json [/items/*/odd] 1|2\n"},
	{"ignored at that index", {200, JSON, "{\"items\": [{\"odd\": 1}, {\"odd\": 1}]}", false},
		{200, JSON, "{\"items\": [{\"odd\": 1}, {\"odd\": 2}]}", false}, ""},
	{"not ignored further down", {200, JSON, "{\"x\": {\"id\": 1}}", false}, {200, JSON, "{\"x\": {\"id\": 2}}", false}, "json [/x/id] 1|2\n"},
	{"one is no JSON", {200, JSON, "{}", false}, {200, JSON, "{", false}, "body [] 2 bytes, hash 08f44b07b5901a25|1 bytes, hash af63f64c860218ba\n"},
	{"cut JSON is bytes", {200, JSON, "{\"a\":1}", true}, {200, JSON, "{\"a\":2}", true},
		"body [] the first 7 bytes, hash 9c3e82dd6fcae8b1|the first 7 bytes, hash 9c3b82dd6fc8b2da\n"},
};

static void write_found(const struct compare_differences *found, char *out, size_t size)
{
	out[0] = '\0';
	for (size_t i = 0; i < found->count; i++) {
		const struct compare_difference *one = &found->list[i];
		size_t length = strlen(out);
		snprintf(out + length, size - length, "%s [%s] %s|%s\n", compare_kind_name(one->kind), one->where, one->live, one->other);
	}
}

static void test_pairs(void **state)
{
	struct compare_rules rules;
	struct compare_differences found;
	char text[2000];
	(void)state;
	make_rules(&rules);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct compare_answer live = answer_of(&pairs[i].live), other = answer_of(&pairs[i].other);
		compare_answers(&rules, &live, &other, &found);
		write_found(&found, text, sizeof(text));
		if (strcmp(text, pairs[i].found) != 0)
			fail_msg("%s:\n%sinstead of\n%s", pairs[i].name, text, pairs[i].found);
		assert_false(found.more);
	}
	compare_rules_fini(&rules);
}

/* {"k0": V, "k1": V, …} */
static char *make_object(unsigned names, int value)
{
	char *text = malloc(names * 16 + 8);
	assert_non_null(text);
	size_t length = (size_t)sprintf(text, "{\"none\": 0");
	for (unsigned i = 0; i < names; i++)
		length += (size_t)sprintf(text + length, ",\"k%u\":%d", i, value);
	sprintf(text + length, "}");
	return text;
}

static char *make_depth(unsigned depth, int value)
{
	char *text = malloc(depth * 2 + 32);
	assert_non_null(text);
	memset(text, '[', depth);
	sprintf(text + depth, "%d", value);
	size_t length = strlen(text);
	memset(text + length, ']', depth);
	text[length + depth] = '\0';
	return text;
}

static void compare_bodies(const char *ours, const char *theirs, struct compare_differences *found)
{
	struct compare_rules rules;
	const char *values[FIELDS] = {NULL};
	make_rules(&rules);
	struct compare_answer live = {.status = 200, .values = values, .body = ours, .body_length = strlen(ours)}, other = live;
	other.body = theirs;
	other.body_length = strlen(theirs);
	compare_answers(&rules, &live, &other, found);
	compare_rules_fini(&rules);
}

static void test_bounds(void **state)
{
	struct compare_differences found;
	(void)state;
	char *ours = make_object(100, 1), *theirs = make_object(100, 2);
	compare_bodies(ours, theirs, &found);
	assert_int_equal(found.count, COMPARE_DIFFERENCES_MAX);
	assert_true(found.more);
	free(ours);
	free(theirs);
	ours = make_depth(1000, 1);
	theirs = make_depth(1000, 2);
	compare_bodies(ours, theirs, &found);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.list[0].kind, COMPARE_JSON);
	free(ours);
	free(theirs);
}

/* ---- routes ---- */

static void test_routes(void **state)
{
	static const char *const routes[][2] = {
		{"/", "GET /"},
		{"/items", "GET /items"},
		{"/items/17", "GET /items/*"},
		{"/items/17/", "GET /items/*/"},
		{"/items/17/parts?x=/1", "GET /items/*/parts"},
		{"/v1/orders/3f2504e0-4f89-11d3-9a0c-0305e82c3301", "GET /v1/orders/*"},
		{"/blob/deadbeef01", "GET /blob/*"},
		{"/facade/deadbeef", "GET /facade/deadbeef"},
		{"/reset/kT2xQ9vLm4PzR8wY", "GET /reset/*"},
		{"/iphone-15", "GET /iphone-15"},
		{"//x", "GET //x"},
	};
	char name[COMPARISON_ROUTE_SIZE];
	(void)state;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		comparison_name_route("GET", routes[i][0], strlen(routes[i][0]), name);
		assert_string_equal(name, routes[i][1]);
	}
	struct comparison *comparison = comparison_new();
	for (unsigned i = 0; i < COMPARISON_ROUTES_MAX + 10; i++) {
		snprintf(name, sizeof(name), "GET /route-%u", i);
		unsigned last = COMPARISON_ROUTES_MAX - 1;
		assert_int_equal(comparison_route(comparison, name), i < last ? i : last);
	}
	assert_int_equal(comparison_route(comparison, "GET /route-3"), 3);
	comparison_free(comparison);
}

/* ---- many pairs ---- */

static const struct comparison_limits strict = {.differences = 0, .slower = 0.5};

static struct compare_differences differ(enum compare_kind kind, const char *where)
{
	struct compare_differences found = {.count = 1};
	found.list[0] = (struct compare_difference){.kind = kind, .live = "1", .other = "2"};
	snprintf(found.list[0].where, sizeof(found.list[0].where), "%s", where);
	return found;
}

static const struct compare_differences nothing = {0};

static void add_pairs(struct comparison *comparison, const char *route, const struct compare_differences *found, unsigned count, unsigned repeated)
{
	unsigned at = comparison_route(comparison, route);
	for (unsigned i = 0; i < count; i++)
		comparison_add_pair(comparison, at, found);
	for (unsigned i = 0; i < repeated; i++)
		comparison_add_noise(comparison, at, found);
}

static void add_times(struct comparison *comparison, const char *route, unsigned count, uint64_t live_us, uint64_t idle_us)
{
	unsigned at = comparison_route(comparison, route);
	for (unsigned i = 0; i < count; i++) {
		comparison_add_time(comparison, at, false, live_us);
		comparison_add_time(comparison, at, true, idle_us);
	}
}

static void expect(const struct comparison *comparison, const struct comparison_limits *limits, enum comparison_verdict wanted, const char *sentence)
{
	char text[400];
	enum comparison_verdict verdict = comparison_judge(comparison, limits, text, sizeof(text));
	if (verdict != wanted || strcmp(text, sentence) != 0)
		fail_msg("%s: %s", comparison_verdict_name(verdict), text);
}

static void test_verdicts(void **state)
{
	const struct compare_differences status = differ(COMPARE_STATUS, ""), price = differ(COMPARE_JSON, "/price");
	(void)state;
	struct comparison *comparison = comparison_new();
	add_pairs(comparison, "GET /a", &nothing, 9, 2);
	expect(comparison, &strict, COMPARISON_INCONCLUSIVE, "only 9 answers were compared, which is too few to say anything");
	add_pairs(comparison, "GET /b", &nothing, 90, 2);
	expect(comparison, &strict, COMPARISON_PASSED, "99 answers were compared, 0 differ");
	add_pairs(comparison, "GET /a", &status, 1, 0);
	expect(comparison, &strict, COMPARISON_FAILED, "1 of 100 answers differ, more than 0%; most often GET /a: status");
	expect(comparison, &(struct comparison_limits){0.01, 0.5}, COMPARISON_PASSED, "100 answers were compared, 1 differ");
	add_pairs(comparison, "GET /b", &price, 3, 0);
	expect(comparison, &(struct comparison_limits){0.01, 0.5}, COMPARISON_FAILED, "4 of 103 answers differ, more than 1%; most often GET /b: json /price");
	comparison_free(comparison);
}

/* One that hangs lets few copies through. What is said of few answers needs three that did not come, and a limit that ten pairs would be beyond, too. */
static void test_unanswered(void **state)
{
	static const char few[] = "only 2 answers were compared, which is too few to say anything";
	static const struct row {
		unsigned unanswered, equal, other;
		double limit;
		enum comparison_verdict verdict;
		const char *sentence;
	} rows[] = {
		{2, 0, 0, 0, COMPARISON_INCONCLUSIVE, few},
		{3, 0, 0, 0, COMPARISON_FAILED, "the idle color did not answer 3 of 3 requests that the live one answered; most often GET /a: timed out"},
		{3, 6, 0, 0, COMPARISON_FAILED, "the idle color did not answer 3 of 9 requests that the live one answered; most often GET /a: timed out"},
		{3, 0, 5, 0, COMPARISON_FAILED, "the idle color did not answer 3 of 8 requests that the live one answered; most often GET /a: timed out"},
		{0, 0, 9, 0, COMPARISON_INCONCLUSIVE, "only 9 answers were compared, which is too few to say anything"},
		{5, 0, 0, 0.5, COMPARISON_INCONCLUSIVE, "only 5 answers were compared, which is too few to say anything"},
		{6, 0, 0, 0.5, COMPARISON_FAILED, "the idle color did not answer 6 of 6 requests that the live one answered; most often GET /a: timed out"},
		{9, 0, 0, 1, COMPARISON_INCONCLUSIVE, "only 9 answers were compared, which is too few to say anything"},
		{40, 0, 0, 0, COMPARISON_FAILED, "the idle color did not answer 40 of 40 requests that the live one answered; most often GET /a: timed out"},
		{1, 39, 0, 0, COMPARISON_FAILED, "the idle color did not answer 1 of 40 requests that the live one answered; most often GET /a: timed out"},
		{30, 0, 1, 0, COMPARISON_FAILED, "31 of 31 answers differ, more than 0%; most often GET /a: no_answer timed out"},
		{40, 0, 0, 1, COMPARISON_PASSED, "40 answers were compared, 40 differ"},
	};
	const struct compare_differences hung = differ(COMPARE_NO_ANSWER, "timed out"), status = differ(COMPARE_STATUS, "");
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct comparison *comparison = comparison_new();
		add_pairs(comparison, "GET /a", &hung, rows[i].unanswered, 0);
		add_pairs(comparison, "GET /b", &nothing, rows[i].equal, 0);
		add_pairs(comparison, "GET /b", &status, rows[i].other, 0);
		expect(comparison, &(struct comparison_limits){rows[i].limit, 0.5}, rows[i].verdict, rows[i].sentence);
		comparison_free(comparison);
	}
}

/* Where the live color does not answer now and then either, that says nothing. */
static void test_unanswered_by_both(void **state)
{
	const struct compare_differences hung = differ(COMPARE_NO_ANSWER, "timed out");
	(void)state;
	struct comparison *comparison = comparison_new();
	add_pairs(comparison, "GET /a", &hung, 4, 3);
	expect(comparison, &strict, COMPARISON_INCONCLUSIVE, "only 4 answers were compared, which is too few to say anything");
	comparison_free(comparison);
}

/* A pair counts once, whatever differs in it; and not when all of that is noise. */
static void test_noise(void **state)
{
	const struct compare_differences date = differ(COMPARE_JSON, "/date"), price = differ(COMPARE_JSON, "/price");
	struct compare_differences both = date;
	both.list[both.count++] = price.list[0];
	(void)state;
	struct comparison *comparison = comparison_new();
	add_pairs(comparison, "GET /a", &date, 40, 5);
	expect(comparison, &strict, COMPARISON_PASSED, "40 answers were compared, 0 differ");
	unsigned route = comparison_route(comparison, "GET /a");
	for (unsigned i = 0; i < 10; i++)
		comparison_add_pair(comparison, route, &both);
	expect(comparison, &strict, COMPARISON_FAILED, "10 of 50 answers differ, more than 0%; most often GET /a: json /price");
	json_t *report = comparison_make_report(comparison, &strict);
	json_t *differences = json_object_get(report, "differences"), *noise = json_object_get(report, "noise");
	assert_int_equal(json_array_size(differences), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(differences, 0), "where")), "/price");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(differences, 0), "count")), 10);
	assert_int_equal(json_array_size(noise), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(noise, 0), "where")), "/date");
	assert_int_equal(json_integer_value(json_object_get(report, "differing")), 10);
	json_decref(report);
	/* On another route the same place is no noise. */
	add_pairs(comparison, "GET /b", &date, 1, 0);
	expect(comparison, &strict, COMPARISON_FAILED, "11 of 51 answers differ, more than 0%; most often GET /a: json /price");
	comparison_free(comparison);
}

/* The live color fails one request in a hundred: that excuses as much of the idle one, and no more. */
static void test_rare_noise(void **state)
{
	const struct compare_differences status = differ(COMPARE_STATUS, "");
	(void)state;
	struct comparison *comparison = comparison_new();
	add_pairs(comparison, "GET /a", &nothing, 980, 99);
	add_pairs(comparison, "GET /a", &status, 20, 1);
	expect(comparison, &strict, COMPARISON_PASSED, "1000 answers were compared, 0 differ");
	add_pairs(comparison, "GET /a", &status, 500, 0);
	expect(comparison, &strict, COMPARISON_FAILED, "520 of 1500 answers differ, more than 0%; most often GET /a: status");
	comparison_free(comparison);
}

static void test_slow(void **state)
{
	(void)state;
	struct comparison *comparison = comparison_new();
	char text[400];
	add_pairs(comparison, "GET /a", &nothing, 995, 0);
	add_pairs(comparison, "GET /b", &nothing, 5, 0);
	add_times(comparison, "GET /a", 995, 1000, 6000); /* 5 ms are no matter */
	expect(comparison, &strict, COMPARISON_PASSED, "1000 answers were compared, 0 differ");
	add_times(comparison, "GET /b", 4, 10000, 30000); /* too few to say anything of the route, and of the p99 of all */
	expect(comparison, &strict, COMPARISON_PASSED, "1000 answers were compared, 0 differ");
	add_times(comparison, "GET /b", 1, 10000, 30000);
	assert_int_equal(comparison_judge(comparison, &(struct comparison_limits){0, 2}, text, sizeof(text)), COMPARISON_PASSED);
	assert_int_equal(comparison_judge(comparison, &strict, text, sizeof(text)), COMPARISON_FAILED);
	assert_non_null(strstr(text, "GET /b is slower: p50 is "));
	json_t *report = comparison_make_report(comparison, &strict), *routes = json_object_get(report, "routes");
	assert_int_equal(json_array_size(routes), 2);
	assert_true(json_is_false(json_object_get(json_array_get(routes, 0), "slow")));
	assert_true(json_is_true(json_object_get(json_array_get(routes, 1), "slow")));
	json_decref(report);
	comparison_free(comparison);
}

/* The slowest few alone. */
static void test_tail(void **state)
{
	char text[400];
	(void)state;
	struct comparison *comparison = comparison_new();
	add_pairs(comparison, "GET /a", &nothing, 100, 0);
	add_times(comparison, "GET /a", 95, 1000, 1000);
	add_times(comparison, "GET /a", 4, 1000, 900000);
	assert_int_equal(comparison_judge(comparison, &strict, text, sizeof(text)), COMPARISON_PASSED); /* 99 say nothing of a p99 */
	add_times(comparison, "GET /a", 1, 1000, 900000);
	assert_int_equal(comparison_judge(comparison, &strict, text, sizeof(text)), COMPARISON_FAILED);
	assert_non_null(strstr(text, "the idle color is slower: p99 is "));
	comparison_free(comparison);
}

/* More places and more sets of them than the tables hold: nothing that differs is taken for equal. */
static void test_full_tables(void **state)
{
	const struct compare_differences more = {.count = 0, .more = true};
	char where[16];
	(void)state;
	struct comparison *comparison = comparison_new();
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(where, sizeof(where), "/k%u", i);
		struct compare_differences found = differ(COMPARE_JSON, where);
		struct compare_differences other = differ(COMPARE_STATUS, "");
		if (i % 3 == 0)
			found.list[found.count++] = other.list[0];
		add_pairs(comparison, "GET /a", &found, 1, 0);
	}
	for (unsigned i = 0; i < 400; i++) { /* sets of two */
		snprintf(where, sizeof(where), "/k%u", i % 20);
		struct compare_differences found = differ(COMPARE_JSON, where);
		snprintf(where, sizeof(where), "/k%u", 20 + i / 20);
		found.list[found.count++] = differ(COMPARE_JSON, where).list[0];
		add_pairs(comparison, "GET /a", &found, 1, 0);
	}
	json_t *report = comparison_make_report(comparison, &strict);
	assert_int_equal(json_integer_value(json_object_get(report, "differing")), 1400);
	assert_int_equal(json_array_size(json_object_get(report, "differences")), COMPARISON_DIFFERENCES_MAX + 1);
	json_decref(report);
	comparison_free(comparison);

	comparison = comparison_new();
	add_pairs(comparison, "GET /a", &more, 20, 0);
	expect(comparison, &strict, COMPARISON_FAILED, "20 of 20 answers differ, more than 0%; most often GET /a: json further places");
	comparison_free(comparison);
}

/* ---- the copy of a request ---- */

static void test_lines(void **state)
{
	static const char head[] =
		"GET /x?y HTTP/1.1\r\nHost: shop.example\r\nCookie: s=1\r\nif-none-match: \"7\"\r\nIF-Range: x\r\nIf-: x\r\nAccept-Encoding: br\r\n"
		"Empty:\r\nBlank: \t\r\nconnection: TE\r\nTE: trailers\r\nExpect: 100-continue\r\nX-Teal-Rehearsal: 0\r\nIfs: 1\r\n\r\n";
	static const char *const wanted[] = {"Host: shop.example", "Cookie: s=1", "If-: x", "Empty;", "Blank;", "Ifs: 1", "Accept:", "X-Teal-Rehearsal: 1"};
	(void)state;
	char **lines = copier_make_lines(head, sizeof(head) - 1);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		assert_non_null(lines[i]);
		assert_string_equal(lines[i], wanted[i]);
		free(lines[i]);
	}
	assert_null(lines[sizeof(wanted) / sizeof(wanted[0])]);
	free(lines);
	lines = copier_make_lines("GET / HTTP/1.1\r\nACCEPT: a\r\n\r\n", 29);
	assert_string_equal(lines[0], "ACCEPT: a");
	assert_string_equal(lines[1], "X-Teal-Rehearsal: 1");
	assert_null(lines[2]);
	free(lines[0]);
	free(lines[1]);
	free(lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_unanswered),
		cmocka_unit_test(test_unanswered_by_both),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_rare_noise),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_tail),
		cmocka_unit_test(test_full_tables),
		cmocka_unit_test(test_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
