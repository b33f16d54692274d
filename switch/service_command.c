/* The command of an exclusive switch. Control thread; glue. */
#include "switch/service_command.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/errand.h"
#include "base/log.h"
#include "base/memory.h"
#include "switch/herald.h"
#include "switch/hook.h"

#define KILL_MS 200u   /* from SIGKILL on: more than it takes where nothing hangs */
#define CLEAR_MS 1000u /* the same at the start, where nobody waits yet */

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

/* ---- its groups ---- */

/* Numbers are another's sooner or later: each is asked about until nobody has it, once. */
static bool is_alive(struct service_command *command)
{
	bool alive = false;
	for (size_t i = 0; i < REMAINS_GROUPS; i++) {
		if (!remains_has_group(command->groups[i]))
			command->groups[i] = 0;
		alive = alive || command->groups[i] > 0;
	}
	return alive;
}

/* False: it is known, or there are too many. */
static bool add_group(struct service_command *command, pid_t group)
{
	pid_t *place = NULL;
	for (size_t i = 0; i < REMAINS_GROUPS; i++) {
		if (command->groups[i] == group)
			return false;
		if (!place && !remains_has_group(command->groups[i]))
			place = &command->groups[i];
	}
	if (place)
		*place = group;
	return place != NULL;
}

static void note_own_group(struct service_command *command)
{
	if (command->hook && hook_group(command->hook) > 0)
		add_group(command, hook_group(command->hook));
}

/* But for its own, which is the runner's as long as the first process is there. */
static void signal_groups(const struct service_command *command, int number)
{
	pid_t own = command->hook ? hook_group(command->hook) : 0;
	for (size_t i = 0; i < REMAINS_GROUPS; i++)
		if (command->groups[i] > 0 && command->groups[i] != own)
			kill(-command->groups[i], number);
}

/* ---- searches ---- */

static void search_work(void *data)
{
	remains_find(data);
}

static void search_drop(void *data)
{
	free(data);
}

/* True: some are new. Those are told what the others were told. */
static bool take_found(struct service_command *command, const struct remains_search *search)
{
	bool any = false;
	for (size_t i = 0, count = search->count; i < count; i++) {
		if (!add_group(command, search->groups[i]))
			continue;
		any = command->found = true;
		if (command->signal_number)
			kill(-search->groups[i], command->signal_number);
	}
	return any;
}

static void begin_search(struct service_command *command);

static void search_own(struct service_command *command)
{
	command->search_again = command->search != NULL;
	if (!command->search)
		begin_search(command);
}

/* Until it finds nothing more: while it looks, what is not killed yet may make more. */
static void search_done(void *arg, void *data)
{
	struct service_command *command = arg;
	bool more = take_found(command, data);
	command->search = NULL;
	if (command->search_again || (more && command->signal_number == SIGKILL))
		search_own(command);
	command->service->owner->on_news(command->service->owner->arg);
}

static void begin_search(struct service_command *command)
{
	static const struct errand_kind searching = {search_work, search_done, search_drop};
	if (!command->errands)
		command->errands = errands_new(command->service->owner->loop);
	command->search = memory_new(sizeof(*command->search));
	snprintf(command->search->deployment, sizeof(command->search->deployment), "%s", command->service->last_command);
	command->search->session = command->session;
	command->search_again = false;
	command->search_ms = clock_mono_ms() + SERVICE_COMMAND_SEARCH_MS;
	errand_start(command->errands, &searching, command->search, command);
}

static void give_up_search(struct service_command *command)
{
	log_warning("%s: a process on this machine does not let itself be looked at, so parts of the command of an exclusive switch may not be known",
		command->service->name);
	take_found(command, command->search);
	command->search = NULL;
	errands_free(command->errands); /* its thread has it now */
	command->errands = NULL;
}

static bool is_searching(struct service_command *command)
{
	if (command->search && clock_mono_ms() >= command->search_ms)
		give_up_search(command);
	return command->search != NULL;
}

/* The loop does not run meanwhile. */
static void wait_for_search(struct service_command *command)
{
	uint64_t until_ms = clock_mono_ms() + SERVICE_COMMAND_SEARCH_MS;
	for (uint64_t now_ms; is_searching(command) && (now_ms = clock_mono_ms()) < until_ms;)
		errands_settle(command->errands, until_ms - now_ms);
}

/* ---- its course ---- */

static void on_done(void *arg, const struct hook_result *result)
{
	int length;
	struct service_command *command = arg;
	const char *line = last_line(result->output, &length);
	note_own_group(command);
	command->hook = NULL;
	command->passed = result->passed;
	snprintf(command->sentence, sizeof(command->sentence), "%s%s%.*s", result->sentence, length > 0 ? ": " : "", length, line);
	if (command->signal_number != SIGKILL) /* else there is one behind the kill, or was */
		search_own(command);
	command->service->owner->on_news(command->service->owner->arg);
}

static bool is_there(struct service_command *command)
{
	return command->hook || is_searching(command) || is_alive(command);
}

/* No earlier one can be there: this one would not have been begun. */
const char *service_command_foresee(struct service_command *command)
{
	if (!is_there(command) && command->service->last_command[0]) {
		command->signal_number = 0;
		command->session = 0; /* it may be of an earlier run */
		begin_search(command);
		wait_for_search(command);
	}
	if (!is_there(command))
		return NULL;
	return "a process of the last exclusive switch's command is still there, though it was killed: it waits for a disk or the like; look for it "
	       "(ps -eo pid,stat,wchan,args)";
}

void service_command_begin(struct service_command *command, const struct deployment *deployment, uint64_t limit_ms)
{
	assert(!command->hook && !command->search);
	struct hook_facts facts = herald_describe(deployment, "exclusive", NULL, clock_wall_ms());
	struct conf_hook hook = {.run = deployment->exclusive.run, .timeout_ms = limit_ms};
	memset(command->groups, 0, sizeof(command->groups));
	command->signal_number = 0;
	command->session = getsid(0);
	memcpy(command->service->last_command, deployment->id, sizeof(deployment->id));
	command->hook = hook_start(command->hooks, &hook, &facts, on_done, command);
}

enum switcher_command service_command_read(struct service_command *command, char *sentence, size_t size)
{
	if (is_there(command))
		return SWITCHER_COMMAND_RUNS;
	snprintf(sentence, size, "%s", command->sentence);
	return command->passed ? SWITCHER_COMMAND_DONE : SWITCHER_COMMAND_FAILED;
}

static void tell(struct service_command *command, int number)
{
	command->signal_number = number;
	note_own_group(command);
	if (command->hook && number == SIGKILL)
		hook_kill(command->hook);
	else if (command->hook)
		hook_tell(command->hook);
	signal_groups(command, number);
	search_own(command);
}

void service_command_tell(struct service_command *command, bool kill)
{
	if (is_there(command))
		tell(command, kill ? SIGKILL : SIGTERM);
}

/* ---- at the daemon's ends ---- */

/* The loop does not run meanwhile. */
static bool wait_for_end(struct service_command *command, uint64_t limit_ms)
{
	static const struct timespec moment = {0, 2000000};
	uint64_t until_ms = clock_mono_ms() + limit_ms;
	bool alive;
	note_own_group(command);
	while ((alive = is_alive(command)) && clock_mono_ms() < until_ms)
		nanosleep(&moment, NULL);
	return !alive;
}

void service_command_end(struct service_command *command, uint64_t grace_ms)
{
	if (!is_there(command))
		return;
	tell(command, SIGTERM);
	wait_for_search(command);
	wait_for_end(command, grace_ms);
	tell(command, SIGKILL); /* one that is still being started, and what has come since, too */
	wait_for_search(command);
	wait_for_end(command, KILL_MS);
}

void service_command_clear(struct service_command *command, const char *deployment)
{
	char *last = command->service->last_command, before[sizeof(command->service->last_command)];
	if (is_there(command))
		return;
	command->signal_number = SIGKILL;
	command->session = 0; /* it is in the last daemon's */
	command->found = false;
	memcpy(before, last, sizeof(before));
	snprintf(last, sizeof(before), "%s", deployment);
	begin_search(command);
	wait_for_search(command);
	if (command->found)
		wait_for_end(command, CLEAR_MS);
	else
		memcpy(last, before, sizeof(before));
}

bool service_command_was_cleared(const struct service_command *command, const char *deployment)
{
	return command->found && strcmp(command->service->last_command, deployment) == 0;
}

void service_command_cancel(struct service_command *command)
{
	if (command->hook)
		hook_cancel(command->hook);
	command->hook = NULL;
	errands_free(command->errands);
	command->errands = NULL;
	command->search = NULL;
}
