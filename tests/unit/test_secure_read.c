/* Reading and looking over TLS: records of every size and in every piece, what is left for the next read, messages of TLS itself, and every end. */
// links: proxy
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/secure_pair.h"

#define SIZE (256u * 1024)

static char sent[SIZE], got[SIZE];

/* ---- records ---- */

/* Records of this size, formed together and sent in pieces; read in steps. */
static void pass_records(struct pair *pair, size_t total, size_t record, size_t piece, size_t step)
{
	ssize_t end;
	size_t length, read = 0;
	char bytes[16384];
	for (size_t at = 0; at < total; at += record)
		assert_true(SSL_write(pair->peer, sent + at, (int)(record < total - at ? record : total - at)) > 0);
	while ((length = pair_form(pair, bytes, piece)) > 0) {
		pair_send_raw(pair, bytes, length);
		read += pair_read_all(pair, got + read, sizeof(got) - read, step, &end);
		assert_int_equal(end, CONN_AGAIN);
		assert_false(pair->conn.readable);
		assert_false(pair->conn.queued);
	}
	assert_int_equal(read, total);
	assert_memory_equal(got, sent, total);
}

static void read_records_of_all_sizes(struct pair_kind kind)
{
	static const struct {
		size_t total, record, piece, step;
	} rows[] = {
		{600, 600, 1, 65536},   /* split at each byte */
		{600, 100, 7, 65536},   /* several, at odd places */
		{600, 1, 16384, 65536}, /* many of a byte, at once */
		{600, 600, 16384, 1},   /* read by the byte */
		{600, 7, 16384, 1},     /* the same of many records */
		{600, 200, 3, 1},       /* and of pieces */
		{100000, 16384, 16384, 65536},
		{100000, 16384, 1000, 65536},
		{100000, 16384, 16384, 16384},
		{100000, 16384, 16384, 16383},
		{100000, 16384, 16384, 16385},
		{100000, 5000, 16384, 4096},
		{100000, 16000, 5000, 777},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair pair;
		pair_open(&pair, kind);
		pass_records(&pair, rows[i].total, rows[i].record, rows[i].piece, rows[i].step);
		pair_close(&pair);
	}
}

static void test_records(void **state)
{
	(void)state;
	pair_for_each(read_records_of_all_sizes);
}

/* More than the socket holds: each turn reads a bounded part of it, and nothing is lost between the turns. */
static void test_much_at_once(void **state)
{
	(void)state;
	struct pair pair;
	ssize_t end;
	size_t read = 0, formed, taken = 0;
	pair_open(&pair, pair_kinds[0]);
	for (size_t at = 0; at < SIZE; at += 16000)
		assert_true(SSL_write(pair.peer, sent + at, (int)(SIZE - at < 16000 ? SIZE - at : 16000)) > 0);
	char *bytes;
	formed = (size_t)BIO_get_mem_data(pair.out, &bytes);
	while (read < SIZE) {
		ssize_t some = taken < formed ? send(pair.fd, bytes + taken, formed - taken, MSG_NOSIGNAL) : 0;
		taken += some > 0 ? (size_t)some : 0;
		read += pair_read_all(&pair, got + read, SIZE - read < 40000 ? SIZE - read : 40000, 30000, &end);
		assert_int_equal(end, CONN_AGAIN);
	}
	assert_memory_equal(got, sent, SIZE);
	pair_close(&pair);
}

/* An owner that has what it wants does not ask for more; what is left must be seen by its bit. */
static void test_left_over_is_readable(void **state)
{
	(void)state;
	struct pair pair;
	pair_open(&pair, pair_kinds[0]);
	pair_write(&pair, "first", 5);
	pair_write(&pair, "second", 6);
	pair_turn(&pair);
	assert_int_equal(conn_read(&pair.conn, got, 3), 3);
	assert_true(pair.conn.readable);
	assert_int_equal(conn_read(&pair.conn, got, 2), 2);
	assert_true(pair.conn.readable);
	assert_int_equal(conn_peek(&pair.conn), 1);
	assert_int_equal(conn_read(&pair.conn, got, 2), 2);
	assert_memory_equal(got, "se", 2);
	assert_int_equal(conn_read(&pair.conn, got, 100), 4);
	assert_int_equal(conn_read(&pair.conn, got, 100), CONN_AGAIN);
	assert_false(pair.conn.readable);
	pair_close(&pair);
}

/* One short read is enough for a request, as in clear; who wants more asks, and is then told that there is nothing. */
static void test_short_read(void **state)
{
	(void)state;
	struct pair pair;
	pair_open(&pair, pair_kinds[0]);
	pair_write(&pair, "request", 7);
	pair_turn(&pair);
	assert_int_equal(conn_read(&pair.conn, got, 100), 7);
	assert_false(pair.conn.readable);
	assert_true(pair.conn.read_short);
	conn_read_on(&pair.conn);
	assert_true(pair.conn.readable && pair.conn.queued);
	assert_int_equal(conn_read(&pair.conn, got, 100), CONN_AGAIN);
	assert_false(pair.conn.readable || pair.conn.read_short);
	pair_close(&pair);
}

static void test_looking_takes_nothing(void **state)
{
	(void)state;
	struct pair pair;
	ssize_t end;
	pair_open(&pair, pair_kinds[1]);
	assert_int_equal(conn_peek(&pair.conn), CONN_AGAIN);
	pair_write(&pair, sent, 16384);
	pair_write(&pair, sent + 16384, 10000);
	for (int i = 0; i < 5; i++)
		assert_int_equal(conn_peek(&pair.conn), 1);
	assert_true(pair.conn.readable);
	assert_int_equal(pair_read_all(&pair, got, sizeof(got), 1000, &end), 26384);
	assert_memory_equal(got, sent, 26384);
	assert_int_equal(conn_peek(&pair.conn), CONN_AGAIN);
	pair_close(&pair);
}

/* ---- messages of TLS itself ---- */

/* An idle connection that gets tickets is quiet. */
static void test_late_tickets(void **state)
{
	(void)state;
	struct pair pair;
	pair_open(&pair, pair_kinds[2]);
	assert_int_equal(conn_peek(&pair.conn), CONN_AGAIN); /* those that came with the handshake */
	pair.ready = 0;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(SSL_new_session_ticket(pair.peer), 1);
		assert_int_equal(SSL_do_handshake(pair.peer), 1);
		pair_pass(&pair);
		pair_turn(&pair);
		assert_true(pair.ready > 0);
		assert_true(pair.conn.readable);
		assert_int_equal(i == 0 ? conn_peek(&pair.conn) : conn_read(&pair.conn, got, 100), CONN_AGAIN);
		assert_false(pair.conn.readable || pair.conn.queued);
	}
	pair_write(&pair, "answer", 6);
	pair_turn(&pair);
	assert_int_equal(conn_read(&pair.conn, got, 100), 6);
	pair_close(&pair);
}

/* Bytes may stand behind a ticket in the same read. */
static void test_ticket_and_bytes(void **state)
{
	(void)state;
	struct pair pair;
	pair_open(&pair, pair_kinds[2]);
	conn_peek(&pair.conn);
	assert_int_equal(SSL_new_session_ticket(pair.peer), 1);
	assert_int_equal(SSL_write(pair.peer, "answer", 6), 6);
	pair_pass(&pair);
	pair_turn(&pair);
	assert_int_equal(conn_peek(&pair.conn), 1);
	assert_int_equal(conn_read(&pair.conn, got, 100), 6);
	assert_memory_equal(got, "answer", 6);
	pair_close(&pair);
}

/* New keys, which the peer wants of us too: our answer to that is out before our next bytes are. */
static void change_keys(int wanted)
{
	for (int i = 0; i < 3; i += 2) {
		struct pair pair;
		int end;
		struct iovec part = {sent, 20000};
		pair_open(&pair, pair_kinds[i]);
		pair_write(&pair, "a", 1);
		assert_int_equal(SSL_key_update(pair.peer, wanted), 1);
		pair_write(&pair, "b", 1);
		pair_turn(&pair);
		assert_int_equal(conn_read(&pair.conn, got, 100), 2);
		assert_memory_equal(got, "ab", 2);
		assert_int_equal(conn_send(&pair.conn, &part, 1, NULL), CONN_SENT);
		assert_int_equal(pair_read_peer(&pair, got, sizeof(got), &end), 20000);
		assert_memory_equal(got, sent, 20000);
		pair_close(&pair);
	}
}

static void test_new_keys(void **state)
{
	(void)state;
	change_keys(SSL_KEY_UPDATE_NOT_REQUESTED);
	change_keys(SSL_KEY_UPDATE_REQUESTED);
}

/* A peer that asks for new keys again and again and sends nothing else: an end, and no memory that grows. */
static void test_flood(void **state)
{
	(void)state;
	for (int looks = 0; looks < 2; looks++) {
		struct pair pair;
		ssize_t said = CONN_AGAIN;
		size_t all = 0;
		pair_open(&pair, pair_kinds[0]);
		pair_take(&pair);
		for (int i = 0; i < 10000 && said == CONN_AGAIN; i++) {
			char bytes[256];
			assert_int_equal(SSL_key_update(pair.peer, i % 2 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED), 1);
			assert_int_equal(SSL_do_handshake(pair.peer), 1);
			size_t length = pair_form(&pair, bytes, sizeof(bytes));
			pair_send_raw(&pair, bytes, length);
			all += length;
			pair_turn(&pair);
			said = looks ? conn_peek(&pair.conn) : conn_read(&pair.conn, got, 100);
			pair_take(&pair);
			SSL_read(pair.peer, bytes, 1);
			ERR_clear_error();
		}
		assert_int_equal(said, CONN_ERROR);
		assert_int_equal(secure_fault(&pair.conn), SECURE_flood);
		assert_true(all > SECURE_BARREN_MOST && all < 2 * SECURE_BARREN_MOST);
		pair_close(&pair);
	}
}

/* The same at once: others have their turn in between. */
static void test_flood_at_once(void **state)
{
	(void)state;
	struct pair pair;
	pair_open(&pair, pair_kinds[0]);
	for (int i = 0; i < 400; i++) {
		assert_int_equal(SSL_key_update(pair.peer, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(pair.peer), 1);
	}
	pair_pass(&pair);
	pair_write(&pair, "x", 1);
	pair_turn(&pair);
	assert_int_equal(conn_read(&pair.conn, got, 1), CONN_AGAIN);
	assert_true(pair.conn.readable && pair.conn.queued);
	ssize_t end;
	assert_int_equal(pair_read_all(&pair, got, 1, 1, &end), 1);
	assert_int_equal(got[0], 'x');
	pair_close(&pair);
}

/* TLS 1.2 lets either side begin anew; nobody does so here, and what was begun goes on. */
static void test_renegotiation(void **state)
{
	(void)state;
	struct pair pair;
	pair_open(&pair, pair_kinds[1]);
	pair_take(&pair);
	assert_int_equal(SSL_renegotiate(pair.peer), 1);
	SSL_do_handshake(pair.peer);
	ERR_clear_error();
	pair_pass(&pair);
	pair_turn(&pair);
	assert_int_equal(conn_read(&pair.conn, got, 100), CONN_AGAIN);
	assert_true(pair_take(&pair) > 0); /* the refusal */
	assert_int_equal(secure_fault(&pair.conn), SECURE_FINE);
	pair_close(&pair);
}

/* ---- ends ---- */

enum ending { NOTIFY, FIN, NOTIFY_AND_FIN, GONE, GARBAGE };

static void end_peer(struct pair *pair, enum ending ending)
{
	if (ending == NOTIFY || ending == NOTIFY_AND_FIN) {
		SSL_shutdown(pair->peer);
		pair_pass(pair);
	}
	if (ending == FIN || ending == NOTIFY_AND_FIN)
		shutdown(pair->fd, SHUT_WR);
	if (ending == GARBAGE)
		pair_send_raw(pair,
			"\x17\x03\x03\x00\x20"
			"01234567890123456789012345678901",
			37);
	if (ending == GONE)
		pair_hang_up(pair);
}

/* The end, behind bytes in the same read (and turn) or in one of its own. */
static void end_behind(struct pair_kind kind, enum ending ending, size_t length, bool apart, ssize_t expected)
{
	struct pair pair;
	ssize_t end;
	pair_open(&pair, kind);
	pair_take(&pair);
	conn_peek(&pair.conn);
	if (length > 0)
		pair_write(&pair, sent, length);
	size_t read = apart ? pair_read_all(&pair, got, sizeof(got), 5000, &end) : 0;
	end_peer(&pair, ending);
	read += pair_read_all(&pair, got + read, sizeof(got) - read, 5000, &end);
	assert_int_equal(read, length);
	assert_memory_equal(got, sent, length);
	assert_int_equal(end, expected);
	assert_int_equal(conn_peek(&pair.conn), expected);
	assert_int_equal(conn_read(&pair.conn, got, 1), expected);
	enum secure_fault fault = secure_fault(&pair.conn);
	if (ending == GONE)
		assert_true(fault == SECURE_cut || fault == SECURE_reset);
	else
		assert_int_equal(fault, expected == 0 ? SECURE_FINE : ending == GARBAGE ? SECURE_garbled : SECURE_cut);
	assert_true(secure_is_set_up(&pair.conn));
	pair_close(&pair);
}

static void end_in_every_way(struct pair_kind kind)
{
	static const size_t lengths[] = {0, 1, 5000, 16384, 40000};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (int apart = 0; apart < 2; apart++) {
			end_behind(kind, NOTIFY, lengths[i], apart, 0);
			end_behind(kind, NOTIFY_AND_FIN, lengths[i], apart, 0);
			end_behind(kind, FIN, lengths[i], apart, CONN_ERROR);
			end_behind(kind, GONE, lengths[i], apart, CONN_ERROR);
			end_behind(kind, GARBAGE, lengths[i], apart, CONN_ERROR);
		}
	}
}

static void test_ends(void **state)
{
	(void)state;
	pair_for_each(end_in_every_way);
}

/* A look must find the end also behind what was read in one piece with it: an idle connection that ended is not quiet. */
static void test_end_behind_a_whole_answer(void **state)
{
	(void)state;
	struct pair pair;
	pair_open(&pair, pair_kinds[2]);
	pair_write(&pair, "answer", 6);
	end_peer(&pair, NOTIFY);
	pair_turn(&pair);
	assert_int_equal(conn_read(&pair.conn, got, 100), 6);
	assert_true(pair.conn.readable);
	assert_int_equal(conn_peek(&pair.conn), 0);
	pair_close(&pair);
}

/* Cut at each byte of a record: never the record's bytes, never an end that looks whole. */
static void test_cut_within_a_record(void **state)
{
	(void)state;
	char bytes[200];
	for (size_t cut = 0; cut < 60; cut++) {
		struct pair pair;
		ssize_t end;
		pair_open(&pair, pair_kinds[cut % 4]);
		conn_peek(&pair.conn);
		assert_int_equal(SSL_write(pair.peer, "0123456789", 10), 10);
		SSL_shutdown(pair.peer);
		size_t length = pair_form(&pair, bytes, sizeof(bytes));
		if (cut < length)
			pair_send_raw(&pair, bytes, cut);
		shutdown(pair.fd, SHUT_WR);
		size_t read = pair_read_all(&pair, got, sizeof(got), 100, &end);
		if (cut < length) {
			assert_true(read == 0 || read == 10);
			assert_int_equal(end, CONN_ERROR);
			assert_int_equal(secure_fault(&pair.conn), SECURE_cut);
		}
		pair_close(&pair);
	}
}

/* One bit of a record is another: nothing of it is read, the peer is told by an alert, and so ends what we say. */
static void test_changed_on_the_way(void **state)
{
	(void)state;
	char bytes[300];
	for (int i = 0; i < 4; i++) {
		for (size_t at = 0; at < 30; at += 3) {
			struct pair pair;
			ssize_t end;
			struct iovec part = {sent, 1};
			pair_open(&pair, pair_kinds[i]);
			conn_peek(&pair.conn);
			pair_take(&pair);
			assert_int_equal(SSL_write(pair.peer, sent, 100), 100);
			size_t length = pair_form(&pair, bytes, sizeof(bytes));
			bytes[at] ^= at == 3 ? 0x40 : 1;
			pair_send_raw(&pair, bytes, length);
			size_t read = pair_read_all(&pair, got, sizeof(got), 1000, &end);
			assert_int_equal(read, 0);
			if (at == 3) { /* longer than a record can be, or more to come */
				shutdown(pair.fd, SHUT_WR);
				pair_read_all(&pair, got, sizeof(got), 1000, &end);
			}
			assert_int_equal(end, CONN_ERROR);
			assert_int_equal(conn_send(&pair.conn, &part, 1, NULL), CONN_BROKEN);
			assert_int_not_equal(secure_fault(&pair.conn), SECURE_FINE);
			assert_true(at == 3 || pair_take(&pair) > 0);
			pair_close(&pair);
		}
	}
}

/* A peer that broke off by an alert. */
static void test_alert_later(void **state)
{
	(void)state;
	struct pair pair;
	ssize_t end;
	pair_open(&pair, pair_kinds[0]);
	pair_take(&pair);
	BIO_write(pair.in,
		"\x17\x03\x03\x00\x20"
		"01234567890123456789012345678901",
		37);
	assert_int_equal(SSL_read(pair.peer, got, 1), -1);
	while (SSL_get_error(pair.peer, -1) != SSL_ERROR_SSL)
		assert_int_equal(SSL_read(pair.peer, got, 1), -1);
	ERR_clear_error();
	pair_pass(&pair);
	assert_int_equal(pair_read_all(&pair, got, sizeof(got), 1000, &end), 0);
	assert_int_equal(end, CONN_ERROR);
	assert_int_equal(secure_fault(&pair.conn), SECURE_alert);
	pair_close(&pair);
}

static int make_all(void **state)
{
	pair_fill(sent, sizeof(sent));
	return pair_make_all(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_left_over_is_readable),
		cmocka_unit_test(test_short_read),
		cmocka_unit_test(test_looking_takes_nothing),
		cmocka_unit_test(test_late_tickets),
		cmocka_unit_test(test_ticket_and_bytes),
		cmocka_unit_test(test_new_keys),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_flood_at_once),
		cmocka_unit_test(test_renegotiation),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_end_behind_a_whole_answer),
		cmocka_unit_test(test_cut_within_a_record),
		cmocka_unit_test(test_changed_on_the_way),
		cmocka_unit_test(test_alert_later),
		cmocka_unit_test(test_much_at_once),
	};
	return cmocka_run_group_tests(tests, make_all, pair_free_all);
}
