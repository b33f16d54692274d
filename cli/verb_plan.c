/* teal plan. Asks what a switch would do; nothing is done. */
#include "cli/verbs.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/document.h"
#include "cli/receipt.h"
#include "cli/screen.h"

static const struct option rows[] = {
	{"expect-live", 0, OPTION_COLOR, "COLOR", "as of `teal switch`"},
	{"force", 0, OPTION_FLAG, NULL, "as of `teal switch`: what it would override is shown as forced"},
	{0},
};

static void make_query(const struct command *command, const struct target *target, struct text *action)
{
	text_init(action, SIZE_MAX);
	text_addf(action, "plan?force=%d", options_given(&command->options, "force"));
	if (target->has_color)
		text_addf(action, "&to=%s", color_name(target->color));
	if (options_given(&command->options, "expect-live"))
		text_addf(action, "&expect_live=%s", options_text(&command->options, "expect-live"));
}

static void print_verdict(const json_t *plan)
{
	char from[RECEIPT_COLOR_SIZE], to[RECEIPT_COLOR_SIZE];
	const char *would = document_text_or(plan, "would", "?");
	bool now = strcmp(would, "switch") == 0, wait = strcmp(would, "wait") == 0;
	receipt_name_color(document_text_or(plan, "from", "?"), document_text(plan, "from_version"), from);
	receipt_name_color(document_text_or(plan, "to", "?"), document_text(plan, "version"), to);
	screen_write("%s: a switch from %s to %s ", document_text_or(plan, "service", "?"), from, to);
	screen_write_painted(now ? PAINT_GREEN : wait ? PAINT_YELLOW : PAINT_RED, "%s", now ? "would go through" : wait ? "would wait" : "would be refused");
	screen_line("%s", "");
}

static void add_criterion(struct text *list, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add_criterion(struct text *list, const char *format, ...)
{
	char sentence[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	text_addf(list, "%s%s", list->length > 0 ? ", or " : "", sentence);
}

static void print_criteria(const json_t *plan)
{
	const json_t *rollback = json_object_get(plan, "rollback");
	struct text list;
	double error_rate = document_number(rollback, "error_rate", 0);
	int64_t probes = document_count(rollback, "unhealthy_probes"), p99_ms = document_count(rollback, "latency_p99_ms");
	char limit[DOCUMENT_FORM_SIZE], bake[TEXT_UNIT_SIZE];
	text_init(&list, SIZE_MAX);
	text_format_duration((uint64_t)(document_number(plan, "bake_s", 0) * 1000), bake);
	document_format_share(error_rate, limit);
	if (error_rate > 0)
		add_criterion(&list, "when more than %s of the answers are errors", limit);
	if (probes > 0)
		add_criterion(&list, "after %" PRId64 " probes in a row that no backend passes", probes);
	if (p99_ms > 0)
		add_criterion(&list, "when the p99 stays over %" PRId64 " ms", p99_ms);
	if (document_has(rollback, "log"))
		add_criterion(&list, "by what %s says", document_text_or(rollback, "log", "the log"));
	if (document_has(rollback, "prometheus"))
		add_criterion(&list, "by the query %s", document_text_or(rollback, "prometheus", ""));
	screen_line("  bakes %s; %s%s", bake, list.length > 0 ? "rolled back " : "nothing rolls it back by itself", list.bytes);
	text_fini(&list);
}

static void print_steps(const json_t *steps)
{
	char pause[TEXT_UNIT_SIZE];
	const json_t *shares = json_object_get(steps, "shares"), *share;
	size_t i;
	if (!json_is_object(steps))
		return;
	screen_write("  in steps of");
	json_array_foreach(shares, i, share) screen_write("%s %g%%", i ? "," : "", json_number_value(share));
	text_format_duration((uint64_t)(document_number(steps, "pause_s", 0) * 1000), pause);
	if (json_is_string(json_object_get(steps, "pause_s")))
		screen_line(", each until `teal promote`");
	else
		screen_line(", %s apart", pause);
}

static void print_hold(const json_t *held)
{
	char until[DOCUMENT_FORM_SIZE];
	document_format_when(document_time(held, "until"), clock_wall_ms(), until);
	if (json_is_object(held))
		screen_line("  new requests are held by %s until %s", document_text_or(held, "by", "?"), until);
}

static void print_plan(const json_t *plan)
{
	char drain[TEXT_UNIT_SIZE];
	text_format_duration((uint64_t)(document_number(plan, "drain_s", 0) * 1000), drain);
	print_verdict(plan);
	receipt_print_gates(json_object_get(plan, "gates"));
	print_hold(json_object_get(plan, "held"));
	print_steps(json_object_get(plan, "steps"));
	int64_t inflight = document_count(plan, "inflight");
	if (document_has(plan, "inflight"))
		screen_line("  %" PRId64 " request%s in flight on %s would end there, within %s", inflight, inflight == 1 ? "" : "s",
			document_text_or(plan, "from", "?"), drain);
	if (!document_has(plan, "inflight"))
		screen_line("  %s is kept up until no cache holds it; `teal dns plan %s` has the change and its times", document_text_or(plan, "from", "?"),
			document_text_or(plan, "service", "?"));
	print_criteria(plan);
	screen_line("  a rollback would then be %s: %s", document_text_or(plan, "readiness_after", "?"), document_text_or(plan, "readiness_after_reason", ""));
	size_t i;
	const json_t *warning;
	json_array_foreach(json_object_get(plan, "warnings"), i, warning) screen_line("  warning: %s", json_string_value(warning));
}

static enum exit_code ask(struct command *command, const struct target *target)
{
	struct text action;
	struct caller_answer answer;
	make_query(command, target, &action);
	enum exit_code code = command_call_service(command, "GET", target->service, action.bytes, NULL, &answer);
	if (code == EXIT_DONE && command->json)
		command_print(answer.document);
	else if (code == EXIT_DONE)
		print_plan(answer.document);
	if (code == EXIT_DONE)
		code = (enum exit_code)document_count(answer.document, "exit");
	caller_answer_fini(&answer);
	text_fini(&action);
	return code;
}

static enum exit_code run(struct command *command)
{
	struct target target;
	json_t *names;
	enum exit_code code = command_begin(command, TARGET_SERVICE_COLOR, &target, &names);
	if (code == EXIT_DONE)
		code = ask(command, &target);
	json_decref(names);
	return code;
}

const struct verb verb_plan = {
	.name = "plan",
	.summary = "show what a switch would do now, without doing it",
	.usage = "[SERVICE] [COLOR]",
	.options = rows,
	.asks_daemon = true,
	.help = "The gates and their results, the requests that would be drained, and whether a rollback would succeed afterwards.\n"
		"Freeze and rehearsal are looked at; smoke requests, approval and hooks are only named (planned): nothing is sent, asked or run.\n"
		"Exit code 0 when all that is looked at would let a switch through now, 3 when it would wait or be refused.",
	.run = run,
};
