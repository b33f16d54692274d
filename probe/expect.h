/* What a probe expects of an answer, and whether an answer is that. Pure. */
#ifndef TEAL_PROBE_EXPECT_H
#define TEAL_PROBE_EXPECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fetch.h"
#include "conf/conf.h"

/* How much of a body is looked at; a probe reads no more. */
#define EXPECT_BODY_LIMIT ((size_t)64 * 1024)

struct expect;

/* Copies the expectations of a check, with {version} replaced. `version` may be NULL or "": then an expectation that names
 * {version} is never met, and the sentence says so. */
struct expect *expect_new(const struct conf_probe *check, const char *version);
/* NULL is allowed. */
void expect_free(struct expect *expect);

/* Judges an answer (FETCH_ANSWERED): status first, then headers in the order of the file, then the body. `detail` gets the sentence either way:
 * "200 OK in 3 ms", or what was found and what was expected. What came from the peer is escaped and cut. */
bool expect_compare(const struct expect *expect, const struct fetch_answer *answer, char *detail, size_t size);

#endif
