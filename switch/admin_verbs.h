/* The admin API's changing side. Control thread. Each answers the ask. */
#ifndef TEAL_SWITCH_ADMIN_VERBS_H
#define TEAL_SWITCH_ADMIN_VERBS_H

struct admin;
struct ask;

void admin_verbs_promote(struct admin *admin, struct ask *ask);
void admin_verbs_confirm(struct admin *admin, struct ask *ask);
void admin_verbs_lock(struct admin *admin, struct ask *ask);
void admin_verbs_unlock(struct admin *admin, struct ask *ask);
void admin_verbs_probe(struct admin *admin, struct ask *ask);
void admin_verbs_put_color(struct admin *admin, struct ask *ask);
void admin_verbs_reload(struct admin *admin, struct ask *ask);
void admin_verbs_stop(struct admin *admin, struct ask *ask);

#endif
