/* Keys that are written in the files of profiles, and why a profile has none. */
#include <string.h>

#include "dns/cred_search.h"

static void take(struct cred_search *search, const char *profile, enum profiles_file file)
{
	struct err err;
	const struct profiles *profiles = search->profiles;
	struct cred_draft draft = {
		.id = profiles_find_in(profiles, file, profile, "aws_access_key_id"),
		.secret = profiles_find_in(profiles, file, profile, "aws_secret_access_key"),
		.token = profiles_find_in(profiles, file, profile, "aws_session_token"),
	};
	if (!draft.token)
		draft.token = profiles_find_in(profiles, file, profile, "aws_security_token");
	struct cred_keys *keys = cred_keys_new(&draft, &err);
	if (!keys) {
		cred_search_fail(search, "\"%.64s\" in %.200s: %s", profile, search->paths[file], err.text);
		return;
	}
	cred_keys_name(keys, "the profile \"%.64s\" of %.160s", profile, search->paths[file]);
	cred_search_find(search, keys);
}

static void pass(struct cred_search *search, const char *profile)
{
	const char *const *paths = (const char *const[]){search->paths[PROFILES_CREDENTIALS], search->paths[PROFILES_CONFIG]};
	if (paths[0][0] == '\0' && paths[1][0] == '\0')
		cred_search_pass(search, "HOME is not set, nor are AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE");
	else if (profiles_has(search->profiles, profile))
		cred_search_pass(search, "\"%.64s\" has no keys in %.100s and %.100s", profile, paths[0], paths[1]);
	else
		cred_search_pass(search, "there is no \"%.64s\" in %.100s and %.100s", profile, paths[0], paths[1]);
}

static void begin(struct cred_search *search, const char *profile)
{
	switch (search->plan.base) {
	case CRED_BASE_CREDENTIALS:
		take(search, profile, PROFILES_CREDENTIALS);
		break;
	case CRED_BASE_CONFIG:
		take(search, profile, PROFILES_CONFIG);
		break;
	case CRED_BASE_LOGIN:
		cred_search_fail(search,
			"\"%.64s\" logs in by SSO, which needs a person: use another profile with credential_process = aws configure export-credentials "
			"--profile %.64s",
			profile, profile);
		break;
	default:
		pass(search, profile);
		break;
	}
}

const struct cred_source cred_static = {"the profile", begin, NULL};
