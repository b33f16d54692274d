/* One hook or message that is told, with everything it takes, and one try of it at a time. Control thread; used by switch/courier alone, which decides when. */
#ifndef TEAL_SWITCH_DELIVERY_H
#define TEAL_SWITCH_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "conf/conf.h"
#include "switch/hook.h"
#include "switch/hook_facts.h"

struct delivery;
struct hook_post;

typedef void delivery_tried(void *arg, struct delivery *delivery, const struct hook_result *result);

struct delivery {
	TAILQ_ENTRY(delivery) entry;
	struct hook_facts *facts;
	char *name;            /* as in struct hook_result */
	struct conf_hook conf; /* a copy */
	char *body;            /* of a message; NULL: a hook */

	/* the courier's */
	uint64_t lane;             /* of which one is under way at a time */
	uint64_t given_ms, due_ms; /* monotonic */
	bool last;                 /* not tried again, as something later came */
	bool over;                 /* to be told as ended: `sentence` says why */

	unsigned tries;
	char *sentence; /* of the last try, or why there is none */
	char *output;   /* of the last try, where another one was to come; NULL: there was none */
	uint64_t ms;    /* that it took */
	/* under way */
	delivery_tried *tried;
	void *arg;
	uint64_t started_ms;
	struct hook *hook;
	struct hook_post *post;
};

/* Copies facts and hook; takes `body`. */
struct delivery *delivery_new(const struct hook_facts *facts, const struct conf_hook *conf, char *body);
/* Ends what is under way. */
void delivery_free(struct delivery *delivery);

/* `tried` runs once, from the loop, never from inside this; it may free the delivery. */
void delivery_try(struct delivery *delivery, struct hook_tools *tools, delivery_tried *tried, void *arg);
bool delivery_is_under_way(const struct delivery *delivery);

/* Sets the sentence to both texts; either may be the present one. */
void delivery_set_sentence(struct delivery *delivery, const char *sentence, const char *more);

#endif
