/* teal promote. Ends the bake early. */
#include "cli/verbs.h"

#include "cli/document.h"
#include "cli/order.h"
#include "cli/screen.h"

static enum exit_code run(struct command *command)
{
	struct target target;
	struct caller_answer answer;
	json_t *names = NULL;
	enum exit_code code = order_send(command, "promote", json_object(), &target, &names, &answer);
	if (code == EXIT_DONE && !command->json)
		screen_line("%s: deployment %s is promoted; it ends once the old color is drained", target.service,
			document_text_or(answer.document, "deployment", "?"));
	caller_answer_fini(&answer);
	json_decref(names);
	return code;
}

const struct verb verb_promote = {
	.name = "promote",
	.summary = "end the bake of a switch early and keep the new color",
	.usage = "[SERVICE]",
	.asks_daemon = true,
	.help = "The rollback criteria are disarmed; the deployment ends once the old color is drained. Counts as the confirmation too.",
	.run = run,
};
