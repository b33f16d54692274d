/* How fast a peer that is waited for gets on: bytes of a request's body that come, or of an answer that it takes. Pure.
 *
 * A wait is looked at when its deadline expires, not with each piece. Stalled: nothing moved for a whole period. Slow: less than the least rate
 * over a period or more. */
#ifndef TEAL_PROXY_PACE_H
#define TEAL_PROXY_PACE_H

#include <stdint.h>

struct pace {
	uint64_t start_ms; /* of the present period */
	uint64_t last_ms;  /* when something last moved */
	uint64_t bytes;    /* moved in this period */
};

enum pace_verdict { PACE_FINE, PACE_STALLED, PACE_SLOW };

static inline void pace_begin(struct pace *pace, uint64_t now_ms)
{
	*pace = (struct pace){now_ms, now_ms, 0};
}

static inline void pace_move(struct pace *pace, uint64_t bytes, uint64_t now_ms)
{
	pace->bytes += bytes;
	pace->last_ms = now_ms;
}

/* At the deadline. PACE_FINE: *after_ms (at least 1) is when to look again. `rate` is in bytes a second; 0: any progress will do. */
enum pace_verdict pace_check(struct pace *pace, uint64_t now_ms, uint64_t period_ms, uint64_t rate, uint64_t *after_ms);

#endif
