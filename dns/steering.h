/* The record of one service: which color it names, whether it could be changed now, the change itself, and how far that has got until nobody who honours TTL can hold the old answer.
 * Control thread, on the loop; never blocks.
 *
 * One object for each service that is switched by a change of its record; not for the policy health_check, which changes none. It does one of *look*, *arm* and *change* at a time, and follows the newest change beside that (GetChange and the
 * authoritative servers). It decides neither whether to switch nor what is written down: what its caller must keep on disk before a change is sent is steering_intend. */
#ifndef TEAL_DNS_STEERING_H
#define TEAL_DNS_STEERING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "base/color.h"
#include "base/err.h"
#include "conf/conf.h"
#include "dns/propagation.h"

struct event_base;
struct resolver;
struct route53;
struct steering;

struct steering_tools {
	struct event_base *loop;
	struct resolver *resolver;
	struct route53 *route53;      /* with the service's credentials and endpoint */
	const char *resolver_servers; /* for dns/delegation; NULL: those of the system */
	void (*on_news)(void *arg);   /* something below reads differently now; from the loop, never from inside a call of steering's */
	void *arg;
	uint16_t name_server_port; /* of name servers that are found by name: the zone's and its parent's; 0: 53 */
	unsigned hurry;            /* every pause and limit is so many times shorter, for tests; 0: 1 */
};

/* `conf` is that of the service; it and the tools outlive the steering, or the next steering_set_conf. */
struct steering *steering_new(const struct steering_tools *tools, const struct conf_route53 *conf);
/* Ends what is under way without callbacks; a change that was sent may have been made. NULL is allowed. */
void steering_free(struct steering *steering);
/* After a reload. A change goes on as it began, and is followed as it began; a look and an armed check begin anew. */
void steering_set_conf(struct steering *steering, const struct conf_route53 *conf);

/* ---- what the record says ---- */

enum steering_live {
	STEERING_UNREAD, /* not yet, or Route 53 did not answer: the sentence says why */
	STEERING_BLUE,
	STEERING_GREEN,
	STEERING_SPLIT,   /* weighted, and both have a share: in the middle of a switch in steps */
	STEERING_NEITHER, /* the record is there and names neither color */
	STEERING_ABSENT,  /* there is no such record */
};
struct steering_view {
	enum steering_live live;
	unsigned share[COLOR_COUNT]; /* weighted: hundredths of a percent of the answers; else 10000 and 0 */
	uint32_t ttl_s;              /* of the record as it is; alias: 60 */
	uint64_t read_ms;            /* when it was read last with success (clock_mono_ms); 0: never */
	const char *sentence;        /* what is wrong or noteworthy, with the record as it is; "" when it names a color as the file says */
};
/* Reads it anew. While one is under way this is that one. on_news when it is read or failed. */
void steering_look(struct steering *steering);
bool steering_is_looking(const struct steering *steering);
/* As of the newest look, or of the newest change that was accepted. */
void steering_read(const struct steering *steering, struct steering_view *view);

/* ---- the armed check ---- */

enum steering_state { STEERING_NONE, STEERING_PENDING, STEERING_DONE, STEERING_REFUSED, STEERING_FAILED };
/* Credentials that are good for `need_ms` (that they end within `whole_ms` is told, no reason against it: they are renewed), the clock, the zone and its delegation, or what the file's
 * name servers answer, the record as expected, the permission (by a change that replaces the record by itself), the batch of the way back. Begins anew; one that is under way is dropped. `force`: a record that names neither color is taken as it is. */
void steering_arm(struct steering *steering, enum color to, bool force, uint64_t need_ms, uint64_t whole_ms);
/* STEERING_REFUSED: something does not hold, and would not the next time either; STEERING_FAILED: it could not be told (no answer, throttled). `sentence` is empty when done. */
enum steering_state steering_read_arm(const struct steering *steering, char *sentence, size_t size);
/* Its rows as far as they are known: an array of {"name": "credentials"|"clock"|"zone"|"delegation"|"record"|"permission"|"way_back"|"ttl", "passed": bool, "detail": sentence}, a new reference. */
json_t *steering_arm_to_json(const struct steering *steering);

/* ---- a change ---- */

/* What is to be written down before steering_change: the record sets as they were read last, what they shall be, the change id and its moments (none yet): a new object. `share` hundredths of a percent for `to`,
 * the rest for the other color; anything between 0 and 10000 only where the policy is weighted. NULL and a sentence when it can't be made of what was read. */
json_t *steering_intend(struct steering *steering, enum color to, unsigned share, bool force, struct err *err);
/* Sends the intended change as compare-and-swap; ends a look (which begins anew behind it) and an armed check. `intent` is copied. A busy or silent Route 53 is asked again with pauses
 * for `patience_ms`; an outcome that is unknown is read back before anything else is sent. After a restart, or with an intent that was given before, the same call goes on with what was
 * written down: one that was accepted is never sent again, only followed; else the record is read first. Where a change is still pending, this takes its place: the intent was made on the
 * assumption that the pending one is made, and the record is read before anything is sent. */
void steering_change(struct steering *steering, const json_t *intent, uint64_t patience_ms);
/* The change that is pending is not wanted any more: it is not sent anew, and ends as soon as it is known whether it is made. A call to Route 53 that is under way goes on to its end, with its own repetitions while Route 53 is busy. Without a change nothing happens. */
void steering_give_up(struct steering *steering);
/* STEERING_DONE: accepted (or found made); REFUSED: not made, as Route 53 said no, or as the record has drifted: then the sentence has both versions; FAILED: not made within the patience,
 * nothing was learned that forbids to try again; PENDING beyond the patience: it may have been made, and the record can't be read, which is tried on. The record is old or new, never
 * anything else of ours. `sentence` says what hinders while pending; it is empty when done. */
enum steering_state steering_read_change(const struct steering *steering, char *sentence, size_t size);
/* Whether it was refused because the record is neither as it was read nor as intended: somebody else changed it. What it is now is what steering_read says. */
bool steering_has_drifted(const struct steering *steering);
/* The intent with what is known by now (change id, accepted_at, insync_at, earlier_until, …): to be written down whenever on_news came, and given to steering_change after a restart. A new reference; NULL: none. */
json_t *steering_intent(const struct steering *steering);

/* How far the newest change has got. */
struct steering_progress {
	bool known;  /* there is one */
	bool insync; /* GetChange says so; insync_at without it: the change's id was lost, and a minute counts instead */
	uint64_t accepted_at, insync_at, agreed_at, safe_at; /* wall clock, ms; 0: not yet. safe_at may move to later */
	bool safe;                                           /* safe_at is known and past */
	const char *change_id;                               /* "" before it is accepted */
	const char *sentence;                                /* what hinders, e.g. that INSYNC was not seen for 5 minutes; "" */
	const struct propagation_status *servers;            /* NULL when nobody is asked */
};
void steering_read_progress(const struct steering *steering, struct steering_progress *progress);

/* ---- for people ---- */

/* `teal dns plan`: {"zone", "zone_name", "name", "type", "policy", "present": [lines], "to", "changes": ["DELETE …", "CREATE …"], "back": [the same], "cost": changes, "back_cost",
 * "quick_after_s" (how long caches hold the old answer: the longest TTL that counts), "request": the XML}. After a look; NULL and a sentence when there is no such change. */
json_t *steering_plan(struct steering *steering, enum color to, struct err *err);
/* `teal dns status`: {"zone", "zone_name", "name", "type", "policy", "present", "live": "blue"|"green"|"split"|"neither"|"absent"|"unread", "share": {"blue", "green"}, "ttl_s", "read_at",
 * "sentence", "change": null or {"id", "from", "to", "share", "accepted_at", "insync_at", "agreed_at", "safe_at", "safe", "sentence", "servers_sentence"}, "servers": [{"name", "address",
 * "answer": null or "old"|"new"|"either"|"other"|"absent", "color", "ttl_s", "fault", "fault_text", "agrees"}], "quick_from"}; moments as texts or null, shares in hundredths of a percent;
 * "old" and "new" are those of the newest change, or, behind it, the other and the live color's. Asks the servers from the first call on (on_news), for as long as it is called once a minute. */
json_t *steering_status(struct steering *steering);
/* `teal dns prepare`: the intent of a change of nothing but the TTL, to that of the file; given to steering_change like any other. NULL and a sentence when the record has it already, or can't be changed. */
json_t *steering_intend_ttl(struct steering *steering, struct err *err);
/* From when on (wall clock, ms) no cache holds a TTL that is longer than the record's: a switch is quick from then on. 0: now. Survives restarts through the caller: steering_note_earlier. */
uint64_t steering_quick_from(const struct steering *steering);
void steering_note_earlier(struct steering *steering, uint64_t until_wall_ms);

#endif
