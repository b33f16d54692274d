/* The query criterion: an instant query to a Prometheus server, again and again while a release is watched. Control thread.
 *
 * It only asks and reads; whether a value is over a limit, and what follows, is decided in switch/. */
#ifndef TEAL_PROBE_PROMETHEUS_H
#define TEAL_PROBE_PROMETHEUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/promql_answer.h"

struct event_base;
struct fetch;
struct resolver;
struct prometheus;

/* Everything is copied. */
struct prometheus_query {
	const char *url;     /* as url_check (base/url) wants it; https is verified with the certificates of the system */
	const char *query;   /* PromQL, for one instant */
	bool below;          /* low values are bad: of several samples the smallest counts, else the largest */
	uint64_t every_ms;   /* from start to start; the next one waits for the end of the last */
	uint64_t timeout_ms; /* for one query as a whole */
};

enum prometheus_kind {
	PROMETHEUS_NO_ANSWER_YET, /* since prometheus_start */
	PROMETHEUS_VALUE,
	PROMETHEUS_NO_DATA,
	PROMETHEUS_ERROR,
};

/* The last result. A failure takes the place of the value before it: nothing is known then. */
struct prometheus_state {
	enum prometheus_kind kind;
	double value;                    /* of PROMETHEUS_VALUE, maybe infinite, never NaN; else 0 */
	uint64_t age_ms;                 /* since that result came; 0 before the first */
	char detail[PROMQL_DETAIL_SIZE]; /* a sentence without the URL and the query; printable */
};

typedef void prometheus_on_result(void *arg, const struct prometheus_state *state);

/* Asks nothing yet. `on_result` may be NULL; it runs after every result, from the loop, and may stop or free. */
struct prometheus *prometheus_new(struct event_base *loop, struct fetch *fetch, struct resolver *resolver, const struct prometheus_query *query,
	prometheus_on_result *on_result, void *arg);
/* Stops it. Before fetch and resolver end. NULL is allowed. */
void prometheus_free(struct prometheus *prometheus);

/* Forgets the last result, asks at once (as soon as the name of the server has an address), and then again and again. Only when stopped. */
void prometheus_start(struct prometheus *prometheus);
/* Gives up what is under way; the last result stays to be read. Allowed when stopped. */
void prometheus_stop(struct prometheus *prometheus);

/* `now_ms` is monotonic. */
void prometheus_read(const struct prometheus *prometheus, uint64_t now_ms, struct prometheus_state *state);

#endif
