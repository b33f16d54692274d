/* Which color the sets of a record name, and which sets name a color. Pure; any thread. What is there besides the two colors is described, never guessed at. */
#ifndef TEAL_DNS_STEERING_LIVE_H
#define TEAL_DNS_STEERING_LIVE_H

#include "dns/record.h"
#include "dns/steering.h"

/* What caches and Route 53 take an alias's TTL for, where none was seen. */
#define STEERING_LIVE_ALIAS_TTL_S 60u
/* How long the absence of a record is kept, with the SOA that Route 53 gives a zone. */
#define STEERING_LIVE_ABSENT_TTL_S 900u
/* The whole of the answers, in hundredths of a percent. */
#define STEERING_LIVE_WHOLE 10000u

/* The set identifiers of a weighted record are the colors' names. */
struct steering_live_verdict {
	enum steering_live live;
	unsigned share[COLOR_COUNT];
	uint32_t ttl_s;
	char sentence[1024];
};
/* `sets` are all of the file's name and type. */
void steering_live_judge(const struct conf_route53 *conf, const struct record *sets, size_t count, struct steering_live_verdict *verdict);
/* The first set that can't be written, or NULL. */
const struct record *steering_live_find_foreign(const struct record *sets, size_t count);

/* The sets of `to` with that share, the rest for the other color; a health check stays with its set. The array is record_free_all's. */
struct record *steering_live_make(
	const struct conf_route53 *conf, enum color to, unsigned share, const struct record *present, size_t present_count, size_t *count);

/* The longest TTL of the sets; STEERING_LIVE_ABSENT_TTL_S where there are none. */
uint32_t steering_live_ttl(const struct record *sets, size_t count);
/* The share of the answers that one set gives, 0 to 1: of no identifier 1; where every weight is 0, all are given alike. */
double steering_live_share(const struct record *sets, size_t count, size_t index);

const char *steering_live_type(const struct conf_route53 *conf);

#endif
