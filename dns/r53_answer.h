/* What Route 53 answers when it has done what was asked, from XML. Pure; any thread. Errors are dns/r53_error.h. */
#ifndef TEAL_DNS_R53_ANSWER_H
#define TEAL_DNS_R53_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "dns/record.h"

struct xml_node;

/* A change that was accepted. */
struct r53_change {
	char *id; /* without `/change/`; up to 6500 characters */
	bool in_sync;
	char submitted_at[64]; /* as Route 53 wrote it; "" when it didn't */
};

struct r53_zone {
	char id[64]; /* without `/hostedzone/` */
	char name[R53_NAME_SIZE];
	bool is_private;
	char **name_servers; /* without a dot at the end; none in lists of zones */
	size_t name_server_count;
};

/* Where a list goes on. */
struct r53_marker {
	bool more;
	char *name;       /* full */
	char *type;       /* NULL for zones */
	char *identifier; /* of a set, or the id of a zone; may be NULL */
};

/* False when it isn't what was asked for, or Route 53 would not say such a thing; then nothing is to be ended. */
bool r53_answer_read_change(const struct xml_node *root, struct r53_change *change);
void r53_change_fini(struct r53_change *change);

bool r53_answer_read_zone(const struct xml_node *root, struct r53_zone *zone);
void r53_zone_free_all(struct r53_zone *zones, size_t count);

/* Pages. What is of the name (and of the type, unless that is NULL) is added to the array; at the first that isn't, the list is over: `more` is false. On false too, the array holds
 * what was there before and maybe more. */
bool r53_answer_read_records(
	const struct xml_node *root, const char *full_name, const char *type, struct record **records, size_t *count, struct r53_marker *marker);
bool r53_answer_read_zones(const struct xml_node *root, const char *full_name, struct r53_zone **zones, size_t *count, struct r53_marker *marker);
void r53_marker_fini(struct r53_marker *marker);

/* Behind the last '/' of an id with its prefix. */
const char *r53_answer_strip_id(const char *id);

#endif
