/* TLS on a connection of the strict client. See strict.h. */
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/strict.h"

/* 1: the session is ours now. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct strict_conn *conn = SSL_get_app_data(ssl);
	SSL_SESSION_free(conn->session);
	conn->session = session;
	return 1;
}

void strict_tls_init(struct strict_run *run)
{
	const struct strict_options *options = &run->options;
	if (!options->ca)
		return;
	run->tls = SSL_CTX_new(TLS_client_method());
	if (!run->tls || SSL_CTX_load_verify_file(run->tls, options->ca) != 1) {
		fprintf(stderr, "strict: can't read %s\n", options->ca);
		exit(2);
	}
	SSL_CTX_set_verify(run->tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_max_proto_version(run->tls, options->old_tls ? TLS1_2_VERSION : TLS1_3_VERSION);
	SSL_CTX_set_mode(run->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(run->tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(run->tls, on_session);
}

void strict_tls_fini(struct strict_run *run)
{
	SSL_CTX_free(run->tls);
}

static void resume(struct strict_conn *conn)
{
	if (!conn->run->options.resume || !conn->session)
		return;
	SSL_set_session(conn->ssl, conn->session);
	if (SSL_SESSION_get_protocol_version(conn->session) < TLS1_3_VERSION)
		return;
	SSL_SESSION_free(conn->session); /* such a ticket is used once */
	conn->session = NULL;
}

static void begin(struct strict_conn *conn)
{
	const char *host = conn->run->options.host;
	conn->ssl = SSL_new(conn->run->tls);
	if (!conn->ssl || !SSL_set_fd(conn->ssl, conn->fd) || !SSL_set_tlsext_host_name(conn->ssl, host) || !SSL_set1_host(conn->ssl, host))
		abort();
	SSL_set_app_data(conn->ssl, conn);
	SSL_set_connect_state(conn->ssl);
	resume(conn);
}

enum strict_tls_shaken strict_tls_shake(struct strict_conn *conn)
{
	struct strict_run *run = conn->run;
	if (!conn->ssl)
		begin(conn);
	ERR_clear_error();
	int shaken = SSL_do_handshake(conn->ssl);
	if (shaken == 1) {
		run->shaken++;
		run->resumed += SSL_session_reused(conn->ssl) == 1;
		return STRICT_TLS_DONE;
	}
	int error = SSL_get_error(conn->ssl, shaken);
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? STRICT_TLS_MORE : STRICT_TLS_FAILED;
}

const char *strict_tls_why(void)
{
	const char *why = ERR_reason_error_string(ERR_peek_error());
	return why ? why : "the connection ended";
}

bool strict_tls_is_full(const struct strict_conn *conn)
{
	return conn->ssl && SSL_want_write(conn->ssl);
}

/* What recv(2) and send(2) would say. */
static ssize_t explain(struct strict_conn *conn, int result)
{
	int fault = errno;
	switch (SSL_get_error(conn->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		errno = fault ? fault : EPROTO;
		return -1;
	default:
		errno = EPROTO;
		return -1;
	}
}

ssize_t strict_tls_read(struct strict_conn *conn, char *bytes, size_t size)
{
	ERR_clear_error();
	errno = 0;
	int got = SSL_read(conn->ssl, bytes, (int)size);
	return got > 0 ? got : explain(conn, got);
}

ssize_t strict_tls_write(struct strict_conn *conn, const char *bytes, size_t length)
{
	ERR_clear_error();
	errno = 0;
	int sent = SSL_write(conn->ssl, bytes, (int)length);
	return sent > 0 ? sent : explain(conn, sent);
}

void strict_tls_end(struct strict_conn *conn)
{
	if (!conn->ssl)
		return;
	ERR_clear_error();
	SSL_shutdown(conn->ssl);
	SSL_free(conn->ssl);
	conn->ssl = NULL;
}
