// Flow tests of peers that misbehave: ends in bad moments, answers nobody asked for, bytes in odd pieces, readers and writers that stop.
// links: proxy
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/flow/stage.h"

#define ROUNDS 60 /* of cases in which two things must arrive together: often enough that they do */

static struct stage stage;
static char answer[4 * 1024 * 1024];

/* ---- a backend that plays a script on each connection ---- */

static void (*script)(int fd);
static atomic_uint heard; /* request heads */
static atomic_uint posts;
static atomic_ulong flooded;

static void wait_ms(unsigned ms)
{
	struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000l};
	nanosleep(&time, NULL);
}

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static void say_bytes(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		bytes += sent;
		length -= (size_t)sent;
	}
}

static void say(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text));
}

static void reset_at_close(int fd)
{
	struct linger now = {1, 0};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static _Thread_local char head[16384]; /* that hear_head read */

/* Reads to the end of a request head, byte by byte so that nothing behind it is taken. False at the end of the connection. */
static bool hear_head(int fd)
{
	size_t length = 0;
	memset(head, 0, sizeof(head));
	while (length < 4 || memcmp(head + length - 4, "\r\n\r\n", 4) != 0) {
		if (length == sizeof(head) - 1 || recv(fd, head + length, 1, 0) <= 0)
			return false;
		length++;
	}
	atomic_fetch_add(&heard, 1);
	if (memcmp(head, "POST", 4) == 0)
		atomic_fetch_add(&posts, 1);
	return true;
}

static void hear_all(int fd)
{
	char bytes[4096];
	while (recv(fd, bytes, sizeof(bytes), 0) > 0) {
	}
}

struct visit {
	struct stage_backend *backend;
	int fd;
};

static void *visit_thread(void *arg)
{
	struct visit visit = *(struct visit *)arg;
	free(arg);
	script(visit.fd);
	close(visit.fd);
	atomic_fetch_sub(&visit.backend->visits, 1);
	return NULL;
}

static void *accept_thread(void *arg)
{
	struct stage_backend *backend = arg;
	int fd, on = 1;
	while ((fd = accept(backend->fd, NULL, NULL)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		atomic_fetch_add(&backend->connections, 1);
		atomic_fetch_add(&backend->visits, 1);
		struct visit *visit = malloc(sizeof(*visit));
		*visit = (struct visit){backend, fd};
		pthread_t thread;
		pthread_create(&thread, NULL, visit_thread, visit);
		pthread_detach(thread);
	}
	return NULL;
}

/* One more blue backend, at this address, that plays the present script. */
static struct stage_backend *add_actor(const struct sockaddr *at, socklen_t length)
{
	struct stage_backend *backend = &stage.backends[stage.backend_count++];
	struct sockaddr_storage name;
	socklen_t name_length = sizeof(name);
	memset(backend, 0, sizeof(*backend));
	strcpy(backend->color, "blue");
	backend->fd = socket(at->sa_family, SOCK_STREAM, 0);
	assert_int_equal(bind(backend->fd, at, length), 0);
	assert_int_equal(listen(backend->fd, 128), 0);
	getsockname(backend->fd, (struct sockaddr *)&name, &name_length);
	addr_from_socket((struct sockaddr *)&name, name_length, &backend->addr);
	backend->backend = backend_new("actor", &backend->addr, stage.workers);
	pthread_create(&backend->thread, NULL, accept_thread, backend);
	stage_flip(&stage, COLOR_BLUE);
	return backend;
}

static struct stage_backend *play(void (*with)(int fd))
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	script = with;
	atomic_store(&heard, 0);
	atomic_store(&posts, 0);
	atomic_store(&flooded, 0);
	return add_actor((struct sockaddr *)&at, sizeof(at));
}

static int open_stage(void **state)
{
	(void)state;
	stage_open(&stage, 1, 0, 0);
	return 0;
}

static int open_two_workers(void **state)
{
	(void)state;
	stage_open(&stage, 2, 0, 0);
	return 0;
}

static int close_stage(void **state)
{
	(void)state;
	stage_close(&stage);
	return 0;
}

/* ---- clients ---- */

#define GET "GET /a HTTP/1.1\r\nHost: shop.example\r\n\r\n"
#define POST_OF(length) "POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: " #length "\r\n\r\n"

static int read_answer(int fd)
{
	return stage_read_answer(fd, answer, sizeof(answer), false);
}

static const char *body(void)
{
	return strstr(answer, "\r\n\r\n") + 4;
}

static uint64_t count_of(enum fail fail)
{
	struct proxy_counters counters;
	proxy_read_counters(stage.proxy, &counters);
	return counters.fails[fail];
}

static uint64_t open_tunnels(void)
{
	struct proxy_counters counters;
	proxy_read_counters(stage.proxy, &counters);
	return counters.tunnels;
}

/* ---- ends that come together with bytes ---- */

static void reset_in_body(int fd)
{
	if (!hear_head(fd))
		return;
	reset_at_close(fd);
	say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
}

/* Bytes and a reset behind them come as one event; the client must not wait for the stall deadline. */
static void test_reset_behind_answer(void **state)
{
	(void)state;
	bool reset;
	play(reset_in_body);
	for (int i = 0; i < ROUNDS; i++) {
		int fd = stage_connect(&stage);
		uint64_t before = now_ms();
		stage_send(fd, GET);
		stage_read_all(fd, answer, sizeof(answer), &reset);
		assert_in_range(now_ms() - before, 0, 600);
		stage_close_client(fd);
	}
	assert_int_equal(count_of(FAIL_backend_stalled), 0);
	assert_int_equal(count_of(FAIL_answer_truncated), ROUNDS);
}

static void reset_in_head(int fd)
{
	if (!hear_head(fd))
		return;
	reset_at_close(fd);
	say(fd, "HTTP/1.1 200 OK\r\nContent-Le");
}

static void test_reset_behind_head(void **state)
{
	(void)state;
	play(reset_in_head);
	for (int i = 0; i < ROUNDS; i++) {
		int fd = stage_connect(&stage);
		uint64_t before = now_ms();
		stage_send(fd, POST_OF(0));
		assert_int_equal(read_answer(fd), 502);
		assert_in_range(now_ms() - before, 0, 600);
		stage_close_client(fd);
	}
	assert_int_equal(atomic_load(&posts), ROUNDS);
}

static void answer_after_body(int fd)
{
	char byte;
	while (hear_head(fd)) {
		if (recv(fd, &byte, 1, 0) <= 0)
			break;
		for (int i = 1; i < 10; i++) {
			if (recv(fd, &byte, 1, 0) <= 0)
				return;
		}
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	}
}

/* The same from the client's side: the backend must not be kept waiting for the rest of the body. */
static void test_client_reset_in_body(void **state)
{
	(void)state;
	play(answer_after_body);
	for (int i = 0; i < ROUNDS; i++) {
		int fd = stage_connect(&stage);
		stage_send(fd, POST_OF(10) "part");
		reset_at_close(fd);
		stage_close_client(fd);
	}
	wait_ms(300);
	assert_int_equal(totals_inflight(stage.totals, COLOR_BLUE), 0);
	assert_int_equal(count_of(FAIL_request_body_timeout), 0);
}

static void test_client_end_in_body(void **state)
{
	(void)state;
	play(answer_after_body);
	for (unsigned i = 0; i < 10; i++) {
		int fd = stage_connect(&stage);
		stage_send(fd, POST_OF(10) "part");
		wait_ms(i);
		stage_close_client(fd);
	}
	wait_ms(300);
	assert_int_equal(totals_inflight(stage.totals, COLOR_BLUE), 0);
	assert_int_equal(count_of(FAIL_client_gone), 10);
}

static void reset_tunnel(int fd)
{
	char byte;
	if (!hear_head(fd))
		return;
	say(fd, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
	if (recv(fd, &byte, 1, 0) != 1)
		return;
	reset_at_close(fd);
	say(fd, "last words");
}

static int open_tunnel(void)
{
	int fd = stage_connect(&stage);
	stage_send(fd, "GET /a HTTP/1.1\r\nHost: shop.example\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
	assert_int_equal(read_answer(fd), 101);
	return fd;
}

/* A tunnel has no deadline, so a reset that is missed would keep it for ever. */
static void test_reset_behind_tunnel(void **state)
{
	(void)state;
	bool reset;
	play(reset_tunnel);
	for (int i = 0; i < ROUNDS; i++) {
		int fd = open_tunnel();
		uint64_t before = now_ms();
		stage_send(fd, "x");
		stage_read_all(fd, answer, sizeof(answer), &reset);
		assert_in_range(now_ms() - before, 0, 600);
		stage_close_client(fd);
	}
	assert_int_equal(open_tunnels(), 0);
}

static void quiet_tunnel(int fd)
{
	if (!hear_head(fd))
		return;
	say(fd, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
	hear_all(fd);
}

static void test_client_reset_in_tunnel(void **state)
{
	(void)state;
	play(quiet_tunnel);
	for (int i = 0; i < ROUNDS; i++) {
		int fd = open_tunnel();
		stage_send(fd, "x");
		reset_at_close(fd);
		stage_close_client(fd);
	}
	wait_ms(300);
	assert_int_equal(open_tunnels(), 0);
	assert_int_equal(totals_inflight(stage.totals, COLOR_BLUE), 0);
}

/* ---- answers in bad moments ---- */

static void answer_unasked(int fd)
{
	say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
	hear_all(fd);
}

/* The answer may be there before the connection is known to stand. */
static void test_answer_before_request(void **state)
{
	(void)state;
	play(answer_unasked);
	for (int i = 0; i < ROUNDS; i++) {
		int fd = stage_connect(&stage);
		uint64_t before = now_ms();
		stage_send(fd, GET);
		assert_int_equal(read_answer(fd), 200);
		assert_in_range(now_ms() - before, 0, 600);
		stage_close_client(fd);
	}
}

static const char *const last_answers[] = {
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\n\r\nhello",
	"HTTP/1.0 200 OK\r\n\r\nhello",
	"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
};
static atomic_uint last_answer;

static void answer_and_close(int fd)
{
	if (hear_head(fd))
		say(fd, last_answers[atomic_load(&last_answer)]);
}

static void test_answer_with_end(void **state)
{
	(void)state;
	play(answer_and_close);
	int fd = stage_connect(&stage);
	for (unsigned i = 0; i < 10 * sizeof(last_answers) / sizeof(last_answers[0]); i++) {
		atomic_store(&last_answer, i / 10);
		stage_send(fd, GET);
		int status = read_answer(fd);
		if (status == 103)
			status = read_answer(fd);
		assert_int_equal(status, 200);
		assert_string_equal(body(), "hello");
	}
	stage_close_client(fd);
}

static const char pieces[] =
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nX-Trailer: t\r\n\r\n";
static atomic_uint split;

static void answer_in_two(int fd)
{
	while (hear_head(fd)) {
		size_t at = atomic_load(&split);
		say_bytes(fd, pieces, at);
		wait_ms(2);
		say_bytes(fd, pieces + at, sizeof(pieces) - 1 - at);
	}
}

static void answer_by_bytes(int fd)
{
	while (hear_head(fd)) {
		for (size_t i = 0; i < sizeof(pieces) - 1; i++) {
			say_bytes(fd, pieces + i, 1);
			if (i % 8 == 0)
				wait_ms(1);
		}
	}
}

static void expect_pieces(int fd, unsigned minor)
{
	stage_send(fd, minor ? GET : "GET /a HTTP/1.0\r\nHost: shop.example\r\n\r\n");
	if (minor)
		assert_int_equal(read_answer(fd), 100);
	assert_int_equal(read_answer(fd), 200);
	assert_string_equal(body(), "hello world");
}

static void test_answer_split_everywhere(void **state)
{
	(void)state;
	struct stage_backend *backend = play(answer_in_two);
	int fd = stage_connect(&stage);
	for (unsigned at = 1; at < sizeof(pieces) - 1; at++) {
		atomic_store(&split, at);
		expect_pieces(fd, 1);
		int old = stage_connect(&stage);
		expect_pieces(old, 0);
		stage_close_client(old);
	}
	stage_close_client(fd);
	assert_int_equal(atomic_load(&backend->connections), 1);
}

static void test_answer_by_bytes(void **state)
{
	(void)state;
	play(answer_by_bytes);
	int fd = stage_connect(&stage);
	expect_pieces(fd, 1);
	stage_close_client(fd);
}

static void answer_early_and_read(int fd)
{
	if (!hear_head(fd))
		return;
	say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nearly");
	char byte;
	for (int i = 0; i < 8; i++) {
		if (recv(fd, &byte, 1, 0) != 1)
			return;
	}
	say(fd, ", all");
}

/* The answer has begun and waits for the request's rest, which comes slowly: as long as something moves, nothing stalls. */
static void test_slow_request_in_answer(void **state)
{
	(void)state;
	play(answer_early_and_read);
	int fd = stage_connect(&stage);
	stage_send(fd, POST_OF(8));
	for (int i = 0; i < 8; i++) {
		wait_ms(250);
		stage_send(fd, "x");
	}
	assert_int_equal(read_answer(fd), 200);
	assert_string_equal(body(), "early, all");
	stage_close_client(fd);
}

/* ---- readers that stop ---- */

#define FLOOD_BYTES (24ul * 1024 * 1024)

static void flood_interims(int fd)
{
	static const char start[] = "HTTP/1.1 103 Early Hints\r\nLink: ";
	char hints[4096];
	if (!hear_head(fd))
		return;
	memset(hints, 'l', sizeof(hints));
	memcpy(hints, start, sizeof(start) - 1);
	memcpy(hints + sizeof(hints) - 4, "\r\n\r\n", 4);
	while (atomic_load(&flooded) < FLOOD_BYTES) {
		ssize_t sent = send(fd, hints, sizeof(hints), MSG_NOSIGNAL);
		if (sent != (ssize_t)sizeof(hints))
			return;
		atomic_fetch_add(&flooded, sizeof(hints));
	}
	hear_all(fd);
}

/* Waits until the backend can send no more, and returns how much it could. */
static unsigned long wait_for_flood(void)
{
	unsigned long before;
	do {
		before = atomic_load(&flooded);
		wait_ms(1000);
	} while (atomic_load(&flooded) > before);
	return before;
}

/* Interim answers that the client does not read are no more kept than a body would be: what the sockets take, and no more. */
static void test_interims_unread(void **state)
{
	(void)state;
	stage.globals.response_ms = stage.globals.stall_ms = 30000;
	play(flood_interims);
	int fd = stage_connect(&stage);
	stage_send(fd, GET);
	assert_in_range(wait_for_flood(), 4096, FLOOD_BYTES - 4096);
	stage_close_client(fd);
}

/* When they are read at last, the client's own deadline is still there: its body never comes. */
static void test_interims_read_late(void **state)
{
	(void)state;
	int status = 103;
	play(flood_interims);
	int fd = stage_connect(&stage);
	stage_send(fd, POST_OF(10));
	wait_ms(300);
	while (status == 103)
		status = read_answer(fd);
	assert_int_equal(status, 408);
	stage_close_client(fd);
}

/* The proxy stops while a client does not read. */
static void test_stop_while_unread(void **state)
{
	(void)state;
	play(flood_interims);
	int fd = stage_connect(&stage);
	stage_send(fd, GET);
	wait_ms(400);
	stage_close(&stage);
	stage_open(&stage, 1, 0, 0);
	stage_close_client(fd);
}

/* ---- many requests at once ---- */

static void answer_ok(int fd)
{
	while (hear_head(fd))
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

static void test_thousand_pipelined(void **state)
{
	(void)state;
	enum { COUNT = 1000 };
	struct stage_backend *backend = play(answer_ok);
	int fd = stage_connect(&stage);
	char *all = malloc(COUNT * sizeof(GET));
	for (size_t i = 0; i < COUNT; i++)
		memcpy(all + i * (sizeof(GET) - 1), GET, sizeof(GET) - 1);
	stage_send_bytes(fd, all, COUNT * (sizeof(GET) - 1));
	free(all);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(read_answer(fd), 200);
	assert_int_equal(atomic_load(&heard), COUNT);
	assert_int_equal(atomic_load(&backend->connections), 1);
	stage_close_client(fd);
}

/* An answer of our own is given at once, while the requests behind it are not put aside yet. */
static void test_pipelined_behind_own_answer(void **state)
{
	(void)state;
	play(answer_ok);
	int fd = stage_connect(&stage);
	stage_send(fd, "GET / HTTP/1.1\r\nHost: nobody.example\r\n\r\n"
		       "GET / HTTP/1.1\r\nHost: nobody.example\r\n\r\n"
		       "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n");
	assert_int_equal(read_answer(fd), 404);
	assert_int_equal(read_answer(fd), 404);
	assert_int_equal(read_answer(fd), 200);
	stage_close_client(fd);
}

/* The FIN comes with the last of them. */
static void test_pipelined_with_end(void **state)
{
	(void)state;
	play(answer_ok);
	int fd = stage_connect(&stage);
	stage_send(fd, GET "GET / HTTP/1.1\r\nHost: nobody.example\r\n\r\n" GET);
	shutdown(fd, SHUT_WR);
	assert_int_equal(read_answer(fd), 200);
	assert_int_equal(read_answer(fd), 404);
	assert_int_equal(read_answer(fd), 200);
	assert_int_equal(read_answer(fd), 0);
	stage_close_client(fd);
}

static void test_short_connections(void **state)
{
	(void)state;
	play(answer_ok);
	for (int i = 0; i < 300; i++) {
		int fd = stage_connect(&stage);
		stage_send(fd, i % 3 ? GET : "GET /a HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n");
		assert_int_equal(read_answer(fd), 200);
		stage_close_client(fd);
	}
	assert_true(stage_wait_drained(&stage, COLOR_BLUE));
}

/* ---- requests that may have been processed ---- */

static void answer_once_then_close(int fd)
{
	if (!hear_head(fd))
		return;
	say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	hear_head(fd);
}

static void test_post_is_sent_once(void **state)
{
	(void)state;
	play(answer_once_then_close);
	int fd = stage_connect(&stage);
	for (unsigned i = 1; i <= 20; i++) {
		stage_send(fd, POST_OF(0));
		int status = read_answer(fd);
		assert_true(status == 200 || status == 502);
		assert_int_equal(atomic_load(&posts), i);
	}
	stage_close_client(fd);
}

/* ---- idle connections ---- */

static atomic_bool hasty;

static void close_when_hasty(int fd)
{
	while (hear_head(fd)) {
		bool leaves = atomic_load(&hasty);
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
		if (leaves) {
			wait_ms(20);
			return;
		}
	}
}

static void get_and_wait(int fd, unsigned ms)
{
	stage_send(fd, GET);
	assert_int_equal(read_answer(fd), 200);
	wait_ms(ms);
}

/* A backend that closes idle connections early makes the pool let go earlier; when it stays (it was restarted, say), they are kept longer again. */
static void test_idle_age_recovers(void **state)
{
	(void)state;
	struct stage_backend *backend = play(close_when_hasty);
	int fd = stage_connect(&stage);
	atomic_store(&hasty, true);
	get_and_wait(fd, 100);
	atomic_store(&hasty, false);
	get_and_wait(fd, 200);
	get_and_wait(fd, 0);
	assert_int_equal(atomic_load(&backend->connections), 3);
	for (unsigned i = 0; i < 9; i++)
		get_and_wait(fd, 350);
	get_and_wait(fd, 150);
	unsigned connections = atomic_load(&backend->connections);
	get_and_wait(fd, 0);
	assert_int_equal(atomic_load(&backend->connections), connections);
	stage_close_client(fd);
}

/* ---- draining ---- */

/* Clients that keep a connection and say nothing do not hold up the end; those that say something get their answer. */
static void test_drain_with_idle_clients(void **state)
{
	(void)state;
	play(answer_ok);
	int silent = stage_connect(&stage), idle = stage_connect(&stage), late = stage_connect(&stage);
	stage_send(idle, GET);
	assert_int_equal(read_answer(idle), 200);
	stage_send(late, GET);
	assert_int_equal(read_answer(late), 200);
	stage.globals.draining = true;
	stage_flip(&stage, COLOR_BLUE);
	proxy_drain(stage.proxy);
	wait_ms(200);
	stage_send(late, GET);
	assert_int_equal(read_answer(late), 200);
	assert_non_null(strstr(answer, "Connection: close"));
	uint64_t before = now_ms();
	assert_int_equal(read_answer(idle), 0);
	assert_int_equal(read_answer(silent), 0);
	assert_in_range(now_ms() - before, 0, 3000);
	stage_close_client(silent);
	stage_close_client(idle);
	stage_close_client(late);
}

/* ---- other kinds of addresses ---- */

static void test_unix_backend(void **state)
{
	(void)state;
	char folder[] = "/tmp/teal-test-XXXXXX";
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	assert_non_null(mkdtemp(folder));
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/backend", folder);
	script = answer_ok;
	add_actor((struct sockaddr *)&at, sizeof(at));
	int fd = stage_connect(&stage);
	for (int i = 0; i < 20; i++) {
		stage_send(fd, GET);
		assert_int_equal(read_answer(fd), 200);
	}
	stage_close_client(fd);
	unlink(at.sun_path);
	rmdir(folder);
}

static void test_ipv6_backend(void **state)
{
	(void)state;
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	script = answer_ok;
	add_actor((struct sockaddr *)&at, sizeof(at));
	int fd = stage_connect(&stage);
	stage_send(fd, GET);
	assert_int_equal(read_answer(fd), 200);
	stage_close_client(fd);
}

/* ---- what must be said to old clients, and what must not be passed on ---- */

static void test_own_answer_to_http10(void **state)
{
	(void)state;
	play(answer_ok);
	int fd = stage_connect(&stage);
	stage_send(fd, "GET / HTTP/1.0\r\nHost: nobody.example\r\nConnection: keep-alive\r\n\r\n");
	assert_int_equal(read_answer(fd), 404);
	assert_non_null(strstr(answer, "Connection: keep-alive\r\n"));
	stage_send(fd, "GET / HTTP/1.0\r\nHost: shop.example\r\nConnection: keep-alive\r\n\r\n");
	assert_int_equal(read_answer(fd), 200);
	stage_close_client(fd);
}

/* ---- what is counted, and what must not pass ---- */

static void test_no_backend_is_counted(void **state)
{
	(void)state;
	int fd = stage_connect(&stage);
	stage_send(fd, GET);
	assert_int_equal(read_answer(fd), 503);
	assert_int_equal(count_of(FAIL_no_backend), 1);
	stage_close_client(fd);
}

static void test_tunnel_is_no_latency(void **state)
{
	(void)state;
	static struct totals_sum sum;
	play(quiet_tunnel);
	stage_close_client(open_tunnel());
	assert_true(stage_wait_drained(&stage, COLOR_BLUE));
	totals_read(stage.totals, COLOR_BLUE, &sum);
	assert_int_equal(sum.ended, 1);
	assert_int_equal(sum.first_byte.total, 1);
	assert_int_equal(sum.duration.total, 0);
}

static void say_whether_upgrade(int fd)
{
	while (hear_head(fd))
		say(fd, strcasestr(head, "\r\nUpgrade:") || strcasestr(head, "HTTP2-Settings") ? "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"
											       : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
}

static void hear_chunks(int fd)
{
	static _Thread_local char chunks[4096];
	while (hear_head(fd)) {
		size_t length = 0;
		memset(chunks, 0, sizeof(chunks));
		while (!strstr(chunks, "0\r\n") || length < 4 || memcmp(chunks + length - 4, "\r\n\r\n", 4) != 0) {
			ssize_t got = recv(fd, chunks + length, sizeof(chunks) - 1 - length, 0);
			if (got <= 0)
				return;
			length += (size_t)got;
		}
		bool passed = strstr(chunks, "X-Hop") != NULL;
		say(fd, "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nTransfer-Encoding: chunked\r\n\r\n");
		say(fd, passed ? "6\r\npassed\r\n0\r\nX-Hop: 1\r\n\r\n" : "4\r\nleft\r\n0\r\nX-Hop: 1\r\n\r\n");
	}
}

/* Fields that Connection names are as little passed on in trailers as in heads (RFC 9110 section 7.6.1). */
static void test_named_trailers(void **state)
{
	(void)state;
	play(hear_chunks);
	bool reset;
	int fd = stage_connect(&stage);
	stage_send(fd,
		"POST /a HTTP/1.1\r\nHost: shop.example\r\nConnection: close, X-Hop\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Hop: 1\r\n\r\n");
	stage_read_all(fd, answer, sizeof(answer), &reset);
	assert_non_null(strstr(answer, "\r\n\r\n4\r\nleft\r\n0\r\n\r\n"));
	assert_null(strstr(answer, "X-Hop"));
	stage_close_client(fd);
}

/* RFC 9110 section 7.6.2. */
static void test_last_hop(void **state)
{
	(void)state;
	play(answer_ok);
	int fd = stage_connect(&stage);
	stage_send(
		fd, "OPTIONS /a HTTP/1.1\r\nHost: shop.example\r\nMax-Forwards: 0\r\n\r\nOPTIONS /a HTTP/1.1\r\nHost: shop.example\r\nMax-Forwards: 1\r\n\r\n");
	assert_int_equal(read_answer(fd), 501);
	assert_int_equal(read_answer(fd), 200);
	assert_int_equal(atomic_load(&heard), 1);
	stage_close_client(fd);
}

static void test_h2c_stays_here(void **state)
{
	(void)state;
	play(say_whether_upgrade);
	int fd = stage_connect(&stage);
	stage_send(fd, "GET /a HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n");
	assert_int_equal(read_answer(fd), 200);
	assert_string_equal(body(), "no");
	stage_send(fd, "GET /a HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
	assert_int_equal(read_answer(fd), 200);
	assert_string_equal(body(), "yes");
	stage_close_client(fd);
}

/* ---- all of it at once ---- */

static void (*const manners[])(int fd) = {answer_ok, answer_ok, answer_ok, answer_and_close, reset_in_body, reset_in_head, answer_unasked, answer_by_bytes,
	answer_early_and_read, answer_once_then_close, quiet_tunnel, reset_tunnel, close_when_hasty};
static atomic_uint storm_visits;
static atomic_bool storm_over;

static void play_any(int fd)
{
	struct timeval limit = {1, 0};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	manners[atomic_fetch_add(&storm_visits, 1) % (sizeof(manners) / sizeof(manners[0]))](fd);
}

static const char *const storm_requests[] = {
	GET,
	GET GET GET,
	POST_OF(10) "0123456789",
	POST_OF(8) "part",
	"GET /a HTTP/1.1\r\nHost: shop.exa",
	"GET /a HTTP/1.1\r\nHost: shop.example\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nx",
	"POST /a HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
	"POST /a HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" GET,
	"GET /a HTTP/1.0\r\nHost: shop.example\r\n\r\n",
	"HEAD /a HTTP/1.1\r\nHost: nobody.example\r\n\r\n" GET,
	"NONSENSE\r\n\r\n",
};

static void *storm_client(void *arg)
{
	unsigned seed = *(unsigned *)arg;
	struct timeval limit = {0, 200000};
	while (!atomic_load(&storm_over)) {
		char bytes[4096];
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		if (connect(fd, &stage.at.to.any, stage.at.length) == 0)
			say(fd, storm_requests[(unsigned)rand_r(&seed) % (sizeof(storm_requests) / sizeof(storm_requests[0]))]);
		unsigned end = (unsigned)rand_r(&seed) % 4;
		if (end == 0)
			shutdown(fd, SHUT_WR);
		if (end == 1)
			reset_at_close(fd);
		for (unsigned i = (unsigned)rand_r(&seed) % 4; i > 0 && recv(fd, bytes, sizeof(bytes), 0) > 0; i--) {
		}
		close(fd);
	}
	return NULL;
}

static void expect_all_at_rest(void)
{
	struct proxy_counters counters;
	for (unsigned i = 0; i < 400; i++) {
		proxy_read_counters(stage.proxy, &counters);
		if (counters.open == 0)
			break;
		wait_ms(10);
	}
	assert_int_equal(counters.open, 0);
	assert_int_equal(counters.idle, 0);
	assert_int_equal(counters.tunnels, 0);
	assert_int_equal(totals_inflight(stage.totals, COLOR_BLUE), 0);
	assert_int_equal(backend_inflight(stage.backends[0].backend), 0);
	assert_int_equal(backend_inflight(stage.backends[1].backend), 0);
	assert_true(table_is_quiet(proxy_table(stage.proxy)));
}

/* Clients and backends of every manner, and new tables all the time; in the end nothing is left, and nothing is counted that is not there. */
static void test_storm(void **state)
{
	(void)state;
	enum { CLIENTS = 8 };
	pthread_t threads[CLIENTS];
	unsigned seeds[CLIENTS];
	play(play_any);
	play(play_any);
	atomic_store(&storm_over, false);
	for (unsigned i = 0; i < CLIENTS; i++) {
		seeds[i] = i + 1;
		pthread_create(&threads[i], NULL, storm_client, &seeds[i]);
	}
	for (uint64_t until = now_ms() + 3000; now_ms() < until; wait_ms(5))
		stage_flip(&stage, COLOR_BLUE);
	atomic_store(&storm_over, true);
	for (unsigned i = 0; i < CLIENTS; i++)
		pthread_join(threads[i], NULL);
	expect_all_at_rest();
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)
#define two_workers_test(name) \
	{ \
#name " (two workers)", name, open_two_workers, close_stage, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_reset_behind_answer),
		flow_test(test_reset_behind_head),
		flow_test(test_client_reset_in_body),
		flow_test(test_client_end_in_body),
		flow_test(test_reset_behind_tunnel),
		flow_test(test_client_reset_in_tunnel),
		flow_test(test_answer_before_request),
		flow_test(test_answer_with_end),
		flow_test(test_answer_split_everywhere),
		flow_test(test_answer_by_bytes),
		flow_test(test_slow_request_in_answer),
		flow_test(test_interims_unread),
		flow_test(test_interims_read_late),
		flow_test(test_stop_while_unread),
		flow_test(test_thousand_pipelined),
		flow_test(test_pipelined_behind_own_answer),
		flow_test(test_pipelined_with_end),
		flow_test(test_short_connections),
		two_workers_test(test_short_connections),
		flow_test(test_post_is_sent_once),
		two_workers_test(test_post_is_sent_once),
		flow_test(test_idle_age_recovers),
		flow_test(test_drain_with_idle_clients),
		flow_test(test_unix_backend),
		flow_test(test_ipv6_backend),
		flow_test(test_own_answer_to_http10),
		flow_test(test_no_backend_is_counted),
		flow_test(test_tunnel_is_no_latency),
		flow_test(test_h2c_stays_here),
		flow_test(test_named_trailers),
		flow_test(test_last_hop),
		two_workers_test(test_storm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
