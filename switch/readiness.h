/* Whether a rollback would succeed now. Pure. */
#ifndef TEAL_SWITCH_READINESS_H
#define TEAL_SWITCH_READINESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/color.h"

enum readiness { READINESS_GONE, READINESS_DEGRADED, READINESS_READY };

struct readiness_input {
	const char *service;
	enum color target; /* the color a rollback would make live */
	bool undoable;     /* there is a deployment to undo */
	bool before_flip;  /* it has not flipped yet, so a rollback only stops it */
	bool changed;      /* the target's version or backends are not those that were live then */
	unsigned backends, up, unknown;
	const char *fault;   /* why the way back could not be taken now though the target is well; NULL: nothing is known of that */
	const char *version; /* what the target is now; NULL: none */
	bool seen;           /* a probe passed on each backend that is up, */
	uint64_t seen_ms;    /* the longest ago so many milliseconds */
};

const char *readiness_name(enum readiness readiness);
/* `reason` gets a sentence. */
enum readiness readiness_of(const struct readiness_input *input, char *reason, size_t size);

#endif
