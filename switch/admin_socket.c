/* The listening sockets of the admin API. Control thread, at the start; who may ask for what is decided in switch/admin_guard. */
#include "switch/admin_socket.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"

#define BACKLOG 64

static bool make_directory(const char *path, struct err *err)
{
	char *copy = memory_text(path);
	const char *directory = dirname(copy);
	bool made = mkdir(directory, 0750) == 0 || errno == EEXIST;
	if (!made)
		err_set(err, "admin.socket: the directory %s can't be made: %s", directory, strerror(errno));
	free(copy);
	return made;
}

static bool fill_address(const char *path, struct sockaddr_un *address, struct err *err)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address->sun_path))
		return err_set(err, "admin.socket: %s is too long for a unix socket (at most %zu bytes)", path, sizeof(address->sun_path) - 1);
	memcpy(address->sun_path, path, strlen(path) + 1);
	return true;
}

/* Whether somebody listens there; errno says why not. Never waits: the connect does not block. */
static bool is_answered(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return true;
	bool answered = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN;
	int why = errno;
	close(fd);
	errno = why;
	return answered;
}

static bool clear_path(const struct sockaddr_un *address, struct err *err)
{
	struct stat found;
	const char *path = address->sun_path;
	if (lstat(path, &found) != 0) {
		if (errno == ENOENT)
			return true;
		return err_set(err, "admin.socket: %s can't be looked at: %s", path, strerror(errno));
	}
	if (!S_ISSOCK(found.st_mode))
		return err_set(err, "admin.socket: %s exists and is no socket; remove it or choose another path", path);
	if (is_answered(address))
		return err_set(err, "admin.socket: another daemon listens on %s; stop it, or choose another path", path);
	if (errno != ECONNREFUSED)
		return err_set(err, "admin.socket: whether somebody listens on %s can't be told: %s", path, strerror(errno));
	if (unlink(path) != 0)
		return err_set(err, "admin.socket: the stale socket %s can't be removed: %s", path, strerror(errno));
	return true;
}

static bool bind_path(int fd, const struct sockaddr_un *address, struct err *err)
{
	/* The mode is right from the first moment on: a chmod would come too late. */
	mode_t before = umask(0117);
	int result = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	int why = errno;
	umask(before);
	if (result != 0)
		return err_set(err, "admin.socket: can't listen on %s: %s", address->sun_path, strerror(why));
	if (listen(fd, BACKLOG) != 0)
		return err_set(err, "admin.socket: can't listen on %s: %s", address->sun_path, strerror(errno));
	return true;
}

bool admin_socket_open(struct admin_socket *made, const char *path, struct err *err)
{
	struct sockaddr_un address;
	struct stat ours;
	*made = (struct admin_socket){.fd = -1};
	if (!fill_address(path, &address, err) || !make_directory(path, err) || !clear_path(&address, err))
		return false;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, "admin.socket: %s", strerror(errno));
	if (!bind_path(fd, &address, err)) {
		close(fd);
		return false;
	}
	made->fd = fd;
	made->path = memory_text(path);
	if (lstat(path, &ours) == 0) {
		made->device = ours.st_dev;
		made->inode = ours.st_ino;
	}
	return true;
}

void admin_socket_remove(struct admin_socket *made)
{
	struct stat found;
	if (made->path && lstat(made->path, &found) == 0 && found.st_dev == made->device && found.st_ino == made->inode)
		unlink(made->path);
	free(made->path);
	*made = (struct admin_socket){.fd = -1};
}

static int listen_failed(int fd, const struct addr *address, struct err *err)
{
	char text[ADDR_TEXT_SIZE];
	int why = errno;
	addr_format(address, text, sizeof(text));
	err_set(err, "can't listen on %s: %s", text, strerror(why));
	if (fd >= 0)
		close(fd);
	return -1;
}

int admin_socket_listen(const struct addr *address, struct addr *bound, struct err *err)
{
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);
	int on = 1, fd = socket(address->to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return listen_failed(fd, address, err);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &address->to.any, address->length) != 0 || listen(fd, BACKLOG) != 0)
		return listen_failed(fd, address, err);
	if (getsockname(fd, (struct sockaddr *)&name, &length) != 0)
		return listen_failed(fd, address, err);
	addr_from_socket((struct sockaddr *)&name, length, bound);
	return fd;
}
