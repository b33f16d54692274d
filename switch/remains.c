/* A look through /proc. Control thread. */
#include "switch/remains.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENVIRONMENT_SIZE 65536u /* what was given to it stands in front */

/* ---- what the texts say ---- */

bool remains_parse(const char *text, struct remains_process *process)
{
	int group, session;
	const char *end = strrchr(text, ')'); /* its name may have any */
	if (!end || sscanf(end + 1, " %c %*d %d %d", &process->state, &group, &session) != 3)
		return false;
	process->group = group;
	process->session = session;
	return true;
}

static bool has_variable(const char *environment, size_t length, const char *variable)
{
	size_t size = strlen(variable) + 1;
	for (const char *at = environment, *end = environment + length; at < end;) {
		size_t left = (size_t)(end - at), here = strnlen(at, left) + 1;
		if (here == size && here <= left && memcmp(at, variable, size) == 0)
			return true;
		at += here < left ? here : left;
	}
	return false;
}

bool remains_is_marked(const char *environment, size_t length, const char *deployment)
{
	char variable[64];
	snprintf(variable, sizeof(variable), "TEAL_DEPLOYMENT=%.40s", deployment);
	return has_variable(environment, length, variable) && has_variable(environment, length, "TEAL_EVENT=exclusive");
}

/* ---- reading ---- */

/* Up to `size`; -1: it is gone, or another's. */
static ssize_t read_whole(const char *pid, const char *name, char *into, size_t size)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%.20s/%s", pid, name);
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -1;
	size_t used = 0;
	ssize_t length;
	while (used < size && ((length = read(file, into + used, size - used)) > 0 || (length < 0 && errno == EINTR)))
		used += length > 0 ? (size_t)length : 0;
	close(file);
	return (ssize_t)used;
}

static bool read_process(const char *pid, struct remains_process *process)
{
	char text[512];
	ssize_t length = isdigit((unsigned char)pid[0]) ? read_whole(pid, "stat", text, sizeof(text) - 1) : -1;
	if (length < 0)
		return false;
	text[length] = '\0';
	return remains_parse(text, process) && process->state != 'Z' && process->state != 'X';
}

/* The next process that is alive; NULL behind the last one. */
static const char *next_process(DIR *all, struct remains_process *process)
{
	for (const struct dirent *entry; (entry = readdir(all));)
		if (read_process(entry->d_name, process))
			return entry->d_name;
	return NULL;
}

bool remains_has_group(pid_t group)
{
	struct remains_process process;
	if (group <= 0 || (kill(-group, 0) != 0 && errno == ESRCH))
		return false;
	DIR *all = opendir("/proc");
	bool found = !all; /* the signal has found one */
	while (!found && next_process(all, &process))
		found = process.group == group;
	if (all)
		closedir(all);
	return found;
}

static bool is_known(pid_t group, const pid_t *groups, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (groups[i] == group)
			return true;
	return false;
}

size_t remains_find(const char *deployment, pid_t *groups, size_t max)
{
	static char environment[ENVIRONMENT_SIZE]; /* large; one thread */
	struct remains_process process;
	size_t count = 0;
	const char *pid;
	DIR *all = opendir("/proc");
	while (all && count < max && (pid = next_process(all, &process))) {
		if (process.group == process.session || process.group == getpgrp() || is_known(process.group, groups, count))
			continue;
		ssize_t length = read_whole(pid, "environ", environment, sizeof(environment));
		if (length > 0 && remains_is_marked(environment, (size_t)length, deployment))
			groups[count++] = process.group;
	}
	if (all)
		closedir(all);
	return count;
}
