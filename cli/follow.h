/* Watching one deployment from the request on: its events as they come, a live line, and the exit code it ends with. */
#ifndef TEAL_CLI_FOLLOW_H
#define TEAL_CLI_FOLLOW_H

#include "cli/command.h"

/* Until the deployment has ended; prints events and the receipt (with --json one event a line, the deployment last). Ctrl-C detaches with a
 * sentence and leaves the deployment alone. A daemon that is gone is asked again for 30 s. */
enum exit_code follow_to_end(struct command *command, const char *service, const char *id);
/* Until the flip is in force on every worker, or the deployment ended without one. */
enum exit_code follow_to_switched(struct command *command, const char *service, const char *id);

#endif
