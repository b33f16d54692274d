/* Names and values of header fields. Any thread. Knows no key. */
#include "conf/field.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

bool field_is_token(const char *text)
{
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (!isalnum((unsigned char)*text) && !strchr("!#$%&'*+-.^_`|~", *text))
			return false;
	return true;
}

bool field_is_value(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

bool field_is_own(const char *name)
{
	static const char *const names[] = {
		"Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade", "Expect", NULL};
	for (size_t i = 0; names[i]; i++)
		if (strcasecmp(names[i], name) == 0)
			return true;
	return false;
}
