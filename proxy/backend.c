/* Backends and their references. Control thread, but for the sum. Opens no connection: that is upstream. */
#include "proxy/backend.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "proxy/tlsback.h"

static struct backend *retired; /* control thread */

char *backend_cut_host(const char *name, const struct addr *addr)
{
	if (addr->kind == ADDR_UNIX)
		return memory_text("");
	bool bracketed = name[0] == '[';
	const char *end = strrchr(name, bracketed ? ']' : ':');
	return memory_text_cut(name + bracketed, end ? (size_t)(end - name) - bracketed : strlen(name));
}

struct backend *backend_new(const char *name, const struct addr *addr, unsigned workers)
{
	assert(addr->kind != ADDR_NAME && workers > 0);
	struct backend *backend = memory_aligned(_Alignof(struct backend), sizeof(*backend) + workers * sizeof(backend->lanes[0]));
	backend->references = 1;
	backend->workers = workers;
	backend->name = memory_text(name);
	backend->host = backend_cut_host(name, addr);
	backend->addr = *addr;
	for (unsigned i = 0; i < workers; i++)
		backend->lanes[i].backend = backend;
	return backend;
}

void backend_hold(struct backend *backend)
{
	assert(backend->references > 0);
	backend->references++;
}

void backend_release(struct backend *backend)
{
	assert(backend->references > 0);
	if (--backend->references > 0)
		return;
	atomic_store_explicit(&backend->retired, true, memory_order_release);
	backend->next_retired = retired;
	retired = backend;
}

void backend_set_pooling(struct backend *backend, enum backend_pooling pooling)
{
	atomic_store_explicit(&backend->pooling, (uint8_t)pooling, memory_order_relaxed);
}

bool backend_is_quiet(const struct backend *backend)
{
	for (unsigned i = 0; i < backend->workers; i++) {
		const struct backend_lane *lane = &backend->lanes[i];
		if (atomic_load_explicit(&lane->connections, memory_order_acquire) > 0 || atomic_load_explicit(&lane->inflight, memory_order_acquire) > 0)
			return false;
	}
	return true;
}

static void free_backend(struct backend *backend)
{
	for (unsigned i = 0; i < backend->workers; i++)
		tlsback_forget(&backend->lanes[i].session);
	free(backend->name);
	free(backend->host);
	free(backend);
}

void backend_collect(void)
{
	struct backend **link = &retired;
	while (*link) {
		struct backend *backend = *link;
		if (!backend_is_quiet(backend)) {
			link = &backend->next_retired;
			continue;
		}
		*link = backend->next_retired;
		free_backend(backend);
	}
}

uint64_t backend_inflight(const struct backend *backend)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < backend->workers; i++)
		sum += atomic_load_explicit(&backend->lanes[i].inflight, memory_order_acquire);
	return sum;
}
