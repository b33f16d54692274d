/* One hook: a program that is run or a URL that is posted to, once, and how that ended. Control thread.
 *
 * Which hooks there are, in which order, and what follows from one that refuses is its caller's; what is only told, and tried again, is switch/courier's. */
#ifndef TEAL_SWITCH_HOOK_H
#define TEAL_SWITCH_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

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

/* How one hook ended. All borrowed. */
struct hook_result {
	const char *name;     /* the program, or scheme and host of the URL: the rest of a URL and arguments may be secret */
	bool passed;          /* status 0, or an answer of 2xx */
	const char *sentence; /* what happened, name and all; never "" */
	const char *
		output; /* of the program, or the body of the answer: UTF-8 without control bytes but \n and \t, bounded to some 17 KiB; "" when there is none */
	uint64_t ms;
};
struct hook; /* under way */

/* `result` is valid during the call. Runs once, from the loop, never from inside hook_start; the hook is gone after it. It may start and cancel others. */
typedef void hook_done(void *arg, const struct hook_result *result);

/* Hook and facts are copied. `done` comes within the hook's own time limit (`timeout_ms`), after which it has refused, and 4 s for a program that does not end when it is told to.
 * A URL gets hook_facts_to_json as its body, see switch/hook_post. */
struct hook *hook_start(struct hook_tools *tools, const struct conf_hook *conf, const struct hook_facts *facts, hook_done *done, void *arg);
/* Without a callback: a program gets SIGTERM, and SIGKILL 2 s later, without being waited for. Not from inside its own `done`. */
void hook_cancel(struct hook *hook);
/* A program is told to end (SIGTERM), or killed with all of its group; how it ended comes by `done` (see base/runner). Not for a URL. */
void hook_tell(struct hook *hook);
void hook_kill(struct hook *hook);
/* The program's process group, also inside `done`; 0: it was not started, or is not yet. */
pid_t hook_group(const struct hook *hook);
/* As its result will have it. */
const char *hook_name(const struct hook *hook);

/* Names what a URL is told of a moment of a deployment, the same at every try. */
#define HOOK_DELIVERY_SIZE 96
void hook_make_delivery(const struct hook_facts *facts, const char *url, char out[HOOK_DELIVERY_SIZE]);

#endif
