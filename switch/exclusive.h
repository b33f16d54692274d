/* An exclusive switch: new requests are held, the old color finishes, a command runs, then comes the flip, and only when that is in force on every worker they are let go. Control thread; used by
 * switch/switcher and switch/course alone.
 *
 * So the two versions never have a request at the same time. Everything up to the flip has one deadline, a little before the limit that was asked for: then, and when anything fails, the requests are let
 * go to the old color. Tunnels of both colors are closed. What goes round the hold by design (copies for a rehearsal, probes) is not waited for. */
#ifndef TEAL_SWITCH_EXCLUSIVE_H
#define TEAL_SWITCH_EXCLUSIVE_H

#include "switch/course.h"

/* Holds, once the switch is recorded. */
void exclusive_begin(struct switcher *switcher);
/* STEP_HOLD: until the old color is done. */
void exclusive_run_hold(struct switcher *switcher);
/* STEP_COMMAND: until it has ended. */
void exclusive_run_command(struct switcher *switcher);
/* STEP_COMMIT: until the flip is recorded. */
void exclusive_run_commit(struct switcher *switcher);
/* Behind the flip, once it is in force: lets go what is held. Nothing happens when nothing is. */
void exclusive_release(struct switcher *switcher);
/* The deployment ends before the flip: ends the command, which then is told of as a warning, and lets go what is held, to the old color. */
void exclusive_stop(struct switcher *switcher);

#endif
