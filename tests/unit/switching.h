/* A switcher in its world, and what tests do with both. */
#ifndef TEAL_TESTS_UNIT_SWITCHING_H
#define TEAL_TESTS_UNIT_SWITCHING_H

#include "tests/unit/switching_changes.h"

static const struct actor ada = {"ada", 1000};

static inline void set_color(enum color color, const char *version, const char *backend)
{
	world.release[color].version = memory_text(version);
	world.release[color].count = 1;
	world.release[color].backends = memory_array(1, sizeof(char *));
	world.release[color].backends[0] = memory_text(backend);
	world.backends[color] = world.up[color] = 1;
}

static inline void make_switcher(void)
{
	static const struct switcher_host host = {
		.read_mono_us = read_mono_us,
		.read_wall_ms = read_wall_ms,
		.read_gates = read_gates,
		.read_probes = read_probes,
		.forget_probes = forget_probes,
		.read_counts = read_counts,
		.count_given_up = count_given_up,
		.read_before = read_before,
		.read_window = read_window,
		.mark_senses = mark_senses,
		.read_senses = read_senses,
		.read_release = read_release,
		.read_readiness = read_readiness,
		.set_release = set_release,
		.set_live = set_live,
		.quarantine = quarantine,
		.lift_quarantine = lift_quarantine,
		.write_truth = write_truth,
		.read_truth = read_truth,
		.write_deployment = write_deployment,
		.emit = emit,
		.begin_procedure = begin_procedure,
		.resume_procedure = resume_procedure,
		.run_procedure = run_procedure,
		.read_procedure = read_procedure,
		.cancel_procedure = cancel_procedure,
		.tell = tell,
		.foresee_command = foresee_command,
		.begin_command = begin_command,
		.run_command = run_command,
		.tell_command = tell_command,
		.end_command = end_command,
		.choose_backends = choose_backends,
		.run_check = run_check,
		.stop_check = stop_check,
		.had_orphans = had_orphans,
	};
	static const struct actuator actuator = {
		.warm = warm,
		.is_warm = is_warm,
		.apply = apply,
		.in_force = in_force,
		.close_tunnels = close_tunnels,
		.cut = cut,
		.hold = hold,
		.release = release,
		.foresee_hold = foresee_hold,
		.settle = settle,
		.read_inflight = read_inflight,
		.read_busy = read_busy,
		.read_cut = read_cut,
		.is_quiet = is_quiet,
	};
	static const struct switcher_policy policy = {
		.drain_requests_ms = 5000, .drain_tunnels_ms = 8000, .look_ms = 3000, .limits = {.error_rate = 0.01, .unhealthy_probes = 3}};
	world.switcher = switcher_new("shop", &host, world.change.wanted ? &actuator_of_changes : &actuator);
	switcher_set_policy(world.switcher, &policy);
}

static inline int begin(void **state)
{
	(void)state;
	world = (struct world){.us = 1000000, .live = COLOR_BLUE, .in_force = true, .quiet = true, .truth = KEEPER_DURABLE, .procedure = PROCEDURE_PASSED};
	set_color(COLOR_BLUE, "v1", "127.0.0.1:1");
	set_color(COLOR_GREEN, "v2", "127.0.0.1:2");
	make_switcher();
	return 0;
}

static inline int end(void **state)
{
	(void)state;
	switcher_free(world.switcher);
	release_fini(&world.release[COLOR_BLUE]);
	release_fini(&world.release[COLOR_GREEN]);
	json_decref(world.document);
	json_decref(world.change.written);
	json_decref(world.change.found);
	json_decref(world.change.sent);
	return 0;
}

static inline void pass(uint64_t ms)
{
	world.us += ms * 1000;
	switcher_run(world.switcher);
}

static inline struct switcher_request request_of(enum color to)
{
	return (struct switcher_request){.kind = DEPLOYMENT_SWITCH, .to = to, .actor = ada, .wait_ms = 60000, .bake_ms = 300000};
}

static inline void start(enum color to)
{
	char id[32];
	struct switcher_refusal refusal = {0};
	struct switcher_request request = request_of(to);
	if (!switcher_start(world.switcher, &request, id, &refusal))
		fail_msg("refused: %s", refusal.detail);
}

static inline void assert_refused(const struct switcher_request *request, const char *code)
{
	char id[32];
	struct switcher_refusal refusal;
	assert_false(switcher_start(world.switcher, request, id, &refusal));
	assert_string_equal(refusal.code, code);
}

static inline const char *phase(void)
{
	const struct deployment *current = switcher_current(world.switcher);
	return current ? deployment_phase(current) : "steady";
}

static inline void assert_ended(const char *outcome, const char *cause, int exit_code)
{
	assert_string_equal(phase(), "steady");
	assert_string_equal(world.outcome, outcome);
	assert_string_equal(world.cause, cause);
	assert_int_equal(world.exit_code, exit_code);
}

static inline void answer(enum color color, unsigned answers, unsigned errors)
{
	world.counts[color].ended += answers;
	world.counts[color].errors += errors;
}

static inline unsigned count_told(const char *event)
{
	unsigned told = 0;
	for (const char *at = strstr(world.story, event); at; at = strstr(at + 1, event))
		told++;
	return told;
}

/* The daemon ends and begins anew with a truth, which is consumed. */
static inline void restart_with(json_t *document, enum color live)
{
	struct deployment *deployment = deployment_read_truth(document);
	json_decref(document);
	switcher_free(world.switcher);
	make_switcher();
	world.live = live;
	world.us += 2000000;
	world.counts[COLOR_GREEN] = world.counts[COLOR_BLUE] = (struct switcher_counts){0};
	world.held = false;
	world.ticket = 0;
	json_decref(world.change.sent);
	world.change.sent = NULL;
	assert_non_null(deployment);
	switcher_resume(world.switcher, deployment);
}

/* With what the truth said last. */
static inline void restart(void)
{
	restart_with(deployment_to_truth(switcher_current(world.switcher)), switcher_truth_live(world.switcher, world.live));
}

#endif
