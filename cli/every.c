/* One order for several services. Which verbs mean all services is the verbs' affair. */
#include "cli/every.h"

#include <stddef.h>

struct every {
	struct command *command;
	const char *action;
	const json_t *body;
	void (*tell)(const char *service, const json_t *answer);
	json_t *answers; /* by service, for --json */
	enum exit_code code;
};

static void send_one(struct every *every, const char *service)
{
	struct caller_answer answer;
	enum exit_code code = command_call_service(every->command, "POST", service, every->action, every->body, &answer);
	if (code != EXIT_DONE && every->code == EXIT_DONE)
		every->code = code;
	else if (code == EXIT_DONE && every->command->json)
		json_object_set(every->answers, service, answer.document);
	else if (code == EXIT_DONE)
		every->tell(service, answer.document);
	caller_answer_fini(&answer);
}

static void send_all(struct every *every)
{
	struct caller_answer answer;
	every->code = command_call(every->command, "GET", "/v1/status", NULL, COMMAND_TIMEOUT_MS, &answer);
	json_t *services = json_object_get(answer.document, "services"), *service;
	const char *name;
	json_object_foreach(services, name, service) send_one(every, name);
	caller_answer_fini(&answer);
}

enum exit_code every_send(struct command *command, const char *action, json_t *body, void (*tell)(const char *service, const json_t *answer))
{
	struct err err;
	struct target target;
	struct every every = {.command = command, .action = action, .body = body, .tell = tell, .answers = json_object()};
	if (!target_read(command->options.words, command->options.word_count, TARGET_SERVICE, &target, &err))
		every.code = command_misused(command, &err);
	else
		every.code = command_connect(command);
	if (every.code == EXIT_DONE && target.service)
		send_one(&every, target.service);
	else if (every.code == EXIT_DONE)
		send_all(&every);
	if (command->json && json_object_size(every.answers) > 0)
		command_print(every.answers);
	json_decref(every.answers);
	json_decref(body);
	return every.code;
}
