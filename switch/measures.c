/* A color's counters over time. Control thread; reads no clock. */
#include "switch/measures.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/packed.h"

/* A stretch of time that is over. */
struct packed {
	uint8_t *bytes;
	uint32_t length;
	uint32_t number; /* which stretch: its beginning, divided by its length */
};

static void keep(struct packed *packed, const uint8_t *bytes, const struct packed_writer *writer, uint64_t number)
{
	size_t length = (size_t)(writer->at - bytes);
	free(packed->bytes);
	*packed = (struct packed){.length = (uint32_t)length, .number = (uint32_t)number};
	if (length == 0)
		return;
	packed->bytes = memory_array(length, 1);
	memcpy(packed->bytes, bytes, length);
}

static void drop(struct packed packed[], unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		free(packed[i].bytes);
	memset(packed, 0, count * sizeof(*packed));
}

/* ---- counts per second ---- */

#define BLOCK_S 60u
#define BLOCKS (MEASURES_SECONDS / BLOCK_S)

struct series {
	uint32_t open[BLOCK_S]; /* of the block that goes on; no color answers 2^32 requests in a second */
	struct packed blocks[BLOCKS];
};

static void end_block(struct series *series, uint64_t number)
{
	uint8_t bytes[PACKED_SIZE(BLOCK_S)];
	struct packed_writer writer;
	packed_begin(&writer, bytes);
	for (unsigned i = 0; i < BLOCK_S; i++)
		if (series->open[i] > 0)
			packed_put(&writer, i, series->open[i]);
	keep(&series->blocks[number % BLOCKS], bytes, &writer, number);
	memset(series->open, 0, sizeof(series->open));
}

static void free_series(struct series *series)
{
	if (series)
		drop(series->blocks, BLOCKS);
	free(series);
}

/* Of the seconds from `first` to `last`. */
static uint64_t sum_block(const struct packed *block, uint64_t first, uint64_t last)
{
	uint64_t begin = (uint64_t)block->number * BLOCK_S, sum = 0;
	struct packed_reader reader;
	if (begin > last || begin + BLOCK_S <= first)
		return 0;
	for (packed_open(&reader, block->bytes, block->length); reader.bucket < BLOCK_S; packed_next(&reader))
		if (begin + reader.bucket >= first && begin + reader.bucket <= last)
			sum += reader.count;
	return sum;
}

static uint64_t sum_series(const struct series *series, uint64_t open, uint64_t first, uint64_t last)
{
	uint64_t sum = 0;
	if (!series)
		return 0;
	for (unsigned i = 0; i < BLOCKS; i++)
		sum += sum_block(&series->blocks[i], first, last);
	for (unsigned i = 0; i < BLOCK_S; i++)
		if (open * BLOCK_S + i >= first && open * BLOCK_S + i <= last)
			sum += series->open[i];
	return sum;
}

/* ---- latencies ---- */

struct track {
	struct packed last; /* the totals' buckets as the newest slice found them */
	struct packed slices[MEASURES_SLICES];
};

static void add_packed(struct histogram_counts *into, const uint8_t *bytes, size_t length)
{
	struct packed_reader reader;
	for (packed_open(&reader, bytes, length); reader.bucket < HISTOGRAM_BUCKETS; packed_next(&reader)) {
		into->counts[reader.bucket] += reader.count;
		into->total += reader.count;
	}
}

/* ---- both ---- */

struct history {
	uint64_t newest;                      /* the second in which something was counted last */
	uint64_t block;                       /* the open one */
	struct series *counts[TOTALS_COUNTS]; /* NULL while there was nothing to count: most failures never happen */
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
	unsigned phase;
};

struct measures *measures_new(void)
{
	return memory_new(sizeof(struct measures));
}

static void clear_history(struct history *history)
{
	for (unsigned i = 0; i < TOTALS_COUNTS; i++) {
		free_series(history->counts[i]);
		history->counts[i] = NULL;
	}
	for (unsigned i = 0; i < TOTALS_TIMES; i++)
		drop(history->times[i].slices, MEASURES_SLICES);
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
	for (unsigned i = 0; i < TOTALS_COUNTS; i++) {
		struct series **series = &history->counts[i];
		uint64_t gained = counts[i] - measures->counts[i];
		measures->counts[i] = counts[i];
		if (*series && second / BLOCK_S != history->block)
			end_block(*series, history->block);
		if (gained > 0 && !*series)
			*series = memory_new(sizeof(**series));
		if (gained > 0)
			(*series)->open[second % BLOCK_S] += (uint32_t)gained;
	}
	history->newest = second;
	history->block = second / BLOCK_S;
}

static uint64_t slice_at(const struct measures *measures, uint64_t second)
{
	return (second + measures->phase) / MEASURES_SLICE_S;
}

static void start(struct measures *measures, const struct totals *totals, enum color color, unsigned phase, uint64_t second)
{
	measures->history = memory_new(sizeof(*measures->history));
	measures->totals = totals;
	measures->color = color;
	measures->phase = phase;
	measures->slice = slice_at(measures, second);
}

void measures_add(struct measures *measures, uint64_t second, const struct totals *totals, enum color color, unsigned phase)
{
	uint64_t counts[TOTALS_COUNTS], added[TOTALS_TIMES];
	totals_peek(totals, color, counts, added);
	bool moved = memcmp(counts, measures->counts, sizeof(counts)) != 0;
	if (!measures->history) {
		if (!moved)
			return;
		start(measures, totals, color, phase, second);
	}
	uint64_t slice = slice_at(measures, second);
	if (slice != measures->slice) {
		if (second - measures->history->newest >= MEASURES_SECONDS)
			clear_history(measures->history);
		end_slice(measures, added);
		measures->slice = slice;
	}
	if (moved)
		add_second(measures, second, counts);
}

uint64_t measures_sum(const struct measures *measures, uint64_t now, unsigned seconds, unsigned count)
{
	const struct history *history = measures->history;
	uint64_t held = seconds < MEASURES_SECONDS ? seconds : MEASURES_SECONDS, first = now + 1 > held ? now + 1 - held : 0;
	assert(count < TOTALS_COUNTS);
	return history ? sum_series(history->counts[count], history->block, first, now) : 0;
}

void measures_count(const struct measures *measures, uint64_t now, unsigned seconds, uint64_t *ended, uint64_t *errors)
{
	*ended = measures_sum(measures, now, seconds, TOTALS_ENDED);
	*errors = measures_sum(measures, now, seconds, TOTALS_ERRORS);
}

/* Puts the seconds from `first` on, as many as there is room for, into `out`. */
static void spread_series(const struct series *series, uint64_t open, uint64_t first, unsigned seconds, uint32_t out[])
{
	if (!series)
		return;
	for (unsigned i = 0; i < BLOCKS; i++) {
		struct packed_reader reader;
		uint64_t begin = (uint64_t)series->blocks[i].number * BLOCK_S;
		for (packed_open(&reader, series->blocks[i].bytes, series->blocks[i].length); reader.bucket < BLOCK_S; packed_next(&reader))
			if (begin + reader.bucket >= first && begin + reader.bucket < first + seconds)
				out[begin + reader.bucket - first] = reader.count;
	}
	for (unsigned i = 0; i < BLOCK_S; i++)
		if (open * BLOCK_S + i >= first && open * BLOCK_S + i < first + seconds)
			out[open * BLOCK_S + i - first] = series->open[i];
}

void measures_describe(const struct measures *measures, uint64_t now, unsigned seconds, struct measures_before *before)
{
	const struct history *history = measures->history;
	uint32_t ended[MEASURES_SECONDS] = {0}, errors[MEASURES_SECONDS] = {0};
	unsigned held = seconds < MEASURES_SECONDS ? seconds : MEASURES_SECONDS;
	uint64_t first = now + 1 > held ? now + 1 - held : 0;
	*before = (struct measures_before){0};
	if (!history)
		return;
	spread_series(history->counts[TOTALS_ENDED], history->block, first, held, ended);
	spread_series(history->counts[TOTALS_ERRORS], history->block, first, held, errors);
	for (unsigned i = 0; i < held; i++) {
		before->answers += ended[i];
		before->errors += errors[i];
		before->seconds += ended[i] > 0;
		before->squares += (uint64_t)errors[i] * errors[i];
	}
}

bool measures_window(const struct measures *measures, uint64_t since, struct measures_window *window)
{
	struct histogram_counts counts = {0};
	uint64_t number = measures->slice - 1;
	if (!measures->history || measures->slice == 0 || number * MEASURES_SLICE_S < since + measures->phase)
		return false;
	const struct packed *slice = &measures->history->times[TOTALS_DURATION].slices[number % MEASURES_SLICES];
	if (slice->number != (uint32_t)number)
		return false;
	add_packed(&counts, slice->bytes, slice->length);
	*window = (struct measures_window){number, counts.total, histogram_quantile_us(&counts, 0.99)};
	return counts.total > 0;
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

bool measures_latency(const struct measures *measures, enum totals_time time, uint64_t now, double *p50_ms, double *p99_ms)
{
	struct histogram_counts minute = {0};
	uint64_t newest = slice_at(measures, now);
	if (!measures->history)
		return false;
	for (unsigned i = 0; i < MEASURES_SLICES; i++) {
		const struct packed *slice = &measures->history->times[time].slices[i];
		if (is_recent(slice->number, newest))
			add_packed(&minute, slice->bytes, slice->length);
	}
	if (is_recent(measures->slice, newest))
		add_open_slice(measures, time, &minute);
	if (minute.total == 0)
		return false;
	*p50_ms = (double)histogram_quantile_us(&minute, 0.50) / 1000.0;
	*p99_ms = (double)histogram_quantile_us(&minute, 0.99) / 1000.0;
	return true;
}
