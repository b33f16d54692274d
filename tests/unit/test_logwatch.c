/* A log watch as its owner sees it: files that grow, rotate and vanish, told by a thread to a loop. Waits for what must come, never for time to pass; that something does
 * not count shows by what comes behind it. */
// links: probe
#include "tests/unit/scratch.h"

#include <event2/event.h>

#include "base/clock.h"
#include "probe/logwatch.h"

/* A test that waits so long has failed. */
#define PATIENCE_MS 60000u

struct scene {
	struct scratch *scratch;
	struct event_base *loop;
	struct logwatch *watch;
	struct logwatch_state state;
	unsigned news;
	unsigned descriptors; /* open before it began */
};

static void on_news(void *arg)
{
	struct scene *scene = arg;
	scene->news++;
	logwatch_read(scene->watch, clock_mono_ms(), &scene->state);
}

/* One pass of the loop, at most 10 ms long. */
static void turn(struct scene *scene)
{
	static const struct timeval pause = {0, 10000};
	event_base_loopexit(scene->loop, &pause);
	event_base_loop(scene->loop, EVLOOP_ONCE);
	logwatch_read(scene->watch, clock_mono_ms(), &scene->state);
}

static void begin(struct scene *scene, void **state, const char *glob, const char *pattern)
{
	struct err err;
	memset(scene, 0, sizeof(*scene));
	scene->scratch = *state;
	scene->descriptors = scratch_count_descriptors();
	scene->loop = event_base_new();
	scene->watch = logwatch_new(scene->loop, scratch_name(scene->scratch, glob), pattern, 3600 * 1000, on_news, scene, &err);
	if (!scene->watch)
		fail_msg("%s", err.text);
	uint64_t until = clock_mono_ms() + PATIENCE_MS;
	while (scene->news == 0 && clock_mono_ms() < until)
		turn(scene);
	assert_true(scene->news > 0);
}

/* The thread closes what it had open, in its own time. */
static void end(struct scene *scene)
{
	uint64_t until = clock_mono_ms() + PATIENCE_MS;
	logwatch_free(scene->watch);
	event_base_free(scene->loop);
	while (scratch_count_descriptors() != scene->descriptors && clock_mono_ms() < until)
		usleep(1000);
	assert_int_equal(scratch_count_descriptors(), scene->descriptors);
}

static void await_matches(struct scene *scene, uint64_t matches)
{
	uint64_t until = clock_mono_ms() + PATIENCE_MS;
	while (scene->state.total_matches < matches && clock_mono_ms() < until)
		turn(scene);
	assert_int_equal(scene->state.total_matches, matches);
}

static void await_files(struct scene *scene, unsigned files)
{
	uint64_t until = clock_mono_ms() + PATIENCE_MS;
	while (scene->state.files != files && clock_mono_ms() < until)
		turn(scene);
	assert_int_equal(scene->state.files, files);
}

static void await_problem(struct scene *scene, const char *part)
{
	uint64_t until = clock_mono_ms() + PATIENCE_MS;
	while (!(part[0] ? strstr(scene->state.problem, part) != NULL : scene->state.problem[0] == '\0') && clock_mono_ms() < until)
		turn(scene);
	if (part[0] ? !strstr(scene->state.problem, part) : scene->state.problem[0] != '\0')
		fail_msg("waited for \"%s\", there is \"%s\"", part, scene->state.problem);
}

static void test_counts_only_what_is_written_later(void **state)
{
	struct scene scene;
	scratch_append(*state, "app.log", "error 1\nerror 2\nerror beg");
	begin(&scene, state, "app.log", "error");
	assert_int_equal(scene.state.files, 1);
	assert_string_equal(scene.state.problem, "");
	scratch_append(*state, "app.log", "un before\nfine\nan error\r\n");
	await_matches(&scene, 1);
	assert_int_equal(scene.state.total_lines, 2);
	assert_int_equal(scene.state.sample_count, 1);
	assert_string_equal(scene.state.samples[0].text, "an error");
	assert_string_equal(scene.state.samples[0].file, scratch_name(*state, "app.log"));
	end(&scene);
}

static void test_within_the_window(void **state)
{
	struct scene scene;
	scratch_append(*state, "log", "");
	begin(&scene, state, "log", "error");
	scratch_append(*state, "log", "error\nfine\nerror\n");
	await_matches(&scene, 2);
	uint64_t now = clock_mono_ms(), window = 3600 * 1000;
	logwatch_read(scene.watch, now, &scene.state);
	assert_int_equal(scene.state.matches, 2);
	assert_int_equal(scene.state.lines, 3);
	logwatch_read(scene.watch, now + window + window / 100, &scene.state);
	assert_int_equal(scene.state.matches, 0);
	assert_int_equal(scene.state.lines, 0);
	assert_int_equal(scene.state.total_matches, 2);
	end(&scene);
}

static void test_samples(void **state)
{
	struct scene scene;
	char text[2000];
	scratch_append(*state, "log", "");
	begin(&scene, state, "log", "error");
	scratch_append(*state, "log", "error 1\nerror 2\nerror 3\nerror 4\nerror 5\nerror 6\n");
	await_matches(&scene, 6);
	assert_int_equal(scene.state.sample_count, LOGWATCH_SAMPLES);
	assert_string_equal(scene.state.samples[0].text, "error 6");
	assert_string_equal(scene.state.samples[LOGWATCH_SAMPLES - 1].text, "error 2");
	scratch_put(*state, "log", O_APPEND, "K\xf6ln\0\t\"error\" \xc3\xa4\x7f\n", 19);
	await_matches(&scene, 7);
	assert_string_equal(scene.state.samples[0].text, "K\xef\xbf\xbdln  \"error\" \xc3\xa4 ");
	snprintf(text, sizeof(text), "%01000d error %0500d\n", 1, 2);
	scratch_append(*state, "log", text);
	await_matches(&scene, 8);
	assert_non_null(strstr(scene.state.samples[0].text, "01 error 00"));
	assert_int_equal(strlen(scene.state.samples[0].text), sizeof(scene.state.samples[0].text) - 1);
	assert_string_equal(scene.state.samples[1].text, "K\xef\xbf\xbdln  \"error\" \xc3\xa4 ");
	end(&scene);
}

static void test_lines_in_pieces(void **state)
{
	struct scene scene;
	scratch_append(*state, "log", "");
	begin(&scene, state, "log", "^an error of ours$");
	static const char text[] = "an error of ours\n";
	for (unsigned i = 1; i <= 3; i++) {
		for (const char *byte = text; *byte; byte++) {
			assert_int_equal(scene.state.total_matches, i - 1);
			scratch_put(*state, "log", O_APPEND, byte, 1);
			turn(&scene);
		}
		await_matches(&scene, i);
	}
	assert_int_equal(scene.state.total_lines, 3);
	end(&scene);
}

/* What logrotate does, over and over, with lines before and behind; none is lost and none counts twice. */
static void test_rotations(void **state)
{
	struct scene scene;
	scratch_append(*state, "app.log", "error\n");
	begin(&scene, state, "app.log", "error");
	for (unsigned i = 0; i < 20; i++) {
		scratch_append(*state, "app.log", "the last error\n");
		scratch_rename(*state, "app.log", "app.log.1");
		scratch_append(*state, "app.log", "the first error\n");
		await_matches(&scene, 3 * i + 2);
		scratch_append(*state, "app.log.1", "an error too late\n");
		await_matches(&scene, 3 * i + 3);
		assert_string_equal(scene.state.problem, "");
	}
	end(&scene);
}

static void test_truncations(void **state)
{
	struct scene scene;
	scratch_append(*state, "app.log", "error of long ago\n");
	begin(&scene, state, "app.log", "error");
	for (unsigned i = 0; i < 20; i++) {
		char line[64];
		snprintf(line, sizeof(line), "%u: the same length, an error\n", 100 + i);
		scratch_pass_tick();
		scratch_rewrite(*state, "app.log", line);
		await_matches(&scene, i + 1);
		assert_int_equal(strncmp(scene.state.samples[0].text, line, 3), 0);
	}
	end(&scene);
}

static void test_path_that_comes_and_goes(void **state)
{
	struct scene scene;
	begin(&scene, state, "folder/app.log", "error");
	await_problem(&scene, "No such file or directory");
	assert_int_equal(scene.state.files, 0);
	scratch_folder(*state, "folder");
	scratch_append(*state, "folder/app.log", "error\n");
	await_matches(&scene, 1);
	await_problem(&scene, "");
	scratch_remove(*state, "folder/app.log");
	scratch_remove(*state, "folder");
	scratch_folder(*state, "folder");
	scratch_append(*state, "folder/app.log", "error\n");
	await_matches(&scene, 2);
	end(&scene);
}

static void test_glob(void **state)
{
	struct scene scene;
	scratch_append(*state, "a.log", "");
	begin(&scene, state, "*.log", "error");
	assert_int_equal(scene.state.files, 1);
	for (unsigned i = 2; i <= 20; i++) {
		char name[16];
		snprintf(name, sizeof(name), "%u.log", i);
		scratch_append(*state, name, "error\n");
		await_files(&scene, i);
	}
	scratch_append(*state, "a.log", "error\n");
	await_matches(&scene, 20);
	end(&scene);
}

/* A folder far above is another one at once: nothing tells, the regular look finds it. */
static void test_what_no_notice_tells(void **state)
{
	struct scene scene;
	scratch_folder(*state, "one");
	scratch_folder(*state, "one/logs");
	scratch_folder(*state, "two");
	scratch_folder(*state, "two/logs");
	scratch_append(*state, "one/logs/app.log", "");
	scratch_link(*state, "one", "current");
	begin(&scene, state, "current/logs/app.log", "error");
	scratch_append(*state, "two/logs/app.log", "error\n");
	scratch_link(*state, "two", "current");
	await_matches(&scene, 1);
	scratch_append(*state, "one/logs/app.log", "error\n");
	await_matches(&scene, 2);
	end(&scene);
}

static void test_writer_that_is_too_fast(void **state)
{
	struct scene scene;
	scratch_append(*state, "log", "");
	begin(&scene, state, "log", "error");
	assert_int_equal(truncate(scratch_name(*state, "log"), 100 << 20), 0);
	await_problem(&scene, "faster than it can be searched: 100MiB of it were left out");
	assert_int_equal(scene.state.skipped_bytes, 100 << 20);
	scratch_append(*state, "log", "rest, an error\nan error\n");
	await_matches(&scene, 1);
	logwatch_read(scene.watch, clock_mono_ms() + 3600 * 1000, &scene.state);
	assert_string_equal(scene.state.problem, "");
	end(&scene);
}

static void test_pattern_that_gives_up(void **state)
{
	struct scene scene;
	char line[4097];
	memset(line, 'a', sizeof(line));
	line[4096] = '\n';
	scratch_append(*state, "log", "");
	begin(&scene, state, "log", "(a+)+[bc]");
	for (unsigned i = 0; i < 5; i++)
		scratch_put(*state, "log", O_APPEND, line, sizeof(line));
	scratch_append(*state, "log", "aaab\n");
	await_matches(&scene, 1);
	await_problem(&scene, "given up on 5 lines");
	assert_int_equal(scene.state.given_up, 5);
	end(&scene);
}

/* Everything at once, as the judge would see it: problems do not hide matches. */
static void test_one_of_two_is_refused(void **state)
{
	struct scene scene;
	scratch_append(*state, "a.log", "");
	assert_int_equal(mkfifo(scratch_name(*state, "b.log"), 0600), 0);
	begin(&scene, state, "*.log", "error");
	await_problem(&scene, "b.log is a FIFO");
	scratch_append(*state, "a.log", "error\n");
	await_matches(&scene, 1);
	assert_non_null(strstr(scene.state.problem, "b.log is a FIFO"));
	end(&scene);
}

static void test_faulty_pattern(void **state)
{
	struct err err;
	unsigned descriptors = scratch_count_descriptors();
	struct event_base *loop = event_base_new();
	assert_null(logwatch_new(loop, scratch_name(*state, "log"), "(", 1000, NULL, NULL, &err));
	assert_non_null(strstr(err.text, "missing closing parenthesis"));
	event_base_free(loop);
	assert_int_equal(scratch_count_descriptors(), descriptors);
}

static void free_watch(void *arg)
{
	struct scene *scene = arg;
	logwatch_free(scene->watch);
	scene->watch = NULL;
}

/* By its own callback, while it reads, and before its first look. */
static void test_freed_at_any_time(void **state)
{
	struct scene scene = {.scratch = *state, .descriptors = scratch_count_descriptors()};
	uint64_t until = clock_mono_ms() + PATIENCE_MS;
	scene.loop = event_base_new();
	scratch_append(*state, "log", "");
	for (unsigned i = 0; i < 50; i++) {
		scene.watch = logwatch_new(scene.loop, scratch_name(*state, "log"), "error", 1000, free_watch, &scene, NULL);
		assert_non_null(scene.watch);
		scratch_append(*state, "log", "error\n");
		if (i % 2)
			free_watch(&scene);
		while (scene.watch && clock_mono_ms() < until) {
			static const struct timeval pause = {0, 10000};
			event_base_loopexit(scene.loop, &pause);
			event_base_loop(scene.loop, EVLOOP_ONCE);
		}
		assert_null(scene.watch);
	}
	end(&scene); /* whose watch is NULL */
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_set_up, scratch_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCRATCH(test_counts_only_what_is_written_later),
		IN_SCRATCH(test_within_the_window),
		IN_SCRATCH(test_samples),
		IN_SCRATCH(test_lines_in_pieces),
		IN_SCRATCH(test_rotations),
		IN_SCRATCH(test_truncations),
		IN_SCRATCH(test_path_that_comes_and_goes),
		IN_SCRATCH(test_glob),
		IN_SCRATCH(test_what_no_notice_tells),
		IN_SCRATCH(test_writer_that_is_too_fast),
		IN_SCRATCH(test_pattern_that_gives_up),
		IN_SCRATCH(test_one_of_two_is_refused),
		IN_SCRATCH(test_faulty_pattern),
		IN_SCRATCH(test_freed_at_any_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
