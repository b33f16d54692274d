/* The client's side of TLS: a context of OpenSSL's, and for each connection who is asked for and which session is resumed. That a certificate is good, and has the name, is OpenSSL's to say. */
#include "proxy/tlsback.h"

#include <assert.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/peername.h"
#include "proxy/authorities.h"
#include "proxy/certificate.h"
#include "proxy/tlsprofile.h"

struct tlsback {
	atomic_uint references;
	SSL_CTX *context;
	bool verify;
	char *name;                               /* NULL: each backend's own */
	uint8_t settings[TLSPROFILE_DIGEST_SIZE]; /* all but the name */
};

/* Where an SSL has its slot. */
static int slot_index;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void take_index(void)
{
	slot_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/* ---- sessions ---- */

void tlsback_forget(SSL_SESSION **slot)
{
	SSL_SESSION_free(*slot);
	*slot = NULL;
}

/* 1: the session is ours now. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	SSL_SESSION **slot = SSL_get_ex_data(ssl, slot_index);
	tlsback_forget(slot);
	*slot = session;
	return 1;
}

/* A resumed session verifies nobody anew: so its settings and name must be the same, and the certificate of then must be good still. */
static bool is_fit(const struct tlsback *back, SSL_SESSION *session, const uint8_t identity[TLSPROFILE_DIGEST_SIZE])
{
	unsigned length = 0;
	const unsigned char *made_for = SSL_SESSION_get0_id_context(session, &length);
	X509 *peer = SSL_SESSION_get0_peer(session);
	if (length != TLSPROFILE_DIGEST_SIZE || memcmp(made_for, identity, length) != 0 || !SSL_SESSION_is_resumable(session))
		return false;
	return !back->verify || (peer && X509_cmp_current_time(X509_get0_notAfter(peer)) > 0);
}

static bool resume(const struct tlsback *back, SSL *ssl, SSL_SESSION **slot, const uint8_t identity[TLSPROFILE_DIGEST_SIZE])
{
	if (!*slot)
		return true;
	bool fit = is_fit(back, *slot, identity), set = !fit || SSL_set_session(ssl, *slot);
	if (!fit || SSL_SESSION_get_protocol_version(*slot) >= TLS1_3_VERSION)
		tlsback_forget(slot);
	return set;
}

/* ---- making one ---- */

static bool note_settings(struct tlsback *back, const struct tlsback_spec *spec, struct err *err)
{
	char start[] = "back";
	const struct iovec parts[] = {
		{start, sizeof(start)},
		{spec->verify ? (void *)spec->authorities->hash : NULL,
			spec->verify ? AUTHORITIES_HASH_SIZE : 0}, /* nobody is verified where it has no length */
		{spec->certificate ? (void *)spec->certificate->id : NULL, spec->certificate ? CERTIFICATE_ID_SIZE : 0},
	};
	return tlsprofile_digest(parts, sizeof(parts) / sizeof(parts[0]), back->settings) || err_set(err, "OpenSSL ran out of memory");
}

static bool set_protocols(SSL_CTX *context)
{
	static const unsigned char protocols[] = "\x08http/1.1";
	return SSL_CTX_set_alpn_protos(context, protocols, sizeof(protocols) - 1) == 0;
}

static bool fill_context(struct tlsback *back, const struct tlsback_spec *spec, struct err *err)
{
	SSL_CTX *context = back->context;
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, on_session);
	if (spec->verify) {
		SSL_CTX_set1_cert_store(context, spec->authorities->store);
		SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	}
	if (!set_protocols(context))
		return err_set(err, "OpenSSL ran out of memory");
	return !spec->certificate || tlsprofile_show(context, spec->certificate, err);
}

struct tlsback *tlsback_new(const struct tlsback_spec *spec, struct err *err)
{
	assert(spec->verify == (spec->authorities != NULL));
	struct tlsback *back = memory_new(sizeof(*back));
	pthread_once(&once, take_index);
	atomic_init(&back->references, 1);
	back->verify = spec->verify;
	back->name = memory_text(spec->name);
	back->context = tlsprofile_new(TLS_client_method(), TLS1_2_VERSION, err);
	struct peername peer;
	bool named = !spec->name || peername_read(spec->name, &peer) || err_set(err, "%s is neither a name of DNS nor an address", spec->name);
	if (named && back->context && fill_context(back, spec, err) && note_settings(back, spec, err))
		return back;
	tlsback_release(back);
	return NULL;
}

void tlsback_hold(struct tlsback *back)
{
	atomic_fetch_add_explicit(&back->references, 1, memory_order_relaxed);
}

void tlsback_release(struct tlsback *back)
{
	unsigned before = atomic_fetch_sub_explicit(&back->references, 1, memory_order_acq_rel);
	assert(before > 0);
	if (before > 1)
		return;
	SSL_CTX_free(back->context);
	free(back->name);
	free(back);
}

/* ---- the settings ---- */

const char *tlsback_name(const struct tlsback *back, const char *host)
{
	return back->name ? back->name : host;
}

bool tlsback_verifies(const struct tlsback *back)
{
	return back->verify;
}

static bool show_the_same(SSL_CTX *context, SSL_CTX *as)
{
	STACK_OF(X509) *chain = NULL;
	X509 *leaf = SSL_CTX_get0_certificate(as);
	return !leaf || (SSL_CTX_get0_chain_certs(as, &chain) && SSL_CTX_use_cert_and_key(context, leaf, SSL_CTX_get0_privatekey(as), chain, 1));
}

/* Not as the context's own store: whose context it is may put others into that, or exchange it, when it comes to verify. The store is only read, as it is by the workers. */
static bool demand_the_same(SSL_CTX *context, SSL_CTX *as, const char *name)
{
	struct peername peer;
	return SSL_CTX_set1_verify_cert_store(context, SSL_CTX_get_cert_store(as)) && peername_read(name, &peer) &&
	       peername_demand(&peer, SSL_CTX_get0_param(context));
}

bool tlsback_apply(const struct tlsback *back, const char *host, SSL_CTX *context)
{
	SSL_CTX_set_verify(context, back->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	bool applied = tlsprofile_apply(context, TLS1_2_VERSION) && set_protocols(context) && show_the_same(context, back->context) &&
		       (!back->verify || demand_the_same(context, back->context, tlsback_name(back, host)));
	ERR_clear_error();
	return applied;
}

/* ---- a connection ---- */

static bool set_up(const struct tlsback *back, SSL *ssl, const char *name, SSL_SESSION **slot)
{
	uint8_t identity[TLSPROFILE_DIGEST_SIZE];
	const struct iovec parts[] = {{(void *)back->settings, sizeof(back->settings)}, {(void *)name, strlen(name)}};
	struct peername peer;
	bool known = peername_read(name, &peer);
	SSL_set_connect_state(ssl);
	return tlsprofile_digest(parts, 2, identity) && SSL_set_session_id_context(ssl, identity, sizeof(identity)) &&
	       (!known || peer.is_address || SSL_set_tlsext_host_name(ssl, peer.text)) &&
	       (!back->verify || (known && peername_demand(&peer, SSL_get0_param(ssl)))) && SSL_set_ex_data(ssl, slot_index, slot) &&
	       resume(back, ssl, slot, identity);
}

SSL *tlsback_open(struct tlsback *back, const char *host, SSL_SESSION **slot)
{
	const char *name = tlsback_name(back, host);
	SSL *ssl = SSL_new(back->context);
	if (ssl && set_up(back, ssl, name, slot))
		return ssl;
	SSL_free(ssl);
	ERR_clear_error();
	return NULL;
}
