/* A daemon of one service and one verb, for `--standalone`: in a child process, with its admin API on a socket in a private folder, so that the verb asks it like any other.
 *
 * Before any thread exists. The state directory's lock keeps it and a daemon apart. */
#ifndef TEAL_CLI_STANDALONE_H
#define TEAL_CLI_STANDALONE_H

#include <stdbool.h>

#include "cli/command.h"

#define STANDALONE_ROW \
	{ \
		"standalone", 0, OPTION_FLAG, NULL, "without a daemon: a process of its own does it and ends with its outcome (services via: route53)" \
	}

struct standalone;

/* Reads the configuration and the words, starts the child and makes command->client and command->standalone. target->service is set in any case. EXIT_DONE, or a code whose sentence was printed. From here on SIGINT,
 * SIGTERM and SIGHUP end nothing by themselves: see standalone_interrupted. */
enum exit_code standalone_open(struct command *command, struct target *target);
/* Lets the child end what it has to, removes the folder, and after standalone_leave ends the process by the signal that came. NULL is allowed. */
void standalone_close(struct standalone *standalone);

/* It is not followed any more, though it is not at its end, as a signal came: standalone_close ends the process by that. */
void standalone_leave(struct standalone *standalone);
/* How many of these signals came. */
unsigned standalone_interrupted(void);
/* The file has steps that wait for `teal promote`, which nobody could give. */
bool standalone_waits_in_steps(const struct standalone *standalone);
/* False and a sentence when the process has ended by itself. */
bool standalone_check(struct standalone *standalone, struct err *err);
/* The words behind a verb that mean the same file: " -c FILE", or "". */
const char *standalone_file_words(const struct standalone *standalone);

#endif
