/* Idempotency-Key: what was asked with which key in the last 24 hours. Control thread.
 *
 * Keys of deployments are in their documents too, so those outlive a restart; this is the memory of the others and the quick way to all. */
#ifndef TEAL_SWITCH_ONCE_H
#define TEAL_SWITCH_ONCE_H

#include <stdbool.h>
#include <stdint.h>

struct once;

struct once *once_new(void);
/* NULL is allowed. */
void once_free(struct once *once);

/* The id that a request with this key was answered with, or NULL. `*same`: it was the same request. */
const char *once_find(const struct once *once, const char *key, uint64_t fingerprint, uint64_t wall_ms, bool *same);
/* Remembers; of more than 1024 keys the oldest is forgotten. */
void once_add(struct once *once, const char *key, uint64_t fingerprint, const char *id, uint64_t wall_ms);

#endif
