/* teal dns. What is asked of the daemon about a record: the exact change, its state, and the TTL ahead of a switch. How it is printed is in cli/dns_plan and cli/dns_status. */
#include "cli/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/dns_plan.h"
#include "cli/dns_prepare.h"
#include "cli/dns_status.h"
#include "cli/document.h"
#include "cli/screen.h"

static const struct option rows[] = {
	{"xml", 0, OPTION_FLAG, NULL, "plan: print the request's XML alone"},
	{"no-wait", 0, OPTION_FLAG, NULL, "prepare: return as soon as Route 53 has accepted the lower TTL"},
	{"watch", 0, OPTION_FLAG, NULL, "status: refresh every second, until Ctrl-C"},
	{0},
};

/* What stands behind `teal dns`. */
struct action {
	const char *name;
	const char *option; /* the one that belongs to it */
	enum target_words words;
	enum exit_code (*run)(struct command *command, const struct target *target);
};

/* One call, and the document it is answered with, owned by the caller; NULL: a sentence was printed. */
static json_t *ask(struct command *command, const char *method, const char *service, const char *path, enum exit_code *code)
{
	struct caller_answer answer;
	*code = command_call_service(command, method, service, path, NULL, &answer);
	if (*code == EXIT_DONE)
		return answer.document;
	caller_answer_fini(&answer);
	return NULL;
}

/* ---- plan ---- */

static enum exit_code print_request(const json_t *plan)
{
	struct err err;
	const char *request = document_text(plan, "request");
	if (request) {
		fputs(request, stdout);
		putchar('\n');
		return EXIT_DONE;
	}
	err_set(&err, "with the policy health_check nothing is sent to Route 53, so there is no XML");
	return command_fail(EXIT_USAGE, &err);
}

static enum exit_code run_plan(struct command *command, const struct target *target)
{
	enum exit_code code;
	char path[32] = "dns/plan";
	if (target->has_color)
		snprintf(path, sizeof(path), "dns/plan?to=%s", color_name(target->color));
	json_t *plan = ask(command, "GET", target->service, path, &code);
	if (plan && command->json)
		command_print(plan);
	else if (plan && options_given(&command->options, "xml"))
		code = print_request(plan);
	else if (plan)
		dns_plan_print(plan);
	json_decref(plan);
	return code;
}

/* ---- status ---- */

static void show(const struct command *command, const json_t *status, bool watch)
{
	if (watch && !command->json)
		screen_clear();
	if (command->json && watch)
		command_print_line(status);
	else if (command->json)
		command_print(status);
	else
		dns_status_print(status, clock_wall_ms());
	screen_flush();
}

static enum exit_code run_status(struct command *command, const struct target *target)
{
	enum exit_code code = EXIT_DONE;
	bool watch = options_given(&command->options, "watch");
	do {
		json_t *status = ask(command, "GET", target->service, "dns", &code);
		if (status)
			show(command, status, watch);
		json_decref(status);
		if (watch && code == EXIT_DONE)
			nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
	} while (watch && code == EXIT_DONE);
	return code;
}

/* ---- prepare ---- */

static enum exit_code run_prepare(struct command *command, const struct target *target)
{
	enum exit_code code;
	json_t *answer = ask(command, "POST", target->service, "dns/prepare", &code);
	return answer ? dns_prepare_follow(command, target->service, answer) : code;
}

/* ---- the words ---- */

static const struct action actions[] = {
	{"plan", "xml", TARGET_SERVICE_COLOR, run_plan},
	{"prepare", "no-wait", TARGET_SERVICE, run_prepare},
	{"status", "watch", TARGET_SERVICE, run_status},
};
#define ACTION_COUNT (sizeof(actions) / sizeof(actions[0]))

static const struct action *find_action(const struct options *options, struct err *err)
{
	const char *names[ACTION_COUNT + 1] = {NULL};
	if (options->word_count == 0) {
		err_set(err, "say what is asked for: teal dns plan, teal dns prepare or teal dns status");
		return NULL;
	}
	for (size_t i = 0; i < ACTION_COUNT; i++) {
		names[i] = actions[i].name;
		if (strcmp(options->words[0], actions[i].name) == 0)
			return &actions[i];
	}
	const char *near = text_nearest(options->words[0], names);
	err_set(err, "there is no `teal dns %s`; %s%s", options->words[0], near ? "did you mean teal dns " : "there are plan, prepare and status",
		near ? near : "");
	return NULL;
}

static bool is_possible(const struct options *options, const struct action *action, struct err *err)
{
	for (size_t i = 0; i < ACTION_COUNT; i++)
		if (&actions[i] != action && options_given(options, actions[i].option))
			return err_set(err, "--%s is for `teal dns %s`", actions[i].option, actions[i].name);
	return true;
}

/* The only service with a record, where none was named. `*names` is what target->service points into. */
static enum exit_code choose_service(struct command *command, struct target *target, json_t **names)
{
	struct err err;
	struct caller_answer answer;
	const char *name;
	json_t *service;
	size_t count = 0;
	enum exit_code code = command_call(command, "GET", "/v1/status", NULL, COMMAND_TIMEOUT_MS, &answer);
	*names = answer.document;
	if (code != EXIT_DONE)
		return code;
	json_t *services = json_object_get(*names, "services");
	const char **list = memory_array(json_object_size(services) + 1, sizeof(*list));
	json_object_foreach(services, name, service)
	{
		if (strcmp(document_text_or(service, "via", ""), "route53") == 0)
			list[count++] = name;
	}
	if (count == 0)
		err_set(&err, "no service is switched by Route 53 (via: route53)");
	bool ok = count > 0 && target_choose(list, &target->service, &err);
	free(list);
	return ok ? EXIT_DONE : command_misused(command, &err);
}

static enum exit_code run(struct command *command)
{
	struct err err;
	struct target target;
	json_t *names = NULL;
	struct options *options = &command->options;
	const struct action *action = find_action(options, &err);
	if (!action || !is_possible(options, action, &err) || !target_read(options->words + 1, options->word_count - 1, action->words, &target, &err))
		return command_misused(command, &err);
	enum exit_code code = command_connect(command);
	if (code == EXIT_DONE && !target.service)
		code = choose_service(command, &target, &names);
	if (code == EXIT_DONE)
		code = action->run(command, &target);
	json_decref(names);
	return code;
}

const struct verb verb_dns = {
	.name = "dns",
	.summary = "of a service by Route 53: the exact change, a lower TTL, who answers what",
	.usage = "plan|prepare|status [SERVICE] [COLOR]",
	.options = rows,
	.asks_daemon = true,
	.help = "plan [SERVICE] [COLOR]   the exact change of a switch to COLOR (the idle one by default), what going back costs, how long caches hold the old answer;\n"
		"                         with the policy health_check: the health checks and records that have to be created once\n"
		"prepare [SERVICE]        lowers the record's TTL to the file's and waits until no cache holds the old one: from then on a switch is quick\n"
		"status [SERVICE]         what the record says, what each name server answers with which TTL, how far the newest change has got\n\n"
		"Ctrl-C leaves `prepare` to the daemon. Exit code 0 done, 1 failed, 3 refused: there is no such change, or a deployment is under way.",
	.run = run,
};
