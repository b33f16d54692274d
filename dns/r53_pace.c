/* A bucket of requests kept as one time, and pauses that double. Any thread. Keeps no queue: whoever took a place comes at its time. */
#include "dns/r53_pace.h"

uint64_t r53_pace_take(struct r53_pace *pace, uint64_t now_ms, bool hurry)
{
	uint64_t ahead_ms = (uint64_t)R53_PACE_INTERVAL_MS * ((hurry ? 2 * R53_PACE_BURST : R53_PACE_BURST) - 1);
	if (pace->due_ms < now_ms)
		pace->due_ms = now_ms;
	uint64_t at_ms = pace->due_ms > now_ms + ahead_ms ? pace->due_ms - ahead_ms : now_ms;
	pace->due_ms += R53_PACE_INTERVAL_MS;
	return at_ms;
}

uint64_t r53_pace_pause(uint64_t first_ms, unsigned failed, uint32_t random)
{
	uint64_t most_ms = first_ms < R53_PACE_PAUSE_MAX_MS ? first_ms : R53_PACE_PAUSE_MAX_MS;
	for (unsigned i = 1; i < failed && most_ms < R53_PACE_PAUSE_MAX_MS; i++)
		most_ms = most_ms * 2 < R53_PACE_PAUSE_MAX_MS ? most_ms * 2 : R53_PACE_PAUSE_MAX_MS;
	return most_ms - (most_ms / 2 * (random >> 16)) / 0xffffu;
}
