// Flow tests of TLS behind a PROXY protocol header, from clients and to backends; and of what comes together with it.
// links: proxy
#include "tests/unit/scratch.h"

#include <sys/socket.h>

#include "tests/flow/actor.h"
#include "tests/flow/veiled.h"

#define HEADER "PROXY TCP4 203.0.113.7 203.0.113.8 4000 443\r\n"

static const struct veiled_spoil good = {VEILED_NOTHING, 0};
static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static struct stage stage;
static char answer[65536];

static int open_announced(void **state)
{
	(void)state;
	struct proxy_listen listen = {.proxy_protocol = true};
	stage_open_behind(&stage, 1, 1, 0, listen);
	veiled_front(&stage, NULL);
	return 0;
}

static int close_stage(void **state)
{
	(void)state;
	veiled_leave_stage(&stage);
	stage_close(&stage);
	return 0;
}

static void end(struct veiled *veiled)
{
	int fd = veiled->fd;
	assert_true(veiled_leave(veiled));
	veiled_fini(veiled);
	stage_close_client(fd);
}

/* ---- clients ---- */

static void expect_answer(struct veiled *veiled)
{
	assert_true(veiled_shake(veiled));
	assert_true(veiled_say(veiled, "GET /head-back HTTP/1.1\r\nHost: shop.example\r\n\r\n"));
	assert_int_equal(veiled_read_answer(veiled, answer, sizeof(answer)), 200);
	assert_non_null(strstr(answer, "X-Forwarded-For: 203.0.113.7\r\n"));
	assert_non_null(strstr(answer, "X-Forwarded-Proto: https\r\n"));
}

/* The header, and behind it the first `length` bytes of the ClientHello, in one piece; the rest is sent later. */
static void test_clients(void **state)
{
	(void)state;
	static const size_t lengths[] = {0, 1, 4, 5, 6, 50, 100000};
	for (size_t l = 0; l < 2 * sizeof(lengths) / sizeof(lengths[0]); l++) {
		struct veiled veiled;
		char bytes[2048] = HEADER;
		int fd = stage_connect(&stage);
		veiled_init_client(&veiled, fd, versions[l % 2], good);
		SSL_do_handshake(veiled.ssl);
		size_t header = sizeof(HEADER) - 1, hello = (size_t)BIO_read(veiled.out, bytes + header, sizeof(bytes) - sizeof(HEADER));
		size_t first = lengths[l / 2] < hello ? lengths[l / 2] : hello;
		stage_send_bytes(fd, bytes, header + first);
		actor_wait_ms((unsigned)(l % 3) * 5);
		stage_send_bytes(fd, bytes + header + first, hello - first);
		expect_answer(&veiled);
		end(&veiled);
	}
}

static void test_clients_by_bytes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct veiled veiled;
		int fd = stage_connect(&stage);
		veiled_init_client(&veiled, fd, versions[i], good);
		for (size_t at = 0; at < sizeof(HEADER) - 1; at++) {
			stage_send_bytes(fd, &HEADER[at], 1);
			if (at % 8 == 0)
				actor_wait_ms(1);
		}
		expect_answer(&veiled);
		end(&veiled);
	}
}

/* No header, one that is none, one in TLS, and an end behind it: no handshake. */
static void test_clients_without_a_header(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "PROXY nonsense\r\n", HEADER HEADER};
	for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++) {
		struct veiled veiled;
		int fd = stage_connect(&stage);
		veiled_init_client(&veiled, fd, TLS1_3_VERSION, good);
		stage_send(fd, texts[t]);
		assert_false(veiled_shake(&veiled));
		end(&veiled);
	}
	for (unsigned half = 0; half < 2; half++) {
		struct veiled veiled;
		int fd = stage_connect(&stage);
		veiled_init_client(&veiled, fd, TLS1_3_VERSION, good);
		stage_send(fd, HEADER);
		if (half) {
			SSL_do_handshake(veiled.ssl);
			veiled_flush(&veiled);
		}
		end(&veiled);
	}
	struct veiled last;
	int fd = stage_connect(&stage);
	veiled_init_client(&last, fd, TLS1_3_VERSION, good);
	stage_send(fd, HEADER);
	expect_answer(&last);
	end(&last);
}

/* ---- backends ---- */

static atomic_int version;
static atomic_uint announced, strange;

static bool hear_announcement(int fd)
{
	char line[128];
	size_t length = 0;
	while (length < sizeof(line) - 1 && (length < 2 || line[length - 1] != '\n')) {
		if (recv(fd, line + length, 1, 0) <= 0)
			return false;
		length++;
	}
	line[length] = '\0';
	bool right = strncmp(line, "PROXY TCP4 127.0.0.1 127.0.0.1 ", 31) == 0;
	atomic_fetch_add(right ? &announced : &strange, 1);
	return right;
}

static void serve(int fd)
{
	struct veiled veiled;
	char head[4096];
	if (!hear_announcement(fd))
		return;
	veiled_init_backend(&veiled, fd, atomic_load(&version), good);
	if (veiled_shake(&veiled)) {
		while (veiled_hear_head(&veiled, head, sizeof(head)))
			veiled_say(&veiled, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	}
	veiled_leave(&veiled);
	veiled_fini(&veiled);
}

static int open_backends(void **state)
{
	(void)state;
	stage_open(&stage, 1, 0, 0);
	stage.announce = PROXYPROTO_V1;
	atomic_store(&announced, 0);
	atomic_store(&strange, 0);
	actor_play(&stage, serve);
	veiled_back(&stage);
	return 0;
}

/* Each client has a connection of its own, which begins with its header, once. */
static void test_backends(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		atomic_store(&version, versions[i]);
		for (unsigned c = 0; c < 5; c++) {
			int fd = stage_connect(&stage);
			for (unsigned n = 0; n < 3; n++) {
				stage_send(fd, "GET /a HTTP/1.1\r\nHost: shop.example\r\n\r\n");
				assert_int_equal(stage_read_answer(fd, answer, sizeof(answer), false), 200);
			}
			stage_close_client(fd);
		}
	}
	assert_int_equal(atomic_load(&strange), 0);
	assert_in_range(atomic_load(&announced), 10, 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_clients, open_announced, close_stage),
		cmocka_unit_test_setup_teardown(test_clients_by_bytes, open_announced, close_stage),
		cmocka_unit_test_setup_teardown(test_clients_without_a_header, open_announced, close_stage),
		cmocka_unit_test_setup_teardown(test_backends, open_backends, close_stage),
	};
	return cmocka_run_group_tests(tests, veiled_set_up, veiled_tear_down);
}
