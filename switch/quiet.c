/* What is under way, and what may be. Control thread. */
#include "switch/quiet.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "switch/wire.h"

static uint64_t count_busy(const struct switcher *switcher, enum color color)
{
	return switcher->actuator.read_busy(switcher->actuator.arg, color);
}

uint64_t quiet_count_busy(const struct switcher *switcher)
{
	return count_busy(switcher, COLOR_BLUE) + count_busy(switcher, COLOR_GREEN);
}

static bool is_idle(const struct switcher *switcher, enum color color)
{
	return switcher->actuator.read_inflight(switcher->actuator.arg, color) == 0;
}

/* In this order: what a worker gave a color before it knew of the hold is counted by then; and what goes from one color to the other in the middle of the counting is found there, as a second attempt. */
bool quiet_is_reached(const struct switcher *switcher)
{
	bool in_force = switcher->actuator.in_force(switcher->actuator.arg, switcher->ticket);
	return in_force && is_idle(switcher, COLOR_BLUE) && is_idle(switcher, COLOR_GREEN) && quiet_count_busy(switcher) == 0;
}

static const char *requests(uint64_t count)
{
	return count == 1 ? "request" : "requests";
}

void quiet_describe_busy(const struct switcher *switcher, char *out, size_t size)
{
	enum color from = switcher->current->from, to = switcher->current->to;
	uint64_t old = count_busy(switcher, from), new = count_busy(switcher, to);
	if (old > 0 && new > 0)
		snprintf(out, size, "%" PRIu64 " %s of %s and %" PRIu64 " of %s were still under way", old, requests(old), color_name(from), new,
			color_name(to));
	else if (old + new > 0)
		snprintf(out, size, "%" PRIu64 " %s of %s %s still under way", old + new, requests(old + new), color_name(old > 0 ? from : to),
			old + new == 1 ? "was" : "were");
	else
		snprintf(out, size, "not every worker had said that it holds requests");
}

static void describe_given_up(const struct switcher *switcher, uint64_t count, uint64_t within_ms, char *out, size_t size)
{
	char within[TEXT_UNIT_SIZE];
	const char *from = color_name(switcher->current->from);
	text_format_duration(within_ms, within);
	snprintf(out, size, "%" PRIu64 " %s of %s %s given up in the last %s, by a timeout, by the client or in a rehearsal: %s may still be at work on %s",
		count, requests(count), from, count == 1 ? "was" : "were", within, from, count == 1 ? "it" : "them");
}

void quiet_tell(struct switcher *switcher, uint64_t held_ms)
{
	char text[256];
	uint64_t within_ms = 0, count = switcher->host.count_given_up(switcher->host.arg, switcher->current->from, &within_ms);
	json_t *more = json_pack("{s:o}", "given_up", wire_count(count));
	if (count == 0) {
		course_emit(switcher, "quiet", more, "%s: no request is under way any more, %" PRIu64 " ms after the hold began", switcher->service, held_ms);
		return;
	}
	describe_given_up(switcher, count, within_ms, text, sizeof(text));
	deployment_warn(switcher->current, "%s", text);
	course_emit(switcher, "quiet", more, "%s: no request is under way any more, %" PRIu64 " ms after the hold began; %s", switcher->service, held_ms, text);
}
