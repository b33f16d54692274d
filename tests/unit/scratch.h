/* A folder for one test's files, and short words to do with them what writers and rotators do. */
#ifndef TEAL_TESTS_UNIT_SCRATCH_H
#define TEAL_TESTS_UNIT_SCRATCH_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct scratch {
	char path[64];
	char names[8][128]; /* of scratch_name, used by turns */
	unsigned next;
};

static inline int scratch_set_up(void **state)
{
	struct scratch *scratch = calloc(1, sizeof(*scratch));
	strcpy(scratch->path, "/tmp/teal_test.XXXXXX");
	assert_non_null(mkdtemp(scratch->path));
	*state = scratch;
	return 0;
}

static inline int scratch_remove_one(const char *path, const struct stat *found, int kind, struct FTW *where)
{
	(void)found, (void)kind, (void)where;
	return remove(path);
}

static inline int scratch_tear_down(void **state)
{
	struct scratch *scratch = *state;
	assert_int_equal(nftw(scratch->path, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(scratch);
	return 0;
}

/* Valid for the next seven calls. */
static inline const char *scratch_name(struct scratch *scratch, const char *name)
{
	char *path = scratch->names[scratch->next++ % 8];
	assert_true(strlen(scratch->path) + strlen(name) + 2 <= sizeof(scratch->names[0]));
	stpcpy(stpcpy(stpcpy(path, scratch->path), "/"), name);
	return path;
}

static inline void scratch_put(struct scratch *scratch, const char *name, int flags, const char *bytes, size_t length)
{
	int fd = open(scratch_name(scratch, name), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), length);
	close(fd);
}

static inline void scratch_append(struct scratch *scratch, const char *name, const char *text)
{
	scratch_put(scratch, name, O_APPEND, text, strlen(text));
}

/* Truncates, then writes. */
static inline void scratch_rewrite(struct scratch *scratch, const char *name, const char *text)
{
	scratch_put(scratch, name, O_TRUNC, text, strlen(text));
}

static inline void scratch_rename(struct scratch *scratch, const char *from, const char *to)
{
	assert_int_equal(rename(scratch_name(scratch, from), scratch_name(scratch, to)), 0);
}

static inline void scratch_remove(struct scratch *scratch, const char *name)
{
	assert_int_equal(remove(scratch_name(scratch, name)), 0);
}

static inline void scratch_folder(struct scratch *scratch, const char *name)
{
	assert_int_equal(mkdir(scratch_name(scratch, name), 0755), 0);
}

/* The link is made beside and renamed, so that there always is one. */
static inline void scratch_link(struct scratch *scratch, const char *target, const char *name)
{
	assert_int_equal(symlink(target, scratch_name(scratch, "new_link")), 0);
	scratch_rename(scratch, "new_link", name);
}

/* Now, as file systems stamp. */
static inline struct timespec scratch_stamp(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return now;
}

/* Returns once the stamps of files are later than those of before the call, which a file system may take from the precise clock. */
static inline void scratch_pass_tick(void)
{
	struct timespec before, now;
	clock_gettime(CLOCK_REALTIME, &before);
	do
		now = scratch_stamp();
	while (now.tv_sec != before.tv_sec ? now.tv_sec < before.tv_sec : now.tv_nsec <= before.tv_nsec);
}

/* Whether the file system tells when a file was made. */
static inline bool scratch_knows_births(struct scratch *scratch)
{
	struct statx found;
	assert_int_equal(statx(AT_FDCWD, scratch->path, 0, STATX_BTIME, &found), 0);
	return found.stx_mask & STATX_BTIME;
}

static inline unsigned scratch_count_descriptors(void)
{
	unsigned count = 0;
	DIR *folder = opendir("/proc/self/fd");
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

#endif
