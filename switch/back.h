/* The way back of a deployment. Control thread; used by switch/switcher, switch/course and switch/watch alone. */
#ifndef TEAL_SWITCH_BACK_H
#define TEAL_SWITCH_BACK_H

#include "switch/course.h"

/* Flips back at once. `cause` is static. */
void back_begin(struct switcher *switcher, const char *cause, const struct actor *actor, const char *reason);
/* The step that follows: in force, durable, drained, over. */
void back_run(struct switcher *switcher);

#endif
