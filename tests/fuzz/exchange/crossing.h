/* Requests that the proxy sent to both colors, one after the other: which may be, and what it was to keep from the client then. Pure; reads the deals that are open. */
#ifndef TEAL_TESTS_FUZZ_EXCHANGE_CROSSING_H
#define TEAL_TESTS_FUZZ_EXCHANGE_CROSSING_H

#include "tests/fuzz/exchange/deal.h"

/* No request was heard by both colors that may not be, and none in other words by one backend than by another. Returns how many were heard by both. */
unsigned crossing_check(const struct oracle_case *that);
/* Whether an answer of the proxy's own with this status makes sense. */
bool crossing_allows_own(const struct oracle_case *that, unsigned client, const struct account_request *request, unsigned status);
/* Whether the client is not to hear the answer of this deal, which has this status, as the other color was asked, or should have been. */
bool crossing_withholds(const struct oracle_case *that, unsigned client, const struct account_request *request, const struct deal *deal, unsigned status);
/* Whether this deal's answer is known to be the last one to its request. */
bool crossing_is_last(const struct oracle_case *that, unsigned client, const struct account_request *request, const struct deal *deal);

#endif
