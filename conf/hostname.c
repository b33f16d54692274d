/* The form of hosts. Any thread. Looks nothing up. */
#include "conf/hostname.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

#define NAME_MAX_LENGTH 253u
#define LABEL_MAX_LENGTH 63u

static bool is_label(const char *label, size_t length)
{
	if (length == 0 || length > LABEL_MAX_LENGTH || label[0] == '-' || label[length - 1] == '-')
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)label[i]) && label[i] != '-' && label[i] != '_')
			return false;
	return true;
}

static bool is_name(const char *text, size_t length)
{
	if (length > NAME_MAX_LENGTH)
		return false;
	for (;;) {
		const char *dot = memchr(text, '.', length);
		size_t label = dot ? (size_t)(dot - text) : length;
		if (!is_label(text, label))
			return false;
		if (!dot)
			return true;
		text += label + 1;
		length -= label + 1;
	}
}

static bool is_bracketed(const char *text, size_t length)
{
	char inside[INET6_ADDRSTRLEN];
	struct in6_addr ignored;
	if (length < 2 || length - 2 >= sizeof(inside) || text[0] != '[' || text[length - 1] != ']')
		return false;
	memcpy(inside, text + 1, length - 2);
	inside[length - 2] = '\0';
	return inet_pton(AF_INET6, inside, &ignored) == 1;
}

static bool is_host(const char *text, size_t length)
{
	return is_name(text, length) || is_bracketed(text, length);
}

bool hostname_is_host(const char *text)
{
	return is_host(text, strlen(text));
}

bool hostname_is_wildcard(const char *text)
{
	return strncmp(text, "*.", 2) == 0 && is_name(text + 2, strlen(text + 2));
}

bool hostname_is_authority(const char *text)
{
	const char *colon = strrchr(text, ':'), *bracket = strrchr(text, ']');
	uint64_t port;
	if (!colon || (bracket && colon < bracket))
		return hostname_is_host(text);
	return is_host(text, (size_t)(colon - text)) && text_parse_unsigned(colon + 1, &port) && port > 0 && port <= 65535;
}

bool hostname_is_full(const char *text)
{
	size_t length = strlen(text);
	if (length > 0 && text[length - 1] == '.')
		length--;
	const char *dot = memrchr(text, '.', length);
	if (!dot || !is_name(text, length))
		return false;
	return strspn(dot + 1, "0123456789") < length - (size_t)(dot + 1 - text);
}

bool hostname_is_record(const char *text)
{
	size_t length = strlen(text);
	if (length > 0 && text[length - 1] == '.')
		length--;
	return length <= NAME_MAX_LENGTH && hostname_is_full(strncmp(text, "*.", 2) == 0 ? text + 2 : text);
}

void hostname_normalize(char *name)
{
	size_t length = strlen(name);
	if (length > 0 && name[length - 1] == '.')
		name[length - 1] = '\0';
	for (; *name != '\0'; name++)
		*name = (char)tolower((unsigned char)*name);
}
