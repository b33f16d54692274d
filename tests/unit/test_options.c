/* The option parser and the words SERVICE and COLOR, by tables. */
// links: cli
#include "cli/options.h"
#include "cli/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/text.h"

#define ARGUMENTS_MAX 12
#define KEY_OF_32 "0123456789abcdef0123456789abcdef"
#define KEY_OF_128 KEY_OF_32 KEY_OF_32 KEY_OF_32 KEY_OF_32

static const struct option own[] = {
	{"reason", 0, OPTION_TEXT, "TEXT", "why"},
	{"file", 0, OPTION_PATH, "FILE", "which"},
	{"key", 0, OPTION_KEY, "KEY", "once"},
	{"force", 'f', OPTION_FLAG, NULL, "go on"},
	{"backend", 'b', OPTION_LIST, "ADDR", "where"},
	{"bake", 0, OPTION_DURATION, "TIME", "how long"},
	{"number", 'n', OPTION_NUMBER, "N", "how many"},
	{"expect-live", 0, OPTION_COLOR, "COLOR", "which"},
	{"steps", 0, OPTION_LATER, NULL, NULL},
	{0},
};
static const struct option shared[] = {
	{"json", 0, OPTION_FLAG, NULL, "JSON"},
	{0},
};
static const struct option *const tables[OPTIONS_TABLES] = {own, NULL, shared};

static bool parse(const char *const *arguments, struct options *options, struct err *err)
{
	int count = 0;
	while (arguments[count])
		count++;
	return options_parse(tables, count, (char *const *)arguments, options, err);
}

struct good {
	const char *name;
	const char *arguments[ARGUMENTS_MAX];
	const char *words; /* joined by spaces */
	const char *option, *text;
	uint64_t number;
	const char *list; /* joined by commas */
};

static void join_words(const struct options *options, char out[256])
{
	out[0] = '\0';
	for (size_t i = 0; i < options->word_count; i++) {
		strcat(out, i ? " " : "");
		strcat(out, options->words[i]);
	}
}

static void test_good(void **state)
{
	static const struct good cases[] = {
		{"nothing", {NULL}, "", NULL, NULL, 0, NULL},
		{"words", {"shop", "green", NULL}, "shop green", NULL, NULL, 0, NULL},
		{"value behind", {"--reason", "release 12", NULL}, "", "reason", "release 12", 0, NULL},
		{"value with equals", {"--reason=a=b", NULL}, "", "reason", "a=b", 0, NULL},
		{"options between words", {"shop", "--force", "green", NULL}, "shop green", "force", "", 0, NULL},
		{"options first", {"--json", "shop", NULL}, "shop", "json", "", 0, NULL},
		{"a flag does not eat the next word", {"--force", "green", NULL}, "green", "force", "", 0, NULL},
		{"list by commas", {"--backend", "a:1,b:2", NULL}, "", "backend", NULL, 0, "a:1,b:2"},
		{"list repeated", {"--backend", "a:1", "shop", "--backend=b:2,c:3", NULL}, "shop", "backend", NULL, 0, "a:1,b:2,c:3"},
		{"short list", {"-b", "a:1", "-bb:2", NULL}, "", "backend", NULL, 0, "a:1,b:2"},
		{"duration", {"--bake", "1m30s", NULL}, "", "bake", "1m30s", 90000, NULL},
		{"no duration at all", {"--bake", "0", NULL}, "", "bake", "0", 0, NULL},
		{"number", {"--number=7", NULL}, "", "number", "7", 7, NULL},
		{"short number", {"-n", "7", NULL}, "", "number", "7", 7, NULL},
		{"short number, joined", {"-n7", NULL}, "", "number", "7", 7, NULL},
		{"color", {"--expect-live", "green", NULL}, "", "expect-live", "green", 1, NULL},
		{"end of options", {"--", "--force", "-n", NULL}, "--force -n", NULL, NULL, 0, NULL},
		{"a single dash is a word", {"-", NULL}, "-", NULL, NULL, 0, NULL},
		{"a value that looks like an option", {"--reason=--force", NULL}, "", "reason", "--force", 0, NULL},
		{"UTF-8", {"--reason", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xa6\n", "\xe2\x82\xac", NULL}, "\xe2\x82\xac", "reason",
			"gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xa6\n", 0, NULL},
		{"a file of any name", {"--file", "caf\xe9", NULL}, "", "file", "caf\xe9", 0, NULL},
		{"a key", {"--key", "!build-17~", NULL}, "", "key", "!build-17~", 0, NULL},
		{"a long key", {"--key", KEY_OF_128, NULL}, "", "key", KEY_OF_128, 0, NULL},
		{"a value that begins with one dash", {"--reason", "-1", NULL}, "", "reason", "-1", 0, NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct good *test = &cases[i];
		struct options options;
		struct err err = {""};
		char words[256];
		print_message("%s\n", test->name);
		assert_true(parse(test->arguments, &options, &err));
		join_words(&options, words);
		assert_string_equal(words, test->words);
		if (test->option)
			assert_true(options_given(&options, test->option));
		if (test->text)
			assert_string_equal(options_text(&options, test->option), test->text);
		if (test->number)
			assert_int_equal(options_get(&options, test->option)->number, test->number);
		if (test->list) {
			char *list = options_join(&options, test->option);
			assert_string_equal(list, test->list);
			free(list);
		}
		options_fini(&options);
	}
}

struct bad {
	const char *name;
	const char *arguments[ARGUMENTS_MAX];
	const char *sentence; /* a part of it */
};

static void test_bad(void **state)
{
	static const struct bad cases[] = {
		{"unknown", {"--nonsense", NULL}, "unknown option --nonsense"},
		{"misspelt", {"--forse", NULL}, "did you mean --force?"},
		{"misspelt, of the other table", {"--jsno", NULL}, "did you mean --json?"},
		{"misspelt, with a value", {"--raeson=x", NULL}, "unknown option --raeson; did you mean --reason?"},
		{"unknown letter", {"-x", NULL}, "unknown option -x"},
		{"letters joined", {"-fn", NULL}, "unknown option -fn"},
		{"value missing at the end", {"--reason", NULL}, "--reason needs a value: --reason TEXT"},
		{"value missing before an option", {"--reason", "--force", NULL}, "--reason needs a value before --force"},
		{"empty value", {"--reason=", NULL}, "--reason is empty"},
		{"flag with a value", {"--force=yes", NULL}, "--force takes no value"},
		{"given twice", {"--reason", "a", "--reason", "b", NULL}, "--reason is given twice"},
		{"flag given twice", {"--force", "--force", NULL}, "--force is given twice"},
		{"empty item", {"--backend", "a:1,,b:2", NULL}, "--backend has an empty item"},
		{"empty last item", {"--backend", "a:1,", NULL}, "--backend has an empty item"},
		{"no duration", {"--bake", "soon", NULL}, "--bake wants a duration"},
		{"no number", {"-n", "many", NULL}, "--number wants a whole number"},
		{"number zero", {"-n", "0", NULL}, "--number wants a whole number from 1 on"},
		{"negative number", {"-n", "-3", NULL}, "--number wants a whole number"},
		{"no color", {"--expect-live", "red", NULL}, "--expect-live wants blue or green, not \"red\""},
		{"not in this version", {"--steps", "5,25", NULL}, "--steps is not supported by this version"},
		{"not in this version, with equals", {"--steps=5", NULL}, "--steps is not supported by this version"},
		{"no UTF-8", {"--reason", "caf\xe9", NULL}, "the value of --reason is not UTF-8"},
		{"no UTF-8 in a list", {"--backend=a:1,\xff", NULL}, "the value of --backend is not UTF-8"},
		{"no UTF-8 where a number is wanted", {"-n\xff", NULL}, "the value of --number is not UTF-8"},
		{"no UTF-8 in a word", {"shop", "gr\xfcn", NULL}, "word 2 is not UTF-8"},
		{"a surrogate", {"--reason", "\xed\xa0\x80", NULL}, "the value of --reason is not UTF-8"},
		{"a key that ends its line", {"--key", "a\r\nX: y", NULL}, "--key wants 1 to 128 visible ASCII characters"},
		{"a key of two words", {"--key", "a b", NULL}, "--key wants 1 to 128 visible ASCII characters"},
		{"a key with a letter of another alphabet", {"--key", "\xc3\xbc", NULL}, "--key wants 1 to 128 visible ASCII characters"},
		{"a key with DEL", {"--key", "a\x7f", NULL}, "--key wants 1 to 128 visible ASCII characters"},
		{"an empty key", {"--key=", NULL}, "--key wants 1 to 128 visible ASCII characters"},
		{"a key that is too long", {"--key", KEY_OF_128 "x", NULL}, "--key wants 1 to 128 visible ASCII characters"},
		{"too many words", {"1", "2", "3", "4", "5", "6", "7", "8", "9", NULL}, "too many words, from \"9\" on"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct options options;
		struct err err = {""};
		print_message("%s\n", cases[i].name);
		assert_false(parse(cases[i].arguments, &options, &err));
		if (!strstr(err.text, cases[i].sentence))
			fail_msg("\"%s\" does not say \"%s\"", err.text, cases[i].sentence);
		options_fini(&options);
	}
}

static void test_help(void **state)
{
	struct options options;
	struct err err;
	struct text rows;
	(void)state;
	assert_true(parse((const char *const[]){"--nonsense", "--help", NULL}, &options, &err));
	assert_true(options.help);
	options_fini(&options);
	assert_true(parse((const char *const[]){"--", "-h", NULL}, &options, &err));
	assert_false(options.help);
	options_fini(&options);
	text_init(&rows, 4096);
	options_describe(tables, &rows);
	assert_non_null(strstr(rows.bytes, "  -b, --backend ADDR,...   where\n"));
	assert_non_null(strstr(rows.bytes, "      --reason TEXT        why\n"));
	assert_null(strstr(rows.bytes, "steps"));
	text_fini(&rows);
}

struct words {
	const char *name;
	enum target_words wanted;
	const char *words[4];
	const char *service;
	int color;            /* -1: none */
	const char *sentence; /* NULL: it is right */
};

static void test_words(void **state)
{
	static const struct words cases[] = {
		{"nothing", TARGET_SERVICE_COLOR, {NULL}, NULL, -1, NULL},
		{"service", TARGET_SERVICE_COLOR, {"shop", NULL}, "shop", -1, NULL},
		{"color", TARGET_SERVICE_COLOR, {"green", NULL}, NULL, COLOR_GREEN, NULL},
		{"both", TARGET_SERVICE_COLOR, {"shop", "blue", NULL}, "shop", COLOR_BLUE, NULL},
		{"the other way round", TARGET_SERVICE_COLOR, {"blue", "shop", NULL}, "shop", COLOR_BLUE, NULL},
		{"two services", TARGET_SERVICE_COLOR, {"shop", "api", NULL}, NULL, -1, "one service is enough: \"shop\" and \"api\""},
		{"two colors", TARGET_SERVICE_COLOR, {"blue", "green", NULL}, NULL, -1, "one color is enough"},
		{"a color where none is wanted", TARGET_SERVICE, {"blue", NULL}, NULL, -1, "takes no color"},
		{"a word where none is wanted", TARGET_NOTHING, {"shop", NULL}, NULL, -1, "takes no words"},
		{"an empty word", TARGET_SERVICE, {"", NULL}, NULL, -1, "empty"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct words *test = &cases[i];
		struct target target;
		struct err err = {""};
		size_t count = 0;
		while (test->words[count])
			count++;
		print_message("%s\n", test->name);
		bool ok = target_read(test->words, count, test->wanted, &target, &err);
		if (test->sentence) {
			assert_false(ok);
			assert_non_null(strstr(err.text, test->sentence));
			continue;
		}
		assert_true(ok);
		assert_int_equal(target.service != NULL, test->service != NULL);
		if (test->service)
			assert_string_equal(target.service, test->service);
		assert_int_equal(target.has_color ? (int)target.color : -1, test->color);
	}
}

static void test_names(void **state)
{
	static const char *const one[] = {"shop", NULL}, *const two[] = {"shop", "api", NULL}, *const none[] = {NULL};
	const char *service = NULL;
	struct err err = {""};
	(void)state;
	assert_true(target_choose(one, &service, &err));
	assert_string_equal(service, "shop");
	assert_false(target_choose(two, &service, &err));
	assert_non_null(strstr(err.text, "shop, api"));
	assert_false(target_choose(none, &service, &err));
	target_unknown("shpo", two, &err);
	assert_string_equal(err.text, "no service is called \"shpo\"; did you mean shop? There is: shop, api");
	target_unknown("gren", two, &err);
	assert_string_equal(err.text, "no service is called \"gren\"; did you mean the color green? There is: shop, api");
	target_unknown("warehouse", two, &err);
	assert_string_equal(err.text, "no service is called \"warehouse\"; there is: shop, api");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
