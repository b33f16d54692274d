/* A line of log text being written. Any thread; no allocation.
 *
 * What a peer says is cut to a length and left out when the line is full; what is ours always fits: for that, room at the line's end is kept free. */
#ifndef TEAL_PROXY_LOGLINE_H
#define TEAL_PROXY_LOGLINE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proxy/span.h"

#define LOGLINE_SIZE 8192u
#define LOGLINE_VALUE_MAX 2048u /* bytes of a peer's value, before they are escaped */
#define LOGLINE_OWN 1024u       /* more than all that is ours: names of fields and numbers */

struct logline {
	size_t length;
	char bytes[LOGLINE_SIZE];
};

/* What is ours: a text known to the compiler; short bytes. */
static inline void logline_add(struct logline *line, const char *bytes, size_t length)
{
	memcpy(line->bytes + line->length, bytes, length);
	line->length += length;
}

static inline void logline_add_text(struct logline *line, const char *text)
{
	logline_add(line, text, strlen(text));
}

void logline_add_number(struct logline *line, uint64_t value);
/* Milliseconds with three decimals. */
void logline_add_ms(struct logline *line, uint64_t us);

/* What a peer says, or a user configured: escaped as for a JSON string; with \xHH for whatever is not plain. */
void logline_add_json(struct logline *line, struct span value);
void logline_add_escaped(struct logline *line, struct span value);

#endif
