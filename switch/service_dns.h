/* What a service has that is switched by Route 53, out of the path: its record, and with it which color is live. Control thread.
 *
 * Such a service has no routes, no traffic and no figures of it (its totals and measures stay empty), all else is as in the path. The record is read when the service is made, once a minute, and before each
 * verb that depends on it; `live` and `live_known` of the service follow it outside of deployments, which say themselves what they made live. Nothing is changed here: see dns/steering and
 * switch/actuator_route53.
 * With the policy health_check nobody is asked: the live color is the truth's, as in the path, and Route 53's health checks learn it from switch/health_answers. */
#ifndef TEAL_SWITCH_SERVICE_DNS_H
#define TEAL_SWITCH_SERVICE_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

#include "switch/service.h"

struct actuator_route53;
struct dns_accounts;
struct service_dns;
struct steering;
struct steering_view;

/* Sets service->dns, and begins to read the record. `truth` as in service_new. The accounts outlive it. Only for services with `via: route53`, before they get a switcher. */
void service_dns_start(struct service *service, struct dns_accounts *accounts, const json_t *truth);
/* Ends what is under way. After the service's switcher. Nothing for a service in the path. */
void service_dns_stop(struct service *service);
/* After a reload; the service has its new configuration by then. */
void service_dns_set_conf(struct service *service);

/* Its steering; NULL in the path and with the policy health_check. */
struct steering *service_dns_steering(const struct service *service);
/* What its actuator is made of; NULL in the path. */
struct actuator_route53 *service_dns_through(const struct service *service);

/* Reads the record anew, unless that is under way. Nothing where there is none to be read. */
void service_dns_look(struct service *service);
bool service_dns_is_looking(const struct service *service);
/* Once a second: begins the look of the minute, earlier after one that failed. */
void service_dns_tick(struct service *service);

/* Why nobody can say which color is live now, as a sentence; NULL when it is known. `*drifted`: the record was read, and names neither color (`force` takes it as it is). */
const char *service_dns_fault(const struct service *service, bool *drifted);

/* What the record says, as the live color goes by it: what was read is taken a turn of the loop later, and until then the first reading counts as none. Only where there is a steering. */
void service_dns_read(const struct service *service, struct steering_view *view);

/* What is to be said of the record as it was read last, "" when nothing is: not with the policy health_check. Borrowed for the moment. */
const char *service_dns_sentence(const struct service *service);

/* `route53` of the status; null in the path. See docs/api.md (switch/service_dns_json.c). */
json_t *service_dns_to_json(const struct service *service);
/* `record` of the truth: what is to be known of former TTLs after a restart; null where there is nothing. */
json_t *service_dns_to_truth(const struct service *service);

#endif
