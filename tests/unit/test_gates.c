/* Gates: each one passes or refuses by its own input alone; which refusal comes first; what force overrides. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "switch/gates.h"

/* Everything holds. */
static const struct gates_input sound = {
	.service = "shop",
	.live = COLOR_BLUE,
	.to = COLOR_GREEN,
	.backends = 4,
	.up = 4,
	.healthy_share = 1,
	.version = "v2",
};

struct gate_case {
	const char *name;
	struct gates_input input;
	int refusal;      /* enum gate, -1: none */
	bool waits;       /* the refusal does */
	const char *says; /* part of the refusal's sentence */
};

#define WITH(...) \
	{ \
		.service = "shop", .live = COLOR_BLUE, .to = COLOR_GREEN, .backends = 4, .up = 4, .healthy_share = 1, .version = "v2", __VA_ARGS__ \
	}

static const struct gate_case cases[] = {
	{"all hold", WITH(.force = false), -1, false, NULL},
	{"another deployment", WITH(.running = "20260101-000000-abcdef"), GATE_NO_DEPLOYMENT_RUNNING, false, "20260101-000000-abcdef"},
	{"another deployment, on its way back", WITH(.running = "20260101-000000-abcdef", .returns = true), GATE_NO_DEPLOYMENT_RUNNING, false,
		"20260101-000000-abcdef of service shop is being rolled back; wait for its end"},
	{"another deployment, forced", WITH(.running = "20260101-000000-abcdef", .force = true), GATE_NO_DEPLOYMENT_RUNNING, false, NULL},
	{"already live", {.service = "shop", .live = COLOR_GREEN, .to = COLOR_GREEN, .backends = 1, .up = 1, .healthy_share = 1}, GATE_NOT_LIVE, false,
		"green is already"},
	{"nobody knows", WITH(.live_fault = "Route 53 does not answer"), GATE_NOT_LIVE, false,
		"which color of service shop is live is not known: Route 53 does not answer"},
	{"nobody knows, forced", WITH(.live_fault = "Route 53 does not answer", .force = true), GATE_NOT_LIVE, false, NULL},
	{"the record is another", WITH(.live_fault = "it says 192.0.2.9", .live_drifted = true), GATE_NOT_LIVE, false, "192.0.2.9"},
	{"the record is another, forced", WITH(.live_fault = "it says 192.0.2.9", .live_drifted = true, .force = true), -1, false, NULL},
	{"the record is another, forced, but a color is expected",
		WITH(.live_fault = "it says 192.0.2.9", .live_drifted = true, .force = true, .expects = true), GATE_EXPECT_LIVE, false, "192.0.2.9"},
	{"locked", WITH(.locked = true, .lock_actor = "ada", .lock_reason = "database work"), GATE_NOT_LOCKED, false, "by ada: \"database work\""},
	{"locked without a reason", WITH(.locked = true, .lock_actor = "ada"), GATE_NOT_LOCKED, false, "by ada; unlock"},
	{"locked, forced", WITH(.locked = true, .force = true), GATE_NOT_LOCKED, false, NULL},
	{"expected", WITH(.expects = true, .expect_live = COLOR_BLUE), -1, false, NULL},
	{"not expected", WITH(.expects = true, .expect_live = COLOR_GREEN), GATE_EXPECT_LIVE, false, "green was expected"},
	{"not expected, forced", WITH(.expects = true, .expect_live = COLOR_GREEN, .force = true), GATE_EXPECT_LIVE, false, NULL},
	{"no backends", {.service = "shop", .to = COLOR_GREEN, .healthy_share = 1}, GATE_HAS_BACKENDS, false, "no backends"},
	{"no backends, forced", {.service = "shop", .to = COLOR_GREEN, .healthy_share = 1, .force = true}, GATE_HAS_BACKENDS, false, NULL},
	{"quarantined", WITH(.quarantine = "d1"), GATE_NOT_QUARANTINED, false, "v2 of green was rolled back by deployment d1"},
	{"quarantined, deployed anew", WITH(.quarantine = "d1", .anew = true), -1, false, NULL},
	{"quarantined, forced", WITH(.quarantine = "d1", .force = true), -1, false, NULL},
	{"one of four is down", {.service = "shop", .to = COLOR_GREEN, .backends = 4, .up = 3, .healthy_share = 1}, GATE_HEALTHY, true,
		"3 of 4 backends of green are up; 100%"},
	{"one is down, and how", {.service = "shop", .to = COLOR_GREEN, .backends = 1, .healthy_share = 1, .sick = "10.0.0.3:8080", .sick_why = "status 503"},
		GATE_HEALTHY, true, "; 10.0.0.3:8080 is down: status 503"},
	{"three of four are enough", {.service = "shop", .to = COLOR_GREEN, .backends = 4, .up = 3, .healthy_share = 0.75}, -1, false, NULL},
	{"76% of four are four", {.service = "shop", .to = COLOR_GREEN, .backends = 4, .up = 3, .healthy_share = 0.76}, GATE_HEALTHY, true, NULL},
	{"a third of three is one", {.service = "shop", .to = COLOR_GREEN, .backends = 3, .up = 1, .healthy_share = 1.0 / 3.0}, -1, false, NULL},
	{"the gate is off", {.service = "shop", .to = COLOR_GREEN, .backends = 3, .healthy_share = 0}, -1, false, NULL},
	{"not probed yet", {.service = "shop", .to = COLOR_GREEN, .backends = 1, .unknown = 1, .healthy_share = 1}, GATE_HEALTHY, true, "not probed yet"},
	{"unhealthy, forced", {.service = "shop", .to = COLOR_GREEN, .backends = 1, .healthy_share = 1, .force = true}, -1, false, NULL},
	{"the disk is full", WITH(.durable_fault = "no space left"), GATE_DURABLE, false, "no space left"},
	{"the disk is full, forced", WITH(.durable_fault = "no space left", .force = true), -1, false, NULL},
	{"what can't be waited for comes first", {.service = "shop", .to = COLOR_GREEN, .backends = 1, .healthy_share = 1, .durable_fault = "no space left"},
		GATE_DURABLE, false, NULL},
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gate_result results[GATE_COUNT];
		gates_check(&cases[i].input, results);
		const struct gate_result *refusal = gates_find_refusal(results);
		int gate = refusal ? (int)refusal->gate : -1;
		if (gate != cases[i].refusal)
			fail_msg("%s: refused by %d, not by %d", cases[i].name, gate, cases[i].refusal);
		if (refusal && refusal->waits != cases[i].waits)
			fail_msg("%s: waits is %d", cases[i].name, refusal->waits);
		if (refusal && cases[i].says && !strstr(refusal->detail, cases[i].says))
			fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].name, refusal->detail, cases[i].says);
	}
}

static void test_every_gate_says_something(void **state)
{
	(void)state;
	struct gate_result results[GATE_COUNT];
	gates_check(&sound, results);
	for (unsigned i = 0; i < GATE_COUNT; i++) {
		assert_true(results[i].passed);
		assert_int_not_equal(results[i].detail[0], '\0');
	}
}

static void test_codes(void **state)
{
	(void)state;
	struct gates_input input = sound;
	struct gate_result results[GATE_COUNT];
	input.to = COLOR_BLUE;
	gates_check(&input, results);
	assert_string_equal(gates_code(&results[GATE_NOT_LIVE]), "already_live");
	input.live_fault = "nobody has read it";
	gates_check(&input, results);
	assert_string_equal(gates_code(&results[GATE_NOT_LIVE]), "live_unknown");
	assert_null(gates_code(&results[GATE_HEALTHY]));
}

static void test_json(void **state)
{
	(void)state;
	struct gates_input input = sound;
	struct gate_result results[GATE_COUNT];
	input.quarantine = "d1";
	input.force = true;
	gates_check(&input, results);
	json_t *gates = gates_to_json(results);
	const json_t *gate = json_array_get(gates, GATE_NOT_QUARANTINED);
	assert_int_equal(json_array_size(gates), GATE_COUNT);
	assert_string_equal(json_string_value(json_object_get(gate, "name")), "not_quarantined");
	assert_true(json_is_false(json_object_get(gate, "passed")));
	assert_true(json_is_true(json_object_get(gate, "forced")));
	json_decref(gates);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_every_gate_says_something),
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
