/* Whether the world is sent to this hosted zone: the name servers that the zone's parent gives out beside those of the zone. Control
 * thread, on the loop; never blocks, ends in less than a minute.
 *
 * A change to a zone that nobody is sent to is accepted and goes INSYNC like any other; this tells before it is made. The
 * resolver of the system finds the parent's name servers; one of those is asked, without recursion. Not for private zones. */
#ifndef TEAL_DNS_DELEGATION_H
#define TEAL_DNS_DELEGATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct event_base;
struct resolver;
struct delegation;

enum delegation_result {
	DELEGATION_SAME,    /* the parent names exactly these */
	DELEGATION_PARTLY,  /* some in common: the delegation is out of date, or shared with another provider */
	DELEGATION_OTHER,   /* none in common: another zone of this name is the one that the world sees */
	DELEGATION_NONE,    /* the parent knows no such zone */
	DELEGATION_UNKNOWN, /* the parent could not be asked */
};

struct delegation_tools {
	struct event_base *loop;
	struct resolver *resolver;    /* the addresses of the parent's name servers */
	const char *resolver_servers; /* asked for NS records; NULL: those of the system */
	uint16_t port;                /* of the parent's name servers; 0: 53 */
	int try_timeout_ms;           /* 0: QUESTION_TRY_MS */
};

/* Called once, from the loop. The sentence says what was found, and what to do where it isn't DELEGATION_SAME. It may call delegation_free. */
typedef void delegation_checked(void *arg, enum delegation_result result, const char *sentence);
/* `name_servers`: those of the zone, 1 to 16. NULL and a sentence when a name is none. Owned by the caller, also after the callback. */
struct delegation *delegation_check(const struct delegation_tools *tools, const char *zone, const char *const *name_servers, size_t count,
	delegation_checked *checked, void *arg, struct err *err);
/* Without callback. NULL is allowed. */
void delegation_free(struct delegation *delegation);
const char *delegation_word(enum delegation_result result);

#endif
