/* Reading the record: which zone it is in, where the file doesn't say; what that zone is; and the sets of its name and type. Control thread.
 * Each step is one call of Route 53, in the order of this file. What the sets mean is steering_live.c's. */
#include <assert.h>
#include <string.h>

#include "dns/steering_parts.h"

#define OTHERS_MAX ((size_t)2048)

static void ask_zone(struct steering *steering);
static void ask_record(struct steering *steering);

/* ---- the end ---- */

static void end_look(struct steering *steering, enum steering_state end, const char *sentence)
{
	enum look_step step = steering->look.step;
	steering->look.step = LOOK_IDLE;
	text_fini(&steering->look.others);
	if (end != STEERING_DONE) {
		steering->unread = true;
		steering_say(&steering->why, "%s", sentence);
	}
	steering_tell(steering);
	steering_arm_take_look(steering, end, step, sentence);
}

/* True when the call has done what it was for; else the look is over. */
static bool take_result(struct steering *steering, const struct route53_result *result)
{
	steering->look.call = NULL;
	steering_note_keys(steering, result);
	if (result->outcome == ROUTE53_DONE)
		return true;
	if (result->error && strcmp(result->error->code, "NoSuchHostedZone") == 0 && !steering->conf->zone)
		steering_zone_forget(&steering->zone); /* another may have taken its place */
	end_look(steering, result->outcome == ROUTE53_REFUSED ? STEERING_REFUSED : STEERING_FAILED, result->sentence);
	return false;
}

/* ---- the zone by its name ---- */

/* Behind the first label. Dots within a label are escaped. False at the root. */
static bool shorten(struct steering_looking *look)
{
	const char *dot = strchr(look->suffix, '.');
	look->suffix = dot + 1;
	return look->suffix[0] != '\0';
}

static void note_zones(struct steering_looking *look, const struct r53_zone *zones, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char shown[R53_NAME_SIZE];
		r53_name_show(zones[i].name, shown);
		text_addf(&look->others, "%s%s (%s%s)", look->others.length > 0 ? ", " : "", zones[i].id, shown, zones[i].is_private ? ", private" : "");
	}
}

static size_t count_public(const struct r53_zone *zones, size_t count, const struct r53_zone **found)
{
	size_t publics = 0;
	for (size_t i = 0; i < count; i++) {
		if (zones[i].is_private)
			continue;
		*found = &zones[i];
		publics++;
	}
	return publics;
}

static void end_without_zone(struct steering *steering, bool many)
{
	struct err err;
	const char *others = steering->look.others.bytes;
	if (many)
		err_set(&err, "several hosted zones could hold %.255s: %.600s; name the one that is meant by `zone:`", steering->conf->name, others);
	else if (others[0])
		err_set(&err, "no public hosted zone holds %.255s, but these are there: %.600s; name the one that is meant by `zone:`", steering->conf->name,
			others);
	else
		err_set(&err, "these credentials see no hosted zone that holds %.255s", steering->conf->name);
	end_look(steering, STEERING_REFUSED, err.text);
}

static void on_found(void *arg, const struct route53_result *result);

static void ask_suffix(struct steering *steering)
{
	struct steering_looking *look = &steering->look;
	look->step = LOOK_FINDING;
	look->call = route53_find_zones(steering->tools.route53, look->suffix, STEERING_ASK_MS, on_found, steering);
}

static void on_found(void *arg, const struct route53_result *result)
{
	struct steering *steering = arg;
	const struct r53_zone *found = NULL;
	if (!take_result(steering, result))
		return;
	size_t publics = count_public(result->zones, result->zone_count, &found);
	note_zones(&steering->look, result->zones, result->zone_count);
	if (publics == 1) {
		snprintf(steering->zone.id, sizeof(steering->zone.id), "%s", found->id);
		ask_zone(steering);
	} else if (publics > 1)
		end_without_zone(steering, true);
	else if (shorten(&steering->look))
		ask_suffix(steering);
	else
		end_without_zone(steering, false);
}

/* ---- what the zone is ---- */

static void on_zone(void *arg, const struct route53_result *result)
{
	struct steering *steering = arg;
	struct err err;
	if (!take_result(steering, result))
		return;
	steering_zone_take(&steering->zone, &result->zones[0]);
	if (r53_name_is_within(steering->full, steering->zone.name)) {
		ask_record(steering);
		return;
	}
	err_set(&err, "the hosted zone %s is that of %.255s, which %.255s is not in", steering->zone.id, steering->zone.name, steering->conf->name);
	steering->zone.known = false;
	end_look(steering, STEERING_REFUSED, err.text);
}

static void ask_zone(struct steering *steering)
{
	steering->look.step = LOOK_ZONE;
	steering->look.call = route53_get_zone(steering->tools.route53, steering->zone.id, STEERING_ASK_MS, on_zone, steering);
}

/* ---- the record ---- */

static void on_record(void *arg, const struct route53_result *result)
{
	struct steering *steering = arg;
	if (!take_result(steering, result))
		return;
	steering_take_records(steering, result->records, result->record_count);
	end_look(steering, STEERING_DONE, "");
}

static void ask_record(struct steering *steering)
{
	steering->look.step = LOOK_RECORD;
	steering->look.call = route53_list_records(
		steering->tools.route53, steering->zone.id, steering->full, steering_live_type(steering->conf), STEERING_ASK_MS, on_record, steering);
}

/* ---- from outside ---- */

void steering_look_begin(struct steering *steering)
{
	struct steering_looking *look = &steering->look;
	assert(look->step == LOOK_IDLE);
	look->wanted = false;
	look->suffix = steering->full;
	text_init(&look->others, OTHERS_MAX);
	if (!steering->zone.id[0])
		ask_suffix(steering);
	else if (!steering->zone.known)
		ask_zone(steering);
	else
		ask_record(steering);
}

bool steering_look_drop(struct steering *steering)
{
	struct steering_looking *look = &steering->look;
	bool wanted = look->wanted || look->step != LOOK_IDLE;
	look->wanted = false;
	if (look->step == LOOK_IDLE)
		return wanted;
	route53_cancel(look->call);
	look->call = NULL;
	look->step = LOOK_IDLE;
	text_fini(&look->others);
	return wanted;
}

void steering_look_catch_up(struct steering *steering)
{
	if (steering->look.wanted && steering->look.step == LOOK_IDLE)
		steering_look_begin(steering);
}

void steering_look(struct steering *steering)
{
	if (steering_is_looking(steering))
		return;
	if (steering_change_is_pending(steering))
		steering->look.wanted = true;
	else
		steering_look_begin(steering);
}

bool steering_is_looking(const struct steering *steering)
{
	return steering->look.step != LOOK_IDLE || steering->look.wanted;
}
