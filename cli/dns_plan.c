/* What `teal dns plan` prints. Asks nobody and decides nothing. */
#include "cli/dns_plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/document.h"
#include "cli/grid.h"
#include "cli/screen.h"

/* The lines of one row; the name stands before the first. */
static void add_lines(struct grid *grid, const char *name, const json_t *lines, enum paint paint)
{
	const json_t *line;
	size_t i;
	json_array_foreach(lines, i, line)
	{
		grid_add(grid, PAINT_NONE, "%s", i ? "" : name);
		grid_add(grid, paint, "%s", json_string_value(line));
	}
}

static void print_changes(const json_t *plan)
{
	struct grid *grid = grid_new(2, "ll", NULL);
	add_lines(grid, "now", json_object_get(plan, "present"), PAINT_NONE);
	add_lines(grid, "change", json_object_get(plan, "changes"), PAINT_BOLD);
	add_lines(grid, "back", json_object_get(plan, "back"), PAINT_NONE);
	grid_print(grid);
}

static void print_caches(const json_t *plan, const char *service)
{
	char span[TEXT_UNIT_SIZE], when[DOCUMENT_FORM_SIZE];
	uint64_t now = clock_wall_ms(), quick_from = document_time(plan, "quick_from");
	text_format_duration((uint64_t)document_count(plan, "quick_after_s") * 1000, span);
	screen_line("  caches hold the old answer for at most %s behind the last name server that gave it; so long both colors are kept up", span);
	document_format_when(quick_from, now, when);
	if (quick_from > now)
		screen_line("  a longer TTL may still be cached until %s: a switch is quick from then on (`teal dns status %s`)", when, service);
}

static void print_record(const json_t *plan)
{
	const char *service = document_text_or(plan, "service", "SERVICE"), *from = document_text(plan, "from"), *to = document_text_or(plan, "to", "?");
	screen_write_painted(PAINT_BOLD, "%s", service);
	screen_line(": a switch%s%s to %s changes %s %s (policy %s) in zone %s", from ? " from " : "", from ? from : "", to,
		document_text_or(plan, "name", "?"), document_text_or(plan, "type", "?"), document_text_or(plan, "policy", "?"),
		document_text_or(plan, "zone", "?"));
	print_changes(plan);
	screen_line("  costs %" PRId64 " changes of what the account may make, going back %" PRId64, document_count(plan, "cost"),
		document_count(plan, "back_cost"));
	print_caches(plan, service);
}

/* ---- the policy health_check ---- */

static void print_object(const char *title, const json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);
	screen_line("  %s", title);
	screen_line("    %s", text);
	free(text);
}

static void print_checks(const json_t *plan)
{
	const json_t *row;
	size_t i;
	char title[128];
	json_array_foreach(json_object_get(plan, "health_checks"), i, row)
	{
		bool inverted = document_flag(json_object_get(row, "config"), "Inverted");
		snprintf(title, sizeof(title), "health check for the record of %s%s:", document_text_or(row, "color", "?"), inverted ? ", inverted" : "");
		print_object(title, json_object_get(row, "config"));
	}
	json_array_foreach(json_object_get(plan, "records"), i, row)
	{
		snprintf(title, sizeof(title), "record of %s, which gets that check:", document_text_or(row, "color", "?"));
		print_object(title, json_object_get(row, "record"));
	}
}

static void print_health(const json_t *plan)
{
	char span[TEXT_UNIT_SIZE];
	text_format_duration((uint64_t)document_count(plan, "quick_after_s") * 1000, span);
	screen_write_painted(PAINT_BOLD, "%s", document_text_or(plan, "service", "SERVICE"));
	screen_line(": a switch to %s makes teal answer Route 53's health checks with %" PRId64 "; no record is changed and no key is needed",
		document_text_or(plan, "to", "?"), document_count(plan, "answer"));
	screen_line("What has to be there, once, for %s %s:", document_text_or(plan, "name", "?"), document_text_or(plan, "type", "?"));
	print_checks(plan);
	screen_line("  a switch has reached everybody who honours TTL within %s; where nobody answers the checks, the record says %s", span,
		document_text_or(plan, "silence", "?"));
}

void dns_plan_print(const json_t *plan)
{
	if (strcmp(document_text_or(plan, "policy", ""), "health_check") == 0)
		print_health(plan);
	else
		print_record(plan);
}
