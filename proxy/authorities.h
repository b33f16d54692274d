/* Who is believed when he says whose a certificate is: the certificates of one file, or of the system's.
 *
 * Made and freed by the control thread; what is made with it (see tlsfront, tlsback) has its own reference to what it needs, so that the same one does for a thousand colors: the system's is a megabyte. */
#ifndef TEAL_PROXY_AUTHORITIES_H
#define TEAL_PROXY_AUTHORITIES_H

#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AUTHORITIES_HASH_SIZE 32

struct authorities {
	X509_STORE *store;                   /* each of them is believed for itself, a root or not */
	struct stack_st_X509_NAME *names;    /* of each, for those who are to choose among their own certificates */
	size_t count;                        /* at least 1 */
	uint8_t hash[AUTHORITIES_HASH_SIZE]; /* of the file's bytes */
};

/* PEM certificates; anything else in the file is passed over. `path` NULL: the system's, that is, what SSL_CERT_FILE in the environment names, else the file where distributions have them. NULL and a sentence when there is
 * no such file, none in it, or one that can't be read: nobody is believed by default. */
struct authorities *authorities_load(const char *path, struct err *err);
/* The path of the system's. Static, or the environment's. */
const char *authorities_find_system(void);
/* NULL is allowed. */
void authorities_free(struct authorities *authorities);

#endif
