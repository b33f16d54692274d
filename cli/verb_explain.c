/* teal explain. One deployment's story; cli/story tells it. */
#include "cli/verbs.h"

#include "base/text.h"
#include "cli/document.h"
#include "cli/story.h"

static enum exit_code explain(struct command *command, const char *id)
{
	struct text path;
	struct caller_answer answer;
	text_init(&path, SIZE_MAX);
	text_addf(&path, "/v1/deployments/");
	caller_add_escaped(&path, id);
	text_addf(&path, "?events=1");
	enum exit_code code = command_call(command, "GET", path.bytes, NULL, COMMAND_TIMEOUT_MS, &answer);
	text_fini(&path);
	if (code == EXIT_DONE && command->json)
		command_print(answer.document);
	else if (code == EXIT_DONE)
		story_tell(answer.document);
	caller_answer_fini(&answer);
	return code;
}

/* Without an id the newest deployment is meant. */
static enum exit_code explain_newest(struct command *command)
{
	struct err err;
	struct caller_answer answer;
	enum exit_code code = command_call(command, "GET", "/v1/deployments?limit=1", NULL, COMMAND_TIMEOUT_MS, &answer);
	const char *id = document_text(json_array_get(json_object_get(answer.document, "deployments"), 0), "id");
	if (code == EXIT_DONE && !id) {
		err_set(&err, "there is no deployment to explain yet");
		code = command_fail(EXIT_FAILED, &err);
	} else if (code == EXIT_DONE) {
		code = explain(command, id);
	}
	caller_answer_fini(&answer);
	return code;
}

static enum exit_code run(struct command *command)
{
	struct err err;
	if (command->options.word_count > 1) {
		err_set(&err, "one deployment is enough: \"%s\" and \"%s\" are both named", command->options.words[0], command->options.words[1]);
		return command_misused(command, &err);
	}
	enum exit_code code = command_connect(command);
	if (code != EXIT_DONE)
		return code;
	return command->options.word_count ? explain(command, command->options.words[0]) : explain_newest(command);
}

const struct verb verb_explain = {
	.name = "explain",
	.summary = "tell why a deployment ended as it did, in numbers",
	.usage = "[ID]",
	.asks_daemon = true,
	.help = "`teal history` lists the ids; without one the newest deployment is explained. Exit code 1 when there is none.",
	.run = run,
};
