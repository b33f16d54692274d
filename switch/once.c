/* Idempotency-Key: a ring of the newest keys. Control thread; reads no clock. */
#include "switch/once.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define ONCE_COUNT 1024u
#define ONCE_MS (24u * 60u * 60u * 1000u)

struct entry {
	char *key;
	uint64_t fingerprint, at;
	char id[32];
};

struct once {
	struct entry entries[ONCE_COUNT];
	unsigned next;
};

struct once *once_new(void)
{
	return memory_new(sizeof(struct once));
}

void once_free(struct once *once)
{
	if (!once)
		return;
	for (unsigned i = 0; i < ONCE_COUNT; i++)
		free(once->entries[i].key);
	free(once);
}

const char *once_find(const struct once *once, const char *key, uint64_t fingerprint, uint64_t wall_ms, bool *same)
{
	for (unsigned i = 0; i < ONCE_COUNT; i++) {
		const struct entry *entry = &once->entries[i];
		if (!entry->key || strcmp(entry->key, key) != 0 || wall_ms > entry->at + ONCE_MS)
			continue;
		*same = entry->fingerprint == fingerprint;
		return entry->id;
	}
	return NULL;
}

void once_add(struct once *once, const char *key, uint64_t fingerprint, const char *id, uint64_t wall_ms)
{
	struct entry *entry = &once->entries[once->next++ % ONCE_COUNT];
	free(entry->key);
	*entry = (struct entry){.key = memory_text(key), .fingerprint = fingerprint, .at = wall_ms};
	snprintf(entry->id, sizeof(entry->id), "%s", id);
}
