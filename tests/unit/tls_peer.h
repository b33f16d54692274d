/* A scripted server of TLS for tests, on the loop of the test: it has the context that the test gives it, says fixed bytes to every request, and keeps what it was told.
 *
 * TLS is over memory here, so that a PROXY protocol header can be in front of it. */
#ifndef TEAL_TESTS_UNIT_TLS_PEER_H
#define TEAL_TESTS_UNIT_TLS_PEER_H

#include "tests/unit/certificates.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/addr.h"

/* What the server does behind its answer (and without one behind the request). */
enum tls_peer_end {
	TLS_PEER_STAYS,
	TLS_PEER_ENDS, /* close_notify and FIN */
	TLS_PEER_CUTS, /* FIN */
};

struct tls_peer;

struct tls_peer_link {
	struct tls_peer *peer;
	struct tls_peer_link *next;
	struct bufferevent *socket;
	SSL *ssl;
	BIO *in, *out;
	bool introduced, known, leaving;
	bool failed;
};

struct tls_peer {
	struct event_base *loop;
	struct evconnlistener *listener;
	struct tls_peer_link *links;
	struct addr addr;
	SSL_CTX *context;   /* the test's */
	const char *answer; /* NULL: none */
	enum tls_peer_end end;
	bool introduces; /* a PROXY protocol header comes first */
	unsigned accepted, shaken, answered;
	/* of the newest connection or request */
	char introduction[128];
	size_t introduction_length;
	char name[256], protocol[32]; /* asked for by SNI, agreed on by ALPN; "" none */
	char subject[64];             /* of the certificate that was shown; "" none */
	bool resumed;
	char request[2048];
};

static inline SSL_CTX *tls_peer_context(const struct issued *shown)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_security_level(context, 0);
	SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
	assert_true(SSL_CTX_use_certificate(context, shown->certificate) && SSL_CTX_use_PrivateKey(context, shown->key));
	assert_true(SSL_CTX_set_session_id_context(context, (const unsigned char *)"p", 1));
	return context;
}

static inline void tls_peer_drop(struct tls_peer_link *link)
{
	struct tls_peer_link **place = &link->peer->links;
	while (*place != link)
		place = &(*place)->next;
	*place = link->next;
	bufferevent_free(link->socket);
	SSL_free(link->ssl);
	free(link);
}

static inline void tls_peer_flush(struct tls_peer_link *link)
{
	char bytes[4096];
	int length;
	while ((length = BIO_read(link->out, bytes, sizeof(bytes))) > 0)
		bufferevent_write(link->socket, bytes, (size_t)length);
}

/* The connection ends once what was written is sent. */
static inline void tls_peer_leave(struct tls_peer_link *link)
{
	link->leaving = true;
	if (evbuffer_get_length(bufferevent_get_output(link->socket)) == 0)
		tls_peer_drop(link);
}

/* The client ends it when it was told of the fault: an end of ours could overtake that. */
static inline void tls_peer_fail(struct tls_peer_link *link)
{
	link->failed = true;
	if (evbuffer_get_length(bufferevent_get_output(link->socket)) == 0)
		tls_peer_drop(link);
}

static inline void tls_peer_know(struct tls_peer_link *link)
{
	struct tls_peer *peer = link->peer;
	const char *name = SSL_get_servername(link->ssl, TLSEXT_NAMETYPE_host_name);
	const unsigned char *protocol;
	unsigned length;
	X509 *shown = SSL_get0_peer_certificate(link->ssl);
	SSL_get0_alpn_selected(link->ssl, &protocol, &length);
	snprintf(peer->name, sizeof(peer->name), "%s", name ? name : "");
	snprintf(peer->protocol, sizeof(peer->protocol), "%.*s", (int)length, protocol ? (const char *)protocol : "");
	peer->subject[0] = '\0';
	if (shown)
		X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, peer->subject, sizeof(peer->subject));
	peer->resumed = SSL_session_reused(link->ssl);
	peer->shaken++;
	link->known = true;
}

static inline void tls_peer_answer(struct tls_peer_link *link)
{
	struct tls_peer *peer = link->peer;
	if (peer->answer)
		assert_true(SSL_write(link->ssl, peer->answer, (int)strlen(peer->answer)) > 0);
	peer->answered++;
	if (peer->end == TLS_PEER_ENDS)
		SSL_shutdown(link->ssl);
	tls_peer_flush(link);
	if (peer->end != TLS_PEER_STAYS)
		tls_peer_leave(link);
}

/* Requests of the tests come as one record, and have no body. */
static inline void tls_peer_take(struct tls_peer_link *link)
{
	struct tls_peer *peer = link->peer;
	int length = SSL_read(link->ssl, peer->request, sizeof(peer->request) - 1);
	bool ended = SSL_get_shutdown(link->ssl) & SSL_RECEIVED_SHUTDOWN;
	if (length > 0)
		peer->request[length] = '\0';
	tls_peer_flush(link);
	if (length > 0)
		tls_peer_answer(link);
	else if (ended)
		tls_peer_drop(link);
}

static inline void tls_peer_go_on(struct tls_peer_link *link)
{
	ERR_clear_error();
	int result = SSL_do_handshake(link->ssl), error = SSL_get_error(link->ssl, result);
	tls_peer_flush(link);
	if (result == 1 && !link->known)
		tls_peer_know(link);
	if (result == 1)
		tls_peer_take(link);
	else if (error != SSL_ERROR_WANT_READ)
		tls_peer_fail(link);
	ERR_clear_error();
}

/* False while the header is not there as a whole. */
static inline bool tls_peer_meet(struct tls_peer_link *link, struct evbuffer *input)
{
	struct tls_peer *peer = link->peer;
	unsigned char *first = evbuffer_pullup(input, 16);
	struct evbuffer_ptr end = evbuffer_search(input, "\r\n", 2, NULL);
	if (link->introduced || !peer->introduces)
		return true;
	if (!first || end.pos < 0)
		return false;
	size_t length = first[0] == '\r' ? 16 : (size_t)end.pos + 2;
	assert_true(length < sizeof(peer->introduction));
	evbuffer_remove(input, peer->introduction, length);
	peer->introduction[length] = '\0';
	peer->introduction_length = length;
	link->introduced = true;
	return true;
}

static inline void tls_peer_on_read(struct bufferevent *socket, void *arg)
{
	struct tls_peer_link *link = arg;
	struct evbuffer *input = bufferevent_get_input(socket);
	char bytes[4096];
	int length;
	if (!tls_peer_meet(link, input))
		return;
	while ((length = evbuffer_remove(input, bytes, sizeof(bytes))) > 0)
		BIO_write(link->in, bytes, length);
	if (!link->leaving && !link->failed)
		tls_peer_go_on(link);
}

static inline void tls_peer_on_written(struct bufferevent *socket, void *arg)
{
	struct tls_peer_link *link = arg;
	(void)socket;
	if (link->leaving)
		tls_peer_drop(link);
}

static inline void tls_peer_on_event(struct bufferevent *socket, short what, void *arg)
{
	(void)socket;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		tls_peer_drop(arg);
}

static inline void tls_peer_on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int length, void *arg)
{
	(void)listener, (void)from, (void)length;
	struct tls_peer *peer = arg;
	struct tls_peer_link *link = calloc(1, sizeof(*link));
	link->peer = peer;
	link->next = peer->links;
	peer->links = link;
	link->ssl = SSL_new(peer->context);
	link->in = BIO_new(BIO_s_mem());
	link->out = BIO_new(BIO_s_mem());
	SSL_set_bio(link->ssl, link->in, link->out);
	SSL_set_accept_state(link->ssl);
	link->socket = bufferevent_socket_new(peer->loop, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(link->socket, tls_peer_on_read, tls_peer_on_written, tls_peer_on_event, link);
	bufferevent_enable(link->socket, EV_READ | EV_WRITE);
	peer->accepted++;
}

static inline int tls_peer_choose(SSL *ssl, const unsigned char **out, unsigned char *length, const unsigned char *offered, unsigned size, void *arg)
{
	(void)ssl, (void)arg;
	unsigned char *chosen;
	int found = SSL_select_next_proto(&chosen, length, (const unsigned char *)"\x08http/1.1", 9, offered, size);
	*out = chosen;
	return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static inline void tls_peer_listen(struct tls_peer *peer, struct event_base *loop, const struct sockaddr *at, socklen_t length)
{
	struct sockaddr_storage bound;
	socklen_t bound_length = sizeof(bound);
	peer->loop = loop;
	SSL_CTX_set_alpn_select_cb(peer->context, tls_peer_choose, NULL);
	peer->listener = evconnlistener_new_bind(loop, tls_peer_on_accept, peer, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 16, at, (int)length);
	assert_non_null(peer->listener);
	getsockname(evconnlistener_get_fd(peer->listener), (struct sockaddr *)&bound, &bound_length);
	addr_from_socket((const struct sockaddr *)&bound, bound_length, &peer->addr);
}

/* On a free port of the loopback. */
static inline void tls_peer_open(struct tls_peer *peer, struct event_base *loop)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	tls_peer_listen(peer, loop, (const struct sockaddr *)&at, sizeof(at));
}

static inline void tls_peer_close(struct tls_peer *peer)
{
	while (peer->links)
		tls_peer_drop(peer->links);
	evconnlistener_free(peer->listener);
	SSL_CTX_free(peer->context);
}

#endif
