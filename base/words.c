/* Words of a command line. Pure but for memory. */
#include "base/words.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

struct splitter {
	const char *at;
	char **words;
	size_t count;
};

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n';
}

static bool refuse_shell(char byte, struct err *err)
{
	return err_set(err, "'%c' means something to a shell only, and there is none here: quote it, or run a shell: /bin/sh -c '...'", byte);
}

/* Behind the opening quote; up to behind the closing one. */
static bool take_quoted(struct splitter *splitter, char quote, struct text *word, struct err *err)
{
	for (;;) {
		char byte = *splitter->at++;
		if (!byte)
			return err_set(err, "a quote (%c) is not closed", quote);
		if (byte == quote)
			return true;
		if (quote == '"' && (byte == '$' || byte == '`'))
			return refuse_shell(byte, err);
		if (quote == '"' && byte == '\\' && *splitter->at && strchr("\"\\$`", *splitter->at))
			byte = *splitter->at++;
		text_add(word, &byte, 1);
	}
}

static bool take_byte(struct splitter *splitter, struct text *word, struct err *err)
{
	char byte = *splitter->at++;
	if (byte == '\'' || byte == '"')
		return take_quoted(splitter, byte, word, err);
	if (strchr("|&;<>()$`", byte))
		return refuse_shell(byte, err);
	if (byte == '\\' && !*splitter->at)
		return err_set(err, "a backslash stands at the end");
	if (byte == '\\')
		byte = *splitter->at++;
	text_add(word, &byte, 1);
	return true;
}

static bool take_word(struct splitter *splitter, struct err *err)
{
	struct text word;
	bool ok = true;
	text_init(&word, SIZE_MAX);
	while (ok && *splitter->at && !is_blank(*splitter->at))
		ok = take_byte(splitter, &word, err);
	splitter->words = memory_grow(splitter->words, splitter->count + 2, sizeof(*splitter->words));
	splitter->words[splitter->count++] = text_take(&word);
	splitter->words[splitter->count] = NULL;
	return ok;
}

char **words_split(const char *text, struct err *err)
{
	struct splitter splitter = {.at = text};
	bool ok = true;
	while (ok) {
		while (is_blank(*splitter.at))
			splitter.at++;
		if (!*splitter.at)
			break;
		ok = take_word(&splitter, err);
	}
	if (ok && splitter.count > 0)
		return splitter.words;
	if (ok)
		err_set(err, "there is no word in it");
	words_free(splitter.words);
	return NULL;
}

void words_free(char **words)
{
	for (char **word = words; word && *word; word++)
		free(*word);
	free(words);
}
