/* GET /v1/events: server-sent events. Control thread. */
#ifndef TEAL_SWITCH_ADMIN_STREAMS_H
#define TEAL_SWITCH_ADMIN_STREAMS_H

#include "switch/admin_parts.h"

/* Answers the ask with a stream. */
void admin_streams_open(struct admin *admin, struct ask *ask);
/* Once a second: a comment now and then, so that a dead client is seen. */
void admin_streams_tick(struct admin *admin);

#endif
