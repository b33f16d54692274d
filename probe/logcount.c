/* A ring of counts. Pure. */
#include "probe/logcount.h"

#include <string.h>

void logcount_init(struct logcount *count, uint64_t within_ms)
{
	memset(count, 0, sizeof(*count));
	count->within_ms = within_ms;
	count->width_ms = within_ms / (LOGCOUNT_BUCKETS - 1) + 1;
}

void logcount_add(struct logcount *count, uint64_t now_ms, uint64_t events)
{
	uint64_t number = now_ms / count->width_ms, at = number % LOGCOUNT_BUCKETS;
	if (count->buckets[at].number != number) {
		count->buckets[at].number = number;
		count->buckets[at].count = 0;
	}
	count->buckets[at].count += events;
	count->total += events;
}

uint64_t logcount_sum(const struct logcount *count, uint64_t now_ms)
{
	uint64_t last = now_ms / count->width_ms, sum = 0;
	uint64_t first = now_ms > count->within_ms ? (now_ms - count->within_ms) / count->width_ms : 0;
	for (unsigned i = 0; i < LOGCOUNT_BUCKETS; i++) {
		if (count->buckets[i].number >= first && count->buckets[i].number <= last)
			sum += count->buckets[i].count;
	}
	return sum;
}
