/* Finds keys in the table and guesses the one that is meant. Any thread. Knows no key by name. */
#include "conf/keys.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"

const struct key *key_find(const char *path)
{
	size_t count;
	const struct key *keys = key_table(&count);
	for (size_t i = 0; i < count; i++)
		if (strcmp(keys[i].path, path) == 0)
			return &keys[i];
	return NULL;
}

const char *key_guess(const char *text, const char *const *words)
{
	size_t length = strlen(text);
	const char *nearest = text_nearest(text, words), *longer = NULL;
	for (size_t i = 0; !nearest && length > 0 && words[i]; i++) {
		if (strncmp(words[i], text, length) != 0 || words[i][length] != '_')
			continue;
		if (longer)
			return NULL;
		longer = words[i];
	}
	return nearest ? nearest : longer;
}

const char *key_child(const struct key *key, const char *parent)
{
	size_t length = strlen(parent);
	if (strncmp(key->path, parent, length) != 0)
		return NULL;
	const char *rest = key->path + length;
	if (length > 0) {
		if (*rest != '.')
			return NULL;
		rest++;
	}
	return strpbrk(rest, ".[") || *rest == '\0' ? NULL : rest;
}

void key_list_children(const char *parent, const char *names[KEY_CHILDREN_MAX + 1])
{
	size_t total, count = 0;
	const struct key *keys = key_table(&total);
	for (size_t i = 0; i < total; i++) {
		const char *name = key_child(&keys[i], parent);
		if (!name)
			continue;
		assert(count < KEY_CHILDREN_MAX);
		names[count++] = name;
	}
	names[count] = NULL;
}
