/* One backend of a color: its address, its probe, its health. Control thread.
 *
 * Owned by a service color. Begins to look its name up and to probe when it is made, and tells its owner what it finds. */
#ifndef TEAL_SWITCH_MEMBER_H
#define TEAL_SWITCH_MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/color.h"
#include "base/resolve.h"
#include "conf/conf.h"
#include "probe/probe.h"
#include "proxy/backend.h"

struct backtrust;
struct member;
struct tlsback;

/* What members need and whom they tell; the same for all of a color. */
struct member_owner {
	struct prober *prober;
	struct resolver *resolver;
	unsigned workers;
	/* A probe ended; `member->last` is its result. */
	void (*on_probed)(void *arg, struct member *member);
	/* The name has another address, or (a sentence) none. */
	void (*on_resolved)(void *arg, struct member *member, const char *fault);
	void *arg;
	enum color color;
	enum conf_proxy_protocol announce; /* what probes begin with; a change holds for probes that start after it */
	struct tlsback *
		tls; /* how its members are spoken to; NULL: in clear. The owner's reference. What a member begins with; the others are told by member_set_tls */
};

struct member {
	char *name;
	struct addr configured;
	struct backend *backend; /* NULL while the name is not resolved */
	struct resolve_watch *watch;
	struct probe *probe;
	const struct member_owner *owner;
	enum health health;
	bool probed;
	struct probe_result last;
	uint64_t good_ms;        /* when a probe passed last (monotonic), 0: never */
	char fault[256];         /* why the name has no address, or "" */
	unsigned fail_streak;    /* failed probes in a row since the last member_forget_probes */
	unsigned rounds;         /* probes since then */
	bool seen_down, revived; /* since the last member_forget_life: down, and up again after that */
	const struct conf_probe *check;
	char *version, *host;
	struct tlsback *tls;     /* NULL: in clear; with a reference */
	struct backtrust *trust; /* of that, for this backend; NULL: none */
};

/* `owner` and `check` must outlive it. `name` is an address that addr_parse takes, or nothing is made: NULL and a sentence. */
struct member *member_new(const struct member_owner *owner, const char *name, const struct conf_probe *check, const char *version, const char *host,
	enum health start, struct err *err);
void member_free(struct member *member);

/* Another check or version to expect: probes begin anew from the present health. */
void member_set_check(struct member *member, const struct conf_probe *check, const char *version, const char *host);
/* Other settings of TLS, or none (NULL): probes begin anew from the present health. Nothing happens where they are the same. */
void member_set_tls(struct member *member, struct tlsback *tls);
void member_forget_probes(struct member *member);
void member_forget_life(struct member *member);
/* The target of a single probe; borrows from the member. */
struct probe_target member_probe_target(const struct member *member);

#endif
