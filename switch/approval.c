/* An approval. Pure; control thread. Does not know who may answer: whoever may use the admin API may. */
#include "switch/approval.h"

#include <assert.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/text.h"
#include "switch/wire.h"

void approval_ask(struct approval *approval, uint64_t patience_ms, uint64_t mono_ms, uint64_t wall_ms)
{
	*approval = (struct approval){
		.patience_ms = patience_ms,
		.deadline_ms = mono_ms + patience_ms,
		.asked_at = wall_ms,
		.expires_at = wall_ms + patience_ms,
	};
}

void approval_answer(struct approval *approval, bool approved, const struct actor *actor, const char *reason, uint64_t wall_ms)
{
	assert(approval->asked_at && !approval->answered);
	approval->answered = true;
	approval->approved = approved;
	approval->answered_at = wall_ms;
	approval->actor = *actor;
	snprintf(approval->reason, sizeof(approval->reason), "%s", reason ? reason : "");
}

void approval_shorten(struct approval *approval, uint64_t patience_ms)
{
	if (patience_ms >= approval->patience_ms)
		return;
	approval->deadline_ms -= approval->patience_ms - patience_ms;
	approval->expires_at -= approval->patience_ms - patience_ms;
	approval->patience_ms = patience_ms;
}

enum approval_state approval_look(const struct approval *approval, uint64_t mono_ms)
{
	if (approval->answered)
		return approval->approved ? APPROVAL_GIVEN : APPROVAL_REJECTED;
	return mono_ms < approval->deadline_ms ? APPROVAL_PENDING : APPROVAL_EXPIRED;
}

void approval_describe(const struct approval *approval, enum approval_state state, const char *service, char *out, size_t size)
{
	char until[CLOCK_TEXT_SIZE], patience[TEXT_UNIT_SIZE];
	const char *colon = approval->reason[0] ? ": " : "";
	clock_format(approval->expires_at, until);
	text_format_duration(approval->patience_ms, patience);
	switch (state) {
	case APPROVAL_PENDING:
		snprintf(out, size, "waits for somebody's approval until %s: teal approve %s, or teal reject %s", until, service, service);
		break;
	case APPROVAL_GIVEN:
		snprintf(out, size, "approved by %s%s%s", approval->actor.name, colon, approval->reason);
		break;
	case APPROVAL_REJECTED:
		snprintf(out, size, "rejected by %s%s%s", approval->actor.name, colon, approval->reason);
		break;
	case APPROVAL_EXPIRED:
		snprintf(out, size, "nobody approved it within %s", patience);
		break;
	}
}

void approval_add_json(const struct approval *approval, json_t *row)
{
	json_object_set_new(row, "asked_at", wire_time(approval->asked_at));
	json_object_set_new(row, "expires_at", wire_time(approval->expires_at));
	if (!approval->answered)
		return;
	json_object_set_new(row, "answered_at", wire_time(approval->answered_at));
	json_object_set_new(row, "actor", wire_text(approval->actor.name));
	json_object_set_new(row, "uid", approval->actor.uid < 0 ? json_null() : json_integer(approval->actor.uid));
	json_object_set_new(row, "reason", wire_text(approval->reason));
}
