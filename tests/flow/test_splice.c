// Flow tests of long bodies, which pass through pipes: every byte arrives, once, in its place, whatever the buffers, the pieces and the readers.
// links: proxy base
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/logwriter.h"
#include "tests/flow/long_body.h"

#define KIB 1024u
#define MIB (1024u * KIB)
#define PATIENCE_MS 60000u

static struct stage stage;
static struct long_body_open before;
static unsigned other_pipes; /* of the loops */

static int open_stage(void **state)
{
	(void)state;
	before = long_body_count_open();
	atomic_store(&long_body_wrong, 0);
	sem_init(&long_body_go, 0, 0);
	stage_open(&stage, 1, 0, 0);
	other_pipes = long_body_count_open().pipes;
	stage.globals.header_ms = stage.globals.idle_ms = stage.globals.connect_ms = stage.globals.response_ms = stage.globals.stall_ms = PATIENCE_MS;
	return 0;
}

/* Nothing is left behind: no byte was wrong, and whatever was open is closed. */
static int close_stage(void **state)
{
	(void)state;
	sem_post(&long_body_go); /* whoever still waits after a failure */
	stage_close(&stage);
	sem_destroy(&long_body_go);
	struct long_body_open after = long_body_count_open();
	return (int)atomic_load(&long_body_wrong) + (after.sockets != before.sockets) + (after.pipes != before.pipes);
}

static unsigned pipes_now(void)
{
	return (long_body_count_open().pipes - other_pipes) / 2;
}

/* ---- lengths, pieces, readers ---- */

struct way {
	const char *name;
	struct long_body body;
};

static const struct way ways[] = {
	{"a byte less than is spliced", {.length = 64 * KIB - 1}},
	{"the least that is spliced", {.length = 64 * KIB}},
	{"a byte more", {.length = 64 * KIB + 1}},
	{"what a first read takes, and that", {.length = 80 * KIB}},
	{"a last piece of one byte less than is spliced", {.length = 128 * KIB - 1}},
	{"a byte less than a pipe takes", {.length = MIB - 1}},
	{"what a pipe takes", {.length = MIB}},
	{"a byte more than a pipe takes", {.length = MIB + 1}},
	{"a pipe and a last piece that is copied", {.length = MIB + 64 * KIB - 1}},
	{"a pipe and a last piece that is not", {.length = MIB + 64 * KIB}},
	{"some pipes", {.length = 7 * MIB + 3}},
	{"byte by byte", {.length = 66 * KIB, .piece = 1}},
	{"seven bytes at a time", {.length = 150 * KIB, .piece = 7}},
	{"segments", {.length = 700 * KIB, .piece = 1460}},
	{"pages", {.length = 2 * MIB, .piece = 4096}},
	{"nearly pages", {.length = 2 * MIB, .piece = 4097}},
	{"pieces of 300 KiB", {.length = 3 * MIB, .piece = 300 * KIB}},
	{"a reader of small pieces", {.length = 2 * MIB, .reads = 999}},
	{"a reader that stops now and then", {.length = 8 * MIB, .pause_every = 500 * KIB}},
	{"a reader that stops often", {.length = 2 * MIB, .reads = 10000, .pause_every = 30 * KIB}},
	{"a short one behind long ones", {.length = 20 * KIB}},
	{"an empty one", {.length = 0}},
};

static void pass_all(int fd, bool up)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct long_body body = ways[i].body;
		body.seed = (unsigned)i + 1;
		for (int apart = 0; apart < 2; apart++) {
			body.apart = apart;
			if (!(up ? long_body_put(fd, "POST", &body) : long_body_get(fd, &body)) || atomic_load(&long_body_wrong) > 0)
				fail_msg("%s, head %s: not what was sent", ways[i].name, apart ? "apart" : "and body together");
		}
	}
	assert_true(long_body_await_empty());
}

static void test_answers(void **state)
{
	(void)state;
	struct stage_backend *backend = actor_play(&stage, long_body_serve);
	int fd = long_body_connect(&stage, 0);
	pass_all(fd, false);
	assert_int_equal(atomic_load(&backend->connections), 1);
	assert_in_range(pipes_now(), 1, 32);
	close(fd);
}

static void test_requests(void **state)
{
	(void)state;
	struct stage_backend *backend = actor_play(&stage, long_body_serve);
	int fd = long_body_connect(&stage, 0);
	pass_all(fd, true);
	assert_int_equal(atomic_load(&backend->connections), 1);
	assert_in_range(pipes_now(), 1, 32);
	close(fd);
}

/* Buffers of the peers that take a fraction of what a pipe holds. */
static void test_small_buffers(void **state)
{
	(void)state;
	struct stage_backend *backend = actor_play(&stage, long_body_serve);
	int small = 8 * KIB;
	setsockopt(backend->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)); /* accepted connections have what their listener has */
	setsockopt(backend->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	int fd = long_body_connect(&stage, small);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	struct long_body body = {.length = 3 * MIB + 1, .seed = 5};
	assert_true(long_body_get(fd, &body));
	assert_true(long_body_put(fd, "POST", &body));
	body.pause_every = 200 * KIB;
	assert_true(long_body_get(fd, &body));
	assert_true(long_body_put(fd, "POST", &body));
	close(fd);
}

static void test_unix_backend(void **state)
{
	(void)state;
	char folder[] = "/tmp/teal-test-XXXXXX";
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	assert_non_null(mkdtemp(folder));
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/backend", folder);
	struct stage_backend *backend = actor_play_at(&stage, long_body_serve, (struct sockaddr *)&at, sizeof(at));
	int fd = long_body_connect(&stage, 0);
	pass_all(fd, false);
	pass_all(fd, true);
	assert_int_equal(atomic_load(&backend->connections), 1);
	assert_in_range(pipes_now(), 1, 32);
	close(fd);
	unlink(at.sun_path);
	rmdir(folder);
}

/* ---- one behind the other ---- */

/* All three are asked for at once; nothing of one leaks into another. */
static void test_pipelined(void **state)
{
	(void)state;
	static const uint64_t lengths[] = {4 * MIB + 5, 10, 100 * KIB, 0, 64 * KIB, 3, 2 * MIB};
	enum { COUNT = sizeof(lengths) / sizeof(lengths[0]) };
	struct stage_backend *backend = actor_play(&stage, long_body_serve);
	int fd = long_body_connect(&stage, 0);
	struct long_body bodies[COUNT];
	for (unsigned i = 0; i < COUNT; i++) {
		bodies[i] = (struct long_body){.length = lengths[i], .seed = i + 1};
		long_body_ask(fd, "GET", &bodies[i], "");
	}
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(long_body_read_head(fd), 200);
		assert_true(long_body_read(fd, &bodies[i], 0, lengths[i]) == lengths[i]);
	}
	assert_int_equal(atomic_load(&backend->connections), 1);
	close(fd);
}

/* Requests right behind the last byte of a long one. */
static void test_pipelined_behind_a_long_request(void **state)
{
	(void)state;
	static const uint64_t lengths[] = {2 * MIB + 7, 10, 64 * KIB + 1, 0};
	enum { COUNT = sizeof(lengths) / sizeof(lengths[0]) };
	char said[5];
	actor_play(&stage, long_body_serve);
	int fd = long_body_connect(&stage, 0);
	for (unsigned i = 0; i < COUNT; i++) {
		struct long_body body = {.length = lengths[i], .seed = i + 1};
		long_body_ask(fd, "POST", &body, "");
		assert_true(long_body_send(fd, &body, 0, body.length));
	}
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(long_body_read_head(fd), 200);
		assert_int_equal(recv(fd, said, 5, MSG_WAITALL), 5);
		assert_memory_equal(said, "right", 5);
	}
	close(fd);
}

/* What a backend sends behind its answer reaches nobody, and its connection serves nobody else. */
static void test_more_than_was_said(void **state)
{
	(void)state;
	static const uint64_t more[] = {1, 1000, 200 * KIB};
	struct stage_backend *backend = actor_play(&stage, long_body_serve);
	int fd = long_body_connect(&stage, 0);
	for (unsigned i = 0; i < 3; i++) {
		struct long_body body = {.length = MIB + i, .seed = i + 1, .end = LONG_BODY_MORE, .at = more[i]}, plain = {.length = 100 * KIB, .seed = 50 + i};
		assert_true(long_body_get(fd, &body));
		assert_true(long_body_get(fd, &plain));
		assert_true(long_body_get(fd, &plain));
	}
	assert_true(atomic_load(&backend->connections) > 1);
	close(fd);
}

/* ---- many at once ---- */

/* More readers stop at once than there are pipes: what has none is copied, and all get everything. */
static void test_more_readers_than_pipes(void **state)
{
	(void)state;
	enum { COUNT = 64 };
	uint64_t said = atomic_load(&long_body_said);
	int fds[COUNT];
	struct long_body bodies[COUNT];
	actor_play(&stage, long_body_serve);
	for (unsigned i = 0; i < COUNT; i++) {
		fds[i] = long_body_connect(&stage, 16 * KIB);
		bodies[i] = (struct long_body){.length = 6 * MIB + i, .seed = i + 1};
		long_body_ask(fds[i], "GET", &bodies[i], "");
	}
	assert_true(long_body_await_stuck(said, 32));
	assert_int_equal(pipes_now(), 32);
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(long_body_read_head(fds[i]), 200);
	for (unsigned step = 0; step < 3; step++) {
		for (unsigned i = 0; i < COUNT; i++) {
			uint64_t from = step * 2ull * MIB, to = step < 2 ? from + 2ull * MIB : bodies[i].length;
			assert_true(long_body_read(fds[i], &bodies[i], from, to) == to);
		}
		assert_int_equal(pipes_now(), 32);
	}
	assert_true(long_body_await_empty());
	for (unsigned i = 0; i < COUNT; i++)
		close(fds[i]);
}

/* ---- without pipes ---- */

/* No descriptor is left for one: bodies are copied, and whole. */
static void test_no_descriptor_for_a_pipe(void **state)
{
	(void)state;
	struct rlimit limit, none = {0};
	struct long_body first = {.length = 3, .seed = 1}, body = {.length = 3 * MIB + 1, .seed = 2};
	actor_play(&stage, long_body_serve);
	int fd = long_body_connect(&stage, 0);
	assert_true(long_body_get(fd, &first)); /* everything else is open now */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none.rlim_max = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	bool fine = long_body_get(fd, &body) && long_body_put(fd, "POST", &body);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(fine);
	assert_int_equal(pipes_now(), 0);
	while (pipes_now() == 0) /* a while later a pipe is asked for again */
		assert_true(long_body_get(fd, &body));
	assert_int_equal(pipes_now(), 1);
	close(fd);
}

/* ---- accounting ---- */

static void read_log(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
}

static void test_accounting(void **state)
{
	(void)state;
	static struct totals_sum sum;
	char path[] = "/tmp/teal-test-XXXXXX", text[4096], wanted[64];
	struct err err;
	close(mkstemp(path));
	struct logwriter *writer = logwriter_open(path, &err);
	assert_non_null(writer);
	actor_play(&stage, long_body_serve);
	proxy_set_access(stage.proxy, PROXY_ACCESS_JSON, writer);
	stage_flip(&stage, COLOR_BLUE);
	int fd = long_body_connect(&stage, 0);
	struct long_body down = {.length = 5 * MIB + 3, .seed = 1, .pause_every = MIB}, up = {.length = 3 * MIB + 7, .seed = 2};
	assert_true(long_body_get(fd, &down));
	assert_true(long_body_put(fd, "POST", &up));
	assert_true(stage_wait_drained(&stage, COLOR_BLUE));
	totals_read(stage.totals, COLOR_BLUE, &sum);
	assert_true(sum.bytes_out == down.length + 5);
	assert_true(sum.bytes_in == up.length);
	assert_int_equal(sum.ended, 2);
	assert_int_equal(sum.errors + sum.aborted + sum.failed + sum.replayed, 0);
	proxy_set_access(stage.proxy, PROXY_ACCESS_OFF, NULL);
	stage_flip(&stage, COLOR_BLUE);
	logwriter_close(writer);
	read_log(path, text, sizeof(text));
	snprintf(wanted, sizeof(wanted), "\"bytes_out\":%llu", (unsigned long long)down.length);
	assert_non_null(strstr(text, wanted));
	snprintf(wanted, sizeof(wanted), "\"bytes_in\":%llu", (unsigned long long)up.length);
	assert_non_null(strstr(text, wanted));
	unlink(path);
	close(fd);
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_answers),
		flow_test(test_requests),
		flow_test(test_small_buffers),
		flow_test(test_unix_backend),
		flow_test(test_pipelined),
		flow_test(test_pipelined_behind_a_long_request),
		flow_test(test_more_than_was_said),
		flow_test(test_more_readers_than_pipes),
		flow_test(test_no_descriptor_for_a_pipe),
		flow_test(test_accounting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
