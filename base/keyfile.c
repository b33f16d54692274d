/* Secrets in files. Any thread. Says nothing of what they are for. */
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

bool keyfile_check(int fd, const char *what, const char *path, struct err *err)
{
	struct stat found;
	if (fstat(fd, &found) != 0)
		return err_set(err, "%s %s can't be read: %s", what, path, strerrordesc_np(errno));
	if (!S_ISREG(found.st_mode))
		return err_set(err, "%s %s is no regular file", what, path);
	bool roots = found.st_uid == 0 && geteuid() != 0;
	if (found.st_mode & (roots ? 037 : 077))
		return err_set(err, "%s %s may be used by others than its owner (mode %04o): chmod %s it", what, path, (unsigned)found.st_mode & 07777u,
			roots ? "640" : "600");
	return true;
}

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

/* False with errno 0: the file is there, and is no key: it has another size, or *exposed_mode is not 0. */
static bool read_key(int directory_fd, const char *name, uint8_t *key, size_t size, unsigned *exposed_mode)
{
	struct stat seen;
	int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	errno = 0;
	bool fits = fstat(fd, &seen) == 0 && S_ISREG(seen.st_mode) && seen.st_size == (off_t)size;
	*exposed_mode = fits && seen.st_mode & 077 ? (unsigned)seen.st_mode & 07777u : 0;
	bool whole = fits && *exposed_mode == 0 && read(fd, key, size) == (ssize_t)size;
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

enum keyfile_state keyfile_take(const char *directory, const char *name, uint8_t *key, size_t size, struct err *err)
{
	unsigned exposed_mode = 0;
	int directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool found = directory_fd >= 0 && read_key(directory_fd, name, key, size, &exposed_mode), kept = found;
	bool may_write = directory_fd >= 0 && !found && (errno == ENOENT || errno == 0);
	if (!found)
		make_random(key, size);
	if (may_write)
		kept = write_key(directory_fd, name, key, size);
	if (!kept)
		err_set(err, "can't %s %s/%s: %s", may_write ? "write" : "read", directory, name, strerrordesc_np(errno));
	else if (exposed_mode)
		err_set(err, "others than its owner could use %s/%s (mode %04o), so there is a new key in its place", directory, name, exposed_mode);
	if (directory_fd >= 0)
		close(directory_fd);
	return !kept ? KEYFILE_UNKEPT : exposed_mode ? KEYFILE_EXPOSED : KEYFILE_KEPT;
}
