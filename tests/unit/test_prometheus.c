/* probe/prometheus against scripted servers on the same loop. */
// links: probe
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/fetch.h"
#include "base/resolve.h"
#include "probe/prometheus.h"
#include "tests/unit/peer.h"

/* More than anything takes here; reached only by a bug. */
#define PATIENCE_S 20
#define HOUR_MS 3600000u
#define TIMEOUT_MS 10000u

#define EMPTY "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}"
#define REFUSAL "HTTP/1.1 422 Unprocessable\r\nConnection: close\r\n\r\n{\"status\":\"error\",\"errorType\":\"execution\",\"error\":\"too much\"}"

struct world {
	struct event_base *loop;
	struct fetch *fetch;
	struct resolver *resolver;
	struct event *patience;
	struct peer peer;
	struct prometheus_query query;
	struct prometheus *prometheus;
	char url[128], answer[512];
	unsigned results;
	struct prometheus_state state; /* the last one */
	bool stop, end;                /* in the callback */
};

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	fail_msg("nothing happened for too long");
}

static void point_at(struct world *world, const char *host, const char *prefix)
{
	snprintf(world->url, sizeof(world->url), "http://%s:%u%s", host, world->peer.addr.port, prefix);
}

static int open_world(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	world->loop = event_base_new();
	world->fetch = fetch_new(world->loop);
	world->resolver = resolver_new(world->loop, NULL);
	world->patience = evtimer_new(world->loop, on_patience, NULL);
	evtimer_add(world->patience, &(struct timeval){.tv_sec = PATIENCE_S});
	world->peer = (struct peer){.answer = world->answer, .end = PEER_CLOSES};
	peer_open(&world->peer, world->loop);
	world->query = (struct prometheus_query){.url = world->url, .query = "up", .every_ms = HOUR_MS, .timeout_ms = TIMEOUT_MS};
	point_at(world, "127.0.0.1", "");
	*state = world;
	return 0;
}

/* Nothing may be left on the loop, whatever was under way. */
static int close_world(void **state)
{
	struct world *world = *state;
	prometheus_free(world->prometheus);
	resolver_free(world->resolver);
	fetch_free(world->fetch);
	peer_close(&world->peer);
	event_free(world->patience);
	event_base_loop(world->loop, EVLOOP_NONBLOCK); /* bufferevents of the peers end in a turn of their own */
	int left = event_base_get_num_events(world->loop, EVENT_BASE_COUNT_ADDED);
	event_base_free(world->loop);
	free(world);
	return left;
}

static void on_result(void *arg, const struct prometheus_state *state)
{
	struct world *world = arg;
	world->state = *state;
	world->results++;
	if (world->stop)
		prometheus_stop(world->prometheus);
	if (!world->end)
		return;
	prometheus_free(world->prometheus);
	world->prometheus = NULL;
}

static void set_value(struct world *world, const char *value)
{
	snprintf(world->answer, sizeof(world->answer),
		"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[%llu.5,\"%s\"]}}",
		(unsigned long long)(clock_wall_ms() / 1000), value);
}

static void set_answer(struct world *world, const char *answer)
{
	snprintf(world->answer, sizeof(world->answer), "%s", answer);
}

static void start(struct world *world)
{
	world->prometheus = prometheus_new(world->loop, world->fetch, world->resolver, &world->query, on_result, world);
	prometheus_start(world->prometheus);
	assert_int_equal(world->results, 0);
}

static void wait_for_results(struct world *world, unsigned more)
{
	unsigned wanted = world->results + more;
	while (world->results < wanted)
		event_base_loop(world->loop, EVLOOP_ONCE);
}

static struct prometheus_state read_state(const struct world *world, uint64_t now_ms)
{
	struct prometheus_state state;
	prometheus_read(world->prometheus, now_ms, &state);
	return state;
}

static void assert_result(struct world *world, enum prometheus_kind kind, const char *detail)
{
	struct prometheus_state state = read_state(world, clock_mono_ms());
	assert_int_equal(world->state.kind, kind);
	assert_int_equal(state.kind, kind);
	assert_memory_equal(world->state.detail, detail, strlen(detail));
	assert_string_equal(state.detail, world->state.detail);
}

static void test_value(void **state)
{
	struct world *world = *state;
	set_value(world, "7.5");
	start(world);
	struct prometheus_state before = read_state(world, clock_mono_ms() + 1000);
	assert_int_equal(before.kind, PROMETHEUS_NO_ANSWER_YET);
	assert_int_equal(before.age_ms, 0);
	assert_string_equal(before.detail, "no answer yet");
	wait_for_results(world, 1);
	assert_result(world, PROMETHEUS_VALUE, "7.5");
	assert_true(world->state.value > 7.4 && world->state.value < 7.6);
	assert_int_equal(world->state.age_ms, 0);
	assert_true(read_state(world, clock_mono_ms() + 5000).age_ms >= 5000);
	assert_int_equal(read_state(world, 0).age_ms, 0);
}

static void test_request(void **state)
{
	static const struct {
		const char *prefix, *query, *target;
	} cases[] = {
		{"", "up", "GET /api/v1/query?query=up&timeout=9000ms HTTP/1.1\r\n"},
		{"/", "up", "GET /api/v1/query?query=up&timeout=9000ms HTTP/1.1\r\n"},
		{"/prometheus/", "a + b{c=\"d&e\"}", "GET /prometheus/api/v1/query?query=a%20%2B%20b%7Bc%3D%22d%26e%22%7D&timeout=9000ms HTTP/1.1\r\n"},
	};
	struct world *world = *state;
	set_value(world, "1");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		point_at(world, "127.0.0.1", cases[i].prefix);
		world->query.query = cases[i].query;
		world->results = 0;
		start(world);
		wait_for_results(world, 1);
		assert_memory_equal(world->peer.request, cases[i].target, strlen(cases[i].target));
		assert_non_null(strstr(world->peer.request, "User-Agent: teal-probe/" TEAL_VERSION "\r\n"));
		prometheus_free(world->prometheus);
		world->prometheus = NULL;
	}
}

/* A long query goes into the body, as one form. */
static void test_long_query(void **state)
{
	struct world *world = *state;
	char query[3001], length[64];
	memset(query, 'x', sizeof(query) - 1);
	query[sizeof(query) - 1] = '\0';
	query[0] = '+';
	set_value(world, "1");
	world->query.query = query;
	start(world);
	wait_for_results(world, 1);
	assert_result(world, PROMETHEUS_VALUE, "1");
	static const char head[] = "POST /api/v1/query HTTP/1.1\r\n";
	assert_memory_equal(world->peer.request, head, sizeof(head) - 1);
	snprintf(length, sizeof(length), "\r\nContent-Length: %zu\r\n", strlen("query=&timeout=9000ms") + sizeof(query) - 1 + 2);
	assert_non_null(strstr(world->peer.request, length));
	assert_non_null(strstr(world->peer.request, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
	assert_null(strstr(strstr(world->peer.request, "Content-Type") + 1, "Content-Type"));
}

/* Each result takes the place of the last, a failure too. */
static void test_changes(void **state)
{
	struct world *world = *state;
	world->query.every_ms = 1;
	set_value(world, "3");
	start(world);
	wait_for_results(world, 1);
	assert_result(world, PROMETHEUS_VALUE, "3");
	set_answer(world, REFUSAL);
	wait_for_results(world, 1);
	assert_result(world, PROMETHEUS_ERROR, "Prometheus says execution: too much");
	set_answer(world, EMPTY);
	wait_for_results(world, 1);
	assert_result(world, PROMETHEUS_NO_DATA, "the query found no series");
	assert_true(world->state.value >= 0 && world->state.value <= 0);
	world->peer.answer = NULL;
	wait_for_results(world, 1);
	assert_result(world, PROMETHEUS_ERROR, "closed the connection before answering");
	world->peer.answer = world->answer;
	set_value(world, "4");
	wait_for_results(world, 1);
	assert_result(world, PROMETHEUS_VALUE, "4");
}

static void test_refused(void **state)
{
	struct world *world = *state;
	struct peer gone = {.end = PEER_STAYS};
	peer_open(&gone, world->loop);
	peer_close(&gone);
	snprintf(world->url, sizeof(world->url), "http://127.0.0.1:%u", gone.addr.port);
	start(world);
	wait_for_results(world, 1);
	assert_result(world, PROMETHEUS_ERROR, "connection refused by 127.0.0.1:");
}

/* The limit is on the whole; the next query waits for it, however short the interval. */
static void test_timeout(void **state)
{
	struct world *world = *state;
	world->peer.answer = NULL;
	world->peer.end = PEER_STAYS;
	world->query.every_ms = 1;
	world->query.timeout_ms = 50;
	uint64_t begun = clock_mono_ms();
	start(world);
	wait_for_results(world, 3);
	assert_result(world, PROMETHEUS_ERROR, "no answer within 50 ms");
	assert_true(clock_mono_ms() - begun >= 3 * 49);
	assert_true(world->peer.accepted <= 4);
	assert_non_null(strstr(world->peer.request, "timeout=45ms"));
}

static void test_interval(void **state)
{
	struct world *world = *state;
	set_value(world, "1");
	world->query.every_ms = 50;
	uint64_t begun = clock_mono_ms();
	start(world);
	wait_for_results(world, 4);
	assert_true(clock_mono_ms() - begun >= 3 * 49);
	assert_int_equal(world->peer.accepted, 4);
}

static void test_large_body(void **state)
{
	struct world *world = *state;
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n{";
	size_t length = 1200000;
	char *answer = malloc(length);
	memset(answer, ' ', length);
	memcpy(answer, head, sizeof(head) - 1);
	world->peer.answer = answer;
	world->peer.answer_length = length;
	start(world);
	wait_for_results(world, 1);
	assert_result(world, PROMETHEUS_ERROR, "the body of the answer is larger than 1MiB");
	free(answer);
}

static void test_name(void **state)
{
	struct world *world = *state;
	set_value(world, "5");
	point_at(world, "localhost", "");
	start(world);
	wait_for_results(world, 1);
	assert_result(world, PROMETHEUS_VALUE, "5");
	assert_non_null(strstr(world->peer.request, "\r\nHost: localhost:"));
}

/* A name without an address is a failure again and again, and none once it has one. No server answers here: the resolver says so itself. */
static void test_unknown_name(void **state)
{
	struct world *world = *state;
	struct err err;
	assert_true(resolver_set_servers(world->resolver, "127.0.0.1:1", 20, &err));
	point_at(world, "prometheus.invalid", "");
	world->query.every_ms = 1;
	start(world);
	wait_for_results(world, 3);
	assert_int_equal(world->state.kind, PROMETHEUS_ERROR);
	assert_non_null(strstr(world->state.detail, "the name prometheus.invalid"));
	assert_int_equal(world->peer.accepted, 0);
}

/* Each failure to get an answer tries the next address of the name. */
static void test_addresses(void **state)
{
	struct world *world = *state;
	char path[] = "/tmp/test_prometheus.XXXXXX";
	int fd = mkstemp(path);
	static const char hosts[] = "127.0.0.1 prometheus.test\n127.0.0.2 prometheus.test\n";
	assert_int_equal(write(fd, hosts, sizeof(hosts) - 1), sizeof(hosts) - 1);
	close(fd);
	peer_close(&world->peer);
	struct sockaddr_in second = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1)};
	peer_listen(&world->peer, world->loop, (const struct sockaddr *)&second, sizeof(second));
	setenv("CARES_HOSTS", path, 1);
	set_value(world, "6");
	point_at(world, "prometheus.test", "");
	world->query.every_ms = 1;
	start(world);
	while (world->state.kind != PROMETHEUS_VALUE)
		wait_for_results(world, 1);
	assert_true(world->results <= 2);
	unsetenv("CARES_HOSTS");
	unlink(path);
}

/* Stopped, the last result stays; started again, it is forgotten. */
static void test_stop_and_start(void **state)
{
	struct world *world = *state;
	set_value(world, "8");
	world->stop = true;
	start(world);
	wait_for_results(world, 1);
	event_base_loop(world->loop, EVLOOP_NONBLOCK);
	assert_result(world, PROMETHEUS_VALUE, "8");
	prometheus_stop(world->prometheus);
	world->stop = false;
	world->peer.answer = NULL;
	world->peer.end = PEER_STAYS;
	prometheus_start(world->prometheus);
	assert_int_equal(read_state(world, clock_mono_ms()).kind, PROMETHEUS_NO_ANSWER_YET);
	while (world->peer.accepted < 2)
		event_base_loop(world->loop, EVLOOP_ONCE);
	prometheus_stop(world->prometheus);
	assert_int_equal(read_state(world, clock_mono_ms()).kind, PROMETHEUS_NO_ANSWER_YET);
	assert_int_equal(world->results, 1);
}

static void test_free_in_callback(void **state)
{
	struct world *world = *state;
	set_value(world, "8");
	world->end = true;
	start(world);
	wait_for_results(world, 1);
	assert_null(world->prometheus);
}

/* Left to close_world. */
static void test_free_while_busy(void **state)
{
	struct world *world = *state;
	world->peer.answer = NULL;
	world->peer.end = PEER_STAYS;
	point_at(world, "localhost", "");
	start(world);
	while (world->peer.accepted < 1)
		event_base_loop(world->loop, EVLOOP_ONCE);
	assert_int_equal(world->results, 0);
}

static void test_without_callback(void **state)
{
	struct world *world = *state;
	set_value(world, "9");
	world->prometheus = prometheus_new(world->loop, world->fetch, world->resolver, &world->query, NULL, NULL);
	prometheus_start(world->prometheus);
	while (read_state(world, clock_mono_ms()).kind == PROMETHEUS_NO_ANSWER_YET)
		event_base_loop(world->loop, EVLOOP_ONCE);
	assert_string_equal(read_state(world, clock_mono_ms()).detail, "9");
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_value, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_request, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_long_query, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_changes, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_refused, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_timeout, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_interval, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_large_body, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_name, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_unknown_name, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_addresses, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_stop_and_start, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_free_in_callback, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_free_while_busy, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_without_callback, open_world, close_world),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
