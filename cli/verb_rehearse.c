/* teal rehearse. Live requests are copied to the idle color and the answers compared; the daemon does it, here it is asked for and followed. */
#include "cli/verbs.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/document.h"
#include "cli/report.h"
#include "cli/screen.h"
#include "conf/conf.h"

static const struct option rows[] = {
	{"share", 0, OPTION_TEXT, "SHARE", "of the requests that can be copied, 0.01% to 100% (default: rehearsal.share of the configuration)"},
	{"for", 0, OPTION_DURATION, "TIME", "how long, 1s to 24h (default: rehearsal.for of the configuration)"},
	{"no-wait", 0, OPTION_FLAG, NULL, "return at once; `teal rehearse --report` tells of it later"},
	{"stop", 0, OPTION_FLAG, NULL, "end the one that runs, and print what it found"},
	{"report", 0, OPTION_FLAG, NULL, "begin nothing; print the report of the one that runs, or of the newest one"},
	{0},
};

static char detached[512];

/* Says how it is gone on with, and ends as Ctrl-C ends a process. */
static void on_interrupt(int number)
{
	ssize_t ignored = write(STDERR_FILENO, detached, strlen(detached));
	(void)ignored;
	signal(number, SIG_DFL);
	raise(number);
}

static void arm_interrupt(const char *service)
{
	snprintf(detached, sizeof(detached),
		"%steal: detached; the rehearsal goes on\n  its report: teal rehearse %s --report\n  stop it:    teal rehearse %s --stop\n",
		screen_is_terminal() ? "\r\033[K" : "", service, service);
	signal(SIGINT, on_interrupt);
}

static bool is_state(const json_t *report, const char *state)
{
	return strcmp(document_text_or(report, "state", "none"), state) == 0;
}

/* A verdict that can't be given is none: whoever asks whether the release passed must not read it as a yes. */
static enum exit_code tell(const struct command *command, const char *service, const json_t *report)
{
	struct err err;
	bool failed = strcmp(document_text_or(report, "verdict", "failed"), "passed") != 0;
	if (command->json) {
		command_print(report);
	} else if (is_state(report, "none")) {
		err_set(&err, "no rehearsal of %s is known since the daemon has started; begin one: teal rehearse %s", service, service);
		return command_fail(EXIT_FAILED, &err);
	} else {
		report_print(report);
	}
	return !is_state(report, "running") && failed ? EXIT_FAILED : EXIT_DONE;
}

static bool make_wish(const struct command *command, json_t *body, struct err *err)
{
	double share = 0;
	const char *text = options_text(&command->options, "share");
	const struct options_value *time = options_get(&command->options, "for");
	if (text && (!text_parse_share(text, &share) || share < CONF_REHEARSAL_LEAST_SHARE))
		return err_set(err, "--share is 0.01%% to 100%%, such as 10%%, not \"%s\"", text);
	if (time->given && (time->number < CONF_REHEARSAL_LEAST_MS || time->number > CONF_REHEARSAL_MOST_MS))
		return err_set(err, "--for is 1s to 24h, not \"%s\"", time->text);
	if (text)
		json_object_set_new(body, "share", json_real(share));
	command_put_seconds(command, "for", body, "for_s");
	return true;
}

/* One call, and the report it is answered with, owned by the caller; NULL: a sentence was printed. */
static json_t *ask(struct command *command, const char *method, const char *service, const char *action, const json_t *body, enum exit_code *code)
{
	struct caller_answer answer;
	*code = command_call_service(command, method, service, action, body, &answer);
	if (*code == EXIT_DONE)
		return answer.document;
	caller_answer_fini(&answer);
	return NULL;
}

static enum exit_code explain_lost(const struct command *command, enum exit_code code, struct caller_answer *answer)
{
	if (strcmp(document_text_or(answer->document, "code", ""), "unknown_service") == 0) {
		err_set(&answer->err, "the rehearsal ended: the service was removed");
		code = EXIT_FAILED;
	}
	if (command->json && answer->document)
		command_print_line(answer->document);
	return command_fail(code, &answer->err);
}

/* The same for the one that was begun: a reload may have taken its service away since. */
static json_t *ask_again(struct command *command, const char *service, enum exit_code *code)
{
	struct text path;
	struct caller_answer answer;
	text_init(&path, SIZE_MAX);
	text_addf(&path, "/v1/services/");
	caller_add_escaped(&path, service);
	text_addf(&path, "/rehearsal");
	*code = caller_call(command->client, "GET", path.bytes, NULL, COMMAND_TIMEOUT_MS, &answer);
	text_fini(&path);
	if (*code == EXIT_DONE)
		return answer.document;
	*code = explain_lost(command, *code, &answer);
	caller_answer_fini(&answer);
	return NULL;
}

static enum exit_code follow(struct command *command, const char *service, json_t *report)
{
	enum exit_code code = EXIT_DONE;
	arm_interrupt(service);
	while (report && is_state(report, "running")) {
		if (!command->json)
			report_print_progress(report);
		nanosleep(&(struct timespec){.tv_nsec = 250000000}, NULL);
		json_decref(report);
		report = ask_again(command, service, &code);
	}
	screen_live_end();
	if (report)
		code = tell(command, service, report);
	json_decref(report);
	return code;
}

static enum exit_code start(struct command *command, const struct target *target, json_t *body)
{
	enum exit_code code;
	if (target->has_color)
		json_object_set_new(body, "to", json_string(color_name(target->color)));
	json_t *report = ask(command, "POST", target->service, "rehearse", body, &code);
	if (report && !options_given(&command->options, "no-wait"))
		return follow(command, target->service, report);
	if (report && command->json)
		command_print(report);
	else if (report)
		screen_line("%s: the rehearsal of %s has begun; its report: teal rehearse %s --report", target->service, document_text_or(report, "color", "?"),
			target->service);
	json_decref(report);
	return code;
}

static enum exit_code look(struct command *command, const char *service, bool stop)
{
	enum exit_code code;
	json_t *report = stop ? ask(command, "POST", service, "rehearsal/stop", NULL, &code) : ask(command, "GET", service, "rehearsal", NULL, &code);
	if (report)
		code = tell(command, service, report);
	json_decref(report);
	return code;
}

static bool is_possible(const struct options *options, struct err *err)
{
	static const char *const starting[] = {"share", "for", "no-wait"};
	const char *other = options_given(options, "stop") ? "stop" : options_given(options, "report") ? "report" : NULL;
	if (options_given(options, "stop") && options_given(options, "report"))
		return err_set(err, "--stop prints the report too; leave --report out");
	for (size_t i = 0; other && i < sizeof(starting) / sizeof(starting[0]); i++)
		if (options_given(options, starting[i]))
			return err_set(err, "--%s is for a rehearsal that begins; --%s begins none", starting[i], other);
	return true;
}

static enum exit_code run(struct command *command)
{
	struct err err;
	struct target target = {0};
	json_t *names = NULL, *body = json_object();
	const struct options *options = &command->options;
	bool stop = options_given(options, "stop"), begins = !stop && !options_given(options, "report");
	bool ok = is_possible(options, &err) && make_wish(command, body, &err);
	enum exit_code code = ok ? command_begin(command, begins ? TARGET_SERVICE_COLOR : TARGET_SERVICE, &target, &names) : command_misused(command, &err);
	if (code == EXIT_DONE)
		code = begins ? start(command, &target, body) : look(command, target.service, stop);
	json_decref(body);
	json_decref(names);
	return code;
}

const struct verb verb_rehearse = {
	.name = "rehearse",
	.summary = "copy live requests to the idle color and compare the answers",
	.usage = "[SERVICE] [COLOR]",
	.options = rows,
	.asks_daemon = true,
	.help = "Only GET and HEAD are copied; users never wait for it. What is compared: status, chosen fields, bodies and latency (see `rehearsal` of the configuration).\n"
		"Ctrl-C detaches; the rehearsal goes on. Exit code 0 passed, 1 failed or too little was compared to say, 3 refused.",
	.run = run,
};
