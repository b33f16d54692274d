/* Checks values that are kept as text. Any thread. Looks at no other key; of files it reads the one of a time zone alone. */
#include "conf/texts.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/memory.h"
#include "base/pattern.h"
#include "base/url.h"
#include "base/zone.h"
#include "conf/field.h"
#include "conf/hostname.h"
#include "conf/r53_texts.h"
#include "conf/value.h"

/* How much of a wrong value is quoted. */
#define FOUND "'%.64s'"
#define PATH_LENGTH_MAX 4095u

void texts_replace(char **slot, const char *text)
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

static bool check_length(const struct key *key, const char *text, struct err *err)
{
	size_t length = strlen(text);
	if (length < key->least)
		return err_set(err, "expected a text, found an empty one");
	if (length > key->most)
		return err_set(err, "expected at most %llu bytes, found %zu", (unsigned long long)key->most, length);
	return true;
}

static bool check_text(const struct key *key, const char *text, struct err *err)
{
	if (!check_length(key, text, err))
		return false;
	if (strchr(text, '\n'))
		return err_set(err, "expected a text without line breaks, found " FOUND ": begin it with >- and YAML joins its lines", text);
	if (has_control(text))
		return err_set(err, "expected a text without control characters, found " FOUND, text);
	return true;
}

static bool check_pattern(const struct key *key, const char *text, struct err *err)
{
	if (has_control(text) && !strchr(text, '\n'))
		return err_set(err,
			"expected a pattern without control characters, found " FOUND
			": in double quotes YAML makes one of \\b or \\t itself, so use single quotes",
			text);
	return pattern_check(text, err) && check_text(key, text, err);
}

static bool check_file(const char *text, struct err *err)
{
	if (text[0] == '\0' || has_control(text))
		return err_set(err, "expected the name of a file, found " FOUND, text);
	return true;
}

static bool check_log_file(const struct key *key, const char *text, struct err *err)
{
	size_t length = strlen(text);
	if (length > key->most)
		return err_set(err, "expected a path of at most %llu bytes, found %zu", (unsigned long long)key->most, length);
	if (text[0] != '/' && text[0] != '\0')
		return err_set(err, "expected an absolute path, found " FOUND ": write it from / on, as in /var/log/app.log", text);
	if (length > 0 && text[length - 1] == '/')
		return err_set(err, "expected the name of a file, found the folder " FOUND ": write %.64s*.log for every log in it", text, text);
	return check_file(text, err);
}

bool texts_check_absolute(const char *text, struct err *err)
{
	size_t length = strlen(text);
	if (length > PATH_LENGTH_MAX)
		return err_set(err, "expected a path of at most %u bytes, found %zu", PATH_LENGTH_MAX, length);
	if (text[0] != '/')
		return err_set(err, "expected an absolute path, from / on, found " FOUND, text);
	if (text[length - 1] == '/')
		return err_set(err, "expected the name of a file, found the folder " FOUND, text);
	return check_file(text, err);
}

static bool check_beside(const char *text, struct err *err)
{
	if (strlen(text) > PATH_LENGTH_MAX)
		return err_set(err, "expected a path of at most %u bytes, found %zu", PATH_LENGTH_MAX, strlen(text));
	return check_file(text, err);
}

static bool check_socket(const char *text, struct err *err)
{
	struct addr addr;
	size_t most = sizeof(addr.to.un.sun_path) - 1;
	if (strlen(text) > most)
		return err_set(err, "expected a path of at most %zu bytes, which is all that a unix socket may have, found %zu", most, strlen(text));
	return check_file(text, err);
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

static bool check_target(const struct key *key, const char *text, struct err *err)
{
	if (!is_path(text, key->most))
		return err_set(err, "expected a path that begins with / and has no spaces, such as /health, found " FOUND, text);
	return true;
}

static bool check_authority(const char *text, struct err *err)
{
	if (!hostname_is_authority(text))
		return err_set(err, "expected a host such as shop.example.com, with or without a port, found " FOUND, text);
	return true;
}

/* Neither an address nor `*.` is a name to ask for. */
static bool check_server_name(const char *text, struct err *err)
{
	struct in_addr ignored;
	if (inet_pton(AF_INET, text, &ignored) == 1 || strchr(text, ':'))
		return err_set(err, "expected a name such as shop.internal, found " FOUND ": an address is checked where a backend is written as one", text);
	if (!hostname_is_host(text))
		return err_set(err, "expected a name such as shop.internal, found " FOUND, text);
	return true;
}

static bool check_token(const struct key *key, const char *text, struct err *err)
{
	if (!field_is_token(text) || strlen(text) > key->most)
		return err_set(err, "expected a name of at most %llu letters, digits, '-' and '_', found " FOUND, (unsigned long long)key->most, text);
	return true;
}

static bool check_field(const struct key *key, const char *text, struct err *err)
{
	if (!check_token(key, text, err))
		return false;
	if (field_is_own(text))
		return err_set(err, "%s has a meaning of its own in HTTP: take another name, such as X-Teal-Preview", text);
	return true;
}

static bool check(const struct key *key, const char *text, struct err *err)
{
	switch (key->type) {
	case KEY_TEXT:
		return check_text(key, text, err);
	case KEY_BODY:
		return check_length(key, text, err);
	case KEY_FILE:
		return check_file(text, err);
	case KEY_LOG_FILE:
		return check_log_file(key, text, err);
	case KEY_ABSOLUTE_FILE:
		return texts_check_absolute(text, err);
	case KEY_BESIDE_FILE:
		return check_beside(text, err);
	case KEY_PATTERN:
		return check_pattern(key, text, err);
	case KEY_URL:
		return url_check(text, err);
	case KEY_POST_URL:
		return url_read_target(text, NULL, err);
	case KEY_SOCKET:
		return check_socket(text, err);
	case KEY_TARGET:
		return check_target(key, text, err);
	case KEY_AUTHORITY:
		return check_authority(text, err);
	case KEY_SERVER_NAME:
		return check_server_name(text, err);
	case KEY_METHOD:
		return value_find_word(key, text, err) >= 0;
	case KEY_TOKEN:
		return check_token(key, text, err);
	case KEY_FIELD:
		return check_field(key, text, err);
	case KEY_ZONE:
		return zone_check(text, err);
	case KEY_HOSTED_ZONE:
		return r53_texts_check_zone(text, err);
	case KEY_RECORD:
		return r53_texts_check_record(text, err);
	case KEY_RECORD_TARGET:
		return r53_texts_check_target(text, err);
	case KEY_REGION:
		return r53_texts_check_region(text, err);
	case KEY_ENDPOINT:
		return r53_texts_check_endpoint(text, err);
	default:
		assert(false); /* no key of a text */
		return false;
	}
}

bool texts_read(const struct key *key, const char *text, void *object, struct err *err)
{
	if (!check(key, text, err))
		return false;
	char **slot = (char **)(void *)((char *)object + key->at);
	texts_replace(slot, text);
	if (key->type == KEY_RECORD || key->type == KEY_RECORD_TARGET || key->type == KEY_SERVER_NAME)
		hostname_normalize(*slot);
	return true;
}
