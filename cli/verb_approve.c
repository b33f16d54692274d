/* teal approve. Yes to an approval gate. */
#include "cli/verbs.h"

#include "cli/answering.h"

static enum exit_code run(struct command *command)
{
	return answering_run(command, "approved and goes on");
}

const struct verb verb_approve = {
	.name = "approve",
	.summary = "let a switch go on that waits for somebody's approval",
	.usage = "[SERVICE] [DEPLOYMENT]",
	.options = answering_options,
	.asks_daemon = true,
	.help = "The one that waits when no DEPLOYMENT is named. Who approved it, when and why is in the journal. Exit code 3 when none waits, or another one does;\n"
		"1 when there is no such deployment.",
	.run = run,
};
