/* What is said when a deployment is not followed to its end. */
#ifndef TEAL_CLI_PARTING_H
#define TEAL_CLI_PARTING_H

#include "cli/command.h"

/* From now on Ctrl-C says where the deployment can be watched, and ends the process. Nothing without a daemon (command->standalone): nobody would carry on. */
void parting_arm(const struct command *command, const char *service, const char *id);
/* Without a daemon, behind the change: what is live, what caches may hold, and how it is gone on with. */
void parting_tell_left(const struct command *command, const json_t *deployment);

#endif
