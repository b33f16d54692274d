/* An exclusive switch: whether anything is under way on either color, and what that says. Control thread; used by switch/exclusive alone. Decides nothing. */
#ifndef TEAL_SWITCH_QUIET_H
#define TEAL_SWITCH_QUIET_H

#include "switch/course.h"

/* What is under way on both. What the shield or a rehearsal gave the new color is old, too. */
uint64_t quiet_count_busy(const struct switcher *switcher);
/* Nothing is, and every worker knows of the hold. */
bool quiet_is_reached(const struct switcher *switcher);
/* What is in the way of it, as a sentence. */
void quiet_describe_busy(const struct switcher *switcher, char *out, size_t size);
/* Says that it is quiet. A request that was given up is not under way here, but nothing tells whether its backend has given it up, too: how many there were lately is in the event, and a warning of the deployment. */
void quiet_tell(struct switcher *switcher, uint64_t held_ms);

#endif
