/* Which name servers are asked about a change, and for what: pieces of struct propagation_what. Control thread. Asks nobody. */
#include <stdio.h>

#include "dns/steering_parts.h"

#define DNS_PORT 53u
#define CONFIDENCE 0.999

void steering_servers_fill(const struct record *set, struct propagation_record *out)
{
	*out = (struct propagation_record){.ttl_s = STEERING_LIVE_ABSENT_TTL_S};
	if (!set)
		return;
	out->alias = set->alias_zone;
	out->ttl_s = steering_live_ttl(set, 1);
	out->values = (const char *const *)(out->alias ? &set->alias_name : set->values);
	out->count = out->alias ? 1 : set->value_count;
}

/* The only set that is answered; NULL when there is none or several. */
static const struct record *find_answered(const struct record *sets, size_t count)
{
	const struct record *only = NULL;
	for (size_t i = 0; i < count; i++) {
		if (steering_live_share(sets, count, i) <= 0)
			continue;
		if (only)
			return NULL;
		only = &sets[i];
	}
	return only;
}

/* Of the sets before, one that is answered and is not like the new one, where there is any; and the share of all of those. */
static const struct record *find_left(const struct steering_intent *intent, const struct record *new, double *share)
{
	const struct record *left = NULL, *like = NULL;
	*share = 0;
	for (size_t i = 0; i < intent->old_count; i++) {
		double own = steering_live_share(intent->old, intent->old_count, i);
		bool same = new &&record_same_target(&intent->old[i], new);
		if (own > 0 && same)
			like = &intent->old[i];
		if (own <= 0 || same)
			continue;
		left = left ? left : &intent->old[i];
		*share += own;
	}
	return left ? left : like;
}

static unsigned count_samples(double share)
{
	unsigned samples = 1;
	while (share > 0 && safe_at_confidence(share, samples) < CONFIDENCE)
		samples++;
	return samples;
}

static bool read_server(const struct steering *steering, const char *name, struct addr *addr)
{
	char with_port[ADDR_TEXT_SIZE];
	unsigned port = steering->tools.name_server_port ? steering->tools.name_server_port : DNS_PORT;
	return snprintf(with_port, sizeof(with_port), "%s:%u", name, port) < (int)sizeof(with_port) && addr_parse(with_port, addr, NULL);
}

size_t steering_servers_list(const struct steering *steering, const struct steering_zone *zone, struct addr servers[PROPAGATION_SERVERS_MAX])
{
	const struct conf_route53 *conf = steering->conf;
	size_t count = 0;
	for (size_t i = 0; i < conf->name_server_count && count < PROPAGATION_SERVERS_MAX; i++)
		servers[count++] = conf->name_servers[i].address;
	if (conf->name_server_count > 0 || zone->is_private)
		return count;
	for (size_t i = 0; i < zone->name_server_count && count < PROPAGATION_SERVERS_MAX; i++)
		count += read_server(steering, zone->name_servers[i], &servers[count]);
	return count;
}

bool steering_servers_choose(const struct steering_intent *intent, struct propagation_what *what)
{
	const struct record *place = steering_intent_place(intent), *new = find_answered(intent->new, intent->new_count);
	double share;
	if (!new && intent->new_count > 0)
		return false;
	const struct record *old = find_left(intent, new, &share);
	*what = (struct propagation_what){.name = place->name, .samples = count_samples(share)};
	rrset_parse_type(place->type, &what->type);
	steering_servers_fill(old, &what->old);
	steering_servers_fill(new, &what->new);
	if (intent->old_ttl_s > what->old.ttl_s)
		what->old.ttl_s = intent->old_ttl_s;
	return true;
}
