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
	const char *reason;
} cases[] = {
	{"nothing to undo", {.backends = 2, .up = 2}, READINESS_GONE, "there is no deployment to undo"},
	{"all up", {.undoable = true, .backends = 2, .up = 2}, READINESS_READY, "every backend of blue is up (2)"},
	{"all up, of no version", {.undoable = true, .backends = 1, .up = 1, .version = ""}, READINESS_READY, "every backend of blue is up (1)"},
	{"all up, just seen", {.undoable = true, .backends = 2, .up = 2, .version = "a1b2c3d", .seen = true, .seen_ms = 420}, READINESS_READY,
		"every backend of blue (a1b2c3d) is up (2), last seen 0.4 s ago"},
	{"all up, seen long ago", {.undoable = true, .backends = 2, .up = 2, .seen = true, .seen_ms = 150000}, READINESS_READY,
		"every backend of blue is up (2), last seen 2 min ago"},
	{"one of two", {.undoable = true, .target = COLOR_GREEN, .backends = 2, .up = 1, .version = "7", .seen = true}, READINESS_DEGRADED,
		"1 of 2 backends of green (7) is up, last seen 0.0 s ago"},
	{"not probed yet", {.undoable = true, .backends = 2, .unknown = 2}, READINESS_DEGRADED, "0 of 2 backends of blue are up, some are not probed yet"},
	{"all up, and no way there", {.undoable = true, .backends = 2, .up = 2, .fault = "Route 53 does not answer"}, READINESS_DEGRADED,
		"every backend of blue is up (2), but the way back is not: Route 53 does not answer"},
	{"one of two, and no way there", {.undoable = true, .backends = 2, .up = 1, .fault = "Route 53 does not answer"}, READINESS_DEGRADED,
		"1 of 2 backends of blue is up"},
	{"not flipped yet, and no way there", {.undoable = true, .before_flip = true, .backends = 2, .fault = "no"}, READINESS_READY,
		"nothing has been switched yet"},
	{"none up", {.undoable = true, .backends = 2, .version = "7", .seen = true}, READINESS_GONE, "no backend of blue (7) is up"},
	{"no backends", {.undoable = true}, READINESS_GONE, "blue has no backends"},
	{"changed since", {.undoable = true, .changed = true, .backends = 2, .up = 2}, READINESS_GONE,
		"blue has another version or other backends than when it was live"},
	{"not flipped yet", {.undoable = true, .before_flip = true, .backends = 2}, READINESS_READY, "nothing has been switched yet"},
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char reason[256] = "";
		enum readiness readiness = readiness_of(&cases[i].input, reason, sizeof(reason));
		if (readiness != cases[i].readiness)
			fail_msg("%s: %s", cases[i].name, readiness_name(readiness));
		assert_string_equal(reason, cases[i].reason);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
