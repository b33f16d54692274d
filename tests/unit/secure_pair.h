/* A secure connection of ours and its peer: two ends of a socket pair in one thread, OpenSSL's own state machine at the far one over memory, so that a test sees and forms every byte between them. */
#ifndef TEAL_TESTS_UNIT_SECURE_PAIR_H
#define TEAL_TESTS_UNIT_SECURE_PAIR_H

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/conn.h"
#include "proxy/secure.h"
#include "proxy/secure_bio.h"
#include "proxy/worker.h"

/* Who our side is, and which version is spoken. */
struct pair_kind {
	bool we_serve;
	int version;
};

struct pair {
	struct pair_kind kind;
	struct worker worker; /* its own, if it is not another pair's */
	_Atomic(struct table *) no_table;
	struct conn conn;
	unsigned ready, deadlines, freed;
	int fd;          /* the far end; -1 once closed */
	bool fin, reset; /* what the far end saw of ours */
	SSL_CTX *near, *far;
	SSL *peer;
	BIO *in, *out;
};

static inline void pair_demand(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static EVP_PKEY *pair_key;
static X509 *pair_certificate; /* for pair.test, trusted by nobody unless told */

/* ---- certificates ---- */

/* Signed by itself; valid from now + first to now + last, in seconds. */
static inline X509 *pair_make_certificate(EVP_PKEY *key, const char *name, long first, long last)
{
	char alternative[80];
	X509 *made = X509_new();
	X509_NAME *subject = X509_get_subject_name(made);
	snprintf(alternative, sizeof(alternative), "DNS:%s", name);
	X509_set_version(made, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
	X509_gmtime_adj(X509_getm_notBefore(made), first);
	X509_gmtime_adj(X509_getm_notAfter(made), last);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(made, subject);
	X509_set_pubkey(made, key);
	X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternative);
	X509_add_ext(made, names, -1);
	X509_EXTENSION_free(names);
	pair_demand(X509_sign(made, key, EVP_sha256()) > 0, "a certificate can't be signed");
	return made;
}

static inline int pair_make_all(void **state)
{
	(void)state;
	pair_key = EVP_EC_gen("P-256");
	pair_certificate = pair_key ? pair_make_certificate(pair_key, "pair.test", -3600, 3600) : NULL;
	return pair_certificate ? 0 : -1;
}

static inline int pair_free_all(void **state)
{
	(void)state;
	X509_free(pair_certificate);
	EVP_PKEY_free(pair_key);
	return 0;
}

static inline void pair_show(SSL_CTX *context, X509 *certificate, EVP_PKEY *key)
{
	pair_demand(SSL_CTX_use_certificate(context, certificate) == 1 && SSL_CTX_use_PrivateKey(context, key) == 1, "a certificate can't be used");
}

static inline void pair_trust(SSL_CTX *context, X509 *certificate)
{
	pair_demand(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate) == 1, "a certificate can't be trusted");
}

static bool pair_keeps; /* contexts for the next pairs: where nobody changes them */

static inline SSL_CTX *pair_make_context(bool server, int version)
{
	SSL_CTX *context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	pair_demand(context != NULL, "no context");
	SSL_CTX_set_min_proto_version(context, version);
	SSL_CTX_set_max_proto_version(context, version);
	if (server)
		pair_show(context, pair_certificate, pair_key);
	return context;
}

static inline SSL_CTX *pair_take_context(bool server, int version)
{
	static SSL_CTX *kept[2][2];
	SSL_CTX **place = &kept[server][version == TLS1_3_VERSION];
	if (!pair_keeps)
		return pair_make_context(server, version);
	if (!*place)
		*place = pair_make_context(server, version);
	SSL_CTX_up_ref(*place);
	return *place;
}

/* ---- our side's owner ---- */

static inline struct pair *pair_of(struct conn *conn)
{
	return (struct pair *)((char *)conn - offsetof(struct pair, conn));
}

static inline void pair_on_ready(struct conn *conn)
{
	pair_of(conn)->ready++;
}

static inline void pair_on_deadline(struct conn *conn, enum deadline_kind kind)
{
	(void)kind;
	pair_of(conn)->deadlines++;
}

static inline void pair_on_free(struct conn *conn)
{
	pair_of(conn)->freed++;
}

static const struct conn_handler pair_handler = {false, pair_on_ready, pair_on_deadline, pair_on_free};

/* ---- the pair ---- */

static inline void pair_init_worker(struct pair *pair)
{
	pair->worker.newest = &pair->no_table;
	pair->worker.timer_fd = pair->worker.wake_fd = -1;
	pair->worker.base = event_base_new();
	deadline_init(&pair->worker.deadlines);
}

/* Both contexts may be changed before pair_begin. `worker`: another pair's, which outlives this one; NULL: one of its own. */
static inline void pair_init_with(struct pair *pair, struct pair_kind kind, struct worker *worker)
{
	int fds[2];
	memset(pair, 0, sizeof(*pair));
	pair->kind = kind;
	pair->near = pair_take_context(kind.we_serve, kind.version);
	pair->far = pair_take_context(!kind.we_serve, kind.version);
	if (!worker)
		pair_init_worker(pair);
	pair_demand(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0, "no sockets");
	pair->fd = fds[1];
	pair_demand(conn_open(&pair->conn, worker ? worker : &pair->worker, fds[0], &pair_handler), "a connection can't be opened");
}

static inline void pair_init(struct pair *pair, struct pair_kind kind)
{
	pair_init_with(pair, kind, NULL);
}

static inline void pair_make_peer(struct pair *pair)
{
	pair->peer = SSL_new(pair->far);
	pair->in = BIO_new(BIO_s_mem());
	pair->out = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(pair->in, -1);
	SSL_set_bio(pair->peer, pair->in, pair->out);
	if (pair->kind.we_serve) {
		SSL_set_tlsext_host_name(pair->peer, "pair.test");
		SSL_set_connect_state(pair->peer);
	} else {
		SSL_set_accept_state(pair->peer);
	}
}

static inline SSL *pair_make_near(struct pair *pair)
{
	SSL *ssl = SSL_new(pair->near);
	if (pair->kind.we_serve)
		SSL_set_accept_state(ssl);
	else
		SSL_set_connect_state(ssl);
	return ssl;
}

static inline void pair_begin(struct pair *pair, const char *early, size_t length)
{
	if (!pair->peer)
		pair_make_peer(pair);
	pair_demand(secure_begin(&pair->conn, pair_make_near(pair), early, length), "a connection can't be made secure");
}

static inline void pair_turn(struct pair *pair)
{
	worker_turn(pair->conn.worker, false);
	pair_demand(ERR_peek_error() == 0, "an error is left with the library");
}

/* What our side sent, into the peer's memory; how much. */
static inline size_t pair_take(struct pair *pair)
{
	char bytes[16384];
	size_t all = 0;
	for (;;) {
		ssize_t got = pair->fd >= 0 ? recv(pair->fd, bytes, sizeof(bytes), 0) : -1;
		pair->fin |= got == 0;
		pair->reset |= got < 0 && pair->fd >= 0 && errno != EAGAIN;
		if (got <= 0)
			return all;
		BIO_write(pair->in, bytes, (int)got);
		all += (size_t)got;
	}
}

/* What the peer wants to send, here instead. */
static inline size_t pair_form(struct pair *pair, char *bytes, size_t size)
{
	int got = BIO_read(pair->out, bytes, (int)size);
	return got > 0 ? (size_t)got : 0;
}

static inline void pair_send_raw(struct pair *pair, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(pair->fd, bytes, length, MSG_NOSIGNAL);
		pair_demand(sent > 0, "the socket does not take what the peer sends");
		bytes += sent;
		length -= (size_t)sent;
	}
}

static inline void pair_pass(struct pair *pair)
{
	char bytes[16384];
	size_t length;
	while ((length = pair_form(pair, bytes, sizeof(bytes))) > 0)
		pair_send_raw(pair, bytes, length);
}

static inline void pair_write(struct pair *pair, const char *bytes, size_t length)
{
	pair_demand(SSL_write(pair->peer, bytes, (int)length) == (int)length, "the peer can't write");
	pair_pass(pair);
}

/* One step of the peer's handshake. False: it met a fault. */
static inline bool pair_shake(struct pair *pair)
{
	pair_take(pair);
	int done = SSL_do_handshake(pair->peer);
	bool fine = done > 0 || SSL_get_error(pair->peer, done) != SSL_ERROR_SSL;
	ERR_clear_error();
	return fine;
}

/* And what it is to say. */
static inline void pair_shake_peer(struct pair *pair)
{
	pair_shake(pair);
	pair_pass(pair);
}

/* Until nothing moves any more. */
static inline void pair_run(struct pair *pair)
{
	for (int i = 0; i < 12; i++) {
		pair_shake_peer(pair);
		pair_turn(pair);
	}
	pair_take(pair);
}

static inline void pair_open(struct pair *pair, struct pair_kind kind)
{
	pair_init(pair, kind);
	pair_begin(pair, NULL, 0);
	pair_run(pair);
	pair_demand(secure_is_set_up(&pair->conn) && secure_fault(&pair->conn) == SECURE_FINE, "no handshake");
	pair_demand(pair->ready >= 1, "the owner was not told of the handshake");
}

static inline void pair_hang_up(struct pair *pair)
{
	close(pair->fd);
	pair->fd = -1;
}

static inline void pair_close(struct pair *pair)
{
	if (conn_is_open(&pair->conn))
		conn_close(&pair->conn, false);
	worker_turn(pair->conn.worker, false);
	worker_turn(pair->conn.worker, false);
	pair_demand(pair->freed == 1, "a connection is not freed, or twice");
	secure_bio_free(&pair->worker);
	if (pair->worker.base)
		event_base_free(pair->worker.base);
	SSL_free(pair->peer);
	SSL_CTX_free(pair->near);
	SSL_CTX_free(pair->far);
	if (pair->fd >= 0)
		close(pair->fd);
}

/* As an owner reads that wants all there is: until it is told that there is nothing. *end is what it was told then. */
static inline size_t pair_read_all(struct pair *pair, char *bytes, size_t size, size_t step, ssize_t *end)
{
	size_t all = 0;
	*end = CONN_AGAIN;
	for (int idle = 0; idle < 3; idle++) {
		pair_turn(pair);
		while (pair->conn.readable && all < size) {
			ssize_t got = conn_read(&pair->conn, bytes + all, step < size - all ? step : size - all);
			pair_demand(ERR_peek_error() == 0, "an error is left with the library");
			if (got == 0 || got == CONN_ERROR) {
				*end = got;
				return all;
			}
			if (got <= 0)
				break;
			all += (size_t)got;
			conn_read_on(&pair->conn);
		}
		if (pair->conn.queued)
			idle = 0;
	}
	return all;
}

/* What the peer reads of ours; what SSL_get_error says of its last read. */
static inline size_t pair_read_peer(struct pair *pair, char *bytes, size_t size, int *end)
{
	size_t all = 0;
	int got;
	pair_take(pair);
	while (all < size && (got = SSL_read(pair->peer, bytes + all, (int)(size - all))) > 0)
		all += (size_t)got;
	*end = all < size ? SSL_get_error(pair->peer, got) : SSL_ERROR_NONE;
	ERR_clear_error();
	return all;
}

/* Bytes that tell their place. */
static inline void pair_fill(char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = (char)(i * 131u + (i >> 8) * 17u + (i >> 16));
}

/* A test for each side and version. */
static const struct pair_kind pair_kinds[] = {{true, TLS1_3_VERSION}, {true, TLS1_2_VERSION}, {false, TLS1_3_VERSION}, {false, TLS1_2_VERSION}};

static inline void pair_for_each(void (*test)(struct pair_kind kind))
{
	for (size_t i = 0; i < sizeof(pair_kinds) / sizeof(pair_kinds[0]); i++)
		test(pair_kinds[i]);
}

#endif
