/* What a color's counters said over time: answers, errors and failures by kind per second for 15 minutes, latencies in slices of 10 s for 3 minutes. Control thread; reads no clock.
 *
 * Looked at once a second, at the cost of a few loads; the many buckets of the latencies are read at the end of a slice, and for a question in between. Nothing is lost or
 * counted twice, whatever the workers write meanwhile: what a look misses, the next one finds. Holds memory only from the first traffic on, and gives most of it back after 15 minutes without. */
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

/* Takes what the totals have gained up to this second (monotonic, not falling between calls). Totals and color are the same at each call, and the totals outlive the last question.
 * `phase`, below MEASURES_SLICE_S, says by how many seconds slices are early: they are work when they end, and shall not all end at once. That of the first traffic stays. */
void measures_add(struct measures *measures, uint64_t second, const struct totals *totals, enum color color, unsigned phase);
/* One of the counts of totals over the last `seconds` up to `now` (at most MEASURES_SECONDS); those of failures by kind begin at TOTALS_KINDS. */
uint64_t measures_sum(const struct measures *measures, uint64_t now, unsigned seconds, unsigned count);
/* The two that are asked for most. */
void measures_count(const struct measures *measures, uint64_t now, unsigned seconds, uint64_t *ended, uint64_t *errors);
/* The same, second by second: in how many seconds something was answered, and the sum of the squares of each second's errors, which tells bursts from a steady trickle. */
struct measures_before {
	uint64_t answers, errors, seconds, squares;
};
void measures_describe(const struct measures *measures, uint64_t now, unsigned seconds, struct measures_before *before);
/* The newest slice that is over and began at `since` or later. Numbers of slices that follow each other do. False when there is none with traffic. */
struct measures_window {
	uint64_t number, answers, p99_us;
};
bool measures_window(const struct measures *measures, uint64_t since, struct measures_window *window);
/* Latencies over the last minute: of the slice that holds `now` and the five before, and what has ended since the last look. False without traffic. */
bool measures_latency(const struct measures *measures, enum totals_time time, uint64_t now, double *p50_ms, double *p99_ms);

#endif
