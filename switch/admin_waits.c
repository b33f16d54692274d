/* Requests that are answered later. Control thread; looked at whenever deployments are. */
#include "switch/admin_waits.h"

#include "base/clock.h"
#include "switch/rounds.h"

static void end(struct admin *admin, struct ask *ask)
{
	LIST_REMOVE(ask, wait_link);
	ask->waits = false;
	admin->wait_count--;
	ask->answer(ask);
}

void admin_waits_add(struct admin *admin, struct ask *ask, uint64_t wait_ms, bool (*is_over)(const struct ask *ask), void (*answer)(struct ask *ask))
{
	if (is_over(ask)) {
		answer(ask);
		return;
	}
	if (admin->wait_count >= ADMIN_WAITS) {
		ask_refuse(ask, "too_many_streams", NULL, "%u requests are waiting already", ADMIN_WAITS);
		return;
	}
	ask->is_over = is_over;
	ask->answer = answer;
	ask->deadline_ms = clock_mono_ms() + wait_ms;
	ask->waits = true;
	admin->wait_count++;
	LIST_INSERT_HEAD(&admin->waits, ask, wait_link);
	rounds_wake(admin->control);
}

void admin_waits_check(struct admin *admin)
{
	uint64_t now = clock_mono_ms();
	struct ask *ask, *next;
	for (ask = LIST_FIRST(&admin->waits); ask; ask = next) {
		next = LIST_NEXT(ask, wait_link);
		if (!ask->http || now >= ask->deadline_ms || ask->is_over(ask))
			end(admin, ask);
	}
}
