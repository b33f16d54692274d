/* The peer's problem, as one number: see fail.def. Pure; any thread. */
#ifndef TEAL_PROXY_FAIL_H
#define TEAL_PROXY_FAIL_H

#include <stdbool.h>

enum fail {
	FAIL_none,
#define FAIL(name, status, replay, shield, proxy_status, text) FAIL_##name,
#include "proxy/fail.def"
#undef FAIL
	FAIL_COUNT
};

enum fail_replay { FAIL_REPLAY_NEVER, FAIL_REPLAY_UNSENT, FAIL_REPLAY_MAYBE };

struct fail_row {
	const char *name; /* as in the log and the metrics */
	unsigned status;
	enum fail_replay replay;
	bool shield; /* the shield covers it: see proxy/shield.h */
	const char *proxy_status;
	const char *text;
};

/* The row of a failure; for FAIL_none a row of empty strings. */
const struct fail_row *fail_row(enum fail fail);

#endif
