/* A deployment's document, as the API and the history have it. Control thread. */
#include "switch/deployment.h"

#include "switch/wire.h"

json_t *deployment_receipt_to_json(const struct deployment *deployment)
{
	const struct deployment_receipt *receipt = &deployment->receipt;
	if (!deployment_has_flipped(deployment))
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "inflight_at_switch", deployment_count(deployment, receipt->inflight_at_switch), "drained",
		deployment_count(deployment, receipt->drained), "cut", deployment_count(deployment, receipt->cut), "replayed",
		deployment_count(deployment, receipt->replayed), "shielded", deployment_count(deployment, receipt->shielded), "failed",
		deployment_count(deployment, receipt->failed));
}

static json_t *known_flag(int flag)
{
	return flag < 0 ? json_null() : json_boolean(flag);
}

static json_t *uid_to_json(const struct actor *actor)
{
	return actor->uid < 0 ? json_null() : json_integer(actor->uid);
}

static json_t *rollback_to_json(const struct deployment *deployment)
{
	const struct deployment_rollback *rollback = &deployment->rollback;
	if (rollback->at == 0)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o}", "at", wire_time(rollback->at), "cause", wire_text(rollback->cause), "actor",
		wire_text(rollback->actor.name), "actor_uid", uid_to_json(&rollback->actor), "reason", wire_text(rollback->reason), "durable",
		known_flag(rollback->durable), "in_force", rollback->in_force, "inflight_at_rollback", deployment_count(deployment, rollback->inflight), "cut",
		deployment_count(deployment, rollback->cut), "warning", wire_text(rollback->warning));
}

static json_t *verification_to_json(const struct deployment *deployment)
{
	const struct deployment_verification *verification = &deployment->verification;
	bool running = verification->state == VERIFICATION_RUNNING;
	if (verification->state == VERIFICATION_NONE)
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:i}", "state", deployment_verification_name(verification->state), "began_at",
		wire_time(verification->began_at), "ended_at", wire_time(verification->ended_at), "text", running ? json_null() : wire_text(verification->text),
		"answers", deployment_count(deployment, verification->answers), "errors", deployment_count(deployment, verification->errors), "log_matches",
		wire_count(verification->log_matches), "backends", (int)verification->backends, "up", (int)verification->up);
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
	json_object_set_new(document, "inflight", deployment_count(deployment, deployment->inflight));
	json_object_set_new(document, "verdict", deployment->evidence ? json_string(judge_verdict_name(deployment->verdict)) : json_null());
	json_object_set_new(document, "evidence", deployment->evidence ? json_incref(deployment->evidence) : json_null());
	json_object_set_new(document, "gates", deployment->gates ? json_incref(deployment->gates) : json_array());
	json_object_set_new(document, "receipt", deployment_receipt_to_json(deployment));
	json_object_set_new(document, "rollback", rollback_to_json(deployment));
	json_object_set_new(document, "verification", verification_to_json(deployment));
	json_object_set_new(document, "warnings", json_copy(deployment->warnings));
}

json_t *deployment_share_to_json(unsigned share)
{
	return share % 100 == 0 ? json_integer(share / 100) : json_real((double)share / 100);
}

static json_t *shift_to_json(const struct deployment *deployment)
{
	json_t *shares = json_array();
	const struct deployment_shift *shift = &deployment->shift;
	for (size_t i = 0; i < shift->count; i++)
		json_array_append_new(shares, deployment_share_to_json(shift->shares[i]));
	return json_pack("{s:o, s:o, s:I, s:b, s:o, s:o}", "shares", shares, "pause_s", shift->pause_ms ? wire_seconds(shift->pause_ms) : json_string("manual"),
		"at", (json_int_t)shift->at, "in_force", shift->in_force, "pause_ends_at", wire_time(shift->pause_ends_at), "taken",
		json_deep_copy(shift->taken));
}

static json_t *exclusive_to_json(const struct deployment_exclusive *exclusive)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "hold_max_s", wire_seconds(exclusive->hold_max_ms), "program",
		wire_text(exclusive->program), "result", wire_text(exclusive->result), "held_at", wire_time(exclusive->held_at), "drained_at",
		wire_time(exclusive->drained_at), "run_at", wire_time(exclusive->run_at), "ran_at", wire_time(exclusive->ran_at), "probed_at",
		wire_time(exclusive->probed_at), "released_at", wire_time(exclusive->released_at));
}

/* As it is written down, but with its moments as the API has them. */
static json_t *change_to_json(const json_t *intent)
{
	static const char *const moments[] = {"created_at", "submitted_at", "accepted_at", "insync_at", "agreed_at", "safe_at", "earlier_until"};
	json_t *change = json_deep_copy(intent);
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		const json_t *moment = json_object_get(change, moments[i]);
		if (json_is_integer(moment))
			json_object_set_new(change, moments[i], wire_time((uint64_t)json_integer_value(moment)));
	}
	return change;
}

static void add_manner(json_t *document, const struct deployment *deployment)
{
	json_object_set_new(document, "steps", deployment->shift.count ? shift_to_json(deployment) : json_null());
	json_object_set_new(document, "exclusive", deployment->exclusive.wanted ? exclusive_to_json(&deployment->exclusive) : json_null());
	if (deployment->out_of_path)
		json_object_set_new(document, "change", deployment->change.intent ? change_to_json(deployment->change.intent) : json_null());
}

json_t *deployment_to_json(const struct deployment *deployment)
{
	json_t *document = json_object();
	add_identity(document, deployment);
	add_times(document, deployment);
	add_manner(document, deployment);
	add_course(document, deployment);
	return document;
}
