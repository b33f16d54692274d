/* Tells of what happened: runs the hooks of a moment that can't refuse, and posts to the receivers of `notify`; what fails is tried again. Control thread.
 *
 * Never makes anybody wait, and forgets everything at the end of the process.
 *
 * Order. The hooks of one service run one at a time, in the order in which they were given. One that failed waits for its next try while those behind it go on; once a later
 * moment's hooks are given, those of the earlier moment that have been tried are not tried again. Each receiver of `notify` gets its messages one at a time and in order: those
 * behind one that failed wait with it. Different services and different receivers don't wait for each other.
 *
 * Tries. At most 5, with pauses of 1, 2, 4 and 8 s, and none begins later than 5 minutes after it was given. At most 8 are under way and 256 wait; of more the oldest one that
 * waits is dropped. */
#ifndef TEAL_SWITCH_COURIER_H
#define TEAL_SWITCH_COURIER_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "switch/hook.h"
#include "switch/hook_facts.h"

struct courier;

/* The end of one of them; all borrowed. `tries` 0: it was dropped, or too late, before it was tried once. */
struct courier_end {
	const char *service, *deployment, *event;
	bool notified; /* of `notify`, else a hook */
	unsigned tries;
	const struct hook_result *result; /* of the last try; what is no more than dropped has a sentence, too */
};

/* Runs from the loop, for every hook and message once. It may give more to the courier, not free it. */
typedef void courier_ended(void *arg, const struct courier_end *end);

/* `tools` must outlive it. `ended` may be NULL. */
struct courier *courier_new(struct hook_tools *tools, courier_ended *ended, void *arg);
/* What is under way is ended like hook_cancel does, what waits is forgotten, without callbacks; a line of the log says how many. NULL is allowed. */
void courier_free(struct courier *courier);

/* Returns at once; everything is copied. `ended` never runs from inside these. */
void courier_run_hooks(struct courier *courier, const struct conf_hooks *hooks, const struct hook_facts *facts);
void courier_notify(struct courier *courier, const struct conf_notify *receivers, size_t count, const struct hook_facts *facts);

/* How many are under way or wait. */
size_t courier_count(const struct courier *courier);

#endif
