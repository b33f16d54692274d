/* Pieces of text. Any thread. Knows nothing of quoted strings: no field that the proxy reads member by member may hold one. */
#include "proxy/span.h"

#include <string.h>

#include "proxy/octet.h"

bool span_is(struct span span, const char *lower)
{
	for (size_t i = 0; i < span.length; i++) {
		if (lower[i] == '\0' || octet_lower(span.at[i]) != lower[i])
			return false;
	}
	return lower[span.length] == '\0';
}

bool span_same(struct span a, struct span b)
{
	if (a.length != b.length)
		return false;
	for (size_t i = 0; i < a.length; i++) {
		if (octet_lower(a.at[i]) != octet_lower(b.at[i]))
			return false;
	}
	return true;
}

bool span_take_member(struct span *list, struct span *member)
{
	const char *at = list->at, *end = list->at + list->length;
	while (at < end && (octet_is_space(*at) || *at == ','))
		at++;
	const char *stop = at < end ? memchr(at, ',', (size_t)(end - at)) : NULL;
	if (stop == NULL)
		stop = end;
	*list = (struct span){stop, (size_t)(end - stop)};
	const char *last = stop;
	while (last > at && octet_is_space(last[-1]))
		last--;
	*member = (struct span){at, (size_t)(last - at)};
	return at < stop;
}
