/* The shield: which requests that one color failed are sent once more on the other, before a byte of an answer went to the client. Worker thread; looks, and changes nothing.
 *
 * Those that assist.h allows, when the color has failed for good. What follows is exchange_end's business. */
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
