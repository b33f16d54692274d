/* Cookies of a request. Any thread. Gives no meaning to what they hold. */
#include "proxy/cookie.h"

#include <string.h>

#include "proxy/octet.h"

void cookie_begin(struct cookie_walk *walk, const struct head *head)
{
	unsigned first = head->first[FIELD_cookie];
	*walk = (struct cookie_walk){head, first > 0 ? first - 1 : head->field_count, {NULL, 0}};
}

static struct span trim(const char *at, const char *end)
{
	while (at < end && octet_is_space(*at))
		at++;
	while (end > at && octet_is_space(end[-1]))
		end--;
	return (struct span){at, (size_t)(end - at)};
}

static struct span unquote(struct span value)
{
	if (value.length >= 2 && value.at[0] == '"' && value.at[value.length - 1] == '"')
		return (struct span){value.at + 1, value.length - 2};
	return value;
}

/* Cuts the first pair off; false when nothing is left. */
static bool take_pair(struct span *rest, struct span *pair)
{
	if (rest->length == 0)
		return false;
	const char *end = rest->at + rest->length, *stop = memchr(rest->at, ';', rest->length);
	*pair = trim(rest->at, stop ? stop : end);
	*rest = stop ? (struct span){stop + 1, (size_t)(end - stop - 1)} : (struct span){end, 0};
	return true;
}

static bool take_line(struct cookie_walk *walk)
{
	while (walk->field < walk->head->field_count) {
		const struct head_field *field = &walk->head->fields[walk->field++];
		if (field->id != FIELD_cookie)
			continue;
		walk->rest = (struct span){field->value, field->value_length};
		return true;
	}
	return false;
}

static bool is_named(struct span pair, const char *name, size_t length, struct span *value)
{
	const char *equals = pair.length > length ? memchr(pair.at, '=', pair.length) : NULL;
	if (!equals)
		return false;
	struct span found = trim(pair.at, equals);
	if (found.length != length || memcmp(found.at, name, length) != 0)
		return false;
	*value = unquote(trim(equals + 1, pair.at + pair.length));
	return true;
}

bool cookie_next(struct cookie_walk *walk, const char *name, size_t name_length, struct span *value)
{
	struct span pair;
	do {
		while (take_pair(&walk->rest, &pair)) {
			if (is_named(pair, name, name_length, value))
				return true;
		}
	} while (take_line(walk));
	return false;
}
