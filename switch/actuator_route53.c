/* The actuator of a service that is switched by Route 53. Control thread. Decides nothing: the record's business is dns/steering's, the deployment's is the switcher's. */
#include "switch/actuator_route53.h"

#include <stdio.h>

#include "base/clock.h"
#include "dns/steering.h"
#include "switch/wire.h"

#define SHARE_WHOLE 10000u
#define ALIAS_TTL_S 60u
/* The change and its way back; keys are renewed ahead of their end. */
#define KEYS_MS (2u * ACTUATOR_ROUTE53_PATIENCE_MS)

/* ---- health_check: an answer of our own, which nobody can refuse ---- */

/* Whatever each of the colors is, a cache keeps it for no longer. */
static uint64_t longest_ttl_ms(const struct conf_route53 *conf)
{
	bool alias = conf->colors[COLOR_BLUE].alias || conf->colors[COLOR_GREEN].alias;
	uint64_t ttl_s = alias && conf->ttl_s < ALIAS_TTL_S ? ALIAS_TTL_S : conf->ttl_s;
	return ttl_s * 1000;
}

static uint64_t read_moment(const json_t *intent, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(intent, key));
}

static json_t *intend_answer(enum color live)
{
	return json_pack("{s:s, s:s, s:i, s:i}", "policy", "health_check", "live", color_name(live), "accepted_at", 0, "safe_at", 0);
}

static void change_answer(struct actuator_route53 *through, const json_t *intent)
{
	uint64_t now = clock_wall_ms();
	json_t *answer = json_deep_copy(intent);
	if (read_moment(answer, "accepted_at") == 0) {
		uint64_t safe_at = now + ACTUATOR_ROUTE53_CHECKS_MS + longest_ttl_ms(&through->service->conf->route53);
		json_object_set_new(answer, "accepted_at", json_integer((json_int_t)now));
		json_object_set_new(answer, "safe_at", json_integer((json_int_t)safe_at));
	}
	json_decref(through->answer);
	through->answer = answer;
}

static bool is_answer_left(const struct actuator_route53 *through, char *sentence, size_t size)
{
	uint64_t safe_at = read_moment(through->answer, "safe_at");
	if (clock_wall_ms() >= safe_at)
		return true;
	json_t *at = wire_time(safe_at);
	snprintf(sentence, size, "Route 53's health checks and caches may take until %s", json_string_value(at));
	json_decref(at);
	return false;
}

/* ---- changes ---- */

/* What was read is old, or was not there: the next attempt finds what is being read. */
static enum actuator_unable find_reason(struct actuator_route53 *through, enum color live, unsigned share)
{
	struct steering_view view;
	steering_read(through->steering, &view);
	bool looking = steering_is_looking(through->steering);
	steering_look(through->steering);
	if (view.live == STEERING_UNREAD || looking)
		return ACTUATOR_LATER;
	bool named = view.live == (live == COLOR_BLUE ? STEERING_BLUE : STEERING_GREEN);
	return named && share == 0 ? ACTUATOR_ALREADY : ACTUATOR_NEVER;
}

static json_t *intend(void *arg, enum color live, unsigned share, bool force, enum actuator_unable *unable, struct err *err)
{
	struct actuator_route53 *through = arg;
	if (!through->steering)
		return intend_answer(live);
	json_t *intent = steering_intend(through->steering, live, SHARE_WHOLE - share, force, err);
	if (!intent)
		*unable = find_reason(through, live, share);
	return intent;
}

static void change(void *arg, const json_t *intent)
{
	struct actuator_route53 *through = arg;
	if (through->steering)
		steering_change(through->steering, intent, ACTUATOR_ROUTE53_PATIENCE_MS);
	else
		change_answer(through, intent);
}

static void give_up(void *arg)
{
	const struct actuator_route53 *through = arg;
	if (through->steering)
		steering_give_up(through->steering);
}

static enum actuator_change read_change(void *arg, char *sentence, size_t size)
{
	static const enum actuator_change outcomes[] = {
		[STEERING_NONE] = ACTUATOR_CHANGE_PENDING,
		[STEERING_PENDING] = ACTUATOR_CHANGE_PENDING,
		[STEERING_DONE] = ACTUATOR_CHANGE_MADE,
		[STEERING_REFUSED] = ACTUATOR_CHANGE_REFUSED,
		[STEERING_FAILED] = ACTUATOR_CHANGE_FAILED,
	};
	const struct actuator_route53 *through = arg;
	if (!through->steering)
		return ACTUATOR_CHANGE_MADE;
	enum actuator_change outcome = outcomes[steering_read_change(through->steering, sentence, size)];
	bool drifted = outcome == ACTUATOR_CHANGE_REFUSED && steering_has_drifted(through->steering);
	return drifted ? ACTUATOR_CHANGE_DRIFTED : outcome;
}

static json_t *read_intent(void *arg)
{
	const struct actuator_route53 *through = arg;
	return through->steering ? steering_intent(through->steering) : json_incref(through->answer);
}

/* ---- until the old answer is gone ---- */

static void describe_waiting(const struct steering_progress *progress, char *sentence, size_t size)
{
	const struct propagation_status *servers = progress->servers;
	if (servers && servers->agreeing < servers->count) {
		snprintf(sentence, size, "%zu of %zu authoritative servers give the new answer alone", servers->agreeing, servers->count);
	} else if (!progress->insync) {
		snprintf(sentence, size, "Route 53 does not say INSYNC yet");
	} else if (!progress->safe_at) {
		snprintf(sentence, size, "not every authoritative server gives the new answer alone yet");
	} else {
		json_t *at = wire_time(progress->safe_at);
		snprintf(sentence, size, "caches may have the old answer until %s", json_string_value(at));
		json_decref(at);
	}
}

static bool is_left(void *arg, char *sentence, size_t size)
{
	const struct actuator_route53 *through = arg;
	struct steering_progress progress;
	if (!through->steering)
		return is_answer_left(through, sentence, size);
	steering_read_progress(through->steering, &progress);
	if (progress.known && !progress.safe)
		describe_waiting(&progress, sentence, size);
	return progress.known && progress.safe;
}

static uint64_t read_patience(void *arg)
{
	const struct actuator_route53 *through = arg;
	struct steering_view view = {.ttl_s = 0};
	if (through->steering)
		steering_read(through->steering, &view);
	uint64_t ttl_ms = longest_ttl_ms(&through->service->conf->route53), read_ms = (uint64_t)view.ttl_s * 1000;
	return ACTUATOR_ROUTE53_DRAIN_MS + (read_ms > ttl_ms ? read_ms : ttl_ms);
}

static const char *read_hindrance(void *arg)
{
	struct actuator_route53 *through = arg;
	struct steering_progress progress = {.sentence = ""};
	if (through->steering)
		steering_read_progress(through->steering, &progress);
	return progress.sentence[0] ? progress.sentence : NULL;
}

/* A record that can't be read is as it was read last. */
static const char *read_drift(void *arg, enum color live)
{
	struct actuator_route53 *through = arg;
	struct steering_view view = {.live = STEERING_UNREAD};
	if (through->steering)
		steering_read(through->steering, &view);
	if (view.live == STEERING_UNREAD || view.live == (live == COLOR_BLUE ? STEERING_BLUE : STEERING_GREEN))
		return NULL;
	bool named = view.live == STEERING_BLUE || view.live == STEERING_GREEN;
	snprintf(through->text, sizeof(through->text), "somebody else changed the record: %s%s", named ? "it names " : view.sentence,
		named ? color_name(color_other(live)) : "");
	return through->text;
}

static bool is_quiet(void *arg, enum color color)
{
	char sentence[256];
	(void)color;
	return is_left(arg, sentence, sizeof(sentence));
}

/* ---- what can't be ---- */

static const char *foresee_change(void *arg)
{
	struct actuator_route53 *through = arg;
	struct steering_view view;
	if (!through->steering)
		return NULL;
	steering_read(through->steering, &view);
	if (view.live != STEERING_UNREAD)
		return NULL;
	return view.sentence[0] ? view.sentence : "the record was not read yet";
}

static const char *foresee_split(void *arg)
{
	struct actuator_route53 *through = arg;
	if (through->service->conf->route53.policy == CONF_ROUTE53_WEIGHTED)
		return NULL;
	snprintf(through->text, sizeof(through->text), "service %s is switched by Route 53, and its policy is not weighted: it can't be switched in steps",
		through->service->name);
	return through->text;
}

static const char *foresee_hold(void *arg)
{
	struct actuator_route53 *through = arg;
	snprintf(through->text, sizeof(through->text), "service %s is switched by Route 53: there are no requests to hold", through->service->name);
	return through->text;
}

/* ---- a change that was made ---- */

static uint64_t apply(void *arg, enum color live, unsigned share)
{
	struct actuator_route53 *through = arg;
	struct service *service = through->service;
	if (service->live != live || share == 0)
		service_set_live(service, live);
	if (share > 0)
		service_set_split(service, share, switcher_current(service->switcher)->id);
	return ++through->ticket;
}

/* The record names it: there is nothing left that could be told of it. */
static bool in_force(void *arg, uint64_t ticket)
{
	(void)arg;
	(void)ticket;
	return true;
}

struct actuator actuator_route53_make(struct actuator_route53 *through)
{
	return (struct actuator){
		.intend = intend,
		.change = change,
		.give_up = give_up,
		.read_change = read_change,
		.read_intent = read_intent,
		.is_left = is_left,
		.read_patience = read_patience,
		.read_drift = read_drift,
		.read_hindrance = read_hindrance,
		.foresee_change = foresee_change,
		.foresee_split = foresee_split,
		.foresee_hold = foresee_hold,
		.apply = apply,
		.in_force = in_force,
		.is_quiet = is_quiet,
		.arg = through,
	};
}

void actuator_route53_fini(struct actuator_route53 *through)
{
	json_decref(through->answer);
	through->answer = NULL;
}

/* ---- the armed check ---- */

static uint64_t whole_ms(struct actuator_route53 *through, const struct deployment *deployment)
{
	size_t pauses = deployment->shift.count > 0 ? deployment->shift.count - 1 : 0;
	uint64_t bake_ms = deployment->bake_ms > deployment->confirm_within_ms ? deployment->bake_ms : deployment->confirm_within_ms;
	return 2 * ACTUATOR_ROUTE53_PATIENCE_MS + deployment->shift.pause_ms * pauses + bake_ms + read_patience(through);
}

void actuator_route53_arm(struct actuator_route53 *through, const struct deployment *deployment)
{
	steering_arm(through->steering, deployment->to, deployment->force, KEYS_MS, whole_ms(through, deployment));
}

enum procedure_armed actuator_route53_read_armed(struct actuator_route53 *through, char *sentence, size_t size)
{
	enum steering_state state = steering_read_arm(through->steering, sentence, size);
	if (state == STEERING_NONE || state == STEERING_PENDING)
		return PROCEDURE_ARMED_PENDING;
	return state == STEERING_DONE ? PROCEDURE_ARMED_YES : PROCEDURE_ARMED_NO;
}

json_t *actuator_route53_list_armed(struct actuator_route53 *through)
{
	return steering_arm_to_json(through->steering);
}
