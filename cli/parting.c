/* Last words of a verb that is ended in the middle. Asks nobody. */
#include "cli/parting.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/document.h"
#include "cli/screen.h"
#include "cli/standalone.h"

static char detached[512];

/* Says where the deployment can be watched, and ends as Ctrl-C ends a process. */
static void on_interrupt(int number)
{
	ssize_t ignored = write(STDERR_FILENO, detached, strlen(detached));
	(void)ignored;
	signal(number, SIG_DFL);
	raise(number);
}

void parting_arm(const struct command *command, const char *service, const char *id)
{
	if (command->standalone)
		return;
	snprintf(detached, sizeof(detached), "%steal: detached; deployment %s goes on\n  watch it: teal status %s --watch\n  stop it:  teal abort %s\n",
		screen_is_terminal() ? "\r\033[K" : "", id, service, service);
	signal(SIGINT, on_interrupt);
}

static void tell_change(const json_t *deployment, const char *live)
{
	const char *change = document_text(json_object_get(deployment, "change"), "change_id");
	screen_complain("interrupted: %s is live%s%s; nobody watches deployment %s any more, and nothing goes back by itself", live,
		change ? " by change " : "", change ? change : "", document_text_or(deployment, "id", "?"));
}

/* The change back is sent, or about to be. */
static void tell_return(const json_t *deployment)
{
	screen_complain("interrupted: deployment %s is on its way back to %s, which Route 53 has not accepted yet; nobody watches it any more",
		document_text_or(deployment, "id", "?"), document_text_or(deployment, "from", "?"));
}

static void tell_caches(const json_t *deployment, const char *left)
{
	char when[DOCUMENT_FORM_SIZE];
	uint64_t safe_at = document_time(json_object_get(deployment, "change"), "safe_at");
	document_format_when(safe_at, clock_wall_ms(), when);
	if (safe_at)
		screen_complain("caches may hold the old answer until %s: keep %s up until then", when, left);
	else
		screen_complain("when caches have let go of the old answer is not known yet: keep %s up", left);
}

bool parting_has_gone_forward(const json_t *deployment)
{
	return document_has(deployment, "switched_at") || document_has(deployment, "rollback") ||
	       document_flag(json_object_get(deployment, "steps"), "in_force");
}

static void tell_ways(const struct command *command, const char *service, const char *to, bool back)
{
	const char *words = standalone_file_words(command->standalone);
	if (back) {
		screen_complain("go on with it: teal rollback %s --standalone%s", service, words);
		return;
	}
	screen_complain("go on with it: teal switch %s %s%s--standalone%s", service, to, *to ? " " : "", words);
	screen_complain("go back:       teal rollback %s --standalone%s", service, words);
}

void parting_tell_left(const struct command *command, const json_t *deployment)
{
	const char *service = document_text_or(deployment, "service", "?");
	const char *from = document_text_or(deployment, "from", "?"), *to = document_text_or(deployment, "to", "?");
	bool back = document_has(deployment, "rollback");
	screen_live_end();
	if (back && !document_flag(json_object_get(deployment, "rollback"), "in_force")) {
		tell_return(deployment);
	} else {
		tell_change(deployment, back ? from : to);
		tell_caches(deployment, back ? to : from);
	}
	tell_ways(command, service, to, back);
}

void parting_tell_lost(const struct command *command, const char *service, const json_t *seen)
{
	if (seen && parting_has_gone_forward(seen)) {
		parting_tell_left(command, seen);
		return;
	}
	screen_live_end();
	screen_complain("whether the record was changed is not known here: the next run reads it, and takes the deployment to its end first");
	tell_ways(command, service, document_text_or(seen, "to", ""), false);
}
