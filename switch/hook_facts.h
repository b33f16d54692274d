/* What a hook or a notified receiver is told of a deployment: as variables of an environment and as JSON. Pure. */
#ifndef TEAL_SWITCH_HOOK_FACTS_H
#define TEAL_SWITCH_HOOK_FACTS_H

#include <stdint.h>
#include <jansson.h>

#include "base/color.h"

/* Borrowed texts; NULL and "" are what is not known (yet). `from` and `to` are the deployment's, whatever became of it: after a rollback `from` is live. */
struct hook_facts {
	const char *event; /* the moment: "before_switch", "switched", "promoted", "rolled_back", … */
	const char *service, *deployment;
	enum color from, to;
	const char *from_version, *to_version;
	const char *actor, *reason;
	const char *outcome, *cause;
	const char *text; /* one sentence for people */
	uint64_t at_ms;   /* wall clock */
};

/* One block with all of its texts, freed with free(). */
struct hook_facts *hook_facts_copy(const struct hook_facts *facts);

/* The variables TEAL_EVENT TEAL_SERVICE TEAL_DEPLOYMENT TEAL_FROM TEAL_TO TEAL_FROM_VERSION TEAL_TO_VERSION TEAL_ACTOR TEAL_REASON TEAL_OUTCOME TEAL_CAUSE TEAL_TEXT
 * TEAL_AT (RFC 3339), each of them always there, empty when not known. `NAME=value`, NULL-terminated; freed with hook_facts_free_environment. */
char **hook_facts_to_environment(const struct hook_facts *facts);
void hook_facts_free_environment(char **environment);

/* {"event", "service", "deployment", "from", "to", "from_version", "to_version", "actor", "reason", "outcome", "cause", "text", "at"}; what is not known is null. A new
 * reference. */
json_t *hook_facts_to_json(const struct hook_facts *facts);

#endif
