/* The small modules: sentences, colors, times, the daemon's log, allocation. */
// links: base
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/color.h"
#include "base/log.h"
#include "base/memory.h"

static void a_sentence_gets_context_in_front(void **state)
{
	(void)state;
	struct err err;
	assert_false(err_set(&err, "port %d is taken", 80));
	assert_false(err_prefix(&err, "listener %s", "a"));
	assert_string_equal(err.text, "listener a: port 80 is taken");
	assert_false(err_set(NULL, "nobody asks"));
	assert_false(err_prefix(NULL, "nobody asks"));
}

static void a_long_sentence_is_cut(void **state)
{
	(void)state;
	struct err err;
	char *word = memory_new(3001);
	memset(word, 'x', 3000);
	err_set(&err, "%s", word);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	err_prefix(&err, "%s", "context");
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_memory_equal(err.text, "context: xxx", 12);
	err_prefix(&err, "%s", word);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	free(word);
}

static void colors_have_names(void **state)
{
	(void)state;
	enum color color = COLOR_GREEN;
	assert_true(color_parse("blue", &color));
	assert_int_equal(color, COLOR_BLUE);
	assert_int_equal(color_other(color), COLOR_GREEN);
	assert_int_equal(color_other(COLOR_GREEN), COLOR_BLUE);
	assert_false(color_parse("Blue", &color));
	assert_false(color_parse("", &color));
	assert_int_equal(color, COLOR_BLUE);
	assert_string_equal(color_name(COLOR_GREEN), "green");
	assert_string_equal(health_name(HEALTH_UP), "up");
	assert_string_equal(health_name(HEALTH_DOWN), "down");
	assert_string_equal(health_name(HEALTH_UNKNOWN), "unknown");
	assert_string_equal(color_health_name(COLOR_HEALTH_DEGRADED), "degraded");
}

struct health_case {
	unsigned up, down, unknown;
	enum color_health health;
};

static const struct health_case healths[] = {
	{0, 0, 0, COLOR_HEALTH_UNHEALTHY},
	{1, 0, 0, COLOR_HEALTH_HEALTHY},
	{3, 0, 0, COLOR_HEALTH_HEALTHY},
	{2, 1, 0, COLOR_HEALTH_DEGRADED},
	{2, 0, 1, COLOR_HEALTH_DEGRADED},
	{0, 3, 0, COLOR_HEALTH_UNHEALTHY},
	{0, 2, 1, COLOR_HEALTH_UNKNOWN},
	{0, 0, 1, COLOR_HEALTH_UNKNOWN},
};

static void a_color_is_as_healthy_as_its_backends(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(healths) / sizeof(*healths); i++)
		assert_int_equal(color_health_of(healths[i].up, healths[i].down, healths[i].unknown), healths[i].health);
}

struct time_case {
	uint64_t wall_ms;
	const char *text;
};

static const struct time_case times[] = {
	{0, "1970-01-01T00:00:00.000Z"},
	{951782400007, "2000-02-29T00:00:00.007Z"},
	{1769860800123, "2026-01-31T12:00:00.123Z"},
	{253402300799999, "9999-12-31T23:59:59.999Z"},
};

static void times_are_written_in_utc(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		char text[CLOCK_TEXT_SIZE];
		clock_format(times[i].wall_ms, text);
		assert_string_equal(text, times[i].text);
	}
}

static void clocks_go_forward(void **state)
{
	(void)state;
	uint64_t mono = clock_mono_us();
	assert_true(clock_mono_us() >= mono);
	assert_true(clock_mono_ms() >= mono / 1000);
	assert_true(clock_wall_us() / 1000 <= clock_wall_ms());
}

/* What log_write sends to standard error. */
static void capture(char *line, size_t size, enum log_level level, const char *text)
{
	int ends[2], saved = dup(STDERR_FILENO);
	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	log_write(level, "%s", text);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[1]);
	ssize_t length = read(ends[0], line, size - 1);
	close(ends[0]);
	assert_true(length >= 0);
	line[length] = '\0';
}

static void a_line_of_the_log_is_one_line(void **state)
{
	(void)state;
	char line[8192];
	setenv("JOURNAL_STREAM", "8:1", 1);
	capture(line, sizeof(line), LOG_LEVEL_WARNING, "a\nb\x1b[1m\x7f caf\xc3\xa9");
	assert_string_equal(line, "<4>a\\x0ab\\x1b[1m\\x7f caf\xc3\xa9\n");
	unsetenv("JOURNAL_STREAM");
	capture(line, sizeof(line), LOG_LEVEL_ERROR, "gone");
	assert_non_null(strstr(line, "Z error: gone\n"));
	assert_int_equal(line[4], '-');
}

static void a_long_line_is_cut_and_ends(void **state)
{
	(void)state;
	char line[8192], text[6000];
	memset(text, '\x01', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	capture(line, sizeof(line), LOG_LEVEL_ERROR, text);
	assert_true(strlen(line) <= 4096);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void lines_above_the_level_are_dropped(void **state)
{
	(void)state;
	char line[256];
	capture(line, sizeof(line), LOG_LEVEL_DEBUG, "detail");
	assert_string_equal(line, "");
	log_set_level(LOG_LEVEL_DEBUG);
	capture(line, sizeof(line), LOG_LEVEL_DEBUG, "detail");
	assert_non_null(strstr(line, "debug: detail"));
	log_set_level(LOG_LEVEL_INFO);
}

static void memory_is_zeroed_and_copied(void **state)
{
	(void)state;
	char *bytes = memory_array(4, 2), *copy = memory_text("text"), *cut = memory_text_cut("text", 2);
	assert_memory_equal(bytes, "\0\0\0\0\0\0\0\0", 8);
	assert_string_equal(copy, "text");
	assert_string_equal(cut, "te");
	assert_null(memory_text(NULL));
	bytes = memory_grow(bytes, 64, 2);
	assert_int_equal(bytes[7], 0);
	free(bytes);
	free(copy);
	free(cut);
	free(memory_array(0, 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sentence_gets_context_in_front),
		cmocka_unit_test(a_long_sentence_is_cut),
		cmocka_unit_test(colors_have_names),
		cmocka_unit_test(a_color_is_as_healthy_as_its_backends),
		cmocka_unit_test(times_are_written_in_utc),
		cmocka_unit_test(clocks_go_forward),
		cmocka_unit_test(a_line_of_the_log_is_one_line),
		cmocka_unit_test(a_long_line_is_cut_and_ends),
		cmocka_unit_test(lines_above_the_level_are_dropped),
		cmocka_unit_test(memory_is_zeroed_and_copied),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
