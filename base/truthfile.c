/* Reading and writing the start-up truth: new file, fsync, two renames, fsync of the directory. The store's thread, and its owner before that thread has work. Knows nothing of what the bytes mean. */
#include "base/truthfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/truth.h"

#define NEWEST "teal.state"
#define BEFORE "teal.state.1"
#define COMING "teal.state.new"

/* ---- reading ---- */

/* One generation as it was found. */
struct found {
	bool there, whole;
	const char *why; /* when it is not whole */
	char *file;
	const char *bytes; /* inside of file */
	size_t length;
	uint64_t generation;
};

/* The whole file; NULL with errno. */
static char *read_all(int fd, size_t *length)
{
	struct stat seen;
	if (fstat(fd, &seen) != 0)
		return NULL;
	if (!S_ISREG(seen.st_mode) || seen.st_size > (off_t)TRUTH_LENGTH_MAX) {
		errno = EFBIG;
		return NULL;
	}
	size_t size = (size_t)seen.st_size;
	char *file = memory_new(size + 1);
	*length = 0;
	while (*length < size) {
		ssize_t got = read(fd, file + *length, size - *length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			free(file);
			return NULL;
		}
		if (got == 0)
			break;
		*length += (size_t)got;
	}
	return file;
}

static void find(const struct truthfile *truth, const char *name, struct found *found)
{
	size_t file_length = 0;
	memset(found, 0, sizeof(*found));
	int fd = openat(truth->directory_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		found->there = errno != ENOENT;
		found->why = found->there ? strerrordesc_np(errno) : "not there";
		return;
	}
	found->there = true;
	found->file = read_all(fd, &file_length);
	found->why = found->file ? "damaged" : strerrordesc_np(errno);
	close(fd);
	found->whole = found->file && truth_decode(found->file, file_length, &found->generation, &found->bytes, &found->length);
}

bool truthfile_read(struct truthfile *truth, char **bytes, size_t *length, bool *fallback, struct err *err)
{
	struct found newest, before;
	find(truth, NEWEST, &newest);
	find(truth, BEFORE, &before);
	const struct found *used = newest.whole ? &newest : &before;
	bool none = !newest.there && !before.there, fine = none || used->whole;
	*bytes = NULL;
	*length = 0;
	*fallback = newest.there && !newest.whole && before.whole;
	truth->newest_torn = newest.there && !newest.whole;
	truth->generation = newest.whole && newest.generation > before.generation ? newest.generation : before.generation;
	if (used->whole) {
		*length = used->length;
		*bytes = memory_new(used->length + 1);
		memcpy(*bytes, used->bytes, used->length);
	}
	if (!fine)
		err_set(err,
			"no state file in %s is whole (" NEWEST ": %s; " BEFORE
			": %s): restore one from a backup, or remove them to start with the live colors of the configuration file",
			truth->directory, newest.why, before.why);
	free(newest.file);
	free(before.file);
	return fine;
}

/* ---- writing ---- */

static bool write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t written = write(fd, bytes, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		bytes += written;
		length -= (size_t)written;
	}
	return true;
}

/* The new file, whole and on the disk. */
static bool write_coming(const struct truthfile *truth, const char *file, size_t length)
{
	int fd = openat(truth->directory_fd, COMING, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd < 0)
		return false;
	bool written = write_all(fd, file, length) && fsync(fd) == 0;
	int error = errno;
	close(fd);
	if (!written)
		unlinkat(truth->directory_fd, COMING, 0);
	errno = error;
	return written;
}

static bool move(const struct truthfile *truth, const char *from, const char *to)
{
	return renameat(truth->directory_fd, from, truth->directory_fd, to) == 0;
}

/* Between the two moves the one before is the newest that there is, and whole. */
static bool move_in(struct truthfile *truth)
{
	if (!truth->newest_torn && !move(truth, NEWEST, BEFORE) && errno != ENOENT)
		return false;
	if (!move(truth, COMING, NEWEST))
		return false;
	truth->newest_torn = false;
	return true;
}

bool truthfile_write(struct truthfile *truth, const char *bytes, size_t length, struct err *err)
{
	size_t file_length;
	char *file = truth_encode(truth->generation + 1, bytes, length, &file_length);
	bool moved = write_coming(truth, file, file_length) && move_in(truth);
	free(file);
	if (moved)
		truth->generation++;
	if (moved && fsync(truth->directory_fd) == 0)
		return true;
	return err_set(err, "can't write %s/" NEWEST ": %s: make room, or give back the right to write there", truth->directory, strerrordesc_np(errno));
}
