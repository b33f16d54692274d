/* Following `teal dns prepare` until a switch is quick, or with --no-wait until the lower TTL is accepted. */
#ifndef TEAL_CLI_DNS_PREPARE_H
#define TEAL_CLI_DNS_PREPARE_H

#include "cli/command.h"

/* `answer` is that of `POST …/dns/prepare`, owned from here on. Tells of it as the command wants it, and returns what it ends with. Ctrl-C detaches with a sentence. */
enum exit_code dns_prepare_follow(struct command *command, const char *service, json_t *answer);

#endif
