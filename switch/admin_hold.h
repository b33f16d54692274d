/* The admin API's part about holding new requests back. Control thread. Each answers the ask, once every worker obeys. */
#ifndef TEAL_SWITCH_ADMIN_HOLD_H
#define TEAL_SWITCH_ADMIN_HOLD_H

struct admin;
struct ask;

void admin_hold_hold(struct admin *admin, struct ask *ask);
void admin_hold_resume(struct admin *admin, struct ask *ask);

#endif
