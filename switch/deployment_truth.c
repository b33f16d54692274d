/* A deployment in the start-up truth: written, and read after a restart. Control thread. What an older daemon wrote is read, too. */
#include "switch/deployment.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "switch/wire.h"

/* The names are in the files: they stay. */
static const char *const step_names[] = {
	[STEP_GATE] = "gate",
	[STEP_PROCEDURE] = "procedure",
	[STEP_RECORD] = "record",
	[STEP_HOLD] = "hold",
	[STEP_COMMAND] = "command",
	[STEP_CHECK] = "command", /* an older daemon does not know it; that the command has ended tells the two apart */
	[STEP_COMMIT] = "commit",
	[STEP_CHANGE] = "change",
	[STEP_SHIFT] = "shift",
	[STEP_COMPLETE] = "complete",
	[STEP_SPREAD] = "spread",
	[STEP_DRAIN] = "drain",
	[STEP_BAKE] = "bake",
	[STEP_RETURN] = "return",
	[STEP_BACK] = "back",
	[STEP_END] = "end",
};

bool deployment_is_shifting(const json_t *truth)
{
	const char *step = wire_read_text(truth, "step");
	bool between = wire_read_time(truth, "flipped_at") && !wire_read_time(truth, "switched_at");
	if (!step)
		return false;
	if (strcmp(step, step_names[STEP_SHIFT]) == 0)
		return true;
	return between && (strcmp(step, step_names[STEP_CHANGE]) == 0 || strcmp(step, step_names[STEP_RETURN]) == 0);
}

json_t *deployment_to_truth(const struct deployment *deployment)
{
	json_t *document = deployment_to_json(deployment);
	json_object_set_new(document, "step", json_string(step_names[deployment->step]));
	json_object_set_new(document, "flipped_at", wire_time(deployment->flipped_at));
	json_object_set_new(document, "promote_asked", json_boolean(deployment->promote_asked));
	json_object_set_new(document, "fingerprint", json_integer((json_int_t)deployment->fingerprint));
	json_object_set_new(document, "judge", judge_save(&deployment->judge));
	json_object_set_new(document, "from_release", release_to_json(&deployment->from_release));
	json_object_set_new(document, "to_release", release_to_json(&deployment->to_release));
	if (deployment->out_of_path) {
		json_object_set_new(document, "out_of_path", json_true());
		json_object_set_new(
			document, "change", deployment->change.intent ? json_deep_copy(deployment->change.intent) : json_null()); /* as its maker has it */
		json_object_set_new(document, "change_next", wire_count(deployment->change.next));
		json_object_set_new(document, "rollback_force", json_boolean(deployment->rollback.force));
	}
	if (deployment->changes_to) {
		json_object_set_new(document, "to_before", release_to_json(&deployment->to_before));
		json_object_set_new(document, "to_before_deployed", json_boolean(deployment->to_before_deployed));
	}
	return document;
}

/* -1: none of them. */
static int find_name(const char *text, const char *const *names, int count)
{
	for (int i = 0; text && i < count; i++)
		if (strcmp(text, names[i]) == 0)
			return i;
	return -1;
}

/* Older files have a number. */
static int read_step(const json_t *document)
{
	static const enum step numbers[] = {STEP_GATE, STEP_RECORD, STEP_SPREAD, STEP_DRAIN, STEP_BAKE, STEP_BACK, STEP_END};
	const json_t *step = json_object_get(document, "step");
	json_int_t number = json_integer_value(step);
	if (!json_is_integer(step))
		return find_name(json_string_value(step), step_names, STEP_END + 1);
	return number >= 0 && number < (json_int_t)(sizeof(numbers) / sizeof(numbers[0])) ? (int)numbers[number] : -1;
}

static int read_outcome(const json_t *document)
{
	const char *text = wire_read_text(document, "outcome");
	for (int i = 0; text && i < OUTCOME_COUNT; i++)
		if (strcmp(text, deployment_outcome_name((enum outcome)i)) == 0)
			return i;
	return -1;
}

static int read_kind(const json_t *document)
{
	const char *const names[] = {deployment_kind_name(DEPLOYMENT_SWITCH), deployment_kind_name(DEPLOYMENT_DEPLOY)};
	return find_name(wire_read_text(document, "kind"), names, 2);
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
	static const char *const causes[] = {"probes", "error_rate", "latency_p99", "log", "prometheus", "inconclusive", "unconfirmed", "rollback", "abort",
		"change_refused", "change_failed", "drifted", "durable"};
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
	int kind = read_kind(document), outcome = read_outcome(document), step = read_step(document);
	if (!id || kind < 0 || outcome < 0 || step < 0 || !from || !to)
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

static bool read_shares(const json_t *list, struct deployment_shift *shift)
{
	size_t i, count = json_array_size(list);
	json_t *value;
	unsigned before = 0;
	shift->shares = memory_array(count, sizeof(*shift->shares));
	json_array_foreach(list, i, value)
	{
		double percent = json_number_value(value);
		shift->shares[i] = percent > 0 && percent <= 100 ? (unsigned)(percent * 100 + 0.5) : 0;
		if (shift->shares[i] <= before)
			return false;
		before = shift->shares[i];
	}
	shift->count = count;
	return count > 1 && before == DEPLOYMENT_SHARE_WHOLE;
}

static bool read_shift(const json_t *document, struct deployment_shift *shift)
{
	if (!json_is_object(document))
		return true;
	shift->at = (size_t)wire_read_count(document, "at");
	shift->pause_ms = wire_read_ms(document, "pause_s", 0);
	shift->pause_ends_at = wire_read_time(document, "pause_ends_at");
	shift->in_force = wire_read_flag(document, "in_force");
	json_array_extend(shift->taken, json_object_get(document, "taken"));
	return read_shares(json_object_get(document, "shares"), shift) && shift->at < shift->count;
}

static void read_exclusive(const json_t *document, struct deployment_exclusive *exclusive)
{
	const char *result = wire_read_text(document, "result");
	exclusive->wanted = json_is_object(document);
	exclusive->hold_max_ms = wire_read_ms(document, "hold_max_s", 0);
	exclusive->program = memory_text(wire_read_text(document, "program"));
	snprintf(exclusive->result, sizeof(exclusive->result), "%s", result ? result : "");
	exclusive->held_at = wire_read_time(document, "held_at");
	exclusive->drained_at = wire_read_time(document, "drained_at");
	exclusive->run_at = wire_read_time(document, "run_at");
	exclusive->ran_at = wire_read_time(document, "ran_at");
	exclusive->probed_at = wire_read_time(document, "probed_at");
	exclusive->released_at = wire_read_time(document, "released_at");
}

/* False for one whose change is under way and can't be gone on with. */
static bool read_change(const json_t *document, struct deployment *deployment)
{
	const json_t *intent = json_object_get(document, "change");
	deployment->out_of_path = wire_read_flag(document, "out_of_path");
	deployment->rollback.force = wire_read_flag(document, "rollback_force");
	deployment->change.next = (size_t)wire_read_count(document, "change_next");
	deployment->change.intent = json_is_object(intent) ? json_deep_copy(intent) : NULL;
	bool needed = deployment->step == STEP_CHANGE || (deployment->step == STEP_RECORD && deployment->out_of_path);
	bool fits = deployment->shift.count == 0 || deployment->change.next < deployment->shift.count;
	return fits && (deployment->change.intent || !needed);
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
	if (!read_identity(document, deployment) || !read_releases(document, deployment) ||
		!read_shift(json_object_get(document, "steps"), &deployment->shift)) {
		deployment_free(deployment);
		return NULL;
	}
	read_times(document, deployment);
	read_course(document, deployment);
	read_exclusive(json_object_get(document, "exclusive"), &deployment->exclusive);
	if (deployment->step == STEP_COMMAND && deployment->exclusive.ran_at)
		deployment->step = STEP_CHECK;
	if (!read_change(document, deployment)) {
		deployment_free(deployment);
		return NULL;
	}
	judge_restore(&deployment->judge, json_object_get(document, "judge"));
	return deployment;
}
