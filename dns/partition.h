/* AWS's partitions: which regions belong to which, where Route 53 and STS are asked in each, and for which region a request is signed. Pure; any thread. */
#ifndef TEAL_DNS_PARTITION_H
#define TEAL_DNS_PARTITION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct partition {
	const char *name;          /* aws, aws-cn … */
	const char *suffix;        /* of host names: amazonaws.com */
	const char *signing;       /* the region of Route 53's signatures: us-east-1 in aws, whatever region is configured */
	const char *route53;       /* hosts */
	const char *route53_fips;  /* "" where there is none */
	const char *route53_dual;  /* IPv6 too; "" where there is none */
	const char *route53_fdual; /* both */
};

/* By a region's name; regions that are not known yet, and NULL, are in `aws`. Never NULL. */
const struct partition *partition_find(const char *region);

/* Letters, digits and hyphens, at most 40: it becomes part of a host name. */
bool partition_check_region(const char *region, struct err *err);

#define PARTITION_HOST_SIZE 128u
/* The host of Route 53. What a partition doesn't have falls back to the plain one, but never from FIPS to none: then it is "" and the sentence says so. */
bool partition_route53_host(const struct partition *partition, bool fips, bool dual, char host[PARTITION_HOST_SIZE], struct err *err);
/* The host of STS, and the region to sign for, which are regional unless `region` is NULL: then the global one, sts.amazonaws.com and us-east-1. */
const char *partition_sts_host(const char *region, bool fips, bool dual, char host[PARTITION_HOST_SIZE]);

#endif
