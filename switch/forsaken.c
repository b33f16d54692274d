/* Copies that were given up, by the second. Control thread. */
#include "switch/forsaken.h"

#include <string.h>

/* What is so old is overwritten. */
static void go_to(struct forsaken *forsaken, uint64_t second)
{
	if (second - forsaken->newest >= MEASURES_SECONDS)
		memset(forsaken->counts, 0, sizeof(forsaken->counts));
	else
		for (uint64_t at = forsaken->newest + 1; at <= second; at++)
			for (unsigned color = 0; color < COLOR_COUNT; color++)
				forsaken->counts[color][at % MEASURES_SECONDS] = 0;
	forsaken->newest = second;
}

void forsaken_add(struct forsaken *forsaken, enum color color, uint64_t second, uint64_t count)
{
	if (count == 0)
		return;
	if (second > forsaken->newest)
		go_to(forsaken, second);
	forsaken->counts[color][second % MEASURES_SECONDS] += (uint32_t)count;
}

uint64_t forsaken_sum(const struct forsaken *forsaken, enum color color, uint64_t now, unsigned seconds)
{
	uint64_t sum = 0, first = now + 1 > seconds ? now + 1 - seconds : 0;
	for (uint64_t back = 0; back < MEASURES_SECONDS && back <= forsaken->newest; back++)
		if (forsaken->newest - back >= first)
			sum += forsaken->counts[color][(forsaken->newest - back) % MEASURES_SECONDS];
	return sum;
}
