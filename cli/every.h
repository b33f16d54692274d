/* An order to the service that was named, or to every service when none was. */
#ifndef TEAL_CLI_EVERY_H
#define TEAL_CLI_EVERY_H

#include "cli/command.h"

/* POST `action` with `body` (owned from here on); `tell` prints one service's answer where --json does not: there it is one object with the answers by
 * service. Goes on after a service that refused; the result is the first code that is not EXIT_DONE. */
enum exit_code every_send(struct command *command, const char *action, json_t *body, void (*tell)(const char *service, const json_t *answer));

#endif
