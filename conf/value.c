/* Values of teal.yaml: text in, typed value or a sentence out. Any thread. Knows nothing of files or of other keys. */
#include "conf/value.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/pattern.h"
#include "base/text.h"
#include "base/url.h"
#include "conf/hostname.h"

/* How much of a wrong value is quoted. */
#define FOUND "'%.64s'"

_Static_assert(sizeof(enum color) == sizeof(unsigned), "words are stored as unsigned");

static void *place(const struct key *key, void *object)
{
	return key->at == KEY_NOWHERE ? NULL : (char *)object + key->at;
}

static void replace_text(char **slot, const char *text)
{
	free(*slot);
	*slot = memory_text(text);
}

static bool has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

static bool read_text(const struct key *key, const char *text, void *object, struct err *err)
{
	size_t length = strlen(text);
	if (length < key->least)
		return err_set(err, "expected a text, found an empty one");
	if (length > key->most)
		return err_set(err, "expected at most %llu bytes, found %zu", (unsigned long long)key->most, length);
	if (strchr(text, '\n'))
		return err_set(err, "expected a text without line breaks, found " FOUND ": begin it with >- and YAML joins its lines", text);
	if (has_control(text))
		return err_set(err, "expected a text without control characters, found " FOUND, text);
	replace_text(place(key, object), text);
	return true;
}

static bool read_pattern(const struct key *key, const char *text, void *object, struct err *err)
{
	if (has_control(text) && !strchr(text, '\n'))
		return err_set(err,
			"expected a pattern without control characters, found " FOUND
			": in double quotes YAML makes one of \\b or \\t itself, so use single quotes",
			text);
	return pattern_check(text, err) && read_text(key, text, object, err);
}

static bool read_file(const struct key *key, const char *text, void *object, struct err *err)
{
	if (text[0] == '\0' || has_control(text))
		return err_set(err, "expected the name of a file, found " FOUND, text);
	replace_text(place(key, object), text);
	return true;
}

static bool read_log_file(const struct key *key, const char *text, void *object, struct err *err)
{
	size_t length = strlen(text);
	if (length > key->most)
		return err_set(err, "expected a path of at most %llu bytes, found %zu", (unsigned long long)key->most, length);
	if (text[0] != '/' && text[0] != '\0')
		return err_set(err, "expected an absolute path, found " FOUND ": write it from / on, as in /var/log/app.log", text);
	if (length > 0 && text[length - 1] == '/')
		return err_set(err, "expected the name of a file, found the folder " FOUND ": write %.64s*.log for every log in it", text, text);
	return read_file(key, text, object, err);
}

static bool read_socket(const struct key *key, const char *text, void *object, struct err *err)
{
	struct addr addr;
	size_t most = sizeof(addr.to.un.sun_path) - 1;
	if (strlen(text) > most)
		return err_set(err, "expected a path of at most %zu bytes, which is all that a unix socket may have, found %zu", most, strlen(text));
	return read_file(key, text, object, err);
}

/* Lists the first `count` words as `a`, `a or b`, `a, b or c`. */
static void list_words(const char *const *words, size_t count, char *out, size_t size)
{
	size_t used = 0;
	for (size_t i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", words[i]);
}

static size_t count_words(const struct key *key)
{
	size_t count = key->built_words;
	while (key->built_words == 0 && key->words[count])
		count++;
	return count;
}

static bool is_number(const char *text)
{
	uint64_t ignored;
	return text_parse_unsigned(text, &ignored);
}

/* The one of these words that is meant: another form of on and off, or the nearest one. A number is never a misspelt one. */
static const char *guess_word(const struct key *key, const char *text)
{
	static const char *const forms[][2] = {{"true", "on"}, {"yes", "on"}, {"false", "off"}, {"no", "off"}};
	for (size_t form = 0; form < sizeof(forms) / sizeof(*forms); form++)
		for (size_t i = 0; strcasecmp(forms[form][0], text) == 0 && key->words[i]; i++)
			if (strcmp(forms[form][1], key->words[i]) == 0)
				return key->words[i];
	return is_number(text) ? NULL : key_guess(text, key->words);
}

int value_find_word(const struct key *key, const char *text, struct err *err)
{
	size_t count = count_words(key);
	for (size_t i = 0; key->words[i]; i++) {
		if (strcmp(key->words[i], text) != 0)
			continue;
		if (i < count)
			return (int)i;
		err_set(err, "%s is not supported by this version of teal", text);
		return -1;
	}
	char list[256];
	list_words(key->words, count, list, sizeof(list));
	const char *nearest = guess_word(key, text);
	if (nearest)
		err_set(err, "expected %s, found " FOUND ": did you mean %s?", list, text, nearest);
	else
		err_set(err, "expected %s, found " FOUND, list, text);
	return -1;
}

static bool read_word(const struct key *key, const char *text, void *object, struct err *err)
{
	int found = value_find_word(key, text, err);
	if (found < 0)
		return false;
	unsigned word = (unsigned)found;
	if (key->type == KEY_EITHER)
		*(bool *)place(key, object) = word == 1;
	else if (key->at != KEY_NOWHERE)
		memcpy(place(key, object), &word, sizeof(word));
	return true;
}

static bool read_count(const struct key *key, const char *text, void *object, struct err *err)
{
	uint64_t value = 0;
	const char *word = key->words ? key->words[0] : NULL;
	bool is_word = word && strcmp(text, word) == 0;
	if (!is_word && (!text_parse_unsigned(text, &value) || value < key->least || value > key->most))
		return err_set(err, "expected %s%sa whole number from %llu to %llu, found " FOUND, word ? word : "", word ? " or " : "",
			(unsigned long long)key->least, (unsigned long long)key->most, text);
	*(unsigned *)place(key, object) = (unsigned)value;
	return true;
}

static bool read_duration(const struct key *key, const char *text, void *object, struct err *err)
{
	uint64_t ms;
	char least[TEXT_UNIT_SIZE], most[TEXT_UNIT_SIZE];
	if (!text_parse_duration(text, &ms)) {
		if (is_number(text))
			return err_set(err, "expected a duration with its unit, found " FOUND ": write %.16ss or %.16sms", text, text, text);
		return err_set(err, "expected a duration such as 500ms, 1s, 5m or 1h, found " FOUND, text);
	}
	if (ms < key->least || ms > key->most) {
		text_format_duration(key->least, least);
		text_format_duration(key->most, most);
		return err_set(err, "expected a duration from %s to %s, found " FOUND, least, most, text);
	}
	*(uint64_t *)place(key, object) = ms;
	return true;
}

static bool read_size(const struct key *key, const char *text, void *object, struct err *err)
{
	uint64_t bytes;
	char least[TEXT_UNIT_SIZE], most[TEXT_UNIT_SIZE];
	if (!text_parse_size(text, &bytes))
		return err_set(err, "expected a size such as 64KiB or 1MiB, found " FOUND, text);
	if (bytes < key->least || bytes > key->most) {
		text_format_size(key->least, least);
		text_format_size(key->most, most);
		return err_set(err, "expected a size from %s to %s, found " FOUND, least, most, text);
	}
	*(uint64_t *)place(key, object) = bytes;
	return true;
}

static bool read_share(const struct key *key, const char *text, void *object, struct err *err)
{
	double share;
	if (!text_parse_share(text, &share))
		return err_set(err, "expected a share such as 1%% or 0.01, from 0%% to 100%%, found " FOUND, text);
	*(double *)place(key, object) = share;
	return true;
}

/* A number as YAML has it, without infinities. */
static bool parse_number(const char *text, double *number)
{
	char *end;
	if (text[strspn(text, "0123456789+-.eE")] != '\0' || !strpbrk(text, "0123456789"))
		return false;
	*number = strtod(text, &end);
	return *end == '\0' && isfinite(*number);
}

static bool read_bound(const struct key *key, const char *text, struct conf_service *service, struct err *err)
{
	double number;
	if (!parse_number(text, &number))
		return err_set(err, "expected a number such as 5, 0.25 or -1e3, found " FOUND, text);
	service->rollback.prometheus.below = key->type == KEY_BELOW;
	service->rollback.prometheus.bound = number;
	return true;
}

static bool read_listen(struct conf_listen *listen, const char *text, struct err *err)
{
	if (!addr_parse_listen(text, &listen->address, err))
		return false;
	replace_text(&listen->text, text);
	return true;
}

static bool read_admin_address(struct conf *conf, const char *text, struct err *err)
{
	if (!addr_parse_listen(text, &conf->admin.listen_address, err))
		return false;
	if (conf->admin.listen_address.kind == ADDR_UNIX)
		return err_set(err, "expected an IP address with a port, found " FOUND ": a unix socket belongs in admin.socket", text);
	replace_text(&conf->admin.listen, text);
	return true;
}

/* Printable ASCII without space, as a request target needs it. */
static bool is_path(const char *text, size_t most)
{
	if (text[0] != '/' || strlen(text) > most)
		return false;
	for (; *text != '\0'; text++)
		if (!isgraph((unsigned char)*text) || *text == '#')
			return false;
	return true;
}

static bool read_probe_path(const struct key *key, struct conf_service *service, const char *text, struct err *err)
{
	if (!is_path(text, key->most))
		return err_set(err, "expected a path that begins with / and has no spaces, such as /health, found " FOUND, text);
	replace_text(&service->probe.path, text);
	return true;
}

static bool read_probe_host(const struct key *key, const char *text, void *object, struct err *err)
{
	if (!hostname_is_authority(text))
		return err_set(err, "expected a host such as shop.example.com, with or without a port, found " FOUND, text);
	replace_text(place(key, object), text);
	return true;
}

static bool read_url(const struct key *key, const char *text, void *object, struct err *err)
{
	if (!url_check(text, err))
		return false;
	replace_text(place(key, object), text);
	return true;
}

bool value_read(const struct key *key, const char *text, void *object, struct err *err)
{
	switch (key->type) {
	case KEY_TEXT:
		return read_text(key, text, object, err);
	case KEY_FILE:
		return read_file(key, text, object, err);
	case KEY_LOG_FILE:
		return read_log_file(key, text, object, err);
	case KEY_PATTERN:
		return read_pattern(key, text, object, err);
	case KEY_URL:
		return read_url(key, text, object, err);
	case KEY_SOCKET:
		return read_socket(key, text, object, err);
	case KEY_WORD:
	case KEY_EITHER:
		return read_word(key, text, object, err);
	case KEY_COUNT:
		return read_count(key, text, object, err);
	case KEY_DURATION:
		return read_duration(key, text, object, err);
	case KEY_SIZE:
		return read_size(key, text, object, err);
	case KEY_SHARE:
		return read_share(key, text, object, err);
	case KEY_ABOVE:
	case KEY_BELOW:
		return read_bound(key, text, object, err);
	case KEY_ADDRESS:
		return read_listen(object, text, err);
	case KEY_ADMIN_ADDRESS:
		return read_admin_address(object, text, err);
	case KEY_PROBE_PATH:
		return read_probe_path(key, object, text, err);
	case KEY_PROBE_HOST:
		return read_probe_host(key, text, object, err);
	default:
		assert(false); /* no key of one scalar */
		return false;
	}
}
