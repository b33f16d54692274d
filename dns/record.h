/* A resource record set of Route 53 as far as a switch touches them: A, AAAA and CNAME, simple or weighted, with values or as an alias. Pure; any thread.
 *
 * What a set holds besides (a region, a failover role, a traffic policy …) is not understood here; such a set is *foreign*: it can be shown and compared, never written, as its
 * deletion would have to repeat what we can't. Texts are kept as Route 53 gave them, since a deletion must repeat them to the letter; they are compared by what they mean. */
#ifndef TEAL_DNS_RECORD_H
#define TEAL_DNS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "dns/r53_name.h"

struct xml_node;

#define RECORD_TTL_MAX 2147483647u
#define RECORD_WEIGHT_MAX 255u
#define RECORD_VALUES_MAX 100u

struct record {
	char name[R53_NAME_SIZE]; /* full */
	char type[16];            /* `A`, `AAAA`, `CNAME`; another one is foreign */
	char foreign[64];         /* what is not understood of it: an element's name, or `Type TXT`; "": nothing */
	char *set_identifier;     /* of a weighted set; NULL: simple */
	unsigned weight;
	char *health_check; /* NULL: none */

	uint32_t ttl; /* seconds; without meaning for an alias */
	char **values;
	size_t value_count;

	char *alias_zone, *alias_name; /* the target's hosted zone and name; NULL: values instead */
	bool alias_evaluates_health;
};

/* Each set is ended by record_fini, whatever it was made with. A zeroed one is empty and may be ended too. */
void record_init(struct record *record, const char *full_name, const char *type, uint32_t ttl);
void record_init_alias(struct record *record, const char *full_name, const char *type, const char *target_zone, const char *target_name, bool evaluates_health);
void record_set_weight(struct record *record, const char *set_identifier, unsigned weight);
void record_set_health_check(struct record *record, const char *id);
void record_add_value(struct record *record, const char *value);
void record_copy(struct record *to, const struct record *from);
void record_fini(struct record *record);
/* Ends each and the array. NULL is allowed. */
void record_free_all(struct record *records, size_t count);

/* Whether Route 53 can take it: the values are addresses of the type, or one name; one value where it is weighted; TTL, weight and identifier in range. Not for foreign ones. */
bool record_check(const struct record *record, struct err *err);

/* Whether both are at one place: name, type and set identifier, of which Route 53 holds one set. */
bool record_same_place(const struct record *a, const struct record *b);
/* Whether they say the same: values in any order, addresses in any spelling, names in any form. Foreign ones equal nothing. */
bool record_equal(const struct record *a, const struct record *b);
/* The same but for TTL and weight: whether the same places are named. For two of the same name and type. */
bool record_same_target(const struct record *a, const struct record *b);

/* From an element <ResourceRecordSet>. False when Route 53 would not say such a thing; then there is nothing to end. */
bool record_read(struct record *record, const struct xml_node *set);
/* From the text of such an element, as record_write leaves it; for the journal. */
bool record_parse(struct record *record, const char *bytes, size_t length);
/* Appends the element, its children in the order of Route 53's API reference. Not for foreign ones. */
void record_write(const struct record *record, struct text *out);

/* Appends a line for people: `api.example.com A 60s 192.0.2.1 192.0.2.2`, `… blue weight 0 …`, `… alias to lb.example.com (Z35…)`. */
void record_describe(const struct record *record, struct text *out);

#endif
