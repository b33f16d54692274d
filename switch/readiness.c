/* Whether a rollback would succeed now. Pure; the journal and the probes are somebody else's. */
#include "switch/readiness.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *readiness_name(enum readiness readiness)
{
	static const char *const names[] = {"gone", "degraded", "ready"};
	return names[readiness];
}

#define TARGET_SIZE 96

static void name_target(const struct readiness_input *input, char out[TARGET_SIZE])
{
	if (input->version && *input->version)
		snprintf(out, TARGET_SIZE, "%s (%.64s)", color_name(input->target), input->version);
	else
		snprintf(out, TARGET_SIZE, "%s", color_name(input->target));
}

static void add_seen(const struct readiness_input *input, char *reason, size_t size)
{
	size_t used = strlen(reason);
	if (input->seen && input->seen_ms < 60000)
		snprintf(reason + used, size - used, ", last seen %.1f s ago", (double)input->seen_ms / 1000.0);
	else if (input->seen)
		snprintf(reason + used, size - used, ", last seen %" PRIu64 " min ago", input->seen_ms / 60000);
}

static enum readiness by_health(const struct readiness_input *input, char *reason, size_t size)
{
	char target[TARGET_SIZE];
	name_target(input, target);
	if (input->backends == 0) {
		snprintf(reason, size, "%s has no backends", target);
		return READINESS_GONE;
	}
	if (input->up == input->backends) {
		snprintf(reason, size, "every backend of %s is up (%u)", target, input->up);
		add_seen(input, reason, size);
		return READINESS_READY;
	}
	if (input->up > 0 || input->unknown > 0) {
		snprintf(reason, size, "%u of %u backends of %s %s up%s", input->up, input->backends, target, input->up == 1 ? "is" : "are",
			input->unknown > 0 ? ", some are not probed yet" : "");
		if (input->up > 0)
			add_seen(input, reason, size);
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
