/* What a byte may be in HTTP (RFC 9110 section 5.6, RFC 3986): one table for all scanners. Pure; any thread. */
#ifndef TEAL_PROXY_OCTET_H
#define TEAL_PROXY_OCTET_H

#include <stdbool.h>
#include <stdint.h>

enum octet {
	OCTET_TOKEN = 1,   /* tchar */
	OCTET_DIGIT = 2,   /* 0-9 */
	OCTET_HEX = 4,     /* 0-9 a-f A-F */
	OCTET_VALUE = 8,   /* inside a field line: visible, space, tab, obs-text */
	OCTET_TARGET = 16, /* inside a request target: visible ASCII but '#' */
	OCTET_HOST = 32,   /* in a registered name, percent-encoding apart: unreserved and sub-delims without the comma */
};

extern const uint8_t octet_classes[256];

static inline bool octet_is(char octet, enum octet class)
{
	return (octet_classes[(unsigned char)octet] & class) != 0;
}

static inline char octet_lower(char octet)
{
	return octet >= 'A' && octet <= 'Z' ? (char)(octet | 0x20) : octet;
}

#endif
