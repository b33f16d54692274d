/* teal rollback. At once, without gates; the answer comes when it is in force. */
#include "cli/verbs.h"

#include "cli/document.h"
#include "cli/order.h"
#include "cli/screen.h"

static const struct option rows[] = {
	{"reason", 0, OPTION_TEXT, "TEXT", "why; kept in the journal"},
	{"force", 0, OPTION_FLAG, NULL, "go back although that color has no backend up or was changed since"},
	{"idempotency-key", 0, OPTION_KEY, "KEY", "done once, however often it is asked for with this key"},
	{0},
};

static void tell(const struct target *target, const json_t *answer)
{
	const char *warning = document_text(answer, "warning"), *live = document_text(answer, "live"), *id = document_text_or(answer, "deployment", "?");
	if (warning)
		screen_complain("warning: %s", warning);
	if (document_has(answer, "durable") && !document_flag(answer, "durable"))
		screen_complain("warning: the journal could not be written yet; the daemon tries again");
	if (!live) {
		screen_line("%s: deployment %s is stopped before its flip", target->service, id);
	} else if (!document_flag(answer, "in_force")) {
		screen_complain(
			"%s: %s is live again, but not every worker has said so yet; `teal status %s` shows it", target->service, live, target->service);
	} else {
		screen_line("%s: %s is live again on every worker; deployment %s is rolled back", target->service, live, id);
	}
}

static enum exit_code run(struct command *command)
{
	struct target target;
	struct caller_answer answer = {0};
	json_t *names, *body = json_object();
	command_put_text(command, "reason", body, "reason");
	command_put_flag(command, "force", body, "force");
	enum exit_code code = command_begin(command, TARGET_SERVICE, &target, &names);
	if (code == EXIT_DONE && options_given(&command->options, "idempotency-key"))
		caller_use_key(command->client, options_text(&command->options, "idempotency-key"));
	if (code == EXIT_DONE)
		code = command_call_service(command, "POST", target.service, "rollback", body, &answer);
	if (code == EXIT_DONE && command->json)
		command_print(answer.document);
	else if (code == EXIT_DONE)
		tell(&target, answer.document);
	if (code == EXIT_DONE && document_has(answer.document, "live") && !document_flag(answer.document, "in_force"))
		code = EXIT_TIMED_OUT;
	caller_answer_fini(&answer);
	json_decref(body);
	json_decref(names);
	return code;
}

const struct verb verb_rollback = {
	.name = "rollback",
	.summary = "go back to the color that was live before, at once",
	.usage = "[SERVICE]",
	.options = rows,
	.asks_daemon = true,
	.help = "Undoes the running or the newest promoted deployment, once. No gates are asked. Returns as soon as every worker sends to the\n"
		"earlier color; requests under way end where they are. Exit code 3 when there is nothing to go back to, or that color has\n"
		"no backend up or was changed since (--force goes back all the same); 6 when it is live again, but not every worker has said so yet.",
	.run = run,
};
