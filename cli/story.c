/* A deployment's story, out of its document alone. Asks nobody and decides nothing. */
#include "cli/story.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/dns_change.h"
#include "cli/document.h"
#include "cli/grid.h"
#include "cli/moments.h"
#include "cli/receipt.h"
#include "cli/screen.h"

/* ---- what was asked ---- */

static void tell_asker(const json_t *deployment)
{
	static const char failover[] = "failover: ";
	const char *reason = document_text(deployment, "reason"), *actor = document_text_or(deployment, "actor", "somebody unknown");
	if (reason && !document_has(deployment, "actor_uid") && strncmp(reason, failover, strlen(failover)) == 0) {
		screen_line("Nobody asked for it, %s did it by itself (failover): %s.", actor, reason + strlen(failover));
		return;
	}
	screen_write("Asked for by %s", actor);
	if (document_has(deployment, "actor_uid"))
		screen_write(" (uid %" PRId64 ")", document_count(deployment, "actor_uid"));
	screen_write("%s%s%s", reason ? ", because: \"" : "", reason ? reason : "", reason ? "\"" : "");
	screen_line("%s.", document_flag(deployment, "force") ? ", with --force" : "");
}

static void tell_manner(const json_t *deployment)
{
	const json_t *steps = json_object_get(deployment, "steps"), *exclusive = json_object_get(deployment, "exclusive");
	const json_t *shares = json_object_get(steps, "shares"), *share;
	size_t i;
	if (json_is_object(exclusive)) {
		const char *program = document_text(exclusive, "program");
		screen_line("Exclusive: holds new requests for less than %g s while the old color finishes%s%s.", document_number(exclusive, "hold_max_s", 0),
			program ? ", then runs " : "", program ? program : "");
	}
	if (!json_is_object(steps))
		return;
	screen_write("In steps of");
	json_array_foreach(shares, i, share) screen_write("%s %g%%", i ? "," : "", json_number_value(share));
	if (json_is_string(json_object_get(steps, "pause_s")))
		screen_line(", each until somebody promotes it.");
	else
		screen_line(", %g s each.", document_number(steps, "pause_s", 0));
}

static void tell_request(const json_t *deployment)
{
	char from[RECEIPT_COLOR_SIZE], to[RECEIPT_COLOR_SIZE];
	receipt_name_ends(deployment, from, to);
	screen_write_painted(PAINT_BOLD, "%s", document_text_or(deployment, "id", "?"));
	screen_line(": a %s of %s from %s to %s.", document_text_or(deployment, "kind", "switch"), document_text_or(deployment, "service", "?"), from, to);
	tell_asker(deployment);
	tell_manner(deployment);
}

/* ---- how it ended ---- */

const char *story_find_why(const json_t *deployment)
{
	const char *reason = document_text(json_object_get(deployment, "rollback"), "reason");
	return reason && *reason ? reason : document_text(deployment, "detail");
}

/* `340 ms`, `4.1 s`, `4m30s`. */
static void format_after(uint64_t ms, char out[DOCUMENT_FORM_SIZE])
{
	if (ms < 1000)
		snprintf(out, DOCUMENT_FORM_SIZE, "%" PRIu64 " ms", ms);
	else
		document_format_span(ms, out);
}

static bool is_cause(const json_t *rollback, const char *cause)
{
	return strcmp(document_text_or(rollback, "cause", ""), cause) == 0;
}

/* The criterion by which the judge sent it back needs no name: the sentence says it. */
static void tell_way_back(const json_t *deployment)
{
	char after[DOCUMENT_FORM_SIZE];
	const json_t *rollback = json_object_get(deployment, "rollback");
	uint64_t at = document_time(rollback, "at"), switched = document_time(deployment, "switched_at");
	const char *reason = document_text_or(rollback, "reason", ""), *from = document_text_or(deployment, "from", "?");
	const json_t *shift = json_object_get(deployment, "steps");
	size_t steps = json_array_size(json_object_get(shift, "taken"));
	bool in_step = steps > 0 && steps < json_array_size(json_object_get(shift, "shares"));
	bool by_hand = is_cause(rollback, "rollback") || is_cause(rollback, "abort");
	screen_write_painted(PAINT_RED, "rolled back");
	format_after(at > switched ? at - switched : 0, after);
	if (switched && switched <= at)
		screen_write(" %s after the switch", after);
	else if (in_step)
		screen_write(" in step %zu of %zu (%g%%)", steps, json_array_size(json_object_get(shift, "shares")),
			document_number(json_array_get(json_object_get(shift, "taken"), steps - 1), "share", 0));
	else
		screen_write(" before the switch was in force on every worker");
	if (by_hand)
		screen_write(" by %s%s", document_text_or(rollback, "actor", "somebody unknown"), is_cause(rollback, "abort") ? ", who aborted it" : "");
	if (is_cause(rollback, "inconclusive"))
		screen_write(", at the end of its bake, as the verdict was inconclusive");
	screen_line("%s%s; %s was %s", *reason ? ": " : "", reason, from, document_has(rollback, "warning") ? "not ready" : "ready");
}

static void tell_live(const json_t *deployment)
{
	char from[RECEIPT_COLOR_SIZE], to[RECEIPT_COLOR_SIZE];
	bool back = document_has(deployment, "rollback"), switched = document_has(deployment, "switched_at");
	receipt_name_ends(deployment, from, to);
	bool running = strcmp(document_text_or(deployment, "outcome", ""), "running") == 0;
	screen_line("%s %s.", switched && !back ? to : from, back ? "is live again" : switched || running ? "is live" : "stayed live");
}

static void tell_outcome(const json_t *deployment)
{
	const char *outcome = document_text_or(deployment, "outcome", "running"), *detail = document_text(deployment, "detail");
	bool running = strcmp(outcome, "running") == 0, promoted = strcmp(outcome, "promoted") == 0;
	if (document_has(deployment, "rollback")) {
		tell_way_back(deployment);
	} else if (running) {
		screen_write_painted(PAINT_BLUE, "running");
		screen_line(": %s", document_text_or(deployment, "phase", "?"));
	} else {
		screen_write_painted(promoted ? PAINT_GREEN : PAINT_RED, "%s", outcome);
		screen_write("%s", promoted && strcmp(document_text_or(deployment, "cause", ""), "promoted") == 0 ? " early, by `teal promote`" : "");
		screen_line("%s%s", detail ? ": " : "", detail ? detail : "");
	}
	tell_live(deployment);
}

/* ---- the numbers ---- */

static void tell_drain(const json_t *deployment, const json_t *receipt)
{
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
}

static void tell_receipt(const json_t *deployment)
{
	const json_t *receipt = json_object_get(deployment, "receipt");
	if (dns_change_is_of(deployment)) {
		dns_change_print(deployment, clock_wall_ms());
		return;
	}
	char replayed[DOCUMENT_FORM_SIZE], shielded[DOCUMENT_FORM_SIZE], failed[DOCUMENT_FORM_SIZE];
	if (!json_is_object(receipt)) {
		screen_line("No traffic was moved.");
		return;
	}
	tell_drain(deployment, receipt);
	document_format_count(document_count(receipt, "replayed"), replayed);
	document_format_count(document_count(receipt, "shielded"), shielded);
	document_format_count(document_count(receipt, "failed"), failed);
	screen_write("From the flip on %s attempts were repeated on another connection, ", replayed);
	if (document_count(receipt, "shielded") > 0)
		screen_write("%s requests that one color had failed were sent to the other (the shield), ", shielded);
	screen_line("and %s requests got no whole answer from a backend.", failed);
}

/* ---- what the judge saw ---- */

static enum paint paint_of(const char *state)
{
	if (strcmp(state, "ok") == 0)
		return PAINT_GREEN;
	return strcmp(state, "bad") == 0 ? PAINT_RED : strcmp(state, "off") == 0 ? PAINT_DIM : PAINT_YELLOW;
}

static void tell_criteria(const json_t *evidence)
{
	static const char *const titles[] = {"CRITERION", "RESULT", "", "WHY"};
	const json_t *criteria = json_object_get(evidence, "criteria"), *criterion;
	if (json_array_size(criteria) == 0)
		return;
	struct grid *grid = grid_new(2, "llll", titles);
	size_t i;
	json_array_foreach(criteria, i, criterion)
	{
		const char *state = document_text_or(criterion, "state", "?");
		bool off = strcmp(state, "off") == 0, dry = document_flag(criterion, "dry_run"), held = document_flag(criterion, "hold");
		grid_add(grid, PAINT_NONE, "%s", document_text_or(criterion, "name", "?"));
		grid_add(grid, paint_of(state), "%s", state);
		grid_add(grid, PAINT_YELLOW, "%s", off ? "" : held ? "held" : dry ? "dry run" : "");
		grid_add(grid, off ? PAINT_DIM : PAINT_NONE, "%s", document_text_or(criterion, "text", ""));
	}
	grid_print(grid);
}

/* One of the lines that the log criterion counted. */
static void tell_sample(const json_t *evidence)
{
	size_t i;
	const json_t *criterion;
	json_array_foreach(json_object_get(evidence, "criteria"), i, criterion)
	{
		const json_t *sample = json_object_get(criterion, "sample");
		if (document_text(sample, "text"))
			screen_line("The newest such line of the log, in %s: %s", document_text_or(sample, "file", "?"), document_text(sample, "text"));
	}
}

static void tell_evidence(const json_t *deployment)
{
	const json_t *evidence = json_object_get(deployment, "evidence");
	char baked[DOCUMENT_FORM_SIZE];
	if (!json_is_object(evidence))
		return;
	format_after((uint64_t)document_count(evidence, "baked_ms"), baked);
	screen_line("\nThe judge, %s after the flip: %s", baked, document_text_or(deployment, "verdict", "?"));
	tell_criteria(evidence);
	tell_sample(evidence);
}

static void tell_verification(const json_t *deployment)
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

/* ---- the rest ---- */

static void add_after(struct grid *grid, enum paint paint, uint64_t at, uint64_t started)
{
	char after[DOCUMENT_FORM_SIZE];
	document_format_count(at > started ? (int64_t)(at - started) : 0, after);
	grid_add(grid, paint, "+%s ms", after);
}

static void tell_events(const json_t *deployment)
{
	const json_t *events = json_object_get(deployment, "events"), *event;
	if (json_array_size(events) == 0)
		return;
	screen_line("\nEvents:");
	struct grid *grid = grid_new(2, "rl", NULL);
	size_t i;
	json_array_foreach(events, i, event)
	{
		if (strcmp(document_text_or(event, "event", ""), "draining") == 0 && !document_has(event, "detail"))
			continue;
		add_after(grid, PAINT_DIM, document_time(event, "at"), document_time(deployment, "started_at"));
		grid_add(grid, PAINT_NONE, "%s", receipt_event_text(event));
	}
	grid_print(grid);
}

void story_tell(const json_t *deployment)
{
	tell_request(deployment);
	tell_outcome(deployment);
	tell_verification(deployment);
	receipt_print_warnings(deployment, document_text_or(deployment, "detail", ""));
	moments_tell(deployment);
	tell_receipt(deployment);
	tell_evidence(deployment);
	if (json_array_size(json_object_get(deployment, "gates")) > 0)
		screen_line("\nThe gates:");
	receipt_print_gates(json_object_get(deployment, "gates"));
	receipt_print_outputs(json_object_get(deployment, "gates"));
	tell_events(deployment);
	receipt_print_failed(json_object_get(deployment, "events"));
}
