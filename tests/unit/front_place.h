/* A listener's side with four certificates, and clients of any kind that shake hands with it over memory. */
#ifndef TEAL_TESTS_UNIT_FRONT_PLACE_H
#define TEAL_TESTS_UNIT_FRONT_PLACE_H

#include "tests/unit/certificates.h"
#include "tests/unit/handshake.h"

#include "proxy/authorities.h"
#include "proxy/certificate.h"
#include "proxy/ticket.h"
#include "proxy/tlsfront.h"

/* ---- a place with an authority, four certificates and those of clients ---- */

enum { FIRST, WILDCARD, RSA_ONE, ECDSA_ONE, CERTIFICATES };

struct place {
	struct scratch *scratch;
	struct issued root, middle, stranger;
	struct certificate *certificates[CERTIFICATES];
	struct authorities *authorities, *others;
	struct ticket *ticket;
	SSL_CTX *client;
};

/* With the middle one behind it, or alone. */
static inline struct certificate *make_with(struct place *place, const char *names, const char *kind, unsigned number, bool alone)
{
	struct err err;
	struct issued leaf = certificates_issue(&(struct wish){.subject = "x", .names = names, .kind = kind}, &place->middle, number);
	scratch_rewrite(place->scratch, "site.pem", "");
	certificates_append(place->scratch, "site.pem", &leaf);
	if (!alone)
		certificates_append(place->scratch, "site.pem", &place->middle);
	certificates_write_key(place->scratch, "site.key", leaf.key);
	certificates_drop(&leaf);
	struct certificate *made = certificate_load(&(struct certificate_spec){scratch_name(place->scratch, "site.pem"),
							    scratch_name(place->scratch, "site.key"), CERTIFICATE_OF_SERVER, time(NULL), .any_time = false},
		&err);
	if (!made)
		fail_msg("%s", err.text);
	return made;
}

static inline struct certificate *make_certificate(struct place *place, const char *names, const char *kind, unsigned number)
{
	return make_with(place, names, kind, number, false);
}

static inline struct authorities *make_authorities(struct place *place, const struct issued *first, const struct issued *second)
{
	struct err err;
	scratch_rewrite(place->scratch, "ca.pem", "");
	certificates_append(place->scratch, "ca.pem", first);
	if (second)
		certificates_append(place->scratch, "ca.pem", second);
	struct authorities *made = authorities_load(scratch_name(place->scratch, "ca.pem"), &err);
	if (!made)
		fail_msg("%s", err.text);
	return made;
}

static inline int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	void *scratch;
	scratch_set_up(&scratch);
	place->scratch = scratch;
	place->root = certificates_issue(&(struct wish){.subject = "root", .authority = true}, NULL, 100);
	place->middle = certificates_issue(&(struct wish){.subject = "middle", .authority = true}, &place->root, 101);
	place->stranger = certificates_issue(&(struct wish){.subject = "stranger", .authority = true}, NULL, 102);
	place->certificates[FIRST] = make_certificate(place, "DNS:first.example,DNS:www.example.com", "RSA-2048", 1);
	place->certificates[WILDCARD] = make_certificate(place, "DNS:*.example.com,DNS:example.com", "P-256", 1);
	place->certificates[RSA_ONE] = make_certificate(place, "DNS:both.example,DNS:rsa.example", "RSA-2048", 2);
	place->certificates[ECDSA_ONE] = make_certificate(place, "DNS:both.example,DNS:ecdsa.example,DNS:*.deep.example", "P-384", 2);
	place->authorities = make_authorities(place, &place->root, NULL);
	place->others = make_authorities(place, &place->root, &place->stranger);
	place->ticket = ticket_new(0);
	place->client = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_session_cache_mode(place->client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	*state = place;
	return 0;
}

static inline int tear_down(void **state)
{
	struct place *place = *state;
	void *scratch = place->scratch;
	for (size_t i = 0; i < CERTIFICATES; i++)
		certificate_release(place->certificates[i]);
	authorities_free(place->authorities);
	authorities_free(place->others);
	ticket_release(place->ticket);
	SSL_CTX_free(place->client);
	certificates_drop(&place->root);
	certificates_drop(&place->middle);
	certificates_drop(&place->stranger);
	scratch_tear_down(&scratch);
	free(place);
	return 0;
}

static inline struct tlsfront_spec usual(const struct place *place)
{
	static const char *const protocols[] = {"http/1.1"};
	return (struct tlsfront_spec){
		.listener = "0.0.0.0:443",
		.certificates = place->certificates,
		.certificate_count = CERTIFICATES,
		.protocols = protocols,
		.protocol_count = 1,
		.tickets = place->ticket,
	};
}

static inline struct tlsfront *make(const struct tlsfront_spec *spec)
{
	struct err err;
	struct tlsfront *front = tlsfront_new(spec, &err);
	if (!front)
		fail_msg("%s", err.text);
	return front;
}

/* What a client says. NULL and 0: what OpenSSL does by itself. */
struct hello {
	const char *name;
	int version;         /* the only one */
	const char *ciphers; /* of TLS 1.2 */
	const char *suites;  /* of TLS 1.3 */
	const char *signatures, *groups;
	const char *protocols; /* as on the wire */
	const struct issued *shown;
	SSL_SESSION *session;
};

static inline SSL *make_client(const struct place *place, const struct hello *hello)
{
	SSL *ssl = SSL_new(place->client);
	SSL_set_connect_state(ssl);
	SSL_set_security_level(ssl, 0);
	if (hello->version)
		assert_true(SSL_set_min_proto_version(ssl, hello->version) && SSL_set_max_proto_version(ssl, hello->version));
	if (hello->name)
		assert_true(SSL_set_tlsext_host_name(ssl, hello->name));
	if (hello->ciphers)
		assert_true(SSL_set_cipher_list(ssl, hello->ciphers));
	if (hello->suites)
		assert_true(SSL_set_ciphersuites(ssl, hello->suites));
	if (hello->signatures)
		assert_true(SSL_set1_sigalgs_list(ssl, hello->signatures));
	if (hello->groups)
		assert_true(SSL_set1_groups_list(ssl, hello->groups));
	if (hello->protocols)
		assert_int_equal(SSL_set_alpn_protos(ssl, (const unsigned char *)hello->protocols, (unsigned)strlen(hello->protocols)), 0);
	if (hello->shown)
		assert_true(SSL_use_certificate(ssl, hello->shown->certificate) && SSL_use_PrivateKey(ssl, hello->shown->key));
	if (hello->session)
		assert_true(SSL_set_session(ssl, hello->session));
	return ssl;
}

static inline struct handshake shake(const struct place *place, struct tlsfront *front, const struct hello *hello)
{
	struct handshake shake = handshake_begin(make_client(place, hello), tlsfront_open(front));
	handshake_run(&shake);
	return shake;
}

/* Whether it is good; else the server's alert. */
static inline int shake_once(const struct place *place, struct tlsfront *front, const struct hello *hello)
{
	struct handshake done = shake(place, front, hello);
	int result = done.good ? NO_ALERT : done.server_said;
	assert_true(done.good || done.server_said != NO_ALERT);
	handshake_end(&done);
	return result;
}

/* Which certificate the client was shown. */
static inline int shown_to(const struct place *place, struct tlsfront *front, const struct hello *hello)
{
	struct handshake done = shake(place, front, hello);
	int found = -1;
	assert_true(done.good);
	for (int i = 0; i < CERTIFICATES; i++)
		if (X509_cmp(SSL_get0_peer_certificate(done.client), place->certificates[i]->leaf) == 0)
			found = i;
	assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(done.client)), 2);
	handshake_end(&done);
	return found;
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

#endif
