/* The table of failures. Pure. */
#include "proxy/fail.h"

const struct fail_row *fail_row(enum fail fail)
{
	static const struct fail_row rows[FAIL_COUNT] = {
		[FAIL_none] = {"", 0, FAIL_KIND_none, FAIL_REPLAY_NEVER, false, "", ""},
#define FAIL(name, status, kind, replay, shield, proxy_status, text) \
	[FAIL_##name] = {#name, status, FAIL_KIND_##kind, FAIL_REPLAY_##replay, shield, proxy_status, text},
#include "proxy/fail.def"
#undef FAIL
	};
	return &rows[fail];
}

const char *fail_kind_name(enum fail_kind kind)
{
	static const char *const names[FAIL_KIND_COUNT] = {
		"none", "client_abort", "connect", "reset", "timeout", "truncated", "malformed", "unavailable", "cut"};
	return names[kind];
}
