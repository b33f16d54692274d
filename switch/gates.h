/* What must hold before a switch. Pure: one input, eight named predicates, each with a sentence. Used by `plan` and by the switcher. */
#ifndef TEAL_SWITCH_GATES_H
#define TEAL_SWITCH_GATES_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

#include "base/color.h"

enum gate {
	GATE_NO_DEPLOYMENT_RUNNING,
	GATE_NOT_LIVE,
	GATE_NOT_LOCKED,
	GATE_EXPECT_LIVE,
	GATE_HAS_BACKENDS,
	GATE_NOT_QUARANTINED,
	GATE_HEALTHY,
	GATE_DURABLE,
	GATE_COUNT
};

struct gates_input {
	const char *service;
	enum color live, to;
	const char *live_fault; /* why nobody can say which color is live, as a sentence; NULL: it is known */
	bool live_drifted;      /* the record was read, and names neither color: force takes it as it is */
	const char *running;    /* the id of another deployment under way, or NULL */
	bool returns;           /* it is on its way back, which nobody can abort */
	bool locked;
	const char *lock_reason, *lock_actor; /* may be NULL */
	bool expects;
	enum color expect_live;
	unsigned backends, up, unknown; /* of `to` */
	double healthy_share;           /* of the backends that must be up */
	const char *sick, *sick_why;    /* one of them that fails its probes, and how; NULL when there is none */
	const char *quarantine;         /* the deployment that rolled this release back, or NULL */
	bool anew;                      /* the release was given to `to` by a deploy just now: quarantine does not bar it */
	const char *version;            /* of `to`; NULL or "" when it has none */
	const char *durable_fault;      /* why the state directory does not write now, or NULL */
	bool force;
};

struct gate_result {
	enum gate gate;
	bool passed;
	bool forced; /* did not pass, and force overrides it */
	bool waits;  /* did not pass, and time may help */
	bool blind;  /* did not pass, as nobody can say which color is live */
	char detail[512];
};

const char *gates_name(enum gate gate);
/* The stable code of the API for a request that is refused by this result before anything runs; NULL for gates that refuse a deployment. */
const char *gates_code(const struct gate_result *result);

void gates_check(const struct gates_input *input, struct gate_result results[GATE_COUNT]);
/* The first gate that neither passed nor is forced, those that wait last; NULL when all hold. */
const struct gate_result *gates_find_refusal(const struct gate_result results[GATE_COUNT]);
json_t *gates_to_json(const struct gate_result results[GATE_COUNT]);

#endif
