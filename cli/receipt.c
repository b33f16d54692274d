/* Sentences about one deployment, out of its document alone. Asks nobody and decides nothing. */
#include "cli/receipt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/dns_change.h"
#include "cli/document.h"
#include "cli/grid.h"
#include "cli/screen.h"

#define LAST_LINES 20u
#define LAST_BYTES 2000

void receipt_name_color(const char *color, const char *version, char out[RECEIPT_COLOR_SIZE])
{
	if (version && *version)
		snprintf(out, RECEIPT_COLOR_SIZE, "%s (%s)", color, version);
	else
		snprintf(out, RECEIPT_COLOR_SIZE, "%s", color);
}

const char *receipt_event_text(const json_t *event)
{
	const char *text = document_text_or(event, "text", document_text_or(event, "event", "")), *service = document_text_or(event, "service", "");
	size_t length = strlen(service);
	if (length > 0 && strncmp(text, service, length) == 0 && strncmp(text + length, ": ", 2) == 0)
		return text + length + 2;
	return text;
}

static void tell_step(const json_t *steps, uint64_t now_ms, char out[RECEIPT_STAGE_SIZE])
{
	const json_t *shares = json_object_get(steps, "shares");
	size_t at = (size_t)document_count(steps, "at"), count = json_array_size(shares);
	uint64_t ends = document_time(steps, "pause_ends_at");
	char left[DOCUMENT_FORM_SIZE];
	document_format_span(ends > now_ms ? ends - now_ms : 0, left);
	bool manual = json_is_string(json_object_get(steps, "pause_s"));
	snprintf(out, RECEIPT_STAGE_SIZE, ", step %zu of %zu (%g%%)%s%s%s", at + 1, count, json_number_value(json_array_get(shares, at)),
		manual ? ", waits for `teal promote`"
		: ends ? ", "
		       : "",
		manual || !ends ? "" : left, manual || !ends ? "" : " left");
}

/* Probed is only what a command was run beside, and nothing with --force. */
static const char *name_stage(const json_t *exclusive, bool forced)
{
	bool runs = document_has(exclusive, "program");
	if (document_has(exclusive, "released_at") || !document_has(exclusive, "held_at"))
		return NULL;
	if (!document_has(exclusive, "drained_at"))
		return "the old color finishes";
	if (runs && !document_has(exclusive, "run_at"))
		return "the command's beginning is written down";
	if (runs && !document_has(exclusive, "ran_at"))
		return "the command runs";
	if (runs && !forced && !document_has(exclusive, "probed_at"))
		return "the new color is probed";
	return "the flip is written down";
}

/* The gate that it is at; NULL when there is none. */
static const char *find_gate(const json_t *gates)
{
	const json_t *last = json_array_get(gates, json_array_size(gates) - 1);
	return last && !document_flag(last, "passed") ? document_text(last, "detail") : NULL;
}

void receipt_tell_stage(const json_t *deployment, uint64_t now_ms, char out[RECEIPT_STAGE_SIZE])
{
	const json_t *steps = json_object_get(deployment, "steps"), *exclusive = json_object_get(deployment, "exclusive");
	const char *stage = name_stage(exclusive, document_flag(deployment, "force")), *gate = find_gate(json_object_get(deployment, "gates"));
	bool gating = strcmp(document_text_or(deployment, "phase", ""), "gating") == 0;
	bool shifting = strcmp(document_text_or(deployment, "phase", ""), "shifting") == 0;
	out[0] = '\0';
	if (shifting && json_array_size(json_object_get(steps, "taken")) > 0)
		tell_step(steps, now_ms, out);
	else if (stage)
		snprintf(out, RECEIPT_STAGE_SIZE, ", %s", stage);
	else if (gate && gating)
		snprintf(out, RECEIPT_STAGE_SIZE, ", %.200s", gate);
}

void receipt_name_ends(const json_t *deployment, char from[RECEIPT_COLOR_SIZE], char to[RECEIPT_COLOR_SIZE])
{
	receipt_name_color(document_text_or(deployment, "from", "?"), document_text(deployment, "from_version"), from);
	receipt_name_color(document_text_or(deployment, "to", "?"), document_text(deployment, "version"), to);
}

static void print_outcome(const json_t *deployment)
{
	char from[RECEIPT_COLOR_SIZE], to[RECEIPT_COLOR_SIZE];
	const char *outcome = document_text_or(deployment, "outcome", "running");
	bool flipped = document_has(deployment, "switched_at");
	receipt_name_ends(deployment, from, to);
	if (strcmp(outcome, "promoted") == 0)
		screen_write_painted(PAINT_GREEN, "promoted: %s is live", to);
	else if (strcmp(outcome, "rolled_back") == 0)
		screen_write_painted(PAINT_RED, "rolled back: %s is live again", from);
	else if (strcmp(outcome, "running") == 0)
		screen_write_painted(PAINT_BLUE, "running: %s", document_text_or(deployment, "phase", "?"));
	else
		screen_write_painted(PAINT_RED, "%s: %s stays live", outcome, flipped ? to : from);
	screen_line("%s", "");
}

static void print_detail(const json_t *deployment)
{
	const char *detail = document_text(deployment, "detail");
	if (detail)
		screen_line("%s", detail);
}

static void print_counts(const json_t *deployment)
{
	const json_t *receipt = json_object_get(deployment, "receipt");
	if (dns_change_is_of(deployment))
		dns_change_print(deployment, clock_wall_ms());
	if (!json_is_object(receipt) || dns_change_is_of(deployment))
		return;
	char inflight[DOCUMENT_FORM_SIZE], drained[DOCUMENT_FORM_SIZE], cut[DOCUMENT_FORM_SIZE];
	char replayed[DOCUMENT_FORM_SIZE], shielded[DOCUMENT_FORM_SIZE], failed[DOCUMENT_FORM_SIZE];
	document_format_count(document_count(receipt, "inflight_at_switch"), inflight);
	document_format_count(document_count(receipt, "drained"), drained);
	document_format_count(document_count(receipt, "cut"), cut);
	document_format_count(document_count(receipt, "replayed"), replayed);
	document_format_count(document_count(receipt, "failed"), failed);
	document_format_count(document_count(receipt, "shielded"), shielded);
	bool was_shielded = document_count(receipt, "shielded") > 0;
	screen_line("receipt: %s in flight at the switch, %s drained, %s cut; %s replayed, %s%s%s without a whole answer since", inflight, drained, cut,
		replayed, was_shielded ? shielded : "", was_shielded ? " shielded, " : "", failed);
}

static void print_safe_to_stop(const json_t *deployment)
{
	if (strcmp(document_text_or(deployment, "outcome", ""), "promoted") != 0)
		return;
	const char *from = document_text_or(deployment, "from", "?");
	char when[DOCUMENT_FORM_SIZE];
	document_format_when(document_time(deployment, "safe_to_stop_at"), clock_wall_ms(), when);
	if (document_has(deployment, "safe_to_stop_at"))
		screen_line("%s can be stopped safely since %s", from, when);
	else if (dns_change_is_of(deployment))
		screen_line("%s can't be stopped yet: caches may send users to it; `teal dns status %s`, which asks a daemon, says until when", from,
			document_text_or(deployment, "service", ""));
	else
		screen_line("%s can't be stopped yet: connections to it are still open; `teal explain %s` says when it can", from,
			document_text_or(deployment, "id", ""));
}

/* What comes after the colon of a sentence like `the verdict on green is inconclusive: …`. */
static bool is_told(const char *warning, const char *told)
{
	const char *why = strstr(warning, ": ");
	return why && strstr(told, why);
}

void receipt_print_warnings(const json_t *deployment, const char *told)
{
	size_t i;
	const json_t *warning;
	json_array_foreach(json_object_get(deployment, "warnings"), i, warning) if (json_is_string(warning) && !is_told(json_string_value(warning), told))
	{
		screen_write_painted(PAINT_YELLOW, "warning:");
		screen_line(" %s", json_string_value(warning));
	}
	const char *rollback = document_text(json_object_get(deployment, "rollback"), "warning");
	if (rollback) {
		screen_write_painted(PAINT_YELLOW, "warning:");
		screen_line(" %s", rollback);
	}
}

static void print_words(const char *words)
{
	while (*words) {
		size_t length = strcspn(words, "\n");
		screen_line("  | %.*s", (int)length, words);
		words += length + (words[length] == '\n');
	}
}

/* Where its last lines begin; in the middle of one that is very long, but of no character (UTF-8). */
static const char *find_end(const char *words)
{
	unsigned lines = LAST_LINES;
	const char *end = words + strlen(words), *at = end;
	if (at > words && at[-1] == '\n')
		at--;
	while (at > words && end - at < LAST_BYTES && (at[-1] != '\n' || --lines > 0))
		at--;
	while ((*at & 0xc0) == 0x80)
		at++;
	return at;
}

/* What the hook said that refused. */
static void print_last_words(const json_t *gates)
{
	size_t i;
	const json_t *gate;
	json_array_foreach(gates, i, gate)
	{
		const char *words = document_text(gate, "output");
		if (words && !document_flag(gate, "passed"))
			print_words(find_end(words));
	}
}

static void print_output(const json_t *hook)
{
	const char *words = document_text(hook, "output"), *moment = document_text(hook, "moment");
	if (!words)
		return;
	screen_line("\nOutput of %s%s%s:", document_text_or(hook, "hook", "?"), moment ? ", told of " : "", moment ? moment : "");
	print_words(words);
}

void receipt_print_outputs(const json_t *gates)
{
	size_t i;
	const json_t *gate;
	json_array_foreach(gates, i, gate) print_output(gate);
}

void receipt_print_failed(const json_t *events)
{
	size_t i;
	const json_t *event;
	json_array_foreach(events, i, event)
	{
		const char *name = document_text_or(event, "event", "");
		if (strcmp(name, "hook_failed") == 0 || strcmp(name, "notify_failed") == 0)
			print_output(event);
	}
}

void receipt_print(const json_t *deployment, bool told)
{
	print_outcome(deployment);
	if (!told)
		print_detail(deployment);
	if (strcmp(document_text_or(deployment, "outcome", ""), "refused") == 0)
		print_last_words(json_object_get(deployment, "gates"));
	print_counts(deployment);
	print_safe_to_stop(deployment);
	receipt_print_warnings(deployment, "");
}

/* What a gate of several parts found, each with a line of its own. */
static void add_parts(struct grid *grid, const json_t *gate)
{
	size_t i;
	const json_t *part;
	if (strcmp(document_text_or(gate, "name", ""), "armed") != 0)
		return;
	json_array_foreach(json_object_get(gate, "results"), i, part)
	{
		bool passed = document_flag(part, "passed");
		grid_add(grid, PAINT_DIM, "  %s", document_text_or(part, "name", "?"));
		grid_add(grid, passed ? PAINT_GREEN : PAINT_RED, "%s", passed ? "passed" : "failed");
		grid_add(grid, PAINT_NONE, "%s", document_text_or(part, "detail", ""));
	}
}

static void add_result(struct grid *grid, const json_t *gate)
{
	if (document_flag(gate, "passed"))
		grid_add(grid, PAINT_GREEN, "passed");
	else if (document_flag(gate, "forced"))
		grid_add(grid, PAINT_YELLOW, "forced");
	else if (document_flag(gate, "planned"))
		grid_add(grid, PAINT_NONE, "planned");
	else
		grid_add(grid, PAINT_RED, "failed");
}

void receipt_print_gates(const json_t *gates)
{
	static const char *const titles[] = {"GATE", "RESULT", "WHY"};
	if (json_array_size(gates) == 0)
		return;
	struct grid *grid = grid_new(2, "lll", titles);
	size_t i;
	const json_t *gate;
	json_array_foreach(gates, i, gate)
	{
		grid_add(grid, PAINT_NONE, "%s", document_text_or(gate, "name", "?"));
		add_result(grid, gate);
		grid_add(grid, PAINT_NONE, "%s", document_text_or(gate, "detail", ""));
		add_parts(grid, gate);
	}
	grid_print(grid);
}
