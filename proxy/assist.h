/* Which requests may be sent once more, on the other color: the shield and the fallback ask, each for a reason of its own. Worker thread; looks, and changes nothing.
 *
 * Safe methods alone (RFC 9110 section 9.2.1), held as a whole, without Upgrade and Expect, none of whose final answer went out; once, whatever the reason; no previews; and only to a color with a
 * backend that is up. Interim answers that went by do not count: they promise nothing of the final one (RFC 9110 section 15.2). */
#ifndef TEAL_PROXY_ASSIST_H
#define TEAL_PROXY_ASSIST_H

#include <stdbool.h>

#include "proxy/head.h"

struct exchange;
struct table_service;

/* For an exchange that has a service. The backend connection of it may be gone already. */
bool assist_is_possible(const struct exchange *exchange);
/* The service as the newest table has it: what holds for the other color now, as it may be stopped since the request was read. NULL: there is none any more. */
const struct table_service *assist_newest(const struct exchange *exchange);
/* The request as it is held. False: it can't be read again. */
bool assist_read_request(const struct exchange *exchange, struct head *head);

#endif
