/* Lists of deadlines. Pure. */
#include "proxy/deadline.h"

#include <assert.h>
#include <stddef.h>

void deadline_init(struct deadlines *deadlines)
{
	for (unsigned kind = 0; kind < DEADLINE_KINDS; kind++) {
		struct deadline *list = &deadlines->lists[kind];
		list->previous = list->next = list;
	}
}

void deadline_disarm(struct deadline *deadline)
{
	if (deadline->kind == DEADLINE_none)
		return;
	deadline->previous->next = deadline->next;
	deadline->next->previous = deadline->previous;
	deadline->kind = DEADLINE_none;
}

static void link_behind(struct deadline *before, struct deadline *deadline, enum deadline_kind kind, uint64_t at_ms)
{
	deadline->at_ms = at_ms;
	deadline->kind = kind;
	deadline->previous = before;
	deadline->next = before->next;
	before->next->previous = deadline;
	before->next = deadline;
}

void deadline_arm(struct deadlines *deadlines, struct deadline *deadline, enum deadline_kind kind, uint64_t at_ms)
{
	deadline_disarm(deadline);
	struct deadline *list = &deadlines->lists[kind], *before = list->previous;
	while (before != list && before->at_ms > at_ms)
		before = before->previous;
	link_behind(before, deadline, kind, at_ms);
}

/* A list's sentinel has no kind: it ends the search. */
void deadline_arm_behind(struct deadline *near, struct deadline *deadline, uint64_t at_ms)
{
	enum deadline_kind kind = near->kind;
	assert(kind != DEADLINE_none && near != deadline && near->at_ms <= at_ms);
	deadline_disarm(deadline);
	while (near->next->kind == kind && near->next->at_ms <= at_ms)
		near = near->next;
	link_behind(near, deadline, kind, at_ms);
}

uint64_t deadline_next_ms(const struct deadlines *deadlines)
{
	uint64_t next = UINT64_MAX;
	for (unsigned kind = 0; kind < DEADLINE_KINDS; kind++) {
		const struct deadline *list = &deadlines->lists[kind];
		if (list->next != list && list->next->at_ms < next)
			next = list->next->at_ms;
	}
	return next;
}

struct deadline *deadline_take_expired(struct deadlines *deadlines, uint64_t now_ms, enum deadline_kind *kind)
{
	for (unsigned i = 0; i < DEADLINE_KINDS; i++) {
		struct deadline *list = &deadlines->lists[i], *first = list->next;
		if (first != list && first->at_ms <= now_ms) {
			*kind = first->kind;
			deadline_disarm(first);
			return first;
		}
	}
	return NULL;
}
