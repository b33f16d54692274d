/* One followed file: where it is read, whether it was truncated, and its lines. A log reader's thread; reads may wait for a disk.
 *
 * A file is its inode: a name that comes or goes changes nothing here. Truncation shows by a size below what was read, or, where the writer was faster, by other bytes just
 * before that point. Not to be seen: a rewrite that leaves those bytes as they were, and one of equal length within the same tick of the file system's clock (4 ms). */
#ifndef TEAL_PROBE_LOGFILE_H
#define TEAL_PROBE_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"
#include "probe/loglines.h"

/* What one look reads at most. */
#define LOGFILE_SLICE ((size_t)64 * 1024)
/* A file that is further behind than this goes on at its end. */
#define LOGFILE_BEHIND_MAX ((uint64_t)64 * 1024 * 1024)
#define LOGFILE_TAIL 64u

struct logfile {
	char *path; /* by which it was found last */
	int fd;
	dev_t device;
	ino_t inode;
	int watch;                       /* the caller's: inotify's name for it, or -1 */
	bool named;                      /* the caller's: a path leads to it */
	uint64_t last_ms, last_position; /* the caller's: when it was named or had grown last, and to where */
	uint64_t position;               /* the next byte to read */
	char tail[LOGFILE_TAIL];         /* the bytes before it */
	size_t tail_length;              /* how many of them are known */
	struct timespec changed;         /* the file's own time at the last look */
	struct loglines lines;
};

enum logfile_found {
	LOGFILE_NOTHING, /* read to its end, nothing new */
	LOGFILE_GREW,    /* something was read, or the file was found truncated; look again */
	LOGFILE_LOST,    /* can't be read any longer */
};

/* Opens a regular file, and nothing else: FIFOs and devices are refused without being opened. NULL and a sentence when it can't be followed. It is read from its beginning
 * when it was made (where the file system does not know: written) at `since`, a wall-clock time, or later; else, or where `since` is NULL, what is there does not count,
 * nor the rest of a line that was begun. */
struct logfile *logfile_open(const char *path, const struct timespec *since, struct err *err);
void logfile_close(struct logfile *file);

/* Reads at most LOGFILE_SLICE bytes into `buffer`, which has LOGFILE_SLICE + LOGFILE_TAIL, and gives the lines. *skipped grows by what was passed over because the writer
 * is faster. */
enum logfile_found logfile_read(struct logfile *file, char *buffer, loglines_on_line *on_line, void *arg, uint64_t *skipped);

#endif
