/* Texts into XML. Any thread. Indents nothing: what is written is signed and sent as it is. */
#include "dns/xml.h"

#include <string.h>

static size_t add_one(struct text *out, const unsigned char *at, size_t left)
{
	size_t length = text_measure_utf8(at, left);
	if (*at == '&')
		text_addf(out, "&amp;");
	else if (*at == '<')
		text_addf(out, "&lt;");
	else if (*at == '>')
		text_addf(out, "&gt;");
	else if (*at == '\r') /* a bare one would be read as a line feed (XML 1.0 section 2.11) */
		text_addf(out, "&#13;");
	else if (length == 0 || (*at < ' ' && *at != '\t' && *at != '\n'))
		text_addf(out, "?");
	else
		text_add(out, (const char *)at, length);
	return length > 0 ? length : 1;
}

void xml_add_escaped(struct text *out, const char *text)
{
	size_t left = strlen(text);
	for (const unsigned char *at = (const unsigned char *)text; left > 0;) {
		size_t taken = add_one(out, at, left);
		at += taken;
		left -= taken;
	}
}

void xml_add_element(struct text *out, const char *name, const char *text)
{
	text_addf(out, "<%s>", name);
	xml_add_escaped(out, text);
	text_addf(out, "</%s>", name);
}
