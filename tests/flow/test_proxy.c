// Flow tests of the proxy as a whole: draining, orders to cut, limits, flips under load.
// links: proxy
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/flow/stage.h"

static struct stage stage;

static int open_stage(void **state)
{
	(void)state;
	stage_open(&stage, 2, 2, 2);
	return 0;
}

static int close_stage(void **state)
{
	(void)state;
	stage_close(&stage);
	return 0;
}

static void wait_ms(unsigned ms)
{
	struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000l};
	nanosleep(&time, NULL);
}

static int get(int fd, const char *path, char *answer, size_t size)
{
	char request[256];
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: shop.example\r\n\r\n", path);
	stage_send(fd, request);
	return stage_read_answer(fd, answer, size, false);
}

/* Nobody is just cut: what is under way ends, an idle connection gets one more answer, with `Connection: close`; new ones are refused. */
static void test_drain(void **state)
{
	(void)state;
	char answer[1024];
	bool reset;
	int idle = stage_connect(&stage), busy = stage_connect(&stage);
	assert_int_equal(get(idle, "/first", answer, sizeof(answer)), 200);
	assert_null(strstr(answer, "Connection: close"));
	stage_send(busy, "GET /slow HTTP/1.1\r\nHost: shop.example\r\n\r\n");
	wait_ms(50);
	stage.globals.draining = true;
	stage_flip(&stage, COLOR_BLUE);
	proxy_drain(stage.proxy);
	wait_ms(50);
	int late = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_not_equal(connect(late, &stage.at.to.any, stage.at.length), 0);
	assert_int_equal(errno, ECONNREFUSED);
	close(late);
	assert_int_equal(stage_read_answer(busy, answer, sizeof(answer), false), 200);
	assert_non_null(strstr(answer, "Connection: close"));
	assert_int_equal(get(idle, "/last", answer, sizeof(answer)), 200);
	assert_non_null(strstr(answer, "Connection: close"));
	assert_int_equal(stage_read_all(idle, answer, sizeof(answer), &reset), 0);
	stage_close_client(idle);
	stage_close_client(busy);
	struct proxy_counters counters;
	for (int i = 0; i < 100; i++) {
		proxy_read_counters(stage.proxy, &counters);
		if (counters.open == 0)
			break;
		wait_ms(10);
	}
	assert_int_equal(counters.open, 0);
}

/* An order to cut ends what began before it, on that color only, with an answer where one is still possible. */
static void test_cut(void **state)
{
	(void)state;
	char answer[1024];
	bool reset;
	int request = stage_connect(&stage), tunnel = stage_connect(&stage), other = stage_connect(&stage);
	stage_send(tunnel, "GET /tunnel HTTP/1.1\r\nHost: shop.example\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
	assert_int_equal(stage_read_answer(tunnel, answer, sizeof(answer), true), 101);
	stage_send(request, "GET /slow HTTP/1.1\r\nHost: shop.example\r\n\r\n");
	wait_ms(50);
	stage_flip(&stage, COLOR_GREEN);
	uint64_t flipped = proxy_table(stage.proxy)->generation;
	stage_send(other, "GET /slow HTTP/1.1\r\nHost: shop.example\r\n\r\n");
	wait_ms(50);
	stage.cut_before = flipped;
	stage_flip(&stage, COLOR_GREEN);
	assert_int_equal(stage_read_answer(request, answer, sizeof(answer), false), 503);
	stage_read_all(tunnel, answer, sizeof(answer), &reset);
	assert_int_equal(stage_read_answer(other, answer, sizeof(answer), false), 200);
	assert_true(stage_wait_drained(&stage, COLOR_BLUE));
	stage_close_client(request);
	stage_close_client(tunnel);
	stage_close_client(other);
}

/* At the limit, accepting pauses and those inside go on; when one leaves, the next is served. */
static void test_connection_limit(void **state)
{
	(void)state;
	char answer[1024];
	enum { LIMIT = 8, CLIENTS = 40 };
	int clients[CLIENTS];
	stage.globals.connections = LIMIT;
	stage_flip(&stage, COLOR_BLUE);
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = stage_connect(&stage);
	wait_ms(50);
	struct proxy_counters counters;
	proxy_read_counters(stage.proxy, &counters);
	assert_true(counters.open <= LIMIT);
	assert_true(counters.accept_paused > 0);
	for (int i = 0; i < CLIENTS; i++)
		stage_send(clients[i], "GET /x HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n");
	for (int i = 0; i < CLIENTS; i++) {
		assert_int_equal(stage_read_answer(clients[i], answer, sizeof(answer), false), 200);
		stage_close_client(clients[i]);
	}
}

/* ---- flips under load ---- */

struct loader {
	pthread_t thread;
	unsigned number, good, bad, wrong_color;
};

static atomic_bool over;
static atomic_uint flips; /* goes up when a flip is asked for, and again when it is in force */

static const char *color_of(unsigned count)
{
	return count / 2 % 2 == 0 ? "X-Color: blue" : "X-Color: green";
}

static void *load(void *arg)
{
	struct loader *loader = arg;
	char answer[1024], path[64];
	int fd = stage_connect(&stage);
	for (unsigned i = 0; !atomic_load(&over); i++) {
		unsigned before = atomic_load(&flips);
		snprintf(path, sizeof(path), "/load/%u/%u", loader->number, i);
		int status = get(fd, path, answer, sizeof(answer));
		unsigned after = atomic_load(&flips);
		if (status == 200 && strstr(answer, path))
			loader->good++;
		else
			loader->bad++;
		/* No flip was asked for meanwhile: only the live color may have answered. */
		if (before == after && before % 2 == 0 && !strstr(answer, color_of(before)))
			loader->wrong_color++;
	}
	stage_close_client(fd);
	return NULL;
}

static void test_flips_under_load(void **state)
{
	(void)state;
	enum { LOADERS = 8, FLIPS = 300 };
	struct loader loaders[LOADERS];
	memset(loaders, 0, sizeof(loaders));
	atomic_store(&over, false);
	atomic_store(&flips, 0);
	for (unsigned i = 0; i < LOADERS; i++) {
		loaders[i].number = i;
		pthread_create(&loaders[i].thread, NULL, load, &loaders[i]);
	}
	for (unsigned i = 1; i <= FLIPS; i++) {
		atomic_fetch_add(&flips, 1);
		stage_flip(&stage, i % 2 ? COLOR_GREEN : COLOR_BLUE);
		atomic_fetch_add(&flips, 1);
		wait_ms(3);
	}
	atomic_store(&over, true);
	unsigned good = 0;
	for (unsigned i = 0; i < LOADERS; i++) {
		pthread_join(loaders[i].thread, NULL);
		assert_int_equal(loaders[i].bad, 0);
		assert_int_equal(loaders[i].wrong_color, 0);
		good += loaders[i].good;
	}
	assert_true(good > FLIPS);
	assert_true(stage_wait_drained(&stage, COLOR_BLUE) && stage_wait_drained(&stage, COLOR_GREEN));
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_drain),
		flow_test(test_cut),
		flow_test(test_connection_limit),
		flow_test(test_flips_under_load),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
