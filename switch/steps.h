/* A switch in steps: the new color gets a share, is judged beside the old one for a pause, then gets the next one. Control thread; used by switch/switcher and switch/course alone.
 *
 * A step is one store, like a flip; the last one is the flip. Out of the path a change comes before each of them. `live` stays the old color until then, and the truth has the split of the step that is in force. Going back is the way back of every deployment. */
#ifndef TEAL_SWITCH_STEPS_H
#define TEAL_SWITCH_STEPS_H

#include "switch/course.h"

/* The first share, once it is recorded. */
void steps_begin(struct switcher *switcher);
/* Out of the path: the change for the deployment's next share was made. */
void steps_take_next(struct switcher *switcher);
/* STEP_SHIFT: in a step, until its pause is over. */
void steps_run(struct switcher *switcher);
/* STEP_COMPLETE: until the flip is recorded. */
void steps_run_complete(struct switcher *switcher);
/* Somebody promotes: the next step, where the pauses are ended by hand, else the last one. */
void steps_promote(struct switcher *switcher);
/* Notes what was seen in the step that is under way, the last one too, where the deployment goes back or ends; nothing in a switch at once. */
void steps_note_end(struct switcher *switcher);
/* After a restart: the split is in force already; its pause goes on. */
void steps_go_on(struct switcher *switcher);

#endif
