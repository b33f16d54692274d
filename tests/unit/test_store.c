/* The store: two generations of the truth whatever happens to the file, the process or the disk; jobs and their ends; the lock; a database that can't be opened. */
// links: base
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/store.h"

struct place {
	char directory[64];
	struct event_base *loop;
};

static char *path_of(const struct place *place, const char *name)
{
	static char path[4][128];
	static unsigned turn;
	char *out = path[turn++ % 4];
	snprintf(out, sizeof(path[0]), "%s/%s", place->directory, name);
	return out;
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	strcpy(place->directory, "/tmp/test_store.XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	place->loop = event_base_new();
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"teal.state", "teal.state.1", "teal.state.new", "teal.db", "teal.db-journal", "lock"};
	struct place *place = *state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(path_of(place, names[i]));
	assert_int_equal(rmdir(place->directory), 0);
	event_base_free(place->loop);
	free(place);
	return 0;
}

static struct store *open_store(const struct place *place)
{
	struct err err;
	struct store *store = store_open(place->directory, place->loop, &err);
	if (!store)
		fail_msg("%s", err.text);
	return store;
}

/* ---- helpers: writing and reading truths ---- */

struct outcome {
	unsigned ended, durable;
	char sentence[1024];
};

static void on_written(void *arg, bool durable, const char *sentence)
{
	struct outcome *outcome = arg;
	outcome->ended++;
	outcome->durable += durable ? 1 : 0;
	assert_true(durable == !sentence);
	snprintf(outcome->sentence, sizeof(outcome->sentence), "%s", sentence ? sentence : "");
}

static void await(const struct place *place, const unsigned *count, unsigned wanted)
{
	while (*count < wanted)
		assert_int_equal(event_base_loop(place->loop, EVLOOP_ONCE), 0);
}

static void write_truth(const struct place *place, struct store *store, const char *text, struct outcome *outcome)
{
	memset(outcome, 0, sizeof(*outcome));
	store_write_truth(store, text, strlen(text), on_written, outcome);
	await(place, &outcome->ended, 1);
}

static void write_truths(const struct place *place, const char *const *texts)
{
	struct store *store = open_store(place);
	struct outcome outcome;
	struct err err;
	bool fallback;
	char *bytes;
	size_t length;
	assert_true(store_read_truth(store, &bytes, &length, &fallback, &err));
	free(bytes);
	for (; *texts; texts++) {
		write_truth(place, store, *texts, &outcome);
		assert_int_equal(outcome.durable, 1);
	}
	store_close(store, 2000);
}

/* The truth as text ("" when there is none yet), or NULL when none is whole. */
static char *read_truth(const struct place *place, bool *fallback, struct err *err)
{
	struct store *store = open_store(place);
	char *bytes;
	size_t length;
	bool read = store_read_truth(store, &bytes, &length, fallback, err);
	store_close(store, 2000);
	if (!read)
		return NULL;
	return bytes ? bytes : strdup("");
}

static void expect_truth(const struct place *place, const char *text, bool fallback)
{
	struct err err = {""};
	bool fell_back;
	char *read = read_truth(place, &fell_back, &err);
	if (!read)
		fail_msg("%s", err.text);
	assert_string_equal(read, text);
	assert_int_equal(fell_back, fallback);
	free(read);
}

/* ---- helpers: whole files ---- */

static char *load(const char *path, size_t *length)
{
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	char *bytes = malloc(65536);
	*length = fread(bytes, 1, 65536, file);
	fclose(file);
	return bytes;
}

static void save(const char *path, const char *bytes, size_t length)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	fclose(file);
}

/* ---- the truth ---- */

static void test_write_and_read(void **state)
{
	static const struct {
		const char *name;
		const char *texts[4];
		const char *expected;
	} cases[] = {
		{"none yet", {NULL}, ""},
		{"one", {"{\"live\": \"blue\"}", NULL}, "{\"live\": \"blue\"}"},
		{"the newest of three", {"one", "two\nlines", "three", NULL}, "three"},
		{"carried on after a restart", {"four", NULL}, "four"},
		{"an empty one", {"", NULL}, ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		write_truths(*state, cases[i].texts);
		expect_truth(*state, cases[i].expected, false);
	}
}

static void test_newest_cut_at_every_byte(void **state)
{
	static const char *const texts[] = {"the one before", "the newest", NULL};
	const struct place *place = *state;
	write_truths(place, texts);
	size_t length;
	char *whole = load(path_of(place, "teal.state"), &length);
	for (size_t cut = 0; cut < length; cut++) {
		save(path_of(place, "teal.state"), whole, cut);
		expect_truth(place, "the one before", true);
	}
	save(path_of(place, "teal.state"), whole, length);
	expect_truth(place, "the newest", false);
	free(whole);
}

static void test_newest_with_any_bit_flipped(void **state)
{
	static const char *const texts[] = {"the one before", "the newest", NULL};
	const struct place *place = *state;
	write_truths(place, texts);
	size_t length;
	char *whole = load(path_of(place, "teal.state"), &length);
	for (size_t bit = 0; bit < length * 8; bit++) {
		whole[bit / 8] = (char)(whole[bit / 8] ^ 1 << bit % 8);
		save(path_of(place, "teal.state"), whole, length);
		expect_truth(place, "the one before", true);
		whole[bit / 8] = (char)(whole[bit / 8] ^ 1 << bit % 8);
	}
	free(whole);
}

static void test_missing_and_damaged_generations(void **state)
{
	static const struct {
		const char *name, *newest, *before; /* "keep", "remove" or the bytes to put there */
		const char *expected;               /* NULL: no truth can be had */
		bool fallback;
	} cases[] = {
		{"both whole", "keep", "keep", "two", false},
		{"killed between the two renames", "remove", "keep", "one", false},
		{"newest torn", "x", "keep", "one", true},
		{"newest empty", "", "keep", "one", true},
		{"older torn", "keep", "x", "two", false},
		{"older missing", "keep", "remove", "two", false},
		{"both torn", "x", "y", NULL, false},
		{"newest torn, no older", "x", "remove", NULL, false},
		{"older torn, no newest", "remove", "x", NULL, false},
		{"both missing", "remove", "remove", "", false},
	};
	static const char *const texts[] = {"one", "two", NULL};
	const struct place *place = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		unlink(path_of(place, "teal.state"));
		unlink(path_of(place, "teal.state.1"));
		write_truths(place, texts);
		const char *const changes[] = {cases[i].newest, cases[i].before};
		const char *const names[] = {"teal.state", "teal.state.1"};
		for (unsigned j = 0; j < 2; j++) {
			if (strcmp(changes[j], "remove") == 0)
				unlink(path_of(place, names[j]));
			else if (strcmp(changes[j], "keep") != 0)
				save(path_of(place, names[j]), changes[j], strlen(changes[j]));
		}
		if (cases[i].expected) {
			expect_truth(place, cases[i].expected, cases[i].fallback);
			continue;
		}
		struct err err;
		bool fallback;
		assert_null(read_truth(place, &fallback, &err));
		assert_non_null(strstr(err.text, place->directory));
		assert_non_null(strstr(err.text, "damaged"));
	}
}

/* The damaged newest one must never push out the one before. */
static void test_writing_after_a_fallback(void **state)
{
	static const char *const texts[] = {"one", "two", NULL}, *const more[] = {"three", NULL};
	const struct place *place = *state;
	write_truths(place, texts);
	save(path_of(place, "teal.state"), "x", 1);
	write_truths(place, more);
	expect_truth(place, "three", false);
	save(path_of(place, "teal.state"), "x", 1);
	expect_truth(place, "one", true);
}

/* A full disk, by the limit on a file's size: it works for root and without a mount. */
static void test_full_disk(void **state)
{
	static const char *const texts[] = {"one", "two", NULL};
	const struct place *place = *state;
	write_truths(place, texts);
	struct store *store = open_store(place);
	char *bytes, big[8192];
	size_t length;
	bool fallback;
	struct err err;
	assert_true(store_read_truth(store, &bytes, &length, &fallback, &err));
	free(bytes);
	memset(big, 'b', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	struct rlimit before, small;
	getrlimit(RLIMIT_FSIZE, &before);
	small = (struct rlimit){4096, before.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	struct outcome outcome;
	setrlimit(RLIMIT_FSIZE, &small);
	write_truth(place, store, big, &outcome);
	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(outcome.durable, 0);
	assert_non_null(strstr(outcome.sentence, "teal.state"));
	assert_int_not_equal(access(path_of(place, "teal.state.new"), F_OK), 0);
	char *kept = load(path_of(place, "teal.state"), &length);
	assert_true(length > 4 && memcmp(kept + length - 4, "\ntwo", 4) == 0);
	free(kept);
	write_truth(place, store, "three", &outcome);
	assert_int_equal(outcome.durable, 1);
	store_close(store, 2000);
	expect_truth(place, "three", false);
}

/* ---- kill -9 ---- */

static void on_counted(void *arg, bool durable, const char *sentence)
{
	static unsigned done;
	(void)sentence;
	done++;
	if (durable && write(*(int *)arg, &done, sizeof(done)) != (ssize_t)sizeof(done))
		_exit(1);
}

/* Writes "1", "2", … and says which are durable, until it is killed. */
static void write_for_ever(const char *directory, int pipe_fd)
{
	struct err err;
	struct event_base *loop = event_base_new();
	struct store *store = store_open(directory, loop, &err);
	char *bytes, text[32];
	size_t length;
	bool fallback;
	if (!store || !store_read_truth(store, &bytes, &length, &fallback, &err))
		_exit(1);
	for (unsigned i = 1; i < 100000; i++) {
		snprintf(text, sizeof(text), "%u", i);
		store_write_truth(store, text, strlen(text), on_counted, &pipe_fd);
		event_base_loop(loop, EVLOOP_ONCE);
	}
	_exit(1);
}

/* Kills the child after `writes` durable ones and a moment; returns the last one that it called durable. */
static unsigned kill_after(const struct place *place, unsigned writes, unsigned moment_us)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0)
		write_for_ever(place->directory, ends[1]);
	close(ends[1]);
	unsigned last = 0, got;
	while (last < writes && read(ends[0], &got, sizeof(got)) == (ssize_t)sizeof(got))
		last = got;
	usleep(moment_us);
	kill(child, SIGKILL);
	while (read(ends[0], &got, sizeof(got)) == (ssize_t)sizeof(got))
		last = got;
	close(ends[0]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	return last;
}

static void test_kill_at_any_instant(void **state)
{
	const struct place *place = *state;
	unsigned random = 12345;
	for (unsigned i = 0; i < 200; i++) {
		random = random * 1103515245u + 12345u;
		unlink(path_of(place, "teal.state"));
		unlink(path_of(place, "teal.state.1"));
		unsigned durable = kill_after(place, 1 + i % 3, (random >> 16) % 700);
		struct err err = {""};
		bool fallback;
		char *read = read_truth(place, &fallback, &err);
		if (!read) {
			fail_msg("%s", err.text);
			return;
		}
		unsigned number = (unsigned)atoi(read);
		free(read);
		assert_false(fallback);
		/* the one that was called durable, or a later one whose callback had not run yet; at most two are under way */
		assert_in_range(number, durable, durable + 2);
	}
}

/* ---- jobs, the lock, the database ---- */

struct task {
	unsigned *order, *ended;
	unsigned index, ran_as;
	bool had_database;
};

static void run_task(void *arg, sqlite3 *database)
{
	struct task *task = arg;
	task->ran_as = (*task->order)++;
	task->had_database = database != NULL;
}

static void on_task_done(void *arg)
{
	struct task *task = arg;
	(*task->ended)++;
}

static void test_jobs_run_in_order(void **state)
{
	const struct place *place = *state;
	struct store *store = open_store(place);
	struct task tasks[50];
	unsigned order = 0, ended = 0;
	for (unsigned i = 0; i < 50; i++) {
		tasks[i] = (struct task){&order, &ended, i, 0, false};
		store_submit(store, run_task, on_task_done, &tasks[i]);
	}
	await(place, &ended, 25);
	store_submit(store, run_task, NULL, &tasks[0]);
	store_close(store, 2000);
	assert_int_equal(ended, 50);
	assert_int_equal(order, 51);
	for (unsigned i = 1; i < 50; i++) {
		assert_int_equal(tasks[i].ran_as, i);
		assert_true(tasks[i].had_database);
	}
}

static void test_second_process_is_refused(void **state)
{
	const struct place *place = *state;
	struct err err = {""};
	char pid[32];
	struct store *store = open_store(place);
	assert_null(store_open(place->directory, place->loop, &err));
	snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
	assert_non_null(strstr(err.text, pid));
	assert_non_null(strstr(err.text, place->directory));
	store_close(store, 2000);
	store_close(open_store(place), 2000);
}

static void test_directories_are_made(void **state)
{
	struct place deep = *(struct place *)*state;
	strcat(deep.directory, "/a//b");
	store_close(open_store(&deep), 2000);
	struct stat made;
	assert_int_equal(stat(deep.directory, &made), 0);
	assert_int_equal(made.st_mode & 0027, 0);
	unlink(path_of(&deep, "lock"));
	unlink(path_of(&deep, "teal.db"));
	unlink(path_of(&deep, "teal.db-journal"));
	assert_int_equal(rmdir(deep.directory), 0);
	assert_int_equal(rmdir(path_of(*state, "a")), 0);
}

static void test_directory_that_cannot_be(void **state)
{
	const struct place *place = *state;
	struct err err = {""};
	save(path_of(place, "lock"), "", 0);
	assert_null(store_open(path_of(place, "lock"), place->loop, &err));
	assert_non_null(strstr(err.text, "lock"));
	assert_null(store_open(path_of(place, "lock/state"), place->loop, &err));
	assert_non_null(strstr(err.text, "lock/state"));
	store_close(NULL, 0);
}

static void test_database_of_garbage(void **state)
{
	const struct place *place = *state;
	char garbage[4096], fault[256];
	memset(garbage, 'g', sizeof(garbage));
	save(path_of(place, "teal.db"), garbage, sizeof(garbage));
	struct store *store = open_store(place);
	unsigned order = 0, ended = 0;
	struct task task = {&order, &ended, 0, 0, true};
	store_submit(store, run_task, on_task_done, &task);
	await(place, &ended, 1);
	assert_false(task.had_database);
	store_database_fault(store, fault, sizeof(fault));
	assert_non_null(strstr(fault, "teal.db"));
	assert_non_null(strstr(fault, "not a database"));
	struct outcome outcome;
	write_truth(place, store, "still written", &outcome);
	assert_int_equal(outcome.durable, 1);
	store_close(store, 2000);
	expect_truth(place, "still written", false);
}

static void take_time(void *arg, sqlite3 *database)
{
	assert_non_null(database);
	usleep(100000);
	(*(unsigned *)arg)++;
}

/* Longer than is waited for one of them, but each gets done. */
static void test_closing_while_the_disk_is_slow(void **state)
{
	struct place *place = *state;
	struct store *store = open_store(place);
	unsigned done = 0;
	for (unsigned i = 0; i < 15; i++)
		store_submit(store, take_time, NULL, &done);
	store_close(store, 1000);
	assert_int_equal(done, 15);
}

static void hang(void *arg, sqlite3 *database)
{
	char byte = 'b';
	int(*pipes)[2] = arg;
	(void)database;
	if (write(pipes[0][1], &byte, 1) != 1 || read(pipes[1][0], &byte, 1) != 0)
		abort();
}

/* A job that never comes back stands for a disk that does not. What it holds stays with its thread until the process ends. */
static void test_closing_while_the_disk_hangs(void **state)
{
	static int pipes[2][2]; /* it has begun; it may end, never said */
	char byte;
	const struct place *place = *state;
	struct store *store = open_store(place);
	unsigned order = 0, ended = 0;
	struct task task = {&order, &ended, 0, 0, true};
	struct outcome outcome = {0};
	assert_int_equal(pipe(pipes[0]) + pipe(pipes[1]), 0);
	store_submit(store, hang, NULL, pipes);
	assert_int_equal(read(pipes[0][0], &byte, 1), 1);
	store_submit(store, run_task, on_task_done, &task);
	store_write_truth(store, "late", 4, on_written, &outcome);
	store_close(store, 20);
	assert_int_equal(ended, 1);
	assert_false(task.had_database);
	assert_int_equal(outcome.ended, 1);
	assert_int_equal(outcome.durable, 0);
	assert_non_null(strstr(outcome.sentence, "does not answer"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_write_and_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_newest_cut_at_every_byte, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_newest_with_any_bit_flipped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_missing_and_damaged_generations, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_writing_after_a_fallback, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full_disk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_kill_at_any_instant, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_jobs_run_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_second_process_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_directories_are_made, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_directory_that_cannot_be, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_database_of_garbage, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_closing_while_the_disk_is_slow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_closing_while_the_disk_hangs, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
