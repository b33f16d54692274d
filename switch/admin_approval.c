/* Approvals by the admin API. Control thread. */
#include "switch/admin_approval.h"

#include "base/clock.h"
#include "switch/ask.h"
#include "switch/procedure.h"
#include "switch/rounds.h"
#include "switch/wire.h"

typedef bool answering(struct procedure *procedure, const char *deployment, const struct actor *actor, const char *reason, uint64_t wall_ms, char id[32],
	struct switcher_refusal *refusal);

static void take_answer(struct ask *ask, answering *how)
{
	static const struct ask_member members[] = {{"deployment", ASK_TEXT}, {"reason", ASK_TEXT}};
	char id[32];
	struct switcher_refusal refusal;
	struct service *service = ask_find_service(ask);
	if (!service || !ask_check_body(ask, members, 2))
		return;
	if (!how(service->procedure, wire_read_text(ask->body, "deployment"), &ask->actor, wire_read_text(ask->body, "reason"), clock_wall_ms(), id,
		    &refusal)) {
		ask_refuse_verb(ask, &refusal);
		return;
	}
	rounds_wake(ask->control);
	ask_answer(ask, 200, json_pack("{s:s}", "deployment", id));
}

void admin_approval_approve(struct admin *admin, struct ask *ask)
{
	(void)admin;
	take_answer(ask, procedure_approve);
}

void admin_approval_reject(struct admin *admin, struct ask *ask)
{
	(void)admin;
	take_answer(ask, procedure_reject);
}
