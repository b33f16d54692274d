/* Answers to an approval gate. Whether anything waits for one is the daemon's to say. */
#include "cli/answering.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "cli/document.h"
#include "cli/screen.h"

const struct option answering_options[] = {
	{"reason", 0, OPTION_TEXT, "TEXT", "why; kept in the journal"},
	{0},
};

/* `20260131-120000-4f2a9c`. */
static bool is_deployment(const char *word)
{
	static const char form[] = "dddddddd-dddddd-xxxxxx";
	if (strlen(word) != sizeof(form) - 1)
		return false;
	for (size_t i = 0; form[i]; i++)
		if (form[i] == '-' ? word[i] != '-' : form[i] == 'd' ? !isdigit((unsigned char)word[i]) : !isxdigit((unsigned char)word[i]))
			return false;
	return true;
}

/* Takes the deployment out of the words; NULL when none is named. */
static const char *take_deployment(struct options *options)
{
	for (size_t i = 0; i < options->word_count; i++) {
		const char *word = options->words[i];
		if (!is_deployment(word))
			continue;
		options->word_count--;
		for (size_t k = i; k < options->word_count; k++)
			options->words[k] = options->words[k + 1];
		return word;
	}
	return NULL;
}

/* The service of the deployment, which stays in `document`; a sentence was printed when it is not EXIT_DONE. */
static enum exit_code find_service(struct command *command, const char *id, struct target *target, json_t **document)
{
	struct text path;
	struct caller_answer answer;
	text_init(&path, SIZE_MAX);
	text_addf(&path, "/v1/deployments/%s", id);
	enum exit_code code = command_connect(command);
	if (code == EXIT_DONE) {
		code = command_call(command, "GET", path.bytes, NULL, COMMAND_TIMEOUT_MS, &answer);
		*document = answer.document;
		target->service = document_text_or(*document, "service", "");
	}
	text_fini(&path);
	return code;
}

static enum exit_code send_answer(struct command *command, const struct target *target, const char *id, const char *is)
{
	struct caller_answer answer;
	json_t *body = json_object();
	command_put_text(command, "reason", body, "reason");
	if (id)
		json_object_set_new(body, "deployment", json_string(id));
	enum exit_code code = command_call_service(command, "POST", target->service, command->verb->name, body, &answer);
	json_decref(body);
	if (code == EXIT_DONE && command->json)
		command_print(answer.document);
	else if (code == EXIT_DONE)
		screen_line("%s: deployment %s is %s", target->service, document_text_or(answer.document, "deployment", "?"), is);
	caller_answer_fini(&answer);
	return code;
}

/* A second word can only be meant for a deployment, and one of digits is no service that comes first. */
static enum exit_code refuse_words(const struct command *command)
{
	struct err err;
	const char *const *words = command->options.words;
	err_set(&err, "\"%s\" is no id of a deployment; `teal history` lists them",
		isdigit((unsigned char)words[0][0]) && !isdigit((unsigned char)words[1][0]) ? words[0] : words[1]);
	return command_misused(command, &err);
}

enum exit_code answering_run(struct command *command, const char *is)
{
	json_t *document = NULL;
	struct target target = {0};
	const char *id = take_deployment(&command->options);
	if (!id && command->options.word_count == 2)
		return refuse_words(command);
	enum exit_code code = id && command->options.word_count == 0 ? find_service(command, id, &target, &document)
								     : command_begin(command, TARGET_SERVICE, &target, &document);
	if (code == EXIT_DONE)
		code = send_answer(command, &target, id, is);
	json_decref(document);
	return code;
}
