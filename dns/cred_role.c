/* A role, assumed at STS with the keys that the search has found so far. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "dns/cred_search.h"
#include "dns/cred_sts.h"

struct role {
	struct cred_search *search;
	const char *profile, *arn;
	struct cred_sts *sts;
};

static void cancel(void *task)
{
	struct role *role = task;
	if (role->sts)
		cred_sts_cancel(role->sts);
	free(role);
}

static void on_keys(void *arg, struct cred_keys *keys, const struct err *err)
{
	struct role *role = arg;
	struct cred_search *search = role->search;
	const char *profile = role->profile, *arn = role->arn;
	role->sts = NULL;
	cancel(role);
	if (keys) {
		cred_keys_name(keys, "the role %.160s of the profile \"%.64s\"", arn, profile);
		cred_search_find(search, keys);
	} else
		cred_search_fail(search, "%.200s, with the keys of %.120s: %s", arn, search->keys->source, err->text);
}

/* 15 minutes to 12 hours, which AWS has as the borders. */
static bool add_duration(struct text *form, const char *duration)
{
	uint64_t seconds;
	if (duration && (!text_parse_unsigned(duration, &seconds) || seconds < 900 || seconds > 43200))
		return false;
	if (duration)
		cred_sts_add_field(form, "DurationSeconds", duration);
	return true;
}

static void ask(struct cred_search *search, const char *profile, struct text *form, struct cred_place *place)
{
	struct role *role = memory_new(sizeof(*role));
	*role = (struct role){.search = search, .profile = profile, .arn = profiles_find(search->profiles, profile, "role_arn")};
	search->task = role;
	role->sts = cred_sts_start(search->tools, place, form, search->keys, on_keys, role);
}

static void begin(struct cred_search *search, const char *profile)
{
	const struct profiles *profiles = search->profiles;
	const char *session = profiles_find(profiles, profile, "role_session_name"), *external = profiles_find(profiles, profile, "external_id");
	struct text form;
	struct cred_place place;
	struct err err;
	if (!session)
		session = "teal";
	if (!cred_sts_check_session(session, &err) || !cred_settings_find_sts(&search->settings, &place, &err)) {
		cred_search_fail(search, "%s", err.text);
		return;
	}
	cred_sts_begin_form(&form, "AssumeRole", profiles_find(profiles, profile, "role_arn"), session);
	if (external)
		cred_sts_add_field(&form, "ExternalId", external);
	if (add_duration(&form, profiles_find(profiles, profile, "duration_seconds"))) {
		ask(search, profile, &form, &place);
		return;
	}
	text_fini(&form);
	cred_settings_drop(&place);
	cred_search_fail(search, "duration_seconds of \"%.64s\" is no number from 900 to 43200", profile);
}

const struct cred_source cred_role = {"STS", begin, cancel};
