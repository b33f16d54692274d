/* What is left of programs, as /proc has it. Control thread; reads files of the kernel's alone, which no disk is behind.
 *
 * Zombies are nobody: they do nothing any more, and whoever is to reap them may never do it. */
#ifndef TEAL_SWITCH_REMAINS_H
#define TEAL_SWITCH_REMAINS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct remains_process {
	pid_t group, session;
	char state; /* as in /proc/PID/stat: Z and X are dead */
};

/* The text of /proc/PID/stat, whatever the program calls itself. False: it is none. Pure. */
bool remains_parse(const char *text, struct remains_process *process);
/* Whether an environment, as in /proc/PID/environ, is that of the command of this deployment's exclusive switch. Pure. */
bool remains_is_marked(const char *environment, size_t length, const char *deployment);

/* Whether a process of the group is alive. False for group 0. */
bool remains_has_group(pid_t group);
/* The process groups of the command of this deployment's exclusive switch, which is known by the variables that it was born with: so it is found however soon the daemon that started it was gone, and nobody
 * else can be taken for it. Left out is what left for a session of its own, as it was meant to stay. What has exchanged its environment, or is another user's, is not found. Returns their number; of more than
 * `max` the others are left out. */
size_t remains_find(const char *deployment, pid_t *groups, size_t max);

#endif
