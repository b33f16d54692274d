/* teal version. Asks nobody. */
#include "cli/verbs.h"

#include "cli/screen.h"

static const struct option rows[] = {
	{"json", 0, OPTION_FLAG, NULL, "print JSON"},
	{0},
};

static enum exit_code run(struct command *command)
{
	struct target target;
	struct err err;
	if (!target_read(command->options.words, command->options.word_count, TARGET_NOTHING, &target, &err))
		return command_misused(command, &err);
	if (options_given(&command->options, "json")) {
		json_t *document = json_pack("{ss}", "version", TEAL_VERSION);
		command_print(document);
		json_decref(document);
	} else {
		screen_line("teal %s", TEAL_VERSION);
	}
	return EXIT_DONE;
}

const struct verb verb_version = {
	.name = "version",
	.summary = "print the version of this binary",
	.usage = "",
	.options = rows,
	.help = "The daemon's version is in `teal status`.",
	.run = run,
};
