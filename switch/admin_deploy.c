/* switch, deploy, rollback and abort of the admin API, the first three each done once per Idempotency-Key. Control thread; what is done is the switcher's. */
#include "switch/admin_deploy.h"

#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/memory.h"
#include "switch/admin_look.h"
#include "switch/admin_manner.h"
#include "switch/admin_release.h"
#include "switch/admin_waits.h"
#include "switch/prepare.h"
#include "switch/rounds.h"
#include "switch/service_dns.h"
#include "switch/wire.h"

#define WAIT_MS 60000u /* for the gate `healthy` */
#define ACCEPT_WAIT_MS 2000u
#define ROLLBACK_WAIT_MS 4000u

/* ---- once per key ---- */

static void start(struct ask *ask);

static void answer_repeated(struct ask *ask, const char *id, bool same)
{
	bool is_rollback = strcmp(ask->verb, "rollback") == 0;
	if (same)
		ask_answer(ask, is_rollback ? 200 : 202, json_pack("{s:s, s:b}", "deployment", id, "repeated", true));
	else
		ask_refuse(ask, "idempotency_key_reused", json_pack("{s:s}", "deployment", id),
			"Idempotency-Key \"%s\" was used for another request (deployment %s)", ask->key, id);
}

static bool answer_from_memory(struct ask *ask)
{
	bool same;
	const struct once *once = ask->control->admin->once;
	const char *id = once_find(once, ask->key, ask->fingerprint, clock_wall_ms(), &same);
	if (id)
		answer_repeated(ask, id, same);
	return id != NULL;
}

/* Another with the same key may have come while a record was read. */
static void start_unless_repeated(struct ask *ask)
{
	if (!ask->key || !answer_from_memory(ask))
		start(ask);
}

static void on_key_looked_up(void *arg, json_t *document, const char *sentence)
{
	struct ask *ask = arg;
	(void)sentence;
	if (document)
		answer_repeated(ask, wire_read_text(document, "id"), wire_read_count(document, "fingerprint") == ask->fingerprint);
	else if (!answer_from_memory(ask))
		admin_look_first(ask, start_unless_repeated);
	json_decref(document);
}

static void do_once(struct ask *ask)
{
	if (!ask->key)
		admin_look_first(ask, start_unless_repeated);
	else if (!answer_from_memory(ask))
		journal_find_key(ask->control->journal, ask->key, on_key_looked_up, ask);
}

static void remember_key(struct ask *ask, const char *id)
{
	if (ask->key)
		once_add(ask->control->admin->once, ask->key, ask->fingerprint, id, clock_wall_ms());
}

static bool refuse_stopping(struct ask *ask)
{
	if (!ask->control->draining)
		return false;
	ask_refuse(ask, "stopping", NULL, "the daemon is draining and begins nothing new");
	return true;
}

/* Route 53 takes one change of a record at a time, and a switch is to know what it changes. */
static bool refuse_preparing(struct ask *ask, const struct service *service)
{
	if (!prepare_is_changing(service->prepare))
		return false;
	ask_refuse(ask, "prepare_running", NULL, "the TTL of service %s is being lowered right now; `teal dns status %s` shows when that is done",
		service->name, service->name);
	return true;
}

/* ---- switch and deploy ---- */

/* Where nobody knows which color is live, nobody knows either which is the other one. */
static bool names_color(struct ask *ask, const struct service *service)
{
	bool drifted;
	const char *fault = service_dns_fault(service, &drifted);
	if (!fault || wire_read_text(ask->body, "to"))
		return true;
	ask_refuse(ask, "live_unknown", NULL, "which color of service %s is live is not known: %s", service->name, fault);
	return false;
}

static void read_request(const struct ask *ask, const struct service *service, struct switcher_request *request)
{
	const char *to = wire_read_text(ask->body, "to"), *expect = wire_read_text(ask->body, "expect_live");
	const json_t *confirm = json_object_get(ask->body, "confirm_within_s");
	*request = (struct switcher_request){
		.kind = strcmp(ask->verb, "deploy") == 0 ? DEPLOYMENT_DEPLOY : DEPLOYMENT_SWITCH,
		.to = color_other(service->live),
		.reason = wire_read_text(ask->body, "reason"),
		.key = ask->key,
		.fingerprint = ask->fingerprint,
		.actor = ask->actor,
		.force = wire_read_flag(ask->body, "force"),
		.expects = expect != NULL,
		.wait_ms = wire_read_ms(ask->body, "wait_s", WAIT_MS),
		.bake_ms = wire_read_ms(ask->body, "bake_s", service->conf->bake_ms),
		.wants_confirm = json_is_number(confirm),
		.confirm_within_ms = wire_read_ms(ask->body, "confirm_within_s", 0),
	};
	if (to)
		color_parse(to, &request->to);
	if (expect)
		color_parse(expect, &request->expect_live);
}

static bool can_be_confirmed(struct ask *ask, const struct switcher_request *request)
{
	if (!request->wants_confirm || request->confirm_within_ms > 0)
		return true;
	ask_refuse(ask, "bad_request", NULL, "\"confirm_within_s\" must be more than 0; without it nobody has to confirm");
	return false;
}

/* What `to` gets: deploy gives all of it, switch at most another version. */
static bool read_release(struct ask *ask, const struct service *service, const struct switcher_request *request, struct release *release)
{
	const char *version = wire_read_text(ask->body, "version");
	if (request->kind == DEPLOYMENT_DEPLOY)
		return admin_release_read(ask, 1, &service->conf->colors[request->to].tls, release);
	release_copy(release, &service->colors[request->to].now);
	if (version)
		release_set_version(release, version);
	return true;
}

static bool is_written(const struct ask *ask)
{
	char sentence[8];
	return keeper_read_state(ask->control->keeper, ask->ticket, sentence, sizeof(sentence)) != KEEPER_PENDING;
}

static void answer_accepted(struct ask *ask)
{
	ask_answer(ask, 202, json_pack("{s:s}", "deployment", ask->id));
}

static void start(struct ask *ask)
{
	char id[32];
	struct switcher_refusal refusal;
	struct switcher_request request;
	struct release release = {0};
	struct admin_manner manner;
	struct service *service = ask_find_service(ask);
	if (!service || refuse_stopping(ask) || refuse_preparing(ask, service))
		return;
	if (!names_color(ask, service))
		return;
	read_request(ask, service, &request);
	if (!can_be_confirmed(ask, &request))
		return;
	if (!admin_manner_read(ask, service, &manner, &request) || !read_release(ask, service, &request, &release)) {
		admin_manner_fini(&manner);
		return;
	}
	request.release = &release;
	if (switcher_start(service->switcher, &request, id, &refusal)) {
		remember_key(ask, id);
		ask->id = memory_text(id);
		ask->ticket = keeper_newest(ask->control->keeper);
		rounds_wake(ask->control);
		admin_waits_add(ask->control->admin, ask, ACCEPT_WAIT_MS, is_written, answer_accepted);
	} else {
		json_t *more = json_object();
		if (refusal.deployment[0])
			json_object_set_new(more, "deployment", json_string(refusal.deployment));
		if (strcmp(refusal.code, "live_is_other") == 0)
			json_object_set_new(more, "live", wire_text(service_live_name(service)));
		ask_refuse(ask, refusal.code, more, "%s", refusal.detail);
	}
	release_fini(&release);
	admin_manner_fini(&manner);
}

void admin_deploy_switch(struct admin *admin, struct ask *ask)
{
	static const struct ask_member members[] = {{"to", ASK_COLOR}, {"version", ASK_VERSION}, {"reason", ASK_TEXT}, {"expect_live", ASK_COLOR},
		{"force", ASK_FLAG}, {"bake_s", ASK_SECONDS}, {"confirm_within_s", ASK_SECONDS}, {"wait_s", ASK_SECONDS}, ADMIN_MANNER_MEMBERS,
		{"standalone", ASK_LATER}, {"shield", ASK_LATER}};
	(void)admin;
	if (ask_check_body(ask, members, sizeof(members) / sizeof(members[0])))
		do_once(ask);
}

void admin_deploy_deploy(struct admin *admin, struct ask *ask)
{
	static const struct ask_member members[] = {{"backends", ASK_TEXTS}, {"to", ASK_COLOR}, {"version", ASK_VERSION}, {"reason", ASK_TEXT},
		{"expect_live", ASK_COLOR}, {"force", ASK_FLAG}, {"bake_s", ASK_SECONDS}, {"confirm_within_s", ASK_SECONDS}, {"wait_s", ASK_SECONDS},
		ADMIN_MANNER_MEMBERS, {"standalone", ASK_LATER}, {"shield", ASK_LATER}};
	(void)admin;
	if (ask_check_body(ask, members, sizeof(members) / sizeof(members[0])))
		do_once(ask);
}

/* ---- rollback ---- */

static const struct deployment *find_current(const struct ask *ask)
{
	const struct service *service = control_find_service(ask->control, ask->service);
	const struct deployment *current = service ? switcher_current(service->switcher) : NULL;
	return current && strcmp(current->id, ask->id) == 0 ? current : NULL;
}

static bool is_settled(const struct ask *ask)
{
	const struct deployment *current = find_current(ask);
	return !current || (current->rollback.in_force && current->rollback.durable >= 0);
}

/* By Route 53 the change back may be refused; the deployment has ended by that. */
static bool refuse_failed(struct ask *ask, const json_t *document)
{
	const char *outcome = wire_read_text(document, "outcome"), *detail = wire_read_text(document, "detail");
	if (json_is_object(json_object_get(document, "rollback")) || !outcome || strcmp(outcome, deployment_outcome_name(OUTCOME_FAILED)) != 0)
		return false;
	ask_refuse(ask, "not_rolled_back", json_pack("{s:s}", "deployment", ask->id), "%s", detail ? detail : "the deployment has failed");
	return true;
}

static void answer_rollback(struct ask *ask)
{
	const struct deployment *current = find_current(ask);
	const struct service *service = control_find_service(ask->control, ask->service);
	json_t *document = current ? deployment_to_json(current) : json_copy((json_t *)archive_find(ask->control->archive, ask->id));
	const json_t *rollback = json_object_get(document, "rollback");
	if (refuse_failed(ask, document)) {
		json_decref(document);
		return;
	}
	json_t *answer = json_pack("{s:s}", "deployment", ask->id);
	/* Stopped before the flip, nothing went back: there is no more to tell. */
	if (json_is_object(rollback)) {
		json_object_set_new(answer, "live", wire_text(service ? service_live_name(service) : NULL));
		json_object_set_new(answer, "in_force", json_boolean(wire_read_flag(rollback, "in_force")));
		json_object_set_new(answer, "durable", json_boolean(wire_read_flag(rollback, "durable")));
		json_object_set_new(answer, "warning", json_incref(json_object_get(rollback, "warning")));
	}
	json_decref(document);
	ask_answer(ask, 200, answer);
}

static void answer_when_settled(struct ask *ask, const char *id)
{
	ask->id = memory_text(id);
	rounds_wake(ask->control);
	admin_waits_add(ask->control->admin, ask, ROLLBACK_WAIT_MS, is_settled, answer_rollback);
}

static void roll_back(struct ask *ask)
{
	char id[32];
	struct switcher_refusal refusal;
	struct service *service = ask_find_service(ask);
	if (!service)
		return;
	if (!switcher_rollback(service->switcher, &ask->actor, wire_read_text(ask->body, "reason"), wire_read_flag(ask->body, "force"), id, &refusal)) {
		ask_refuse_verb(ask, &refusal);
		return;
	}
	remember_key(ask, id);
	answer_when_settled(ask, id);
}

static void roll_back_unless_repeated(struct ask *ask)
{
	if (!ask->key || !answer_from_memory(ask))
		roll_back(ask);
}

void admin_deploy_rollback(struct admin *admin, struct ask *ask)
{
	static const struct ask_member members[] = {{"reason", ASK_TEXT}, {"force", ASK_FLAG}};
	(void)admin;
	if (!ask_check_body(ask, members, 2))
		return;
	/* A rollback waits for nothing, so neither for the journal to look a key up. */
	if (!ask->key || !answer_from_memory(ask))
		admin_look_briefly(ask, roll_back_unless_repeated);
}

void admin_deploy_abort(struct admin *admin, struct ask *ask)
{
	static const struct ask_member members[] = {{"reason", ASK_TEXT}};
	char id[32];
	struct switcher_refusal refusal;
	struct service *service = ask_find_service(ask);
	(void)admin;
	if (!service || !ask_check_body(ask, members, 1))
		return;
	if (switcher_abort(service->switcher, &ask->actor, wire_read_text(ask->body, "reason"), id, &refusal))
		answer_when_settled(ask, id);
	else
		ask_refuse_verb(ask, &refusal);
}
