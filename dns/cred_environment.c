/* Keys in AWS_ACCESS_KEY_ID and its like. */
#include "dns/cred_search.h"

static void begin(struct cred_search *search, const char *profile)
{
	struct err err;
	struct cred_draft draft = {
		.id = cred_search_variable(search, "AWS_ACCESS_KEY_ID"),
		.secret = cred_search_variable(search, "AWS_SECRET_ACCESS_KEY"),
		.token = cred_search_variable(search, "AWS_SESSION_TOKEN"),
		.expires = cred_search_variable(search, "AWS_CREDENTIAL_EXPIRATION"),
	};
	(void)profile;
	if (!draft.token)
		draft.token = cred_search_variable(search, "AWS_SECURITY_TOKEN");
	if (!draft.id) {
		cred_search_pass(search, "AWS_ACCESS_KEY_ID is not set");
		return;
	}
	if (!draft.secret) {
		cred_search_fail(search, "AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not");
		return;
	}
	struct cred_keys *keys = cred_keys_new(&draft, &err);
	if (!keys) {
		cred_search_fail(search, "%s", err.text);
		return;
	}
	cred_keys_name(keys, "the environment");
	cred_search_find(search, keys);
}

const struct cred_source cred_environment = {"the environment", begin, NULL};
