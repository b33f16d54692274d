/* What a profile says of where its keys come from, before anybody is asked: whose keys, and the roles that are assumed with them. Pure; any thread. */
#ifndef TEAL_DNS_CRED_PLAN_H
#define TEAL_DNS_CRED_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "dns/profiles.h"

#define CRED_ROLES_MAX 8u

enum cred_base {
	CRED_BASE_NOTHING,     /* the profile has nothing of the kind */
	CRED_BASE_CREDENTIALS, /* keys in the credentials file */
	CRED_BASE_CONFIG,      /* keys in the config file */
	CRED_BASE_PROCESS,     /* credential_process */
	CRED_BASE_WEB,         /* web_identity_token_file and role_arn */
	CRED_BASE_LOGIN,       /* SSO or another login, which needs a person */
	CRED_BASE_ENVIRONMENT, /* credential_source names these three */
	CRED_BASE_CONTAINER,
	CRED_BASE_MACHINE,
};

struct cred_plan {
	enum cred_base base;
	const char *base_profile;          /* whose base that is */
	const char *roles[CRED_ROLES_MAX]; /* profiles with role_arn, in the order in which they are assumed */
	size_t role_count;
};

/* Texts are the profiles'. A profile that is in no file has nothing. False: it contradicts itself, and the sentence says how. */
bool cred_plan_make(const struct profiles *profiles, const char *profile, struct cred_plan *plan, struct err *err);

#endif
