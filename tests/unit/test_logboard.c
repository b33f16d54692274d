/* What the board says, and for how long: time is a number here. */
// links: probe
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/logboard.h"

#define WITHIN_MS 60000u
#define START_MS 5000000u

static struct logboard *make(void)
{
	struct err err;
	struct logboard *board = logboard_new(WITHIN_MS, START_MS, &err);
	if (!board)
		fail_msg("%s", err.text);
	return board;
}

static void drop(struct logboard *board)
{
	logboard_let_go(board);
	logboard_let_go(board);
}

static void expect_problem(struct logboard *board, uint64_t now_ms, const char *part)
{
	struct logwatch_state state;
	logboard_read(board, now_ms, &state);
	if (part[0] ? !strstr(state.problem, part) : state.problem[0] != '\0')
		fail_msg("\"%s\", not \"%s\"", state.problem, part);
}

static void test_before_the_first_look(void **state)
{
	struct logboard *board = make();
	struct logfinds none = {.lines = 0};
	(void)state;
	expect_problem(board, START_MS, "not been looked at yet");
	expect_problem(board, START_MS + 7000, "not been read for 7 s");
	logboard_tell(board, START_MS + 7000, &none, 1, "");
	expect_problem(board, START_MS + 7000, "");
	drop(board);
}

static void test_files_that_keep_the_reader_waiting(void **state)
{
	struct logboard *board = make();
	struct logfinds none = {.lines = 0};
	(void)state;
	logboard_tell(board, START_MS, &none, 1, "");
	expect_problem(board, START_MS + 3600000, "");
	logboard_begin(board, START_MS + 3600000);
	expect_problem(board, START_MS + 3602000, "");
	expect_problem(board, START_MS + 3612345, "not been read for 12 s");
	logboard_tell(board, START_MS + 3612345, &none, 1, "");
	expect_problem(board, START_MS + 3612345, "");
	drop(board);
}

static void test_falling_behind(void **state)
{
	struct logboard *board = make();
	struct logfinds none = {.lines = 0}, more = {.behind = true};
	(void)state;
	for (unsigned i = 0; i <= 8; i++)
		logboard_tell(board, START_MS + i * 1000, &more, 1, "");
	expect_problem(board, START_MS + 5000, "");
	expect_problem(board, START_MS + 8000, "in the last 8 s may be missing");
	logboard_tell(board, START_MS + 8001, &none, 1, "");
	expect_problem(board, START_MS + 8001, "");
	logboard_tell(board, START_MS + 9000, &more, 1, "");
	expect_problem(board, START_MS + 14000, "");
	drop(board);
}

/* What was missed is a problem for as long as it would have counted; what is wrong now comes first. */
static void test_what_was_missed(void **state)
{
	static const struct {
		const char *name;
		struct logfinds finds;
		const char *sentence;
	} cases[] = {
		{"skipped", {.skipped_bytes = 100 << 20}, "faster than it can be searched: 100MiB"},
		{"skipped, less than is told exactly", {.skipped_bytes = (100 << 20) + 12345}, ": 100MiB of it"},
		{"given up", {.given_up = 3, .lines = 10}, "given up on 3 lines"},
		{"both", {.skipped_bytes = 100 << 20, .given_up = 3}, "faster than it can be searched"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct logboard *board = make();
		struct logfinds none = {.lines = 0};
		print_message("%s\n", cases[i].name);
		logboard_tell(board, START_MS, &cases[i].finds, 1, "a.log is gone");
		expect_problem(board, START_MS, "a.log is gone");
		logboard_tell(board, START_MS + 1, &none, 1, "");
		expect_problem(board, START_MS + 1, cases[i].sentence);
		expect_problem(board, START_MS + WITHIN_MS - 1, cases[i].sentence);
		expect_problem(board, START_MS + WITHIN_MS, "");
		drop(board);
	}
}

static void test_numbers_and_samples(void **state)
{
	struct logboard *board = make();
	struct logwatch_state seen;
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct logfinds finds = {.lines = 100, .matches = 7, .sample_count = 7};
		for (unsigned j = 0; j < 7; j++)
			snprintf(finds.samples[j % LOGWATCH_SAMPLES].text, sizeof(finds.samples[0].text), "%u.%u", i, j);
		logboard_tell(board, START_MS + i * 1000, &finds, 2, "");
	}
	logboard_read(board, START_MS + 3000, &seen);
	assert_int_equal(seen.files, 2);
	assert_int_equal(seen.lines, 400);
	assert_int_equal(seen.matches, 28);
	assert_int_equal(seen.sample_count, LOGWATCH_SAMPLES);
	assert_string_equal(seen.samples[0].text, "3.6");
	assert_string_equal(seen.samples[4].text, "3.2");
	logboard_read(board, START_MS + WITHIN_MS + 2500, &seen);
	assert_int_equal(seen.matches, 7);
	assert_int_equal(seen.total_matches, 28);
	drop(board);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_before_the_first_look),
		cmocka_unit_test(test_files_that_keep_the_reader_waiting),
		cmocka_unit_test(test_falling_behind),
		cmocka_unit_test(test_what_was_missed),
		cmocka_unit_test(test_numbers_and_samples),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
