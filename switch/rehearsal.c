/* One rehearsal of a service, from its start to its report. Control thread. Sends nothing itself (switch/copier) and compares nothing (switch/compare). */
#include "switch/rehearsal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "proxy/mirror.h"
#include "proxy/tlsback.h"
#include "switch/alike.h"
#include "switch/backtrust.h"
#include "switch/comparison.h"
#include "switch/copier.h"
#include "switch/forsaken.h"
#include "switch/service.h"
#include "switch/wire.h"

#define TIMEOUT_MOST_MS 10000u
#define LOOK_MS 20u /* from one look at what is under way and at what may end it to the next */
#define COPY_MS (1000u / REHEARSAL_RATE)
#define REQUESTS_OF_A_COPY 3u
#define BODY_LEAST 4096u
#define BODY_MOST 65536u

struct rehearsal {
	struct service *service;
	struct event *tick; /* while it runs */
	bool closing;       /* nothing more is copied; what is under way is waited for */
	enum color live, idle;
	struct release releases[COLOR_COUNT];
	struct tlsback *tls[COLOR_COUNT];      /* as they were when it began; with a reference; NULL: in clear */
	struct backtrust *trusts[COLOR_COUNT]; /* of the backends that were asked last */
	char *actor;
	double share;
	uint64_t for_ms, started_at, ended_at; /* wall clock; ended_at 0: it runs */
	uint64_t deadline_ms, copy_ms;         /* monotonic: its end; the next copy */
	char end[128];                         /* why it ended before its time; "": it did not */

	struct compare_rules rules;
	struct comparison_limits limits;
	struct comparison *comparison;
	struct mirror *mirror;
	struct copier *copier;
	unsigned next[COLOR_COUNT]; /* the member to ask next */
	struct mirror_counts copied;
	struct copier_counts sent;
	struct forsaken forsaken; /* of the rehearsals before, too */
	enum comparison_verdict verdict;
	unsigned awaiting; /* copies that ended with it, answered by the live color alone */
	char text[640];
};

/* ---- sending ---- */

static const struct member *choose_member(struct rehearsal *rehearsal, enum color color)
{
	const struct service_color *half = &rehearsal->service->colors[color];
	const struct member *other = NULL;
	for (size_t looked = 0; looked < half->count; looked++) {
		const struct member *member = half->members[rehearsal->next[color]++ % half->count];
		if (member->backend && member->health == HEALTH_UP)
			return member;
		other = member->backend ? member : other;
	}
	return other;
}

/* False when no backend of the color has an address. */
static bool choose_target(struct rehearsal *rehearsal, enum color color, struct copier_target *target)
{
	static const enum fetch_announce announces[] = {
		[CONF_PROXY_PROTOCOL_OFF] = FETCH_ANNOUNCE_NOTHING,
		[CONF_PROXY_PROTOCOL_V1] = FETCH_ANNOUNCE_V1,
		[CONF_PROXY_PROTOCOL_V2] = FETCH_ANNOUNCE_V2,
	};
	const struct member *member = choose_member(rehearsal, color);
	if (!member)
		return false;
	backtrust_release(rehearsal->trusts[color]);
	rehearsal->trusts[color] = backtrust_new(rehearsal->tls[color], member->name, &member->configured);
	*target = (struct copier_target){&member->backend->addr, announces[member->owner->announce], backtrust_fetch(rehearsal->trusts[color])};
	return true;
}

static void send_next(struct rehearsal *rehearsal)
{
	char head[MIRROR_HEAD_SIZE];
	struct copier_target live, idle;
	size_t length = mirror_take(rehearsal->mirror, head);
	if (length > 0 && choose_target(rehearsal, rehearsal->live, &live) && choose_target(rehearsal, rehearsal->idle, &idle))
		copier_send(rehearsal->copier, head, length, &live, &idle);
}

/* ---- its end ---- */

static void forsake(struct rehearsal *rehearsal, bool idle, uint64_t count)
{
	forsaken_add(&rehearsal->forsaken, idle ? rehearsal->idle : rehearsal->live, clock_mono_ms() / 1000, count);
}

static void read_sent(struct rehearsal *rehearsal)
{
	struct copier_counts before = rehearsal->sent;
	if (!rehearsal->copier)
		return;
	copier_read(rehearsal->copier, &rehearsal->sent);
	for (unsigned idle = 0; idle < 2; idle++)
		forsake(rehearsal, idle, rehearsal->sent.forsaken[idle] - before.forsaken[idle]);
}

static void read_counts(struct rehearsal *rehearsal)
{
	if (rehearsal->mirror)
		mirror_read(rehearsal->mirror, &rehearsal->copied);
	read_sent(rehearsal);
}

static void let_go_of_tls(struct rehearsal *rehearsal, unsigned color)
{
	backtrust_release(rehearsal->trusts[color]);
	if (rehearsal->tls[color])
		tlsback_release(rehearsal->tls[color]);
	rehearsal->trusts[color] = NULL;
	rehearsal->tls[color] = NULL;
}

static void let_go(struct rehearsal *rehearsal)
{
	if (rehearsal->tick)
		event_free(rehearsal->tick);
	copier_free(rehearsal->copier);
	if (rehearsal->mirror)
		mirror_release(rehearsal->mirror);
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		let_go_of_tls(rehearsal, color);
	rehearsal->tick = NULL;
	rehearsal->copier = NULL;
	rehearsal->mirror = NULL;
}

static void judge(struct rehearsal *rehearsal)
{
	char said[400], awaiting[100] = "";
	rehearsal->verdict = comparison_judge(rehearsal->comparison, &rehearsal->limits, said, sizeof(said));
	if (rehearsal->end[0] && rehearsal->verdict == COMPARISON_PASSED)
		rehearsal->verdict = COMPARISON_INCONCLUSIVE;
	if (rehearsal->awaiting > 0)
		snprintf(awaiting, sizeof(awaiting), "; %u more had an answer of the live color, and none of the idle one yet", rehearsal->awaiting);
	snprintf(rehearsal->text, sizeof(rehearsal->text), "%s%s%s%s", rehearsal->end, rehearsal->end[0] ? "; " : "", said, awaiting);
}

static const char *version_of(const struct rehearsal *rehearsal)
{
	return rehearsal->releases[rehearsal->idle].version;
}

static void emit(const struct rehearsal *rehearsal, const char *event, json_t *more, const char *what)
{
	char text[900];
	const struct service *service = rehearsal->service;
	const char *version = version_of(rehearsal);
	snprintf(text, sizeof(text), "%s: rehearsal of %s%s%.100s%s %s", service->name, color_name(rehearsal->idle), version[0] ? " (" : "", version,
		version[0] ? ")" : "", what);
	json_object_set_new(more, "color", json_string(color_name(rehearsal->idle)));
	json_object_set_new(more, "version", wire_text(version));
	events_emit(service->owner->events, service->name, NULL, event, more, text);
}

static void emit_end(const struct rehearsal *rehearsal)
{
	char what[sizeof(rehearsal->text) + 32];
	const char *verdict = comparison_verdict_name(rehearsal->verdict);
	json_t *more = json_pack("{s:s, s:o}", "verdict", verdict, "sent", wire_count(rehearsal->sent.sent));
	snprintf(what, sizeof(what), "%s: %s", verdict, rehearsal->text);
	emit(rehearsal, "rehearsal_ended", more, what);
}

static void end(struct rehearsal *rehearsal)
{
	read_counts(rehearsal);
	rehearsal->awaiting = copier_awaiting_idle(rehearsal->copier);
	for (unsigned idle = 0; idle < 2; idle++)
		forsake(rehearsal, idle, copier_awaiting(rehearsal->copier, idle));
	let_go(rehearsal);
	rehearsal->ended_at = clock_wall_ms();
	judge(rehearsal);
	service_change(rehearsal->service);
	emit_end(rehearsal);
	rehearsal->service->owner->on_news(rehearsal->service->owner->arg);
}

static void close_early(struct rehearsal *rehearsal, const char *why)
{
	if (!rehearsal->closing)
		service_change(rehearsal->service);
	rehearsal->closing = true;
	if (!rehearsal->end[0])
		snprintf(rehearsal->end, sizeof(rehearsal->end), "it ended early: %s", why);
}

/* ---- while it runs ---- */

static bool has_other_release(const struct rehearsal *rehearsal)
{
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		if (!release_equal(&rehearsal->releases[color], &rehearsal->service->colors[color].now))
			return true;
	return false;
}

/* What is compared must stay what it is, and a deployment that has passed its gates has the idle color to itself. NULL: it can go on. */
static const char *find_obstacle(const struct rehearsal *rehearsal)
{
	const struct service *service = rehearsal->service;
	const struct deployment *current = switcher_current(service->switcher);
	if (current && current->step > STEP_PROCEDURE)
		return "a deployment began";
	if (service->live != rehearsal->live)
		return "the other color went live";
	return has_other_release(rehearsal) ? "a color got another release" : NULL;
}

/* A request that is given up may be at work in its backend all the same, which a command must not be beside. */
static bool is_in_the_way(const struct rehearsal *rehearsal)
{
	const struct deployment *current = switcher_current(rehearsal->service->switcher);
	return current && current->exclusive.wanted && copier_under_way(rehearsal->copier) > 0;
}

/* Those that are in the way end by themselves. */
static void go_on_closing(struct rehearsal *rehearsal)
{
	bool early = rehearsal->end[0] && !is_in_the_way(rehearsal);
	if (early || copier_under_way(rehearsal->copier) == 0)
		end(rehearsal);
}

static void go_on_copying(struct rehearsal *rehearsal, uint64_t now)
{
	if (now >= rehearsal->deadline_ms) {
		rehearsal->closing = true;
		service_change(rehearsal->service);
	} else if (now >= rehearsal->copy_ms && copier_has_room(rehearsal->copier)) {
		rehearsal->copy_ms = now < rehearsal->copy_ms + COPY_MS ? rehearsal->copy_ms + COPY_MS : now + COPY_MS;
		send_next(rehearsal);
	}
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct rehearsal *rehearsal = arg;
	const char *obstacle = find_obstacle(rehearsal);
	(void)fd, (void)what;
	read_sent(rehearsal);
	if (obstacle)
		close_early(rehearsal, obstacle);
	if (rehearsal->closing)
		go_on_closing(rehearsal);
	else
		go_on_copying(rehearsal, clock_mono_ms());
}

unsigned rehearsal_busy(const struct rehearsal *rehearsal, enum color color)
{
	return rehearsal && rehearsal->copier ? copier_awaiting(rehearsal->copier, color == rehearsal->idle) : 0;
}

uint64_t rehearsal_count_given_up(struct rehearsal *rehearsal, enum color color, uint64_t second, unsigned seconds)
{
	if (!rehearsal)
		return 0;
	read_sent(rehearsal);
	return forsaken_sum(&rehearsal->forsaken, color, second, seconds);
}

struct mirror *rehearsal_mirror(const struct rehearsal *rehearsal)
{
	return rehearsal && !rehearsal->closing ? rehearsal->mirror : NULL;
}

/* ---- its beginning ---- */

static bool refuse(struct switcher_refusal *refusal, const char *code, const char *detail)
{
	*refusal = (struct switcher_refusal){.code = code};
	snprintf(refusal->detail, sizeof(refusal->detail), "%s", detail);
	return false;
}

static bool may_start(const struct service *service, const struct rehearsal_wish *wish, struct switcher_refusal *refusal)
{
	char detail[400];
	struct service_health health;
	enum color idle = color_other(service->live);
	const struct deployment *current = switcher_current(service->switcher);
	if (current) {
		snprintf(detail, sizeof(detail), "deployment %s of service %s is under way", current->id, service->name);
		refuse(refusal, "deployment_running", detail);
		snprintf(refusal->deployment, sizeof(refusal->deployment), "%s", current->id);
		return false;
	}
	if (service->rehearsal && service->rehearsal->ended_at == 0) {
		snprintf(detail, sizeof(detail), "a rehearsal of service %s is under way already; end it: teal rehearse %s --stop", service->name,
			service->name);
		return refuse(refusal, "rehearsal_running", detail);
	}
	if (wish->names_color && wish->color == service->live) {
		snprintf(detail, sizeof(detail), "%s is the live color of service %s; the idle one is rehearsed", color_name(wish->color), service->name);
		return refuse(refusal, "color_is_live", detail);
	}
	service_read_health(service, idle, &health);
	if (health.up > 0)
		return true;
	snprintf(detail, sizeof(detail), "no backend of %s is up", color_name(idle));
	return refuse(refusal, "no_backend_up", detail);
}

static unsigned share_in_hundredths(double share)
{
	unsigned hundredths = (unsigned)(share * MIRROR_WHOLE + 0.5);
	return hundredths < 1 ? 1 : hundredths > MIRROR_WHOLE ? MIRROR_WHOLE : hundredths;
}

/* As many copies at a time as the memory has room for, with as much of their answers as it has. */
static struct copier_tools plan(const struct rehearsal *rehearsal, const struct conf_rehearsal *conf)
{
	const struct service *service = rehearsal->service;
	uint64_t most = conf->bytes / (REQUESTS_OF_A_COPY * BODY_LEAST), wanted = conf->concurrency;
	uint64_t concurrency = wanted < most ? wanted : most > 0 ? most : 1;
	uint64_t body = conf->bytes / (REQUESTS_OF_A_COPY * concurrency), response_ms = service->owner->response_ms;
	return (struct copier_tools){
		.loop = service->owner->loop,
		.rules = &rehearsal->rules,
		.comparison = rehearsal->comparison,
		.concurrency = (unsigned)concurrency,
		.timeout_ms = response_ms < TIMEOUT_MOST_MS ? response_ms : TIMEOUT_MOST_MS,
		.body_limit = body < BODY_MOST ? (size_t)body : BODY_MOST,
	};
}

static struct rehearsal *make(struct service *service, const struct rehearsal_wish *wish)
{
	const struct conf_rehearsal *conf = &service->conf->rehearsal;
	struct rehearsal *rehearsal = memory_new(sizeof(*rehearsal));
	rehearsal->service = service;
	rehearsal->live = service->live;
	rehearsal->idle = color_other(service->live);
	for (unsigned color = 0; color < COLOR_COUNT; color++) {
		release_copy(&rehearsal->releases[color], &service->colors[color].now);
		rehearsal->tls[color] = service->colors[color].member_owner.tls;
		if (rehearsal->tls[color])
			tlsback_hold(rehearsal->tls[color]);
	}
	rehearsal->actor = memory_text(wish->actor);
	rehearsal->share = wish->share > 0 ? wish->share : conf->share;
	rehearsal->for_ms = wish->for_ms > 0 ? wish->for_ms : conf->for_ms;
	rehearsal->started_at = clock_wall_ms();
	rehearsal->copy_ms = clock_mono_ms();
	rehearsal->deadline_ms = rehearsal->copy_ms + rehearsal->for_ms;
	compare_rules_init(&rehearsal->rules, conf->fields, conf->field_count, conf->ignore, conf->ignore_count);
	rehearsal->limits = (struct comparison_limits){conf->differences, conf->slower};
	rehearsal->comparison = comparison_new();
	struct copier_tools tools = plan(rehearsal, conf);
	rehearsal->copier = copier_new(&tools);
	rehearsal->mirror = mirror_new(service->owner->workers, share_in_hundredths(rehearsal->share), rehearsal->live);
	return rehearsal;
}

bool rehearsal_start(struct service *service, const struct rehearsal_wish *wish, struct switcher_refusal *refusal)
{
	static const struct timeval every = {0, LOOK_MS * 1000};
	char what[200], share[TEXT_UNIT_SIZE], time[TEXT_UNIT_SIZE];
	if (!may_start(service, wish, refusal))
		return false;
	struct rehearsal *before = service->rehearsal, *rehearsal = service->rehearsal = make(service, wish);
	if (before)
		rehearsal->forsaken = before->forsaken;
	rehearsal_free(before);
	rehearsal->tick = event_new(service->owner->loop, -1, EV_PERSIST, on_tick, rehearsal);
	if (!rehearsal->tick || event_add(rehearsal->tick, &every) != 0)
		abort(); /* out of memory */
	service_change(service);
	text_format_share(rehearsal->share, share);
	text_format_duration(rehearsal->for_ms, time);
	snprintf(what, sizeof(what), "with %s of the requests for %s, by %.64s", share, time, wish->actor);
	json_t *more = json_pack("{s:f, s:o, s:o}", "share", rehearsal->share, "for_s", wire_seconds(rehearsal->for_ms), "actor", wire_text(wish->actor));
	emit(rehearsal, "rehearsal_started", more, what);
	return true;
}

/* What it copies would be compared over connections that users don't have any more. A renewed file ends nothing: the one before is good for a while yet. */
void rehearsal_follow(struct rehearsal *rehearsal, const struct conf_service *before, const struct conf_service *now)
{
	char why[64];
	for (unsigned color = 0; color < COLOR_COUNT; color++) {
		if (!rehearsal || rehearsal->ended_at > 0 || alike_backend_tls(&before->colors[color].tls, &now->colors[color].tls))
			continue;
		snprintf(why, sizeof(why), "%s got another tls", color_name((enum color)color));
		close_early(rehearsal, why);
	}
}

bool rehearsal_stop(struct service *service, const char *actor)
{
	char why[100];
	if (!service->rehearsal || service->rehearsal->ended_at > 0)
		return false;
	snprintf(why, sizeof(why), "%.64s stopped it", actor);
	close_early(service->rehearsal, why);
	go_on_closing(service->rehearsal);
	return true;
}

void rehearsal_free(struct rehearsal *rehearsal)
{
	if (!rehearsal)
		return;
	let_go(rehearsal);
	comparison_free(rehearsal->comparison);
	compare_rules_fini(&rehearsal->rules);
	for (unsigned color = 0; color < COLOR_COUNT; color++)
		release_fini(&rehearsal->releases[color]);
	free(rehearsal->actor);
	free(rehearsal);
}

/* ---- looking at it ---- */

static json_t *describe(const struct rehearsal *rehearsal)
{
	bool runs = rehearsal->ended_at == 0;
	return json_pack("{s:o, s:s, s:s, s:o, s:f, s:o, s:o, s:o, s:o, s:o, s:o}", "service", wire_text(rehearsal->service->name), "state",
		runs ? "running" : "ended", "color", color_name(rehearsal->idle), "version", wire_text(version_of(rehearsal)), "share", rehearsal->share,
		"for_s", wire_seconds(rehearsal->for_ms), "actor", wire_text(rehearsal->actor), "started_at", wire_time(rehearsal->started_at), "ended_at",
		wire_time(rehearsal->ended_at), "verdict", runs ? json_null() : json_string(comparison_verdict_name(rehearsal->verdict)), "text",
		wire_text(rehearsal->text));
}

static void add_counts(struct rehearsal *rehearsal, json_t *report)
{
	read_counts(rehearsal);
	const struct mirror_counts *copied = &rehearsal->copied;
	const struct copier_counts *sent = &rehearsal->sent;
	json_object_set_new(report, "sampled", wire_count(copied->sampled));
	json_object_set_new(report, "sent", wire_count(sent->sent));
	json_object_set_new(report, "dropped", json_pack("{s:o, s:o}", "full", wire_count(copied->full), "large", wire_count(copied->large)));
	json_object_set_new(
		report, "unanswered", json_pack("{s:o, s:o}", "live", wire_count(sent->live_unanswered), "idle", wire_count(sent->idle_unanswered)));
}

json_t *rehearsal_make_report(const struct service *service)
{
	struct rehearsal *rehearsal = service->rehearsal;
	if (!rehearsal)
		return json_pack("{s:o, s:s}", "service", wire_text(service->name), "state", "none");
	json_t *report = describe(rehearsal), *compared = comparison_make_report(rehearsal->comparison, &rehearsal->limits);
	add_counts(rehearsal, report);
	json_object_update(report, compared);
	json_decref(compared);
	return report;
}

/* The newest rehearsal is of another release. */
static void tell_other(const struct rehearsal *rehearsal, const char *what, const char *idle, char *sentence, size_t size)
{
	const char *service = rehearsal->service->name;
	if (strcmp(what, idle) == 0 && !version_of(rehearsal)[0]) /* neither has a version */
		snprintf(sentence, size, "the newest rehearsal is of other backends than %s has now; `teal rehearse %s %s` makes another one", idle, service,
			idle);
	else
		snprintf(sentence, size, "the newest rehearsal is of another version than %.64s (%.64s); `teal rehearse %s %s` makes another one", what,
			version_of(rehearsal)[0] ? version_of(rehearsal) : "none", service, idle);
}

bool rehearsal_passed(const struct service *service, const struct release *release, uint64_t now, uint64_t within_ms, char *sentence, size_t size)
{
	const struct rehearsal *rehearsal = service->rehearsal;
	char age[TEXT_UNIT_SIZE], within[TEXT_UNIT_SIZE];
	const char *idle = color_name(color_other(service->live));
	uint64_t age_ms = rehearsal && now > rehearsal->ended_at ? now - rehearsal->ended_at : 0;
	const char *what = release->version[0] ? release->version : idle;
	bool passed = false;
	text_format_duration(age_ms / 1000 * 1000, age);
	text_format_duration(within_ms, within);
	if (!rehearsal)
		snprintf(sentence, size, "no rehearsal of %s is known since teal has started; `teal rehearse %s %s` makes one", idle, service->name, idle);
	else if (!release_same(&rehearsal->releases[rehearsal->idle], release))
		tell_other(rehearsal, what, idle, sentence, size);
	else if (rehearsal->ended_at == 0)
		snprintf(sentence, size, "the rehearsal of %.64s is still under way", what);
	else if (rehearsal->verdict != COMPARISON_PASSED)
		snprintf(sentence, size, "the rehearsal of %.64s %s: %.300s", what, rehearsal->verdict == COMPARISON_FAILED ? "failed" : "says too little",
			rehearsal->text);
	else if (age_ms > within_ms)
		snprintf(sentence, size, "the rehearsal of %.64s passed %s ago, which is longer than %s; `teal rehearse %s %s` makes another one", what, age,
			within, service->name, idle);
	else
		passed = snprintf(sentence, size, "the rehearsal of %.64s passed %s ago: %.300s", what, age, rehearsal->text) > 0;
	return passed;
}
