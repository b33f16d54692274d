/* A change forward, and what all changes have in common. Control thread. */
#include "switch/change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "switch/back.h"
#include "switch/flip.h"
#include "switch/steps.h"
#include "switch/watch.h"
#include "switch/wire.h"

static const struct actor teal_itself = {"teal", -1};

bool change_is_needed(const struct switcher *switcher)
{
	return switcher->actuator.intend != NULL;
}

bool change_is_under_way(const struct switcher *switcher)
{
	return switcher->current && switcher->current->step == STEP_CHANGE && switcher->change.sent;
}

const char *change_cause(enum actuator_change outcome)
{
	if (outcome == ACTUATOR_CHANGE_DRIFTED)
		return "drifted";
	return outcome == ACTUATOR_CHANGE_REFUSED ? "change_refused" : "change_failed";
}

/* ---- of all changes ---- */

static void keep_intent(struct deployment *deployment, json_t *intent)
{
	json_decref(deployment->change.intent);
	deployment->change.intent = intent;
}

bool change_intend(struct switcher *switcher, enum color live, unsigned share, bool force, enum actuator_unable *unable, struct err *err)
{
	*unable = ACTUATOR_NEVER;
	json_t *intent = switcher->actuator.intend(switcher->actuator.arg, live, share, force, unable, err);
	if (!intent)
		return false;
	switcher->change.sent = false;
	keep_intent(switcher->current, intent);
	return true;
}

void change_forget(struct switcher *switcher)
{
	switcher->change.sent = false;
	keep_intent(switcher->current, NULL);
}

static void send_intent(struct switcher *switcher, const struct deployment *deployment)
{
	snprintf(switcher->change.sender, sizeof(switcher->change.sender), "%s", deployment->id);
	switcher->actuator.change(switcher->actuator.arg, deployment->change.intent);
}

void change_send(struct switcher *switcher)
{
	switcher->change.sent = true;
	switcher->change.unknown = false;
	switcher->change.sent_us = switcher->host.read_mono_us(switcher->host.arg);
	switcher->change.limit_ms = course_now_ms(switcher) + COURSE_CHANGE_MS;
	switcher->change.told[0] = '\0';
	send_intent(switcher, switcher->current);
}

/* The record is changed by others, too, who are no deployments: `teal dns prepare`. */
static bool is_same_change(const json_t *a, const json_t *b)
{
	return wire_read_count(a, "created_at") == wire_read_count(b, "created_at");
}

/* True when more is known of it than before. */
static bool take_intent(struct switcher *switcher, struct deployment *deployment)
{
	const json_t *before = deployment->change.intent;
	json_t *now = switcher->actuator.read_intent(switcher->actuator.arg);
	if (now && is_same_change(now, before) && !json_equal(now, before)) {
		keep_intent(deployment, now);
		return true;
	}
	json_decref(now);
	return false;
}

static void tell_hindrance(struct switcher *switcher, const char *sentence)
{
	if (!sentence[0] || strncmp(sentence, switcher->change.told, sizeof(switcher->change.told) - 1) == 0)
		return;
	snprintf(switcher->change.told, sizeof(switcher->change.told), "%s", sentence);
	course_emit(switcher, "hindered", json_pack("{s:o}", "detail", wire_text(sentence)), "%s: %s", switcher->service, sentence);
}

enum actuator_change change_read(struct switcher *switcher, char *sentence, size_t size)
{
	enum actuator_change outcome = switcher->actuator.read_change(switcher->actuator.arg, sentence, size);
	if (outcome == ACTUATOR_CHANGE_MADE)
		take_intent(switcher, switcher->current);
	if (outcome != ACTUATOR_CHANGE_PENDING)
		return outcome;
	tell_hindrance(switcher, sentence);
	if (course_now_ms(switcher) < switcher->change.limit_ms)
		return outcome;
	switcher->change.unknown = true;
	snprintf(sentence, size, "after %u s it is not known whether it was made: teal status says which color is live as soon as that can be read",
		COURSE_CHANGE_MS / 1000);
	return ACTUATOR_CHANGE_FAILED;
}

/* Behind the end of a deployment its change goes on to be followed, until another one is sent. */
void change_note(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current ? switcher->current : switcher->undo;
	bool sent = !switcher->current || switcher->change.sent;
	if (!change_is_needed(switcher) || !deployment || !sent || strcmp(deployment->id, switcher->change.sender) != 0)
		return;
	if (!take_intent(switcher, deployment))
		return;
	switcher->host.write_deployment(switcher->host.arg, deployment);
	switcher->host.write_truth(switcher->host.arg);
}

void change_go_on(struct switcher *switcher, const struct deployment *deployment)
{
	if (deployment != switcher->current)
		send_intent(switcher, deployment);
	else
		change_send(switcher);
}

/* ---- forward ---- */

/* What `next` stands for; the last share is the flip. */
static bool intend_next(struct switcher *switcher, enum actuator_unable *unable, struct err *err)
{
	const struct deployment *deployment = switcher->current;
	const struct deployment_shift *shift = &deployment->shift;
	size_t next = deployment->change.next;
	if (next + 1 < shift->count)
		return change_intend(switcher, deployment->from, shift->shares[next], deployment->force, unable, err);
	return change_intend(switcher, deployment->to, 0, deployment->force, unable, err);
}

bool change_prepare(struct switcher *switcher)
{
	enum actuator_unable unable;
	struct err err = {""};
	switcher->current->change.next = 0;
	if (!intend_next(switcher, &unable, &err))
		course_finish(switcher, OUTCOME_REFUSED, "change_refused", 3, "the change can't be made: %s", err.text);
	return switcher->current != NULL;
}

static void tell_sent(struct switcher *switcher)
{
	const struct deployment *deployment = switcher->current;
	size_t count = deployment->shift.count, next = deployment->change.next;
	unsigned share = count > 0 ? deployment->shift.shares[next] : DEPLOYMENT_SHARE_WHOLE;
	course_emit(switcher, "changing", json_pack("{s:s, s:o}", "color", color_name(deployment->to), "share", deployment_share_to_json(share)),
		"%s: the change is sent that gives %s %g %%", switcher->service, color_name(deployment->to), (double)share / 100);
}

void change_begin(struct switcher *switcher)
{
	course_enter(switcher, STEP_CHANGE);
	change_send(switcher);
	tell_sent(switcher);
	course_save(switcher);
}

/* What it is made of may still be read, as behind a restart. */
static void wait_to_intend(struct switcher *switcher, const char *sentence)
{
	switcher->change.due_ms = course_now_ms(switcher) + COURSE_INTEND_MS;
	tell_hindrance(switcher, sentence);
}

void change_begin_step(struct switcher *switcher, size_t next)
{
	enum actuator_unable unable;
	struct err err = {""};
	uint64_t now = course_now_ms(switcher);
	if (now < switcher->change.due_ms)
		return;
	switcher->current->change.next = next;
	if (!intend_next(switcher, &unable, &err)) {
		if (unable == ACTUATOR_LATER && now < switcher->pause_ms + COURSE_CHANGE_MS)
			wait_to_intend(switcher, err.text);
		else
			back_begin(switcher, "change_refused", &teal_itself, err.text);
		return;
	}
	switcher->current->shift.pause_ends_at = 0;
	switcher->change.limit_ms = course_now_ms(switcher) + COURSE_CHANGE_MS;
	course_enter(switcher, STEP_CHANGE);
	flip_record(switcher);
	course_save(switcher);
}

/* What half of the users have seen is not undone for a disk at once; but nothing is sent that is not on it, unless it is forced. */
static void send_when_recorded(struct switcher *switcher)
{
	char why[384] = "";
	enum keeper_state state = flip_read_record(switcher, why, sizeof(why));
	if (watch_run(switcher) || state == KEEPER_PENDING)
		return;
	if (state == KEEPER_DURABLE || switcher->current->force) {
		flip_note_record(switcher, state, why);
		change_send(switcher);
		tell_sent(switcher);
	} else if (course_now_ms(switcher) >= switcher->change.limit_ms) {
		back_begin(switcher, "durable", &teal_itself, "the next step can't be written to the state directory");
	}
}

static void go_on_made(struct switcher *switcher)
{
	bool back = switcher->current->rollback.at != 0;
	if (switcher->current->shift.count > 0)
		steps_take_next(switcher);
	else
		flip_run(switcher);
	if (back)
		back_start(switcher);
}

/* Somebody stopped it while its outcome was not known, and nothing was changed. */
static void end_stopped(struct switcher *switcher)
{
	struct deployment_rollback asked = switcher->current->rollback;
	switcher->current->rollback = (struct deployment_rollback){.durable = -1};
	back_stop(switcher, asked.cause, &asked.actor, asked.reason, true);
	free(asked.reason);
	free(asked.warning);
}

/* What somebody else made of the record is not changed by anything that teal does by itself, not on the way back either. */
static void end_drifted(struct switcher *switcher, const char *sentence)
{
	const char *from = color_name(switcher->current->from);
	bool undoable = deployment_has_flipped(switcher->current);
	deployment_forget_rollback(switcher->current);
	course_finish(switcher, OUTCOME_FAILED, change_cause(ACTUATOR_CHANGE_DRIFTED), 1,
		"in the middle of the switch %s; to make %s live again: teal %s %s%s%s --force", sentence, from, undoable ? "rollback" : "switch",
		switcher->service, undoable ? "" : " ", undoable ? "" : from);
}

/* Where nobody knows, and it shall be taken back, the change back finds out. */
static void go_on_unmade(struct switcher *switcher, enum actuator_change outcome, const char *sentence)
{
	const struct deployment *deployment = switcher->current;
	bool failed = outcome == ACTUATOR_CHANGE_FAILED, stopped = deployment->rollback.at != 0;
	bool switched = deployment_has_flipped(deployment) || (stopped && switcher->change.unknown);
	switcher->change.sent = false; /* it is not waited for any more */
	if ((deployment_has_flipped(deployment) || stopped) && outcome == ACTUATOR_CHANGE_DRIFTED)
		end_drifted(switcher, sentence);
	else if (switched && stopped)
		back_start(switcher);
	else if (switched)
		back_begin(switcher, change_cause(outcome), &teal_itself, sentence);
	else if (stopped)
		end_stopped(switcher);
	else
		course_finish(switcher, failed ? OUTCOME_FAILED : OUTCOME_REFUSED, change_cause(outcome), failed ? 1 : 3, "the change to %s %s: %.850s",
			color_name(deployment->to), failed ? "failed" : "was refused", sentence);
}

void change_run(struct switcher *switcher)
{
	char sentence[COURSE_SENTENCE] = "";
	const struct deployment *deployment = switcher->current;
	if (!switcher->change.sent)
		send_when_recorded(switcher);
	if (!change_is_under_way(switcher))
		return;
	enum actuator_change outcome = change_read(switcher, sentence, sizeof(sentence));
	if (outcome == ACTUATOR_CHANGE_MADE)
		go_on_made(switcher);
	else if (outcome != ACTUATOR_CHANGE_PENDING)
		go_on_unmade(switcher, outcome, sentence);
	else if (deployment_has_flipped(deployment) && deployment->rollback.at == 0)
		watch_run(switcher);
}
