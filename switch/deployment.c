/* One deployment. Control thread; switch/switcher decides what becomes of it. Its document is made in deployment_json. */
#include "switch/deployment.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/memory.h"
#include "switch/wire.h"

static void make_id(char *id, size_t size, uint64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm utc;
	unsigned char random[3] = {0};
	gmtime_r(&seconds, &utc);
	if (getrandom(random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
		memcpy(random, &wall_ms, sizeof(random));
	size_t used = strftime(id, size, "%Y%m%d-%H%M%S-", &utc);
	snprintf(id + used, size - used, "%02x%02x%02x", random[0], random[1], random[2]);
}

struct deployment *deployment_new(const char *service, uint64_t wall_ms)
{
	struct deployment *deployment = memory_new(sizeof(*deployment));
	make_id(deployment->id, sizeof(deployment->id), wall_ms);
	deployment->service = memory_text(service);
	deployment->started_at = wall_ms;
	deployment->actor.uid = -1;
	deployment->durable = -1;
	deployment->rollback.durable = -1;
	deployment->warnings = json_array();
	deployment->shift.taken = json_array();
	return deployment;
}

static void free_texts(char **texts)
{
	for (char **text = texts; text && *text; text++)
		free(*text);
	free(texts);
}

void deployment_forget_rollback(struct deployment *deployment)
{
	free(deployment->rollback.reason);
	free(deployment->rollback.warning);
	deployment->rollback = (struct deployment_rollback){.durable = -1};
}

void deployment_free(struct deployment *deployment)
{
	if (!deployment)
		return;
	release_fini(&deployment->from_release);
	release_fini(&deployment->to_release);
	release_fini(&deployment->to_before);
	json_decref(deployment->gates);
	json_decref(deployment->evidence);
	json_decref(deployment->warnings);
	json_decref(deployment->shift.taken);
	free(deployment->shift.shares);
	free_texts(deployment->exclusive.run);
	free(deployment->exclusive.program);
	json_decref(deployment->change.intent);
	deployment_forget_rollback(deployment);
	free(deployment->service);
	free(deployment->reason);
	free(deployment->key);
	free(deployment);
}

const char *deployment_kind_name(enum deployment_kind kind)
{
	static const char *const names[] = {"switch", "deploy"};
	return names[kind];
}

const char *deployment_outcome_name(enum outcome outcome)
{
	static const char *const names[OUTCOME_COUNT] = {"running", "promoted", "rolled_back", "refused", "aborted", "failed"};
	return names[outcome];
}

const char *deployment_verification_name(enum verification state)
{
	static const char *const names[] = {"none", "running", "passed", "failed", "inconclusive"};
	return names[state];
}

const char *deployment_phase(const struct deployment *deployment)
{
	static const char *const names[] = {
		[STEP_GATE] = "gating",
		[STEP_PROCEDURE] = "gating",
		[STEP_RECORD] = "gating",
		[STEP_HOLD] = "shifting",
		[STEP_COMMAND] = "shifting",
		[STEP_CHECK] = "shifting",
		[STEP_COMMIT] = "shifting",
		[STEP_CHANGE] = "shifting",
		[STEP_SHIFT] = "shifting",
		[STEP_COMPLETE] = "shifting",
		[STEP_SPREAD] = "shifting",
		[STEP_DRAIN] = "draining",
		[STEP_BAKE] = "baking",
		[STEP_RETURN] = "rolling_back",
		[STEP_BACK] = "rolling_back",
		[STEP_END] = "steady",
	};
	return names[deployment->step];
}

bool deployment_has_flipped(const struct deployment *deployment)
{
	return deployment->flipped_at != 0;
}

bool deployment_is_before_flip(const struct deployment *deployment)
{
	return deployment->step < STEP_SHIFT && !deployment_has_flipped(deployment);
}

bool deployment_is_going_back(const struct deployment *deployment)
{
	bool asked = deployment->step == STEP_CHANGE && deployment->rollback.at != 0;
	return asked || deployment->step == STEP_RETURN || deployment->step == STEP_BACK;
}

json_t *deployment_count(const struct deployment *deployment, uint64_t count)
{
	return deployment->out_of_path ? json_null() : wire_count(count);
}

void deployment_warn(struct deployment *deployment, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	json_t *warning = wire_text(text), *known;
	size_t i;
	bool told = false;
	json_array_foreach(deployment->warnings, i, known) told |= json_equal(known, warning) != 0;
	if (told)
		json_decref(warning);
	else
		json_array_append_new(deployment->warnings, warning);
}

/* ---- how it is to be done ---- */

void deployment_set_shares(struct deployment *deployment, const unsigned *shares, size_t count, uint64_t pause_ms)
{
	struct deployment_shift *shift = &deployment->shift;
	assert(count > 1 && shares[0] > 0 && shares[count - 1] == DEPLOYMENT_SHARE_WHOLE);
	free(shift->shares);
	shift->shares = memory_array(count, sizeof(*shares));
	for (size_t i = 0; i < count; i++) {
		assert(i == 0 || shares[i] > shares[i - 1]);
		shift->shares[i] = shares[i];
	}
	shift->count = count;
	shift->pause_ms = pause_ms;
}

void deployment_set_exclusive(struct deployment *deployment, uint64_t hold_max_ms, char *const *run)
{
	size_t count = 0;
	struct deployment_exclusive *exclusive = &deployment->exclusive;
	exclusive->wanted = true;
	exclusive->hold_max_ms = hold_max_ms;
	while (run && run[count])
		count++;
	if (count == 0)
		return;
	exclusive->program = memory_text(run[0]);
	exclusive->run = memory_array(count + 1, sizeof(char *));
	for (size_t i = 0; i < count; i++)
		exclusive->run[i] = memory_text(run[i]);
}
