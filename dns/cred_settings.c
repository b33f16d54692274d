/* The order in which settings win over one another. Pure. */
#include "dns/cred_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/url.h"
#include "dns/partition.h"

#define GLOBAL_REGION "us-east-1"

/* How a service is called in the settings for its endpoint. */
struct service {
	const char *variable, *block;
};

static const struct service route53 = {"AWS_ENDPOINT_URL_ROUTE_53", "route_53"}, sts = {"AWS_ENDPOINT_URL_STS", "sts"};

const char *cred_settings_variable(const struct cred_settings *settings, const char *name)
{
	size_t length = strlen(name);
	for (const char *const *variable = settings->given->environment; variable && *variable; variable++)
		if (strncmp(*variable, name, length) == 0 && (*variable)[length] == '=')
			return (*variable)[length + 1] != '\0' ? *variable + length + 1 : NULL;
	return NULL;
}

const char *cred_settings_either(const struct cred_settings *settings, const char *variable, const char *key)
{
	const char *value = cred_settings_variable(settings, variable);
	return value ? value : profiles_find(settings->profiles, settings->profile, key);
}

static bool is_on(const struct cred_settings *settings, const char *variable, const char *key)
{
	const char *value = cred_settings_either(settings, variable, key);
	return value && strcasecmp(value, "true") == 0;
}

static bool find_region(const struct cred_settings *settings, const char **region, struct err *err)
{
	const char *from = "the region of the configuration";
	*region = settings->given->region;
	if (!*region && (*region = cred_settings_variable(settings, "AWS_REGION")))
		from = "AWS_REGION";
	if (!*region && (*region = cred_settings_either(settings, "AWS_DEFAULT_REGION", "region")))
		from = cred_settings_variable(settings, "AWS_DEFAULT_REGION") ? "AWS_DEFAULT_REGION" : "the region of the profile";
	return !*region || partition_check_region(*region, err) || err_prefix(err, "%s", from);
}

/* ---- endpoints ---- */

/* NULL: there is none. *from is what to name in a sentence. */
static const char *find_endpoint(const struct cred_settings *settings, const struct service *service, const char **from)
{
	const char *value, *services = profiles_find(settings->profiles, settings->profile, "services");
	if (is_on(settings, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls"))
		return NULL;
	*from = service->variable;
	if ((value = cred_settings_variable(settings, service->variable)))
		return value;
	*from = "AWS_ENDPOINT_URL";
	if ((value = cred_settings_variable(settings, "AWS_ENDPOINT_URL")))
		return value;
	*from = "the endpoint_url of the profile's services";
	if (services && (value = profiles_find_service(settings->profiles, services, service->block, "endpoint_url")))
		return value;
	*from = "the endpoint_url of the profile";
	return profiles_find(settings->profiles, settings->profile, "endpoint_url");
}

static bool take_url(struct cred_place *place, const char *text, const char *from, struct err *err)
{
	struct url url;
	if (!url_init(&url, text, err))
		return err_prefix(err, "%s", from);
	place->url = memory_text(url.root);
	bool safe = strncasecmp(text, "https://", 8) == 0 || addr_is_this_machine(&url.addr);
	url_fini(&url);
	if (safe)
		return true;
	cred_settings_drop(place);
	return err_set(err, "%s is a URL without TLS to another machine, and anybody on the way could use what is sent: expected https://", from);
}

static void take_host(struct cred_place *place, const char *host)
{
	if (asprintf(&place->url, "https://%s", host) < 0)
		abort(); /* out of memory */
}

bool cred_settings_find_route53(const struct cred_settings *settings, struct cred_place *place, struct err *err)
{
	const char *region, *from = "the endpoint of the configuration", *host;
	*place = (struct cred_place){0};
	if (!find_region(settings, &region, err))
		return false;
	const struct partition *partition = partition_find(region);
	const char *endpoint = settings->given->endpoint ? settings->given->endpoint : find_endpoint(settings, &route53, &from);
	snprintf(place->region, sizeof(place->region), "%s", partition->signing);
	if (endpoint)
		return take_url(place, endpoint, from, err);
	bool fips = is_on(settings, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
	     dual = is_on(settings, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint");
	if (!partition_find_host(partition, fips, dual, &host, err))
		return false;
	take_host(place, host);
	return true;
}

bool cred_settings_find_sts(const struct cred_settings *settings, struct cred_place *place, struct err *err)
{
	const char *region, *from;
	char host[PARTITION_HOST_SIZE];
	*place = (struct cred_place){0};
	if (!find_region(settings, &region, err))
		return false;
	const char *endpoint = find_endpoint(settings, &sts, &from);
	snprintf(place->region, sizeof(place->region), "%s", region ? region : GLOBAL_REGION);
	if (endpoint)
		return take_url(place, endpoint, from, err);
	partition_write_sts(region, is_on(settings, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
		is_on(settings, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"), host);
	take_host(place, host);
	return true;
}

void cred_settings_drop(struct cred_place *place)
{
	free(place->url);
	place->url = NULL;
}
