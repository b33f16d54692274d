/* The one option parser. Knows no verb and prints nothing; what the options mean is the verbs' affair. */
#include "cli/options.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/color.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/unprintable.h"

#define KEY_MAX 128

/* Where the parser is in argv. */
struct cursor {
	char *const *argv;
	int argc, next;
};

static struct options_value *find_name(struct options *options, const char *name, size_t length)
{
	for (size_t i = 0; i < options->value_count; i++) {
		const char *known = options->values[i].option->name;
		if (strlen(known) == length && memcmp(known, name, length) == 0)
			return &options->values[i];
	}
	return NULL;
}

static struct options_value *find_letter(struct options *options, char letter)
{
	for (size_t i = 0; i < options->value_count; i++)
		if (options->values[i].option->letter == letter)
			return &options->values[i];
	return NULL;
}

static bool unknown_option(const struct options *options, const char *name, struct err *err)
{
	const char *names[OPTIONS_MAX + 2];
	size_t count = 0;
	for (size_t i = 0; i < options->value_count; i++)
		if (options->values[i].option->kind != OPTION_LATER)
			names[count++] = options->values[i].option->name;
	names[count++] = "help";
	names[count] = NULL;
	const char *near = text_nearest(name, names);
	if (near)
		return err_set(err, "unknown option --%s; did you mean --%s?", name, near);
	return err_set(err, "unknown option --%s", name);
}

static void add_item(struct options_value *value, const char *item, size_t length)
{
	value->items = memory_grow(value->items, value->item_count + 1, sizeof(*value->items));
	value->items[value->item_count++] = memory_text_cut(item, length);
}

static bool take_list(struct options_value *value, const char *text, struct err *err)
{
	for (const char *item = text;;) {
		size_t length = strcspn(item, ",");
		if (length == 0)
			return err_set(err, "--%s has an empty item in \"%s\"; give %s separated by commas", value->option->name, text, value->option->value);
		add_item(value, item, length);
		if (!item[length])
			return true;
		item += length + 1;
	}
}

static bool take_number(struct options_value *value, const char *text, struct err *err)
{
	if (!text_parse_unsigned(text, &value->number) || value->number == 0)
		return err_set(err, "--%s wants a whole number from 1 on, not \"%s\"", value->option->name, text);
	return true;
}

static bool take_duration(struct options_value *value, const char *text, struct err *err)
{
	if (!text_parse_duration(text, &value->number))
		return err_set(err, "--%s wants a duration such as 500ms, 30s or 5m, not \"%s\"", value->option->name, text);
	return true;
}

static bool take_color(struct options_value *value, const char *text, struct err *err)
{
	enum color color;
	if (!color_parse(text, &color))
		return err_set(err, "--%s wants blue or green, not \"%s\"", value->option->name, text);
	value->number = color;
	return true;
}

static bool is_utf8(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	for (size_t left = strlen(text), length; left > 0; at += length, left -= length) {
		length = text_measure_utf8(at, left);
		if (length == 0)
			return false;
	}
	return true;
}

/* As the daemon wants it. */
static bool take_key(const struct options_value *value, const char *text, struct err *err)
{
	if (!unprintable_is_absent(text, KEY_MAX))
		return err_set(err, "--%s wants 1 to %d visible ASCII characters without spaces", value->option->name, KEY_MAX);
	return true;
}

static bool take_value(struct options_value *value, const char *text, struct err *err)
{
	if (value->given && value->option->kind != OPTION_LIST)
		return err_set(err, "--%s is given twice", value->option->name);
	if (value->option->kind != OPTION_PATH && !is_utf8(text))
		return err_set(err, "the value of --%s is not UTF-8", value->option->name);
	value->given = true;
	value->text = text;
	switch (value->option->kind) {
	case OPTION_LIST:
		return take_list(value, text, err);
	case OPTION_NUMBER:
		return take_number(value, text, err);
	case OPTION_DURATION:
		return take_duration(value, text, err);
	case OPTION_COLOR:
		return take_color(value, text, err);
	case OPTION_KEY:
		return take_key(value, text, err);
	case OPTION_TEXT:
	case OPTION_PATH:
		if (!*text)
			return err_set(err, "--%s is empty; give %s", value->option->name, value->option->value);
		return true;
	case OPTION_FLAG:
	case OPTION_LATER:
		break;
	}
	return true;
}

/* The value that stands behind an option as a word of its own, or NULL and a sentence. One that looks like an option is a forgotten value far more
 * often than a value. */
static const char *next_value(struct cursor *cursor, const struct options_value *value, struct err *err)
{
	const char *name = value->option->name, *text = cursor->next < cursor->argc ? cursor->argv[cursor->next] : NULL;
	if (!text) {
		err_set(err, "--%s needs a value: --%s %s", name, name, value->option->value);
		return NULL;
	}
	if (strncmp(text, "--", 2) == 0) {
		err_set(err, "--%s needs a value before %s (write --%s=%s when that is the value)", name, text, name, text);
		return NULL;
	}
	cursor->next++;
	return text;
}

static bool take_option(struct cursor *cursor, struct options_value *value, const char *text, struct err *err)
{
	const struct option *option = value->option;
	if (option->kind == OPTION_LATER)
		return err_set(err, "--%s is not supported by this version", option->name);
	if (option->kind == OPTION_FLAG)
		return text ? err_set(err, "--%s takes no value", option->name) : take_value(value, "", err);
	if (!text)
		text = next_value(cursor, value, err);
	return text && take_value(value, text, err);
}

static bool take_long(struct options *options, struct cursor *cursor, const char *word, struct err *err)
{
	const char *name = word + 2;
	size_t length = strcspn(name, "=");
	struct options_value *value = find_name(options, name, length);
	if (value)
		return take_option(cursor, value, name[length] ? name + length + 1 : NULL, err);
	char *cut = memory_text_cut(name, length);
	unknown_option(options, cut, err);
	free(cut);
	return false;
}

static bool take_short(struct options *options, struct cursor *cursor, const char *word, struct err *err)
{
	struct options_value *value = find_letter(options, word[1]);
	if (!value)
		return err_set(err, "unknown option %s", word);
	if (value->option->kind == OPTION_FLAG && word[2])
		return err_set(err, "unknown option %s; -%c takes no value", word, word[1]);
	return take_option(cursor, value, word[2] ? word + 2 : NULL, err);
}

static bool take_word(struct options *options, const char *word, struct err *err)
{
	if (options->word_count == OPTIONS_WORDS_MAX)
		return err_set(err, "too many words, from \"%s\" on", word);
	if (!is_utf8(word))
		return err_set(err, "word %zu is not UTF-8", options->word_count + 1);
	options->words[options->word_count++] = word;
	return true;
}

static bool asks_for_help(int argc, char *const *argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

static void load_tables(const struct option *const tables[OPTIONS_TABLES], struct options *options)
{
	memset(options, 0, sizeof(*options));
	for (size_t i = 0; i < OPTIONS_TABLES; i++)
		for (const struct option *option = tables[i]; option && option->name; option++) {
			assert(options->value_count < OPTIONS_MAX);
			options->values[options->value_count++].option = option;
		}
}

bool options_parse(const struct option *const tables[OPTIONS_TABLES], int argc, char *const *argv, struct options *options, struct err *err)
{
	load_tables(tables, options);
	options->help = asks_for_help(argc, argv);
	if (options->help)
		return true;
	struct cursor cursor = {.argv = argv, .argc = argc};
	bool ok = true, only_words = false;
	while (ok && cursor.next < argc) {
		const char *word = argv[cursor.next++];
		if (only_words || word[0] != '-' || !word[1])
			ok = take_word(options, word, err);
		else if (strcmp(word, "--") == 0)
			only_words = true;
		else if (word[1] == '-')
			ok = take_long(options, &cursor, word, err);
		else
			ok = take_short(options, &cursor, word, err);
	}
	return ok;
}

void options_fini(struct options *options)
{
	for (size_t i = 0; i < options->value_count; i++) {
		for (size_t j = 0; j < options->values[i].item_count; j++)
			free(options->values[i].items[j]);
		free(options->values[i].items);
	}
	memset(options, 0, sizeof(*options));
}

const struct options_value *options_get(const struct options *options, const char *name)
{
	for (size_t i = 0; i < options->value_count; i++)
		if (strcmp(options->values[i].option->name, name) == 0)
			return &options->values[i];
	assert(false && "an option that no table has");
	abort();
}

bool options_given(const struct options *options, const char *name)
{
	return options_get(options, name)->given;
}

const char *options_text(const struct options *options, const char *name)
{
	const struct options_value *value = options_get(options, name);
	return value->given ? value->text : NULL;
}

char *options_join(const struct options *options, const char *name)
{
	const struct options_value *value = options_get(options, name);
	if (!value->given)
		return NULL;
	struct text joined;
	text_init(&joined, SIZE_MAX);
	for (size_t i = 0; i < value->item_count; i++)
		text_addf(&joined, "%s%s", i ? "," : "", value->items[i]);
	return text_take(&joined);
}

static int describe_head(const struct option *option, char out[64])
{
	char letter[8] = "    ";
	if (option->letter)
		snprintf(letter, sizeof(letter), "-%c, ", option->letter);
	const char *more = option->kind == OPTION_LIST ? ",..." : "";
	return snprintf(out, 64, "%s--%s%s%s%s", letter, option->name, option->value ? " " : "", option->value ? option->value : "", more);
}

static int head_width(const struct option *table)
{
	char head[64];
	int width = 0;
	for (const struct option *option = table; option && option->name; option++) {
		int length = option->kind == OPTION_LATER ? 0 : describe_head(option, head);
		if (length > width)
			width = length;
	}
	return width;
}

static void describe_rows(const struct option *table, int width, struct text *out)
{
	char head[64];
	for (const struct option *option = table; option && option->name; option++) {
		if (option->kind == OPTION_LATER)
			continue;
		describe_head(option, head);
		text_addf(out, "  %-*s  %s\n", width, head, option->help);
	}
}

void options_describe(const struct option *const tables[OPTIONS_TABLES], struct text *out)
{
	int width = 0;
	for (size_t i = 0; i < OPTIONS_TABLES; i++)
		if (head_width(tables[i]) > width)
			width = head_width(tables[i]);
	for (size_t i = 0; i < OPTIONS_TABLES; i++)
		describe_rows(tables[i], width, out);
}
