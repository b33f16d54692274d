/* Counts of durations in log-linear buckets. Writers are workers, readers the control thread; no lock, no clock. */
#include "base/histogram.h"

#include <math.h>

#define SUB (1u << HISTOGRAM_SUB_BITS)

unsigned histogram_bucket(uint64_t us)
{
	if (us < SUB)
		return (unsigned)us;
	if (us > UINT32_MAX)
		us = UINT32_MAX;
	unsigned shift = 63u - (unsigned)__builtin_clzll(us) - HISTOGRAM_SUB_BITS;
	return ((shift + 1) << HISTOGRAM_SUB_BITS) + ((unsigned)(us >> shift) & (SUB - 1));
}

uint64_t histogram_bucket_us(unsigned bucket)
{
	if (bucket < SUB)
		return bucket;
	unsigned shift = (bucket >> HISTOGRAM_SUB_BITS) - 1;
	uint64_t low = (uint64_t)(SUB + (bucket & (SUB - 1))) << shift;
	return low + ((1ull << shift) >> 1);
}

void histogram_read(const struct histogram *histogram, struct histogram_counts *into)
{
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint32_t count = atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
		into->counts[i] += count;
		into->total += count;
	}
	into->sum_us += atomic_load_explicit(&histogram->sum_us, memory_order_relaxed);
}

bool histogram_read_group(const struct histogram *histogram, unsigned group, uint32_t into[HISTOGRAM_GROUP_BUCKETS])
{
	const _Atomic uint32_t *counts = &histogram->counts[group << HISTOGRAM_SUB_BITS];
	uint32_t any = 0;
	for (unsigned i = 0; i < HISTOGRAM_GROUP_BUCKETS; i++) {
		uint32_t count = atomic_load_explicit(&counts[i], memory_order_relaxed);
		into[i] += count;
		any |= count;
	}
	return any != 0;
}

uint64_t histogram_quantile_us(const struct histogram_counts *counts, double q)
{
	if (counts->total == 0)
		return 0;
	uint64_t rank = (uint64_t)ceil(q * (double)counts->total), seen = 0;
	if (rank == 0)
		rank = 1;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += counts->counts[i];
		if (seen >= rank)
			return histogram_bucket_us(i);
	}
	return histogram_bucket_us(HISTOGRAM_BUCKETS - 1);
}

uint64_t histogram_count_under(const struct histogram_counts *counts, uint64_t bound_us)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i <= histogram_bucket(bound_us); i++)
		sum += counts->counts[i];
	return sum;
}
