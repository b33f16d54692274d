/* What many pairs of answers say together: differences by route, without those that two answers of the live release show as well; latencies; a verdict. Pure. Memory is bounded. */
#ifndef TEAL_SWITCH_COMPARISON_H
#define TEAL_SWITCH_COMPARISON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "switch/compare.h"

#define COMPARISON_ROUTES_MAX 64u       /* the last one is `other` */
#define COMPARISON_ROUTE_SIZE 160u      /* bytes of its name */
#define COMPARISON_DIFFERENCES_MAX 127u /* distinct ones by route, kind and place */
#define COMPARISON_LEAST 10u            /* pairs; of fewer nothing is said, but for: */
#define COMPARISON_LEAST_UNANSWERED 3u  /* pairs in which the idle color gave no answer, where so many would be too many of COMPARISON_LEAST, too */

struct comparison;

struct comparison *comparison_new(void);
void comparison_free(struct comparison *comparison);

/* Method and path without query, where segments that look like numbers or identifiers are `*`. */
void comparison_name_route(const char *method, const char *target, size_t target_length, char out[COMPARISON_ROUTE_SIZE]);
/* Its number; routes beyond the table share the last one. */
unsigned comparison_route(struct comparison *comparison, const char *name);

/* The idle color's answer compared with the live color's. */
void comparison_add_pair(struct comparison *comparison, unsigned route, const struct compare_differences *found);
/* Two answers of the live color compared. */
void comparison_add_noise(struct comparison *comparison, unsigned route, const struct compare_differences *found);
/* How long one of the colors took for a copy. */
void comparison_add_time(struct comparison *comparison, unsigned route, bool idle, uint64_t us);
/* Pairs so far of a route. */
uint64_t comparison_pairs(const struct comparison *comparison, unsigned route);

struct comparison_limits {
	double differences; /* share of pairs that may differ */
	double slower;      /* how much larger a latency may be: 0.5 is half as much again; and 5 ms on top */
};
enum comparison_verdict { COMPARISON_PASSED, COMPARISON_FAILED, COMPARISON_INCONCLUSIVE };
const char *comparison_verdict_name(enum comparison_verdict verdict);
/* One sentence. */
enum comparison_verdict comparison_judge(const struct comparison *comparison, const struct comparison_limits *limits, char *sentence, size_t size);
/* compared, repeated, differing, differing_share, differences, noise, latency, routes: a new object. */
json_t *comparison_make_report(const struct comparison *comparison, const struct comparison_limits *limits);

#endif
