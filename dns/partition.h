/* AWS's partitions: which regions belong to which, where Route 53 and STS are asked in each, and for which region a request is signed. Pure; any thread. */
#ifndef TEAL_DNS_PARTITION_H
#define TEAL_DNS_PARTITION_H

#include <stdbool.h>

#include "base/err.h"

struct partition {
	const char *name;    /* aws, aws-cn … */
	const char *signing; /* the region of Route 53's signatures: us-east-1 in aws, whatever region is configured */
	/* Hosts of Route 53; "" where there is none. `dual`: by IPv6, too. */
	const char *route53, *route53_fips, *route53_dual, *route53_fips_dual;
};

/* By a region's name; names that are not known yet, and NULL, are in `aws`. Never NULL. */
const struct partition *partition_find(const char *region);

/* Small letters, digits and hyphens, at most 40: it becomes part of a host name. The sentence does not show it. */
bool partition_check_region(const char *region, struct err *err);

/* The host of Route 53. Where there is none with IPv6 it is the plain one; where FIPS is wanted and there is none, that is refused. */
bool partition_find_host(const struct partition *partition, bool fips, bool dual, const char **host, struct err *err);

/* The host of STS in a region that was checked. NULL: the one of all regions, whose signatures are for us-east-1. */
#define PARTITION_HOST_SIZE 128u
void partition_write_sts(const char *region, bool fips, bool dual, char host[PARTITION_HOST_SIZE]);

#endif
