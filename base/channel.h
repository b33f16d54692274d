/* A c-ares channel on the control loop: c-ares says which sockets it wants watched and until when, libevent watches. Control thread.
 *
 * Who asks, whom and what the answers mean is for those who own a channel: base/resolve (names of backends, by the servers
 * of the system) and dns/question (one name server, asked itself). */
#ifndef TEAL_BASE_CHANNEL_H
#define TEAL_BASE_CHANNEL_H

#include <ares.h>

#include "base/err.h"

struct event_base;
struct channel;

struct channel_options {
	const char *servers; /* `192.0.2.1:53,[2001:db8::1]:53`; NULL: those of the system */
	int try_timeout_ms;  /* of the first try; c-ares doubles it with each round */
	int tries;
	int flags; /* ARES_FLAG_… */
};

/* NULL and a sentence when c-ares refuses the servers or can't begin. */
struct channel *channel_new(struct event_base *loop, const struct channel_options *options, struct err *err);
/* Ends what is under way: each callback is called with ARES_EDESTRUCTION. Never from inside a callback of the channel. NULL is allowed. */
void channel_free(struct channel *channel);

/* ares_query for class IN, and ares_getaddrinfo: both may call back before they return. Names are in the text form of
 * c-ares (a dot or backslash inside a label has a backslash in front). */
void channel_query(struct channel *channel, const char *name, int type, ares_callback done, void *arg);
void channel_find_addrs(struct channel *channel, const char *name, const struct ares_addrinfo_hints *hints, ares_addrinfo_callback done, void *arg);

#endif
