/* Whom an exchange waits for while bodies move, and what it takes of them (timeouts.stall, limits.rate). Worker thread.
 *
 * One at a time: the client's next piece of the body, or room on the client's socket, or room on the backend's. A wait for room looks at what the peer's machine has
 * acknowledged, since a full socket tells of room only when a third of it is free: on a slow line that takes longer than any stall. */
#ifndef TEAL_PROXY_WAIT_H
#define TEAL_PROXY_WAIT_H

#include <stdbool.h>

#include "proxy/deadline.h"
#include "proxy/pace.h"

struct exchange;

/* All the waits of an exchange for room on one socket, as if they were one: the times in between are left out. */
struct wait_room {
	struct pace pace;
	uint64_t acknowledged; /* at the last look: see conn_acknowledged */
	uint64_t ended_ms;     /* of the last wait; 0 while one is on */
	bool began;
};

/* The client's next piece of the body is waited for; `bytes` (0: none) just came. */
void wait_for_body(struct exchange *exchange, unsigned long bytes);
/* The client's socket is full, or still is after it took something. */
void wait_for_client(struct exchange *exchange);
/* It took all that was kept for it. */
void wait_end_for_client(struct exchange *exchange);
/* The backend's socket is full, or still is. */
void wait_for_backend(struct exchange *exchange);

/* DEADLINE_stall or DEADLINE_room on the client's connection. The exchange may have ended on return. */
void wait_on_client_deadline(struct exchange *exchange, enum deadline_kind kind);
/* DEADLINE_room on the backend's. */
void wait_on_backend_deadline(struct exchange *exchange);

#endif
