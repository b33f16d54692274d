/* teal stop. Asks the daemon to drain and end, and waits until its process is gone: only then are its state directory and its ports another one's. Over a URL the end of its API is all that can be seen. */
#include "cli/verbs.h"

#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/document.h"
#include "cli/lifetime.h"
#include "cli/screen.h"

#define WAIT_MS 120000
#define LOOK_MS 100

static const struct option rows[] = {
	{"wait", 0, OPTION_DURATION, "TIME", "how long to wait for its end (default 2m)"},
	{"no-wait", 0, OPTION_FLAG, NULL, "return at once; the daemon drains and ends by itself"},
	{0},
};

/* Nobody answers any more. */
static bool is_silent(struct command *command)
{
	struct caller_answer answer;
	bool silent = caller_call(command->client, "GET", "/healthz", NULL, 2000, &answer) == EXIT_UNREACHABLE;
	caller_answer_fini(&answer);
	return silent;
}

static bool is_gone(struct command *command, int process)
{
	if (process >= 0)
		return lifetime_has_ended(process, LOOK_MS);
	if (is_silent(command))
		return true;
	nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000}, NULL);
	return false;
}

static enum exit_code wait_for_end(struct command *command, int process, uint64_t wait_ms)
{
	struct err err;
	char patience[TEXT_UNIT_SIZE];
	uint64_t deadline = clock_mono_ms() + wait_ms;
	while (!is_gone(command, process)) {
		if (clock_mono_ms() >= deadline) {
			text_format_duration(wait_ms, patience);
			err_set(&err, "the daemon still drains after %s; it ends by itself, `teal status` shows what it waits for", patience);
			return command_fail(EXIT_TIMED_OUT, &err);
		}
		screen_live("draining");
	}
	screen_live_end();
	return EXIT_DONE;
}

/* Whether a daemon is there, and its process, to be seen to its end. */
static bool find(struct command *command, int *process)
{
	struct caller_answer answer;
	bool found = caller_call(command->client, "GET", "/v1/status", NULL, COMMAND_TIMEOUT_MS, &answer) == EXIT_DONE;
	*process = found ? lifetime_hold((pid_t)document_count(answer.document, "pid"), caller_peer(command->client)) : -1;
	caller_answer_fini(&answer);
	return found;
}

/* A daemon with nothing to drain may be gone before its answer is out: that is what was asked for, provided it was there before. */
static enum exit_code ask(struct command *command, bool was_there, struct caller_answer *answer)
{
	json_t *body = json_object();
	enum exit_code code = caller_call(command->client, "POST", "/v1/stop", body, COMMAND_TIMEOUT_MS, answer);
	json_decref(body);
	if (code == EXIT_UNREACHABLE && was_there && is_silent(command))
		return EXIT_DONE;
	if (code != EXIT_DONE && command->json && answer->document)
		command_print_line(answer->document);
	return code == EXIT_DONE ? code : command_fail(code, &answer->err);
}

static void tell(bool at_once, int process)
{
	if (at_once)
		screen_line("the daemon drains and ends");
	else if (process >= 0)
		screen_line("the daemon has ended");
	else
		screen_line("the daemon has drained and answers no more; its process, which can't be seen from here, ends in a moment");
}

/* The whole of it, once the daemon's address is known. */
static enum exit_code stop(struct command *command)
{
	int process;
	struct caller_answer answer;
	const struct options_value *wait = options_get(&command->options, "wait");
	bool at_once = options_given(&command->options, "no-wait"), was_there = find(command, &process);
	enum exit_code code = ask(command, was_there, &answer);
	if (code == EXIT_DONE && command->json && answer.document)
		command_print(answer.document);
	if (code == EXIT_DONE && !at_once)
		code = wait_for_end(command, process, wait->given ? wait->number : WAIT_MS);
	if (code == EXIT_DONE && !command->json)
		tell(at_once, process);
	caller_answer_fini(&answer);
	if (process >= 0)
		close(process);
	return code;
}

static enum exit_code run(struct command *command)
{
	struct target target;
	json_t *names;
	enum exit_code code = command_begin(command, TARGET_NOTHING, &target, &names);
	return code == EXIT_DONE ? stop(command) : code;
}

const struct verb verb_stop = {
	.name = "stop",
	.summary = "drain the daemon and end it",
	.usage = "",
	.options = rows,
	.asks_daemon = true,
	.help = "No new connection is taken, requests under way end, and every answer says `Connection: close`. The live color is kept for the next start.\n"
		"Waits until the process is gone, so that another daemon may start at once; over a URL until nobody answers there any more.\n"
		"Exit code 6 when it still drains after --wait.",
	.run = run,
};
