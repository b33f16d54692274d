/* teal abort. Stops a deployment under way. */
#include "cli/verbs.h"

#include "cli/document.h"
#include "cli/order.h"
#include "cli/screen.h"

static const struct option rows[] = {
	{"reason", 0, OPTION_TEXT, "TEXT", "why; kept in the journal"},
	{0},
};

static void tell(const struct target *target, const json_t *answer)
{
	const char *id = document_text_or(answer, "deployment", "?"), *live = document_text(answer, "live"), *warning = document_text(answer, "warning");
	if (warning)
		screen_complain("warning: %s", warning);
	if (document_flag(answer, "in_force"))
		screen_line("%s: %s is live again; deployment %s is rolled back", target->service, live ? live : "?", id);
	else if (document_has(answer, "in_force"))
		screen_complain(
			"%s: deployment %s is on its way back, and that is not in force yet; `teal status %s` shows it", target->service, id, target->service);
	else
		screen_line("%s: deployment %s is aborted before its flip", target->service, id);
}

static enum exit_code run(struct command *command)
{
	struct target target;
	struct caller_answer answer;
	json_t *names = NULL, *body = json_object();
	command_put_text(command, "reason", body, "reason");
	enum exit_code code = order_send(command, "abort", body, &target, &names, &answer);
	if (code == EXIT_DONE && !command->json)
		tell(&target, answer.document);
	if (code == EXIT_DONE && document_has(answer.document, "in_force") && !document_flag(answer.document, "in_force"))
		code = EXIT_TIMED_OUT;
	caller_answer_fini(&answer);
	json_decref(names);
	return code;
}

const struct verb verb_abort = {
	.name = "abort",
	.summary = "stop a switch under way and go back",
	.usage = "[SERVICE]",
	.options = rows,
	.asks_daemon = true,
	.help = "Before the flip nothing has changed and the switch ends as aborted; after it the earlier color is made live again.\n"
		"Exit code 3 when no deployment is under way, it is on its way back already, or the earlier color has no backend up or was changed since.",
	.run = run,
};
