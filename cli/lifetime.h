/* The end of the daemon's process, as seen by whoever may ask the daemon: no rights over the process are needed. */
#ifndef TEAL_CLI_LIFETIME_H
#define TEAL_CLI_LIFETIME_H

#include <stdbool.h>
#include <sys/types.h>

/* Takes hold of the process while it answers. -1 where it can't be seen from here: `said`, its number by its own account, is not the number that the
 * socket's other side has here (`peer`, 0: unknown), as with a container's daemon or one on another machine. The caller's to close. */
int lifetime_hold(pid_t said, pid_t peer);
/* Waits at most so long; true when the process has ended and let go of its files and locks, whether or not its parent has asked for its code. */
bool lifetime_has_ended(int process, int wait_ms);

#endif
