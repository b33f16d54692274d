/* Hooks of a moment that may refuse: programs and URLs, one after the other, until one refuses. Control thread.
 *
 * Retries nothing: what is only told, and tried again, is switch/courier's. Decides nothing about a switch. */
#ifndef TEAL_SWITCH_HOOK_H
#define TEAL_SWITCH_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "conf/conf.h"
#include "switch/hook_facts.h"

struct errands;
struct event_base;
struct fetch;
struct resolver;
struct runner;

/* What hooks are run with; one of it in the daemon. All of it belongs to the tools but loop, fetch and resolver. */
struct hook_tools {
	struct event_base *loop;
	struct fetch *fetch;
	struct resolver *resolver;
	struct errands *errands;
	struct runner *runner;
};

/* Before the first hook; freed before fetch and resolver, and after everybody who runs hooks. Programs that still run are ended then: SIGTERM, at most 2 s, SIGKILL. NULL is
 * allowed. */
struct hook_tools *hook_tools_new(struct event_base *loop, struct fetch *fetch, struct resolver *resolver);
void hook_tools_free(struct hook_tools *tools);

/* How one hook ended. */
struct hook_result {
	char *name;     /* the program, or scheme and host of the URL: the rest of a URL and arguments may be secret */
	bool passed;    /* status 0, or an answer of 2xx */
	char *sentence; /* what happened, name and all; never "" */
	char *output; /* of the program, or the body of the answer: UTF-8 without control bytes but \n and \t, bounded to some 17 KiB; "" when there is none */
	uint64_t ms;
};
/* {"hook", "passed", "text", "ms", "output"}; a new reference. */
json_t *hook_result_to_json(const struct hook_result *result);
void hook_result_fini(struct hook_result *result);

struct hook_run;

/* `results` of the hooks that ran, in their order, valid during the call: all of them passed, or the last one did not. Runs once, from the loop, never from inside
 * hook_start; the run is gone after it. */
typedef void hook_ended(void *arg, bool passed, const struct hook_result *results, size_t count);

/* Runs the list from its first hook on; an empty list passes. Hooks and facts are copied. Each hook has its own time limit (`timeout_ms`), after which it has refused: so the
 * whole takes at most their sum, and 3 s for each program that can't be ended easily. */
struct hook_run *hook_start(struct hook_tools *tools, const struct conf_hooks *hooks, const struct hook_facts *facts, hook_ended *ended, void *arg);
/* Without a callback: a program that runs gets SIGTERM, and SIGKILL 2 s later, without being waited for. Not from inside `ended`. */
void hook_cancel(struct hook_run *run);

/* What is under way, for who asks in between: its name, its place from 1 on, and since when (monotonic). */
const char *hook_present(const struct hook_run *run, size_t *place, size_t *count, uint64_t *since_ms);

#endif
