/* What is said when a deployment is not followed to its end. */
#ifndef TEAL_CLI_PARTING_H
#define TEAL_CLI_PARTING_H

#include "cli/command.h"

/* From now on Ctrl-C says where the deployment can be watched, and ends the process. Nothing without a daemon (command->standalone): nobody would carry on. */
void parting_arm(const struct command *command, const char *service, const char *id);
/* The record may be another one by now than before the deployment. */
bool parting_has_gone_forward(const json_t *deployment);
/* Without a daemon, behind the change: what is live, what caches may hold, and how it is gone on with. */
void parting_tell_left(const struct command *command, const json_t *deployment);
/* The same when its process has gone. `seen` is what was known of it last, NULL: nothing. */
void parting_tell_lost(const struct command *command, const char *service, const json_t *seen);

#endif
