/* A certificate, the worker's settings, the other ends. Test's thread. Verifies nobody. */
#include "bench/guard_tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "proxy/certificate.h"
#include "proxy/ticket.h"
#include "proxy/tlsback.h"
#include "proxy/tlsfront.h"

#define NAME "localhost"
#define SUITE "TLS_AES_128_GCM_SHA256"
#define HOUR_S 3600L

static struct guard_tls {
	EVP_PKEY *key;
	X509 *leaf;
	STACK_OF(X509) * chain;
	struct ticket *tickets;
	struct tlsfront *front;
	struct tlsback *back;
	SSL_CTX *client, *server;
} own;

/* Signed by itself. */
static X509 *make_certificate(EVP_PKEY *key)
{
	X509 *leaf = X509_new();
	X509_NAME *name = leaf ? X509_get_subject_name(leaf) : NULL;
	bool made = name && X509_set_version(leaf, X509_VERSION_3) && ASN1_INTEGER_set(X509_get_serialNumber(leaf), 1) &&
		    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)NAME, -1, -1, 0) && X509_set_issuer_name(leaf, name) &&
		    X509_gmtime_adj(X509_getm_notBefore(leaf), -HOUR_S) && X509_gmtime_adj(X509_getm_notAfter(leaf), HOUR_S) && X509_set_pubkey(leaf, key) &&
		    X509_sign(leaf, key, EVP_sha256()) > 0;
	if (made)
		return leaf;
	X509_free(leaf);
	return NULL;
}

static bool open_worker_side(struct err *err)
{
	char name[] = NAME, text[] = "ECDSA with P-256", *names[] = {name};
	struct certificate certificate = {.references = 1,
		.leaf = own.leaf,
		.chain = own.chain,
		.key = own.key,
		.kind = CERTIFICATE_ECDSA,
		.key_text = text,
		.names = names,
		.name_count = 1};
	struct certificate *certificates[] = {&certificate};
	own.tickets = ticket_new(0);
	own.front =
		tlsfront_new(&(struct tlsfront_spec){.listener = "guard", .certificates = certificates, .certificate_count = 1, .tickets = own.tickets}, err);
	own.back = tlsback_new(&(struct tlsback_spec){.verify = false, .name = NAME}, err);
	return own.front && own.back;
}

static SSL_CTX *make_context(const SSL_METHOD *method)
{
	SSL_CTX *context = SSL_CTX_new(method);
	if (context && SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) && SSL_CTX_set_ciphersuites(context, SUITE))
		return context;
	SSL_CTX_free(context);
	return NULL;
}

static bool open_other_ends(void)
{
	own.client = make_context(TLS_client_method());
	own.server = make_context(TLS_server_method());
	return own.client && own.server && SSL_CTX_use_cert_and_key(own.server, own.leaf, own.key, NULL, 1) == 1;
}

const char *guard_tls_open(void)
{
	static struct err err;
	own.key = EVP_EC_gen("P-256");
	own.leaf = own.key ? make_certificate(own.key) : NULL;
	own.chain = sk_X509_new_null();
	if (!own.leaf || !own.chain || !open_other_ends())
		return ERR_reason_error_string(ERR_peek_last_error());
	return open_worker_side(&err) ? NULL : err.text;
}

void guard_tls_close(void)
{
	tlsfront_release(own.front);
	tlsback_release(own.back);
	ticket_release(own.tickets);
	SSL_CTX_free(own.client);
	SSL_CTX_free(own.server);
	sk_X509_free(own.chain);
	X509_free(own.leaf);
	EVP_PKEY_free(own.key);
}

struct tlsfront *guard_tls_front(void)
{
	return own.front;
}

struct tlsback *guard_tls_back(void)
{
	return own.back;
}

static SSL *open_end(SSL_CTX *context, int fd)
{
	SSL *ssl = SSL_new(context);
	if (ssl && SSL_set_fd(ssl, fd))
		return ssl;
	SSL_free(ssl);
	return NULL;
}

SSL *guard_tls_client(int fd)
{
	SSL *ssl = open_end(own.client, fd);
	if (!ssl || !SSL_set_tlsext_host_name(ssl, NAME)) {
		SSL_free(ssl);
		return NULL;
	}
	SSL_set_connect_state(ssl);
	return ssl;
}

SSL *guard_tls_server(int fd)
{
	SSL *ssl = open_end(own.server, fd);
	if (ssl)
		SSL_set_accept_state(ssl);
	return ssl;
}

/* What libc's calls would say. */
static ssize_t result_of(SSL *ssl, int result)
{
	if (result > 0)
		return result;
	int error = SSL_get_error(ssl, result);
	errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
	return error == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

ssize_t guard_tls_hear(SSL *ssl, char *bytes, size_t size)
{
	ERR_clear_error();
	return result_of(ssl, SSL_read(ssl, bytes, (int)size));
}

ssize_t guard_tls_say(SSL *ssl, const char *bytes, size_t length)
{
	ERR_clear_error();
	return result_of(ssl, SSL_write(ssl, bytes, (int)length));
}
