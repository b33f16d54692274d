/* The command of an exclusive switch, split into its words. */
// links: base
#include "base/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/text.h"

static void test_good(void **state)
{
	static const struct {
		const char *text, *words; /* joined by | */
	} cases[] = {
		{"/bin/migrate", "/bin/migrate"},
		{"  /bin/migrate\t--to  12 \n", "/bin/migrate|--to|12"},
		{"sh -c 'a b; c | d > e $F'", "sh|-c|a b; c | d > e $F"},
		{"echo \"a b\" c\"d e\"f", "echo|a b|cd ef"},
		{"echo '' \"\"", "echo||"},
		{"echo \"it's\" 'say \"so\"'", "echo|it's|say \"so\""},
		{"echo a\\ b \\' \\\" \\\\ \\$HOME", "echo|a b|'|\"|\\|$HOME"},
		{"echo \"\\\" \\\\ \\$ \\n\"", "echo|\" \\ $ \\n"},
		{"echo '\\'", "echo|\\"},
		{"a=b *.sql ~ {x}", "a=b|*.sql|~|{x}"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err;
		struct text joined;
		char **words = words_split(cases[i].text, &err);
		if (!words)
			fail_msg("%s: %s", cases[i].text, err.text);
		text_init(&joined, SIZE_MAX);
		for (size_t k = 0; words && words[k]; k++)
			text_addf(&joined, "%s%s", k ? "|" : "", words[k]);
		assert_string_equal(joined.bytes, cases[i].words);
		text_fini(&joined);
		words_free(words);
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *text, *sentence; /* a part of it */
	} cases[] = {
		{"", "there is no word in it"},
		{" \t", "there is no word in it"},
		{"echo 'a", "a quote (') is not closed"},
		{"echo \"a", "a quote (\") is not closed"},
		{"echo \"a\\", "a quote (\") is not closed"},
		{"echo a\\", "a backslash stands at the end"},
		{"a | b", "'|' means something to a shell only"},
		{"a && b", "'&' means something to a shell only"},
		{"a; b", "';' means something to a shell only"},
		{"a >b", "'>' means something to a shell only"},
		{"a $HOME", "'$' means something to a shell only"},
		{"a \"$HOME\"", "'$' means something to a shell only"},
		{"a `b`", "'`' means something to a shell only"},
		{"a \"`b`\"", "'`' means something to a shell only"},
		{"(a)", "'(' means something to a shell only"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {""};
		char **words = words_split(cases[i].text, &err);
		if (words || !strstr(err.text, cases[i].sentence))
			fail_msg("%s: %s", cases[i].text, words ? "was split" : err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
