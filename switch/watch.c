/* What is watched from the flip on: the receipt's counts, the judge, the confirmation. Control thread; acts only by back_begin. */
#include "switch/watch.h"

#include <string.h>

#include "switch/back.h"
#include "switch/wire.h"

#define JUDGE_EVERY_MS 200u
#define KEEP_EVERY_MS 2000u /* what the judge has seen outlives the daemon */
#define BLIND_MS 3000u      /* a log or a query that can't be looked at for so long since the flip is told of */

static const struct actor judge_itself = {"teal", -1};

void watch_count(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	if (switcher->receipt_closed)
		return;
	deployment->receipt.failed = deployment->receipt.replayed = deployment->receipt.shielded = 0;
	for (unsigned color = 0; color < COLOR_COUNT; color++) {
		struct switcher_counts counts;
		switcher->host.read_counts(switcher->host.arg, (enum color)color, &counts);
		deployment->receipt.failed += counts.failed - switcher->base[color].failed;
		deployment->receipt.replayed += counts.replayed - switcher->base[color].replayed;
		deployment->receipt.shielded += counts.shielded - switcher->base[color].shielded;
	}
}

static void read_judge(struct switcher *switcher, struct judge_input *input)
{
	const struct deployment *deployment = switcher->current;
	struct switcher_counts counts;
	struct switcher_probes probes, other;
	char reason[256];
	switcher->host.read_counts(switcher->host.arg, deployment->to, &counts);
	switcher->host.read_probes(switcher->host.arg, deployment->to, &probes);
	switcher->host.read_probes(switcher->host.arg, deployment->from, &other);
	*input = (struct judge_input){
		.color = deployment->to,
		.unseen = deployment->out_of_path,
		.baked_ms = course_since_ms(switcher, deployment->flipped_at),
		.answers = counts.ended - switcher->base[deployment->to].ended,
		.errors = counts.errors - switcher->base[deployment->to].errors,
		.concurrent = deployment->step == STEP_CHANGE || deployment->step == STEP_SHIFT || deployment->step == STEP_COMPLETE,
		.failed_rounds = probes.failed_rounds,
		.probed = probes.probed,
		.other_failed_rounds = other.failed_rounds,
		.other_health = other.health,
		.other_gone = switcher_readiness(switcher, reason, sizeof(reason)) == READINESS_GONE,
		.limits = switcher->policy.limits,
	};
	switcher->host.read_window(switcher->host.arg, deployment->to, switcher->flipped_us, &input->window);
	switcher->host.read_window(switcher->host.arg, deployment->from, switcher->flipped_us, &input->other_window);
	switcher->host.read_counts(switcher->host.arg, deployment->from, &counts);
	input->other_answers = counts.ended - switcher->base[deployment->from].ended;
	input->other_errors = counts.errors - switcher->base[deployment->from].errors;
	switcher->host.read_senses(switcher->host.arg, input);
}

static void tell_judgement(struct switcher *switcher, const struct judgement *judgement, bool held_before)
{
	struct deployment *deployment = switcher->current;
	const char *verdict = judge_verdict_name(judgement->verdict);
	if (judgement->hold && !held_before)
		course_emit(switcher, "held", json_pack("{s:s, s:O}", "cause", judgement->cause, "evidence", deployment->evidence),
			"%s: %s is bad (%s), and %s is no better: not rolled back: %s", switcher->service, color_name(deployment->to), judgement->cause,
			color_name(deployment->from), judgement->text);
	else
		course_emit(switcher, "judged", json_pack("{s:s, s:O}", "verdict", verdict, "evidence", deployment->evidence),
			"%s: the verdict on %s is %s: %s", switcher->service, color_name(deployment->to), verdict, judgement->text);
}

/* A criterion on trial says once what it would have done; `before` is the evidence of the last look. */
static void tell_dry_runs(struct switcher *switcher, const json_t *before, const struct judgement *judgement)
{
	const json_t *criteria = json_object_get(before, "criteria");
	for (int i = 0; i < JUDGE_CRITERION_COUNT; i++) {
		const struct judge_result *result = &judgement->results[i];
		const char *name = judge_criterion_name((enum judge_criterion)i), *was = wire_read_text(json_array_get(criteria, (size_t)i), "state");
		if (!result->dry_run || result->hold || result->state != JUDGE_BAD || (was && strcmp(was, judge_state_name(JUDGE_BAD)) == 0))
			continue;
		course_emit(switcher, "dry_run", json_pack("{s:s}", "criterion", name), "%s: %s would go back (%s), were that no dry run: %s",
			switcher->service, color_name(switcher->current->to), name, result->text);
	}
}

/* Whether a log or a query says nothing, as it can't be looked at. A log of which some lines are too many needs no more of them. */
static bool is_blind(const struct judge_input *input, enum judge_criterion criterion)
{
	if (criterion == JUDGE_LOG)
		return input->limits.log_matches > 0 && !input->log.followed;
	return criterion == JUDGE_PROMETHEUS && input->limits.prometheus && input->prometheus.reading != JUDGE_READING_VALUE;
}

/* Once each: whoever relies on a criterion must not learn from the verdict alone that it saw nothing. */
static void tell_blindness(struct switcher *switcher, const struct judge_input *input, const struct judgement *judgement)
{
	for (unsigned i = 0; i < JUDGE_CRITERION_COUNT && input->baked_ms >= BLIND_MS; i++) {
		const struct judge_result *result = &judgement->results[i];
		const char *name = judge_criterion_name((enum judge_criterion)i);
		if (switcher->blind_told & 1u << i || result->state != JUDGE_INCONCLUSIVE || !is_blind(input, (enum judge_criterion)i))
			continue;
		switcher->blind_told |= 1u << i;
		deployment_warn(switcher->current, "%s can't be judged: %s", name, result->text);
		course_emit(switcher, "blind", json_pack("{s:s}", "criterion", name), "%s: %s can't be judged: %s", switcher->service, name, result->text);
	}
}

static void look(struct switcher *switcher, struct judgement *judgement)
{
	struct deployment *deployment = switcher->current;
	struct judge_input input;
	bool first = !deployment->evidence;
	bool held = wire_read_flag(deployment->evidence, "hold");
	enum verdict before = deployment->verdict;
	read_judge(switcher, &input);
	judge_take(&deployment->judge, &input);
	judge_decide(&deployment->judge, &input, judgement);
	tell_dry_runs(switcher, deployment->evidence, judgement);
	tell_blindness(switcher, &input, judgement);
	json_decref(deployment->evidence);
	deployment->evidence = judge_to_json(&deployment->judge, &input, judgement);
	deployment->verdict = judgement->verdict;
	if ((!first && before != judgement->verdict) || (judgement->hold && !held))
		tell_judgement(switcher, judgement, held);
}

void watch_judge(struct switcher *switcher)
{
	struct judgement judgement;
	look(switcher, &judgement);
}

static void keep(struct switcher *switcher, uint64_t now)
{
	if (now < switcher->keep_ms)
		return;
	switcher->keep_ms = now + KEEP_EVERY_MS;
	switcher->host.write_truth(switcher->host.arg);
}

/* Silence is a no. But nobody is helped by going back to a color that is gone: then it waits for that color, or for an answer. */
static bool go_back_unconfirmed(struct switcher *switcher)
{
	char why[256];
	struct deployment *deployment = switcher->current;
	const char *from = color_name(deployment->from);
	if (switcher_readiness(switcher, why, sizeof(why)) != READINESS_GONE) {
		back_begin(switcher, "unconfirmed", &judge_itself, "nobody confirmed the switch in time");
		return true;
	}
	if (!switcher->unconfirmed_told) {
		deployment_warn(deployment, "nobody confirmed the switch in time, and %s is gone: %s", from, why);
		course_emit(switcher, "held", json_pack("{s:s}", "cause", "unconfirmed"),
			"%s: nobody confirmed the switch in time, and %s is gone, so it stays until that is back or somebody confirms: %s", switcher->service,
			from, why);
	}
	switcher->unconfirmed_told = true;
	return false;
}

/* Behind a restart nothing was looked at yet, which is no reason to be in doubt. */
static bool is_last(const struct switcher *switcher, uint64_t now, const struct judgement *judgement)
{
	bool unseen = judgement->verdict == VERDICT_INCONCLUSIVE && now < switcher->seen_ms;
	return now >= switcher->bake_ms && !unseen;
}

bool watch_run(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	struct judgement judgement;
	uint64_t now = course_now_ms(switcher);
	bool unconfirmed = deployment->wants_confirm && !deployment->confirmed_at && now >= switcher->confirm_ms;
	if (unconfirmed && go_back_unconfirmed(switcher))
		return true;
	if (deployment->promote_asked || switcher->judged_last || now < switcher->judge_ms)
		return false;
	switcher->judge_ms = now + JUDGE_EVERY_MS;
	watch_count(switcher);
	look(switcher, &judgement);
	switcher->judged_last = is_last(switcher, now, &judgement);
	keep(switcher, now);
	if (judgement.verdict != VERDICT_BAD || judgement.hold)
		return false;
	back_begin(switcher, judgement.cause, &judge_itself, judgement.text);
	return true;
}
