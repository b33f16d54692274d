/* What is left of programs, as /proc has it. What says so may block and is for an errand's thread; the rest is for any thread.
 *
 * /proc/PID/stat always answers. /proc/PID/environ is the process's own memory: to read it one waits for a lock that a process may keep while it waits for a disk. Zombies are nobody: they do nothing any more,
 * and whoever is to reap them may never do it. */
#ifndef TEAL_SWITCH_REMAINS_H
#define TEAL_SWITCH_REMAINS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define REMAINS_GROUPS 16u

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

struct remains_search {
	char deployment[32];
	pid_t session; /* only what is in it; 0: in any, but see remains_find */
	/* what was found so far; read by whoever waits for it, too, if it takes too long */
	atomic_size_t count;
	pid_t groups[REMAINS_GROUPS]; /* as many of them as `count` says are never written again */
};

/* The process groups of the command of a deployment's exclusive switch, which is known by the variables that it was born with: so it is found however soon the daemon that started it was gone, and nobody else can be taken for
 * it. Left out is what left for a session of its own, as it was meant to stay, and what belongs to such a session. What has exchanged its environment, or is another user's, is not found; of more than
 * REMAINS_GROUPS the others are left out. May block: processes that look as if it could come last. `count` and `groups` are zero before. */
void remains_find(struct remains_search *search);

#endif
