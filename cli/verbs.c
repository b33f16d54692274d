/* From argv to one verb. Knows the verbs' tables, not what they do. */
#include "cli/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/screen.h"
#include "cli/standalone.h"

static const struct verb *const verbs[] = {
	&verb_serve,
	&verb_check,
	&verb_status,
	&verb_plan,
	&verb_switch,
	&verb_deploy,
	&verb_rollback,
	&verb_confirm,
	&verb_abort,
	&verb_promote,
	&verb_approve,
	&verb_reject,
	&verb_preview,
	&verb_rehearse,
	&verb_probe,
	&verb_history,
	&verb_explain,
	&verb_lock,
	&verb_unlock,
	&verb_hold,
	&verb_resume,
	&verb_dns,
	&verb_reload,
	&verb_stop,
	&verb_demo,
	&verb_version,
	&verb_help,
};
#define VERB_COUNT (sizeof(verbs) / sizeof(*verbs))

/* Verbs that the contract names and this version does not do. */
static const char *const later[] = {"upgrade"};

static void complain_unknown(const char *name)
{
	if (name[0] == '-') {
		screen_complain("the verb comes first, then the options: teal VERB %s; `teal help` lists the verbs", name);
		return;
	}
	const char *names[VERB_COUNT + 1] = {NULL};
	for (size_t i = 0; i < VERB_COUNT; i++)
		names[i] = verbs[i]->name;
	const char *near = text_nearest(name, names);
	if (near)
		screen_complain("there is no verb \"%s\"; did you mean `teal %s`?", name, near);
	else
		screen_complain("there is no verb \"%s\"; `teal help` lists them", name);
}

const struct verb *verbs_find(const char *name)
{
	for (size_t i = 0; i < VERB_COUNT; i++)
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	for (size_t i = 0; i < sizeof(later) / sizeof(*later); i++)
		if (strcmp(later[i], name) == 0) {
			screen_complain("%s is not supported by this version", name);
			return NULL;
		}
	complain_unknown(name);
	return NULL;
}

void verbs_print_overview(void)
{
	screen_line("teal switches live traffic between the blue and the green release of a service, and back when the new one is worse.\n");
	screen_line("usage: teal VERB [SERVICE] [COLOR] [OPTIONS]\n");
	for (size_t i = 0; i < VERB_COUNT; i++)
		screen_line("  %-9s %s", verbs[i]->name, verbs[i]->summary);
	screen_line("\n`teal VERB --help` says more. Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 refused,");
	screen_line("4 switched and rolled back, 5 daemon unreachable, 6 timed out.");
}

static void list_tables(const struct verb *verb, const struct option *tables[OPTIONS_TABLES])
{
	tables[0] = verb->options;
	tables[1] = verb->more_options;
	tables[2] = verb->asks_daemon ? command_daemon_options : NULL;
}

void verbs_print_help(const struct verb *verb)
{
	struct text rows;
	const struct option *tables[OPTIONS_TABLES];
	list_tables(verb, tables);
	text_init(&rows, SIZE_MAX);
	options_describe(tables, &rows);
	screen_line("%s\n", verb->summary);
	screen_line("usage: teal %s%s%s%s", verb->name, *verb->usage ? " " : "", verb->usage, rows.length ? " [OPTIONS]" : "");
	if (rows.length)
		screen_write("\n%s", rows.bytes);
	if (*verb->help)
		screen_line("\n%s", verb->help);
	if (verb->asks_daemon)
		screen_line("%sExit code 2 for wrong usage, 5 when no daemon answers, 1 when it says that something else went wrong.", *verb->help ? "" : "\n");
	text_fini(&rows);
}

static int run_verb(const struct verb *verb, int argc, char **argv)
{
	struct command command = {.verb = verb};
	struct err err;
	const struct option *tables[OPTIONS_TABLES];
	enum exit_code code = EXIT_DONE;
	list_tables(verb, tables);
	if (!options_parse(tables, argc, argv, &command.options, &err)) {
		code = command_misused(&command, &err);
	} else if (command.options.help) {
		verbs_print_help(verb);
	} else {
		command.json = verb->asks_daemon && options_given(&command.options, "json");
		code = verb->run(&command);
	}
	caller_free(command.client);
	standalone_close(command.standalone);
	options_fini(&command.options);
	return (int)code;
}

int verbs_run(int argc, char **argv)
{
	screen_init();
	if (argc < 2) {
		screen_complain("a verb is missing; `teal help` lists them");
		return EXIT_USAGE;
	}
	const char *name = argv[1];
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
		name = "version";
	const struct verb *verb = verbs_find(name);
	return verb ? run_verb(verb, argc - 2, argv + 2) : EXIT_USAGE;
}
