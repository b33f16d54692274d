/* What the verbs share between the command line and the daemon. Prints sentences; the tables and lines of each verb are its own. */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "cli/document.h"
#include "cli/screen.h"
#include "conf/conf.h"

const struct option command_daemon_options[] = {
	{"admin", 0, OPTION_PATH, "SOCKET|URL", "the daemon to ask (default $TEAL_ADMIN, then the configuration's admin.socket)"},
	{"config", 'c', OPTION_PATH, "FILE", "the configuration that names the socket (default $TEAL_CONFIG, ./teal.yaml, /etc/teal/teal.yaml)"},
	{"json", 0, OPTION_FLAG, NULL, "print JSON"},
	{0},
};

enum exit_code command_fail(enum exit_code code, const struct err *err)
{
	screen_complain("%s", err->text);
	return code;
}

enum exit_code command_misused(const struct command *command, const struct err *err)
{
	screen_complain("%s (see `teal %s --help`)", err->text, command->verb->name);
	return EXIT_USAGE;
}

void command_print(const json_t *document)
{
	json_dumpf(document, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
	putchar('\n');
}

void command_print_line(const json_t *document)
{
	json_dumpf(document, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
	putchar('\n');
	fflush(stdout);
}

void command_put_text(const struct command *command, const char *option, json_t *body, const char *key)
{
	if (options_given(&command->options, option))
		json_object_set_new(body, key, json_string(options_text(&command->options, option)));
}

void command_put_seconds(const struct command *command, const char *option, json_t *body, const char *key)
{
	if (options_given(&command->options, option))
		json_object_set_new(body, key, json_real((double)options_get(&command->options, option)->number / 1000));
}

void command_put_flag(const struct command *command, const char *option, json_t *body, const char *key)
{
	if (options_given(&command->options, option))
		json_object_set_new(body, key, json_true());
}

/* The configuration, for the socket's place and the token. One that was named must be right; one that was merely found may be in the middle of an
 * edit, and a rollback must work all the same. */
static enum exit_code load_conf(const struct command *command, struct conf **conf)
{
	const char *given = options_text(&command->options, "config");
	const char *file = conf_find_file(given);
	struct conf_faults faults = {0};
	*conf = file ? conf_load(file, &faults) : NULL;
	if (file && !*conf && given) {
		for (size_t i = 0; i < faults.count; i++)
			screen_fault(faults.lines[i]);
	} else if (file && !*conf) {
		screen_complain("%s has faults (`teal check` lists them); looking for the daemon at the default socket", file);
	}
	conf_faults_fini(&faults);
	return given && !*conf ? EXIT_USAGE : EXIT_DONE;
}

/* The first line of the token file. Without the rights to read it, reading the daemon may still be free. */
static char *read_token(const char *path)
{
	char line[CALLER_TOKEN_MAX + 3]; /* one character more than may be there, and the line's end */
	FILE *file = fopen(path, "re");
	if (!file) {
		screen_complain("can't read the token file %s: %s; going on without a token", path, strerror(errno));
		return NULL;
	}
	char *got = fgets(line, sizeof(line), file);
	fclose(file);
	if (!got)
		return NULL;
	line[strcspn(line, "\r\n")] = '\0';
	return memory_text(line);
}

static char *choose_token(const char *place, const struct conf *conf)
{
	const char *token = getenv("TEAL_TOKEN");
	if (token && *token)
		return memory_text(token);
	bool url = strstr(place, "://") || (!strchr(place, '/') && strchr(place, ':'));
	return url && conf && conf->admin.token_file ? read_token(conf->admin.token_file) : NULL;
}

static enum exit_code connect_to(struct command *command, const char *place, const struct conf *conf)
{
	struct err err;
	char *token = choose_token(place, conf);
	command->client = caller_new(place, token, &err);
	free(token);
	if (command->client && command->json)
		caller_keep_texts(command->client);
	return command->client ? EXIT_DONE : command_misused(command, &err);
}

enum exit_code command_connect(struct command *command)
{
	if (command->client)
		return EXIT_DONE;
	struct conf *conf = NULL;
	const char *place = options_text(&command->options, "admin");
	if (!place)
		place = getenv("TEAL_ADMIN");
	bool url = place && strchr(place, ':');
	enum exit_code code = EXIT_DONE;
	if (!place || url || options_given(&command->options, "config"))
		code = load_conf(command, &conf);
	char *fallback = !place && !conf ? conf_default_socket() : NULL;
	if (code == EXIT_DONE)
		code = connect_to(command, place ? place : conf ? conf->admin.socket : fallback, conf);
	free(fallback);
	conf_free(conf);
	return code;
}

/* The names in a problem document's `services`, or the keys of a status document's; NULL at the end. */
static const char **service_names(const json_t *services)
{
	size_t count = 0;
	const char **names = memory_array(json_array_size(services) + json_object_size(services) + 1, sizeof(*names));
	size_t i;
	const json_t *name;
	json_array_foreach(services, i, name) if (json_is_string(name)) names[count++] = json_string_value(name);
	for (void *at = json_object_iter((json_t *)services); at; at = json_object_iter_next((json_t *)services, at))
		names[count++] = json_object_iter_key(at);
	return names;
}

enum exit_code command_call(
	struct command *command, const char *method, const char *path, const json_t *body, uint64_t timeout_ms, struct caller_answer *answer)
{
	enum exit_code code = caller_call(command->client, method, path, body, timeout_ms, answer);
	if (code == EXIT_DONE)
		return code;
	if (command->json && answer->document)
		command_print_line(answer->document);
	return command_fail(code, &answer->err);
}

enum exit_code command_call_service(
	struct command *command, const char *method, const char *service, const char *action, const json_t *body, struct caller_answer *answer)
{
	struct text path;
	text_init(&path, SIZE_MAX);
	text_addf(&path, "/v1/services/");
	caller_add_escaped(&path, service);
	text_addf(&path, "%s%s", *action ? "/" : "", action);
	enum exit_code code = caller_call(command->client, method, path.bytes, body, COMMAND_TIMEOUT_MS, answer);
	text_fini(&path);
	if (code == EXIT_DONE)
		return code;
	if (strcmp(document_text_or(answer->document, "code", ""), "unknown_service") == 0) {
		const char **names = service_names(json_object_get(answer->document, "services"));
		target_unknown(service, names, &answer->err);
		free(names);
	}
	if (command->json && answer->document)
		command_print_line(answer->document);
	return command_fail(code, &answer->err);
}

/* Asks which services there are, and takes the only one. */
static enum exit_code choose_service(struct command *command, struct target *target, json_t **names)
{
	struct caller_answer answer;
	enum exit_code code = command_call(command, "GET", "/v1/status", NULL, COMMAND_TIMEOUT_MS, &answer);
	if (code != EXIT_DONE) {
		caller_answer_fini(&answer);
		return code;
	}
	*names = answer.document;
	struct err err;
	const char **list = service_names(json_object_get(*names, "services"));
	bool ok = target_choose(list, &target->service, &err);
	free(list);
	return ok ? EXIT_DONE : command_misused(command, &err);
}

enum exit_code command_begin(struct command *command, enum target_words wanted, struct target *target, json_t **names)
{
	struct err err;
	*names = NULL;
	if (!target_read(command->options.words, command->options.word_count, wanted, target, &err))
		return command_misused(command, &err);
	enum exit_code code = command_connect(command);
	if (code == EXIT_DONE && wanted != TARGET_NOTHING && !target->service)
		code = choose_service(command, target, names);
	return code;
}
