/* teal check. Reads the file, and looks at those that it names for the token and for TLS, where it may; touches nothing else. */
#include "cli/verbs.h"

#include <time.h>

#include "cli/screen.h"
#include "conf/conf.h"
#include "conf/fault.h"
#include "switch/admin.h"
#include "switch/control.h"
#include "switch/tlsfiles.h"

struct findings {
	struct conf_faults faults, cautions; /* the latter are no faults yet */
};

static const struct option rows[] = {
	{"config", 'c', OPTION_PATH, "FILE", "the file to check (default $TEAL_CONFIG, ./teal.yaml, /etc/teal/teal.yaml)"},
	{"json", 0, OPTION_FLAG, NULL, "print JSON: file, ok, faults, warnings"},
	{0},
};

static json_t *list_lines(const struct conf_faults *faults)
{
	json_t *lines = json_array();
	for (size_t i = 0; i < faults->count; i++)
		json_array_append_new(lines, json_string(faults->lines[i]));
	return lines;
}

static void print_json(const char *file, bool ok, const struct findings *findings)
{
	json_t *document =
		json_pack("{sssbsoso}", "file", file, "ok", (int)ok, "faults", list_lines(&findings->faults), "warnings", list_lines(&findings->cautions));
	command_print(document);
	json_decref(document);
}

static void print_lines(const char *file, const struct conf *conf, const struct findings *findings)
{
	for (size_t i = 0; i < findings->faults.count; i++)
		screen_line("%s", findings->faults.lines[i]);
	for (size_t i = 0; i < findings->cautions.count; i++)
		screen_line("warning: %s", findings->cautions.lines[i]);
	if (!conf)
		return;
	size_t backends = 0;
	for (size_t i = 0; i < conf->service_count; i++)
		backends += conf->services[i].colors[COLOR_BLUE].backend_count + conf->services[i].colors[COLOR_GREEN].backend_count;
	screen_line("%s: ok (%zu service%s, %zu backend%s, %zu listener%s)", file, conf->service_count, conf->service_count == 1 ? "" : "s", backends,
		backends == 1 ? "" : "s", conf->listen_count, conf->listen_count == 1 ? "" : "s");
}

/* NULL when there is any fault. */
static struct conf *load(const char *file, struct findings *findings)
{
	struct err err;
	struct conf *conf = conf_load(file, &findings->faults);
	if (!conf)
		return NULL;
	bool good = admin_check_token(conf, &err);
	if (err.text[0])
		fault_append(good ? &findings->cautions : &findings->faults, "%s: %s", file, err.text);
	if (!control_check_access(conf, &err))
		fault_append(&findings->faults, "%s: %s", file, err.text);
	tlsfiles_check(conf, (int64_t)time(NULL), &findings->faults, &findings->cautions);
	if (findings->faults.count == 0)
		return conf;
	conf_free(conf);
	return NULL;
}

static enum exit_code run(struct command *command)
{
	struct err err;
	struct target target;
	if (!target_read(command->options.words, command->options.word_count, TARGET_NOTHING, &target, &err)) {
		err_prefix(&err, "the file is named by -c");
		return command_misused(command, &err);
	}
	const char *file = conf_find_file(options_text(&command->options, "config"));
	if (!file) {
		err_set(&err, "there is no configuration: neither $TEAL_CONFIG, nor ./teal.yaml, nor /etc/teal/teal.yaml; name one with -c FILE");
		return command_fail(EXIT_USAGE, &err);
	}
	struct findings findings = {0};
	struct conf *conf = load(file, &findings);
	bool ok = conf != NULL;
	if (options_given(&command->options, "json"))
		print_json(file, ok, &findings);
	else
		print_lines(file, conf, &findings);
	conf_free(conf);
	conf_faults_fini(&findings.faults);
	conf_faults_fini(&findings.cautions);
	return ok ? EXIT_DONE : EXIT_USAGE;
}

const struct verb verb_check = {
	.name = "check",
	.summary = "validate the configuration and print every fault in it",
	.usage = "",
	.options = rows,
	.help = "Each fault is one line, FILE:LINE:COL: message. The file of the admin API's token, those of certificates, keys and authorities, and the access log's folder are looked at, too, where they may be read.\n"
		"What will do, but should not stay so, is a line that begins with warning.\n"
		"Exit code 0 when the file is right, 2 when it is not.",
	.run = run,
};
