/* Tells of what happened: runs the hooks of a moment that can't refuse, and posts to the receivers of `notify`; what fails is tried again. Control thread.
 *
 * Never makes anybody wait, and forgets everything at the end of the process.
 *
 * Order. The hooks of one service run one at a time, in the order in which they were given. One that failed waits for its next try while those behind it go on; once a later
 * moment's hooks are given, those of the earlier moment that have been tried are not tried again. Each receiver of `notify` gets its messages one at a time and in order: those
 * behind one that failed wait with it. Different services and different receivers don't wait for each other.
 *
 * What is tried how often, and how much may wait, is in struct courier_limits; of more the oldest one that waits is dropped. */
#ifndef TEAL_SWITCH_COURIER_H
#define TEAL_SWITCH_COURIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "switch/hook.h"
#include "switch/hook_facts.h"

struct courier;

struct courier_limits {
	unsigned tries;          /* of one hook or message */
	uint64_t first_pause_ms; /* before the second try; the next ones are twice as long each */
	uint64_t late_ms;        /* after it was given no try begins, but for the first one of a hook */
	unsigned under_way, waiting;
};
/* 5 tries with pauses of 1, 2, 4 and 8 s, 5 minutes, 8, 256. */
extern const struct courier_limits courier_usual;

/* The end of one of them; all borrowed. `tries` 0: it was dropped, or too late, before it was tried once; the result's sentence says so. */
struct courier_end {
	const char *service, *deployment, *event;
	bool notified; /* of `notify`, else a hook */
	unsigned tries;
	const struct hook_result *result; /* of the last try; without `output` where that was not the moment of its end */
};

/* Runs from the loop, for every hook and message once. It may give more to the courier, not free it. */
typedef void courier_ended(void *arg, const struct courier_end *end);

/* `tools` must outlive it; the limits are copied. */
struct courier *courier_new(struct hook_tools *tools, const struct courier_limits *limits, courier_ended *ended, void *arg);
/* What is under way is ended like hook_cancel does, what waits is forgotten, without callbacks; a line of the log says how many. NULL is allowed. */
void courier_free(struct courier *courier);

/* Returns at once; everything is copied. `ended` never runs from inside these. */
void courier_run_hooks(struct courier *courier, const struct conf_hooks *hooks, const struct hook_facts *facts);
void courier_notify(struct courier *courier, const struct conf_notify *receivers, size_t count, const struct hook_facts *facts);

/* How many are under way or wait. */
size_t courier_count(const struct courier *courier);

#endif
