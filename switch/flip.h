/* The flip itself: its record, what is armed with it, the one store. Control thread; used by switch/course and the files of its steps alone. */
#ifndef TEAL_SWITCH_FLIP_H
#define TEAL_SWITCH_FLIP_H

#include "switch/course.h"

/* Begins to write the truth as it will be; what the deployment's step is by now is in it. */
void flip_record(struct switcher *switcher);
/* KEEPER_PENDING for COURSE_RECORD_MS at most, then KEEPER_FAILED, with a sentence. */
enum keeper_state flip_read_record(const struct switcher *switcher, char *why, size_t size);
/* Notes how the record ended, and says so where it is not durable. */
void flip_note_record(struct switcher *switcher, enum keeper_state state, const char *why);

/* In the path: connections to the new color are opened in advance, beside the record. None for a deployment that nobody asked for, which waits for nothing, as what is live is dead. */
void flip_warm(struct switcher *switcher);
/* True after COURSE_WARM_MS at the latest. */
bool flip_is_warm(const struct switcher *switcher);
/* What they were for has come, or will not come. */
void flip_end_warming(struct switcher *switcher);

/* The new color gets its first requests next: what both were like until now is read, and from here on it is watched. */
void flip_arm(struct switcher *switcher);
/* Users have what a deploy gave the new color: that it was rolled back before bars it no more. A deploy that comes to nothing leaves the quarantine as it was. */
void flip_lift_quarantine(struct switcher *switcher);
/* Deadlines of what is watched; without those of the bake, which begin with the flip. */
void flip_arm_watch(struct switcher *switcher);
/* Those of the bake and the confirmation. */
void flip_arm_bake(struct switcher *switcher);
/* Counters and probes as they are now: what comes is counted from here. */
void flip_read_base(struct switcher *switcher);

/* All of the traffic goes to the new color; arms what is not armed. Enters STEP_SPREAD. */
void flip_run(struct switcher *switcher);

#endif
