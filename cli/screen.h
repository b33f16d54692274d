/* How the verbs print: colors only where a person looks, one line that is rewritten in place, and aligned tables.
 *
 * One screen a process, over standard output. Where standard output is no terminal, or NO_COLOR is set, the same text comes out
 * plain; where it is no terminal, there is no live line. Control bytes in the text (but for newlines) come out as '?', so that what a
 * peer sent can't drive the terminal. Control thread. */
#ifndef TEAL_CLI_SCREEN_H
#define TEAL_CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

enum paint { PAINT_NONE, PAINT_BOLD, PAINT_DIM, PAINT_RED, PAINT_GREEN, PAINT_YELLOW, PAINT_BLUE, PAINT_COUNT };

/* Looks at standard output and the environment; once, at start. */
void screen_init(void);
/* Standard output is a terminal: progress and refreshing make sense. */
bool screen_is_terminal(void);
unsigned screen_width(void);

/* A permanent line (the newline is added), or a piece of one. The live line, if there is one, is taken away first. */
void screen_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
void screen_write(const char *format, ...) __attribute__((format(printf, 1, 2)));
void screen_write_painted(enum paint paint, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Rewrites the live line, cut at the width of the terminal; nothing where there is no terminal. */
void screen_live(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Takes the live line away. */
void screen_live_end(void);
/* A sentence on standard error, after `teal: `; the newline is added. */
void screen_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A fault of a file on standard error, as it is: FILE:LINE:COL: message. */
void screen_fault(const char *line);
/* Empties the terminal and goes to its top left corner, for a refreshed view. */
void screen_clear(void);
void screen_flush(void);

#endif
