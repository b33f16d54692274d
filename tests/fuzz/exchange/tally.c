/* Numbers that must fit. Test's thread. */
#include "tests/fuzz/exchange/tally.h"

static uint64_t add_up(const uint64_t *counts, unsigned from, unsigned count)
{
	uint64_t sum = 0;
	for (unsigned i = from; i < count; i++)
		sum += counts[i];
	return sum;
}

static void check_color(const struct totals_sum *sum)
{
	oracle_demand(sum->errors <= sum->ended, "more errors than requests that ended");
	oracle_demand(sum->failed <= sum->errors, "more failed requests than errors");
	oracle_demand(sum->shielded <= sum->errors, "more shielded requests than errors");
	oracle_demand(sum->shielded_errors <= sum->shielded, "more requests that the shield did not help than it took");
	oracle_demand(sum->fallbacks <= sum->codes[404 - TOTALS_STATUS_LOW], "more 404s tried on the other color than there were");
	oracle_demand(add_up(sum->codes, 0, TOTALS_STATUS_COUNT) <= sum->ended, "more statuses than requests that ended");
	oracle_demand(add_up(sum->kinds, FAIL_KIND_abort + 1, FAIL_KIND_COUNT) <= sum->errors, "more failures to answer than errors");
	oracle_demand(sum->kinds[FAIL_KIND_abort] == sum->aborted, "the aborted are not the aborted");
	oracle_demand(sum->duration.total <= sum->ended, "more durations than requests that ended");
	oracle_demand(sum->first_byte.total <= sum->ended, "more first bytes than requests that ended");
}

void tally_check(const struct totals *totals, const struct oracle_sums *sums)
{
	static struct totals_sum of[COLOR_COUNT];
	uint64_t all = 0, failed = 0, helped = 0;
	for (unsigned color = 0; color < COLOR_COUNT; color++) {
		totals_read(totals, (enum color)color, &of[color]);
		check_color(&of[color]);
		all += of[color].ended + of[color].aborted;
		failed += of[color].failed;
		helped += of[color].shielded + of[color].fallbacks;
	}
	oracle_demand(all <= sums->requests, "more requests were counted than were made");
	oracle_demand(sums->answered + failed <= all, "an answered request was not counted, or counted as failed");
	oracle_demand(sums->crossed <= helped, "a request was heard by both colors and not counted as one that the other helped out with");
}
