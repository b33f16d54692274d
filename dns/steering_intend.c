/* What a change would be: from the record as it was read last to what the file has for a color, made and checked before anybody sends it. Control thread.
 * Where a change is pending, its outcome is taken for granted: who goes back from it means what it may have made. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "dns/steering_parts.h"

struct present {
	const struct record *sets;
	size_t count;
	struct steering_live_verdict verdict;
};

/* What a change goes from: what was read last, or what a pending change leaves. */
static bool find_present(const struct steering *steering, struct present *present, struct err *err)
{
	const struct steering_intent *pending = &steering->change.intent;
	if (steering_change_is_pending(steering)) {
		present->sets = pending->new;
		present->count = pending->new_count;
		steering_live_judge(steering->conf, pending->new, pending->new_count, &present->verdict);
		return true;
	}
	present->sets = steering->records;
	present->count = steering->record_count;
	present->verdict = steering->verdict;
	return steering->has_records || err_set(err, "what the record says is not known: %.900s", steering->why);
}

static bool check_present(const struct steering *steering, const struct present *present, bool force, struct err *err)
{
	bool named = present->verdict.live != STEERING_NEITHER && present->verdict.live != STEERING_ABSENT;
	if (!steering->zone.id[0] && !steering_change_is_pending(steering))
		return err_set(err, "which hosted zone holds %.255s is not known", steering->conf->name);
	if (steering_live_find_foreign(present->sets, present->count))
		return err_set(err, "%s", present->verdict.sentence);
	return named || force || err_set(err, "%.900s", present->verdict.sentence);
}

static bool equal_sets(const struct steering_intent *intent)
{
	struct batch batch;
	steering_intent_make_batch(intent, &batch);
	bool equal = intent->old_count == intent->new_count && batch_compare(&batch, intent->old, intent->old_count) == BATCH_AFTER;
	batch_fini(&batch);
	return equal;
}

static bool check_batch(const struct steering_intent *intent, struct err *err)
{
	struct batch batch;
	steering_intent_make_batch(intent, &batch);
	bool fine = batch_check(&batch, err);
	batch_fini(&batch);
	return fine;
}

static void note_from(struct steering_intent *intent, const struct steering_live_verdict *verdict)
{
	enum color most = verdict->share[COLOR_GREEN] > verdict->share[COLOR_BLUE] ? COLOR_GREEN : COLOR_BLUE;
	intent->has_from = verdict->live == STEERING_BLUE || verdict->live == STEERING_GREEN || verdict->live == STEERING_SPLIT;
	intent->from = most;
}

/* Everything but `new`, `to`, `share` and the comment. */
static void begin_intent(struct steering *steering, const struct present *present, struct steering_intent *intent)
{
	bool pending = steering_change_is_pending(steering);
	uint32_t earlier_ttl_s = 0;
	*intent = (struct steering_intent){.created_at = clock_wall_ms()};
	if (intent->created_at <= steering->change.made_at)
		intent->created_at = steering->change.made_at + 1;
	snprintf(intent->zone_id, sizeof(intent->zone_id), "%s", pending ? steering->change.intent.zone_id : steering->zone.id);
	intent->old = steering_copy_records(present->sets, present->count);
	intent->old_count = present->count;
	intent->old_ttl_s = steering_live_ttl(intent->old, intent->old_count);
	note_from(intent, &present->verdict);
	steering_follow_tell_earlier(steering, &intent->earlier_until, &earlier_ttl_s);
	if (pending && steering->change.intent.earlier_until > intent->earlier_until)
		intent->earlier_until = steering->change.intent.earlier_until;
	if (pending && steering->change.intent.old_ttl_s > earlier_ttl_s)
		earlier_ttl_s = steering->change.intent.old_ttl_s;
	if (earlier_ttl_s > intent->old_ttl_s)
		intent->old_ttl_s = earlier_ttl_s;
}

static void write_comment(struct steering_intent *intent)
{
	char share[TEXT_UNIT_SIZE];
	text_format_share((double)intent->share / STEERING_LIVE_WHOLE, share);
	int length = snprintf(intent->comment, sizeof(intent->comment), "teal:");
	if (intent->has_from && intent->from != intent->to)
		length += snprintf(intent->comment + length, sizeof(intent->comment) - (size_t)length, " from %s", color_name(intent->from));
	length += snprintf(intent->comment + length, sizeof(intent->comment) - (size_t)length, " to %s", color_name(intent->to));
	if (intent->share < STEERING_LIVE_WHOLE)
		snprintf(intent->comment + length, sizeof(intent->comment) - (size_t)length, ", %s", share);
}

static bool finish_intent(struct steering *steering, struct steering_intent *intent, struct err *err)
{
	if (equal_sets(intent))
		err_set(err, "the record of %.255s says so already", steering->conf->name);
	else if (check_batch(intent, err))
		return true;
	steering_intent_fini(intent);
	return false;
}

bool steering_intend_make(struct steering *steering, enum color to, unsigned share, bool force, struct steering_intent *intent, struct err *err)
{
	struct present present;
	assert(share <= STEERING_LIVE_WHOLE);
	*intent = (struct steering_intent){0};
	if (share > 0 && share < STEERING_LIVE_WHOLE && steering->conf->policy != CONF_ROUTE53_WEIGHTED)
		return err_set(err, "a part of the answers can be given to a color only with `policy: weighted`");
	if (!find_present(steering, &present, err) || !check_present(steering, &present, force, err))
		return false;
	begin_intent(steering, &present, intent);
	intent->to = share > 0 ? to : color_other(to);
	intent->share = share > 0 ? share : STEERING_LIVE_WHOLE;
	intent->new = steering_live_make(steering->conf, intent->to, intent->share, present.sets, present.count, &intent->new_count);
	write_comment(intent);
	return finish_intent(steering, intent, err);
}

static json_t *hand_out(struct steering *steering, struct steering_intent *intent)
{
	json_t *json = steering_intent_to_json(intent);
	steering->change.made_at = intent->created_at;
	steering_intent_fini(intent);
	return json;
}

json_t *steering_intend(struct steering *steering, enum color to, unsigned share, bool force, struct err *err)
{
	struct steering_intent intent;
	return steering_intend_make(steering, to, share, force, &intent, err) ? hand_out(steering, &intent) : NULL;
}

json_t *steering_intend_ttl(struct steering *steering, struct err *err)
{
	struct present present;
	struct steering_intent intent;
	if (!find_present(steering, &present, err) || !check_present(steering, &present, false, err))
		return NULL;
	begin_intent(steering, &present, &intent);
	intent.to = intent.from;
	intent.share = present.verdict.share[intent.to];
	intent.new = steering_copy_records(present.sets, present.count);
	intent.new_count = present.count;
	for (size_t i = 0; i < intent.new_count; i++)
		if (!intent.new[i].alias_zone)
			intent.new[i].ttl = steering->conf->ttl_s;
	snprintf(intent.comment, sizeof(intent.comment), "teal: TTL from %" PRIu32 " s to %" PRIu32 " s", present.verdict.ttl_s, steering->conf->ttl_s);
	return finish_intent(steering, &intent, err) ? hand_out(steering, &intent) : NULL;
}
