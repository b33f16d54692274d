/* What a verb with `--standalone` does besides asking: it takes what an earlier run has left behind to its end, and knows a way back without history. */
#ifndef TEAL_CLI_ALONE_H
#define TEAL_CLI_ALONE_H

#include "cli/command.h"

/* Starts the process and, where a deployment of an earlier run has not ended, follows it to its end. `*done`: that is all that was asked for, and the code is its outcome's; else the code says whether to go on. */
enum exit_code alone_begin(struct command *command, struct target *target, bool *done);
/* Asks for a switch. A signal ends the waiting for its beginning, which may take as long as Route 53 does to say what the record is; a deployment that began all the same is in the answer. EXIT_DONE or a code
 * whose sentence was printed. */
enum exit_code alone_ask(struct command *command, const char *service, const char *action, const json_t *body, struct caller_answer *answer);
/* The whole of `teal rollback --standalone`. */
enum exit_code alone_roll_back(struct command *command);

#endif
