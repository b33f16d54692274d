/* One followed file: what counts of it, truncation in all its forms, what is refused. Without threads: each look is a call. */
// links: probe
#include "tests/unit/scratch.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "probe/logfile.h"

struct heard {
	char text[2048]; /* each line with a | behind */
	uint64_t lines, skipped;
};

static void on_line(void *arg, const char *line, size_t length)
{
	struct heard *heard = arg;
	size_t used = strlen(heard->text);
	heard->lines++;
	if (used + length + 2 < sizeof(heard->text))
		snprintf(heard->text + used, sizeof(heard->text) - used, "%.*s|", (int)length, line);
}

static const struct timespec always = {0, 0};

static struct logfile *follow(struct scratch *scratch, const char *name, const struct timespec *since)
{
	struct err err;
	struct logfile *file = logfile_open(scratch_name(scratch, name), since, &err);
	if (!file)
		fail_msg("%s", err.text);
	return file;
}

static void read_all(struct logfile *file, struct heard *heard)
{
	static char buffer[LOGFILE_SLICE + LOGFILE_TAIL];
	unsigned looks = 0;
	heard->text[0] = '\0';
	while (logfile_read(file, buffer, on_line, heard, &heard->skipped) == LOGFILE_GREW)
		assert_true(++looks < 100000);
}

static void expect_lines(struct logfile *file, const char *lines)
{
	struct heard heard = {.lines = 0};
	read_all(file, &heard);
	assert_string_equal(heard.text, lines);
}

static void test_growing(void **state)
{
	scratch_append(*state, "log", "old\nhalf a ");
	struct logfile *file = follow(*state, "log", NULL);
	expect_lines(file, "");
	scratch_append(*state, "log", "line\nnew\nbeg");
	expect_lines(file, "new|");
	scratch_append(*state, "log", "un");
	expect_lines(file, "");
	scratch_append(*state, "log", "\n\n");
	expect_lines(file, "begun||");
	logfile_close(file);
}

static void test_where_a_file_begins_to_count(void **state)
{
	struct timespec later;
	scratch_append(*state, "log", "one\n");
	scratch_pass_tick();
	later = scratch_stamp();
	scratch_append(*state, "log", "two\n");
	struct logfile *file = follow(*state, "log", &always);
	expect_lines(file, "one|two|");
	logfile_close(file);
	file = follow(*state, "log", &later);
	scratch_append(*state, "log", "three\n");
	expect_lines(file, scratch_knows_births(*state) ? "three|" : "one|two|three|");
	logfile_close(file);
	scratch_append(*state, "younger", "four\n");
	file = follow(*state, "younger", &later);
	expect_lines(file, "four|");
	logfile_close(file);
}

static void test_truncated_and_shorter(void **state)
{
	scratch_append(*state, "log", "a long line before\n");
	struct logfile *file = follow(*state, "log", NULL);
	scratch_append(*state, "log", "one\nunfinished");
	expect_lines(file, "one|");
	scratch_rewrite(*state, "log", "two\n");
	expect_lines(file, "unfinished|two|");
	scratch_rewrite(*state, "log", "");
	expect_lines(file, "");
	scratch_append(*state, "log", "three\n");
	expect_lines(file, "three|");
	logfile_close(file);
}

/* The writer was faster than the look: the size tells nothing. */
static void test_truncated_and_as_long_or_longer(void **state)
{
	static const struct {
		const char *name, *before, *after, *lines;
	} cases[] = {
		{"longer", "12:00 one\n", "12:01 one\n12:02 two\n", "12:01 one|12:02 two|"},
		{"as long", "12:00 one\n", "12:01 one\n", "12:01 one|"},
		{"as long, then the next line", "12:00 one\n", "12:01 one\n12:02", "12:01 one|"},
		{"longer by a byte", "a\n", "bb\n", "bb|"},
		{"longer than what is compared", "0123456789012345678901234567890123456789\n0123456789012345678901234567890123456789\n",
			"0123456789012345678901234567890123456789\n0123456789012345678901234567890123456780\nx\n",
			"0123456789012345678901234567890123456789|0123456789012345678901234567890123456780|x|"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		scratch_rewrite(*state, "log", cases[i].before);
		struct logfile *file = follow(*state, "log", NULL);
		expect_lines(file, "");
		scratch_pass_tick();
		scratch_rewrite(*state, "log", cases[i].after);
		print_message("%s\n", cases[i].name);
		expect_lines(file, cases[i].lines);
		logfile_close(file);
	}
}

/* Untouched files and touched ones give nothing anew. */
static void test_touched(void **state)
{
	static const struct timespec times[2] = {{1000, 0}, {1000, 0}};
	scratch_append(*state, "log", "one\n");
	struct logfile *file = follow(*state, "log", &always);
	expect_lines(file, "one|");
	assert_int_equal(utimensat(AT_FDCWD, scratch_name(*state, "log"), times, 0), 0);
	expect_lines(file, "");
	assert_int_equal(chmod(scratch_name(*state, "log"), 0600), 0);
	expect_lines(file, "");
	logfile_close(file);
}

/* A writer that does not append goes on where it was, behind a hole of 10 GB. */
static void test_hole_behind_a_truncation(void **state)
{
	int writer = open(scratch_name(*state, "log"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	struct heard heard = {.lines = 0};
	assert_int_equal(pwrite(writer, "before\n", 7, 10000000000), 7);
	struct logfile *file = follow(*state, "log", NULL);
	assert_int_equal(ftruncate(writer, 0), 0);
	assert_int_equal(pwrite(writer, "after\n", 6, 10000000007), 6);
	read_all(file, &heard);
	assert_string_equal(heard.text, "after|");
	assert_int_equal(heard.skipped, 0);
	logfile_close(file);
	close(writer);
}

static void test_renamed_and_removed(void **state)
{
	scratch_append(*state, "log", "old\n");
	struct logfile *file = follow(*state, "log", NULL);
	scratch_rename(*state, "log", "log.1");
	scratch_append(*state, "log", "another file\n");
	scratch_append(*state, "log.1", "still\n");
	expect_lines(file, "still|");
	int writer = open(scratch_name(*state, "log.1"), O_WRONLY | O_APPEND | O_CLOEXEC);
	scratch_remove(*state, "log.1");
	assert_int_equal(write(writer, "and still\n", 10), 10);
	close(writer);
	expect_lines(file, "and still|");
	logfile_close(file);
}

/* More than is ever read goes by; the next whole line counts again. */
static void test_too_far_behind(void **state)
{
	struct heard heard = {.lines = 0};
	scratch_append(*state, "log", "old\n");
	struct logfile *file = follow(*state, "log", NULL);
	assert_int_equal(truncate(scratch_name(*state, "log"), (off_t)LOGFILE_BEHIND_MAX + 5), 0);
	read_all(file, &heard);
	assert_int_equal(heard.skipped, LOGFILE_BEHIND_MAX + 1);
	assert_int_equal(heard.lines, 0);
	scratch_append(*state, "log", "rest of a line\nnext\n");
	read_all(file, &heard);
	assert_string_equal(heard.text, "next|");
	assert_int_equal(heard.skipped, LOGFILE_BEHIND_MAX + 1);
	logfile_close(file);
}

static void test_long_reading(void **state)
{
	struct heard heard = {.lines = 0};
	char *bytes = malloc(1000000);
	for (size_t i = 0; i < 1000000; i++)
		bytes[i] = i % 100 == 99 ? '\n' : (char)('a' + i % 17);
	scratch_append(*state, "log", "");
	struct logfile *file = follow(*state, "log", NULL);
	scratch_put(*state, "log", O_APPEND, bytes, 1000000);
	read_all(file, &heard);
	assert_int_equal(heard.lines, 10000);
	logfile_close(file);
	free(bytes);
}

static void make_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

static void test_refused(void **state)
{
	unsigned descriptors = scratch_count_descriptors();
	scratch_folder(*state, "folder");
	assert_int_equal(mkfifo(scratch_name(*state, "fifo"), 0600), 0);
	make_socket(scratch_name(*state, "socket"));
	scratch_link(*state, "nowhere", "link");
	scratch_link(*state, "loop", "loop");
	scratch_link(*state, "/dev/zero", "zero");
	static const struct {
		const char *name, *sentence;
	} cases[] = {
		{"missing", "/missing: No such file or directory"},
		{"missing/log", "/missing/log: No such file or directory"},
		{"folder", "/folder is a directory; only regular files can be followed"},
		{"fifo", "/fifo is a FIFO"},
		{"socket", "/socket is a socket"},
		{"zero", "/zero is a device"},
		{"link", "/link: No such file or directory"},
		{"loop", "/loop: Too many levels of symbolic links"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {""};
		assert_null(logfile_open(scratch_name(*state, cases[i].name), NULL, &err));
		if (!strstr(err.text, cases[i].sentence))
			fail_msg("%s: %s", cases[i].name, err.text);
	}
	assert_int_equal(scratch_count_descriptors(), descriptors);
}

static void test_descriptor_is_not_passed_on(void **state)
{
	scratch_append(*state, "log", "");
	struct logfile *file = follow(*state, "log", NULL);
	assert_true(fcntl(file->fd, F_GETFD) & FD_CLOEXEC);
	logfile_close(file);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_set_up, scratch_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCRATCH(test_growing),
		IN_SCRATCH(test_where_a_file_begins_to_count),
		IN_SCRATCH(test_truncated_and_shorter),
		IN_SCRATCH(test_truncated_and_as_long_or_longer),
		IN_SCRATCH(test_touched),
		IN_SCRATCH(test_hole_behind_a_truncation),
		IN_SCRATCH(test_renamed_and_removed),
		IN_SCRATCH(test_too_far_behind),
		IN_SCRATCH(test_long_reading),
		IN_SCRATCH(test_refused),
		IN_SCRATCH(test_descriptor_is_not_passed_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
