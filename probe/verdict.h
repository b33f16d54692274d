/* Rise and fall: from single results to the health of one backend. Pure. */
#ifndef TEAL_PROBE_VERDICT_H
#define TEAL_PROBE_VERDICT_H

#include <stdbool.h>

#include "base/color.h"

struct verdict {
	enum health health;
	bool last_ok;
	unsigned streak; /* consecutive results like the last one; 0 before the first */
};

void verdict_init(struct verdict *verdict, enum health start);

/* Takes one result. From HEALTH_UNKNOWN it decides at once; after that `rise` consecutive successes or `fall` consecutive
 * failures do (0 counts as 1). True when the health is another one than before. */
bool verdict_update(struct verdict *verdict, bool ok, unsigned rise, unsigned fall);

#endif
