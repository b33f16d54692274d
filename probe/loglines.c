/* Lines out of pieces. Pure. Copies only what has no newline yet. */
#include "probe/loglines.h"

#include <string.h>

void loglines_init(struct loglines *lines, bool midway)
{
	lines->held = 0;
	lines->passing = midway;
}

static void give(const char *line, size_t length, loglines_on_line *on_line, void *arg)
{
	if (length > LOGLINES_LENGTH_MAX)
		length = LOGLINES_LENGTH_MAX;
	if (length > 0 && line[length - 1] == '\r')
		length--;
	on_line(arg, line, length);
}

static size_t count_nuls(const char *bytes, size_t length)
{
	size_t nuls = 0;
	while (nuls < length && bytes[nuls] == '\0')
		nuls++;
	return nuls;
}

/* `length` bytes without a newline. */
static void hold(struct loglines *lines, const char *bytes, size_t length, loglines_on_line *on_line, void *arg)
{
	size_t room = LOGLINES_LENGTH_MAX - lines->held, taken = length < room ? length : room;
	memcpy(lines->bytes + lines->held, bytes, taken);
	lines->held += taken;
	if (lines->held < LOGLINES_LENGTH_MAX)
		return;
	give(lines->bytes, lines->held, on_line, arg);
	loglines_init(lines, true);
}

static void end_line(struct loglines *lines, const char *bytes, size_t length, loglines_on_line *on_line, void *arg)
{
	if (lines->held > 0)
		hold(lines, bytes, length, on_line, arg);
	if (lines->held > 0)
		give(lines->bytes, lines->held, on_line, arg);
	else if (!lines->passing)
		give(bytes, length, on_line, arg);
	loglines_init(lines, false);
}

void loglines_feed(struct loglines *lines, const char *bytes, size_t length, loglines_on_line *on_line, void *arg)
{
	const char *end = bytes + length;
	while (bytes < end) {
		if (lines->held == 0 && !lines->passing)
			bytes += count_nuls(bytes, (size_t)(end - bytes));
		const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
		if (!newline)
			break;
		end_line(lines, bytes, (size_t)(newline - bytes), on_line, arg);
		bytes = newline + 1;
	}
	if (bytes < end && !lines->passing)
		hold(lines, bytes, (size_t)(end - bytes), on_line, arg);
}

void loglines_end(struct loglines *lines, loglines_on_line *on_line, void *arg)
{
	if (lines->held > 0)
		give(lines->bytes, lines->held, on_line, arg);
	loglines_init(lines, false);
}
