/* Follows log files and counts the lines that match a pattern, from the moment it is made. Control thread.
 *
 * The files are read by a thread of its own, since a file system that hangs must delay no probe and no rollback; that thread is nice, and takes at most half of a core.
 * Of files that exist at the beginning only lines count that are begun later; files that appear later count whole, unless they are older than the watch (then from their
 * end on, as nobody knows which of their lines are new), or numbered copies of followed ones (not at all). Handles renaming, truncation, deletion, links that are switched,
 * folders that come and go. Lines are bytes: see probe/loglines.h. Not seen is what was written and removed again between two looks, which are 20 ms apart at least, and
 * a second where notices (inotify) do not reach. A copy by any other name is read like any file, so a glob should lead to the logs alone.
 *
 * Judges nothing. Whoever reads the numbers should take `problem` for "I don't know", never for "no matches". */
#ifndef TEAL_PROBE_LOGWATCH_H
#define TEAL_PROBE_LOGWATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct event_base;
struct logwatch;

#define LOGWATCH_SAMPLES 5u

struct logwatch_sample {
	uint64_t at_wall_ms; /* when it was read */
	char file[128];      /* the path, its beginning cut off where it is too long */
	char text[256];      /* the line around the match: valid UTF-8 without control characters */
};

struct logwatch_state {
	unsigned files;                      /* followed now */
	uint64_t lines, matches;             /* within the window */
	uint64_t total_lines, total_matches; /* since the beginning */
	uint64_t skipped_bytes;              /* not read, since a writer was too fast */
	uint64_t given_up;                   /* lines that the pattern would have taken too long for; no matches */
	char problem[512];                   /* what hinders it now, a sentence; "" for nothing. What was missed is a problem for as long as the window */
	unsigned sample_count;
	struct logwatch_sample samples[LOGWATCH_SAMPLES]; /* lines that matched, newest first */
};

/* New matches or another problem since the last call. May free the watch. */
typedef void logwatch_on_news(void *arg);

/* `glob` is a path, or what glob(7) makes of it: at most 64 files. NULL and a sentence when the pattern is faulty or there is no thread to be had; whatever is wrong with
 * the files is told by the state. Returns before the first look. `on_news` may be NULL. */
struct logwatch *logwatch_new(
	struct event_base *loop, const char *glob, const char *pattern, uint64_t within_ms, logwatch_on_news *on_news, void *arg, struct err *err);
/* Returns at once; files are closed as soon as the thread is not waiting for one. NULL is allowed. */
void logwatch_free(struct logwatch *watch);

/* now_ms is clock_mono_ms. Waits for no file. */
void logwatch_read(const struct logwatch *watch, uint64_t now_ms, struct logwatch_state *state);

#endif
