/* How many events there were within a window of time that moves along, in fixed memory. Pure: the caller says what time it is. */
#ifndef TEAL_PROBE_LOGCOUNT_H
#define TEAL_PROBE_LOGCOUNT_H

#include <stdint.h>

#define LOGCOUNT_BUCKETS 256u

struct logcount {
	uint64_t within_ms, width_ms; /* of the window, and of a bucket */
	uint64_t total;               /* since logcount_init */
	struct {
		uint64_t number; /* since the clock's 0 */
		uint64_t count;
	} buckets[LOGCOUNT_BUCKETS];
};

void logcount_init(struct logcount *count, uint64_t within_ms);
/* The clock must not go back by more than the window. */
void logcount_add(struct logcount *count, uint64_t now_ms, uint64_t events);
/* Events of the last within_ms; they count for up to 1/255 of it (at least 1 ms) longer, never shorter. */
uint64_t logcount_sum(const struct logcount *count, uint64_t now_ms);

#endif
