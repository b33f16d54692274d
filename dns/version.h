/* One version of a record, as it was or shall be, and whether a name server's reply is it. Pure, control thread. */
#ifndef TEAL_DNS_VERSION_H
#define TEAL_DNS_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "dns/propagation.h"
#include "dns/rrset.h"

struct version {
	enum rrset_type type;
	bool alias;
	uint32_t ttl_s;   /* at most RRSET_TTL_MAX */
	char target[256]; /* alias: the name whose addresses are answered, without the dot at the end */
	size_t count;
	char **values; /* sorted, each once, as in struct rrset; alias: the addresses that the target has been seen with */
};

/* False and a sentence when a value is none of the type. version_fini either way. */
bool version_init(struct version *version, const struct propagation_record *record, enum rrset_type type, struct err *err);
void version_fini(struct version *version);
/* An address of an alias's target. Those of the other family, and what is past RRSET_VALUES_MAX, are left out. */
void version_add_address(struct version *version, const struct addr *addr);

/* What an authoritative reply of the kinds RRSET_RECORDS, _ALIAS, _NO_RECORDS or _NO_NAME is. Versions of the same values are told
 * apart by the TTL. An alias is recognised by any one of its target's addresses, as the set of them changes by itself. */
enum propagation_answer version_judge(const struct version *old, const struct version *new, const struct rrset *reply);

#endif
