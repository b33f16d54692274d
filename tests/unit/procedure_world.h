/* A procedure in a test: a loop, scripted backends, hooks, a courier, a clock that the test sets, and what was heard of it. */
#ifndef TEAL_TESTS_UNIT_PROCEDURE_WORLD_H
#define TEAL_TESTS_UNIT_PROCEDURE_WORLD_H

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <sys/wait.h>

#include "base/fetch.h"
#include "base/memory.h"
#include "base/resolve.h"
#include "switch/courier.h"
#include "switch/hook.h"
#include "switch/procedure.h"
#include "switch/switcher.h"
#include "tests/unit/peer.h"
#include "tests/unit/scratch.h"

/* More than anything takes here; reached only by a bug. */
#define PATIENCE_S 60

#define OK_ANSWER "HTTP/1.1 200 OK\r\nX-Version: v2\r\nContent-Length: 8\r\n\r\nshop: v2"
#define BAD_ANSWER "HTTP/1.1 500 No\r\nContent-Length: 14\r\n\r\nno \"database\"\n"
/* Tuesday, 2026-01-06 12:00:00 UTC */
#define NOON_MS 1767700800000ull
#define MINUTE_OF(day, hour) ((day)*1440u + (hour)*60u)

struct world {
	struct event_base *loop;
	struct event *patience;
	struct fetch *fetch;
	struct resolver *resolver;
	struct hook_tools *hooks;
	struct courier *courier;
	struct procedure *procedure;
	struct conf_service conf;
	struct deployment *deployment;
	struct procedure_now now;
	unsigned descriptors;
	/* backends of the color that is idle */
	struct smoke_backend backends[8];
	size_t backend_count;
	struct peer peers[8];
	size_t peer_count;
	/* the rehearsal gate */
	bool rehearsed;
	char rehearsed_version[32];
	uint64_t rehearsed_within_ms;
	/* the armed check, where it was asked for with make_armed */
	enum procedure_armed armed;
	unsigned armed_begun;
	/* what was heard */
	unsigned news, told;
	char events[2048]; /* "gate_started smoke\n…" */
	char last_text[1536];
	char told_event[32], told_sentence[512];
};

static inline void on_patience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	fail_msg("nothing happened for too long");
}

static inline size_t list_backends(void *arg, enum color color, struct smoke_backend *into, size_t max)
{
	struct world *world = arg;
	assert_int_equal(color, COLOR_GREEN);
	for (size_t i = 0; i < max && i < world->backend_count; i++)
		into[i] = world->backends[i];
	return world->backend_count;
}

static inline bool check_rehearsal(void *arg, const struct release *release, uint64_t wall_ms, uint64_t within_ms, char *sentence, size_t size)
{
	struct world *world = arg;
	assert_true(wall_ms >= NOON_MS);
	snprintf(world->rehearsed_version, sizeof(world->rehearsed_version), "%s", release->version);
	world->rehearsed_within_ms = within_ms;
	snprintf(sentence, size, world->rehearsed ? "%s passed a rehearsal" : "%s was not rehearsed", release->version);
	return world->rehearsed;
}

static inline void on_event(void *arg, const char *event, json_t *more, const char *text)
{
	struct world *world = arg;
	size_t used = strlen(world->events);
	snprintf(world->events + used, sizeof(world->events) - used, "%s %s\n", event, json_string_value(json_object_get(more, "gate")));
	snprintf(world->last_text, sizeof(world->last_text), "%s", text);
	json_decref(more);
}

static inline void on_news(void *arg)
{
	struct world *world = arg;
	world->news++;
	event_base_loopbreak(world->loop);
}

static inline void on_told(void *arg, const struct courier_end *end)
{
	struct world *world = arg;
	world->told++;
	snprintf(world->told_event, sizeof(world->told_event), "%s", end->event);
	snprintf(world->told_sentence, sizeof(world->told_sentence), "%s", end->result->sentence);
	event_base_loopbreak(world->loop);
}

static inline int open_world(void **state)
{
	static char name[] = "shop", version[] = "v2", reason[] = "weekly release";
	struct err err;
	struct world *world = memory_new(sizeof(*world));
	world->descriptors = scratch_count_descriptors();
	world->loop = event_base_new();
	world->patience = evtimer_new(world->loop, on_patience, NULL);
	evtimer_add(world->patience, &(struct timeval){.tv_sec = PATIENCE_S});
	world->fetch = fetch_new(world->loop);
	world->resolver = resolver_new(world->loop, &err);
	assert_non_null(world->resolver);
	world->hooks = hook_tools_new(world->loop, world->fetch, world->resolver);
	world->courier = courier_new(world->hooks, &courier_usual, on_told, world);
	world->conf.name = name;
	world->now = (struct procedure_now){.mono_ms = 1000, .wall_ms = NOON_MS};
	world->deployment = deployment_new(name, NOON_MS);
	world->deployment->from = COLOR_BLUE;
	world->deployment->to = COLOR_GREEN;
	world->deployment->to_release.version = memory_text(version);
	world->deployment->reason = memory_text(reason);
	snprintf(world->deployment->actor.name, sizeof(world->deployment->actor.name), "ann");
	const struct procedure_tools tools = {
		.fetch = world->fetch,
		.hooks = world->hooks,
		.courier = world->courier,
		.list_backends = list_backends,
		.check_rehearsal = check_rehearsal,
		.emit = on_event,
		.on_news = on_news,
		.arg = world,
	};
	world->procedure = procedure_new(&tools, &world->conf);
	*state = world;
	return 0;
}

static inline bool has_children(void)
{
	siginfo_t found;
	int result = waitid(P_ALL, 0, &found, WEXITED | WNOHANG | WNOWAIT);
	assert_true(result == 0 || errno == ECHILD);
	return result == 0;
}

/* Programs are started by a thread. */
static inline void wait_for_a_child(struct world *world)
{
	while (!has_children())
		event_base_loop(world->loop, EVLOOP_ONCE);
}

static inline void wait_for_no_child(struct world *world)
{
	while (has_children())
		event_base_loop(world->loop, EVLOOP_ONCE);
}

static inline void begin_armed(void *arg, const struct deployment *deployment)
{
	struct world *world = arg;
	assert_int_equal(deployment->to, COLOR_GREEN);
	world->armed_begun++;
}

static inline enum procedure_armed read_armed(void *arg, char *sentence, size_t size)
{
	const struct world *world = arg;
	assert_true(world->armed_begun > 0);
	if (world->armed == PROCEDURE_ARMED_NO)
		snprintf(sentence, size, "the keys expire in 2 min");
	return world->armed;
}

static inline json_t *list_armed(void *arg)
{
	const struct world *world = arg;
	return json_pack("[{s:s, s:b}]", "name", "credentials", "passed", world->armed == PROCEDURE_ARMED_YES);
}

/* Instead of the procedure of open_world. */
static inline void make_armed(struct world *world)
{
	const struct procedure_tools tools = {
		.fetch = world->fetch,
		.hooks = world->hooks,
		.courier = world->courier,
		.list_backends = list_backends,
		.check_rehearsal = check_rehearsal,
		.begin_armed = begin_armed,
		.read_armed = read_armed,
		.list_armed = list_armed,
		.emit = on_event,
		.on_news = on_news,
		.arg = world,
	};
	procedure_free(world->procedure);
	world->procedure = procedure_new(&tools, &world->conf);
}

/* Nothing may be left: no child, no descriptor. */
static inline int close_world(void **state)
{
	struct world *world = *state;
	procedure_free(world->procedure);
	wait_for_no_child(world);
	courier_free(world->courier);
	hook_tools_free(world->hooks);
	fetch_free(world->fetch);
	resolver_free(world->resolver);
	for (size_t i = 0; i < world->peer_count; i++)
		peer_close(&world->peers[i]);
	event_free(world->patience);
	event_base_loop(world->loop, EVLOOP_NONBLOCK); /* bufferevents of the peers end in a turn of their own */
	event_base_free(world->loop);
	deployment_free(world->deployment);
	int left = (int)scratch_count_descriptors() - (int)world->descriptors;
	free(world);
	return left;
}

/* A backend of green that answers so; NULL: never. */
static inline struct peer *add_backend(struct world *world, const char *name, const char *answer)
{
	struct peer *peer = &world->peers[world->peer_count++];
	peer->answer = answer;
	peer->end = PEER_STAYS;
	peer_open(peer, world->loop);
	world->backends[world->backend_count++] = (struct smoke_backend){.name = name, .addr = peer->addr};
	return peer;
}

static inline void set_conf(struct world *world)
{
	procedure_set_conf(world->procedure, &world->conf);
}

static inline void begin(struct world *world)
{
	set_conf(world);
	procedure_begin(world->procedure, world->deployment);
}

static inline enum procedure_state run(struct world *world)
{
	return procedure_run(world->procedure, &world->now);
}

/* Until it passed or refused, a millisecond a round. */
static inline enum procedure_state run_to_end(struct world *world)
{
	while (run(world) == PROCEDURE_PENDING) {
		unsigned before = world->news;
		while (world->news == before)
			event_base_loop(world->loop, EVLOOP_ONCE);
		world->now.mono_ms++;
	}
	return run(world);
}

static inline void expect_refusal(struct world *world, const char *gate, int exit_code, const char *detail)
{
	const struct procedure_refusal *refusal = procedure_refusal(world->procedure);
	assert_string_equal(refusal->gate, gate);
	if (!strstr(refusal->detail, detail))
		fail_msg("expected \"%s\", got \"%s\"", detail, refusal->detail);
	assert_int_equal(refusal->exit_code, exit_code);
}

/* The rows as "name passed|failed|forced|waits: detail". */
static inline void expect_rows(struct world *world, const char *const *expected)
{
	size_t i, count = 0;
	const json_t *row;
	json_t *rows = procedure_to_json(world->procedure);
	while (expected[count])
		count++;
	json_array_foreach(rows, i, row)
	{
		char line[1400];
		const char *wanted = i < count ? expected[i] : "none";
		bool passed = json_is_true(json_object_get(row, "passed")), forced = json_is_true(json_object_get(row, "forced"));
		const char *how = passed ? "passed" : forced ? "forced" : json_is_true(json_object_get(row, "waits")) ? "waits" : "failed";
		snprintf(line, sizeof(line), "%s %s: %s", json_string_value(json_object_get(row, "name")), how,
			json_string_value(json_object_get(row, "detail")));
		if (strncmp(line, wanted, strlen(wanted)) != 0)
			fail_msg("row %zu: expected \"%s\", got \"%s\"", i, wanted, line);
		assert_non_null(json_object_get(row, "ms"));
		if (strcmp(json_string_value(json_object_get(row, "name")), "hook") == 0)
			assert_true(json_is_string(json_object_get(row, "hook")) && json_object_get(row, "output"));
	}
	assert_int_equal(json_array_size(rows), count);
	json_decref(rows);
}

/* ---- a smoke request ---- */

static inline struct conf_smoke one_request(void)
{
	static char get[] = "GET", slash[] = "/";
	static struct conf_status_range good[] = {{200, 299}};
	return (struct conf_smoke){.method = get, .path = slash, .statuses = good, .status_count = 1, .timeout_ms = 20000};
}

static inline void set_smokes(struct world *world, struct conf_smoke *smokes, size_t count)
{
	world->conf.gates.smokes = smokes;
	world->conf.gates.smoke_count = count;
}

#define ROUND(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

#endif
