/* Draining a color: waiting for what it was given before a flip, and ending what takes too long. Control thread; used by switch/course alone. */
#ifndef TEAL_SWITCH_DRAIN_H
#define TEAL_SWITCH_DRAIN_H

#include "switch/course.h"

/* Begins to drain what the color was given before `ticket`; `first` requests and tunnels are in flight on it. Tunnels are closed one by one from now on, evenly over
 * `tunnels_ms`; what is left of the requests at `requests_ms` is cut, and what does not go when it is told to a little after that.
 * Out of the path all but the color is ignored: it is drained when the actuator says that it is left. */
void drain_begin(struct switcher *switcher, enum color color, uint64_t ticket, uint64_t first, uint64_t requests_ms, uint64_t tunnels_ms);

enum drain_state { DRAIN_MORE, DRAIN_DONE, DRAIN_GIVEN_UP };
/* `flip_in_force`: nothing new can come. Brings the deployment's `inflight` up to date. */
enum drain_state drain_run(struct switcher *switcher, bool flip_in_force);
/* How many of the first ones are still there; and how many have ended as they should: by themselves, or by a farewell that was answered. */
uint64_t drain_left(const struct switcher *switcher);
uint64_t drain_ended(const struct switcher *switcher);

#endif
