/* Keys to sign requests to Route 53 with, from wherever AWS's own tools would take them; and where Route 53 is asked. Control thread.
 *
 * Searched in this order: the environment; a profile that assumes a role; web identity (the environment, then the profile); keys in the credentials file; the program of
 * `credential_process`; keys in the config file; the container's agent (ECS, EKS); the machine's metadata (IMDSv2, never version 1). A source that is not set up is passed over;
 * one that is set up and fails ends the search, as the next would be somebody else's identity. Logins that need a person (SSO, MFA) are refused with a sentence that says what to
 * do instead. Nothing here signs a request to Route 53 or judges what a key may do. No text that comes out of here holds a secret. */
#ifndef TEAL_DNS_CREDENTIALS_H
#define TEAL_DNS_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct credentials;      /* the search and what it found */
struct credentials_wait; /* somebody who waits for it */
struct errands;
struct event_base;
struct fetch;
struct resolver;
struct runner;

/* Of one loop; they outlive the credentials. */
struct credentials_tools {
	struct event_base *loop;
	struct fetch *fetch;
	struct resolver *resolver;
	struct errands *errands;
	struct runner *runner;
};

/* Copied, but for the environment, which outlives the credentials. */
struct credentials_settings {
	const char *const *environment; /* `NAME=value`, NULL-terminated, such as environ; programs of `credential_process` get it too */
	const char *profile;  /* one that was chosen, for which keys in the environment don't count; NULL: AWS_PROFILE, AWS_DEFAULT_PROFILE, `default` */
	const char *region;   /* instead of AWS_REGION, AWS_DEFAULT_REGION and the profile's; it chooses the partition and where STS is asked. NULL: those */
	const char *endpoint; /* of Route 53, instead of all other settings; https, or http to this machine itself. NULL: those */
	uint64_t limit_ms;    /* for one search; 0: 60 s */
	uint64_t (*wall_ms)(void); /* NULL: clock_wall_ms; tests set time */
};

/* Valid until the callback that got it has returned. In memory that is in no core dump and is wiped at its end: copy none of it into longer-lived memory. */
struct credentials_keys {
	const char *id, *secret, *token; /* token: NULL when there is none. Visible ASCII all three */
	uint64_t expires_ms;             /* wall clock; 0: they don't say */
	const char *source;              /* a few words for people, without a secret: "the profile \"dns\" of /root/.aws/config" */
	const char *endpoint;            /* of Route 53: scheme, host, port and maybe a path, no slash at the end: https://route53.amazonaws.com */
	const char *region;              /* for the scope of signatures: us-east-1, whatever AWS_REGION is, in the partition `aws` */
};

/* Once, from the loop, never from inside credentials_get. `keys` is NULL on failure, and then `err` is one sentence: what was tried, and why each gave nothing. It may get again, but
 * not free the credentials. */
typedef void credentials_ready(void *arg, const struct credentials_keys *keys, const struct err *err);

struct credentials *credentials_new(const struct credentials_tools *tools, const struct credentials_settings *settings);
/* Ends what is under way, without callbacks. Wipes. Before the tools end. NULL is allowed. */
void credentials_free(struct credentials *credentials);

/* Keys that are good for at least `need_for_ms` from now: those at hand (then the callback comes with the next turn of the loop), else new ones. From the first call on they are
 * renewed by themselves, 15 minutes before they expire; when that fails they are kept for as long as they are good, and the renewal is tried again. A search takes at most
 * `limit_ms`, and mostly a few milliseconds. When even new keys don't last that long, that is a failure, with a sentence. */
struct credentials_wait *credentials_get(struct credentials *credentials, uint64_t need_for_ms, credentials_ready *on_ready, void *arg);
/* Ends it without a callback. Not from inside its own. */
void credentials_cancel(struct credentials_wait *wait);

/* AWS called these keys expired or unknown (ExpiredToken): they are not given again, and the next get searches anew. `id` is that of the keys that were refused; when others have taken
 * their place already, nothing happens. */
void credentials_refuse(struct credentials *credentials, const char *id);

#endif
