/* Regular expressions for lines of text: PCRE2, compiled once (by its JIT where there is one), and bounded in what one line may cost. Any thread, one at a time.
 *
 * Works on bytes, never on characters: logs hold whatever a program wrote, and a byte that is no UTF-8 must not keep the rest of its line from matching. So `.` is one
 * byte, a letter outside of ASCII matches itself as it stands, and is of no use in a class or without regard to case; `(*UTF)` is refused. */
#ifndef TEAL_BASE_PATTERN_H
#define TEAL_BASE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define PATTERN_LENGTH_MAX ((size_t)4096)

struct pattern;

enum pattern_result {
	PATTERN_ABSENT,
	PATTERN_FOUND,
	PATTERN_GAVE_UP, /* the line would have cost more steps or memory than one may */
};

/* NULL and a sentence, with the offset in bytes, when the text is no pattern, or one that every line matches. */
struct pattern *pattern_new(const char *text, struct err *err);
/* NULL is allowed. */
void pattern_free(struct pattern *pattern);

/* Whether pattern_new would take the text. */
bool pattern_check(const char *text, struct err *err);

/* Searches one line, without its newline. PATTERN_FOUND sets *at to where the match begins. Costs some milliseconds at worst; no allocation that lasts. */
enum pattern_result pattern_find(struct pattern *pattern, const char *line, size_t length, size_t *at);

#endif
