/* The procedure around a switch. Control thread. Drives the gates of switch/procedure_parts one after another; knows no step of a deployment. */
#include "switch/procedure.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "switch/alike.h"
#include "switch/procedure_parts.h"
#include "switch/switcher.h"
#include "switch/wire.h"

struct procedure *procedure_new(const struct procedure_tools *tools, const struct conf_service *conf)
{
	struct procedure *procedure = memory_new(sizeof(*procedure));
	procedure->tools = *tools;
	procedure_parts_reset(procedure);
	procedure_set_conf(procedure, conf);
	return procedure;
}

void procedure_free(struct procedure *procedure)
{
	if (!procedure)
		return;
	procedure_parts_reset(procedure);
	json_decref(procedure->hook_rows);
	json_decref(procedure->hooks_done);
	freeze_free(procedure->freeze);
	free(procedure);
}

static void note_differences(struct procedure *procedure, const struct conf_service *before, const struct conf_service *now)
{
	struct procedure_row *rows = procedure->rows;
	if (before->gates.rehearsal_ms != now->gates.rehearsal_ms)
		rows[PROCEDURE_REHEARSAL].again = true;
	if (!alike_smokes(&before->gates, &now->gates))
		rows[PROCEDURE_SMOKE].again = true;
	if (!alike_gate_hooks(before, now))
		procedure_parts_change_hooks(procedure, &now->hooks[CONF_BEFORE_SWITCH]);
	procedure_parts_change_approval(procedure, now->gates.approval_ms);
}

void procedure_set_conf(struct procedure *procedure, const struct conf_service *conf)
{
	if (procedure->conf)
		note_differences(procedure, procedure->conf, conf);
	procedure->conf = conf;
	procedure->changed = true;
	freeze_free(procedure->freeze);
	procedure->freeze = freeze_new(conf->gates.freezes, conf->gates.freeze_count);
}

/* ---- before the flip ---- */

void procedure_begin(struct procedure *procedure, const struct deployment *deployment)
{
	procedure_parts_reset(procedure);
	procedure->deployment = deployment;
	procedure->part = PROCEDURE_FREEZE;
	procedure->state = PROCEDURE_PENDING;
	procedure->changed = true;
}

/* The first gate that is configured and not passed yet; PROCEDURE_PART_COUNT: there is none. */
static enum procedure_part find_due(const struct procedure *procedure)
{
	unsigned part = 0;
	for (; part < PROCEDURE_PART_COUNT; part++) {
		const struct procedure_row *row = &procedure->rows[part];
		if ((!row->ended || row->again) && procedure_kinds[part].is_wanted(procedure))
			break;
	}
	return (enum procedure_part)part;
}

/* One may have begun, or come with a new file, since it passed. Who overrode it then need not be told of it again. */
static bool is_frozen(const struct procedure *procedure, const struct procedure_now *now)
{
	char ignored[512];
	uint64_t ends_ms;
	if (procedure->rows[PROCEDURE_STILL_NO_FREEZE].forced || !procedure_kinds[PROCEDURE_STILL_NO_FREEZE].is_wanted(procedure))
		return false;
	return freeze_holds(procedure->freeze, now->wall_ms, ignored, sizeof(ignored), &ends_ms);
}

bool procedure_resume(struct procedure *procedure, const struct deployment *deployment, const struct procedure_now *now)
{
	assert(procedure->state == PROCEDURE_PASSED);
	if (find_due(procedure) == PROCEDURE_PART_COUNT && !is_frozen(procedure, now))
		return false;
	procedure->rows[PROCEDURE_STILL_NO_FREEZE] = (struct procedure_row){0};
	procedure->rows[PROCEDURE_ARMED] = (struct procedure_row){0}; /* what it showed is not fresh any more */
	procedure->deployment = deployment;
	procedure->state = PROCEDURE_PENDING;
	return true;
}

bool procedure_take_change(struct procedure *procedure)
{
	bool changed = procedure->changed;
	procedure->changed = false;
	return changed;
}

static void begin_part(struct procedure *procedure, struct procedure_row *row, const struct procedure_now *now)
{
	char text[512];
	const struct procedure_kind *kind = &procedure_kinds[procedure->part];
	*row = (struct procedure_row){.begun = true, .began_ms = now->mono_ms, .began_at = now->wall_ms, .exit_code = 3};
	if (kind->takes_time) {
		kind->describe(procedure, procedure->deployment->to, text, sizeof(text));
		procedure_emit(procedure, procedure->part, "gate_started", NULL, text);
	}
	if (kind->begin)
		kind->begin(procedure, now);
	procedure->changed = true;
}

static void refuse(struct procedure *procedure, const struct procedure_row *row)
{
	struct procedure_refusal *refusal = &procedure->refusal;
	refusal->gate = procedure_kinds[procedure->part].name;
	refusal->exit_code = row->exit_code;
	snprintf(refusal->detail, sizeof(refusal->detail), "%s", row->detail);
	procedure->state = PROCEDURE_REFUSED;
	procedure->deployment = NULL;
}

static void settle(struct procedure *procedure, struct procedure_row *row, const struct procedure_now *now)
{
	row->ended = procedure->changed = true;
	row->ms = now->mono_ms - row->began_ms;
	row->forced = !row->passed && procedure->deployment->force;
	if (row->forced)
		procedure_emit(procedure, procedure->part, "gate_forced", NULL, row->detail);
	else if (!row->passed)
		refuse(procedure, row);
	else if (procedure_kinds[procedure->part].takes_time)
		procedure_emit(procedure, procedure->part, "gate_passed", json_pack("{s:o}", "ms", wire_count(row->ms)), row->detail);
}

static bool is_under_way(const struct procedure *procedure)
{
	const struct procedure_row *row = &procedure->rows[procedure->part];
	return procedure->deployment && row->begun && !row->ended;
}

/* The next gate; behind the last one it has passed. */
static void go_on(struct procedure *procedure, const struct procedure_now *now)
{
	enum procedure_part due = find_due(procedure);
	if (due == PROCEDURE_PART_COUNT) {
		procedure->state = PROCEDURE_PASSED;
		procedure->deployment = NULL;
		return;
	}
	procedure->part = due;
	begin_part(procedure, &procedure->rows[due], now);
}

enum procedure_state procedure_run(struct procedure *procedure, const struct procedure_now *now)
{
	while (procedure->state == PROCEDURE_PENDING) {
		assert(procedure->deployment);
		struct procedure_row *row = &procedure->rows[procedure->part];
		if (!is_under_way(procedure))
			go_on(procedure, now);
		else if (procedure_kinds[procedure->part].look(procedure, now, row))
			settle(procedure, row, now);
		else
			break;
	}
	return procedure->state;
}

const struct procedure_refusal *procedure_refusal(const struct procedure *procedure)
{
	assert(procedure->state == PROCEDURE_REFUSED);
	return &procedure->refusal;
}

static void note_stopped_hook(struct procedure *procedure)
{
	char detail[320];
	const char *name = hook_name(procedure->hook);
	snprintf(detail, sizeof(detail), "%.256s was stopped before it had ended", name);
	json_array_append_new(procedure->hook_rows, json_pack("{s:s, s:b, s:b, s:o, s:n, s:o, s:n}", "name", "hook", "passed", false, "waits", false, "detail",
							    wire_text(detail), "ms", "hook", wire_text(name), "output"));
}

void procedure_cancel(struct procedure *procedure)
{
	if (!procedure->deployment)
		return;
	struct procedure_row *row = &procedure->rows[procedure->part];
	if (procedure->hook)
		note_stopped_hook(procedure);
	if (procedure->smoke && !procedure->smoke_results)
		procedure->smoke_results = smoke_to_json(procedure->smoke);
	procedure_parts_stop(procedure);
	snprintf(row->detail, sizeof(row->detail), "stopped before it had ended");
	row->ended = true;
	procedure->deployment = NULL;
}

/* ---- what is told of it ---- */

static json_t *make_row(const struct procedure *procedure, enum procedure_part part)
{
	const struct procedure_row *row = &procedure->rows[part];
	char detail[1024];
	snprintf(detail, sizeof(detail), "%s", row->detail);
	if (!row->ended && part != PROCEDURE_APPROVAL)
		procedure_kinds[part].describe(procedure, procedure->deployment->to, detail, sizeof(detail));
	json_t *json = json_pack("{s:s, s:b, s:b, s:o, s:o}", "name", procedure_kinds[part].name, "passed", row->passed, "waits", !row->ended, "detail",
		wire_text(detail), "ms", row->ended ? wire_count(row->ms) : json_null());
	if (row->forced)
		json_object_set_new(json, "forced", json_true());
	if (part == PROCEDURE_SMOKE && procedure->smoke_results)
		json_object_set(json, "results", procedure->smoke_results);
	if (part == PROCEDURE_ARMED && procedure->armed_rows)
		json_object_set(json, "results", procedure->armed_rows);
	if (part == PROCEDURE_APPROVAL && procedure->approval.asked_at)
		approval_add_json(&procedure->approval, json);
	return json;
}

/* A row for each hook that ended, and one for that which is under way. */
static void add_hooks(const struct procedure *procedure, json_t *rows)
{
	size_t i;
	json_t *row;
	json_array_foreach(procedure->hook_rows, i, row) json_array_append(rows, row);
	if (!procedure->hook)
		return;
	row = make_row(procedure, PROCEDURE_HOOKS);
	json_object_set_new(row, "hook", wire_text(hook_name(procedure->hook)));
	json_object_set_new(row, "output", json_null());
	json_array_append_new(rows, row);
}

json_t *procedure_to_json(const struct procedure *procedure)
{
	json_t *rows = json_array();
	for (unsigned part = 0; part < PROCEDURE_PART_COUNT; part++) {
		const struct procedure_row *row = &procedure->rows[part];
		if (!row->begun || (procedure_kinds[part].hidden && row->passed))
			continue;
		if (part == PROCEDURE_HOOKS)
			add_hooks(procedure, rows);
		else
			json_array_append_new(rows, make_row(procedure, (enum procedure_part)part));
	}
	return rows;
}

/* The gates that are known at once are looked at on a deployment that does not exist. */
static void foresee_part(struct procedure *procedure, enum procedure_part part, const struct procedure_now *now)
{
	struct procedure_row *row = &procedure->rows[part];
	const struct procedure_kind *kind = &procedure_kinds[part];
	if (kind->hidden || !kind->is_wanted(procedure))
		return;
	*row = (struct procedure_row){.begun = true, .exit_code = 3};
	if (part == PROCEDURE_FREEZE || part == PROCEDURE_REHEARSAL) {
		row->ended = kind->look(procedure, now, row);
		row->forced = !row->passed && procedure->deployment->force;
	} else {
		kind->describe(procedure, procedure->deployment->to, row->detail, sizeof(row->detail));
	}
}

static void add_foreseen(const struct procedure *procedure, enum procedure_part part, json_t *gates)
{
	const struct procedure_row *row = &procedure->rows[part];
	if (!row->begun)
		return;
	json_t *json =
		json_pack("{s:s, s:b, s:b, s:o}", "name", procedure_kinds[part].name, "passed", row->passed, "waits", false, "detail", wire_text(row->detail));
	if (row->forced)
		json_object_set_new(json, "forced", json_true());
	if (!row->ended)
		json_object_set_new(json, "planned", json_true());
	json_array_append_new(gates, json);
}

bool procedure_foresee(const struct procedure *procedure, enum color to, const struct release *release, bool force, uint64_t wall_ms, json_t *gates,
	struct procedure_refusal *refusal)
{
	bool passes = true;
	struct deployment imagined = {.to = to, .to_release = *release, .force = force};
	struct procedure_now now = {.wall_ms = wall_ms};
	struct procedure trial = {.tools = procedure->tools, .conf = procedure->conf, .freeze = procedure->freeze, .deployment = &imagined};
	for (unsigned part = 0; part < PROCEDURE_PART_COUNT; part++) {
		const struct procedure_row *row = &trial.rows[part];
		foresee_part(&trial, (enum procedure_part)part, &now);
		add_foreseen(&trial, (enum procedure_part)part, gates);
		if (!row->ended || row->passed || row->forced || !passes)
			continue;
		passes = false;
		*refusal = (struct procedure_refusal){.gate = procedure_kinds[part].name, .exit_code = row->exit_code};
		snprintf(refusal->detail, sizeof(refusal->detail), "%s", row->detail);
	}
	return passes;
}

json_t *procedure_waiting_to_json(const struct procedure *procedure)
{
	if (!is_under_way(procedure))
		return json_null();
	const struct procedure_row *row = &procedure->rows[procedure->part];
	json_t *gate = make_row(procedure, procedure->part);
	json_t *waiting = json_pack("{s:s, s:O, s:o, s:o}", "gate", procedure_kinds[procedure->part].name, "detail", json_object_get(gate, "detail"), "since",
		wire_time(row->began_at), "expires_at", procedure->part == PROCEDURE_APPROVAL ? wire_time(procedure->approval.expires_at) : json_null());
	json_decref(gate);
	return waiting;
}

/* ---- approval ---- */

static bool refuse_answer(struct switcher_refusal *refusal, const char *code, const struct deployment *deployment, const char *sentence)
{
	*refusal = (struct switcher_refusal){.code = code};
	snprintf(refusal->detail, sizeof(refusal->detail), "%s", sentence);
	if (deployment)
		snprintf(refusal->deployment, sizeof(refusal->deployment), "%s", deployment->id);
	return false;
}

static bool waits_for_answer(const struct procedure *procedure, const char *wanted, bool approve, struct switcher_refusal *refusal)
{
	char sentence[512];
	const struct deployment *deployment = procedure->deployment;
	if (!is_under_way(procedure) || procedure->part != PROCEDURE_APPROVAL || procedure->approval.answered) {
		snprintf(sentence, sizeof(sentence), "no deployment of service %s waits for an approval", procedure->conf->name);
		return refuse_answer(refusal, approve ? "nothing_to_approve" : "nothing_to_reject", NULL, sentence);
	}
	if (wanted && strcmp(wanted, deployment->id) != 0) {
		snprintf(sentence, sizeof(sentence), "deployment %.64s does not wait for an approval; %s does", wanted, deployment->id);
		return refuse_answer(refusal, "other_deployment", deployment, sentence);
	}
	return true;
}

static bool answer(struct procedure *procedure, bool approve, const char *wanted, const struct actor *actor, const char *reason, uint64_t wall_ms, char id[32],
	struct switcher_refusal *refusal)
{
	char text[512];
	if (!waits_for_answer(procedure, wanted, approve, refusal))
		return false;
	memcpy(id, procedure->deployment->id, sizeof(procedure->deployment->id));
	approval_answer(&procedure->approval, approve, actor, reason, wall_ms);
	approval_describe(&procedure->approval, approve ? APPROVAL_GIVEN : APPROVAL_REJECTED, procedure->conf->name, text, sizeof(text));
	json_t *more = json_object();
	approval_add_json(&procedure->approval, more);
	procedure_emit(procedure, PROCEDURE_APPROVAL, approve ? "approved" : "rejected", more, text);
	return true;
}

bool procedure_approve(struct procedure *procedure, const char *deployment, const struct actor *actor, const char *reason, uint64_t wall_ms, char id[32],
	struct switcher_refusal *refusal)
{
	return answer(procedure, true, deployment, actor, reason, wall_ms, id, refusal);
}

bool procedure_reject(struct procedure *procedure, const char *deployment, const struct actor *actor, const char *reason, uint64_t wall_ms, char id[32],
	struct switcher_refusal *refusal)
{
	return answer(procedure, false, deployment, actor, reason, wall_ms, id, refusal);
}

/* ---- telling ---- */

void procedure_tell(struct procedure *procedure, enum herald_moment moment, const struct deployment *deployment, uint64_t wall_ms)
{
	herald_tell(procedure->tools.courier, procedure->conf, moment, deployment, wall_ms);
}
