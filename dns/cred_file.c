/* Opens, looks, reads. Symbolic links are followed: tokens that an orchestrator puts there are links. */
#include "dns/cred_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/errand.h"
#include "base/memory.h"
#include "base/secret.h"

static bool fail(struct cred_file *file)
{
	file->error = errno;
	return err_set(&file->err, "%s", strerrordesc_np(errno));
}

/* AWS_CONFIG_FILE=/dev/null is how one says that there shall be none. */
static bool is_null_device(const struct stat *found)
{
	return S_ISCHR(found->st_mode) && found->st_rdev == makedev(1, 3);
}

static bool look(int fd, size_t limit, struct cred_file *file, size_t *size)
{
	struct stat found;
	if (fstat(fd, &found) != 0)
		return fail(file);
	*size = 0;
	if (is_null_device(&found))
		return true;
	file->mode = found.st_mode & 07777u;
	if (!S_ISREG(found.st_mode))
		return err_set(&file->err, "it is no regular file");
	*size = (size_t)found.st_size;
	return *size <= limit || err_set(&file->err, "it is larger than %zu bytes", limit);
}

/* One byte more than there was shows that it grows. */
static bool read_whole(int fd, size_t size, struct cred_file *file)
{
	file->text = secret_new(size + 2);
	while (file->length <= size) {
		ssize_t got = read(fd, file->text + file->length, size + 1 - file->length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail(file);
		if (got == 0)
			return true;
		file->length += (size_t)got;
	}
	return err_set(&file->err, "it grew while it was read");
}

void cred_file_read(const char *path, size_t limit, struct cred_file *file)
{
	size_t size = 0;
	*file = (struct cred_file){0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		fail(file);
		return;
	}
	if (!look(fd, limit, file, &size) || !read_whole(fd, size, file)) {
		secret_free(file->text);
		file->text = NULL;
	}
	close(fd);
}

/* ---- by an errand ---- */

struct reading {
	char *path;
	size_t limit;
	cred_file_done *done;
	struct cred_file file;
};

static void work(void *data)
{
	struct reading *reading = data;
	cred_file_read(reading->path, reading->limit, &reading->file);
}

static void on_done(void *arg, void *data)
{
	struct reading *reading = data;
	reading->done(arg, &reading->file);
}

static void drop(void *data)
{
	struct reading *reading = data;
	secret_free(reading->file.text);
	free(reading->path);
	free(reading);
}

struct errand *cred_file_start(struct errands *errands, const char *path, size_t limit, cred_file_done *done, void *arg)
{
	static const struct errand_kind kind = {work, on_done, drop};
	struct reading *reading = memory_new(sizeof(*reading));
	*reading = (struct reading){.path = memory_text(path), .limit = limit, .done = done};
	err_set(&reading->file.err, "the system gives no thread to read it");
	return errand_start(errands, &kind, reading, arg);
}
