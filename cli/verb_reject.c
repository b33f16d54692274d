/* teal reject. No to an approval gate. */
#include "cli/verbs.h"

#include "cli/answering.h"

static enum exit_code run(struct command *command)
{
	return answering_run(command, "rejected and ends as refused");
}

const struct verb verb_reject = {
	.name = "reject",
	.summary = "refuse a switch that waits for somebody's approval",
	.usage = "[SERVICE] [DEPLOYMENT]",
	.options = answering_options,
	.asks_daemon = true,
	.help = "The one that waits when no DEPLOYMENT is named; it ends as refused, and nothing has changed. Exit code 3 when none waits, or another one does;\n"
		"1 when there is no such deployment.",
	.run = run,
};
