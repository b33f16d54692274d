/* Starts a program, or says why not. Blocks on the disk it is on, so it is called on a thread of its own (base/errand). Waits for no program. */
#ifndef TEAL_BASE_LAUNCH_H
#define TEAL_BASE_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define LAUNCH_WHY_SIZE 160

struct launch {
	char **run, **environment; /* NULL-terminated; run[0] is an absolute path; the environment is whole */
	int output;                /* its 1 and 2; -1: none */
	bool mute;                 /* 2 goes nowhere; set between new and perform */
	/* how it went: a failure until launch_perform says otherwise */
	pid_t pid; /* its group, too; 0: not started */
	int pidfd; /* -1: not started */
	int error;
	char why[LAUNCH_WHY_SIZE]; /* a sentence without the program; "" when started */
};

/* Copies both lists, and puts PATH, HOME and LANG of this process, or what is usual, in front of the environment, which may be NULL. Takes `output`. */
struct launch *launch_new(const char *const *run, const char *const *environment, int output);
/* A program that is still in it is killed and waited for. */
void launch_free(struct launch *launch);

/* Once. Closes `output`. */
void launch_perform(struct launch *launch);

#endif
