/* A worker that the test is, with backends whose listeners accept nothing: their queues take the connections. Blue is live. */
#ifndef TEAL_TESTS_UNIT_WARM_SCENE_H
#define TEAL_TESTS_UNIT_WARM_SCENE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "proxy/pool.h"
#include "proxy/table.h"
#include "proxy/upstream.h"
#include "proxy/worker.h"

#define PATIENCE_MS 20000u
#define GREENS 3u
#define TABLES_MAX 8u

static struct {
	struct worker worker;
	_Atomic(struct table *) newest;
	struct table *tables[TABLES_MAX];
	unsigned table_count;
	struct totals *totals;
	struct table_index *index;
	struct backend *blue, *greens[GREENS];
	int listeners[1 + GREENS];
	unsigned listener_count;
	unsigned members; /* of green */
	enum proxyproto_version announce;
	uint64_t warm, connect_ms;
} scene;

static inline struct backend *make_backend(int backlog)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(at);
	struct addr addr;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	getsockname(fd, (struct sockaddr *)&at, &length);
	addr_from_socket((struct sockaddr *)&at, length, &addr);
	scene.listeners[scene.listener_count++] = fd;
	return backend_new("127.0.0.1:1", &addr, 1);
}

static inline struct table *make_table(void)
{
	struct table_globals globals = {.header_bytes = 8192, .headers = 10, .connections = 10, .connect_ms = scene.connect_ms};
	struct table_member blue = {scene.blue, HEALTH_UP}, greens[GREENS];
	for (unsigned i = 0; i < scene.members; i++)
		greens[i] = (struct table_member){scene.greens[i], HEALTH_UP};
	struct table_service_spec spec = {.name = "shop", .live = COLOR_BLUE, .blue_split = TABLE_SPLIT_WHOLE, .totals = scene.totals, .warm = scene.warm};
	spec.colors[COLOR_BLUE].members = &blue;
	spec.colors[COLOR_BLUE].count = 1;
	spec.colors[COLOR_GREEN].members = greens;
	spec.colors[COLOR_GREEN].count = scene.members;
	spec.colors[COLOR_GREEN].announce = scene.announce;
	struct table_service *service = table_service_new(&spec);
	struct table *table = table_new(&globals, scene.index, &service, 1, 1);
	table_service_release(service);
	assert_true(scene.table_count < TABLES_MAX);
	scene.tables[scene.table_count++] = table;
	table->generation = scene.table_count;
	return table;
}

static inline void turn(void)
{
	worker_turn(&scene.worker, false);
}

static inline void publish(uint64_t warm)
{
	scene.warm = warm;
	atomic_store(&scene.newest, make_table());
	worker_wake(&scene.worker);
}

static inline int open_scene(void **state)
{
	struct err err;
	struct table_index_entry entry = {0};
	(void)state;
	memset(&scene, 0, sizeof(scene));
	scene.connect_ms = 10000;
	scene.members = 1;
	scene.totals = totals_new(1);
	scene.index = table_index_new(&entry, 1);
	scene.blue = make_backend(4096);
	for (unsigned i = 0; i < GREENS; i++)
		scene.greens[i] = make_backend(4096);
	atomic_store(&scene.newest, make_table());
	scene.worker.wake_fd = scene.worker.timer_fd = -1;
	assert_true(worker_init(&scene.worker, 0, &scene.newest, eventfd(0, EFD_NONBLOCK), &err));
	return 0;
}

static inline int close_scene(void **state)
{
	(void)state;
	worker_close_all(&scene.worker);
	assert_null(scene.worker.lanes);
	worker_fini(&scene.worker);
	close(scene.worker.progress_fd);
	for (unsigned i = 0; i < scene.table_count; i++)
		table_free(scene.tables[i]);
	backend_release(scene.blue);
	for (unsigned i = 0; i < GREENS; i++)
		backend_release(scene.greens[i]);
	backend_collect();
	totals_release(scene.totals);
	table_index_release(scene.index);
	for (unsigned i = 0; i < scene.listener_count; i++)
		close(scene.listeners[i]);
	return 0;
}

static inline struct backend_lane *lane_of(struct backend *backend)
{
	return &backend->lanes[0];
}

static inline unsigned connections(struct backend *backend)
{
	return atomic_load(&lane_of(backend)->connections);
}

static inline unsigned green_connections(void)
{
	unsigned sum = 0;
	for (unsigned i = 0; i < scene.members; i++)
		sum += connections(scene.greens[i]);
	return sum;
}

static inline uint64_t patience(void)
{
	return clock_mono_ms() + PATIENCE_MS;
}

/* Idle ones, as requests leave them. */
static inline void open_idle(struct backend *backend, unsigned count)
{
	enum fail fail;
	unsigned wanted = lane_of(backend)->idle_count + count;
	for (unsigned i = 0; i < count; i++)
		assert_non_null(upstream_open(&scene.worker, backend, NULL, NULL, &fail));
	for (uint64_t end_ms = patience(); lane_of(backend)->idle_count < wanted && clock_mono_ms() < end_ms;)
		turn();
	assert_int_equal(lane_of(backend)->idle_count, wanted);
	for (struct upstream *upstream = lane_of(backend)->idle; upstream; upstream = upstream->older)
		upstream->unasked = false;
	lane_of(backend)->unasked = NULL;
}

static inline bool is_warm(void)
{
	return atomic_load(&scene.worker.warmed) == atomic_load(&scene.newest)->generation;
}

static inline void wait_until_warm(void)
{
	for (uint64_t end_ms = patience(); !is_warm() && clock_mono_ms() < end_ms;)
		worker_turn(&scene.worker, true);
	assert_true(is_warm());
}

#define scene_test(name) cmocka_unit_test_setup_teardown(name, open_scene, close_scene)

#endif
