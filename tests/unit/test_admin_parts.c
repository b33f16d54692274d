/* Small parts of the admin API: keys, problems, samples of metrics, what differs between two configurations. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "switch/descriptors.h"
#include "switch/differ.h"
#include "switch/metrics.h"
#include "switch/once.h"
#include "switch/problem.h"

#define DAY_MS 86400000u

static void test_once(void **state)
{
	(void)state;
	bool same;
	struct once *once = once_new();
	assert_null(once_find(once, "a", 1, 1000, &same));
	once_add(once, "a", 1, "d1", 1000);
	assert_string_equal(once_find(once, "a", 1, 2000, &same), "d1");
	assert_true(same);
	assert_string_equal(once_find(once, "a", 2, 2000, &same), "d1");
	assert_false(same);
	assert_null(once_find(once, "b", 1, 2000, &same));
	assert_null(once_find(once, "a", 1, 1001 + DAY_MS, &same));
	for (unsigned i = 0; i < 1024; i++)
		once_add(once, "c", i, "d2", 2000);
	assert_null(once_find(once, "a", 1, 2000, &same));
	once_free(once);
}

static void test_problem(void **state)
{
	(void)state;
	json_t *problem = problem_make("locked", "shop is locked", json_pack("{s:s}", "service", "shop"));
	assert_int_equal(problem_status("locked"), 409);
	assert_string_equal(json_string_value(json_object_get(problem, "code")), "locked");
	assert_string_equal(json_string_value(json_object_get(problem, "title")), "Conflict");
	assert_int_equal(json_integer_value(json_object_get(problem, "exit")), 3);
	assert_string_equal(json_string_value(json_object_get(problem, "service")), "shop");
	json_decref(problem);
}

static void test_samples(void **state)
{
	(void)state;
	static const struct {
		const char *labels[5];
		double value;
		const char *line;
	} cases[] = {
		{{NULL}, 3, "teal_x 3\n"},
		{{"service", "shop", NULL}, 0.5, "teal_x{service=\"shop\"} 0.5\n"},
		{{"service", "shop", "color", "blue", NULL}, 12345678901.0, "teal_x{service=\"shop\",color=\"blue\"} 12345678901\n"},
		{{"service", "a\"b\\c\nd", NULL}, 0.00025, "teal_x{service=\"a\\\"b\\\\c\\nd\"} 0.00025\n"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text out;
		text_init(&out, 1000);
		metrics_add_sample(&out, "teal_x", cases[i].labels, cases[i].value);
		assert_string_equal(out.bytes, cases[i].line);
		text_fini(&out);
	}
}

static struct conf *conf_of(const char *rest)
{
	char text[1024];
	struct conf_faults faults = {0};
	snprintf(text, sizeof(text), "state: /x\nadmin: {socket: /x/s}\n%s%s", strstr(rest, "listen:") ? "" : "listen: [{address: \"127.0.0.1:9\"}]\n", rest);
	struct conf *conf = conf_parse(text, strlen(text), "teal.yaml", &faults);
	if (!conf)
		fail_msg("%s", faults.lines[0]);
	return conf;
}

#define SHOP "services: {shop: {live: blue, blue: {backends: [\"127.0.0.1:1\"]}, green: {backends: [\"127.0.0.1:2\"]}"

static const struct differ_case {
	const char *name, *a, *b;
	const char *key;      /* that is read only at the start, or NULL */
	const char *sentence; /* a part of the one change, or NULL for none */
} cases[] = {
	{"nothing", SHOP "}}", SHOP "}}", NULL, NULL},
	{"workers", SHOP "}}\nworkers: 1", SHOP "}}\nworkers: 2", "workers", NULL},
	{"a listener", SHOP "}}", SHOP "}}\nlisten: [{address: \"127.0.0.1:1\"}]", "listen", NULL},
	{"a backend", SHOP "}}", "services: {shop: {live: blue, blue: {backends: [\"127.0.0.1:3\"]}, green: {backends: [\"127.0.0.1:2\"]}}}", NULL,
		"shop: blue has"},
	{"a version", SHOP "}}", "services: {shop: {live: blue, blue: {backends: [\"127.0.0.1:1\"]}, green: {version: v2, backends: [\"127.0.0.1:2\"]}}}", NULL,
		"shop: green has"},
	{"the bake", SHOP "}}", SHOP ", bake: 1s}}", NULL, "bake"},
	{"the probe", SHOP "}}", SHOP ", probe: {path: /health}}}", NULL, "another probe"},
	{"a host", SHOP "}}", SHOP ", hosts: [a.example]}}", NULL, "hosts or paths"},
	{"a timeout", SHOP "}}", SHOP "}}\ntimeouts: {connect: 1s}", NULL, "timeouts"},
	{"a limit", SHOP "}}", SHOP "}}\nlimits: {connections: 7}", NULL, "limits"},
	{"trust", SHOP "}}", SHOP "}}\ntrusted_proxies: [10.0.0.0/8]", NULL, "trusted"},
	{"the live color at the first start", SHOP "}}",
		"services: {shop: {live: green, blue: {backends: [\"127.0.0.1:1\"]}, green: {backends: [\"127.0.0.1:2\"]}}}", NULL, NULL},
};

static void test_differ(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf *a = conf_of(cases[i].a), *b = conf_of(cases[i].b);
		json_t *keys = json_array(), *sentences = json_array();
		differ_list_fixed(a, b, keys);
		differ_list_changes(a, b, sentences);
		if (json_array_size(keys) != (cases[i].key ? 1 : 0) || json_array_size(sentences) != (cases[i].sentence ? 1 : 0))
			fail_msg("%s: %zu keys, %zu sentences", cases[i].name, json_array_size(keys), json_array_size(sentences));
		if (cases[i].key)
			assert_string_equal(json_string_value(json_array_get(keys, 0)), cases[i].key);
		if (cases[i].sentence && !strstr(json_string_value(json_array_get(sentences, 0)), cases[i].sentence))
			fail_msg("%s: %s", cases[i].name, json_string_value(json_array_get(sentences, 0)));
		json_decref(keys);
		json_decref(sentences);
		conf_free(a);
		conf_free(b);
	}
}

static void test_descriptors(void **state)
{
	(void)state;
	static const struct {
		unsigned long limit;
		unsigned workers, wanted, fit;
	} limits[] = {{1048576, 8, 20000, 20000}, {65536, 8, 20000, 20000}, {1024, 1, 20000, 348}, {1024, 2, 20000, 312}, {1024, 64, 20000, 256},
		{1024, 2, 100, 100}, {64, 2, 20000, 16}, {2, 2, 20000, 1}, {0, 2, 20000, 1}};
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		assert_int_equal(descriptors_fit(limits[i].limit, limits[i].workers, limits[i].wanted), limits[i].fit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_problem),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_differ),
		cmocka_unit_test(test_descriptors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
