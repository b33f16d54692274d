/* Counts of durations with a relative error of at most 1 %, in microseconds, from 1 us to over an hour.
 *
 * Log-linear buckets: 64 to each power of two, called a group. One writer (a worker: no locked instruction); readers on any
 * thread see each bucket whole, not all of them at one instant. Pure but for the atomics. */
#ifndef TEAL_BASE_HISTOGRAM_H
#define TEAL_BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_SUB_BITS 6
#define HISTOGRAM_MAX_BITS 32 /* durations from 2^32 us on count as 2^32 - 1 us */
#define HISTOGRAM_GROUPS (HISTOGRAM_MAX_BITS - HISTOGRAM_SUB_BITS + 1)
#define HISTOGRAM_GROUP_BUCKETS (1u << HISTOGRAM_SUB_BITS)
#define HISTOGRAM_BUCKETS (HISTOGRAM_GROUPS << HISTOGRAM_SUB_BITS)

/* Written by one thread; each bucket wraps at 32 bits. */
struct histogram {
	_Atomic uint32_t counts[HISTOGRAM_BUCKETS];
	_Atomic uint64_t added; /* how many ever were; behind the buckets, so that what is written each time lies together */
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
	atomic_store_explicit(&histogram->added, atomic_load_explicit(&histogram->added, memory_order_relaxed) + 1, memory_order_release);
}

/* How many were added. The buckets, read after it, have all of them, and perhaps more: while this stays the same, nothing new is to be found there. */
static inline uint64_t histogram_added(const struct histogram *histogram)
{
	return atomic_load_explicit(&histogram->added, memory_order_acquire);
}

/* Adds the counts of a group, modulo 2^32. False if all of them are 0. */
bool histogram_read_group(const struct histogram *histogram, unsigned group, uint32_t into[HISTOGRAM_GROUP_BUCKETS]);
/* Adds a worker's histogram to a reader's counts. */
void histogram_read(const struct histogram *histogram, struct histogram_counts *into);
/* The value in microseconds below which the share q (0 to 1) lies; 0 when empty. */
uint64_t histogram_quantile_us(const struct histogram_counts *counts, double q);
/* How many were at or under a bound, for cumulative metric buckets. */
uint64_t histogram_count_under(const struct histogram_counts *counts, uint64_t bound_us);

#endif
