/* teal demo. The story: traffic, a switch, a switch back, a broken release, the automatic rollback, and the count. The stage is cli/demo's. */
#include "cli/verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/demo.h"
#include "cli/document.h"
#include "cli/grid.h"
#include "cli/screen.h"

/* One command of the story, as a person would type it. */
struct scene {
	const char *telling; /* what comes, and why */
	const char *words[8];
	enum demo_phase phase;
	int expected_exit;
	const char *live; /* the version that must answer everything after it */
};

static void pause_ms(unsigned ms)
{
	if (!demo_interrupted())
		nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}, NULL);
}

static void print_command(const char *const *words)
{
	screen_write_painted(PAINT_BOLD, "$ teal");
	for (size_t i = 0; words[i]; i++)
		screen_write_painted(PAINT_BOLD, strchr(words[i], ' ') ? " \"%s\"" : " %s", words[i]);
	screen_line("%s", "");
}

static void print_count(struct demo *demo, enum demo_phase phase)
{
	struct demo_load_count count = demo_load_read(demo->load, phase);
	char sent[DOCUMENT_FORM_SIZE], fault[160];
	bool well = count.failed + count.wrong == 0;
	document_format_count((int64_t)count.sent, sent);
	demo_load_first_fault(demo->load, phase, fault);
	screen_write("=> ");
	screen_write_painted(
		well ? PAINT_GREEN : PAINT_YELLOW, "%s requests meanwhile: %" PRIu64 " failed, %" PRIu64 " wrong", sent, count.failed, count.wrong);
	screen_line("%s%s%s", *fault ? " (the first: " : "", fault, *fault ? ")" : "");
}

static bool play(struct demo *demo, const struct scene *scene)
{
	if (demo_interrupted())
		return false;
	screen_line("\n%s\n", scene->telling);
	print_command(scene->words);
	demo_load_enter(demo->load, scene->phase, NULL);
	int code = demo_run(demo, scene->words);
	demo_load_enter(demo->load, scene->phase, scene->live);
	pause_ms(700);
	if (demo_interrupted())
		return false;
	print_count(demo, scene->phase);
	if (code != scene->expected_exit)
		screen_complain("`teal %s` ended with %d instead of %d", scene->words[0], code, scene->expected_exit);
	return code == scene->expected_exit;
}

static bool play_all(struct demo *demo)
{
	char backend[32];
	snprintf(backend, sizeof(backend), "127.0.0.1:%u", demo->backends[DEMO_V3].port);
	const struct scene scenes[] = {
		{"1. Green is to go live. teal asks its gates, then flips every worker with one store; blue finishes what it has in flight.",
			{"switch", "green", NULL}, DEMO_SWITCH, EXIT_DONE, "v2"},
		{"2. And back to blue, the same way.", {"switch", "blue", "--reason", "because we can", NULL}, DEMO_BACK, EXIT_DONE, "v1"},
		{"3. Now a broken release: v3 passes its probes for as long as it has no users, and answers everything with 500 soon after it has some.\n   The shield is up during the bake: what GETs it fails are answered by blue.",
			{"deploy", "--backend", backend, "--version", "v3", NULL}, DEMO_BROKEN, EXIT_ROLLED_BACK, "v1"},
	};
	bool ok = true;
	for (size_t i = 0; i < sizeof(scenes) / sizeof(*scenes) && !demo_interrupted(); i++)
		ok = play(demo, &scenes[i]) && ok;
	return ok;
}

static void print_totals(struct demo *demo)
{
	static const char *const titles[] = {"PHASE", "REQUESTS", "FAILED", "WRONG"};
	static const char *const names[DEMO_PHASES] = {"before", "switch to green", "switch back to blue", "broken release", "after the rollback"};
	struct grid *grid = grid_new(2, "lrrr", titles);
	for (enum demo_phase phase = DEMO_BEFORE; phase < DEMO_PHASES; phase++) {
		struct demo_load_count count = demo_load_read(demo->load, phase);
		char sent[DOCUMENT_FORM_SIZE];
		document_format_count((int64_t)count.sent, sent);
		grid_add(grid, PAINT_NONE, "%s", names[phase]);
		grid_add(grid, PAINT_NONE, "%s", sent);
		grid_add(grid, count.failed ? PAINT_YELLOW : PAINT_GREEN, "%" PRIu64, count.failed);
		grid_add(grid, count.wrong ? PAINT_RED : PAINT_GREEN, "%" PRIu64, count.wrong);
	}
	grid_print(grid);
}

/* Whether nothing was lost outside the broken release, and nothing was mixed up anywhere. */
static bool nothing_lost(struct demo *demo)
{
	uint64_t lost = 0;
	for (enum demo_phase phase = DEMO_BEFORE; phase < DEMO_PHASES; phase++) {
		struct demo_load_count count = demo_load_read(demo->load, phase);
		lost += count.wrong + (phase == DEMO_BROKEN ? 0 : count.failed);
	}
	return lost == 0;
}

static void print_conclusion(struct demo *demo, bool ok)
{
	struct demo_load_count broken = demo_load_read(demo->load, DEMO_BROKEN);
	char sent[DOCUMENT_FORM_SIZE];
	document_format_count((int64_t)broken.sent, sent);
	print_totals(demo);
	if (nothing_lost(demo))
		screen_line("\nThe switches lost no request. The broken release failed %" PRIu64 " of %s requests before teal went back by itself:",
			broken.failed, sent);
	else
		screen_line("\nRequests were lost or mixed up where none may be. The broken release failed %" PRIu64 " of %s requests:", broken.failed, sent);
	screen_line("POSTs, which may be sent but once, so that v3's own answer is all there is. Its GETs were shielded: blue answered what v3 had failed.");
	if (!ok)
		screen_line("Something above did not go as it should.");
}

static bool tell(struct demo *demo)
{
	screen_line("Two releases of a small shop run here: blue is v1, green is v2. teal stands in front of them at 127.0.0.1:%u.", demo->port);
	screen_line("%d clients never pause. Half of their requests are POSTs; every answer must name the request it belongs to.\n", DEMO_LOAD_CONNECTIONS);
	demo_load_enter(demo->load, DEMO_BEFORE, "v1");
	pause_ms(1500);
	const char *const status[] = {"status", NULL};
	print_command(status);
	bool ok = demo_run(demo, status) == EXIT_DONE;
	print_count(demo, DEMO_BEFORE);
	ok = play_all(demo) && ok;
	if (demo_interrupted())
		return false;
	screen_line("\n4. What happened, from the journal.\n");
	demo_load_enter(demo->load, DEMO_AFTER, "v1");
	const char *const history[] = {"history", NULL}, *const explain[] = {"explain", NULL};
	print_command(history);
	ok = demo_run(demo, history) == EXIT_DONE && ok;
	screen_line("%s", "");
	print_command(explain);
	ok = demo_run(demo, explain) == EXIT_DONE && ok;
	pause_ms(500);
	return ok;
}

static enum exit_code run(struct command *command)
{
	struct err err;
	struct target target;
	struct demo demo;
	if (!target_read(command->options.words, command->options.word_count, TARGET_NOTHING, &target, &err))
		return command_misused(command, &err);
	bool opened = demo_open(&demo, &err), ok = false;
	if (opened) {
		ok = tell(&demo);
		demo_load_stop(demo.load);
		if (demo_interrupted()) {
			screen_complain("the demo was interrupted; everything it started is ended and removed");
		} else {
			screen_line("\n5. The count.\n");
			print_conclusion(&demo, ok);
			ok = nothing_lost(&demo) && ok;
		}
	} else if (!demo_interrupted()) {
		command_fail(EXIT_FAILED, &err);
	}
	demo_close(&demo);
	return ok ? EXIT_DONE : EXIT_FAILED;
}

const struct verb verb_demo = {
	.name = "demo",
	.summary = "see it work: traffic, switches, a broken release, the rollback",
	.usage = "",
	.help = "Needs nothing and leaves nothing behind: two small backends, the proxy and the clients run on free loopback ports, in a private\n"
		"temporary folder, for about half a minute. Exit code 1 when a switch lost a request.",
	.run = run,
};
