/* Handshakes of a connection: on both sides, in pieces, behind other bytes, failing in each way, and what is known of it then. */
// links: proxy
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/secure_pair.h"

/* ---- good ones ---- */

static void open_and_talk(struct pair_kind kind)
{
	struct pair pair;
	char bytes[64];
	int end;
	ssize_t read_end;
	struct iovec part = {(char *)(uintptr_t) "answer", 6};
	size_t written = 0;
	pair_open(&pair, kind);
	pair_write(&pair, "request", 7);
	assert_int_equal(pair_read_all(&pair, bytes, sizeof(bytes), sizeof(bytes), &read_end), 7);
	assert_memory_equal(bytes, "request", 7);
	assert_int_equal(read_end, CONN_AGAIN);
	assert_int_equal(conn_send(&pair.conn, &part, 1, &written), CONN_SENT);
	assert_int_equal(written, 6);
	assert_int_equal(pair_read_peer(&pair, bytes, sizeof(bytes), &end), 6);
	assert_memory_equal(bytes, "answer", 6);
	pair_close(&pair);
}

static void test_both_sides(void **state)
{
	(void)state;
	pair_for_each(open_and_talk);
}

/* Nothing of it is the owner's business: not an event, not a byte. */
static void keep_to_itself(struct pair_kind kind)
{
	struct pair pair;
	char byte;
	pair_init(&pair, kind);
	pair_begin(&pair, NULL, 0);
	for (int i = 0; i < 12 && !secure_is_set_up(&pair.conn); i++) {
		assert_int_equal(pair.ready, 0);
		assert_int_equal(conn_read(&pair.conn, &byte, 1), CONN_AGAIN);
		assert_int_equal(conn_peek(&pair.conn), CONN_AGAIN);
		assert_int_equal(secure_fault(&pair.conn), SECURE_FINE);
		pair_shake_peer(&pair);
		pair_turn(&pair);
	}
	assert_int_equal(pair.ready, 1);
	assert_ptr_equal(pair.conn.handler, &pair_handler);
	pair_turn(&pair);
	assert_int_equal(pair.ready, 1);
	pair_close(&pair);
}

static void test_owner_hears_once(void **state)
{
	(void)state;
	pair_for_each(keep_to_itself);
}

static void test_deadline_is_the_owners(void **state)
{
	(void)state;
	struct pair pair;
	pair_init(&pair, pair_kinds[0]);
	pair_begin(&pair, NULL, 0);
	pair.conn.handler->on_deadline(&pair.conn, DEADLINE_header);
	assert_int_equal(pair.deadlines, 1);
	conn_close(&pair.conn, false);
	pair_take(&pair);
	assert_true(pair.fin);
	pair_close(&pair);
}

/* In pieces of so many bytes, with a turn behind each. */
static void shake_in_pieces(struct pair *pair, size_t piece)
{
	char bytes[16384];
	for (int round = 0; round < 12; round++) {
		pair_take(pair);
		SSL_do_handshake(pair->peer);
		size_t length = pair_form(pair, bytes, sizeof(bytes));
		for (size_t at = 0; at < length; at += piece) {
			pair_send_raw(pair, bytes + at, piece < length - at ? piece : length - at);
			pair_turn(pair);
			assert_int_equal(conn_peek(&pair->conn), CONN_AGAIN); /* what comes then are tickets */
		}
		pair_turn(pair);
	}
	pair_take(pair);
}

static void open_in_pieces(struct pair_kind kind)
{
	for (size_t piece = 1; piece < 8; piece += 3) {
		struct pair pair;
		pair_init(&pair, kind);
		pair_begin(&pair, NULL, 0);
		shake_in_pieces(&pair, piece);
		assert_true(secure_is_set_up(&pair.conn));
		assert_true(pair.ready >= 1);
		pair_close(&pair);
	}
}

static void test_byte_by_byte(void **state)
{
	(void)state;
	pair_for_each(open_in_pieces);
}

/* The peer's first request comes in one piece with the end of its handshake: no event tells of it. */
static void test_request_behind_the_handshake(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct pair pair;
		char bytes[16384];
		ssize_t end;
		pair_init(&pair, pair_kinds[i]);
		pair_begin(&pair, NULL, 0);
		for (int round = 0; round < 6; round++) {
			pair_take(&pair);
			if (SSL_do_handshake(pair.peer) == 1 && round < 4) {
				assert_int_equal(SSL_write(pair.peer, "request", 7), 7);
				round = 4;
			}
			pair_pass(&pair);
			pair_turn(&pair);
		}
		assert_true(secure_is_set_up(&pair.conn));
		if (pair_kinds[i].version == TLS1_3_VERSION) {
			assert_true(pair.ready >= 1);
			assert_true(pair.conn.readable);
		}
		assert_int_equal(pair_read_all(&pair, bytes, sizeof(bytes), 3, &end), 7);
		assert_memory_equal(bytes, "request", 7);
		pair_close(&pair);
	}
}

/* What was read behind a PROXY protocol header: any beginning of the handshake, or all that the client says first. */
static void test_early_bytes(void **state)
{
	(void)state;
	for (size_t early = 1; early < 300; early += early < 12 ? 1 : 41) {
		struct pair pair;
		char bytes[16384];
		pair_init(&pair, pair_kinds[0]);
		pair_make_peer(&pair);
		SSL_do_handshake(pair.peer);
		size_t length = pair_form(&pair, bytes, sizeof(bytes)), first = early < length ? early : length;
		pair_begin(&pair, bytes, first);
		pair_turn(&pair);
		pair_send_raw(&pair, bytes + first, length - first);
		pair_turn(&pair);
		pair_run(&pair);
		assert_true(secure_is_set_up(&pair.conn));
		assert_true(pair.ready >= 1);
		pair_close(&pair);
	}
}

/* The peer reads nothing of what is said to it for a while: of the first flight, or of the last, behind which there would be nothing more to wait for. */
static void shake_slowly(bool last)
{
	struct pair pair;
	char byte = 0;
	size_t stuffed = 0;
	pair_init(&pair, pair_kinds[0]);
	pair_begin(&pair, NULL, 0);
	if (last) {
		pair_shake_peer(&pair);
		pair_turn(&pair);
		pair_take(&pair);
	}
	while (send(pair.conn.fd, &byte, 1, MSG_NOSIGNAL) == 1) /* as if it had not read those yet */
		stuffed++;
	SSL_do_handshake(pair.peer);
	pair_pass(&pair);
	for (int i = 0; i < 3; i++)
		pair_turn(&pair);
	assert_true(conn_has_backlog(&pair.conn));
	assert_int_equal(pair.ready, 0);
	assert_false(secure_is_set_up(&pair.conn));
	while (stuffed-- > 0)
		assert_int_equal(recv(pair.fd, &byte, 1, 0), 1);
	pair_turn(&pair);
	pair_run(&pair);
	assert_true(secure_is_set_up(&pair.conn));
	assert_true(pair.ready >= 1);
	assert_false(conn_has_backlog(&pair.conn));
	pair_close(&pair);
}

static void test_slow_to_read(void **state)
{
	(void)state;
	shake_slowly(false);
	shake_slowly(true);
}

/* The peer goes while our last word waits for it. */
static void test_gone_before_the_last_word(void **state)
{
	(void)state;
	struct pair pair;
	char byte = 0;
	pair_init(&pair, pair_kinds[0]);
	pair_begin(&pair, NULL, 0);
	pair_shake_peer(&pair);
	pair_turn(&pair);
	pair_take(&pair);
	while (send(pair.conn.fd, &byte, 1, MSG_NOSIGNAL) == 1)
		continue;
	SSL_do_handshake(pair.peer);
	pair_pass(&pair);
	pair_turn(&pair);
	assert_int_equal(pair.ready, 0);
	pair_hang_up(&pair);
	pair_turn(&pair);
	pair_turn(&pair);
	assert_true(pair.ready >= 1);
	assert_int_equal(secure_fault(&pair.conn), SECURE_reset);
	pair_close(&pair);
}

/* So many at once that a turn has not time for all: what else is ready has its turn in between. */
static void test_crowd(void **state)
{
	(void)state;
	enum { COUNT = 30 };
	static struct pair pairs[COUNT];
	unsigned answered = 0;
	for (int i = 0; i < COUNT; i++) {
		pair_init_with(&pairs[i], pair_kinds[0], i > 0 ? pairs[0].conn.worker : NULL);
		pair_begin(&pairs[i], NULL, 0);
		pair_shake_peer(&pairs[i]);
	}
	pair_turn(&pairs[0]);
	for (int i = 0; i < COUNT; i++)
		answered += pair_take(&pairs[i]) > 0;
	assert_true(answered > 0 && answered < COUNT / 2);
	for (int turns = 0; turns < COUNT; turns++) {
		pair_turn(&pairs[0]);
		for (int i = 0; i < COUNT; i++)
			pair_shake_peer(&pairs[i]);
	}
	for (int i = COUNT - 1; i >= 0; i--) {
		assert_true(secure_is_set_up(&pairs[i].conn));
		pair_close(&pairs[i]);
	}
}

/* A crowd of clients does not stand in front of whoever waits for a backend. */
static void test_crowd_in_front(void **state)
{
	(void)state;
	enum { COUNT = 20 };
	static struct pair pairs[COUNT];
	struct pair behind;
	for (int i = 0; i < COUNT; i++) {
		pair_init_with(&pairs[i], pair_kinds[0], i > 0 ? pairs[0].conn.worker : NULL);
		pair_begin(&pairs[i], NULL, 0);
		pair_shake_peer(&pairs[i]);
	}
	pair_turn(&pairs[0]);
	pair_init_with(&behind, pair_kinds[2], pairs[0].conn.worker);
	pair_begin(&behind, NULL, 0);
	pair_turn(&behind);
	assert_true(pair_take(&behind) > 0);
	pair_close(&behind);
	for (int i = COUNT - 1; i >= 0; i--)
		pair_close(&pairs[i]);
}

static unsigned begun; /* handshakes, as the library tells */

static void on_info(const SSL *ssl, int where, int result)
{
	(void)ssl, (void)result;
	begun += where == SSL_CB_HANDSHAKE_START;
}

/* The library is asked for nothing before the client has said something. */
static void test_silent_client(void **state)
{
	(void)state;
	struct pair pair;
	pair_init(&pair, pair_kinds[0]);
	SSL_CTX_set_info_callback(pair.near, on_info);
	begun = 0;
	pair_begin(&pair, NULL, 0);
	for (int i = 0; i < 3; i++)
		pair_turn(&pair);
	assert_int_equal(begun, 0);
	pair_shake_peer(&pair);
	pair_turn(&pair);
	assert_int_equal(begun, 1);
	pair_run(&pair);
	assert_true(secure_is_set_up(&pair.conn));
	pair_close(&pair);
}

/* ---- what is known ---- */

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *length, const unsigned char *in, unsigned in_length, void *arg)
{
	(void)ssl;
	(void)arg;
	return SSL_select_next_proto((unsigned char **)(uintptr_t)out, length, (const unsigned char *)"\x08http/1.1", 9, in, in_length) ==
			       OPENSSL_NPN_NEGOTIATED
		       ? SSL_TLSEXT_ERR_OK
		       : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* What TLS says of itself, and who the client wanted. */
static void test_name(void **state)
{
	(void)state;
	struct pair pair;
	pair_init(&pair, pair_kinds[0]);
	assert_false(secure_is_set_up(&pair.conn));
	assert_null(secure_ssl(&pair.conn));
	assert_int_equal(secure_fault(&pair.conn), SECURE_FINE);
	SSL_CTX_set_alpn_select_cb(pair.near, choose_protocol, NULL);
	pair_make_peer(&pair);
	SSL_set_alpn_protos(pair.peer, (const unsigned char *)"\x02h2\x08http/1.1", 12);
	pair_begin(&pair, NULL, 0);
	pair_run(&pair);
	assert_true(secure_is_set_up(&pair.conn));
	assert_string_equal(secure_read_name(&pair.conn), "pair.test");
	assert_non_null(secure_ssl(&pair.conn));
	pair_close(&pair);
}

static void test_no_name_asked_for(void **state)
{
	(void)state;
	struct pair pair;
	pair_open(&pair, pair_kinds[3]);
	assert_null(secure_read_name(&pair.conn));
	pair_close(&pair);
}

/* ---- bad ones ---- */

/* Told once; then every call says so, and there is nothing to flush. */
static void check_failed(struct pair *pair, enum secure_fault fault)
{
	char byte;
	struct iovec part = {&byte, 1};
	size_t written = 1;
	assert_true(pair->ready >= 1);
	assert_false(secure_is_set_up(&pair->conn));
	assert_string_equal(secure_fault_name(secure_fault(&pair->conn)), secure_fault_name(fault));
	assert_true(pair->conn.readable);
	assert_int_equal(conn_peek(&pair->conn), CONN_ERROR);
	assert_int_equal(conn_read(&pair->conn, &byte, 1), CONN_ERROR);
	assert_int_equal(conn_read(&pair->conn, &byte, 1), CONN_ERROR);
	assert_int_equal(conn_send(&pair->conn, &part, 1, &written), CONN_BROKEN);
	assert_int_equal(written, 0);
}

/* The alert that the peer was told; -1: none. In clear, as before the handshake. */
static int alert_of(struct pair *pair)
{
	unsigned char bytes[64];
	ssize_t got = recv(pair->fd, bytes, sizeof(bytes), 0);
	return got >= 7 && bytes[0] == 21 ? bytes[6] : -1;
}

static void say_first(const char *bytes, size_t length, enum secure_fault fault)
{
	struct pair pair;
	pair_init(&pair, pair_kinds[0]);
	pair_begin(&pair, NULL, 0);
	pair_send_raw(&pair, bytes, length);
	pair_turn(&pair);
	check_failed(&pair, fault);
	pair_close(&pair);
}

static void test_no_tls(void **state)
{
	(void)state;
	say_first("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27, SECURE_http);
	say_first("POST /a HTTP/1.1\r\nHost: a\r\n\r\n", 29, SECURE_http);
	say_first("CONNECT a:443 HTTP/1.1\r\n\r\n", 26, SECURE_http);
	say_first("SSH-2.0-OpenSSH_9.2\r\n", 21, SECURE_not_tls);
	say_first("\0\0\0\0\0\0\0\0\0\0\0\0", 12, SECURE_not_tls);
	say_first("\x16\x03\x01\x00\x05\x63\x00\x00\x01\x00", 10, SECURE_garbled);
}

static void test_cut_before_the_end(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct pair pair;
		pair_init(&pair, pair_kinds[0]);
		pair_begin(&pair, NULL, 0);
		if (i == 1)
			pair_shake_peer(&pair);
		pair_turn(&pair);
		shutdown(pair.fd, SHUT_WR);
		pair_turn(&pair);
		pair_turn(&pair);
		check_failed(&pair, SECURE_cut);
		pair_close(&pair);
	}
}

static void test_reset_before_the_end(void **state)
{
	(void)state;
	struct pair pair;
	pair_init(&pair, pair_kinds[0]);
	pair_begin(&pair, NULL, 0);
	pair_shake_peer(&pair);
	pair_turn(&pair);
	pair_hang_up(&pair);
	pair_turn(&pair);
	pair_turn(&pair);
	check_failed(&pair, SECURE_reset);
	pair_close(&pair);
}

static void test_no_version(void **state)
{
	(void)state;
	struct pair pair;
	pair_init(&pair, pair_kinds[0]);
	SSL_CTX_set_min_proto_version(pair.far, TLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(pair.far, TLS1_2_VERSION);
	pair_begin(&pair, NULL, 0);
	pair_shake_peer(&pair);
	pair_turn(&pair);
	assert_int_equal(alert_of(&pair), SSL_AD_PROTOCOL_VERSION);
	check_failed(&pair, SECURE_no_version);
	pair_close(&pair);
}

static void test_no_cipher(void **state)
{
	(void)state;
	struct pair pair;
	pair_init(&pair, pair_kinds[1]);
	SSL_CTX_set_cipher_list(pair.near, "ECDHE-ECDSA-AES128-GCM-SHA256");
	SSL_CTX_set_cipher_list(pair.far, "ECDHE-ECDSA-AES256-GCM-SHA384");
	pair_begin(&pair, NULL, 0);
	pair_shake_peer(&pair);
	pair_turn(&pair);
	assert_int_equal(alert_of(&pair), SSL_AD_HANDSHAKE_FAILURE);
	check_failed(&pair, SECURE_no_cipher);
	pair_close(&pair);
}

static void test_no_protocol(void **state)
{
	(void)state;
	struct pair pair;
	pair_init(&pair, pair_kinds[0]);
	SSL_CTX_set_alpn_select_cb(pair.near, choose_protocol, NULL);
	pair_make_peer(&pair);
	SSL_set_alpn_protos(pair.peer, (const unsigned char *)"\x02h2", 3);
	pair_begin(&pair, NULL, 0);
	pair_run(&pair);
	check_failed(&pair, SECURE_no_protocol);
	pair_close(&pair);
}

static int refuse_name(SSL *ssl, int *alert, void *arg)
{
	(void)ssl;
	(void)arg;
	*alert = SSL_AD_UNRECOGNIZED_NAME;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void test_no_name(void **state)
{
	(void)state;
	struct pair pair;
	pair_init(&pair, pair_kinds[0]);
	SSL_CTX_set_tlsext_servername_callback(pair.near, refuse_name);
	pair_begin(&pair, NULL, 0);
	pair_shake_peer(&pair);
	pair_turn(&pair);
	assert_int_equal(alert_of(&pair), SSL_AD_UNRECOGNIZED_NAME);
	check_failed(&pair, SECURE_no_name);
	pair_close(&pair);
}

static void test_client_without_certificate(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct pair pair;
		pair_init(&pair, pair_kinds[i]);
		SSL_CTX_set_verify(pair.near, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
		pair_begin(&pair, NULL, 0);
		pair_run(&pair);
		check_failed(&pair, SECURE_no_certificate);
		pair_close(&pair);
	}
}

static void shake_with(X509 *certificate, const char *trusted, const char *name, enum secure_fault fault)
{
	for (int i = 2; i < 4; i++) {
		struct pair pair;
		pair_init(&pair, pair_kinds[i]);
		pair_show(pair.far, certificate, pair_key);
		if (trusted)
			pair_trust(pair.near, certificate);
		SSL_CTX_set_verify(pair.near, SSL_VERIFY_PEER, NULL);
		X509_VERIFY_PARAM_set1_host(SSL_CTX_get0_param(pair.near), name, 0);
		pair_begin(&pair, NULL, 0);
		pair_run(&pair);
		check_failed(&pair, fault);
		pair_close(&pair);
	}
}

static void test_backend_that_is_not_trusted(void **state)
{
	(void)state;
	X509 *expired = pair_make_certificate(pair_key, "pair.test", -7200, -3600), *early = pair_make_certificate(pair_key, "pair.test", 3600, 7200);
	shake_with(expired, "yes", "pair.test", SECURE_certificate_expired);
	shake_with(early, "yes", "pair.test", SECURE_certificate_expired);
	shake_with(pair_certificate, NULL, "pair.test", SECURE_certificate_untrusted);
	shake_with(pair_certificate, "yes", "other.test", SECURE_certificate_name);
	X509_free(expired);
	X509_free(early);
}

static void test_peer_says_why(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct pair pair;
		pair_init(&pair, pair_kinds[i]);
		SSL_CTX_set_verify(pair.far, SSL_VERIFY_PEER, NULL); /* and trusts nobody */
		pair_begin(&pair, NULL, 0);
		pair_run(&pair);
		check_failed(&pair, SECURE_alert);
		pair_close(&pair);
	}
}

/* More than a handshake has, of messages that each are allowed. */
static void test_endless_handshake(void **state)
{
	(void)state;
	struct pair pair;
	unsigned char record[5 + 16384] = {22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff};
	pair_init(&pair, pair_kinds[0]);
	pair_begin(&pair, NULL, 0);
	pair_send_raw(&pair, (char *)record, sizeof(record));
	pair_turn(&pair);
	check_failed(&pair, SECURE_garbled);
	pair_close(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_sides),
		cmocka_unit_test(test_owner_hears_once),
		cmocka_unit_test(test_deadline_is_the_owners),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_request_behind_the_handshake),
		cmocka_unit_test(test_early_bytes),
		cmocka_unit_test(test_slow_to_read),
		cmocka_unit_test(test_gone_before_the_last_word),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_crowd_in_front),
		cmocka_unit_test(test_silent_client),
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_no_name_asked_for),
		cmocka_unit_test(test_no_tls),
		cmocka_unit_test(test_cut_before_the_end),
		cmocka_unit_test(test_reset_before_the_end),
		cmocka_unit_test(test_no_version),
		cmocka_unit_test(test_no_cipher),
		cmocka_unit_test(test_no_protocol),
		cmocka_unit_test(test_no_name),
		cmocka_unit_test(test_client_without_certificate),
		cmocka_unit_test(test_backend_that_is_not_trusted),
		cmocka_unit_test(test_peer_says_why),
		cmocka_unit_test(test_endless_handshake),
	};
	return cmocka_run_group_tests(tests, pair_make_all, pair_free_all);
}
