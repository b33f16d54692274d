/* switch/procedure on a loop with scripted servers, shell scripts and a clock that the test sets: every gate passed, refused, forced and cancelled, their order, the rows. */
// links: switch
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
	/* what was heard */
	unsigned news, told;
	char events[2048]; /* "gate_started smoke\n…" */
	char last_text[1536];
	char told_event[32], told_sentence[512];
};

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	fail_msg("nothing happened for too long");
}

static size_t list_backends(void *arg, enum color color, struct smoke_backend *into, size_t max)
{
	struct world *world = arg;
	assert_int_equal(color, COLOR_GREEN);
	for (size_t i = 0; i < max && i < world->backend_count; i++)
		into[i] = world->backends[i];
	return world->backend_count;
}

static bool check_rehearsal(void *arg, const char *version, uint64_t wall_ms, uint64_t within_ms, char *sentence, size_t size)
{
	struct world *world = arg;
	assert_true(wall_ms >= NOON_MS);
	snprintf(world->rehearsed_version, sizeof(world->rehearsed_version), "%s", version);
	world->rehearsed_within_ms = within_ms;
	snprintf(sentence, size, world->rehearsed ? "%s passed a rehearsal" : "%s was not rehearsed", version);
	return world->rehearsed;
}

static void on_event(void *arg, const char *event, json_t *more, const char *text)
{
	struct world *world = arg;
	size_t used = strlen(world->events);
	snprintf(world->events + used, sizeof(world->events) - used, "%s %s\n", event, json_string_value(json_object_get(more, "gate")));
	snprintf(world->last_text, sizeof(world->last_text), "%s", text);
	json_decref(more);
}

static void on_news(void *arg)
{
	struct world *world = arg;
	world->news++;
	event_base_loopbreak(world->loop);
}

static void on_told(void *arg, const struct courier_end *end)
{
	struct world *world = arg;
	world->told++;
	snprintf(world->told_event, sizeof(world->told_event), "%s", end->event);
	snprintf(world->told_sentence, sizeof(world->told_sentence), "%s", end->result->sentence);
	event_base_loopbreak(world->loop);
}

static int open_world(void **state)
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

static bool has_children(void)
{
	siginfo_t found;
	int result = waitid(P_ALL, 0, &found, WEXITED | WNOHANG | WNOWAIT);
	assert_true(result == 0 || errno == ECHILD);
	return result == 0;
}

/* Programs are started by a thread. */
static void wait_for_a_child(struct world *world)
{
	while (!has_children())
		event_base_loop(world->loop, EVLOOP_ONCE);
}

static void wait_for_no_child(struct world *world)
{
	while (has_children())
		event_base_loop(world->loop, EVLOOP_ONCE);
}

/* Nothing may be left: no child, no descriptor. */
static int close_world(void **state)
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
static struct peer *add_backend(struct world *world, const char *name, const char *answer)
{
	struct peer *peer = &world->peers[world->peer_count++];
	peer->answer = answer;
	peer->end = PEER_STAYS;
	peer_open(peer, world->loop);
	world->backends[world->backend_count++] = (struct smoke_backend){.name = name, .addr = peer->addr};
	return peer;
}

static void set_conf(struct world *world)
{
	procedure_set_conf(world->procedure, &world->conf);
}

static void begin(struct world *world)
{
	set_conf(world);
	procedure_begin(world->procedure, world->deployment, &world->now);
}

static enum procedure_state run(struct world *world)
{
	return procedure_run(world->procedure, &world->now);
}

/* Until it passed or refused, a millisecond a round. */
static enum procedure_state run_to_end(struct world *world)
{
	while (run(world) == PROCEDURE_PENDING) {
		unsigned before = world->news;
		while (world->news == before)
			event_base_loop(world->loop, EVLOOP_ONCE);
		world->now.mono_ms++;
	}
	return run(world);
}

static void expect_refusal(struct world *world, const char *gate, int exit_code, const char *detail)
{
	const struct procedure_refusal *refusal = procedure_refusal(world->procedure);
	assert_string_equal(refusal->gate, gate);
	if (!strstr(refusal->detail, detail))
		fail_msg("expected \"%s\", got \"%s\"", detail, refusal->detail);
	assert_int_equal(refusal->exit_code, exit_code);
}

/* The rows as "name passed|failed|forced|waits: detail". */
static void expect_rows(struct world *world, const char *const *expected)
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
	}
	assert_int_equal(json_array_size(rows), count);
	json_decref(rows);
}

/* ---- nothing ---- */

static void test_nothing(void **state)
{
	struct world *world = *state;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PASSED);
	assert_int_equal(run(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){NULL});
	assert_string_equal(world->events, "");
	procedure_cancel(world->procedure);
}

/* ---- freeze ---- */

static char utc[] = "UTC";
static struct conf_freeze today[] = {{.from = MINUTE_OF(1, 9), .to = MINUTE_OF(1, 17), .zone = utc}};
static struct conf_freeze tonight[] = {{.from = MINUTE_OF(1, 20), .to = MINUTE_OF(2, 6), .zone = utc}};

static void test_freeze(void **state)
{
	struct world *world = *state;
	world->conf.gates.freezes = today;
	world->conf.gates.freeze_count = 1;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_REFUSED);
	expect_refusal(world, "freeze", 3, "no switch begins until Tue 2026-01-06 17:00 UTC");
	expect_rows(world, (const char *[]){"freeze failed: no switch begins until Tue 2026-01-06 17:00 UTC, by the freeze Tue 09:00 to Tue 17:00", NULL});
	world->now.wall_ms += 5 * 3600000ull;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"freeze passed: no freeze holds now", NULL});
}

static void test_freeze_forced(void **state)
{
	struct world *world = *state;
	world->conf.gates.freezes = today;
	world->conf.gates.freeze_count = 1;
	world->deployment->force = true;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"freeze forced: no switch begins until Tue", NULL});
	assert_string_equal(world->events, "gate_forced freeze\n");
	assert_non_null(strstr(world->last_text, "shop: freeze: no switch begins until"));
}

/* It began while an approval was waited for. */
static void test_freeze_meanwhile(void **state)
{
	struct world *world = *state;
	char id[32];
	struct switcher_refusal refusal;
	const struct actor bob = {.name = "bob", .uid = 7};
	world->conf.gates.freezes = tonight;
	world->conf.gates.freeze_count = 1;
	world->conf.gates.approval_ms = 24 * 3600000ull;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	world->now.wall_ms += 9 * 3600000ull;
	assert_true(procedure_approve(world->procedure, NULL, &bob, NULL, world->now.wall_ms, id, &refusal));
	assert_int_equal(run(world), PROCEDURE_REFUSED);
	expect_refusal(world, "freeze", 3, "no switch begins until Wed 2026-01-07 06:00 UTC");
	expect_rows(world, (const char *[]){"freeze passed: ", "approval passed: approved by bob", "freeze failed: no switch begins", NULL});
}

/* ---- rehearsal ---- */

static void test_rehearsal(void **state)
{
	struct world *world = *state;
	world->conf.gates.rehearsal_ms = 7200000;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_REFUSED);
	expect_refusal(world, "rehearsal", 3, "v2 was not rehearsed");
	assert_string_equal(world->rehearsed_version, "v2");
	assert_int_equal(world->rehearsed_within_ms, 7200000);
	world->rehearsed = true;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"rehearsal passed: v2 passed a rehearsal", NULL});
	world->rehearsed = false;
	world->deployment->force = true;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"rehearsal forced: v2 was not rehearsed", NULL});
}

/* ---- smoke ---- */

static struct conf_status_range good[] = {{200, 299}};
static char get[] = "GET", post[] = "POST", slash[] = "/", cart[] = "/cart?a=1", shop_version[] = "shop: {version}", x_version[] = "X-Version",
	    braces[] = "{version}", cookie[] = "Cookie", cookie_value[] = "user=7", empty_name[] = "X-Empty", empty_value[] = "", form[] = "item=1",
	    type[] = "Content-Type", type_value[] = "application/x-www-form-urlencoded", host_name[] = "shop.example.com", wild[] = "*.example.com",
	    other_host[] = "cart.example.com:8080";
static struct conf_header expected_fields[] = {{x_version, braces}};
static struct conf_header sent_fields[] = {{cookie, cookie_value}, {empty_name, empty_value}, {type, type_value}};

static struct conf_smoke one_request(void)
{
	return (struct conf_smoke){.method = get, .path = slash, .statuses = good, .status_count = 1, .timeout_ms = 20000};
}

static void set_smokes(struct world *world, struct conf_smoke *smokes, size_t count)
{
	world->conf.gates.smokes = smokes;
	world->conf.gates.smoke_count = count;
}

static void expect_start(const struct peer *peer, const char *start)
{
	if (strncmp(peer->request, start, strlen(start)) != 0)
		fail_msg("expected \"%s\", got \"%s\"", start, peer->request);
}

static void test_smoke_passes(void **state)
{
	struct world *world = *state;
	char *hosts[] = {wild, host_name};
	struct peer *first = add_backend(world, "127.0.0.1:1001", OK_ANSWER), *second = add_backend(world, "127.0.0.1:1002", OK_ANSWER);
	struct conf_smoke smokes[] = {one_request(), one_request()};
	smokes[0].expect_body = shop_version;
	smokes[1] = (struct conf_smoke){.method = post,
		.path = cart,
		.host = other_host,
		.body = form,
		.send = sent_fields,
		.send_count = 3,
		.statuses = good,
		.status_count = 1,
		.expect = expected_fields,
		.expect_count = 1,
		.timeout_ms = 20000};
	world->conf.hosts = hosts;
	world->conf.host_count = 2;
	set_smokes(world, smokes, 1);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	assert_string_equal(world->events, "gate_started smoke\ngate_passed smoke\n");
	expect_rows(world, (const char *[]){"smoke passed: 2 requests to 2 backends of green went as expected", NULL});
	expect_start(first, "GET / HTTP/1.1\r\nHost: shop.example.com\r\n");
	assert_non_null(strstr(second->request, "\r\nUser-Agent: teal-smoke/"));
	set_smokes(world, smokes, 2);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"smoke passed: 4 requests to 2 backends of green went as expected", NULL});
	assert_int_equal(first->accepted + second->accepted, 6);
	expect_start(second, "POST /cart?a=1 HTTP/1.1\r\nHost: cart.example.com:8080\r\n");
	assert_non_null(strstr(second->request, "\r\nCookie: user=7\r\n"));
	assert_non_null(strstr(second->request, "\r\nX-Empty:\r\n"));
	assert_non_null(strstr(second->request, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
	assert_non_null(strstr(second->request, "\r\nContent-Length: 6\r\n"));
}

/* A POST without a body says so; a request that brings its own agent is left as it is. */
static void test_smoke_words(void **state)
{
	struct world *world = *state;
	static char agent[] = "User-Agent", agent_value[] = "checker/1";
	struct conf_header own[] = {{agent, agent_value}};
	struct peer *peer = add_backend(world, "127.0.0.1:1001", OK_ANSWER);
	struct conf_smoke smoke = one_request();
	smoke.method = post;
	smoke.send = own;
	smoke.send_count = 1;
	set_smokes(world, &smoke, 1);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	expect_start(peer, "POST / HTTP/1.1\r\nHost: 127.0.0.1:1001\r\n");
	assert_non_null(strstr(peer->request, "\r\nContent-Length: 0\r\n"));
	assert_non_null(strstr(peer->request, "\r\nUser-Agent: checker/1\r\n"));
	assert_null(strstr(peer->request, "teal-smoke"));
}

struct smoke_fault {
	const char *name, *answer;
	bool version, body, header, expires;
	const char *detail;
};

static const struct smoke_fault smoke_faults[] = {
	{"a status", BAD_ANSWER, true, false, false, false,
		"GET / to backend:1 of green: status 500, expected 200-299; the body begins \"no \\x22database\\x22\\x0a\""},
	{"a body", OK_ANSWER, true, true, false, false, "GET / to backend:1 of green: body does not contain \"shop: v3\"; the body begins \"shop: v2\""},
	{"a header", OK_ANSWER, true, false, true, false, "GET / to backend:1 of green: header X-Version is \"v2\", expected \"v3\""},
	{"no version", OK_ANSWER, false, true, false, false, "the body is to hold {version}, but this color has no version"},
	{"no HTTP", "hello\r\n\r\n", true, false, false, false, "GET / to backend:1 of green: "},
	{"no answer", NULL, true, false, false, true, "GET / to backend:1 of green: "},
};

static void test_smoke_refuses(void **state)
{
	struct world *world = *state;
	struct peer *peer = add_backend(world, "backend:1", NULL);
	for (size_t i = 0; i < sizeof(smoke_faults) / sizeof(smoke_faults[0]); i++) {
		const struct smoke_fault *fault = &smoke_faults[i];
		struct conf_smoke smoke = one_request();
		smoke.expect_body = fault->body ? shop_version : NULL;
		smoke.expect = expected_fields;
		smoke.expect_count = fault->header;
		if (fault->expires)
			smoke.timeout_ms = 50;
		free(world->deployment->to_release.version);
		world->deployment->to_release.version = memory_text(fault->version ? "v3" : "");
		peer->answer = fault->answer;
		peer->end = fault->answer ? PEER_CLOSES : PEER_STAYS;
		set_smokes(world, &smoke, 1);
		begin(world);
		assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
		expect_refusal(world, "smoke", 3, fault->detail);
		expect_rows(world, (const char *[]){"smoke failed: GET / to backend:1 of green: ", NULL});
	}
}

/* What is told of each request: one that failed, with what came. */
static void test_smoke_results(void **state)
{
	struct world *world = *state;
	add_backend(world, "backend:1", BAD_ANSWER);
	struct conf_smoke smoke = one_request();
	set_smokes(world, &smoke, 1);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
	json_t *rows = procedure_to_json(world->procedure), *result = json_array_get(json_object_get(json_array_get(rows, 0), "results"), 0);
	assert_int_equal(json_array_size(json_object_get(json_array_get(rows, 0), "results")), 1);
	assert_string_equal(json_string_value(json_object_get(result, "request")), "GET /");
	assert_string_equal(json_string_value(json_object_get(result, "backend")), "backend:1");
	assert_int_equal(json_integer_value(json_object_get(result, "status")), 500);
	assert_true(json_is_false(json_object_get(result, "passed")));
	assert_string_equal(json_string_value(json_object_get(result, "detail")), "status 500, expected 200-299");
	assert_string_equal(json_string_value(json_object_get(result, "body")), "no \\x22database\\x22\\x0a");
	assert_true(json_is_integer(json_object_get(result, "ms")));
	json_decref(rows);
}

/* Many results: no more rows than are kept, the failed one among them. */
static void test_smoke_many(void **state)
{
	struct world *world = *state;
	static struct conf_smoke smokes[SMOKE_RESULTS_KEPT + 8];
	static struct conf_status_range never[] = {{418, 418}};
	for (size_t i = 0; i < sizeof(smokes) / sizeof(smokes[0]); i++)
		smokes[i] = one_request();
	smokes[SMOKE_RESULTS_KEPT + 7].statuses = never;
	add_backend(world, "backend:1", OK_ANSWER)->end = PEER_CLOSES;
	set_smokes(world, smokes, SMOKE_RESULTS_KEPT + 8);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
	json_t *rows = procedure_to_json(world->procedure), *results = json_object_get(json_array_get(rows, 0), "results");
	assert_int_equal(json_array_size(results), SMOKE_RESULTS_KEPT);
	assert_true(json_is_false(json_object_get(json_array_get(results, SMOKE_RESULTS_KEPT - 1), "passed")));
	json_decref(rows);
}

static void test_smoke_forced(void **state)
{
	struct world *world = *state;
	add_backend(world, "backend:1", BAD_ANSWER);
	struct conf_smoke smoke = one_request();
	set_smokes(world, &smoke, 1);
	world->deployment->force = true;
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"smoke forced: GET / to backend:1 of green: status 500", NULL});
	assert_string_equal(world->events, "gate_started smoke\ngate_forced smoke\n");
}

static void test_smoke_without_backends(void **state)
{
	struct world *world = *state;
	struct conf_smoke smoke = one_request();
	set_smokes(world, &smoke, 1);
	begin(world);
	assert_int_equal(run(world), PROCEDURE_REFUSED);
	expect_refusal(world, "smoke", 3, "green has no backends");
}

static void test_smoke_unresolved(void **state)
{
	struct world *world = *state;
	struct err err;
	world->backends[0].name = "app.internal:80";
	assert_true(addr_parse("app.internal:80", &world->backends[0].addr, &err));
	world->backend_count = 1;
	struct conf_smoke smoke = one_request();
	set_smokes(world, &smoke, 1);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
	expect_refusal(world, "smoke", 3, "GET / to app.internal:80 of green: the name app.internal has no address yet");
}

/* On a unix socket, behind a PROXY protocol header. */
static void test_smoke_unix(void **state)
{
	struct world *world = *state;
	char folder[] = "/tmp/teal_test.XXXXXX", path[64];
	struct peer *peer = &world->peers[world->peer_count++];
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/app.sock", folder);
	peer->answer = OK_ANSWER;
	peer_open_unix(peer, world->loop, path);
	world->backends[world->backend_count++] = (struct smoke_backend){.name = "unix:app.sock", .addr = peer->addr, .announce = CONF_PROXY_PROTOCOL_V2};
	struct conf_smoke smoke = one_request();
	set_smokes(world, &smoke, 1);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	assert_memory_equal(peer->request, "\r\n\r\n\0\r\nQUIT\n", 12);
	assert_non_null(strstr(peer->request + 16, "GET / HTTP/1.1\r\nHost: localhost\r\n"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

static unsigned count_accepted(const struct world *world)
{
	unsigned accepted = 0;
	for (size_t i = 0; i < world->peer_count; i++)
		accepted += world->peers[i].accepted;
	return accepted;
}

/* Four backends hang: the others are not asked meanwhile. One that then fails ends all of it. */
static void test_smoke_bound(void **state)
{
	struct world *world = *state;
	static const char *const names[] = {"b:0", "b:1", "b:2", "b:3", "b:4", "b:5"};
	for (size_t i = 0; i < 6; i++)
		add_backend(world, names[i], NULL);
	world->peers[4].answer = world->peers[5].answer = OK_ANSWER;
	struct conf_smoke smokes[] = {one_request(), one_request()};
	set_smokes(world, smokes, 2);
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	while (count_accepted(world) < SMOKE_BACKENDS_AT_A_TIME)
		event_base_loop(world->loop, EVLOOP_ONCE);
	for (int turn = 0; turn < 100; turn++)
		event_base_loop(world->loop, EVLOOP_NONBLOCK);
	assert_int_equal(count_accepted(world), SMOKE_BACKENDS_AT_A_TIME);
	assert_int_equal(world->peers[4].accepted + world->peers[5].accepted, 0);
	while (!world->peers[2].open[0] || world->peers[2].request_length == 0) {
		peer_on_read(world->peers[2].open[0], &world->peers[2]);
		if (world->peers[2].request_length == 0)
			event_base_loop(world->loop, EVLOOP_ONCE);
	}
	world->peers[2].answer = BAD_ANSWER;
	peer_answer(&world->peers[2], world->peers[2].open[0]);
	assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
	expect_refusal(world, "smoke", 3, "GET / to b:2 of green: status 500");
	assert_int_equal(world->peers[4].accepted + world->peers[5].accepted, 0);
}

/* More backends than are asked at a time: each gets its requests. */
static void test_smoke_all_backends(void **state)
{
	struct world *world = *state;
	static const char *const names[] = {"b:0", "b:1", "b:2", "b:3", "b:4", "b:5", "b:6"};
	for (size_t i = 0; i < 7; i++)
		add_backend(world, names[i], OK_ANSWER);
	struct conf_smoke smokes[] = {one_request(), one_request(), one_request()};
	set_smokes(world, smokes, 3);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"smoke passed: 21 requests to 7 backends of green went as expected", NULL});
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(world->peers[i].accepted, 3);
}

/* ---- approval ---- */

static const struct actor bob = {.name = "bob", .uid = 1001};

static bool answer(struct world *world, bool approve, const char *deployment, const char *reason, struct switcher_refusal *refusal)
{
	char id[32] = "";
	bool done = approve ? procedure_approve(world->procedure, deployment, &bob, reason, world->now.wall_ms, id, refusal)
			    : procedure_reject(world->procedure, deployment, &bob, reason, world->now.wall_ms, id, refusal);
	if (done)
		assert_string_equal(id, world->deployment->id);
	return done;
}

static void ask_for_approval(struct world *world)
{
	world->conf.gates.approval_ms = 600000;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	assert_string_equal(world->events, "approval_asked approval\n");
	assert_string_equal(
		world->last_text, "shop: approval: waits for somebody's approval until 2026-01-06T12:10:00.000Z: teal approve shop, or teal reject shop");
	world->now.mono_ms += 599999;
	world->now.wall_ms += 599999;
	assert_int_equal(run(world), PROCEDURE_PENDING);
}

static void test_approved(void **state)
{
	struct world *world = *state;
	struct switcher_refusal refusal;
	ask_for_approval(world);
	json_t *waiting = procedure_waiting_to_json(world->procedure);
	assert_string_equal(json_string_value(json_object_get(waiting, "gate")), "approval");
	assert_string_equal(json_string_value(json_object_get(waiting, "since")), "2026-01-06T12:00:00.000Z");
	assert_string_equal(json_string_value(json_object_get(waiting, "expires_at")), "2026-01-06T12:10:00.000Z");
	json_decref(waiting);
	expect_rows(world, (const char *[]){"approval waits: waits for somebody's approval until", NULL});
	assert_true(answer(world, true, NULL, "looks well", &refusal));
	assert_string_equal(world->last_text, "shop: approval: approved by bob: looks well");
	/* it came in time, whenever that is seen */
	world->now.mono_ms += 10000;
	assert_int_equal(run(world), PROCEDURE_PASSED);
	assert_true(json_is_null(procedure_waiting_to_json(world->procedure)));
	expect_rows(world, (const char *[]){"approval passed: approved by bob: looks well", NULL});
	json_t *rows = procedure_to_json(world->procedure), *row = json_array_get(rows, 0);
	assert_string_equal(json_string_value(json_object_get(row, "actor")), "bob");
	assert_int_equal(json_integer_value(json_object_get(row, "uid")), 1001);
	assert_string_equal(json_string_value(json_object_get(row, "reason")), "looks well");
	assert_string_equal(json_string_value(json_object_get(row, "asked_at")), "2026-01-06T12:00:00.000Z");
	assert_string_equal(json_string_value(json_object_get(row, "answered_at")), "2026-01-06T12:09:59.999Z");
	json_decref(rows);
	assert_string_equal(world->events, "approval_asked approval\napproved approval\n");
}

static void test_rejected(void **state)
{
	struct world *world = *state;
	struct switcher_refusal refusal;
	ask_for_approval(world);
	assert_true(answer(world, false, world->deployment->id, NULL, &refusal));
	assert_int_equal(run(world), PROCEDURE_REFUSED);
	expect_refusal(world, "approval", 3, "rejected by bob");
	expect_rows(world, (const char *[]){"approval failed: rejected by bob", NULL});
}

static void test_approval_expires(void **state)
{
	struct world *world = *state;
	ask_for_approval(world);
	world->now.mono_ms++;
	assert_int_equal(run(world), PROCEDURE_REFUSED);
	expect_refusal(world, "approval", 6, "nobody approved it within 10m");
}

static void test_answers_refused(void **state)
{
	struct world *world = *state;
	struct switcher_refusal refusal;
	assert_false(answer(world, true, NULL, NULL, &refusal));
	assert_string_equal(refusal.code, "nothing_to_approve");
	assert_string_equal(refusal.detail, "no deployment of service shop waits for an approval");
	assert_false(answer(world, false, NULL, NULL, &refusal));
	assert_string_equal(refusal.code, "nothing_to_reject");
	ask_for_approval(world);
	assert_false(answer(world, true, "20260101-000000-abcdef", NULL, &refusal));
	assert_string_equal(refusal.code, "other_deployment");
	assert_string_equal(refusal.deployment, world->deployment->id);
	assert_non_null(strstr(refusal.detail, "deployment 20260101-000000-abcdef does not wait for an approval; "));
	assert_true(answer(world, false, NULL, NULL, &refusal));
	/* the first answer counts */
	assert_false(answer(world, true, NULL, NULL, &refusal));
	assert_string_equal(refusal.code, "nothing_to_approve");
	assert_int_equal(run(world), PROCEDURE_REFUSED);
	assert_false(answer(world, true, NULL, NULL, &refusal));
}

static void test_approval_forced(void **state)
{
	struct world *world = *state;
	world->conf.gates.approval_ms = 600000;
	world->deployment->force = true;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"approval forced: nobody was asked for an approval", NULL});
}

/* ---- hooks ---- */

static char sh[] = "/bin/sh", dash_c[] = "-c", exit_0[] = "echo to $TEAL_TO, $TEAL_TO_VERSION, $TEAL_EVENT", exit_1[] = "echo the dump is empty >&2; exit 1",
	    hang[] = "exec sleep 1000", long_words[] = "head -c 16000 /dev/zero | tr '\\0' x", missing[] = "/nonexistent/backup-verified";
static char *run_0[] = {sh, dash_c, exit_0, NULL}, *run_1[] = {sh, dash_c, exit_1, NULL}, *run_hang[] = {sh, dash_c, hang, NULL},
	    *run_long[] = {sh, dash_c, long_words, NULL}, *run_missing[] = {missing, NULL};

static struct conf_hook hook_0 = {.run = run_0, .timeout_ms = 20000}, hook_1 = {.run = run_1, .timeout_ms = 20000},
			hook_hang = {.run = run_hang, .timeout_ms = 20000}, hook_brief = {.run = run_hang, .timeout_ms = 50},
			hook_missing = {.run = run_missing, .timeout_ms = 20000}, hook_long = {.run = run_long, .timeout_ms = 20000};

static void set_hooks(struct world *world, struct conf_hook *list, size_t count)
{
	world->conf.hooks[CONF_BEFORE_SWITCH] = (struct conf_hooks){.list = list, .count = count};
}

static const char *output_of(json_t *rows, size_t at)
{
	return json_string_value(json_object_get(json_array_get(rows, at), "output"));
}

static void test_hooks_pass(void **state)
{
	struct world *world = *state;
	struct conf_hook hooks[] = {hook_0, hook_0};
	set_hooks(world, hooks, 2);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	assert_string_equal(world->events, "gate_started hook\ngate_passed hook\ngate_started hook\ngate_passed hook\n");
	assert_non_null(strstr(world->last_text, "shop: hook: /bin/sh ended with status 0"));
	expect_rows(world, (const char *[]){"hook passed: ", "hook passed: ", NULL});
	json_t *rows = procedure_to_json(world->procedure);
	assert_string_equal(output_of(rows, 0), "to green, v2, before_switch\n");
	assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 1), "hook")), "/bin/sh");
	assert_true(json_is_integer(json_object_get(json_array_get(rows, 0), "ms")));
	json_decref(rows);
}

static void test_hook_refuses(void **state)
{
	struct world *world = *state;
	struct conf_hook hooks[] = {hook_0, hook_1, hook_0};
	set_hooks(world, hooks, 3);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
	expect_refusal(world, "hook", 3, "/bin/sh");
	expect_rows(world, (const char *[]){"hook passed: ", "hook failed: ", NULL});
	json_t *rows = procedure_to_json(world->procedure);
	assert_string_equal(output_of(rows, 1), "the dump is empty\n");
	json_decref(rows);
}

static void test_hook_forced(void **state)
{
	struct world *world = *state;
	struct conf_hook hooks[] = {hook_1, hook_0, hook_missing};
	set_hooks(world, hooks, 3);
	world->deployment->force = true;
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"hook forced: ", "hook passed: ", "hook forced: ", NULL});
	assert_string_equal(world->events, "gate_started hook\ngate_forced hook\ngate_started hook\ngate_passed hook\ngate_started hook\ngate_forced hook\n");
}

static void test_hook_hangs(void **state)
{
	struct world *world = *state;
	struct conf_hook hooks[] = {hook_brief, hook_0};
	set_hooks(world, hooks, 2);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
	expect_refusal(world, "hook", 3, "50ms");
	expect_rows(world, (const char *[]){"hook failed: ", NULL});
	wait_for_no_child(world);
}

static void test_hook_missing(void **state)
{
	struct world *world = *state;
	struct conf_hook hooks[] = {hook_missing};
	set_hooks(world, hooks, 1);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
	expect_refusal(world, "hook", 3, "/nonexistent/backup-verified");
}

/* So much is kept of all of them; of more there is a mark. */
static void test_hook_output(void **state)
{
	struct world *world = *state;
	struct conf_hook hooks[] = {hook_long, hook_long, hook_long, hook_long, hook_long, hook_0};
	set_hooks(world, hooks, 6);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	json_t *rows = procedure_to_json(world->procedure);
	assert_int_equal(json_array_size(rows), 6);
	assert_int_equal(strlen(output_of(rows, 3)), 16000);
	assert_null(output_of(rows, 4));
	assert_true(json_is_true(json_object_get(json_array_get(rows, 4), "output_cut")));
	assert_string_equal(output_of(rows, 5), "to green, v2, before_switch\n");
	json_decref(rows);
}

/* ---- all of it ---- */

static void set_everything(struct world *world, struct conf_smoke *smoke, struct conf_hook *hook)
{
	add_backend(world, "backend:1", OK_ANSWER);
	world->conf.gates.freezes = tonight;
	world->conf.gates.freeze_count = 1;
	world->conf.gates.rehearsal_ms = 1000;
	world->conf.gates.approval_ms = 600000;
	world->rehearsed = true;
	set_smokes(world, smoke, 1);
	set_hooks(world, hook, 1);
}

static void wait_for_approval(struct world *world)
{
	while (!strstr(world->events, "approval_asked")) {
		assert_int_equal(run(world), PROCEDURE_PENDING);
		if (!strstr(world->events, "approval_asked"))
			event_base_loop(world->loop, EVLOOP_ONCE);
	}
}

static void test_order(void **state)
{
	struct world *world = *state;
	struct conf_smoke smoke = one_request();
	struct switcher_refusal refusal;
	set_everything(world, &smoke, &hook_0);
	begin(world);
	wait_for_approval(world);
	assert_true(answer(world, true, NULL, NULL, &refusal));
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	assert_string_equal(
		world->events, "gate_started smoke\ngate_passed smoke\napproval_asked approval\napproved approval\ngate_started hook\ngate_passed hook\n");
	expect_rows(world, (const char *[]){"freeze passed: ", "rehearsal passed: ", "smoke passed: ", "approval passed: ", "hook passed: ", NULL});
}

static void test_foresee(void **state)
{
	struct world *world = *state;
	struct conf_smoke smoke = one_request();
	struct procedure_refusal refusal;
	json_t *gates = json_array();
	set_everything(world, &smoke, &hook_0);
	set_conf(world);
	assert_true(procedure_foresee(world->procedure, COLOR_GREEN, &world->deployment->to_release, false, NOON_MS, gates, &refusal));
	assert_int_equal(json_array_size(gates), 5);
	assert_true(json_is_true(json_object_get(json_array_get(gates, 1), "passed")));
	assert_true(json_is_true(json_object_get(json_array_get(gates, 2), "planned")));
	assert_string_equal(json_string_value(json_object_get(json_array_get(gates, 2), "detail")), "1 request to 1 backend of green");
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(gates, 3), "detail")), "waits at most 10m for somebody's approval: teal approve shop");
	assert_string_equal(json_string_value(json_object_get(json_array_get(gates, 4), "detail")), "1 hook: /bin/sh");
	json_array_clear(gates);
	world->rehearsed = false;
	assert_false(procedure_foresee(world->procedure, COLOR_GREEN, &world->deployment->to_release, false, NOON_MS + 9 * 3600000ull, gates, &refusal));
	assert_string_equal(refusal.gate, "freeze");
	assert_int_equal(refusal.exit_code, 3);
	assert_int_equal(json_array_size(gates), 5);
	json_array_clear(gates);
	assert_true(procedure_foresee(world->procedure, COLOR_GREEN, &world->deployment->to_release, true, NOON_MS, gates, &refusal));
	assert_true(json_is_true(json_object_get(json_array_get(gates, 1), "forced")));
	json_decref(gates);
	assert_string_equal(world->events, "");
	assert_int_equal(world->peers[0].accepted, 0);
	world->conf.gates.freeze_count = 0;
}

/* A reload between two gates: what began goes on, what comes is as the new file has it. */
static void test_reload(void **state)
{
	struct world *world = *state;
	struct conf_smoke smoke = one_request();
	struct switcher_refusal refusal;
	struct conf_service other;
	set_everything(world, &smoke, &hook_1);
	begin(world);
	wait_for_approval(world);
	other = world->conf;
	other.gates.approval_ms = 0;
	other.hooks[CONF_BEFORE_SWITCH] = (struct conf_hooks){.list = &hook_0, .count = 1};
	procedure_set_conf(world->procedure, &other);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	assert_true(answer(world, true, NULL, NULL, &refusal));
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"freeze passed: ", "rehearsal passed: ", "smoke passed: ", "approval passed: ", "hook passed: ", NULL});
}

/* ---- cancelled ---- */

static void expect_nothing_runs(struct world *world)
{
	unsigned news = world->news;
	procedure_cancel(world->procedure);
	wait_for_no_child(world);
	for (int turn = 0; turn < 50; turn++)
		event_base_loop(world->loop, EVLOOP_NONBLOCK);
	assert_int_equal(world->news, news);
	assert_true(json_is_null(procedure_waiting_to_json(world->procedure)));
}

static void test_cancel_smoke(void **state)
{
	struct world *world = *state;
	struct conf_smoke smokes[] = {one_request(), one_request()};
	add_backend(world, "backend:1", NULL);
	set_smokes(world, smokes, 2);
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	expect_rows(world, (const char *[]){"smoke waits: 2 requests to 1 backend of green", NULL});
	expect_nothing_runs(world);
	expect_rows(world, (const char *[]){"smoke failed: stopped before it had ended", NULL});
}

static void test_cancel_approval(void **state)
{
	struct world *world = *state;
	struct switcher_refusal refusal;
	ask_for_approval(world);
	expect_nothing_runs(world);
	assert_false(answer(world, true, NULL, NULL, &refusal));
	assert_string_equal(refusal.code, "nothing_to_approve");
	expect_rows(world, (const char *[]){"approval failed: stopped before it had ended", NULL});
}

static void test_cancel_hook(void **state)
{
	struct world *world = *state;
	struct conf_hook hooks[] = {hook_0, hook_hang};
	set_hooks(world, hooks, 2);
	begin(world);
	while (world->news == 0) {
		assert_int_equal(run(world), PROCEDURE_PENDING);
		event_base_loop(world->loop, EVLOOP_ONCE);
	}
	assert_int_equal(run(world), PROCEDURE_PENDING);
	expect_rows(world, (const char *[]){"hook passed: ", "hook waits: /bin/sh is under way (2 of 2)", NULL});
	wait_for_a_child(world);
	expect_nothing_runs(world);
	expect_rows(world, (const char *[]){"hook passed: ", "hook failed: /bin/sh was stopped before it had ended", NULL});
}

/* Freed in the middle, and begun anew in the middle. */
static void test_end_in_the_middle(void **state)
{
	struct world *world = *state;
	struct conf_smoke smoke = one_request();
	add_backend(world, "backend:1", NULL);
	set_smokes(world, &smoke, 1);
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	set_smokes(world, NULL, 0);
	set_hooks(world, &hook_hang, 1);
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	expect_rows(world, (const char *[]){"hook waits: ", NULL});
	wait_for_a_child(world);
}

/* ---- told ---- */

static void wait_until_told(struct world *world, unsigned count)
{
	while (world->told < count)
		event_base_loop(world->loop, EVLOOP_ONCE);
}

static void test_tell(void **state)
{
	struct world *world = *state;
	struct peer *receiver = add_backend(world, "receiver", OK_ANSWER);
	char url[ADDR_TEXT_SIZE + 16], address[ADDR_TEXT_SIZE];
	addr_format(&receiver->addr, address, sizeof(address));
	snprintf(url, sizeof(url), "http://%s/told", address);
	struct conf_notify notify[] = {{.url = url, .timeout_ms = 20000}};
	world->conf.notify = notify;
	world->conf.notify_count = 1;
	world->conf.hooks[CONF_SWITCHED] = (struct conf_hooks){.list = &hook_0, .count = 1};
	set_hooks(world, &hook_1, 1);
	set_conf(world);
	/* a message, and the hook that the moment has */
	procedure_tell(world->procedure, HERALD_SWITCHED, world->deployment, NOON_MS);
	assert_int_equal(world->told, 0);
	wait_until_told(world, 2);
	/* a message alone: what may refuse is not run here */
	procedure_tell(world->procedure, HERALD_STARTED, world->deployment, NOON_MS);
	wait_until_told(world, 3);
	assert_string_equal(world->told_event, "started");
	assert_int_equal(courier_count(world->courier), 0);
	assert_non_null(strstr(receiver->request, "POST /told HTTP/1.1\r\n"));
	assert_non_null(strstr(receiver->request, "shop: switch from blue to green (v2) by ann: weekly release"));
	/* nobody, nothing */
	world->conf.notify_count = 0;
	set_conf(world);
	procedure_tell(world->procedure, HERALD_FAILED, world->deployment, NOON_MS);
	assert_int_equal(courier_count(world->courier), 0);
}

static void test_approval_is_told(void **state)
{
	struct world *world = *state;
	struct peer *receiver = add_backend(world, "receiver", OK_ANSWER);
	char url[ADDR_TEXT_SIZE + 16], address[ADDR_TEXT_SIZE];
	addr_format(&receiver->addr, address, sizeof(address));
	snprintf(url, sizeof(url), "http://%s/told", address);
	struct conf_notify notify[] = {{.url = url, .timeout_ms = 20000}};
	world->conf.notify = notify;
	world->conf.notify_count = 1;
	ask_for_approval(world);
	wait_until_told(world, 1);
	assert_string_equal(world->told_event, "approval_asked");
	assert_non_null(strstr(receiver->request, "shop: the switch to green (v2) by ann waits for an approval: teal approve shop, or teal reject shop"));
}

#define ROUND(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROUND(test_nothing),
		ROUND(test_freeze),
		ROUND(test_freeze_forced),
		ROUND(test_freeze_meanwhile),
		ROUND(test_rehearsal),
		ROUND(test_smoke_passes),
		ROUND(test_smoke_words),
		ROUND(test_smoke_refuses),
		ROUND(test_smoke_results),
		ROUND(test_smoke_many),
		ROUND(test_smoke_forced),
		ROUND(test_smoke_without_backends),
		ROUND(test_smoke_unresolved),
		ROUND(test_smoke_unix),
		ROUND(test_smoke_bound),
		ROUND(test_smoke_all_backends),
		ROUND(test_approved),
		ROUND(test_rejected),
		ROUND(test_approval_expires),
		ROUND(test_answers_refused),
		ROUND(test_approval_forced),
		ROUND(test_hooks_pass),
		ROUND(test_hook_refuses),
		ROUND(test_hook_forced),
		ROUND(test_hook_hangs),
		ROUND(test_hook_missing),
		ROUND(test_hook_output),
		ROUND(test_order),
		ROUND(test_foresee),
		ROUND(test_reload),
		ROUND(test_cancel_smoke),
		ROUND(test_cancel_approval),
		ROUND(test_cancel_hook),
		ROUND(test_end_in_the_middle),
		ROUND(test_tell),
		ROUND(test_approval_is_told),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
