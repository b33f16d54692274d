/* Challenges of ACME: which requests ask for one, and what of a folder is given. */
// links: proxy
#include "tests/unit/scratch.h"

#include "proxy/challenge.h"

#define FOLDER ".well-known/acme-challenge/"
#define WELL_KNOWN "/" FOLDER
#define LONG_64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* The request as text lives until the next one. */
static void read_request(const char *method, const char *target, struct head *head)
{
	static char text[4096];
	struct head_limits limits = {sizeof(text), HEAD_FIELDS_MAX};
	enum fail fail = FAIL_none;
	int length = snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: a\r\n\r\n", method, target);
	if (head_parse_request(text, (size_t)length, 0, &limits, head, &fail) != HEAD_DONE)
		fail_msg("%s: %s", target, fail_row(fail)->name);
}

static void some_requests_ask_for_one(void **state)
{
	(void)state;
	static const struct {
		const char *method, *target;
		bool asks;
	} cases[] = {
		{"GET", WELL_KNOWN "abc", true},
		{"HEAD", WELL_KNOWN "abc", true},
		{"GET", "http://a" WELL_KNOWN "abc", true},
		{"GET", WELL_KNOWN, true},
		{"GET", WELL_KNOWN "a/b?c", true},
		{"POST", WELL_KNOWN "abc", false},
		{"OPTIONS", WELL_KNOWN "abc", false},
		{"GET", "/.well-known/acme-challenge", false},
		{"GET", "/.well-known/acme-challenges/abc", false},
		{"GET", "/.Well-Known/acme-challenge/abc", false},
		{"GET", "/x/.well-known/acme-challenge/abc", false},
		{"GET", "/", false},
		{"OPTIONS", "*", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static struct head head;
		read_request(cases[i].method, cases[i].target, &head);
		if (challenge_is_asked(&head) != cases[i].asks)
			fail_msg("%s %s", cases[i].method, cases[i].target);
	}
}

static size_t ask(struct scratch *scratch, const char *target, char out[CHALLENGE_SIZE_MAX])
{
	static struct head head;
	read_request("GET", target, &head);
	assert_true(challenge_is_asked(&head));
	return challenge_read(scratch->path, &head, out);
}

static void a_challenge_is_given(void **state)
{
	struct scratch *scratch = *state;
	char out[CHALLENGE_SIZE_MAX];
	scratch_put(scratch, FOLDER "Az09-_", O_TRUNC, "key.thumb\n", 10);
	assert_int_equal(ask(scratch, WELL_KNOWN "Az09-_", out), 10);
	assert_memory_equal(out, "key.thumb\n", 10);
	assert_int_equal(ask(scratch, "http://other" WELL_KNOWN "Az09-_", out), 10);
	char longest[256];
	snprintf(longest, sizeof(longest), "%s/" FOLDER LONG_64 LONG_64, scratch->path);
	assert_int_equal(link(scratch_name(scratch, FOLDER "Az09-_"), longest), 0);
	assert_int_equal(ask(scratch, WELL_KNOWN LONG_64 LONG_64, out), 10);
}

static void up_to_4_kib_of_it(void **state)
{
	struct scratch *scratch = *state;
	static char bytes[CHALLENGE_SIZE_MAX + 1];
	char out[CHALLENGE_SIZE_MAX];
	memset(bytes, 'a', sizeof(bytes));
	bytes[CHALLENGE_SIZE_MAX - 1] = 'z';
	scratch_put(scratch, FOLDER "most", O_TRUNC, bytes, CHALLENGE_SIZE_MAX);
	scratch_put(scratch, FOLDER "more", O_TRUNC, bytes, CHALLENGE_SIZE_MAX + 1);
	scratch_put(scratch, FOLDER "none", O_TRUNC, bytes, 0);
	assert_int_equal(ask(scratch, WELL_KNOWN "most", out), CHALLENGE_SIZE_MAX);
	assert_memory_equal(out, bytes, CHALLENGE_SIZE_MAX);
	assert_int_equal(ask(scratch, WELL_KNOWN "more", out), 0);
	assert_int_equal(ask(scratch, WELL_KNOWN "none", out), 0);
}

/* What a path may try; `secret` lies in the webroot, `fine` where challenges lie. */
static const char too_long[] = LONG_64 LONG_64 "a";
static const char *const outside[] = {
	"",
	"missing",
	".",
	"..",
	"../../secret",
	"..%2f..%2fsecret",
	"%2e%2e/secret",
	"./fine",
	"fine/",
	"fine?a",
	"fine%00",
	"fin%65",
	"fine.txt",
	"fine~",
	too_long,
};

static void nothing_else_is_given(void **state)
{
	struct scratch *scratch = *state;
	scratch_put(scratch, FOLDER "fine", O_TRUNC, "fine", 4);
	scratch_put(scratch, FOLDER "fine.txt", O_TRUNC, "text", 4);
	scratch_put(scratch, "secret", O_TRUNC, "secret", 6);
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		char target[512], out[CHALLENGE_SIZE_MAX];
		snprintf(target, sizeof(target), WELL_KNOWN "%s", outside[i]);
		if (ask(scratch, target, out) != 0)
			fail_msg("%s", target);
	}
}

static void neither_links_nor_other_kinds_of_files(void **state)
{
	struct scratch *scratch = *state;
	char out[CHALLENGE_SIZE_MAX];
	scratch_put(scratch, "secret", O_TRUNC, "secret", 6);
	assert_int_equal(symlink("../../secret", scratch_name(scratch, FOLDER "link")), 0);
	assert_int_equal(mkfifo(scratch_name(scratch, FOLDER "pipe"), 0600), 0);
	scratch_folder(scratch, FOLDER "folder");
	assert_int_equal(ask(scratch, WELL_KNOWN "link", out), 0);
	assert_int_equal(ask(scratch, WELL_KNOWN "pipe", out), 0);
	assert_int_equal(ask(scratch, WELL_KNOWN "folder", out), 0);
}

static void a_webroot_that_is_missing_or_too_long_has_none(void **state)
{
	(void)state;
	static struct head head;
	static char longest[8192];
	char out[CHALLENGE_SIZE_MAX];
	read_request("GET", WELL_KNOWN "fine", &head);
	assert_int_equal(challenge_read("/nowhere/at/all", &head, out), 0);
	memset(longest, '/', sizeof(longest) - 1);
	assert_int_equal(challenge_read(longest, &head, out), 0);
}

static int set_up(void **state)
{
	scratch_set_up(state);
	scratch_folder(*state, ".well-known");
	scratch_folder(*state, ".well-known/acme-challenge");
	return 0;
}

#define in_a_folder(function) cmocka_unit_test_setup_teardown(function, set_up, scratch_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(some_requests_ask_for_one),
		in_a_folder(a_challenge_is_given),
		in_a_folder(up_to_4_kib_of_it),
		in_a_folder(nothing_else_is_given),
		in_a_folder(neither_links_nor_other_kinds_of_files),
		cmocka_unit_test(a_webroot_that_is_missing_or_too_long_has_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
