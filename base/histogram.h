/* Counts of durations with a relative error of at most 1 %, in microseconds, from 1 us to over an hour.
 *
 * Log-linear buckets: 64 to each power of two. One writer (a worker: relaxed stores, no locked instruction); readers on any
 * thread see each bucket whole, not all of them at one instant. Pure but for the atomics. */
#ifndef TEAL_BASE_HISTOGRAM_H
#define TEAL_BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_SUB_BITS 6
#define HISTOGRAM_MAX_BITS 32 /* durations from 2^32 us on count as 2^32 - 1 us */
#define HISTOGRAM_BUCKETS ((HISTOGRAM_MAX_BITS - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)

/* Written by one thread. */
struct histogram {
	_Atomic uint32_t counts[HISTOGRAM_BUCKETS];
	_Atomic uint64_t sum_us;
};

/* A reader's copy or difference: plain numbers. */
struct histogram_counts {
	uint64_t total, sum_us;
	uint32_t counts[HISTOGRAM_BUCKETS];
};

/* The bucket of a duration, and the middle of a bucket in microseconds. */
unsigned histogram_bucket(uint64_t us);
uint64_t histogram_bucket_us(unsigned bucket);

static inline void histogram_add(struct histogram *histogram, uint64_t us)
{
	_Atomic uint32_t *count = &histogram->counts[histogram_bucket(us)];
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1, memory_order_relaxed);
	atomic_store_explicit(&histogram->sum_us, atomic_load_explicit(&histogram->sum_us, memory_order_relaxed) + us, memory_order_relaxed);
}

/* Adds a worker's histogram to a reader's counts. */
void histogram_read(const struct histogram *histogram, struct histogram_counts *into);
/* into = into + other; into = newer - older (counts wrap as unsigned 32 bit numbers do). */
void histogram_counts_add(struct histogram_counts *into, const struct histogram_counts *other);
void histogram_counts_subtract(struct histogram_counts *newer, const struct histogram_counts *older);
/* The value in microseconds below which the share q (0 to 1) lies; 0 when empty. */
uint64_t histogram_quantile_us(const struct histogram_counts *counts, double q);
/* How many were at or under a bound, for cumulative metric buckets. */
uint64_t histogram_count_under(const struct histogram_counts *counts, uint64_t bound_us);

#endif
