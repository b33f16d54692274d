/* Rehearsals by the admin API: start, stop, report. Control thread. */
#include "switch/admin_rehearsal.h"

#include "switch/ask.h"
#include "switch/rehearsal.h"
#include "switch/wire.h"

void admin_rehearsal_start(struct admin *admin, struct ask *ask)
{
	static const struct ask_member members[] = {{"to", ASK_COLOR}, {"share", ASK_SHARE}, {"for_s", ASK_TIME}};
	struct switcher_refusal refusal;
	struct service *service = ask_find_routed_service(ask, "copy");
	(void)admin;
	if (!service || !ask_check_body(ask, members, sizeof(members) / sizeof(members[0])))
		return;
	if (ask->control->draining) {
		ask_refuse(ask, "stopping", NULL, "the daemon is draining and begins nothing new");
		return;
	}
	const char *to = wire_read_text(ask->body, "to");
	struct rehearsal_wish wish = {
		.share = json_number_value(json_object_get(ask->body, "share")),
		.for_ms = wire_read_ms(ask->body, "for_s", 0),
		.actor = ask->actor.name,
	};
	wish.names_color = to && color_parse(to, &wish.color);
	if (rehearsal_start(service, &wish, &refusal))
		ask_answer(ask, 202, rehearsal_make_report(service));
	else
		ask_refuse_verb(ask, &refusal);
}

void admin_rehearsal_stop(struct admin *admin, struct ask *ask)
{
	struct service *service = ask_find_routed_service(ask, "copy");
	(void)admin;
	if (!service || !ask_check_body(ask, NULL, 0))
		return;
	if (rehearsal_stop(service, ask->actor.name))
		ask_answer(ask, 200, rehearsal_make_report(service));
	else
		ask_refuse(ask, "no_rehearsal", NULL, "no rehearsal of service %s is under way", service->name);
}

void admin_rehearsal_report(struct admin *admin, struct ask *ask)
{
	const struct service *service = ask_find_routed_service(ask, "copy");
	(void)admin;
	if (service)
		ask_answer(ask, 200, rehearsal_make_report(service));
}
