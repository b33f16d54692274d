/* teal probe. By the daemon where there is one, as it alone knows the backends that `deploy` gave; else from the configuration. */
#include "cli/verbs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "cli/direct.h"
#include "cli/document.h"
#include "cli/grid.h"
#include "cli/screen.h"
#include "conf/conf.h"

static void print_color(struct grid *grid, const char *color, const json_t *document)
{
	const json_t *backend;
	size_t i;
	json_array_foreach(json_object_get(document, "backends"), i, backend)
	{
		bool ok = document_flag(backend, "ok");
		char took[DOCUMENT_FORM_SIZE];
		document_format_ms(document_number(backend, "ms", -1), took);
		grid_add(grid, PAINT_NONE, "%s", color);
		grid_add(grid, PAINT_NONE, "%s", document_text_or(document, "version", ""));
		grid_add(grid, PAINT_NONE, "%s", document_text_or(backend, "address", "?"));
		grid_add(grid, ok ? PAINT_GREEN : PAINT_RED, "%s", ok ? "ok" : "failed");
		grid_add(grid, PAINT_NONE, "%s", took);
		grid_add(grid, PAINT_NONE, "%s", document_text_or(backend, "detail", ""));
	}
}

static void print_table(const json_t *document)
{
	static const char *const titles[] = {"COLOR", "VERSION", "BACKEND", "RESULT", "TOOK", "WHY"};
	struct grid *grid = grid_new(0, "llllrl", titles);
	json_t *colors = json_object_get(document, "colors"), *color;
	const char *name;
	json_object_foreach(colors, name, color)
	{
		print_color(grid, name, color);
		if (json_array_size(json_object_get(color, "backends")) == 0)
			screen_line("%s has no backend", name);
	}
	grid_print(grid);
}

static enum exit_code tell(const struct command *command, const json_t *document)
{
	if (command->json)
		command_print(document);
	else
		print_table(document);
	return document_flag(document, "ok") ? EXIT_DONE : EXIT_FAILED;
}

static bool choose_service(const struct conf *conf, struct target *target, struct err *err)
{
	const char **names = memory_array(conf->service_count + 1, sizeof(*names));
	for (size_t i = 0; i < conf->service_count; i++)
		names[i] = conf->services[i].name;
	bool ok = target->service ? conf_find_service(conf, target->service) != NULL : target_choose(names, &target->service, err);
	if (!ok && target->service)
		target_unknown(target->service, names, err);
	free(names);
	return ok;
}

static enum exit_code probe_conf(struct command *command, const struct conf *conf, struct target *target)
{
	struct err err;
	if (!choose_service(conf, target, &err))
		return command_misused(command, &err);
	bool colors[COLOR_COUNT] = {true, true};
	if (target->has_color)
		colors[color_other(target->color)] = false;
	json_t *document = direct_probe(conf_find_service(conf, target->service), colors, &err);
	if (!document)
		return command_fail(EXIT_FAILED, &err);
	enum exit_code code = tell(command, document);
	json_decref(document);
	return code;
}

static enum exit_code probe_file(struct command *command, const char *file, struct target *target)
{
	struct conf_faults faults = {0};
	struct conf *conf = conf_load(file, &faults);
	for (size_t i = 0; i < faults.count; i++)
		screen_fault(faults.lines[i]);
	enum exit_code code = conf ? probe_conf(command, conf, target) : EXIT_USAGE;
	conf_faults_fini(&faults);
	conf_free(conf);
	return code;
}

static enum exit_code probe_daemon(struct command *command, const struct target *target)
{
	struct caller_answer answer;
	json_t *body = json_object();
	if (target->has_color)
		json_object_set_new(body, "color", json_string(color_name(target->color)));
	enum exit_code code = command_call_service(command, "POST", target->service, "probe", body, &answer);
	if (code == EXIT_DONE)
		code = tell(command, answer.document);
	caller_answer_fini(&answer);
	json_decref(body);
	return code;
}

/* Whether a daemon answers; if not, answer->err says why. */
static bool daemon_answers(struct command *command, struct caller_answer *answer)
{
	return caller_call(command->client, "GET", "/v1/status", NULL, COMMAND_TIMEOUT_MS, answer) == EXIT_DONE;
}

static enum exit_code probe_found(struct command *command, struct target *target, bool only_daemon)
{
	struct caller_answer answer;
	json_t *names = NULL;
	const char *file = only_daemon ? NULL : conf_find_file(NULL);
	enum exit_code code = EXIT_DONE;
	if (daemon_answers(command, &answer)) {
		code = command_begin(command, TARGET_SERVICE_COLOR, target, &names);
		if (code == EXIT_DONE)
			code = probe_daemon(command, target);
	} else if (!file) {
		code = command_fail(EXIT_UNREACHABLE, &answer.err);
	} else {
		if (!command->json)
			screen_complain("%s; probing what %s names instead", answer.err.text, file);
		code = probe_file(command, file, target);
	}
	caller_answer_fini(&answer);
	json_decref(names);
	return code;
}

static enum exit_code run(struct command *command)
{
	struct err err;
	struct target target;
	if (!target_read(command->options.words, command->options.word_count, TARGET_SERVICE_COLOR, &target, &err))
		return command_misused(command, &err);
	const char *given = options_text(&command->options, "config"), *admin = options_text(&command->options, "admin");
	if (given && !admin)
		return probe_file(command, given, &target);
	enum exit_code code = command_connect(command);
	return code == EXIT_DONE ? probe_found(command, &target, admin != NULL) : code;
}

const struct verb verb_probe = {
	.name = "probe",
	.summary = "probe every backend now and print each result",
	.usage = "[SERVICE] [COLOR]",
	.asks_daemon = true,
	.help = "The daemon probes, as it knows the backends that `teal deploy` gave. Where none answers, or with -c FILE, the backends of the\n"
		"configuration are probed from here, without a daemon. Exit code 0 when every probe passed, 1 when one failed.",
	.run = run,
};
