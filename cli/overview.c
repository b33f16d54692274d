/* The status as a person reads it: what is live, whether it is well, whether one could go back. Out of the document alone. */
#include "cli/overview.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/color.h"
#include "cli/dns_change.h"
#include "cli/document.h"
#include "cli/grid.h"
#include "cli/receipt.h"
#include "cli/screen.h"
#include "cli/tlslines.h"

static enum paint health_paint(const char *health)
{
	if (strcmp(health, "healthy") == 0 || strcmp(health, "up") == 0 || strcmp(health, "ready") == 0)
		return PAINT_GREEN;
	return strcmp(health, "unknown") == 0 || strcmp(health, "degraded") == 0 ? PAINT_YELLOW : PAINT_RED;
}

static void print_release(const char *name, const json_t *service, enum color color)
{
	char title[RECEIPT_COLOR_SIZE];
	const json_t *colors = json_object_get(service, "colors");
	receipt_name_color(color_name(color), document_text(json_object_get(colors, color_name(color)), "version"), title);
	screen_write_painted(PAINT_BOLD, "%s", name);
	screen_write(": ");
	screen_write_painted(PAINT_BOLD, "%s is live", title);
}

static void print_headline(const char *name, const json_t *service)
{
	enum color live;
	if (color_parse(document_text_or(service, "live", ""), &live))
		print_release(name, service, live);
	else
		screen_write("%s: no color is live", name);
	const char *phase = document_text_or(service, "phase", "?");
	screen_write(", ");
	screen_write_painted(strcmp(phase, "steady") == 0 ? PAINT_NONE : PAINT_YELLOW, "%s", phase);
	screen_line("%s", "");
}

static void print_record(const json_t *record, uint64_t now_ms)
{
	char when[DOCUMENT_FORM_SIZE];
	const char *sentence = document_text(record, "sentence"), *hindrance = document_text(record, "hindrance");
	uint64_t safe_at = document_time(record, "safe_at");
	if (!json_is_object(record))
		return;
	screen_write("  Route 53: %s %s, policy %s", document_text_or(record, "name", "?"), document_text_or(record, "type", "?"),
		document_text_or(record, "policy", "?"));
	if (document_has(record, "ttl_s"))
		screen_write(", TTL %" PRId64 " s", document_count(record, "ttl_s"));
	if (document_has(record, "answer"))
		screen_write(
			", answers health checks with %" PRId64 " (silence: %s)", document_count(record, "answer"), document_text_or(record, "silence", "?"));
	document_format_when(safe_at, now_ms, when);
	if (safe_at > now_ms)
		screen_write(", caches may hold the old answer until %s", when);
	screen_line("%s", "");
	if (sentence && *sentence)
		screen_line("    %s", sentence);
	if (hindrance && *hindrance)
		screen_line("    %s", hindrance);
}

static void print_readiness(const json_t *service)
{
	const char *readiness = document_text_or(service, "readiness", "?"), *reason = document_text(service, "readiness_reason");
	screen_write("  rollback: ");
	screen_write_painted(document_has(service, "undo") ? health_paint(readiness) : PAINT_NONE, "%s", readiness);
	screen_line("%s%s", reason ? ", " : "", reason ? reason : "");
}

static void print_lock(const json_t *service)
{
	const json_t *locked = json_object_get(service, "locked");
	if (!json_is_object(locked))
		return;
	const char *reason = document_text(locked, "reason");
	screen_write("  ");
	screen_write_painted(PAINT_YELLOW, "locked");
	screen_line(" by %s%s%s", document_text_or(locked, "actor", "?"), reason ? ": " : "", reason ? reason : "");
}

static void print_hold(const json_t *service, uint64_t now_ms)
{
	const json_t *held = json_object_get(service, "held");
	if (!json_is_object(held))
		return;
	char until[DOCUMENT_FORM_SIZE], left[DOCUMENT_FORM_SIZE];
	uint64_t ends = document_time(held, "until");
	const char *reason = document_text(held, "reason");
	int64_t waiting = document_count(held, "waiting");
	document_format_when(ends, now_ms, until);
	document_format_span(ends > now_ms ? ends - now_ms : 0, left);
	screen_write("  ");
	screen_write_painted(PAINT_YELLOW, "new requests are held");
	screen_line(" by %s until %s (%s left)%s%s; %" PRId64 " wait%s", document_has(held, "deployment") ? "the switch" : document_text_or(held, "by", "?"),
		until, left, reason ? ": " : "", reason ? reason : "", waiting, waiting == 1 ? "s" : "");
}

/* The gate that a deployment is at, where that takes its time. */
static void print_waiting(const json_t *service, uint64_t now_ms)
{
	const json_t *waiting = json_object_get(service, "waiting");
	if (!json_is_object(waiting))
		return;
	char until[DOCUMENT_FORM_SIZE];
	const char *name = document_text_or(service, "name", "SERVICE"), *id = document_text_or(json_object_get(service, "deployment"), "id", "");
	screen_write("  ");
	if (strcmp(document_text_or(waiting, "gate", ""), "approval") == 0) {
		document_format_when(document_time(waiting, "expires_at"), now_ms, until);
		screen_write_painted(PAINT_YELLOW, "waits for somebody's approval");
		screen_line(" until %s: teal approve %s %s, or teal reject %s %s", until, name, id, name, id);
	} else {
		screen_write_painted(PAINT_YELLOW, "gate %s", document_text_or(waiting, "gate", "?"));
		screen_line(": %s", document_text_or(waiting, "detail", ""));
	}
}

static void print_rehearsal(const json_t *service, uint64_t now_ms)
{
	const json_t *rehearsal = json_object_get(service, "rehearsal");
	if (!json_is_object(rehearsal))
		return;
	char left[DOCUMENT_FORM_SIZE], share[DOCUMENT_FORM_SIZE], release[RECEIPT_COLOR_SIZE];
	uint64_t ends = document_time(rehearsal, "started_at") + (uint64_t)(document_number(rehearsal, "for_s", 0) * 1000);
	document_format_span(ends > now_ms ? ends - now_ms : 0, left);
	document_format_share(document_number(rehearsal, "share", 0), share);
	receipt_name_color(document_text_or(rehearsal, "color", "?"), document_text(rehearsal, "version"), release);
	screen_line("  rehearsal of %s with %s of the requests by %s, %s left: %" PRId64 " compared, %" PRId64 " differ", release, share,
		document_text_or(rehearsal, "actor", "?"), left, document_count(rehearsal, "compared"), document_count(rehearsal, "differing"));
}

static void print_deployment(const json_t *service, uint64_t now_ms)
{
	const json_t *deployment = json_object_get(service, "deployment");
	if (!json_is_object(deployment))
		return;
	char to[RECEIPT_COLOR_SIZE], left[DOCUMENT_FORM_SIZE], ago[DOCUMENT_FORM_SIZE], stage[RECEIPT_STAGE_SIZE], caches[DNS_CHANGE_LEFT_SIZE];
	uint64_t ends = document_time(deployment, "bake_ends_at"), started = document_time(deployment, "started_at");
	receipt_name_color(document_text_or(deployment, "to", "?"), document_text(deployment, "version"), to);
	document_format_span(now_ms > started ? now_ms - started : 0, ago);
	screen_write("  deployment %s: %s to %s by %s, begun %s ago", document_text_or(deployment, "id", "?"), document_text_or(deployment, "kind", "switch"),
		to, document_text_or(deployment, "actor", "?"), ago);
	if (ends > now_ms) {
		document_format_span(ends - now_ms, left);
		screen_write(", %s of the bake left", left);
	}
	receipt_tell_stage(deployment, now_ms, stage);
	dns_change_tell_left(deployment, now_ms, caches);
	screen_write("%s%s", stage, caches);
	int64_t inflight = document_count(deployment, "inflight");
	if (inflight > 0)
		screen_write(", %" PRId64 " in flight on the color that is left", inflight);
	screen_line("%s", "");
}

/* A figure that nobody has is no zero. */
static void add_count(struct grid *grid, const json_t *document, const char *key)
{
	if (document_has(document, key))
		grid_add(grid, PAINT_NONE, "%" PRId64, document_count(document, key));
	else
		grid_add(grid, PAINT_NONE, "-");
}

/* In steps a color without a backend that is up gets nothing of its share while the other one has one. Name servers go on to give it. */
static bool gets_nothing(const json_t *service, enum color color)
{
	const json_t *colors = json_object_get(service, "colors");
	double share = document_number(json_object_get(service, "split"), color_name(color), 0);
	const char *health = document_text_or(json_object_get(colors, color_name(color)), "health", "");
	const char *other = document_text_or(json_object_get(colors, color_name(color_other(color))), "health", "");
	bool takes_over = strcmp(other, "healthy") == 0 || strcmp(other, "degraded") == 0;
	bool in_path = strcmp(document_text_or(service, "via", "proxy"), "proxy") == 0;
	return in_path && share > 0 && share < 100 && strcmp(health, "unhealthy") == 0 && takes_over;
}

static void add_share(struct grid *grid, const json_t *service, enum color color)
{
	double share = document_number(json_object_get(service, "split"), color_name(color), 0);
	if (document_has(service, "live") || share > 0)
		grid_add(grid, PAINT_NONE, "%g%%%s", share, gets_nothing(service, color) ? " (0% now)" : "");
	else
		grid_add(grid, PAINT_NONE, "-");
}

static void add_color(struct grid *grid, const json_t *service, enum color color)
{
	const char *name = color_name(color);
	const json_t *document = json_object_get(json_object_get(service, "colors"), name), *latency = json_object_get(document, "latency_ms");
	const char *health = document_text_or(document, "health", "unknown");
	bool live = strcmp(document_text_or(service, "live", ""), name) == 0;
	char p50[DOCUMENT_FORM_SIZE], p99[DOCUMENT_FORM_SIZE], errors[DOCUMENT_FORM_SIZE];
	double error_rate = document_number(document, "error_rate", -1);
	document_format_ms(document_number(latency, "p50", -1), p50);
	document_format_ms(document_number(latency, "p99", -1), p99);
	document_format_share(error_rate, errors);
	grid_add(grid, live ? PAINT_BOLD : PAINT_NONE, "%s", name);
	grid_add(grid, PAINT_BOLD, "%s", live ? "live" : "");
	grid_add(grid, PAINT_NONE, "%s", document_text_or(document, "version", "-"));
	add_share(grid, service, color);
	grid_add(grid, health_paint(health), "%s", health);
	if (document_has(document, "requests_per_s"))
		grid_add(grid, PAINT_NONE, "%.1f", document_number(document, "requests_per_s", 0));
	else
		grid_add(grid, PAINT_NONE, "-");
	grid_add(grid, PAINT_NONE, "%s", p50);
	grid_add(grid, PAINT_NONE, "%s", p99);
	grid_add(grid, error_rate > 0 ? PAINT_RED : PAINT_NONE, "%s", errors);
	add_count(grid, document, "inflight");
	grid_add(grid, PAINT_YELLOW, "%s", document_has(document, "quarantine") ? "quarantined" : "");
}

static void print_colors(const json_t *service)
{
	static const char *const titles[] = {"COLOR", "", "VERSION", "SPLIT", "HEALTH", "REQ/S", "P50", "P99", "ERRORS", "IN FLIGHT", ""};
	struct grid *grid = grid_new(2, "lllrlrrrrrl", titles);
	for (enum color color = COLOR_BLUE; color < COLOR_COUNT; color++)
		add_color(grid, service, color);
	grid_print(grid);
}

static void add_backend(struct grid *grid, enum color color, const json_t *backend, uint64_t now_ms)
{
	const json_t *probe = json_object_get(backend, "last_probe");
	const char *health = document_text_or(backend, "health", "unknown");
	char ago[DOCUMENT_FORM_SIZE] = "";
	uint64_t at = document_time(probe, "at");
	if (at)
		document_format_span(now_ms > at ? now_ms - at : 0, ago);
	grid_add(grid, PAINT_NONE, "%s", color_name(color));
	grid_add(grid, PAINT_NONE, "%s", document_text_or(backend, "address", "?"));
	grid_add(grid, health_paint(health), "%s", health);
	add_count(grid, backend, "inflight");
	grid_add(grid, PAINT_NONE, "%s", document_text_or(backend, "fault", document_text_or(probe, "detail", "not probed yet")));
	grid_add(grid, PAINT_DIM, "%s%s", ago, at ? " ago" : "");
}

static void print_backends(const json_t *service, uint64_t now_ms)
{
	static const char *const titles[] = {"", "BACKEND", "HEALTH", "IN FLIGHT", "LAST PROBE", ""};
	struct grid *grid = grid_new(2, "lllrll", titles);
	for (enum color color = COLOR_BLUE; color < COLOR_COUNT; color++) {
		const json_t *document = json_object_get(json_object_get(service, "colors"), color_name(color)), *backend;
		size_t i;
		json_array_foreach(json_object_get(document, "backends"), i, backend) add_backend(grid, color, backend, now_ms);
	}
	grid_print(grid);
}

static void print_quarantine(const json_t *service)
{
	for (enum color color = COLOR_BLUE; color < COLOR_COUNT; color++) {
		const json_t *document = json_object_get(json_object_get(service, "colors"), color_name(color)),
			     *quarantine = json_object_get(document, "quarantine");
		if (json_is_object(quarantine))
			screen_line("  %s is quarantined since deployment %s: %s", color_name(color), document_text_or(quarantine, "deployment", "?"),
				document_text_or(quarantine, "reason", "it was rolled back"));
	}
}

/* `connect 12, timeout 3`: those that are not 0. */
static void list_counts(const json_t *counts, char *line, size_t size)
{
	size_t length = 0;
	const char *name;
	json_t *count;
	json_object_foreach((json_t *)(uintptr_t)counts, name, count)
	{
		char number[DOCUMENT_FORM_SIZE];
		if (json_integer_value(count) == 0 || length + 64 > size)
			continue;
		document_format_count(json_integer_value(count), number);
		length += (size_t)snprintf(line + length, size - length, "%s%s %s", length > 0 ? ", " : "", name, number);
	}
}

static void print_failures(const json_t *service)
{
	for (enum color color = COLOR_BLUE; color < COLOR_COUNT; color++) {
		const json_t *document = json_object_get(json_object_get(service, "colors"), color_name(color));
		char line[512] = "";
		list_counts(json_object_get(document, "failures_60s"), line, sizeof(line));
		if (line[0])
			screen_line("  failures of %s in the last minute: %s", color_name(color), line);
	}
}

void overview_print_service(const char *name, const json_t *service, uint64_t now_ms)
{
	print_headline(name, service);
	print_record(json_object_get(service, "route53"), now_ms);
	print_deployment(service, now_ms);
	print_waiting(service, now_ms);
	print_hold(service, now_ms);
	print_lock(service);
	print_rehearsal(service, now_ms);
	print_readiness(service);
	print_quarantine(service);
	print_colors(service);
	print_failures(service);
	print_backends(service, now_ms);
	tlslines_print_service(service);
}

static void print_limits(const json_t *limits)
{
	char line[512] = "";
	list_counts(limits, line, sizeof(line));
	if (line[0])
		screen_line("limits hit: %s", line);
}

/* The fault is of the state, and of the history only where the state is well. */
static void print_journal(const json_t *journal)
{
	const char *fault = document_text(journal, "fault");
	if (document_has(journal, "durable") && !document_flag(journal, "durable"))
		screen_line("the newest state is not on disk yet%s%s; the daemon tries again", fault ? ": " : "", fault ? fault : "");
	else if (fault)
		screen_line("the history can't be written: %s", fault);
}

static void print_daemon(const json_t *status)
{
	const json_t *connections = json_object_get(status, "connections");
	char up[DOCUMENT_FORM_SIZE], open[DOCUMENT_FORM_SIZE];
	uint64_t now = document_time(status, "now"), started = document_time(status, "started_at");
	document_format_span(now > started ? now - started : 0, up);
	document_format_count(document_count(connections, "open"), open);
	screen_line("teal %s, up %s, pid %" PRId64 ", %s client connections (idle: %" PRId64 ", tunnels: %" PRId64 ")",
		document_text_or(status, "version", "?"), up, document_count(status, "pid"), open, document_count(connections, "idle"),
		document_count(connections, "tunnels"));
	if (document_flag(status, "draining"))
		screen_line("the daemon is draining and will end");
	print_journal(json_object_get(status, "journal"));
	print_limits(json_object_get(status, "limit_hits"));
	tlslines_print(status);
}

void overview_print(const json_t *status)
{
	print_daemon(status);
	uint64_t now = document_time(status, "now");
	json_t *services = json_object_get(status, "services"), *service;
	const char *name;
	json_object_foreach(services, name, service)
	{
		screen_line("%s", "");
		overview_print_service(name, service, now);
	}
}
