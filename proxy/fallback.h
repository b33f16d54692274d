/* The asset fallback: a GET or HEAD without a body for one of the service's fallback paths that its color answers with 404 is tried once on the other color, while that is wanted. So a page of one
 * release finds its assets when they are asked of the other. Worker thread; looks, and changes nothing: what follows is exchange_end's business.
 *
 * What the other color answers is the answer when its status is below 400, or 404. Anything else, and no answer, is a 404 of our own: the first color's has gone by then. */
#ifndef TEAL_PROXY_FALLBACK_H
#define TEAL_PROXY_FALLBACK_H

#include <stdbool.h>

struct exchange;

/* An answer with 404, of which nothing was passed on. */
bool fallback_covers(const struct exchange *exchange);

#endif
