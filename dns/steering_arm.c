/* The armed check: whether a change could be made now, by asking for everything it needs. Control thread.
 * Row by row in the order of this file; what hinders what comes behind it ends the check, all else is asked though something failed. One change is made for it: it
 * replaces the record by itself, and so shows the permission. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dns/steering_parts.h"

#define CLOCK_FINE_S 30

/* ---- rows ---- */

static const char *const ROWS[ARM_ROW_COUNT] = {
	[ARM_ROW_CREDENTIALS] = "credentials",
	[ARM_ROW_CLOCK] = "clock",
	[ARM_ROW_ZONE] = "zone",
	[ARM_ROW_DELEGATION] = "delegation",
	[ARM_ROW_RECORD] = "record",
	[ARM_ROW_PERMISSION] = "permission",
	[ARM_ROW_WAY_BACK] = "way_back",
	[ARM_ROW_TTL] = "ttl",
};

enum outcome { HOLDS, FAILS, UNTOLD };

static void set_row(struct steering *steering, enum arm_row row, enum outcome outcome, const char *format, ...) __attribute__((format(printf, 4, 5)));
static void set_row(struct steering *steering, enum arm_row row, enum outcome outcome, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	steering_say_args(&steering->arm.rows[row].detail, format, args);
	va_end(args);
	steering->arm.rows[row].passed = outcome == HOLDS;
	steering->arm.rows[row].unsure = outcome == UNTOLD;
	steering_tell(steering);
}

static const char *find_failed(const struct steering_arming *arm, enum steering_state *state)
{
	const char *sentence = NULL;
	*state = STEERING_DONE;
	for (size_t i = 0; i < ARM_ROW_COUNT; i++) {
		if (!arm->rows[i].detail || arm->rows[i].passed || *state == STEERING_REFUSED)
			continue;
		if (!sentence || !arm->rows[i].unsure)
			sentence = arm->rows[i].detail;
		*state = arm->rows[i].unsure ? STEERING_FAILED : STEERING_REFUSED; /* what is sure counts more */
	}
	return sentence;
}

static void finish(struct steering *steering)
{
	steering->arm.step = ARM_IDLE;
	find_failed(&steering->arm, &steering->arm.state);
	steering_tell(steering);
}

/* ---- how long older answers are kept: never a reason against it ---- */

static void tell_ttl(struct steering *steering)
{
	uint64_t quick_from = steering_quick_from(steering);
	uint32_t ttl_s = steering->verdict.ttl_s, wanted_s = steering->conf->ttl_s;
	char when[CLOCK_TEXT_SIZE];
	clock_format(quick_from, when);
	if (quick_from)
		set_row(steering, ARM_ROW_TTL, HOLDS, "a longer TTL than that of the record may be cached until %s: until then some keep the old answer", when);
	else if (steering->record_count > 0 && !steering->records->alias_zone && ttl_s > wanted_s)
		set_row(steering, ARM_ROW_TTL, HOLDS, "caches keep the old answer for up to %" PRIu32 " s; with `teal dns prepare` that would be %" PRIu32 " s",
			ttl_s, wanted_s);
	else
		set_row(steering, ARM_ROW_TTL, HOLDS, "caches keep the old answer for up to %" PRIu32 " s",
			steering_live_ttl(steering->records, steering->record_count));
}

/* ---- the permission ---- */

static void on_permission(void *arg, const struct route53_result *result)
{
	struct steering *steering = arg;
	steering->arm.call = NULL;
	if (result->outcome == ROUTE53_DONE)
		set_row(steering, ARM_ROW_PERMISSION, HOLDS, "a change that replaces the record by itself was accepted");
	else if (result->outcome == ROUTE53_REFUSED)
		set_row(steering, ARM_ROW_PERMISSION, FAILS, "%s", result->sentence);
	else
		set_row(steering, ARM_ROW_PERMISSION, UNTOLD, "whether changes are permitted could not be told: %s", result->sentence);
	tell_ttl(steering);
	finish(steering);
}

static void ask_permission(struct steering *steering)
{
	struct batch batch;
	steering->arm.step = ARM_PERMISSION;
	batch_init(&batch, "teal: whether changes are permitted; nothing changes");
	for (size_t i = 0; i < steering->record_count; i++)
		batch_replace(&batch, &steering->records[i], &steering->records[i]);
	steering->arm.call = route53_change(steering->tools.route53, steering->zone.id, &batch, STEERING_ASK_MS, on_permission, steering);
	batch_fini(&batch);
}

static void check_permission(struct steering *steering)
{
	enum steering_state state;
	find_failed(&steering->arm, &state);
	if (state == STEERING_DONE && steering->record_count > 0) {
		ask_permission(steering);
		return;
	}
	if (state == STEERING_DONE)
		set_row(steering, ARM_ROW_PERMISSION, HOLDS, "there is no record yet that could be replaced by itself; the change will show it");
	tell_ttl(steering);
	finish(steering);
}

/* ---- the record, and the way there and back ---- */

static bool names(enum steering_live live, enum color color)
{
	return live == (color == COLOR_BLUE ? STEERING_BLUE : STEERING_GREEN);
}

static bool check_record(struct steering *steering)
{
	const struct steering_live_verdict *verdict = &steering->verdict;
	bool strange = verdict->live == STEERING_NEITHER || verdict->live == STEERING_ABSENT;
	bool foreign = steering_live_find_foreign(steering->records, steering->record_count);
	if (names(verdict->live, steering->arm.to))
		set_row(steering, ARM_ROW_RECORD, FAILS, "the record names %s already", color_name(steering->arm.to));
	else if (foreign || (strange && !steering->arm.force))
		set_row(steering, ARM_ROW_RECORD, FAILS, "%s", verdict->sentence);
	else if (strange)
		set_row(steering, ARM_ROW_RECORD, HOLDS, "%s; it is taken as it is (--force)", verdict->sentence);
	else {
		struct text line;
		text_init(&line, 2000);
		steering_describe(steering->records, steering->record_count, &line);
		set_row(steering, ARM_ROW_RECORD, HOLDS, "%s", line.bytes);
		text_fini(&line);
	}
	return steering->arm.rows[ARM_ROW_RECORD].passed;
}

static void check_way_back(struct steering *steering)
{
	struct steering_intent intent;
	struct batch batch, inverse;
	struct err err;
	if (!steering_intend_make(steering, steering->arm.to, STEERING_LIVE_WHOLE, steering->arm.force, &intent, &err)) {
		set_row(steering, ARM_ROW_WAY_BACK, FAILS, "%s", err.text);
		return;
	}
	steering_intent_make_batch(&intent, &batch);
	batch_init_inverse(&inverse, &batch, "");
	if (batch_check(&inverse, &err))
		set_row(steering, ARM_ROW_WAY_BACK, HOLDS, "the change back is ready; it costs %u changes", batch_cost(&inverse));
	else
		set_row(steering, ARM_ROW_WAY_BACK, FAILS, "the change back could not be made: %s", err.text);
	batch_fini(&inverse);
	batch_fini(&batch);
	steering_intent_fini(&intent);
}

static void check_sets(struct steering *steering)
{
	if (check_record(steering))
		check_way_back(steering);
	check_permission(steering);
}

/* ---- the delegation ---- */

static void on_delegation(void *arg, enum delegation_result result, const char *sentence)
{
	struct steering *steering = arg;
	enum outcome outcome = result == DELEGATION_SAME ? HOLDS : result == DELEGATION_UNKNOWN ? UNTOLD : FAILS;
	set_row(steering, ARM_ROW_DELEGATION, outcome, "%s%s", sentence, outcome == UNTOLD ? "; with `name_servers` in the file those are asked instead" : "");
	delegation_free(steering->arm.delegation); /* and with it the sentence */
	steering->arm.delegation = NULL;
	check_sets(steering);
}

static void ask_delegation(struct steering *steering)
{
	const struct steering_zone *zone = &steering->zone;
	const struct delegation_tools tools = {.loop = steering->tools.loop,
		.resolver = steering->tools.resolver,
		.resolver_servers = steering->tools.resolver_servers,
		.port = steering->tools.name_server_port};
	struct err err;
	steering->arm.step = ARM_DELEGATION;
	steering->arm.delegation =
		delegation_check(&tools, zone->name, (const char *const *)zone->name_servers, zone->name_server_count, on_delegation, steering, &err);
	if (steering->arm.delegation)
		return;
	set_row(steering, ARM_ROW_DELEGATION, FAILS, "%s", err.text);
	check_sets(steering);
}

void steering_arm_take_given(struct steering *steering, bool passed, bool unsure, const char *sentence)
{
	set_row(steering, ARM_ROW_DELEGATION, passed ? HOLDS : unsure ? UNTOLD : FAILS, "%s", sentence);
	check_sets(steering);
}

static void check_delegation(struct steering *steering)
{
	if (steering->conf->name_server_count > 0) {
		steering->arm.step = ARM_DELEGATION;
		steering_given_ask(steering);
		return;
	}
	if (steering->zone.is_private)
		set_row(steering, ARM_ROW_DELEGATION, HOLDS,
			"left out, as the zone is private: neither its delegation nor its name servers can be asked from here");
	else {
		ask_delegation(steering);
		return;
	}
	check_sets(steering);
}

/* ---- the zone, and with it the clock ---- */

static void tell_clock(struct steering *steering)
{
	int64_t skew_s, off_s;
	bool known = route53_tell_skew(steering->tools.route53, &skew_s);
	off_s = known && skew_s < 0 ? -skew_s : skew_s;
	if (!known)
		set_row(steering, ARM_ROW_CLOCK, HOLDS, "Route 53 did not say what time it is");
	else if (off_s <= CLOCK_FINE_S)
		set_row(steering, ARM_ROW_CLOCK, HOLDS, "%" PRId64 " s off that of Route 53", off_s);
	else
		set_row(steering, ARM_ROW_CLOCK, HOLDS,
			"this clock is %" PRId64 " s %s that of Route 53: requests are signed for the latter where they must be, and this one should be set",
			off_s, skew_s > 0 ? "behind" : "ahead of");
}

static void tell_zone(struct steering *steering)
{
	char shown[R53_NAME_SIZE];
	r53_name_show(steering->zone.name, shown);
	set_row(steering, ARM_ROW_ZONE, HOLDS, "%s (%s%s)", shown, steering->zone.id, steering->zone.is_private ? ", private" : "");
}

void steering_arm_take_look(struct steering *steering, enum steering_state end, enum look_step step, const char *sentence)
{
	enum outcome outcome = end == STEERING_FAILED ? UNTOLD : FAILS;
	if (steering->arm.step != ARM_LOOK)
		return;
	tell_clock(steering);
	if (end == STEERING_DONE || step == LOOK_RECORD)
		tell_zone(steering);
	if (end == STEERING_DONE) {
		check_delegation(steering);
		return;
	}
	set_row(steering, step == LOOK_RECORD ? ARM_ROW_RECORD : ARM_ROW_ZONE, outcome, "%s", sentence);
	finish(steering);
}

/* The zone is asked anew too. */
static void look(struct steering *steering)
{
	char id[sizeof(steering->zone.id)];
	steering_look_drop(steering);
	memcpy(id, steering->zone.id, sizeof(id));
	steering_zone_forget(&steering->zone);
	memcpy(steering->zone.id, id, sizeof(id));
	steering->arm.step = ARM_LOOK;
	steering_look_begin(steering);
}

/* ---- the keys ---- */

static void on_keys(void *arg, const struct credentials_keys *keys, const struct err *err)
{
	struct steering *steering = arg;
	char until[CLOCK_TEXT_SIZE];
	steering->arm.wait = NULL;
	if (!keys) {
		set_row(steering, ARM_ROW_CREDENTIALS, FAILS, "%s", err->text);
		finish(steering);
		return;
	}
	clock_format(keys->expires_ms, until);
	if (keys->expires_ms && keys->expires_ms < clock_wall_ms() + steering->arm.whole_ms)
		set_row(steering, ARM_ROW_CREDENTIALS, HOLDS,
			"%s, good until %s, which may be before the switch is over: newer ones are looked for ahead of it, and without them the record can't be changed back",
			keys->source, until);
	else if (keys->expires_ms)
		set_row(steering, ARM_ROW_CREDENTIALS, HOLDS, "%s, good until %s", keys->source, until);
	else
		set_row(steering, ARM_ROW_CREDENTIALS, HOLDS, "%s, without an end", keys->source);
	look(steering);
}

/* ---- from outside ---- */

static void forget(struct steering_arming *arm, const struct route53_source *source)
{
	if (arm->wait)
		source->cancel(arm->wait);
	if (arm->call)
		route53_cancel(arm->call);
	delegation_free(arm->delegation);
	steering_given_stop(arm);
	for (size_t i = 0; i < ARM_ROW_COUNT; i++)
		free(arm->rows[i].detail);
	*arm = (struct steering_arming){0};
}

void steering_arm_fini(struct steering *steering)
{
	forget(&steering->arm, route53_tell_source(steering->tools.route53));
}

void steering_arm_drop(struct steering *steering, const char *why)
{
	if (steering->arm.step == ARM_IDLE)
		return;
	steering_arm_fini(steering);
	set_row(steering, ARM_ROW_RECORD, UNTOLD, "%s", why);
	finish(steering);
}

void steering_arm(struct steering *steering, enum color to, bool force, uint64_t need_ms, uint64_t whole_ms)
{
	const struct route53_source *source = route53_tell_source(steering->tools.route53);
	steering_arm_fini(steering);
	steering->arm.to = to;
	steering->arm.force = force;
	steering->arm.need_ms = need_ms;
	steering->arm.whole_ms = whole_ms;
	if (steering_change_is_pending(steering)) {
		set_row(steering, ARM_ROW_RECORD, UNTOLD, "a change is under way");
		finish(steering);
		return;
	}
	steering->arm.state = STEERING_PENDING;
	steering->arm.step = ARM_KEYS;
	steering->arm.wait = source->get(source->credentials, need_ms, on_keys, steering);
	steering_tell(steering);
}

enum steering_state steering_read_arm(const struct steering *steering, char *sentence, size_t size)
{
	enum steering_state state;
	const char *failed = find_failed(&steering->arm, &state);
	snprintf(sentence, size, "%s", failed && steering->arm.state != STEERING_PENDING ? failed : "");
	return steering->arm.state;
}

json_t *steering_arm_to_json(const struct steering *steering)
{
	json_t *list = json_array();
	for (size_t i = 0; i < ARM_ROW_COUNT; i++)
		if (steering->arm.rows[i].detail)
			json_array_append_new(list, json_pack("{s:s, s:b, s:s}", "name", ROWS[i], "passed", (int)steering->arm.rows[i].passed, "detail",
							    steering->arm.rows[i].detail));
	return list;
}
