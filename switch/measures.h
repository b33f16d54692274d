/* What a color's counters said over time: answers and errors per second for 15 minutes, latencies in slices of 10 s for 3 minutes. Control thread; pure but for its memory.
 *
 * Fed with rising totals once a second; holds memory only from the first traffic on. */
#ifndef TEAL_SWITCH_MEASURES_H
#define TEAL_SWITCH_MEASURES_H

#include <stdbool.h>
#include <stdint.h>

#include "proxy/totals.h"

#define MEASURES_SECONDS 900u
#define MEASURES_SLICE_S 10u
#define MEASURES_SLICES 18u

struct measures;

struct measures *measures_new(void);
void measures_free(struct measures *measures);

/* The totals at this second (monotonic, not falling between calls). */
void measures_add(struct measures *measures, uint64_t second, const struct totals_sum *sum);
/* Over the last `seconds` up to `now` (at most MEASURES_SECONDS). */
void measures_count(const struct measures *measures, uint64_t now, unsigned seconds, uint64_t *ended, uint64_t *errors);
/* Latencies over the last minute. False without traffic. */
bool measures_latency(const struct measures *measures, uint64_t now, double *p50_ms, double *p99_ms);

#endif
