/* teal rollback. At once, without gates; the answer comes when it is in force. */
#include "cli/verbs.h"

#include <stdint.h>

#include "base/text.h"

#include "cli/alone.h"
#include "cli/document.h"
#include "cli/order.h"
#include "cli/dns_change.h"
#include "cli/screen.h"
#include "cli/standalone.h"

static const struct option rows[] = {
	{"reason", 0, OPTION_TEXT, "TEXT", "why; kept in the journal"},
	{"force", 0, OPTION_FLAG, NULL, "go back although that color has no backend up or was changed since"},
	STANDALONE_ROW,
	{"expect-live", 0, OPTION_COLOR, "COLOR", "with --standalone: refuse unless this color is live now"},
	{"idempotency-key", 0, OPTION_KEY, "KEY", "done once, however often it is asked for with this key"},
	{0},
};

/* By Route 53: `deployment` has the change that was made. */
static void tell_accepted(const struct target *target, const json_t *deployment)
{
	const char *from = document_text_or(deployment, "from", "?"), *to = document_text_or(deployment, "to", "?"),
		   *change = document_text(json_object_get(deployment, "change"), "change_id");
	screen_line("%s: %s is live again%s%s; deployment %s is rolled back", target->service, from, change ? ", by change " : "", change ? change : "",
		document_text_or(deployment, "id", "?"));
	screen_line("caches may send users to %s for a while: keep it up until `teal dns status %s` says that it may go", to, target->service);
}

static void tell_not_accepted(const struct target *target, const char *live)
{
	screen_complain("%s: Route 53 has not accepted the change back yet%s%s%s; it is tried on: `teal status %s` shows it", target->service,
		live ? ", and " : "", live ? live : "", live ? " is live until then" : "", target->service);
}

static void tell_live(struct command *command, const struct target *target, const char *id, const char *live, bool in_force)
{
	struct text path;
	struct caller_answer answer;
	text_init(&path, SIZE_MAX);
	text_addf(&path, "/v1/deployments/");
	caller_add_escaped(&path, id);
	enum exit_code code = caller_call(command->client, "GET", path.bytes, NULL, COMMAND_TIMEOUT_MS, &answer);
	bool by_change = code == EXIT_DONE && dns_change_is_of(answer.document);
	if (by_change && in_force)
		tell_accepted(target, answer.document);
	else if (by_change)
		tell_not_accepted(target, live);
	else if (in_force)
		screen_line("%s: %s is live again on every worker; deployment %s is rolled back", target->service, live, id);
	else
		screen_complain(
			"%s: %s is live again, but not every worker has said so yet; `teal status %s` shows it", target->service, live, target->service);
	caller_answer_fini(&answer);
	text_fini(&path);
}

static void tell(struct command *command, const struct target *target, const json_t *answer)
{
	const char *warning = document_text(answer, "warning"), *live = document_text(answer, "live"), *id = document_text_or(answer, "deployment", "?");
	if (warning)
		screen_complain("warning: %s", warning);
	if (document_has(answer, "durable") && !document_flag(answer, "durable"))
		screen_complain("warning: the journal could not be written yet; the daemon tries again");
	if (document_has(answer, "in_force"))
		tell_live(command, target, id, live, document_flag(answer, "in_force"));
	else
		screen_line("%s: deployment %s is stopped before its flip", target->service, id);
}

static enum exit_code run(struct command *command)
{
	struct err err;
	struct target target;
	struct caller_answer answer = {0};
	if (options_given(&command->options, "standalone"))
		return alone_roll_back(command);
	if (options_given(&command->options, "expect-live")) {
		err_set(&err, "--expect-live goes with --standalone: a daemon knows what a rollback goes back to");
		return command_misused(command, &err);
	}
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
		tell(command, &target, answer.document);
	if (code == EXIT_DONE && document_has(answer.document, "in_force") && !document_flag(answer.document, "in_force"))
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
		"earlier color (Route 53: as soon as the change back is accepted); requests under way end where they are. Exit code 3 when there is nothing to go\n"
		"back to, or that color has no backend up or was changed since (--force goes back all the same); 6 when it is live again, but not every worker has\n"
		"said so yet. --standalone goes back in a process of its own and waits until no cache holds the color that was left; where its state directory\n"
		"knows of no deployment, the other color becomes live, if --expect-live names the one that is.",
	.run = run,
};
