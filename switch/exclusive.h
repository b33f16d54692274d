/* An exclusive switch: new requests are held, the old color finishes, a command runs, then comes the flip, and only when that is in force on every worker they are let go. Control thread; used by
 * switch/switcher and switch/course alone.
 *
 * So the two versions never have a request at the same time. Everything up to the flip has one deadline, a little before the limit that was asked for: then, and when anything fails, the requests are let
 * go to the old color: never while anything of the command is alive, but for what the system can't kill. Tunnels of both colors are closed. Copies for a rehearsal are waited for, and there are no more; probes, which go round the hold by
 * design, are not. */
#ifndef TEAL_SWITCH_EXCLUSIVE_H
#define TEAL_SWITCH_EXCLUSIVE_H

#include "switch/course.h"

/* NULL, or why none can begin now: a sentence, and a stable code of the API. May wait a moment. */
const char *exclusive_foresee(struct switcher *switcher, const char **code);
/* Holds, once the switch is recorded. */
void exclusive_begin(struct switcher *switcher);
/* STEP_HOLD: until the old color is done. */
void exclusive_run_hold(struct switcher *switcher);
/* STEP_COMMAND: until it has ended. */
void exclusive_run_command(struct switcher *switcher);
/* STEP_CHECK: until every backend of the new color that was up before the command has passed a probe behind it. */
void exclusive_run_check(struct switcher *switcher);
/* STEP_COMMIT: until the flip is recorded. */
void exclusive_run_commit(struct switcher *switcher);
/* Behind the flip, once it is in force: lets go what is held. Nothing happens when nothing is. */
void exclusive_release(struct switcher *switcher);
/* The deployment ends before the flip: lets go what is held, to the old color. A command that still runs is ended before that, which is waited for, and told of as a warning. */
void exclusive_stop(struct switcher *switcher);
/* Somebody stops the deployment: when the command runs it is told to end, and the deployment ends as aborted, with this cause (a static string) and detail, when it has. False: none runs. */
bool exclusive_stop_command(struct switcher *switcher, const char *cause, const char *detail);
/* The deployment is stopped: when its command has ended well already, that is told as a warning. */
void exclusive_note_stop(struct switcher *switcher);
/* After a restart, of a deployment with a command that had come as far as `step`: ends it with what is known. What was left of the command was killed before. */
void exclusive_end_interrupted(struct switcher *switcher, enum step step);

#endif
