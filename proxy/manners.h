/* How a listener deals with every connection and request, whichever service it is for: TLS, redirects, challenges of ACME, Strict-Transport-Security, client certificates passed on.
 *
 * Made by the control thread, immutable, and part of the route table (table_globals): a reload makes new ones with the next table, and each request finds those of its own table, by its listener's index. References
 * are counted by the control thread alone. Without any manner there are no manners at all, so that a request pays one look at a NULL. The texts are pure. */
#ifndef TEAL_PROXY_MANNERS_H
#define TEAL_PROXY_MANNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/span.h"

struct head;
struct tlsfront;

#define MANNER_HSTS_SIZE 64u

/* Of one listener. Zeroed: none of it. */
struct manner {
	struct tlsfront *front;      /* what it says to a ClientHello (the manners have a reference); NULL: it is in clear */
	unsigned redirect_port;      /* requests that come in clear are sent to https at this port (308); 0: they are not */
	bool forwards_certificate;   /* the client's certificate goes to the backend, as Client-Cert (RFC 9440) */
	uint8_t hsts_length;         /* 0: none */
	char hsts[MANNER_HSTS_SIZE]; /* the value of Strict-Transport-Security, on answers of secure connections */
};

struct manners {
	unsigned references; /* control thread */
	char *webroot;       /* challenges of ACME that come in clear are answered from there: see proxy/challenge.h; NULL: they are not */
	size_t count;
	struct manner list[];
};

/* Copies all of it. `list[i]` is the manner of the proxy's listener i; listeners beyond have none. One reference is the caller's. */
struct manners *manners_new(const struct manner *list, size_t count, const char *webroot);
void manners_hold(struct manners *manners);
/* NULL is allowed. */
void manners_release(struct manners *manners);

/* Of the listener with this index; NULL: none. `manners` may be NULL. */
static inline const struct manner *manners_find(const struct manners *manners, unsigned listener)
{
	return manners && listener < manners->count ? &manners->list[listener] : NULL;
}

/* Sets the value of Strict-Transport-Security (RFC 6797 section 6.1). At most 10 years, in seconds. */
void manner_set_hsts(struct manner *manner, uint64_t max_age_s, bool subdomains, bool preload);

/* The URI of a request at https and this port, with its path and query as they came: what goes into Location (RFC 9110 section 10.2.2). The port that came with the host is left out, 443 isn't
 * written. Returns its length; 0 when the request names no host (in HTTP/1.0 it need not), or when it does not fit. */
size_t manner_write_location(const struct head *head, unsigned port, char *out, size_t size);

/* Whether the host of a request, with or without port, is the one that TLS named (SNI), in any case and with or without the root's dot. */
bool manner_is_named(struct span host, const char *name);

#endif
