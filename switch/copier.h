/* Sends copies of live requests to both colors at the same time, a bounded number at a time, and compares their answers. Control thread.
 *
 * Knows no colors' state: it is told where to send. Its connections are its own, each color's apart, and end with it. */
#ifndef TEAL_SWITCH_COPIER_H
#define TEAL_SWITCH_COPIER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/fetch.h"
#include "switch/compare.h"
#include "switch/comparison.h"

struct event_base;
struct copier;

/* Everything in it outlives the copier. */
struct copier_tools {
	struct event_base *loop;
	const struct compare_rules *rules; /* what is compared */
	struct comparison *comparison;     /* what is found goes here */
	unsigned concurrency;              /* copies under way at most; each is two requests, or three */
	uint64_t timeout_ms;               /* of a request */
	size_t body_limit;                 /* bytes of an answer that are kept and compared */
};

struct copier *copier_new(const struct copier_tools *tools);
/* Cancels what is under way. NULL is allowed. */
void copier_free(struct copier *copier);

bool copier_has_room(const struct copier *copier);
unsigned copier_under_way(const struct copier *copier);
/* Requests that the live color, or the idle one, has not answered yet. */
unsigned copier_awaiting(const struct copier *copier, bool idle);
/* Of those, the ones that the live color has answered and the idle one has not, so far. */
unsigned copier_awaiting_idle(const struct copier *copier);

struct copier_target {
	const struct addr *addr;
	enum fetch_announce announce;
	const struct fetch_trust *trust; /* TLS; by the same settings for all of a color's, as long as there is the copier; NULL: in clear */
};
/* Sends the copy to one backend of each color, and a few of them a second time to the live one's. Only while there is room. */
void copier_send(struct copier *copier, const char *head, size_t length, const struct copier_target *live, const struct copier_target *idle);

struct copier_counts {
	uint64_t sent, repeated;  /* copies; of them, those that went to the live color twice */
	uint64_t idle_unanswered; /* the idle color alone did not answer: a difference */
	uint64_t live_unanswered; /* the live color did not: nothing was compared */
	uint64_t forsaken[2]; /* requests that nobody waits for any more, to the live color, to the idle one: not answered in time, or cut off at body_limit */
};
void copier_read(const struct copier *copier, struct copier_counts *counts);

/* What a copy's head becomes, for a test: NULL-terminated lines of its fields, each malloc'd like the list. Left out are those of one connection, conditions (If-…) and Accept-Encoding; added is X-Teal-Rehearsal. */
char **copier_make_lines(const char *head, size_t length);

#endif
