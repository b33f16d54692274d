/* teal history. The newest deployments, one a line. */
#include "cli/verbs.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/document.h"
#include "cli/grid.h"
#include "cli/screen.h"
#include "cli/story.h"

static const struct option rows[] = {
	{"number", 'n', OPTION_NUMBER, "N", "how many (default 20, at most 1000)"},
	{0},
};

#define WHY_WIDTH 60

/* As much of it as fits, whole words. */
static void add_cut(struct grid *grid, const char *text)
{
	size_t length = strlen(text), cut = length;
	if (length > WHY_WIDTH)
		for (cut = WHY_WIDTH; cut > WHY_WIDTH / 2 && text[cut] != ' ';)
			cut--;
	while (cut < length && cut > 0 && strchr(" ,;:", text[cut - 1]))
		cut--;
	grid_add(grid, PAINT_NONE, "%.*s%s", (int)cut, text, cut < length ? " ..." : "");
}

/* Of a promotion only what is remarkable. */
static const char *find_why(const json_t *deployment, bool promoted)
{
	const char *why = story_find_why(deployment);
	if (promoted)
		return strcmp(document_text_or(deployment, "verdict", ""), "inconclusive") == 0 ? "the verdict is inconclusive" : "";
	return why ? why : "";
}

static void add_row(struct grid *grid, const json_t *deployment, uint64_t now)
{
	const char *outcome = document_text_or(deployment, "outcome", "?");
	bool good = strcmp(outcome, "promoted") == 0, running = strcmp(outcome, "running") == 0;
	char when[DOCUMENT_FORM_SIZE];
	document_format_when(document_time(deployment, "started_at"), now, when);
	grid_add(grid, PAINT_NONE, "%s", document_text_or(deployment, "id", "?"));
	grid_add(grid, PAINT_NONE, "%s", document_text_or(deployment, "service", "?"));
	grid_add(grid, PAINT_NONE, "%s", when);
	grid_add(grid, PAINT_NONE, "%s", document_text_or(deployment, "kind", "?"));
	grid_add(grid, PAINT_NONE, "%s", document_text_or(deployment, "to", "?"));
	grid_add(grid, PAINT_NONE, "%s", document_text_or(deployment, "version", ""));
	grid_add(grid, good ? PAINT_GREEN : running ? PAINT_BLUE : PAINT_RED, "%s", outcome);
	grid_add(grid, PAINT_NONE, "%s", document_text_or(deployment, "cause", ""));
	grid_add(grid, PAINT_NONE, "%s", document_text_or(deployment, "actor", ""));
	add_cut(grid, document_text_or(deployment, "reason", ""));
	add_cut(grid, find_why(deployment, good));
}

static void print_table(const json_t *document)
{
	static const char *const titles[] = {
		"DEPLOYMENT", "SERVICE", "STARTED", "KIND", "TO", "VERSION", "OUTCOME", "CAUSE", "BY", "REASON", "WHY IT ENDED SO"};
	const json_t *deployments = json_object_get(document, "deployments"), *deployment;
	if (json_array_size(deployments) == 0) {
		screen_line("no deployment yet");
		return;
	}
	struct grid *grid = grid_new(0, "lllllllllll", titles);
	uint64_t now = clock_wall_ms();
	size_t i;
	json_array_foreach(deployments, i, deployment) add_row(grid, deployment, now);
	grid_print(grid);
}

/* A service that was taken out of the configuration keeps its history; one that has none may be misspelt. */
static enum exit_code check_service(struct command *command, const char *service, const json_t *history)
{
	struct caller_answer answer;
	if (!service || json_array_size(json_object_get(history, "deployments")) > 0)
		return EXIT_DONE;
	enum exit_code code = command_call_service(command, "GET", service, "", NULL, &answer);
	caller_answer_fini(&answer);
	return code;
}

static enum exit_code ask(struct command *command, const struct target *target, uint64_t number)
{
	struct text path;
	struct caller_answer answer;
	text_init(&path, SIZE_MAX);
	text_addf(&path, "/v1/deployments?limit=%" PRIu64, number);
	if (target->service) {
		text_addf(&path, "&service=");
		caller_add_escaped(&path, target->service);
	}
	enum exit_code code = command_call(command, "GET", path.bytes, NULL, COMMAND_TIMEOUT_MS, &answer);
	text_fini(&path);
	if (code == EXIT_DONE)
		code = check_service(command, target->service, answer.document);
	if (code == EXIT_DONE && command->json)
		command_print(answer.document);
	else if (code == EXIT_DONE)
		print_table(answer.document);
	caller_answer_fini(&answer);
	return code;
}

static enum exit_code run(struct command *command)
{
	struct err err;
	struct target target;
	const struct options_value *number = options_get(&command->options, "number");
	if (!target_read(command->options.words, command->options.word_count, TARGET_SERVICE, &target, &err))
		return command_misused(command, &err);
	if (number->given && number->number > 1000) {
		err_set(&err, "--number is at most 1000");
		return command_misused(command, &err);
	}
	enum exit_code code = command_connect(command);
	return code == EXIT_DONE ? ask(command, &target, number->given ? number->number : 20) : code;
}

const struct verb verb_history = {
	.name = "history",
	.summary = "list the newest deployments",
	.usage = "[SERVICE]",
	.options = rows,
	.asks_daemon = true,
	.help = "Of all services when none is named, newest first. `teal explain ID` tells the whole story of one.\n"
		"A service that was taken out of the configuration keeps its history. Exit code 1 when the history can't be read.",
	.run = run,
};
