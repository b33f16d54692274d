// Flow tests of peers over TLS that send too much, too little, too slowly, or something else: it ends, others are served meanwhile, and nothing is left behind.
// links: proxy
#include "tests/unit/scratch.h"

#include <poll.h>
#include <sys/socket.h>

#include "proxy/secure.h"
#include "proxy/tlsfront.h"
#include "tests/flow/actor.h"
#include "tests/flow/veiled.h"
#include "tests/unit/certificates.h"

#define GET "GET /a HTTP/1.1\r\nHost: shop.example\r\n\r\n"
#define LAST_GET "GET /a HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n"

static const struct veiled_spoil good = {VEILED_NOTHING, 0};
static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

#define MOST 1000000 /* bytes that are poured into a connection */

static struct stage stage;
static char answer[65536];

static int open_stage(void **state)
{
	(void)state;
	stage_open(&stage, 1, 1, 0);
	return 0;
}

static int open_front(void **state)
{
	open_stage(state);
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

static uint64_t count_faults(enum secure_fault fault)
{
	struct proxy_counters counters;
	proxy_read_counters(stage.proxy, &counters);
	return counters.clients_tls.faults[fault];
}

/* ---- clients ---- */

static int call(struct veiled *veiled, int version)
{
	int fd = stage_connect(&stage);
	veiled_init_client(veiled, fd, version, good);
	return fd;
}

static void hang_up(struct veiled *veiled)
{
	int fd = veiled->fd;
	assert_true(veiled_leave(veiled));
	veiled_fini(veiled);
	stage_close_client(fd);
}

static void expect_answer(struct veiled *veiled)
{
	assert_true(veiled_say(veiled, GET));
	assert_int_equal(veiled_read_answer(veiled, answer, sizeof(answer)), 200);
}

/* A client as it should be, beside all others. */
static void expect_service(void)
{
	for (unsigned i = 0; i < 2; i++) {
		struct veiled veiled;
		call(&veiled, versions[i]);
		assert_true(veiled_shake(&veiled));
		expect_answer(&veiled);
		hang_up(&veiled);
	}
}

/* Until the other side ends the connection, or this much went. The other side's words are read meanwhile, or are not. */
static void pour(int fd, const char *bytes, size_t length, size_t most, bool reads)
{
	char heard[4096];
	for (size_t sent = 0; sent < most;) {
		struct pollfd here = {fd, POLLOUT | (short)(reads ? POLLIN : 0), 0};
		if (poll(&here, 1, 20000) <= 0)
			return;
		if ((here.revents & POLLIN) && recv(fd, heard, sizeof(heard), 0) <= 0)
			return;
		ssize_t taken = here.revents & POLLOUT ? send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
		if (taken < 0)
			return;
		sent += (size_t)taken;
	}
}

static void expect_end(int fd)
{
	struct pollfd here = {fd, POLLIN, 0};
	while (poll(&here, 1, 20000) > 0) {
		if (recv(fd, answer, sizeof(answer), 0) <= 0)
			return;
	}
	fail_msg("the connection is not ended");
}

static const struct garbage {
	const char *bytes;
	size_t length;
} garbages[] = {
#define BYTES(text) text, sizeof(text) - 1
	{BYTES("GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")}, {BYTES("CONNECT shop.example:443 HTTP/1.1\r\n\r\n")}, {BYTES("SSH-2.0-OpenSSH_9.2\r\n")},
	{BYTES("\0\0\0\0\0\0\0\0")}, {BYTES("\xff\xff\xff\xff\xff\xff\xff\xff")}, {BYTES("\x80\x2e\x01\x03\x01")}, /* of SSL 2 */
	{BYTES("\x16\x03\x01\x40\x01")},                                                                           /* a record that is too long */
	{BYTES("\x16\x03\x01\0\0")},                                                                               /* of nothing */
	{BYTES("\x17\x03\x03\0\x05hello")},                                                                        /* data before a handshake */
	{BYTES("\x15\x03\x03\0\x02\x01\x5a")},                                                                     /* a warning */
	{BYTES("\x15\x03\x03\0\x02\x02\x28")},                                                                     /* an alert */
	{BYTES("\x14\x03\x03\0\x01\x01")},                                                                         /* change_cipher_spec */
	{BYTES("\x18\x03\x03\0\x03\x01\x40\0")},                                                                   /* a heartbeat */
	{BYTES("\x16\x03\x01\0\x04\x01\xff\xff\xff")},                                                             /* a ClientHello of 16 MiB */
	{BYTES("\x16\x03\x01\0\x04\x02\0\0\0")},                                                                   /* a ServerHello */
	{BYTES("\x16\x03\x01\0\x04\0\0\0\0")},                                                                     /* a HelloRequest */
	{BYTES("\x16\x03\x01\0\x01\x01")},           /* a ClientHello in pieces of a byte: its length comes to 65793 */
	{BYTES("\x16\x03\x01\0\x05\x01\0\0\x01\0")}, /* one that is too short */
#undef BYTES
};

static void test_garbage(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(garbages) / sizeof(garbages[0]); i++) {
		for (unsigned reads = 0; reads < 2; reads++) {
			int fd = stage_connect(&stage);
			pour(fd, garbages[i].bytes, garbages[i].length, MOST, reads);
			expect_end(fd);
			stage_close_client(fd);
		}
	}
	expect_service();
	assert_true(count_faults(SECURE_http) > 0 && count_faults(SECURE_not_tls) + count_faults(SECURE_no_version) > 0);
}

static void test_clear_at_the_port_of_tls(void **state)
{
	(void)state;
	int fd = stage_connect(&stage);
	stage_send(fd, GET);
	expect_end(fd);
	stage_close_client(fd);
	assert_int_equal(count_faults(SECURE_http), 1);
	assert_int_equal(atomic_load(&stage.backends[0].requests), 0);
	expect_service();
}

static void test_tls_at_the_port_in_clear(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct veiled veiled;
		call(&veiled, versions[i]);
		assert_false(veiled_shake(&veiled));
		hang_up(&veiled);
		int fd = stage_connect(&stage);
		stage_send(fd, GET);
		assert_int_equal(stage_read_answer(fd, answer, sizeof(answer), false), 200);
		stage_close_client(fd);
	}
}

/* ---- ClientHellos ---- */

static size_t hello_size;

static int add_extension(SSL *ssl, unsigned kind, unsigned context, const unsigned char **out, size_t *length, X509 *x, size_t chain, int *alert, void *arg)
{
	static unsigned char bytes[65536];
	(void)ssl, (void)kind, (void)context, (void)x, (void)chain, (void)alert, (void)arg;
	*out = bytes;
	*length = hello_size;
	return 1;
}

/* Its SSL has an extension that nobody knows. */
static void call_at_length(struct veiled *veiled, int version, size_t size)
{
	call(veiled, version);
	hello_size = size;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	assert_true(SSL_CTX_add_custom_ext(context, 65000, SSL_EXT_CLIENT_HELLO, add_extension, NULL, NULL, NULL, NULL));
	SSL *ssl = SSL_new(context);
	SSL_CTX_free(context);
	SSL_set_connect_state(ssl);
	SSL_set_tlsext_host_name(ssl, "shop.example");
	SSL_set_min_proto_version(ssl, version);
	SSL_set_max_proto_version(ssl, version);
	BIO_up_ref(veiled->in);
	BIO_up_ref(veiled->out);
	SSL_set_bio(ssl, veiled->in, veiled->out);
	SSL_free(veiled->ssl);
	veiled->ssl = ssl;
}

/* One that is longer than any that is known is served, or refused at once. */
static void test_long_hellos(void **state)
{
	(void)state;
	static const struct {
		size_t size;
		bool served;
	} rows[] = {{4000, true}, {12000, true}, {16384, true}, {20000, false}, {65000, false}};
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		for (unsigned i = 0; i < 2; i++) {
			struct veiled veiled;
			call_at_length(&veiled, versions[i], rows[r].size);
			if (veiled_shake(&veiled))
				expect_answer(&veiled);
			else if (rows[r].served)
				fail_msg("a ClientHello of %zu bytes is refused", rows[r].size);
			hang_up(&veiled);
		}
	}
	expect_service();
}

/* Records of one byte each, or all bytes one by one. */
static void test_hellos_in_pieces(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct veiled veiled;
		unsigned char record[1024];
		bool records = i >= 2;
		call(&veiled, versions[i % 2]);
		SSL_do_handshake(veiled.ssl);
		int length = BIO_read(veiled.out, record, sizeof(record));
		assert_in_range(length, 100, sizeof(record) - 1);
		for (int at = records ? 5 : 0; at < length; at++) {
			unsigned char piece[] = {record[0], record[1], record[2], 0, 1, record[at]};
			veiled_say_raw(&veiled, records ? piece : &record[at], records ? sizeof(piece) : 1);
			if (at % 64 == 0)
				actor_wait_ms(1);
		}
		assert_true(veiled_shake(&veiled));
		expect_answer(&veiled);
		hang_up(&veiled);
	}
}

/* Whoever does not come to the point is cut off by the time for heads; others don't wait for it. */
static void test_slow_handshakes(void **state)
{
	(void)state;
	enum { SLOW = 40 };
	int fds[SLOW];
	for (unsigned i = 0; i < SLOW; i++) {
		fds[i] = stage_connect(&stage);
		if (i % 4 > 0)
			stage_send_bytes(fds[i], "\x16\x03\x01\x01\0\x01\0\0\xfc\x03\x03", i % 4 == 1 ? 1 : 5 + i % 7);
	}
	for (unsigned turn = 0; turn < 30; turn++) {
		expect_service();
		for (unsigned i = 0; i < SLOW; i++) {
			if (i % 4 == 3)
				stage_send_bytes(fds[i], "", 1);
		}
		actor_wait_ms(50);
	}
	for (unsigned i = 0; i < SLOW; i++) {
		expect_end(fds[i]);
		stage_close_client(fds[i]);
	}
	struct proxy_counters counters;
	proxy_read_counters(stage.proxy, &counters);
	assert_true(counters.limits[LIMIT_header] >= SLOW / 4);
}

/* A handshake that is done, and then nothing: the time for heads goes on. */
static void test_silence_behind_a_handshake(void **state)
{
	(void)state;
	struct veiled veiled;
	int fd = call(&veiled, TLS1_3_VERSION);
	assert_true(veiled_shake(&veiled));
	expect_end(fd);
	veiled_fini(&veiled);
	stage_close_client(fd);
}

/* ---- behind the handshake ---- */

/* Many of them in a row are too many, a few are nothing. */
static void test_new_keys_of_clients(void **state)
{
	(void)state;
	static const unsigned counts[] = {1, 20, 100000};
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		struct veiled veiled;
		call(&veiled, TLS1_3_VERSION);
		assert_true(veiled_shake(&veiled));
		for (unsigned i = 0; i < counts[c] && !veiled.over; i++) {
			assert_true(SSL_key_update(veiled.ssl, i % 2 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED));
			SSL_do_handshake(veiled.ssl);
			veiled_flush(&veiled);
		}
		if (counts[c] < 100)
			expect_answer(&veiled);
		else
			assert_false(veiled_say(&veiled, GET) && veiled_read_answer(&veiled, answer, sizeof(answer)) > 0);
		hang_up(&veiled);
	}
	expect_service();
}

static void test_renegotiation(void **state)
{
	(void)state;
	for (unsigned early = 0; early < 2; early++) {
		struct veiled veiled;
		call(&veiled, TLS1_2_VERSION);
		assert_true(veiled_shake(&veiled));
		if (!early)
			expect_answer(&veiled);
		assert_true(SSL_renegotiate(veiled.ssl));
		assert_false(veiled_shake(&veiled));
		hang_up(&veiled);
	}
	expect_service();
}

static void test_clear_behind_a_handshake(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct veiled veiled;
		int fd = call(&veiled, versions[i]);
		assert_true(veiled_shake(&veiled));
		pour(fd, GET, sizeof(GET) - 1, MOST, true);
		expect_end(fd);
		veiled_fini(&veiled);
		stage_close_client(fd);
	}
	assert_int_equal(atomic_load(&stage.backends[0].requests), 0);
	expect_service();
}

/* ---- certificates of clients ---- */

static void ask_clients(struct tlsfront_spec *spec)
{
	spec->clients = TLSFRONT_CLIENTS_OPTIONAL;
}

/* Chains as long as they may be, and longer, of somebody who is believed by nobody. */
static void test_chains_of_clients(void **state)
{
	(void)state;
	static const unsigned lengths[] = {0, 1, 20, 200, 2000};
	struct issued own = certificates_issue(&(struct wish){.subject = "somebody"}, NULL, 9);
	veiled_front(&stage, ask_clients);
	for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
		for (unsigned i = 0; i < 2; i++) {
			struct veiled veiled;
			call(&veiled, versions[i]);
			assert_true(SSL_use_certificate(veiled.ssl, own.certificate) && SSL_use_PrivateKey(veiled.ssl, own.key));
			for (unsigned n = 0; n < lengths[l]; n++)
				assert_true(SSL_add1_chain_cert(veiled.ssl, own.certificate));
			SSL_set_mode(veiled.ssl, SSL_MODE_NO_AUTO_CHAIN);
			bool shaken = veiled_shake(&veiled);
			assert_false(shaken && veiled_say(&veiled, GET) && veiled_read_answer(&veiled, answer, sizeof(answer)) > 0);
			hang_up(&veiled);
		}
	}
	certificates_drop(&own);
	assert_int_equal(atomic_load(&stage.backends[0].requests), 0);
	expect_service();
}

/* ---- backends ---- */

static int version;
static void (*manner)(struct veiled *veiled);

static void play(int fd)
{
	struct veiled veiled;
	char head[4096];
	veiled_init_backend(&veiled, fd, version, good);
	if (veiled_shake(&veiled) && veiled_hear_head(&veiled, head, sizeof(head)))
		manner(&veiled);
	veiled_leave(&veiled);
	veiled_fini(&veiled);
}

static void answer_well(struct veiled *veiled)
{
	veiled_say(veiled, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
}

static void give_tickets(struct veiled *veiled, unsigned count)
{
	for (unsigned i = 0; i < count && !veiled->over; i++) {
		SSL_new_session_ticket(veiled->ssl);
		SSL_do_handshake(veiled->ssl);
		veiled_flush(veiled);
	}
}

static void give_some_tickets(struct veiled *veiled)
{
	give_tickets(veiled, 40);
	answer_well(veiled);
}

static void flood_with_tickets(struct veiled *veiled)
{
	give_tickets(veiled, 100000);
	answer_well(veiled);
}

static void flood_with_keys(struct veiled *veiled)
{
	for (unsigned i = 0; i < 100000 && !veiled->over; i++) {
		SSL_key_update(veiled->ssl, SSL_KEY_UPDATE_REQUESTED);
		SSL_do_handshake(veiled->ssl);
		veiled_flush(veiled);
	}
}

static void change_keys(struct veiled *veiled)
{
	for (unsigned i = 0; i < 20; i++) {
		SSL_key_update(veiled->ssl, SSL_KEY_UPDATE_REQUESTED);
		SSL_do_handshake(veiled->ssl);
		veiled_flush(veiled);
	}
	answer_well(veiled);
}

static void ask_to_renegotiate(struct veiled *veiled)
{
	SSL_renegotiate(veiled->ssl);
	SSL_do_handshake(veiled->ssl);
	veiled_flush(veiled);
	answer_well(veiled);
}

static void ask_again_and_again(struct veiled *veiled)
{
	for (unsigned i = 0; i < 5000 && !veiled->over; i++) {
		SSL_renegotiate(veiled->ssl);
		SSL_do_handshake(veiled->ssl);
		veiled_flush(veiled);
	}
	answer_well(veiled);
}

static void dribble(struct veiled *veiled)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		veiled_say_bytes(veiled, text + i, 1);
}

static const struct manner_row {
	const char *name;
	void (*manner)(struct veiled *veiled);
	int version, status; /* 0: either of both; any */
} manner_rows[] = {
	{"well", answer_well, 0, 200},
	{"a record for each byte", dribble, 0, 200},
	{"some tickets", give_some_tickets, TLS1_3_VERSION, 200},
	{"tickets without end", flood_with_tickets, TLS1_3_VERSION, 502},
	{"new keys", change_keys, TLS1_3_VERSION, 200},
	{"new keys without end", flood_with_keys, TLS1_3_VERSION, 502},
	{"renegotiation", ask_to_renegotiate, TLS1_2_VERSION, 0},
	{"renegotiation without end", ask_again_and_again, TLS1_2_VERSION, 0},
};

static int ask(void)
{
	int fd = stage_connect(&stage);
	stage_send(fd, "POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n");
	int status = stage_read_answer(fd, answer, sizeof(answer), false);
	stage_close_client(fd);
	return status;
}

static int open_backends(void **state)
{
	(void)state;
	stage_open(&stage, 1, 0, 0);
	actor_play(&stage, play);
	veiled_back(&stage);
	return 0;
}

static void test_manners_of_backends(void **state)
{
	(void)state;
	for (size_t r = 0; r < sizeof(manner_rows) / sizeof(manner_rows[0]); r++) {
		const struct manner_row *row = &manner_rows[r];
		for (unsigned i = 0; i < 2; i++) {
			if (row->version && row->version != versions[i])
				continue;
			while (atomic_load(&stage.backends[0].visits) > 0)
				actor_wait_ms(1);
			version = versions[i];
			manner = row->manner;
			int status = ask();
			if (row->status ? status != row->status : status != 200 && status != 502)
				fail_msg("%s: status %d", row->name, status);
		}
	}
}

/* A backend that speaks in clear, one that says nothing, one that only begins. */
static void speak_in_clear(int fd)
{
	actor_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	actor_hear_all(fd);
}

static void begin_only(int fd)
{
	actor_say_bytes(fd, "\x16\x03\x03\0\x7a\x02\0\0\x76", 9);
	actor_hear_all(fd);
}

static void test_backends_without_tls(void **state)
{
	(void)state;
	static const struct {
		void (*script)(int fd);
		int status;
	} rows[] = {{speak_in_clear, 502}, {actor_hear_all, 504}, {begin_only, 504}};
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		stage_open(&stage, 1, 0, 0);
		actor_play(&stage, rows[r].script);
		veiled_back(&stage);
		assert_int_equal(ask(), rows[r].status);
		veiled_leave_stage(&stage);
		stage_close(&stage);
	}
}

#define front_test(name) cmocka_unit_test_setup_teardown(name, open_front, close_stage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		front_test(test_garbage),
		front_test(test_clear_at_the_port_of_tls),
		cmocka_unit_test_setup_teardown(test_tls_at_the_port_in_clear, open_stage, close_stage),
		front_test(test_long_hellos),
		front_test(test_hellos_in_pieces),
		front_test(test_slow_handshakes),
		front_test(test_silence_behind_a_handshake),
		front_test(test_new_keys_of_clients),
		front_test(test_renegotiation),
		front_test(test_clear_behind_a_handshake),
		front_test(test_chains_of_clients),
		cmocka_unit_test_setup_teardown(test_manners_of_backends, open_backends, close_stage),
		cmocka_unit_test(test_backends_without_tls),
	};
	return cmocka_run_group_tests(tests, veiled_set_up, veiled_tear_down);
}
