/* A color's counters over time. Control thread; reads no clock. */
#include "switch/measures.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/packed.h"

/* ---- counts per second ---- */

#define ENTRY_SECOND_BITS 11 /* twice MEASURES_SECONDS fits: an entry is looked at before it is older */
#define ENTRY_COUNT_BITS 21

/* A second in which something was counted; several where one can't hold the count. */
struct entry {
	uint32_t second : ENTRY_SECOND_BITS; /* its low bits */
	uint32_t count : ENTRY_COUNT_BITS;
};

/* The oldest first, none older than MEASURES_SECONDS beside the newest of the history. */
struct series {
	struct entry *ring; /* of a power of two */
	unsigned capacity, first, count;
};

static struct entry *entry_at(const struct series *series, unsigned i)
{
	return &series->ring[(series->first + i) & (series->capacity - 1)];
}

static unsigned entry_age(const struct entry *entry, uint64_t newest)
{
	return (unsigned)(newest - entry->second) & ((1u << ENTRY_SECOND_BITS) - 1);
}

static void grow(struct series *series)
{
	unsigned capacity = series->capacity ? 2 * series->capacity : 8;
	struct entry *ring = memory_array(capacity, sizeof(*ring));
	for (unsigned i = 0; i < series->count; i++)
		ring[i] = *entry_at(series, i);
	free(series->ring);
	*series = (struct series){.ring = ring, .capacity = capacity, .count = series->count};
}

static void append(struct series *series, uint64_t second, uint64_t count)
{
	const uint64_t most = (1u << ENTRY_COUNT_BITS) - 1;
	while (count > 0) {
		uint64_t part = count < most ? count : most;
		if (series->count == series->capacity)
			grow(series);
		struct entry *entry = entry_at(series, series->count++);
		entry->second = (uint32_t)second & ((1u << ENTRY_SECOND_BITS) - 1);
		entry->count = (uint32_t)part & ((1u << ENTRY_COUNT_BITS) - 1);
		count -= part;
	}
}

static void drop_old(struct series *series, uint64_t newest)
{
	while (series->count > 0 && entry_age(entry_at(series, 0), newest) >= MEASURES_SECONDS) {
		series->first++;
		series->count--;
	}
}

static void clear_series(struct series *series)
{
	free(series->ring);
	*series = (struct series){0};
}

/* ---- latencies ---- */

struct packed {
	uint8_t *bytes;
	uint32_t length;
	uint32_t slice; /* whose it is: seconds / MEASURES_SLICE_S */
};

struct track {
	struct packed last; /* the totals' buckets as the newest slice found them */
	struct packed slices[MEASURES_SLICES];
};

static void keep(struct packed *packed, const uint8_t *bytes, const struct packed_writer *writer, uint64_t slice)
{
	size_t length = (size_t)(writer->at - bytes);
	free(packed->bytes);
	*packed = (struct packed){.length = (uint32_t)length, .slice = (uint32_t)slice};
	if (length == 0)
		return;
	packed->bytes = memory_array(length, 1);
	memcpy(packed->bytes, bytes, length);
}

static void add_packed(struct histogram_counts *into, const uint8_t *bytes, size_t length)
{
	struct packed_reader reader;
	for (packed_open(&reader, bytes, length); reader.bucket < HISTOGRAM_BUCKETS; packed_next(&reader)) {
		into->counts[reader.bucket] += reader.count;
		into->total += reader.count;
	}
}

static void clear_slices(struct track *track)
{
	for (unsigned i = 0; i < MEASURES_SLICES; i++) {
		free(track->slices[i].bytes);
		track->slices[i] = (struct packed){0};
	}
}

/* ---- both ---- */

struct history {
	uint64_t newest; /* the second in which something was counted last */
	struct series counts[TOTALS_COUNTS];
	struct track times[TOTALS_TIMES];
};

/* What a look compares comes first: where nothing moved, nothing else is touched. */
struct measures {
	uint64_t counts[TOTALS_COUNTS]; /* the totals' at the last look */
	uint64_t added[TOTALS_TIMES];   /* the totals' at the newest slice */
	uint64_t slice;                 /* the open one: what the totals gained since the newest is its */
	struct history *history;
	const struct totals *totals;
	enum color color;
};

struct measures *measures_new(void)
{
	return memory_new(sizeof(struct measures));
}

static void clear_history(struct history *history)
{
	for (unsigned i = 0; i < TOTALS_COUNTS; i++)
		clear_series(&history->counts[i]);
	for (unsigned i = 0; i < TOTALS_TIMES; i++)
		clear_slices(&history->times[i]);
}

void measures_free(struct measures *measures)
{
	if (measures && measures->history) {
		clear_history(measures->history);
		for (unsigned i = 0; i < TOTALS_TIMES; i++)
			free(measures->history->times[i].last.bytes);
		free(measures->history);
	}
	free(measures);
}

/* Where the totals' buckets are now, and how many more that is than at the newest slice. */
struct comparison {
	struct packed_writer now, gained;
	uint8_t now_bytes[PACKED_SIZE(HISTOGRAM_BUCKETS)], gained_bytes[PACKED_SIZE(HISTOGRAM_BUCKETS)];
};

static void compare_group(struct comparison *comparison, struct packed_reader *last, unsigned first, const uint32_t counts[HISTOGRAM_GROUP_BUCKETS])
{
	for (unsigned i = 0; i < HISTOGRAM_GROUP_BUCKETS; i++) {
		uint32_t before = 0;
		if (last->bucket == first + i) {
			before = last->count;
			packed_next(last);
		}
		if (counts[i] != 0)
			packed_put(&comparison->now, first + i, counts[i]);
		if (counts[i] != before)
			packed_put(&comparison->gained, first + i, counts[i] - before);
	}
}

static void compare(const struct measures *measures, enum totals_time time, struct comparison *comparison)
{
	const struct packed *kept = &measures->history->times[time].last;
	struct packed_reader last;
	packed_open(&last, kept->bytes, kept->length);
	packed_begin(&comparison->now, comparison->now_bytes);
	packed_begin(&comparison->gained, comparison->gained_bytes);
	for (unsigned first = 0; first < HISTOGRAM_BUCKETS; first += HISTOGRAM_GROUP_BUCKETS) {
		uint32_t counts[HISTOGRAM_GROUP_BUCKETS];
		bool any = totals_read_group(measures->totals, measures->color, time, first / HISTOGRAM_GROUP_BUCKETS, counts);
		if (any || last.bucket < first + HISTOGRAM_GROUP_BUCKETS)
			compare_group(comparison, &last, first, counts);
	}
}

static void end_slice(struct measures *measures, const uint64_t added[TOTALS_TIMES])
{
	for (unsigned time = 0; time < TOTALS_TIMES; time++) {
		struct track *track = &measures->history->times[time];
		struct comparison comparison;
		if (added[time] == measures->added[time])
			continue;
		compare(measures, (enum totals_time)time, &comparison);
		keep(&track->last, comparison.now_bytes, &comparison.now, measures->slice);
		keep(&track->slices[measures->slice % MEASURES_SLICES], comparison.gained_bytes, &comparison.gained, measures->slice);
		measures->added[time] = added[time];
	}
}

static void add_second(struct measures *measures, uint64_t second, const uint64_t counts[TOTALS_COUNTS])
{
	struct history *history = measures->history;
	history->newest = second;
	for (unsigned i = 0; i < TOTALS_COUNTS; i++) {
		drop_old(&history->counts[i], second);
		append(&history->counts[i], second, counts[i] - measures->counts[i]);
		measures->counts[i] = counts[i];
	}
}

void measures_add(struct measures *measures, uint64_t second, const struct totals *totals, enum color color)
{
	uint64_t counts[TOTALS_COUNTS], added[TOTALS_TIMES], slice = second / MEASURES_SLICE_S;
	totals_peek(totals, color, counts, added);
	bool moved = memcmp(counts, measures->counts, sizeof(counts)) != 0;
	if (!measures->history) {
		if (!moved)
			return;
		measures->history = memory_new(sizeof(*measures->history));
		measures->totals = totals;
		measures->color = color;
		measures->slice = slice;
	}
	if (slice != measures->slice) {
		if (second - measures->history->newest >= MEASURES_SECONDS)
			clear_history(measures->history);
		end_slice(measures, added);
		measures->slice = slice;
	}
	if (moved)
		add_second(measures, second, counts);
}

static uint64_t sum_since(const struct history *history, enum totals_count which, uint64_t now, unsigned seconds)
{
	const struct series *series = &history->counts[which];
	uint64_t sum = 0;
	for (unsigned i = series->count; i-- > 0;) {
		const struct entry *entry = entry_at(series, i);
		uint64_t at = history->newest - entry_age(entry, history->newest);
		if (at > now)
			continue;
		if (now - at >= seconds || now - at >= MEASURES_SECONDS)
			break;
		sum += entry->count;
	}
	return sum;
}

void measures_count(const struct measures *measures, uint64_t now, unsigned seconds, uint64_t *ended, uint64_t *errors)
{
	const struct history *history = measures->history;
	*ended = history ? sum_since(history, TOTALS_ENDED, now, seconds) : 0;
	*errors = history ? sum_since(history, TOTALS_ERRORS, now, seconds) : 0;
}

static bool is_recent(uint64_t slice, uint64_t newest)
{
	return slice <= newest && newest - slice < 60 / MEASURES_SLICE_S;
}

static void add_open_slice(const struct measures *measures, enum totals_time time, struct histogram_counts *into)
{
	struct comparison comparison;
	compare(measures, time, &comparison);
	add_packed(into, comparison.gained_bytes, (size_t)(comparison.gained.at - comparison.gained_bytes));
}

bool measures_latency(const struct measures *measures, uint64_t now, double *p50_ms, double *p99_ms)
{
	struct histogram_counts minute = {0};
	uint64_t newest = now / MEASURES_SLICE_S;
	if (!measures->history)
		return false;
	for (unsigned i = 0; i < MEASURES_SLICES; i++) {
		const struct packed *slice = &measures->history->times[TOTALS_DURATION].slices[i];
		if (is_recent(slice->slice, newest))
			add_packed(&minute, slice->bytes, slice->length);
	}
	if (is_recent(measures->slice, newest))
		add_open_slice(measures, TOTALS_DURATION, &minute);
	if (minute.total == 0)
		return false;
	*p50_ms = (double)histogram_quantile_us(&minute, 0.50) / 1000.0;
	*p99_ms = (double)histogram_quantile_us(&minute, 0.99) / 1000.0;
	return true;
}
