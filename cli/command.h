/* A verb of the command line, and what all of them share: the daemon's address, the words SERVICE and COLOR, printing a document.
 *
 * Each verb is one const struct above its code, in its own file. Control thread. */
#ifndef TEAL_CLI_COMMAND_H
#define TEAL_CLI_COMMAND_H

#include <stdbool.h>
#include <jansson.h>

#include "cli/caller.h"
#include "cli/options.h"
#include "cli/target.h"

struct command;
struct standalone;

struct verb {
	const char *name;
	const char *summary;                         /* one line, for the list of verbs */
	const char *usage;                           /* the words that follow, e.g. "[SERVICE] [COLOR]" */
	const struct option *options, *more_options; /* NULL: none */
	bool asks_daemon;                            /* takes --admin, --config and --json too */
	const char *help;                            /* what one should know besides, in whole lines */
	enum exit_code (*run)(struct command *command);
};

/* One run of one verb. */
struct command {
	const struct verb *verb;
	struct options options;
	bool json;
	struct caller *client;         /* made by command_connect */
	struct standalone *standalone; /* the process that is asked in place of a daemon; NULL: none */
};

extern const struct option command_daemon_options[];

/* Prints the sentence as the verb's complaint and returns the code. */
enum exit_code command_fail(enum exit_code code, const struct err *err);
/* Wrong usage: the sentence, and where the help is. */
enum exit_code command_misused(const struct command *command, const struct err *err);

/* Finds the daemon: --admin, $TEAL_ADMIN, the configuration's admin.socket, the default. A sentence was printed when it is not EXIT_DONE. */
enum exit_code command_connect(struct command *command);

/* One call, EXIT_DONE or a code whose sentence was printed (with --json the problem document too). The answer is the caller's in both cases. */
enum exit_code command_call(
	struct command *command, const char *method, const char *path, const json_t *body, uint64_t timeout_ms, struct caller_answer *answer);
/* The same for /v1/services/SERVICE/ACTION; an empty action is the service itself. */
enum exit_code command_call_service(
	struct command *command, const char *method, const char *service, const char *action, const json_t *body, struct caller_answer *answer);

/* Connects and reads the words; where a service is needed and none was named, asks the daemon which there is. `*names` keeps the document that
 * target->service points into; json_decref it at the end (it may be NULL). */
enum exit_code command_begin(struct command *command, enum target_words wanted, struct target *target, json_t **names);

/* A document on standard output: indented, or on one line. */
void command_print(const json_t *document);
void command_print_line(const json_t *document);

/* Puts an option's value into a request under `key`, when it was given. */
void command_put_text(const struct command *command, const char *option, json_t *body, const char *key);
void command_put_seconds(const struct command *command, const char *option, json_t *body, const char *key);
void command_put_flag(const struct command *command, const char *option, json_t *body, const char *key);

#define COMMAND_TIMEOUT_MS 10000

#endif
