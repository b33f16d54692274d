/* Names from the wire and to c-ares. Any thread. Judges no name: dns/r53_name does. */
#include "dns/domain.h"

#include <arpa/nameser.h>
#include <stdio.h>
#include <string.h>

/* Of a plain byte, or of a backslash and three octal digits, which a full form is sure to have. Returns how much was read. */
static size_t read_byte(const char *at, unsigned char *byte)
{
	if (*at != '\\') {
		*byte = (unsigned char)*at;
		return 1;
	}
	*byte = (unsigned char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'));
	return 4;
}

static size_t write_byte(unsigned char byte, char *out)
{
	unsigned char lower = byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte + ('a' - 'A')) : byte;
	if ((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') || lower == '-' || lower == '_') {
		*out = (char)lower;
		return 1;
	}
	return (size_t)snprintf(out, 5, "\\%03o", lower);
}

void domain_from_wire(const unsigned char *wire, char full[R53_NAME_SIZE])
{
	size_t length = 0;
	if (*wire == 0)
		full[length++] = '.';
	while (*wire) {
		unsigned label = *wire++;
		for (; label > 0; label--)
			length += write_byte(*wire++, full + length);
		full[length++] = '.';
	}
	full[length] = '\0';
}

bool domain_from_printed(const char *printed, char full[R53_NAME_SIZE])
{
	unsigned char wire[NS_MAXCDNAME];
	if (ns_name_pton(printed, wire, sizeof(wire)) < 0)
		return false;
	domain_from_wire(wire, full);
	return true;
}

bool domain_format_query(const char *full, char out[R53_NAME_SIZE])
{
	size_t length = 0;
	while (*full) {
		unsigned char byte;
		size_t read = read_byte(full, &byte);
		if (byte == '\0')
			return false;
		if (read > 1 && (byte == '.' || byte == '\\'))
			out[length++] = '\\';
		out[length++] = (char)byte;
		full += read;
	}
	out[length] = '\0';
	return true;
}
