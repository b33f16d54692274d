// The asset fallback: when it is off, who is asked while tables change, and what else there is: steps, the shield, orders, the access log. The real proxy in process.
// links: proxy
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/logwriter.h"
#include "tests/flow/actor.h"
#include "tests/flow/lacking.h"

/* ---- where it is off ---- */

/* One 404 that has to come from blue itself. */
static void assert_not_tried(void)
{
	unsigned before = atomic_load(&lacking_heard[COLOR_GREEN]);
	shielded_begin();
	int fd = stage_connect(&shielded_stage);
	assert_int_equal(lacking_ask(fd, "GET /assets/a.js", "404", "200", ""), 404);
	assert_true(lacking_is_from(COLOR_BLUE));
	stage_close_client(fd);
	lacking_assert_counted(COLOR_BLUE, 1, 0);
	assert_int_equal(atomic_load(&lacking_heard[COLOR_GREEN]), before);
}

static void test_off(void **state)
{
	(void)state;
	struct table_index *kept = lacking_paths;
	lacking_wanted[COLOR_BLUE] = false;
	lacking_publish(COLOR_BLUE);
	assert_not_tried();
	lacking_wanted[COLOR_BLUE] = true;
	shielded_stage.down[COLOR_GREEN] = true;
	lacking_publish(COLOR_BLUE);
	assert_not_tried();
	shielded_stage.down[COLOR_GREEN] = false;
	lacking_paths = NULL;
	lacking_publish(COLOR_BLUE);
	assert_not_tried();
	lacking_paths = kept;
}

/* Nobody listens there any more, and no probe has noticed. */
static void test_other_gone(void **state)
{
	(void)state;
	stage_kill_backend(&shielded_stage, SHIELDED_GREEN);
	shielded_begin();
	int fd = stage_connect(&shielded_stage);
	assert_int_equal(lacking_ask(fd, "GET /assets/a.js", "404", "200", ""), 404);
	assert_non_null(strstr(shielded_answer, "Proxy-Status: teal"));
	stage_close_client(fd);
	lacking_assert_counted(COLOR_BLUE, 1, 1);
}

/* A request that was read before a newer table was published: whether the other color is wanted is known by that one. */
static void test_newer_table(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		bool wanted_before, wanted_then;
		enum color live;
		int status;
	} cases[] = {
		{"the bake goes on", true, true, COLOR_BLUE, 200},
		{"the bake is over", true, false, COLOR_BLUE, 404},
		{"green is live, and blue drained", false, true, COLOR_GREEN, 200},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		lacking_wanted[COLOR_BLUE] = cases[i].wanted_before;
		lacking_publish(COLOR_BLUE);
		atomic_store(&shielded_told, false);
		unsigned before = atomic_load(&lacking_heard[COLOR_BLUE]);
		shielded_begin();
		int fd = stage_connect(&shielded_stage);
		lacking_send(fd, "GET /assets/a.js", "told", "200", "");
		while (atomic_load(&lacking_heard[COLOR_BLUE]) == before)
			actor_wait_ms(1);
		lacking_wanted[COLOR_BLUE] = cases[i].wanted_then;
		lacking_publish(cases[i].live);
		atomic_store(&shielded_told, true);
		int status = shielded_read(fd);
		if (status != cases[i].status)
			fail_msg("%s: %d", cases[i].name, status);
		stage_close_client(fd);
		lacking_assert_counted(COLOR_BLUE, 1, cases[i].status == 200);
		assert_true(stage_wait_drained(&shielded_stage, COLOR_BLUE));
	}
}

/* ---- with others ---- */

/* Both colors have users: each finds with the other what it lacks. */
static void test_halves(void **state)
{
	(void)state;
	unsigned before[COLOR_COUNT] = {atomic_load(&lacking_heard[COLOR_BLUE]), atomic_load(&lacking_heard[COLOR_GREEN])};
	lacking_halves = true;
	lacking_publish(COLOR_BLUE);
	shielded_begin();
	int fd = stage_connect(&shielded_stage);
	for (unsigned i = 0; i < 20; i++) {
		bool blue_has = i / 2 % 2;
		assert_int_equal(lacking_ask(fd, "GET /assets/a.js", blue_has ? "200" : "404", blue_has ? "404" : "200", ""), 200);
		assert_true(lacking_is_from(blue_has ? COLOR_BLUE : COLOR_GREEN));
	}
	stage_close_client(fd);
	shielded_settle();
	unsigned tried = shielded_gained(COLOR_BLUE, fallbacks) + shielded_gained(COLOR_GREEN, fallbacks);
	unsigned asked = atomic_load(&lacking_heard[COLOR_BLUE]) - before[COLOR_BLUE] + atomic_load(&lacking_heard[COLOR_GREEN]) - before[COLOR_GREEN];
	assert_true(shielded_gained(COLOR_BLUE, fallbacks) > 0 && shielded_gained(COLOR_GREEN, fallbacks) > 0);
	assert_int_equal(asked, 20 + tried);
	assert_int_equal(shielded_gained(COLOR_BLUE, ended) + shielded_gained(COLOR_GREEN, ended), 20);
}

/* The shield and the fallback help a request once between them. */
static void test_shield(void **state)
{
	(void)state;
	unsigned before = atomic_load(&lacking_heard[COLOR_BLUE]) + atomic_load(&lacking_heard[COLOR_GREEN]);
	shielded_stage.shield = SHIELDED_ALL;
	lacking_publish(COLOR_BLUE);
	shielded_begin();
	int fd = stage_connect(&shielded_stage);
	assert_int_equal(lacking_ask(fd, "GET /assets/a.js", "503", "404", ""), 404);
	assert_true(lacking_is_from(COLOR_GREEN));
	assert_int_equal(lacking_ask(fd, "GET /assets/a.js", "404", "503", ""), 404);
	assert_non_null(strstr(shielded_answer, "Proxy-Status: teal"));
	stage_close_client(fd);
	shielded_settle();
	assert_int_equal(atomic_load(&lacking_heard[COLOR_BLUE]) + atomic_load(&lacking_heard[COLOR_GREEN]) - before, 4);
	assert_int_equal(shielded_gained(COLOR_BLUE, ended), 2);
	assert_int_equal(shielded_gained(COLOR_BLUE, errors), 1);
	assert_int_equal(shielded_gained(COLOR_BLUE, shielded), 1);
	assert_int_equal(shielded_gained(COLOR_BLUE, shielded_errors), 0);
	assert_int_equal(shielded_gained(COLOR_BLUE, fallbacks), 1);
}

static void dress_preview(struct table_service_spec *spec)
{
	spec->fallback = lacking_paths;
	spec->preview_header = "X-Preview";
	spec->colors[COLOR_BLUE].fallback = spec->colors[COLOR_GREEN].fallback = true;
}

/* Who looks at the idle color sees what it lacks. */
static void test_preview(void **state)
{
	(void)state;
	shielded_stage.dress = dress_preview;
	lacking_publish(COLOR_BLUE);
	shielded_begin();
	int fd = stage_connect(&shielded_stage);
	assert_int_equal(lacking_ask(fd, "GET /assets/a.js", "200", "404", "X-Preview: 1\r\n"), 404);
	assert_true(lacking_is_from(COLOR_GREEN));
	assert_int_equal(lacking_ask(fd, "GET /assets/a.js", "404", "200", ""), 200);
	assert_true(lacking_is_from(COLOR_GREEN));
	stage_close_client(fd);
	lacking_assert_counted(COLOR_BLUE, 1, 1);
}

/* On return green has the request, and says nothing. */
static int ask_hanging(void)
{
	unsigned before = atomic_load(&lacking_heard[COLOR_GREEN]);
	shielded_begin();
	int fd = stage_connect(&shielded_stage);
	lacking_send(fd, "GET /assets/a.js", "404", "hang", "");
	while (atomic_load(&lacking_heard[COLOR_GREEN]) == before)
		actor_wait_ms(1);
	assert_int_equal(totals_assist(shielded_stage.totals, COLOR_GREEN), 1);
	assert_int_equal(totals_inflight(shielded_stage.totals, COLOR_BLUE), 0);
	assert_int_equal(totals_inflight(shielded_stage.totals, COLOR_GREEN), 0);
	return fd;
}

static void test_cut(void **state)
{
	(void)state;
	int fd = ask_hanging();
	shielded_stage.cut_before = UINT64_MAX;
	lacking_publish(COLOR_BLUE);
	assert_int_equal(shielded_read(fd), 404);
	stage_close_client(fd);
	lacking_assert_counted(COLOR_BLUE, 1, 1);
	assert_int_equal(totals_cut(shielded_stage.totals, COLOR_GREEN) + totals_cut(shielded_stage.totals, COLOR_BLUE), 0);
}

static void test_client_leaves(void **state)
{
	(void)state;
	struct linger now = {1, 0};
	int fd = ask_hanging();
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	stage_close_client(fd);
	lacking_assert_counted(COLOR_BLUE, 1, 1);
}

/* The process ends its connections: answers say so, whoever gave them. */
static void test_draining(void **state)
{
	(void)state;
	shielded_stage.globals.draining = true;
	lacking_publish(COLOR_BLUE);
	int fd = stage_connect(&shielded_stage);
	assert_int_equal(lacking_ask(fd, "GET /assets/a.js", "404", "200", ""), 200);
	assert_true(lacking_is_from(COLOR_GREEN));
	assert_non_null(strstr(shielded_answer, "Connection: close"));
	stage_close_client(fd);
}

static void read_file(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
}

static void test_access_log(void **state)
{
	(void)state;
	char path[] = "/tmp/teal-test-XXXXXX", text[8192];
	struct err err;
	close(mkstemp(path));
	struct logwriter *writer = logwriter_open(path, &err);
	assert_non_null(writer);
	proxy_set_access(shielded_stage.proxy, PROXY_ACCESS_JSON, writer);
	lacking_publish(COLOR_BLUE);
	int fd = stage_connect(&shielded_stage);
	assert_int_equal(lacking_ask(fd, "GET /assets/a.js", "404", "200", ""), 200);
	assert_int_equal(lacking_ask(fd, "GET /other", "404", "200", ""), 404);
	assert_int_equal(lacking_ask(fd, "GET /assets/a.js", "404", "close", ""), 404);
	stage_close_client(fd);
	shielded_begin();
	shielded_settle();
	proxy_set_access(shielded_stage.proxy, PROXY_ACCESS_OFF, NULL);
	lacking_publish(COLOR_BLUE);
	logwriter_close(writer);
	read_file(path, text, sizeof(text));
	unlink(path);
	char *rest = text;
	const char *good = strsep(&rest, "\n"), *plain = strsep(&rest, "\n"), *bad = strsep(&rest, "\n");
	assert_non_null(strstr(good, "\"status\":200"));
	assert_non_null(strstr(good, "\"color\":\"green\",\"version\":\"v2\",\"fallback\":true,\"fallback_from\":\"blue\","));
	assert_null(strstr(good, "\"error\""));
	assert_non_null(strstr(plain, "\"color\":\"blue\",\"version\":\"v1\",\"backend\""));
	assert_non_null(strstr(bad, "\"status\":404"));
	assert_non_null(strstr(bad, "\"fallback_from\":\"blue\""));
	assert_non_null(strstr(bad, "\"error\":\"backend_closed\"}"));
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, lacking_open, lacking_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_off),
		flow_test(test_other_gone),
		flow_test(test_newer_table),
		flow_test(test_halves),
		flow_test(test_shield),
		flow_test(test_preview),
		flow_test(test_cut),
		flow_test(test_client_leaves),
		flow_test(test_draining),
		flow_test(test_access_log),
	};
	return cmocka_run_group_tests_name("fallback_states", tests, NULL, NULL);
}
