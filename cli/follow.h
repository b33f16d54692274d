/* Watching one deployment from the request on: its events as they come, a live line, and the exit code it ends with. */
#ifndef TEAL_CLI_FOLLOW_H
#define TEAL_CLI_FOLLOW_H

#include "cli/command.h"

/* Until the deployment has ended; prints events and the receipt (with --json one event a line, the deployment last). Ctrl-C detaches with a
 * sentence and leaves the deployment alone. A daemon that is gone is asked again for 30 s. Events from before `since_ms` (wall clock; 0: none is) are left out. Without a daemon (command->standalone) a signal before the
 * change stops it, and behind it says what is: see standalone_leave. */
enum exit_code follow_to_end(struct command *command, const char *service, const char *id, uint64_t since_ms);
/* Until the flip is in force on every worker, or the deployment ended without one. */
enum exit_code follow_to_switched(struct command *command, const char *service, const char *id);

#endif
