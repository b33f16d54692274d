/* teal stop. Asks the daemon to drain and end, and waits until its socket is closed. */
#include "cli/verbs.h"

#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/screen.h"

#define WAIT_MS 120000

static const struct option rows[] = {
	{"wait", 0, OPTION_DURATION, "TIME", "how long to wait for its end (default 2m)"},
	{"no-wait", 0, OPTION_FLAG, NULL, "return at once; the daemon drains and ends by itself"},
	{0},
};

static bool is_gone(struct command *command)
{
	struct caller_answer answer;
	bool gone = caller_call(command->client, "GET", "/healthz", NULL, 2000, &answer) == EXIT_UNREACHABLE;
	caller_answer_fini(&answer);
	return gone;
}

static enum exit_code wait_for_end(struct command *command, uint64_t wait_ms)
{
	struct err err;
	char patience[TEXT_UNIT_SIZE];
	uint64_t deadline = clock_mono_ms() + wait_ms;
	while (!is_gone(command)) {
		if (clock_mono_ms() >= deadline) {
			text_format_duration(wait_ms, patience);
			err_set(&err, "the daemon still drains after %s; it ends by itself, `teal status` shows what it waits for", patience);
			return command_fail(EXIT_TIMED_OUT, &err);
		}
		screen_live("draining");
		nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
	}
	screen_live_end();
	return EXIT_DONE;
}

/* A daemon with nothing to drain may be gone before its answer is out: that is what was asked for, provided it was there before. */
static enum exit_code ask(struct command *command, struct caller_answer *answer)
{
	json_t *body = json_object();
	bool was_there = !is_gone(command);
	enum exit_code code = caller_call(command->client, "POST", "/v1/stop", body, COMMAND_TIMEOUT_MS, answer);
	json_decref(body);
	if (code == EXIT_UNREACHABLE && was_there && is_gone(command))
		return EXIT_DONE;
	if (code != EXIT_DONE && command->json && answer->document)
		command_print_line(answer->document);
	return code == EXIT_DONE ? code : command_fail(code, &answer->err);
}

static enum exit_code run(struct command *command)
{
	struct target target;
	struct caller_answer answer = {0};
	const struct options_value *wait = options_get(&command->options, "wait");
	bool at_once = options_given(&command->options, "no-wait");
	json_t *names;
	enum exit_code code = command_begin(command, TARGET_NOTHING, &target, &names);
	if (code == EXIT_DONE)
		code = ask(command, &answer);
	if (code == EXIT_DONE && command->json && answer.document)
		command_print(answer.document);
	if (code == EXIT_DONE && !at_once)
		code = wait_for_end(command, wait->given ? wait->number : WAIT_MS);
	if (code == EXIT_DONE && !command->json)
		screen_line(at_once ? "the daemon drains and ends" : "the daemon has ended");
	caller_answer_fini(&answer);
	return code;
}

const struct verb verb_stop = {
	.name = "stop",
	.summary = "drain the daemon and end it",
	.usage = "",
	.options = rows,
	.asks_daemon = true,
	.help = "No new connection is taken, requests under way end, and every answer says `Connection: close`. The live color is kept for the next start.\n"
		"Exit code 6 when it still drains after --wait.",
	.run = run,
};
