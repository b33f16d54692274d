/* Sentences and tables about a rehearsal, out of its report alone. Asks nobody and decides nothing. */
#include "cli/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/document.h"
#include "cli/grid.h"
#include "cli/receipt.h"
#include "cli/screen.h"

static void name_release(const json_t *report, char out[RECEIPT_COLOR_SIZE])
{
	receipt_name_color(document_text_or(report, "color", "?"), document_text(report, "version"), out);
}

/* ---- the verdict ---- */

static void print_verdict(const json_t *report)
{
	char release[RECEIPT_COLOR_SIZE];
	const char *verdict = document_text_or(report, "verdict", "under way"), *text = document_text(report, "text");
	bool passed = strcmp(verdict, "passed") == 0, failed = strcmp(verdict, "failed") == 0;
	name_release(report, release);
	screen_write("%s: rehearsal of %s: ", document_text_or(report, "service", "?"), release);
	screen_write_painted(passed ? PAINT_GREEN : failed ? PAINT_RED : PAINT_YELLOW, "%s", verdict);
	screen_line("%s%s", text ? ": " : "", text ? text : "");
}

static void print_frame(const json_t *report)
{
	char share[DOCUMENT_FORM_SIZE], time[TEXT_UNIT_SIZE], began[DOCUMENT_FORM_SIZE], ended[DOCUMENT_FORM_SIZE];
	uint64_t now = clock_wall_ms();
	document_format_share(document_number(report, "share", 0), share);
	text_format_duration((uint64_t)(document_number(report, "for_s", 0) * 1000), time);
	document_format_when(document_time(report, "started_at"), now, began);
	document_format_when(document_time(report, "ended_at"), now, ended);
	screen_line("  %s of the requests that can be copied for %s, by %s, from %s%s%s", share, time, document_text_or(report, "actor", "?"), began,
		document_has(report, "ended_at") ? " to " : "", document_has(report, "ended_at") ? ended : "");
}

static void print_counts(const json_t *report)
{
	const json_t *dropped = json_object_get(report, "dropped"), *unanswered = json_object_get(report, "unanswered");
	int64_t full = document_count(dropped, "full"), large = document_count(dropped, "large");
	int64_t live = document_count(unanswered, "live"), idle = document_count(unanswered, "idle");
	screen_line("  %" PRId64 " copies sent to both colors, %" PRId64 " pairs of answers compared, %" PRId64 " of them differ; %" PRId64
		    " sent to the live color twice",
		document_count(report, "sent"), document_count(report, "compared"), document_count(report, "differing"), document_count(report, "repeated"));
	if (full > 0)
		screen_line("  %" PRId64 " copies were dropped, as too many came at once", full);
	if (large > 0)
		screen_line("  %" PRId64 " requests were not copied, as their heads are too long", large);
	if (live > 0 || idle > 0)
		screen_line("  not answered: %" PRId64 " by the live color (these are not compared), %" PRId64 " by the idle one", live, idle);
}

/* ---- what differs ---- */

static void add_difference(struct grid *grid, const json_t *row)
{
	char share[DOCUMENT_FORM_SIZE];
	document_format_share(document_number(row, "share", 0), share);
	grid_add(grid, PAINT_NONE, "%s", document_text_or(row, "route", "?"));
	grid_add(grid, PAINT_NONE, "%s %s", document_text_or(row, "kind", "?"), document_text_or(row, "where", ""));
	grid_add(grid, PAINT_NONE, "%" PRId64, document_count(row, "count"));
	grid_add(grid, PAINT_NONE, "%s", share);
	grid_add(grid, PAINT_NONE, "%s", document_text_or(row, "live", "-"));
	grid_add(grid, PAINT_NONE, "%s", document_text_or(row, "idle", "-"));
}

static void print_differences(const json_t *rows, const char *title)
{
	static const char *const titles[] = {"ROUTE", "WHAT", "COUNT", "SHARE", "LIVE", "IDLE"};
	const json_t *row;
	size_t i;
	if (json_array_size(rows) == 0)
		return;
	screen_line("\n%s", title);
	struct grid *grid = grid_new(2, "llrrll", titles);
	json_array_foreach(rows, i, row) add_difference(grid, row);
	grid_print(grid);
}

/* ---- how long it took ---- */

static void add_times(struct grid *grid, const char *route, const char *color, const json_t *times, enum paint paint)
{
	char p50[DOCUMENT_FORM_SIZE], p99[DOCUMENT_FORM_SIZE];
	document_format_ms(document_number(times, "p50_ms", -1), p50);
	document_format_ms(document_number(times, "p99_ms", -1), p99);
	grid_add(grid, PAINT_NONE, "%s", route);
	grid_add(grid, PAINT_NONE, "%s", color);
	grid_add(grid, PAINT_NONE, "%" PRId64, document_count(times, "count"));
	grid_add(grid, PAINT_NONE, "%s", p50);
	grid_add(grid, PAINT_NONE, "%s", p99);
	grid_add(grid, paint, "%s", paint == PAINT_NONE ? "" : "slower");
}

static void add_both(struct grid *grid, const char *route, const json_t *latency, bool slow)
{
	add_times(grid, route, "live", json_object_get(latency, "live"), PAINT_NONE);
	add_times(grid, "", "idle", json_object_get(latency, "idle"), slow ? PAINT_RED : PAINT_NONE);
}

/* All together, and the routes that are slower. */
static void print_latencies(const json_t *report)
{
	static const char *const titles[] = {"ROUTE", "COLOR", "ANSWERS", "P50", "P99", ""};
	const json_t *route;
	size_t i;
	if (document_count(report, "compared") == 0)
		return;
	screen_line("\nLatency:");
	struct grid *grid = grid_new(2, "llrrrl", titles);
	add_both(grid, "all", json_object_get(report, "latency"), false);
	json_array_foreach(json_object_get(report, "routes"), i, route) if (document_flag(route, "slow"))
		add_both(grid, document_text_or(route, "route", "?"), json_object_get(route, "latency"), true);
	grid_print(grid);
}

void report_print(const json_t *report)
{
	print_verdict(report);
	print_frame(report);
	print_counts(report);
	print_differences(json_object_get(report, "differences"), "Differences, with one example each:");
	print_differences(json_object_get(report, "noise"), "Noise, which two answers of the live color have, too, and which does not count:");
	print_latencies(report);
}

void report_print_progress(const json_t *report)
{
	char left[DOCUMENT_FORM_SIZE], release[RECEIPT_COLOR_SIZE];
	uint64_t ends = document_time(report, "started_at") + (uint64_t)(document_number(report, "for_s", 0) * 1000), now = clock_wall_ms();
	name_release(report, release);
	document_format_span(ends > now ? ends - now : 0, left);
	screen_live("rehearsal of %s, %s left: %" PRId64 " pairs of answers compared, %" PRId64 " differ", release, left, document_count(report, "compared"),
		document_count(report, "differing"));
}
