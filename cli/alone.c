/* Switch and rollback without a daemon. The process that does it is cli/standalone's. */
#include "cli/alone.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/document.h"
#include "cli/follow.h"
#include "cli/screen.h"
#include "cli/standalone.h"

#define READ_MS 20000u /* for Route 53 to say what the record is */

static enum exit_code get_service(struct command *command, const char *service, struct caller_answer *answer)
{
	return command_call_service(command, "GET", service, "", NULL, answer);
}

/* ---- what was left behind ---- */

static enum exit_code end_earlier(struct command *command, const struct target *target, const json_t *deployment, bool *done)
{
	const char *id = document_text_or(deployment, "id", "?"), *to = document_text_or(deployment, "to", "?");
	screen_complain("deployment %s to %s was begun by an earlier run and is not at its end; that comes first", id, to);
	enum exit_code code = follow_to_end(command, target->service, id, 0);
	*done = !target->has_color || strcmp(color_name(target->color), to) == 0 || standalone_interrupted() > 0;
	return *done ? code : EXIT_DONE;
}

/* Whatever somebody would have to say to it, nobody can. */
static bool can_go_on_alone(const struct options *options, struct err *err)
{
	const char *pause = options_text(options, "pause");
	if (options_given(options, "no-wait"))
		return err_set(err, "with --standalone nobody is left to carry on, so --no-wait has no place beside it; --bake 0s makes it short");
	if (options_given(options, "confirm-within"))
		return err_set(err, "with --standalone nobody can be asked by `teal confirm`, so --confirm-within has no place beside it");
	if (pause && strcmp(pause, "manual") == 0)
		return err_set(err, "with --standalone nobody can be waited for with `teal promote`; give --pause a time");
	return true;
}

enum exit_code alone_begin(struct command *command, struct target *target, bool *done)
{
	struct err err;
	struct caller_answer answer;
	*done = false;
	if (!can_go_on_alone(&command->options, &err))
		return command_misused(command, &err);
	enum exit_code code = standalone_open(command, target);
	if (code != EXIT_DONE)
		return code;
	if (standalone_waits_in_steps(command->standalone) && !options_given(&command->options, "pause")) {
		err_set(&err, "the steps of service %s wait for `teal promote`, which nobody can give to --standalone; give --pause a time", target->service);
		return command_misused(command, &err);
	}
	code = get_service(command, target->service, &answer);
	const json_t *running = json_object_get(answer.document, "deployment");
	if (code == EXIT_DONE && json_is_object(running))
		code = end_earlier(command, target, running, done);
	caller_answer_fini(&answer);
	return code;
}

/* ---- a switch ---- */

/* Whoever hangs up before it is begun has nothing begun; what had begun already is followed, and stopped, by who asked. */
static enum exit_code find_begun(struct command *command, const char *service, struct caller_answer *answer)
{
	struct caller_answer now;
	enum exit_code code = get_service(command, service, &now);
	const char *id = document_text(json_object_get(now.document, "deployment"), "id");
	if (code == EXIT_DONE && id)
		answer->document = json_pack("{s:s}", "deployment", id);
	else if (code == EXIT_DONE)
		screen_complain("nothing was changed");
	caller_answer_fini(&now);
	return answer->document ? EXIT_DONE : EXIT_FAILED;
}

enum exit_code alone_ask(struct command *command, const char *service, const char *action, const json_t *body, struct caller_answer *answer)
{
	caller_heed(command->client, standalone_interrupted);
	enum exit_code code = command_call_service(command, "POST", service, action, body, answer);
	caller_heed(command->client, NULL);
	if (code == EXIT_FAILED && !answer->document && standalone_interrupted() > 0)
		code = find_begun(command, service, answer);
	return code;
}

/* ---- rollback ---- */

/* The service once its record was read; the last answer when that does not come about. */
static enum exit_code await_record(struct command *command, const char *service, struct caller_answer *answer)
{
	uint64_t deadline = clock_mono_ms() + READ_MS;
	for (;;) {
		enum exit_code code = get_service(command, service, answer);
		bool read = document_has(answer->document, "live") || document_has(json_object_get(answer->document, "route53"), "read_at");
		if (code != EXIT_DONE || read || clock_mono_ms() >= deadline || standalone_interrupted() > 0)
			return code;
		caller_answer_fini(answer);
		nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
	}
}

/* EXIT_DONE when the color that is expected to be live is. */
static enum exit_code check_live(const struct command *command, const char *service, const json_t *document)
{
	struct err err;
	const char *expected = options_text(&command->options, "expect-live"), *live = document_text(document, "live");
	const char *why = document_text(json_object_get(document, "route53"), "sentence");
	if (live && strcmp(live, expected) == 0)
		return EXIT_DONE;
	if (live)
		err_set(&err, "%s is live in service %s, not %s", live, service, expected);
	else
		err_set(&err, "which color of service %s is live is not known%s%s", service, why ? ": " : "", why ? why : "");
	return command_fail(EXIT_REFUSED, &err);
}

static enum exit_code follow_answer(struct command *command, const char *service, const json_t *answer, uint64_t since_ms)
{
	struct err err;
	const char *id = document_text(answer, "deployment");
	if (id)
		return follow_to_end(command, service, id, since_ms);
	err_set(&err, "which deployment that is was not said");
	return command_fail(EXIT_FAILED, &err);
}

/* That it was rolled back is what was asked for. */
static enum exit_code undo(struct command *command, const char *service)
{
	struct caller_answer answer;
	json_t *body = json_object();
	command_put_text(command, "reason", body, "reason");
	command_put_flag(command, "force", body, "force");
	uint64_t now = clock_wall_ms();
	enum exit_code code = command_call_service(command, "POST", service, "rollback", body, &answer);
	if (code == EXIT_DONE)
		code = follow_answer(command, service, answer.document, now);
	caller_answer_fini(&answer);
	json_decref(body);
	return code == EXIT_ROLLED_BACK ? EXIT_DONE : code;
}

/* Without history the way back is a switch to the other color, as little stopped by gates as a rollback. */
static enum exit_code switch_over(struct command *command, const char *service)
{
	struct caller_answer answer;
	enum color live = (enum color)options_get(&command->options, "expect-live")->number;
	json_t *body = json_pack(
		"{s:s, s:s, s:b, s:i, s:i}", "to", color_name(color_other(live)), "expect_live", color_name(live), "force", true, "bake_s", 0, "wait_s", 0);
	command_put_text(command, "reason", body, "reason");
	screen_complain("the state directory has no deployment to undo: %s becomes live as the other color", color_name(color_other(live)));
	enum exit_code code = alone_ask(command, service, "switch", body, &answer);
	if (code == EXIT_DONE)
		code = follow_answer(command, service, answer.document, 0);
	caller_answer_fini(&answer);
	json_decref(body);
	return code;
}

/* An earlier run has begun to go back, and was ended before that was at its end. */
static enum exit_code end_way_back(struct command *command, const char *service, const json_t *document, bool *done)
{
	const json_t *running = json_object_get(document, "deployment"), *rollback = json_object_get(running, "rollback");
	const char *id = document_text_or(running, "id", "?");
	*done = json_is_object(rollback);
	if (!*done)
		return EXIT_DONE;
	screen_complain("deployment %s is on its way back already, begun by an earlier run", id);
	enum exit_code code = follow_to_end(command, service, id, document_time(rollback, "at"));
	return code == EXIT_ROLLED_BACK ? EXIT_DONE : code;
}

static enum exit_code go_back(struct command *command, const char *service)
{
	struct err err;
	struct caller_answer answer;
	bool expects = options_given(&command->options, "expect-live"), done = false;
	enum exit_code code = expects ? await_record(command, service, &answer) : get_service(command, service, &answer);
	code = code == EXIT_DONE ? end_way_back(command, service, answer.document, &done) : code;
	bool history = document_has(answer.document, "undo") || document_has(answer.document, "deployment");
	if (code == EXIT_DONE && expects && !done)
		code = check_live(command, service, answer.document);
	if (code == EXIT_DONE && !history && !expects && !done) {
		err_set(&err,
			"the state directory has no deployment of service %s to undo; with --expect-live COLOR, the color that is live now, the other one becomes live",
			service);
		code = command_fail(EXIT_REFUSED, &err);
	}
	caller_answer_fini(&answer);
	if (code != EXIT_DONE || done)
		return code;
	return history ? undo(command, service) : switch_over(command, service);
}

enum exit_code alone_roll_back(struct command *command)
{
	struct err err;
	struct target target;
	/* A rollback names no color, while what is read below would take one. */
	if (!target_read(command->options.words, command->options.word_count, TARGET_SERVICE, &target, &err))
		return command_misused(command, &err);
	enum exit_code code = standalone_open(command, &target);
	return code == EXIT_DONE ? go_back(command, target.service) : code;
}
