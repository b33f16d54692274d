/* The gates of a procedure. Control thread. Each says how it went; that it may be overridden and what a refusal means is switch/procedure's. */
#include "switch/procedure_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/url.h"
#include "switch/hook.h"
#include "switch/hook_tally.h"
#include "switch/wire.h"

/* Of all the output of a deployment's hooks; more would make its document too long. */
#define OUTPUT_KEPT ((size_t)64 * 1024)

/* The armed check ends by itself well before. */
#define ARMED_MS 120000u

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

void procedure_emit(struct procedure *procedure, enum procedure_part part, const char *event, json_t *more, const char *text)
{
	char line[1280];
	if (!more)
		more = json_object();
	json_object_set_new(more, "gate", json_string(procedure_kinds[part].name));
	snprintf(line, sizeof(line), "%s: %s: %s", procedure->conf->name, procedure_kinds[part].name, text);
	procedure->tools.emit(procedure->tools.arg, event, more, line);
}

/* ---- freeze ---- */

static bool wants_freeze(const struct procedure *procedure)
{
	return procedure->conf->gates.freeze_count > 0;
}

static bool look_freeze(struct procedure *procedure, const struct procedure_now *now, struct procedure_row *row)
{
	uint64_t ends_ms;
	row->passed = !freeze_holds(procedure->freeze, now->wall_ms, row->detail, sizeof(row->detail), &ends_ms);
	return true;
}

/* Who overrode a freeze before need not be told of it again. */
static bool wants_still_no_freeze(const struct procedure *procedure)
{
	return wants_freeze(procedure) && !procedure->rows[PROCEDURE_FREEZE].forced;
}

static void describe_freeze(const struct procedure *procedure, enum color to, char *out, size_t size)
{
	(void)to;
	snprintf(out, size, "looks at %zu freeze%s", procedure->conf->gates.freeze_count, plural(procedure->conf->gates.freeze_count));
}

/* ---- rehearsal ---- */

static bool wants_rehearsal(const struct procedure *procedure)
{
	return procedure->conf->gates.rehearsal_ms > 0;
}

static bool look_rehearsal(struct procedure *procedure, const struct procedure_now *now, struct procedure_row *row)
{
	row->passed = procedure->tools.check_rehearsal(
		procedure->tools.arg, &procedure->deployment->to_release, now->wall_ms, procedure->conf->gates.rehearsal_ms, row->detail, sizeof(row->detail));
	return true;
}

static void describe_rehearsal(const struct procedure *procedure, enum color to, char *out, size_t size)
{
	char within[TEXT_UNIT_SIZE];
	text_format_duration(procedure->conf->gates.rehearsal_ms, within);
	snprintf(out, size, "looks for a rehearsal that %s passed in the last %s", color_name(to), within);
}

/* ---- smoke ---- */

static bool wants_smoke(const struct procedure *procedure)
{
	return procedure->conf->gates.smoke_count > 0;
}

/* What clients send: the name of the record, or the service's first host, that is no wildcard. */
static const char *usual_host(const struct conf_service *conf)
{
	if (conf->via == CONF_VIA_ROUTE53)
		return strncmp(conf->route53.name, "*.", 2) != 0 ? conf->route53.name : NULL;
	for (size_t i = 0; i < conf->host_count; i++)
		if (strncmp(conf->hosts[i], "*.", 2) != 0)
			return conf->hosts[i];
	return NULL;
}

static void on_smoke_end(void *arg)
{
	struct procedure *procedure = arg;
	procedure->smoke_over = true;
	procedure->tools.on_news(procedure->tools.arg);
}

static void begin_smoke(struct procedure *procedure, const struct procedure_now *now)
{
	(void)now;
	const struct conf_service *conf = procedure->conf;
	enum color to = procedure->deployment->to;
	json_decref(procedure->smoke_results); /* of requests that the file does not have any more */
	procedure->smoke_results = NULL;
	procedure->smoke_over = false;
	size_t count = procedure->tools.list_backends(procedure->tools.arg, to, NULL, 0);
	if (count == 0)
		return;
	struct smoke_backend *backends = memory_array(count, sizeof(*backends));
	procedure->tools.list_backends(procedure->tools.arg, to, backends, count);
	const struct smoke_plan plan = {
		.requests = conf->gates.smokes,
		.request_count = conf->gates.smoke_count,
		.backends = backends,
		.backend_count = count,
		.host = usual_host(conf),
		.version = procedure->deployment->to_release.version,
		.color = to,
	};
	procedure->smoke = smoke_start(procedure->tools.fetch, &plan, on_smoke_end, procedure);
	free(backends);
}

static bool look_smoke(struct procedure *procedure, const struct procedure_now *now, struct procedure_row *row)
{
	(void)now;
	if (!procedure->smoke) {
		snprintf(row->detail, sizeof(row->detail), "%s has no backends", color_name(procedure->deployment->to));
		return true;
	}
	if (!procedure->smoke_over)
		return false;
	row->passed = smoke_passed(procedure->smoke);
	snprintf(row->detail, sizeof(row->detail), "%s", smoke_detail(procedure->smoke));
	procedure->smoke_results = smoke_to_json(procedure->smoke);
	smoke_free(procedure->smoke);
	procedure->smoke = NULL;
	return true;
}

static void describe_smoke(const struct procedure *procedure, enum color to, char *out, size_t size)
{
	size_t requests = procedure->conf->gates.smoke_count, backends = procedure->tools.list_backends(procedure->tools.arg, to, NULL, 0);
	snprintf(out, size, "%zu request%s to %zu backend%s of %s", requests, plural(requests), backends, plural(backends), color_name(to));
}

/* ---- approval ---- */

static bool wants_approval(const struct procedure *procedure)
{
	return procedure->conf->gates.approval_ms > 0;
}

static void begin_approval(struct procedure *procedure, const struct procedure_now *now)
{
	char text[512];
	if (procedure->deployment->force)
		return;
	approval_ask(&procedure->approval, procedure->conf->gates.approval_ms, now->mono_ms, now->wall_ms);
	approval_describe(&procedure->approval, APPROVAL_PENDING, procedure->conf->name, text, sizeof(text));
	json_t *more = json_object();
	approval_add_json(&procedure->approval, more);
	procedure_emit(procedure, PROCEDURE_APPROVAL, "approval_asked", more, text);
	herald_tell(procedure->tools.courier, procedure->conf, HERALD_APPROVAL, procedure->deployment, now->wall_ms);
}

static bool look_approval(struct procedure *procedure, const struct procedure_now *now, struct procedure_row *row)
{
	if (!procedure->approval.asked_at) {
		snprintf(row->detail, sizeof(row->detail), "nobody was asked for an approval");
		return true;
	}
	enum approval_state state = approval_look(&procedure->approval, now->mono_ms);
	approval_describe(&procedure->approval, state, procedure->conf->name, row->detail, sizeof(row->detail));
	row->passed = state == APPROVAL_GIVEN;
	row->exit_code = state == APPROVAL_EXPIRED ? 6 : 3;
	return state != APPROVAL_PENDING;
}

static void describe_approval(const struct procedure *procedure, enum color to, char *out, size_t size)
{
	char patience[TEXT_UNIT_SIZE];
	(void)to;
	text_format_duration(procedure->conf->gates.approval_ms, patience);
	snprintf(out, size, "waits at most %s for somebody's approval: teal approve %s", patience, procedure->conf->name);
}

void procedure_parts_change_approval(struct procedure *procedure, uint64_t approval_ms)
{
	struct procedure_row *row = &procedure->rows[PROCEDURE_APPROVAL];
	if (!row->begun || row->ended || !procedure->approval.asked_at || procedure->approval.answered)
		return;
	if (approval_ms > 0) {
		approval_shorten(&procedure->approval, approval_ms);
		return;
	}
	*row = (struct procedure_row){0};
	procedure->approval = (struct approval){0};
	procedure_emit(procedure, PROCEDURE_APPROVAL, "approval_dropped", NULL, "nobody is asked any more, as the configuration wants no approval now");
	procedure->tools.on_news(procedure->tools.arg);
}

/* ---- hooks ---- */

static const struct conf_hooks *hooks_of(const struct procedure *procedure)
{
	return &procedure->conf->hooks[CONF_BEFORE_SWITCH];
}

static bool wants_hooks(const struct procedure *procedure)
{
	return hooks_of(procedure)->count > 0;
}

static json_t *make_hook_row(struct procedure *procedure, const struct hook_result *result)
{
	size_t length = strlen(result->output);
	bool fits = length <= procedure->output_left;
	json_t *row = json_pack("{s:s, s:b, s:b, s:o, s:o, s:o, s:o}", "name", procedure_kinds[PROCEDURE_HOOKS].name, "passed", result->passed, "waits", false,
		"detail", wire_text(result->sentence), "ms", wire_count(result->ms), "hook", wire_text(result->name), "output",
		fits ? wire_text(result->output) : json_null());
	if (fits)
		procedure->output_left -= length;
	else
		json_object_set_new(row, "output_cut", json_true());
	return row;
}

static void on_hook_done(void *arg, const struct hook_result *result)
{
	struct procedure *procedure = arg;
	procedure->hook = NULL;
	procedure->hook_over = true;
	procedure->hook_passed = result->passed;
	procedure->hook_ms = result->ms;
	free(procedure->hook_sentence);
	procedure->hook_sentence = memory_text(result->sentence);
	json_array_append_new(procedure->hook_rows, make_hook_row(procedure, result));
	procedure->tools.on_news(procedure->tools.arg);
}

static void list_hooks(const struct conf_hooks *hooks, char *out, size_t size)
{
	int length = snprintf(out, size, "%zu hook%s", hooks->count, plural(hooks->count));
	for (size_t i = 0; i < hooks->count && length > 0 && (size_t)length < size; i++) {
		const struct conf_hook *hook = &hooks->list[i];
		char *target = hook->run ? NULL : url_show_target(hook->url);
		length += snprintf(out + length, size - (size_t)length, "%s %.256s", i ? "," : ":", hook->run ? hook->run[0] : target);
		free(target);
	}
}

static void describe_hooks(const struct procedure *procedure, enum color to, char *out, size_t size)
{
	(void)to;
	if (procedure->hook && procedure->hooks_changed)
		snprintf(out, size, "%.256s is under way", hook_name(procedure->hook));
	else if (procedure->hook)
		snprintf(out, size, "%.256s is under way (%zu of %zu)", hook_name(procedure->hook), procedure->hook_at + 1, hooks_of(procedure)->count);
	else
		list_hooks(hooks_of(procedure), out, size);
}

/* One at a time, so that --force can go on behind one that refuses, and gates that a reload brings can come between two. */
static void begin_hooks(struct procedure *procedure, const struct procedure_now *now)
{
	struct hook_facts facts = herald_describe(procedure->deployment, "before_switch", NULL, now->wall_ms);
	procedure->hook_over = false;
	json_decref(procedure->hook_begun);
	procedure->hook_begun = hook_tally_describe(&hooks_of(procedure)->list[procedure->hook_at]);
	procedure->hook = hook_start(procedure->tools.hooks, &hooks_of(procedure)->list[procedure->hook_at], &facts, on_hook_done, procedure);
	char text[512];
	describe_hooks(procedure, procedure->deployment->to, text, sizeof(text));
	procedure_emit(procedure, PROCEDURE_HOOKS, "gate_started", NULL, text);
}

static void force_hook(struct procedure *procedure)
{
	json_object_set_new(json_array_get(procedure->hook_rows, json_array_size(procedure->hook_rows) - 1), "forced", json_true());
}

/* A place in the former list says nothing of the new one, of which none may be left out, and none run twice. */
static void find_next_hook(struct procedure *procedure, struct procedure_row *row, const struct conf_hooks *hooks)
{
	procedure->hook_at = hook_tally_find_next(procedure->hooks_done, hooks);
	row->again = procedure->hook_at < hooks->count;
}

static bool look_hooks(struct procedure *procedure, const struct procedure_now *now, struct procedure_row *row)
{
	(void)now;
	if (!procedure->hook_over)
		return false;
	row->passed = procedure->hook_passed;
	snprintf(row->detail, sizeof(row->detail), "%s", procedure->hook_sentence);
	if (row->passed)
		procedure_emit(procedure, PROCEDURE_HOOKS, "gate_passed", json_pack("{s:o}", "ms", wire_count(procedure->hook_ms)), procedure->hook_sentence);
	else if (procedure->deployment->force)
		force_hook(procedure);
	json_array_append(procedure->hooks_done, procedure->hook_begun);
	procedure->hooks_changed = false;
	find_next_hook(procedure, row, hooks_of(procedure));
	return true;
}

void procedure_parts_change_hooks(struct procedure *procedure, const struct conf_hooks *hooks)
{
	struct procedure_row *row = &procedure->rows[PROCEDURE_HOOKS];
	procedure->hooks_changed = row->begun && !row->ended;
	if (!procedure->hooks_changed)
		find_next_hook(procedure, row, hooks);
}

/* ---- armed ---- */

static bool wants_armed(const struct procedure *procedure)
{
	return procedure->tools.begin_armed != NULL;
}

static void begin_armed(struct procedure *procedure, const struct procedure_now *now)
{
	(void)now;
	procedure->tools.begin_armed(procedure->tools.arg, procedure->deployment);
}

static bool look_armed(struct procedure *procedure, const struct procedure_now *now, struct procedure_row *row)
{
	enum procedure_armed armed = procedure->tools.read_armed(procedure->tools.arg, row->detail, sizeof(row->detail));
	bool late = armed == PROCEDURE_ARMED_PENDING && now->mono_ms - row->began_ms >= ARMED_MS;
	if (late)
		snprintf(row->detail, sizeof(row->detail), "it was not known within %u s", ARMED_MS / 1000);
	if (armed == PROCEDURE_ARMED_PENDING && !late)
		return false;
	json_decref(procedure->armed_rows);
	procedure->armed_rows = procedure->tools.list_armed(procedure->tools.arg);
	row->passed = armed == PROCEDURE_ARMED_YES;
	if (row->passed)
		snprintf(row->detail, sizeof(row->detail), "the change to %s could be made now", color_name(procedure->deployment->to));
	return true;
}

static void describe_armed(const struct procedure *procedure, enum color to, char *out, size_t size)
{
	(void)procedure;
	snprintf(out, size, "checks that the change to %s can be made", color_name(to));
}

/* ---- all of them ---- */

const struct procedure_kind procedure_kinds[PROCEDURE_PART_COUNT] = {
	[PROCEDURE_FREEZE] = {"freeze", false, false, wants_freeze, NULL, look_freeze, describe_freeze},
	[PROCEDURE_REHEARSAL] = {"rehearsal", false, false, wants_rehearsal, NULL, look_rehearsal, describe_rehearsal},
	[PROCEDURE_SMOKE] = {"smoke", true, false, wants_smoke, begin_smoke, look_smoke, describe_smoke},
	[PROCEDURE_APPROVAL] = {"approval", false, false, wants_approval, begin_approval, look_approval, describe_approval},
	[PROCEDURE_HOOKS] = {"hook", false, false, wants_hooks, begin_hooks, look_hooks, describe_hooks},
	[PROCEDURE_STILL_NO_FREEZE] = {"freeze", false, true, wants_still_no_freeze, NULL, look_freeze, describe_freeze},
	[PROCEDURE_ARMED] = {"armed", true, false, wants_armed, begin_armed, look_armed, describe_armed},
};

void procedure_parts_stop(struct procedure *procedure)
{
	smoke_free(procedure->smoke);
	procedure->smoke = NULL;
	if (procedure->hook)
		hook_cancel(procedure->hook);
	procedure->hook = NULL;
}

void procedure_parts_reset(struct procedure *procedure)
{
	procedure_parts_stop(procedure);
	memset(procedure->rows, 0, sizeof(procedure->rows));
	json_decref(procedure->smoke_results);
	json_decref(procedure->armed_rows);
	json_decref(procedure->hook_rows);
	json_decref(procedure->hook_begun);
	json_decref(procedure->hooks_done);
	free(procedure->hook_sentence);
	procedure->hook_sentence = NULL;
	procedure->smoke_results = procedure->armed_rows = procedure->hook_begun = NULL;
	procedure->hook_rows = json_array();
	procedure->hooks_done = json_array();
	procedure->smoke_over = procedure->hook_over = procedure->hooks_changed = false;
	procedure->approval = (struct approval){0};
	procedure->hook_at = 0;
	procedure->output_left = OUTPUT_KEPT;
}
