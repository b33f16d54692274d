/* A client's certificate as the value of Client-Cert (RFC 9440 section 2.2): an item of type byte sequence. Any thread. */
#ifndef TEAL_PROXY_CLIENTCERT_H
#define TEAL_PROXY_CLIENTCERT_H

#include <openssl/types.h>
#include <stddef.h>

#define CLIENTCERT_SIZE_MAX (16u * 1024) /* bytes of a certificate; one with more is not passed on */

/* `:`, the certificate's DER in Base64, `:`; not terminated; malloc'd. NULL: there is none (`certificate` is NULL), it is too large, or memory ran out. */
char *clientcert_write(const X509 *certificate, size_t *length);

#endif
