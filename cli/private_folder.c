/* A folder for a moment, and what others left of theirs. Main thread. Knows nothing of what is in it. */
#include "cli/private_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/stat.h>

#define PREFIX "teal-alone-"
#define NEW_S 60 /* one that is younger may be about to be locked */

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

static void remove_all(const char *path)
{
	nftw(path, remove_entry, 4, FTW_DEPTH | FTW_PHYS);
}

/* -1: it can't be had, or somebody else holds it. */
static int lock(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	close(fd);
	return -1;
}

static void remove_if_left(const char *path)
{
	struct stat status;
	if (lstat(path, &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != geteuid() || time(NULL) - status.st_mtime < NEW_S)
		return;
	int fd = lock(path);
	if (fd < 0)
		return;
	remove_all(path);
	close(fd);
}

static void remove_left(const char *parent)
{
	char pattern[sizeof(((struct private_folder *)NULL)->path)];
	glob_t found;
	snprintf(pattern, sizeof(pattern), "%s/" PREFIX "*", parent);
	if (glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		remove_if_left(found.gl_pathv[i]);
	globfree(&found);
}

bool private_folder_make(struct private_folder *folder, struct err *err)
{
	const char *parent = getenv("TMPDIR");
	if (!parent || *parent != '/' || strlen(parent) > 64)
		parent = "/tmp";
	remove_left(parent);
	snprintf(folder->path, sizeof(folder->path), "%s/" PREFIX "XXXXXX", parent);
	if (!mkdtemp(folder->path)) {
		folder->path[0] = '\0';
		return err_set(err, "no folder can be made below %s: %s", parent, strerror(errno));
	}
	folder->lock = lock(folder->path);
	return true;
}

void private_folder_remove(struct private_folder *folder)
{
	if (!folder->path[0])
		return;
	remove_all(folder->path);
	if (folder->lock >= 0)
		close(folder->lock);
	folder->path[0] = '\0';
}
