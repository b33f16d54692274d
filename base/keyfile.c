/* A key in a file of its own. Control thread, at the start. Says nothing of what the key is for. */
#include "base/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static void make_random(uint8_t *key, size_t size)
{
	size_t made = 0;
	while (made < size) {
		ssize_t got = getrandom(key + made, size - made, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			fputs("teal: the system gives no random numbers\n", stderr);
			abort();
		}
		made += (size_t)got;
	}
}

/* False with errno 0: the file is there, and has another size. */
static bool read_key(int directory_fd, const char *name, uint8_t *key, size_t size)
{
	struct stat seen;
	int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	errno = 0;
	bool fits = fstat(fd, &seen) == 0 && S_ISREG(seen.st_mode) && seen.st_size == (off_t)size;
	bool whole = fits && read(fd, key, size) == (ssize_t)size;
	int error = errno;
	close(fd);
	errno = error;
	return whole;
}

/* The new file beside the old one, and then in its place. */
static bool write_key(int directory_fd, const char *name, const uint8_t *key, size_t size)
{
	char coming[NAME_MAX + 1];
	snprintf(coming, sizeof(coming), "%s.new", name);
	unlinkat(directory_fd, coming, 0);
	int fd = openat(directory_fd, coming, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	bool written = write(fd, key, size) == (ssize_t)size && fsync(fd) == 0;
	int error = errno;
	close(fd);
	errno = error;
	return written && renameat(directory_fd, coming, directory_fd, name) == 0 && fsync(directory_fd) == 0;
}

bool keyfile_take(const char *directory, const char *name, uint8_t *key, size_t size, struct err *err)
{
	int directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool found = directory_fd >= 0 && read_key(directory_fd, name, key, size), kept = found;
	bool may_write = directory_fd >= 0 && !found && (errno == ENOENT || errno == 0);
	if (!found)
		make_random(key, size);
	if (may_write)
		kept = write_key(directory_fd, name, key, size);
	if (!kept)
		err_set(err, "can't %s %s/%s: %s", may_write ? "write" : "read", directory, name, strerrordesc_np(errno));
	if (directory_fd >= 0)
		close(directory_fd);
	return kept;
}
