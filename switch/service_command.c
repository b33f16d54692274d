/* The command of an exclusive switch. Control thread; glue. */
#include "switch/service_command.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "switch/herald.h"
#include "switch/hook.h"

/* The last line that says anything, which is where programs put why they failed. */
static const char *last_line(const char *output, int *length)
{
	size_t end = strlen(output);
	while (end > 0 && strchr("\n\t ", output[end - 1]))
		end--;
	size_t begin = end;
	while (begin > 0 && output[begin - 1] != '\n')
		begin--;
	*length = (int)(end - begin);
	return output + begin;
}

static void on_done(void *arg, const struct hook_result *result)
{
	int length;
	struct service_command *command = arg;
	const char *line = last_line(result->output, &length);
	command->hook = NULL;
	command->passed = result->passed;
	snprintf(command->sentence, sizeof(command->sentence), "%s%s%.*s", result->sentence, length > 0 ? ": " : "", length, line);
	command->service->owner->on_news(command->service->owner->arg);
}

void service_command_begin(struct service_command *command, const struct deployment *deployment, uint64_t limit_ms)
{
	struct hook_facts facts = herald_describe(deployment, "exclusive", NULL, clock_wall_ms());
	struct conf_hook hook = {.run = deployment->exclusive.run, .timeout_ms = limit_ms};
	command->hook = hook_start(command->hooks, &hook, &facts, on_done, command);
}

enum switcher_command service_command_read(const struct service_command *command, char *sentence, size_t size)
{
	if (command->hook)
		return SWITCHER_COMMAND_RUNS;
	snprintf(sentence, size, "%s", command->sentence);
	return command->passed ? SWITCHER_COMMAND_DONE : SWITCHER_COMMAND_FAILED;
}

void service_command_cancel(struct service_command *command)
{
	if (command->hook)
		hook_cancel(command->hook);
	command->hook = NULL;
}
