/* One call that may block (a file on a disk that hangs), on a thread of its own, so that the loop never waits for it. Control thread. */
#ifndef TEAL_BASE_ERRAND_H
#define TEAL_BASE_ERRAND_H

#include <stdint.h>

struct event_base;
struct errands; /* the errands of one loop */
struct errand;  /* one of them */

struct errand_kind {
	void (*work)(void *data);            /* on the thread; every signal is blocked there */
	void (*done)(void *arg, void *data); /* on the loop, once; the errand is gone */
	void (*drop)(void *data);            /* the end of the data: after `done`, or, when abandoned, on either thread instead of it */
};

struct errands *errands_new(struct event_base *loop);
/* Abandons what is under way and waits for none of it. Not from inside a `done`. NULL is allowed. */
void errands_free(struct errands *errands);

/* Waits for what is under way, at most that long, and delivers it. For the end, when the loop does not run any more. */
void errands_settle(struct errands *errands, uint64_t limit_ms);

/* Takes `data`, which is the thread's alone until `done`. When there is no thread to be had, `work` is left out: the data must look like a failure beforehand. `done` never runs
 * from inside this. `kind` is static. */
struct errand *errand_start(struct errands *errands, const struct errand_kind *kind, void *data, void *arg);
/* Without `done`. `drop` runs now when the work is done, else when it is. */
void errand_abandon(struct errand *errand);

#endif
