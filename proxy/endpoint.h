/* An IP address and a port in 20 bytes: what a connection keeps of who its client is. Pure; any thread.
 *
 * IPv4-mapped IPv6 addresses become IPv4 ones when an endpoint is made, so that one client has one form. No scope ids, no names, no paths. */
#ifndef TEAL_PROXY_ENDPOINT_H
#define TEAL_PROXY_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "proxy/span.h"

enum endpoint_family { ENDPOINT_NONE, ENDPOINT_IPV4, ENDPOINT_IPV6 };

struct endpoint {
	uint8_t family;    /* enum endpoint_family; of ENDPOINT_NONE everything else is 0 */
	uint8_t bytes[16]; /* network order; an IPv4 address is in the first four, 0 behind it */
	uint16_t port;     /* host order; 0: not known */
};

/* `bytes`: 4 of ENDPOINT_IPV4, 16 of ENDPOINT_IPV6. */
void endpoint_init(struct endpoint *endpoint, enum endpoint_family family, const uint8_t *bytes, uint16_t port);
/* ENDPOINT_NONE for a unix socket or a name. */
void endpoint_from_addr(struct endpoint *endpoint, const struct addr *addr);
/* Reads an IPv4 address in its four decimal numbers or an IPv6 address without brackets; the port becomes 0. False when it is neither; *endpoint is then as before. */
bool endpoint_parse_host(struct endpoint *endpoint, struct span text);

/* The address without port and brackets; "unix:" for ENDPOINT_NONE, which is what addr_format_host writes for such a peer. Returns the length; a NUL follows. */
#define ENDPOINT_TEXT_SIZE 46
size_t endpoint_format_host(const struct endpoint *endpoint, char out[ENDPOINT_TEXT_SIZE]);

/* A number for the client that has this address: of an IPv6 one its /64. 0 for ENDPOINT_NONE alone. */
uint64_t endpoint_number(const struct endpoint *endpoint);

/* Whether one of the blocks holds it; never for ENDPOINT_NONE. */
bool endpoint_is_in(const struct endpoint *endpoint, const struct addr_block *blocks, size_t count);

#endif
