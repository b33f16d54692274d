/* A rehearsal: for a while, copies of live GET and HEAD requests are sent to the idle color, and its answers are compared with the live color's. Control thread.
 *
 * One at a time for each service. The live path never waits: workers drop a copy when their ring is full (proxy/mirror.h), and at most REHEARSAL_RATE copies a second are taken. Each goes to both colors at the
 * same moment, so that what is compared was asked under the same conditions, and the live exchange's own answer need not be kept; a few go to the live color twice: what differs between two answers of one
 * release says nothing about the other (switch/comparison.h). Ends early when a deployment has passed its gates, when there is another release, or other settings of TLS; in an exclusive
 * switch copies that are on their way are waited for. The newest report is kept in memory until the next rehearsal; after a
 * restart there is none. */
#ifndef TEAL_SWITCH_REHEARSAL_H
#define TEAL_SWITCH_REHEARSAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "base/color.h"

struct conf_service;
struct mirror;
struct rehearsal;
struct release;
struct service;
struct switcher_refusal;

#define REHEARSAL_RATE 10u /* copies a second at most: each is a burst of some 0.25 ms of work, which 1 % of the live requests and more would meet at 50 */

struct rehearsal_wish {
	bool names_color;
	enum color color; /* where it names one */
	double share;     /* of the requests that can be copied, above 0 to 1; 0: as configured */
	uint64_t for_ms;  /* 0: as configured */
	const char *actor;
};

/* Begins one. False: a deployment or another rehearsal is under way, `to` is live, it has no backend that is up, or the share is none; the refusal says so. */
bool rehearsal_start(struct service *service, const struct rehearsal_wish *wish, struct switcher_refusal *refusal);
/* Ends the one that runs, with a report of what there is; such a one has not passed. False: none runs. */
bool rehearsal_stop(struct service *service, const char *actor);
/* A reload: of a color with other keys of tls than before the rehearsal ends. Files that were renewed are no matter: it keeps what it began with. NULL is allowed. */
void rehearsal_follow(struct rehearsal *rehearsal, const struct conf_service *before, const struct conf_service *now);
/* With its service: ends without a report or event. NULL is allowed. */
void rehearsal_free(struct rehearsal *rehearsal);

/* The running one as far as it has got, else the newest one; `state` is running, ended or none. A new reference. The document is in docs/api.md. */
json_t *rehearsal_make_report(const struct service *service);
/* Whether a rehearsal of this release (its version; where it has none, its backends) has passed that ended at most `within_ms` before `now` (wall clock, ms). The sentence says what was found, or what is missing and what to do; it fits 512 bytes. */
bool rehearsal_passed(const struct service *service, const struct release *release, uint64_t now, uint64_t within_ms, char *sentence, size_t size);

/* Copies that the color has not answered yet. NULL is allowed. */
unsigned rehearsal_busy(const struct rehearsal *rehearsal, enum color color);
/* Copies to the color that nobody waits for any more, as they were not answered in time, or were cut off in the middle of a long answer or at the rehearsal's end: of the last `seconds` up to `second` (monotonic).
 * NULL is allowed. */
uint64_t rehearsal_count_given_up(struct rehearsal *rehearsal, enum color color, uint64_t second, unsigned seconds);
/* What the service's next table copies requests into; NULL: nothing is copied. Borrowed. */
struct mirror *rehearsal_mirror(const struct rehearsal *rehearsal);

#endif
