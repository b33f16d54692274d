/* Watching the old color after a rollback. Control thread. */
#include "switch/verify.h"

#include <inttypes.h>
#include <stdio.h>

#include "switch/wire.h"

#define ANSWERS_MIN 20u /* fewer say nothing */

bool verify_begin(struct switcher *switcher, struct deployment *deployment)
{
	if (switcher->policy.verify_ms == 0)
		return false;
	verify_stop(switcher, "another deployment was rolled back");
	switcher->verified = deployment;
	switcher->verify_ms = course_now_ms(switcher) + switcher->policy.verify_ms;
	switcher->host.read_counts(switcher->host.arg, deployment->from, &switcher->verify_base);
	switcher->host.forget_probes(switcher->host.arg);
	switcher->host.mark_senses(switcher->host.arg);
	deployment->verification = (struct deployment_verification){.state = VERIFICATION_RUNNING, .began_at = course_wall_ms(switcher)};
	return true;
}

static void end(struct switcher *switcher, enum verification state)
{
	char text[768];
	struct deployment *deployment = switcher->verified;
	struct deployment_verification *verification = &deployment->verification;
	verification->state = state;
	verification->ended_at = course_wall_ms(switcher);
	switcher->verified = NULL;
	switcher->host.write_deployment(switcher->host.arg, deployment);
	snprintf(text, sizeof(text), "%s: %s", switcher->service, verification->text);
	json_t *more = json_pack("{s:s, s:s}", "color", color_name(deployment->from), "state", deployment_verification_name(state));
	switcher->host.emit(switcher->host.arg, deployment, "verified", more, text);
	deployment_free(deployment);
}

static void read_now(struct switcher *switcher, struct deployment_verification *now, struct switcher_probes *probes)
{
	struct switcher_counts counts;
	struct readiness_input readiness = {0};
	struct judge_input senses = {0};
	enum color color = switcher->verified->from;
	switcher->host.read_senses(switcher->host.arg, &senses);
	now->log_matches = senses.log.matches;
	switcher->host.read_counts(switcher->host.arg, color, &counts);
	switcher->host.read_probes(switcher->host.arg, color, probes);
	switcher->host.read_readiness(switcher->host.arg, color, &readiness);
	now->backends = readiness.backends;
	now->up = readiness.up;
	now->answers = counts.ended - switcher->verify_base.ended;
	now->errors = counts.errors - switcher->verify_base.errors;
}

/* Whether the old color is no better than what was left, by the limits of the service. */
static bool fails(const struct switcher *switcher, const struct deployment_verification *now)
{
	double limit = switcher->policy.limits.error_rate;
	bool erring = limit > 0 && now->answers >= ANSWERS_MIN && (double)now->errors > limit * (double)now->answers;
	unsigned matches = switcher->policy.limits.log_matches;
	return now->up == 0 || erring || (matches > 0 && now->log_matches >= matches);
}

/* Where nothing counts them the probes have to do. */
static bool enough_answers(const struct switcher *switcher, const struct deployment_verification *now)
{
	return switcher->verified->out_of_path || now->answers >= ANSWERS_MIN;
}

static void describe(const struct switcher *switcher, struct deployment_verification *now, const char *end)
{
	char log[80] = "", answers[128] = "";
	uint64_t watched_ms = course_since_ms(switcher, now->began_at);
	if (switcher->policy.limits.log_matches > 0)
		snprintf(log, sizeof(log), ", %" PRIu64 " line%s of the log matched", now->log_matches, now->log_matches == 1 ? "" : "s");
	if (!switcher->verified->out_of_path)
		snprintf(answers, sizeof(answers), ", %" PRIu64 " of %" PRIu64 " answers were errors", now->errors, now->answers);
	snprintf(now->text, sizeof(now->text), "%s was watched for %.1f s after the rollback%s: %u of %u backends up%s%s%s",
		color_name(switcher->verified->from), (double)watched_ms / 1000.0, end, now->up, now->backends, answers, log,
		enough_answers(switcher, now) ? "" : "; too little traffic to judge");
}

void verify_run(struct switcher *switcher)
{
	struct switcher_probes probes;
	if (!switcher->verified)
		return;
	struct deployment_verification *now = &switcher->verified->verification;
	bool over = course_now_ms(switcher) >= switcher->verify_ms;
	read_now(switcher, now, &probes);
	bool dead = probes.probed && probes.failed_rounds > 0 && now->up == 0;
	if (!over && !dead)
		return;
	describe(switcher, now, "");
	if (fails(switcher, now))
		end(switcher, VERIFICATION_FAILED);
	else
		end(switcher, now->up == now->backends && probes.probed && enough_answers(switcher, now) ? VERIFICATION_PASSED : VERIFICATION_INCONCLUSIVE);
}

void verify_stop(struct switcher *switcher, const char *why)
{
	char because[128];
	struct switcher_probes probes;
	if (!switcher->verified)
		return;
	struct deployment_verification *now = &switcher->verified->verification;
	read_now(switcher, now, &probes);
	snprintf(because, sizeof(because), ", until %s", why);
	describe(switcher, now, because);
	end(switcher, fails(switcher, now) ? VERIFICATION_FAILED : VERIFICATION_INCONCLUSIVE);
}
