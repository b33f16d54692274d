/* The table of limits. Any thread. */
#include "proxy/limit.h"

#define FAILS_MAX 3

static const struct {
	const char *name;
	enum fail fails[FAILS_MAX]; /* up to the first FAIL_none */
} rows[LIMIT_COUNT] = {
#define LIMIT(name, key, ...) [LIMIT_##name] = {key, {__VA_ARGS__}},
#include "proxy/limit.def"
#undef LIMIT
};

const char *limit_name(enum limit limit)
{
	return rows[limit].name;
}

uint64_t limit_count_fails(enum limit limit, const uint64_t fails[FAIL_COUNT])
{
	uint64_t count = 0;
	for (unsigned i = 0; i < FAILS_MAX && rows[limit].fails[i] != FAIL_none; i++)
		count += fails[rows[limit].fails[i]];
	return count;
}
