// Flow tests of tunnels that a drain closes: WebSockets by Close at the end of a frame, others by FIN; spread over a time, and taken back.
// links: proxy
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/flow/actor.h"

#define OPCODE_TEXT 1u
#define OPCODE_CLOSE 8u

static struct stage stage;

/* ---- frames, on both ends ---- */

struct got {
	unsigned opcode, length, code; /* code: of a Close with one */
	bool masked;
	char payload[2048];
};

static bool take(int fd, void *bytes, size_t length)
{
	return length == 0 || recv(fd, bytes, length, MSG_WAITALL) == (ssize_t)length;
}

/* Frames up to 65,535 bytes. */
static bool read_frame(int fd, struct got *got)
{
	uint8_t head[4], mask[4] = {0};
	memset(got, 0, sizeof(*got));
	if (!take(fd, head, 2))
		return false;
	got->opcode = head[0] & 15u;
	got->masked = head[1] & 0x80u;
	got->length = head[1] & 0x7fu;
	if (got->length == 126) {
		if (!take(fd, head + 2, 2))
			return false;
		got->length = (unsigned)(head[2] << 8 | head[3]);
	}
	if (got->length >= sizeof(got->payload) || (got->masked && !take(fd, mask, 4)) || !take(fd, got->payload, got->length))
		return false;
	for (unsigned i = 0; i < got->length; i++)
		got->payload[i] = (char)((uint8_t)got->payload[i] ^ mask[i % 4]);
	if (got->opcode == OPCODE_CLOSE && got->length >= 2)
		got->code = (unsigned)((uint8_t)got->payload[0] << 8 | (uint8_t)got->payload[1]);
	return true;
}

/* A frame up to 125 bytes. */
static void write_frame(int fd, unsigned opcode, bool masked, const char *payload, size_t length)
{
	static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
	char bytes[160] = {(char)(0x80u | opcode), (char)((masked ? 0x80u : 0) | length)};
	size_t at = 2;
	for (unsigned i = 0; masked && i < 4; i++)
		bytes[at++] = (char)mask[i];
	for (size_t i = 0; i < length; i++)
		bytes[at++] = masked ? (char)((uint8_t)payload[i] ^ mask[i % 4]) : payload[i];
	actor_say_bytes(fd, bytes, at);
}

static void write_text(int fd, bool masked, const char *text)
{
	write_frame(fd, OPCODE_TEXT, masked, text, strlen(text));
}

static void write_close(int fd, bool masked, unsigned code)
{
	const char payload[2] = {(char)(code >> 8), (char)code};
	write_frame(fd, OPCODE_CLOSE, masked, payload, 2);
}

/* ---- the backend: what it does is the request's path ---- */

static atomic_bool may_go_on;
static atomic_uint heard_texts, heard_code, heard_ends; /* the last Close's code; ends of connections that were heard out */

static void wait_to_go_on(void)
{
	while (!atomic_load(&may_go_on))
		actor_wait_ms(1);
}

/* Answers text by text, and Close by Close. */
static void serve_frames(int fd)
{
	struct got got;
	while (read_frame(fd, &got)) {
		if (got.opcode == OPCODE_TEXT) {
			atomic_fetch_add(&heard_texts, 1);
			write_frame(fd, OPCODE_TEXT, false, got.payload, got.length);
			continue;
		}
		atomic_store(&heard_code, got.code);
		write_close(fd, false, got.code);
		break;
	}
	atomic_fetch_add(&heard_ends, 1);
}

/* Half of a frame with 1,000 bytes. */
static void begin_frame(int fd)
{
	char bytes[504];
	memset(bytes, 'x', sizeof(bytes));
	memcpy(bytes, "\x81\x7e\x03\xe8", 4);
	actor_say_bytes(fd, bytes, sizeof(bytes));
}

static void end_frame(int fd)
{
	char bytes[500];
	memset(bytes, 'x', sizeof(bytes));
	actor_say_bytes(fd, bytes, sizeof(bytes));
}

static void play_half(int fd)
{
	begin_frame(fd);
	wait_to_go_on();
	end_frame(fd);
	write_text(fd, false, "more");
	serve_frames(fd);
}

static void play_stuck(int fd)
{
	begin_frame(fd);
	serve_frames(fd);
}

static void play_chatty(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	struct timeval limit = {0, 10000};
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	while (poll(&ready, 1, 0) == 0)
		write_text(fd, false, "and another thing that must be said in so many words");
	serve_frames(fd);
}

static void play_reset(int fd)
{
	wait_to_go_on();
	actor_reset_at_close(fd);
}

static void play_slow_to_close(int fd)
{
	struct got got;
	if (!read_frame(fd, &got))
		return;
	atomic_store(&heard_code, got.code);
	wait_to_go_on();
	write_close(fd, false, got.code);
}

static void play_closing_first(int fd)
{
	struct got got;
	write_close(fd, false, 1000);
	if (read_frame(fd, &got))
		atomic_store(&heard_code, got.code);
}

static void play_nonsense(int fd)
{
	actor_say_bytes(fd, "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 10);
	actor_hear_all(fd);
	atomic_fetch_add(&heard_ends, 1);
}

static void play_plain(int fd)
{
	actor_say(fd, "hello");
	actor_hear_all(fd);
	atomic_fetch_add(&heard_ends, 1);
}

static const struct {
	const char *path, *protocol;
	void (*play)(int fd);
} plays[] = {
	{"/frames", "WebSocket", serve_frames},
	{"/half", "websocket", play_half},
	{"/stuck", "websocket", play_stuck},
	{"/chatty", "websocket", play_chatty},
	{"/reset", "websocket", play_reset},
	{"/slow-to-close", "websocket", play_slow_to_close},
	{"/closing-first", "websocket", play_closing_first},
	{"/nonsense", "websocket", play_nonsense},
	{"/plain", "echo", play_plain},
	{"/late", "websocket", serve_frames},
};

static void play(int fd)
{
	char path[32] = "", text[128];
	if (!actor_hear_head(fd))
		return;
	sscanf(actor_head, "%*s %31s", path);
	if (strcmp(path, "/late") == 0)
		wait_to_go_on();
	for (size_t i = 0; i < sizeof(plays) / sizeof(plays[0]); i++) {
		if (strcmp(plays[i].path, path) != 0)
			continue;
		snprintf(text, sizeof(text), "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", plays[i].protocol);
		actor_say(fd, text);
		plays[i].play(fd);
	}
}

/* ---- the client, and what is seen from outside ---- */

static int ask(const char *path)
{
	char text[160];
	int fd = stage_connect(&stage);
	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", path,
		strcmp(path, "/plain") == 0 ? "echo" : "websocket");
	stage_send(fd, text);
	return fd;
}

static void read_switching(int fd)
{
	char head[1024] = "";
	for (size_t length = 0; !strstr(head, "\r\n\r\n"); length++) {
		assert_true(length < sizeof(head) - 1);
		assert_int_equal(recv(fd, head + length, 1, 0), 1);
	}
	assert_memory_equal(head, "HTTP/1.1 101", 12);
}

static int open_tunnel(const char *path)
{
	int fd = ask(path);
	read_switching(fd);
	return fd;
}

static void assert_echo(int fd)
{
	struct got got;
	write_text(fd, true, "are you there?");
	assert_true(read_frame(fd, &got));
	assert_string_equal(got.payload, "are you there?");
}

static void assert_close(int fd, unsigned code)
{
	struct got got;
	assert_true(read_frame(fd, &got));
	assert_int_equal(got.opcode, OPCODE_CLOSE);
	assert_int_equal(got.code, code);
	assert_false(got.masked);
	if (code == 1012)
		assert_string_equal(got.payload + 2, "service restart");
}

static void assert_end(int fd)
{
	char byte;
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

static uint64_t count_closed(void)
{
	struct proxy_counters counters;
	proxy_read_counters(stage.proxy, &counters);
	return counters.tunnels_closed;
}

static void wait_for_closed(uint64_t count)
{
	for (unsigned i = 0; i < 1000 && count_closed() < count; i++)
		actor_wait_ms(10);
	assert_int_equal(count_closed(), count);
}

/* Green becomes live, and what is on blue is closed within so long. */
static void flip_away(uint64_t over_ms)
{
	uint64_t flip = proxy_table(stage.proxy)->generation + 1;
	stage.closing = (struct table_closing){flip, actor_now_ms() + over_ms};
	stage_flip(&stage, COLOR_GREEN);
}

/* It takes no longer than the farewell may. */
static void assert_gone(uint64_t cut)
{
	uint64_t before = actor_now_ms();
	while (!stage_wait_drained(&stage, COLOR_BLUE))
		assert_true(actor_now_ms() - before < 20000);
	assert_int_equal(totals_cut(stage.totals, COLOR_BLUE), cut);
}

static void wait_for_end_at_backend(void)
{
	for (unsigned i = 0; i < 1000 && atomic_load(&heard_ends) == 0; i++)
		actor_wait_ms(10);
	assert_int_equal(atomic_load(&heard_ends), 1);
}

static int open_stage(void **state)
{
	(void)state;
	atomic_store(&may_go_on, false);
	atomic_store(&heard_texts, 0);
	atomic_store(&heard_code, 0);
	atomic_store(&heard_ends, 0);
	stage_open(&stage, 2, 0, 0);
	actor_play(&stage, play);
	return 0;
}

static int close_stage(void **state)
{
	(void)state;
	atomic_store(&may_go_on, true);
	stage_close(&stage);
	return 0;
}

/* ---- WebSockets ---- */

/* The client hears 1012, may finish its sentence, and its Close ends both sides. */
static void test_close_is_answered(void **state)
{
	(void)state;
	int fd = open_tunnel("/frames");
	assert_echo(fd);
	flip_away(0);
	assert_close(fd, 1012);
	write_text(fd, true, "one last thing");
	write_close(fd, true, 1012);
	assert_end(fd);
	stage_close_client(fd);
	assert_gone(0);
	wait_for_end_at_backend();
	assert_int_equal(atomic_load(&heard_texts), 2);
	assert_int_equal(atomic_load(&heard_code), 1012);
	assert_int_equal(count_closed(), 1);
}

static void test_close_waits_for_the_end_of_a_frame(void **state)
{
	(void)state;
	struct got got;
	int fd = open_tunnel("/half");
	assert_int_equal(recv(fd, got.payload, 504, MSG_WAITALL), 504);
	flip_away(0);
	wait_for_closed(1);
	assert_int_equal(recv(fd, got.payload, 1, MSG_DONTWAIT), -1);
	atomic_store(&may_go_on, true);
	assert_int_equal(recv(fd, got.payload, 500, MSG_WAITALL), 500);
	assert_close(fd, 1012);
	write_close(fd, true, 1012);
	assert_end(fd);
	stage_close_client(fd);
	assert_gone(0);
}

static void test_a_frame_without_end(void **state)
{
	(void)state;
	char bytes[1024];
	bool reset;
	int fd = open_tunnel("/stuck");
	assert_int_equal(recv(fd, bytes, 504, MSG_WAITALL), 504);
	flip_away(0);
	assert_gone(1);
	assert_int_equal(stage_read_all(fd, bytes, sizeof(bytes), &reset), 0);
	assert_false(reset);
	wait_for_end_at_backend();
	assert_int_equal(atomic_load(&heard_code), 1001);
	stage_close_client(fd);
}

/* The backend is told in its stead. */
static void test_a_client_that_does_not_answer(void **state)
{
	(void)state;
	int fd = open_tunnel("/frames");
	flip_away(0);
	assert_close(fd, 1012);
	assert_gone(1);
	assert_end(fd);
	wait_for_end_at_backend();
	assert_int_equal(atomic_load(&heard_code), 1001);
	stage_close_client(fd);
}

static void test_a_client_that_hangs_up(void **state)
{
	(void)state;
	int fd = open_tunnel("/frames");
	flip_away(0);
	assert_close(fd, 1012);
	stage_close_client(fd);
	assert_gone(0);
	wait_for_end_at_backend();
	assert_int_equal(atomic_load(&heard_code), 1001);
}

static void test_a_client_that_resets(void **state)
{
	(void)state;
	int fd = open_tunnel("/frames");
	flip_away(0);
	assert_close(fd, 1012);
	actor_reset_at_close(fd);
	stage_close_client(fd);
	assert_gone(0);
	wait_for_end_at_backend();
}

/* Its FIN came before the order did. */
static void test_a_half_closed_client(void **state)
{
	(void)state;
	int fd = open_tunnel("/half");
	shutdown(fd, SHUT_WR);
	struct got got;
	assert_int_equal(recv(fd, got.payload, 504, MSG_WAITALL), 504);
	flip_away(0);
	wait_for_closed(1);
	atomic_store(&may_go_on, true);
	assert_int_equal(recv(fd, got.payload, 500, MSG_WAITALL), 500);
	assert_close(fd, 1012);
	assert_end(fd);
	assert_gone(0);
	stage_close_client(fd);
}

/* Nothing follows a Close. */
static void test_a_backend_that_goes_on(void **state)
{
	(void)state;
	struct got got;
	int fd = open_tunnel("/chatty");
	flip_away(0);
	do
		assert_true(read_frame(fd, &got));
	while (got.opcode == OPCODE_TEXT);
	assert_int_equal(got.code, 1012);
	actor_wait_ms(100);
	assert_int_equal(recv(fd, got.payload, 1, MSG_DONTWAIT), -1);
	write_close(fd, true, 1012);
	assert_end(fd);
	stage_close_client(fd);
	assert_gone(0);
	assert_int_equal(atomic_load(&heard_code), 1012);
}

static void test_a_client_that_does_not_read(void **state)
{
	(void)state;
	int fd = open_tunnel("/chatty");
	actor_wait_ms(300);
	flip_away(0);
	assert_gone(1);
	stage_close_client(fd);
}

/* What the client was told reaches it. */
static void test_a_backend_that_resets(void **state)
{
	(void)state;
	int fd = open_tunnel("/reset");
	flip_away(0);
	wait_for_closed(1);
	atomic_store(&may_go_on, true);
	assert_gone(0);
	assert_close(fd, 1012);
	assert_end(fd);
	stage_close_client(fd);
}

/* A farewell that is under way is theirs. */
static void test_a_client_that_closes_first(void **state)
{
	(void)state;
	int fd = open_tunnel("/slow-to-close");
	write_close(fd, true, 1000);
	while (atomic_load(&heard_code) != 1000)
		actor_wait_ms(1);
	flip_away(0);
	wait_for_closed(1);
	atomic_store(&may_go_on, true);
	assert_close(fd, 1000);
	assert_end(fd);
	stage_close_client(fd);
	assert_gone(0);
}

static void test_a_backend_that_closes_first(void **state)
{
	(void)state;
	int fd = open_tunnel("/closing-first");
	assert_close(fd, 1000);
	flip_away(0);
	wait_for_closed(1);
	write_close(fd, true, 1000);
	assert_end(fd);
	stage_close_client(fd);
	assert_gone(0); /* the backend ends once it has heard the answer */
	assert_int_equal(atomic_load(&heard_code), 1000);
}

/* Where frames end is not known, so nothing can be said. */
static void test_no_frames_after_all(void **state)
{
	(void)state;
	char bytes[64];
	bool reset;
	int fd = open_tunnel("/nonsense");
	assert_int_equal(recv(fd, bytes, 10, MSG_WAITALL), 10);
	flip_away(0);
	assert_int_equal(stage_read_all(fd, bytes, sizeof(bytes), &reset), 0);
	assert_false(reset);
	stage_close_client(fd);
	assert_gone(1);
	wait_for_end_at_backend();
}

/* ---- other tunnels ---- */

static void test_not_a_websocket(void **state)
{
	(void)state;
	char bytes[64];
	bool reset;
	int fd = open_tunnel("/plain");
	assert_int_equal(recv(fd, bytes, 5, MSG_WAITALL), 5);
	assert_memory_equal(bytes, "hello", 5);
	flip_away(0);
	assert_int_equal(stage_read_all(fd, bytes, sizeof(bytes), &reset), 0);
	assert_false(reset);
	stage_close_client(fd);
	assert_gone(1);
	wait_for_end_at_backend();
}

/* ---- orders ---- */

/* The rollback comes before their turn does. */
static void test_taken_back(void **state)
{
	(void)state;
	enum { TUNNELS = 4 };
	int fds[TUNNELS];
	for (int i = 0; i < TUNNELS; i++)
		fds[i] = open_tunnel("/frames");
	flip_away(60000);
	stage.closing.by_ms = actor_now_ms() + 1500; /* another order takes the place of the first */
	stage_flip(&stage, COLOR_GREEN);
	stage.closing = (struct table_closing){0};
	stage_flip(&stage, COLOR_BLUE);
	uint64_t closed = count_closed();
	actor_wait_ms(2000);
	assert_int_equal(count_closed(), closed);
	for (int i = 0; i < TUNNELS; i++) {
		if (closed == 0) /* else the machine was so slow that a turn came before the rollback */
			assert_echo(fds[i]);
		stage_close_client(fds[i]);
	}
	assert_gone(0);
}

/* None is closed before its time, and all are when it is over. A new table with the same order changes nothing. */
static void test_spread(void **state)
{
	(void)state;
	enum { TUNNELS = 20, OVER_MS = 2000 };
	struct pollfd fds[TUNNELS];
	for (int i = 0; i < TUNNELS; i++)
		fds[i] = (struct pollfd){.fd = open_tunnel("/frames"), .events = POLLIN};
	uint64_t begin = actor_now_ms();
	flip_away(OVER_MS);
	for (unsigned closed = 0; closed < TUNNELS;) {
		assert_true(poll(fds, TUNNELS, 5000) > 0);
		for (int i = 0; i < TUNNELS; i++) {
			if (!fds[i].revents)
				continue;
			int fd = fds[i].fd;
			assert_close(fd, 1012);
			closed++;
			assert_true(actor_now_ms() - begin + 2 >= closed * OVER_MS / TUNNELS);
			write_close(fd, true, 1012);
			assert_end(fd);
			stage_close_client(fd);
			fds[i] = (struct pollfd){.fd = -1};
			if (closed == TUNNELS / 2)
				stage_flip(&stage, COLOR_GREEN);
		}
	}
	assert_gone(0);
}

/* A tunnel that opens on the old color after the time is over. */
static void test_a_late_tunnel(void **state)
{
	(void)state;
	int fd = ask("/late");
	while (atomic_load(&actor_heard) == 0)
		actor_wait_ms(1);
	flip_away(0);
	actor_wait_ms(50);
	assert_int_equal(count_closed(), 0);
	atomic_store(&may_go_on, true);
	read_switching(fd);
	assert_close(fd, 1012);
	write_close(fd, true, 1012);
	assert_end(fd);
	stage_close_client(fd);
	assert_gone(0);
}

/* One that opens on the new color is none of the order's business. */
static void test_tunnels_of_others(void **state)
{
	(void)state;
	flip_away(0);
	stage_flip(&stage, COLOR_BLUE); /* blue again, by a younger table */
	int fd = open_tunnel("/frames");
	stage_flip(&stage, COLOR_GREEN);
	assert_echo(fd);
	assert_int_equal(count_closed(), 0);
	stage_close_client(fd);
	assert_gone(0);
}

/* The cut at the end of a drain says what can be said at once. */
static void test_cut(void **state)
{
	(void)state;
	char bytes[1024];
	bool reset;
	int between = open_tunnel("/frames"), inside = open_tunnel("/stuck");
	assert_int_equal(recv(inside, bytes, 504, MSG_WAITALL), 504);
	stage.cut_before = proxy_table(stage.proxy)->generation + 1;
	stage_flip(&stage, COLOR_GREEN);
	assert_gone(2);
	assert_close(between, 1012);
	assert_int_equal(stage_read_all(between, bytes, sizeof(bytes), &reset), 0);
	assert_false(reset);
	assert_int_equal(stage_read_all(inside, bytes, sizeof(bytes), &reset), 0);
	stage_close_client(between);
	stage_close_client(inside);
}

static void test_the_end_of_the_workers(void **state)
{
	open_stage(state);
	char bytes[64];
	bool reset;
	int fd = open_tunnel("/frames");
	assert_echo(fd);
	close_stage(state);
	assert_close(fd, 1012);
	assert_int_equal(stage_read_all(fd, bytes, sizeof(bytes), &reset), 0);
	assert_false(reset);
	stage_close_client(fd);
	assert_int_equal(atomic_load(&heard_code), 1001);
}

#define flow_test(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(test_close_is_answered),
		flow_test(test_close_waits_for_the_end_of_a_frame),
		flow_test(test_a_frame_without_end),
		flow_test(test_a_client_that_does_not_answer),
		flow_test(test_a_client_that_hangs_up),
		flow_test(test_a_client_that_resets),
		flow_test(test_a_half_closed_client),
		flow_test(test_a_backend_that_goes_on),
		flow_test(test_a_client_that_does_not_read),
		flow_test(test_a_backend_that_resets),
		flow_test(test_a_client_that_closes_first),
		flow_test(test_a_backend_that_closes_first),
		flow_test(test_no_frames_after_all),
		flow_test(test_not_a_websocket),
		flow_test(test_taken_back),
		flow_test(test_spread),
		flow_test(test_a_late_tunnel),
		flow_test(test_tunnels_of_others),
		flow_test(test_cut),
		cmocka_unit_test(test_the_end_of_the_workers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
