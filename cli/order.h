/* The verbs that send one order to the daemon: switch and deploy, which are followed to their end, and the short ones. */
#ifndef TEAL_CLI_ORDER_H
#define TEAL_CLI_ORDER_H

#include "cli/command.h"

/* The rows that switch and deploy share. */
extern const struct option order_switch_options[];

/* Sends `action` with `body` (owned from here on; the shared options are added) for the words [SERVICE] [COLOR], and follows the deployment as --no-wait says. */
enum exit_code order_deployment(struct command *command, const char *action, json_t *body);

/* POST action with body (owned from here on) for the service that the words name. With --json the answer is printed. `*answer` and `*target` are the
 * caller's, to tell of it; `*names` as of command_begin. */
enum exit_code order_send(struct command *command, const char *action, json_t *body, struct target *target, json_t **names, struct caller_answer *answer);

#endif
