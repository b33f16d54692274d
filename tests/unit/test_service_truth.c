/* What a service is after a restart: the state wins where the file did not change for a color, else the file. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "switch/service_truth.h"

static const char file[] =
	"listen: [{address: \"127.0.0.1:9\"}]\nstate: /x\nadmin: {socket: /x/s}\n"
	"services: {shop: {live: blue, blue: {version: b1, backends: [\"127.0.0.1:1\"]}, green: {version: g1, backends: [\"127.0.0.1:2\"]}}}\n";

#define BLUE \
	"\"blue\": {\"version\": \"b1\", \"backends\": [\"127.0.0.1:1\"], \"file\": {\"version\": \"b1\", \"backends\": [\"127.0.0.1:1\"]}, \"deployed\": false}"

static const struct truth_case {
	const char *name, *truth;
	enum color live;
	const char *green_version, *green_backend;
	bool deployed, locked, quarantined;
	unsigned idle_share;
} cases[] = {
	{"the first start", NULL, COLOR_BLUE, "g1", "127.0.0.1:2", false, false, false, 0},
	{"an empty truth", "{}", COLOR_BLUE, "g1", "127.0.0.1:2", false, false, false, 0},
	{"another live color", "{\"live\": \"green\"}", COLOR_GREEN, "g1", "127.0.0.1:2", false, false, false, 0},
	{"a live color nobody knows", "{\"live\": \"red\"}", COLOR_BLUE, "g1", "127.0.0.1:2", false, false, false, 0},
	{"deployed, the file is the same",
		"{\"live\": \"green\", \"colors\": {" BLUE
		", \"green\": {\"version\": \"g9\", \"backends\": [\"127.0.0.1:9\"], \"deployed\": true, \"file\": {\"version\": \"g1\", "
		"\"backends\": [\"127.0.0.1:2\"]}}}}",
		COLOR_GREEN, "g9", "127.0.0.1:9", true, false, false, 0},
	{"deployed, the file has another version now",
		"{\"live\": \"green\", \"colors\": {" BLUE
		", \"green\": {\"version\": \"g9\", \"backends\": [\"127.0.0.1:9\"], \"deployed\": true, \"file\": {\"version\": \"g0\", "
		"\"backends\": [\"127.0.0.1:2\"]}}}}",
		COLOR_GREEN, "g1", "127.0.0.1:2", false, false, false, 0},
	{"deployed, the file has other backends now",
		"{\"live\": \"blue\", \"colors\": {\"green\": {\"version\": \"g9\", \"backends\": [\"127.0.0.1:9\"], \"deployed\": true, \"file\": {\"version\": \"g1\", \"backends\": "
		"[\"127.0.0.1:2\", \"127.0.0.1:3\"]}}}}",
		COLOR_BLUE, "g1", "127.0.0.1:2", false, false, false, 0},
	{"locked", "{\"live\": \"blue\", \"locked\": {\"actor\": \"ada\", \"reason\": \"db\", \"at\": \"2026-01-31T12:00:00.000Z\"}}", COLOR_BLUE, "g1",
		"127.0.0.1:2", false, true, false, 0},
	{"quarantined",
		"{\"colors\": {\"green\": {\"quarantine\": {\"deployment\": \"d1\", \"at\": \"2026-01-31T12:00:00.000Z\", \"reason\": null, \"release\": {\"version\": \"g1\", "
		"\"backends\": []}}}}}",
		COLOR_BLUE, "g1", "127.0.0.1:2", false, false, true, 0},
	{"in a step of a shift", "{\"live\": \"blue\", \"split\": {\"blue\": 66.67, \"green\": 33.33}, \"deployment\": {\"id\": \"d1\", \"step\": \"shift\"}}",
		COLOR_BLUE, "g1", "127.0.0.1:2", false, false, false, 3333},
	{"before the last step of one",
		"{\"live\": \"green\", \"split\": {\"blue\": 0, \"green\": 100}, \"deployment\": {\"id\": \"d1\", \"step\": \"complete\"}}", COLOR_GREEN, "g1",
		"127.0.0.1:2", false, false, false, 0},
	{"a split that belongs to nothing", "{\"live\": \"blue\", \"split\": {\"blue\": 95, \"green\": 5}, \"deployment\": null}", COLOR_BLUE, "g1",
		"127.0.0.1:2", false, false, false, 0},
	{"quarantined, another version in the file now",
		"{\"colors\": {\"green\": {\"quarantine\": {\"deployment\": \"d1\", \"at\": \"2026-01-31T12:00:00.000Z\", \"reason\": null, \"release\": {\"version\": \"g0\", "
		"\"backends\": []}}}}}",
		COLOR_BLUE, "g1", "127.0.0.1:2", false, false, false, 0},
};

static void finish(struct service *service)
{
	for (unsigned color = 0; color < COLOR_COUNT; color++) {
		struct service_color *half = &service->colors[color];
		release_fini(&half->file);
		release_fini(&half->now);
		release_fini(&half->quarantine.release);
		free(half->quarantine.reason);
	}
	service_unlock(service);
	free(service->split_sticky.name);
}

static void check(const struct truth_case *test, const struct conf *conf)
{
	struct service service = {.name = (char *)"shop", .conf = &conf->services[0]};
	json_t *truth = test->truth ? json_loads(test->truth, 0, NULL) : NULL;
	const struct service_color *green = &service.colors[COLOR_GREEN];
	service_truth_read(&service, truth);
	if (service.live != test->live)
		fail_msg("%s: %s is live", test->name, color_name(service.live));
	if (strcmp(green->now.version, test->green_version) != 0 || green->now.count != 1 || strcmp(green->now.backends[0], test->green_backend) != 0)
		fail_msg("%s: green is %s", test->name, green->now.version);
	if (service_share(&service, color_other(test->live)) != test->idle_share || (test->idle_share && service.split_seed != service_split_seed("d1")))
		fail_msg("%s: the idle color has %u", test->name, service_share(&service, color_other(test->live)));
	if (green->deployed != test->deployed || service.lock.set != test->locked)
		fail_msg("%s: deployed %d, locked %d", test->name, green->deployed, service.lock.set);
	if ((service_find_quarantine(&service, COLOR_GREEN) != NULL) != test->quarantined)
		fail_msg("%s: quarantine", test->name);
	assert_string_equal(green->file.version, "g1");
	json_decref(truth);
	finish(&service);
}

static void test_cases(void **state)
{
	(void)state;
	struct conf_faults faults = {0};
	struct conf *conf = conf_parse(file, strlen(file), "teal.yaml", &faults);
	assert_non_null(conf);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(&cases[i], conf);
	conf_free(conf);
}

static const struct {
	const char *truth, *under_way, *last;
} commands[] = {
	{"{}", NULL, ""},
	{"{\"last_command\": null, \"deployment\": null}", NULL, ""},
	{"{\"last_command\": \"d1\", \"deployment\": {\"id\": \"d2\", \"exclusive\": null}}", NULL, "d1"},
	{"{\"last_command\": \"d1\", \"deployment\": {\"id\": \"d2\", \"exclusive\": {\"program\": null}}}", NULL, "d1"},
	{"{\"last_command\": \"d1\", \"deployment\": {\"id\": \"d2\", \"exclusive\": {\"program\": \"/bin/migrate\"}}}", "d2", "d1"},
};

static void test_commands(void **state)
{
	(void)state;
	struct conf_faults faults = {0};
	struct conf *conf = conf_parse(file, strlen(file), "teal.yaml", &faults);
	assert_null(service_truth_find_command(NULL));
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct service service = {.name = (char *)"shop", .conf = &conf->services[0]};
		json_t *truth = json_loads(commands[i].truth, 0, NULL);
		const char *under_way = service_truth_find_command(truth);
		service_truth_read(&service, truth);
		assert_string_equal(service.last_command, commands[i].last);
		assert_int_equal(under_way != NULL, commands[i].under_way != NULL);
		if (under_way)
			assert_string_equal(under_way, commands[i].under_way);
		json_decref(truth);
		finish(&service);
	}
	conf_free(conf);
}

#define SHIFT "{\"live\": \"blue\", \"split\": {\"blue\": 75, \"green\": 25}, \"deployment\": {\"id\": \"d1\", \"step\": \"shift\"}"

static const struct {
	const char *name, *truth;
	enum conf_sticky_by by;
	const char *known_by;
} stickies[] = {
	{"as the shift began", SHIFT ", \"split_sticky\": {\"by\": \"cookie\", \"name\": \"pin\"}}", CONF_STICKY_COOKIE, "pin"},
	{"it began with none", SHIFT ", \"split_sticky\": {\"by\": \"none\", \"name\": \"teal_pin\"}}", CONF_STICKY_NONE, "teal_pin"},
	{"an older daemon's truth", SHIFT "}", CONF_STICKY_HEADER, "X-User"},
	{"one that nobody knows", SHIFT ", \"split_sticky\": {\"by\": \"voice\", \"name\": \"pin\"}}", CONF_STICKY_HEADER, "X-User"},
	{"without a name", SHIFT ", \"split_sticky\": {\"by\": \"cookie\"}}", CONF_STICKY_HEADER, "X-User"},
};

/* The file has had another one since: users of a split stay who they are, and it counts for the next one. */
static void test_sticky(void **state)
{
	(void)state;
	struct conf_faults faults = {0};
	struct conf *conf = conf_parse(file, strlen(file), "teal.yaml", &faults);
	struct conf_sticky *in_file = &conf->services[0].sticky;
	in_file->by = CONF_STICKY_HEADER;
	free(in_file->name);
	in_file->name = strdup("X-User");
	for (size_t i = 0; i < sizeof(stickies) / sizeof(stickies[0]); i++) {
		struct service service = {.name = (char *)"shop", .conf = &conf->services[0]};
		json_t *truth = json_loads(stickies[i].truth, 0, NULL);
		assert_non_null(truth);
		service_truth_read(&service, truth);
		if (service.idle_share != 2500 || service.split_sticky.by != stickies[i].by || strcmp(service.split_sticky.name, stickies[i].known_by) != 0)
			fail_msg("%s: by %d, %s", stickies[i].name, (int)service.split_sticky.by, service.split_sticky.name);
		json_decref(truth);
		finish(&service);
	}
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_commands), cmocka_unit_test(test_sticky)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
