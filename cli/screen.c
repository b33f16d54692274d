/* Standard output as a terminal or a pipe. Decides nothing about content; the columns of tables are cli/grid's. */
#include "cli/screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/unprintable.h"

static struct {
	bool terminal, colors, live;
} screen;

void screen_init(void)
{
	const char *kind = getenv("TERM"), *plain = getenv("NO_COLOR");
	screen.terminal = isatty(STDOUT_FILENO) && kind && strcmp(kind, "dumb") != 0;
	screen.colors = screen.terminal && !(plain && *plain);
	if (!screen.terminal)
		setvbuf(stdout, NULL, _IOLBF, 0);
}

bool screen_is_terminal(void)
{
	return screen.terminal;
}

unsigned screen_width(void)
{
	struct winsize size;
	if (!screen.terminal || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

/* Text that came from elsewhere (a version, an answer to a probe) must not drive the terminal. */
static void tame(char *text)
{
	size_t left = strlen(text);
	for (size_t control; left > 0; text += control ? control : 1, left -= control ? control : 1) {
		control = unprintable_measure(text, left);
		if (*text != '\n')
			memset(text, '?', control);
	}
}

static char *format_tame(const char *format, va_list arguments)
{
	char *text = NULL;
	if (vasprintf(&text, format, arguments) < 0)
		return memory_text("");
	tame(text);
	return text;
}

static char *format_line(const char *format, va_list arguments)
{
	char *line = format_tame(format, arguments);
	for (char *at = line; (at = strchr(at, '\n'));)
		*at = ' ';
	return line;
}

static void put(FILE *stream, enum paint paint, const char *format, va_list arguments)
{
	static const char *const escapes[PAINT_COUNT] = {"", "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[33m", "\033[34m"};
	bool painted = screen.colors && stream == stdout && paint != PAINT_NONE;
	char *text = format_tame(format, arguments);
	fprintf(stream, "%s%s%s", painted ? escapes[paint] : "", text, painted ? "\033[0m" : "");
	free(text);
}

void screen_live_end(void)
{
	if (screen.live)
		fputs("\r\033[K", stdout);
	screen.live = false;
}

void screen_line(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	screen_live_end();
	put(stdout, PAINT_NONE, format, arguments);
	va_end(arguments);
	putchar('\n');
}

void screen_write(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	screen_live_end();
	put(stdout, PAINT_NONE, format, arguments);
	va_end(arguments);
}

void screen_write_painted(enum paint paint, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	screen_live_end();
	put(stdout, paint, format, arguments);
	va_end(arguments);
}

void screen_live(const char *format, ...)
{
	if (!screen.terminal)
		return;
	va_list arguments;
	va_start(arguments, format);
	char *line = format_line(format, arguments);
	va_end(arguments);
	int width = (int)screen_width() - 1;
	printf("\r%s%.*s%s\033[K", screen.colors ? "\033[2m" : "", width, line, screen.colors ? "\033[0m" : "");
	free(line);
	fflush(stdout);
	screen.live = true;
}

static void put_plain(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put_plain(FILE *stream, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	put(stream, PAINT_NONE, format, arguments);
	va_end(arguments);
}

void screen_fault(const char *line)
{
	screen_live_end();
	fflush(stdout);
	put_plain(stderr, "%s\n", line);
}

void screen_complain(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	screen_live_end();
	fflush(stdout);
	char *line = format_line(format, arguments);
	va_end(arguments);
	fprintf(stderr, "teal: %s\n", line);
	free(line);
}

void screen_clear(void)
{
	if (screen.terminal)
		fputs("\033[H\033[2J", stdout);
}

void screen_flush(void)
{
	fflush(stdout);
}
