/* One change, sent as compare-and-swap, and read back where its outcome is not known. Control thread.
 *
 *	sending --- accepted ------------------------------------------> done
 *	   |  `--- refused -----------------------------------------> refused
 *	   |  `--- not done, and patience is left: pause, sending
 *	   |  `--- not known, or refused for what the record is:
 *	   `--> reading --- as it shall be ----------------------------> done
 *	           |  `---- as it was, and patience is left: sending
 *	           |  `---- as it was -------------------------------> failed, or refused for what Route 53 said
 *	           |  `---- as it shall be, by somebody else's hand --> refused: drifted
 *	           |  `---- neither ---------------------------------> refused: drifted
 *	           `------- can't be read: pause, reading, for ever
 *
 * One that is given up has no patience left. Two are never under way at once. What becomes of an accepted one is steering_follow.c's. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "dns/steering_parts.h"

#define PAUSE_FIRST_MS 500u
#define PAUSE_MAX_MS 10000u
#define READ_MS 10000u
#define SETTLE_MS 3000u /* after an unknown outcome, until a record that is as before counts as one that stays so */
#define DESCRIBED_MAX ((size_t)4096)

static void send_change(struct steering *steering);
static void read_back(struct steering *steering);

bool steering_change_is_pending(const struct steering *steering)
{
	return steering->change.state == STEERING_PENDING;
}

/* ---- the end ---- */

static void stop(struct steering_changing *change)
{
	if (change->call)
		route53_cancel(change->call);
	change->call = NULL;
	if (change->timer)
		evtimer_del(change->timer);
	change->step = CHANGE_IDLE;
}

static void settle(struct steering *steering, enum steering_state state, const char *sentence)
{
	struct steering_changing *change = &steering->change;
	stop(change);
	change->state = state;
	steering_say(&change->sentence, "%s", sentence);
	steering_tell(steering);
	steering_look_catch_up(steering);
}

static void take_acceptance(struct steering *steering, const char *change_id)
{
	struct steering_changing *change = &steering->change;
	change->intent.accepted_at = clock_wall_ms();
	change->intent.change_id = memory_text(change_id);
	steering_take_records(steering, change->intent.new, change->intent.new_count);
	steering_follow_begin(steering, &change->intent);
	settle(steering, STEERING_DONE, "");
}

static void end_drifted(struct steering *steering, const struct record *records, size_t count)
{
	struct steering_changing *change = &steering->change;
	struct text sentence;
	text_init(&sentence, DESCRIBED_MAX);
	text_addf(&sentence, "somebody else changed the record: expected was ");
	steering_describe(change->intent.old, change->intent.old_count, &sentence);
	text_addf(&sentence, ", and there is ");
	steering_describe(records, count, &sentence);
	steering_take_records(steering, records, count);
	change->drifted = true;
	settle(steering, STEERING_REFUSED, sentence.bytes);
	text_fini(&sentence);
}

/* ---- pauses ---- */

static bool is_late(const struct steering *steering)
{
	return clock_mono_ms() >= steering->change.deadline_ms;
}

static uint64_t choose_pause(const struct steering_changing *change)
{
	uint64_t pause_ms = PAUSE_FIRST_MS << (change->pauses < 8 ? change->pauses : 8);
	return pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS;
}

static void pause_in(struct steering *steering, enum change_step step)
{
	struct steering_changing *change = &steering->change;
	change->step = step;
	steering_arm_timer(steering, change->timer, choose_pause(change));
	change->pauses++;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct steering *steering = arg;
	if (steering->change.step == CHANGE_SEND_PAUSE)
		send_change(steering);
	else
		read_back(steering);
}

/* ---- sending ---- */

static void take_failure(struct steering *steering, const char *sentence)
{
	struct steering_changing *change = &steering->change;
	if (change->unsure) {
		read_back(steering);
		return;
	}
	steering_say(&change->sentence, "%s", sentence);
	if (clock_mono_ms() + steering_scale(steering, choose_pause(change)) < change->deadline_ms)
		pause_in(steering, CHANGE_SEND_PAUSE);
	else
		settle(steering, STEERING_FAILED, sentence);
}

/* What is refused for the record, or came behind one that may have been made, is looked into. */
static void take_refusal(struct steering *steering, const struct route53_result *result)
{
	struct steering_changing *change = &steering->change;
	if (!change->unsure && (!result->error || strcmp(result->error->code, "InvalidChangeBatch") != 0)) {
		settle(steering, STEERING_REFUSED, result->sentence);
		return;
	}
	steering_say(&change->refusal, "%s", result->sentence);
	read_back(steering);
}

static void on_sent(void *arg, const struct route53_result *result)
{
	struct steering *steering = arg;
	struct steering_changing *change = &steering->change;
	change->call = NULL;
	steering_note_keys(steering, result);
	switch (result->outcome) {
	case ROUTE53_DONE:
		take_acceptance(steering, result->change->id);
		return;
	case ROUTE53_REFUSED:
		take_refusal(steering, result);
		return;
	case ROUTE53_FAILED:
		take_failure(steering, result->sentence);
		return;
	case ROUTE53_UNKNOWN:
		break;
	}
	change->unsure = true;
	change->unsure_ms = clock_mono_ms();
	steering_say(&change->lost, "%s", result->sentence);
	steering_say(&change->sentence, "%s", result->sentence);
	steering_tell(steering);
	read_back(steering);
}

static void send_change(struct steering *steering)
{
	struct steering_changing *change = &steering->change;
	uint64_t now_ms = clock_mono_ms(), left_ms = change->deadline_ms > now_ms ? change->deadline_ms - now_ms : 1;
	change->step = CHANGE_SENDING;
	change->intent.submitted_at = clock_wall_ms();
	steering_hush(&change->refusal);
	change->call = route53_change(steering->tools.route53, change->intent.zone_id, &change->batch, left_ms, on_sent, steering);
}

/* ---- reading back ---- */

/* Once without a pause: mostly it was one lost answer. */
static void send_again(struct steering *steering)
{
	steering->change.sent_again = true;
	send_change(steering);
}

static void end_too_late(struct steering *steering)
{
	struct steering_changing *change = &steering->change;
	char *sentence = NULL;
	steering_say(&sentence, "the record shows that the change was not made in time%s%s", change->lost ? "; what came of the last try: " : "",
		change->lost ? change->lost : "");
	settle(steering, STEERING_FAILED, sentence);
	free(sentence);
}

/* Route 53 may still be at work on what was sent. */
static bool is_unsettled(const struct steering *steering)
{
	const struct steering_changing *change = &steering->change;
	return change->unsure && clock_mono_ms() < change->unsure_ms + steering_scale(steering, SETTLE_MS);
}

/* It is as it was. */
static void take_before(struct steering *steering)
{
	struct steering_changing *change = &steering->change;
	if (change->refusal && !change->unsure)
		settle(steering, STEERING_REFUSED, change->refusal);
	else if (!is_late(steering) && !change->refusal && !change->sent_again)
		send_again(steering);
	else if (!is_late(steering) && !change->refusal)
		pause_in(steering, CHANGE_SEND_PAUSE);
	else if (is_unsettled(steering))
		pause_in(steering, CHANGE_READ_PAUSE);
	else if (change->refusal)
		settle(steering, STEERING_REFUSED, change->refusal);
	else
		end_too_late(steering);
}

/* It is as it shall be, by somebody else where every try of ours is known not to have been made. Where the change before this one may still undo that, it has to stay so for a moment. */
static void take_after(struct steering *steering, const struct record *records, size_t count)
{
	if (steering->change.refusal && !steering->change.unsure)
		end_drifted(steering, records, count);
	else if (steering->change.superseding && is_unsettled(steering))
		pause_in(steering, CHANGE_READ_PAUSE);
	else
		take_acceptance(steering, NULL);
}

static void take_record(struct steering *steering, const struct record *records, size_t count)
{
	switch (batch_compare(&steering->change.batch, records, count)) {
	case BATCH_AFTER:
		take_after(steering, records, count);
		return;
	case BATCH_BEFORE:
		take_before(steering);
		return;
	case BATCH_DRIFTED:
		end_drifted(steering, records, count);
	}
}

static void on_read(void *arg, const struct route53_result *result)
{
	struct steering *steering = arg;
	struct steering_changing *change = &steering->change;
	change->call = NULL;
	steering_note_keys(steering, result);
	if (result->outcome == ROUTE53_DONE) {
		take_record(steering, result->records, result->record_count);
		return;
	}
	if (change->refusal && !change->unsure) {
		settle(steering, STEERING_REFUSED, change->refusal); /* that it was not made is known */
		return;
	}
	steering_say(&change->sentence, "it is not known whether the change was made, as the record can't be read: %s", result->sentence);
	steering_tell(steering);
	pause_in(steering, CHANGE_READ_PAUSE);
}

static void read_back(struct steering *steering)
{
	struct steering_changing *change = &steering->change;
	const struct record *place = steering_intent_place(&change->intent);
	change->step = CHANGE_READING;
	change->call = route53_list_records(steering->tools.route53, change->intent.zone_id, place->name, place->type, READ_MS, on_read, steering);
}

/* ---- the beginning ---- */

static void forget(struct steering_changing *change)
{
	stop(change);
	steering_intent_fini(&change->intent);
	batch_fini(&change->batch);
	steering_hush(&change->refusal);
	steering_hush(&change->lost);
	steering_hush(&change->sentence);
	change->unsure = change->drifted = change->sent_again = false;
	change->pauses = 0;
	change->unsure_ms = 0;
}

/* Accepted before a restart. What was read since wins over what the change left. */
static void resume_accepted(struct steering *steering)
{
	struct steering_changing *change = &steering->change;
	if (!steering->has_records)
		steering_take_records(steering, change->intent.new, change->intent.new_count);
	steering_follow_begin(steering, &change->intent);
	settle(steering, STEERING_DONE, "");
}

void steering_change(struct steering *steering, const json_t *intent, uint64_t patience_ms)
{
	struct steering_changing *change = &steering->change;
	bool superseding = steering_change_is_pending(steering), looked = steering_look_drop(steering);
	struct err err;
	steering_arm_drop(steering, "a change began meanwhile");
	forget(change);
	steering->look.wanted = looked;
	if (!change->timer)
		change->timer = steering_make_timer(steering, on_timer);
	if (!steering_intent_from_json(intent, &change->intent, &err)) {
		settle(steering, STEERING_REFUSED, err.text);
		return;
	}
	bool fresh = change->intent.created_at == change->made_at && !superseding;
	change->made_at = 0;
	change->state = STEERING_PENDING;
	change->superseding = superseding;
	change->deadline_ms = clock_mono_ms() + patience_ms;
	steering_intent_make_batch(&change->intent, &change->batch);
	steering_tell(steering);
	if (change->intent.accepted_at) {
		resume_accepted(steering);
		return;
	}
	change->unsure = !fresh;
	change->unsure_ms = fresh ? 0 : clock_mono_ms();
	if (fresh)
		send_change(steering);
	else
		read_back(steering);
}

void steering_give_up(struct steering *steering)
{
	struct steering_changing *change = &steering->change;
	if (!steering_change_is_pending(steering))
		return;
	change->deadline_ms = clock_mono_ms();
	if (change->step != CHANGE_SEND_PAUSE)
		return;
	evtimer_del(change->timer);
	if (change->unsure)
		read_back(steering);
	else
		settle(steering, STEERING_FAILED, "it was given up before it was made");
}

enum steering_state steering_read_change(const struct steering *steering, char *sentence, size_t size)
{
	const struct steering_changing *change = &steering->change;
	snprintf(sentence, size, "%s", change->sentence && change->state != STEERING_DONE ? change->sentence : "");
	return change->state;
}

bool steering_has_drifted(const struct steering *steering)
{
	return steering->change.state == STEERING_REFUSED && steering->change.drifted;
}

json_t *steering_intent(const struct steering *steering)
{
	const struct steering_changing *change = &steering->change;
	if (change->state == STEERING_DONE)
		return steering_intent_to_json(&steering->follow.intent);
	return steering_intent_place(&change->intent) ? steering_intent_to_json(&change->intent) : NULL;
}

void steering_change_fini(struct steering *steering)
{
	forget(&steering->change);
	if (steering->change.timer)
		event_free(steering->change.timer);
}
