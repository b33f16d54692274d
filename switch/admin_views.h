/* The admin API's reading side. Control thread. Each answers the ask. */
#ifndef TEAL_SWITCH_ADMIN_VIEWS_H
#define TEAL_SWITCH_ADMIN_VIEWS_H

struct admin;
struct ask;

void admin_views_healthz(struct admin *admin, struct ask *ask);
void admin_views_metrics(struct admin *admin, struct ask *ask);
void admin_views_status(struct admin *admin, struct ask *ask);
void admin_views_service(struct admin *admin, struct ask *ask);
void admin_views_plan(struct admin *admin, struct ask *ask);
void admin_views_deployments(struct admin *admin, struct ask *ask);
void admin_views_deployment(struct admin *admin, struct ask *ask);

#endif
