/* The one place in which keys come into being. Any thread. Asks nobody whether they are good. */
#include "dns/cred_keys.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/secret.h"
#include "dns/sigv4.h"

#define ID_MAX 256u
#define SECRET_MAX 1024u
#define TOKEN_MAX 16384u

static bool is_missing(const char *text)
{
	return !text || text[0] == '\0';
}

static bool check_one(const char *name, const char *text, size_t most, struct err *err)
{
	if (strlen(text) > most)
		return err_set(err, "the %s is longer than %zu bytes", name, most);
	for (const char *at = text; *at; at++)
		if (*at <= ' ' || *at > '~')
			return err_set(err, "the %s holds white space or bytes that are no ASCII (a comment must stand on a line of its own)", name);
	return true;
}

static bool check(const struct cred_draft *draft, struct err *err)
{
	if (is_missing(draft->id))
		return err_set(err, "the access key id is missing");
	if (is_missing(draft->secret))
		return err_set(err, "the secret access key is missing");
	if (!check_one("access key id", draft->id, ID_MAX, err) || !check_one("secret access key", draft->secret, SECRET_MAX, err))
		return false;
	if (!is_missing(draft->token) && !check_one("session token", draft->token, TOKEN_MAX, err))
		return false;
	struct sigv4_credentials usable = {draft->id, draft->secret, draft->token};
	return sigv4_check_credentials(&usable, err);
}

static const char *keep(char **at, const char *text)
{
	char *kept = *at;
	if (is_missing(text))
		return NULL;
	*at = stpcpy(kept, text) + 1;
	return kept;
}

struct cred_keys *cred_keys_new(const struct cred_draft *draft, struct err *err)
{
	uint64_t expires_ms = 0;
	if (!check(draft, err))
		return NULL;
	if (!is_missing(draft->expires) && !cred_keys_read_time(draft->expires, &expires_ms)) {
		err_set(err, "the time at which they expire can't be read: expected one as in 2026-01-31T12:00:00Z");
		return NULL;
	}
	size_t length = strlen(draft->id) + strlen(draft->secret) + (draft->token ? strlen(draft->token) : 0) + 3;
	struct cred_keys *keys = secret_new(sizeof(*keys) + length);
	char *at = keys->text;
	keys->id = keep(&at, draft->id);
	keys->secret = keep(&at, draft->secret);
	keys->token = keep(&at, draft->token);
	keys->expires_ms = expires_ms;
	return keys;
}

void cred_keys_free(struct cred_keys *keys)
{
	secret_free(keys);
}

void cred_keys_name(struct cred_keys *keys, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(keys->source, sizeof(keys->source), format, arguments);
	va_end(arguments);
}

/* ---- times ---- */

static bool read_digits(const char **at, unsigned count, int *value)
{
	*value = 0;
	for (unsigned i = 0; i < count; i++, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		*value = *value * 10 + (**at - '0');
	}
	return true;
}

static bool skip(const char **at, char byte)
{
	if (**at != byte)
		return false;
	(*at)++;
	return true;
}

static bool read_date(const char **at, struct tm *tm)
{
	if (!read_digits(at, 4, &tm->tm_year) || !skip(at, '-') || !read_digits(at, 2, &tm->tm_mon) || !skip(at, '-') || !read_digits(at, 2, &tm->tm_mday))
		return false;
	if (tm->tm_year < 1970 || tm->tm_mon < 1 || tm->tm_mon > 12 || tm->tm_mday < 1 || tm->tm_mday > 31)
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon--;
	return skip(at, 'T') || skip(at, 't') || skip(at, ' ');
}

static bool read_clock(const char **at, struct tm *tm)
{
	if (!read_digits(at, 2, &tm->tm_hour) || !skip(at, ':') || !read_digits(at, 2, &tm->tm_min) || !skip(at, ':') || !read_digits(at, 2, &tm->tm_sec))
		return false;
	if (skip(at, '.')) /* a part of a second is nothing here */
		*at += strspn(*at, "0123456789");
	return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec <= 60;
}

static bool read_offset(const char **at, int *offset_s)
{
	int hours, minutes, sign = **at == '-' ? -1 : 1;
	*offset_s = 0;
	if (skip(at, 'Z') || skip(at, 'z'))
		return true;
	if ((!skip(at, '+') && !skip(at, '-')) || !read_digits(at, 2, &hours))
		return false;
	skip(at, ':');
	if (!read_digits(at, 2, &minutes) || hours > 14 || minutes > 59)
		return false;
	*offset_s = sign * (hours * 3600 + minutes * 60);
	return true;
}

bool cred_keys_read_time(const char *text, uint64_t *ms)
{
	struct tm tm = {0};
	int offset_s;
	if (!read_date(&text, &tm) || !read_clock(&text, &tm) || !read_offset(&text, &offset_s) || *text != '\0')
		return false;
	time_t time_s = timegm(&tm) - offset_s;
	if (time_s <= 0)
		return false;
	*ms = (uint64_t)time_s * 1000;
	return true;
}
