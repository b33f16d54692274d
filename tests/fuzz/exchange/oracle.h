/* Judges what a worker did: every byte that the backends and the clients heard must follow from what was said to it. Test's thread. Ends the process on a finding. */
#ifndef TEAL_TESTS_FUZZ_EXCHANGE_ORACLE_H
#define TEAL_TESTS_FUZZ_EXCHANGE_ORACLE_H

#include <stdint.h>

#include "base/color.h"
#include "proxy/head.h"
#include "tests/fuzz/exchange/party.h"

/* The judges' own word on it, not the proxy's. */
#define ORACLE_SAFE_METHODS (1u << METHOD_get | 1u << METHOD_head | 1u << METHOD_options | 1u << METHOD_trace)
#define ORACLE_FALLBACK_PATH "/f"

/* When a request may go to both colors. */
struct oracle_crossing {
	bool shield;     /* it was up at some time */
	bool fallback;   /* 404s to ORACLE_FALLBACK_PATH were tried on the other color */
	bool first_sure; /* every request went to `first` at first */
	enum color first;
	/* Answers of `first` with these statuses were never to be passed on to requests that may cross: enum table_shield; 404. 0 and false where that is not sure. */
	unsigned withheld;
	bool withheld_missing;
};

/* What the proxy must have counted. */
struct oracle_sums {
	unsigned requests; /* that clients made; no more */
	unsigned answered; /* with a backend's whole answer; no less, tunnels apart */
	unsigned crossed;  /* heard by both colors; no less */
};

struct oracle_case {
	struct party *const *clients; /* client i has the address of oracle_client_address(i), unless it announces another one */
	unsigned client_count;
	struct party *const *backends; /* connections to backends */
	unsigned backend_count;
	struct head_limits limits;
	uint32_t repeatable; /* bit 1 << enum method: may reach a backend twice */
	bool announced;      /* clients begin with a PROXY protocol header */
	struct oracle_crossing crossing;
	unsigned announces[2]; /* to the backends of blue and green go headers of this version; 0: none */
};

/* Host order. The last member of X-Forwarded-For tells whose request a backend heard. */
uint32_t oracle_client_address(unsigned client);

/* - a backend connection carries whole requests one after the other, each said by the client it names, whole only if the client said the whole of it, and none before the
 *   answer to the last one is over; one that may not be repeated is heard once
 * - a request is heard by both colors only where the shield or the fallback may have sent it there, then in the same words, and once by the second
 * - a connection on which a backend has said something unasked, or its FIN, carries no further request once that was seen
 * - a client gets answers in the order of its requests: each is the proxy's own, which is 400 for a faulty request alone, or one that a backend said to just this
 *   request; whole only if the backend said the whole of it; none that was to be discarded
 * - after a 101 both hear only what the other one said, but for a last Close frame between two frames. */
struct oracle_sums oracle_check(const struct oracle_case *that);
/* Everybody listens and nothing moves any more: what a backend answered in full, its client has in full, what a client asked in full, its backend has in full, and none waits to be listened to. */
void oracle_check_delivered(const struct oracle_case *that);

/* A finding in these words unless it holds; oracle_on_finding (may be NULL) shows what there is to see. */
void oracle_demand(bool holds, const char *words);
extern void (*oracle_on_finding)(void);

#endif
