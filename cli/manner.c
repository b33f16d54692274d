/* The manner of a switch. Reads options and looks for the program; what is possible together with the file is for the daemon to say. */
#include "cli/manner.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "base/words.h"
#include "conf/conf.h"

#define DIGITS "0123456789"

/* ---- steps ---- */

/* `12.5` or `12.5%` in hundredths of a percent; 0 when it is none. */
static unsigned read_percent(const char *text)
{
	unsigned share = (unsigned)atoi(text) * 100;
	size_t used = strspn(text, DIGITS), digits;
	if (used == 0 || used > 3)
		return 0;
	if (text[used] == '.') {
		digits = strspn(text + ++used, DIGITS);
		if (digits == 0 || digits > 2)
			return 0;
		share += (unsigned)atoi(text + used) * (digits == 1 ? 10 : 1);
		used += digits;
	}
	used += text[used] == '%';
	return text[used] || share > 10000 ? 0 : share;
}

static bool add_share(json_t *shares, const char *text, unsigned *before, struct err *err)
{
	unsigned share = read_percent(text);
	if (share == 0)
		return err_set(err, "--steps wants shares in percent, 0.01 to 100, such as 5,25,100; \"%s\" is none", text);
	if (share <= *before)
		return err_set(err, "--steps must rise, as in 5,25,100; \"%s\" does not", text);
	json_array_append_new(shares, share % 100 ? json_real((double)share / 100) : json_integer(share / 100));
	*before = share;
	return true;
}

static bool put_steps(const struct command *command, json_t *body, struct err *err)
{
	unsigned share = 0;
	const struct options_value *steps = options_get(&command->options, "steps");
	json_t *shares = json_array();
	bool ok = true;
	for (size_t i = 0; ok && i < steps->item_count; i++)
		ok = add_share(shares, steps->items[i], &share, err);
	if (ok && share != 10000)
		ok = err_set(err, "--steps must end with 100, as in 5,25,100");
	json_object_set_new(body, "steps", shares);
	return ok;
}

static bool put_pause(const struct command *command, json_t *body, struct err *err)
{
	uint64_t ms = 0;
	const char *text = options_text(&command->options, "pause");
	bool manual = strcmp(text, "manual") == 0;
	if (!manual && (!text_parse_duration(text, &ms) || ms == 0))
		return err_set(err, "--pause wants a duration such as 30s or 5m, or manual; not \"%s\"", text);
	json_object_set_new(body, "pause_s", manual ? json_string("manual") : json_real((double)ms / 1000));
	return true;
}

/* ---- the command ---- */

/* Where the shell would find it; NULL when it would not. */
static char *find_in_path(const char *name)
{
	const char *at = getenv("PATH");
	while (at && *at) {
		size_t length = strcspn(at, ":");
		struct stat status;
		struct text path;
		text_init(&path, SIZE_MAX);
		text_addf(&path, "%.*s/%s", (int)length, at, name);
		if (path.bytes[0] == '/' && stat(path.bytes, &status) == 0 && S_ISREG(status.st_mode) && access(path.bytes, X_OK) == 0)
			return text_take(&path);
		text_fini(&path);
		at += length + (at[length] == ':');
	}
	return NULL;
}

/* The daemon knows neither the caller's folder nor its $PATH. What is absolute stays as it is. */
static bool make_absolute(char **program, struct err *err)
{
	bool named = strchr(*program, '/') != NULL;
	if (**program == '/')
		return true;
	char *found = named ? realpath(*program, NULL) : find_in_path(*program);
	if (!found)
		return err_set(err, "--run: there is no program \"%s\"%s", *program, named ? "" : " in $PATH; name it by its path");
	free(*program);
	*program = found;
	return true;
}

static json_t *list_words(char **words, struct err *err)
{
	json_t *list = json_array();
	for (char **word = words; *word; word++)
		if (json_array_append_new(list, json_string(*word)) != 0) {
			err_set(err, "--run: word %zu of the command is not UTF-8", (size_t)(word - words) + 1);
			json_decref(list);
			return NULL;
		}
	return list;
}

static bool put_run(const struct command *command, json_t *body, struct err *err)
{
	char **words = words_split(options_text(&command->options, "run"), err);
	if (!words)
		return err_prefix(err, "--run");
	json_t *run = make_absolute(&words[0], err) ? list_words(words, err) : NULL;
	if (run)
		json_object_set_new(body, "run", run);
	words_free(words);
	return run != NULL;
}

static bool put_hold_max(const struct command *command, json_t *body, struct err *err)
{
	uint64_t ms = options_get(&command->options, "hold-max")->number;
	if (ms < CONF_HOLD_LEAST_MS || ms > CONF_HOLD_MOST_MS)
		return err_set(err, "--hold-max is 100ms to 10m");
	command_put_seconds(command, "hold-max", body, "hold_max_s");
	return true;
}

/* ---- all of it ---- */

static bool is_possible(const struct options *options, struct err *err)
{
	static const char *const stepwise[] = {"steps", "pause"}, *const alone[] = {"hold-max", "run"};
	bool exclusive = options_given(options, "exclusive");
	for (size_t i = 0; i < 2; i++) {
		if (exclusive && options_given(options, stepwise[i]))
			return err_set(err, "--exclusive and --%s exclude each other: in steps both colors have requests at the same time", stepwise[i]);
		if (!exclusive && options_given(options, alone[i]))
			return err_set(err, "--%s goes with --exclusive", alone[i]);
	}
	return true;
}

bool manner_put(const struct command *command, json_t *body, struct err *err)
{
	const struct options *options = &command->options;
	if (!is_possible(options, err))
		return false;
	command_put_flag(command, "exclusive", body, "exclusive");
	return (!options_given(options, "steps") || put_steps(command, body, err)) && (!options_given(options, "pause") || put_pause(command, body, err)) &&
	       (!options_given(options, "hold-max") || put_hold_max(command, body, err)) && (!options_given(options, "run") || put_run(command, body, err));
}
