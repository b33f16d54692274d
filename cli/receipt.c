/* Sentences about one deployment, out of its document alone. Asks nobody and decides nothing. */
#include "cli/receipt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/document.h"
#include "cli/grid.h"
#include "cli/screen.h"

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

/* The two colors of a deployment, with their versions. */
static void name_ends(const json_t *deployment, char from[RECEIPT_COLOR_SIZE], char to[RECEIPT_COLOR_SIZE])
{
	receipt_name_color(document_text_or(deployment, "from", "?"), document_text(deployment, "from_version"), from);
	receipt_name_color(document_text_or(deployment, "to", "?"), document_text(deployment, "version"), to);
}

static void print_outcome(const json_t *deployment)
{
	char from[RECEIPT_COLOR_SIZE], to[RECEIPT_COLOR_SIZE];
	const char *outcome = document_text_or(deployment, "outcome", "running");
	name_ends(deployment, from, to);
	if (strcmp(outcome, "promoted") == 0)
		screen_write_painted(PAINT_GREEN, "promoted: %s is live", to);
	else if (strcmp(outcome, "rolled_back") == 0)
		screen_write_painted(PAINT_RED, "rolled back: %s is live again", from);
	else if (strcmp(outcome, "running") == 0)
		screen_write_painted(PAINT_BLUE, "running: %s", document_text_or(deployment, "phase", "?"));
	else
		screen_write_painted(PAINT_RED, "%s: %s stays live", outcome, from);
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
	if (!json_is_object(receipt))
		return;
	char inflight[DOCUMENT_FORM_SIZE], drained[DOCUMENT_FORM_SIZE], cut[DOCUMENT_FORM_SIZE], replayed[DOCUMENT_FORM_SIZE], failed[DOCUMENT_FORM_SIZE];
	document_format_count(document_count(receipt, "inflight_at_switch"), inflight);
	document_format_count(document_count(receipt, "drained"), drained);
	document_format_count(document_count(receipt, "cut"), cut);
	document_format_count(document_count(receipt, "replayed"), replayed);
	document_format_count(document_count(receipt, "failed"), failed);
	screen_line("receipt: %s in flight at the switch, %s drained, %s cut; %s replayed, %s failed since", inflight, drained, cut, replayed, failed);
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
	else
		screen_line("%s can't be stopped yet: connections to it are still open; `teal explain %s` says when it can", from,
			document_text_or(deployment, "id", ""));
}

static void print_warnings(const json_t *deployment)
{
	size_t i;
	const json_t *warning;
	json_array_foreach(json_object_get(deployment, "warnings"), i, warning) if (json_is_string(warning))
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

void receipt_print(const json_t *deployment, bool told)
{
	print_outcome(deployment);
	if (!told)
		print_detail(deployment);
	print_counts(deployment);
	print_safe_to_stop(deployment);
	print_warnings(deployment);
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
		bool passed = document_flag(gate, "passed"), forced = document_flag(gate, "forced");
		grid_add(grid, PAINT_NONE, "%s", document_text_or(gate, "name", "?"));
		grid_add(grid, passed ? PAINT_GREEN : forced ? PAINT_YELLOW : PAINT_RED, "%s", passed ? "passed" : forced ? "forced" : "failed");
		grid_add(grid, PAINT_NONE, "%s", document_text_or(gate, "detail", ""));
	}
	grid_print(grid);
}

static void explain_request(const json_t *deployment)
{
	char from[RECEIPT_COLOR_SIZE], to[RECEIPT_COLOR_SIZE];
	name_ends(deployment, from, to);
	screen_write_painted(PAINT_BOLD, "%s", document_text_or(deployment, "id", "?"));
	screen_line(": a %s of %s from %s to %s.", document_text_or(deployment, "kind", "switch"), document_text_or(deployment, "service", "?"), from, to);
	const char *reason = document_text(deployment, "reason");
	screen_write("Asked for by %s", document_text_or(deployment, "actor", "somebody unknown"));
	screen_write("%s%s%s", reason ? ", because: \"" : "", reason ? reason : "", reason ? "\"" : "");
	screen_line("%s.", document_flag(deployment, "force") ? ", with --force" : "");
}

/* One moment of the story: the clock, the time since the start, and what it was. */
struct moment {
	const char *key, *what;
};

/* A rollback may come before the drain or long after it, so the order is that of the clock; at one instant it is that of the list. */
static void sort_moments(struct moment *moments, size_t count, const json_t *deployment)
{
	for (size_t i = 1; i < count; i++)
		for (size_t k = i; k > 0 && document_time(deployment, moments[k].key) < document_time(deployment, moments[k - 1].key); k--) {
			struct moment later = moments[k - 1];
			moments[k - 1] = moments[k];
			moments[k] = later;
		}
}

static void add_moment(struct grid *grid, const json_t *document, const struct moment *moment, uint64_t started)
{
	char when[DOCUMENT_FORM_SIZE], after[DOCUMENT_FORM_SIZE];
	uint64_t at = document_time(document, moment->key);
	if (!at)
		return;
	document_format_when(at, clock_wall_ms(), when);
	document_format_span(at > started ? at - started : 0, after);
	grid_add(grid, PAINT_NONE, "%s", when);
	grid_add(grid, PAINT_NONE, "+%s", after);
	grid_add(grid, PAINT_NONE, "%s", moment->what);
}

static void explain_moments(const json_t *deployment)
{
	uint64_t started = document_time(deployment, "started_at");
	char flip[160], stop[80], back[160];
	snprintf(flip, sizeof(flip), "%s live on every worker, %" PRId64 " us after the flip", document_text_or(deployment, "to", "?"),
		document_count(deployment, "flip_us"));
	snprintf(stop, sizeof(stop), "%s can be stopped safely from here on", document_text_or(deployment, "from", "?"));
	snprintf(back, sizeof(back), "%s live again (%s)", document_text_or(deployment, "from", "?"),
		document_text_or(json_object_get(deployment, "rollback"), "cause", "?"));
	struct moment moments[] = {
		{"started_at", "started"},
		{"switched_at", flip},
		{"confirmed_at", "confirmed"},
		{"rolled_back_at", back},
		{"drained_at", "the color that was left had nothing in flight any more, or its time to drain was over"},
		{"ended_at", "ended"},
		{"safe_to_stop_at", stop},
	};
	size_t count = sizeof(moments) / sizeof(moments[0]);
	struct grid *grid = grid_new(2, "lrl", NULL);
	sort_moments(moments, count, deployment);
	for (size_t i = 0; i < count; i++)
		add_moment(grid, deployment, &moments[i], started);
	grid_print(grid);
}

static void explain_receipt(const json_t *deployment)
{
	const json_t *receipt = json_object_get(deployment, "receipt");
	if (!json_is_object(receipt)) {
		screen_line("No traffic was moved.");
		return;
	}
	int64_t inflight = document_count(receipt, "inflight_at_switch"), cut = document_count(receipt, "cut"), drained = document_count(receipt, "drained");
	screen_write("At the switch %s had %" PRId64 " request%s in flight", document_text_or(deployment, "from", "?"), inflight, inflight == 1 ? "" : "s");
	if (inflight > 0 && drained >= inflight)
		screen_line("; all of it ended there.");
	else if (cut > 0)
		screen_line("; %" PRId64 " of them ended there as they should, %" PRId64 " were cut off when their time was over.", drained, cut);
	else if (inflight > 0)
		screen_line("; %" PRId64 " of them had ended there when the drain did.", drained);
	else
		screen_line(".");
	screen_line("From the flip on %" PRId64 " attempts were repeated on another connection, and %" PRId64 " requests got no whole answer from a backend.",
		document_count(receipt, "replayed"), document_count(receipt, "failed"));
}

static void explain_evidence(const json_t *deployment)
{
	const json_t *evidence = json_object_get(deployment, "evidence");
	const char *text = document_text(evidence, "text"), *verdict = document_text(deployment, "verdict");
	bool told = text && strstr(document_text_or(deployment, "detail", ""), text);
	if (text && !told)
		screen_line("The judge's evidence: %s.", text);
	if (verdict)
		screen_line("The verdict: %s.", verdict);
	if (strcmp(document_text_or(deployment, "cause", ""), "common_cause") == 0)
		screen_line("Nothing was rolled back, as the other color was no better.");
}

static void explain_verification(const json_t *deployment)
{
	const json_t *verification = json_object_get(deployment, "verification");
	const char *text = document_text(verification, "text"), *state = document_text(verification, "state");
	if (!state)
		return;
	if (text)
		screen_line("Whether that helped: %s. (%s)", text, state);
	else
		screen_line("Whether that helped is not known yet: %s is being watched.", document_text_or(deployment, "from", "?"));
}

static void explain_events(const json_t *deployment)
{
	const json_t *events = json_object_get(deployment, "events"), *event;
	if (json_array_size(events) == 0)
		return;
	screen_line("\nEvents:");
	uint64_t started = document_time(deployment, "started_at");
	struct grid *grid = grid_new(2, "rl", NULL);
	size_t i;
	json_array_foreach(events, i, event)
	{
		if (strcmp(document_text_or(event, "event", ""), "draining") == 0)
			continue;
		char after[DOCUMENT_FORM_SIZE];
		uint64_t at = document_time(event, "at");
		document_format_span(at > started ? at - started : 0, after);
		grid_add(grid, PAINT_DIM, "+%s", after);
		grid_add(grid, PAINT_NONE, "%s", receipt_event_text(event));
	}
	grid_print(grid);
}

void receipt_explain(const json_t *deployment)
{
	explain_request(deployment);
	print_outcome(deployment);
	print_detail(deployment);
	explain_moments(deployment);
	explain_receipt(deployment);
	explain_evidence(deployment);
	explain_verification(deployment);
	print_warnings(deployment);
	if (json_array_size(json_object_get(deployment, "gates")) > 0)
		screen_line("\nGates:");
	receipt_print_gates(json_object_get(deployment, "gates"));
	explain_events(deployment);
}
