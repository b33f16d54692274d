/* One service as the control thread sees it: colors, releases, backends with their probes, locks, quarantine, measures. Control thread.
 *
 * Holds what is; what becomes of it is decided by its switcher. Says through its owner when a table has to be published. */
#ifndef TEAL_SWITCH_SERVICE_H
#define TEAL_SWITCH_SERVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

#include "conf/conf.h"
#include "proxy/table.h"
#include "switch/deployment.h"
#include "switch/events.h"
#include "switch/measures.h"
#include "switch/member.h"
#include "switch/release.h"
#include "switch/senses.h"
#include "switch/switcher.h"

struct prepare;
struct procedure;
struct service;
struct service_dns;
struct tlsstore;

struct service_owner {
	struct event_base *loop;
	struct fetch *fetch;
	struct prober *prober;
	struct resolver *resolver;
	struct events *events;
	const struct tlsstore *tls; /* NULL: all backends are spoken to in clear */
	unsigned workers;
	uint64_t response_ms; /* timeouts.response: for so long an answer may be on its way */
	/* What workers see has changed: publish at the end of this turn. */
	void (*on_change)(void *arg);
	/* Something came about that a deployment may wait for. */
	void (*on_news)(void *arg);
	/* What is written to disk has changed. */
	void (*on_truth)(void *arg);
	void *arg;
};

struct service_quarantine {
	bool set;
	struct release release; /* what was rolled back */
	char deployment[32];
	char *reason;
	uint64_t at;
};

/* Who holds new requests back. */
enum service_holder {
	SERVICE_HELD_BY_NOBODY,
	SERVICE_HELD_BY_OPERATOR, /* kept in the truth: a restart goes on with what is left of it */
	SERVICE_HELD_BY_SWITCH,   /* ends with this run */
};

#define SERVICE_HOLD_REASON_SIZE 1024

struct service_color {
	struct release file; /* what the file says */
	struct release now;
	bool deployed; /* `now` was given by the API, not by the file */
	struct member **members;
	size_t count;
	struct member_owner member_owner;
	struct service_quarantine quarantine;
	struct table_closing closing;
	uint64_t cut_requests_before, cut_tunnels_before; /* generations, 0: none */
	enum backend_pooling pooling;
	struct measures *measures;
};

struct service {
	char *name;
	const struct conf_service *conf; /* of the configuration in force */
	const struct service_owner *owner;
	enum color live;     /* as it was known last */
	bool live_known;     /* always, in the path; by Route 53 only while the record names a color: see switch/service_dns.h */
	unsigned idle_share; /* of the other color, in hundredths of a percent: only in a switch in steps, else 0 */
	uint64_t split_seed; /* of the deployment that it belongs to */
	struct conf_sticky
		split_sticky; /* what its users are known by, as the file had it when the first of them came; owned; only while idle_share is not 0 */
	uint64_t warm;        /* the order to open connections to the other color in advance: see struct table_service; 0: none */
	struct service_color colors[COLOR_COUNT];
	struct {
		bool set;
		char *reason;
		char actor[64];
		uint64_t at;
	} lock;
	struct {
		enum service_holder by;
		char actor[64];
		char reason[SERVICE_HOLD_REASON_SIZE]; /* "" when there is none */
		uint64_t at, ends_at;                  /* wall clock */
		uint64_t until_ms;                     /* monotonic */
		struct event *end;                     /* NULL before the first hold */
	} hold;
	char last_command[32];    /* the deployment whose command was begun last, also by an earlier run; "": none is known */
	bool was_up[COLOR_COUNT]; /* while it was live */
	char failover_said[512];  /* why the live color is dead and nothing is done about it; "" when nothing was said */
	struct totals *totals;
	struct table_service *table; /* as last built; NULL when it has to be built anew */
	struct senses *senses;       /* its log and its query */
	struct rehearsal *rehearsal; /* the running or newest one; NULL: none yet */
	struct switcher *switcher;   /* owned; set by whoever makes the service */
	struct procedure *procedure; /* the same */
	struct service_dns *dns;     /* of one that is switched by Route 53; NULL: it is in the path */
	struct prepare *prepare;     /* the same, of `teal dns prepare`; set by whoever makes the service; NULL until then */
};

/* The releases come from the file or from the truth; probes begin at once. `truth` is the service's part of the truth, or NULL when there is none. `owner` must outlive it. */
struct service *service_new(const struct service_owner *owner, const struct conf_service *conf, const json_t *truth);
void service_free(struct service *service);
/* Requests come through us: it has routes, traffic and figures of it. Else it is switched by Route 53. */
bool service_is_routed(const struct service *service);
/* "blue" or "green"; NULL while it is not known. */
const char *service_live_name(const struct service *service);

/* After a reload: the file's definition of a color wins where it changed. */
void service_set_conf(struct service *service, const struct conf_service *conf);
/* The store has other backs: probes and the next table go by them. */
void service_follow_tls(struct service *service);
/* Gives a color a release. `deployed`: by the API. Backends that stay keep their health and their connections, unless `afresh`. */
void service_set_release(struct service *service, enum color color, const struct release *release, bool deployed, bool afresh);
/* Takes back what service_close_tunnels, service_set_cut and service_warm ordered. The other color's idle connections are kept as they are, for the way back, until service_settle. */
void service_set_live(struct service *service, enum color live);
/* A switch in steps: the idle color gets so many hundredths of a percent of the requests, both colors' connections are pooled. service_set_live takes it back. From the first share on, and over a restart, its users are
 * known by what they were known by then. */
void service_set_split(struct service *service, unsigned idle_share, const char *deployment);
/* Copied. */
void service_set_split_sticky(struct service *service, const struct conf_sticky *sticky);
/* Of the keys of a deployment's split: the same after a restart, and not the same in every deployment. */
uint64_t service_split_seed(const char *deployment);
/* What the color has of the split, in hundredths of a percent. */
unsigned service_share(const struct service *service, enum color color);
/* The color that is not live gets requests next: workers open connections to its backends in advance, as many as they have to the other one's (see proxy/warm.h), until the next service_set_live, service_set_split or
 * service_settle. */
void service_warm(struct service *service);
/* There is no quick way back any more: the idle color's connections are closed. What was ordered is done. */
void service_settle(struct service *service);
/* Tunnels of the color that are older than this generation are closed one by one, evenly until `by_ms` (monotonic). */
void service_close_tunnels(struct service *service, enum color color, uint64_t before, uint64_t by_ms);
/* The daemon ends: the same for all tunnels, over the time that requests have, or their own where that is shorter, but early enough for a farewell. Nothing takes this back. */
void service_close_all_tunnels(struct service *service);
/* What is older than this generation is ended: requests, tunnels, or both. */
void service_set_cut(struct service *service, enum color color, uint64_t before, bool requests, bool tunnels);
void service_lock(struct service *service, const char *actor, const char *reason);
void service_unlock(struct service *service);

/* New requests wait from the next table on (see proxy/hold.h), for `max_ms` from now; what is held already is held until then, sooner or later than before. Not for SERVICE_HELD_BY_NOBODY. `reason` may be NULL. The
 * caller says so by an event, and has the truth written where the operator holds it. */
void service_hold(struct service *service, enum service_holder by, const char *actor, const char *reason, uint64_t max_ms);
/* The next table lets them go, to the colors that it has: a flip and its release are one table. Nothing when it is not held. When the time is over this comes about by itself, with event
 * `hold_over`. Should even that not come, the workers end it by themselves SERVICE_HOLD_GRACE_MS later. */
void service_resume(struct service *service);
#define SERVICE_HOLD_GRACE_MS 500u
/* False from the moment at which its time is over, though its end may not have been published yet: who is to flip while nothing is on its way must look at this at that moment. */
bool service_is_held(const struct service *service);
/* Nothing is held, and of what was nothing waits any more: only with a table in force that was made after service_resume. */
bool service_is_released(const struct service *service);
/* The same as a worker's share of it in a table. */
struct table_hold service_read_hold(const struct service *service);

struct service_health {
	unsigned backends, up, unknown;
	enum color_health health;
	unsigned failed_rounds; /* see member_forget_probes */
	bool probed;
};
void service_read_health(const struct service *service, enum color color, struct service_health *health);
/* The part of it that says whether the color could take the traffic: backends, version, when they were seen well. */
void service_read_readiness(const struct service *service, enum color color, struct readiness_input *input);
void service_forget_probes(struct service *service);

void service_quarantine(struct service *service, enum color color, const struct release *release, const char *deployment, const char *reason);
void service_lift_quarantine(struct service *service, enum color color);
/* The quarantine of what the color is now, or NULL. */
const struct service_quarantine *service_find_quarantine(const struct service *service, enum color color);

/* What workers see of it has changed: a table has to be built and published anew. */
void service_change(struct service *service);
/* What one color does for the other, as the next table has it (service_assist.c). Bits of enum table_shield for this color's failures. */
unsigned service_read_shield(const struct service *service, enum color color);
/* The paths of the fallback, with a reference for the caller; NULL when there are none. */
struct table_index *service_read_fallback_paths(const struct service *service);
/* Whether this color's 404s may be tried on the other one: that is live, or kept for a while because this one has users since a deployment that still runs, or is wanted at any time as a shield. Never what
 * was rolled back. */
bool service_falls_back(const struct service *service, enum color color);
/* Whether the color that is not live may get previews: not from the hold of an exclusive switch on, to its end. */
bool service_takes_previews(const struct service *service);

/* The table's view of it, built when something changed; borrowed. */
struct table_service *service_read_table(struct service *service);
/* Nothing in flight on the color, nothing connected to its backends. */
bool service_is_quiet(const struct service *service, enum color color);

#endif
