/* teal promote. The next step, or the end of the bake. */
#include "cli/verbs.h"

#include "cli/document.h"
#include "cli/order.h"
#include "cli/screen.h"

static void tell(const char *service, const json_t *answer)
{
	const char *id = document_text_or(answer, "deployment", "?");
	if (document_has(answer, "share"))
		screen_line("%s: deployment %s goes on; the new color gets %g%% of the requests next", service, id, document_number(answer, "share", 0));
	else
		screen_line("%s: deployment %s is promoted; it ends once the old color is drained", service, id);
}

static enum exit_code run(struct command *command)
{
	struct target target;
	struct caller_answer answer;
	json_t *names = NULL;
	enum exit_code code = order_send(command, "promote", json_object(), &target, &names, &answer);
	if (code == EXIT_DONE && !command->json)
		tell(target.service, answer.document);
	caller_answer_fini(&answer);
	json_decref(names);
	return code;
}

const struct verb verb_promote = {
	.name = "promote",
	.summary = "go on with the next step of a switch, or end its bake early",
	.usage = "[SERVICE]",
	.asks_daemon = true,
	.help = "In steps with `--pause manual`: the next step; with timed pauses: all requests now. In the bake: the rollback criteria are disarmed, and the\n"
		"deployment ends once the old color is drained; counts as the confirmation too.\n"
		"Exit code 3 when no deployment is under way, it has not switched yet, or it is on its way back.",
	.run = run,
};
