/* What must hold before a switch. Pure; does not wait and changes nothing. */
#include "switch/gates.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "switch/wire.h"

typedef void gate_check(const struct gates_input *input, struct gate_result *result);

static void say(struct gate_result *result, bool passed, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void say(struct gate_result *result, bool passed, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(result->detail, sizeof(result->detail), format, arguments);
	va_end(arguments);
	result->passed = passed;
}

static void check_no_deployment_running(const struct gates_input *input, struct gate_result *result)
{
	if (input->running && input->returns)
		say(result, false, "deployment %s of service %s is being rolled back; wait for its end", input->running, input->service);
	else if (input->running)
		say(result, false, "deployment %s of service %s is under way; wait for it, or end it with: teal abort %s", input->running, input->service,
			input->service);
	else
		say(result, true, "no other deployment of %s is under way", input->service);
}

static void say_blind(struct gate_result *result, const struct gates_input *input)
{
	say(result, false, "which color of service %s is live is not known: %s", input->service, input->live_fault);
	result->blind = true;
}

static void check_not_live(const struct gates_input *input, struct gate_result *result)
{
	if (input->live_fault && input->live_drifted && input->force)
		say(result, true, "the record is taken as it is, by force: %s", input->live_fault);
	else if (input->live_fault)
		say_blind(result, input);
	else if (input->to == input->live)
		say(result, false, "%s is already the live color of service %s", color_name(input->to), input->service);
	else
		say(result, true, "%s is live, %s is idle", color_name(input->live), color_name(input->to));
}

static void check_not_locked(const struct gates_input *input, struct gate_result *result)
{
	bool has_reason = input->lock_reason && *input->lock_reason;
	if (!input->locked) {
		say(result, true, "service %s is not locked", input->service);
		return;
	}
	say(result, false, "service %s is locked by %s%s%s%s; unlock it first: teal unlock %s", input->service,
		input->lock_actor ? input->lock_actor : "someone", has_reason ? ": \"" : "", has_reason ? input->lock_reason : "", has_reason ? "\"" : "",
		input->service);
}

static void check_expect_live(const struct gates_input *input, struct gate_result *result)
{
	if (!input->expects)
		say(result, true, "nothing was said about the live color");
	else if (input->live_fault)
		say_blind(result, input);
	else if (input->expect_live == input->live)
		say(result, true, "%s is live, as expected", color_name(input->live));
	else
		say(result, false, "%s is the live color of service %s, and %s was expected", color_name(input->live), input->service,
			color_name(input->expect_live));
}

static void check_has_backends(const struct gates_input *input, struct gate_result *result)
{
	if (input->backends == 0)
		say(result, false, "%s of service %s has no backends; give it some with: teal deploy %s --backend ADDR", color_name(input->to), input->service,
			input->service);
	else
		say(result, true, "%s has %u backend%s", color_name(input->to), input->backends, input->backends == 1 ? "" : "s");
}

static void check_not_quarantined(const struct gates_input *input, struct gate_result *result)
{
	const char *version = input->version && *input->version ? input->version : "this release";
	if (input->quarantine && input->anew)
		say(result, true, "%s of %s was rolled back by deployment %s, and is deployed anew", version, color_name(input->to), input->quarantine);
	else if (input->quarantine)
		say(result, false, "%s of %s was rolled back by deployment %s; deploy another version, restart every backend of it, or switch with --force",
			version, color_name(input->to), input->quarantine);
	else
		say(result, true, "%s of %s was not rolled back before", version, color_name(input->to));
}

/* A share of 66.7 % of 3 backends means 2 of them. */
static unsigned backends_needed(const struct gates_input *input)
{
	return (unsigned)ceil(input->healthy_share * input->backends - 1e-6);
}

static void check_healthy(const struct gates_input *input, struct gate_result *result)
{
	char share[TEXT_UNIT_SIZE];
	unsigned needed = backends_needed(input);
	text_format_share(input->healthy_share, share);
	if (input->healthy_share <= 0)
		say(result, true, "the gate is off (gates.healthy is 0%%)");
	else
		say(result, input->up >= needed, "%u of %u backend%s of %s %s up%s; %s are required%s%s%s%s", input->up, input->backends,
			input->backends == 1 ? "" : "s", color_name(input->to), input->up == 1 ? "is" : "are",
			input->unknown > 0 ? " (some are not probed yet)" : "", share, input->sick ? "; " : "", input->sick ? input->sick : "",
			input->sick ? " is down: " : "", input->sick ? input->sick_why : "");
	result->waits = !result->passed;
}

static void check_durable(const struct gates_input *input, struct gate_result *result)
{
	if (input->durable_fault)
		say(result, false, "the switch can't be written to the state directory: %s; or switch with --force", input->durable_fault);
	else
		say(result, true, "the state directory takes what is written");
}

static const struct gate_row {
	const char *name;
	const char *code;
	gate_check *check;
	bool forcible;
} rows[GATE_COUNT] = {
	[GATE_NO_DEPLOYMENT_RUNNING] = {"no_deployment_running", "deployment_running", check_no_deployment_running, false},
	[GATE_NOT_LIVE] = {"not_live", "already_live", check_not_live, false},
	[GATE_NOT_LOCKED] = {"not_locked", "locked", check_not_locked, false},
	[GATE_EXPECT_LIVE] = {"expect_live", "live_is_other", check_expect_live, false},
	[GATE_HAS_BACKENDS] = {"has_backends", NULL, check_has_backends, false},
	[GATE_NOT_QUARANTINED] = {"not_quarantined", NULL, check_not_quarantined, true},
	[GATE_HEALTHY] = {"healthy", NULL, check_healthy, true},
	[GATE_DURABLE] = {"durable", NULL, check_durable, true},
};

const char *gates_name(enum gate gate)
{
	return rows[gate].name;
}

const char *gates_code(const struct gate_result *result)
{
	return result->blind ? "live_unknown" : rows[result->gate].code;
}

void gates_check(const struct gates_input *input, struct gate_result results[GATE_COUNT])
{
	for (unsigned i = 0; i < GATE_COUNT; i++) {
		struct gate_result *result = &results[i];
		*result = (struct gate_result){.gate = (enum gate)i};
		rows[i].check(input, result);
		result->forced = !result->passed && rows[i].forcible && input->force;
		result->waits = result->waits && !result->forced;
	}
}

const struct gate_result *gates_find_refusal(const struct gate_result results[GATE_COUNT])
{
	const struct gate_result *waiting = NULL;
	for (unsigned i = 0; i < GATE_COUNT; i++) {
		if (results[i].passed || results[i].forced)
			continue;
		if (!results[i].waits)
			return &results[i];
		waiting = &results[i];
	}
	return waiting;
}

json_t *gates_to_json(const struct gate_result results[GATE_COUNT])
{
	json_t *array = json_array();
	for (unsigned i = 0; i < GATE_COUNT; i++) {
		json_t *gate = json_pack("{s:s, s:b, s:b, s:o}", "name", gates_name(results[i].gate), "passed", results[i].passed, "waits", results[i].waits,
			"detail", wire_text(results[i].detail));
		if (results[i].forced)
			json_object_set_new(gate, "forced", json_true());
		json_array_append_new(array, gate);
	}
	return array;
}
