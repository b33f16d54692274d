/* Which certificates are shown for a name: for each name the first RSA and the first ECDSA one that has it. Pure; immutable once made. */
#ifndef TEAL_PROXY_TLSFRONT_INDEX_H
#define TEAL_PROXY_TLSFRONT_INDEX_H

#include <stdbool.h>
#include <stddef.h>

struct certificate;
struct tlsfront_index;

/* Side by side: a client takes the kind that it knows. At least one is there. */
struct tlsfront_pair {
	const struct certificate *rsa, *ecdsa;
};

/* The certificates must stay as long as the pairs are looked at. */
struct tlsfront_index *tlsfront_index_new(struct certificate *const *certificates, size_t count);
void tlsfront_index_free(struct tlsfront_index *index);

/* How many different pairs there are. The first one is that of the first certificate's first name, for whoever asks for none. */
size_t tlsfront_index_pairs(const struct tlsfront_index *index);
const struct tlsfront_pair *tlsfront_index_pair(const struct tlsfront_index *index, size_t pair);
/* Of a name as peername_fold writes it: its own, else that of the wildcard in place of its first label (RFC 9525 section 6.3). False leaves *pair alone. */
bool tlsfront_index_find(const struct tlsfront_index *index, const char *name, size_t *pair);

#endif
