/* How many connections each client address has open, over all workers, without locks.
 *
 * A fixed table of 64-bit slots, each a 48-bit keyed tag of an address and a 16-bit count; a slot whose count is 0 is free. An address is looked for in the 16 slots from
 * its hash on. Where all 16 are others' the connection is not counted and allowed: with the table at least twice as large as the number of connections that is rare, and nobody
 * is refused for somebody else's sake (two addresses with one tag in one window are as unlikely as a guess of 39 bits). Two workers that meet a new address at the same
 * instant may claim a slot each; they see it, give theirs back, and try again. Only where they do so several times at the very same steps, or where yet another one has counted on
 * a slot that is given back, does more than one slot stay, each of which lets the limit through, until but one of them is free.
 *
 * An IPv6 client is its /64. Made and freed by the control thread; take and give are for any worker. */
#ifndef TEAL_PROXY_QUOTA_H
#define TEAL_PROXY_QUOTA_H

#include <stdint.h>

#include "proxy/endpoint.h"

#define QUOTA_LIMIT_MAX 65535u
#define QUOTA_NO_SLOT UINT32_MAX

enum quota_result {
	QUOTA_TAKEN,     /* *slot is to be given back */
	QUOTA_UNCOUNTED, /* allowed: no limit, a unix peer, or no room */
	QUOTA_REFUSED,   /* the address has as many as it may */
};

struct quota;

/* For that many connections in all. A different count later on changes nothing but how soon windows are full. */
struct quota *quota_new(unsigned connections);
/* When every slot was given back, or nobody will. */
void quota_free(struct quota *quota);

/* One more connection of this client, if it has fewer than `limit` (at most QUOTA_LIMIT_MAX; 0: none, and nothing is counted). *slot is QUOTA_NO_SLOT unless the result is QUOTA_TAKEN.
 * A connection that was let in while there was no limit is never counted. */
enum quota_result quota_take(struct quota *quota, const struct endpoint *client, unsigned limit, uint32_t *slot);
/* One less. QUOTA_NO_SLOT: nothing to do. */
void quota_give(struct quota *quota, uint32_t slot);

#endif
