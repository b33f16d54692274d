/* What stands in Route 53 for a service with the policy health_check, as a person has to create it once. Pure but for what is read of the service. Control thread.
 *
 * teal answers http://health_listen/r53/SERVICE with 200 while green is live and with 503 while blue is. Green's record hangs on a health check of that, blue's on the same check inverted. Where nobody answers, green's
 * check fails and the inverted one does not: silence means blue. */
#ifndef TEAL_SWITCH_HEALTH_PLAN_H
#define TEAL_SWITCH_HEALTH_PLAN_H

#include <jansson.h>

#include "base/color.h"
#include "switch/service.h"

#define HEALTH_PLAN_INTERVAL_S 30u
#define HEALTH_PLAN_THRESHOLD 3u

/* {"policy", "name", "type", "zone", "to", "answer", "health_checks": [{"color", "config"}], "records": [{"color", "record"}], "quick_after_s"}; `config` and `record` are those of Route 53's API in JSON, as the aws
 * command line takes them. */
json_t *health_plan_make(const struct service *service, enum color to);
/* {"policy", "name", "type", "zone", "answers": {"listen", "path", "status"}, "silence": "blue"}. */
json_t *health_plan_status(const struct service *service);

#endif
