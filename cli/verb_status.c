/* teal status. Asks for the status document and prints it; cli/overview knows how. */
#include "cli/verbs.h"

#include <time.h>

#include "base/clock.h"
#include "cli/overview.h"
#include "cli/screen.h"

static const struct option rows[] = {
	{"watch", 0, OPTION_FLAG, NULL, "refresh every second, until Ctrl-C"},
	{0},
};

static void print(const struct command *command, const struct target *target, const json_t *document, bool watch)
{
	if (watch && !command->json)
		screen_clear();
	if (command->json && watch)
		command_print_line(document);
	else if (command->json)
		command_print(document);
	else if (target->service)
		overview_print_service(target->service, document, clock_wall_ms());
	else
		overview_print(document);
	screen_flush();
}

static enum exit_code show(struct command *command, const struct target *target, bool watch)
{
	struct caller_answer answer;
	enum exit_code code = target->service ? command_call_service(command, "GET", target->service, "", NULL, &answer)
					      : command_call(command, "GET", "/v1/status", NULL, COMMAND_TIMEOUT_MS, &answer);
	if (code == EXIT_DONE)
		print(command, target, answer.document, watch);
	caller_answer_fini(&answer);
	return code;
}

/* `status` of several services means all of them, so no name is asked for. */
static enum exit_code run(struct command *command)
{
	struct err err;
	struct target target;
	if (!target_read(command->options.words, command->options.word_count, TARGET_SERVICE, &target, &err))
		return command_misused(command, &err);
	bool watch = options_given(&command->options, "watch");
	enum exit_code code = command_connect(command);
	while (code == EXIT_DONE) {
		code = show(command, &target, watch);
		if (!watch)
			break;
		nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
	}
	return code;
}

const struct verb verb_status = {
	.name = "status",
	.summary = "show what is live, how it does, and whether one could go back",
	.usage = "[SERVICE]",
	.options = rows,
	.asks_daemon = true,
	.help = "All services when none is named. REQ/S covers the last 10 s; P50, P99 and ERRORS (5xx and failures to answer) the last 60 s.\n"
		"SPLIT `25% (0% now)`, in steps: that color has no backend up, and the other one gets its share meanwhile.",
	.run = run,
};
