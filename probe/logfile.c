/* One followed file. A log reader's thread. Knows nothing of names, patterns or other files. */
#include "probe/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

/* ---- where to read ---- */

static bool is_earlier(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

static bool is_older(const struct logfile *file, const struct stat *found, const struct timespec *since)
{
	struct statx more;
	struct timespec time = found->st_mtim;
	if (statx(file->fd, "", AT_EMPTY_PATH, STATX_BTIME, &more) == 0 && (more.stx_mask & STATX_BTIME))
		time = (struct timespec){more.stx_btime.tv_sec, (long)more.stx_btime.tv_nsec};
	return is_earlier(&time, since);
}

/* Goes on at a place whose earlier bytes do not count. */
static void stand_at(struct logfile *file, uint64_t position)
{
	size_t wanted = position < LOGFILE_TAIL ? (size_t)position : LOGFILE_TAIL;
	ssize_t got = pread(file->fd, file->tail, wanted, (off_t)(position - wanted));
	file->position = position;
	file->tail_length = got == (ssize_t)wanted ? wanted : 0;
	loglines_init(&file->lines, file->tail_length > 0 && file->tail[file->tail_length - 1] != '\n');
}

/* The file was truncated. A writer that went on where it was left a hole, which is no line. */
static void begin_again(struct logfile *file, loglines_on_line *on_line, void *arg)
{
	loglines_end(&file->lines, on_line, arg);
	off_t data = lseek(file->fd, 0, SEEK_DATA);
	file->position = data > 0 ? (uint64_t)data : 0;
	file->tail_length = 0;
}

/* ---- opening ---- */

static bool is_followable(const char *path, const struct stat *found, struct err *err)
{
	if (S_ISREG(found->st_mode))
		return true;
	const char *kind = S_ISDIR(found->st_mode) ? "a directory" : S_ISFIFO(found->st_mode) ? "a FIFO" : S_ISSOCK(found->st_mode) ? "a socket" : "a device";
	return err_set(err, "%s is %s; only regular files can be followed", path, kind);
}

/* Looked at before, as opening some devices does something; and again behind, as another file may have come in between. */
static int open_regular(const char *path, struct stat *found, struct err *err)
{
	int fd = -1;
	if (stat(path, found) == 0) {
		if (!is_followable(path, found, err))
			return -1;
		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	}
	if (fd < 0 || fstat(fd, found) < 0) {
		err_set(err, "can't read %s: %s", path, strerror(errno));
	} else if (is_followable(path, found, err)) {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

struct logfile *logfile_open(const char *path, const struct timespec *since, struct err *err)
{
	struct stat found;
	int fd = open_regular(path, &found, err);
	if (fd < 0)
		return NULL;
	struct logfile *file = memory_new(sizeof(*file));
	file->path = memory_text(path);
	file->fd = fd;
	file->device = found.st_dev;
	file->inode = found.st_ino;
	file->watch = -1;
	bool at_end = !since || is_older(file, &found, since);
	stand_at(file, at_end ? (uint64_t)found.st_size : 0);
	file->changed = at_end ? found.st_mtim : (struct timespec){0, 0};
	return file;
}

void logfile_close(struct logfile *file)
{
	close(file->fd);
	free(file->path);
	free(file);
}

/* ---- reading ---- */

/* Takes the bytes that were read behind the tail; the last of them are the new tail. */
static void take(struct logfile *file, const char *bytes, size_t known, size_t length, loglines_on_line *on_line, void *arg)
{
	size_t all = known + length;
	loglines_feed(&file->lines, bytes + known, length, on_line, arg);
	file->position += length;
	file->tail_length = all < LOGFILE_TAIL ? all : LOGFILE_TAIL;
	memcpy(file->tail, bytes + all - file->tail_length, file->tail_length);
}

/* Reads the tail along with what is behind it, so that finding out whether the file was rewritten costs nothing. */
static enum logfile_found read_slice(struct logfile *file, char *buffer, loglines_on_line *on_line, void *arg)
{
	size_t known = file->tail_length;
	ssize_t got = pread(file->fd, buffer, LOGFILE_SLICE + known, (off_t)(file->position - known));
	if (got < 0)
		return errno == EINTR || errno == EAGAIN ? LOGFILE_NOTHING : LOGFILE_LOST;
	if ((size_t)got < known)
		return LOGFILE_NOTHING; /* truncated just now; its size will tell */
	if (memcmp(buffer, file->tail, known) != 0) {
		begin_again(file, on_line, arg);
		return LOGFILE_GREW;
	}
	take(file, buffer, known, (size_t)got - known, on_line, arg);
	return (size_t)got > known ? LOGFILE_GREW : LOGFILE_NOTHING;
}

enum logfile_found logfile_read(struct logfile *file, char *buffer, loglines_on_line *on_line, void *arg, uint64_t *skipped)
{
	struct stat now;
	if (fstat(file->fd, &now) < 0)
		return LOGFILE_LOST;
	uint64_t size = now.st_size > 0 ? (uint64_t)now.st_size : 0;
	bool same_time = now.st_mtim.tv_sec == file->changed.tv_sec && now.st_mtim.tv_nsec == file->changed.tv_nsec;
	if (size == file->position && same_time)
		return LOGFILE_NOTHING;
	file->changed = now.st_mtim;
	if (size < file->position) {
		begin_again(file, on_line, arg);
		return LOGFILE_GREW;
	}
	if (size - file->position > LOGFILE_BEHIND_MAX) {
		*skipped += size - file->position;
		stand_at(file, size);
		return LOGFILE_GREW;
	}
	return read_slice(file, buffer, on_line, arg);
}
