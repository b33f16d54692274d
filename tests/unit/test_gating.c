/* What comes before a switch, against the world of switching.h: the procedure between the gates and the record. */
// links: switch
#include "tests/unit/switching.h"

static void start_pending(void)
{
	world.procedure = PROCEDURE_PENDING;
	start(COLOR_GREEN);
	assert_string_equal(phase(), "gating");
	assert_non_null(strstr(world.story, "procedure"));
}

static const json_t *find_gate(const char *name)
{
	size_t i;
	const json_t *gate, *gates = json_object_get(world.document, "gates");
	json_array_foreach(gates, i, gate) if (strcmp(json_string_value(json_object_get(gate, "name")), name) == 0) return gate;
	return NULL;
}

static void test_waited_for(void **state)
{
	(void)state;
	start_pending();
	pass(3600000);
	assert_string_equal(phase(), "gating");
	assert_null(strstr(world.story, "gates_passed"));
	world.procedure = PROCEDURE_PASSED;
	pass(10);
	assert_int_equal(world.live, COLOR_GREEN);
	assert_true(json_is_true(json_object_get(find_gate("hook"), "passed")));
	assert_int_equal(count_told("procedure"), 1);
}

static void test_not_before_the_gates(void **state)
{
	(void)state;
	world.up[COLOR_GREEN] = 0;
	start(COLOR_GREEN);
	assert_null(strstr(world.story, "procedure"));
	world.up[COLOR_GREEN] = 1;
	pass(10);
	assert_int_equal(count_told("procedure"), 1);
	assert_int_equal(world.live, COLOR_GREEN);
}

static void test_refused(void **state)
{
	(void)state;
	start_pending();
	world.procedure = PROCEDURE_REFUSED;
	world.refusal = (struct procedure_refusal){.gate = "hook", .exit_code = 3, .detail = "/bin/backup exited with status 1"};
	pass(10);
	assert_ended("refused", "hook", 3);
	assert_int_equal(world.live, COLOR_BLUE);
	assert_string_equal(json_string_value(json_object_get(world.document, "detail")), "/bin/backup exited with status 1");
	assert_true(json_is_false(json_object_get(find_gate("hook"), "passed")));
	assert_string_equal(world.told, "started refused");
	assert_null(strstr(world.story, "cancel_procedure")); /* it has ended by itself */
}

static void test_an_approval_that_does_not_come(void **state)
{
	(void)state;
	start_pending();
	world.procedure = PROCEDURE_REFUSED;
	world.refusal = (struct procedure_refusal){.gate = "approval", .exit_code = 6, .detail = "nobody approved in time"};
	pass(10);
	assert_ended("refused", "approval", 6);
}

static void test_a_lock_that_comes_meanwhile(void **state)
{
	(void)state;
	start_pending();
	world.locked = true;
	pass(10);
	assert_string_equal(phase(), "gating");
	world.procedure = PROCEDURE_PASSED;
	pass(10);
	assert_ended("refused", "not_locked", 3);
	assert_non_null(find_gate("hook"));
}

static void test_health_that_is_lost_meanwhile(void **state)
{
	(void)state;
	start_pending();
	pass(3600000);
	world.up[COLOR_GREEN] = 0;
	world.procedure = PROCEDURE_PASSED;
	pass(10);
	pass(59000); /* as long as at the beginning */
	assert_string_equal(phase(), "gating");
	world.up[COLOR_GREEN] = 1;
	pass(10);
	assert_int_equal(world.live, COLOR_GREEN);
	assert_int_equal(count_told("procedure"), 1);
}

/* They come by a reload when the procedure has passed and health is waited for. */
static void test_gates_that_come_meanwhile(void **state)
{
	(void)state;
	start_pending();
	world.up[COLOR_GREEN] = 0;
	world.procedure = PROCEDURE_PASSED;
	pass(10);
	world.gates_came = true;
	world.procedure = PROCEDURE_PENDING;
	world.up[COLOR_GREEN] = 1;
	pass(10);
	pass(10);
	assert_string_equal(phase(), "gating");
	assert_null(strstr(world.story, "gates_passed"));
	assert_int_equal(count_told("resume"), 1);
	world.procedure = PROCEDURE_PASSED;
	pass(10);
	assert_int_equal(world.live, COLOR_GREEN);
	assert_int_equal(count_told("procedure"), 1); /* it went on where it was */
}

/* Whoever asked for the switch waits no longer because gates came. */
static void test_the_wait_does_not_begin_anew(void **state)
{
	(void)state;
	start_pending();
	world.up[COLOR_GREEN] = 0;
	world.procedure = PROCEDURE_PASSED;
	pass(10);
	pass(40000);
	world.gates_came = true;
	world.procedure = PROCEDURE_PENDING;
	world.up[COLOR_GREEN] = 1;
	pass(10);
	assert_int_equal(count_told("resume"), 1);
	world.up[COLOR_GREEN] = 0;
	world.procedure = PROCEDURE_PASSED;
	pass(10);
	pass(19900);
	assert_string_equal(phase(), "gating");
	pass(100);
	assert_ended("refused", "healthy", 3);
}

static void test_rows_are_read_when_they_change(void **state)
{
	(void)state;
	start_pending();
	unsigned before = world.procedure_reads;
	for (unsigned i = 0; i < 20; i++)
		pass(50);
	assert_int_equal(world.procedure_reads, before);
	world.procedure_change = 1;
	pass(50);
	assert_int_equal(world.procedure_reads, before + 1);
}

static void test_aborted(void **state)
{
	(void)state;
	char id[32];
	struct switcher_refusal refusal;
	start_pending();
	assert_true(switcher_abort(world.switcher, &ada, NULL, id, &refusal));
	assert_ended("aborted", "abort", 1);
	assert_non_null(strstr(world.story, "cancel_procedure aborted"));
	assert_string_equal(world.told, "started aborted");
}

static void test_the_daemon_stops(void **state)
{
	(void)state;
	start_pending();
	switcher_stop(world.switcher);
	assert_ended("aborted", "abort", 1);
	assert_non_null(strstr(world.story, "cancel_procedure"));
}

static void test_ended_in_the_middle(void **state)
{
	(void)state;
	start_pending();
	restart();
	assert_ended("failed", "interrupted", 1);
	assert_int_equal(world.live, COLOR_BLUE);
}

static void test_what_nobody_asked_for(void **state)
{
	(void)state;
	char id[32];
	struct switcher_refusal refusal;
	struct switcher_request request = request_of(COLOR_GREEN);
	request.automatic = true;
	world.procedure = PROCEDURE_PENDING;
	assert_true(switcher_start(world.switcher, &request, id, &refusal));
	assert_int_equal(world.live, COLOR_GREEN);
	assert_null(strstr(world.story, "procedure"));
	assert_string_equal(world.told, "started switched");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_waited_for),
		TEST(test_not_before_the_gates),
		TEST(test_refused),
		TEST(test_an_approval_that_does_not_come),
		TEST(test_a_lock_that_comes_meanwhile),
		TEST(test_health_that_is_lost_meanwhile),
		TEST(test_gates_that_come_meanwhile),
		TEST(test_the_wait_does_not_begin_anew),
		TEST(test_rows_are_read_when_they_change),
		TEST(test_aborted),
		TEST(test_the_daemon_stops),
		TEST(test_ended_in_the_middle),
		TEST(test_what_nobody_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
