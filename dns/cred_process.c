/* The program of credential_process: run without a shell, what it writes read once and wiped. What it says besides (on 2) goes nowhere, since nobody knows what is in it. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/output.h"
#include "base/runner.h"
#include "base/words.h"
#include "dns/cred_json.h"
#include "dns/cred_search.h"

#define PROCESS_MS 30000u

struct process {
	struct cred_search *search;
	char *profile, *program;
	struct runner_job *job;
};

static void drop(struct process *process)
{
	free(process->profile);
	free(process->program);
	free(process);
}

static void cancel(void *task)
{
	struct process *process = task;
	runner_cancel(process->job);
	drop(process);
}

/* Its own exit statuses are unknown; those of env are not. */
static void fail_status(struct cred_search *search, const struct process *process, const struct runner_result *result)
{
	if (result->outcome == RUNNER_EXITED && result->status == 127 && !strchr(process->program, '/'))
		cred_search_fail(search, "the credential_process of \"%.64s\", %.200s, is not in the PATH of teal: give its whole path", process->profile,
			process->program);
	else
		cred_search_fail(search, "the credential_process of \"%.64s\": %.300s; run it by hand as the user of teal to see what it says",
			process->profile, result->sentence);
}

static struct cred_keys *read_output(const struct runner_result *result, struct err *err)
{
	size_t length = strlen(result->output);
	if (result->flooded)
		err_set(err, "it wrote more than %u bytes", OUTPUT_KEPT_SIZE - 1);
	else if (length == 0)
		err_set(err, "it wrote nothing");
	else
		return cred_json_read(CRED_JSON_PROCESS, result->output, length, err);
	return NULL;
}

static void take(struct cred_search *search, const struct process *process, const struct runner_result *result)
{
	struct err err;
	struct cred_keys *keys = NULL;
	if (!result->flooded && (result->outcome != RUNNER_EXITED || result->status != 0)) {
		fail_status(search, process, result);
		return;
	}
	keys = read_output(result, &err);
	if (!keys) {
		cred_search_fail(
			search, "what the credential_process of \"%.64s\", %.200s, wrote can't be used: %s", process->profile, process->program, err.text);
		return;
	}
	cred_keys_name(keys, "the credential_process of the profile \"%.64s\"", process->profile);
	cred_search_find(search, keys);
}

static void on_done(void *arg, const struct runner_result *result)
{
	struct process *process = arg;
	process->search->task = NULL;
	take(process->search, process, result);
	drop(process);
}

/* What is between teal and whoever started it is not for programs. */
static bool is_ours(const char *variable)
{
	static const char *const names[] = {"PATH=", "HOME=", "LANG=", "NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_", "JOURNAL_STREAM=", "INVOCATION_ID="};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(variable, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static const char **choose_environment(const char *const *all)
{
	size_t count = 0, kept = 0;
	while (all && all[count])
		count++;
	const char **chosen = memory_array(count + 1, sizeof(*chosen));
	for (size_t i = 0; i < count; i++)
		if (!is_ours(all[i]))
			chosen[kept++] = all[i];
	return chosen;
}

/* A bare name is looked up by env(1), in a process of its own: disks hang. */
static void run(struct cred_search *search, const char *profile, char **words)
{
	size_t count = 0, at = 0;
	while (words[count])
		count++;
	const char **command = memory_array(count + 2, sizeof(*command)), **environment = choose_environment(search->given->environment);
	if (words[0][0] != '/')
		command[at++] = "/usr/bin/env";
	memcpy(command + at, words, count * sizeof(*words));
	struct process *process = memory_new(sizeof(*process));
	*process = (struct process){.search = search, .profile = memory_text(profile), .program = memory_text(words[0])};
	struct runner_request request = {.run = command, .environment = environment, .timeout_ms = PROCESS_MS, .secret = true};
	search->task = process;
	process->job = runner_start(search->tools->runner, &request, on_done, process);
	free(command);
	free(environment);
}

static void begin(struct cred_search *search, const char *profile)
{
	struct err err;
	char **words = words_split(profiles_find(search->profiles, profile, "credential_process"), &err);
	if (!words)
		cred_search_fail(search, "the credential_process of \"%.64s\" can't be read: %s", profile, err.text);
	else if (words[0][0] != '/' && strchr(words[0], '/'))
		cred_search_fail(search, "the credential_process of \"%.64s\", %.200s, is neither an absolute path nor a bare name", profile, words[0]);
	else
		run(search, profile, words);
	words_free(words);
}

const struct cred_source cred_process = {"the profile", begin, cancel};
