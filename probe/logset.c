/* Which files are followed. A log reader's thread. Reads none of their lines. */
#include "probe/logset.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

static bool has_magic(const char *path)
{
	return path[strcspn(path, "*?[\\")] != '\0';
}

void logset_init(struct logset *set, const char *glob, const struct timespec *since)
{
	memset(set, 0, sizeof(*set));
	set->glob = memory_text(glob);
	const char *slash = strrchr(set->glob, '/');
	set->name = slash ? slash + 1 : set->glob;
	set->several = has_magic(set->glob);
	set->since = *since;
	lognotice_init(&set->notice);
}

void logset_fini(struct logset *set)
{
	for (unsigned i = 0; i < set->count; i++)
		logfile_close(set->files[i]);
	lognotice_fini(&set->notice);
	free(set->glob);
}

/* ---- letting go ---- */

static void remove_at(struct logset *set, unsigned at, loglines_on_line *on_line, void *arg)
{
	struct logfile *file = set->files[at];
	set->current = file;
	loglines_end(&file->lines, on_line, arg);
	set->current = NULL;
	lognotice_forget_file(&set->notice, file->watch);
	logfile_close(file);
	set->files[at] = set->files[--set->count];
}

void logset_drop(struct logset *set, struct logfile *file, loglines_on_line *on_line, void *arg)
{
	unsigned at = 0;
	while (set->files[at] != file)
		at++;
	assert(at < set->count);
	remove_at(set, at, on_line, arg);
}

static void drop_left(struct logset *set, uint64_t now_ms, loglines_on_line *on_line, void *arg)
{
	for (unsigned i = set->count; i-- > 0;) {
		struct logfile *file = set->files[i];
		bool grew = file->position != file->last_position;
		file->last_position = file->position;
		if (file->named || grew)
			file->last_ms = now_ms;
		else if (now_ms - file->last_ms > LOGSET_LINGER_MS)
			remove_at(set, i, on_line, arg);
	}
}

/* Room for a file with a name, at the cost of the one without that was quiet longest. */
static bool make_room(struct logset *set, loglines_on_line *on_line, void *arg)
{
	unsigned oldest = set->count;
	if (set->count < LOGSET_FILES)
		return true;
	for (unsigned i = 0; i < set->count; i++) {
		if (!set->files[i]->named && (oldest == set->count || set->files[i]->last_ms < set->files[oldest]->last_ms))
			oldest = i;
	}
	if (oldest == set->count)
		return false;
	remove_at(set, oldest, on_line, arg);
	return true;
}

/* ---- finding ---- */

static struct logfile *find(struct logset *set, dev_t device, ino_t inode)
{
	for (unsigned i = 0; i < set->count; i++) {
		if (set->files[i]->inode == inode && set->files[i]->device == device)
			return set->files[i];
	}
	return NULL;
}

static void rename_file(struct logfile *file, const char *path)
{
	file->named = true;
	if (strcmp(file->path, path) == 0)
		return;
	free(file->path);
	file->path = memory_text(path);
}

/* The first sentence is kept: one is enough for whoever mends it, and the next look brings the next. */
static void refuse(struct logset *set, const struct err *err)
{
	if (set->refused++ == 0)
		set->problem = *err;
}

static void add(struct logset *set, const char *path, loglines_on_line *on_line, void *arg)
{
	struct err err;
	if (!make_room(set, on_line, arg)) {
		err_set(&err, "%s is more than %u files; the others are not followed", set->glob, LOGSET_FILES);
		refuse(set, &err);
		return;
	}
	struct logfile *file = logfile_open(path, set->begun ? &set->since : NULL, &err);
	if (!file) {
		refuse(set, &err);
		return;
	}
	file->named = true;
	file->watch = lognotice_watch_file(&set->notice, file->fd);
	set->files[set->count++] = file;
}

/* What rotation by copying makes of a followed file: its name and a number (`app.log.1`, `app.log-20260131`, `app.log.1.gz`). Its lines were read already, or are older
 * than the watch. By renaming there is no new file. */
static bool is_numbered_copy(const struct logset *set, const char *path)
{
	for (unsigned i = 0; i < set->count; i++) {
		size_t length = strlen(set->files[i]->path);
		if (strncmp(path, set->files[i]->path, length) == 0 && strspn(path + length, ".-_") == 1 && isdigit((unsigned char)path[length + 1]))
			return true;
	}
	return false;
}

static void consider(struct logset *set, const char *path, loglines_on_line *on_line, void *arg)
{
	struct stat found;
	if (stat(path, &found) == 0) {
		struct logfile *known = find(set, found.st_dev, found.st_ino);
		if (known) {
			rename_file(known, path);
			return;
		}
		if (set->several && (S_ISDIR(found.st_mode) || (set->begun && is_numbered_copy(set, path))))
			return;
	} else if (errno == ENOENT && (set->several || set->count > 0)) {
		return; /* between being renamed and being made again, or a link that leads nowhere */
	}
	add(set, path, on_line, arg);
}

static void watch_folder_of(struct logset *set, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = !slash ? memory_text(".") : memory_text_cut(path, slash == path ? 1 : (size_t)(slash - path));
	if (!has_magic(folder))
		lognotice_watch_folder(&set->notice, folder);
	free(folder);
}

/* Folders are watched before they are read, so that nothing comes unseen in between. */
static void watch_folders(struct logset *set)
{
	lognotice_begin_folders(&set->notice);
	watch_folder_of(set, set->glob);
	for (unsigned i = 0; i < set->count; i++)
		watch_folder_of(set, set->files[i]->path);
	lognotice_end_folders(&set->notice);
}

/* ---- a look ---- */

/* Where glob finds nothing, its folder may be the reason. */
static void explain_nothing(struct logset *set)
{
	char *folder = set->name == set->glob ? memory_text(".") : memory_text_cut(set->glob, (size_t)(set->name - set->glob));
	int fd = has_magic(folder) ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 || has_magic(folder))
		err_set(&set->problem, "no file matches %s", set->glob);
	else
		err_set(&set->problem, "no file matches %s: can't read the folder %s: %s", set->glob, folder, strerror(errno));
	if (fd >= 0)
		close(fd);
	free(folder);
}

static void consider_all(struct logset *set, loglines_on_line *on_line, void *arg)
{
	glob_t found;
	int result = glob(set->glob, GLOB_NOSORT, NULL, &found);
	for (size_t i = 0; result == 0 && i < found.gl_pathc; i++)
		consider(set, found.gl_pathv[i], on_line, arg);
	globfree(&found);
}

void logset_look(struct logset *set, uint64_t now_ms, loglines_on_line *on_line, void *arg)
{
	watch_folders(set);
	set->refused = 0;
	set->problem.text[0] = '\0';
	for (unsigned i = 0; i < set->count; i++)
		set->files[i]->named = false;
	if (set->several)
		consider_all(set, on_line, arg);
	else
		consider(set, set->glob, on_line, arg);
	drop_left(set, now_ms, on_line, arg);
	set->named = 0;
	for (unsigned i = 0; i < set->count; i++)
		set->named += set->files[i]->named ? 1 : 0;
	if (set->count == 0 && set->refused == 0)
		explain_nothing(set);
	set->begun = true;
}
