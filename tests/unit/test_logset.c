/* Which files are followed, through all that is done to names. Without threads: each look is a call, and time is a number. */
// links: probe
#include "tests/unit/scratch.h"

#include "probe/logset.h"

struct heard {
	char text[2048]; /* each line with a | behind */
};

struct scene {
	struct scratch *scratch;
	struct logset set;
	struct timespec since;
	uint64_t now_ms;
	struct heard heard;
};

static void on_line(void *arg, const char *line, size_t length)
{
	struct heard *heard = arg;
	size_t used = strlen(heard->text);
	snprintf(heard->text + used, sizeof(heard->text) - used, "%.*s|", (int)length, line);
}

static void look(struct scene *scene)
{
	static char buffer[LOGFILE_SLICE + LOGFILE_TAIL];
	uint64_t skipped = 0;
	scene->heard.text[0] = '\0';
	logset_look(&scene->set, scene->now_ms, on_line, &scene->heard);
	for (unsigned i = 0; i < scene->set.count; i++) {
		while (logfile_read(scene->set.files[i], buffer, on_line, &scene->heard, &skipped) == LOGFILE_GREW) {
		}
	}
}

static void begin(struct scene *scene, void **state, const char *glob)
{
	memset(scene, 0, sizeof(*scene));
	scene->scratch = *state;
	scene->now_ms = 1000000;
	scratch_pass_tick();
	scene->since = scratch_stamp();
	logset_init(&scene->set, scratch_name(*state, glob), &scene->since);
	look(scene);
	assert_string_equal(scene->heard.text, "");
}

/* What a look finds: the lines, how many files, and a part of the problem. */
static void expect(struct scene *scene, const char *lines, unsigned files, const char *problem)
{
	look(scene);
	assert_string_equal(scene->heard.text, lines);
	assert_int_equal(scene->set.count, files);
	if (problem[0] ? !strstr(scene->set.problem.text, problem) : scene->set.problem.text[0] != '\0')
		fail_msg("\"%s\", not \"%s\"", scene->set.problem.text, problem);
}

static void test_renamed_and_made_again(void **state)
{
	struct scene scene;
	scratch_append(*state, "log", "old\n");
	begin(&scene, state, "log");
	scratch_append(*state, "log", "one\n");
	scratch_rename(*state, "log", "log.1");
	expect(&scene, "one|", 1, "");
	scratch_append(*state, "log.1", "two\n");
	scratch_append(*state, "log", "three\n");
	expect(&scene, "two|three|", 2, "");
	scene.now_ms += LOGSET_LINGER_MS;
	scratch_append(*state, "log.1", "a slow writer\nwithout an end");
	expect(&scene, "a slow writer|", 2, "");
	scene.now_ms += LOGSET_LINGER_MS;
	expect(&scene, "", 2, "");
	scene.now_ms += LOGSET_LINGER_MS;
	expect(&scene, "", 2, "");
	scene.now_ms++;
	expect(&scene, "without an end|", 1, "");
	scratch_append(*state, "log.1", "\nnot ours\n");
	scratch_append(*state, "log", "four\n");
	expect(&scene, "four|", 1, "");
	logset_fini(&scene.set);
}

static void test_rotated_within_the_glob(void **state)
{
	struct scene scene;
	scratch_append(*state, "log", "old\n");
	scratch_append(*state, "log.1", "older\n");
	begin(&scene, state, "log*");
	for (unsigned i = 0; i < 5; i++) {
		scratch_append(*state, "log", "last\n");
		scratch_rename(*state, "log.1", "log.2");
		scratch_rename(*state, "log", "log.1");
		scratch_append(*state, "log", "first\n");
		look(&scene);
		assert_true(strcmp(scene.heard.text, "last|first|") == 0 || strcmp(scene.heard.text, "first|last|") == 0);
		assert_true(scene.set.count >= 3 && scene.set.named == 3);
	}
	expect(&scene, "", 7, "");
	scene.now_ms += LOGSET_LINGER_MS + 1;
	expect(&scene, "", 3, "");
	logset_fini(&scene.set);
}

/* The copies hold lines from before the watch, and such that were read. */
static void test_rotated_by_copying(void **state)
{
	static const char *const copies[] = {"log.1", "log-20260131", "log.2.gz"};
	struct scene scene;
	scratch_append(*state, "log", "old\n");
	begin(&scene, state, "log*");
	for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++) {
		scratch_append(*state, "log", "one\n");
		expect(&scene, "one|", 1, "");
		scratch_append(*state, copies[i], "old\none\n");
		scratch_rewrite(*state, "log", "two\n");
		expect(&scene, "two|", 1, "");
	}
	scratch_append(*state, "log-errors", "three\n");
	expect(&scene, "three|", 2, "");
	logset_fini(&scene.set);
}

static void test_removed_and_made_again(void **state)
{
	struct scene scene;
	scratch_append(*state, "log", "old\n");
	begin(&scene, state, "log");
	for (unsigned i = 0; i < 100; i++) {
		scratch_append(*state, "log", "last\n");
		scratch_remove(*state, "log");
		scratch_append(*state, "log", "first\n");
		expect(&scene, "last|first|", i + 2 < LOGSET_FILES ? i + 2 : LOGSET_FILES, "");
	}
	scratch_remove(*state, "log");
	look(&scene);
	scene.now_ms += LOGSET_LINGER_MS + 1;
	look(&scene);
	expect(&scene, "", 0, "can't read");
	assert_non_null(strstr(scene.set.problem.text, "log: No such file or directory"));
	scratch_append(*state, "log", "back\n");
	expect(&scene, "back|", 1, "");
	logset_fini(&scene.set);
}

static void test_files_that_come(void **state)
{
	struct scene scene;
	begin(&scene, state, "*.log");
	expect(&scene, "", 0, "no file matches");
	scratch_append(*state, "a.log", "a1\n");
	expect(&scene, "a1|", 1, "");
	scratch_append(*state, "b.log", "b1\n");
	scratch_append(*state, "c.txt", "c1\n");
	scratch_append(*state, ".hidden.log", "hidden\n");
	scratch_folder(*state, "folder.log");
	expect(&scene, "b1|", 2, "");
	scratch_append(*state, "a.log", "a2\n");
	expect(&scene, "a2|", 2, "");
	logset_fini(&scene.set);
}

/* Its lines are from before, whatever its name was. */
static void test_old_file_that_comes(void **state)
{
	struct scene scene;
	scratch_append(*state, "elsewhere", "old\n");
	scratch_append(*state, "a.log", "old\n");
	begin(&scene, state, "*.log");
	scratch_rename(*state, "elsewhere", "b.log");
	expect(&scene, "", 2, "");
	scratch_append(*state, "b.log", "new\n");
	expect(&scene, "new|", 2, "");
	logset_fini(&scene.set);
}

static void test_link_that_is_switched(void **state)
{
	struct scene scene;
	scratch_append(*state, "first", "old\n");
	scratch_append(*state, "third", "old too\n");
	scratch_link(*state, "first", "log");
	begin(&scene, state, "log");
	scratch_append(*state, "first", "one\n");
	scratch_append(*state, "second", "two\n");
	scratch_link(*state, "second", "log");
	expect(&scene, "one|two|", 2, "");
	scratch_append(*state, "first", "three\n");
	scratch_link(*state, "third", "log");
	expect(&scene, "three|", 3, "");
	scratch_append(*state, "third", "four\n");
	expect(&scene, "four|", 3, "");
	scratch_link(*state, "nowhere", "log");
	look(&scene);
	scene.now_ms += LOGSET_LINGER_MS + 1;
	look(&scene);
	expect(&scene, "", 0, "No such file");
	logset_fini(&scene.set);
}

static void test_folder_that_comes_and_goes(void **state)
{
	static const char *const globs[] = {"folder/log", "folder/*", "*/log", "link/log"};
	for (size_t i = 0; i < sizeof(globs) / sizeof(globs[0]); i++) {
		struct scene scene;
		scratch_link(*state, "folder", "link");
		begin(&scene, state, globs[i]);
		look(&scene);
		assert_true(scene.set.problem.text[0] != '\0');
		scratch_remove(*state, "link");
		if (i == 3)
			scratch_link(*state, "folder", "link");
		scratch_folder(*state, "folder");
		scratch_append(*state, "folder/log", "one\n");
		expect(&scene, "one|", 1, "");
		scratch_append(*state, "folder/log", "two\n");
		scratch_rename(*state, "folder", "gone");
		look(&scene);
		assert_string_equal(scene.heard.text, "two|");
		scratch_remove(*state, "gone/log");
		scratch_remove(*state, "gone");
		scratch_folder(*state, "folder");
		scratch_append(*state, "folder/log", "three\n");
		expect(&scene, "three|", 2, "");
		assert_true(scene.set.notice.folder_count <= 1);
		logset_fini(&scene.set);
		scratch_remove(*state, "folder/log");
		scratch_remove(*state, "folder");
	}
}

static void test_folders_are_no_longer_watched(void **state)
{
	struct scene scene;
	begin(&scene, state, "folder/log");
	for (unsigned i = 0; i < 200; i++) {
		char kept[16];
		snprintf(kept, sizeof(kept), "kept%u", i);
		scratch_folder(*state, "folder");
		expect(&scene, "", 0, "No such file");
		assert_int_equal(scene.set.notice.folder_count, scene.set.notice.fd < 0 ? 0 : 1);
		scratch_rename(*state, "folder", kept);
	}
	logset_fini(&scene.set);
}

static void test_one_file_by_several_names(void **state)
{
	struct scene scene;
	scratch_append(*state, "a.log", "");
	scratch_link(*state, "a.log", "b.log");
	assert_int_equal(link(scratch_name(*state, "a.log"), scratch_name(*state, "c.log")), 0);
	begin(&scene, state, "*.log");
	scratch_append(*state, "b.log", "once\n");
	expect(&scene, "once|", 1, "");
	scratch_remove(*state, "a.log");
	scratch_append(*state, "c.log", "again\n");
	expect(&scene, "again|", 1, "");
	logset_fini(&scene.set);
}

static void test_more_files_than_can_be(void **state)
{
	struct scene scene;
	char name[16];
	unsigned descriptors = scratch_count_descriptors();
	for (unsigned i = 0; i < LOGSET_FILES + 10; i++) {
		snprintf(name, sizeof(name), "%u.log", i);
		scratch_append(*state, name, "old\n");
	}
	begin(&scene, state, "*.log");
	expect(&scene, "", LOGSET_FILES, "is more than 64 files");
	assert_int_equal(scene.set.refused, 10);
	assert_true(scratch_count_descriptors() <= descriptors + LOGSET_FILES + 1);
	for (unsigned i = 0; i < LOGSET_FILES; i++) {
		snprintf(name, sizeof(name), "%u.log", i);
		scratch_remove(*state, name);
	}
	look(&scene);
	expect(&scene, "", LOGSET_FILES, "");
	assert_int_equal(scene.set.named, 10);
	logset_fini(&scene.set);
	assert_int_equal(scratch_count_descriptors(), descriptors);
}

/* One that can't be followed is told; the others are. */
static void test_some_are_refused(void **state)
{
	struct scene scene;
	scratch_append(*state, "a.log", "");
	assert_int_equal(mkfifo(scratch_name(*state, "b.log"), 0600), 0);
	begin(&scene, state, "*.log");
	scratch_append(*state, "a.log", "one\n");
	expect(&scene, "one|", 1, "b.log is a FIFO");
	scratch_remove(*state, "b.log");
	expect(&scene, "", 1, "");
	logset_fini(&scene.set);
	begin(&scene, state, "a.log/log");
	expect(&scene, "", 0, "Not a directory");
	logset_fini(&scene.set);
}

/* As somebody whom permissions bind. */
static void test_without_permission(void **state)
{
	static const struct {
		const char *glob, *sentence;
	} cases[] = {
		{"folder/log", "can't read"},
		{"folder/*", "can't read the folder"},
		{"secret", "secret: Permission denied"},
		{"sec*", "secret: Permission denied"},
	};
	scratch_folder(*state, "folder");
	scratch_append(*state, "folder/log", "");
	scratch_append(*state, "secret", "");
	assert_int_equal(chmod(scratch_name(*state, "folder"), 0), 0);
	assert_int_equal(chmod(scratch_name(*state, "secret"), 0), 0);
	assert_int_equal(chmod(scratch_name(*state, "."), 0755), 0);
	bool is_root = geteuid() == 0;
	if (is_root && seteuid(65534) != 0)
		return; /* a namespace with one user, whom nothing binds */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scene scene;
		begin(&scene, state, cases[i].glob);
		expect(&scene, "", 0, cases[i].sentence);
		assert_non_null(strstr(scene.set.problem.text, "Permission denied"));
		logset_fini(&scene.set);
	}
	if (is_root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(scratch_name(*state, "folder"), 0755), 0);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_set_up, scratch_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCRATCH(test_renamed_and_made_again),
		IN_SCRATCH(test_rotated_within_the_glob),
		IN_SCRATCH(test_rotated_by_copying),
		IN_SCRATCH(test_removed_and_made_again),
		IN_SCRATCH(test_files_that_come),
		IN_SCRATCH(test_old_file_that_comes),
		IN_SCRATCH(test_link_that_is_switched),
		IN_SCRATCH(test_folder_that_comes_and_goes),
		IN_SCRATCH(test_folders_are_no_longer_watched),
		IN_SCRATCH(test_one_file_by_several_names),
		IN_SCRATCH(test_more_files_than_can_be),
		IN_SCRATCH(test_some_are_refused),
		IN_SCRATCH(test_without_permission),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
