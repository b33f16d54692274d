/* Which answer each authoritative name server gives while a record changes, and from when nobody can hold the old one.
 * Control thread, on the loop; never blocks.
 *
 * Each server is asked again and again, over its own channel, without recursion. A server that is reached gives the old
 * record, the new one, or something else; one that isn't keeps its last answer and gets a fault. What is no authoritative
 * answer changes nothing but the fault. Name servers are anycast: one site of each is seen, so the caller's INSYNC is
 * needed for the moment safe_at beside what is seen here. It decides nothing, writes no journal and calls no API. */
#ifndef TEAL_DNS_PROPAGATION_H
#define TEAL_DNS_PROPAGATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "dns/rrset.h"

struct event_base;
struct resolver;
struct propagation;

#define PROPAGATION_SERVERS_MAX 16u
#define PROPAGATION_PACE_MS 1000u

struct propagation_tools {
	struct event_base *loop;
	struct resolver *resolver; /* the addresses of name servers given by name, and of the targets of aliases */
	unsigned pace_ms;          /* between two questions to a server; 0: PROPAGATION_PACE_MS */
	bool slackens;             /* six times as long once all agree: for who only watches. Who waits for safe_at would miss what comes in between */
	int try_timeout_ms;        /* 0: QUESTION_TRY_MS */
};

/* A record as it was or shall be. */
struct propagation_record {
	const char *const *values; /* addresses, or the target of a CNAME; alias: the one name whose addresses are answered */
	size_t count;              /* 0: no such record */
	bool alias;                /* Route 53 answers with the addresses of the target, which change by themselves */
	uint32_t ttl_s;            /* alias: that of the target (load balancers: 60); no record: the negative TTL */
};

struct propagation_what {
	const char *name; /* as Route 53 writes it or plain */
	enum rrset_type type;
	struct propagation_record old, new;
	unsigned samples; /* a server agrees after so many new answers in a row; 0 is 1. More for a weighted record (safe_at_confidence) */
	/* Until when (clock_mono_ms) a version from before `old` may be cached, without margin: after a lowered TTL, or a change
	 * before this one. 0: none. */
	uint64_t earlier_until_ms;
};

enum propagation_answer {
	PROPAGATION_NONE,   /* no answer yet */
	PROPAGATION_OLD,    /* the record as it was */
	PROPAGATION_NEW,    /* the record as it shall be */
	PROPAGATION_EITHER, /* both versions answer like this: this server can't tell; counts as agreeing */
	PROPAGATION_OTHER,  /* another record, or a mixture */
	PROPAGATION_ABSENT, /* no such record, though one was or shall be there */
};

enum propagation_fault {
	PROPAGATION_FINE,
	PROPAGATION_UNRESOLVED,  /* the server's own name has no address */
	PROPAGATION_SILENT,      /* no reply in time */
	PROPAGATION_UNREACHABLE, /* the network or the host said no */
	PROPAGATION_REFUSED,     /* it does not serve the zone to us */
	PROPAGATION_FAILED,      /* SERVFAIL or the like */
	PROPAGATION_LAME,        /* an answer without authority, or a referral: not a server of the zone, or a zone further down has the name */
	PROPAGATION_GARBLED,     /* no DNS */
};

struct propagation_server {
	char name[ADDR_TEXT_SIZE];    /* as given */
	char address[ADDR_TEXT_SIZE]; /* the one asked last; empty before the first */
	enum propagation_answer answer;
	enum propagation_fault fault; /* of the last question; the answer is then from before it */
	uint32_t ttl_s;               /* served with the answer, at most RRSET_TTL_MAX */
	uint64_t answered_ms;         /* when the last answer came (clock_mono_ms); 0: never */
	uint64_t new_since_ms;        /* when it agreed, or gave its newest answer on the way there; 0: the last answer is not new */
	unsigned run;                 /* new answers in a row */
	unsigned faults;              /* in a row */
	bool agrees;
};

/* Moments are of clock_mono_ms; 0 is "not yet". */
struct propagation_status {
	size_t count;
	struct propagation_server servers[PROPAGATION_SERVERS_MAX];
	size_t targets_unknown;              /* aliases whose target has no address yet: their answers are PROPAGATION_OTHER */
	size_t agreeing, old, other, faulty; /* servers; `old` and `other` by their last answer, `faulty` by their last question */
	bool agree;                          /* all of them */
	uint64_t agreed_ms;                  /* since when */
	uint64_t insync_ms;                  /* as told by propagation_note_insync */
	/* The longest TTL with which anything but the new record may be cached: given, or seen. It can be longer than that of `old`. */
	uint32_t old_ttl_s;
	uint32_t new_ttl_s; /* the longest with which the new record was seen: what going back has to wait for; 0 before the first */
	/* When no resolver that honours TTL can hold anything but the new record; 0 while servers disagree or INSYNC is not told.
	 * May move to later when a server goes back. The second is the same on the wall clock. */
	uint64_t safe_at_ms, safe_at_wall_ms;
};

/* Called from the loop, never from inside propagation_*: when a server's answer, fault, TTL or agreement changed, when all
 * agree or no longer do, and when safe_at moved. Several changes may come as one call. It may stop the propagation. */
typedef void propagation_changed(void *arg, const struct propagation_status *status);

/* Begins to ask. `servers` are IPv4 or IPv6 addresses or names (ADDR_NAME), each with its port, 1 to PROPAGATION_SERVERS_MAX.
 * Everything is copied. NULL and a sentence when the name, a value or the list is unusable. Owned by the caller. */
struct propagation *propagation_start(const struct propagation_tools *tools, const struct propagation_what *what, const struct addr *servers, size_t count,
	propagation_changed *changed, void *arg, struct err *err);
/* The change is said to be on all servers, since now or since that moment (clock_mono_ms). The first call counts. */
void propagation_note_insync(struct propagation *propagation, uint64_t insync_ms);
/* Never NULL; valid until the next turn of the loop. */
const struct propagation_status *propagation_status(const struct propagation *propagation);
/* No callback comes after it. Allowed inside on_change. NULL is allowed. */
void propagation_stop(struct propagation *propagation);

/* `old`, `new`, …; `silent`, `lame`, … and a sentence's end for people ("does not answer"). */
const char *propagation_answer_word(enum propagation_answer answer);
const char *propagation_fault_word(enum propagation_fault fault);
const char *propagation_fault_text(enum propagation_fault fault);

#endif
