/* Connections counted by client address in a table of atomic words. Any worker. Does not know what a connection is, nor close any. */
#include "proxy/quota.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/memory.h"

#define WINDOW 16u
#define ATTEMPTS 8u /* at agreeing with other workers on one slot */
#define SLOTS_MIN 64u
#define COUNT_BITS 16u
#define COUNT_MASK ((1ull << COUNT_BITS) - 1)

__extension__ typedef unsigned __int128 wide;

struct quota {
	wide factors[2], addends[2]; /* secret: nobody can choose addresses that meet in one window */
	unsigned shift;              /* leaves as many bits of a hash as the table's size has */
	uint32_t mask;
	_Atomic uint64_t *slots;
};

struct quota *quota_new(unsigned connections)
{
	uint64_t size = SLOTS_MIN, wanted = 2 * (uint64_t)connections;
	unsigned bits = 6;
	while (size < wanted) {
		size *= 2;
		bits++;
	}
	struct quota *quota = memory_aligned(_Alignof(struct quota), sizeof(*quota));
	wide random[4];
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		abort(); /* so few bytes are never refused */
	memcpy(quota->factors, random, sizeof(quota->factors));
	memcpy(quota->addends, random + 2, sizeof(quota->addends));
	quota->shift = 64 - bits;
	quota->mask = (uint32_t)(size - 1);
	quota->slots = memory_array(size, sizeof(*quota->slots));
	return quota;
}

void quota_free(struct quota *quota)
{
	if (!quota)
		return;
	free(quota->slots);
	free(quota);
}

/* The upper half of a linear function modulo 2^128: any two numbers meet as seldom as by chance, for whoever does not know the key. One such function lays neighbouring
 * addresses at even steps, which under some keys fall into few windows; a second one behind a fold does away with that. */
static uint64_t hash_of(const struct quota *quota, uint64_t number)
{
	for (unsigned i = 0; i < 2; i++) {
		number = (uint64_t)((quota->factors[i] * number + quota->addends[i]) >> 64);
		number ^= i == 0 ? number >> 32 : 0;
	}
	return number;
}

static inline bool is_counting(uint64_t word, uint64_t tag)
{
	return (word & COUNT_MASK) > 0 && (word & ~COUNT_MASK) == tag;
}

/* One more in a slot. QUOTA_UNCOUNTED: it does not count for this tag. */
static enum quota_result count_in(_Atomic uint64_t *slot, uint64_t tag, unsigned limit)
{
	uint64_t word = atomic_load(slot);
	while (is_counting(word, tag)) {
		if ((word & COUNT_MASK) >= limit)
			return QUOTA_REFUSED;
		if (atomic_compare_exchange_weak(slot, &word, word + 1))
			return QUOTA_TAKEN;
	}
	return QUOTA_UNCOUNTED;
}

static bool claim(_Atomic uint64_t *slot, uint64_t tag)
{
	uint64_t word = atomic_load_explicit(slot, memory_order_relaxed);
	while ((word & COUNT_MASK) == 0) {
		if (atomic_compare_exchange_weak(slot, &word, tag | 1))
			return true;
	}
	return false;
}

/* One more where this tag is counted in its window; QUOTA_UNCOUNTED: nowhere. */
static enum quota_result count(struct quota *quota, uint32_t first, uint64_t tag, unsigned limit, uint32_t *slot)
{
	for (uint32_t i = 0; i < WINDOW; i++) {
		uint32_t at = (first + i) & quota->mask;
		enum quota_result result = count_in(&quota->slots[at], tag, limit);
		if (result == QUOTA_TAKEN)
			*slot = at;
		if (result != QUOTA_UNCOUNTED)
			return result;
	}
	return QUOTA_UNCOUNTED;
}

/* A free slot of the window that is this tag's from now on; QUOTA_NO_SLOT: there is none. */
static uint32_t claim_any(struct quota *quota, uint32_t first, uint64_t tag)
{
	for (uint32_t i = 0; i < WINDOW; i++) {
		uint32_t at = (first + i) & quota->mask;
		if (claim(&quota->slots[at], tag))
			return at;
	}
	return QUOTA_NO_SLOT;
}

static bool is_alone(struct quota *quota, uint32_t first, uint64_t tag, uint32_t slot)
{
	for (uint32_t i = 0; i < WINDOW; i++) {
		uint32_t at = (first + i) & quota->mask;
		if (at != slot && is_counting(atomic_load(&quota->slots[at]), tag))
			return false;
	}
	return true;
}

/* Of two workers that claim a slot each for a new address, at least the one that claims later finds the other's, and gives its own back. */
enum quota_result quota_take(struct quota *quota, const struct endpoint *client, unsigned limit, uint32_t *slot)
{
	assert(limit <= QUOTA_LIMIT_MAX);
	*slot = QUOTA_NO_SLOT;
	if (limit == 0 || client->family == ENDPOINT_NONE)
		return QUOTA_UNCOUNTED;
	uint64_t hash = hash_of(quota, endpoint_number(client)), tag = hash << COUNT_BITS;
	uint32_t first = (uint32_t)(hash >> quota->shift);
	for (unsigned attempt = 1;; attempt++) {
		enum quota_result result = count(quota, first, tag, limit, slot);
		if (result != QUOTA_UNCOUNTED)
			return result;
		uint32_t claimed = claim_any(quota, first, tag);
		if (claimed == QUOTA_NO_SLOT) /* another worker may just have had the last one for this address */
			return count(quota, first, tag, limit, slot);
		if (attempt == ATTEMPTS || is_alone(quota, first, tag, claimed)) {
			*slot = claimed;
			return QUOTA_TAKEN;
		}
		quota_give(quota, claimed);
	}
}

void quota_give(struct quota *quota, uint32_t slot)
{
	if (slot == QUOTA_NO_SLOT)
		return;
	assert(slot <= quota->mask);
	uint64_t before = atomic_fetch_sub(&quota->slots[slot], 1);
	assert((before & COUNT_MASK) > 0);
	(void)before;
}
