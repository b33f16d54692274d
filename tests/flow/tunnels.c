/* What the tests of tunnels share. Any thread of the tests, as tests/flow/actor. */
#include "tests/flow/tunnels.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static struct stage stage;

/* ---- frames, on both ends ---- */

static bool take(int fd, void *bytes, size_t length)
{
	return length == 0 || recv(fd, bytes, length, MSG_WAITALL) == (ssize_t)length;
}

/* Frames up to 65,535 bytes. */
bool tunnels_read_frame(int fd, struct tunnels_frame *got)
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
	if (got->opcode == TUNNELS_CLOSE && got->length >= 2)
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

void tunnels_write_text(int fd, bool masked, const char *text)
{
	write_frame(fd, TUNNELS_TEXT, masked, text, strlen(text));
}

void tunnels_write_close(int fd, bool masked, unsigned code)
{
	const char payload[2] = {(char)(code >> 8), (char)code};
	write_frame(fd, TUNNELS_CLOSE, masked, payload, 2);
}

/* ---- the backend: what it does is the request's path ---- */

atomic_bool tunnels_may_go_on;
atomic_uint tunnels_heard_texts, tunnels_heard_code, tunnels_heard_ends; /* the last Close's code; ends of connections that were heard out */

static void wait_to_go_on(void)
{
	while (!atomic_load(&tunnels_may_go_on))
		actor_wait_ms(1);
}

/* Answers text by text, and Close by Close. */
static void serve_frames(int fd)
{
	struct tunnels_frame got;
	while (tunnels_read_frame(fd, &got)) {
		if (got.opcode == TUNNELS_TEXT) {
			atomic_fetch_add(&tunnels_heard_texts, 1);
			write_frame(fd, TUNNELS_TEXT, false, got.payload, got.length);
			continue;
		}
		atomic_store(&tunnels_heard_code, got.code);
		tunnels_write_close(fd, false, got.code);
		break;
	}
	atomic_fetch_add(&tunnels_heard_ends, 1);
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
	tunnels_write_text(fd, false, "more");
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
		tunnels_write_text(fd, false, "and another thing that must be said in so many words");
	serve_frames(fd);
}

static void play_reset(int fd)
{
	wait_to_go_on();
	actor_reset_at_close(fd);
}

static void play_slow_to_close(int fd)
{
	struct tunnels_frame got;
	if (!tunnels_read_frame(fd, &got))
		return;
	atomic_store(&tunnels_heard_code, got.code);
	wait_to_go_on();
	tunnels_write_close(fd, false, got.code);
}

static void play_closing_first(int fd)
{
	struct tunnels_frame got;
	tunnels_write_close(fd, false, 1000);
	if (tunnels_read_frame(fd, &got))
		atomic_store(&tunnels_heard_code, got.code);
}

static void play_nonsense(int fd)
{
	actor_say_bytes(fd, "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 10);
	actor_hear_all(fd);
	atomic_fetch_add(&tunnels_heard_ends, 1);
}

static void play_deaf(int fd)
{
	(void)fd;
	wait_to_go_on();
}

static void play_plain(int fd)
{
	actor_say(fd, "hello");
	actor_hear_all(fd);
	atomic_fetch_add(&tunnels_heard_ends, 1);
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
	{"/deaf", "websocket", play_deaf},
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

int tunnels_ask(const char *path)
{
	char text[160];
	int fd = stage_connect(&stage);
	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", path,
		strcmp(path, "/plain") == 0 ? "echo" : "websocket");
	stage_send(fd, text);
	return fd;
}

void tunnels_read_switching(int fd)
{
	char head[1024] = "";
	for (size_t length = 0; !strstr(head, "\r\n\r\n"); length++) {
		assert_true(length < sizeof(head) - 1);
		assert_int_equal(recv(fd, head + length, 1, 0), 1);
	}
	assert_memory_equal(head, "HTTP/1.1 101", 12);
}

int tunnels_open(const char *path)
{
	int fd = tunnels_ask(path);
	tunnels_read_switching(fd);
	return fd;
}

void tunnels_assert_echo(int fd)
{
	struct tunnels_frame got;
	tunnels_write_text(fd, true, "are you there?");
	assert_true(tunnels_read_frame(fd, &got));
	assert_string_equal(got.payload, "are you there?");
}

void tunnels_assert_close(int fd, unsigned code)
{
	struct tunnels_frame got;
	assert_true(tunnels_read_frame(fd, &got));
	assert_int_equal(got.opcode, TUNNELS_CLOSE);
	assert_int_equal(got.code, code);
	assert_false(got.masked);
	if (code == 1012)
		assert_string_equal(got.payload + 2, "service restart");
}

void tunnels_assert_end(int fd)
{
	char byte;
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

uint64_t tunnels_count_closed(void)
{
	struct proxy_counters counters;
	proxy_read_counters(stage.proxy, &counters);
	return counters.tunnels_closed;
}

void tunnels_wait_for_closed(uint64_t count)
{
	for (unsigned i = 0; i < 1000 && tunnels_count_closed() < count; i++)
		actor_wait_ms(10);
	assert_int_equal(tunnels_count_closed(), count);
}

/* Green becomes live, and what is on blue is closed within so long. */
void tunnels_flip_away(uint64_t over_ms)
{
	uint64_t flip = proxy_table(stage.proxy)->generation + 1;
	stage.closing = (struct table_closing){flip, actor_now_ms() + over_ms};
	stage_flip(&stage, COLOR_GREEN);
}

/* It takes no longer than the farewell may. */
void tunnels_assert_gone(uint64_t cut)
{
	uint64_t before = actor_now_ms();
	while (!stage_wait_drained(&stage, COLOR_BLUE))
		assert_true(actor_now_ms() - before < 20000);
	assert_int_equal(totals_cut(stage.totals, COLOR_BLUE), cut);
}

void tunnels_wait_for_backend(void)
{
	for (unsigned i = 0; i < 1000 && atomic_load(&tunnels_heard_ends) == 0; i++)
		actor_wait_ms(10);
	assert_int_equal(atomic_load(&tunnels_heard_ends), 1);
}

/* ---- the stage ---- */

struct stage *tunnels_open_stage(void)
{
	atomic_store(&tunnels_may_go_on, false);
	atomic_store(&tunnels_heard_texts, 0);
	atomic_store(&tunnels_heard_code, 0);
	atomic_store(&tunnels_heard_ends, 0);
	stage_open(&stage, 2, 0, 0);
	actor_play(&stage, play);
	return &stage;
}

void tunnels_close_stage(void)
{
	atomic_store(&tunnels_may_go_on, true);
	stage_close(&stage);
}
