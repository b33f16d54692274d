/* Deployments and releases: what goes to the truth comes back whole. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "switch/deployment.h"
#include "switch/wire.h"

static char *two[] = {"10.0.0.1:80", "10.0.0.2:80"};
static char *other[] = {"10.0.0.1:80", "10.0.0.3:80"};

static void test_releases(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct release a, b;
		bool equal, same;
	} cases[] = {
		{"alike", {"v1", two, 2}, {"v1", two, 2}, true, true},
		{"other backends, one version", {"v1", two, 2}, {"v1", other, 2}, false, true},
		{"fewer backends, one version", {"v1", two, 2}, {"v1", two, 1}, false, true},
		{"another version", {"v1", two, 2}, {"v2", two, 2}, false, false},
		{"no version, alike", {"", two, 2}, {"", two, 2}, true, true},
		{"no version, other backends", {"", two, 2}, {"", other, 2}, false, false},
		{"a version and none", {"v1", two, 2}, {"", two, 2}, false, false},
		{"nothing at all", {"", NULL, 0}, {"", NULL, 0}, true, true},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (release_equal(&cases[i].a, &cases[i].b) != cases[i].equal || release_same(&cases[i].a, &cases[i].b) != cases[i].same)
			fail_msg("%s", cases[i].name);
	}
}

static struct deployment *make(void)
{
	struct deployment *deployment = deployment_new("shop", 1700000000123u);
	const struct release from = {"v1", two, 2}, to = {"v2", other, 2};
	release_copy(&deployment->from_release, &from);
	release_copy(&deployment->to_release, &to);
	release_copy(&deployment->to_before, &from);
	deployment->kind = DEPLOYMENT_DEPLOY;
	deployment->from = COLOR_BLUE;
	deployment->to = COLOR_GREEN;
	deployment->changes_to = deployment->to_before_deployed = true;
	deployment->reason = memory_text("release \"12\" \xff");
	deployment->key = memory_text("k1");
	deployment->fingerprint = 0x7fffffffffffffffu;
	deployment->actor = (struct actor){"ada", 1000};
	deployment->wants_confirm = true;
	deployment->confirm_within_ms = 1500;
	deployment->bake_ms = 300000;
	deployment->step = STEP_BAKE;
	deployment->flipped_at = deployment->switched_at = 1700000001000u;
	deployment->bake_ends_at = 1700000301000u;
	deployment->in_force = true;
	deployment->flip_us = 212;
	deployment->durable = 1;
	deployment->receipt = (struct deployment_receipt){12, 11, 1, 2, 0, 3};
	deployment_warn(deployment, "mind the %s", "gap");
	deployment_warn(deployment, "mind the gap"); /* is known already */
	return deployment;
}

static void test_through_the_truth(void **state)
{
	(void)state;
	struct deployment *before = make();
	json_t *document = deployment_to_truth(before);
	char *bytes = json_dumps(document, JSON_SORT_KEYS);
	json_t *read = json_loads(bytes, 0, NULL);
	struct deployment *after = deployment_read_truth(read);
	assert_non_null(after);
	json_t *again = deployment_to_truth(after);
	char *bytes_again = json_dumps(again, JSON_SORT_KEYS);
	assert_string_equal(bytes, bytes_again);
	assert_int_equal(after->step, STEP_BAKE);
	assert_int_equal(after->started_at, 1700000000123u);
	assert_true(release_equal(&after->to_before, &before->to_before));
	free(bytes);
	free(bytes_again);
	json_decref(document);
	json_decref(read);
	json_decref(again);
	deployment_free(before);
	deployment_free(after);
}

static void test_a_rolled_back_one(void **state)
{
	(void)state;
	struct deployment *before = make();
	before->step = STEP_BACK;
	before->rollback.at = 1700000002000u;
	before->rollback.cause = "error_rate";
	before->rollback.actor = (struct actor){"teal", -1};
	before->rollback.reason = memory_text("50 answers, 5 errors");
	json_t *document = deployment_to_truth(before);
	struct deployment *after = deployment_read_truth(document);
	assert_string_equal(after->rollback.cause, "error_rate");
	assert_int_equal(after->rollback.actor.uid, -1);
	assert_int_equal(after->rollback.durable, -1);
	assert_string_equal(deployment_phase(after), "rolling_back");
	json_decref(document);
	deployment_free(before);
	deployment_free(after);
}

static void test_one_in_steps(void **state)
{
	(void)state;
	static const unsigned shares[] = {1, 3333, 10000};
	struct deployment *before = make();
	deployment_set_shares(before, shares, 3, 1500);
	before->step = STEP_SHIFT;
	before->shift.at = 1;
	before->shift.pause_ends_at = 1700000009000u;
	json_array_append_new(before->shift.taken, json_pack("{s:f}", "share", 0.01));
	json_t *document = deployment_to_truth(before);
	assert_true(deployment_is_shifting(document));
	struct deployment *after = deployment_read_truth(document);
	assert_non_null(after);
	assert_int_equal(after->step, STEP_SHIFT);
	assert_int_equal(after->shift.count, 3);
	assert_memory_equal(after->shift.shares, shares, sizeof(shares));
	assert_int_equal(after->shift.at, 1);
	assert_int_equal(after->shift.pause_ms, 1500);
	assert_int_equal(after->shift.pause_ends_at, 1700000009000u);
	assert_int_equal(json_array_size(after->shift.taken), 1);
	assert_string_equal(deployment_phase(after), "shifting");
	json_decref(document);
	deployment_free(before);
	deployment_free(after);
}

static void test_one_by_hand(void **state)
{
	(void)state;
	static const unsigned shares[] = {500, 10000};
	struct deployment *before = make();
	deployment_set_shares(before, shares, 2, 0);
	json_t *document = deployment_to_truth(before);
	struct deployment *after = deployment_read_truth(document);
	assert_int_equal(after->shift.pause_ms, 0);
	assert_string_equal(json_string_value(json_object_get(json_object_get(document, "steps"), "pause_s")), "manual");
	json_decref(document);
	deployment_free(before);
	deployment_free(after);
}

static void test_an_exclusive_one(void **state)
{
	(void)state;
	static char *const run[] = {(char *)"/bin/migrate", (char *)"--password", (char *)"hunter2", NULL};
	struct deployment *before = make();
	deployment_set_exclusive(before, 5000, run);
	before->step = STEP_COMMAND;
	before->exclusive.held_at = 1700000009000u;
	json_t *document = deployment_to_truth(before);
	char *bytes = json_dumps(document, 0);
	assert_null(strstr(bytes, "hunter2"));
	struct deployment *after = deployment_read_truth(document);
	assert_true(after->exclusive.wanted);
	assert_null(after->exclusive.run);
	assert_string_equal(after->exclusive.program, "/bin/migrate");
	assert_int_equal(after->exclusive.hold_max_ms, 5000);
	assert_int_equal(after->exclusive.held_at, 1700000009000u);
	free(bytes);
	json_decref(document);
	deployment_free(before);
	deployment_free(after);
}

static void test_one_by_changes(void **state)
{
	(void)state;
	static const unsigned shares[] = {500, 2500, 10000};
	struct deployment *before = make();
	deployment_set_shares(before, shares, 3, 1500);
	before->out_of_path = true;
	before->step = STEP_CHANGE;
	before->flipped_at = 1700000001000u;
	before->change.next = 1;
	before->change.intent = json_pack("{s:[s], s:I}", "new", "a record", "accepted_at", (json_int_t)1700000001000);
	before->rollback.at = 1700000002000u;
	before->rollback.cause = "drifted";
	before->rollback.force = true;
	json_t *document = deployment_to_truth(before);
	assert_false(deployment_is_shifting(document));
	struct deployment *after = deployment_read_truth(document);
	assert_non_null(after);
	assert_int_equal(after->step, STEP_CHANGE);
	assert_true(after->out_of_path);
	assert_int_equal(after->change.next, 1);
	assert_true(json_equal(after->change.intent, before->change.intent));
	assert_true(after->rollback.force);
	assert_string_equal(after->rollback.cause, "drifted");
	assert_true(deployment_is_going_back(after));
	assert_false(deployment_is_before_flip(after));
	assert_string_equal(deployment_phase(after), "shifting");
	json_object_set_new(document, "change_next", json_integer(3));
	assert_null(deployment_read_truth(document));
	json_decref(document);
	deployment_free(before);
	deployment_free(after);
}

static void test_one_on_its_way_back(void **state)
{
	(void)state;
	struct deployment *before = make();
	before->out_of_path = true;
	before->step = STEP_RETURN;
	json_t *document = deployment_to_truth(before);
	struct deployment *after = deployment_read_truth(document);
	assert_int_equal(after->step, STEP_RETURN);
	assert_null(after->change.intent);
	assert_string_equal(deployment_phase(after), "rolling_back");
	assert_true(json_is_null(json_object_get(document, "inflight")));
	json_decref(document);
	deployment_free(before);
	deployment_free(after);
}

/* A number, in the order of those days. */
static void test_steps_of_older_files(void **state)
{
	(void)state;
	static const enum step expected[] = {STEP_GATE, STEP_RECORD, STEP_SPREAD, STEP_DRAIN, STEP_BAKE, STEP_BACK, STEP_END};
	struct deployment *before = make();
	for (int i = 0; i < 8; i++) {
		json_t *document = deployment_to_truth(before);
		json_object_set_new(document, "step", json_integer(i));
		json_object_del(document, "steps");
		json_object_del(document, "exclusive");
		struct deployment *after = deployment_read_truth(document);
		assert_true((after != NULL) == (i < 7));
		if (after)
			assert_int_equal(after->step, expected[i]);
		json_decref(document);
		deployment_free(after);
	}
	deployment_free(before);
}

static void test_steps_that_make_no_sense(void **state)
{
	(void)state;
	static const char *const lists[] = {"[]", "[100]", "[25, 5, 100]", "[5, 25]", "[0, 100]", "[5, 101]", "[\"5\", 100]", "5"};
	static const unsigned shares[] = {500, 10000};
	struct deployment *before = make();
	deployment_set_shares(before, shares, 2, 0);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		json_t *document = deployment_to_truth(before);
		json_object_set_new(json_object_get(document, "steps"), "shares", json_loads(lists[i], JSON_DECODE_ANY, NULL));
		if (deployment_read_truth(document))
			fail_msg("read with %s", lists[i]);
		json_decref(document);
	}
	deployment_free(before);
}

static void test_what_is_not_whole_is_not_read(void **state)
{
	(void)state;
	static const char *const needed[] = {"id", "service", "kind", "from", "to", "outcome", "from_release", "to_release"};
	struct deployment *whole = make();
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		json_t *document = deployment_to_truth(whole);
		json_object_del(document, needed[i]);
		if (deployment_read_truth(document))
			fail_msg("read without %s", needed[i]);
		json_decref(document);
	}
	deployment_free(whole);
}

static void test_times(void **state)
{
	(void)state;
	static const uint64_t times[] = {1, 999, 1700000000000u, 1700000000123u, 1709208000000u, 4102444799999u};
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		json_t *object = json_pack("{s:o}", "at", wire_time(times[i]));
		assert_int_equal(wire_read_time(object, "at"), times[i]);
		json_decref(object);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_releases),
		cmocka_unit_test(test_through_the_truth),
		cmocka_unit_test(test_a_rolled_back_one),
		cmocka_unit_test(test_one_in_steps),
		cmocka_unit_test(test_one_by_hand),
		cmocka_unit_test(test_an_exclusive_one),
		cmocka_unit_test(test_one_by_changes),
		cmocka_unit_test(test_one_on_its_way_back),
		cmocka_unit_test(test_steps_of_older_files),
		cmocka_unit_test(test_steps_that_make_no_sense),
		cmocka_unit_test(test_what_is_not_whole_is_not_read),
		cmocka_unit_test(test_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
