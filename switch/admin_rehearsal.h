/* The admin API's part about rehearsals. Control thread. Each answers the ask. */
#ifndef TEAL_SWITCH_ADMIN_REHEARSAL_H
#define TEAL_SWITCH_ADMIN_REHEARSAL_H

struct admin;
struct ask;

void admin_rehearsal_start(struct admin *admin, struct ask *ask);
void admin_rehearsal_stop(struct admin *admin, struct ask *ask);
void admin_rehearsal_report(struct admin *admin, struct ask *ask);

#endif
