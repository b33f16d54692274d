/* What stands on the command line, read by tables: one parser for every verb.
 *
 * Options may stand anywhere among the words, as `--name VALUE` or `--name=VALUE`; a list takes commas and may be repeated;
 * `--` ends the options. Whatever is no OPTION_PATH is UTF-8: it goes into JSON. Pure but for memory. Control thread. */
#ifndef TEAL_CLI_OPTIONS_H
#define TEAL_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct text;

enum option_kind {
	OPTION_FLAG,     /* no value */
	OPTION_TEXT,     /* any text in UTF-8 */
	OPTION_PATH,     /* of a file, or what else the system takes as it is: any bytes */
	OPTION_KEY,      /* 1 to 128 visible characters of ASCII: goes into a field of a request */
	OPTION_LIST,     /* comma-separated, repeatable */
	OPTION_DURATION, /* `500ms`, `5m` */
	OPTION_NUMBER,   /* decimal, at least 1 */
	OPTION_COLOR,    /* blue or green */
	OPTION_LATER,    /* of the contract, not supported by this version: refused by name, not shown in the help */
};

/* A row of a verb's table; a row without a name ends it. */
struct option {
	const char *name; /* without the dashes */
	char letter;      /* the short form, or 0 */
	enum option_kind kind;
	const char *value; /* what the help calls the value; NULL for a flag */
	const char *help;  /* one line */
};

#define OPTIONS_TABLES 3
#define OPTIONS_MAX 24 /* rows of all tables together */
#define OPTIONS_WORDS_MAX 8

struct options_value {
	const struct option *option;
	bool given;
	const char *text; /* as written; for a list, the last piece given */
	uint64_t number;  /* a duration in milliseconds, or a number */
	char **items;     /* a list's items, count of them below */
	size_t item_count;
};

struct options {
	struct options_value values[OPTIONS_MAX];
	size_t value_count;
	const char *words[OPTIONS_WORDS_MAX]; /* what is no option, in order; point into argv */
	size_t word_count;
	bool help; /* --help or -h was there; then nothing else was checked */
};

/* Reads argv[0..argc) against the tables (NULL entries are skipped). False with a sentence when it can't be; options_fini is due
 * in both cases. */
bool options_parse(const struct option *const tables[OPTIONS_TABLES], int argc, char *const *argv, struct options *options, struct err *err);
void options_fini(struct options *options);

/* What was given for an option of the tables (asking for another is our bug). Never NULL. */
const struct options_value *options_get(const struct options *options, const char *name);
bool options_given(const struct options *options, const char *name);
/* The text as written, or NULL when it was not given. */
const char *options_text(const struct options *options, const char *name);
/* A list's items joined by commas, or NULL when it was not given. The caller frees it. */
char *options_join(const struct options *options, const char *name);

/* Adds the rows of the tables (NULL entries are skipped) to a help text, aligned. */
void options_describe(const struct option *const tables[OPTIONS_TABLES], struct text *out);

#endif
