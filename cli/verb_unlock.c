/* teal unlock. Unlike `lock` it wants a name, or --all: it takes away what somebody wanted. */
#include "cli/verbs.h"

#include "cli/every.h"
#include "cli/order.h"
#include "cli/screen.h"

static const struct option rows[] = {
	{"all", 0, OPTION_FLAG, NULL, "unlock every service"},
	{0},
};

static void tell(const char *service, const json_t *answer)
{
	(void)answer;
	screen_line("%s: unlocked", service);
}

static enum exit_code unlock_one(struct command *command)
{
	struct target target;
	struct caller_answer answer;
	json_t *names;
	enum exit_code code = order_send(command, "unlock", json_object(), &target, &names, &answer);
	if (code == EXIT_DONE && !command->json)
		tell(target.service, answer.document);
	caller_answer_fini(&answer);
	json_decref(names);
	return code;
}

static enum exit_code run(struct command *command)
{
	struct err err;
	if (!options_given(&command->options, "all"))
		return unlock_one(command);
	if (command->options.word_count > 0) {
		err_set(&err, "--all and a service exclude each other");
		return command_misused(command, &err);
	}
	return every_send(command, "unlock", json_object(), tell);
}

const struct verb verb_unlock = {
	.name = "unlock",
	.summary = "allow switches again",
	.usage = "[SERVICE]",
	.options = rows,
	.asks_daemon = true,
	.help = "",
	.run = run,
};
