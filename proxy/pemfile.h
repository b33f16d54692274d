/* PEM files (RFC 7468), read as a whole into memory that is wiped, and the certificates in them. Blocks on the disk: never on a worker. */
#ifndef TEAL_PROXY_PEMFILE_H
#define TEAL_PROXY_PEMFILE_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct pemfile {
	char *bytes; /* NUL behind them */
	size_t length;
	int64_t changed_s; /* when the file was written last; wall clock */
};

/* Of a regular file of at most `limit` bytes; a `secret` one is as keyfile_check wants it. False: the sentence begins with `what` and `path`. Links are followed: what renews certificates, and orchestrators, put links there. */
bool pemfile_read(struct pemfile *file, const char *what, const char *path, size_t limit, bool secret, struct err *err);
void pemfile_wipe(struct pemfile *file);

/* Its certificates, in their order; anything else is passed over. NULL when there is none (*garbled is 0), when one can't be understood (*garbled is its number, from 1), or when there are more than `most` (*garbled is most + 1). */
struct stack_st_X509 *pemfile_certificates(const struct pemfile *file, size_t most, size_t *garbled);
/* Whether there is a line `-----BEGIN …NAME-----`. */
bool pemfile_has(const struct pemfile *file, const char *name);
/* Its first private key, which the caller frees. NULL when there is none, it can't be understood, or it is `*encrypted`. */
EVP_PKEY *pemfile_key(const struct pemfile *file, bool *encrypted);

#endif
