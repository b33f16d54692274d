/* Requests that are answered later: once something came about, or at their deadline. Control thread. */
#ifndef TEAL_SWITCH_ADMIN_WAITS_H
#define TEAL_SWITCH_ADMIN_WAITS_H

#include "switch/admin_parts.h"

/* Calls `answer` (which answers and so frees the ask) once `is_over`, or after so many milliseconds. At once when it is over already. */
void admin_waits_add(struct admin *admin, struct ask *ask, uint64_t wait_ms, bool (*is_over)(const struct ask *ask), void (*answer)(struct ask *ask));
void admin_waits_check(struct admin *admin);

#endif
