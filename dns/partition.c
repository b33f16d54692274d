/* One table. Pure. Knows nothing of custom endpoints. */
#include "dns/partition.h"

#include <stdio.h>
#include <string.h>

#define REGION_MAX 40u

struct row {
	const char *prefix;         /* of its regions' names; "" stands last and fits all */
	const char *sts, *sts_dual; /* what follows `sts.REGION.` */
	bool has_sts_fips;          /* under a name of its own */
	const struct partition partition;
};

static const struct row rows[] = {
	{"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn", false,
		{"aws-cn", "cn-northwest-1", "route53.amazonaws.com.cn", "", "route53.global.api.amazonwebservices.com.cn", ""}},
	{"us-gov-", "amazonaws.com", "api.aws", false,
		{"aws-us-gov", "us-gov-west-1", "route53.us-gov.amazonaws.com", "route53.us-gov.amazonaws.com", "route53.us-gov.api.aws",
			"route53.us-gov.api.aws"}},
	{"us-isob-", "sc2s.sgov.gov", "", false, {"aws-iso-b", "us-isob-east-1", "route53.sc2s.sgov.gov", "", "", ""}},
	{"us-isof-", "csp.hci.ic.gov", "", false, {"aws-iso-f", "us-isof-south-1", "route53.csp.hci.ic.gov", "", "", ""}},
	{"us-iso-", "c2s.ic.gov", "", false, {"aws-iso", "us-iso-east-1", "route53.c2s.ic.gov", "", "", ""}},
	{"eu-isoe-", "cloud.adc-e.uk", "", false, {"aws-iso-e", "eu-isoe-west-1", "route53.cloud.adc-e.uk", "", "", ""}},
	{"eusc-", "amazonaws.eu", "api.amazonwebservices.eu", false,
		{"aws-eusc", "eusc-de-east-1", "route53.amazonaws.eu", "", "route53.global.api.amazonwebservices.eu", ""}},
	{"", "amazonaws.com", "api.aws", true,
		{"aws", "us-east-1", "route53.amazonaws.com", "route53-fips.amazonaws.com", "route53.global.api.aws", "route53-fips.global.api.aws"}},
};

static const struct row *find_row(const char *region)
{
	const struct row *row = rows;
	while (strncmp(region ? region : "", row->prefix, strlen(row->prefix)) != 0)
		row++;
	return row;
}

const struct partition *partition_find(const char *region)
{
	return &find_row(region)->partition;
}

bool partition_check_region(const char *region, struct err *err)
{
	size_t length = strlen(region);
	if (length > 0 && length <= REGION_MAX && region[strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0' && region[0] != '-' &&
		region[length - 1] != '-')
		return true;
	return err_set(err, "this is no name of a region: expected one as in eu-central-1");
}

bool partition_find_host(const struct partition *partition, bool fips, bool dual, const char **host, struct err *err)
{
	*host = partition->route53;
	if (fips)
		*host = dual ? partition->route53_fips_dual : partition->route53_fips;
	else if (dual && partition->route53_dual[0] != '\0')
		*host = partition->route53_dual;
	if ((*host)[0] != '\0')
		return true;
	return err_set(err, "Route 53 has no FIPS endpoint in the partition %s: unset AWS_USE_FIPS_ENDPOINT (use_fips_endpoint)", partition->name);
}

void partition_write_sts(const char *region, bool fips, bool dual, char host[PARTITION_HOST_SIZE])
{
	const struct row *row = find_row(region);
	bool by_both = dual && row->sts_dual[0] != '\0';
	if (!region)
		snprintf(host, PARTITION_HOST_SIZE, "sts%s.amazonaws.com", fips ? "-fips.us-east-1" : "");
	else
		snprintf(host, PARTITION_HOST_SIZE, "sts%s.%.*s.%s", fips && row->has_sts_fips ? "-fips" : "", (int)REGION_MAX, region,
			by_both ? row->sts_dual : row->sts);
}
