/* TLS at a party's end. Test's thread. */
#include "tests/fuzz/exchange/veil.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "proxy/certificate.h"
#include "proxy/manners.h"
#include "proxy/ticket.h"
#include "proxy/tlsback.h"
#include "proxy/tlsfront.h"

#define RECORD_MOST 4096u

struct veil {
	SSL *ssl;
	BIO *in, *out;
	bool heard_end;
};

static SSL_CTX *servers, *clients; /* the parties' */
static struct manners *manners;    /* the worker's */
static struct tlsback *back;

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static X509 *make_certificate(EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	demand(key && certificate);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 365 * 86400l);
	X509_set_pubkey(certificate, key);
	demand(X509_sign(certificate, key, EVP_sha256()) > 0);
	return certificate;
}

static struct manners *make_manners(X509 *leaf, EVP_PKEY *key)
{
	static char name[] = "shop.example", *names[] = {name};
	struct err err;
	struct certificate shown = {
		.references = 1, .leaf = leaf, .chain = sk_X509_new_null(), .key = key, .kind = CERTIFICATE_ECDSA, .names = names, .name_count = 1};
	struct certificate *certificates[] = {&shown};
	struct tlsfront_spec spec = {.listener = "fuzz", .certificates = certificates, .certificate_count = 1, .tickets = ticket_new(0)};
	struct manner manner = {.front = tlsfront_new(&spec, &err)};
	demand(manner.front != NULL);
	struct manners *made = manners_new(&manner, 1, NULL);
	tlsfront_release(manner.front);
	ticket_release(spec.tickets);
	sk_X509_free(shown.chain);
	return made;
}

static void make_all(void)
{
	struct err err;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = make_certificate(key);
	servers = SSL_CTX_new(TLS_server_method());
	clients = SSL_CTX_new(TLS_client_method());
	demand(servers && clients && SSL_CTX_use_certificate(servers, certificate) == 1 && SSL_CTX_use_PrivateKey(servers, key) == 1);
	manners = make_manners(certificate, key);
	back = tlsback_new(&(struct tlsback_spec){.verify = false}, &err);
	demand(back != NULL);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

struct manners *veil_manners(void)
{
	if (!manners)
		make_all();
	return manners;
}

struct tlsback *veil_back(void)
{
	if (!back)
		make_all();
	return back;
}

struct veil *veil_open(bool server)
{
	if (!clients)
		make_all();
	struct veil *veil = calloc(1, sizeof(*veil));
	demand(veil != NULL);
	veil->ssl = SSL_new(server ? servers : clients);
	veil->in = BIO_new(BIO_s_mem());
	veil->out = BIO_new(BIO_s_mem());
	demand(veil->ssl && veil->in && veil->out);
	BIO_set_mem_eof_return(veil->in, -1);
	SSL_set_bio(veil->ssl, veil->in, veil->out);
	if (server)
		SSL_set_accept_state(veil->ssl);
	else
		SSL_set_connect_state(veil->ssl);
	return veil;
}

void veil_close(struct veil *veil)
{
	if (veil)
		SSL_free(veil->ssl);
	free(veil);
}

void veil_put(struct veil *veil, const char *bytes, size_t length)
{
	demand(BIO_write(veil->in, bytes, (int)length) == (int)length);
}

size_t veil_read(struct veil *veil, char *bytes, size_t size)
{
	bool before = (SSL_get_shutdown(veil->ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
	int got = SSL_read(veil->ssl, bytes, (int)size);
	/* Behind an alert of a fault the library says the same as behind an end. */
	veil->heard_end |= !before && got <= 0 && SSL_get_error(veil->ssl, got) == SSL_ERROR_ZERO_RETURN;
	ERR_clear_error();
	return got > 0 ? (size_t)got : 0;
}

bool veil_heard_end(const struct veil *veil)
{
	return veil->heard_end;
}

void veil_shake(struct veil *veil)
{
	if (!SSL_is_init_finished(veil->ssl))
		SSL_do_handshake(veil->ssl);
	ERR_clear_error();
}

size_t veil_seal(struct veil *veil, const char *bytes, size_t length)
{
	if (!SSL_is_init_finished(veil->ssl))
		return 0;
	int sealed = SSL_write(veil->ssl, bytes, (int)(length < RECORD_MOST ? length : RECORD_MOST));
	ERR_clear_error();
	return sealed > 0 ? (size_t)sealed : 0;
}

void veil_end(struct veil *veil)
{
	if (SSL_is_init_finished(veil->ssl))
		SSL_shutdown(veil->ssl);
	ERR_clear_error();
}

size_t veil_find(struct veil *veil, char **bytes)
{
	return (size_t)BIO_get_mem_data(veil->out, bytes);
}

void veil_forget(struct veil *veil, size_t length)
{
	char bytes[4096];
	while (length > 0) {
		int got = BIO_read(veil->out, bytes, (int)(length < sizeof(bytes) ? length : sizeof(bytes)));
		demand(got > 0);
		length -= (size_t)got;
	}
}
