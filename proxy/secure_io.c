/* Reading, looking, sending and ending over TLS: what stands in for conn's own. Worker thread. */
#include "proxy/secure_io.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/secure_bio.h"
#include "proxy/secure_state.h"
#include "proxy/worker.h"

#define READS_A_TURN 4u                     /* in search of a byte for the owner */
#define LOOK_SIZE (SECURE_PIECE_SIZE + 256) /* what is read to see whether there is a byte: a whole record, in most cases */
#define OVERHEAD 256u                       /* of a few records: so many bytes more are read than are asked for */

/* ---- reading ---- */

/* Nothing can come of a call into the SSL. */
static bool is_dry(const struct secure *secure, const struct secure_bio *bio)
{
	return bio->in_length == 0 && SSL_pending(secure->ssl) == 0;
}

/* Whether there is a byte for the owner in what is here. */
static enum secure_outcome look_at_records(struct secure *secure, const struct secure_bio *bio)
{
	char byte;
	return is_dry(secure, bio) ? SECURE_OUTCOME_MORE : secure_state_judge(secure, SSL_peek(secure->ssl, &byte, 1));
}

/* All records that are here, as far as there is room. */
static enum secure_outcome open_records(struct secure *secure, const struct secure_bio *bio, char *bytes, size_t size, size_t *got)
{
	while (*got < size) {
		size_t room = size - *got;
		if (is_dry(secure, bio))
			return SECURE_OUTCOME_MORE;
		int opened = SSL_read(secure->ssl, bytes + *got, room < INT32_MAX ? (int)room : INT32_MAX);
		enum secure_outcome outcome = secure_state_judge(secure, opened);
		if (outcome != SECURE_OUTCOME_DONE)
			return outcome;
		*got += (size_t)opened;
	}
	/* What is left of this read is the beginning of a record, in most cases: the SSL has room for that anyway. */
	return bio->in_length > 0 && SSL_pending(secure->ssl) == 0 ? look_at_records(secure, bio) : SECURE_OUTCOME_DONE;
}

/* The last one of these for the owner: the end, or a fault. */
static ssize_t end_reading(struct conn *conn)
{
	conn->readable = conn->read_short = false;
	return conn->secure->fault == SECURE_FINE ? 0 : CONN_ERROR;
}

static ssize_t read_records(struct conn *conn, char *bytes, size_t size)
{
	struct secure *secure = conn->secure;
	const struct secure_bio *bio = conn->worker->secure;
	size_t got = 0;
	ssize_t raw = 1;
	secure_state_enter(conn);
	enum secure_outcome outcome = open_records(secure, bio, bytes, size, &got);
	for (unsigned i = 0; i < READS_A_TURN && outcome == SECURE_OUTCOME_MORE && got == 0 && raw > 0; i++) {
		raw = secure_state_receive(conn, size + OVERHEAD);
		if (raw > 0)
			outcome = open_records(secure, bio, bytes, size, &got);
	}
	secure_state_leave(conn);
	if (got > 0) {
		secure->barren = 0;
		if (secure_state_has_more(secure))
			secure_state_stay_readable(conn);
		return (ssize_t)got;
	}
	if (outcome == SECURE_OUTCOME_END || secure->fault != SECURE_FINE)
		return end_reading(conn);
	if (raw > 0) { /* others have their turn first */
		secure_state_stay_readable(conn);
		conn_queue(conn);
	}
	return CONN_AGAIN;
}

static ssize_t read_secure(struct conn *conn, char *bytes, size_t size)
{
	const struct secure *secure = conn->secure;
	if (secure->step != SECURE_OPEN)
		return CONN_AGAIN;
	if (secure->heard_end || secure->fault != SECURE_FINE)
		return end_reading(conn);
	return read_records(conn, bytes, size);
}

static enum secure_outcome look(struct conn *conn)
{
	const struct secure_bio *bio = conn->worker->secure;
	secure_state_enter(conn);
	enum secure_outcome outcome = look_at_records(conn->secure, bio);
	while (outcome == SECURE_OUTCOME_MORE && secure_state_receive(conn, LOOK_SIZE) > 0)
		outcome = look_at_records(conn->secure, bio);
	secure_state_leave(conn);
	return outcome;
}

static int peek_secure(struct conn *conn)
{
	struct secure *secure = conn->secure;
	if (secure->step != SECURE_OPEN)
		return CONN_AGAIN;
	enum secure_outcome outcome = SECURE_OUTCOME_END;
	if (!secure->heard_end && secure->fault == SECURE_FINE)
		outcome = look(conn);
	bool fine = secure->fault == SECURE_FINE;
	if (fine && outcome == SECURE_OUTCOME_MORE)
		return CONN_AGAIN;
	secure_state_stay_readable(conn);
	if (!fine)
		return CONN_ERROR;
	return outcome == SECURE_OUTCOME_DONE ? 1 : 0;
}

/* ---- sending ---- */

static bool write_records(struct secure *secure, const char *bytes, size_t length)
{
	while (length > 0) {
		int written = SSL_write(secure->ssl, bytes, length < INT32_MAX ? (int)length : INT32_MAX);
		if (secure_state_judge(secure, written) != SECURE_OUTCOME_DONE) {
			secure_state_set_fault(secure, SECURE_internal);
			return false;
		}
		bytes += written;
		length -= (size_t)written;
	}
	return true;
}

static bool write_piece(struct secure *secure, struct secure_bio *bio)
{
	size_t length = bio->piece_length;
	bio->piece_length = 0;
	return write_records(secure, bio->piece, length);
}

/* As far as there is room; how much. */
static size_t add_to_piece(struct secure_bio *bio, const char *bytes, size_t length)
{
	size_t room = sizeof(bio->piece) - bio->piece_length, taken = length < room ? length : room;
	memcpy(bio->piece + bio->piece_length, bytes, taken);
	bio->piece_length += taken;
	return taken;
}

static bool write_part(struct secure *secure, struct secure_bio *bio, const char *bytes, size_t length, bool last)
{
	if (bio->piece_length > 0 && length > 0) {
		size_t taken = add_to_piece(bio, bytes, length);
		bytes += taken;
		length -= taken;
		if (bio->piece_length == sizeof(bio->piece) && !write_piece(secure, bio))
			return false;
	}
	if (length == 0)
		return true;
	size_t whole = last ? length : length - length % sizeof(bio->piece);
	if (!write_records(secure, bytes, whole))
		return false;
	if (whole < length)
		add_to_piece(bio, bytes + whole, length - whole);
	return true;
}

/* As few records as there can be, and as few bytes copied: what is short goes into one record with what comes behind it. */
static bool write_parts(struct secure *secure, struct secure_bio *bio, const struct iovec *parts, int count)
{
	bio->piece_length = 0;
	for (int i = 0; i < count; i++) {
		if (!write_part(secure, bio, parts[i].iov_base, parts[i].iov_len, i == count - 1))
			return false;
	}
	return write_piece(secure, bio);
}

/* In front of all else. */
static bool pay(struct secure *secure, struct secure_bio *bio)
{
	if (!secure->owed)
		return true;
	if (!secure_bio_add(bio, secure->owed, secure->owed_length))
		return false;
	free(secure->owed);
	secure->owed = NULL;
	secure->owed_length = 0;
	return true;
}

static bool seal(struct conn *conn, const struct iovec *parts, int count, struct iovec *sealed)
{
	struct secure *secure = conn->secure;
	struct secure_bio *bio = conn->worker->secure;
	assert(secure->step == SECURE_OPEN);
	if (secure->fault != SECURE_FINE || secure->said_end || conn->lossy)
		return false;
	secure_state_forget_errors();
	bio->out_length = 0;
	if (!pay(secure, bio) || !write_parts(secure, bio, parts, count)) {
		secure_state_set_fault(secure, SECURE_internal);
		conn->lossy = true;
		return false;
	}
	secure->barren = 0;
	*sealed = (struct iovec){bio->out, bio->out_length};
	return true;
}

/* ---- ends ---- */

/* Not behind what did not get out whole: the peer would take what it has for all. */
static bool may_say_end(const struct conn *conn)
{
	const struct secure *secure = conn->secure;
	return secure->set_up && secure->fault == SECURE_FINE && !secure->said_end && !conn->lossy && !conn_has_backlog(conn);
}

static void say_end(struct conn *conn)
{
	struct secure *secure = conn->secure;
	struct secure_bio *bio = conn->worker->secure;
	secure_state_forget_errors();
	bio->out_length = 0;
	bool formed = pay(secure, bio) && SSL_shutdown(secure->ssl) >= 0;
	ERR_clear_error();
	secure->said_end = true;
	if (!formed || conn_write_plain(conn, bio->out, bio->out_length) < (ssize_t)bio->out_length)
		conn->lossy = true;
}

static void release(struct conn *conn)
{
	struct secure *secure = conn->secure;
	/* A session is good for another connection unless TLS itself failed (RFC 8446 section 6.2); OpenSSL would hold any other end against it, too. */
	if (secure->fault == SECURE_FINE || secure->fault == SECURE_cut || secure->fault == SECURE_reset)
		SSL_set_shutdown(secure->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(secure->ssl);
	if (secure->step != SECURE_OPEN)
		conn->handler = secure->owner;
	secure_state_drop_rest(secure);
	free(secure->owed);
	free(secure);
	conn->secure = NULL;
	conn->io = NULL;
}

static void end(struct conn *conn, enum conn_end how)
{
	if (how != CONN_END_RESET && may_say_end(conn))
		say_end(conn);
	if (how != CONN_END_SENDING)
		release(conn);
}

const struct conn_io secure_io = {read_secure, peek_secure, seal, end};
