/* What `teal dns status` prints. Asks nobody and decides nothing. */
#include "cli/dns_status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/document.h"
#include "cli/grid.h"
#include "cli/screen.h"

static void print_title(const json_t *status)
{
	const char *zone = document_text(status, "zone"), *zone_name = document_text(status, "zone_name");
	screen_write_painted(PAINT_BOLD, "%s", document_text_or(status, "service", "SERVICE"));
	screen_line(": %s %s, policy %s%s%s%s%s%s", document_text_or(status, "name", "?"), document_text_or(status, "type", "?"),
		document_text_or(status, "policy", "?"), zone ? ", zone " : "", zone ? zone : "", zone_name ? " (" : "", zone_name ? zone_name : "",
		zone_name ? ")" : "");
}

static void print_live(const json_t *status, uint64_t now_ms)
{
	const char *live = document_text(status, "live"), *record = document_text_or(status, "record", ""), *sentence = document_text(status, "sentence");
	char ago[DOCUMENT_FORM_SIZE];
	uint64_t read_at = document_time(status, "read_at");
	document_format_span(now_ms > read_at ? now_ms - read_at : 0, ago);
	screen_write("  ");
	if (strcmp(record, "split") == 0)
		screen_write_painted(PAINT_YELLOW, "both colors are answered: blue %g%%, green %g%%",
			document_number(json_object_get(status, "split"), "blue", 0), document_number(json_object_get(status, "split"), "green", 0));
	else
		screen_write_painted(live ? PAINT_BOLD : PAINT_RED, "%s%s", live ? live : "which color is live is not known", live ? " is live" : "");
	if (read_at)
		screen_line(", TTL %" PRId64 " s, read %s ago", document_count(status, "ttl_s"), ago);
	else
		screen_line("%s", "");
	if (sentence && *sentence)
		screen_line("  %s", sentence);
	const json_t *line;
	size_t i;
	json_array_foreach(json_object_get(status, "present"), i, line) screen_line("    %s", json_string_value(line));
}

static void write_moment(const char *what, uint64_t at, uint64_t now_ms)
{
	char when[DOCUMENT_FORM_SIZE];
	document_format_when(at, now_ms, when);
	if (at)
		screen_write(", %s %s", what, when);
}

static void print_change(const json_t *change, uint64_t now_ms)
{
	char when[DOCUMENT_FORM_SIZE], left[DOCUMENT_FORM_SIZE];
	const char *id = document_text(change, "id"), *hindrance = document_text(change, "sentence"), *servers = document_text(change, "servers_sentence");
	uint64_t safe_at = document_time(change, "safe_at");
	if (!json_is_object(change))
		return;
	screen_write("  newest change%s%s, to %s", id ? " " : "", id ? id : "", document_text_or(change, "to", "?"));
	write_moment("accepted", document_time(change, "accepted_at"), now_ms);
	write_moment("INSYNC", document_time(change, "insync_at"), now_ms);
	write_moment("given by every server since", document_time(change, "agreed_at"), now_ms);
	screen_line("%s", "");
	document_format_when(safe_at, now_ms, when);
	document_format_span(safe_at > now_ms ? safe_at - now_ms : 0, left);
	if (document_flag(change, "safe"))
		screen_line("  no cache that honours TTL holds the answer from before it since %s", when);
	else if (safe_at)
		screen_line("  caches may hold the answer from before it until %s (%s left): keep both colors up", when, left);
	else
		screen_line("  when caches have let go of the answer from before it is not known yet: keep both colors up");
	if (hindrance && *hindrance)
		screen_line("  %s", hindrance);
	if (servers && *servers)
		screen_line("  %s", servers);
}

static void print_prepare(const json_t *status, uint64_t now_ms)
{
	const json_t *prepare = json_object_get(status, "prepare");
	const char *state = document_text_or(prepare, "state", "none"), *service = document_text_or(status, "service", "SERVICE");
	char when[DOCUMENT_FORM_SIZE], left[DOCUMENT_FORM_SIZE];
	uint64_t quick_from = document_time(prepare, "quick_from");
	if (strcmp(state, "waiting") != 0 || !quick_from)
		quick_from = document_time(status, "quick_from");
	document_format_when(quick_from, now_ms, when);
	document_format_span(quick_from > now_ms ? quick_from - now_ms : 0, left);
	if (strcmp(state, "recording") == 0 || strcmp(state, "changing") == 0)
		screen_line("  the TTL is being lowered, by %s", document_text_or(prepare, "actor", "?"));
	else if (strcmp(state, "refused") == 0 || strcmp(state, "failed") == 0)
		screen_line("  the TTL was not lowered: %s", document_text_or(prepare, "sentence", "?"));
	if (quick_from > now_ms)
		screen_line("  caches may hold the record with a longer TTL until %s (%s left); a switch is quick from then on", when, left);
	else if (strcmp(state, "waiting") == 0)
		screen_line("  the TTL was lowered; from when a switch is quick is known once every server says so (teal dns status %s --watch)", service);
}

static void add_server(struct grid *grid, const json_t *server)
{
	const char *answer = document_text(server, "answer"), *color = document_text(server, "color"), *fault = document_text(server, "fault_text");
	bool other = answer && !color && strcmp(answer, "either") != 0;
	const char *name = document_text_or(server, "name", "?"), *address = document_text_or(server, "address", "");
	grid_add(grid, PAINT_NONE, "%s", name);
	grid_add(grid, PAINT_DIM, "%s", strcmp(name, address) == 0 ? "" : address); /* those of name_servers have no other name */
	grid_add(grid, other ? PAINT_YELLOW : PAINT_NONE, "%s", color ? color : answer ? answer : "-");
	if (document_has(server, "ttl_s"))
		grid_add(grid, PAINT_NONE, "%" PRId64 " s", document_count(server, "ttl_s"));
	else
		grid_add(grid, PAINT_NONE, "-");
	grid_add(grid, PAINT_RED, "%s", fault ? fault : "");
}

static void print_servers(const json_t *servers)
{
	static const char *const titles[] = {"NAME SERVER", "", "ANSWERS", "TTL", ""};
	const json_t *server;
	size_t i;
	if (json_array_size(servers) == 0) {
		screen_line("  no name server was asked yet");
		return;
	}
	struct grid *grid = grid_new(2, "lllrl", titles);
	json_array_foreach(servers, i, server) add_server(grid, server);
	grid_print(grid);
}

static void print_health(const json_t *status, uint64_t now_ms)
{
	char when[DOCUMENT_FORM_SIZE];
	const json_t *answers = json_object_get(status, "answers");
	uint64_t safe_at = document_time(status, "safe_at");
	screen_write("  ");
	screen_write_painted(PAINT_BOLD, "%s is live", document_text_or(status, "live", "?"));
	screen_line(": teal answers http://%s%s with %" PRId64 "; where nobody answers, the record says %s", document_text_or(answers, "listen", "?"),
		document_text_or(answers, "path", "?"), document_count(answers, "status"), document_text_or(status, "silence", "?"));
	document_format_when(safe_at, now_ms, when);
	if (safe_at > now_ms)
		screen_line("  health checks and caches may send users to the other color until %s: keep both up", when);
}

void dns_status_print(const json_t *status, uint64_t now_ms)
{
	print_title(status);
	if (strcmp(document_text_or(status, "policy", ""), "health_check") == 0) {
		print_health(status, now_ms);
		return;
	}
	print_live(status, now_ms);
	print_change(json_object_get(status, "change"), now_ms);
	print_prepare(status, now_ms);
	print_servers(json_object_get(status, "servers"));
}
