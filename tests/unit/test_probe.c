/* probe/probe against scripted servers on the same loop. */
// links: probe
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/fetch.h"
#include "probe/probe.h"
#include "tests/unit/peer.h"

/* More than anything takes here; reached only by a bug. */
#define PATIENCE_S 20

#define OK_ANSWER "HTTP/1.1 200 OK\r\nX-Version: b2\r\nContent-Length: 2\r\n\r\nok"
#define BAD_ANSWER "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"

/* Configuration is not const. */
static char health_path[] = "/health", version_header[] = "X-Version", version_value[] = "{version}", ok_text[] = "ok", fine_text[] = "fine";

struct world {
	struct event_base *loop;
	struct fetch *fetch;
	struct prober *prober;
	struct event *patience;
	struct peer peer;
	struct conf_status_range status;
	struct conf_probe check;
	unsigned results;
	struct probe_result result; /* the last one */
	struct probe *to_stop;      /* in the callback */
};

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	fail_msg("nothing happened for too long");
}

static int open_world(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	world->loop = event_base_new();
	world->fetch = fetch_new(world->loop);
	world->prober = prober_new(world->loop, world->fetch);
	world->patience = evtimer_new(world->loop, on_patience, NULL);
	evtimer_add(world->patience, &(struct timeval){.tv_sec = PATIENCE_S});
	world->peer = (struct peer){.answer = OK_ANSWER, .end = PEER_STAYS};
	peer_open(&world->peer, world->loop);
	world->status = (struct conf_status_range){200, 299};
	world->check = (struct conf_probe){
		.path = health_path, .interval_ms = 1, .timeout_ms = 10000, .rise = 2, .fall = 2, .statuses = &world->status, .status_count = 1};
	*state = world;
	return 0;
}

/* Nothing may be left on the loop once the prober is gone, whatever was under way. */
static int close_world(void **state)
{
	struct world *world = *state;
	prober_free(world->prober);
	fetch_free(world->fetch);
	peer_close(&world->peer);
	event_free(world->patience);
	event_base_loop(world->loop, EVLOOP_NONBLOCK); /* bufferevents of the peers end in a turn of their own */
	int left = event_base_get_num_events(world->loop, EVENT_BASE_COUNT_ADDED);
	event_base_free(world->loop);
	free(world);
	return left;
}

static void on_result(void *arg, const struct probe_result *result)
{
	struct world *world = arg;
	world->result = *result;
	world->results++;
	if (world->to_stop)
		probe_stop(world->to_stop);
	world->to_stop = NULL;
}

static void wait_for_results(struct world *world, unsigned more)
{
	unsigned wanted = world->results + more;
	while (world->results < wanted)
		event_base_loop(world->loop, EVLOOP_ONCE);
}

static struct probe_target make_target(struct world *world)
{
	return (struct probe_target){.check = &world->check, .backend = "10.0.0.1:8080", .addr = &world->peer.addr, .version = "b2", .start = HEALTH_UNKNOWN};
}

static struct probe *start(struct world *world)
{
	struct probe_target target = make_target(world);
	unsigned before = world->results;
	struct probe *probe = probe_start(world->prober, &target, on_result, world);
	assert_int_equal(world->results, before);
	return probe;
}

static void test_success(void **state)
{
	struct world *world = *state;
	uint64_t before = clock_wall_ms();
	start(world);
	wait_for_results(world, 1);
	assert_true(world->result.ok && world->result.changed);
	assert_int_equal(world->result.health, HEALTH_UP);
	assert_int_equal(world->result.streak, 1);
	assert_memory_equal(world->result.detail, "200 OK in ", 10);
	assert_true(world->result.at_wall_ms >= before && world->result.at_wall_ms <= clock_wall_ms());
	assert_true(world->result.took_us > 0);
	assert_non_null(strstr(world->peer.request, "GET /health HTTP/1.1\r\nHost: 10.0.0.1:8080\r\n"));
	assert_non_null(strstr(world->peer.request, "User-Agent: teal-probe/" TEAL_VERSION "\r\n"));
	wait_for_results(world, 1);
	assert_true(world->result.ok && !world->result.changed);
	assert_int_equal(world->result.streak, 2);
}

static void test_host(void **state)
{
	struct world *world = *state;
	struct probe_target target = make_target(world);
	target.host = "shop.example";
	probe_once(world->prober, &target, on_result, world);
	wait_for_results(world, 1);
	assert_true(world->result.ok);
	assert_non_null(strstr(world->peer.request, "\r\nHost: shop.example\r\n"));
}

static void test_rise_and_fall(void **state)
{
	struct world *world = *state;
	start(world);
	wait_for_results(world, 1);
	world->peer.answer = BAD_ANSWER;
	wait_for_results(world, 1);
	assert_int_equal(world->result.health, HEALTH_UP);
	assert_string_equal(world->result.detail, "status 503, expected 200-299");
	wait_for_results(world, 1);
	assert_true(world->result.changed);
	assert_int_equal(world->result.health, HEALTH_DOWN);
	world->peer.answer = OK_ANSWER;
	wait_for_results(world, 1);
	assert_int_equal(world->result.health, HEALTH_DOWN);
	assert_int_equal(world->result.streak, 1);
	wait_for_results(world, 1);
	assert_true(world->result.changed);
	assert_int_equal(world->result.health, HEALTH_UP);
}

struct failure_case {
	const char *name, *answer;
	enum peer_end end;
	uint64_t timeout_ms;
	const char *detail;
};

static const struct failure_case failure_cases[] = {
	{"503", BAD_ANSWER, PEER_STAYS, 10000, "status 503, expected 200-299"},
	{"a redirect", "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n", PEER_STAYS, 10000,
		"status 302 (to /login), expected 200-299; redirects are not followed"},
	{"another version", "HTTP/1.1 200 OK\r\nX-Version: a1\r\nContent-Length: 2\r\n\r\nok", PEER_STAYS, 10000,
		"header X-Version is \"a1\", expected \"b2\""},
	{"another body", "HTTP/1.1 200 OK\r\nX-Version: b2\r\nContent-Length: 4\r\n\r\nfine", PEER_STAYS, 10000, "body does not contain \"ok\""},
	{"closed", NULL, PEER_CLOSES, 10000, "closed the connection before answering"},
	{"reset", NULL, PEER_RESETS, 10000, "reset the connection before answering"},
	{"garbage", "hello\r\n", PEER_CLOSES, 10000, "what was answered is not HTTP/1.1"},
	{"no answer", NULL, PEER_STAYS, 100, "no answer within 100 ms (connected in "},
};

static void test_failures(void **state)
{
	struct world *world = *state;
	struct conf_header header = {version_header, version_value};
	struct probe_target target = make_target(world);
	world->check.headers = &header;
	world->check.header_count = 1;
	world->check.body = ok_text;
	for (size_t i = 0; i < sizeof(failure_cases) / sizeof(failure_cases[0]); i++) {
		const struct failure_case *test = &failure_cases[i];
		print_message("%s\n", test->name);
		world->peer.answer = test->answer;
		world->peer.end = test->end;
		world->check.timeout_ms = test->timeout_ms;
		probe_once(world->prober, &target, on_result, world);
		wait_for_results(world, 1);
		assert_false(world->result.ok);
		assert_int_equal(world->result.health, HEALTH_DOWN);
		assert_memory_equal(world->result.detail, test->detail, strlen(test->detail));
	}
}

/* Of a body without end, the first 64 KiB are looked at. */
static void test_huge_body(void **state)
{
	struct world *world = *state;
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\nok";
	size_t length = 1000000;
	char *answer = malloc(length);
	memset(answer, 'x', length);
	memcpy(answer, head, sizeof(head) - 1);
	world->peer.answer = answer;
	world->peer.answer_length = length;
	world->check.body = ok_text;
	struct probe_target target = make_target(world);
	probe_once(world->prober, &target, on_result, world);
	wait_for_results(world, 1);
	assert_true(world->result.ok);
	world->check.body = fine_text;
	probe_once(world->prober, &target, on_result, world);
	wait_for_results(world, 1);
	assert_string_equal(world->result.detail, "body does not contain \"fine\" in its first 64KiB");
	free(answer);
}

static void test_tcp(void **state)
{
	struct world *world = *state;
	world->check.path = NULL;
	start(world);
	wait_for_results(world, 2);
	assert_true(world->result.ok);
	assert_memory_equal(world->result.detail, "connected in ", 13);
	assert_string_equal(world->peer.request, "");
}

static void test_refused(void **state)
{
	struct world *world = *state;
	char text[ADDR_TEXT_SIZE], expected[ADDR_TEXT_SIZE + 32];
	struct peer gone = {.end = PEER_STAYS};
	peer_open(&gone, world->loop);
	peer_close(&gone);
	addr_format(&gone.addr, text, sizeof(text));
	snprintf(expected, sizeof(expected), "connection refused by %s", text);
	struct probe_target target = make_target(world);
	target.addr = &gone.addr;
	for (int tcp = 0; tcp < 2; tcp++) {
		world->check.path = tcp ? NULL : health_path;
		probe_once(world->prober, &target, on_result, world);
		wait_for_results(world, 1);
		assert_false(world->result.ok);
		assert_string_equal(world->result.detail, expected);
	}
}

static void test_unix_socket(void **state)
{
	struct world *world = *state;
	char folder[] = "/tmp/test_probe.XXXXXX", path[64];
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
	struct peer peer = {.answer = OK_ANSWER, .end = PEER_STAYS};
	peer_open_unix(&peer, world->loop, path);
	struct probe_target target = make_target(world);
	target.addr = &peer.addr;
	target.backend = "unix:/run/shop.sock";
	for (int tcp = 0; tcp < 2; tcp++) {
		world->check.path = tcp ? NULL : health_path;
		probe_once(world->prober, &target, on_result, world);
		wait_for_results(world, 1);
		assert_true(world->result.ok);
	}
	assert_non_null(strstr(peer.request, "\r\nHost: localhost\r\n"));
	peer_close(&peer);
	unlink(path);
	rmdir(folder);
}

/* A name fails each probe until it has an address; then rise counts from there. */
static void test_name(void **state)
{
	struct world *world = *state;
	struct addr name = {.kind = ADDR_NAME, .port = 80, .to.name = "backend.internal"};
	struct probe_target target = make_target(world);
	world->check.interval_ms = 3600000;
	target.addr = &name;
	struct probe *probe = probe_start(world->prober, &target, on_result, world);
	wait_for_results(world, 1);
	assert_false(world->result.ok);
	assert_int_equal(world->result.health, HEALTH_DOWN);
	assert_string_equal(world->result.detail, "the name backend.internal has no address yet");
	probe_set_addr(probe, &world->peer.addr);
	wait_for_results(world, 1);
	assert_true(world->result.ok);
	assert_int_equal(world->result.health, HEALTH_DOWN);
	probe_hasten(probe);
	wait_for_results(world, 1);
	assert_int_equal(world->result.health, HEALTH_UP);
}

/* A probe under way to the address of yesterday is given up. */
static void test_new_address(void **state)
{
	struct world *world = *state;
	struct peer other = {.answer = OK_ANSWER, .end = PEER_STAYS};
	peer_open(&other, world->loop);
	world->peer.answer = NULL;
	world->check.interval_ms = 3600000;
	struct probe *probe = start(world);
	while (!world->peer.request[0])
		event_base_loop(world->loop, EVLOOP_ONCE);
	probe_set_addr(probe, &world->peer.addr); /* the same: nothing happens */
	probe_set_addr(probe, &other.addr);
	wait_for_results(world, 1);
	assert_true(world->result.ok);
	assert_int_equal(world->peer.accepted, 1);
	assert_int_equal(other.accepted, 1);
	peer_close(&other);
}

/* One that was asked for while another is under way follows it at once. */
static void test_hasten(void **state)
{
	struct world *world = *state;
	world->check.interval_ms = 3600000;
	struct probe *probe = start(world);
	while (world->peer.accepted == 0)
		event_base_loop(world->loop, EVLOOP_ONCE);
	probe_hasten(probe);
	wait_for_results(world, 2);
	assert_int_equal(world->peer.accepted, 2);
	probe_hasten(probe);
	probe_hasten(probe);
	wait_for_results(world, 1);
	event_base_loop(world->loop, EVLOOP_NONBLOCK);
	assert_int_equal(world->results, 3);
}

/* From start to start, a tenth more or less. */
static void test_interval(void **state)
{
	struct world *world = *state;
	world->check.interval_ms = 50;
	uint64_t begun = clock_mono_us();
	start(world);
	wait_for_results(world, 5);
	assert_true(clock_mono_us() - begun >= 4 * 45000);
}

/* However short the interval: the next begins when the last has ended. */
static void test_never_two_at_a_time(void **state)
{
	struct world *world = *state;
	world->peer.answer = NULL;
	world->check.timeout_ms = 30;
	start(world);
	wait_for_results(world, 3);
	assert_true(world->peer.accepted <= 4);
}

static void test_start_health(void **state)
{
	struct world *world = *state;
	struct probe_target target = make_target(world);
	world->peer.answer = BAD_ANSWER;
	target.start = HEALTH_UP;
	probe_start(world->prober, &target, on_result, world);
	wait_for_results(world, 1);
	assert_int_equal(world->result.health, HEALTH_UP);
	wait_for_results(world, 1);
	assert_int_equal(world->result.health, HEALTH_DOWN);
}

static void test_announcement(void **state)
{
	static const struct {
		enum conf_proxy_protocol announce;
		const char *begin;
	} cases[] = {
		{CONF_PROXY_PROTOCOL_OFF, "GET "},
		{CONF_PROXY_PROTOCOL_V1, "PROXY TCP4 127.0.0.1 127.0.0.1 "},
		{CONF_PROXY_PROTOCOL_V2, "\r\n\r\n"},
	};
	struct world *world = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct probe_target target = make_target(world);
		target.announce = cases[i].announce;
		probe_once(world->prober, &target, on_result, world);
		wait_for_results(world, 1);
		assert_true(world->result.ok);
		assert_memory_equal(world->peer.request, cases[i].begin, strlen(cases[i].begin));
	}
}

static void test_stop_in_callback(void **state)
{
	struct world *world = *state;
	struct addr name = {.kind = ADDR_NAME, .port = 80, .to.name = "backend.internal"};
	struct probe_target target = make_target(world);
	world->to_stop = start(world);
	wait_for_results(world, 1);
	target.addr = &name;
	world->to_stop = probe_start(world->prober, &target, on_result, world);
	wait_for_results(world, 1);
}

/* Left to prober_free: not begun, under way, waiting, and one of each kind that runs once. */
static void test_free_while_busy(void **state)
{
	struct world *world = *state;
	struct probe_target target = make_target(world);
	world->check.interval_ms = 3600000;
	start(world);
	wait_for_results(world, 1);
	world->peer.answer = NULL;
	start(world);
	probe_once(world->prober, &target, on_result, world);
	while (world->peer.accepted < 3)
		event_base_loop(world->loop, EVLOOP_ONCE);
	start(world);
	probe_once(world->prober, &target, on_result, world);
	assert_int_equal(world->results, 1);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_success, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_host, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_rise_and_fall, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_failures, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_huge_body, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_tcp, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_refused, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_unix_socket, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_name, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_new_address, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_hasten, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_interval, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_never_two_at_a_time, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_start_health, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_announcement, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_stop_in_callback, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_free_while_busy, open_world, close_world),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
