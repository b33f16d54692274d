/* Whose folder is taken away: that of the dead, once it is old enough; never that of somebody who lives. */
// links: cli
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "cli/private_folder.h"

static char parent[] = "/tmp/test_folder.XXXXXX";

static void age(const char *path)
{
	static const struct timespec long_ago[] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
	assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
}

static void put_file(const struct private_folder *folder)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/some.log", folder->path);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fclose(file);
}

static bool is_there(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0;
}

static struct private_folder make(void)
{
	struct err err;
	struct private_folder folder;
	if (!private_folder_make(&folder, &err))
		fail_msg("%s", err.text);
	put_file(&folder);
	return folder;
}

static void remove_folder(struct private_folder *folder)
{
	char path[sizeof(folder->path)];
	snprintf(path, sizeof(path), "%s", folder->path);
	private_folder_remove(folder);
	assert_false(is_there(path));
}

static void test_of_the_living(void **state)
{
	(void)state;
	struct private_folder first = make();
	age(first.path);
	struct private_folder second = make();
	assert_true(is_there(first.path));
	assert_string_not_equal(first.path, second.path);
	remove_folder(&first);
	remove_folder(&second);
}

static void test_of_the_dead(void **state)
{
	(void)state;
	struct private_folder first = make();
	close(first.lock); /* as a process that is killed does */
	struct private_folder second = make();
	assert_true(is_there(first.path)); /* it may be about to be locked */
	age(first.path);
	struct private_folder third = make();
	assert_false(is_there(first.path));
	assert_true(is_there(second.path));
	remove_folder(&second);
	remove_folder(&third);
}

static void test_none(void **state)
{
	(void)state;
	struct err err;
	struct private_folder folder = {.lock = -1};
	private_folder_remove(&folder);
	assert_int_equal(setenv("TMPDIR", "/proc/self", 1), 0);
	assert_false(private_folder_make(&folder, &err));
	private_folder_remove(&folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of_the_living),
		cmocka_unit_test(test_of_the_dead),
		cmocka_unit_test(test_none),
	};
	if (!mkdtemp(parent) || setenv("TMPDIR", parent, 1) != 0)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	return rmdir(parent) == 0 ? failed : 1;
}
