/* The actuator of a service that is switched by Route 53: a flip is an accepted change of its record. Control thread.
 *
 * The record is dns/steering's; here is what the switcher asks. With the policy health_check there is no change to be made: what is live is teal's own answer to Route 53's health checks, which follows
 * service->live, and all that takes time is the checks and the caches. */
#ifndef TEAL_SWITCH_ACTUATOR_ROUTE53_H
#define TEAL_SWITCH_ACTUATOR_ROUTE53_H

#include "switch/actuator.h"
#include "switch/deployment.h"
#include "switch/procedure.h"
#include "switch/service.h"

struct steering;

/* A busy or silent Route 53 is asked again for so long. */
#define ACTUATOR_ROUTE53_PATIENCE_MS 60000u
/* From the flip until nobody is waited for any longer, besides the TTL. */
#define ACTUATOR_ROUTE53_DRAIN_MS (15u * 60000u)
/* The health checks that `teal dns plan` asks for: every 30 s, three in a row. */
#define ACTUATOR_ROUTE53_CHECKS_MS (3u * 30000u)

struct actuator_route53 {
	struct service *service;
	struct steering *steering; /* NULL: policy health_check */
	json_t *answer;            /* health_check: the newest intent with its moments; NULL: none */
	uint64_t ticket;
	char text[512]; /* behind what is borrowed for the moment */
};

/* `through` begins with service and steering alone, and must outlive the actuator; actuator_route53_fini ends it. */
struct actuator actuator_route53_make(struct actuator_route53 *through);
void actuator_route53_fini(struct actuator_route53 *through);

/* The armed check, for struct procedure_tools; not with the policy health_check. The keys must outlast the change and its way back; where they
 * end before the deployment can be over (its patience, its pauses, its drain and its bake) its row says so. */
void actuator_route53_arm(struct actuator_route53 *through, const struct deployment *deployment);
enum procedure_armed actuator_route53_read_armed(struct actuator_route53 *through, char *sentence, size_t size);
json_t *actuator_route53_list_armed(struct actuator_route53 *through);

#endif
