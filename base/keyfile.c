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

bool keyfile_suits_others(const char *path)
{
	struct stat found;
	return stat(path, &found) == 0 && S_ISREG(found.st_mode) && found.st_uid == 0 && (found.st_mode & 037) == 0;
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

bool keyfile_refuses_root(const char *path, const char *state)
{
	struct stat found, directory;
	if (geteuid() != 0 || !keyfile_suits_others(path) || stat(path, &found) != 0 || !(found.st_mode & 077))
		return false;
	return !state || stat(state, &directory) != 0 || directory.st_uid == 0;
}

/* A key in its file. */
struct place {
	const char *directory, *name;
	int directory_fd; /* -1: there is none, and errno says why */
	size_t size;
};

enum found { FOUND_WHOLE, FOUND_NOTHING, FOUND_NO_KEY, FOUND_UNREADABLE };

/* False with a sentence: it is something else. */
static bool is_key(const struct stat *seen, const struct place *place, struct err *err)
{
	static const char instead[] = "so there is a new key in its place";
	const char *directory = place->directory, *name = place->name;
	if (!S_ISREG(seen->st_mode))
		return err_set(err, "%s/%s was no regular file, %s", directory, name, instead);
	if (seen->st_size != (off_t)place->size)
		return err_set(err, "%s/%s was %lld bytes long, which no key is, %s", directory, name, (long long)seen->st_size, instead);
	if (seen->st_mode & 077)
		return err_set(err, "others than its owner could use %s/%s (mode %04o), %s", directory, name, (unsigned)seen->st_mode & 07777u, instead);
	return true;
}

/* FOUND_NO_KEY with a sentence, FOUND_UNREADABLE with errno. */
static enum found read_key(const struct place *place, uint8_t *key, struct err *err)
{
	struct stat seen;
	int fd = place->directory_fd < 0 ? -1 : openat(place->directory_fd, place->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return place->directory_fd >= 0 && errno == ENOENT ? FOUND_NOTHING : FOUND_UNREADABLE;
	enum found found = FOUND_UNREADABLE;
	if (fstat(fd, &seen) == 0)
		found = !is_key(&seen, place, err) ? FOUND_NO_KEY : read(fd, key, place->size) == (ssize_t)place->size ? FOUND_WHOLE : FOUND_UNREADABLE;
	int error = errno;
	close(fd);
	errno = error;
	return found;
}

/* The new file beside the old one, and then in its place. */
static bool write_key(const struct place *place, const uint8_t *key)
{
	char coming[NAME_MAX + 1];
	int directory_fd = place->directory_fd;
	snprintf(coming, sizeof(coming), "%s.new", place->name);
	unlinkat(directory_fd, coming, 0);
	int fd = openat(directory_fd, coming, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	bool written = write(fd, key, place->size) == (ssize_t)place->size && fsync(fd) == 0;
	int error = errno;
	close(fd);
	errno = error;
	return written && renameat(directory_fd, coming, directory_fd, place->name) == 0 && fsync(directory_fd) == 0;
}

enum keyfile_state keyfile_take(const char *directory, const char *name, uint8_t *key, size_t size, struct err *err)
{
	struct place place = {.directory = directory, .name = name, .size = size};
	place.directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum found found = read_key(&place, key, err);
	int error = errno;
	bool may_write = found == FOUND_NOTHING || found == FOUND_NO_KEY, kept = found == FOUND_WHOLE;
	if (!kept)
		make_random(key, size);
	if (may_write) {
		kept = write_key(&place, key);
		error = errno;
	}
	if (!kept)
		err_set(err, "can't %s %s/%s: %s", may_write ? "write" : "read", directory, name, strerrordesc_np(error));
	if (place.directory_fd >= 0)
		close(place.directory_fd);
	return !kept ? KEYFILE_UNKEPT : found == FOUND_NO_KEY ? KEYFILE_REPLACED : KEYFILE_KEPT;
}
