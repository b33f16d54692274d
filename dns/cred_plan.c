/* Follows source_profile from profile to profile. Pure. */
#include "dns/cred_plan.h"

#include <string.h>

static const char *find(const struct profiles *profiles, const char *profile, const char *key)
{
	return profiles_find(profiles, profile, key);
}

static bool has_login(const struct profiles *profiles, const char *profile)
{
	static const char *const keys[] = {"sso_session", "sso_start_url", "sso_account_id", "login_session"};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (find(profiles, profile, keys[i]))
			return true;
	return false;
}

/* Besides roles that are assumed with other keys. */
static enum cred_base find_base(const struct profiles *profiles, const char *profile)
{
	if (find(profiles, profile, "web_identity_token_file"))
		return CRED_BASE_WEB;
	if (profiles_find_in(profiles, PROFILES_CREDENTIALS, profile, "aws_access_key_id"))
		return CRED_BASE_CREDENTIALS;
	if (find(profiles, profile, "credential_process"))
		return CRED_BASE_PROCESS;
	if (profiles_find_in(profiles, PROFILES_CONFIG, profile, "aws_access_key_id"))
		return CRED_BASE_CONFIG;
	return has_login(profiles, profile) ? CRED_BASE_LOGIN : CRED_BASE_NOTHING;
}

static bool has_keys(const struct profiles *profiles, const char *profile)
{
	return find(profiles, profile, "aws_access_key_id") != NULL;
}

static bool assumes_role(const struct profiles *profiles, const char *profile)
{
	return find(profiles, profile, "role_arn") && !find(profiles, profile, "web_identity_token_file");
}

static bool take_credential_source(const char *profile, const char *source, struct cred_plan *plan, struct err *err)
{
	static const struct {
		const char *name;
		enum cred_base base;
	} sources[] = {{"Environment", CRED_BASE_ENVIRONMENT}, {"EcsContainer", CRED_BASE_CONTAINER}, {"Ec2InstanceMetadata", CRED_BASE_MACHINE}};
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		if (strcmp(source, sources[i].name) != 0)
			continue;
		plan->base = sources[i].base;
		plan->base_profile = profile;
		return true;
	}
	return err_set(err, "the profile \"%.64s\" has an unknown credential_source: expected Environment, EcsContainer or Ec2InstanceMetadata", profile);
}

static bool is_visited(const struct cred_plan *plan, const char *profile)
{
	for (size_t i = 0; i < plan->role_count; i++)
		if (strcmp(plan->roles[i], profile) == 0)
			return true;
	return false;
}

/* One role: noted, and *next is whose keys it is assumed with; NULL when the plan is whole. */
static bool take_role(const struct profiles *profiles, const char *profile, struct cred_plan *plan, const char **next, struct err *err)
{
	const char *source_profile = find(profiles, profile, "source_profile"), *source = find(profiles, profile, "credential_source");
	*next = NULL;
	if (find(profiles, profile, "mfa_serial"))
		return err_set(err,
			"the profile \"%.64s\" wants a second factor (mfa_serial), which needs a person: use credential_process with a program that has it",
			profile);
	if (!source_profile == !source)
		return err_set(err, "the profile \"%.64s\" has role_arn and %s source_profile and credential_source: expected one of them", profile,
			source ? "both" : "neither");
	if (plan->role_count == CRED_ROLES_MAX)
		return err_set(err, "the profile \"%.64s\" is one role too many in a row: there may be %u", profile, CRED_ROLES_MAX);
	plan->roles[plan->role_count++] = profile;
	if (source)
		return take_credential_source(profile, source, plan, err);
	if (!profiles_has(profiles, source_profile))
		return err_set(err, "the profile \"%.64s\" has a source_profile, \"%.64s\", that is in neither file", profile, source_profile);
	if (is_visited(plan, source_profile) && !(strcmp(source_profile, profile) == 0 && has_keys(profiles, profile)))
		return err_set(err, "the profile \"%.64s\" has a source_profile, \"%.64s\", that leads back to itself", profile, source_profile);
	*next = source_profile;
	return true;
}

static void turn_roles(struct cred_plan *plan)
{
	for (size_t i = 0; i < plan->role_count / 2; i++) {
		const char *first = plan->roles[i];
		plan->roles[i] = plan->roles[plan->role_count - 1 - i];
		plan->roles[plan->role_count - 1 - i] = first;
	}
}

bool cred_plan_make(const struct profiles *profiles, const char *profile, struct cred_plan *plan, struct err *err)
{
	const char *next = profile;
	*plan = (struct cred_plan){.base_profile = profile};
	/* Keys of its own win over a role of a profile that is another's source. */
	while (next && assumes_role(profiles, next) && (plan->role_count == 0 || !has_keys(profiles, next)))
		if (!take_role(profiles, next, plan, &next, err))
			return false;
	if (next) {
		plan->base = find_base(profiles, next);
		plan->base_profile = next;
	}
	if (plan->role_count > 0 && plan->base == CRED_BASE_NOTHING)
		return err_set(err, "the profile \"%.64s\" is the source of a role, and has no keys", next);
	turn_roles(plan);
	return true;
}
