/* Readiness: whether a rollback would succeed now. */
// links: switch
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "switch/readiness.h"

static const struct readiness_case {
	const char *name;
	struct readiness_input input;
	enum readiness readiness;
} cases[] = {
	{"nothing to undo", {.backends = 2, .up = 2}, READINESS_GONE},
	{"all up", {.undoable = true, .backends = 2, .up = 2}, READINESS_READY},
	{"one of two", {.undoable = true, .backends = 2, .up = 1}, READINESS_DEGRADED},
	{"not probed yet", {.undoable = true, .backends = 2, .unknown = 2}, READINESS_DEGRADED},
	{"none up", {.undoable = true, .backends = 2}, READINESS_GONE},
	{"no backends", {.undoable = true}, READINESS_GONE},
	{"changed since", {.undoable = true, .changed = true, .backends = 2, .up = 2}, READINESS_GONE},
	{"not flipped yet", {.undoable = true, .before_flip = true, .backends = 2}, READINESS_READY},
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char reason[256] = "";
		enum readiness readiness = readiness_of(&cases[i].input, reason, sizeof(reason));
		if (readiness != cases[i].readiness)
			fail_msg("%s: %s", cases[i].name, readiness_name(readiness));
		assert_int_not_equal(reason[0], '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
