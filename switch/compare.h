/* What differs between two answers to the same request. Pure.
 *
 * Status first: where that differs nothing else is looked at. Then the chosen fields, then the body: equal bytes, else, where both are JSON, the paths at which they differ, else as a whole. */
#ifndef TEAL_SWITCH_COMPARE_H
#define TEAL_SWITCH_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMPARE_DIFFERENCES_MAX 32u
#define COMPARE_WHERE_SIZE 160u
#define COMPARE_VALUE_SIZE 96u

/* Owned texts: what is compared, and what is left out. */
struct compare_rules {
	char **fields; /* Content-Type first */
	size_t field_count;
	char **ignore; /* paths into JSON bodies: /items/0/id, with * for any one name or index; what is below one is left out with it */
	size_t ignore_count;
};
/* Content-Type and these. Everything is copied. */
void compare_rules_init(struct compare_rules *rules, char *const *fields, size_t field_count, char *const *ignore, size_t ignore_count);
void compare_rules_fini(struct compare_rules *rules);

struct compare_answer {
	unsigned status;           /* 0: none came */
	const char *fault;         /* then: a word that says why */
	const char *const *values; /* of the rules' fields, in their order; NULL: not there */
	const char *body;
	size_t body_length;
	bool body_cut; /* there is more of it: what both have is compared, byte by byte */
};

enum compare_kind { COMPARE_NO_ANSWER, COMPARE_STATUS, COMPARE_FIELD, COMPARE_JSON, COMPARE_BODY };
const char *compare_kind_name(enum compare_kind kind);

struct compare_difference {
	enum compare_kind kind;
	char where[COMPARE_WHERE_SIZE];                           /* a field's name; a JSON path with * for each index; else "" */
	char live[COMPARE_VALUE_SIZE], other[COMPARE_VALUE_SIZE]; /* cut; values of Set-Cookie are not shown */
};
struct compare_differences {
	struct compare_difference list[COMPARE_DIFFERENCES_MAX]; /* no kind and place twice */
	size_t count;
	bool more; /* there were others */
};
void compare_answers(
	const struct compare_rules *rules, const struct compare_answer *live, const struct compare_answer *other, struct compare_differences *found);

#endif
