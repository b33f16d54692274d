/* The admin API's other verbs: going on with a deployment, locks, probes, backends, reload, stop. Control thread. */
#include "switch/admin_verbs.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "switch/admin_release.h"
#include "switch/admin_waits.h"
#include "switch/reload.h"
#include "switch/rounds.h"
#include "switch/status.h"
#include "switch/tables.h"
#include "switch/wire.h"

#define TRUTH_WAIT_MS 2000u
#define IN_FORCE_WAIT_MS 2000u

/* ---- going on ---- */

typedef bool going_on(struct switcher *switcher, const struct actor *actor, char id[32], struct switcher_refusal *refusal);

/* `more` goes into the answer; consumed, may be NULL. */
static void go_on(struct ask *ask, going_on *how, json_t *more)
{
	char id[32];
	struct switcher_refusal refusal;
	struct service *service = ask_find_service(ask);
	if (!service || !ask_check_body(ask, NULL, 0)) {
		json_decref(more);
		return;
	}
	if (how(service->switcher, &ask->actor, id, &refusal)) {
		json_t *answer = json_pack("{s:s}", "deployment", id);
		json_object_update(answer, more);
		rounds_wake(ask->control);
		ask_answer(ask, 200, answer);
	} else {
		ask_refuse_verb(ask, &refusal);
	}
	json_decref(more);
}

/* In steps: what the new color gets next, in percent; null in the bake. */
static json_t *describe_next_share(const struct deployment *deployment)
{
	if (!deployment || (deployment->step != STEP_SHIFT && deployment->step != STEP_COMPLETE))
		return json_null();
	const struct deployment_shift *shift = &deployment->shift;
	bool whole = shift->pause_ms > 0 || shift->at + 1 >= shift->count;
	return deployment_share_to_json(whole ? DEPLOYMENT_SHARE_WHOLE : shift->shares[shift->at + 1]);
}

void admin_verbs_promote(struct admin *admin, struct ask *ask)
{
	const struct service *service = control_find_service(ask->control, ask->service);
	json_t *share = describe_next_share(service ? switcher_current(service->switcher) : NULL);
	(void)admin;
	go_on(ask, switcher_promote, json_pack("{s:o}", "share", share));
}

void admin_verbs_confirm(struct admin *admin, struct ask *ask)
{
	(void)admin;
	go_on(ask, switcher_confirm, NULL);
}

/* ---- what waits for the disk ---- */

static bool is_written(const struct ask *ask)
{
	char sentence[8];
	return keeper_read_state(ask->control->keeper, ask->ticket, sentence, sizeof(sentence)) != KEEPER_PENDING;
}

/* Answers with the body, which is the answer by now. */
static void answer_written(struct ask *ask)
{
	char sentence[8];
	bool durable = keeper_read_state(ask->control->keeper, ask->ticket, sentence, sizeof(sentence)) == KEEPER_DURABLE;
	json_object_set_new(ask->body, "durable", json_boolean(durable));
	ask_answer(ask, 200, json_incref(ask->body));
}

static void answer_when_written(struct ask *ask, json_t *answer)
{
	json_decref(ask->body);
	ask->body = answer;
	ask->ticket = keeper_write(ask->control->keeper);
	admin_waits_add(ask->control->admin, ask, TRUTH_WAIT_MS, is_written, answer_written);
}

/* ---- locks ---- */

static void emit_lock(const struct ask *ask, const struct service *service, const char *event, const char *reason)
{
	char text[1400];
	snprintf(text, sizeof(text), "%s: %s by %s%s%s", service->name, event, ask->actor.name, reason ? ": " : "", reason ? reason : "");
	json_t *more = json_pack("{s:o, s:o}", "actor", wire_text(ask->actor.name), "reason", wire_text(reason));
	events_emit(ask->control->events, service->name, NULL, event, more, text);
}

void admin_verbs_lock(struct admin *admin, struct ask *ask)
{
	static const struct ask_member members[] = {{"reason", ASK_TEXT}};
	struct service *service = ask_find_service(ask);
	(void)admin;
	if (!service || !ask_check_body(ask, members, 1))
		return;
	const char *reason = wire_read_text(ask->body, "reason");
	service_lock(service, ask->actor.name, reason);
	emit_lock(ask, service, "locked", reason);
	answer_when_written(ask, json_pack("{s:{s:o, s:o, s:o}}", "locked", "reason", wire_text(reason), "actor", wire_text(service->lock.actor), "at",
					 wire_time(service->lock.at)));
}

void admin_verbs_unlock(struct admin *admin, struct ask *ask)
{
	struct service *service = ask_find_service(ask);
	(void)admin;
	if (!service || !ask_check_body(ask, NULL, 0))
		return;
	service_unlock(service);
	emit_lock(ask, service, "unlocked", NULL);
	answer_when_written(ask, json_pack("{s:n}", "locked"));
}

/* ---- backends ---- */

static bool may_put(struct ask *ask, const struct service *service)
{
	const struct deployment *current = switcher_current(service->switcher);
	if (current)
		ask_refuse(ask, "deployment_running", json_pack("{s:s}", "deployment", current->id), "deployment %s of service %s is under way", current->id,
			service->name);
	else if (service->live == ask->color && !wire_read_flag(ask->body, "force"))
		ask_refuse(ask, "color_is_live", NULL, "%s is the live color of service %s; its backends are changed with \"force\" only",
			color_name(ask->color), service->name);
	else
		return true;
	return false;
}

static void emit_color(const struct ask *ask, const struct service *service)
{
	char text[256];
	const struct release *now = &service->colors[ask->color].now;
	snprintf(text, sizeof(text), "%s: %s has %zu backend%s by %s", service->name, color_name(ask->color), now->count, now->count == 1 ? "" : "s",
		ask->actor.name);
	json_t *more = json_pack("{s:s, s:o, s:o, s:o}", "color", color_name(ask->color), "version", wire_text(now->version), "backends",
		wire_texts(now->backends, now->count), "actor", wire_text(ask->actor.name));
	events_emit(ask->control->events, service->name, NULL, "color_changed", more, text);
}

void admin_verbs_put_color(struct admin *admin, struct ask *ask)
{
	static const struct ask_member members[] = {{"backends", ASK_TEXTS}, {"version", ASK_VERSION}, {"force", ASK_FLAG}};
	struct release release = {0};
	struct service *service = ask_find_service(ask);
	(void)admin;
	if (!service || !ask_check_body(ask, members, 3) || !may_put(ask, service) ||
		!admin_release_read(ask, 0, &service->conf->colors[ask->color].tls, &release))
		return;
	service_set_release(service, ask->color, &release, true, false);
	release_fini(&release);
	emit_color(ask, service);
	answer_when_written(ask, status_make_color(service, ask->color));
}

/* ---- probe ---- */

struct ask_shot {
	struct ask *ask;
	enum color color;
	char backend[ADDR_TEXT_SIZE];
	struct probe_result result;
};

static json_t *shots_of(const struct ask *ask, enum color color, const char *version)
{
	json_t *backends = json_array();
	for (size_t i = 0; i < ask->shot_count; i++) {
		const struct ask_shot *shot = &ask->shots[i];
		if (shot->color != color)
			continue;
		json_array_append_new(backends, json_pack("{s:o, s:b, s:f, s:o}", "address", wire_text(shot->backend), "ok", shot->result.ok, "ms",
							(double)shot->result.took_us / 1000.0, "detail", wire_text(shot->result.detail)));
	}
	return json_pack("{s:o, s:o}", "version", wire_text(version), "backends", backends);
}

static void answer_shots(struct ask *ask)
{
	bool ok = ask->shot_count > 0;
	json_t *colors = json_object();
	const char *only = wire_read_text(ask->body, "color");
	const struct service *service = control_find_service(ask->control, ask->service);
	for (size_t i = 0; i < ask->shot_count; i++)
		ok = ok && ask->shots[i].result.ok;
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		if (!only || strcmp(only, color_name((enum color)color)) == 0)
			json_object_set_new(
				colors, color_name((enum color)color), shots_of(ask, (enum color)color, service ? service->colors[color].now.version : NULL));
	json_t *answer = json_pack("{s:o, s:b, s:o}", "service", wire_text(ask->service), "ok", ok, "colors", colors);
	ask_answer(ask, 200, answer);
}

static void on_shot(void *arg, const struct probe_result *result)
{
	struct ask_shot *shot = arg;
	struct ask *ask = shot->ask;
	shot->result = *result;
	if (--ask->shots_left == 0)
		answer_shots(ask);
}

static void shoot(struct ask *ask, struct ask_shot *shot, const struct member *member)
{
	struct probe_target target = member_probe_target(member);
	*shot = (struct ask_shot){.ask = ask, .color = member->owner->color};
	snprintf(shot->backend, sizeof(shot->backend), "%s", member->name);
	probe_once(ask->control->prober, &target, on_shot, shot);
}

static bool is_wanted(const struct ask *ask, enum color color)
{
	const char *only = wire_read_text(ask->body, "color");
	return !only || strcmp(only, color_name(color)) == 0;
}

void admin_verbs_probe(struct admin *admin, struct ask *ask)
{
	static const struct ask_member members[] = {{"color", ASK_COLOR}};
	size_t next = 0;
	struct service *service = ask_find_service(ask);
	(void)admin;
	if (!service || !ask_check_body(ask, members, 1))
		return;
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		ask->shot_count += is_wanted(ask, (enum color)color) ? service->colors[color].count : 0;
	ask->shots = memory_array(ask->shot_count, sizeof(*ask->shots));
	ask->shots_left = ask->shot_count;
	if (ask->shot_count == 0) {
		answer_shots(ask);
		return;
	}
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		for (size_t i = 0; is_wanted(ask, (enum color)color) && i < service->colors[color].count; i++)
			shoot(ask, &ask->shots[next++], service->colors[color].members[i]);
}

/* ---- the daemon ---- */

static bool is_in_force(const struct ask *ask)
{
	return tables_are_in_force(ask->control->tables, ask->generation);
}

static void answer_reloaded(struct ask *ask)
{
	ask_answer(ask, 200, json_incref(ask->body));
}

/* Once every worker goes by the new file, so that the next request does, too. */
static void answer_when_in_force(struct ask *ask, json_t *answer)
{
	json_decref(ask->body);
	ask->body = answer;
	ask->generation = tables_generation(ask->control->tables);
	admin_waits_add(ask->control->admin, ask, IN_FORCE_WAIT_MS, is_in_force, answer_reloaded);
}

void admin_verbs_reload(struct admin *admin, struct ask *ask)
{
	json_t *changed, *more;
	struct reload_refusal refusal;
	if (!ask_check_body(ask, NULL, 0))
		return;
	if (reload_run(admin->control, &changed, &refusal)) {
		answer_when_in_force(ask, json_pack("{s:o}", "changed", changed));
		return;
	}
	more = json_object();
	if (refusal.list)
		json_object_set_new(more, strcmp(refusal.code, "restart_needed") == 0 ? "keys" : "faults", refusal.list);
	if (refusal.deployment[0])
		json_object_set_new(more, "deployment", json_string(refusal.deployment));
	ask_refuse(ask, refusal.code, more, "%s", refusal.detail);
}

void admin_verbs_stop(struct admin *admin, struct ask *ask)
{
	struct control *control = admin->control;
	if (!ask_check_body(ask, NULL, 0))
		return;
	ask_answer(ask, 202, json_pack("{s:b}", "stopping", true));
	if (!control->draining)
		control_stop(control);
}
