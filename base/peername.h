/* What a peer is called: the names that TLS asks for and certificates have. Pure; any thread.
 *
 * Whether a certificate has a name is for OpenSSL alone to say; this is where it is told which one, so that the proxy's connections and the probes' ask for the same. */
#ifndef TEAL_BASE_PEERNAME_H
#define TEAL_BASE_PEERNAME_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

#define PEERNAME_LONGEST 253 /* RFC 1035 section 2.3.4, without the root's dot */
#define PEERNAME_SIZE (PEERNAME_LONGEST + 1)

/* Writes a name of DNS as it is compared: lower case, without the root's dot. False when it is no host's name. `*.` in front is taken only when `wildcards`. */
bool peername_fold(const char *name, size_t length, bool wildcards, char out[PEERNAME_SIZE]);

struct peername {
	char text[PEERNAME_SIZE]; /* as it is compared */
	bool is_address;          /* is checked, but never asked for (RFC 6066 section 3) */
};

/* Of a host as people write it: a name, or an address without brackets (with or without a zone). False: it is neither. OpenSSL would take some of these for more than one name: one that begins with a dot for
 * all that end so, an empty one for any. */
bool peername_read(const char *host, struct peername *name);
/* The peer's certificate must have it, as RFC 9525 says: among its subject alternative names (the common name is none), a wildcard for one whole label only. False when memory runs out. */
bool peername_demand(const struct peername *name, X509_VERIFY_PARAM *param);

#endif
