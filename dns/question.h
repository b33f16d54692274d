/* One question at a time to one name server, asked itself (or to the resolver of the system): UDP with EDNS, TCP when the reply
 * was cut, twice when nothing comes. Control thread; never blocks.
 *
 * c-ares makes ids and ports, drops replies to anything else than what was asked, and falls back; dns/rrset reads. */
#ifndef TEAL_DNS_QUESTION_H
#define TEAL_DNS_QUESTION_H

#include <stdbool.h>

#include "base/addr.h"
#include "dns/rrset.h"

struct event_base;
struct question;

/* The first try's time; the second has twice as much. */
#define QUESTION_TRY_MS 1500

struct question_options {
	const char *servers; /* `192.0.2.1:53,[2001:db8::1]:53`; NULL: those of the system */
	int try_timeout_ms;  /* 0: QUESTION_TRY_MS */
	bool recurse;        /* RD: ask a resolver, not the server's own zones */
};
/* NULL and a sentence when the servers are unusable. */
struct question *question_new(struct event_base *loop, const struct question_options *options, struct err *err);
/* The same for one server without recursion. `server` is ADDR_IPV4 or ADDR_IPV6. */
struct question *question_new_at(struct event_base *loop, const struct addr *server, int try_timeout_ms, struct err *err);
/* Drops what is under way, without callback. Never from inside a callback. NULL is allowed. */
void question_free(struct question *question);

/* Called from inside c-ares: it may neither free the question nor ask the next. `reply` is the callee's for the call alone. */
typedef void question_answered(void *arg, const struct rrset *reply);
/* `name` in full (dns/r53_name). May call back before it returns. Nothing may be under way. */
void question_ask(struct question *question, const char *name, enum rrset_type type, question_answered *done, void *arg);
bool question_is_under_way(const struct question *question);

#endif
