/* Route 53's API, as far as a switch needs it: five calls on the control loop. Never blocks.
 *
 * A call is one or several requests: pages are gathered; what Route 53 says it did not do is asked again by the table of dns/r53_error.h, after pauses that double, until the call's
 * patience is over; a clock that is wrong is corrected by the answer's Date, and expired keys are replaced, each once a call. Requests go out at 5 a second, 5 at once, for everything
 * on one struct route53 together; changes go ahead of what is waiting.
 *
 * A change that was sent and got no answer which settles it (5xx, a time-out, a reset, something that can't be read) is NOT sent again: its outcome is ROUTE53_UNKNOWN, and before
 * anything else its caller lists the records and asks batch_compare. Here nothing is read back, nothing is decided of records, and no secret is in any text. */
#ifndef TEAL_DNS_ROUTE53_H
#define TEAL_DNS_ROUTE53_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "dns/batch.h"
#include "dns/credentials.h"
#include "dns/r53_answer.h"
#include "dns/r53_error.h"

struct event_base;
struct fetch;
struct resolver;
struct route53;      /* the API, asked from one loop with one set of credentials */
struct route53_call; /* one call under way */

/* Where keys come from: credentials_get, credentials_cancel, credentials_refuse and what they are asked of. Tests have their own. */
struct route53_source {
	struct credentials_wait *(*get)(struct credentials *credentials, uint64_t need_for_ms, credentials_ready *on_ready, void *arg);
	void (*cancel)(struct credentials_wait *wait);
	void (*refuse)(struct credentials *credentials, const char *id);
	struct credentials *credentials;
};

/* They outlive the API. */
struct route53_tools {
	struct event_base *loop;
	struct fetch *fetch;
	struct resolver *resolver; /* asked only where the endpoint is a name */
	struct route53_source source;
};

struct route53_settings {
	uint64_t request_ms;       /* one request, at most; 0: 10 s */
	uint64_t pause_ms;         /* the first pause, at most; 0: 400 ms. The next ones double, up to 20 s */
	uint64_t (*wall_ms)(void); /* NULL: clock_wall_ms; tests set time */
};

enum route53_outcome {
	ROUTE53_DONE,
	ROUTE53_REFUSED, /* Route 53 said no, and has not done it */
	ROUTE53_FAILED,  /* not done, or nothing learned: no keys, no connection, no answer, or nothing but "later" while there was patience */
	ROUTE53_UNKNOWN, /* a change may have been made or not: read back */
};

/* Everything in it is valid during the callback. */
struct route53_result {
	enum route53_outcome outcome;
	const char *sentence;          /* "" when done; else what was asked, what came, and every message of Route 53 */
	const struct r53_error *error; /* the answer behind `sentence`, if it was one; else NULL */
	const char *keyless;           /* why there were no keys to ask with; NULL: there were */
	unsigned requests;             /* how many it took */
	const struct r53_change *change;
	const struct record *records; /* in Route 53's order; foreign ones too */
	size_t record_count;
	const struct r53_zone *zones;
	size_t zone_count;
};

/* Once, from the loop, never from inside the call that began it. It may begin and cancel other calls, not free the API. */
typedef void route53_done(void *arg, const struct route53_result *result);

struct route53 *route53_new(const struct route53_tools *tools, const struct route53_settings *settings);
/* Ends every call, without callbacks. NULL is allowed. */
void route53_free(struct route53 *route53);

/* Every call is over after `patience_ms`; the keys of each request are good for as long as that may take. Ids may have their prefix (`/hostedzone/Z…`); an empty one is our bug. */

/* ChangeResourceRecordSets: `change` is the accepted change. The batch has passed batch_check, and is copied. */
struct route53_call *route53_change(
	struct route53 *route53, const char *zone_id, const struct batch *batch, uint64_t patience_ms, route53_done *done, void *arg);
/* GetChange: `change`. */
struct route53_call *route53_get_change(struct route53 *route53, const char *change_id, uint64_t patience_ms, route53_done *done, void *arg);
/* ListResourceRecordSets: the `records` of exactly this full name and type, or of any type where `type` is NULL. None is no error. */
struct route53_call *route53_list_records(
	struct route53 *route53, const char *zone_id, const char *full_name, const char *type, uint64_t patience_ms, route53_done *done, void *arg);
/* GetHostedZone: one of `zones`, with its name servers. */
struct route53_call *route53_get_zone(struct route53 *route53, const char *zone_id, uint64_t patience_ms, route53_done *done, void *arg);
/* ListHostedZonesByName: the `zones` of exactly this full name, public and private ones, without name servers. None is no error. */
struct route53_call *route53_find_zones(struct route53 *route53, const char *full_name, uint64_t patience_ms, route53_done *done, void *arg);

/* Ends it without a callback. A change may have been made by then. Not from inside its own `done`. */
void route53_cancel(struct route53_call *call);

/* How many seconds Route 53's clock was ahead of ours at its last answer. False when there was none yet. Requests are signed for its clock only once one was refused for ours. */
bool route53_tell_skew(const struct route53 *route53, int64_t *skew_s);

/* Where its keys come from, for those who ask how long they last. */
const struct route53_source *route53_tell_source(const struct route53 *route53);

/* Whether a text is the id of a hosted zone, with its prefix or without. */
bool route53_check_zone_id(const char *text, struct err *err);

#endif
