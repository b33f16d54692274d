/* One search for keys: the files are read, then each source is asked in its turn, then roles are assumed with what was found. Control thread. Keeps nothing for the next search. */
#ifndef TEAL_DNS_CRED_SEARCH_H
#define TEAL_DNS_CRED_SEARCH_H

#include "base/err.h"
#include "base/text.h"
#include "dns/cred_keys.h"
#include "dns/cred_plan.h"
#include "dns/cred_settings.h"
#include "dns/credentials.h"

#define CRED_SEARCH_MS UINT64_C(60000) /* for all of it, unless the settings say otherwise */
#define CRED_SEARCH_PATH 512u

struct cred_source;
struct event;
struct errand;

/* Keys and where Route 53 is, both taken by the callee; or NULLs and a sentence. Once, from the loop, never from inside cred_search_start; the search is gone. */
typedef void cred_search_done(void *arg, struct cred_keys *keys, struct cred_place *route53, const struct err *err);

struct cred_search {
	const struct credentials_tools *tools;
	const struct credentials_settings *given;
	cred_search_done *done;
	void *arg;
	struct event *deadline;
	uint64_t limit_ms;

	struct errand *files; /* are being read */
	struct profiles *profiles;
	char paths[2][CRED_SEARCH_PATH]; /* by enum profiles_file; "": nobody knows where it would be */
	const char *profile;             /* its name */
	struct cred_settings settings;
	struct cred_plan plan;

	size_t step;                      /* the next one */
	const struct cred_source *source; /* the one that is asked, and what it has under way */
	void *task;
	bool within_role;       /* its keys are to assume the roles of the plan with */
	struct cred_keys *keys; /* those that the next role is assumed with */
	size_t roles;           /* that were assumed */
	struct text tried;      /* "environment: AWS_ACCESS_KEY_ID is not set; …" */
};

/* Borrows both. */
struct cred_search *cred_search_start(const struct credentials_tools *tools, const struct credentials_settings *given, cred_search_done *done, void *arg);
/* Without a callback. */
void cred_search_cancel(struct cred_search *search);

/* ---- for the sources: what each calls once as its last act, with nothing of its own left ---- */

struct cred_source {
	const char *name; /* for people: "the environment" */
	/* May end at once. `profile` is whose settings count, where the source has settings in profiles. */
	void (*begin)(struct cred_search *search, const char *profile);
	void (*cancel)(void *task); /* ends `search->task`; NULL for a source that ends at once */
};

/* Takes the keys. */
void cred_search_find(struct cred_search *search, struct cred_keys *keys);
/* It is not set up: the next one. */
void cred_search_pass(struct cred_search *search, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* It is set up and gives nothing: the end. */
void cred_search_fail(struct cred_search *search, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *cred_search_variable(const struct cred_search *search, const char *name);

/* Where the container's agent is asked, malloc'd, or NULL and a sentence; one of both is given, and the relative one wins. Pure. (cred_container.c) */
char *cred_container_make_url(const char *relative, const char *full, struct err *err);

extern const struct cred_source cred_environment; /* cred_environment.c */
extern const struct cred_source cred_static;      /* cred_static.c: keys in the files */
extern const struct cred_source cred_process;     /* cred_process.c */
extern const struct cred_source cred_web;         /* cred_web.c; profile NULL: of the environment */
extern const struct cred_source cred_role;        /* cred_role.c */
extern const struct cred_source cred_container;   /* cred_container.c */
extern const struct cred_source cred_machine;     /* cred_machine.c */

#endif
