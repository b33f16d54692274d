/* What Prometheus answers to an instant query, made a number, the lack of one, or a fault. Pure; control thread.
 *
 * The format is that of Prometheus' HTTP API, version 1: `GET /api/v1/query`. */
#ifndef TEAL_PROBE_PROMQL_ANSWER_H
#define TEAL_PROBE_PROMQL_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An older sample says nothing of now. Prometheus itself looks back as far as that, by default. */
#define PROMQL_AGE_MAX_MS UINT64_C(300000)
#define PROMQL_DETAIL_SIZE 256

enum promql_kind {
	PROMQL_VALUE,
	PROMQL_NO_DATA, /* no series, or samples that are NaN or too old: neither good nor bad, and never 0 */
	PROMQL_ERROR,   /* Prometheus refused or gave up, the query is of another kind, or this is no answer of Prometheus */
};

struct promql_answer {
	enum promql_kind kind;
	double value;                    /* of PROMQL_VALUE: any number, +Inf and -Inf, never NaN; else 0 */
	size_t samples;                  /* in the answer, the useless ones too */
	char detail[PROMQL_DETAIL_SIZE]; /* printable ASCII: "7.1, the largest of 3 samples, of {job="shop"}"; warnings of Prometheus at its end */
};

/* Of several samples the worst one counts: the smallest when low values are bad (`below`), else the largest. NaN and samples from more than
 * PROMQL_AGE_MAX_MS before `now_wall_ms` are left out. `status` is that of HTTP. */
void promql_answer_read(int status, const char *body, size_t length, bool below, uint64_t now_wall_ms, struct promql_answer *answer);

#endif
