/* hold and resume of the admin API. Control thread. The hold of an exclusive switch is not touched: that is ended by its deployment. */
#include "switch/admin_hold.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/text.h"
#include "switch/admin_waits.h"
#include "switch/rounds.h"
#include "switch/status.h"
#include "switch/wire.h"

#define SETTLE_MS 2000u

/* ---- what the answer waits for ---- */

static bool is_written(const struct ask *ask)
{
	char sentence[8];
	return keeper_read_state(ask->control->keeper, ask->ticket, sentence, sizeof(sentence)) != KEEPER_PENDING;
}

static bool is_settled(const struct ask *ask)
{
	return is_written(ask) && tables_are_in_force(ask->control->tables, ask->generation);
}

/* Answers with the body, which is the answer by now. */
static void answer_settled(struct ask *ask)
{
	char sentence[8];
	bool durable = keeper_read_state(ask->control->keeper, ask->ticket, sentence, sizeof(sentence)) == KEEPER_DURABLE;
	json_object_set_new(ask->body, "in_force", json_boolean(tables_are_in_force(ask->control->tables, ask->generation)));
	json_object_set_new(ask->body, "durable", json_boolean(durable));
	ask_answer(ask, 200, json_incref(ask->body));
}

static void answer_when_settled(struct ask *ask, json_t *answer)
{
	json_decref(ask->body);
	ask->body = answer;
	ask->generation = tables_publish(ask->control->tables);
	ask->ticket = keeper_write(ask->control->keeper);
	rounds_wake(ask->control);
	admin_waits_add(ask->control->admin, ask, SETTLE_MS, is_settled, answer_settled);
}

/* ---- hold ---- */

/* A deployment holds the requests itself. */
static bool refuse_of_switch(struct ask *ask, const struct service *service)
{
	const struct deployment *current = switcher_current(service->switcher);
	if (service->hold.by != SERVICE_HELD_BY_SWITCH)
		return false;
	ask_refuse(ask, "deployment_running", current ? json_pack("{s:s}", "deployment", current->id) : NULL,
		"the requests of service %s are held by its exclusive switch, which lets them go itself; `teal abort %s` stops it", service->name,
		service->name);
	return true;
}

static bool read_limit(struct ask *ask, const struct service *service, uint64_t *max_ms)
{
	*max_ms = wire_read_ms(ask->body, "max_s", service->conf->hold.max_ms);
	if (*max_ms >= CONF_HOLD_LEAST_MS && *max_ms <= CONF_HOLD_MOST_MS)
		return true;
	ask_refuse(ask, "bad_request", NULL, "\"max_s\" must be 0.1 to 600");
	return false;
}

static void emit_hold(const struct ask *ask, const struct service *service, uint64_t max_ms, const char *reason)
{
	char text[1400], limit[TEXT_UNIT_SIZE];
	text_format_duration(max_ms, limit);
	snprintf(text, sizeof(text), "%s: new requests are held for at most %s, by %s%s%s", service->name, limit, ask->actor.name, reason ? ": " : "",
		reason ? reason : "");
	json_t *more = json_pack("{s:o, s:o, s:o}", "actor", wire_text(ask->actor.name), "reason", wire_text(reason), "hold_max_s", wire_seconds(max_ms));
	events_emit(ask->control->events, service->name, NULL, "hold_begun", more, text);
}

void admin_hold_hold(struct admin *admin, struct ask *ask)
{
	static const struct ask_member members[] = {{"max_s", ASK_SECONDS}, {"reason", ASK_TEXT}};
	uint64_t max_ms;
	struct service *service = ask_find_routed_service(ask, "hold");
	(void)admin;
	if (!service || !ask_check_body(ask, members, 2) || !read_limit(ask, service, &max_ms) || refuse_of_switch(ask, service))
		return;
	if (ask->control->draining) {
		ask_refuse(ask, "stopping", NULL, "the daemon is draining and begins nothing new");
		return;
	}
	const char *reason = wire_read_text(ask->body, "reason");
	service_hold(service, SERVICE_HELD_BY_OPERATOR, ask->actor.name, reason, max_ms);
	emit_hold(ask, service, max_ms, reason);
	answer_when_settled(ask, json_pack("{s:o}", "held", status_make_hold(service)));
}

/* ---- resume ---- */

static void emit_resume(const struct ask *ask, const struct service *service, uint64_t waiting)
{
	char text[400];
	uint64_t now = clock_wall_ms(), held_ms = now > service->hold.at ? now - service->hold.at : 0;
	snprintf(text, sizeof(text), "%s: requests are let go after %" PRIu64 " ms, by %s; %" PRIu64 " of them waited", service->name, held_ms, ask->actor.name,
		waiting);
	json_t *more = json_pack("{s:o, s:s, s:o, s:o}", "actor", wire_text(ask->actor.name), "color", color_name(service->live), "held_ms",
		wire_count(held_ms), "waiting", wire_count(waiting));
	events_emit(ask->control->events, service->name, NULL, "hold_ended", more, text);
}

void admin_hold_resume(struct admin *admin, struct ask *ask)
{
	struct service *service = ask_find_routed_service(ask, "let go");
	(void)admin;
	if (!service || !ask_check_body(ask, NULL, 0) || refuse_of_switch(ask, service))
		return;
	if (service->hold.by == SERVICE_HELD_BY_NOBODY) {
		ask_refuse(ask, "not_held", NULL, "the requests of service %s are not held", service->name);
		return;
	}
	uint64_t waiting = totals_waiting(service->totals);
	service_resume(service);
	emit_resume(ask, service, waiting);
	answer_when_settled(ask, json_pack("{s:n, s:o, s:i}", "held", "waiting", wire_count(waiting), "release_per_s", (int)service->conf->hold.release));
}
