/* inotify, as a hint. A log reader's thread. Does not remember which watch is which file's: all files are looked at when anything was told. */
#include "probe/lognotice.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define NAME_EVENTS (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)

void lognotice_init(struct lognotice *notice)
{
	memset(notice, 0, sizeof(*notice));
	notice->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

void lognotice_fini(struct lognotice *notice)
{
	if (notice->fd >= 0)
		close(notice->fd);
}

int lognotice_watch_file(struct lognotice *notice, int fd)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return notice->fd < 0 ? -1 : inotify_add_watch(notice->fd, path, IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF);
}

void lognotice_forget_file(struct lognotice *notice, int watch)
{
	if (watch >= 0)
		inotify_rm_watch(notice->fd, watch);
}

void lognotice_begin_folders(struct lognotice *notice)
{
	for (unsigned i = 0; i < notice->folder_count; i++)
		notice->folders[i].seen = false;
}

/* One that was removed and made again has another watch, as it is another folder. */
void lognotice_watch_folder(struct lognotice *notice, const char *path)
{
	if (notice->fd < 0)
		return;
	int watch = inotify_add_watch(notice->fd, path, NAME_EVENTS | IN_ONLYDIR);
	unsigned i = 0;
	if (watch < 0)
		return;
	while (i < notice->folder_count && notice->folders[i].watch != watch)
		i++;
	if (i == LOGNOTICE_FOLDERS) {
		inotify_rm_watch(notice->fd, watch);
		return;
	}
	if (i == notice->folder_count)
		notice->folder_count++;
	notice->folders[i].watch = watch;
	notice->folders[i].seen = true;
}

void lognotice_end_folders(struct lognotice *notice)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < notice->folder_count; i++) {
		if (notice->folders[i].seen)
			notice->folders[kept++] = notice->folders[i];
		else
			inotify_rm_watch(notice->fd, notice->folders[i].watch);
	}
	notice->folder_count = kept;
}

static bool concerns_names(const struct inotify_event *event, const char *name)
{
	if (event->mask & IN_Q_OVERFLOW)
		return true;
	if ((event->mask & NAME_EVENTS) == 0)
		return false;
	return event->len == 0 || fnmatch(name, event->name, FNM_PERIOD) == 0;
}

bool lognotice_take(struct lognotice *notice, const char *name)
{
	_Alignas(struct inotify_event) char buffer[sizeof(struct inotify_event) + NAME_MAX + 1 + 4096];
	bool names = false;
	ssize_t got = 0;
	if (notice->fd < 0)
		return false;
	/* As much as may be queued at once by default; a storm does not hold us here. */
	for (unsigned turns = 0; turns < 64 && (got = read(notice->fd, buffer, sizeof(buffer))) > 0; turns++) {
		const struct inotify_event *event;
		for (ssize_t at = 0; at < got; at += (ssize_t)(sizeof(*event) + event->len)) {
			event = (const struct inotify_event *)(const void *)(buffer + at);
			names = concerns_names(event, name) || names;
		}
	}
	return names;
}
