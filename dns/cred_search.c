/* The order of the sources. Control thread. What a source is, is in its own file. */
#include "dns/cred_search.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/errand.h"
#include "base/log.h"
#include "base/memory.h"
#include "dns/cred_file.h"

#define TRIED_LIMIT ((size_t)720)

static void go_on(struct cred_search *search);

/* ---- the end ---- */

static void stop(struct cred_search *search)
{
	if (search->files)
		errand_abandon(search->files);
	if (search->task)
		search->source->cancel(search->task);
	search->files = NULL;
	search->task = NULL;
}

void cred_search_cancel(struct cred_search *search)
{
	stop(search);
	event_free(search->deadline);
	profiles_free(search->profiles);
	cred_keys_free(search->keys);
	text_fini(&search->tried);
	free(search);
}

static void give_up(struct cred_search *search, const struct err *err)
{
	search->done(search->arg, NULL, NULL, err);
	cred_search_cancel(search);
}

static void give(struct cred_search *search)
{
	struct cred_place route53;
	struct err err;
	if (!cred_settings_find_route53(&search->settings, &route53, &err)) {
		give_up(search, &err);
		return;
	}
	struct cred_keys *keys = search->keys;
	search->keys = NULL;
	search->done(search->arg, keys, &route53, NULL);
	cred_search_cancel(search);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct cred_search *search = arg;
	struct err err;
	char limit[TEXT_UNIT_SIZE];
	(void)fd, (void)what;
	text_format_duration(search->limit_ms, limit);
	if (search->files)
		err_set(&err, "no AWS credentials: %.200s and %.200s could not be read within %s: the disk they are on does not answer",
			search->paths[PROFILES_CREDENTIALS], search->paths[PROFILES_CONFIG], limit);
	else
		err_set(&err, "no AWS credentials: %s did not come to an end within %s", search->source->name, limit);
	give_up(search, &err);
}

/* ---- what sources say ---- */

const char *cred_search_variable(const struct cred_search *search, const char *name)
{
	return cred_settings_variable(&search->settings, name);
}

/* Why a source fails, with the way on which it was asked. */
static void fail(struct cred_search *search, const char *why)
{
	struct err err;
	err_set(&err, "no AWS credentials: %s: %.600s", search->source->name, why);
	if (search->within_role)
		err_set(&err, "no AWS credentials: the profile \"%.64s\" assumes a role: %s: %.600s", search->profile, search->source->name, why);
	give_up(search, &err);
}

void cred_search_fail(struct cred_search *search, const char *format, ...)
{
	char why[640];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	search->task = NULL;
	fail(search, why);
}

void cred_search_pass(struct cred_search *search, const char *format, ...)
{
	char why[320];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	search->task = NULL;
	if (search->within_role) {
		fail(search, why);
		return;
	}
	text_addf(&search->tried, "%s%s: %s", search->tried.length > 0 ? "; " : "", search->source->name, why);
	go_on(search);
}

static void begin(struct cred_search *search, const struct cred_source *source, const char *profile)
{
	search->source = source;
	source->begin(search, profile);
}

void cred_search_find(struct cred_search *search, struct cred_keys *keys)
{
	search->task = NULL;
	cred_keys_free(search->keys);
	search->keys = keys;
	if (!search->within_role || search->roles == search->plan.role_count)
		give(search);
	else
		begin(search, &cred_role, search->plan.roles[search->roles++]);
}

/* ---- the sources in their order ---- */

static void try_environment(struct cred_search *search)
{
	if (search->given->profile) /* a profile that was chosen is what is meant */
		go_on(search);
	else
		begin(search, &cred_environment, NULL);
}

static void begin_base(struct cred_search *search)
{
	static const struct cred_source *const sources[] = {
		[CRED_BASE_NOTHING] = &cred_static,
		[CRED_BASE_CREDENTIALS] = &cred_static,
		[CRED_BASE_CONFIG] = &cred_static,
		[CRED_BASE_LOGIN] = &cred_static,
		[CRED_BASE_PROCESS] = &cred_process,
		[CRED_BASE_WEB] = &cred_web,
		[CRED_BASE_ENVIRONMENT] = &cred_environment,
		[CRED_BASE_CONTAINER] = &cred_container,
		[CRED_BASE_MACHINE] = &cred_machine,
	};
	begin(search, sources[search->plan.base], search->plan.base_profile);
}

static void try_roles(struct cred_search *search)
{
	search->within_role = search->plan.role_count > 0;
	if (search->within_role)
		begin_base(search);
	else
		go_on(search);
}

static void try_web_identity(struct cred_search *search)
{
	if (search->given->profile)
		go_on(search);
	else
		begin(search, &cred_web, NULL);
}

static void try_container(struct cred_search *search)
{
	begin(search, &cred_container, NULL);
}

static void try_machine(struct cred_search *search)
{
	begin(search, &cred_machine, NULL);
}

static void end_without(struct cred_search *search)
{
	struct err err;
	err_set(&err, "no AWS credentials: %s%s", search->tried.bytes, search->tried.cut ? "..." : "");
	give_up(search, &err);
}

static void go_on(struct cred_search *search)
{
	static void (*const steps[])(struct cred_search *) = {
		try_environment, try_roles, try_web_identity, begin_base, try_container, try_machine, end_without};
	steps[search->step++](search);
}

/* ---- the files ---- */

struct loading {
	char paths[2][CRED_SEARCH_PATH];
	bool required[2]; /* named by somebody, and so to be there */
	struct profiles *profiles;
	unsigned mode; /* of the credentials file, when it has been read */
	bool well;
	struct err err;
};

/* One that isn't there, or in a folder that is closed to this user, is as good as empty. */
static bool load_one(struct loading *loading, enum profiles_file which)
{
	struct cred_file file;
	const char *path = loading->paths[which];
	if (path[0] == '\0')
		return true;
	cred_file_read(path, PROFILES_SIZE_MAX, &file);
	bool absent = file.error == ENOENT || file.error == ENOTDIR || file.error == EACCES;
	if (!file.text && absent && !loading->required[which])
		return true;
	if (!file.text)
		return err_set(&loading->err, "%.400s can't be read: %s", path, file.err.text);
	if (which == PROFILES_CREDENTIALS)
		loading->mode = file.mode;
	return profiles_read(loading->profiles, which, file.text, file.length, &loading->err) || err_prefix(&loading->err, "%.400s", path);
}

static void load(void *data)
{
	struct loading *loading = data;
	loading->well = load_one(loading, PROFILES_CREDENTIALS) && load_one(loading, PROFILES_CONFIG);
}

static void drop_loading(void *data)
{
	struct loading *loading = data;
	profiles_free(loading->profiles);
	free(loading);
}

/* The name, and what chose it; NULL when nobody did. */
static const char *choose_profile(struct cred_search *search)
{
	static const char *const variables[] = {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"};
	search->profile = search->given->profile;
	if (search->profile)
		return "the configuration";
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		if ((search->profile = cred_search_variable(search, variables[i])))
			return variables[i];
	search->profile = "default";
	return NULL;
}

/* False: there is a sentence. */
static bool plan(struct cred_search *search, struct err *err)
{
	const char *chosen_by = choose_profile(search);
	search->settings.profile = search->profile;
	bool keys_at_hand = !search->given->profile && cred_search_variable(search, "AWS_ACCESS_KEY_ID");
	if (chosen_by && !keys_at_hand && !profiles_has(search->profiles, search->profile))
		return err_set(err, "the profile \"%.64s\", which %s names, is in neither %.200s nor %.200s", search->profile, chosen_by,
			search->paths[PROFILES_CREDENTIALS], search->paths[PROFILES_CONFIG]);
	if (!cred_plan_make(search->profiles, search->profile, &search->plan, err))
		return keys_at_hand;
	return true;
}

static void on_loaded(void *arg, void *data)
{
	struct cred_search *search = arg;
	struct loading *loading = data;
	search->files = NULL;
	search->profiles = loading->profiles;
	search->settings.profiles = loading->profiles;
	loading->profiles = NULL;
	if (!loading->well || !plan(search, &loading->err)) {
		err_prefix(&loading->err, "no AWS credentials");
		give_up(search, &loading->err);
		return;
	}
	if (loading->mode & 04)
		log_warning("%s may be read by every user of this machine (mode %04o): chmod 600 it", loading->paths[PROFILES_CREDENTIALS], loading->mode);
	go_on(search);
}

/* The variable names it, else it is in the home folder. */
static bool find_path(struct cred_search *search, const char *variable, const char *usual, char path[CRED_SEARCH_PATH])
{
	const char *named = cred_search_variable(search, variable), *home = cred_search_variable(search, "HOME");
	if (named && (named[0] != '~' || named[1] != '/'))
		snprintf(path, CRED_SEARCH_PATH, "%s", named);
	else if (home)
		snprintf(path, CRED_SEARCH_PATH, "%s/%s", home, named ? named + 2 : usual);
	return named != NULL;
}

struct cred_search *cred_search_start(const struct credentials_tools *tools, const struct credentials_settings *given, cred_search_done *done, void *arg)
{
	static const struct errand_kind kind = {load, on_loaded, drop_loading};
	struct cred_search *search = memory_new(sizeof(*search));
	struct loading *loading = memory_new(sizeof(*loading));
	*search = (struct cred_search){.tools = tools, .given = given, .done = done, .arg = arg};
	search->settings.given = given;
	text_init(&search->tried, TRIED_LIMIT);
	search->deadline = evtimer_new(tools->loop, on_deadline, search);
	if (!search->deadline)
		abort(); /* out of memory */
	search->limit_ms = given->limit_ms > 0 ? given->limit_ms : CRED_SEARCH_MS;
	struct timeval in = {.tv_sec = (time_t)(search->limit_ms / 1000), .tv_usec = (suseconds_t)(search->limit_ms % 1000 * 1000)};
	evtimer_add(search->deadline, &in);
	loading->required[PROFILES_CREDENTIALS] = find_path(search, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", search->paths[PROFILES_CREDENTIALS]);
	loading->required[PROFILES_CONFIG] = find_path(search, "AWS_CONFIG_FILE", ".aws/config", search->paths[PROFILES_CONFIG]);
	memcpy(loading->paths, search->paths, sizeof(loading->paths));
	loading->profiles = profiles_new();
	err_set(&loading->err, "the system gives no thread to read their files");
	search->files = errand_start(tools->errands, &kind, loading, search);
	return search;
}
