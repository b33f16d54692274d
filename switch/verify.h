/* Watching the old color after a rollback: going back is only half of it, as long as nobody looked whether that helped. Control thread; used by switch/switcher and switch/course alone.
 *
 * The deployment has ended by then; what is found is added to its document. Acts on nothing. */
#ifndef TEAL_SWITCH_VERIFY_H
#define TEAL_SWITCH_VERIFY_H

#include "switch/course.h"

/* Takes a deployment that was rolled back just now, for as long as the policy says; not at all: false, and it stays the caller's. */
bool verify_begin(struct switcher *switcher, struct deployment *deployment);
/* Looks; ends when the time is over, or when nothing good can come of it any more. */
void verify_run(struct switcher *switcher);
/* Ends it now, since `why`. Nothing happens when none is under way. */
void verify_stop(struct switcher *switcher, const char *why);

#endif
