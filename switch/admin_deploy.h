/* switch, deploy, rollback and abort of the admin API. Control thread. Each answers the ask. */
#ifndef TEAL_SWITCH_ADMIN_DEPLOY_H
#define TEAL_SWITCH_ADMIN_DEPLOY_H

struct admin;
struct ask;

void admin_deploy_switch(struct admin *admin, struct ask *ask);
void admin_deploy_deploy(struct admin *admin, struct ask *ask);
void admin_deploy_rollback(struct admin *admin, struct ask *ask);
void admin_deploy_abort(struct admin *admin, struct ask *ask);

#endif
