/* The shield: which requests that one color failed are sent once more on the other, before a byte of an answer went to the client. Worker thread; looks, and changes nothing.
 *
 * GET, HEAD, OPTIONS and TRACE alone (safe: RFC 9110 section 9.2.1), held as a whole, without Upgrade and Expect; once, when the color has failed for good, and only to a color with a
 * backend that is up. Interim answers that went by do not count: they promise nothing of the final one (RFC 9110 section 15.2). What follows is exchange_end's business. */
#ifndef TEAL_PROXY_SHIELD_H
#define TEAL_PROXY_SHIELD_H

#include <stdbool.h>

#include "proxy/fail.h"

struct exchange;

/* The backend connection of the exchange may be gone already. */
bool shield_covers_failure(const struct exchange *exchange, enum fail fail);
/* An answer with this status, of which nothing was passed on. */
bool shield_covers_answer(const struct exchange *exchange, unsigned status);

#endif
