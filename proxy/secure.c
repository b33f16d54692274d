/* Handshakes, and what is known of a connection over TLS. Worker thread. */
#include "proxy/secure.h"

#include <assert.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "proxy/secure_bio.h"
#include "proxy/secure_io.h"
#include "proxy/secure_state.h"
#include "proxy/worker.h"

#define HANDSHAKES_A_TURN 4u /* their steps, of one side: each may take as long as a hundred requests */

/* ---- the handshake ---- */

/* A server's side has no first word: a client that says nothing takes no time of others', and no memory of the library's. */
static bool has_cause(const struct conn *conn)
{
	return conn->secure->rest || conn->readable || !SSL_is_server(conn->secure->ssl);
}

/* Whether there is time for it in this turn; else it waits for the next one. Each side has time of its own: a crowd of clients keeps nobody waiting for a backend. */
static bool is_its_turn(struct conn *conn)
{
	if (conn->worker->handshakes[SSL_is_server(conn->secure->ssl)]++ < HANDSHAKES_A_TURN)
		return true;
	conn_queue(conn);
	return false;
}

static void shake(struct conn *conn)
{
	struct secure *secure = conn->secure;
	secure_state_enter(conn);
	enum secure_outcome outcome = secure_state_judge(secure, SSL_do_handshake(secure->ssl));
	if (outcome == SECURE_OUTCOME_MORE && conn->readable && secure_state_receive(conn, SECURE_RAW_SIZE) > 0)
		outcome = secure_state_judge(secure, SSL_do_handshake(secure->ssl));
	if (outcome == SECURE_OUTCOME_END)
		secure_state_set_fault(secure, SECURE_cut);
	secure_state_leave(conn);
	if (outcome == SECURE_OUTCOME_DONE)
		secure->step = SECURE_SHAKEN;
	else if (secure->fault == SECURE_FINE)
		conn_read_on(conn); /* a reset may lie behind what was read */
}

static void count(const struct secure *secure, struct worker_counters *counters)
{
	struct worker_tls *of_side = SSL_is_server(secure->ssl) ? &counters->clients_tls : &counters->backends_tls;
	if (secure->fault != SECURE_FINE)
		worker_count(&of_side->faults[secure->fault], 1);
	else
		worker_count(SSL_session_reused(secure->ssl) ? &of_side->resumed : &of_side->full, 1);
}

/* The owner's, from here on. */
static void hand_over(struct conn *conn)
{
	struct secure *secure = conn->secure;
	secure->set_up = secure->fault == SECURE_FINE;
	secure->step = SECURE_OPEN;
	secure->barren = 0;
	count(secure, &conn->worker->counters);
	conn->handler = secure->owner;
	if (secure_state_has_more(secure))
		secure_state_stay_readable(conn);
	conn->handler->on_ready(conn);
}

/* What was said before is out. */
static bool flush(struct conn *conn)
{
	if (conn->lossy || !conn_has_backlog(conn))
		return true;
	if (!conn->writable)
		return false;
	enum conn_send sent = conn_flush(conn);
	if (sent == CONN_BROKEN)
		conn->lossy = conn->readable = true;
	return sent != CONN_KEPT;
}

static void on_ready(struct conn *conn)
{
	struct secure *secure = conn->secure;
	if (!flush(conn))
		return;
	if (secure->step == SECURE_SHAKING) {
		if (!has_cause(conn) || !is_its_turn(conn))
			return;
		shake(conn);
	}
	if (secure->step == SECURE_SHAKEN && conn->lossy)
		secure_state_set_fault(secure, SECURE_reset);
	if (secure->fault != SECURE_FINE || (secure->step == SECURE_SHAKEN && !conn_has_backlog(conn)))
		hand_over(conn);
}

static void on_deadline(struct conn *conn, enum deadline_kind kind)
{
	conn->secure->owner->on_deadline(conn, kind);
}

static void on_free(struct conn *conn)
{
	(void)conn;
	assert(false); /* its end gave it back to its owner */
}

/* In the connection's handler's place while hands are shaken: behind everything else that the turn has. */
static const struct conn_handler shaking = {true, on_ready, on_deadline, on_free};

static struct secure *new_secure(const char *early, size_t length)
{
	struct secure *secure = calloc(1, sizeof(*secure));
	if (secure && !secure_state_keep_rest(secure, early, length)) {
		free(secure);
		return NULL;
	}
	return secure;
}

bool secure_begin(struct conn *conn, SSL *ssl, const char *early, size_t length)
{
	assert(conn_is_open(conn) && !conn->io && !conn_has_backlog(conn));
	struct secure_bio *bio = secure_bio_of(conn->worker);
	struct secure *secure = bio ? new_secure(early, length) : NULL;
	if (!secure) {
		SSL_free(ssl);
		return false;
	}
	secure->ssl = ssl;
	secure_bio_attach(bio, ssl);
	SSL_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
	SSL_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
	SSL_clear_options(ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_set_read_ahead(ssl, 0);
	secure->owner = conn->handler;
	conn->handler = &shaking;
	conn->io = &secure_io;
	conn->secure = secure;
	if (has_cause(conn))
		conn_queue(conn);
	return true;
}

/* ---- what is known of it ---- */

bool secure_is_set_up(const struct conn *conn)
{
	return conn->secure && conn->secure->set_up;
}

enum secure_fault secure_fault(const struct conn *conn)
{
	return conn->secure ? conn->secure->fault : SECURE_FINE;
}

const char *secure_read_name(const struct conn *conn)
{
	return SSL_get_servername(conn->secure->ssl, TLSEXT_NAMETYPE_host_name);
}

SSL *secure_ssl(const struct conn *conn)
{
	return conn->secure ? conn->secure->ssl : NULL;
}
