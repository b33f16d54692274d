/* The way back of a deployment. Control thread; used by switch/switcher, switch/course and switch/watch alone. */
#ifndef TEAL_SWITCH_BACK_H
#define TEAL_SWITCH_BACK_H

#include "switch/course.h"

/* Ends what has switched nothing: aborted. A command of an exclusive switch is told to end before that, and waited for by later rounds, unless it shall be `at_once`. */
void back_stop(struct switcher *switcher, const char *cause, const struct actor *actor, const char *reason, bool at_once);
/* In the path: flips back at once. Out of it: begins the change back, or waits for the outcome of the change forward that is under way. `cause` is static; what is forced is in the deployment's rollback. */
void back_begin(struct switcher *switcher, const char *cause, const struct actor *actor, const char *reason);
/* What was waited for is known, and the new color has something: the way back begins now. */
void back_start(struct switcher *switcher);
/* STEP_RETURN: until the change back is made, or can't be. */
void back_run_return(struct switcher *switcher);
/* STEP_BACK: in force, durable, drained, over. */
void back_run(struct switcher *switcher);

#endif
