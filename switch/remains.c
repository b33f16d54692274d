/* A look through /proc. Any thread. */
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

#include "base/memory.h"

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

/* ---- finding ---- */

static bool is_known(const struct remains_search *search, pid_t group)
{
	for (size_t i = 0; i < search->count; i++)
		if (search->groups[i] == group)
			return true;
	return false;
}

static bool has_mark(const struct remains_search *search, const char *pid, char *environment)
{
	ssize_t length = read_whole(pid, "environ", environment, ENVIRONMENT_SIZE);
	return length > 0 && remains_is_marked(environment, (size_t)length, search->deployment);
}

/* A session that the command itself has begun, for what shall stay: that is led by a process of it. */
static bool is_in_own_session(const struct remains_search *search, const struct remains_process *process, char *environment)
{
	char leader[24];
	snprintf(leader, sizeof(leader), "%ld", (long)process->session);
	return !search->session && has_mark(search, leader, environment);
}

static bool may_be_left(const struct remains_search *search, const struct remains_process *process)
{
	bool here = search->session == 0 || process->session == search->session;
	return here && process->group != process->session && process->group != getpgrp() && !is_known(search, process->group);
}

/* True: some that seem to wait for a disk were left out. */
static bool look(struct remains_search *search, DIR *all, bool patient, char *environment)
{
	struct remains_process process;
	const char *pid;
	bool more = false;
	while (search->count < REMAINS_GROUPS && (pid = next_process(all, &process))) {
		if (!may_be_left(search, &process))
			continue;
		if (process.state == 'D' && !patient) {
			more = true;
		} else if (has_mark(search, pid, environment) && !is_in_own_session(search, &process, environment)) {
			search->groups[search->count] = process.group;
			search->count++;
		}
	}
	return more;
}

void remains_find(struct remains_search *search)
{
	DIR *all = opendir("/proc");
	if (!all)
		return;
	char *environment = memory_array(ENVIRONMENT_SIZE, 1);
	if (look(search, all, false, environment)) {
		rewinddir(all);
		look(search, all, true, environment);
	}
	closedir(all);
	free(environment);
}
