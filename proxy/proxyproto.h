/* The PROXY protocol, versions 1 and 2, as haproxy.org publishes it (doc/proxy-protocol.txt): who the client is, said in front of a connection's first byte. Pure; any thread.
 *
 * Reading is strict: what does not match the grammar exactly is bad. Whether a connection has a header is configured, never guessed. */
#ifndef TEAL_PROXY_PROXYPROTO_H
#define TEAL_PROXY_PROXYPROTO_H

#include <stddef.h>

#include "proxy/endpoint.h"

enum proxyproto_version { PROXYPROTO_NONE, PROXYPROTO_V1, PROXYPROTO_V2 };
enum proxyproto_result { PROXYPROTO_MORE, PROXYPROTO_DONE, PROXYPROTO_BAD };

#define PROXYPROTO_READ_MAX 4096 /* the longest header that is read; one of version 1 has at most 107 bytes */

struct proxyproto {
	size_t length; /* of the header; the client's own bytes follow */
	/* Both ENDPOINT_NONE where the header tells of no TCP connection (LOCAL, UNKNOWN, unspecified, unix, datagrams): the connection's own addresses hold. */
	struct endpoint source, destination;
};

/* Reads the header at the start of `bytes`, which has all bytes of the connection so far. *header is set on PROXYPROTO_DONE alone. PROXYPROTO_BAD as soon as it can be known;
 * so at the first byte of nearly everything else, TLS and HTTP among it.
 * Version 2: an unknown version, command, family or protocol, an address part that is too short, additions (TLVs) that do not fill the rest, a CRC32c that is wrong or there twice, and
 * more than PROXYPROTO_READ_MAX bytes are bad; of the additions only the CRC32c is looked at. What follows the first 16 bytes of a LOCAL or unspecified header is skipped unseen. */
enum proxyproto_result proxyproto_read(const char *bytes, size_t length, struct proxyproto *header);

#define PROXYPROTO_WRITE_SIZE 108
/* Writes the header for a client; its length. Without a source (a unix peer, or teal's own connection) that is UNKNOWN, or LOCAL in version 2: the receiver then takes the
 * connection's own addresses. Where one address is IPv4 and the other IPv6 both go as IPv6; a destination that is not known is written as 0. */
size_t proxyproto_write(enum proxyproto_version version, const struct endpoint *source, const struct endpoint *destination, char out[PROXYPROTO_WRITE_SIZE]);

#endif
