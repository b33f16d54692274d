/* Watching a deployment. The stream of events is for speed and for the words; what counts is the deployment's document, which is asked for again
 * whenever the stream breaks, so that neither a restart of the daemon nor a lost event is missed. */
#include "cli/follow.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/dns_change.h"
#include "cli/document.h"
#include "cli/parting.h"
#include "cli/receipt.h"
#include "cli/screen.h"
#include "cli/standalone.h"

#define PATIENCE_MS 30000
#define SAFE_TO_STOP_MS 500
#define REPORT_EVERY_MS 30000 /* where there is no live line: a log shall show that something is under way */

struct follow {
	struct command *command;
	const char *id, *service;
	uint64_t started_ms; /* of the deployment; 0 until known */
	char last_at[64];    /* the newest event that was shown; its number breaks ties */
	int64_t last_number;
	uint64_t next_look_ms, next_report_ms;
	bool caught_up; /* the events from before this stream were read */
	bool ended;
	bool left;                /* by a signal, before the end */
	unsigned heeded;          /* signals */
	json_t *seen;             /* the newest document, without a daemon: for what is said when its process is gone */
	bool told;                /* an event of the end was shown; where the history can't be written there may be none */
	enum exit_code told_code; /* what that said */
};

static void rest(unsigned ms)
{
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
	nanosleep(&time, NULL);
}

/* The document, quietly: the caller knows what to make of a daemon that does not answer. */
static enum exit_code get_deployment(struct command *command, const char *id, const char *query, uint64_t timeout_ms, struct caller_answer *answer)
{
	struct text path;
	text_init(&path, SIZE_MAX);
	text_addf(&path, "/v1/deployments/");
	caller_add_escaped(&path, id);
	text_addf(&path, "%s", query);
	enum exit_code code = caller_call(command->client, "GET", path.bytes, NULL, timeout_ms, answer);
	text_fini(&path);
	return code;
}

static bool is_running(const json_t *deployment)
{
	return strcmp(document_text_or(deployment, "outcome", "running"), "running") == 0;
}

static enum exit_code exit_of(const json_t *deployment)
{
	int64_t code = document_count(deployment, "exit");
	return code >= EXIT_DONE && code <= EXIT_TIMED_OUT ? (enum exit_code)code : EXIT_FAILED;
}

/* Events come from two sides that overlap: the journal's list and the stream. */
static bool is_new(struct follow *follow, const json_t *event)
{
	const char *at = document_text_or(event, "at", "");
	int64_t number = document_count(event, "id");
	int order = strcmp(at, follow->last_at);
	if (order < 0 || (order == 0 && number <= follow->last_number))
		return false;
	snprintf(follow->last_at, sizeof(follow->last_at), "%s", at);
	follow->last_number = number;
	return true;
}

static enum paint event_paint(const char *name)
{
	static const char *const bad[] = {"rolling_back", "rolled_back", "refused", "aborted", "failed", "held", "not_durable", "rejected", "gate_forced"};
	static const char *const good[] = {"switched", "promoted", "rollback_in_force", "approved"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (strcmp(name, bad[i]) == 0)
			return PAINT_RED;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (strcmp(name, good[i]) == 0)
			return PAINT_GREEN;
	return PAINT_NONE;
}

static void show_event(struct follow *follow, const json_t *event)
{
	const char *name = document_text_or(event, "event", "");
	uint64_t at = document_time(event, "at");
	if (!follow->started_ms)
		follow->started_ms = at;
	if (follow->command->json) {
		command_print_line(event);
		return;
	}
	if (strcmp(name, "draining") == 0 && !document_has(event, "detail"))
		return;
	char after[DOCUMENT_FORM_SIZE];
	document_format_span(at > follow->started_ms ? at - follow->started_ms : 0, after);
	screen_write_painted(PAINT_DIM, "%8s", after);
	screen_write("  ");
	screen_write_painted(event_paint(name), "%s", receipt_event_text(event));
	screen_line("%s", "");
	screen_flush();
}

static bool ends_deployment(const char *event)
{
	static const char *const ends[] = {"promoted", "rolled_back", "refused", "aborted", "failed"};
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (strcmp(event, ends[i]) == 0)
			return true;
	return false;
}

static void take_event(struct follow *follow, const json_t *event)
{
	if (!is_new(follow, event))
		return;
	show_event(follow, event);
	if (!ends_deployment(document_text_or(event, "event", "")))
		return;
	follow->told = follow->ended = true;
	follow->told_code = exit_of(event);
}

static void report(struct follow *follow, const char *text)
{
	uint64_t now = clock_mono_ms();
	if (now >= follow->next_report_ms && follow->next_report_ms > 0)
		screen_line("%8s  %s", "", text);
	if (now >= follow->next_report_ms)
		follow->next_report_ms = now + REPORT_EVERY_MS;
	screen_flush();
}

static void show_progress(struct follow *follow, const json_t *deployment)
{
	char line[1024];
	char left[DOCUMENT_FORM_SIZE], more[RECEIPT_STAGE_SIZE] = "", flying[DNS_CHANGE_LEFT_SIZE] = "";
	uint64_t now = clock_wall_ms(), bake_ends = document_time(deployment, "bake_ends_at");
	int64_t inflight = document_count(deployment, "inflight");
	const char *text = document_text(json_object_get(deployment, "evidence"), "text");
	if (bake_ends > now) {
		document_format_span(bake_ends - now, left);
		snprintf(more, sizeof(more), ", %s left%s", left, dns_change_is_of(deployment) ? " of the bake" : "");
	} else {
		receipt_tell_stage(deployment, now, more);
	}
	if (dns_change_is_of(deployment))
		dns_change_tell_left(deployment, now, flying);
	else if (inflight > 0)
		snprintf(flying, sizeof(flying), ", %" PRId64 " in flight on the color that is left", inflight);
	snprintf(line, sizeof(line), "%s%s%s%s%s", document_text_or(deployment, "phase", ""), more, flying, text ? ": " : "", text ? text : "");
	if (screen_is_terminal())
		screen_live("%8s  %s", "", line);
	else
		report(follow, line);
}

static void take_listed(struct follow *follow, const json_t *deployment)
{
	size_t i;
	const json_t *event;
	json_array_foreach(json_object_get(deployment, "events"), i, event) take_event(follow, event);
}

/* Asks for the document now and then: for what happened before the stream was open, for the live line, and as the second way to learn of the end. */
static void look(struct follow *follow)
{
	struct caller_answer answer;
	enum exit_code code = get_deployment(follow->command, follow->id, follow->caught_up ? "" : "?events=1", COMMAND_TIMEOUT_MS, &answer);
	take_listed(follow, answer.document);
	if (code == EXIT_DONE) {
		follow->caught_up = true;
		json_decref(follow->seen);
		follow->seen = json_incref(answer.document);
	}
	if (code == EXIT_DONE && !is_running(answer.document))
		follow->ended = true;
	else if (code == EXIT_DONE && !follow->command->json)
		show_progress(follow, answer.document);
	caller_answer_fini(&answer);
}

/* What came before goes before: an event of the stream waits for the journal's list. */
static bool on_event(void *arg, const json_t *event)
{
	struct follow *follow = arg;
	if (!follow->caught_up)
		look(follow);
	take_event(follow, event);
	if (follow->command->standalone)
		follow->next_look_ms = 0; /* what is so now is to be known should its process end */
	return !follow->ended;
}

/* ---- a signal, without a daemon ---- */

static void stop_before_change(struct follow *follow, const char *service)
{
	struct caller_answer answer;
	json_t *body = json_pack("{s:s}", "reason", "interrupted");
	screen_live_end();
	screen_complain("interrupted: the switch is stopped");
	if (command_call_service(follow->command, "POST", service, "abort", body, &answer) != EXIT_DONE)
		follow->left = true;
	json_decref(body);
	caller_answer_fini(&answer);
}

/* Before the change it is stopped, and followed to that end; behind it, what is and how it goes on is said. False: nothing more is followed. */
static bool heed_signals(struct follow *follow)
{
	struct caller_answer answer;
	if (!follow->command->standalone || standalone_interrupted() == follow->heeded)
		return !follow->left;
	bool again = follow->heeded > 0;
	follow->heeded = standalone_interrupted();
	enum exit_code code = get_deployment(follow->command, follow->id, "", COMMAND_TIMEOUT_MS, &answer);
	if (code != EXIT_DONE || (again && is_running(answer.document)))
		follow->left = true;
	if (code == EXIT_DONE && is_running(answer.document) && parting_has_gone_forward(answer.document)) {
		parting_tell_left(follow->command, answer.document);
		follow->left = true;
	} else if (code == EXIT_DONE && is_running(answer.document) && !again) {
		stop_before_change(follow, document_text_or(answer.document, "service", ""));
	}
	caller_answer_fini(&answer);
	return !follow->left;
}

static bool on_tick(void *arg, bool open)
{
	struct follow *follow = arg;
	uint64_t now = clock_mono_ms();
	if (!heed_signals(follow))
		return false;
	if (!open || (follow->caught_up && now < follow->next_look_ms))
		return true;
	follow->next_look_ms = now + (screen_is_terminal() ? 400 : 2000);
	look(follow);
	return !follow->ended;
}

/* One stream, from its opening to the end of the deployment or of the connection. */
static enum exit_code listen_once(struct follow *follow, struct err *err)
{
	struct text path;
	struct caller_stream stream = {.on_event = on_event, .on_tick = on_tick, .arg = follow};
	text_init(&path, SIZE_MAX);
	text_addf(&path, "/v1/events?deployment=");
	caller_add_escaped(&path, follow->id);
	follow->caught_up = false;
	enum exit_code code = caller_listen(follow->command->client, path.bytes, &stream, err);
	text_fini(&path);
	screen_live_end();
	return code;
}

static enum exit_code listen_to_end(struct follow *follow, struct err *err)
{
	uint64_t lost_ms = 0;
	while (!follow->ended && !follow->left) {
		enum exit_code code = listen_once(follow, err);
		if (follow->ended || follow->left || code == EXIT_DONE) {
			lost_ms = 0;
		} else if (code != EXIT_UNREACHABLE) {
			look(follow); /* no stream to be had: the document will do */
		} else if (follow->command->standalone && !standalone_check(follow->command->standalone, err)) {
			return EXIT_FAILED;
		} else if (!lost_ms) {
			lost_ms = clock_mono_ms();
			screen_complain("%s; asking again for 30 s", err->text);
		} else if (clock_mono_ms() - lost_ms > PATIENCE_MS) {
			return EXIT_UNREACHABLE;
		}
		if (!follow->ended && !follow->left)
			rest(250);
	}
	return EXIT_DONE;
}

/* The document at the end, and the events that did not come by the stream; for a short while also the news that the old color can be stopped. */
static enum exit_code get_end(struct follow *follow, struct caller_answer *answer)
{
	uint64_t deadline = clock_mono_ms() + SAFE_TO_STOP_MS;
	for (;;) {
		enum exit_code code = get_deployment(follow->command, follow->id, "?events=1", COMMAND_TIMEOUT_MS, answer);
		bool promoted = strcmp(document_text_or(answer->document, "outcome", ""), "promoted") == 0;
		if (code != EXIT_DONE || !promoted || document_has(answer->document, "safe_to_stop_at") || clock_mono_ms() > deadline) {
			take_listed(follow, answer->document);
			json_object_del(answer->document, "events");
			return code;
		}
		caller_answer_fini(answer);
		rest(100);
	}
}

static void tell_end(const json_t *deployment, bool told)
{
	if (screen_is_terminal())
		screen_line("%s", "");
	receipt_print(deployment, told);
}

/* A daemon that ends right behind the deployment has said how that ended; only the receipt is missing. */
static enum exit_code end_without_document(const struct follow *follow, enum exit_code code, const struct err *err)
{
	if (!follow->told)
		return command_fail(code, err);
	screen_complain("there is no receipt: %s", err->text);
	return follow->told_code;
}

/* The document at the end; none where there is none. One that was promoted and is on its way back has seen an end before. */
static enum exit_code follow_events(struct follow *follow, struct caller_answer *answer)
{
	for (;;) {
		enum exit_code code = listen_to_end(follow, &answer->err);
		if (code != EXIT_DONE) {
			screen_complain("deployment %s can't be watched any more: %s", follow->id, answer->err.text);
			if (follow->command->standalone)
				parting_tell_lost(follow->command, follow->service, follow->seen);
			return code;
		}
		if (follow->left)
			return EXIT_FAILED;
		code = get_end(follow, answer);
		if (code != EXIT_DONE) {
			code = end_without_document(follow, code, &answer->err);
			caller_answer_fini(answer);
			return code;
		}
		if (!is_running(answer->document))
			return EXIT_DONE;
		caller_answer_fini(answer);
		follow->told = follow->ended = false;
	}
}

enum exit_code follow_to_end(struct command *command, const char *service, const char *id, uint64_t since_ms)
{
	struct follow follow = {.command = command, .id = id, .service = service};
	struct caller_answer answer = {.document = NULL};
	clock_format(since_ms, follow.last_at);
	parting_arm(command, service, id);
	enum exit_code code = follow_events(&follow, &answer);
	if (follow.left)
		standalone_leave(command->standalone);
	if (code == EXIT_DONE && answer.document) {
		code = exit_of(answer.document);
		if (command->json)
			command_print_line(answer.document);
		else
			tell_end(answer.document, follow.told);
	}
	caller_answer_fini(&answer);
	json_decref(follow.seen);
	return code;
}

static void tell_step(const char *service, const json_t *deployment)
{
	const json_t *steps = json_object_get(deployment, "steps");
	size_t at = (size_t)document_count(steps, "at");
	double share = json_number_value(json_array_get(json_object_get(steps, "shares"), at));
	bool manual = json_is_string(json_object_get(steps, "pause_s"));
	screen_line("%s: %s has %g%% of the %s, step %zu of %zu; deployment %s goes on%s%s", service, document_text_or(deployment, "to", "?"), share,
		dns_change_is_of(deployment) ? "answers of DNS" : "requests", at + 1, json_array_size(json_object_get(steps, "shares")),
		document_text_or(deployment, "id", "?"), manual ? " with teal promote " : "", manual ? service : "");
}

static bool is_there(const json_t *deployment)
{
	return document_flag(deployment, "in_force") || document_flag(json_object_get(deployment, "steps"), "in_force") || !is_running(deployment);
}

/* Without an id its answer was lost, or Route 53 was asked for nothing (policy health_check). */
static void tell_change(const char *service, const json_t *deployment)
{
	const char *to = document_text_or(deployment, "to", "?"), *id = document_text(json_object_get(deployment, "change"), "change_id");
	long long ms = (long long)document_count(deployment, "flip_us") / 1000;
	if (id)
		screen_line("%s: %s is live: Route 53 accepted change %s, %lld ms after it was sent; deployment %s goes on", service, to, id, ms,
			document_text_or(deployment, "id", "?"));
	else
		screen_line("%s: %s is live, %lld ms after the change began; deployment %s goes on", service, to, ms, document_text_or(deployment, "id", "?"));
}

static enum exit_code tell_switched(struct command *command, const char *service, const json_t *deployment)
{
	bool running = is_running(deployment);
	if (command->json)
		command_print_line(deployment);
	else if (running && !document_flag(deployment, "in_force"))
		tell_step(service, deployment);
	else if (running && dns_change_is_of(deployment))
		tell_change(service, deployment);
	else if (running)
		screen_line("%s: %s is live on every worker, %lld us after the flip; deployment %s goes on", service, document_text_or(deployment, "to", "?"),
			(long long)document_count(deployment, "flip_us"), document_text_or(deployment, "id", "?"));
	else
		receipt_print(deployment, false);
	return running ? EXIT_DONE : exit_of(deployment);
}

enum exit_code follow_to_switched(struct command *command, const char *service, const char *id)
{
	struct caller_answer answer;
	parting_arm(command, service, id);
	for (;;) {
		enum exit_code code = get_deployment(command, id, "?until=switched&timeout_s=30", 40000, &answer);
		bool there = is_there(answer.document);
		if (code != EXIT_DONE)
			command_fail(code, &answer.err);
		else if (there)
			code = tell_switched(command, service, answer.document);
		caller_answer_fini(&answer);
		if (code != EXIT_DONE || there)
			return code;
	}
}
