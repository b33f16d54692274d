/* From when no resolver that honours TTL can hold an answer from before a change. Pure, any thread.
 *
 * safe_at = the latest, over every earlier version of the record, of (the last moment it may have been served + its TTL), and 2 s.
 * Not covered, and to be said wherever the moment is shown: caches that lengthen TTLs or serve stale answers (RFC 8767),
 * programs that look a name up once, and connections that are open. */
#ifndef TEAL_DNS_SAFE_AT_H
#define TEAL_DNS_SAFE_AT_H

#include <stddef.h>
#include <stdint.h>

#define SAFE_AT_MARGIN_MS 2000u

/* A version of the record that a cache may hold. Times are of any one clock, in milliseconds. */
struct safe_at_version {
	uint64_t last_served_ms;
	uint32_t ttl_s; /* as served; of a record that did not exist, safe_at_negative_ttl */
};
/* 0 when there was no version to wait for. */
uint64_t safe_at_compute(const struct safe_at_version *versions, size_t count);

/* How long the absence of a record is kept: the smaller of the SOA's own TTL and its MINIMUM field (RFC 2308, section 5). */
uint32_t safe_at_negative_ttl(uint32_t soa_ttl_s, uint32_t soa_minimum_s);

/* A moment of the wall clock on the monotonic one, given both for now; one that is too long ago becomes 0. And the way back. */
uint64_t safe_at_from_wall(uint64_t wall_ms, uint64_t now_wall_ms, uint64_t now_mono_ms);
uint64_t safe_at_to_wall(uint64_t mono_ms, uint64_t now_wall_ms, uint64_t now_mono_ms);

/* How sure it is that a weighted record's old share is gone after that many answers in a row without it: 1 - (1 - share)^samples. */
double safe_at_confidence(double old_share, unsigned samples);

#endif
