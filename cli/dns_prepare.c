/* Following a TTL that is being lowered. The daemon does it; asked again and again, it is told how far that has got. */
#include "cli/dns_prepare.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/document.h"
#include "cli/screen.h"

#define REPORT_EVERY_MS 30000u /* where there is no live line */

/* What was told of it so far. */
struct prepare_view {
	struct command *command;
	const char *service;
	uint64_t began_ms, next_report_ms;
	bool told_change, told_insync;
};

static char detached[512];

/* Says how it goes on, and ends as Ctrl-C ends a process. */
static void on_interrupt(int number)
{
	ssize_t ignored = write(STDERR_FILENO, detached, strlen(detached));
	(void)ignored;
	signal(number, SIG_DFL);
	raise(number);
}

static void arm_interrupt(const char *service)
{
	snprintf(detached, sizeof(detached), "%steal: detached; the daemon goes on\n  watch it: teal dns status %s --watch\n",
		screen_is_terminal() ? "\r\033[K" : "", service);
	signal(SIGINT, on_interrupt);
}

static bool is_state(const json_t *prepare, const char *state)
{
	return strcmp(document_text_or(prepare, "state", "none"), state) == 0;
}

static bool is_changing(const json_t *prepare)
{
	return is_state(prepare, "recording") || is_state(prepare, "changing");
}

static void tell_line(const struct prepare_view *view, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell_line(const struct prepare_view *view, const char *format, ...)
{
	char line[1024], after[DOCUMENT_FORM_SIZE];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	document_format_span(clock_mono_ms() - view->began_ms, after);
	screen_write_painted(PAINT_DIM, "%8s", after);
	screen_line("  %s", line);
	screen_flush();
}

static void tell_steps(struct prepare_view *view, const json_t *prepare)
{
	if (!view->told_change && document_has(prepare, "accepted_at")) {
		tell_line(view, "Route 53 has accepted a TTL of %lld s instead of %lld s (change %s)", (long long)document_count(prepare, "ttl_s"),
			(long long)document_count(prepare, "from_ttl_s"), document_text_or(prepare, "change_id", "?"));
		view->told_change = true;
	}
	if (!view->told_insync && document_has(prepare, "insync_at")) {
		tell_line(view, "INSYNC: every name server of the zone has it");
		view->told_insync = true;
	}
}

static void tell_progress(struct prepare_view *view, const json_t *prepare)
{
	char line[256], left[DOCUMENT_FORM_SIZE], when[DOCUMENT_FORM_SIZE];
	uint64_t now = clock_wall_ms(), quick_from = document_time(prepare, "quick_from"), mono = clock_mono_ms();
	document_format_span(quick_from > now ? quick_from - now : 0, left);
	document_format_when(quick_from, now, when);
	if (is_changing(prepare))
		snprintf(line, sizeof(line), "waits for Route 53");
	else if (!quick_from)
		snprintf(line, sizeof(line), "waits for INSYNC and for every name server");
	else
		snprintf(line, sizeof(line), "caches may hold the longer TTL until %s, %s left", when, left);
	if (screen_is_terminal()) {
		screen_live("%8s  %s", "", line);
	} else if (mono >= view->next_report_ms) {
		tell_line(view, "%s", line);
		view->next_report_ms = mono + REPORT_EVERY_MS;
	}
}

/* It has come out, one way or the other; with --no-wait, once it is accepted. */
static enum exit_code tell_end(const struct prepare_view *view, const json_t *prepare)
{
	struct err err;
	char when[DOCUMENT_FORM_SIZE];
	uint64_t now = clock_wall_ms(), quick_from = document_time(prepare, "quick_from");
	uint64_t least = document_time(prepare, "accepted_at") + (uint64_t)document_count(prepare, "from_ttl_s") * 1000;
	if (view->command->json)
		command_print(prepare);
	if (is_state(prepare, "refused") || is_state(prepare, "failed")) {
		err_set(&err, "the TTL of %s was not lowered: %s", view->service, document_text_or(prepare, "sentence", "?"));
		return command_fail(is_state(prepare, "refused") ? EXIT_REFUSED : EXIT_FAILED, &err);
	}
	if (view->command->json)
		return EXIT_DONE;
	document_format_when(quick_from ? quick_from : least, now, when);
	if (is_state(prepare, "quick"))
		screen_line("%s: a switch is quick now: caches hold the record for at most %lld s", view->service, (long long)document_count(prepare, "ttl_s"));
	else
		screen_line("%s: a switch is quick from %s on%s; `teal dns status %s` shows it", view->service, when, quick_from ? "" : " at the earliest",
			view->service);
	return EXIT_DONE;
}

/* The service's DNS as it is now, owned by the caller; NULL: a sentence was printed. */
static json_t *look(const struct prepare_view *view, enum exit_code *code)
{
	struct caller_answer answer;
	*code = command_call_service(view->command, "GET", view->service, "dns", NULL, &answer);
	if (*code == EXIT_DONE)
		return answer.document;
	caller_answer_fini(&answer);
	return NULL;
}

static enum exit_code follow(struct prepare_view *view, json_t *document)
{
	enum exit_code code = EXIT_DONE;
	bool wait = !options_given(&view->command->options, "no-wait");
	const json_t *prepare = json_object_get(document, "prepare");
	while (document && (is_changing(prepare) || (wait && is_state(prepare, "waiting")))) {
		if (!view->command->json) {
			tell_steps(view, prepare);
			tell_progress(view, prepare);
		}
		nanosleep(&(struct timespec){.tv_nsec = 250000000}, NULL);
		json_decref(document);
		document = look(view, &code);
		prepare = json_object_get(document, "prepare");
	}
	screen_live_end();
	if (document && !view->command->json)
		tell_steps(view, prepare);
	if (document)
		code = tell_end(view, prepare);
	json_decref(document);
	return code;
}

enum exit_code dns_prepare_follow(struct command *command, const char *service, json_t *answer)
{
	struct prepare_view view = {.command = command, .service = service, .began_ms = clock_mono_ms()};
	arm_interrupt(service);
	return follow(&view, answer);
}
