/* One deployment and its document. Control thread; switch/switcher decides what becomes of it. */
#include "switch/deployment.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/memory.h"
#include "switch/wire.h"

static const char *const kind_names[] = {"switch", "deploy"};
static const char *const outcome_names[OUTCOME_COUNT] = {"running", "promoted", "rolled_back", "refused", "aborted", "failed"};
static const char *const phase_names[] = {"gating", "gating", "shifting", "draining", "baking", "rolling_back", "steady"};

static void make_id(char *id, size_t size, uint64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm utc;
	unsigned char random[3] = {0};
	gmtime_r(&seconds, &utc);
	if (getrandom(random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
		memcpy(random, &wall_ms, sizeof(random));
	size_t used = strftime(id, size, "%Y%m%d-%H%M%S-", &utc);
	snprintf(id + used, size - used, "%02x%02x%02x", random[0], random[1], random[2]);
}

struct deployment *deployment_new(const char *service, uint64_t wall_ms)
{
	struct deployment *deployment = memory_new(sizeof(*deployment));
	make_id(deployment->id, sizeof(deployment->id), wall_ms);
	deployment->service = memory_text(service);
	deployment->started_at = wall_ms;
	deployment->actor.uid = -1;
	deployment->durable = -1;
	deployment->rollback.durable = -1;
	deployment->warnings = json_array();
	return deployment;
}

void deployment_free(struct deployment *deployment)
{
	if (!deployment)
		return;
	release_fini(&deployment->from_release);
	release_fini(&deployment->to_release);
	release_fini(&deployment->to_before);
	json_decref(deployment->gates);
	json_decref(deployment->evidence);
	json_decref(deployment->warnings);
	free(deployment->rollback.reason);
	free(deployment->rollback.warning);
	free(deployment->service);
	free(deployment->reason);
	free(deployment->key);
	free(deployment);
}

const char *deployment_kind_name(enum deployment_kind kind)
{
	return kind_names[kind];
}

const char *deployment_outcome_name(enum outcome outcome)
{
	return outcome_names[outcome];
}

const char *deployment_verification_name(enum verification state)
{
	static const char *const names[] = {"none", "running", "passed", "failed", "inconclusive"};
	return names[state];
}

const char *deployment_phase(const struct deployment *deployment)
{
	return phase_names[deployment->step];
}

bool deployment_has_flipped(const struct deployment *deployment)
{
	return deployment->flipped_at != 0;
}

void deployment_warn(struct deployment *deployment, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	json_t *warning = wire_text(text), *known;
	size_t i;
	bool told = false;
	json_array_foreach(deployment->warnings, i, known) told |= json_equal(known, warning) != 0;
	if (told)
		json_decref(warning);
	else
		json_array_append_new(deployment->warnings, warning);
}

json_t *deployment_receipt_to_json(const struct deployment *deployment)
{
	const struct deployment_receipt *receipt = &deployment->receipt;
	if (!deployment_has_flipped(deployment))
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "inflight_at_switch", wire_count(receipt->inflight_at_switch), "drained",
		wire_count(receipt->drained), "cut", wire_count(receipt->cut), "replayed", wire_count(receipt->replayed), "shielded",
		wire_count(receipt->shielded), "failed", wire_count(receipt->failed));
}

static json_t *known_flag(int flag)
{
	return flag < 0 ? json_null() : json_boolean(flag);
}

static json_t *uid_to_json(const struct actor *actor)
{
	return actor->uid < 0 ? json_null() : json_integer(actor->uid);
}

static json_t *rollback_to_json(const struct deployment_rollback *rollback)
{
	if (rollback->at == 0)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o}", "at", wire_time(rollback->at), "cause", wire_text(rollback->cause), "actor",
		wire_text(rollback->actor.name), "actor_uid", uid_to_json(&rollback->actor), "reason", wire_text(rollback->reason), "durable",
		known_flag(rollback->durable), "in_force", rollback->in_force, "inflight_at_rollback", wire_count(rollback->inflight), "cut",
		wire_count(rollback->cut), "warning", wire_text(rollback->warning));
}

static json_t *verification_to_json(const struct deployment_verification *verification)
{
	bool running = verification->state == VERIFICATION_RUNNING;
	if (verification->state == VERIFICATION_NONE)
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:i}", "state", deployment_verification_name(verification->state), "began_at",
		wire_time(verification->began_at), "ended_at", wire_time(verification->ended_at), "text", running ? json_null() : wire_text(verification->text),
		"answers", wire_count(verification->answers), "errors", wire_count(verification->errors), "log_matches", wire_count(verification->log_matches),
		"backends", (int)verification->backends, "up", (int)verification->up);
}

static void add_identity(json_t *document, const struct deployment *deployment)
{
	json_object_set_new(document, "id", json_string(deployment->id));
	json_object_set_new(document, "service", wire_text(deployment->service));
	json_object_set_new(document, "kind", json_string(deployment_kind_name(deployment->kind)));
	json_object_set_new(document, "from", json_string(color_name(deployment->from)));
	json_object_set_new(document, "to", json_string(color_name(deployment->to)));
	json_object_set_new(document, "version", wire_text(deployment->to_release.version));
	json_object_set_new(document, "from_version", wire_text(deployment->from_release.version));
	json_object_set_new(document, "reason", wire_text(deployment->reason));
	json_object_set_new(document, "actor", wire_text(deployment->actor.name));
	json_object_set_new(document, "actor_uid", uid_to_json(&deployment->actor));
	json_object_set_new(document, "force", json_boolean(deployment->force));
	json_object_set_new(document, "idempotency_key", wire_text(deployment->key));
	json_object_set_new(document, "backends",
		deployment->kind == DEPLOYMENT_DEPLOY ? wire_texts(deployment->to_release.backends, deployment->to_release.count) : json_null());
}

static void add_times(json_t *document, const struct deployment *deployment)
{
	json_object_set_new(document, "started_at", wire_time(deployment->started_at));
	json_object_set_new(document, "switched_at", wire_time(deployment->switched_at));
	json_object_set_new(document, "drained_at", wire_time(deployment->drained_at));
	json_object_set_new(document, "bake_ends_at", wire_time(deployment->bake_ends_at));
	json_object_set_new(document, "confirm_by", wire_time(deployment->confirm_by));
	json_object_set_new(document, "confirmed_at", wire_time(deployment->confirmed_at));
	json_object_set_new(document, "rolled_back_at", wire_time(deployment->rollback.at));
	json_object_set_new(document, "ended_at", wire_time(deployment->ended_at));
	json_object_set_new(document, "safe_to_stop_at", wire_time(deployment->safe_to_stop_at));
	json_object_set_new(document, "wait_s", wire_seconds(deployment->wait_ms));
	json_object_set_new(document, "bake_s", wire_seconds(deployment->bake_ms));
	json_object_set_new(document, "confirm_within_s", deployment->wants_confirm ? wire_seconds(deployment->confirm_within_ms) : json_null());
}

static void add_course(json_t *document, const struct deployment *deployment)
{
	bool ended = deployment->outcome != OUTCOME_RUNNING;
	json_object_set_new(document, "phase", json_string(deployment_phase(deployment)));
	json_object_set_new(document, "outcome", json_string(deployment_outcome_name(deployment->outcome)));
	json_object_set_new(document, "cause", wire_text(deployment->cause));
	json_object_set_new(document, "detail", wire_text(deployment->detail));
	json_object_set_new(document, "exit", ended ? json_integer(deployment->exit_code) : json_null());
	json_object_set_new(document, "durable", known_flag(deployment->durable));
	json_object_set_new(document, "in_force", json_boolean(deployment->in_force));
	json_object_set_new(document, "flip_us", deployment->in_force ? wire_count(deployment->flip_us) : json_null());
	json_object_set_new(document, "inflight", wire_count(deployment->inflight));
	json_object_set_new(document, "verdict", deployment->evidence ? json_string(judge_verdict_name(deployment->verdict)) : json_null());
	json_object_set_new(document, "evidence", deployment->evidence ? json_incref(deployment->evidence) : json_null());
	json_object_set_new(document, "gates", deployment->gates ? json_incref(deployment->gates) : json_array());
	json_object_set_new(document, "receipt", deployment_receipt_to_json(deployment));
	json_object_set_new(document, "rollback", rollback_to_json(&deployment->rollback));
	json_object_set_new(document, "verification", verification_to_json(&deployment->verification));
	json_object_set_new(document, "warnings", json_copy(deployment->warnings));
}

json_t *deployment_to_json(const struct deployment *deployment)
{
	json_t *document = json_object();
	add_identity(document, deployment);
	add_times(document, deployment);
	add_course(document, deployment);
	return document;
}

json_t *deployment_to_truth(const struct deployment *deployment)
{
	json_t *document = deployment_to_json(deployment);
	json_object_set_new(document, "step", json_integer(deployment->step));
	json_object_set_new(document, "flipped_at", wire_time(deployment->flipped_at));
	json_object_set_new(document, "promote_asked", json_boolean(deployment->promote_asked));
	json_object_set_new(document, "fingerprint", json_integer((json_int_t)deployment->fingerprint));
	json_object_set_new(document, "judge", judge_save(&deployment->judge));
	json_object_set_new(document, "from_release", release_to_json(&deployment->from_release));
	json_object_set_new(document, "to_release", release_to_json(&deployment->to_release));
	if (deployment->changes_to) {
		json_object_set_new(document, "to_before", release_to_json(&deployment->to_before));
		json_object_set_new(document, "to_before_deployed", json_boolean(deployment->to_before_deployed));
	}
	return document;
}

static int read_name(const json_t *document, const char *key, const char *const *names, int count)
{
	const char *text = wire_read_text(document, key);
	for (int i = 0; text && i < count; i++)
		if (strcmp(text, names[i]) == 0)
			return i;
	return -1;
}

static int read_known_flag(const json_t *document, const char *key)
{
	const json_t *flag = json_object_get(document, key);
	return json_is_boolean(flag) ? json_is_true(flag) : -1;
}

static void read_actor(const json_t *document, struct actor *actor)
{
	const json_t *uid = json_object_get(document, "actor_uid");
	const char *name = wire_read_text(document, "actor");
	snprintf(actor->name, sizeof(actor->name), "%s", name ? name : "");
	actor->uid = json_is_integer(uid) ? (long)json_integer_value(uid) : -1;
}

/* The causes are static strings; a journal of another version may know more of them. */
static const char *known_cause(const char *text)
{
	static const char *const causes[] = {"probes", "error_rate", "latency_p99", "log", "prometheus", "inconclusive", "unconfirmed", "rollback", "abort"};
	for (size_t i = 0; text && i < sizeof(causes) / sizeof(causes[0]); i++)
		if (strcmp(text, causes[i]) == 0)
			return causes[i];
	return "rollback";
}

static void read_rollback(const json_t *document, struct deployment_rollback *rollback)
{
	if (!json_is_object(document))
		return;
	rollback->at = wire_read_time(document, "at");
	rollback->cause = known_cause(wire_read_text(document, "cause"));
	read_actor(document, &rollback->actor);
	rollback->reason = memory_text(wire_read_text(document, "reason"));
	rollback->warning = memory_text(wire_read_text(document, "warning"));
	rollback->in_force = wire_read_flag(document, "in_force");
	rollback->durable = read_known_flag(document, "durable");
	rollback->inflight = wire_read_count(document, "inflight_at_rollback");
	rollback->cut = wire_read_count(document, "cut");
}

static void read_times(const json_t *document, struct deployment *deployment)
{
	deployment->started_at = wire_read_time(document, "started_at");
	deployment->flipped_at = wire_read_time(document, "flipped_at");
	deployment->switched_at = wire_read_time(document, "switched_at");
	deployment->drained_at = wire_read_time(document, "drained_at");
	deployment->bake_ends_at = wire_read_time(document, "bake_ends_at");
	deployment->confirm_by = wire_read_time(document, "confirm_by");
	deployment->confirmed_at = wire_read_time(document, "confirmed_at");
	deployment->ended_at = wire_read_time(document, "ended_at");
	deployment->safe_to_stop_at = wire_read_time(document, "safe_to_stop_at");
	deployment->wait_ms = wire_read_ms(document, "wait_s", 0);
	deployment->bake_ms = wire_read_ms(document, "bake_s", 0);
	deployment->wants_confirm = json_is_number(json_object_get(document, "confirm_within_s"));
	deployment->confirm_within_ms = wire_read_ms(document, "confirm_within_s", 0);
}

static void read_course(const json_t *document, struct deployment *deployment)
{
	const json_t *receipt = json_object_get(document, "receipt");
	const char *cause = wire_read_text(document, "cause");
	const char *detail = wire_read_text(document, "detail");
	snprintf(deployment->cause, sizeof(deployment->cause), "%s", cause ? cause : "");
	snprintf(deployment->detail, sizeof(deployment->detail), "%s", detail ? detail : "");
	deployment->exit_code = (int)json_integer_value(json_object_get(document, "exit"));
	deployment->durable = read_known_flag(document, "durable");
	deployment->in_force = wire_read_flag(document, "in_force");
	deployment->flip_us = wire_read_count(document, "flip_us");
	deployment->gates = json_deep_copy(json_object_get(document, "gates"));
	if (json_is_object(json_object_get(document, "evidence"))) {
		const char *verdict = wire_read_text(document, "verdict");
		deployment->evidence = json_deep_copy(json_object_get(document, "evidence"));
		deployment->verdict = !verdict                       ? VERDICT_INCONCLUSIVE
				      : strcmp(verdict, "good") == 0 ? VERDICT_GOOD
				      : strcmp(verdict, "bad") == 0  ? VERDICT_BAD
								     : VERDICT_INCONCLUSIVE;
	}
	if (json_is_array(json_object_get(document, "warnings")))
		json_array_extend(deployment->warnings, json_object_get(document, "warnings"));
	deployment->receipt = (struct deployment_receipt){
		wire_read_count(receipt, "inflight_at_switch"),
		wire_read_count(receipt, "drained"),
		wire_read_count(receipt, "cut"),
		wire_read_count(receipt, "replayed"),
		wire_read_count(receipt, "shielded"),
		wire_read_count(receipt, "failed"),
	};
	read_rollback(json_object_get(document, "rollback"), &deployment->rollback);
}

static bool read_identity(const json_t *document, struct deployment *deployment)
{
	const char *id = wire_read_text(document, "id");
	const char *from = wire_read_text(document, "from"), *to = wire_read_text(document, "to");
	int kind = read_name(document, "kind", kind_names, 2);
	int outcome = read_name(document, "outcome", outcome_names, OUTCOME_COUNT);
	json_int_t step = json_integer_value(json_object_get(document, "step"));
	if (!id || kind < 0 || outcome < 0 || step < 0 || step > STEP_END || !from || !to)
		return false;
	if (!color_parse(from, &deployment->from) || !color_parse(to, &deployment->to))
		return false;
	snprintf(deployment->id, sizeof(deployment->id), "%s", id);
	deployment->kind = (enum deployment_kind)kind;
	deployment->outcome = (enum outcome)outcome;
	deployment->step = (enum step)step;
	deployment->reason = memory_text(wire_read_text(document, "reason"));
	deployment->key = memory_text(wire_read_text(document, "idempotency_key"));
	deployment->fingerprint = (uint64_t)json_integer_value(json_object_get(document, "fingerprint"));
	deployment->force = wire_read_flag(document, "force");
	deployment->promote_asked = wire_read_flag(document, "promote_asked");
	read_actor(document, &deployment->actor);
	return true;
}

static bool read_releases(const json_t *document, struct deployment *deployment)
{
	deployment->changes_to = release_read_json(&deployment->to_before, json_object_get(document, "to_before"));
	deployment->to_before_deployed = wire_read_flag(document, "to_before_deployed");
	return release_read_json(&deployment->from_release, json_object_get(document, "from_release")) &&
	       release_read_json(&deployment->to_release, json_object_get(document, "to_release"));
}

struct deployment *deployment_read_truth(const json_t *document)
{
	const char *service = wire_read_text(document, "service");
	if (!service)
		return NULL;
	struct deployment *deployment = deployment_new(service, 0);
	if (!read_identity(document, deployment) || !read_releases(document, deployment)) {
		deployment_free(deployment);
		return NULL;
	}
	read_times(document, deployment);
	read_course(document, deployment);
	judge_restore(&deployment->judge, json_object_get(document, "judge"));
	return deployment;
}
