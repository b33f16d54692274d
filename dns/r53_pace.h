/* When the next request may go to Route 53, and how long to wait before the same one again. Pure; any thread.
 *
 * The account's limits are shared with everything else in it, so this stays far below them: 5 requests a second, 5 at once. */
#ifndef TEAL_DNS_R53_PACE_H
#define TEAL_DNS_R53_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define R53_PACE_BURST 5u
#define R53_PACE_INTERVAL_MS 200u
#define R53_PACE_PAUSE_MAX_MS 20000u

struct r53_pace {
	uint64_t due_ms; /* when the bucket is full again */
};

/* Takes the next place and returns its time, now or later. One in a hurry may be up to 5 requests in advance, which those behind it make up for. */
uint64_t r53_pace_take(struct r53_pace *pace, uint64_t now_ms, bool hurry);

/* Before the next try, when so many failed before it: between a half and the whole of first_ms, doubled with every further one, up to R53_PACE_PAUSE_MAX_MS. `random` chooses. */
uint64_t r53_pace_pause(uint64_t first_ms, unsigned failed, uint32_t random);

#endif
