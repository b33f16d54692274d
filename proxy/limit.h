/* What peers can hit, as numbers: see limit.def. Pure; any thread. */
#ifndef TEAL_PROXY_LIMIT_H
#define TEAL_PROXY_LIMIT_H

#include <stdint.h>

#include "proxy/fail.h"

enum limit {
#define LIMIT(name, key, ...) LIMIT_##name,
#include "proxy/limit.def"
#undef LIMIT
	LIMIT_COUNT
};

/* The key of the configuration, or "descriptors". */
const char *limit_name(enum limit limit);
/* How often the failures that are hits of it happened. */
uint64_t limit_count_fails(enum limit limit, const uint64_t fails[FAIL_COUNT]);

#endif
