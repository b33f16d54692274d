/* teal reload. The daemon reads its file again; a fault changes nothing. */
#include "cli/verbs.h"

#include <string.h>

#include "cli/document.h"
#include "cli/screen.h"

static void print_changes(const json_t *answer)
{
	const json_t *changed = json_object_get(answer, "changed"), *line;
	size_t i;
	if (json_array_size(changed) == 0)
		screen_line("reloaded; nothing differs");
	json_array_foreach(changed, i, line) screen_line("%s", json_is_string(line) ? json_string_value(line) : "?");
}

/* A single fault may be all that the sentence of the refusal said. */
static void print_faults(const json_t *problem)
{
	const json_t *line;
	const char *detail = document_text_or(problem, "detail", "");
	size_t i;
	json_array_foreach(json_object_get(problem, "faults"), i, line)
	{
		const char *fault = json_is_string(line) ? json_string_value(line) : "";
		if (strncmp(detail, fault, strlen(fault)) != 0)
			screen_fault(fault);
	}
}

static enum exit_code run(struct command *command)
{
	struct target target;
	struct caller_answer answer = {0};
	json_t *names, *body = json_object();
	enum exit_code code = command_begin(command, TARGET_NOTHING, &target, &names);
	if (code == EXIT_DONE)
		code = command_call(command, "POST", "/v1/reload", body, COMMAND_TIMEOUT_MS, &answer);
	if (code == EXIT_DONE && command->json)
		command_print(answer.document);
	else if (code == EXIT_DONE)
		print_changes(answer.document);
	else
		print_faults(answer.document);
	caller_answer_fini(&answer);
	json_decref(body);
	return code;
}

const struct verb verb_reload = {
	.name = "reload",
	.summary = "make the daemon read its configuration again",
	.usage = "",
	.asks_daemon = true,
	.help = "Any fault in the file changes nothing: every fault is printed and the exit code is 2, as it is when a key differs that is read only at the\n"
		"start. Exit code 3 when it changes what a deployment under way needs: a color, or `sticky` while both colors have a share.",
	.run = run,
};
