/* Into an SSL and out of it. Worker thread. */
#include "proxy/secure_state.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/secure.h"
#include "proxy/secure_bio.h"
#include "proxy/worker.h"

#define HANDSHAKE_MOST (256u * 1024) /* bytes of a peer; OpenSSL has its own bounds for each message */

void secure_state_set_fault(struct secure *secure, enum secure_fault fault)
{
	if (secure->fault == SECURE_FINE)
		secure->fault = fault;
}

/* ---- in and out of the SSL ---- */

void secure_state_forget_errors(void)
{
	if (ERR_peek_error() != 0)
		ERR_clear_error();
}

/* The first error of TLS itself tells more than those of what it is made of. */
static unsigned long take_error(void)
{
	unsigned long error, found = 0;
	while ((error = ERR_get_error()) != 0) {
		if (found == 0 || (ERR_GET_LIB(found) != ERR_LIB_SSL && ERR_GET_LIB(error) == ERR_LIB_SSL))
			found = error;
	}
	return found;
}

enum secure_outcome secure_state_judge(struct secure *secure, int result)
{
	if (result > 0)
		return SECURE_OUTCOME_DONE;
	switch (SSL_get_error(secure->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		return SECURE_OUTCOME_MORE;
	case SSL_ERROR_ZERO_RETURN:
		secure->heard_end = true;
		return SECURE_OUTCOME_END;
	default:
		secure_state_set_fault(secure, secure_fault_of(take_error(), SSL_get_verify_result(secure->ssl)));
		return SECURE_OUTCOME_FAULT;
	}
}

void secure_state_drop_rest(struct secure *secure)
{
	free(secure->rest);
	secure->rest = NULL;
	secure->rest_at = secure->rest_end = 0;
}

void secure_state_enter(struct conn *conn)
{
	struct secure *secure = conn->secure;
	struct secure_bio *bio = conn->worker->secure;
	bio->in = secure->rest ? secure->rest + secure->rest_at : NULL;
	bio->in_length = secure->rest_end - secure->rest_at;
	bio->out_length = 0;
	secure_state_forget_errors();
}

bool secure_state_keep_rest(struct secure *secure, const char *bytes, size_t length)
{
	if (length == 0) {
		secure_state_drop_rest(secure);
		return true;
	}
	if (secure->rest) { /* they are its end */
		secure->rest_at = secure->rest_end - (uint32_t)length;
		return true;
	}
	secure->rest = malloc(length);
	if (!secure->rest)
		return false;
	memcpy(secure->rest, bytes, length);
	secure->rest_end = (uint32_t)length;
	return true;
}

/* What the socket does not take now goes in front of what is sent next: nobody waits for it. */
static bool owe(struct secure *secure, const char *bytes, size_t length)
{
	if (secure->owed_length + length > SECURE_OWED_MOST) {
		secure_state_set_fault(secure, SECURE_flood);
		return false;
	}
	char *larger = realloc(secure->owed, secure->owed_length + length);
	if (!larger) {
		secure_state_set_fault(secure, SECURE_internal);
		return false;
	}
	memcpy(larger + secure->owed_length, bytes, length);
	secure->owed = larger;
	secure->owed_length += (uint32_t)length;
	return true;
}

/* During the handshake there is nobody else who sends. A peer that is gone may have said why: reading tells. */
static void push_handshake(struct conn *conn, const char *bytes, size_t length)
{
	struct iovec part = {(char *)(uintptr_t)bytes, length};
	if (conn_send_plain(conn, &part, 1, NULL) != CONN_BROKEN)
		return;
	if (conn->lossy)
		secure_state_set_fault(conn->secure, SECURE_internal);
	conn->lossy = conn->readable = true;
}

/* What TLS has to say by itself: handshakes, tickets, new keys, alerts. */
static void push(struct conn *conn, const char *bytes, size_t length)
{
	struct secure *secure = conn->secure;
	if (length == 0 || secure->said_end || conn->lossy)
		return;
	if (secure->step != SECURE_OPEN) {
		push_handshake(conn, bytes, length);
		return;
	}
	ssize_t taken = 0;
	if (!conn_has_backlog(conn) && !secure->owed)
		taken = conn_write_plain(conn, bytes, length);
	if (taken < 0 || ((size_t)taken < length && !owe(secure, bytes + taken, length - (size_t)taken)))
		conn->lossy = true;
}

void secure_state_leave(struct conn *conn)
{
	struct secure_bio *bio = conn->worker->secure;
	if (!secure_state_keep_rest(conn->secure, bio->in, bio->in_length))
		secure_state_set_fault(conn->secure, SECURE_internal);
	bio->in_length = 0;
	secure_state_forget_errors();
	push(conn, bio->out, bio->out_length);
}

ssize_t secure_state_receive(struct conn *conn, size_t size)
{
	struct secure *secure = conn->secure;
	struct secure_bio *bio = conn->worker->secure;
	if (bio->in_length > 0) { /* it would not take them */
		secure_state_set_fault(secure, SECURE_internal);
		return CONN_ERROR;
	}
	if (secure->barren > (secure->step == SECURE_OPEN ? SECURE_BARREN_MOST : HANDSHAKE_MOST)) {
		secure_state_set_fault(secure, SECURE_flood);
		return CONN_ERROR;
	}
	secure_state_drop_rest(secure);
	ssize_t got = conn_read_plain(conn, bio->raw, size < sizeof(bio->raw) ? size : sizeof(bio->raw));
	if (got == 0 || got == CONN_ERROR)
		secure_state_set_fault(secure, got == 0 ? SECURE_cut : SECURE_reset);
	if (got <= 0)
		return got;
	bio->in = bio->raw;
	bio->in_length = (size_t)got;
	secure->barren += (uint32_t)got;
	return got;
}

bool secure_state_has_more(const struct secure *secure)
{
	return secure->rest || secure->heard_end || secure->fault != SECURE_FINE || SSL_pending(secure->ssl) > 0;
}

void secure_state_stay_readable(struct conn *conn)
{
	conn->readable = true;
	conn->read_short = false;
}
