// Flow tests of connections that are opened in advance: a color that gets requests has them, in clear and over TLS, and what goes wrong with them is nobody's business.
// links: proxy
#include "tests/unit/scratch.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/flow/actor.h"
#include "tests/flow/veiled.h"

enum { CLIENTS = 12 };

#define YOUNG_MS 900u /* in such a time no connection in advance becomes old */
#define TRIES 5u      /* on a machine that does something else in between */
#define PATIENCE_MS 20000u

static const struct veiled_spoil good = {VEILED_NOTHING, 0};

static struct stage stage;
static struct stage_backend *blue, *green;
static int clients[CLIENTS];
static char answer[4096];

/* ---- backends ---- */

/* For the threads of connections: what becomes of one that the green backend has accepted. */
enum deed { SERVES, HANGS, BABBLES, LEAVES };
static atomic_int deed, version;
static atomic_uint green_port, done; /* done: how often, of the last two */
static atomic_bool over_tls;

static bool is_green(int fd)
{
	struct sockaddr_in at = {0};
	socklen_t length = sizeof(at);
	getsockname(fd, (struct sockaddr *)&at, &length);
	return at.sin_port == atomic_load(&green_port);
}

/* Long enough that all clients' requests are under way at the same time. */
static void serve_clear(int fd)
{
	while (actor_hear_head(fd)) {
		actor_wait_ms(100);
		actor_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	}
}

static void serve_veiled(int fd)
{
	struct veiled veiled;
	char head[4096];
	veiled_init_backend(&veiled, fd, atomic_load(&version), good);
	bool open = veiled_shake(&veiled);
	while (open && veiled_hear_head(&veiled, head, sizeof(head))) {
		actor_wait_ms(100);
		open = veiled_say(&veiled, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	}
	veiled_fini(&veiled);
}

static void serve(int fd)
{
	switch (is_green(fd) ? (enum deed)atomic_load(&deed) : SERVES) {
	case SERVES:
		(atomic_load(&over_tls) ? serve_veiled : serve_clear)(fd);
		break;
	case HANGS:
		actor_hear_all(fd);
		break;
	case BABBLES:
		actor_say(fd, "what?\r\n\r\n");
		atomic_fetch_add(&done, 1);
		actor_hear_all(fd);
		break;
	case LEAVES:
		shutdown(fd, SHUT_WR);
		atomic_fetch_add(&done, 1);
		break;
	}
}

/* ---- the stage ---- */

static void connect_all(void)
{
	for (unsigned i = 0; i < CLIENTS; i++)
		clients[i] = stage_connect(&stage);
}

static int open_stage(void **state)
{
	(void)state;
	atomic_store(&deed, SERVES);
	atomic_store(&version, TLS1_3_VERSION);
	atomic_store(&over_tls, false);
	stage_open(&stage, 2, 0, 0);
	blue = actor_play(&stage, serve);
	green = actor_play(&stage, serve);
	strcpy(green->color, "green");
	atomic_store(&green_port, ((const struct sockaddr_in *)&green->addr.to.any)->sin_port);
	atomic_store(&done, 0);
	stage_flip(&stage, COLOR_BLUE);
	connect_all();
	return 0;
}

/* Of the stage's own backends, which know tunnels. */
static int open_plain(void **state)
{
	(void)state;
	stage_open(&stage, 2, 1, 1);
	blue = &stage.backends[0];
	green = &stage.backends[1];
	connect_all();
	return 0;
}

static int open_veiled(void **state)
{
	open_stage(state);
	atomic_store(&over_tls, true);
	veiled_back(&stage);
	return 0;
}

static int close_stage(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CLIENTS; i++)
		stage_close_client(clients[i]);
	veiled_leave_stage(&stage);
	stage_close(&stage);
	return 0;
}

/* All at the same time; how many were answered well. */
static unsigned ask_all(void)
{
	unsigned answered = 0;
	for (unsigned i = 0; i < CLIENTS; i++)
		stage_send(clients[i], "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n");
	for (unsigned i = 0; i < CLIENTS; i++)
		answered += stage_read_answer(clients[i], answer, sizeof(answer), false) == 200;
	return answered;
}

static bool is_warm(void)
{
	return proxy_warmed(stage.proxy) >= proxy_table(stage.proxy)->generation;
}

static void order(void)
{
	static uint64_t orders;
	stage.warm = ++orders;
	stage_flip(&stage, COLOR_BLUE);
}

static void flip(enum color live)
{
	stage.warm = 0;
	stage_flip(&stage, live);
}

static void wait_until_warm(void)
{
	while (!is_warm())
		event_base_loop(stage.loop, EVLOOP_ONCE);
}

static unsigned accepted(struct stage_backend *backend)
{
	return atomic_load(&backend->connections);
}

static unsigned count_open(struct stage_backend *backend)
{
	unsigned sum = 0;
	for (unsigned i = 0; i < stage.workers; i++)
		sum += atomic_load(&backend->backend->lanes[i].connections);
	return sum;
}

/* By the backend's threads, or the workers: these may be late. */
static void wait_for_green(unsigned (*read)(struct stage_backend *backend), unsigned wanted)
{
	for (uint64_t end_ms = actor_now_ms() + PATIENCE_MS; read(green) != wanted && actor_now_ms() < end_ms;)
		actor_wait_ms(1);
	assert_int_equal(read(green), wanted);
}

static uint64_t count_handshakes(void)
{
	struct proxy_counters counters;
	proxy_read_counters(stage.proxy, &counters);
	return counters.backends_tls.full + counters.backends_tls.resumed;
}

/* Whatever became of connections in advance: nothing is counted, and nothing is left alone for it. */
static void expect_no_blame(void)
{
	struct proxy_counters counters;
	proxy_read_counters(stage.proxy, &counters);
	for (unsigned i = 0; i < FAIL_COUNT; i++)
		assert_int_equal(counters.fails[i] + counters.replays[i], 0);
	for (unsigned i = 0; i < stage.workers; i++) {
		assert_int_equal(atomic_load(&green->backend->lanes[i].failures), 0);
		assert_int_equal(green->backend->lanes[i].skip_until_ms, 0); /* written before the worker told that it is warm */
	}
	assert_int_equal(totals_inflight(stage.totals, COLOR_GREEN), 0);
}

/* ---- it has them ---- */

/* False when it took so long that connections may have become old meanwhile. */
static bool flip_warm(void)
{
	assert_int_equal(ask_all(), CLIENTS);
	uint64_t began_ms = actor_now_ms();
	unsigned wanted = count_open(blue), before = accepted(green);
	order();
	wait_until_warm();
	unsigned opened = count_open(green);
	wait_for_green(accepted, before + opened);
	uint64_t handshakes = count_handshakes();
	flip(COLOR_GREEN);
	assert_int_equal(ask_all(), CLIENTS);
	if (actor_now_ms() - began_ms > YOUNG_MS)
		return false;
	assert_true(wanted >= 2);
	assert_int_equal(opened, wanted);
	assert_int_equal(accepted(green), before + wanted);
	assert_int_equal(count_handshakes(), handshakes);
	return true;
}

/* Its idle connections are closed, over some turns. */
static void leave_green(void)
{
	backend_set_pooling(green->backend, BACKEND_COLD);
	flip(COLOR_BLUE);
	wait_for_green(count_open, 0);
	backend_set_pooling(green->backend, BACKEND_POOLED);
}

static void check_flips(void)
{
	bool young = false;
	for (unsigned i = 0; !young && i < TRIES; i++) {
		young = flip_warm();
		leave_green();
	}
	expect_no_blame();
}

static void test_requests_use_them(void **state)
{
	(void)state;
	check_flips();
}

static void test_requests_use_them_over_tls(void **state)
{
	(void)state;
	check_flips();
	atomic_store(&version, TLS1_2_VERSION);
	check_flips();
}

/* Their clients come back by and by. */
static void test_none_for_tunnels(void **state)
{
	(void)state;
	enum { TUNNELS = 5 };
	for (unsigned i = 0; i < TUNNELS; i++) {
		stage_send(clients[i], "GET /tunnel HTTP/1.1\r\nHost: shop.example\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
		assert_int_equal(stage_read_answer(clients[i], answer, sizeof(answer), true), 101);
	}
	for (unsigned i = TUNNELS; i < CLIENTS; i++)
		stage_send(clients[i], "GET /slow HTTP/1.1\r\nHost: shop.example\r\n\r\n");
	for (unsigned i = TUNNELS; i < CLIENTS; i++)
		assert_int_equal(stage_read_answer(clients[i], answer, sizeof(answer), false), 200);
	unsigned open = count_open(blue);
	order();
	wait_until_warm();
	assert_in_range(count_open(green), 1, open - TUNNELS);
	expect_no_blame();
}

/* ---- it can't have them ---- */

/* What failed in advance does not stand in the way of requests. */
static void flip_all_the_same(void)
{
	assert_int_equal(ask_all(), CLIENTS);
	atomic_store(&deed, SERVES);
	flip(COLOR_GREEN);
	assert_int_equal(ask_all(), CLIENTS);
}

static void fail_with(enum deed how)
{
	assert_int_equal(ask_all(), CLIENTS);
	unsigned before = accepted(green);
	atomic_store(&deed, how);
	order();
	wait_until_warm();
	while (atomic_load(&done) == 0 || atomic_load(&done) < accepted(green) - before)
		actor_wait_ms(1);
	expect_no_blame();
	flip_all_the_same();
}

/* Over TLS: a handshake that fails. In clear: bytes that nobody asked for. */
static void test_babble(void **state)
{
	(void)state;
	fail_with(BABBLES);
}

static void test_ends_at_once(void **state)
{
	(void)state;
	fail_with(LEAVES);
}

static void test_refused(void **state)
{
	(void)state;
	assert_int_equal(ask_all(), CLIENTS);
	stage_kill_backend(&stage, 1);
	order();
	wait_until_warm();
	expect_no_blame();
	assert_int_equal(ask_all(), CLIENTS);
}

/* It accepts, and never shakes hands. Whoever waits gives up at some time, and flips. */
static void hang(void)
{
	assert_int_equal(ask_all(), CLIENTS);
	unsigned before = accepted(green);
	atomic_store(&deed, HANGS);
	stage.globals.connect_ms = 3000;
	order();
	wait_for_green(accepted, before + count_open(blue));
	assert_false(is_warm());
}

static void test_a_handshake_that_hangs(void **state)
{
	(void)state;
	hang();
	flip_all_the_same();
}

static void test_the_worker_ends_meanwhile(void **state)
{
	(void)state;
	hang();
}

/* The backend is none any more, or the color is not to have any, before they stand. */
static void test_taken_back(void **state)
{
	(void)state;
	hang();
	leave_green(); /* their time is over */
	assert_int_equal(ask_all(), CLIENTS);
}

/* ---- it needs them no more ---- */

/* The color that was left has its idle connections closed while requests go on. */
static void test_closed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(ask_all(), CLIENTS);
		order();
		wait_until_warm();
		backend_set_pooling(green->backend, BACKEND_COLD);
		flip(COLOR_BLUE);
		assert_int_equal(ask_all(), CLIENTS);
		leave_green();
	}
	expect_no_blame();
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)
#define tls_test(name) cmocka_unit_test_setup_teardown(name, open_veiled, close_stage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_requests_use_them),
		tls_test(test_requests_use_them_over_tls),
		cmocka_unit_test_setup_teardown(test_none_for_tunnels, open_plain, close_stage),
		tls_test(test_babble),
		flow_test(test_ends_at_once),
		flow_test(test_babble),
		flow_test(test_refused),
		tls_test(test_a_handshake_that_hangs),
		tls_test(test_the_worker_ends_meanwhile),
		tls_test(test_taken_back),
		flow_test(test_closed),
	};
	return cmocka_run_group_tests(tests, veiled_set_up, veiled_tear_down);
}
