/* Many clients that send crumbs, and one that does not, on a worker that this program is: whose turn it is. The backend is a listener whose connections are never read: what they hold is counted. */
// links: proxy
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/listener.h"
#include "proxy/quota.h"
#include "proxy/table.h"
#include "proxy/worker.h"

#define SLOW 20u
#define OTHERS 64u
#define TURNS_MAX 1000u
#define BODY_OF_999 "POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 999\r\n\r\n"

static struct {
	struct worker worker;
	_Atomic(struct table *) newest;
	struct table *table;
	struct totals *totals;
	struct table_index *index;
	struct backend *backend;
	struct addr at;
	int backend_fd, clients[SLOW], calls[SLOW + 1];
	unsigned call_count;
} scene;

/* ---- the scene ---- */

static struct table *make_table(void)
{
	struct table_globals globals = {.header_bytes = 8192,
		.headers = 10,
		.connections = 1000,
		.header_ms = 60000,
		.idle_ms = 60000,
		.connect_ms = 60000,
		.response_ms = 60000,
		.stall_ms = 60000};
	struct table_member blue = {scene.backend, HEALTH_UP};
	struct table_service_spec spec = {.name = "shop", .live = COLOR_BLUE, .blue_split = TABLE_SPLIT_WHOLE, .totals = scene.totals};
	spec.colors[COLOR_BLUE].members = &blue;
	spec.colors[COLOR_BLUE].count = 1;
	struct table_service *service = table_service_new(&spec);
	struct table *table = table_new(&globals, scene.index, &service, 1, 1);
	table_service_release(service);
	return table;
}

static int listen_anywhere(struct addr *at)
{
	struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct addr any;
	struct err err;
	addr_from_socket((struct sockaddr *)&loopback, sizeof(loopback), &any);
	int fd = listener_bind(&any, at, &err);
	assert_true(fd >= 0);
	return fd;
}

static int open_scene(void **state)
{
	static const struct proxy_listen listen;
	struct table_index_entry entry = {0};
	struct addr backend_at;
	struct err err;
	(void)state;
	memset(&scene, 0, sizeof(scene));
	scene.totals = totals_new(1);
	scene.index = table_index_new(&entry, 1);
	scene.backend_fd = listen_anywhere(&backend_at);
	scene.backend = backend_new("backend", &backend_at, 1);
	scene.table = make_table();
	atomic_store(&scene.newest, scene.table);
	scene.worker.wake_fd = scene.worker.timer_fd = -1;
	assert_true(worker_init(&scene.worker, 0, &scene.newest, eventfd(0, EFD_NONBLOCK), &err));
	scene.worker.quota = quota_new(SLOW + OTHERS);
	assert_true(listener_add(&scene.worker, listen_anywhere(&scene.at), &listen, &err) && listener_start_all(&scene.worker, &err));
	return 0;
}

static int close_scene(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SLOW; i++)
		close(scene.clients[i]);
	for (unsigned i = 0; i < scene.call_count; i++)
		close(scene.calls[i]);
	worker_close_all(&scene.worker);
	assert_null(scene.worker.patient.first);
	quota_free(scene.worker.quota);
	worker_fini(&scene.worker);
	close(scene.worker.progress_fd);
	close(scene.backend_fd);
	table_free(scene.table);
	backend_release(scene.backend);
	backend_collect();
	totals_release(scene.totals);
	table_index_release(scene.index);
	return 0;
}

static int open_client(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, &scene.at.to.any, scene.at.length), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
}

/* One turn; the backend accepts what has come. */
static void turn(void)
{
	int fd;
	worker_turn(&scene.worker, false);
	while (scene.call_count <= SLOW && (fd = accept4(scene.backend_fd, NULL, NULL, SOCK_NONBLOCK)) >= 0)
		scene.calls[scene.call_count++] = fd;
}

/* Bytes that the backend's connections `from` to `to` hold. */
static size_t held(unsigned from, unsigned to)
{
	size_t sum = 0;
	for (unsigned i = from; i < to; i++) {
		int bytes = 0;
		assert_int_equal(ioctl(scene.calls[i], FIONREAD, &bytes), 0);
		sum += (size_t)bytes;
	}
	return sum;
}

static void turn_until_quiet(void)
{
	unsigned quiet = 0;
	for (unsigned i = 0; i < TURNS_MAX && quiet < 10; i++) {
		size_t before = held(0, scene.call_count);
		turn();
		quiet = held(0, scene.call_count) > before ? 0 : quiet + 1;
	}
	assert_int_equal(quiet, 10);
}

/* All of them in the middle of a body or a head, having sent a crumb before. */
static void open_slow(const char *first)
{
	for (unsigned i = 0; i < SLOW; i++) {
		scene.clients[i] = open_client();
		say(scene.clients[i], first);
	}
	turn_until_quiet();
	for (unsigned i = 0; i < SLOW; i++)
		say(scene.clients[i], "a");
	turn_until_quiet();
}

/* ---- whose turn it is ---- */

/* In the turn in which all have something, the whole request is served, and two crumbs are: one after the other they all come through. */
static void test_crumbs_of_bodies(void **state)
{
	(void)state;
	open_slow(BODY_OF_999);
	assert_int_equal(scene.call_count, SLOW);
	size_t before = held(0, SLOW);
	for (unsigned i = 0; i < SLOW; i++)
		say(scene.clients[i], "b");
	int other = open_client();
	say(other, "GET /a HTTP/1.1\r\nHost: shop.example\r\n\r\n");
	unsigned turns = 0;
	while (scene.call_count == SLOW && turns++ < 5) /* accepted, read, sent when the connection stands */
		turn();
	assert_int_equal(scene.call_count, SLOW + 1);
	assert_in_range(held(0, SLOW) - before, 2, 2 * turns);
	for (unsigned i = 0; i < TURNS_MAX && held(0, SLOW) < before + SLOW; i++) {
		size_t one = held(0, SLOW);
		turn();
		assert_true(held(0, SLOW) <= one + 2);
	}
	assert_int_equal(held(0, SLOW), before + SLOW);
	assert_true(held(SLOW, SLOW + 1) > 0);
	close(other);
}

/* A large piece among crumbs: whoever sends it is in nobody's way, and waits behind nobody from then on. */
static void test_no_longer_crumbs(void **state)
{
	static char large[1025];
	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	open_slow("POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 99999\r\n\r\n");
	for (unsigned i = 0; i < SLOW; i++)
		say(scene.clients[i], large);
	turn_until_quiet();
	size_t before = held(0, SLOW);
	for (unsigned i = 0; i < SLOW; i++)
		say(scene.clients[i], large);
	turn();
	assert_int_equal(held(0, SLOW) - before, SLOW * (sizeof(large) - 1));
}

/* Heads that come in crumbs; once whole they are requests like any other. */
static void test_crumbs_of_heads(void **state)
{
	(void)state;
	open_slow("GET /a HTTP/1.1\r\nHost: shop.example\r\nX-Long: a");
	assert_int_equal(scene.call_count, 0);
	for (unsigned i = 0; i < SLOW; i++)
		say(scene.clients[i], "\r\n\r\n");
	for (unsigned i = 0; i < TURNS_MAX && scene.call_count < SLOW; i++) {
		unsigned before = scene.call_count;
		turn();
		assert_true(scene.call_count <= before + 2);
	}
	assert_int_equal(scene.call_count, SLOW);
}

/* Where each turn is a long one there are few of them: crumbs have a part of each. */
static void test_crumbs_on_a_busy_worker(void **state)
{
	(void)state;
	int others[OTHERS];
	open_slow(BODY_OF_999);
	for (unsigned i = 0; i < OTHERS; i++)
		others[i] = open_client();
	turn_until_quiet();
	size_t before = held(0, SLOW);
	for (unsigned i = 0; i < SLOW; i++)
		say(scene.clients[i], "b");
	for (unsigned i = 0; i < OTHERS; i++)
		say(others[i], "GET /a HTTP/1.1\r\nHost: shop.example\r\n\r\n");
	for (unsigned i = 0; i < 3; i++)
		turn();
	assert_true(held(0, SLOW) - before > 2 * 3);
	for (unsigned i = 0; i < OTHERS; i++)
		close(others[i]);
}

/* Whoever goes in the middle of its wait is forgotten. */
static void test_gone_meanwhile(void **state)
{
	(void)state;
	open_slow(BODY_OF_999);
	for (unsigned i = 0; i < SLOW; i++) {
		say(scene.clients[i], "b");
		if (i % 2 == 0)
			shutdown(scene.clients[i], SHUT_RDWR);
	}
	turn();
	assert_non_null(scene.worker.patient.first);
	turn_until_quiet();
	assert_null(scene.worker.patient.first);
	assert_int_equal(atomic_load(&scene.worker.counters.fails[FAIL_request_incomplete]), SLOW / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_crumbs_of_bodies, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(test_no_longer_crumbs, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(test_crumbs_of_heads, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(test_crumbs_on_a_busy_worker, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(test_gone_meanwhile, open_scene, close_scene),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
