/* The files that a path or glob leads to, followed through renames, deletions, switched links and folders that come and go. A log reader's thread.
 *
 * A file that no path leads to any more (rotated away, deleted) is read on until it has not grown for LOGSET_LINGER_MS: writers go on writing to it for a while. */
#ifndef TEAL_PROBE_LOGSET_H
#define TEAL_PROBE_LOGSET_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"
#include "probe/logfile.h"
#include "probe/lognotice.h"

#define LOGSET_FILES 64u
#define LOGSET_LINGER_MS 10000u

struct logset {
	char *glob;
	const char *name;      /* the last part of it */
	bool several;          /* it is no plain path */
	bool begun;            /* looked at least once */
	struct timespec since; /* wall clock: what is older does not count */
	unsigned count, named; /* files, and those of them that a path leads to */
	unsigned refused;      /* paths at the last look that can't be followed */
	struct err problem;    /* a sentence on that; "" when all is well */
	struct logfile *files[LOGSET_FILES];
	const struct logfile *current; /* whose lines are given */
	struct lognotice notice;
};

void logset_init(struct logset *set, const char *glob, const struct timespec *since);
void logset_fini(struct logset *set);

/* Finds out which files there are. Files of the first look are followed from their end on, later ones as logfile_open says. `on_line` gets what is left of files that are
 * let go. */
void logset_look(struct logset *set, uint64_t now_ms, loglines_on_line *on_line, void *arg);
/* A file that can't be read any longer. The next look finds it again, if it is there. */
void logset_drop(struct logset *set, struct logfile *file, loglines_on_line *on_line, void *arg);

#endif
