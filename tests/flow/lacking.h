/* The stage of the fallback's flow tests: both colors do what each request says (X-Blue, X-Green): answer with a status, or misbehave by name. It stands on that of the shield's tests, whose counters
 * it uses. */
#ifndef TEAL_TESTS_FLOW_LACKING_H
#define TEAL_TESTS_FLOW_LACKING_H

#include "tests/flow/shielded.h"

extern struct table_index *lacking_paths; /* /assets and /static/js */
extern bool lacking_wanted[COLOR_COUNT];  /* its 404s are tried on the other color */
extern bool lacking_halves;               /* both colors have users */
extern atomic_uint lacking_heard[COLOR_COUNT];

/* For cmocka: blue is live, both directions are on, the shield is off. */
int lacking_open(void **state);
int lacking_close(void **state);
/* A table as the variables above say. */
void lacking_publish(enum color live);

/* `line` without the version, `more`: lines of the head. */
void lacking_send(int fd, const char *line, const char *blue, const char *green, const char *more);
/* The same, and the status; the answer is in shielded_answer. */
int lacking_ask(int fd, const char *line, const char *blue, const char *green, const char *more);
/* Whether the last answer is this color's. */
bool lacking_is_from(enum color color);
/* Waits until nothing is in flight. Since shielded_begin the color answered 404 so often and nothing else, with so many tried on the other, which counts nothing. */
void lacking_assert_counted(enum color first, unsigned answers, unsigned fallbacks);

#endif
