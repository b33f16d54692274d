/* Which color a request gets while the traffic of a service is split, and what keeps a client there. Pure; on a worker's thread.
 *
 * Each way ends in a point from 0 to 9999: blue's are those below its share. So a share that grows moves clients to the color that grows, and nobody else; a share of 0 moves all.
 *  - none: the point comes from the low-discrepancy counter; every run of 10,000 requests of a worker holds the exact shares
 *  - address: from a hash of the deployment and the client's address (an IPv6 one by its /64); a unix peer has none and is counted
 *  - header: from a hash of the deployment and the field's value; a request without it is counted
 *  - cookie: the cookie holds four digits, the client's number, and the deployment's seed says where these begin, so that it is not always the same clients who are first. A request without
 *    a good one is counted, and gets its number with the answer. It is no secret and not signed: whoever chooses a number chooses a color.
 * A color without a backend that is up gets none of it while the other has one; no number is given out then, and one that is there holds again afterwards. */
#ifndef TEAL_PROXY_STICKY_H
#define TEAL_PROXY_STICKY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/head.h"
#include "proxy/table.h"

struct sticky_choice {
	enum color color;
	bool pins;       /* the answer gives the client its number */
	uint16_t number; /* of a choice that pins */
};

/* `address`: the client's as a number, asked for by address alone; 0: none. `turn`: see table_take_point. */
struct sticky_choice sticky_choose(const struct table_service *service, const struct head *head, uint64_t address, uint32_t *turn);

#define STICKY_FIELD_SIZE 320u /* a name of 256 bytes fits */
/* The value of Set-Cookie; its length, 0 when the name is too long. */
size_t sticky_write_field(const struct table_service *service, unsigned number, char out[STICKY_FIELD_SIZE]);

#endif
