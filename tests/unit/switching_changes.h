/* An actuator out of the path, for a switcher in the world of switching_host.h: its changes come out as the test says. It sees to it that nothing is sent that was not written down. */
#ifndef TEAL_TESTS_UNIT_SWITCHING_CHANGES_H
#define TEAL_TESTS_UNIT_SWITCHING_CHANGES_H

#include "tests/unit/switching_host.h"

#define CHANGES_PATIENCE_MS 1000000u

static inline json_t *intend(void *arg, enum color live, unsigned share, bool force, enum actuator_unable *unable, struct err *err)
{
	(void)arg;
	char split[32];
	snprintf(split, sizeof(split), share ? "%s-%u" : "%s", color_name(live), share);
	note(force ? "intend_force" : "intend", split);
	*unable = world.change.already ? ACTUATOR_ALREADY : world.change.later ? ACTUATOR_LATER : ACTUATOR_NEVER;
	if (!world.change.unable)
		return json_pack("{s:s, s:n, s:n}", "split", split, "change_id", "insync_at");
	err_set(err, "the record names neither color");
	return NULL;
}

/* On disk, or the switcher was right not to wait for that. */
static inline bool was_written(const json_t *intent)
{
	const struct deployment *current = switcher_current(world.switcher);
	bool back = current->step == STEP_RETURN && world.us - world.change.written_us >= 50000;
	bool found = json_equal(world.change.found, intent);
	return json_equal(json_object_get(world.change.written, "change"), intent) && (found || world.truth == KEEPER_DURABLE || current->force || back);
}

static inline void change(void *arg, const json_t *intent)
{
	(void)arg;
	const char *split = json_string_value(json_object_get(intent, "split"));
	bool made = json_is_string(json_object_get(intent, "change_id"));
	note(made ? "follow" : "change", split);
	if (!made && !was_written(intent))
		fail_msg("sent before it was written: %s", split);
	json_decref(world.change.found);
	world.change.found = NULL;
	json_decref(world.change.sent);
	world.change.sent = json_deep_copy(intent);
}

static inline void give_up(void *arg)
{
	(void)arg;
	note("give_up", NULL);
}

static inline enum actuator_change read_change(void *arg, char *sentence, size_t size)
{
	(void)arg;
	enum actuator_change outcome = world.change.outcome;
	snprintf(sentence, size, "Route 53 said something");
	if (outcome != ACTUATOR_CHANGE_PENDING && world.change.once)
		world.change.outcome = ACTUATOR_CHANGE_MADE;
	if (outcome == ACTUATOR_CHANGE_MADE) {
		json_object_set_new(world.change.sent, "change_id", json_string("C1"));
		snprintf(world.change.record, sizeof(world.change.record), "%s", json_string_value(json_object_get(world.change.sent, "split")));
	}
	return outcome;
}

static inline json_t *read_intent(void *arg)
{
	(void)arg;
	if (world.change.insync && world.change.sent)
		json_object_set_new(world.change.sent, "insync_at", json_integer(1));
	return json_deep_copy(world.change.sent);
}

static inline bool is_left(void *arg, char *sentence, size_t size)
{
	(void)arg;
	snprintf(sentence, size, "caches may have the old answer");
	return world.change.left;
}

static inline uint64_t read_patience(void *arg)
{
	(void)arg;
	return CHANGES_PATIENCE_MS;
}

static inline const char *read_drift(void *arg, enum color live)
{
	(void)arg;
	(void)live;
	return world.change.drift;
}

static inline const char *read_hindrance(void *arg)
{
	(void)arg;
	return world.change.hindrance;
}

static inline const char *foresee_change(void *arg)
{
	(void)arg;
	return world.change.fault;
}

static inline const char *foresee_split(void *arg)
{
	(void)arg;
	return world.change.unable ? "its policy is simple" : NULL;
}

static inline const char *foresee_no_hold(void *arg)
{
	(void)arg;
	return "there are no requests to hold";
}

static const struct actuator actuator_of_changes = {
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
	.foresee_hold = foresee_no_hold,
	.apply = apply,
	.in_force = in_force,
	.is_quiet = is_quiet,
};

#endif
