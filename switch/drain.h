/* Draining a color: waiting for what it was given before a flip, and ending what takes too long. Control thread; used by switch/course alone. */
#ifndef TEAL_SWITCH_DRAIN_H
#define TEAL_SWITCH_DRAIN_H

#include "switch/course.h"

/* Begins to drain what the color was given before `ticket`; `first` requests are in flight on it. */
void drain_begin(struct switcher *switcher, enum color color, uint64_t ticket, uint64_t first, uint64_t requests_ms, uint64_t tunnels_ms);

enum drain_state { DRAIN_MORE, DRAIN_DONE, DRAIN_GIVEN_UP };
/* `flip_in_force`: nothing new can come. Brings the deployment's `inflight` up to date. */
enum drain_state drain_run(struct switcher *switcher, bool flip_in_force);
/* How many of the first ones are still there; and how many have ended by themselves. */
uint64_t drain_left(const struct switcher *switcher);
uint64_t drain_ended(const struct switcher *switcher);

#endif
