/* The armed check in a procedure: the last gate of a service that is switched by changes. */
// links: switch
#include "tests/unit/procedure_world.h"

static const char *read_result(struct world *world, bool *passed)
{
	static char name[32];
	json_t *rows = procedure_to_json(world->procedure);
	const json_t *row = json_array_get(rows, json_array_size(rows) - 1), *result = json_array_get(json_object_get(row, "results"), 0);
	*passed = json_is_true(json_object_get(result, "passed"));
	snprintf(name, sizeof(name), "%s", result ? json_string_value(json_object_get(result, "name")) : "none");
	json_decref(rows);
	return name;
}

static void test_armed(void **state)
{
	bool passed;
	struct world *world = *state;
	make_armed(world);
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	expect_rows(world, (const char *[]){"armed waits: checks that the change to green can be made", NULL});
	assert_string_equal(read_result(world, &passed), "none");
	world->armed = PROCEDURE_ARMED_YES;
	assert_int_equal(run(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"armed passed: the change to green could be made now", NULL});
	assert_string_equal(read_result(world, &passed), "credentials");
	assert_true(passed);
	assert_string_equal(world->events, "gate_started armed\ngate_passed armed\n");
	assert_int_equal(world->armed_begun, 1);
}

static void test_not_armed(void **state)
{
	bool passed;
	struct world *world = *state;
	make_armed(world);
	world->armed = PROCEDURE_ARMED_NO;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_REFUSED);
	expect_refusal(world, "armed", 3, "the keys expire in 2 min");
	assert_string_equal(read_result(world, &passed), "credentials");
	assert_false(passed);
}

static void test_not_armed_and_forced(void **state)
{
	struct world *world = *state;
	make_armed(world);
	world->armed = PROCEDURE_ARMED_NO;
	world->deployment->force = true;
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"armed forced: the keys expire in 2 min", NULL});
}

static void test_nobody_says(void **state)
{
	struct world *world = *state;
	make_armed(world);
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	world->now.mono_ms += 119999;
	assert_int_equal(run(world), PROCEDURE_PENDING);
	world->now.mono_ms++;
	assert_int_equal(run(world), PROCEDURE_REFUSED);
	expect_refusal(world, "armed", 3, "it was not known within 120 s");
}

/* What it shows must be fresh. */
static void test_last_of_all(void **state)
{
	static struct conf_freeze now_and_then[] = {{.from = MINUTE_OF(3, 9), .to = MINUTE_OF(3, 17), .zone = (char *)"UTC"}};
	struct world *world = *state;
	struct conf_smoke request = one_request();
	add_backend(world, "127.0.0.1:1", OK_ANSWER);
	set_smokes(world, &request, 1);
	world->conf.gates.freezes = now_and_then;
	world->conf.gates.freeze_count = 1;
	world->armed = PROCEDURE_ARMED_YES;
	make_armed(world);
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	assert_int_equal(world->armed_begun, 0);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	expect_rows(world, (const char *[]){"freeze passed", "smoke passed", "armed passed", NULL});
}

/* What a reload brought comes behind it; by then what it showed is old. */
static void test_again_behind_a_reload(void **state)
{
	struct world *world = *state;
	struct conf_service other;
	struct conf_smoke request = one_request();
	add_backend(world, "127.0.0.1:1", OK_ANSWER);
	world->armed = PROCEDURE_ARMED_YES;
	make_armed(world);
	begin(world);
	assert_int_equal(run_to_end(world), PROCEDURE_PASSED);
	assert_false(procedure_resume(world->procedure, world->deployment, &world->now));
	other = world->conf;
	other.gates.smokes = &request;
	other.gates.smoke_count = 1;
	procedure_set_conf(world->procedure, &other);
	assert_true(procedure_resume(world->procedure, world->deployment, &world->now));
	world->armed = PROCEDURE_ARMED_NO;
	assert_int_equal(run_to_end(world), PROCEDURE_REFUSED);
	expect_refusal(world, "armed", 3, "the keys expire in 2 min");
	assert_int_equal(world->armed_begun, 2);
}

static void test_cancelled(void **state)
{
	struct world *world = *state;
	make_armed(world);
	begin(world);
	assert_int_equal(run(world), PROCEDURE_PENDING);
	procedure_cancel(world->procedure);
	expect_rows(world, (const char *[]){"armed failed: stopped before it had ended", NULL});
}

static void test_planned(void **state)
{
	struct world *world = *state;
	struct procedure_refusal refusal;
	struct release release = {.version = (char *)"v2"};
	json_t *gates = json_array();
	make_armed(world);
	set_conf(world);
	assert_true(procedure_foresee(world->procedure, COLOR_GREEN, &release, false, NOON_MS, gates, &refusal));
	assert_int_equal(json_array_size(gates), 1);
	assert_true(json_is_true(json_object_get(json_array_get(gates, 0), "planned")));
	assert_int_equal(world->armed_begun, 0);
	json_decref(gates);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROUND(test_armed),
		ROUND(test_not_armed),
		ROUND(test_not_armed_and_forced),
		ROUND(test_nobody_says),
		ROUND(test_last_of_all),
		ROUND(test_again_behind_a_reload),
		ROUND(test_cancelled),
		ROUND(test_planned),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
