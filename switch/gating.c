/* Gates, procedure, record. Control thread. All that may fail; nothing is switched here. */
#include "switch/gating.h"

#include "switch/change.h"
#include "switch/exclusive.h"
#include "switch/flip.h"
#include "switch/steps.h"
#include "switch/wire.h"

/* ---- gate ---- */

void gating_read(const struct switcher *switcher, const struct deployment *deployment, struct gate_result results[GATE_COUNT])
{
	struct gates_input input = {0};
	switcher->host.read_gates(switcher->host.arg, deployment->to, &input);
	input.service = switcher->service;
	input.to = deployment->to;
	input.expects = deployment->expects;
	input.expect_live = deployment->expect_live;
	input.force = deployment->force;
	input.anew = deployment->kind == DEPLOYMENT_DEPLOY;
	if (switcher->current && switcher->current != deployment) {
		input.running = switcher->current->id;
		input.returns = deployment_is_going_back(switcher->current);
	}
	gates_check(&input, results);
}

static void wait_for_gates(struct switcher *switcher)
{
	switcher->wait_ms = course_now_ms(switcher) + switcher->current->wait_ms;
	switcher->waiting = false;
	course_enter(switcher, STEP_GATE);
}

void gating_begin(struct switcher *switcher)
{
	switcher->procedure_passed = switcher->current->automatic;
	switcher->procedure_resumed = false;
	wait_for_gates(switcher);
}

/* The color that is left may be sick already: then there is no going back to it, which is better known before. */
static void note_way_back(struct switcher *switcher)
{
	char reason[256];
	struct deployment *deployment = switcher->current;
	struct readiness_input input = {.undoable = true, .target = deployment->from};
	course_read_readiness(switcher, deployment->from, &input);
	enum readiness readiness = readiness_of(&input, reason, sizeof(reason));
	if (readiness == READINESS_READY)
		return;
	deployment_warn(deployment, "the way back to %s is %s: %s", color_name(deployment->from), readiness_name(readiness), reason);
	course_emit(switcher, "readiness", json_pack("{s:s}", "readiness", readiness_name(readiness)), "%s: the way back to %s is %s: %s", switcher->service,
		color_name(deployment->from), readiness_name(readiness), reason);
	switcher->readiness = readiness;
	switcher->readiness_told = true;
}

/* The names of those that force overrides, with commas; "": there are none. */
static void list_forced(const json_t *gates, char *list, size_t size)
{
	size_t i, length = 0;
	json_t *gate;
	*list = '\0';
	json_array_foreach(gates, i, gate)
	{
		if (!json_is_true(json_object_get(gate, "forced")) || length >= size)
			continue;
		length += (size_t)snprintf(list + length, size - length, "%s%s", length ? ", " : "", json_string_value(json_object_get(gate, "name")));
	}
}

static void tell_passed(struct switcher *switcher)
{
	char forced[256];
	const struct deployment *deployment = switcher->current;
	list_forced(deployment->gates, forced, sizeof(forced));
	course_emit(switcher, "gates_passed", NULL, *forced ? "%s: the way to %s is free by force; not passed: %s" : "%s: every gate for %s is passed%s",
		switcher->service, color_name(deployment->to), forced);
}

static void record(struct switcher *switcher)
{
	note_way_back(switcher);
	if (change_is_needed(switcher) && !change_prepare(switcher))
		return;
	tell_passed(switcher);
	course_enter(switcher, STEP_RECORD);
	flip_record(switcher);
	if (!switcher->current->exclusive.wanted) /* until neither color has a request the new one is left alone; and what is held then is let go at a pace */
		flip_warm(switcher);
	course_save(switcher);
}

static void tell_waiting(struct switcher *switcher, const struct gate_result *gate)
{
	if (switcher->waiting)
		return;
	switcher->waiting = true;
	course_emit(switcher, "waiting", json_pack("{s:s, s:o}", "gate", gates_name(gate->gate), "wait_s", wire_seconds(switcher->current->wait_ms)),
		"%s: waiting: %s", switcher->service, gate->detail);
}

static void refuse(struct switcher *switcher, const struct gate_result *gate)
{
	bool timed_out = gate->waits && switcher->current->kind == DEPLOYMENT_DEPLOY;
	course_finish(switcher, OUTCOME_REFUSED, gates_name(gate->gate), timed_out ? 6 : 3, "%s", gate->detail);
}

static void begin_procedure(struct switcher *switcher)
{
	course_enter(switcher, STEP_PROCEDURE);
	switcher->host.begin_procedure(switcher->host.arg, switcher->current);
	switcher->procedure_runs = true;
}

/* A reload may have brought gates while health was waited for, or a freeze have begun. */
static bool resume_procedure(struct switcher *switcher)
{
	if (switcher->current->automatic || !switcher->host.resume_procedure(switcher->host.arg, switcher->current))
		return false;
	course_enter(switcher, STEP_PROCEDURE);
	switcher->procedure_runs = switcher->procedure_resumed = true;
	switcher->procedure_passed = false;
	return true;
}

static void note_gates(struct switcher *switcher, const struct gate_result results[GATE_COUNT])
{
	struct deployment *deployment = switcher->current;
	json_t *more = switcher->procedure_passed && !deployment->automatic ? switcher->host.read_procedure(switcher->host.arg) : NULL;
	json_decref(deployment->gates);
	deployment->gates = gates_to_json(results);
	json_array_extend(deployment->gates, more);
	json_decref(more);
}

void gating_run_gate(struct switcher *switcher)
{
	struct gate_result results[GATE_COUNT];
	gating_read(switcher, switcher->current, results);
	note_gates(switcher, results);
	const struct gate_result *gate = gates_find_refusal(results);
	if (gate && gate->waits && course_now_ms(switcher) < switcher->wait_ms)
		tell_waiting(switcher, gate);
	else if (gate)
		refuse(switcher, gate);
	else if (!switcher->procedure_passed)
		begin_procedure(switcher);
	else if (!resume_procedure(switcher))
		record(switcher);
}

/* ---- procedure ---- */

/* The pure gates as they were when it began, and its own rows as they are now. */
static void note_procedure(struct switcher *switcher)
{
	json_t *rows = switcher->host.read_procedure(switcher->host.arg);
	json_t *gates = switcher->current->gates;
	while (json_array_size(gates) > GATE_COUNT)
		json_array_remove(gates, json_array_size(gates) - 1);
	json_array_extend(gates, rows);
	json_decref(rows);
}

/* It may have taken minutes: the pure gates are looked at once more, for as long as at the beginning. The end of that wait does not move when gates come in its middle. */
static void go_back_to_gates(struct switcher *switcher)
{
	if (!switcher->procedure_resumed) {
		wait_for_gates(switcher);
		return;
	}
	switcher->waiting = false;
	course_enter(switcher, STEP_GATE);
}

void gating_run_procedure(struct switcher *switcher)
{
	const struct procedure_refusal *refusal = NULL;
	bool changed;
	enum procedure_state state = switcher->host.run_procedure(switcher->host.arg, &refusal, &changed);
	if (changed)
		note_procedure(switcher);
	switcher->procedure_runs = state == PROCEDURE_PENDING;
	if (state == PROCEDURE_REFUSED) {
		course_finish(switcher, OUTCOME_REFUSED, refusal->gate, refusal->exit_code, "%s", refusal->detail);
	} else if (state == PROCEDURE_PASSED) {
		switcher->procedure_passed = true;
		go_back_to_gates(switcher);
	}
}

void gating_cancel(struct switcher *switcher)
{
	switcher->procedure_runs = false;
	switcher->host.cancel_procedure(switcher->host.arg);
	note_procedure(switcher);
}

/* ---- record ---- */

/* The write that did not come in time may still come: the truth is written again with the color that stays live. */
static void refuse_record(struct switcher *switcher, const char *why)
{
	course_finish(switcher, OUTCOME_REFUSED, "durable", 3, "the switch can't be written to the state directory: %s; or switch with --force", why);
}

void gating_run_record(struct switcher *switcher)
{
	char why[384] = "";
	const struct deployment *deployment = switcher->current;
	enum keeper_state state = flip_read_record(switcher, why, sizeof(why));
	if (state == KEEPER_PENDING)
		return;
	if (state != KEEPER_DURABLE && !deployment->force) {
		refuse_record(switcher, why);
		return;
	}
	if (!flip_is_warm(switcher))
		return;
	flip_note_record(switcher, state, why);
	if (deployment->exclusive.wanted)
		exclusive_begin(switcher);
	else if (change_is_needed(switcher))
		change_begin(switcher);
	else if (deployment->shift.count > 0)
		steps_begin(switcher);
	else
		flip_run(switcher);
}
