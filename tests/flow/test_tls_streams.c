// Flow tests of long bodies and tunnels over TLS on one side or both: every byte arrives, whoever is slow, while keys change; and ends pass through.
// links: proxy
#include "tests/unit/scratch.h"

#include <sys/socket.h>

#include "tests/flow/actor.h"
#include "tests/flow/veiled.h"

#define LONG (3 * 1000 * 1000)

static const struct veiled_spoil good = {VEILED_NOTHING, 0};
static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static struct stage stage;
static char answer[65536], body[LONG];

static int open_stage(void **state)
{
	(void)state;
	stage_open(&stage, 1, 1, 0);
	veiled_front(&stage, NULL);
	for (size_t i = 0; i < LONG; i++)
		body[i] = (char)('a' + i % 23);
	return 0;
}

static int close_stage(void **state)
{
	(void)state;
	veiled_leave_stage(&stage);
	stage_close(&stage);
	return 0;
}

static void call(struct veiled *veiled, int version)
{
	int fd = stage_connect(&stage);
	veiled_init_client(veiled, fd, version, good);
	assert_true(veiled_shake(veiled));
}

static void end(struct veiled *veiled)
{
	int fd = veiled->fd;
	assert_true(veiled_leave(veiled));
	veiled_fini(veiled);
	stage_close_client(fd);
}

static void change_keys(struct veiled *veiled, int version)
{
	if (version < TLS1_3_VERSION)
		return;
	SSL_key_update(veiled->ssl, SSL_KEY_UPDATE_REQUESTED);
	SSL_do_handshake(veiled->ssl);
	veiled_flush(veiled);
}

/* So many bytes of the body, the first one being `from`. */
static void expect_body(struct veiled *veiled, size_t length, unsigned rest_every, int version)
{
	char bytes[20000];
	size_t at = 0, got;
	for (unsigned n = 1; at < length && (got = veiled_hear(veiled, bytes, sizeof(bytes))) > 0; n++) {
		assert_true(at + got <= length);
		assert_memory_equal(bytes, body + at, got);
		at += got;
		if (n % rest_every == 0) {
			actor_wait_ms(2);
			change_keys(veiled, version);
		}
	}
	assert_int_equal(at, length);
}

static void test_long_answers(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned rest_every = 1; rest_every <= 1000; rest_every *= 1000) {
			struct veiled veiled;
			size_t length = rest_every == 1 ? LONG / 10 : LONG;
			char request[128];
			call(&veiled, versions[i]);
			snprintf(request, sizeof(request), "GET /big/%zu HTTP/1.1\r\nHost: shop.example\r\n\r\n", length);
			assert_true(veiled_say(&veiled, request));
			assert_true(veiled_hear_head(&veiled, answer, sizeof(answer)));
			expect_body(&veiled, length, rest_every, versions[i]);
			end(&veiled);
		}
	}
}

/* What the stage's backends make of a body. */
static uint64_t sum_of(size_t length)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < length; i++)
		sum = sum * 31 + (unsigned char)body[i];
	return sum;
}

static void test_long_requests(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct veiled veiled;
		char text[128];
		call(&veiled, versions[i]);
		snprintf(text, sizeof(text), "POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: %d\r\n\r\n", LONG);
		assert_true(veiled_say(&veiled, text));
		for (size_t at = 0; at < LONG; at += LONG / 30) {
			assert_true(veiled_say_bytes(&veiled, body + at, LONG / 30));
			change_keys(&veiled, versions[i]);
		}
		assert_int_equal(veiled_read_answer(&veiled, answer, sizeof(answer)), 200);
		snprintf(text, sizeof(text), "/a %d %llu", LONG, (unsigned long long)sum_of(LONG));
		assert_string_equal(strstr(answer, "\r\n\r\n") + 4, text);
		end(&veiled);
	}
}

/* ---- TLS on both sides ---- */

static atomic_int version;
static atomic_uint good_ends, bad_ends; /* of clients, as backends see them */

/* Sends the body back in chunks of 10,000 bytes. */
static void echo(struct veiled *veiled, char *bytes, size_t length)
{
	size_t at = 0, got;
	while (at < length && (got = veiled_hear(veiled, bytes + at, length - at)) > 0)
		at += got;
	veiled_say(veiled, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (at = 0; at < length; at += 10000) {
		veiled_say(veiled, "2710\r\n");
		veiled_say_bytes(veiled, bytes + at, 10000);
		veiled_say(veiled, "\r\n");
		if (at % 100000 == 0)
			change_keys(veiled, atomic_load(&version));
	}
	veiled_say(veiled, "0\r\n\r\n");
}

/* `cuts`: it ends without a word when it heard something. */
static void run_tunnel(struct veiled *veiled, bool cuts)
{
	char bytes[5000];
	size_t got;
	veiled_say(veiled, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
	while ((got = veiled_hear(veiled, bytes, sizeof(bytes))) > 0) {
		veiled_say_bytes(veiled, bytes, got);
		if (cuts) {
			shutdown(veiled->fd, SHUT_WR);
			return;
		}
		change_keys(veiled, atomic_load(&version));
	}
	atomic_fetch_add(veiled->heard_end ? &good_ends : &bad_ends, 1);
	if (veiled->heard_end)
		veiled_say(veiled, "bye");
	veiled_say_end(veiled);
}

/* A WebSocket that is closed by its frame, and then ends without a word of TLS. */
static void run_websocket(struct veiled *veiled)
{
	veiled_say(veiled, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
	veiled_say_bytes(veiled, "\x81\x02hi\x88\x02\x03\xe8", 8);
	shutdown(veiled->fd, SHUT_WR);
}

/* One that its client closes. */
static void hear_websocket(struct veiled *veiled)
{
	char byte;
	veiled_say(veiled, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
	while (veiled_hear(veiled, &byte, 1) > 0)
		continue;
	atomic_fetch_add(veiled->heard_end ? &good_ends : &bad_ends, 1);
}

static void serve(int fd)
{
	struct veiled veiled;
	char head[4096];
	veiled_init_backend(&veiled, fd, atomic_load(&version), good);
	char *bytes = malloc(LONG);
	if (veiled_shake(&veiled)) {
		while (veiled_hear_head(&veiled, head, sizeof(head))) {
			const char *field = strcasestr(head, "\r\nContent-Length:");
			if (field)
				echo(&veiled, bytes, strtoul(field + 17, NULL, 10));
			else if (strstr(head, "/websocket "))
				run_websocket(&veiled);
			else if (strstr(head, "/left "))
				hear_websocket(&veiled);
			else
				run_tunnel(&veiled, strstr(head, "/cut ") != NULL);
		}
	}
	free(bytes);
	veiled_leave(&veiled);
	veiled_fini(&veiled);
}

static int open_both(void **state)
{
	(void)state;
	open_stage(state);
	atomic_store(&good_ends, 0);
	atomic_store(&bad_ends, 0);
	stage_kill_backend(&stage, 0);
	actor_play(&stage, serve);
	veiled_back(&stage);
	return 0;
}

static void test_echoes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		atomic_store(&version, versions[i % 2]);
		struct veiled veiled;
		char text[128];
		call(&veiled, versions[i / 2]);
		snprintf(text, sizeof(text), "POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: %d\r\n\r\n", LONG / 5);
		assert_true(veiled_say(&veiled, text));
		assert_true(veiled_say_bytes(&veiled, body, LONG / 5));
		assert_true(veiled_hear_head(&veiled, answer, sizeof(answer)));
		assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
		for (size_t at = 0; at < LONG / 5; at += 10000) {
			char line[8] = "", bytes[10000];
			for (size_t n = 0; n < 6; n++)
				assert_int_equal(veiled_hear(&veiled, line + n, 1), 1);
			assert_string_equal(line, "2710\r\n");
			for (size_t n = 0, got; n < sizeof(bytes); n += got)
				assert_true((got = veiled_hear(&veiled, bytes + n, sizeof(bytes) - n)) > 0);
			assert_memory_equal(bytes, body + at, sizeof(bytes));
			assert_int_equal(veiled_hear(&veiled, line, 1) + veiled_hear(&veiled, line + 1, 1), 2);
		}
		end(&veiled);
	}
}

static void open_tunnel(struct veiled *veiled, int client_version, const char *path, const char *protocol)
{
	char request[128];
	call(veiled, client_version);
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: shop.example\r\nConnection: upgrade\r\nUpgrade: %s\r\n\r\n", path, protocol);
	assert_true(veiled_say(veiled, request));
	assert_true(veiled_hear_head(veiled, answer, sizeof(answer)));
	assert_memory_equal(answer, "HTTP/1.1 101 ", 13);
}

/* What comes until the end. */
static size_t hear_all(struct veiled *veiled)
{
	size_t got = 0, more;
	while ((more = veiled_hear(veiled, answer + got, 100)) > 0)
		got += more;
	return got;
}

static void test_tunnels(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		atomic_store(&version, versions[i % 2]);
		struct veiled veiled;
		open_tunnel(&veiled, versions[i / 2], "/tunnel", "echo");
		for (size_t length = 1; length < 20000; length = length * 3 + 1) {
			assert_true(veiled_say_bytes(&veiled, body, length));
			change_keys(&veiled, versions[i / 2]);
			expect_body(&veiled, length, 1000, TLS1_2_VERSION);
		}
		/* Our side's end goes through, and what is said behind it comes back. */
		veiled_say_end(&veiled);
		shutdown(veiled.fd, SHUT_WR);
		assert_int_equal(hear_all(&veiled), 3);
		assert_memory_equal(answer, "bye", 3);
		assert_true(veiled.heard_end);
		end(&veiled);
	}
	assert_int_equal(atomic_load(&good_ends), 4);
}

/* One that is cut off on one side ends on the other, too, and not as one that is meant to. */
static void test_tunnels_that_are_cut(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		bool by_client = i < 2;
		atomic_store(&version, versions[i % 2]);
		struct veiled veiled;
		open_tunnel(&veiled, versions[i % 2], by_client ? "/tunnel" : "/cut", "echo");
		assert_true(veiled_say(&veiled, "some"));
		if (by_client) {
			assert_true(veiled_hear(&veiled, answer, 4) > 0);
			shutdown(veiled.fd, SHUT_WR); /* without a word */
		}
		hear_all(&veiled);
		assert_false(veiled.heard_end);
		end(&veiled);
	}
	assert_true(stage_wait_drained(&stage, COLOR_BLUE));
	while (atomic_load(&stage.backends[1].visits) > 0)
		actor_wait_ms(1);
	assert_int_equal(atomic_load(&good_ends), 0);
	assert_int_equal(atomic_load(&bad_ends), 2);
}

/* Behind a Close frame nothing is missing: the client gets it, and a good end. */
static void test_websockets_without_a_word(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		atomic_store(&version, versions[i]);
		struct veiled veiled;
		open_tunnel(&veiled, versions[i], "/websocket", "websocket");
		assert_int_equal(hear_all(&veiled), 8);
		assert_memory_equal(answer, "\x81\x02hi\x88\x02\x03\xe8", 8);
		assert_true(veiled.heard_end);
		end(&veiled);
	}
}

/* The same of its client: the backend hears of a good end. */
static void test_websockets_left_without_a_word(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		atomic_store(&version, versions[i]);
		struct veiled veiled;
		open_tunnel(&veiled, versions[i], "/left", "websocket");
		assert_true(veiled_say_bytes(&veiled, "\x88\x82mask\x6e\x89", 8));
		shutdown(veiled.fd, SHUT_WR);
		hear_all(&veiled);
		end(&veiled);
	}
	while (atomic_load(&stage.backends[1].visits) > 0)
		actor_wait_ms(1);
	assert_int_equal(atomic_load(&good_ends), 2);
	assert_int_equal(atomic_load(&bad_ends), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_long_answers, open_stage, close_stage),
		cmocka_unit_test_setup_teardown(test_long_requests, open_stage, close_stage),
		cmocka_unit_test_setup_teardown(test_echoes, open_both, close_stage),
		cmocka_unit_test_setup_teardown(test_tunnels, open_both, close_stage),
		cmocka_unit_test_setup_teardown(test_tunnels_that_are_cut, open_both, close_stage),
		cmocka_unit_test_setup_teardown(test_websockets_without_a_word, open_both, close_stage),
		cmocka_unit_test_setup_teardown(test_websockets_left_without_a_word, open_both, close_stage),
	};
	return cmocka_run_group_tests(tests, veiled_set_up, veiled_tear_down);
}
