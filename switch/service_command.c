/* The command of an exclusive switch. Control thread; glue. */
#include "switch/service_command.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "switch/herald.h"
#include "switch/hook.h"
#include "switch/remains.h"

#define KILL_MS 200u /* from SIGKILL on: more than it takes where nothing hangs */

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

/* Numbers are another's sooner or later: each is asked about until nobody has it, once. */
static bool is_alive(struct service_command *command)
{
	bool alive = false;
	for (size_t i = 0; i < SERVICE_COMMAND_GROUPS; i++) {
		if (!remains_has_group(command->groups[i]))
			command->groups[i] = 0;
		alive = alive || command->groups[i] > 0;
	}
	return alive;
}

static void note_group(struct service_command *command)
{
	if (hook_group(command->hook) > 0)
		command->groups[0] = hook_group(command->hook);
}

static void on_done(void *arg, const struct hook_result *result)
{
	int length;
	struct service_command *command = arg;
	const char *line = last_line(result->output, &length);
	note_group(command);
	command->hook = NULL;
	command->passed = result->passed;
	snprintf(command->sentence, sizeof(command->sentence), "%s%s%.*s", result->sentence, length > 0 ? ": " : "", length, line);
	command->service->owner->on_news(command->service->owner->arg);
}

const char *service_command_foresee(struct service_command *command)
{
	if (!command->hook && !is_alive(command))
		return NULL;
	return "a process of the last exclusive switch's command is still there, though it was killed: it waits for a disk or the like; look for it "
	       "(ps -eo pid,stat,wchan,args)";
}

void service_command_begin(struct service_command *command, const struct deployment *deployment, uint64_t limit_ms)
{
	assert(!command->hook);
	struct hook_facts facts = herald_describe(deployment, "exclusive", NULL, clock_wall_ms());
	struct conf_hook hook = {.run = deployment->exclusive.run, .timeout_ms = limit_ms};
	command->hook = hook_start(command->hooks, &hook, &facts, on_done, command);
}

enum switcher_command service_command_read(struct service_command *command, char *sentence, size_t size)
{
	if (command->hook || is_alive(command))
		return SWITCHER_COMMAND_RUNS;
	snprintf(sentence, size, "%s", command->sentence);
	return command->passed ? SWITCHER_COMMAND_DONE : SWITCHER_COMMAND_FAILED;
}

void service_command_tell(struct service_command *command, bool kill)
{
	if (!command->hook)
		return;
	if (kill)
		hook_kill(command->hook);
	else
		hook_tell(command->hook);
}

/* The loop does not run meanwhile. */
static bool wait_for_end(struct service_command *command, uint64_t limit_ms)
{
	static const struct timespec moment = {0, 2000000};
	uint64_t until_ms = clock_mono_ms() + limit_ms;
	bool alive;
	note_group(command);
	while ((alive = is_alive(command)) && clock_mono_ms() < until_ms)
		nanosleep(&moment, NULL);
	return !alive;
}

void service_command_end(struct service_command *command, uint64_t grace_ms)
{
	if (!command->hook)
		return;
	hook_tell(command->hook);
	bool ended = wait_for_end(command, grace_ms);
	hook_kill(command->hook); /* one that is still being started, too */
	if (!ended)
		wait_for_end(command, KILL_MS);
}

bool service_command_kill_orphans(struct service_command *command, const struct deployment *deployment)
{
	size_t count = remains_find(deployment->id, command->groups, SERVICE_COMMAND_GROUPS);
	for (size_t i = 0; i < count; i++)
		kill(-command->groups[i], SIGKILL);
	return count > 0;
}

void service_command_cancel(struct service_command *command)
{
	if (command->hook)
		hook_cancel(command->hook);
	command->hook = NULL;
}
