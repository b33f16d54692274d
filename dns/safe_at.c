/* The formula, and little beside it. Any thread. Reads no clock. */
#include "dns/safe_at.h"

#include <math.h>

uint64_t safe_at_compute(const struct safe_at_version *versions, size_t count)
{
	uint64_t latest = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t until = versions[i].last_served_ms + (uint64_t)versions[i].ttl_s * 1000;
		latest = until > latest ? until : latest;
	}
	return count > 0 ? latest + SAFE_AT_MARGIN_MS : 0;
}

uint32_t safe_at_negative_ttl(uint32_t soa_ttl_s, uint32_t soa_minimum_s)
{
	return soa_ttl_s < soa_minimum_s ? soa_ttl_s : soa_minimum_s;
}

static uint64_t move(uint64_t at, uint64_t from, uint64_t to)
{
	if (at >= from)
		return to + (at - from);
	return from - at < to ? to - (from - at) : 0;
}

uint64_t safe_at_from_wall(uint64_t wall_ms, uint64_t now_wall_ms, uint64_t now_mono_ms)
{
	return move(wall_ms, now_wall_ms, now_mono_ms);
}

uint64_t safe_at_to_wall(uint64_t mono_ms, uint64_t now_wall_ms, uint64_t now_mono_ms)
{
	return move(mono_ms, now_mono_ms, now_wall_ms);
}

double safe_at_confidence(double old_share, unsigned samples)
{
	return 1 - pow(1 - old_share, samples);
}
