/* teal confirm. Answers --confirm-within. */
#include "cli/verbs.h"

#include "cli/document.h"
#include "cli/order.h"
#include "cli/screen.h"

static enum exit_code run(struct command *command)
{
	struct target target;
	struct caller_answer answer;
	json_t *names = NULL;
	enum exit_code code = order_send(command, "confirm", json_object(), &target, &names, &answer);
	if (code == EXIT_DONE && !command->json)
		screen_line("%s: deployment %s is confirmed; it is promoted at the end of its bake", target.service,
			document_text_or(answer.document, "deployment", "?"));
	caller_answer_fini(&answer);
	json_decref(names);
	return code;
}

const struct verb verb_confirm = {
	.name = "confirm",
	.summary = "confirm a switch that was made with --confirm-within",
	.usage = "[SERVICE]",
	.asks_daemon = true,
	.help = "A switch with --confirm-within is rolled back unless this comes in time. It still needs the end of its bake.\n"
		"Exit code 3 when nothing waits for it.",
	.run = run,
};
