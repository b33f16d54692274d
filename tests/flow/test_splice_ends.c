// Flow tests of long bodies that end in bad moments while bytes are in pipes: cut answers, clients and backends that leave, early answers, limits, drains.
// links: proxy
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/flow/long_body.h"

#define KIB 1024u
#define MIB (1024u * KIB)
#define PATIENCE_MS 60000u
#define SMALL (16 * (int)KIB) /* a receive buffer that leaves most of a body to the proxy */

static struct stage stage;
static struct long_body_open before;

static int open_stage(void **state)
{
	(void)state;
	before = long_body_count_open();
	atomic_store(&long_body_wrong, 0);
	atomic_store(&long_body_taken, 0);
	sem_init(&long_body_go, 0, 0);
	stage_open(&stage, 1, 0, 0);
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

static struct proxy_counters read_counters(void)
{
	struct proxy_counters counters;
	proxy_read_counters(stage.proxy, &counters);
	return counters;
}

static uint64_t count_of(enum fail fail)
{
	return read_counters().fails[fail];
}

/* Counters and totals follow what a peer sees: they are waited for. */
static void await_count(enum fail fail, uint64_t count)
{
	for (uint64_t end = actor_now_ms() + PATIENCE_MS; count_of(fail) < count && actor_now_ms() < end;)
		actor_wait_ms(5);
	assert_int_equal(count_of(fail), count);
}

static void await_limit(enum limit limit)
{
	for (uint64_t end = actor_now_ms() + PATIENCE_MS; read_counters().limits[limit] == 0 && actor_now_ms() < end;)
		actor_wait_ms(5);
	assert_int_equal(read_counters().limits[limit], 1);
}

static const struct totals_sum *read_totals(void)
{
	static struct totals_sum sum;
	uint64_t end = actor_now_ms() + PATIENCE_MS;
	while (totals_inflight(stage.totals, COLOR_BLUE) > 0 && actor_now_ms() < end)
		actor_wait_ms(5);
	assert_int_equal(totals_inflight(stage.totals, COLOR_BLUE), 0);
	totals_read(stage.totals, COLOR_BLUE, &sum);
	return &sum;
}

/* A whole exchange with somebody else afterwards: nothing of what was cut short is in it. */
static void serve_another(void)
{
	struct long_body body = {.length = 2 * MIB + 11, .seed = 99};
	int fd = long_body_connect(&stage, 0);
	assert_true(long_body_get(fd, &body));
	assert_true(long_body_put(fd, "POST", &body));
	close(fd);
	assert_true(long_body_await_empty());
}

static void wait_for_visits(const struct stage_backend *backend, unsigned visits)
{
	for (uint64_t end = actor_now_ms() + PATIENCE_MS; atomic_load(&backend->visits) > visits && actor_now_ms() < end;)
		actor_wait_ms(5);
	assert_int_equal(atomic_load(&backend->visits), visits);
}

/* ---- answers that are cut ---- */

#define CUT_LENGTH (3ull * MIB)

static const uint64_t cuts[] = {0, 1, 16 * KIB, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 300000, MIB, MIB + 1, CUT_LENGTH - 64 * KIB - 1, CUT_LENGTH - 64 * KIB,
	CUT_LENGTH - 64 * KIB + 1, CUT_LENGTH - 1};
#define CUTS (sizeof(cuts) / sizeof(cuts[0]))

/* The client sees fewer bytes than were announced, and then an end. */
static void check_cut(enum long_body_end end, uint64_t at, unsigned pause_every)
{
	struct long_body body = {.length = CUT_LENGTH, .seed = (unsigned)at + 1, .end = end, .at = at, .pause_every = pause_every, .apart = at % 2 == 0};
	int fd = long_body_connect(&stage, pause_every > 0 ? SMALL : 0);
	long_body_ask(fd, "GET", &body, "");
	int status = long_body_read_head(fd);
	if (body.apart)
		sem_post(&long_body_go);
	if (status == 200) {
		uint64_t got = long_body_read(fd, &body, 0, CUT_LENGTH);
		assert_true(end == LONG_BODY_FIN ? got == at : got <= at);
		assert_true(long_body_is_over(fd));
	} else { /* the reset came before the head was read */
		assert_int_equal(end, LONG_BODY_RESET);
		assert_int_equal(status, 502);
	}
	close(fd);
}

static void check_cuts(enum long_body_end end)
{
	struct stage_backend *backend = actor_play(&stage, long_body_serve);
	for (unsigned i = 0; i < CUTS; i++) {
		check_cut(end, cuts[i], 0);
		check_cut(end, cuts[i], 256 * KIB);
	}
	const struct totals_sum *sum = read_totals();
	assert_int_equal(sum->ended, 2 * CUTS);
	assert_int_equal(sum->failed, 2 * CUTS);
	assert_int_equal(sum->errors, 2 * CUTS);
	assert_int_equal(sum->aborted, 0);
	wait_for_visits(backend, 0); /* none of the connections was kept */
	assert_true(long_body_await_empty());
}

static void test_answer_cut_by_an_end(void **state)
{
	(void)state;
	check_cuts(LONG_BODY_FIN);
	assert_int_equal(count_of(FAIL_answer_truncated), 2 * CUTS);
}

static void test_answer_cut_by_a_reset(void **state)
{
	(void)state;
	check_cuts(LONG_BODY_RESET);
	assert_true(count_of(FAIL_answer_truncated) > 0);
}

/* ---- clients that leave ---- */

enum leaving { LEAVES, RESETS };

static void leave(int fd, enum leaving how)
{
	if (how != LEAVES)
		actor_reset_at_close(fd);
	close(fd);
}

/* Reads so far, and no further. */
static int read_up_to(uint64_t at, const struct long_body *body, bool stuck)
{
	if (stuck)
		return long_body_stick(&stage, body, SMALL, at);
	int fd = long_body_connect(&stage, SMALL);
	long_body_ask(fd, "GET", body, "");
	assert_int_equal(long_body_read_head(fd), 200);
	assert_true(long_body_read(fd, body, 0, at) == at);
	return fd;
}

/* The bytes that wait for a client that is gone go with it, and so does its backend's connection. */
static void test_client_that_leaves_an_answer(void **state)
{
	(void)state;
	static const uint64_t reads[] = {0, 1, 100 * KIB, 5 * MIB};
	struct stage_backend *backend = actor_play(&stage, long_body_serve);
	serve_another();
	unsigned left = 0, sockets = 0;
	for (unsigned i = 0; i < 4; i++) {
		for (int how = LEAVES; how <= RESETS; how++) {
			struct long_body body = {.length = 64 * MIB, .seed = i + 1};
			int fd = read_up_to(reads[i], &body, i % 2 == 0);
			assert_true(fd >= 0);
			leave(fd, (enum leaving)how);
			await_count(FAIL_client_gone, ++left);
			wait_for_visits(backend, 0);
			assert_true(long_body_await_empty());
			if (sockets == 0)
				sockets = long_body_count_open().sockets;
			assert_true(long_body_await_sockets(sockets));
		}
	}
	assert_int_equal(read_totals()->aborted, left);
	serve_another();
}

/* In the middle of an upload. */
static void test_client_that_leaves_a_request(void **state)
{
	(void)state;
	static const uint64_t sends[] = {0, 100 * KIB, 3 * MIB};
	struct stage_backend *backend = actor_play(&stage, long_body_serve);
	for (unsigned i = 0; i < 3; i++) {
		for (int resets = 0; resets < 2; resets++) {
			struct long_body body = {.length = 8 * MIB, .seed = i + 1};
			unsigned heard = atomic_load(&actor_heard);
			int fd = long_body_connect(&stage, 0);
			long_body_ask(fd, "POST", &body, "");
			assert_true(long_body_send(fd, &body, 0, sends[i]));
			while (atomic_load(&actor_heard) == heard)
				actor_wait_ms(1);
			if (resets)
				actor_reset_at_close(fd);
			else
				shutdown(fd, SHUT_WR);
			if (!resets)
				assert_int_equal(long_body_read_head(fd), 400);
			close(fd);
			wait_for_visits(backend, 0);
		}
	}
	assert_int_equal(count_of(FAIL_request_incomplete), 3);
	assert_int_equal(count_of(FAIL_client_gone), 3);
	assert_int_equal(atomic_load(&actor_posts), 6);
	assert_int_equal(read_totals()->replayed, 0);
	assert_true(atomic_load(&long_body_taken) <= 2 * (100 * KIB + 3 * MIB)); /* none was made up */
	assert_true(long_body_await_empty());
	serve_another();
}

/* A half-close behind a whole request is no end of the answer, long as it may be. */
static void test_half_close_behind_a_request(void **state)
{
	(void)state;
	actor_play(&stage, long_body_serve);
	struct long_body body = {.length = 8 * MIB + 1, .seed = 1, .pause_every = MIB};
	int fd = long_body_connect(&stage, SMALL);
	long_body_ask(fd, "GET", &body, "");
	shutdown(fd, SHUT_WR);
	assert_int_equal(long_body_read_head(fd), 200);
	assert_true(long_body_read(fd, &body, 0, body.length) == body.length);
	assert_true(long_body_is_over(fd));
	assert_int_equal(count_of(FAIL_client_gone), 0);
	close(fd);
}

/* ---- backends that do not take a request ---- */

static void refuse_and_close(int fd)
{
	if (actor_hear_head(fd))
		actor_say(fd, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
}

static void refuse_and_read_on(int fd)
{
	refuse_and_close(fd);
	actor_hear_all(fd);
}

static void refuse_in_the_middle(int fd)
{
	char bytes[8192];
	if (!actor_hear_head(fd))
		return;
	for (size_t taken = 0; taken < 500 * KIB;) {
		ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
		if (got <= 0)
			return;
		taken += (size_t)got;
	}
	actor_say(fd, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
}

static void check_refusals(void (*script)(int fd))
{
	char said[3];
	struct stage_backend *backend = actor_play(&stage, script);
	for (unsigned i = 0; i < 12; i++) {
		struct long_body body = {.length = 64 * MIB, .seed = i, .piece = i % 3 == 0 ? 10000 : 0};
		int fd = long_body_connect(&stage, 0);
		long_body_ask(fd, "POST", &body, "");
		long_body_send(fd, &body, 0, body.length); /* as much as is taken */
		assert_int_equal(long_body_read_head(fd), 413);
		assert_non_null(strstr(long_body_head, "\r\nConnection: close\r\n"));
		assert_int_equal(recv(fd, said, 3, MSG_WAITALL), 3);
		assert_memory_equal(said, "big", 3);
		assert_true(long_body_is_over(fd));
		close(fd);
	}
	wait_for_visits(backend, 0);
	assert_int_equal(atomic_load(&actor_posts), 12);
	assert_int_equal(read_totals()->replayed, 0);
	assert_true(long_body_await_empty());
}

static void test_refusal_and_close(void **state)
{
	(void)state;
	check_refusals(refuse_and_close);
}

static void test_refusal_and_reading_on(void **state)
{
	(void)state;
	check_refusals(refuse_and_read_on);
}

static void test_refusal_in_the_middle(void **state)
{
	(void)state;
	check_refusals(refuse_in_the_middle);
}

static void reset_in_the_middle(int fd)
{
	char bytes[8192];
	if (!actor_hear_head(fd))
		return;
	actor_reset_at_close(fd);
	for (size_t taken = 0; taken < 500 * KIB;) {
		ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
		if (got <= 0)
			return;
		taken += (size_t)got;
	}
}

static void test_reset_in_the_middle(void **state)
{
	(void)state;
	struct stage_backend *backend = actor_play(&stage, reset_in_the_middle);
	for (unsigned i = 0; i < 12; i++) {
		struct long_body body = {.length = 6 * MIB, .seed = i, .piece = i % 3 == 0 ? 10000 : 0};
		int fd = long_body_connect(&stage, 0);
		long_body_ask(
			fd, i % 2 ? "GET" : "POST", &body, i % 2 ? "Content-Length: 6291456\r\n" : ""); /* of neither is anything held that could be repeated */
		long_body_send(fd, &body, 0, body.length);
		assert_int_equal(long_body_read_head(fd), 502);
		close(fd);
	}
	wait_for_visits(backend, 0);
	assert_int_equal(atomic_load(&actor_heard), 12);
	assert_int_equal(atomic_load(&actor_posts), 6);
	assert_int_equal(read_totals()->replayed, 0);
	assert_int_equal(read_totals()->failed, 12);
	assert_true(long_body_await_empty());
}

static atomic_uint attempts;

/* The first time it resets behind all of the body; then it has manners. */
static void reset_once(int fd)
{
	if (atomic_fetch_add(&attempts, 1) > 0) {
		long_body_serve(fd);
		return;
	}
	static char bytes[64 * KIB];
	if (actor_hear_head(fd) && recv(fd, bytes, strtoul(strchr(actor_head, '/') + 1, NULL, 10), MSG_WAITALL) > 0)
		actor_reset_at_close(fd);
}

/* What may be repeated is held as before, though all that can be held is still to come and would be enough for a pipe. */
static void check_held(const struct long_body *body)
{
	atomic_store(&attempts, 0);
	actor_play(&stage, reset_once);
	int fd = long_body_connect(&stage, 0);
	assert_true(long_body_put(fd, "OPTIONS", body));
	assert_int_equal(read_totals()->replayed, 1);
	assert_int_equal(atomic_load(&actor_heard), 2);
	close(fd);
}

static void test_what_may_be_repeated_is_held(void **state)
{
	(void)state;
	check_held(&(struct long_body){.length = 60 * KIB, .seed = 7});
}

static void test_the_most_that_is_held(void **state)
{
	(void)state;
	check_held(&(struct long_body){.length = 64 * KIB, .seed = 8, .apart = true});
}

/* Longer than what is held: sent whole all the same, from held bytes first and then past our memory. */
static void test_too_long_to_be_held(void **state)
{
	(void)state;
	actor_play(&stage, long_body_serve);
	for (unsigned i = 0; i < 4; i++) {
		struct long_body body = {.length = 64 * KIB + i * MIB + 1, .seed = i + 1, .apart = i % 2};
		int fd = long_body_connect(&stage, 0);
		assert_true(long_body_put(fd, "OPTIONS", &body));
		close(fd);
	}
}

/* ---- what is said first ---- */

static void test_limit_of_bodies(void **state)
{
	(void)state;
	stage.globals.body_bytes = MIB;
	actor_play(&stage, long_body_serve);
	int fd = long_body_connect(&stage, 0);
	struct long_body body = {.length = MIB, .seed = 1};
	assert_true(long_body_put(fd, "POST", &body));
	body.length++;
	long_body_ask(fd, "POST", &body, "");
	assert_int_equal(long_body_read_head(fd), 413);
	assert_int_equal(atomic_load(&actor_heard), 1);
	close(fd);
}

static void test_expectation(void **state)
{
	(void)state;
	char said[5];
	actor_play(&stage, long_body_serve);
	int fd = long_body_connect(&stage, 0);
	for (unsigned i = 0; i < 4; i++) {
		struct long_body body = {.length = 3 * MIB + i, .seed = i + 1};
		long_body_ask(fd, "POST", &body, "Expect: 100-continue\r\n");
		assert_int_equal(long_body_read_head(fd), 100);
		assert_true(long_body_send(fd, &body, 0, body.length));
		assert_int_equal(long_body_read_head(fd), 200);
		assert_int_equal(recv(fd, said, 5, MSG_WAITALL), 5);
		assert_memory_equal(said, "right", 5);
	}
	close(fd);
}

/* ---- slow peers ---- */

static void test_client_that_stops_reading(void **state)
{
	(void)state;
	stage.globals.stall_ms = 700;
	struct stage_backend *backend = actor_play(&stage, long_body_serve);
	struct long_body body = {.length = 64 * MIB, .seed = 1};
	int fd = long_body_connect(&stage, SMALL);
	long_body_ask(fd, "GET", &body, "");
	await_limit(LIMIT_stall);
	assert_int_equal(count_of(FAIL_client_stalled), 1);
	wait_for_visits(backend, 0);
	assert_true(long_body_await_empty());
	assert_int_equal(long_body_read_head(fd), 200);
	assert_true(long_body_read(fd, &body, 0, body.length) < body.length);
	assert_int_equal(read_totals()->aborted, 1);
	close(fd);
}

static void test_client_that_reads_too_slowly(void **state)
{
	(void)state;
	stage.globals.stall_ms = 1000;
	stage.globals.rate = 512ul * MIB;
	actor_play(&stage, long_body_serve);
	struct long_body body = {.length = 64 * MIB, .seed = 1, .reads = 8 * KIB};
	int fd = long_body_connect(&stage, SMALL);
	long_body_ask(fd, "GET", &body, "");
	assert_int_equal(long_body_read_head(fd), 200);
	uint64_t at = 0, to = 0;
	while (read_counters().limits[LIMIT_rate] == 0 && at == to) {
		to = at + 16 * KIB;
		at = long_body_read(fd, &body, at, to);
		actor_wait_ms(20);
	}
	assert_int_equal(count_of(FAIL_client_slow), 1);
	close(fd);
}

static void hear_a_head(int fd)
{
	if (actor_hear_head(fd))
		sem_wait(&long_body_go);
}

/* The backend takes no more of a request that waits for it in a pipe. */
static void test_backend_that_stops_reading(void **state)
{
	(void)state;
	stage.globals.stall_ms = 700;
	struct stage_backend *backend = actor_play(&stage, hear_a_head);
	int small = SMALL;
	setsockopt(backend->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	struct long_body body = {.length = 64 * MIB, .seed = 1};
	int fd = long_body_connect(&stage, 0);
	long_body_ask(fd, "POST", &body, "");
	long_body_send(fd, &body, 0, body.length); /* it is read to its end, or not */
	await_count(FAIL_backend_stalled, 1);
	assert_int_equal(long_body_read_head(fd), 504);
	assert_true(long_body_await_empty());
	sem_post(&long_body_go);
	close(fd);
}

/* ---- ends by order ---- */

static int begin_stuck(struct long_body *body)
{
	*body = (struct long_body){.length = 64 * MIB, .seed = 3};
	int fd = long_body_stick(&stage, body, SMALL, 0);
	assert_true(fd >= 0);
	return fd;
}

/* The color's time to drain is over while bytes wait in a pipe. */
static void test_cut_by_a_drain(void **state)
{
	(void)state;
	struct long_body body;
	actor_play(&stage, long_body_serve);
	int fd = begin_stuck(&body);
	stage.cut_before = proxy_acknowledged(stage.proxy) + 1;
	stage_flip(&stage, COLOR_GREEN);
	assert_int_equal(read_totals()->failed, 1);
	assert_int_equal(totals_cut(stage.totals, COLOR_BLUE), 1);
	assert_true(long_body_read(fd, &body, 0, body.length) < body.length);
	assert_true(long_body_is_over(fd));
	assert_true(long_body_await_empty());
	close(fd);
}

/* The program drains: what was begun is finished. */
static void test_finished_in_a_drain(void **state)
{
	(void)state;
	struct long_body body;
	actor_play(&stage, long_body_serve);
	int fd = begin_stuck(&body);
	stage.globals.draining = true;
	stage_flip(&stage, COLOR_BLUE);
	proxy_drain(stage.proxy);
	assert_true(long_body_read(fd, &body, 0, body.length) == body.length);
	assert_int_equal(read_totals()->errors, 0);
	close(fd);
}

/* The program ends: nothing is waited for, and nothing is left (which close_stage looks at). */
static void test_stopped_with_bytes_in_pipes(void **state)
{
	(void)state;
	struct long_body down, up = {.length = 64 * MIB, .seed = 4};
	actor_play(&stage, long_body_serve);
	int fd = begin_stuck(&down), other = long_body_connect(&stage, 0);
	long_body_ask(other, "POST", &up, "");
	assert_true(long_body_send(other, &up, 0, 2 * MIB));
	close(other);
	close(fd);
}

static void test_stopped_under_a_client(void **state)
{
	struct long_body body;
	actor_play(&stage, long_body_serve);
	int fd = begin_stuck(&body);
	unsigned sockets = before.sockets;
	before.sockets++; /* the client's, still open */
	assert_int_equal(close_stage(state), 0);
	assert_true(long_body_read(fd, &body, 0, body.length) < body.length);
	close(fd);
	assert_int_equal(long_body_count_open().sockets, sockets);
}

/* ---- behind a pipe ---- */

#define TUNNEL_TEXT "what was said through the tunnel"

/* Switches protocols before it has read the request's body, which waits in part in a pipe; what the client says in the tunnel comes behind it. */
static void switch_and_read_later(int fd)
{
	struct long_body body = {.seed = 6};
	char said[sizeof(TUNNEL_TEXT)] = {0};
	if (!actor_hear_head(fd))
		return;
	body.length = strtoull(actor_head + 6, NULL, 10); /* "POST /" */
	sem_wait(&long_body_go);
	actor_say(fd, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
	sem_wait(&long_body_go);
	if (long_body_read(fd, &body, 0, body.length) < body.length)
		return;
	if (recv(fd, said, sizeof(TUNNEL_TEXT) - 1, MSG_WAITALL) == (ssize_t)sizeof(TUNNEL_TEXT) - 1)
		actor_say(fd, said);
}

/* True when bytes waited in the pipe while more was said. Longer requests than what fits between the ends are not complete, so that there is no tunnel. */
static bool speak_behind(uint64_t length)
{
	struct long_body body = {.length = length, .seed = 6};
	struct timeval limit = {0, 300000};
	char said[sizeof(TUNNEL_TEXT)] = {0};
	int fd = long_body_connect(&stage, 0);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	long_body_ask(fd, "POST", &body, "Connection: upgrade\r\nUpgrade: echo\r\n");
	bool sent = long_body_send(fd, &body, 0, length), waited = false;
	sem_post(&long_body_go);
	int status = sent ? long_body_read_head(fd) : 0;
	if (status == 101) {
		actor_say(fd, TUNNEL_TEXT);
		waited = long_body_count_open().waiting > 0; /* nobody takes them yet */
		sem_post(&long_body_go);
		assert_int_equal(recv(fd, said, sizeof(said) - 1, MSG_WAITALL), sizeof(said) - 1);
		assert_string_equal(said, TUNNEL_TEXT);
	} else {
		sem_post(&long_body_go);
		assert_true(!sent || status == 400);
	}
	close(fd);
	return waited && status == 101;
}

static void test_tunnel_behind_a_long_request(void **state)
{
	(void)state;
	int small = SMALL;
	bool waited = false;
	struct stage_backend *backend = actor_play(&stage, switch_and_read_later);
	setsockopt(backend->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	uint64_t length = MIB / 2;
	for (uint64_t end = actor_now_ms() + PATIENCE_MS; !waited && actor_now_ms() < end;) { /* how much fits between the ends is the system's secret */
		waited = speak_behind(length);
		wait_for_visits(backend, 0);
		while (sem_trywait(&long_body_go) == 0) {
		}
		length = length < 6ull * MIB ? length + MIB / 8 : MIB / 2;
	}
	assert_true(waited);
}

/* ---- unix sockets ---- */

static void test_unix_backend(void **state)
{
	(void)state;
	char folder[] = "/tmp/teal-test-XXXXXX";
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	assert_non_null(mkdtemp(folder));
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/backend", folder);
	struct stage_backend *backend = actor_play_at(&stage, long_body_serve, (struct sockaddr *)&at, sizeof(at));
	for (unsigned i = 0; i < CUTS; i++)
		check_cut(LONG_BODY_FIN, cuts[i], 256 * KIB);
	assert_int_equal(read_totals()->failed, CUTS);
	struct long_body body;
	int fd = begin_stuck(&body);
	close(fd);
	await_count(FAIL_client_gone, 1);
	wait_for_visits(backend, 0);
	serve_another();
	unlink(at.sun_path);
	rmdir(folder);
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_answer_cut_by_an_end),
		flow_test(test_answer_cut_by_a_reset),
		flow_test(test_client_that_leaves_an_answer),
		flow_test(test_client_that_leaves_a_request),
		flow_test(test_half_close_behind_a_request),
		flow_test(test_refusal_and_close),
		flow_test(test_refusal_and_reading_on),
		flow_test(test_refusal_in_the_middle),
		flow_test(test_reset_in_the_middle),
		flow_test(test_what_may_be_repeated_is_held),
		flow_test(test_the_most_that_is_held),
		flow_test(test_too_long_to_be_held),
		flow_test(test_limit_of_bodies),
		flow_test(test_expectation),
		flow_test(test_client_that_stops_reading),
		flow_test(test_client_that_reads_too_slowly),
		flow_test(test_backend_that_stops_reading),
		flow_test(test_cut_by_a_drain),
		flow_test(test_finished_in_a_drain),
		flow_test(test_stopped_with_bytes_in_pipes),
		cmocka_unit_test_setup(test_stopped_under_a_client, open_stage),
		flow_test(test_tunnel_behind_a_long_request),
		flow_test(test_unix_backend),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
