/* approve and reject: which service and deployment are meant, and the order. */
#ifndef TEAL_CLI_ANSWERING_H
#define TEAL_CLI_ANSWERING_H

#include "cli/command.h"

/* The rows of both verbs. */
extern const struct option answering_options[];

/* Sends the verb's own order for the words [SERVICE] [DEPLOYMENT] and says that it `is` done. */
enum exit_code answering_run(struct command *command, const char *is);

#endif
