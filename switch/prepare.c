/* Lowering a TTL ahead of a switch, and knowing from when that helps. Control thread. What is sent and read is dns/steering's business; here is what is written down when, and what it is called. */
#include "switch/prepare.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "dns/steering.h"
#include "switch/service.h"
#include "switch/service_dns.h"
#include "switch/wire.h"

#define RECORD_MS 2000u    /* for the disk, as for a switch */
#define PATIENCE_MS 60000u /* for Route 53 */

enum prepare_state { PREPARE_NONE, PREPARE_RECORDING, PREPARE_CHANGING, PREPARE_WAITING, PREPARE_QUICK, PREPARE_REFUSED, PREPARE_FAILED };
static const char *const state_names[] = {"none", "recording", "changing", "waiting", "quick", "refused", "failed"};

struct prepare {
	struct service *service;
	struct keeper *keeper;
	struct events *events;
	enum prepare_state state;
	char actor[64];
	uint64_t asked_at, accepted_at, insync_at, quick_from; /* wall clock; 0: not yet */
	uint32_t from_ttl_s, ttl_s;
	json_t *intent; /* as it is written down; NULL: nothing was or is to be sent */
	char *change_id;
	char sentence[1024];
	uint64_t ticket, deadline_ms; /* of the disk */
};

struct prepare *prepare_new(struct service *service, struct keeper *keeper, struct events *events)
{
	struct prepare *prepare = memory_new(sizeof(*prepare));
	prepare->service = service;
	prepare->keeper = keeper;
	prepare->events = events;
	return prepare;
}

static void forget(struct prepare *prepare)
{
	json_decref(prepare->intent);
	free(prepare->change_id);
	prepare->intent = NULL;
	prepare->change_id = NULL;
	prepare->accepted_at = prepare->insync_at = prepare->quick_from = 0;
	prepare->sentence[0] = '\0';
}

void prepare_free(struct prepare *prepare)
{
	if (!prepare)
		return;
	forget(prepare);
	free(prepare);
}

bool prepare_is_changing(const struct prepare *prepare)
{
	return prepare && (prepare->state == PREPARE_RECORDING || prepare->state == PREPARE_CHANGING);
}

static struct steering *find_steering(const struct prepare *prepare)
{
	return service_dns_steering(prepare->service);
}

/* ---- telling ---- */

static void emit(const struct prepare *prepare, const char *event, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void emit(const struct prepare *prepare, const char *event, const char *format, ...)
{
	char sentence[1200], text[1400];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	snprintf(text, sizeof(text), "%s: %s", prepare->service->name, sentence);
	events_emit(prepare->events, prepare->service->name, NULL, event, json_pack("{s:o}", "prepare", prepare_to_json(prepare)), text);
}

/* ---- its states ---- */

/* The only writer of the state. What an end or a beginning changes is written down. */
static void enter(struct prepare *prepare, enum prepare_state state)
{
	prepare->state = state;
	prepare->ticket = keeper_write(prepare->keeper);
}

static void fail(struct prepare *prepare, enum prepare_state state, const char *sentence)
{
	snprintf(prepare->sentence, sizeof(prepare->sentence), "%s", sentence);
	enter(prepare, state);
	emit(prepare, "prepare_failed", "the TTL was not changed: %s", prepare->sentence);
}

static void finish(struct prepare *prepare)
{
	enter(prepare, PREPARE_QUICK);
	emit(prepare, "prepared", "no cache that honours TTL holds the record for longer than %" PRIu32 " s any more: a switch is quick from now on",
		prepare->ttl_s);
}

static void record(struct prepare *prepare)
{
	char sentence[256] = "";
	enum keeper_state written = keeper_read_state(prepare->keeper, prepare->ticket, sentence, sizeof(sentence));
	if (written == KEEPER_DURABLE) {
		prepare->state = PREPARE_CHANGING;
		steering_change(find_steering(prepare), prepare->intent, PATIENCE_MS);
	} else if (clock_mono_ms() >= prepare->deadline_ms) {
		char why[512];
		snprintf(why, sizeof(why), "the state directory can't be written%s%s", *sentence ? ": " : "", sentence);
		fail(prepare, PREPARE_FAILED, why);
	}
}

/* The intent with what became of it, to be found again after a restart. */
static void keep_intent(struct prepare *prepare)
{
	json_t *now = steering_intent(find_steering(prepare));
	if (now && !json_equal(now, prepare->intent)) {
		json_decref(prepare->intent);
		prepare->intent = json_incref(now);
		prepare->ticket = keeper_write(prepare->keeper);
	}
	json_decref(now);
}

static void change(struct prepare *prepare)
{
	struct steering_progress progress;
	char sentence[sizeof(prepare->sentence)] = "";
	enum steering_state state = steering_read_change(find_steering(prepare), sentence, sizeof(sentence));
	keep_intent(prepare);
	if (state == STEERING_REFUSED || state == STEERING_FAILED) {
		fail(prepare, state == STEERING_REFUSED ? PREPARE_REFUSED : PREPARE_FAILED, sentence);
	} else if (state == STEERING_DONE) {
		steering_read_progress(find_steering(prepare), &progress);
		prepare->accepted_at = progress.accepted_at ? progress.accepted_at : clock_wall_ms();
		prepare->change_id = memory_text(progress.change_id);
		enter(prepare, PREPARE_WAITING);
		emit(prepare, "prepare_accepted", "Route 53 has accepted the TTL of %" PRIu32 " s instead of %" PRIu32 " s (change %s)", prepare->ttl_s,
			prepare->from_ttl_s, progress.change_id);
	}
}

/* A switch that came meanwhile is followed instead: what it knows of earlier TTLs is in steering_quick_from. */
static void wait(struct prepare *prepare)
{
	struct steering_progress progress;
	struct steering *steering = find_steering(prepare);
	steering_read_progress(steering, &progress);
	bool ours = progress.known && prepare->change_id && strcmp(progress.change_id, prepare->change_id) == 0;
	uint64_t before = prepare->quick_from;
	if (ours) {
		keep_intent(prepare);
		if (progress.insync_at)
			prepare->insync_at = progress.insync_at;
		if (progress.safe_at) /* behind a restart that is found out anew */
			prepare->quick_from = progress.safe_at;
	} else if (!prepare->quick_from || steering_quick_from(steering) > prepare->quick_from) {
		uint64_t quick_from = steering_quick_from(steering);
		prepare->quick_from = quick_from ? quick_from : clock_wall_ms();
	}
	if (prepare->quick_from != before)
		prepare->ticket = keeper_write(prepare->keeper);
	if (prepare->quick_from && clock_wall_ms() >= prepare->quick_from)
		finish(prepare);
}

/* Nobody who goes back waits for this. What the record was changed by then is what the deployment starts from, and the next change is its own. */
static void give_way(struct prepare *prepare, const struct deployment *deployment)
{
	char why[256];
	snprintf(why, sizeof(why), "deployment %s came in between; `teal dns status` shows the TTL", deployment->id);
	fail(prepare, PREPARE_FAILED, why);
}

void prepare_run(struct prepare *prepare)
{
	if (!find_steering(prepare))
		return;
	const struct deployment *current = switcher_current(prepare->service->switcher);
	if (current && prepare_is_changing(prepare))
		give_way(prepare, current);
	if (prepare->state == PREPARE_RECORDING)
		record(prepare);
	if (prepare->state == PREPARE_CHANGING)
		change(prepare);
	if (prepare->state == PREPARE_WAITING)
		wait(prepare);
}

/* ---- the request ---- */

static bool refuse(struct switcher_refusal *refusal, const char *code, const char *format, ...) __attribute__((format(printf, 3, 4)));

static bool refuse(struct switcher_refusal *refusal, const char *code, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	*refusal = (struct switcher_refusal){.code = code};
	vsnprintf(refusal->detail, sizeof(refusal->detail), format, arguments);
	va_end(arguments);
	return false;
}

static bool is_possible(const struct prepare *prepare, struct switcher_refusal *refusal)
{
	const struct service *service = prepare->service;
	const struct deployment *current = switcher_current(service->switcher);
	if (service->conf->route53.policy == CONF_ROUTE53_HEALTH_CHECK)
		return refuse(refusal, "change_impossible",
			"with the policy health_check no record is changed by a switch, so there is no TTL to lower ahead of it; `teal dns plan %s` prints the records with theirs",
			service->name);
	if (prepare_is_changing(prepare))
		return refuse(refusal, "prepare_running", "the TTL of service %s is being lowered already, asked for by %s", service->name, prepare->actor);
	if (!current)
		return true;
	refuse(refusal, "deployment_running", "deployment %s of service %s is under way; the TTL can be lowered once it has ended", current->id, service->name);
	snprintf(refusal->deployment, sizeof(refusal->deployment), "%s", current->id);
	return false;
}

/* The record has that TTL already; what is still to come is the end of what was lowered before, whoever did it. */
static void take_as_lowered(struct prepare *prepare, uint32_t ttl_s)
{
	uint64_t quick_from = steering_quick_from(find_steering(prepare));
	if (prepare->state == PREPARE_WAITING)
		return;
	forget(prepare);
	prepare->from_ttl_s = prepare->ttl_s = ttl_s;
	prepare->quick_from = quick_from ? quick_from : clock_wall_ms();
	enter(prepare, quick_from > clock_wall_ms() ? PREPARE_WAITING : PREPARE_QUICK);
}

bool prepare_start(struct prepare *prepare, const char *actor, struct switcher_refusal *refusal)
{
	struct err err;
	struct steering_view view;
	if (!is_possible(prepare, refusal))
		return false;
	uint32_t wanted_s = prepare->service->conf->route53.ttl_s;
	steering_read(find_steering(prepare), &view);
	if (view.live == STEERING_UNREAD)
		return refuse(refusal, "live_unknown", "the record of service %s could not be read: %s", prepare->service->name, view.sentence);
	if (view.ttl_s <= wanted_s && view.live != STEERING_ABSENT) {
		take_as_lowered(prepare, view.ttl_s);
		return true;
	}
	json_t *intent = steering_intend_ttl(find_steering(prepare), &err);
	if (!intent)
		return refuse(refusal, "change_impossible", "%s", err.text);
	forget(prepare);
	prepare->intent = intent;
	prepare->asked_at = clock_wall_ms();
	prepare->from_ttl_s = view.ttl_s;
	prepare->ttl_s = wanted_s;
	prepare->deadline_ms = clock_mono_ms() + RECORD_MS;
	snprintf(prepare->actor, sizeof(prepare->actor), "%s", actor);
	enter(prepare, PREPARE_RECORDING);
	emit(prepare, "prepare_started", "the TTL is lowered from %" PRIu32 " s to %" PRIu32 " s, by %s", prepare->from_ttl_s, prepare->ttl_s, actor);
	return true;
}

/* ---- documents ---- */

json_t *prepare_to_json(const struct prepare *prepare)
{
	bool known = prepare->state != PREPARE_NONE;
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "state", state_names[prepare->state], "actor", wire_text(prepare->actor),
		"asked_at", wire_time(prepare->asked_at), "from_ttl_s", known ? json_integer(prepare->from_ttl_s) : json_null(), "ttl_s",
		known ? json_integer(prepare->ttl_s) : json_null(), "change_id", wire_text(prepare->change_id), "accepted_at", wire_time(prepare->accepted_at),
		"insync_at", wire_time(prepare->insync_at), "quick_from", wire_time(prepare->quick_from), "sentence", wire_text(prepare->sentence));
}

json_t *prepare_to_truth(const struct prepare *prepare)
{
	if (!prepare_is_changing(prepare) && prepare->state != PREPARE_WAITING)
		return json_null();
	json_t *truth = prepare_to_json(prepare);
	json_object_set_new(truth, "intent", prepare->intent ? json_incref(prepare->intent) : json_null());
	return truth;
}

static void read_truth(struct prepare *prepare, const json_t *truth)
{
	json_t *intent = json_object_get(truth, "intent");
	const char *actor = wire_read_text(truth, "actor");
	forget(prepare);
	snprintf(prepare->actor, sizeof(prepare->actor), "%s", actor ? actor : "");
	prepare->change_id = memory_text(wire_read_text(truth, "change_id"));
	prepare->intent = json_is_object(intent) ? json_deep_copy(intent) : NULL;
	prepare->asked_at = wire_read_time(truth, "asked_at");
	prepare->accepted_at = wire_read_time(truth, "accepted_at");
	prepare->insync_at = wire_read_time(truth, "insync_at");
	prepare->quick_from = wire_read_time(truth, "quick_from");
	prepare->from_ttl_s = (uint32_t)wire_read_count(truth, "from_ttl_s");
	prepare->ttl_s = (uint32_t)wire_read_count(truth, "ttl_s");
}

/* With a deployment under way the newest change is that one's, which knows of earlier TTLs what was known when it began. */
void prepare_resume(struct prepare *prepare, const json_t *truth)
{
	struct steering *steering = find_steering(prepare);
	if (!steering || !json_is_object(truth))
		return;
	read_truth(prepare, truth);
	if (prepare->quick_from)
		steering_note_earlier(steering, prepare->quick_from);
	bool follows = prepare->intent && !switcher_current(prepare->service->switcher);
	if (follows)
		steering_change(steering, prepare->intent, PATIENCE_MS);
	prepare->state = follows && !prepare->accepted_at ? PREPARE_CHANGING : PREPARE_WAITING;
}
