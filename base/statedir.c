/* The state directory and its lock. Start-up only. Reads and writes nothing else in it. */
#include "base/statedir.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

static bool make_directory(const char *path)
{
	return mkdir(path, 0750) == 0 || errno == EEXIST;
}

static bool make_directories(const char *path, struct err *err)
{
	char *part = memory_text(path);
	bool made = true;
	for (char *at = strchr(part + 1, '/'); made && at; at = strchr(at + 1, '/')) {
		*at = '\0';
		made = make_directory(part);
		*at = '/';
	}
	made = made && make_directory(path);
	if (!made)
		err_set(err, "can't make the state directory %s: %s", path, strerrordesc_np(errno));
	free(part);
	return made;
}

/* Who holds the lock, by the file's text; 0 when it does not say. */
static long read_holder(int lock_fd)
{
	char text[32];
	ssize_t got = pread(lock_fd, text, sizeof(text) - 1, 0);
	text[got > 0 ? got : 0] = '\0';
	return strtol(text, NULL, 10);
}

static bool take_lock(int lock_fd, const char *path, struct err *err)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fcntl(lock_fd, F_OFD_SETLK, &whole) == 0)
		return true;
	if (errno != EAGAIN && errno != EACCES)
		return err_set(err, "can't lock %s/lock: %s", path, strerrordesc_np(errno));
	return err_set(err, "the state directory %s is in use by process %ld: stop that teal first, or give this one another state directory", path,
		read_holder(lock_fd));
}

/* What is written here is for people and for the sentence above; the lock is the kernel's. */
static void write_holder(int lock_fd)
{
	char text[32];
	int length = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(lock_fd, 0) != 0 || pwrite(lock_fd, text, (size_t)length, 0) != length)
		return;
}

bool statedir_open(struct statedir *statedir, const char *path, struct err *err)
{
	assert(path[0] != '\0');
	statedir->fd = statedir->lock_fd = -1;
	if (!make_directories(path, err))
		return false;
	statedir->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (statedir->fd < 0)
		return err_set(err, "can't open the state directory %s: %s", path, strerrordesc_np(errno));
	statedir->lock_fd = openat(statedir->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (statedir->lock_fd < 0)
		err_set(err, "can't write in the state directory %s: %s", path, strerrordesc_np(errno));
	if (statedir->lock_fd < 0 || !take_lock(statedir->lock_fd, path, err)) {
		statedir_close(statedir);
		return false;
	}
	write_holder(statedir->lock_fd);
	return true;
}

long statedir_find_holder(const char *path)
{
	long holder = 0;
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int lock_fd = fd >= 0 ? openat(fd, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
	if (lock_fd >= 0 && fcntl(lock_fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK)
		holder = read_holder(lock_fd);
	if (lock_fd >= 0)
		close(lock_fd);
	if (fd >= 0)
		close(fd);
	return holder;
}

void statedir_close(struct statedir *statedir)
{
	if (statedir->lock_fd >= 0)
		close(statedir->lock_fd);
	if (statedir->fd >= 0)
		close(statedir->fd);
	statedir->fd = statedir->lock_fd = -1;
}
