/* The admin API's part about approvals. Control thread. Each answers the ask. */
#ifndef TEAL_SWITCH_ADMIN_APPROVAL_H
#define TEAL_SWITCH_ADMIN_APPROVAL_H

struct admin;
struct ask;

void admin_approval_approve(struct admin *admin, struct ask *ask);
void admin_approval_reject(struct admin *admin, struct ask *ask);

#endif
