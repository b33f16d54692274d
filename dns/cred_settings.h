/* Settings that are no keys: variables, the region, where Route 53 and STS are asked. Pure; control thread. */
#ifndef TEAL_DNS_CRED_SETTINGS_H
#define TEAL_DNS_CRED_SETTINGS_H

#include <stdbool.h>

#include "base/err.h"
#include "dns/credentials.h"
#include "dns/profiles.h"

/* Where settings are looked for. */
struct cred_settings {
	const struct credentials_settings *given;
	const struct profiles *profiles;
	const char *profile; /* its name */
};

/* Its value, or NULL when it is not set or empty. */
const char *cred_settings_variable(const struct cred_settings *settings, const char *name);
/* The variable, else the profile's key, else NULL. */
const char *cred_settings_either(const struct cred_settings *settings, const char *variable, const char *key);

/* Where a service is asked: scheme, host, port and maybe a path, without a slash at the end; malloc'd. And the region for the scope of signatures. */
struct cred_place {
	char *url;
	char region[48];
};

/* False and a sentence when a setting is no good: a URL that can't be read, or that would send signatures over a network without TLS. */
bool cred_settings_find_route53(const struct cred_settings *settings, struct cred_place *place, struct err *err);
bool cred_settings_find_sts(const struct cred_settings *settings, struct cred_place *place, struct err *err);
void cred_settings_drop(struct cred_place *place);

#endif
