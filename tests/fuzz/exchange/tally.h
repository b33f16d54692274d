/* What the worker counted must fit what was heard. Pure, but that it ends the process on a finding. */
#ifndef TEAL_TESTS_FUZZ_EXCHANGE_TALLY_H
#define TEAL_TESTS_FUZZ_EXCHANGE_TALLY_H

#include "proxy/totals.h"
#include "tests/fuzz/exchange/oracle.h"

/* Once everything has ended: each request counts once, on one color, among those that ended or were given up; what is a part of a number is no more than it. */
void tally_check(const struct totals *totals, const struct oracle_sums *sums);

#endif
