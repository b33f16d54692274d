/* A compiled pattern with all that matching needs, so that a match allocates nothing. Any thread, one at a time. Keeps no captures. */
#include "base/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* For one line. The JIT counts fewer steps than the interpreter for the same work; depth and heap bind the interpreter alone. */
#define STEPS_MAX 100000u
#define DEPTH_MAX 20000u
#define HEAP_MAX_KIB 8192u
#define JIT_STACK_MIN ((size_t)32 * 1024)
#define JIT_STACK_MAX ((size_t)512 * 1024)

struct pattern {
	pcre2_code *code;
	pcre2_match_context *context;
	pcre2_match_data *match;
	pcre2_jit_stack *stack; /* NULL: the interpreter matches */
};

static pcre2_code *compile(const char *text, struct err *err)
{
	int error;
	PCRE2_SIZE offset;
	if (text[0] == '\0') {
		err_set(err, "the pattern is empty, so every line would match");
		return NULL;
	}
	if (strlen(text) > PATTERN_LENGTH_MAX) {
		err_set(err, "the pattern has %zu bytes; at most %zu are possible", strlen(text), PATTERN_LENGTH_MAX);
		return NULL;
	}
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PCRE2_NEVER_UTF | PCRE2_NEVER_UCP, &error, &offset, NULL);
	if (!code) {
		PCRE2_UCHAR reason[256];
		pcre2_get_error_message(error, reason, sizeof(reason));
		err_set(err, "the pattern is faulty at byte %zu, after \"%.*s\": %s", offset + 1, (int)offset, text, (const char *)reason);
	}
	return code;
}

static void take_limits(struct pattern *pattern)
{
	pattern->context = pcre2_match_context_create(NULL);
	pattern->match = pcre2_match_data_create(1, NULL);
	assert(pattern->context && pattern->match);
	pcre2_set_match_limit(pattern->context, STEPS_MAX);
	pcre2_set_depth_limit(pattern->context, DEPTH_MAX);
	pcre2_set_heap_limit(pattern->context, HEAP_MAX_KIB);
}

/* Where memory may not be made executable this fails, and the interpreter serves. */
static void compile_further(struct pattern *pattern)
{
	if (pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE) != 0)
		return;
	pattern->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
	if (pattern->stack)
		pcre2_jit_stack_assign(pattern->context, NULL, pattern->stack);
}

/* As "error|" does, by a mistake that is easily made. No line of a log is like the second one. */
static bool matches_everything(struct pattern *pattern)
{
	char odd[64];
	size_t at;
	memset(odd, 1, sizeof(odd));
	return pattern_find(pattern, "", 0, &at) == PATTERN_FOUND && pattern_find(pattern, odd, sizeof(odd), &at) == PATTERN_FOUND;
}

struct pattern *pattern_new(const char *text, struct err *err)
{
	pcre2_code *code = compile(text, err);
	if (!code)
		return NULL;
	struct pattern *pattern = memory_new(sizeof(*pattern));
	pattern->code = code;
	take_limits(pattern);
	compile_further(pattern);
	if (matches_everything(pattern)) {
		err_set(err, "the pattern \"%s\" matches every line, even an empty one", text);
		pattern_free(pattern);
		return NULL;
	}
	return pattern;
}

void pattern_free(struct pattern *pattern)
{
	if (!pattern)
		return;
	pcre2_match_data_free(pattern->match);
	pcre2_match_context_free(pattern->context);
	pcre2_jit_stack_free(pattern->stack);
	pcre2_code_free(pattern->code);
	free(pattern);
}

bool pattern_check(const char *text, struct err *err)
{
	struct pattern *pattern = pattern_new(text, err);
	pattern_free(pattern);
	return pattern != NULL;
}

enum pattern_result pattern_find(struct pattern *pattern, const char *line, size_t length, size_t *at)
{
	int result = pcre2_match(pattern->code, (PCRE2_SPTR)line, length, 0, 0, pattern->match, pattern->context);
	if (result == PCRE2_ERROR_NOMATCH)
		return PATTERN_ABSENT;
	if (result < 0)
		return PATTERN_GAVE_UP;
	*at = pcre2_get_ovector_pointer(pattern->match)[0]; /* with one pair, 0 is a match with captures that were not kept */
	return PATTERN_FOUND;
}
