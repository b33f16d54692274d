/* Cuts bytes that come in pieces into lines, with bounded memory. Pure.
 *
 * A line is what is before a newline, without a carriage return at its end, and without NULs at its beginning (a writer that goes on behind a truncation leaves them). Of
 * a longer line than LOGLINES_LENGTH_MAX the first bytes count, and the rest is passed over up to its newline. However the bytes are cut, the lines are the same. */
#ifndef TEAL_PROBE_LOGLINES_H
#define TEAL_PROBE_LOGLINES_H

#include <stdbool.h>
#include <stddef.h>

#define LOGLINES_LENGTH_MAX ((size_t)8192)

struct loglines {
	size_t held;  /* bytes of a line whose newline has not come */
	bool passing; /* up to the next newline nothing counts */
	char bytes[LOGLINES_LENGTH_MAX];
};

/* The line is not NUL-terminated and gone after the call. */
typedef void loglines_on_line(void *arg, const char *line, size_t length);

/* At the beginning of a line, or in the middle of one that does not count. */
void loglines_init(struct loglines *lines, bool midway);
void loglines_feed(struct loglines *lines, const char *bytes, size_t length, loglines_on_line *on_line, void *arg);
/* Nothing more comes behind: what is held is a line. */
void loglines_end(struct loglines *lines, loglines_on_line *on_line, void *arg);

#endif
