/* Sending over TLS: parts become few records, what the socket does not take waits as records, and what may follow what; half closes and closes. */
// links: proxy
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/secure_state.h"
#include "tests/unit/secure_pair.h"

#define SIZE (512u * 1024)

static char sent[SIZE], got[SIZE];

/* ---- parts ---- */

/* How many records there are in what the peer was sent, and how much they add. */
static unsigned count_records(struct pair *pair, size_t *all)
{
	unsigned count = 0;
	char *bytes;
	*all = (size_t)BIO_get_mem_data(pair->in, &bytes);
	for (size_t at = 0; at + 5 <= *all; count++)
		at += 5u + ((size_t)(unsigned char)bytes[at + 3] << 8) + (unsigned char)bytes[at + 4];
	return count;
}

static void send_parts(const size_t *lengths, int count, unsigned records)
{
	struct pair pair;
	struct iovec parts[5];
	size_t total = 0, all, written = 0;
	int end;
	pair_open(&pair, pair_kinds[2]);
	for (int i = 0; i < count; i++) {
		parts[i] = (struct iovec){lengths[i] > 0 ? sent + total : NULL, lengths[i]};
		total += lengths[i];
	}
	uint64_t before = pair.conn.taken;
	assert_int_equal(conn_send(&pair.conn, parts, count, &written), CONN_SENT);
	assert_int_equal(written, total);
	pair_take(&pair);
	assert_int_equal(count_records(&pair, &all), records);
	assert_int_equal(pair.conn.taken - before, all);
	if (total > 0) {
		assert_int_equal(pair_read_peer(&pair, got, sizeof(got), &end), total);
		assert_memory_equal(got, sent, total);
	}
	pair_close(&pair);
}

static void test_parts(void **state)
{
	(void)state;
	static const struct {
		size_t lengths[5];
		int count;
		unsigned records;
	} rows[] = {
		{{0}, 1, 0},
		{{0, 0}, 2, 0},
		{{1}, 1, 1},
		{{16384}, 1, 1},
		{{16385}, 1, 2},
		{{65536}, 1, 4},
		{{10, 20, 30}, 3, 1},
		{{0, 10, 0, 20, 0}, 5, 1},
		{{300, 65536}, 2, 5},
		{{300, 16084}, 2, 1},
		{{300, 16085}, 2, 2},
		{{300, 16084, 1}, 3, 2},
		{{16384, 16384}, 2, 2},
		{{16383, 1, 16384}, 3, 2},
		{{20000, 20000, 20000}, 3, 4},
		{{16384, 0, 0}, 3, 1},
		{{5, 65536, 2}, 3, 5},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		send_parts(rows[i].lengths, rows[i].count, rows[i].records);
}

/* ---- a full socket ---- */

static void shrink(struct pair *pair)
{
	int least = 8192;
	assert_int_equal(setsockopt(pair->conn.fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)), 0);
}

static void read_slowly(struct pair_kind kind)
{
	struct pair pair;
	struct iovec parts[2] = {{sent, 300}, {sent + 300, 60000}};
	size_t written = 0, read = 0, total = 2 * 60300;
	int end, turns = 0;
	pair_open(&pair, kind);
	shrink(&pair);
	assert_int_equal(conn_send(&pair.conn, parts, 2, &written), CONN_KEPT);
	assert_int_equal(written, 60300);
	assert_true(conn_has_backlog(&pair.conn));
	parts[0].iov_base = sent + 60300;
	parts[1].iov_base = sent + 60600;
	assert_int_equal(conn_send(&pair.conn, parts, 2, &written), CONN_KEPT);
	assert_int_equal(written, 0); /* none of these */
	while (read < total && turns++ < 1000) {
		read += pair_read_peer(&pair, got + read, sizeof(got) - read, &end);
		pair_turn(&pair);
		if (conn_has_backlog(&pair.conn) && pair.conn.writable)
			assert_int_not_equal(conn_flush(&pair.conn), CONN_BROKEN);
	}
	assert_int_equal(read, total);
	assert_memory_equal(got, sent, total);
	assert_false(conn_has_backlog(&pair.conn));
	assert_int_equal(conn_acknowledged(&pair.conn), pair.conn.taken);
	pair_close(&pair);
}

static void test_slow_reader(void **state)
{
	(void)state;
	pair_for_each(read_slowly);
}

/* There is room again, and before the owner has its turn for it more is sent behind the backlog: the room must not be forgotten. No other event will tell of it. */
static void send_behind_a_backlog(bool secure)
{
	struct pair pair;
	struct iovec part = {sent, 60000};
	if (secure)
		pair_open(&pair, pair_kinds[0]);
	else
		pair_init(&pair, pair_kinds[0]);
	if (!secure)
		pair_make_peer(&pair);
	shrink(&pair);
	assert_int_equal(conn_send(&pair.conn, &part, 1, NULL), CONN_KEPT);
	assert_int_equal(conn_send(&pair.conn, &part, 1, NULL), CONN_KEPT);
	assert_false(pair.conn.writable);
	pair_take(&pair);
	pair_turn(&pair);
	assert_true(pair.conn.writable);
	assert_int_equal(conn_send(&pair.conn, &part, 1, NULL), CONN_KEPT);
	assert_true(pair.conn.writable);
	pair_close(&pair);
}

static void test_room_is_not_forgotten(void **state)
{
	(void)state;
	send_behind_a_backlog(false);
	send_behind_a_backlog(true);
}

/* Fills the socket beneath TLS to the last byte, as if what was sent before were not read yet. */
static void stuff(struct pair *pair, size_t *stuffed)
{
	char byte = 0;
	*stuffed = 0;
	while (send(pair->conn.fd, &byte, 1, MSG_NOSIGNAL) == 1)
		++*stuffed;
}

static void unstuff(struct pair *pair, size_t stuffed)
{
	char byte;
	while (stuffed-- > 0)
		assert_int_equal(recv(pair->fd, &byte, 1, 0), 1);
}

static void test_nothing_was_taken(void **state)
{
	(void)state;
	struct pair pair;
	size_t stuffed, written = 1;
	int end;
	struct iovec part = {sent, 100};
	pair_open(&pair, pair_kinds[0]);
	shrink(&pair);
	stuff(&pair, &stuffed);
	assert_int_equal(conn_send(&pair.conn, &part, 1, &written), CONN_KEPT);
	assert_int_equal(written, 0);
	unstuff(&pair, stuffed);
	assert_int_equal(conn_flush(&pair.conn), CONN_SENT);
	assert_int_equal(pair_read_peer(&pair, got, sizeof(got), &end), 100);
	pair_close(&pair);
}

/* New keys are answered when the next message is read, at the latest in front of what is sent. */
static void make_owe(struct pair *pair)
{
	for (int i = 0; i < 2; i++) {
		assert_int_equal(SSL_key_update(pair->peer, SSL_KEY_UPDATE_REQUESTED), 1);
		pair_write(pair, "a", 1);
		pair_turn(pair);
		assert_int_equal(conn_read(&pair->conn, got, 100), 1);
	}
	assert_true(pair->conn.secure->owed_length > 0);
}

/* TLS wants to answer, and the socket takes nothing: that goes in front of what is sent next, and nobody is kept from sending by it. */
static void owe_an_answer(bool closes)
{
	struct pair pair;
	size_t stuffed;
	int end;
	struct iovec part = {sent, 40000};
	pair_open(&pair, pair_kinds[0]);
	stuff(&pair, &stuffed);
	make_owe(&pair);
	assert_false(conn_has_backlog(&pair.conn));
	unstuff(&pair, stuffed);
	assert_int_equal(pair_take(&pair), 0);
	if (closes)
		conn_shutdown(&pair.conn);
	else
		assert_int_equal(conn_send(&pair.conn, &part, 1, NULL), CONN_SENT);
	assert_int_equal(pair_read_peer(&pair, got, sizeof(got), &end), closes ? 0 : 40000);
	assert_int_equal(end, closes ? SSL_ERROR_ZERO_RETURN : SSL_ERROR_WANT_READ);
	pair_close(&pair);
}

static void test_owed(void **state)
{
	(void)state;
	owe_an_answer(false);
	owe_an_answer(true);
}

/* Behind a backlog, whose records came before: not in between. */
static void test_owed_behind_a_backlog(void **state)
{
	(void)state;
	struct pair pair;
	int end, turns = 0;
	size_t read = 0;
	struct iovec part = {sent, 60000};
	pair_open(&pair, pair_kinds[0]);
	shrink(&pair);
	assert_int_equal(conn_send(&pair.conn, &part, 1, NULL), CONN_KEPT);
	make_owe(&pair);
	part.iov_base = sent + 60000;
	assert_int_equal(conn_send(&pair.conn, &part, 1, NULL), CONN_KEPT);
	while (conn_has_backlog(&pair.conn) && turns++ < 1000) {
		read += pair_read_peer(&pair, got + read, sizeof(got) - read, &end);
		assert_int_not_equal(conn_flush(&pair.conn), CONN_BROKEN);
	}
	read += pair_read_peer(&pair, got + read, sizeof(got) - read, &end);
	assert_int_equal(read, 120000);
	assert_memory_equal(got, sent, 120000);
	pair_close(&pair);
}

/* A peer that asks and asks, and reads nothing. */
static void test_owed_without_end(void **state)
{
	(void)state;
	struct pair pair;
	size_t stuffed;
	ssize_t said = CONN_AGAIN;
	pair_open(&pair, pair_kinds[0]);
	stuff(&pair, &stuffed);
	for (int i = 0; i < 1000 && said != CONN_ERROR; i++) {
		assert_int_equal(SSL_key_update(pair.peer, SSL_KEY_UPDATE_REQUESTED), 1);
		pair_write(&pair, "a", 1);
		pair_turn(&pair);
		said = conn_read(&pair.conn, got, 100);
	}
	assert_int_equal(said, CONN_ERROR);
	assert_int_equal(secure_fault(&pair.conn), SECURE_flood);
	pair_close(&pair);
}

/* ---- ends ---- */

static void half_close(struct pair_kind kind)
{
	struct pair pair;
	ssize_t read_end;
	int end;
	struct iovec part = {sent, 1000};
	pair_open(&pair, kind);
	assert_int_equal(conn_send(&pair.conn, &part, 1, NULL), CONN_SENT);
	conn_shutdown(&pair.conn);
	assert_int_equal(pair_read_peer(&pair, got, sizeof(got), &end), 1000);
	assert_int_equal(end, SSL_ERROR_ZERO_RETURN);
	pair_take(&pair);
	assert_true(pair.fin);
	assert_int_equal(conn_send(&pair.conn, &part, 1, NULL), CONN_BROKEN);
	pair_write(&pair, sent, 30000); /* and we listen */
	assert_int_equal(pair_read_all(&pair, got, sizeof(got), 20000, &read_end), 30000);
	assert_memory_equal(got, sent, 30000);
	assert_int_equal(read_end, CONN_AGAIN);
	SSL_shutdown(pair.peer);
	pair_pass(&pair);
	pair_read_all(&pair, got, sizeof(got), 20000, &read_end);
	assert_int_equal(read_end, 0);
	pair_close(&pair);
}

static void test_half_close(void **state)
{
	(void)state;
	pair_for_each(half_close);
}

/* The peer said that it has ended; our answer still goes out. */
static void answer_behind_their_end(struct pair_kind kind)
{
	struct pair pair;
	ssize_t read_end;
	int end;
	struct iovec part = {sent, 1000};
	pair_open(&pair, kind);
	pair_write(&pair, sent, 100);
	SSL_shutdown(pair.peer);
	pair_pass(&pair);
	shutdown(pair.fd, SHUT_WR);
	assert_int_equal(pair_read_all(&pair, got, sizeof(got), 1000, &read_end), 100);
	assert_int_equal(read_end, 0);
	assert_int_equal(conn_send(&pair.conn, &part, 1, NULL), CONN_SENT);
	conn_close(&pair.conn, false);
	assert_int_equal(pair_read_peer(&pair, got, sizeof(got), &end), 1000);
	assert_int_equal(end, SSL_ERROR_ZERO_RETURN);
	pair_close(&pair);
}

static void test_answer_behind_their_end(void **state)
{
	(void)state;
	pair_for_each(answer_behind_their_end);
}

/* What the peer sees of our close. */
static void close_ours(bool reset, bool full, int expected)
{
	struct pair pair;
	int end;
	struct iovec part = {sent, 200000};
	pair_open(&pair, pair_kinds[1]);
	if (full) {
		shrink(&pair);
		assert_int_equal(conn_send(&pair.conn, &part, 1, NULL), CONN_KEPT);
	}
	conn_close(&pair.conn, reset);
	assert_null(pair.conn.secure);
	size_t read = pair_read_peer(&pair, got, sizeof(got), &end);
	assert_true(full ? read < 200000 : read == 0);
	assert_int_equal(end, expected);
	assert_true(pair.fin || pair.reset);
	pair_close(&pair);
}

static void test_close(void **state)
{
	(void)state;
	close_ours(false, false, SSL_ERROR_ZERO_RETURN);
	close_ours(true, false, SSL_ERROR_WANT_READ);
	close_ours(false, true, SSL_ERROR_WANT_READ); /* the rest is lost: no end is said */
	close_ours(true, true, SSL_ERROR_WANT_READ);
}

static void test_shutdown_with_a_backlog(void **state)
{
	(void)state;
	struct pair pair;
	int end;
	struct iovec part = {sent, 200000};
	pair_open(&pair, pair_kinds[0]);
	shrink(&pair);
	assert_int_equal(conn_send(&pair.conn, &part, 1, NULL), CONN_KEPT);
	conn_shutdown(&pair.conn);
	pair_read_peer(&pair, got, sizeof(got), &end);
	assert_int_equal(end, SSL_ERROR_WANT_READ);
	pair_close(&pair);
}

/* Bytes were lost for want of memory: the peer must not take what it has for all. */
static void test_nothing_follows_a_loss(void **state)
{
	(void)state;
	struct pair pair;
	int end;
	struct iovec part = {sent, 10};
	pair_open(&pair, pair_kinds[0]);
	pair.conn.lossy = true;
	assert_int_equal(conn_send(&pair.conn, &part, 1, NULL), CONN_BROKEN);
	conn_close(&pair.conn, false);
	assert_int_equal(pair_read_peer(&pair, got, sizeof(got), &end), 0);
	assert_int_equal(end, SSL_ERROR_WANT_READ);
	pair_close(&pair);
}

/* The peer takes no more, but has said something before: that can still be read. */
static void test_refusal_can_be_read(void **state)
{
	(void)state;
	struct pair pair;
	ssize_t read_end;
	struct iovec part = {sent, 10000};
	pair_open(&pair, pair_kinds[2]);
	conn_peek(&pair.conn);
	pair_write(&pair, "413", 3);
	SSL_shutdown(pair.peer);
	pair_pass(&pair);
	pair_hang_up(&pair);
	assert_int_equal(conn_send(&pair.conn, &part, 1, NULL), CONN_BROKEN);
	pair.conn.readable = true;
	assert_int_equal(pair_read_all(&pair, got, sizeof(got), 100, &read_end), 3);
	assert_memory_equal(got, "413", 3);
	assert_int_equal(read_end, 0);
	pair_close(&pair);
}

static void test_flush_to_nobody(void **state)
{
	(void)state;
	struct pair pair;
	struct iovec part = {sent, 100000};
	ssize_t read_end;
	pair_open(&pair, pair_kinds[3]);
	shrink(&pair);
	assert_int_equal(conn_send(&pair.conn, &part, 1, NULL), CONN_KEPT);
	pair_write(&pair, "413", 3);
	shutdown(pair.fd, SHUT_RD);
	assert_int_equal(conn_flush(&pair.conn), CONN_BROKEN);
	assert_true(pair.conn.readable);
	assert_int_equal(pair_read_all(&pair, got, sizeof(got), 100, &read_end), 3);
	pair_close(&pair);
}

/* Past our memory is past TLS. */
static void test_no_splice(void **state)
{
	(void)state;
	struct pair pair, other;
	enum conn_send done;
	pair_open(&pair, pair_kinds[0]);
	pair_init(&other, pair_kinds[0]);
	assert_int_equal(conn_splice(&pair.conn, &other.conn, 100, &done), CONN_UNFIT);
	assert_int_equal(conn_splice(&other.conn, &pair.conn, 100, &done), CONN_UNFIT);
	assert_int_equal(pair.worker.pipe_count + other.worker.pipe_count, 0);
	pair_close(&pair);
	pair_close(&other);
}

static int make_all(void **state)
{
	pair_fill(sent, sizeof(sent));
	return pair_make_all(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_room_is_not_forgotten),
		cmocka_unit_test(test_nothing_was_taken),
		cmocka_unit_test(test_owed),
		cmocka_unit_test(test_owed_behind_a_backlog),
		cmocka_unit_test(test_owed_without_end),
		cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_answer_behind_their_end),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_shutdown_with_a_backlog),
		cmocka_unit_test(test_nothing_follows_a_loss),
		cmocka_unit_test(test_refusal_can_be_read),
		cmocka_unit_test(test_flush_to_nobody),
		cmocka_unit_test(test_no_splice),
	};
	return cmocka_run_group_tests(tests, make_all, pair_free_all);
}
