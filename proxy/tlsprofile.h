/* What both sides of TLS have in common: versions, ciphers, groups and options (Mozilla's intermediate guideline, version 6), whatever the machine's openssl.cnf says of them; and the digests that keep sessions apart.
 * Control thread, but for the digest, which is any thread's. */
#ifndef TEAL_PROXY_TLSPROFILE_H
#define TEAL_PROXY_TLSPROFILE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"

struct certificate;

#define TLSPROFILE_DIGEST_SIZE 32 /* no longer than SSL_MAX_SID_CTX_LENGTH */

/* A context of the method for TLS from `minimum` (TLS1_2_VERSION or TLS1_3_VERSION) up to 1.3. No compression, no renegotiation, no cache of sessions, nobody is verified. NULL and a sentence. */
SSL_CTX *tlsprofile_new(const SSL_METHOD *method, int minimum, struct err *err);
/* The same for one that others have made, whatever they have set of it. False when the library does not take something. */
bool tlsprofile_apply(SSL_CTX *context, int minimum);
/* Shows the certificate with its chain, besides one of another kind that was given before. */
bool tlsprofile_show(SSL_CTX *context, const struct certificate *certificate, struct err *err);

/* SHA-256 of the parts and of where each ends. False when the library fails. */
bool tlsprofile_digest(const struct iovec *parts, int count, uint8_t digest[TLSPROFILE_DIGEST_SIZE]);

#endif
