/* The daemon's own log, to standard error. Control thread and start-up only: a worker never calls it, and it never opens a file. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/unprintable.h"

#define LINE_SIZE 4096

static enum log_level highest = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	highest = level;
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_WARNING:
		return "warning";
	case LOG_LEVEL_INFO:
		return "info";
	case LOG_LEVEL_DEBUG:
		break;
	}
	return "debug";
}

static size_t begin_line(enum log_level level, char *line, size_t size)
{
	if (getenv("JOURNAL_STREAM"))
		return (size_t)snprintf(line, size, "<%d>", (int)level);
	char time[CLOCK_TEXT_SIZE];
	clock_format(clock_wall_ms(), time);
	return (size_t)snprintf(line, size, "%s %s: ", time, level_name(level));
}

/* Copies the text with what steers a terminal as \xNN for each byte, and leaves room for a newline. */
static size_t add_escaped(const char *text, size_t length, char *line, size_t used)
{
	size_t steering = 0;
	for (size_t i = 0; i < length && used + 5 < LINE_SIZE; i++) {
		if (steering == 0)
			steering = unprintable_measure(text + i, length - i);
		if (steering == 0) {
			line[used++] = text[i];
			continue;
		}
		used += (size_t)snprintf(line + used, LINE_SIZE - used, "\\x%02x", (unsigned char)text[i]);
		steering--;
	}
	return used;
}

void log_write(enum log_level level, const char *format, ...)
{
	if (level > highest)
		return;
	char text[LINE_SIZE / 2], line[LINE_SIZE];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	size_t used = add_escaped(text, strlen(text), line, begin_line(level, line, sizeof(line)));
	line[used++] = '\n';
	/* One write keeps a line whole; when standard error is gone there is nobody left to tell. */
	ssize_t written = write(STDERR_FILENO, line, used);
	(void)written;
}
