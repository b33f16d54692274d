/* What one listener says to a ClientHello: which certificates, versions, protocols, and what it demands of clients.
 *
 * Made by the control thread, immutable, counted by atomics: each SSL holds the one it was made by, so that a handshake under way outlives a reload, and the last one frees it, on whichever thread. Pure of sockets and of the
 * loop.
 *
 * Who sets what: an SSL of tlsfront_open is complete but for its BIOs. Versions, ciphers, options, modes (SSL_MODE_RELEASE_BUFFERS among them), callbacks and SSL_set_accept_state are done here; the BIOs, read-ahead, application data
 * (SSL_set_app_data) and info and message callbacks are the caller's. After a handshake SSL_get_servername, SSL_get0_alpn_selected and SSL_get0_peer_certificate tell what came of it. */
#ifndef TEAL_PROXY_TLSFRONT_H
#define TEAL_PROXY_TLSFRONT_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct authorities;
struct certificate;
struct ticket;
struct tlsfront;

enum tlsfront_minimum { TLSFRONT_TLS_1_2, TLSFRONT_TLS_1_3 };
/* Of client certificates. One that is shown must be good, also where none is needed. */
enum tlsfront_clients { TLSFRONT_CLIENTS_UNASKED, TLSFRONT_CLIENTS_OPTIONAL, TLSFRONT_CLIENTS_REQUIRED };

/* What it is made of. Everything is copied, references are taken. */
struct tlsfront_spec {
	const char *listener; /* its address as configured: sessions of one listener are no other's */
	struct certificate *const *certificates;
	size_t certificate_count; /* at least 1; the first one is for clients that name nobody's name, or none */
	bool strict_sni;          /* those are refused instead, by the alert unrecognized_name */
	enum tlsfront_minimum minimum;
	const char *const *
		protocols; /* of ALPN, the preferred one first; a client that offers only others is refused by no_application_protocol, one that offers nothing is well */
	size_t protocol_count; /* 0: ALPN is passed over */
	enum tlsfront_clients clients;
	const struct authorities *authorities; /* whose client certificates are believed; NULL exactly when none is asked for */
	struct ticket *tickets;                /* NULL: no session is resumed */
};

/* NULL and a sentence when OpenSSL will not have something (a certificate that its settings on this machine forbid). One reference is the caller's. */
struct tlsfront *tlsfront_new(const struct tlsfront_spec *spec, struct err *err);
/* Any thread. */
void tlsfront_hold(struct tlsfront *front);
void tlsfront_release(struct tlsfront *front);

/* Worker: a server's side, for one connection; NULL when memory runs out. SSL_free ends it. */
SSL *tlsfront_open(struct tlsfront *front);

#endif
