/* Web identity: a token that an orchestrator keeps fresh in a file (IRSA, a CI's OIDC), exchanged at STS for keys of a role. The file is read anew each time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/errand.h"
#include "base/memory.h"
#include "dns/cred_file.h"
#include "dns/cred_search.h"
#include "dns/cred_sts.h"

#define TOKEN_MAX ((size_t)20000)

struct web {
	struct cred_search *search;
	char *file;
	const char *role, *session;
	struct errand *errand;
	struct cred_sts *sts;
};

static void cancel(void *task)
{
	struct web *web = task;
	if (web->errand)
		errand_abandon(web->errand);
	if (web->sts)
		cred_sts_cancel(web->sts);
	free(web->file);
	free(web);
}

static void on_keys(void *arg, struct cred_keys *keys, const struct err *err)
{
	struct web *web = arg;
	struct cred_search *search = web->search;
	web->sts = NULL;
	if (keys)
		cred_keys_name(keys, "web identity, for the role %.200s", web->role);
	cancel(web);
	if (keys)
		cred_search_find(search, keys);
	else
		cred_search_fail(search, "%s", err->text);
}

/* Ends the search. */
static void refuse(struct web *web, const char *why)
{
	struct cred_search *search = web->search;
	char file[300];
	strncpy(file, web->file, sizeof(file) - 1);
	file[sizeof(file) - 1] = '\0';
	cancel(web);
	cred_search_fail(search, "the token file %s %s", file, why);
}

static size_t measure_token(const struct cred_file *file)
{
	size_t length = file->length;
	while (length > 0 && strchr("\r\n \t", file->text[length - 1]))
		length--;
	return length;
}

static void exchange(struct web *web, const char *token)
{
	struct text form;
	struct cred_place place;
	struct err err;
	if (!cred_settings_find_sts(&web->search->settings, &place, &err)) {
		struct cred_search *search = web->search;
		cancel(web);
		cred_search_fail(search, "%s", err.text);
		return;
	}
	cred_sts_begin_form(&form, "AssumeRoleWithWebIdentity", web->role, web->session);
	cred_sts_add_field(&form, "WebIdentityToken", token);
	web->sts = cred_sts_start(web->search->tools, &place, &form, NULL, on_keys, web);
}

static void on_token(void *arg, const struct cred_file *file)
{
	struct web *web = arg;
	web->errand = NULL;
	if (!file->text) {
		char why[256];
		snprintf(why, sizeof(why), "can't be read: %.200s", file->err.text);
		refuse(web, why);
		return;
	}
	size_t length = measure_token(file);
	if (length == 0) {
		refuse(web, "is empty");
		return;
	}
	if (memchr(file->text, '\0', length)) {
		refuse(web, "is no text: there is a byte 0 in it");
		return;
	}
	file->text[length] = '\0';
	exchange(web, file->text);
}

static void start(struct cred_search *search, const char *file, const char *role, const char *session)
{
	struct err err;
	if (!cred_sts_check_session(session, &err)) {
		cred_search_fail(search, "%s", err.text);
		return;
	}
	struct web *web = memory_new(sizeof(*web));
	*web = (struct web){.search = search, .file = memory_text(file), .role = role, .session = session};
	search->task = web;
	web->errand = cred_file_start(search->tools->errands, file, TOKEN_MAX, on_token, web);
}

static void begin(struct cred_search *search, const char *profile)
{
	const char *file =
		profile ? profiles_find(search->profiles, profile, "web_identity_token_file") : cred_search_variable(search, "AWS_WEB_IDENTITY_TOKEN_FILE");
	const char *role = profile ? profiles_find(search->profiles, profile, "role_arn") : cred_search_variable(search, "AWS_ROLE_ARN");
	const char *session = profile ? profiles_find(search->profiles, profile, "role_session_name") : cred_search_variable(search, "AWS_ROLE_SESSION_NAME");
	if (!file)
		cred_search_pass(search, "AWS_WEB_IDENTITY_TOKEN_FILE is not set");
	else if (!role && profile)
		cred_search_fail(search, "the profile \"%.64s\" has web_identity_token_file, and no role_arn", profile);
	else if (!role)
		cred_search_fail(search, "AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not");
	else
		start(search, file, role, session ? session : "teal");
}

const struct cred_source cred_web = {"web identity", begin, cancel};
