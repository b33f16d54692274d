/* The name servers asked for people, while no change is followed: each gives the live color's answer, the other's, or something else. Control thread.
 * It ends by itself a minute after somebody was interested last. */
#include "dns/steering_parts.h"

#define INTEREST_MS 60000u

void steering_watch_stop(struct steering *steering)
{
	struct steering_watching *watch = &steering->watch;
	propagation_stop(watch->propagation);
	watch->propagation = NULL;
	if (watch->end)
		event_free(watch->end);
	watch->end = NULL;
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	steering_watch_stop(arg);
}

static void on_servers(void *arg, const struct propagation_status *status)
{
	(void)status;
	steering_tell(arg);
}

static const struct record *find_color(const struct record *sets, size_t count, bool weighted, enum color color)
{
	for (size_t i = 0; i < count; i++)
		if (!weighted || (sets[i].set_identifier && sets[i].set_identifier[0] == color_name(color)[0]))
			return &sets[i];
	return NULL;
}

/* Only the values count here, and those of both colors are in the file. */
static void start(struct steering *steering, const struct addr *servers, size_t count)
{
	struct steering_watching *watch = &steering->watch;
	const struct conf_route53 *conf = steering->conf;
	const struct propagation_tools tools = {.loop = steering->tools.loop,
		.resolver = steering->tools.resolver,
		.pace_ms = (unsigned)steering_scale(steering, PROPAGATION_PACE_MS),
		.slackens = true};
	struct propagation_what what = {.name = steering->full};
	size_t counts[COLOR_COUNT];
	struct record *sets[COLOR_COUNT];
	watch->new = steering->verdict.live == STEERING_GREEN ? COLOR_GREEN : COLOR_BLUE;
	watch->old = color_other(watch->new);
	for (enum color color = COLOR_BLUE; color < COLOR_COUNT; color++)
		sets[color] = steering_live_make(conf, color, STEERING_LIVE_WHOLE, NULL, 0, &counts[color]);
	bool weighted = conf->policy == CONF_ROUTE53_WEIGHTED;
	rrset_parse_type(steering_live_type(conf), &what.type);
	steering_servers_fill(find_color(sets[watch->old], counts[watch->old], weighted, watch->old), &what.old);
	steering_servers_fill(find_color(sets[watch->new], counts[watch->new], weighted, watch->new), &what.new);
	watch->propagation = propagation_start(&tools, &what, servers, count, on_servers, steering, NULL);
	for (enum color color = COLOR_BLUE; color < COLOR_COUNT; color++)
		record_free_all(sets[color], counts[color]);
}

const struct propagation_status *steering_watch_read(struct steering *steering)
{
	struct steering_watching *watch = &steering->watch;
	struct addr servers[PROPAGATION_SERVERS_MAX];
	if (!watch->propagation) {
		size_t count = steering_servers_list(steering, &steering->zone, servers);
		if (count > 0)
			start(steering, servers, count);
	}
	if (!watch->propagation)
		return NULL;
	if (!watch->end)
		watch->end = steering_make_timer(steering, on_end);
	steering_arm_timer(steering, watch->end, INTEREST_MS);
	return propagation_status(watch->propagation);
}
