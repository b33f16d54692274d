/* Runs programs: one at a time for each job, without a shell, in a process group of its own, with a time limit; keeps the beginning and the end of what it prints. Control thread.
 *
 * A program gets the daemon's PATH, HOME and LANG and the variables it is given, and nothing else of the daemon's environment; / as its working folder; /dev/null as its input; no
 * descriptor but 0, 1 and 2; every signal at its default.
 * It has ended when its first process has: what that left in the process group is killed as soon as the output ends, 1 s later at the latest. What left the group (setsid) goes
 * on, but its output is not waited for. How many run at a time is the caller's business. */
#ifndef TEAL_BASE_RUNNER_H
#define TEAL_BASE_RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct errands;
struct event_base;
struct runner;     /* programs under way on one loop */
struct runner_job; /* one of them */

enum runner_outcome {
	RUNNER_EXITED,      /* `status` says how */
	RUNNER_KILLED,      /* by `signal`, which we did not send but by runner_tell and runner_kill */
	RUNNER_TIMED_OUT,   /* SIGTERM to its group, SIGKILL 2 s later */
	RUNNER_NOT_STARTED, /* `error` says why */
};

/* Copied. */
struct runner_request {
	const char *const *run;         /* the program's absolute path and its arguments, NULL-terminated */
	const char *const *environment; /* `NAME=value` besides PATH, HOME and LANG; NULL-terminated; may be NULL */
	uint64_t timeout_ms;            /* more than 0 */
	bool secret; /* what it writes to 1 is given as output_copy has it and wiped behind `done`; 2 goes nowhere. One that writes more than that is ended */
};

struct runner_result {
	enum runner_outcome outcome;
	int status, signal, error; /* else 0 */
	bool flooded;              /* ended for writing more of a secret than is kept */
	uint64_t ms;
	char sentence[512]; /* one clear sentence that names the program, not its arguments */
	const char *output; /* what it wrote to 1 and 2, as output_to_text has it; "" when nothing */
};

/* Runs once, from the loop, never from inside runner_start; result and job are gone after it. It may start and cancel other jobs. */
typedef void runner_done(void *arg, const struct runner_result *result);

struct runner *runner_new(struct event_base *loop, struct errands *errands);
/* Ends what still runs, without callbacks: SIGTERM, at most 2 s for all of them together, SIGKILL. Waits for it. Before the errands end, and not from inside a `done`. NULL is
 * allowed. */
void runner_free(struct runner *runner);

/* `done` comes within the time limit, and 4 s for a program that does not end when it is told to. */
struct runner_job *runner_start(struct runner *runner, const struct runner_request *request, runner_done *done, void *arg);
/* Ends it without a callback: SIGTERM now, SIGKILL 2 s later. Returns at once. Not from inside its own `done`. */
void runner_cancel(struct runner_job *job);
/* SIGTERM to its group now, SIGKILL 2 s later; `done` comes as usual, with how it ended. One that is not there yet is told as soon as it is. */
void runner_tell(struct runner_job *job);
/* SIGKILL to its whole group now; `done` comes as soon as its first process has ended, and never before it was found out whether it was started. */
void runner_kill(struct runner_job *job);
/* Its process group, as long as the job is there, also inside `done`; 0: it was not started, or is not yet. */
pid_t runner_group(const struct runner_job *job);

/* For process 1, to which the system gives what programs leave behind: ends the zombies among them, unless a program is under way. */
void runner_reap_orphans(struct runner *runner);

#endif
