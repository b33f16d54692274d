/* Values of teal.yaml: text in, typed value or a sentence out. Any thread. Knows nothing of files or of other keys. */
#include "conf/value.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "conf/calendar.h"
#include "conf/texts.h"

/* How much of a wrong value is quoted. */
#define FOUND "'%.64s'"
#define HUNDREDTHS 10000.0 /* of a percent, in the whole */

_Static_assert(sizeof(enum color) == sizeof(unsigned), "words are stored as unsigned");

static void *place(const struct key *key, void *object)
{
	return key->at == KEY_NOWHERE ? NULL : (char *)object + key->at;
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
	size_t count = 0;
	while (key->words[count])
		count++;
	return count;
}

static bool is_number(const char *text)
{
	uint64_t ignored;
	return text_parse_unsigned(text, &ignored);
}

static bool is_any_number(const char *text)
{
	return text[strspn(text, "0123456789.")] == '\0';
}

/* The one of these words that is meant: another form of on and off, or the nearest one. A number is never a misspelt one. */
static const char *guess_word(const struct key *key, const char *text)
{
	static const char *const forms[][2] = {{"true", "on"}, {"yes", "on"}, {"false", "off"}, {"no", "off"}};
	for (size_t form = 0; form < sizeof(forms) / sizeof(*forms); form++)
		for (size_t i = 0; strcasecmp(forms[form][0], text) == 0 && key->words[i]; i++)
			if (strcmp(forms[form][1], key->words[i]) == 0)
				return key->words[i];
	return is_any_number(text) ? NULL : key_guess(text, key->words);
}

int value_find_word(const struct key *key, const char *text, struct err *err)
{
	for (size_t i = 0; key->words[i]; i++)
		if (strcmp(key->words[i], text) == 0)
			return (int)i;
	char list[256];
	list_words(key->words, count_words(key), list, sizeof(list));
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

/* A duration is what one writes elsewhere. */
static bool read_seconds(const struct key *key, const char *text, void *object, struct err *err)
{
	uint64_t value, ms;
	char instead[64] = "";
	if (text_parse_unsigned(text, &value) && value >= key->least && value <= key->most) {
		*(uint32_t *)place(key, object) = (uint32_t)value;
		return true;
	}
	if (!is_number(text) && text_parse_duration(text, &ms) && ms % 1000 == 0 && ms / 1000 <= key->most)
		snprintf(instead, sizeof(instead), ": write %llu", (unsigned long long)(ms / 1000));
	return err_set(err, "expected seconds, a whole number from %llu to %llu, found " FOUND "%s", (unsigned long long)key->least,
		(unsigned long long)key->most, text, instead);
}

static bool refuse_duration(const struct key *key, const char *text, bool parsed, struct err *err)
{
	const char *word = key->words ? key->words[0] : "", *otherwise = key->words ? " or " : "";
	char least[TEXT_UNIT_SIZE], most[TEXT_UNIT_SIZE];
	if (!parsed && is_number(text))
		return err_set(err, "expected %s%sa duration with its unit, found " FOUND ": write %.16ss or %.16sms", word, otherwise, text, text, text);
	if (!parsed)
		return err_set(err, "expected %s%sa duration such as 500ms, 1s, 5m or 1h, found " FOUND, word, otherwise, text);
	text_format_duration(key->least, least);
	text_format_duration(key->most, most);
	return err_set(err, "expected %s%sa duration from %s to %s, found " FOUND, word, otherwise, least, most, text);
}

static bool read_duration(const struct key *key, const char *text, void *object, struct err *err)
{
	uint64_t ms = 0;
	bool is_word = key->words && strcmp(text, key->words[0]) == 0, parsed = is_word || text_parse_duration(text, &ms);
	if (!is_word && (!parsed || ms < key->least || ms > key->most))
		return refuse_duration(key, text, parsed, err);
	*(uint64_t *)place(key, object) = ms;
	return true;
}

/* max-age is in seconds (RFC 6797 section 6.1.1). */
static bool read_hsts(const struct key *key, const char *text, struct conf_hsts *hsts, struct err *err)
{
	uint64_t ms = 0;
	bool off = strcmp(text, key->words[0]) == 0, parsed = off || text_parse_duration(text, &ms);
	if (!parsed || ms > key->most)
		return refuse_duration(key, text, parsed, err);
	if (ms % 1000 != 0)
		return err_set(err, "expected whole seconds, found " FOUND, text);
	hsts->on = !off;
	hsts->max_age_s = ms / 1000;
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
	double share, least = (double)key->least / HUNDREDTHS, most = key->most ? (double)key->most / HUNDREDTHS : 1;
	char low[TEXT_UNIT_SIZE], high[TEXT_UNIT_SIZE];
	if (!text_parse_ratio(text, &share) || share < least || share > most) {
		text_format_share(least, low);
		text_format_share(most, high);
		return err_set(err, "expected a share such as 1%% or 0.01, from %s to %s, found " FOUND, low, high, text);
	}
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
	texts_replace(&listen->text, text);
	return true;
}

static bool read_preview_address(struct conf_preview *preview, const char *text, struct err *err)
{
	if (!addr_parse_listen(text, &preview->listen_address, err))
		return false;
	texts_replace(&preview->listen, text);
	return true;
}

/* Whoever asks comes by TCP, maybe through another proxy. */
static bool read_health_address(struct conf_route53 *route53, const char *text, struct err *err)
{
	if (!addr_parse_listen(text, &route53->health_listen_address, err))
		return false;
	if (route53->health_listen_address.kind == ADDR_UNIX)
		return err_set(err, "expected an IP address with a port, found " FOUND ": no health check of Route 53 comes to a unix socket", text);
	texts_replace(&route53->health_listen, text);
	return true;
}

/* A time of the week or a date, of which the key is the beginning or the end. */
static bool read_freeze(const struct key *key, const char *text, struct conf_freeze *freeze, struct err *err)
{
	unsigned minute = 0;
	bool dated = calendar_is_date(text), is_from = key->at == offsetof(struct conf_freeze, from);
	if (!dated && !calendar_parse_week(text, &minute))
		return err_set(err, "expected a time of the week such as Fri 16:00 or a date such as 2026-12-23T18:00, found " FOUND, text);
	*(is_from ? &freeze->from : &freeze->to) = minute;
	if (dated)
		texts_replace(is_from ? &freeze->from_date : &freeze->to_date, text);
	freeze->dated |= dated;
	return true;
}

static bool read_admin_address(struct conf *conf, const char *text, struct err *err)
{
	if (!addr_parse_listen(text, &conf->admin.listen_address, err))
		return false;
	if (conf->admin.listen_address.kind == ADDR_UNIX)
		return err_set(err, "expected an IP address with a port, found " FOUND ": a unix socket belongs in admin.socket", text);
	texts_replace(&conf->admin.listen, text);
	return true;
}

bool value_read(const struct key *key, const char *text, void *object, struct err *err)
{
	void *at = place(key, object);
	switch (key->type) {
	case KEY_WORD:
	case KEY_EITHER:
		return read_word(key, text, object, err);
	case KEY_COUNT:
		return read_count(key, text, object, err);
	case KEY_DURATION:
		return read_duration(key, text, object, err);
	case KEY_HSTS:
		return read_hsts(key, text, at, err);
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
	case KEY_PREVIEW_ADDRESS:
		return read_preview_address(at, text, err);
	case KEY_HEALTH_ADDRESS:
		return read_health_address(at, text, err);
	case KEY_SECONDS:
		return read_seconds(key, text, object, err);
	case KEY_FREEZE:
		return read_freeze(key, text, object, err);
	default:
		return texts_read(key, text, object, err);
	}
}
