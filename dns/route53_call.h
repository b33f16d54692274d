/* One call under way, as the files of route53 share it. Private to dns/route53*.c. Control thread. */
#ifndef TEAL_DNS_ROUTE53_CALL_H
#define TEAL_DNS_ROUTE53_CALL_H

#include "dns/r53_endpoint.h"
#include "dns/r53_pace.h"
#include "dns/route53.h"

struct event;
struct fetch_job;
struct xml_node;

struct route53 {
	struct route53_tools tools;
	struct route53_settings settings; /* without zeros */
	struct r53_pace pace;
	struct r53_endpoint *endpoint;
	struct route53_call *calls;
	unsigned delivering; /* how many `done` are on the stack */
	bool skew_known;
	int64_t skew_s;      /* as it was seen last */
	int64_t corrected_s; /* what is signed with */
};

enum route53_step {
	ROUTE53_PACE,    /* a place among the requests of this second is awaited */
	ROUTE53_KEYS,    /* keys are awaited */
	ROUTE53_ADDRESS, /* the endpoint's name is being looked up */
	ROUTE53_ASKING,  /* the request is out */
	ROUTE53_PAUSE,   /* the next try is for later */
};

enum route53_reading {
	ROUTE53_FAULTY, /* not what was asked for */
	ROUTE53_WHOLE,
	ROUTE53_MORE, /* the call's target is that of the next page */
};

struct route53_kind {
	const char *name;   /* the operation's */
	const char *method; /* POST is a change */
	enum route53_reading (*read)(struct route53_call *call, const struct xml_node *root);
};

struct route53_call {
	struct route53 *api;
	struct route53_call *next, **link;
	const struct route53_kind *kind;
	route53_done *done;
	void *arg;

	char *target; /* path and query behind the endpoint's own path */
	char *body;   /* NULL: none */
	size_t body_length;
	uint64_t patience_ms, deadline_ms; /* the latter monotonic */

	enum route53_step step;
	struct event *timer; /* the end of the step, but for the request, which has a limit of its own */
	struct credentials_wait *wait;
	struct fetch_job *job;
	char key_id[257]; /* of the keys that signed the request that is out */
	unsigned requests, failed, pages;
	bool clock_corrected, renewed, keyless;

	/* why the last try gave nothing */
	struct r53_error error;
	bool has_error;
	struct err why;

	/* what came */
	char *zone_id, *name, *type; /* that are listed */
	struct r53_change change;
	struct record *records;
	size_t record_count;
	struct r53_zone *zones;
	size_t zone_count;
};

/* Begins with nothing but what is asked; the caller fills the target, and then lets it go. */
struct route53_call *route53_call_new(struct route53 *api, const struct route53_kind *kind, uint64_t patience_ms, route53_done *done, void *arg);
void route53_call_begin(struct route53_call *call);
void route53_call_free(struct route53_call *call);
/* The addresses of the endpoint changed: whoever waits for them goes on. */
void route53_call_wake_all(struct route53 *api);

#endif
