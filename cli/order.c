/* Orders to the daemon. What becomes of a deployment is followed in cli/follow; here it is only asked for. */
#include "cli/order.h"

#include "cli/alone.h"
#include "cli/document.h"
#include "cli/follow.h"
#include "cli/manner.h"
#include "cli/screen.h"
#include "cli/standalone.h"

const struct option order_switch_options[] = {
	{"version", 0, OPTION_TEXT, "V", "give the color this version"},
	{"reason", 0, OPTION_TEXT, "TEXT", "why; kept in the journal"},
	{"expect-live", 0, OPTION_COLOR, "COLOR", "refuse unless this color is live now"},
	{"force", 0, OPTION_FLAG, NULL, "go on although a gate does not pass (see below)"},
	{"bake", 0, OPTION_DURATION, "TIME", "how long the rollback criteria are armed after the switch (default: the configuration's)"},
	{"confirm-within", 0, OPTION_DURATION, "TIME", "roll back unless `teal confirm` comes within this time"},
	{"wait", 0, OPTION_DURATION, "TIME", "how long to wait for the color to be healthy (default 60s)"},
	{"no-wait", 0, OPTION_FLAG, NULL,
		"return as soon as every worker sends to the new color, in steps its first share (Route 53: the change is accepted); the daemon carries on"},
	{"idempotency-key", 0, OPTION_KEY, "KEY", "done once, however often it is asked for with this key"},
	MANNER_ROWS,
	STANDALONE_ROW,
	{0},
};

static void put_shared(const struct command *command, const struct target *target, json_t *body)
{
	if (target->has_color)
		json_object_set_new(body, "to", json_string(color_name(target->color)));
	command_put_text(command, "version", body, "version");
	command_put_text(command, "reason", body, "reason");
	command_put_text(command, "expect-live", body, "expect_live");
	command_put_flag(command, "force", body, "force");
	command_put_seconds(command, "bake", body, "bake_s");
	command_put_seconds(command, "confirm-within", body, "confirm_within_s");
	command_put_seconds(command, "wait", body, "wait_s");
}

static enum exit_code follow(struct command *command, const struct target *target, const json_t *answer)
{
	const char *id = document_text(answer, "deployment");
	struct err err;
	if (!id) {
		err_set(&err, "the daemon did not say which deployment it began; `teal status` shows it");
		return command_fail(EXIT_FAILED, &err);
	}
	if (document_flag(answer, "repeated"))
		screen_complain("this was asked for before: deployment %s", id);
	if (options_given(&command->options, "no-wait"))
		return follow_to_switched(command, target->service, id);
	return follow_to_end(command, target->service, id, 0);
}

static enum exit_code send_deployment(struct command *command, const struct target *target, const char *action, json_t *body)
{
	struct caller_answer answer;
	const char *key = options_text(&command->options, "idempotency-key");
	if (key)
		caller_use_key(command->client, key);
	put_shared(command, target, body);
	enum exit_code code = command->standalone ? alone_ask(command, target->service, action, body, &answer)
						  : command_call_service(command, "POST", target->service, action, body, &answer);
	if (code == EXIT_DONE)
		code = follow(command, target, answer.document);
	caller_answer_fini(&answer);
	return code;
}

enum exit_code order_deployment(struct command *command, const char *action, json_t *body)
{
	struct err err;
	struct target target = {0};
	json_t *names = NULL;
	bool done = false, alone = options_given(&command->options, "standalone");
	enum exit_code code = manner_put(command, body, &err) ? EXIT_DONE : command_misused(command, &err);
	if (code == EXIT_DONE)
		code = alone ? alone_begin(command, &target, &done) : command_begin(command, TARGET_SERVICE_COLOR, &target, &names);
	if (code == EXIT_DONE && !done)
		code = send_deployment(command, &target, action, body);
	json_decref(body);
	json_decref(names);
	return code;
}

enum exit_code order_send(struct command *command, const char *action, json_t *body, struct target *target, json_t **names, struct caller_answer *answer)
{
	*answer = (struct caller_answer){0};
	enum exit_code code = command_begin(command, TARGET_SERVICE, target, names);
	if (code == EXIT_DONE)
		code = command_call_service(command, "POST", target->service, action, body, answer);
	json_decref(body);
	if (code == EXIT_DONE && command->json)
		command_print(answer->document);
	return code;
}
