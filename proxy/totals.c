/* Counters of a service: their memory, and their sums. Cells are made by workers, everything else is the control thread's. Keeps no history: windows are the reader's. */
#include "proxy/totals.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct totals *totals_new(unsigned workers)
{
	assert(workers > 0);
	size_t lanes = (size_t)workers * COLOR_COUNT;
	struct totals *totals = memory_aligned(_Alignof(struct totals), sizeof(*totals) + lanes * sizeof(totals->lanes[0]));
	totals->references = 1;
	totals->workers = workers;
	totals->queues = memory_aligned(_Alignof(struct totals_queue), workers * sizeof(*totals->queues));
	for (unsigned i = 0; i < lanes; i++)
		totals->lanes[i].split_turn = totals->lanes[i].balance_turn = i / COLOR_COUNT;
	return totals;
}

void totals_hold(struct totals *totals)
{
	assert(totals->references > 0);
	totals->references++;
}

void totals_release(struct totals *totals)
{
	assert(totals->references > 0);
	if (--totals->references > 0)
		return;
	for (unsigned i = 0; i < totals->workers * COLOR_COUNT; i++) {
		assert(atomic_load_explicit(&totals->lanes[i].inflight, memory_order_acquire) == 0);
		assert(atomic_load_explicit(&totals->lanes[i].assist, memory_order_acquire) == 0);
		struct totals_cell *cell = atomic_load_explicit(&totals->lanes[i].cell, memory_order_acquire);
		if (cell)
			free(cell->memory);
	}
	for (unsigned i = 0; i < totals->workers; i++)
		assert(atomic_load_explicit(&totals->queues[i].waiting, memory_order_acquire) == 0);
	free(totals->queues);
	free(totals);
}

/* Aligned by hand, as calloc alone leaves pages alone that nobody writes to. */
static struct totals_cell *make_cell(void)
{
	const size_t line = _Alignof(struct totals_cell);
	char *memory = calloc(1, sizeof(struct totals_cell) + line);
	if (!memory)
		return NULL;
	struct totals_cell *cell = (struct totals_cell *)(void *)(memory + (line - (uintptr_t)memory % line) % line);
	cell->memory = memory;
	return cell;
}

struct totals_cell *totals_cell(struct totals_lane *lane)
{
	struct totals_cell *cell = atomic_load_explicit(&lane->cell, memory_order_relaxed);
	if (!cell) {
		cell = make_cell();
		atomic_store_explicit(&lane->cell, cell, memory_order_release);
	}
	return cell;
}

static uint64_t read_counter(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static uint64_t read_kind(const struct totals_cell *cell, unsigned kind)
{
	return read_counter(kind == FAIL_KIND_abort ? &cell->aborted : &cell->kinds[kind]);
}

static void add_cell(struct totals_sum *sum, const struct totals_cell *cell)
{
	sum->ended += read_counter(&cell->ended);
	sum->errors += read_counter(&cell->errors);
	sum->failed += read_counter(&cell->failed);
	sum->aborted += read_counter(&cell->aborted);
	sum->replayed += read_counter(&cell->replayed);
	sum->shielded += read_counter(&cell->shielded);
	sum->shielded_errors += read_counter(&cell->shielded_errors);
	sum->fallbacks += read_counter(&cell->fallbacks);
	sum->previewed += read_counter(&cell->previewed);
	sum->preview_errors += read_counter(&cell->preview_errors);
	sum->bytes_in += read_counter(&cell->bytes_in);
	sum->bytes_out += read_counter(&cell->bytes_out);
	for (unsigned i = 0; i < TOTALS_STATUS_COUNT; i++)
		sum->codes[i] += read_counter(&cell->codes[i]);
	for (unsigned kind = 0; kind < FAIL_KIND_COUNT; kind++)
		sum->kinds[kind] += read_kind(cell, kind);
	histogram_read(&cell->duration, &sum->duration);
	histogram_read(&cell->first_byte, &sum->first_byte);
}

static const struct totals_lane *lane_of(const struct totals *totals, unsigned worker, enum color color)
{
	return &totals->lanes[worker * COLOR_COUNT + color];
}

static const struct totals_cell *cell_of(const struct totals *totals, unsigned worker, enum color color)
{
	return atomic_load_explicit(&lane_of(totals, worker, color)->cell, memory_order_acquire);
}

void totals_read(const struct totals *totals, enum color color, struct totals_sum *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (unsigned i = 0; i < totals->workers; i++) {
		const struct totals_cell *cell = cell_of(totals, i, color);
		if (cell)
			add_cell(sum, cell);
	}
}

static const struct histogram *time_of(const struct totals_cell *cell, enum totals_time time)
{
	const struct histogram *const times[TOTALS_TIMES] = {[TOTALS_DURATION] = &cell->duration, [TOTALS_FIRST_BYTE] = &cell->first_byte};
	return times[time];
}

void totals_peek(const struct totals *totals, enum color color, uint64_t counts[TOTALS_COUNTS], uint64_t added[TOTALS_TIMES])
{
	memset(counts, 0, TOTALS_COUNTS * sizeof(*counts));
	memset(added, 0, TOTALS_TIMES * sizeof(*added));
	for (unsigned i = 0; i < totals->workers; i++) {
		const struct totals_cell *cell = cell_of(totals, i, color);
		if (!cell)
			continue;
		counts[TOTALS_ENDED] += read_counter(&cell->ended);
		counts[TOTALS_ERRORS] += read_counter(&cell->errors);
		for (unsigned kind = FAIL_KIND_abort; kind < FAIL_KIND_COUNT; kind++)
			counts[TOTALS_KINDS + kind - FAIL_KIND_abort] += read_kind(cell, kind);
		for (unsigned time = 0; time < TOTALS_TIMES; time++)
			added[time] += histogram_added(time_of(cell, (enum totals_time)time));
	}
}

bool totals_read_group(const struct totals *totals, enum color color, enum totals_time time, unsigned group, uint32_t into[HISTOGRAM_GROUP_BUCKETS])
{
	bool any = false;
	memset(into, 0, HISTOGRAM_GROUP_BUCKETS * sizeof(*into));
	for (unsigned i = 0; i < totals->workers; i++) {
		const struct totals_cell *cell = cell_of(totals, i, color);
		any |= cell && histogram_read_group(time_of(cell, time), group, into);
	}
	return any;
}

uint64_t totals_inflight(const struct totals *totals, enum color color)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < totals->workers; i++)
		sum += atomic_load_explicit(&lane_of(totals, i, color)->inflight, memory_order_acquire);
	return sum;
}

uint64_t totals_cut(const struct totals *totals, enum color color)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < totals->workers; i++)
		sum += read_counter(&lane_of(totals, i, color)->cut);
	return sum;
}

uint64_t totals_assist(const struct totals *totals, enum color color)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < totals->workers; i++)
		sum += atomic_load_explicit(&lane_of(totals, i, color)->assist, memory_order_acquire);
	return sum;
}

void totals_read_held(const struct totals *totals, struct totals_held *held)
{
	memset(held, 0, sizeof(*held));
	for (unsigned i = 0; i < totals->workers; i++) {
		const struct totals_queue *queue = &totals->queues[i];
		held->waiting += atomic_load_explicit(&queue->waiting, memory_order_acquire);
		held->bytes += read_counter(&queue->bytes);
		held->held += read_counter(&queue->held);
		held->refused += read_counter(&queue->refused);
		held->left += read_counter(&queue->left);
	}
}

uint64_t totals_waiting(const struct totals *totals)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < totals->workers; i++)
		sum += atomic_load_explicit(&totals->queues[i].waiting, memory_order_acquire);
	return sum;
}
