/* Keys as a source gave them: checked, in memory for secrets. Any thread. */
#ifndef TEAL_DNS_CRED_KEYS_H
#define TEAL_DNS_CRED_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define CRED_SOURCE_SIZE 256u

struct cred_keys {
	const char *id, *secret, *token; /* token: NULL when there is none */
	uint64_t expires_ms;             /* wall clock; 0: they don't say */
	char source[CRED_SOURCE_SIZE];   /* a few words; cred_keys_name writes them */
	char text[];
};

/* What came, not yet believed. NULL or "" is missing; `expires` is a time as ISO 8601 has it. */
struct cred_draft {
	const char *id, *secret, *token, *expires;
};

/* NULL and a sentence when something is missing, or can't be a key: too long, or with bytes that can't stand in a field. Nothing of the draft is in the sentence. */
struct cred_keys *cred_keys_new(const struct cred_draft *draft, struct err *err);
/* Wipes. NULL is allowed. */
void cred_keys_free(struct cred_keys *keys);
void cred_keys_name(struct cred_keys *keys, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* `2026-01-31T12:00:00Z`, with a fraction or an offset (`+01:00`) as one likes; to milliseconds since 1970. */
bool cred_keys_read_time(const char *text, uint64_t *ms);

#endif
