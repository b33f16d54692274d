/* The admin API's changing side. Control thread. Each answers the ask. */
#ifndef TEAL_SWITCH_ADMIN_VERBS_H
#define TEAL_SWITCH_ADMIN_VERBS_H

struct admin;
struct ask;

void verbs_switch(struct admin *admin, struct ask *ask);
void verbs_deploy(struct admin *admin, struct ask *ask);
void verbs_rollback(struct admin *admin, struct ask *ask);
void verbs_abort(struct admin *admin, struct ask *ask);
void verbs_promote(struct admin *admin, struct ask *ask);
void verbs_confirm(struct admin *admin, struct ask *ask);
void verbs_lock(struct admin *admin, struct ask *ask);
void verbs_unlock(struct admin *admin, struct ask *ask);
void verbs_probe(struct admin *admin, struct ask *ask);
void verbs_later(struct admin *admin, struct ask *ask);
void verbs_put_color(struct admin *admin, struct ask *ask);
void verbs_reload(struct admin *admin, struct ask *ask);
void verbs_stop(struct admin *admin, struct ask *ask);

#endif
