/* How a switch is to be done, as the command line says it: in steps, or exclusive with a command. */
#ifndef TEAL_CLI_MANNER_H
#define TEAL_CLI_MANNER_H

#include "cli/command.h"

/* The rows of its options, for a table of rows. */
#define MANNER_ROWS \
	{"steps", 0, OPTION_LIST, "PERCENT", "give the new color these shares one after another, the last one 100: 5,25,100"}, \
		{"pause", 0, OPTION_TEXT, "TIME|manual", "between two steps: so long, or until `teal promote`"}, \
		{"exclusive", 0, OPTION_FLAG, NULL, "hold new requests until the old color has finished: the two versions never overlap"}, \
		{"hold-max", 0, OPTION_DURATION, "TIME", "hold them less than this, or stay with the old color (default: hold.max of the configuration)"}, \
	{ \
		"run", 0, OPTION_TEXT, "COMMAND", "run this while neither color has a request, such as a migration; without a shell" \
	}

/* Puts what was given into the request. False with a sentence when it can't be meant. */
bool manner_put(const struct command *command, json_t *body, struct err *err);

#endif
