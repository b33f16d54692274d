/* The judgement of a wait. Any thread. */
#include "proxy/pace.h"

/* Bytes that the least rate asks for, rounded down; saturates instead of overflowing. */
static uint64_t least_bytes(uint64_t rate, uint64_t elapsed_ms)
{
	return rate > UINT64_MAX / (elapsed_ms + 1) ? UINT64_MAX : rate * elapsed_ms / 1000u;
}

enum pace_verdict pace_check(struct pace *pace, uint64_t now_ms, uint64_t period_ms, uint64_t rate, uint64_t *after_ms)
{
	uint64_t elapsed_ms = now_ms - pace->start_ms;
	if (now_ms - pace->last_ms >= period_ms)
		return PACE_STALLED;
	if (elapsed_ms >= period_ms) {
		if (pace->bytes < least_bytes(rate, elapsed_ms))
			return PACE_SLOW;
		pace->start_ms = now_ms;
		pace->bytes = 0;
		elapsed_ms = 0;
	}
	uint64_t to_stall_ms = pace->last_ms + period_ms - now_ms, to_period_ms = period_ms - elapsed_ms;
	*after_ms = to_stall_ms < to_period_ms ? to_stall_ms : to_period_ms;
	return PACE_FINE;
}
