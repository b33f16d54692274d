/* DNS by the admin API: who answers what, the exact change of a switch, lowering the TTL. Control thread. See docs/api.md. */
#ifndef TEAL_SWITCH_ADMIN_DNS_H
#define TEAL_SWITCH_ADMIN_DNS_H

#include "switch/admin_parts.h"

void admin_dns_status(struct admin *admin, struct ask *ask);
void admin_dns_plan(struct admin *admin, struct ask *ask);
void admin_dns_prepare(struct admin *admin, struct ask *ask);

#endif
