/* Copies of a rehearsal that nobody waits for any more, by the second: what a backend may still be at work on. Control thread; pure, reads no clock. */
#ifndef TEAL_SWITCH_FORSAKEN_H
#define TEAL_SWITCH_FORSAKEN_H

#include <stdint.h>

#include "base/color.h"
#include "switch/measures.h"

/* All 0 is none. */
struct forsaken {
	uint64_t newest; /* the second that was added to last */
	uint32_t counts[COLOR_COUNT][MEASURES_SECONDS];
};

/* `second` (monotonic) never goes back. */
void forsaken_add(struct forsaken *forsaken, enum color color, uint64_t second, uint64_t count);
/* Of the last `seconds` up to `now`, at most MEASURES_SECONDS. */
uint64_t forsaken_sum(const struct forsaken *forsaken, enum color color, uint64_t now, unsigned seconds);

#endif
