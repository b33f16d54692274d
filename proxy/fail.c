/* The table of failures. Pure. */
#include "proxy/fail.h"

const struct fail_row *fail_row(enum fail fail)
{
	static const struct fail_row rows[FAIL_COUNT] = {
		[FAIL_none] = {"", 0, FAIL_REPLAY_NEVER, false, "", ""},
#define FAIL(name, status, replay, shield, proxy_status, text) [FAIL_##name] = {#name, status, FAIL_REPLAY_##replay, shield, proxy_status, text},
#include "proxy/fail.def"
#undef FAIL
	};
	return &rows[fail];
}
