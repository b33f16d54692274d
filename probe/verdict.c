/* Rise and fall. Pure; control thread. Knows neither time nor why a probe failed. */
#include "probe/verdict.h"

#include <limits.h>

void verdict_init(struct verdict *verdict, enum health start)
{
	*verdict = (struct verdict){.health = start};
}

bool verdict_update(struct verdict *verdict, bool ok, unsigned rise, unsigned fall)
{
	enum health before = verdict->health;
	if (verdict->streak == 0 || verdict->last_ok != ok)
		verdict->streak = 1;
	else if (verdict->streak < UINT_MAX)
		verdict->streak++;
	verdict->last_ok = ok;
	unsigned needed = before == HEALTH_UNKNOWN ? 1 : ok ? rise : fall;
	if (verdict->streak >= needed)
		verdict->health = ok ? HEALTH_UP : HEALTH_DOWN;
	return verdict->health != before;
}
