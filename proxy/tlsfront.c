/* A listener's contexts of OpenSSL's, one for each pair of certificates that names have in common, and the index of names. A ClientHello is looked at before OpenSSL looks for a session in it (the callback for the server's name
 * comes too late for that), so that what a session was made for is compared with what is asked for now. Reads no file. */
#include "proxy/tlsfront.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/peername.h"
#include "proxy/authorities.h"
#include "proxy/certificate.h"
#include "proxy/ticket.h"
#include "proxy/tlsfront_index.h"
#include "proxy/tlsprofile.h"

#define LONGEST_NAME 255 /* that OpenSSL takes in a ClientHello */

struct tlsfront {
	atomic_uint references;
	struct tlsfront_index *index;
	SSL_CTX **contexts; /* of each pair of the index */
	bool strict_sni, asks_clients;
	unsigned char *protocols; /* as ALPN has them on the wire */
	unsigned protocols_length;
	struct ticket *tickets;                   /* NULL: none */
	uint8_t settings[TLSPROFILE_DIGEST_SIZE]; /* what sessions are made for, but for the name */
};

/* Where an SSL has its tlsfront, which it holds. */
static int front_index;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void on_ssl_free(void *ssl, void *front, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
	(void)ssl, (void)data, (void)index, (void)argl, (void)argp;
	if (front)
		tlsfront_release(front);
}

static void take_index(void)
{
	front_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_ssl_free);
}

/* ---- a ClientHello ---- */

/* The bytes of server_name (RFC 6066 section 3). What is malformed has none: OpenSSL refuses it when it reads the extension itself. */
static size_t read_server_name(SSL *ssl, const unsigned char **name)
{
	const unsigned char *bytes;
	size_t length;
	if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &length) || length < 5 || bytes[2] != TLSEXT_NAMETYPE_host_name)
		return 0;
	size_t list = (size_t)bytes[0] << 8 | bytes[1], host = (size_t)bytes[3] << 8 | bytes[4];
	*name = bytes + 5;
	return list == length - 2 && host == length - 5 && host <= LONGEST_NAME ? host : 0;
}

/* From here on no session of another name, listener or demand on clients is resumed. */
static bool enter(struct tlsfront *front, SSL *ssl, size_t pair, const void *name, size_t length)
{
	uint8_t identity[TLSPROFILE_DIGEST_SIZE];
	const struct iovec parts[] = {{front->settings, sizeof(front->settings)}, {(void *)name, length}};
	return tlsprofile_digest(parts, 2, identity) && SSL_set_SSL_CTX(ssl, front->contexts[pair]) &&
	       SSL_set_session_id_context(ssl, identity, sizeof(identity));
}

static int on_client_hello(SSL *ssl, int *alert, void *unused)
{
	(void)unused;
	struct tlsfront *front = SSL_get_ex_data(ssl, front_index);
	const unsigned char *asked = NULL;
	char folded[PEERNAME_SIZE];
	size_t length = read_server_name(ssl, &asked), pair = 0;
	bool known = length > 0 && peername_fold((const char *)asked, length, false, folded);
	if (!(known && tlsfront_index_find(front->index, folded, &pair)) && front->strict_sni) {
		*alert = SSL_AD_UNRECOGNIZED_NAME;
		return SSL_CLIENT_HELLO_ERROR;
	}
	if (enter(front, ssl, pair, known ? (const void *)folded : asked, known ? strlen(folded) : length))
		return SSL_CLIENT_HELLO_SUCCESS;
	*alert = SSL_AD_INTERNAL_ERROR;
	return SSL_CLIENT_HELLO_ERROR;
}

/* The name was used (RFC 6066 section 3), so a session keeps it: SSL_get_servername knows it when the session is resumed. */
static int on_server_name(SSL *ssl, int *alert, void *unused)
{
	(void)ssl, (void)alert, (void)unused;
	return SSL_TLSEXT_ERR_OK;
}

static int on_protocols(
	SSL *ssl, const unsigned char **chosen, unsigned char *chosen_length, const unsigned char *offered, unsigned offered_length, void *context)
{
	(void)ssl;
	const struct tlsfront *front = context;
	unsigned char *found;
	if (SSL_select_next_proto(&found, chosen_length, front->protocols, front->protocols_length, offered, offered_length) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*chosen = found;
	return SSL_TLSEXT_ERR_OK;
}

/* ---- tickets ---- */

/* With TLS 1.3 a client uses a ticket once (RFC 8446 appendix C.4), so it gets a new one each time. */
static int on_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seal)
{
	const struct tlsfront *front = SSL_get_ex_data(ssl, front_index);
	int result = ticket_apply(front->tickets, name, iv, cipher, mac, seal);
	return !seal && result == 1 && SSL_version(ssl) >= TLS1_3_VERSION ? 2 : result;
}

/* A client's certificate is not verified anew when a session is resumed: so that its last day ends the session, too. */
static SSL_TICKET_RETURN on_ticket_opened(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t length, SSL_TICKET_STATUS status, void *unused)
{
	(void)ssl, (void)name, (void)length, (void)unused;
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	X509 *peer = SSL_SESSION_get0_peer(session);
	if (peer && X509_cmp_current_time(X509_get0_notAfter(peer)) <= 0)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

static void set_tickets(const struct tlsfront *front, SSL_CTX *context)
{
	SSL_CTX_set_timeout(context, TICKET_LIFETIME_S);
	if (!front->tickets) {
		SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
		SSL_CTX_set_num_tickets(context, 0);
		return;
	}
	SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket_key);
	if (front->asks_clients)
		SSL_CTX_set_session_ticket_cb(context, NULL, on_ticket_opened, NULL);
}

/* ---- making one ---- */

static bool set_clients(SSL_CTX *context, const struct tlsfront_spec *spec, struct err *err)
{
	if (spec->clients == TLSFRONT_CLIENTS_UNASKED)
		return true;
	STACK_OF(X509_NAME) *names = SSL_dup_CA_list(spec->authorities->names);
	if (!names)
		return err_set(err, "OpenSSL ran out of memory");
	SSL_CTX_set_client_CA_list(context, names);
	SSL_CTX_set1_cert_store(context, spec->authorities->store);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (spec->clients == TLSFRONT_CLIENTS_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
	return true;
}

static SSL_CTX *make_context(struct tlsfront *front, const struct tlsfront_spec *spec, const struct tlsfront_pair *pair, struct err *err)
{
	SSL_CTX *context = tlsprofile_new(TLS_server_method(), spec->minimum == TLSFRONT_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION, err);
	if (!context)
		return NULL;
	SSL_CTX_set_client_hello_cb(context, on_client_hello, NULL);
	SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
	if (front->protocols_length > 0)
		SSL_CTX_set_alpn_select_cb(context, on_protocols, front);
	set_tickets(front, context);
	bool shown = (!pair->ecdsa || tlsprofile_show(context, pair->ecdsa, err)) && (!pair->rsa || tlsprofile_show(context, pair->rsa, err));
	if (shown && set_clients(context, spec, err))
		return context;
	SSL_CTX_free(context);
	return NULL;
}

static bool make_contexts(struct tlsfront *front, const struct tlsfront_spec *spec, struct err *err)
{
	size_t count = tlsfront_index_pairs(front->index);
	front->contexts = memory_array(count, sizeof(SSL_CTX *));
	for (size_t i = 0; i < count; i++) {
		front->contexts[i] = make_context(front, spec, tlsfront_index_pair(front->index, i), err);
		if (!front->contexts[i])
			return false;
	}
	return true;
}

static void note_protocols(struct tlsfront *front, const struct tlsfront_spec *spec)
{
	size_t length = 0, at = 0;
	for (size_t i = 0; i < spec->protocol_count; i++)
		length += 1 + strlen(spec->protocols[i]);
	front->protocols = memory_new(length + 1);
	front->protocols_length = (unsigned)length;
	for (size_t i = 0; i < spec->protocol_count; i++) {
		size_t one = strlen(spec->protocols[i]);
		assert(one > 0 && one < 256);
		front->protocols[at] = (unsigned char)one;
		memcpy(front->protocols + at + 1, spec->protocols[i], one);
		at += 1 + one;
	}
}

static bool note_settings(struct tlsfront *front, const struct tlsfront_spec *spec, struct err *err)
{
	char start[] = "front", clients = (char)('0' + (int)spec->clients);
	const struct iovec parts[] = {
		{start, sizeof(start)},
		{(void *)spec->listener, strlen(spec->listener)},
		{&clients, 1},
		{spec->authorities ? (void *)spec->authorities->hash : NULL, spec->authorities ? AUTHORITIES_HASH_SIZE : 0},
	};
	return tlsprofile_digest(parts, sizeof(parts) / sizeof(parts[0]), front->settings) || err_set(err, "OpenSSL ran out of memory");
}

struct tlsfront *tlsfront_new(const struct tlsfront_spec *spec, struct err *err)
{
	assert(spec->certificate_count > 0 && (spec->clients == TLSFRONT_CLIENTS_UNASKED) == (spec->authorities == NULL));
	struct tlsfront *front = memory_new(sizeof(*front));
	pthread_once(&once, take_index);
	atomic_init(&front->references, 1);
	front->strict_sni = spec->strict_sni;
	front->asks_clients = spec->clients != TLSFRONT_CLIENTS_UNASKED;
	front->index = tlsfront_index_new(spec->certificates, spec->certificate_count);
	front->tickets = spec->tickets;
	if (front->tickets)
		ticket_hold(front->tickets);
	note_protocols(front, spec);
	if (note_settings(front, spec, err) && make_contexts(front, spec, err))
		return front;
	tlsfront_release(front);
	return NULL;
}

void tlsfront_hold(struct tlsfront *front)
{
	atomic_fetch_add_explicit(&front->references, 1, memory_order_relaxed);
}

static void free_front(struct tlsfront *front)
{
	for (size_t i = 0; front->contexts && i < tlsfront_index_pairs(front->index); i++)
		SSL_CTX_free(front->contexts[i]);
	free(front->contexts);
	tlsfront_index_free(front->index);
	if (front->tickets)
		ticket_release(front->tickets);
	free(front->protocols);
	free(front);
}

void tlsfront_release(struct tlsfront *front)
{
	unsigned before = atomic_fetch_sub_explicit(&front->references, 1, memory_order_acq_rel);
	assert(before > 0);
	if (before == 1)
		free_front(front);
}

/* ---- a connection ---- */

SSL *tlsfront_open(struct tlsfront *front)
{
	SSL *ssl = SSL_new(front->contexts[0]);
	if (!ssl || !SSL_set_ex_data(ssl, front_index, front)) {
		SSL_free(ssl);
		ERR_clear_error();
		return NULL;
	}
	tlsfront_hold(front);
	SSL_set_accept_state(ssl);
	return ssl;
}
