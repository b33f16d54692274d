/* Host and port, checked byte by byte. Any thread. Does not look a name up and does not normalise it. */
#include "proxy/host.h"

#include <arpa/inet.h>
#include <string.h>

#include "proxy/octet.h"

#define IPV6_TEXT_MAX 45

/* The bytes of a bracketed address with its brackets, or 0. */
static size_t address_length(const char *text, size_t length)
{
	const char *close = memchr(text, ']', length);
	if (close == NULL)
		return 0;
	size_t inside = (size_t)(close - text) - 1;
	if (inside == 0 || inside > IPV6_TEXT_MAX)
		return 0;
	char address[IPV6_TEXT_MAX + 1];
	memcpy(address, text + 1, inside);
	address[inside] = '\0';
	struct in6_addr ignored;
	return inet_pton(AF_INET6, address, &ignored) == 1 ? inside + 2 : 0;
}

/* The bytes of a registered name or an IPv4 address; 0 when there is none or its percent-encoding is broken. */
static size_t name_length(const char *text, size_t length)
{
	size_t at = 0;
	while (at < length) {
		if (octet_is(text[at], OCTET_HOST)) {
			at++;
		} else if (text[at] == '%') {
			if (length - at < 3 || !octet_is(text[at + 1], OCTET_HEX) || !octet_is(text[at + 2], OCTET_HEX))
				return 0;
			at += 3;
		} else {
			break;
		}
	}
	return at;
}

static bool port_is_valid(const char *text, size_t length)
{
	unsigned port = 0;
	for (size_t i = 0; i < length; i++) {
		if (!octet_is(text[i], OCTET_DIGIT))
			return false;
		port = port * 10 + (unsigned)(text[i] - '0');
		if (port > 65535)
			return false;
	}
	return true;
}

bool host_is_valid(const char *text, size_t length, bool port_required)
{
	if (length == 0)
		return false;
	size_t host = text[0] == '[' ? address_length(text, length) : name_length(text, length);
	if (host == 0)
		return false;
	if (host == length)
		return !port_required;
	if (text[host] != ':' || (port_required && host + 1 == length))
		return false;
	return port_is_valid(text + host + 1, length - host - 1);
}
