/* One ring for each worker, whose only producer is that worker and whose only consumer is the control thread. Sends nothing and compares nothing. */
#include "proxy/mirror.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "proxy/exchange.h"
#include "proxy/worker.h"

struct place {
	size_t length;
	char head[MIRROR_HEAD_SIZE];
};

/* Positions only rise; a place's number is the position modulo MIRROR_PLACES. */
struct lane {
	/* the worker's */
	_Alignas(64) _Atomic uint64_t added;
	uint32_t turn;
	_Atomic uint64_t sampled, full, large;
	/* the control thread's */
	_Alignas(64) _Atomic uint64_t taken;
	/* neither's */
	_Alignas(64) struct place *places;
};

struct mirror {
	unsigned references; /* control thread */
	unsigned workers, share;
	enum color live;
	unsigned next; /* control thread: the lane to look at first */
	struct lane lanes[];
};

/* ---- control thread ---- */

struct mirror *mirror_new(unsigned workers, unsigned share, enum color live)
{
	assert(workers > 0 && share > 0 && share <= MIRROR_WHOLE);
	struct mirror *mirror = memory_aligned(_Alignof(struct mirror), sizeof(*mirror) + workers * sizeof(mirror->lanes[0]));
	mirror->references = 1;
	mirror->workers = workers;
	mirror->share = share;
	mirror->live = live;
	for (unsigned i = 0; i < workers; i++)
		mirror->lanes[i].places = memory_array(MIRROR_PLACES, sizeof(struct place));
	return mirror;
}

void mirror_hold(struct mirror *mirror)
{
	assert(mirror->references > 0);
	mirror->references++;
}

void mirror_release(struct mirror *mirror)
{
	assert(mirror->references > 0);
	if (--mirror->references > 0)
		return;
	for (unsigned i = 0; i < mirror->workers; i++)
		free(mirror->lanes[i].places);
	free(mirror);
}

static size_t take(struct lane *lane, char *head)
{
	uint64_t taken = atomic_load_explicit(&lane->taken, memory_order_relaxed);
	if (atomic_load_explicit(&lane->added, memory_order_acquire) == taken)
		return 0;
	const struct place *place = &lane->places[taken % MIRROR_PLACES];
	size_t length = place->length;
	memcpy(head, place->head, length);
	atomic_store_explicit(&lane->taken, taken + 1, memory_order_release);
	return length;
}

size_t mirror_take(struct mirror *mirror, char head[MIRROR_HEAD_SIZE])
{
	for (unsigned looked = 0; looked < mirror->workers; looked++) {
		unsigned worker = mirror->next;
		mirror->next = worker + 1 < mirror->workers ? worker + 1 : 0;
		size_t length = take(&mirror->lanes[worker], head);
		if (length > 0)
			return length;
	}
	return 0;
}

void mirror_read(const struct mirror *mirror, struct mirror_counts *counts)
{
	*counts = (struct mirror_counts){0};
	for (unsigned i = 0; i < mirror->workers; i++) {
		const struct lane *lane = &mirror->lanes[i];
		counts->sampled += atomic_load_explicit(&lane->sampled, memory_order_relaxed);
		counts->full += atomic_load_explicit(&lane->full, memory_order_relaxed);
		counts->large += atomic_load_explicit(&lane->large, memory_order_relaxed);
	}
}

/* ---- worker threads ---- */

static bool is_due(struct lane *lane, unsigned share)
{
	lane->turn += share;
	if (lane->turn < MIRROR_WHOLE)
		return false;
	lane->turn -= MIRROR_WHOLE;
	return true;
}

static void put(struct lane *lane, const char *head, size_t length)
{
	uint64_t added = atomic_load_explicit(&lane->added, memory_order_relaxed);
	if (added - atomic_load_explicit(&lane->taken, memory_order_acquire) == MIRROR_PLACES) {
		worker_count(&lane->full, 1);
		return;
	}
	struct place *place = &lane->places[added % MIRROR_PLACES];
	memcpy(place->head, head, length);
	place->length = length;
	atomic_store_explicit(&lane->added, added + 1, memory_order_release);
}

void mirror_add_head(struct mirror *mirror, unsigned worker, const char *head, size_t length)
{
	struct lane *lane = &mirror->lanes[worker];
	if (!is_due(lane, mirror->share))
		return;
	worker_count(&lane->sampled, 1);
	if (length > MIRROR_HEAD_SIZE)
		worker_count(&lane->large, 1);
	else
		put(lane, head, length);
}

void mirror_add(const struct exchange *exchange)
{
	struct mirror *mirror = exchange->service->mirror;
	bool safe = exchange->method == METHOD_get || exchange->method == METHOD_head;
	bool usual = !exchange->upgrade && !exchange->preview && exchange->color == mirror->live;
	if (safe && usual && exchange->request.kind == FRAMING_none)
		mirror_add_head(mirror, exchange->worker->index, exchange->held, exchange->held_head);
}
