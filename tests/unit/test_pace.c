/* The judgement of slow peers: what is stalled, what is slow, and when it is looked at again. */
// links: proxy
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proxy/pace.h"

#define PERIOD 30000u

struct piece {
	uint64_t at_ms, bytes;
};

struct pace_case {
	const char *name;
	uint64_t rate;
	struct piece pieces[8]; /* up to the first with 0 bytes */
	enum pace_verdict verdict;
	uint64_t end_ms; /* when it was given, or for PACE_FINE the time up to which nothing was held against the peer */
};

static const struct pace_case cases[] = {
	{"nothing comes", 0, {{0, 0}}, PACE_STALLED, 30000},
	{"nothing comes, with a rate", 100, {{0, 0}}, PACE_STALLED, 30000},
	{"silence after a piece is counted from that piece", 100, {{10000, 5000}}, PACE_STALLED, 40000},
	{"silence after many bytes", 100, {{1000, 100000000}}, PACE_STALLED, 31000},
	{"a byte now and then is slow", 100, {{10000, 1}, {20000, 1}, {29000, 1}}, PACE_SLOW, 30000},
	{"a byte now and then is enough where no rate is asked", 0, {{20000, 1}, {40000, 1}, {60000, 1}}, PACE_FINE, 80000},
	{"exactly the rate", 100, {{29999, 3000}, {59000, 3000}}, PACE_FINE, 80000},
	{"a byte less than the rate", 100, {{29999, 2999}}, PACE_SLOW, 30000},
	{"fast first, slow later", 100, {{1000, 1000000}, {29000, 10}, {40000, 10}, {55000, 10}}, PACE_SLOW, 60000},
	{"a pause right before the look is no slowness", 100, {{1000, 1000000}, {30500, 10}, {31000, 20000}, {50000, 1}}, PACE_FINE, 59000},
	{"a rate that nobody reaches", UINT64_MAX, {{1000, 1000000}, {20000, 1}}, PACE_SLOW, 30000},
};

/* Plays the pieces and looks whenever a look is due. */
static enum pace_verdict play(const struct pace_case *one, uint64_t *at_ms)
{
	const uint64_t epoch = 1000000;
	struct pace pace;
	uint64_t look_ms = epoch + PERIOD, after_ms = 0;
	size_t next = 0;
	pace_begin(&pace, epoch);
	for (;;) {
		while (next < 8 && one->pieces[next].bytes > 0 && epoch + one->pieces[next].at_ms < look_ms) {
			pace_move(&pace, one->pieces[next].bytes, epoch + one->pieces[next].at_ms);
			next++;
		}
		*at_ms = look_ms - epoch;
		if (one->verdict == PACE_FINE && *at_ms > one->end_ms)
			return PACE_FINE;
		enum pace_verdict verdict = pace_check(&pace, look_ms, PERIOD, one->rate, &after_ms);
		if (verdict != PACE_FINE)
			return verdict;
		assert_in_range(after_ms, 1, PERIOD);
		look_ms += after_ms;
	}
}

static void peers_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t at_ms;
		enum pace_verdict verdict = play(&cases[i], &at_ms);
		if (verdict != cases[i].verdict || (verdict != PACE_FINE && at_ms != cases[i].end_ms))
			fail_msg("%s: verdict %d at %llu ms", cases[i].name, verdict, (unsigned long long)at_ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(peers_are_judged)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
