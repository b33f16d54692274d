/* Whether a rollback would succeed now. Pure; the journal and the probes are somebody else's. */
#include "switch/readiness.h"

#include <stdio.h>

const char *readiness_name(enum readiness readiness)
{
	static const char *const names[] = {"gone", "degraded", "ready"};
	return names[readiness];
}

static enum readiness by_health(const struct readiness_input *input, char *reason, size_t size)
{
	const char *target = color_name(input->target);
	if (input->backends == 0) {
		snprintf(reason, size, "%s has no backends", target);
		return READINESS_GONE;
	}
	if (input->up == input->backends) {
		snprintf(reason, size, "every backend of %s is up (%u)", target, input->up);
		return READINESS_READY;
	}
	if (input->up > 0 || input->unknown > 0) {
		snprintf(reason, size, "%u of %u backends of %s %s up%s", input->up, input->backends, target, input->up == 1 ? "is" : "are",
			input->unknown > 0 ? ", some are not probed yet" : "");
		return READINESS_DEGRADED;
	}
	snprintf(reason, size, "no backend of %s is up", target);
	return READINESS_GONE;
}

enum readiness readiness_of(const struct readiness_input *input, char *reason, size_t size)
{
	if (!input->undoable) {
		snprintf(reason, size, "there is no deployment to undo");
		return READINESS_GONE;
	}
	if (input->before_flip) {
		snprintf(reason, size, "nothing has been switched yet");
		return READINESS_READY;
	}
	if (input->changed) {
		snprintf(reason, size, "%s has another version or other backends than when it was live", color_name(input->target));
		return READINESS_GONE;
	}
	return by_health(input, reason, size);
}
