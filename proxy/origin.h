/* Who the client is when trusted proxies are in front: what X-Forwarded-For, or Forwarded (RFC 7239), says of it. Pure; any thread; no allocation.
 *
 * Each proxy on the way adds the peer that it saw at the list's end, so the list is believed from its end on for as long as those who wrote it are trusted. */
#ifndef TEAL_PROXY_ORIGIN_H
#define TEAL_PROXY_ORIGIN_H

#include "proxy/endpoint.h"
#include "proxy/head.h"

#define ORIGIN_HOPS_MAX 16u /* as many members are looked at, from the list's end */

/* For a request whose peer is a trusted proxy. The list is X-Forwarded-For, all its lines together; where that names nobody but the peer, it is the `for` of Forwarded's elements. So the head may
 * be the one received, or the one rewritten for the backend, in which the peer was added to both. From the list's end:
 * trusted addresses are passed over, and the first that is not trusted is the client. A member that is no address (a name, `unknown`, `_hidden`, a faulty element) ends the search, as
 * does the list's beginning: the client is then the last address that was passed over, or the peer. Its port is 0 unless the member has one. */
void origin_find(const struct endpoint *peer, const struct addr_block *trusted, size_t trusted_count, const struct head *head, struct endpoint *client);

#endif
