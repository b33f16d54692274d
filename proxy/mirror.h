/* Copies of live safe requests, for a rehearsal of the other color.
 *
 * A worker puts them into a ring of its own, at the cost of copying a head that it has in its hands anyway: no lock, no clock, no allocation, no system call, nobody woken. When the ring is full the copy is
 * dropped and counted; the exchange never waits. The control thread looks for copies when it likes. */
#ifndef TEAL_PROXY_MIRROR_H
#define TEAL_PROXY_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/color.h"

struct exchange;
struct mirror;

#define MIRROR_WHOLE 10000u    /* a share is in hundredths of a percent */
#define MIRROR_HEAD_SIZE 8192u /* of a request; longer ones are not copied */
#define MIRROR_PLACES 16u      /* of a worker's ring */

/* ---- control thread ---- */

/* Copies `share` (1 to MIRROR_WHOLE, exact for each worker) of the requests to the color `live` that can be copied: GET and HEAD without a body. Never NULL; one reference is the caller's,
 * and each table that names it has its own. */
struct mirror *mirror_new(unsigned workers, unsigned share, enum color live);
void mirror_hold(struct mirror *mirror);
void mirror_release(struct mirror *mirror);

/* Takes the oldest copy of a worker, each in turn: the head as the backend got it, the empty line included. Returns its length; 0: there is none. */
size_t mirror_take(struct mirror *mirror, char head[MIRROR_HEAD_SIZE]);

struct mirror_counts {
	uint64_t sampled; /* by the share */
	uint64_t full;    /* of them, the ring had no room */
	uint64_t large;   /* the head was too long */
};
void mirror_read(const struct mirror *mirror, struct mirror_counts *counts);

/* ---- worker threads ---- */

/* The request is about to be sent, and its service has a mirror: copies it when it is one of the share. */
void mirror_add(const struct exchange *exchange);
/* The same for any head: its worker's next turn. */
void mirror_add_head(struct mirror *mirror, unsigned worker, const char *head, size_t length);

#endif
