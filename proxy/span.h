/* A piece of somebody else's bytes, and the few things a header's text is asked. Pure; any thread. */
#ifndef TEAL_PROXY_SPAN_H
#define TEAL_PROXY_SPAN_H

#include <stdbool.h>
#include <stddef.h>

struct span {
	const char *at;
	size_t length;
};

/* Case-insensitive comparison of a span with a NUL-terminated lower-case text. */
bool span_is(struct span span, const char *lower);

/* Case-insensitive comparison of two spans. */
bool span_same(struct span a, struct span b);

/* Cuts the next member off a comma-separated list: without white space around it, empty ones skipped. False when none is left. */
bool span_take_member(struct span *list, struct span *member);

#endif
