/* A flat list of what the files say, in their order; all texts stay where they were read. Any thread. Gives no value a meaning. */
#include "dns/profiles.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/secret.h"

#define SECTIONS_MAX 10000u

enum kind { KIND_PROFILE, KIND_SERVICES, KIND_OTHER };

/* A section's head when `key` is NULL. */
struct entry {
	enum profiles_file file;
	enum kind kind;
	const char *name, *block, *key, *value;
};

struct profiles {
	char *texts[2];
	struct entry *entries;
	size_t count, capacity, sections;
};

/* A file while it is read. */
struct reading {
	struct profiles *profiles;
	struct entry here; /* the section */
	bool begun;        /* there is one */
	const char *key;   /* the last one that was not indented; NULL: none in this section */
	size_t indent;     /* of that */
	bool is_block;     /* it has no value of its own */
	size_t start;      /* of the section among the entries */
	unsigned line;
	struct err *err;
};

struct profiles *profiles_new(void)
{
	return memory_new(sizeof(struct profiles));
}

void profiles_free(struct profiles *profiles)
{
	if (!profiles)
		return;
	secret_free(profiles->texts[0]);
	secret_free(profiles->texts[1]);
	free(profiles->entries);
	free(profiles);
}

static void add(struct profiles *profiles, const struct entry *entry)
{
	if (profiles->count == profiles->capacity) {
		profiles->capacity = profiles->capacity ? profiles->capacity * 2 : 64;
		profiles->entries = memory_grow(profiles->entries, profiles->capacity, sizeof(*entry));
	}
	profiles->entries[profiles->count++] = *entry;
}

static bool refuse(const struct reading *reading, const char *why)
{
	return err_set(reading->err, "line %u %s", reading->line, why);
}

/* Cuts blanks off the end, and returns where the text begins. */
static char *trim(char *text)
{
	size_t length = strlen(text);
	while (length > 0 && strchr(" \t\r\f\v", text[length - 1]))
		text[--length] = '\0';
	return text + strspn(text, " \t\f\v");
}

/* ---- sections ---- */

/* 'x' and "x" are x. */
static char *unquote(char *text)
{
	size_t length = strlen(text);
	if (length < 2 || (text[0] != '"' && text[0] != '\'') || text[length - 1] != text[0])
		return text;
	text[length - 1] = '\0';
	return text + 1;
}

/* With something behind it. */
static bool is_word(const char *inside, size_t length, const char *word)
{
	return length == strlen(word) && strncmp(inside, word, length) == 0 && inside[length] != '\0';
}

/* What is in the brackets of config. */
static void name_config_section(struct entry *here, char *inside)
{
	size_t word = strcspn(inside, " \t");
	here->kind = KIND_OTHER;
	here->name = inside;
	if (strcmp(inside, "default") == 0)
		here->kind = KIND_PROFILE;
	else if (is_word(inside, word, "profile") || is_word(inside, word, "services")) {
		here->kind = inside[0] == 'p' ? KIND_PROFILE : KIND_SERVICES;
		here->name = unquote(trim(inside + word));
	}
}

static bool is_known(const struct profiles *profiles, const struct entry *here)
{
	for (size_t i = 0; i < profiles->count; i++) {
		const struct entry *entry = &profiles->entries[i];
		if (!entry->key && entry->file == here->file && entry->kind == here->kind && strcmp(entry->name, here->name) == 0)
			return true;
	}
	return false;
}

static bool begin_section(struct reading *reading, char *text)
{
	char *end = strchr(text, ']');
	const char *behind = end ? end + 1 + strspn(end + 1, " \t") : "";
	if (!end || (*behind != '\0' && *behind != '#' && *behind != ';'))
		return refuse(reading, "begins with a bracket, and is no section: expected one as in [default] or [profile dns]");
	*end = '\0';
	char *inside = trim(text + 1);
	if (reading->here.file == PROFILES_CONFIG)
		name_config_section(&reading->here, inside);
	else
		reading->here = (struct entry){.file = PROFILES_CREDENTIALS, .kind = KIND_PROFILE, .name = inside};
	if (is_known(reading->profiles, &reading->here))
		return refuse(reading, "begins a section that is there already: put both together");
	if (++reading->profiles->sections > SECTIONS_MAX)
		return refuse(reading, "is one section too many: there may be 10000");
	reading->begun = true;
	reading->key = NULL;
	reading->start = reading->profiles->count;
	add(reading->profiles, &reading->here);
	return true;
}

/* ---- keys ---- */

static bool is_there(const struct reading *reading, const struct entry *found)
{
	for (size_t i = reading->start; i < reading->profiles->count; i++) {
		const struct entry *entry = &reading->profiles->entries[i];
		if (entry->key && strcmp(entry->key, found->key) == 0 && (!entry->block == !found->block) &&
			(!found->block || strcmp(entry->block, found->block) == 0))
			return true;
	}
	return false;
}

/* `text` is `key = value`. */
static bool take_pair(struct reading *reading, char *text, const char *delimiters, const char *block)
{
	struct entry found = reading->here;
	size_t at = strcspn(text, delimiters);
	if (text[at] == '\0' || at == 0)
		return refuse(reading, "is neither a section nor a key with its value nor a comment");
	text[at] = '\0';
	found.block = block;
	found.key = trim(text);
	found.value = trim(text + at + 1);
	for (char *byte = text; *byte; byte++)
		*byte = (char)tolower((unsigned char)*byte);
	if (is_there(reading, &found))
		return refuse(reading, "has a key that its section has already");
	add(reading->profiles, &found);
	return true;
}

static bool take_key(struct reading *reading, char *text, size_t indent)
{
	if (!reading->begun)
		return refuse(reading, "stands before the first section: expected one as in [default]");
	if (!take_pair(reading, text, "=:", NULL))
		return false;
	const struct entry *taken = &reading->profiles->entries[reading->profiles->count - 1];
	reading->key = taken->key;
	reading->is_block = taken->value[0] == '\0';
	reading->indent = indent;
	return true;
}

static bool take_nested(struct reading *reading, char *text)
{
	if (!reading->is_block)
		return refuse(reading, "is indented, and so goes on with the value of the line above: values of more than one line are not supported");
	return take_pair(reading, text, "=", reading->key);
}

static bool take_line(struct reading *reading, char *line)
{
	size_t indent = strspn(line, " \t");
	char *text = trim(line);
	if (text[0] == '\0' || text[0] == '#' || text[0] == ';')
		return true;
	if (reading->key && indent > reading->indent)
		return take_nested(reading, text);
	return text[0] == '[' ? begin_section(reading, text) : take_key(reading, text, indent);
}

bool profiles_read(struct profiles *profiles, enum profiles_file file, char *text, size_t length, struct err *err)
{
	struct reading reading = {.profiles = profiles, .here = {.file = file}, .err = err};
	bool well = true;
	profiles->texts[file] = text;
	if (strlen(text) != length)
		return err_set(err, "it is no text: there is a byte 0 in it");
	if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	for (char *line; well && (line = strsep(&text, "\n"));) {
		reading.line++;
		well = take_line(&reading, line);
	}
	return well;
}

/* ---- asking ---- */

static const char *find(const struct profiles *profiles, const struct entry *wanted)
{
	for (size_t i = 0; i < profiles->count; i++) {
		const struct entry *entry = &profiles->entries[i];
		if (!entry->key || entry->file != wanted->file || entry->kind != wanted->kind || strcmp(entry->name, wanted->name) != 0 ||
			strcmp(entry->key, wanted->key) != 0 || !entry->block != !wanted->block)
			continue;
		if (!wanted->block || strcmp(entry->block, wanted->block) == 0)
			return entry->value[0] != '\0' ? entry->value : NULL;
	}
	return NULL;
}

bool profiles_has(const struct profiles *profiles, const char *name)
{
	for (size_t i = 0; i < profiles->count; i++)
		if (profiles->entries[i].kind == KIND_PROFILE && strcmp(profiles->entries[i].name, name) == 0)
			return true;
	return false;
}

const char *profiles_find_in(const struct profiles *profiles, enum profiles_file file, const char *name, const char *key)
{
	return find(profiles, &(struct entry){.file = file, .kind = KIND_PROFILE, .name = name, .key = key});
}

const char *profiles_find(const struct profiles *profiles, const char *name, const char *key)
{
	const char *value = profiles_find_in(profiles, PROFILES_CREDENTIALS, name, key);
	return value ? value : profiles_find_in(profiles, PROFILES_CONFIG, name, key);
}

const char *profiles_find_service(const struct profiles *profiles, const char *name, const char *service, const char *key)
{
	return find(profiles, &(struct entry){.file = PROFILES_CONFIG, .kind = KIND_SERVICES, .name = name, .block = service, .key = key});
}
