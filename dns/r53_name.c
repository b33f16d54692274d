/* The forms of names. Any thread. Looks nothing up. */
#include "dns/r53_name.h"

#include <stdio.h>
#include <string.h>

#define LABEL_MAX 63u
#define WIRE_MAX 255u

struct writing {
	const char *at; /* what is still to be read */
	char *out;
	size_t length; /* of what was written */
	size_t label;  /* bytes of the present one */
	size_t wire;   /* bytes of all, with the length of each label and the root's */
};

static bool is_octal(const char *at)
{
	for (unsigned i = 0; i < 3; i++)
		if (at[i] < '0' || at[i] > '7')
			return false;
	return at[0] <= '3';
}

/* The next byte and whether it was escaped; false at an escape that is none. */
static bool read_byte(struct writing *writing, unsigned char *byte, bool *escaped)
{
	const char *at = writing->at;
	*escaped = *at == '\\';
	if (!*escaped) {
		*byte = (unsigned char)*at;
		writing->at++;
		return true;
	}
	if (!is_octal(at + 1))
		return false;
	*byte = (unsigned char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'));
	writing->at += 4;
	return true;
}

static bool is_plain(unsigned char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
}

static void write_byte(struct writing *writing, unsigned char byte)
{
	unsigned char lower = byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte + ('a' - 'A')) : byte;
	char *out = writing->out + writing->length;
	if (is_plain(lower)) {
		*out = (char)lower;
		writing->length++;
	} else
		writing->length += (size_t)snprintf(out, 5, "\\%03o", lower);
	writing->label++;
	writing->wire++;
}

static void end_label(struct writing *writing)
{
	writing->out[writing->length++] = '.';
	writing->label = 0;
	writing->wire++;
}

static bool write_labels(struct writing *writing, const char *text, struct err *err)
{
	while (*writing->at) {
		unsigned char byte;
		bool escaped;
		if (!read_byte(writing, &byte, &escaped))
			return err_set(err, "the name \"%.255s\" has a backslash without three octal digits behind it, as in \\052", text);
		bool dot = byte == '.' && !escaped;
		if (dot && writing->label == 0)
			return err_set(err, "the name \"%.255s\" has an empty label (two dots in a row, or one at its beginning)", text);
		if (!dot && writing->label == LABEL_MAX)
			return err_set(err, "the name \"%.255s\" has a label of more than %u bytes", text, LABEL_MAX);
		if (writing->wire + 1 > WIRE_MAX)
			return err_set(err, "the name \"%.255s\" is longer than %u bytes", text, WIRE_MAX);
		if (dot)
			end_label(writing);
		else
			write_byte(writing, byte);
	}
	if (writing->label > 0)
		end_label(writing);
	return writing->wire <= WIRE_MAX || err_set(err, "the name \"%.255s\" is longer than %u bytes", text, WIRE_MAX);
}

bool r53_name_make_full(const char *text, char full[R53_NAME_SIZE], struct err *err)
{
	struct writing writing = {.at = text, .out = full, .wire = 1};
	full[0] = '\0';
	if (text[0] == '\0')
		return err_set(err, "the name is empty");
	if (strcmp(text, ".") == 0) {
		strcpy(full, ".");
		return true;
	}
	bool written = write_labels(&writing, text, err);
	full[written ? writing.length : 0] = '\0';
	return written;
}

bool r53_name_equal(const char *a, const char *b)
{
	char full_a[R53_NAME_SIZE], full_b[R53_NAME_SIZE];
	return r53_name_make_full(a, full_a, NULL) && r53_name_make_full(b, full_b, NULL) && strcmp(full_a, full_b) == 0;
}

bool r53_name_is_within(const char *full, const char *zone_full)
{
	size_t length = strlen(full), zone = strlen(zone_full);
	if (strcmp(zone_full, ".") == 0)
		return true;
	if (length < zone || strcmp(full + length - zone, zone_full) != 0)
		return false;
	return length == zone || full[length - zone - 1] == '.';
}

void r53_name_show(const char *full, char out[R53_NAME_SIZE])
{
	bool wildcard = strncmp(full, "\\052.", 5) == 0;
	size_t length;
	snprintf(out, R53_NAME_SIZE, "%s%s", wildcard ? "*." : "", wildcard ? full + 5 : full);
	length = strlen(out);
	if (length > 1 && out[length - 1] == '.')
		out[length - 1] = '\0';
}
