/* One service's deployments over time: its rounds, and the daemon's end and beginning. Control thread. */
#include <stdio.h>

#include "switch/back.h"
#include "switch/change.h"
#include "switch/course.h"
#include "switch/verify.h"
#include "switch/wire.h"

static void note_safe_to_stop(struct switcher *switcher)
{
	struct deployment *deployment = switcher->undo;
	if (!deployment || deployment->safe_to_stop_at || deployment->outcome != OUTCOME_PROMOTED)
		return;
	if (!switcher->actuator.is_quiet(switcher->actuator.arg, deployment->from))
		return;
	deployment->safe_to_stop_at = course_wall_ms(switcher);
	switcher->host.write_deployment(switcher->host.arg, deployment);
	char text[256];
	snprintf(text, sizeof(text), "%s: nothing uses %s any more; its backends can be stopped", switcher->service, color_name(deployment->from));
	switcher->host.emit(switcher->host.arg, deployment, "safe_to_stop", json_pack("{s:s}", "color", color_name(deployment->from)), text);
}

/* Whether the way back is open, whenever that changes. */
static void tell_readiness(struct switcher *switcher)
{
	char reason[256], text[512];
	const struct deployment *deployment = switcher->current ? switcher->current : switcher->undo;
	if (!deployment || deployment_is_going_back(deployment)) {
		switcher->readiness_told = false;
		return;
	}
	if (deployment_is_before_flip(deployment)) /* what will be is told when the gates are passed */
		return;
	enum readiness readiness = switcher_readiness(switcher, reason, sizeof(reason));
	bool news = switcher->readiness_told ? readiness != switcher->readiness : readiness != READINESS_READY;
	switcher->readiness_told = true;
	switcher->readiness = readiness;
	if (!news)
		return;
	snprintf(text, sizeof(text), "%s: the way back to %s is %s: %s", switcher->service, color_name(deployment->from), readiness_name(readiness), reason);
	switcher->host.emit(switcher->host.arg, deployment, "readiness", json_pack("{s:s}", "readiness", readiness_name(readiness)), text);
}

void switcher_run(struct switcher *switcher)
{
	change_note(switcher);
	course_run(switcher);
	tell_readiness(switcher);
	verify_run(switcher);
	if (!switcher->current)
		note_safe_to_stop(switcher);
}

void switcher_stop(struct switcher *switcher)
{
	static const struct actor daemon_itself = {"teal", -1};
	verify_stop(switcher, "the daemon was stopped");
	if (switcher->current && switcher->current->step < STEP_CHANGE)
		back_stop(switcher, "abort", &daemon_itself, "the daemon is stopping", true);
}

void switcher_note_other(struct switcher *switcher)
{
	verify_stop(switcher, "somebody else made another color live");
	deployment_free(switcher->undo);
	switcher->undo = NULL;
}

/* It is followed until its old color may go. */
static void resume_undo(struct switcher *switcher, struct deployment *deployment)
{
	deployment_free(switcher->undo);
	switcher->undo = deployment;
	if (deployment->out_of_path && deployment->change.intent && deployment->outcome == OUTCOME_PROMOTED)
		change_go_on(switcher, deployment);
}

/* The file has changed how the service is switched: what one way began the other can't go on with, nor take back. */
static bool is_of_another_way(struct switcher *switcher, struct deployment *deployment)
{
	if (deployment->out_of_path == change_is_needed(switcher))
		return false;
	if (deployment->outcome == OUTCOME_RUNNING) {
		switcher->current = deployment;
		course_enter(switcher, STEP_GATE);
		course_finish(switcher, OUTCOME_FAILED, "interrupted", 1,
			"the daemon was started anew with another way to switch the service (via) in the middle of it; look which color is live");
		deployment_free(switcher->undo);
		switcher->undo = NULL;
	} else {
		deployment_free(deployment);
	}
	return true;
}

void switcher_resume(struct switcher *switcher, struct deployment *deployment)
{
	switcher->host.write_deployment(switcher->host.arg, deployment); /* the last daemon may have ended before it could */
	if (is_of_another_way(switcher, deployment))
		return;
	if (deployment->outcome != OUTCOME_RUNNING) {
		resume_undo(switcher, deployment);
		return;
	}
	switcher->current = deployment;
	if (!course_go_on(switcher))
		return;
	course_emit(switcher, "resumed", json_pack("{s:s, s:o}", "phase", deployment_phase(deployment), "bake_ends_at", wire_time(deployment->bake_ends_at)),
		"%s: deployment %s goes on after a restart of the daemon", switcher->service, deployment->id);
	course_run(switcher);
}
