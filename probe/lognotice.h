/* What the kernel tells about log files and their folders (inotify), for a log reader's thread.
 *
 * Notices only make things quick. Whoever uses this looks once a second whatever comes, as file systems over a network tell nothing of what others do, a path may lead
 * over links and folders that nobody watches, and a system may have no watches left. */
#ifndef TEAL_PROBE_LOGNOTICE_H
#define TEAL_PROBE_LOGNOTICE_H

#include <stdbool.h>

#define LOGNOTICE_FOLDERS 64u

struct lognotice {
	int fd; /* readable when there is something to take; -1: nothing is ever told */
	unsigned folder_count;
	struct {
		int watch;
		bool seen;
	} folders[LOGNOTICE_FOLDERS];
};

void lognotice_init(struct lognotice *notice);
void lognotice_fini(struct lognotice *notice);

/* Watches an open file, whatever its name is or becomes. -1 when that can't be. */
int lognotice_watch_file(struct lognotice *notice, int fd);
void lognotice_forget_file(struct lognotice *notice, int watch);

/* The folders to watch are told anew at each look: begin, watch each (the same one as often as it comes), end. Those past LOGNOTICE_FOLDERS are not watched. */
void lognotice_begin_folders(struct lognotice *notice);
void lognotice_watch_folder(struct lognotice *notice, const char *path);
void lognotice_end_folders(struct lognotice *notice);

/* Takes what there is. True when names may have changed: of a file that is followed, or of one in a folder, where it is like `name` (fnmatch). */
bool lognotice_take(struct lognotice *notice, const char *name);

#endif
