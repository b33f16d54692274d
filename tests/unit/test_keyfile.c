/* A key in a file: made once, read afterwards, made anew where it is no key. */
// links: base
#include "tests/unit/scratch.h"

#include "base/keyfile.h"

#define SIZE 32

static void take(struct scratch *scratch, uint8_t *key)
{
	struct err err;
	if (keyfile_take(scratch->path, "a.key", key, SIZE, &err) != KEYFILE_KEPT)
		fail_msg("%s", err.text);
}

static void it_is_made_once(void **state)
{
	uint8_t first[SIZE], second[SIZE];
	struct stat found;
	take(*state, first);
	take(*state, second);
	assert_memory_equal(first, second, SIZE);
	assert_int_equal(stat(scratch_name(*state, "a.key"), &found), 0);
	assert_int_equal(found.st_mode & 07777, 0600);
	assert_int_equal(found.st_size, SIZE);
	assert_int_not_equal(access(scratch_name(*state, "a.key.new"), F_OK), 0);
}

static void each_is_another(void **state)
{
	uint8_t first[SIZE], second[SIZE];
	take(*state, first);
	scratch_remove(*state, "a.key");
	take(*state, second);
	assert_memory_not_equal(first, second, SIZE);
}

/* What a full disk or somebody else may have left. */
static void expect_replaced(struct scratch *scratch, const char *sentence)
{
	uint8_t first[SIZE], second[SIZE];
	struct stat found;
	struct err err;
	assert_int_equal(keyfile_take(scratch->path, "a.key", first, SIZE, &err), KEYFILE_REPLACED);
	assert_non_null(strstr(err.text, sentence));
	take(scratch, second);
	assert_memory_equal(first, second, SIZE);
	assert_int_equal(stat(scratch_name(scratch, "a.key"), &found), 0);
	assert_int_equal(found.st_mode & 07777, 0600);
	scratch_remove(scratch, "a.key");
}

static void what_is_no_key_is_replaced(void **state)
{
	static const char *const texts[] = {"", "short", "much longer than a key of thirty-two bytes"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char sentence[64];
		snprintf(sentence, sizeof(sentence), "/a.key was %zu bytes long, which no key is, ", strlen(texts[i]));
		scratch_rewrite(*state, "a.key", texts[i]);
		scratch_rewrite(*state, "a.key.new", "left behind");
		expect_replaced(*state, sentence);
	}
	assert_int_equal(mkfifo(scratch_name(*state, "a.key"), 0600), 0);
	expect_replaced(*state, "/a.key was no regular file, ");
}

/* A key is there all the same, and no other each time for want of trying. */
static void where_none_can_be_kept_it_says_so(void **state)
{
	uint8_t first[SIZE] = {0}, second[SIZE] = {0};
	struct err err;
	assert_int_equal(keyfile_take(scratch_name(*state, "missing"), "a.key", first, SIZE, &err), KEYFILE_UNKEPT);
	assert_non_null(strstr(err.text, "missing/a.key"));
	scratch_folder(*state, "a.key");
	assert_int_equal(keyfile_take(((struct scratch *)*state)->path, "a.key", second, SIZE, &err), KEYFILE_UNKEPT);
	assert_non_null(strstr(err.text, "/a.key"));
	assert_memory_not_equal(first, second, SIZE);
}

/* Somebody may have read it, or written it. What the new one is like is as if there had been none. */
static void one_that_others_could_use_is_replaced(void **state)
{
	static const unsigned modes[] = {0601, 0602, 0604, 0610, 0620, 0640, 0644, 0666, 0777};
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		uint8_t first[SIZE], second[SIZE], third[SIZE];
		char mode[32];
		struct err err;
		struct stat found;
		take(*state, first);
		assert_int_equal(chmod(scratch_name(*state, "a.key"), modes[i]), 0);
		assert_int_equal(keyfile_take(((struct scratch *)*state)->path, "a.key", second, SIZE, &err), KEYFILE_REPLACED);
		snprintf(mode, sizeof(mode), "/a.key (mode %04o), ", modes[i]);
		assert_non_null(strstr(err.text, mode));
		assert_memory_not_equal(first, second, SIZE);
		assert_int_equal(stat(scratch_name(*state, "a.key"), &found), 0);
		assert_int_equal(found.st_mode & 07777, 0600);
		take(*state, third);
		assert_memory_equal(second, third, SIZE);
	}
}

static void rights_of_the_owner_alone_are_well(void **state)
{
	static const unsigned modes[] = {0400, 0600, 0700};
	uint8_t first[SIZE], second[SIZE];
	take(*state, first);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(scratch_name(*state, "a.key"), modes[i]), 0);
		take(*state, second);
		assert_memory_equal(first, second, SIZE);
	}
}

static void expect_checked(struct scratch *scratch, const char *name, const char *sentence)
{
	struct err err = {.text = ""};
	int fd = open(scratch_name(scratch, name), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	bool good = keyfile_check(fd, "the key", "/a/path", &err);
	close(fd);
	assert_string_equal(err.text, sentence);
	assert_true(good == !sentence[0]);
}

static void a_secret_is_its_owners(void **state)
{
	static const struct row {
		unsigned mode;
		const char *sentence;
	} rows[] = {
		{0600, ""},
		{0400, ""},
		{0640, "the key /a/path may be used by others than its owner (mode 0640): chmod 600 it"},
		{0602, "the key /a/path may be used by others than its owner (mode 0602): chmod 600 it"},
		{0777, "the key /a/path may be used by others than its owner (mode 0777): chmod 600 it"},
	};
	scratch_rewrite(*state, "secret", "x");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(chmod(scratch_name(*state, "secret"), rows[i].mode), 0);
		expect_checked(*state, "secret", rows[i].sentence);
	}
	scratch_folder(*state, "folder");
	expect_checked(*state, "folder", "the key /a/path is no regular file");
}

/* Only where the tests run as root: no other user can have such a file made. The rights of the process are looked at when the file is open. */
static void a_secret_of_roots_may_be_a_groups(void **state)
{
	static const struct row {
		unsigned mode;
		const char *sentence;
	} rows[] = {
		{0640, ""},
		{0440, ""},
		{0660, "the key /a/path may be used by others than its owner (mode 0660): chmod 640 it"},
		{0644, "the key /a/path may be used by others than its owner (mode 0644): chmod 640 it"},
	};
	if (geteuid() != 0)
		skip();
	scratch_rewrite(*state, "secret", "x");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = {.text = ""};
		assert_int_equal(chmod(scratch_name(*state, "secret"), rows[i].mode), 0);
		int fd = open(scratch_name(*state, "secret"), O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		assert_int_equal(seteuid(65534), 0);
		bool good = keyfile_check(fd, "the key", "/a/path", &err);
		assert_int_equal(seteuid(0), 0);
		close(fd);
		assert_string_equal(err.text, rows[i].sentence);
		assert_true(good == !rows[i].sentence[0]);
	}
}

static void no_descriptor_is_left(void **state)
{
	uint8_t key[SIZE];
	struct err err;
	unsigned before = scratch_count_descriptors();
	take(*state, key);
	take(*state, key);
	assert_int_equal(keyfile_take(scratch_name(*state, "missing"), "a.key", key, SIZE, &err), KEYFILE_UNKEPT);
	assert_int_equal(scratch_count_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_made_once, scratch_set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(each_is_another, scratch_set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_key_is_replaced, scratch_set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(where_none_can_be_kept_it_says_so, scratch_set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(one_that_others_could_use_is_replaced, scratch_set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(rights_of_the_owner_alone_are_well, scratch_set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(a_secret_is_its_owners, scratch_set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(a_secret_of_roots_may_be_a_groups, scratch_set_up, scratch_tear_down),
		cmocka_unit_test_setup_teardown(no_descriptor_is_left, scratch_set_up, scratch_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
