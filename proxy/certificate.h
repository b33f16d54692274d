/* One certificate and its key: read from their files, checked as a whole, and what is worth knowing of them.
 *
 * Made, held and released by the control thread (or by one thread for it, as files are read); what is made of it (see tlsfront, tlsback) has its own references to keys and chain. Knows nothing of
 * listeners, and does not watch its files. */
#ifndef TEAL_PROXY_CERTIFICATE_H
#define TEAL_PROXY_CERTIFICATE_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum certificate_kind { CERTIFICATE_RSA, CERTIFICATE_ECDSA };

enum certificate_role {
	CERTIFICATE_OF_SERVER, /* shown to clients: it must have a name of DNS, and be good for servers */
	CERTIFICATE_OF_CLIENT, /* shown to backends: it need not have a name */
};

#define CERTIFICATE_ID_SIZE 17 /* 16 hexadecimal digits, NUL */

struct certificate {
	unsigned references;         /* control thread */
	X509 *leaf;                  /* the first of the file */
	struct stack_st_X509 *chain; /* the others of the file, in their order; may be empty */
	EVP_PKEY *key;
	enum certificate_kind kind;
	char *key_text;               /* "RSA with 2048 bits", "ECDSA with P-256" */
	char **names;                 /* of DNS, lower case, without the root's dot, each once; `*.` in front is a wildcard */
	size_t name_count;            /* of a server's at least 1 */
	int64_t first_s, last_s;      /* it is good from then until then, both included; wall clock, seconds since 1970 */
	char id[CERTIFICATE_ID_SIZE]; /* the first digits of its SHA-256: which one it is, for logs */
	char *warning;                /* a sentence on what will do, but should not stay so; NULL: none */
};

struct certificate_spec {
	const char *
		certificate_path; /* PEM: the certificate, then the one that issued it, and so on; a root at the end may be left out. Anything else in the file is passed over */
	const char *key_path; /* PEM; may be the same file. Nobody but its owner may have rights on it: see keyfile_check. No passphrase */
	enum certificate_role role;
	int64_t now_s; /* wall clock */
	bool onlooker; /* who reads is root, and only looks: the key may also be as a process of another user's would have to find it (see keyfile_suits_others) */
	bool any_time; /* one whose time has not come or is over is taken, too (and there is no other fault): for a start, where there is nothing better */
};

/* NULL and a sentence that says which file it is, what is wrong with it, and what to do. One reference is the caller's. Links are followed: what renews certificates, and orchestrators, put links there. Files are read here. */
struct certificate *certificate_load(const struct certificate_spec *spec, struct err *err);
void certificate_hold(struct certificate *certificate);
void certificate_release(struct certificate *certificate);

/* False, and a sentence that begins with `path`: its first day has not come, or its last one is over. */
bool certificate_is_timely(const struct certificate *certificate, const char *path, int64_t now_s, struct err *err);
/* Whole days that are left, 0 when it is over. */
unsigned certificate_days_left(const struct certificate *certificate, int64_t now_s);

#endif
