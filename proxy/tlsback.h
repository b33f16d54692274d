/* The client's side of TLS, towards the backends of one color: whose certificates are believed, for which name, and what is shown of our own.
 *
 * Made by the control thread, immutable, counted as tlsfront is. Pure of sockets and of the loop. Who sets what: as in tlsfront.h. Whether a backend's certificate is good is decided within the handshake, which fails otherwise;
 * SSL_get_verify_result then says why. */
#ifndef TEAL_PROXY_TLSBACK_H
#define TEAL_PROXY_TLSBACK_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/err.h"

struct authorities;
struct certificate;
struct tlsback;

struct tlsback_spec {
	bool verify;
	const struct authorities *authorities; /* NULL exactly when nothing is verified */
	const char *name; /* of DNS, or an address: what all backends of the color are asked for (SNI, names only) and must have; NULL: see tlsback_open */
	const struct certificate *certificate; /* ours, for those that ask for one; NULL: none */
};

/* NULL and a sentence when the name is none, or OpenSSL will not have something. One reference is the caller's. */
struct tlsback *tlsback_new(const struct tlsback_spec *spec, struct err *err);
/* What a backend that is called `host` must be called by its certificate, and is asked for by where that is a name: the color's name, or its own. Borrowed from either. */
const char *tlsback_name(const struct tlsback *back, const char *host);
/* Whether anything is verified. */
bool tlsback_verifies(const struct tlsback *back);
/* The same settings for a context that is not ours and is for one connection to the backend called `host`: versions and ciphers, who is believed, the name, the certificate shown. Control thread. Whom to ask for (SNI) is left to who uses it. False when
 * memory runs out, or when it is to be verified and is called what is neither a name nor an address. */
bool tlsback_apply(const struct tlsback *back, const char *host, SSL_CTX *context);
/* Any thread. */
void tlsback_hold(struct tlsback *back);
void tlsback_release(struct tlsback *back);

/* Worker: a client's side, for one connection; NULL when memory runs out, or when it is to be verified and is called what is neither a name nor an address. `host` is the backend's own name or address (without brackets), which counts where the color has no name. SSL_free ends it.
 * *slot is the caller's place for one session, NULL at first: one for each worker and backend, which outlives the SSL; only the thread that uses the SSL may touch it. What is there is resumed if it was made under the same
 * settings and for the same name, and is dropped if not; a ticket of TLS 1.3 is used once (RFC 8446 appendix C.4). The newest session that the backend gives is put there. tlsback_forget empties it, at the latest before it goes. */
SSL *tlsback_open(struct tlsback *back, const char *host, SSL_SESSION **slot);
void tlsback_forget(SSL_SESSION **slot);

#endif
