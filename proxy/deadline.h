/* Deadlines of one worker: one list per kind, in order of expiry, so that arming and disarming cost a few stores.
 *
 * All deadlines of a kind have nearly the same length, so a new one belongs at the end of its list; after a reload changed the length
 * the place is searched from the end. No clock and no timer in here: the worker asks for the next expiry and says what time it is. */
#ifndef TEAL_PROXY_DEADLINE_H
#define TEAL_PROXY_DEADLINE_H

#include <stdint.h>

enum deadline_kind {
	DEADLINE_none,
	DEADLINE_header,   /* the rest of a request head */
	DEADLINE_idle,     /* the next request of a client */
	DEADLINE_connect,  /* a backend's accept */
	DEADLINE_response, /* the first byte of an answer */
	DEADLINE_stall,    /* progress of a body, either way */
	DEADLINE_room,     /* the next look at a full socket */
	DEADLINE_pool,     /* the end of a backend's oldest idle connection */
	DEADLINE_total,    /* a whole exchange */
	DEADLINE_tunnel,   /* a tunnel's turn to be closed */
	DEADLINE_closing,  /* the rest of a tunnel that is being closed */
	DEADLINE_linger,   /* a client's FIN after our last answer, or its last request while its worker drains */
	DEADLINE_accept,   /* accepting again after a pause */
	DEADLINE_hold,     /* the end of a hold, or the next few of its requests: see proxy/hold.h */
	DEADLINE_KINDS
};

/* Embedded in its owner. Zeroed memory is a disarmed one. */
struct deadline {
	struct deadline *previous, *next;
	uint64_t at_ms;
	enum deadline_kind kind;
};

struct deadlines {
	struct deadline lists[DEADLINE_KINDS]; /* sentinels */
};

void deadline_init(struct deadlines *deadlines);
/* Arms or moves; at_ms is monotonic. */
void deadline_arm(struct deadlines *deadlines, struct deadline *deadline, enum deadline_kind kind, uint64_t at_ms);
/* The same for one that comes at the time of `near`, which is armed, or later: its place is searched from there. For many that are armed one after the other, in their order. */
void deadline_arm_behind(struct deadline *near, struct deadline *deadline, uint64_t at_ms);
void deadline_disarm(struct deadline *deadline);
/* The earliest expiry of all, or UINT64_MAX. */
uint64_t deadline_next_ms(const struct deadlines *deadlines);
/* Disarms and returns one that has expired (its kind stays readable in *kind), or NULL. */
struct deadline *deadline_take_expired(struct deadlines *deadlines, uint64_t now_ms, enum deadline_kind *kind);

#endif
