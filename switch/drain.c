/* Draining a color. Control thread; what follows from being drained is decided in switch/course. */
#include "switch/drain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "switch/change.h"
#include "switch/wire.h"

#define OVER_MS 5000u /* from the last cut until nobody waits any longer */
#define TELL_EVERY_MS 500u

/* ---- out of the path: until nobody is sent there ---- */

static void begin_leaving(struct switcher *switcher, enum color color)
{
	uint64_t now = course_now_ms(switcher);
	switcher->drain.color = color;
	switcher->drain.first = switcher->drain.cut = 0;
	switcher->drain.over_ms = now + switcher->actuator.read_patience(switcher->actuator.arg);
	switcher->drain.told[0] = '\0';
	switcher->tell_ms = now;
}

static void tell_leaving(struct switcher *switcher, const char *sentence)
{
	uint64_t now = course_now_ms(switcher);
	if (now < switcher->tell_ms || strncmp(sentence, switcher->drain.told, sizeof(switcher->drain.told) - 1) == 0)
		return;
	switcher->tell_ms = now + TELL_EVERY_MS;
	snprintf(switcher->drain.told, sizeof(switcher->drain.told), "%s", sentence);
	course_emit(switcher, "draining", json_pack("{s:o}", "detail", wire_text(sentence)), "%s: %s is not drained yet: %s", switcher->service,
		color_name(switcher->drain.color), sentence);
}

/* Once each. */
static void warn_of_hindrance(struct switcher *switcher)
{
	struct deployment *deployment = switcher->current;
	const char *hindrance = switcher->actuator.read_hindrance(switcher->actuator.arg);
	size_t before = json_array_size(deployment->warnings);
	if (!hindrance)
		return;
	deployment_warn(deployment, "%s", hindrance);
	if (json_array_size(deployment->warnings) > before)
		course_emit(switcher, "hindered", json_pack("{s:o}", "detail", wire_text(hindrance)), "%s: %s", switcher->service, hindrance);
}

static enum drain_state run_leaving(struct switcher *switcher, bool flip_in_force)
{
	char sentence[sizeof(switcher->drain.told)] = "";
	if (flip_in_force && switcher->actuator.is_left(switcher->actuator.arg, sentence, sizeof(sentence)))
		return DRAIN_DONE;
	if (sentence[0])
		tell_leaving(switcher, sentence);
	warn_of_hindrance(switcher);
	return course_now_ms(switcher) >= switcher->drain.over_ms ? DRAIN_GIVEN_UP : DRAIN_MORE;
}

/* ---- in the path ---- */

void drain_begin(struct switcher *switcher, enum color color, uint64_t ticket, uint64_t first, uint64_t requests_ms, uint64_t tunnels_ms)
{
	if (change_is_needed(switcher)) {
		begin_leaving(switcher, color);
		return;
	}
	const struct actuator *actuator = &switcher->actuator;
	uint64_t now = course_now_ms(switcher);
	uint64_t gone_ms = tunnels_ms + ACTUATOR_FAREWELL_MS, last_ms = requests_ms > gone_ms ? requests_ms : gone_ms;
	switcher->drain.color = color;
	switcher->drain.ticket = ticket;
	switcher->drain.first = first;
	switcher->drain.requests_ms = now + requests_ms;
	switcher->drain.tunnels_ms = now + last_ms;
	switcher->drain.over_ms = now + last_ms + OVER_MS;
	switcher->drain.requests_cut = switcher->drain.tunnels_cut = false;
	switcher->drain.cut = 0;
	switcher->drain.cut_before = actuator->read_cut(actuator->arg, color);
	switcher->tell_ms = now;
	actuator->close_tunnels(actuator->arg, color, ticket, tunnels_ms);
}

uint64_t drain_left(const struct switcher *switcher)
{
	uint64_t inflight = switcher->current->inflight;
	return inflight < switcher->drain.first ? inflight : switcher->drain.first;
}

uint64_t drain_ended(const struct switcher *switcher)
{
	uint64_t others = drain_left(switcher) + switcher->drain.cut;
	return others < switcher->drain.first ? switcher->drain.first - others : 0;
}

static void tell(struct switcher *switcher, uint64_t before)
{
	uint64_t inflight = switcher->current->inflight, now = course_now_ms(switcher);
	if (inflight == before || now < switcher->tell_ms)
		return;
	switcher->tell_ms = now + TELL_EVERY_MS;
	course_emit(switcher, "draining", json_pack("{s:o, s:o}", "inflight", wire_count(inflight), "drained", wire_count(drain_ended(switcher))),
		"%s: %" PRIu64 " requests are still in flight on %s", switcher->service, inflight, color_name(switcher->drain.color));
}

static void cut(struct switcher *switcher, bool tunnels)
{
	uint64_t inflight = switcher->current->inflight;
	switcher->drain.requests_cut = true;
	switcher->drain.tunnels_cut = tunnels;
	switcher->actuator.cut(switcher->actuator.arg, switcher->drain.color, switcher->drain.ticket, true, tunnels);
	course_emit(switcher, "drain_deadline", json_pack("{s:o, s:b}", "inflight", wire_count(inflight), "tunnels", tunnels),
		"%s: the time to drain %s is over: %s are ended now, %" PRIu64 " are in flight", switcher->service, color_name(switcher->drain.color),
		tunnels ? "requests and tunnels" : "requests", inflight);
}

static void cut_when_due(struct switcher *switcher)
{
	uint64_t now = course_now_ms(switcher);
	if (switcher->current->inflight == 0)
		return;
	if (!switcher->drain.tunnels_cut && now >= switcher->drain.tunnels_ms)
		cut(switcher, true);
	else if (!switcher->drain.requests_cut && now >= switcher->drain.requests_ms)
		cut(switcher, false);
}

enum drain_state drain_run(struct switcher *switcher, bool flip_in_force)
{
	if (change_is_needed(switcher))
		return run_leaving(switcher, flip_in_force);
	const struct actuator *actuator = &switcher->actuator;
	struct deployment *deployment = switcher->current;
	uint64_t before = deployment->inflight;
	deployment->inflight = actuator->read_inflight(actuator->arg, switcher->drain.color);
	switcher->drain.cut = actuator->read_cut(actuator->arg, switcher->drain.color) - switcher->drain.cut_before;
	if (flip_in_force)
		cut_when_due(switcher);
	tell(switcher, before);
	if (flip_in_force && deployment->inflight == 0)
		return DRAIN_DONE;
	return course_now_ms(switcher) >= switcher->drain.over_ms ? DRAIN_GIVEN_UP : DRAIN_MORE;
}
