/* The peer's problem, as one number: see fail.def. Pure; any thread. */
#ifndef TEAL_PROXY_FAIL_H
#define TEAL_PROXY_FAIL_H

#include <stdbool.h>

enum fail {
	FAIL_none,
#define FAIL(name, status, kind, replay, shield, proxy_status, text) FAIL_##name,
#include "proxy/fail.def"
#undef FAIL
	FAIL_COUNT
};

/* What failures have in common. The first two say nothing of the color: what the client did wrong and we had to refuse or lacked, and what the client gave up. */
enum fail_kind {
	FAIL_KIND_none,
	FAIL_KIND_abort,
	FAIL_KIND_connect,     /* no connection to a backend */
	FAIL_KIND_reset,       /* reset or closed before a byte of the answer */
	FAIL_KIND_timeout,     /* no answer in time, or not the rest of it */
	FAIL_KIND_truncated,   /* reset or closed in the middle of the answer */
	FAIL_KIND_malformed,   /* an answer that can't be passed on */
	FAIL_KIND_unavailable, /* no backend to try */
	FAIL_KIND_cut,         /* by our own order: the time to drain was over */
	FAIL_KIND_COUNT
};

/* As in the metrics. */
const char *fail_kind_name(enum fail_kind kind);

enum fail_replay { FAIL_REPLAY_NEVER, FAIL_REPLAY_UNSENT, FAIL_REPLAY_MAYBE };

struct fail_row {
	const char *name; /* as in the log and the metrics */
	unsigned status;
	enum fail_kind kind;
	enum fail_replay replay;
	bool shield; /* the shield covers it: see proxy/shield.h */
	const char *proxy_status;
	const char *text;
};

/* The row of a failure; for FAIL_none a row of empty strings. */
const struct fail_row *fail_row(enum fail fail);

#endif
