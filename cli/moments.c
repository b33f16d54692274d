/* The moments of a deployment, out of its document alone. Asks nobody and decides nothing. */
#include "cli/moments.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/dns_change.h"
#include "cli/document.h"
#include "cli/grid.h"
#include "cli/screen.h"

#define MOMENTS_MAX 20u

/* One moment: the clock, and what it was. */
struct moment {
	uint64_t at;
	char what[600];
};

struct moments {
	struct moment list[MOMENTS_MAX];
	size_t count;
};

static void add(struct moments *moments, uint64_t at, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* What has not happened is no moment. */
static void add(struct moments *moments, uint64_t at, const char *format, ...)
{
	if (!at || moments->count == MOMENTS_MAX)
		return;
	struct moment *moment = &moments->list[moments->count++];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(moment->what, sizeof(moment->what), format, arguments);
	va_end(arguments);
	moment->at = at;
}

/* ---- which there are ---- */

static void add_approval(struct moments *moments, const json_t *gates)
{
	const json_t *gate;
	size_t i;
	json_array_foreach(gates, i, gate)
	{
		const char *reason = document_text(gate, "reason");
		if (strcmp(document_text_or(gate, "name", ""), "approval") != 0)
			continue;
		add(moments, document_time(gate, "asked_at"), "somebody's approval asked for");
		add(moments, document_time(gate, "answered_at"), "%s by %s%s%s%s", document_flag(gate, "passed") ? "approved" : "rejected",
			document_text_or(gate, "actor", "?"), reason ? ": \"" : "", reason ? reason : "", reason ? "\"" : "");
	}
}

static void add_exclusive(struct moments *moments, const json_t *deployment)
{
	const json_t *exclusive = json_object_get(deployment, "exclusive");
	const char *to = document_text_or(deployment, document_has(deployment, "switched_at") ? "to" : "from", "?");
	uint64_t held = document_time(exclusive, "held_at"), released = document_time(exclusive, "released_at");
	char span[DOCUMENT_FORM_SIZE];
	document_format_count(released > held ? (int64_t)(released - held) : 0, span);
	add(moments, held, "new requests held");
	add(moments, document_time(exclusive, "drained_at"), "no request under way any more");
	add(moments, document_time(exclusive, "run_at"), "%s started", document_text_or(exclusive, "program", "?"));
	add(moments, document_time(exclusive, "ran_at"), "%s", document_text_or(exclusive, "result", "the command ended"));
	add(moments, document_time(exclusive, "probed_at"), "every backend of %s that was up before has passed a probe behind it",
		document_text_or(deployment, "to", "?"));
	add(moments, released, "what was held let go to %s, after %s ms", to, span);
}

/* The newest change is that of the way back, where there was one; of the first one then only what the deployment keeps is left. */
static void add_change(struct moments *moments, const json_t *deployment)
{
	const json_t *change = json_object_get(deployment, "change");
	bool back = document_has(deployment, "rollback");
	const char *left = document_text_or(deployment, back ? "to" : "from", "?"), *live = document_text_or(deployment, back ? "from" : "to", "?");
	add(moments, document_time(change, "insync_at"), "INSYNC: all servers of Route 53 have %s", live);
	add(moments, document_time(change, "agreed_at"), "every name server that was asked gives %s alone", live);
	add(moments, document_time(change, "safe_at"), "no cache that honours TTL sends anybody to %s from here on", left);
}

/* Accepted is live. */
static void add_acceptance(struct moments *moments, const json_t *deployment)
{
	const char *from = document_text_or(deployment, "from", "?"), *to = document_text_or(deployment, "to", "?");
	add(moments, document_time(deployment, "switched_at"), "%s live: the change was accepted %" PRId64 " ms after it was sent", to,
		document_count(deployment, "flip_us") / 1000);
	add(moments, document_time(deployment, "confirmed_at"), "confirmed");
	add(moments, document_time(deployment, "rolled_back_at"), "back to %s (%s)", from,
		document_text_or(json_object_get(deployment, "rollback"), "cause", "?"));
	add_change(moments, deployment);
}

static void add_flip(struct moments *moments, const json_t *deployment)
{
	const char *from = document_text_or(deployment, "from", "?"), *to = document_text_or(deployment, "to", "?");
	bool cut = document_count(json_object_get(deployment, "receipt"), "cut") > 0;
	add(moments, document_time(deployment, "switched_at"), "%s live on every worker, %" PRId64 " us after the flip", to,
		document_count(deployment, "flip_us"));
	add(moments, document_time(deployment, "confirmed_at"), "confirmed");
	add(moments, document_time(deployment, "rolled_back_at"), "%s live again (%s)", from,
		document_text_or(json_object_get(deployment, "rollback"), "cause", "?"));
	add(moments, document_time(deployment, "drained_at"), "%s %s", from,
		cut ? "drained, as its time for that was over" : "drained: nothing in flight any more");
}

static void add_end(struct moments *moments, const json_t *deployment)
{
	const json_t *verification = json_object_get(deployment, "verification");
	const char *from = document_text_or(deployment, "from", "?");
	add(moments, document_time(deployment, "ended_at"), "ended");
	add(moments, document_time(deployment, "safe_to_stop_at"), "%s can be stopped safely from here on", from);
	add(moments, document_time(verification, "ended_at"), "%s watched to the end: %s", from, document_text_or(verification, "state", "?"));
}

/* A rollback may come before the drain or long after it, so the order is that of the clock; at one instant it is that of the list. */
static void sort(struct moments *moments)
{
	for (size_t i = 1; i < moments->count; i++)
		for (size_t k = i; k > 0 && moments->list[k].at < moments->list[k - 1].at; k--) {
			struct moment later = moments->list[k - 1];
			moments->list[k - 1] = moments->list[k];
			moments->list[k] = later;
		}
}

static void print(const struct moments *moments, uint64_t started)
{
	struct grid *grid = grid_new(2, "lrl", NULL);
	for (size_t i = 0; i < moments->count; i++) {
		const struct moment *moment = &moments->list[i];
		char when[DOCUMENT_FORM_SIZE], after[DOCUMENT_FORM_SIZE];
		document_format_when(moment->at, clock_wall_ms(), when);
		document_format_count(moment->at > started ? (int64_t)(moment->at - started) : 0, after);
		grid_add(grid, PAINT_NONE, "%s", when);
		grid_add(grid, PAINT_NONE, "+%s ms", after);
		grid_add(grid, PAINT_NONE, "%s", moment->what);
	}
	grid_print(grid);
}

/* ---- steps ---- */

static void add_step(struct grid *grid, const json_t *row, const json_t *next)
{
	char when[DOCUMENT_FORM_SIZE], span[DOCUMENT_FORM_SIZE] = "", answers[DOCUMENT_FORM_SIZE] = "", errors[DOCUMENT_FORM_SIZE] = "";
	uint64_t at = document_time(row, "at"), end = next ? document_time(next, "at") : document_time(row, "ended_at");
	document_format_when(at, clock_wall_ms(), when);
	if (end >= at && end > 0)
		document_format_span(end - at, span);
	if (document_has(row, "answers"))
		document_format_count(document_count(row, "answers"), answers);
	if (document_has(row, "errors"))
		document_format_count(document_count(row, "errors"), errors);
	grid_add(grid, PAINT_NONE, "%g%%", document_number(row, "share", 0));
	grid_add(grid, PAINT_NONE, "%s", when);
	grid_add(grid, PAINT_NONE, "%s", span);
	grid_add(grid, PAINT_NONE, "%s", document_text_or(row, "verdict", ""));
	grid_add(grid, PAINT_NONE, "%s", answers);
	grid_add(grid, PAINT_NONE, "%s", errors);
}

static void tell_steps(const json_t *steps)
{
	static const char *const titles[] = {"STEP", "FROM", "FOR", "VERDICT", "ANSWERS SO FAR", "ERRORS"};
	const json_t *taken = json_object_get(steps, "taken"), *row;
	size_t i;
	if (json_array_size(taken) == 0)
		return;
	struct grid *grid = grid_new(2, "rlrlrr", titles);
	json_array_foreach(taken, i, row) add_step(grid, row, json_array_get(taken, i + 1));
	grid_print(grid);
}

void moments_tell(const json_t *deployment)
{
	struct moments moments = {.count = 0};
	uint64_t started = document_time(deployment, "started_at");
	add(&moments, started, "started");
	add_approval(&moments, json_object_get(deployment, "gates"));
	add_exclusive(&moments, deployment);
	if (dns_change_is_of(deployment))
		add_acceptance(&moments, deployment);
	else
		add_flip(&moments, deployment);
	add_end(&moments, deployment);
	sort(&moments);
	print(&moments, started);
	tell_steps(json_object_get(deployment, "steps"));
}
