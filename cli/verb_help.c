/* teal help. Prints the tables of the verbs. */
#include "cli/verbs.h"

static enum exit_code run(struct command *command)
{
	struct err err;
	if (command->options.word_count > 1) {
		err_set(&err, "one verb is enough");
		return command_misused(command, &err);
	}
	if (command->options.word_count == 0) {
		verbs_print_overview();
		return EXIT_DONE;
	}
	const struct verb *verb = verbs_find(command->options.words[0]);
	if (!verb)
		return EXIT_USAGE;
	verbs_print_help(verb);
	return EXIT_DONE;
}

const struct verb verb_help = {
	.name = "help",
	.summary = "list the verbs, or explain one",
	.usage = "[VERB]",
	.help = "",
	.run = run,
};
