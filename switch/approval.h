/* An approval: asked for, answered by somebody, or not in time. Pure; control thread. */
#ifndef TEAL_SWITCH_APPROVAL_H
#define TEAL_SWITCH_APPROVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "switch/deployment.h"

enum approval_state { APPROVAL_PENDING, APPROVAL_GIVEN, APPROVAL_REJECTED, APPROVAL_EXPIRED };

/* Zeroed: none was asked for. */
struct approval {
	bool answered, approved;
	uint64_t patience_ms, deadline_ms;          /* how long, and until when (monotonic) */
	uint64_t asked_at, expires_at, answered_at; /* wall clock */
	struct actor actor;                         /* who answered */
	char reason[256];
};

void approval_ask(struct approval *approval, uint64_t patience_ms, uint64_t mono_ms, uint64_t wall_ms);
/* The first answer counts. `reason` may be NULL. */
void approval_answer(struct approval *approval, bool approved, const struct actor *actor, const char *reason, uint64_t wall_ms);
/* It has so long from when it was asked for, unless it had less. */
void approval_shorten(struct approval *approval, uint64_t patience_ms);
/* An answer that is there counts, however late it is looked at. */
enum approval_state approval_look(const struct approval *approval, uint64_t mono_ms);

/* A sentence on the state. `service` is for the command that answers. */
void approval_describe(const struct approval *approval, enum approval_state state, const char *service, char *out, size_t size);
/* Adds "asked_at", "expires_at" and, when answered, "answered_at", "actor", "uid", "reason". */
void approval_add_json(const struct approval *approval, json_t *row);

#endif
