// Flow tests of what is let go after a hold: in which order, how fast, behind whom; bodies, pipelines, tunnels; a storm.
// links: proxy
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "tests/flow/holding.h"

static struct stage stage;

static int open_stage(void **state)
{
	(void)state;
	holding_open(&stage, 1, 1, 1);
	return 0;
}

static int open_line(void **state)
{
	(void)state;
	holding_open(&stage, 1, 0, 0);
	holding_add_line(&stage);
	return 0;
}

static int open_many(void **state)
{
	(void)state;
	holding_open(&stage, 3, 2, 2);
	return 0;
}

static int close_stage(void **state)
{
	(void)state;
	stage_close(&stage);
	return 0;
}

/* ---- order and pace ---- */

/* The place in which the backend was asked. */
static int read_place(int fd)
{
	assert_int_equal(holding_read_answer(fd), 200);
	const char *field = strstr(holding_answer, "\r\nX-Place: ");
	assert_non_null(field);
	stage_close_client(fd);
	return atoi(field + 11);
}

/* So many wait, in the order of the array. */
static void queue_up(int *fds, int count)
{
	uint64_t before = totals_waiting(stage.totals);
	for (int i = 0; i < count; i++) {
		fds[i] = holding_ask(&stage, HOLDING_GET("/a"));
		holding_wait_for(&stage, before + (uint64_t)i + 1);
	}
}

static void test_order(void **state)
{
	(void)state;
	enum { CLIENTS = 30 };
	int fds[CLIENTS];
	holding_begin(&stage, HOLDING_LONG_MS);
	queue_up(fds, CLIENTS);
	holding_end(&stage, COLOR_BLUE);
	for (int i = 0; i < CLIENTS; i++)
		assert_int_equal(read_place(fds[i]), i + 1);
}

/* Who goes out of the middle leaves the order of the others as it was. */
static void test_order_with_gaps(void **state)
{
	(void)state;
	enum { CLIENTS = 6 };
	int fds[CLIENTS];
	holding_begin(&stage, HOLDING_LONG_MS);
	queue_up(fds, CLIENTS);
	holding_reset(fds[0]);
	holding_wait_for(&stage, 5);
	holding_reset(fds[3]);
	holding_wait_for(&stage, 4);
	holding_reset(fds[5]);
	holding_wait_for(&stage, 3);
	int last = holding_ask(&stage, HOLDING_GET("/a"));
	holding_wait_for(&stage, 4);
	holding_end(&stage, COLOR_BLUE);
	assert_int_equal(read_place(fds[1]), 1);
	assert_int_equal(read_place(fds[2]), 2);
	assert_int_equal(read_place(fds[4]), 3);
	assert_int_equal(read_place(last), 4);
}

/* No faster than asked for; and never all at once. */
static void test_pace(void **state)
{
	(void)state;
	enum { CLIENTS = 20, PER_S = 40 };
	int fds[CLIENTS];
	holding.release_per_s = PER_S;
	holding_begin(&stage, HOLDING_LONG_MS);
	queue_up(fds, CLIENTS);
	uint64_t begin = actor_now_ms();
	holding_end(&stage, COLOR_BLUE);
	for (int i = 0; i < CLIENTS; i++) {
		assert_int_equal(read_place(fds[i]), i + 1);
		assert_true(actor_now_ms() - begin + 2 >= (uint64_t)i * 1000 / PER_S);
	}
	assert_int_equal(totals_waiting(stage.totals), 0);
}

/* New ones go behind those that wait, and each lets another one go: so they are no longer in line than those were. */
static void test_newcomers(void **state)
{
	(void)state;
	enum { WAITING = 8, LATER = 4 };
	int fds[WAITING + LATER];
	holding.release_per_s = 1;
	holding.requests = WAITING;
	holding_begin(&stage, HOLDING_LONG_MS);
	queue_up(fds, WAITING);
	holding_end(&stage, COLOR_BLUE);
	for (int i = 0; i < LATER; i++)
		fds[WAITING + i] = holding_ask(&stage, HOLDING_GET("/a"));
	for (int i = 0; i <= LATER; i++) /* the first one by itself, and one for each */
		assert_int_equal(read_place(fds[i]), i + 1);
	assert_int_equal(holding_read(&stage).refused, 0);
	holding.release_per_s = 0; /* enough of it */
	stage_flip(&stage, COLOR_BLUE);
	int later[LATER] = {0};
	for (int i = LATER + 1; i < WAITING; i++)
		assert_int_equal(read_place(fds[i]), i + 1);
	for (int i = 0; i < LATER; i++)
		later[read_place(fds[WAITING + i]) - WAITING - 1]++;
	for (int i = 0; i < LATER; i++)
		assert_int_equal(later[i], 1);
}

/* Held again before all have gone: the others stay. */
static void test_held_again(void **state)
{
	(void)state;
	int fds[4];
	holding.release_per_s = 1;
	holding_begin(&stage, HOLDING_LONG_MS);
	queue_up(fds, 4);
	holding_end(&stage, COLOR_BLUE);
	assert_int_equal(read_place(fds[0]), 1);
	holding_begin(&stage, HOLDING_LONG_MS);
	uint64_t left = totals_waiting(stage.totals);
	actor_wait_ms(1200);
	assert_int_equal(totals_waiting(stage.totals), left);
	holding.release_per_s = 0;
	holding_end(&stage, COLOR_BLUE);
	for (int i = 1; i < 4; i++)
		assert_int_equal(read_place(fds[i]), i + 1);
}

static void test_several_workers(void **state)
{
	(void)state;
	enum { CLIENTS = 60 };
	int fds[CLIENTS];
	holding.release_per_s = 1000;
	holding_begin(&stage, HOLDING_LONG_MS);
	for (int i = 0; i < CLIENTS; i++)
		fds[i] = holding_ask(&stage, HOLDING_GET("/a"));
	holding_wait_for(&stage, CLIENTS);
	holding_end(&stage, COLOR_GREEN);
	for (int i = 0; i < CLIENTS; i++) {
		holding_assert_answer(fds[i], COLOR_GREEN);
		stage_close_client(fds[i]);
	}
	holding_wait_for(&stage, 0);
	assert_int_equal(holding_read(&stage).held, CLIENTS);
}

/* ---- what is said while it waits ---- */

#define POST_OF(length) "POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: " #length "\r\n\r\n"

static void *say_a_million(void *arg)
{
	static char million[1000000];
	memset(million, 'm', sizeof(million));
	stage_send_bytes(*(int *)arg, million, sizeof(million));
	return NULL;
}

/* A long body waits in the sockets, not with us. */
static void test_a_long_body(void **state)
{
	(void)state;
	pthread_t thread;
	holding.bytes = 200000;
	holding_begin(&stage, HOLDING_LONG_MS);
	int fd = holding_ask(&stage, POST_OF(1000000));
	pthread_create(&thread, NULL, say_a_million, &fd);
	holding_wait_for(&stage, 1);
	actor_wait_ms(100);
	assert_in_range(holding_read(&stage).bytes, 1, 200000);
	holding_end(&stage, COLOR_GREEN);
	holding_assert_answer(fd, COLOR_GREEN);
	assert_non_null(strstr(holding_answer, "/a 1000000 "));
	pthread_join(thread, NULL);
	stage_send(fd, HOLDING_GET("/b"));
	holding_assert_answer(fd, COLOR_GREEN);
	stage_close_client(fd);
}

static void test_half_a_body(void **state)
{
	(void)state;
	holding_begin(&stage, HOLDING_LONG_MS);
	int now = holding_ask(&stage, POST_OF(10) "12345"), later = holding_ask(&stage, POST_OF(10) "12345");
	int chunked = holding_ask(&stage, "POST /a HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n123");
	holding_wait_for(&stage, 3);
	stage_send(now, "67890");
	holding_end(&stage, COLOR_GREEN);
	holding_wait_for(&stage, 0);
	holding_assert_answer(now, COLOR_GREEN);
	stage_send(later, "67890");
	stage_send(chunked, "45\r\n5\r\n67890\r\n0\r\n\r\n");
	holding_assert_answer(later, COLOR_GREEN);
	assert_non_null(strstr(holding_answer, "/a 10 "));
	holding_assert_answer(chunked, COLOR_GREEN);
	assert_non_null(strstr(holding_answer, "/a 10 "));
	stage_close_client(now);
	stage_close_client(later);
	stage_close_client(chunked);
}

static void test_expect(void **state)
{
	(void)state;
	holding_begin(&stage, HOLDING_LONG_MS);
	int fd = holding_ask(&stage, "POST /continue HTTP/1.1\r\nHost: shop.example\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	holding_wait_for(&stage, 1);
	holding_assert_silence(fd);
	holding_end(&stage, COLOR_GREEN);
	assert_int_equal(holding_read_answer(fd), 100);
	stage_send(fd, "12345");
	holding_assert_answer(fd, COLOR_GREEN);
	assert_non_null(strstr(holding_answer, "/continue 5 "));
	stage_close_client(fd);
}

/* One of a pipeline waits at a time, and the others behind it; what comes after the flip is the new color's. */
static void test_a_pipeline(void **state)
{
	(void)state;
	holding_begin(&stage, HOLDING_LONG_MS);
	int fd = holding_ask(&stage, HOLDING_GET("/first") HOLDING_GET("/second"));
	holding_wait_for(&stage, 1);
	stage_send(fd, HOLDING_GET("/third"));
	holding_assert_silence(fd);
	assert_int_equal(holding_read(&stage).held, 1);
	holding_end(&stage, COLOR_GREEN);
	static const char *const paths[] = {"/first", "/second", "/third"};
	for (int i = 0; i < 3; i++) {
		holding_assert_answer(fd, COLOR_GREEN);
		assert_non_null(strstr(holding_answer, paths[i]));
	}
	stage_close_client(fd);
}

static void test_old_clients(void **state)
{
	(void)state;
	bool reset;
	holding_begin(&stage, HOLDING_LONG_MS);
	int fd = holding_ask(&stage, "GET /a HTTP/1.0\r\nHost: shop.example\r\n\r\n"),
	    head = holding_ask(&stage, "HEAD /a HTTP/1.1\r\nHost: shop.example\r\n\r\n");
	holding_wait_for(&stage, 2);
	holding_end(&stage, COLOR_GREEN);
	stage_read_all(fd, holding_answer, sizeof(holding_answer), &reset);
	assert_non_null(strstr(holding_answer, "200 OK"));
	assert_false(reset);
	assert_int_equal(stage_read_answer(head, holding_answer, sizeof(holding_answer), true), 200);
	stage_close_client(fd);
	stage_close_client(head);
}

static void test_a_tunnel(void **state)
{
	(void)state;
	char bytes[64];
	holding_begin(&stage, HOLDING_LONG_MS);
	int fd = holding_ask(&stage, "GET /tunnel HTTP/1.1\r\nHost: shop.example\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
	holding_wait_for(&stage, 1);
	holding_end(&stage, COLOR_GREEN);
	assert_int_equal(stage_read_answer(fd, holding_answer, sizeof(holding_answer), true), 101);
	stage_send(fd, "you");
	shutdown(fd, SHUT_WR);
	bool reset;
	stage_read_all(fd, bytes, sizeof(bytes), &reset);
	assert_string_equal(bytes, "hello youbye");
	stage_close_client(fd);
}

static void dress_with_preview(struct table_service_spec *spec)
{
	spec->hold = holding;
	spec->preview_header = "X-Preview";
}

/* Who looks at the idle color does not wait for the live one. */
static void test_a_preview(void **state)
{
	(void)state;
	stage.dress = dress_with_preview;
	holding_begin(&stage, HOLDING_LONG_MS);
	int plain = holding_ask(&stage, HOLDING_GET("/a"));
	holding_wait_for(&stage, 1);
	int preview = holding_ask(&stage, "GET /a HTTP/1.1\r\nHost: shop.example\r\nX-Preview: 1\r\n\r\n");
	holding_assert_answer(preview, COLOR_GREEN);
	assert_int_equal(holding_read(&stage).held, 1);
	holding_end(&stage, COLOR_BLUE);
	holding_assert_answer(plain, COLOR_BLUE);
	stage_close_client(plain);
	stage_close_client(preview);
}

/* ---- a storm ---- */

enum { STORM_CLIENTS = 6, STORM_ROUNDS = 60 };

struct storm_client {
	pthread_t thread;
	unsigned seed, answers, wrong;
	atomic_bool over;
};

static void read_storm_answers(struct storm_client *client, int fd, unsigned count)
{
	char answer[4096];
	while (count-- > 0) {
		int status = stage_read_answer(fd, answer, sizeof(answer), false);
		client->answers += status == 200;
		client->wrong += status != 200 && status != 503 && status != 404; /* too many wait; the service is gone */
	}
}

/* One at a time: a descriptor that one client gives back is the next one's. */
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

static int open_client(const char *words)
{
	pthread_mutex_lock(&opening);
	int fd = holding_ask(&stage, words);
	pthread_mutex_unlock(&opening);
	return fd;
}

static void close_client(int fd, void how(int fd))
{
	pthread_mutex_lock(&opening);
	how(fd);
	pthread_mutex_unlock(&opening);
}

/* Plain requests, bodies, pipelines; a body that never ends, and clients who go in the middle. */
static void *storm_thread(void *arg)
{
	static const char *const words[] = {HOLDING_GET("/a"), POST_OF(10) "1234567890", HOLDING_GET("/a") HOLDING_GET("/b"), POST_OF(50000) "1234567890"};
	struct storm_client *client = arg;
	for (unsigned round = 0; round < STORM_ROUNDS; round++) {
		unsigned dice = (unsigned)rand_r(&client->seed), kind = dice % 4;
		int fd = open_client(words[kind]);
		if (kind == 3 || dice / 4 % 4 == 0) {
			actor_wait_ms(dice / 16 % 8);
			close_client(fd, holding_reset);
			continue;
		}
		read_storm_answers(client, fd, kind == 2 ? 2 : 1);
		close_client(fd, stage_close_client);
	}
	atomic_store(&client->over, true);
	return NULL;
}

static bool is_over(const struct storm_client *clients)
{
	for (unsigned i = 0; i < STORM_CLIENTS; i++)
		if (!atomic_load(&clients[i].over))
			return false;
	return true;
}

/* Held, held again, let go at once or by and by, to either color, or ended by the workers themselves; or the service goes away and comes back. */
static void hold_and_release(unsigned *seed)
{
	unsigned dice = (unsigned)rand_r(seed);
	holding.release_per_s = dice % 3 * 300;
	holding_begin(&stage, 1 + dice / 4 % 16);
	actor_wait_ms(dice / 64 % 16);
	if (dice / 16384 % 8 == 0)
		holding_take_away(&stage);
	holding_end(&stage, dice / 1024 % 2 ? COLOR_BLUE : COLOR_GREEN);
	actor_wait_ms(dice / 2048 % 8);
}

static void test_storm(void **state)
{
	(void)state;
	static struct storm_client clients[STORM_CLIENTS];
	unsigned seed = 7, answers = 0;
	holding.requests = 2;
	for (unsigned i = 0; i < STORM_CLIENTS; i++) {
		clients[i].seed = i + 1;
		pthread_create(&clients[i].thread, NULL, storm_thread, &clients[i]);
	}
	while (!is_over(clients))
		hold_and_release(&seed);
	for (unsigned i = 0; i < STORM_CLIENTS; i++) {
		pthread_join(clients[i].thread, NULL);
		assert_int_equal(clients[i].wrong, 0);
		answers += clients[i].answers;
	}
	holding_wait_for(&stage, 0);
	assert_true(stage_wait_drained(&stage, COLOR_BLUE) && stage_wait_drained(&stage, COLOR_GREEN));
	assert_int_equal(holding_read(&stage).bytes, 0);
	assert_true(answers > 0 && holding_read(&stage).held > 0);
}

#define flow_test(name, open) cmocka_unit_test_setup_teardown(name, open, close_stage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_order, open_line),
		flow_test(test_order_with_gaps, open_line),
		flow_test(test_pace, open_line),
		flow_test(test_newcomers, open_line),
		flow_test(test_held_again, open_line),
		flow_test(test_several_workers, open_many),
		flow_test(test_a_long_body, open_stage),
		flow_test(test_half_a_body, open_stage),
		flow_test(test_expect, open_stage),
		flow_test(test_a_pipeline, open_stage),
		flow_test(test_old_clients, open_stage),
		flow_test(test_a_tunnel, open_stage),
		flow_test(test_a_preview, open_stage),
		flow_test(test_storm, open_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
